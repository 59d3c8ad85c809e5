/* GET /api/events. One thread reads the numbered log of events and sends each stream what it has not had yet; a stream that
 * begins with a Last-Event-ID is simply one that has had less. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "cache/events.h"
#include "viewer/portal/internal.h"

#define WAIT_MS 200          /* how soon a new stream is caught up and a stop is seen */
#define PACE_MS 40           /* from one look to the next, when images come by the hundred in a second: each look reads the index */
#define KEEP_ALIVE_MS 15000
#define BATCH 256            /* events read at once */
#define TEXT_BYTES_MAX (256u * 1024)
#define RETRY_MS 2000 /* a browser asks again after these */

typedef struct batch {
    kh_event events[BATCH];
    size_t count;
} batch;

static void subscriber_closed(void *context)
{
    kh_subscriber *subscriber = context;
    kh_portal *portal = subscriber->portal;

    pthread_mutex_lock(&portal->subscribers_lock);
    *(subscriber->previous ? &subscriber->previous->next : &portal->subscribers) = subscriber->next;
    if (subscriber->next)
        subscriber->next->previous = subscriber->previous;
    portal->subscriber_count--;
    pthread_mutex_unlock(&portal->subscribers_lock);
    free(subscriber);
}

/* Where the client stands: behind its Last-Event-ID, else at the newest. A number we never gave is as good as none. */
static uint64_t first_seq(kh_portal *portal, const kh_http_request *request)
{
    const char *text = kh_http_header(request, "Last-Event-ID");
    char *end;
    unsigned long long seq;

    if (!text || *text < '0' || *text > '9')
        return atomic_load(&kh_cache_page(portal->cache)->event_seq);
    seq = strtoull(text, &end, 10);
    return *end ? 0 : seq;
}

/* A stream that takes no more is being closed; its end comes to subscriber_closed(). */
static void send_bytes(kh_subscriber *subscriber, const char *bytes, size_t size)
{
    kh_error err = KH_ERROR_INIT;

    if (kh_http_stream_send(subscriber->stream, bytes, size, &err) != KH_OK)
        kh_log(KH_LOG_DEBUG, "portal", "an event stream ends: %s", err.message);
}

/* Where it stands, so that it says so when it comes again. */
static void send_first(kh_subscriber *subscriber)
{
    char text[80];
    int size = snprintf(text, sizeof text, "id: %llu\nretry: %d\n\n", (unsigned long long)subscriber->seq, RETRY_MS);

    send_bytes(subscriber, text, (size_t)size);
}

static kh_status subscribe(kh_portal *portal, kh_http_request *request, kh_error *err)
{
    kh_subscriber *subscriber = calloc(1, sizeof *subscriber);
    kh_status status = KH_OK;

    if (!subscriber)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a stream");
    subscriber->portal = portal;
    subscriber->seq = first_seq(portal, request);
    subscriber->again = kh_http_header(request, "Last-Event-ID") != NULL;
    subscriber->epoch = UINT64_MAX; /* of none: what was shut while nobody listened is told at once */
    if (portal->options.rights && !kh_guard_subject(request)) {
        free(subscriber);
        return kh_error_set(err, KH_E_DENIED, "nobody is signed in");
    }
    if (portal->options.rights)
        subscriber->subject = *kh_guard_subject(request);
    pthread_mutex_lock(&portal->subscribers_lock);
    if (portal->subscriber_count >= portal->options.streams_max)
        status = kh_error_set(err, KH_E_BUSY, "%u event streams are open already", portal->subscriber_count);
    else
        status = kh_http_stream_begin(&subscriber->stream, request, subscriber_closed, subscriber, err);
    if (status == KH_OK) {
        subscriber->next = portal->subscribers;
        if (subscriber->next)
            subscriber->next->previous = subscriber;
        portal->subscribers = subscriber;
        portal->subscriber_count++;
        subscriber->number = ++portal->subscriber_number;
        send_first(subscriber);
    }
    pthread_mutex_unlock(&portal->subscribers_lock);
    if (status != KH_OK)
        free(subscriber);
    return status;
}

void kh_portal_events(kh_http_request *request, void *context)
{
    kh_error err = KH_ERROR_INIT;

    if (subscribe(context, request, &err) != KH_OK)
        kh_http_answer_error(request, &err);
}

static kh_status keep_event(void *context, const kh_event *event)
{
    batch *b = context;

    if (b->count == BATCH)
        return KH_E_INTERNAL;
    b->events[b->count++] = *event;
    return KH_OK;
}

/* Events carry the state as it is now, so that of several of one thing only the last is worth sending. */
static bool is_overtaken(const batch *b, size_t index)
{
    for (size_t i = index + 1; i < b->count; i++)
        if (b->events[i].kind == b->events[index].kind && b->events[i].id == b->events[index].id)
            return true;
    return false;
}

static kh_status put_pull_data(kh_portal *portal, kh_json_writer *json, int64_t pull_id, kh_error *err)
{
    kh_pull pull;
    kh_status status = kh_pull_find(portal->cache, pull_id, &pull, err);

    if (status != KH_OK)
        return status;
    kh_json_put_int(json, "pull", pull.id);
    kh_json_put_text(json, "study_uid", pull.study_uid);
    kh_portal_put_pull(json, &pull);
    return KH_OK;
}

static kh_status put_event(kh_portal *portal, kh_buf *text, const kh_event *event, kh_error *err)
{
    static const char *const names[] = {[KH_EVENT_STUDY] = "study", [KH_EVENT_PULL] = "pull", [KH_EVENT_NODE] = "node",
                                        [KH_EVENT_SEND] = "send",   [KH_EVENT_RULE] = "rule",
                                        [KH_EVENT_FINDING] = "finding"};
    kh_json_writer json;
    kh_status status = kh_buf_appendf(text, err, "id: %llu\nevent: %s\ndata: ", (unsigned long long)event->seq,
                                      names[event->kind]);

    kh_json_writer_init(&json, text);
    kh_json_object_begin(&json);
    if (status == KH_OK && event->kind == KH_EVENT_PULL)
        status = put_pull_data(portal, &json, event->id, err);
    else
        kh_json_put_int(&json, names[event->kind], event->id);
    kh_json_object_end(&json);
    if (status == KH_OK)
        status = kh_json_writer_status(&json, err);
    return status == KH_OK ? kh_buf_append_text(text, "\n\n", err) : status;
}

/* subject NULL: everybody is told everything. What cannot be decided is not told. */
static bool is_for(kh_portal *portal, const kh_subject *subject, const kh_event *event)
{
    kh_error err = KH_ERROR_INIT;
    bool may = !subject;

    if (subject && kh_portal_may_be_told(portal, subject, (int)event->kind, event->id, &may, &err) != KH_OK) {
        if (err.status != KH_E_NOT_FOUND)
            kh_log(KH_LOG_WARN, "portal", "event %llu is not told: %s", (unsigned long long)event->seq, err.message);
        may = false;
    }
    return may;
}

/* One that cannot be told (its pull is gone) is left out: nobody can ask for it either. */
static void put_batch(kh_portal *portal, kh_buf *text, const batch *b, const kh_subject *subject)
{
    for (size_t i = 0; i < b->count; i++) {
        kh_error err = KH_ERROR_INIT;
        size_t before = text->size;
        const kh_event *event = &b->events[i];

        if (event->kind < KH_EVENT_STUDY || event->kind > KH_EVENT_FINDING || is_overtaken(b, i) || !is_for(portal, subject, event))
            continue;
        if (put_event(portal, text, event, &err) == KH_OK)
            continue;
        text->size = before;
        if (text->data)
            text->data[before] = 0;
        if (err.status != KH_E_NOT_FOUND)
            kh_log(KH_LOG_WARN, "portal", "event %llu is not told: %s", (unsigned long long)event->seq, err.message);
    }
}

static void send_locked(kh_subscriber *subscriber, const kh_buf *text)
{
    if (text->size > 0)
        send_bytes(subscriber, kh_buf_text(text), text->size);
}

typedef struct told {
    batch events;
    uint64_t last; /* the number that it goes up to */
    bool anew;     /* too much has passed: everything is to be looked at anew */
} told;

/* What came after seq. False when the log could not be read. */
static bool read_after(kh_portal *portal, uint64_t seq, uint64_t newest, told *out)
{
    kh_error err = KH_ERROR_INIT;

    out->events.count = 0;
    out->last = newest;
    out->anew = seq > newest; /* of another index than this one */
    if (out->anew)
        return true;
    if (kh_events_after(portal->cache, seq, BATCH, keep_event, &out->events, &out->anew, &err) != KH_OK) {
        kh_log(KH_LOG_WARN, "portal", "the events after %llu cannot be read: %s", (unsigned long long)seq, err.message);
        return false;
    }
    if (!out->anew && out->events.count > 0)
        out->last = out->events.events[out->events.count - 1].seq;
    return true;
}

static bool write_told(kh_portal *portal, const told *what, const kh_subject *subject, kh_buf *text)
{
    kh_buf_clear(text);
    if (what->anew)
        return kh_buf_append_text(text, "event: reload\ndata: {}\n\n", NULL) == KH_OK;
    put_batch(portal, text, &what->events, subject);
    return true;
}

static bool find_behind(kh_portal *portal, uint64_t newest, uint64_t *seq)
{
    bool found = false;

    pthread_mutex_lock(&portal->subscribers_lock);
    for (const kh_subscriber *s = portal->subscribers; s && !found; s = s->next) {
        found = s->seq != newest;
        *seq = s->seq;
    }
    pthread_mutex_unlock(&portal->subscribers_lock);
    return found;
}

/* Streams that stand at the same number get the same text: one reading of the log serves all of them. number: of the only stream that gets
 * it; 0: all do. */
static void send_to_those_at(kh_portal *portal, uint64_t seq, uint64_t last, uint64_t number, const kh_buf *text)
{
    pthread_mutex_lock(&portal->subscribers_lock);
    for (kh_subscriber *s = portal->subscribers; s; s = s->next)
        if (s->seq == seq && (number == 0 || s->number == number)) {
            send_locked(s, text);
            s->seq = last;
        }
    pthread_mutex_unlock(&portal->subscribers_lock);
}

/* With accounts each stream has its own text, made without the lock: the next stream behind this one that stands at seq. */
static bool next_at(kh_portal *portal, uint64_t seq, uint64_t *number, kh_subject *subject)
{
    uint64_t after = *number;
    bool found = false;

    pthread_mutex_lock(&portal->subscribers_lock);
    for (const kh_subscriber *s = portal->subscribers; s; s = s->next)
        if (s->seq == seq && s->number > after && (!found || s->number < *number)) {
            found = true;
            *number = s->number;
            *subject = s->subject;
        }
    pthread_mutex_unlock(&portal->subscribers_lock);
    return found;
}

static void catch_up(kh_portal *portal, uint64_t newest, kh_buf *text)
{
    uint64_t seq;
    told what;

    while (!atomic_load(&portal->events_stop) && find_behind(portal, newest, &seq)) {
        kh_subject subject;
        uint64_t number = 0;

        if (!read_after(portal, seq, newest, &what))
            return; /* again at the next turn */
        if (portal->options.rights) {
            while (next_at(portal, seq, &number, &subject)) {
                if (!write_told(portal, &what, &subject, text))
                    return;
                send_to_those_at(portal, seq, what.last, number, text);
            }
        } else {
            if (!write_told(portal, &what, NULL, text))
                return;
            send_to_those_at(portal, seq, what.last, 0, text);
        }
    }
}

/* --- rights that moved, sessions that ended --- */

bool kh_portal_next_stream(kh_portal *portal, uint64_t number, kh_subscriber *out)
{
    bool found = false;

    pthread_mutex_lock(&portal->subscribers_lock);
    for (const kh_subscriber *s = portal->subscribers; s; s = s->next)
        if (s->number > number && (!found || s->number < out->number)) {
            found = true;
            *out = *s;
        }
    pthread_mutex_unlock(&portal->subscribers_lock);
    return found;
}

void kh_portal_send_to(kh_portal *portal, const kh_subscriber *about, const kh_buf *text)
{
    pthread_mutex_lock(&portal->subscribers_lock);
    for (kh_subscriber *s = portal->subscribers; s; s = s->next) {
        if (s->number != about->number)
            continue;
        s->epoch = about->epoch;
        s->reach = about->reach;
        if (text)
            send_locked(s, text);
        else
            kh_http_stream_end(s->stream);
    }
    pthread_mutex_unlock(&portal->subscribers_lock);
}

/* True when some stream stood in an epoch before. */
static bool look_at_opened(kh_portal *portal, kh_buf *text)
{
    kh_subscriber one = {.number = 0};
    bool moved = false;

    while (kh_portal_next_stream(portal, one.number, &one)) {
        const uint64_t since = one.epoch;
        kh_error err = KH_ERROR_INIT;

        one.epoch = kh_portal_epoch(portal);
        kh_buf_clear(text);
        if (!kh_watch_session_goes_on(portal->options.watch, &one.subject)) {
            kh_portal_send_to(portal, &one, NULL);
        } else if (since != one.epoch && kh_portal_put_closed(portal, &one.subject, since, one.epoch, text, &err) == KH_OK) {
            kh_portal_send_to(portal, &one, text);
            moved = true;
        }
    }
    return moved;
}

/* After what is open: a list that shows what is withdrawn, or misses what was opened, is looked at anew. */
static void look_at_lists(kh_portal *portal, kh_buf *text)
{
    kh_portal_hidden *hidden = kh_portal_hidden_read(portal);
    kh_subscriber one = {.number = 0};

    while (kh_portal_next_stream(portal, one.number, &one)) {
        const uint64_t before = one.reach;

        one.reach = kh_portal_reach_sum(portal, hidden, &one.subject);
        if (one.reach == before || one.reach == 0)
            continue;
        kh_buf_clear(text);
        if ((before == 0 && !one.again) || kh_buf_append_text(text, "event: reload\ndata: {}\n\n", NULL) == KH_OK)
            kh_portal_send_to(portal, &one, text);
    }
    kh_portal_hidden_free(hidden);
}

static void look_at_rights(kh_portal *portal, kh_buf *text)
{
    if (portal->options.rights && look_at_opened(portal, text))
        look_at_lists(portal, text);
}

static void keep_alive(kh_portal *portal, kh_buf *text)
{
    kh_buf_clear(text);
    if (kh_buf_append_text(text, ":\n\n", NULL) != KH_OK)
        return;
    pthread_mutex_lock(&portal->subscribers_lock);
    for (kh_subscriber *s = portal->subscribers; s; s = s->next)
        send_locked(s, text);
    pthread_mutex_unlock(&portal->subscribers_lock);
}

static void *run_events(void *argument)
{
    kh_portal *portal = argument;
    kh_page *page = kh_cache_page(portal->cache);
    int64_t next_keep_alive_ms = kh_clock_monotonic_ms() + KEEP_ALIVE_MS;
    uint64_t newest = atomic_load(&page->event_seq);
    int64_t looked_ms = 0;
    kh_buf text;

    pthread_setname_np(pthread_self(), "events");
    kh_buf_init(&text, TEXT_BYTES_MAX);
    while (!atomic_load(&portal->events_stop)) {
        newest = kh_page_wait_event(page, newest, WAIT_MS);
        if (kh_clock_monotonic_ms() - looked_ms < PACE_MS) {
            kh_clock_sleep_ms(PACE_MS);
            newest = atomic_load(&page->event_seq);
        }
        looked_ms = kh_clock_monotonic_ms();
        look_at_rights(portal, &text);
        catch_up(portal, newest, &text);
        kh_portal_tell_marked(portal, &text);
        if (kh_clock_monotonic_ms() >= next_keep_alive_ms) {
            keep_alive(portal, &text);
            next_keep_alive_ms = kh_clock_monotonic_ms() + KEEP_ALIVE_MS;
        }
    }
    kh_buf_release(&text);
    return NULL;
}

kh_status kh_portal_events_start(kh_portal *portal, kh_error *err)
{
    if (pthread_create(&portal->events_thread, NULL, run_events, portal) != 0)
        return kh_error_set(err, KH_E_MEMORY, "the events thread cannot start");
    portal->events_started = true;
    return KH_OK;
}

void kh_portal_events_stop(kh_portal *portal)
{
    if (!portal->events_started)
        return;
    atomic_store(&portal->events_stop, true);
    pthread_join(portal->events_thread, NULL);
}
