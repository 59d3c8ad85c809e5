/* From a route to a decision: whose images it is about, and what access/rights.h says. */
#include <stdlib.h>
#include "cache/browse.h"
#include "cache/scope.h"
#include "viewer/guard/internal.h"

/* What rights.h keeps verdicts by. */
static int64_t key_of(const kh_guarded *about)
{
    return about->series_id > 0 ? -about->series_id : about->study_id;
}

static bool is_of_images(const kh_guarded *about)
{
    return about->study_id > 0 || about->series_id > 0 || about->study_uid;
}

bool kh_guard_judge_known(kh_guard *guard, const kh_subject *subject, const kh_guarded *about, kh_verdict *out)
{
    int64_t key = key_of(about);

    if (about->listing) {
        *out = (kh_verdict){.allowed = true, .reason = KH_REASON_DUTY, .until_ms = INT64_MAX};
        return true;
    }
    return key != 0 && kh_rights_known(guard->options.rights, subject, about->verb, about->kind, key, out);
}

typedef struct judging {
    kh_guard *guard;
    const kh_subject *subject;
    const kh_guarded *about;
    kh_verdict verdict;
    unsigned count;
    kh_status status;
    kh_error *err;
    kh_study studies[8]; /* decided when the list is closed: no reading inside a reading */
} judging;

static kh_status keep_study(void *context, const kh_study *study)
{
    judging *j = context;

    if (j->count < sizeof j->studies / sizeof j->studies[0])
        j->studies[j->count] = *study;
    j->count++;
    return KH_OK;
}

/* study NULL: there is none, and as much is read. */
static kh_status decide(judging *j, const kh_study *study, const kh_series *series, kh_verdict *out)
{
    const kh_guarded *about = j->about;
    const kh_matter matter = {
        .kind = about->kind,
        .facility = study ? study->patient.facility : is_of_images(about) ? "" : j->subject->facility,
        .patient_id = study ? study->patient.patient_id : "",
        .study_uid = study ? study->study_uid : about->study_uid,
        .series_uid = series ? series->series_uid : about->series_uid,
        .study_date = study ? study->date : "",
        .modalities = series ? series->modality : study ? study->modalities : "",
        .body_parts = series ? series->body_part : study ? study->body_parts : "",
        .departments = series ? series->department : study ? study->departments : "",
        .arrived_ms = study ? study->first_arrival_ms : 0,
        .key = study ? key_of(about) : 0,
    };

    return kh_rights_decide(j->guard->options.rights, j->subject, about->verb, &matter, out, j->err);
}

static kh_status find(judging *j, kh_series *series)
{
    const kh_guarded *about = j->about;
    kh_cache *cache = j->guard->options.cache;
    int64_t study_id = about->study_id;
    kh_status status = KH_OK;

    if (about->series_id > 0) {
        status = kh_browse_series(cache, about->series_id, series, j->err);
        study_id = series->study_id;
    }
    if (status == KH_OK && study_id > 0) {
        status = kh_browse_study(cache, study_id, &j->studies[0], j->err);
        j->count = status == KH_OK ? 1 : 0;
    } else if (status == KH_OK && about->study_uid) {
        status = kh_browse_study_uid(cache, about->study_uid, keep_study, j, j->err);
    }
    if (status == KH_E_NOT_FOUND) {
        kh_error_clear(j->err);
        status = KH_OK;
    }
    return status;
}

static kh_status judge(judging *j, kh_series *series)
{
    kh_verdict verdict = {.allowed = false, .reason = KH_REASON_UNKNOWN};
    kh_status status = KH_OK;
    unsigned room = sizeof j->studies / sizeof j->studies[0];

    if (!is_of_images(j->about))
        return decide(j, NULL, NULL, &j->verdict);
    if ((status = find(j, series)) != KH_OK)
        return status;
    if (j->count == 0) {
        status = decide(j, NULL, NULL, &verdict);
        verdict.allowed = false;
        verdict.reason = KH_REASON_UNKNOWN;
    }
    for (unsigned i = 0; i < j->count && i < room && status == KH_OK; i++) {
        status = kh_scope_read_parts(j->guard->options.cache, &j->studies[i], j->err);
        if (status == KH_OK)
            status = decide(j, &j->studies[i], j->about->series_id > 0 ? series : NULL, &verdict);
        if (status != KH_OK || !verdict.allowed)
            break;
    }
    if (j->count > room)
        verdict = (kh_verdict){.allowed = false, .reason = KH_REASON_UNKNOWN};
    j->verdict = verdict;
    return status;
}

kh_status kh_guard_judge(kh_guard *guard, const kh_subject *subject, const kh_guarded *about, kh_verdict *out, kh_error *err)
{
    judging *j;
    kh_series *series;
    kh_status status;

    if (kh_guard_judge_known(guard, subject, about, out))
        return KH_OK;
    *out = (kh_verdict){.allowed = false, .reason = KH_REASON_UNKNOWN};
    j = calloc(1, sizeof *j);
    series = calloc(1, sizeof *series);
    if (!j || !series) {
        status = kh_error_set(err, KH_E_MEMORY, "no memory for a decision");
        goto out;
    }
    *j = (judging){.guard = guard, .subject = subject, .about = about, .err = err};
    status = judge(j, series);
    if (status == KH_OK)
        *out = j->verdict;
out:
    free(series);
    free(j);
    return status;
}
