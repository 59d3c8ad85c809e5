#include "cache/metadata_prepare.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "cache/browse.h"
#include "cache/internal.h"
#include "cache/metadata_series.h"
#include "store/file.h"

#define WAIT_MS 100 /* stopping takes no longer */
#define PACE_MS 100 /* between two looks: while a study arrives each of its objects is an event, and nothing is to be done */
#define EVENTS_AT_ONCE 256
#define SERIES_MAX 100000 /* of a study */
#define NICE 19

struct kh_metadata_preparer {
    kh_cache *cache;
    pthread_t thread;
    _Atomic bool stop;
    uint64_t seq; /* of the last event taken */
};

/* ---- one series ---- */

static int by_id(const void *a, const void *b)
{
    const kh_metadata_of *first = a, *second = b;

    return first->object_id < second->object_id ? -1 : first->object_id > second->object_id;
}

static kh_status add_object(kh_metadata_draft *draft, kh_metadata_maker *maker, const kh_metadata_file *old,
                            const kh_metadata_series_list *list, const kh_metadata_of *of, size_t *made, kh_error *err)
{
    const kh_metadata_entry *entry = kh_metadata_prepared(old, list, of);
    const kh_metadata *metadata = NULL;
    kh_status status;

    if (entry) {
        kh_metadata kept = {.object_id = of->object_id, .part_count = entry->part_count};
        kh_metadata_part *parts = calloc(entry->part_count, sizeof *parts);

        if (!parts)
            return kh_error_set(err, KH_E_MEMORY, "no memory for prepared metadata");
        kh_metadata_file_parts(parts, old, entry);
        kept.parts = parts;
        status = kh_metadata_draft_add(draft, &kept, entry->file_id, entry->outgoing, err);
        free(parts);
        return status;
    }
    if (of->file_id == 0 || kh_metadata_make(&metadata, maker, of, NULL) != KH_OK)
        return KH_OK; /* at its hospital, gone meanwhile, or unreadable: told on demand, or not at all */
    ++*made;
    return kh_metadata_draft_add(draft, metadata, of->file_id, list->outgoing, err);
}

static kh_status make_draft(kh_metadata_draft *draft, kh_cache *cache, const kh_metadata_series_list *list, const _Atomic bool *stop,
                            size_t *made, kh_error *err)
{
    kh_metadata_of *objects = (kh_metadata_of *)(void *)list->objects.data; /* malloc'ed */
    kh_metadata_maker maker;
    kh_metadata_file old;
    kh_status status = kh_metadata_maker_init(&maker, cache, err);

    kh_metadata_file_read(&old, &cache->paths, list->series_id);
    qsort(objects, list->count, sizeof *objects, by_id);
    for (size_t i = 0; status == KH_OK && i < list->count; i++)
        status = stop && atomic_load(stop) ? kh_error_set(err, KH_E_CANCELLED, "stopped")
                                           : add_object(draft, &maker, &old, list, &objects[i], made, err);
    kh_metadata_file_release(&old);
    kh_metadata_maker_release(&maker);
    return status;
}

static kh_status remove_file(kh_cache *cache, int64_t series_id, kh_error *err)
{
    char path[PATH_MAX];

    kh_path_metadata(path, &cache->paths, series_id);
    if (unlink(path) != 0 && errno != ENOENT)
        return kh_error_errno(err, errno, "prepared metadata of series %lld", (long long)series_id);
    return KH_OK;
}

kh_status kh_metadata_prepare(kh_cache *cache, int64_t series_id, const _Atomic bool *stop, size_t *made, kh_error *err)
{
    kh_metadata_series_list list;
    kh_metadata_head head;
    kh_metadata_draft draft;
    kh_status status = kh_metadata_list_fill(&list, cache, series_id, 0, err);

    *made = 0;
    kh_metadata_draft_init(&draft);
    if (status == KH_OK && kh_metadata_file_head(&head, &cache->paths, series_id) && head.revision == list.revision &&
        head.outgoing == list.outgoing)
        goto out; /* it is ready */
    if (status == KH_OK)
        status = list.count == 0 ? remove_file(cache, series_id, err) : make_draft(&draft, cache, &list, stop, made, err);
    if (status == KH_OK && list.count > 0) {
        draft.head.series_id = series_id;
        draft.head.revision = list.revision;
        draft.head.outgoing = list.outgoing;
        status = kh_metadata_draft_write(&draft, &cache->paths, err);
    }
out:
    kh_metadata_draft_release(&draft);
    kh_metadata_list_release(&list);
    return status;
}

/* ---- the thread ---- */

typedef struct studies {
    int64_t ids[EVENTS_AT_ONCE];
    size_t count;
    uint64_t last_seq;
} studies;

static kh_status keep_study(void *context, const kh_event *event)
{
    studies *s = context;

    s->last_seq = event->seq;
    if (event->kind != KH_EVENT_STUDY)
        return KH_OK;
    for (size_t i = 0; i < s->count; i++)
        if (s->ids[i] == event->id)
            return KH_OK;
    s->ids[s->count++] = event->id;
    return KH_OK;
}

typedef struct series_ids {
    kh_buf ids;
    size_t count;
} series_ids;

static kh_status keep_series(void *context, const kh_series *series)
{
    series_ids *s = context;

    s->count++;
    return kh_buf_append(&s->ids, &series->id, sizeof series->id, NULL);
}

static bool has_room(const kh_cache *cache)
{
    uint64_t free_bytes;

    return kh_disk_free(&free_bytes, cache->paths.dir, NULL) == KH_OK && free_bytes >= cache->options.reserve_bytes;
}

static kh_status prepare_study(kh_metadata_preparer *preparer, int64_t study_id, kh_error *err)
{
    series_ids series = {.count = 0};
    kh_study *study = malloc(sizeof *study);
    size_t made;
    kh_status status = study ? kh_browse_study(preparer->cache, study_id, study, err)
                             : kh_error_set(err, KH_E_MEMORY, "no memory for a study");

    kh_buf_init(&series.ids, SERIES_MAX * sizeof(int64_t));
    if (status == KH_OK && !study->arriving)
        status = kh_browse_series_of(preparer->cache, study_id, keep_series, &series, err);
    for (size_t i = 0; status == KH_OK && i < series.count && has_room(preparer->cache) && !atomic_load(&preparer->stop); i++) {
        int64_t id;

        memcpy(&id, series.ids.data + i * sizeof id, sizeof id);
        status = kh_metadata_prepare(preparer->cache, id, &preparer->stop, &made, err);
    }
    kh_buf_release(&series.ids);
    free(study);
    return status == KH_E_NOT_FOUND || status == KH_E_CANCELLED ? KH_OK : status;
}

/* The studies of the next events. */
static kh_status prepare_some(kh_metadata_preparer *preparer, kh_error *err)
{
    studies s = {.last_seq = preparer->seq};
    bool gap;
    kh_status first = kh_events_after(preparer->cache, preparer->seq, EVENTS_AT_ONCE, keep_study, &s, &gap, err);

    for (size_t i = 0; i < s.count && !atomic_load(&preparer->stop); i++) {
        kh_status status = prepare_study(preparer, s.ids[i], err);

        first = first == KH_OK ? status : first;
    }
    preparer->seq = s.last_seq;
    return first;
}

static void *preparer_thread(void *argument)
{
    kh_metadata_preparer *preparer = argument;
    kh_status last = KH_OK;

    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    while (!atomic_load(&preparer->stop)) {
        uint64_t newest = kh_page_wait_event(preparer->cache->page, preparer->seq, WAIT_MS);
        kh_error err = KH_ERROR_INIT;
        kh_status status = KH_OK;

        if (newest > preparer->seq) {
            status = prepare_some(preparer, &err);
            kh_clock_sleep_ms(PACE_MS);
        }
        if (status != KH_OK && status != last)
            kh_log(KH_LOG_ERROR, "metadata", "not prepared: %s", err.message);
        last = status;
    }
    return NULL;
}

kh_status kh_metadata_preparer_start(kh_metadata_preparer **out, kh_cache *cache, kh_error *err)
{
    kh_metadata_preparer *preparer = calloc(1, sizeof *preparer);
    int code;

    *out = NULL;
    if (!preparer)
        return kh_error_set(err, KH_E_MEMORY, "no memory to prepare metadata");
    preparer->cache = cache;
    code = pthread_create(&preparer->thread, NULL, preparer_thread, preparer);
    if (code != 0) {
        free(preparer);
        return kh_error_errno(err, code, "metadata thread");
    }
    pthread_setname_np(preparer->thread, "kh-metadata");
    *out = preparer;
    return KH_OK;
}

void kh_metadata_preparer_stop(kh_metadata_preparer *preparer)
{
    if (!preparer)
        return;
    atomic_store(&preparer->stop, true);
    pthread_join(preparer->thread, NULL);
    free(preparer);
}
