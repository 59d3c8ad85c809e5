#include "viewer/record/record.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/pool.h"
#include "viewer/record/internal.h"

#define THREADS 2
#define REFUSED_MS 10000
#define WHO_SIZE 160
#define DENIED_KIND 500u   /* beside the actions */
#define REFUSED_KIND 1000u /* beside the actions */

struct kh_recorder {
    kh_audit *audit;
    kh_cache *cache;
    kh_pool *pool;
    pthread_mutex_t lock;
    pthread_cond_t emptied;
    size_t on_their_way; /* requests between kh_record_then() and their handlers; lock */
};

typedef struct task {
    kh_recorder *recorder;
    kh_http_request *request;
    kh_record record;
    uint64_t key; /* 0: told every time */
    kh_http_handler *handler;
    void *context;
} task;

kh_status kh_recorder_create(kh_recorder **out, kh_audit *audit, kh_cache *cache, size_t queue_max, kh_error *err)
{
    kh_recorder *recorder = calloc(1, sizeof *recorder);
    kh_status status;

    *out = NULL;
    if (!recorder)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a recorder");
    recorder->audit = audit;
    recorder->cache = cache;
    pthread_mutex_init(&recorder->lock, NULL);
    pthread_cond_init(&recorder->emptied, NULL);
    status = kh_pool_create(&recorder->pool, "record", THREADS, queue_max, err);
    if (status != KH_OK) {
        kh_recorder_free(recorder);
        return status;
    }
    *out = recorder;
    return KH_OK;
}

void kh_recorder_drain(kh_recorder *recorder)
{
    if (!recorder)
        return;
    pthread_mutex_lock(&recorder->lock);
    while (recorder->on_their_way > 0)
        pthread_cond_wait(&recorder->emptied, &recorder->lock);
    pthread_mutex_unlock(&recorder->lock);
}

void kh_recorder_free(kh_recorder *recorder)
{
    if (!recorder)
        return;
    kh_recorder_drain(recorder);
    kh_pool_stop(recorder->pool);
    pthread_cond_destroy(&recorder->emptied);
    pthread_mutex_destroy(&recorder->lock);
    free(recorder);
}

/* ---- the way of a request ---- */

static void count(kh_recorder *recorder, bool more)
{
    pthread_mutex_lock(&recorder->lock);
    recorder->on_their_way += more ? 1 : (size_t)-1;
    if (recorder->on_their_way == 0)
        pthread_cond_broadcast(&recorder->emptied);
    pthread_mutex_unlock(&recorder->lock);
}

static void refuse(task *t, const kh_error *err)
{
    kh_recorder *recorder = t->recorder;

    kh_http_answer_error(t->request, err);
    free(t);
    count(recorder, false);
}

static void go_on(void *argument, unsigned thread_index)
{
    task *t = argument;
    kh_recorder *recorder = t->recorder;

    (void)thread_index;
    t->handler(t->request, t->context);
    free(t);
    count(recorder, false);
}

/* On the writer's thread, which must not wait for a handler. */
static void recorded(void *context, const kh_error *error)
{
    task *t = context;
    kh_error err = KH_ERROR_INIT;

    if (error->status != KH_OK)
        refuse(t, error);
    else if (kh_pool_submit(t->recorder->pool, go_on, t, &err) != KH_OK)
        refuse(t, &err);
}

static void look_up(void *argument, unsigned thread_index)
{
    task *t = argument;
    kh_recorder *recorder = t->recorder;
    kh_error err = KH_ERROR_INIT;
    kh_record_event *event = malloc(sizeof *event);
    kh_status status = event ? kh_record_event_fill(event, recorder->cache, &t->record, kh_http_peer(t->request), t->request, &err)
                             : kh_error_set(&err, KH_E_MEMORY, "no memory for a record");

    (void)thread_index;
    if (status == KH_OK && t->key)
        status = kh_audit_put_once(recorder->audit, t->key, 0, &event->event, recorded, t, &err);
    else if (status == KH_OK)
        status = kh_audit_put(recorder->audit, &event->event, recorded, t, &err);
    free(event); /* t may be gone */
    if (status != KH_OK)
        refuse(t, &err);
}

/* What is told once, of whom. */
static uint64_t key_of(const kh_recorder *recorder, const kh_http_request *request, const kh_record *record)
{
    const kh_subject *person = kh_record_person(record, request);
    const char *who = record->token ? record->token : kh_http_peer(request);
    char text[KH_RECORD_TEXT_SIZE], reader[WHO_SIZE];

    if (!record->once)
        return 0;
    if (person) { /* at two terminals they are two readers */
        snprintf(reader, sizeof reader, "%s %lld %lld %s", person->name, (long long)person->session_id, (long long)person->token_id,
                 kh_http_peer(request));
        who = reader;
    }
    if (record->series_id > 0 || record->study_id > 0)
        return kh_audit_once_key(recorder->audit, who, record->action * 2 + (record->series_id > 0),
                                 record->series_id > 0 ? record->series_id : record->study_id, NULL);
    if (record->study_uid) {
        snprintf(text, sizeof text, "%.70s/%.70s", record->study_uid, record->series_uid ? record->series_uid : "");
        return kh_audit_once_key(recorder->audit, who, record->action * 2, -1, text);
    }
    kh_record_text(text, request, true, true);
    return strlen(text) + 1 < sizeof text ? kh_audit_once_key(recorder->audit, who, record->action * 2, -2, text) : 0;
}

void kh_record_then(kh_recorder *recorder, kh_http_request *request, const kh_record *record, kh_http_handler *handler, void *context)
{
    kh_error err = KH_ERROR_INIT;
    uint64_t key;
    task *t;

    if (!recorder) {
        handler(request, context);
        return;
    }
    key = key_of(recorder, request, record);
    if (key && kh_audit_lately(recorder->audit, key)) {
        handler(request, context);
        return;
    }
    t = malloc(sizeof *t);
    if (!t) {
        kh_error_set(&err, KH_E_MEMORY, "no memory for a record");
        kh_http_answer_error(request, &err);
        return;
    }
    *t = (task){.recorder = recorder, .request = request, .record = *record, .key = key, .handler = handler, .context = context};
    count(recorder, true);
    kh_http_suspend(request);
    if (kh_pool_submit(recorder->pool, look_up, t, &err) != KH_OK)
        refuse(t, &err);
}

/* ---- beside ---- */

void kh_record_refused(kh_recorder *recorder, const kh_http_request *request, const char *way, unsigned code)
{
    kh_audit_event event = KH_AUDIT_EVENT_INIT;
    char text[KH_RECORD_TEXT_SIZE], terminal[KH_RECORD_TERMINAL_SIZE];

    if (!recorder)
        return;
    kh_record_text(text, request, true, false);
    event.action = KH_AUDIT_CONNECT;
    event.result = code == 404 ? KH_AUDIT_ABSENT : KH_AUDIT_REFUSED;
    kh_record_who(&event, terminal, kh_http_attached(request), NULL, kh_http_peer(request));
    event.way = way;
    event.code = code;
    event.text = text;
    /* nothing was shown: one that finds no room is left out, as the writer counts */
    (void)!kh_audit_put_once(recorder->audit, kh_audit_once_key(recorder->audit, event.who, REFUSED_KIND, code, text), REFUSED_MS, &event,
                             NULL, NULL, NULL);
}

void kh_record_denied(kh_recorder *recorder, const kh_http_request *request, const kh_record *record)
{
    kh_record_event *event;
    kh_record once = *record;
    kh_error err = KH_ERROR_INIT;
    uint64_t key;

    if (!recorder || !(event = malloc(sizeof *event)))
        return;
    once.once = true;
    once.action = DENIED_KIND + record->action;
    if (kh_record_event_fill(event, recorder->cache, record, kh_http_peer(request), request, &err) == KH_OK) {
        if (event->event.result == KH_AUDIT_ALLOWED)
            event->event.result = KH_AUDIT_REFUSED;
        event->event.code = 404;
        key = key_of(recorder, request, &once);
        (void)!(key ? kh_audit_put_once(recorder->audit, key, REFUSED_MS, &event->event, NULL, NULL, NULL)
                    : kh_audit_put(recorder->audit, &event->event, NULL, NULL, NULL));
    }
    free(event);
}

kh_status kh_record_of_account(kh_recorder *recorder, const kh_record_account *what, kh_error *err)
{
    kh_audit_event event = KH_AUDIT_EVENT_INIT;
    char terminal[KH_RECORD_TERMINAL_SIZE];

    if (!recorder)
        return KH_OK;
    event.action = what->action;
    event.result = what->result;
    kh_record_who(&event, terminal, what->person, NULL, what->peer);
    if (!what->person && what->login && what->login[0]) {
        event.who = what->login;
        event.by = "login";
    }
    event.way = "portal";
    event.reason = what->reason;
    event.text = what->text;
    return kh_audit_write(recorder->audit, &event, err);
}

kh_status kh_record_done(kh_recorder *recorder, const kh_record *record, const char *peer, const kh_record_outcome *outcome, kh_error *err)
{
    kh_record_event *event;
    kh_status status;

    if (!recorder)
        return KH_OK;
    event = malloc(sizeof *event);
    if (!event)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a record");
    status = kh_record_event_fill(event, recorder->cache, record, peer, NULL, err);
    event->event.result = outcome->result;
    event->event.count = outcome->count;
    event->event.failed = outcome->failed;
    if (status == KH_OK)
        status = kh_audit_write(recorder->audit, &event->event, err);
    free(event);
    return status;
}

bool kh_record_works(kh_recorder *recorder, const kh_http_request *request, const kh_record *record)
{
    kh_audit_event event = KH_AUDIT_EVENT_INIT;
    char terminal[KH_RECORD_TERMINAL_SIZE];
    kh_audit_stats stats;

    if (!recorder)
        return true;
    kh_audit_get_stats(recorder->audit, &stats);
    if (!stats.failing)
        return true;
    event.action = record->action;
    event.result = KH_AUDIT_REFUSED;
    kh_record_who(&event, terminal, kh_record_person(record, request), record->token, kh_http_peer(request));
    event.way = record->way;
    event.study = record->study_uid;
    (void)!kh_audit_put(recorder->audit, &event, NULL, NULL, NULL);
    return false;
}
