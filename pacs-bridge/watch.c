#include "pacs-bridge/watch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"

#define LOOK_LONGEST_MS 1000
#define LOOK_SHORTEST_MS 10
#define COMPARE_ASKED_BY "quiet"

/* What is remembered of a study between two looks. */
typedef struct seen {
    int64_t study_id, revision;
    int64_t since_ms; /* monotonic; of the last object */
    bool told;        /* the rules know this revision */
} seen;

struct kh_watch {
    kh_watch_options options;
    pthread_t thread;
    kh_buf known, next; /* of seen, by study id */
    size_t at;          /* in known, while a list is walked */
    int64_t now_ms;
    kh_buf arriving;    /* of kh_arriving: the list, copied, so that nothing is asked while it is read */
    uint64_t event_seq; /* at the last look */
    bool failed;        /* told in the log */
};

static kh_status keep(void *context, const kh_arriving *arriving)
{
    return kh_buf_append(&((kh_watch *)context)->arriving, arriving, sizeof(*arriving), NULL);
}

static seen *seen_at(const kh_buf *list, size_t index)
{
    return (seen *)(void *)list->data + index;
}

/* Both lists ascend. */
static seen remember(kh_watch *watch, const kh_arriving *study)
{
    size_t count = watch->known.size / sizeof(seen);
    seen one = {study->study_id, study->revision, watch->now_ms, false};

    while (watch->at < count && seen_at(&watch->known, watch->at)->study_id < study->study_id)
        watch->at++;
    if (watch->at < count && seen_at(&watch->known, watch->at)->study_id == study->study_id &&
        seen_at(&watch->known, watch->at)->revision == study->revision)
        one = *seen_at(&watch->known, watch->at);
    return one;
}

static bool is_open(const kh_arriving *study)
{
    return study->pull_id != 0 && (study->pull_state == KH_PULL_WAITING || study->pull_state == KH_PULL_RUNNING);
}

/* The hospital may have more by now than when it was counted. One that could not be brought here whole is asked by people. */
static bool wants_comparison(const kh_arriving *study)
{
    return study->pull_id != 0 && study->compared != study->object_count &&
           (study->pull_state == KH_PULL_COMPLETE || study->pull_state == KH_PULL_UNVERIFIED);
}

static kh_status compare(kh_watch *watch, const kh_arriving *study, kh_error *err)
{
    const kh_pull_filing filing = {.node_id = study->pull_node_id,
                                   .study_uid = study->study_uid,
                                   .asked_by = COMPARE_ASKED_BY,
                                   .priority = study->pull_priority > 0 ? study->pull_priority : 1,
                                   .rule_id = study->pull_rule_id,
                                   .compare = true};
    int64_t pull_id;
    kh_status status = kh_pull_file_as(watch->options.cache, &filing, &pull_id, err);

    if (status == KH_E_NOT_FOUND) { /* the node is gone: nobody to ask */
        kh_error_clear(err);
        return kh_arriving_note_compared(watch->options.cache, study->study_id, study->object_count, err);
    }
    if (status == KH_OK)
        status = kh_arriving_note_compared(watch->options.cache, study->study_id, study->object_count, err);
    if (status == KH_OK && watch->options.filed)
        watch->options.filed(watch->options.context);
    return status;
}

static kh_status settle(kh_watch *watch, const kh_arriving *study, kh_error *err)
{
    kh_status status = KH_OK;

    if (watch->options.settled)
        status = watch->options.settled(watch->options.context, study, err);
    if (status == KH_OK)
        status = kh_arriving_settle(watch->options.cache, study->study_id, study->revision, err);
    if (status != KH_E_CONFLICT)
        return status;
    kh_error_clear(err); /* an object came just now: it is not quiet */
    return KH_OK;
}

static kh_status look_at(kh_watch *watch, const kh_arriving *study, seen *one, kh_error *err)
{
    kh_status status = KH_OK;

    if (!one->told && watch->options.arrived)
        status = watch->options.arrived(watch->options.context, study, err);
    one->told = one->told || status == KH_OK;
    if (status != KH_OK || is_open(study) || watch->now_ms - one->since_ms < watch->options.quiet_ms)
        return status;
    return wants_comparison(study) ? compare(watch, study, err) : settle(watch, study, err);
}

static kh_status look(kh_watch *watch, kh_error *err)
{
    kh_status status;
    kh_buf swap;

    watch->now_ms = kh_clock_monotonic_ms();
    watch->at = 0;
    kh_buf_clear(&watch->arriving);
    kh_buf_clear(&watch->next);
    status = kh_arriving_list(watch->options.cache, KH_WATCH_STUDIES_MAX, keep, watch, err);
    for (size_t i = 0; status == KH_OK && i < watch->arriving.size / sizeof(kh_arriving); i++) {
        const kh_arriving *study = (const kh_arriving *)(const void *)watch->arriving.data + i;
        seen one = remember(watch, study);
        kh_error why = KH_ERROR_INIT;

        if (look_at(watch, study, &one, &why) != KH_OK && !err->message[0])
            *err = why; /* the others go on */
        status = kh_buf_append(&watch->next, &one, sizeof(one), err);
    }
    swap = watch->known;
    watch->known = watch->next;
    watch->next = swap;
    return status;
}

static int64_t look_ms(const kh_watch *watch)
{
    int64_t ms = watch->options.quiet_ms / 8;

    return ms < LOOK_SHORTEST_MS ? LOOK_SHORTEST_MS : ms > LOOK_LONGEST_MS ? LOOK_LONGEST_MS : ms;
}

static void *watch_main(void *argument)
{
    kh_watch *watch = argument;
    kh_page *page = kh_cache_page(watch->options.cache);
    bool first = true;

    while (!kh_stop_raised(watch->options.stop)) {
        uint64_t newest = atomic_load(&page->event_seq);
        kh_error err = KH_ERROR_INIT;

        /* Without arriving studies only an event can bring one. */
        if (first || watch->known.size > 0 || newest != watch->event_seq) {
            kh_status status = look(watch, &err);
            if (err.message[0] && !watch->failed && !kh_stop_raised(watch->options.stop))
                kh_log(KH_LOG_ERROR, "watch", "%s", err.message);
            watch->failed = err.message[0] != '\0';
            first = status != KH_OK;
        }
        watch->event_seq = newest;
        (void)!kh_stop_wait(watch->options.stop, false, -1, 0, kh_clock_monotonic_ms() + look_ms(watch), NULL);
    }
    return NULL;
}

kh_status kh_watch_start(kh_watch **out, const kh_watch_options *options, kh_error *err)
{
    kh_watch *watch;
    int failed;

    *out = NULL;
    if (options->quiet_ms < 1)
        return kh_error_set(err, KH_E_ARG, "quiet %lld ms, expected 1 or more", (long long)options->quiet_ms);
    watch = calloc(1, sizeof(*watch));
    if (!watch)
        return kh_error_set(err, KH_E_MEMORY, "out of memory");
    watch->options = *options;
    kh_buf_init(&watch->known, KH_WATCH_STUDIES_MAX * sizeof(seen));
    kh_buf_init(&watch->next, KH_WATCH_STUDIES_MAX * sizeof(seen));
    kh_buf_init(&watch->arriving, KH_WATCH_STUDIES_MAX * sizeof(kh_arriving));
    failed = pthread_create(&watch->thread, NULL, watch_main, watch);
    if (failed) {
        free(watch);
        return kh_error_errno(err, failed, "starting the watch over arrivals");
    }
    *out = watch;
    return KH_OK;
}

void kh_watch_join(kh_watch *watch)
{
    if (!watch)
        return;
    pthread_join(watch->thread, NULL);
    kh_buf_release(&watch->known);
    kh_buf_release(&watch->next);
    kh_buf_release(&watch->arriving);
    free(watch);
}
