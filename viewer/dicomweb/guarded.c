/* Rights on the way of an answer: which rows there are for who asks, and whether an answer that takes its time may go on. */
#include <stdlib.h>
#include <string.h>
#include "cache/scope.h"
#include "cache/search.h"
#include "viewer/dicomweb/internal.h"

#define ROWS_MAX 10000 /* series of a study */

kh_status kh_dicomweb_reach(kh_dicomweb *dicomweb, const kh_http_request *request, kh_verb verb, kh_reach_kind kind, kh_reach **out,
                            kh_error *err)
{
    return kh_reach_open(out, dicomweb->options.rights, kh_guard_subject(request), verb, kind, err);
}

/* --- before the handler --- */

/* Which of the studies of a UID are open to who asks: a study may be known at several hospitals, and only those count that may be seen. */
#define OPEN_STUDIES_MAX 16

typedef struct open_rows {
    int64_t study_id, series_id; /* the first */
    size_t count;
    int64_t studies[OPEN_STUDIES_MAX]; /* of that UID, one a hospital */
    size_t study_count;
} open_rows;

static kh_status keep_row(void *context, const kh_search_row *row, kh_error *err)
{
    open_rows *open = context;

    (void)err;
    if (open->study_count < OPEN_STUDIES_MAX && (open->study_count == 0 || open->studies[open->study_count - 1] != row->study.id))
        open->studies[open->study_count++] = row->study.id;
    if (open->count++ == 0) {
        open->study_id = row->study.id;
        open->series_id = row->series.id;
    }
    return KH_OK;
}

static kh_status find_open(kh_dicomweb *dicomweb, const kh_http_request *request, kh_verb verb, const char *const uids[3], open_rows *out,
                           kh_error *err)
{
    const kh_search_key keys[] = {{KH_TAG_STUDY_INSTANCE_UID, uids[0]}, {KH_TAG_SERIES_INSTANCE_UID, uids[1]}};
    kh_search *search = NULL;
    kh_reach *reach = NULL;
    kh_status status = kh_dicomweb_reach(dicomweb, request, verb, KH_REACH_NAMED, &reach, err);

    if (status == KH_OK)
        status = kh_search_open(&search, dicomweb->cache, uids[1] ? KH_LEVEL_SERIES : KH_LEVEL_STUDY, keys, uids[1] ? 2 : 1, err);
    if (status == KH_OK) {
        kh_search_within(search, kh_reach_scope(reach));
        status = kh_search_all(search, ROWS_MAX, keep_row, out, err);
    }
    kh_search_free(search);
    kh_reach_close(reach);
    return status;
}

static kh_status keep_study(void *context, const kh_study *study)
{
    kh_study *kept = context;

    if (kept->id == 0)
        *kept = *study;
    return KH_OK;
}

/* For the record only. */
static const char *reason_of(kh_dicomweb *dicomweb, const kh_http_request *request, kh_verb verb, const char *study_uid)
{
    kh_study *study = calloc(1, sizeof *study);
    kh_verdict verdict = {.reason = KH_REASON_UNKNOWN};

    if (study && kh_browse_study_uid(dicomweb->cache, study_uid, keep_study, study, NULL) == KH_OK && study->id > 0)
        (void)!kh_reach_decide(dicomweb->options.rights, kh_guard_subject(request), verb, study, NULL, &verdict, NULL);
    free(study);
    return kh_reason_text(verdict.allowed ? KH_REASON_UNKNOWN : verdict.reason);
}

void kh_dicomweb_decide(const kh_dicomweb_entry *entry, kh_http_request *request, const char *const uids[3], kh_http_handler *handler)
{
    kh_dicomweb *dicomweb = entry->dicomweb;
    const kh_dicomweb_resource *resource = entry->resource;
    kh_record record = {.action = resource->action,
                        .way = "DICOMweb",
                        .once = !resource->each,
                        .study_uid = uids[0],
                        .series_uid = uids[1],
                        .object_uid = uids[2]};
    kh_error err = KH_ERROR_INIT;
    open_rows open = {.count = 0};

    if (find_open(dicomweb, request, resource->verb, uids, &open, &err) != KH_OK) {
        kh_http_answer_error(request, &err);
        return;
    }
    if (open.count == 0) {
        record.reason = reason_of(dicomweb, request, resource->verb, uids[0]);
        record.with_path = true;
        kh_record_denied(dicomweb->options.recorder, request, &record);
        kh_http_answer_code(request, 404, "no such study, series or object");
        return;
    }
    if (open.count == 1) { /* that one, not another hospital's of the same UID */
        record.study_id = uids[1] ? 0 : open.study_id;
        record.series_id = open.series_id;
    }
    for (size_t i = 0; dicomweb->options.opened && i < open.study_count; i++)
        dicomweb->options.opened(dicomweb->options.opened_context, request, open.studies[i]);
    kh_record_then(dicomweb->options.recorder, request, &record, handler, (void *)(uintptr_t)entry);
}

/* --- answers under way --- */

/* Of what an answer began with, each series must stay open. */
typedef struct watched_answer {
    kh_dicomweb *dicomweb;
    kh_verb verb;
    char study_uid[KH_UID_SIZE], series_uid[KH_UID_SIZE];
    bool begun;
    int64_t series_count; /* that were open when it was looked at first */
    uint64_t series_sum;
} watched_answer;

typedef struct tally {
    int64_t count;
    uint64_t sum;
} tally;

static kh_status add_series(void *context, const kh_search_row *row, kh_error *err)
{
    tally *t = context;

    (void)err;
    t->count++;
    t->sum += (uint64_t)row->series.id * 0x9e3779b97f4a7c15u; /* in whatever order */
    return KH_OK;
}

static kh_status tally_series(const watched_answer *of, const kh_subject *subject, tally *out, kh_error *err)
{
    const kh_search_key keys[] = {{KH_TAG_STUDY_INSTANCE_UID, of->study_uid}, {KH_TAG_SERIES_INSTANCE_UID, of->series_uid}};
    kh_search *search = NULL;
    kh_reach *reach = NULL;
    kh_status status = kh_reach_open(&reach, of->dicomweb->options.rights, subject, of->verb, KH_REACH_NAMED, err);

    if (status == KH_OK)
        status = kh_search_open(&search, of->dicomweb->cache, KH_LEVEL_SERIES, keys, of->series_uid[0] ? 2 : 1, err);
    if (status == KH_OK) {
        kh_search_within(search, kh_reach_scope(reach));
        status = kh_search_all(search, ROWS_MAX, add_series, out, err);
    }
    kh_search_free(search);
    kh_reach_close(reach);
    return status;
}

/* A series that arrives meanwhile ends the answer as one that is shut does: its client asks again. Seldom, and never too little. */
static bool may_go_on(void *context, const kh_subject *subject)
{
    watched_answer *of = context;
    kh_error err = KH_ERROR_INIT;
    tally now = {0};

    if (tally_series(of, subject, &now, &err) != KH_OK || now.count == 0)
        return false;
    if (of->begun && (now.count < of->series_count || (now.count == of->series_count && now.sum != of->series_sum)))
        return false;
    of->begun = true;
    of->series_count = now.count;
    of->series_sum = now.sum;
    return true;
}

static kh_watched *watch(kh_dicomweb *dicomweb, const kh_subject *subject, kh_verb verb, const char *study_uid, const char *series_uid)
{
    watched_answer *of = calloc(1, sizeof *of);

    if (!of)
        return NULL;
    of->dicomweb = dicomweb;
    of->verb = verb;
    strncpy(of->study_uid, study_uid, sizeof of->study_uid - 1);
    strncpy(of->series_uid, series_uid ? series_uid : "", sizeof of->series_uid - 1);
    return kh_watch_begin(dicomweb->options.watch, subject, may_go_on, of, free);
}

void kh_dicomweb_answer_pieces(kh_dicomweb *dicomweb, kh_http_request *request, kh_verb verb, const char *study_uid, const char *series_uid,
                               unsigned code, const char *content_type, uint64_t size, const kh_http_producer *producer, void *context)
{
    const kh_subject *subject = kh_guard_subject(request);
    kh_watched *watched = NULL;
    kh_error err = KH_ERROR_INIT;

    if (dicomweb->options.rights) {
        watched = subject ? watch(dicomweb, subject, verb, study_uid, series_uid) : NULL;
        if (!watched) {
            producer->drop(context);
            kh_error_set(&err, KH_E_MEMORY, "no memory for an answer");
            kh_http_answer_error(request, &err);
            return;
        }
    }
    kh_watch_answer_pieces(watched, request, code, content_type, size, dicomweb->carriers, producer, context);
}
