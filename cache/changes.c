#include "cache/changes.h"

#include <inttypes.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "cache/corrections.h"
#include "cache/hiding.h"
#include "cache/internal.h"

#define LIST_MAX 10000

const char *kh_change_kind_text(kh_change_kind kind)
{
    static const char *const texts[] = {"", "rejected", "deleted", "gone", "patient", "study", "returned"};

    return kind >= KH_CHANGE_REJECTED && kind <= KH_CHANGE_RETURNED ? texts[kind] : "unknown";
}

/* ---- reading ---- */

#define CHANGE_SELECT                                                                                                                            \
    "SELECT c.id, c.kind, f.name, c.study_ref, c.when_ms, c.reason, c.asked_by, c.objects, c.undone_ms, c.undone_by, c.purged"                   \
    " FROM change c JOIN facility f ON f.id = c.facility_id"

static void change_of_row(kh_sql_row *row, void *context)
{
    kh_change *out = context;

    memset(out, 0, sizeof *out);
    out->id = kh_sql_int(row, 0);
    out->kind = (kh_change_kind)kh_sql_int(row, 1);
    KH_COPY(out->facility, kh_sql_text(row, 2));
    out->study_id = kh_sql_int(row, 3);
    out->when_ms = kh_sql_int(row, 4);
    KH_COPY(out->reason, kh_sql_text(row, 5));
    KH_COPY(out->asked_by, kh_sql_text(row, 6));
    out->objects = kh_sql_int(row, 7);
    out->undone_ms = kh_sql_int(row, 8);
    KH_COPY(out->undone_by, kh_sql_text(row, 9));
    out->purged = kh_sql_int(row, 10) != 0;
}

typedef struct telling {
    kh_change_visit *visit;
    void *context;
} telling;

static kh_status tell_change(kh_sql_row *row, void *context, kh_error *err)
{
    const telling *of = context;
    kh_change change;

    (void)err;
    change_of_row(row, &change);
    return of->visit(of->context, &change);
}

kh_status kh_change_list(kh_cache *cache, int64_t study_id, int64_t limit, kh_change_visit *visit, void *context, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(limit < LIST_MAX ? limit : LIST_MAX), KH_SQL_I(study_id)};
    telling of = {visit, context};

    return study_id == 0 ? kh_cache_each(cache, CHANGE_SELECT " ORDER BY c.id DESC LIMIT ?1", values, 1, tell_change, &of, err)
                         : kh_cache_each(cache, CHANGE_SELECT " WHERE c.study_ref = ?2 ORDER BY c.id DESC LIMIT ?1", values, 2, tell_change,
                                         &of, err);
}

static void take_hides(kh_sql_row *row, void *context)
{
    *(bool *)context = kh_sql_int(row, 0) != 0 && kh_sql_int(row, 1) == 0;
}

kh_status kh_change_hides(kh_cache *cache, const char *study_uid, const char *series_uid, const char *instance_uid, bool *hides,
                          kh_error *err)
{
    static const char query[] = "SELECT coalesce(max(o.hidden > 0), 0), coalesce(max(o.hidden = 0), 0) FROM study s"
                                " JOIN series r ON r.study_ref = s.id AND (?2 = '' OR r.series_uid = ?2)"
                                " JOIN object o ON o.series_ref = r.id AND (?3 = '' OR o.sop_uid = ?3) WHERE s.study_uid = ?1";
    const kh_sql_value values[] = {KH_SQL_T(study_uid), KH_SQL_T(series_uid), KH_SQL_T(instance_uid)};
    kh_status status;

    *hides = false;
    status = kh_cache_first(cache, query, values, 3, take_hides, hides, err);
    return status == KH_E_NOT_FOUND ? KH_OK : status;
}

static kh_status find_change(kh_sql *sql, int64_t id, kh_change *out, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(id);
    kh_status status;

    memset(out, 0, sizeof *out);
    status = kh_sql_first(sql, CHANGE_SELECT " WHERE c.id = ?1", &value, 1, change_of_row, out, err);
    return status == KH_E_NOT_FOUND ? kh_error_set(err, status, "no change %" PRId64, id) : status;
}

kh_status kh_change_find(kh_cache *cache, int64_t id, kh_change *out, kh_error *err)
{
    kh_sql *sql = NULL;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    if (status == KH_OK)
        status = find_change(sql, id, out, err);
    kh_reader_release(cache->readers, sql);
    return status;
}

typedef struct telling_values {
    kh_change_value_visit *visit;
    void *context;
} telling_values;

static kh_status tell_value(kh_sql_row *row, void *context, kh_error *err)
{
    const telling_values *of = context;
    const kh_change_value one = {kh_sql_text(row, 0), kh_sql_text(row, 1), kh_sql_text(row, 2)};

    (void)err;
    return of->visit(of->context, &one);
}

kh_status kh_change_values(kh_cache *cache, int64_t id, kh_change_value_visit *visit, void *context, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(id);
    telling_values of = {visit, context};

    /* "apart" is our own, see corrections.c */
    return kh_cache_each(cache, "SELECT value, was, becomes FROM correction WHERE change_id = ?1 AND value <> 'apart' ORDER BY rowid",
                         &value, 1, tell_value, &of, err);
}

/* ---- making ---- */

static kh_status check_author(const kh_change_author *author, kh_error *err)
{
    size_t reason = author->reason ? strlen(author->reason) : 0, by = author->asked_by ? strlen(author->asked_by) : 0;

    if (reason < 1 || reason >= KH_REASON_SIZE)
        return kh_error_set(err, KH_E_ARG, "reason of %zu bytes, expected 1 to %d", reason, KH_REASON_SIZE - 1);
    if (by < 1 || by > 64)
        return kh_error_set(err, KH_E_ARG, "asked_by of %zu bytes, expected 1 to 64", by);
    return KH_OK;
}

typedef struct making {
    kh_change_kind kind;
    const kh_change_author *author;
    int64_t study_id, series_id, object_id, finding_id, missing_at;
    const char *facility, *patient_id;
    const kh_patient_values *patient;
    const kh_study_values *study;
    int64_t change_id, objects; /* out */
} making;

/* The finding that it follows, if any, unless another change that stands has followed it. */
static kh_status settle_finding(kh_write *write, const making *m, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(m->finding_id), KH_SQL_I(m->change_id), KH_SQL_I(kh_write_now_ms(write)),
                                   KH_SQL_T(m->author->asked_by)};
    int64_t settled = 0;
    kh_status status;

    if (m->finding_id == 0)
        return KH_OK;
    status = kh_sql_run(kh_write_sql(write),
                        "UPDATE finding SET state = 1, change_id = ?2, ended_ms = ?3, ended_by = ?4 WHERE id = ?1 AND (state IN (0, 2)"
                        " OR state = 1 AND EXISTS (SELECT 1 FROM change c WHERE c.id = finding.change_id AND c.undone_ms > 0))",
                        values, 4, &settled, err);
    if (status == KH_OK && settled == 0)
        return kh_error_set(err, KH_E_CONFLICT, "finding %" PRId64 " is settled already", m->finding_id);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_FINDING, m->finding_id, err) : status;
}

static kh_status hide(kh_write *write, void *context, kh_error *err)
{
    making *m = context;
    kh_status status = kh_change_note(write, m->kind, 0, 0, m->study_id, m->author, &m->change_id, err);

    if (status != KH_OK)
        return status;
    if (m->kind == KH_CHANGE_RETURNED)
        status = kh_show_reappeared(write, m->change_id, m->study_id, m->missing_at, &m->objects, err);
    else if (m->missing_at)
        status = kh_hide_missing(write, m->change_id, m->study_id, m->missing_at, &m->objects, err);
    else
        status = kh_hide_part(write, m->change_id, m->study_id, m->series_id, m->object_id, &m->objects, err);
    if (status == KH_OK && m->objects == 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "nothing there to be %s", m->kind == KH_CHANGE_RETURNED ? "shown again" : "hidden");
    return status == KH_OK ? settle_finding(write, m, err) : status;
}

static kh_status check_study(kh_cache *cache, int64_t study_id, kh_error *err)
{
    kh_study study;

    return kh_browse_study(cache, study_id, &study, err);
}

static kh_status run_hide(kh_cache *cache, making *m, int64_t *change_id, kh_error *err)
{
    kh_status status = check_author(m->author, err);

    if (status == KH_OK)
        status = check_study(cache, m->study_id, err);
    if (status == KH_OK)
        status = kh_cache_write(cache, hide, m, err);
    if (status == KH_OK)
        atomic_fetch_add(&cache->page->hide_epoch, 1);
    if (status == KH_OK)
        kh_log(KH_LOG_INFO, "changes", "change %" PRId64 ": %" PRId64 " objects of study %" PRId64 " are %s, %s", m->change_id, m->objects,
               m->study_id, m->kind == KH_CHANGE_RETURNED ? "shown again" : "hidden", kh_change_kind_text(m->kind));
    *change_id = status == KH_OK ? m->change_id : 0;
    return status;
}

kh_status kh_change_delete(kh_cache *cache, int64_t study_id, int64_t series_id, int64_t object_id, const kh_change_author *author,
                           int64_t *change_id, kh_error *err)
{
    making m = {.kind = KH_CHANGE_DELETED, .author = author, .study_id = study_id, .series_id = series_id, .object_id = object_id};

    return run_hide(cache, &m, change_id, err);
}

kh_status kh_change_gone(kh_cache *cache, int64_t study_id, const kh_change_author *author, int64_t *change_id, kh_error *err)
{
    making m = {.kind = KH_CHANGE_GONE, .author = author, .study_id = study_id};

    return run_hide(cache, &m, change_id, err);
}

static kh_status find_patient(kh_sql *sql, const char *facility, const char *patient_id, int64_t *facility_id, int64_t *patient_ref,
                              kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_T(facility), KH_SQL_T(patient_id)};
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(&row, sql,
                                    "SELECT f.id, p.id FROM facility f JOIN patient p ON p.facility_id = f.id"
                                    " WHERE f.name = ?1 AND p.patient_id = ?2 AND p.apart = ''",
                                    values, 2, err);

    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && has_row) {
        *facility_id = kh_sql_int(row, 0);
        *patient_ref = kh_sql_int(row, 1);
    }
    kh_sql_end(row);
    return status == KH_OK && !has_row ? kh_error_set(err, KH_E_NOT_FOUND, "no patient with this ID at %s", facility) : status;
}

static kh_status correct_patient(kh_write *write, void *context, kh_error *err)
{
    making *m = context;
    int64_t facility_id = 0, patient_ref = 0;
    kh_status status = find_patient(kh_write_sql(write), m->facility, m->patient_id, &facility_id, &patient_ref, err);

    if (status == KH_OK)
        status = kh_change_note(write, KH_CHANGE_PATIENT, facility_id, patient_ref, 0, m->author, &m->change_id, err);
    if (status == KH_OK)
        status = kh_correct_patient(write, m->change_id, patient_ref, m->patient, err);
    return status == KH_OK ? settle_finding(write, m, err) : status;
}

static kh_status correct_study(kh_write *write, void *context, kh_error *err)
{
    making *m = context;
    kh_status status = kh_change_note(write, KH_CHANGE_STUDY, 0, 0, m->study_id, m->author, &m->change_id, err);

    if (status == KH_OK)
        status = kh_correct_study(write, m->change_id, m->study_id, m->study, err);
    return status == KH_OK ? settle_finding(write, m, err) : status;
}

static kh_status log_correction(const making *m, kh_status status, int64_t *change_id)
{
    if (status == KH_OK)
        kh_log(KH_LOG_INFO, "changes", "change %" PRId64 ": a %s is corrected", m->change_id, m->patient ? "patient" : "study");
    *change_id = status == KH_OK ? m->change_id : 0;
    return status;
}

static kh_status make_patient(kh_cache *cache, making *m, int64_t *change_id, kh_error *err)
{
    kh_status status = check_author(m->author, err);

    if (status == KH_OK && !m->patient_id[0])
        status = kh_error_set(err, KH_E_ARG, "patient_id must not be empty");
    if (status == KH_OK && m->patient->patient_id && strcmp(m->patient->patient_id, m->patient_id) == 0)
        status = kh_error_set(err, KH_E_ARG, "the new patient_id is the present one");
    return log_correction(m, status == KH_OK ? kh_cache_write(cache, correct_patient, m, err) : status, change_id);
}

kh_status kh_change_patient(kh_cache *cache, const char *facility, const char *patient_id, const kh_patient_values *values,
                            const kh_change_author *author, int64_t *change_id, kh_error *err)
{
    making m = {.author = author, .facility = facility, .patient_id = patient_id, .patient = values};

    return make_patient(cache, &m, change_id, err);
}

static kh_status make_study(kh_cache *cache, making *m, int64_t *change_id, kh_error *err)
{
    kh_status status = check_author(m->author, err);

    if (status == KH_OK)
        status = check_study(cache, m->study_id, err);
    return log_correction(m, status == KH_OK ? kh_cache_write(cache, correct_study, m, err) : status, change_id);
}

kh_status kh_change_study(kh_cache *cache, int64_t study_id, const kh_study_values *values, const kh_change_author *author,
                          int64_t *change_id, kh_error *err)
{
    making m = {.author = author, .study_id = study_id, .study = values};

    return make_study(cache, &m, change_id, err);
}

kh_status kh_change_follow(kh_cache *cache, const kh_change_following *what, const kh_change_author *author, int64_t *change_id,
                           kh_error *err)
{
    const kh_patient_values patient = {.patient_id = what->to_id};
    const kh_study_values study = {.patient_id = what->to_id};
    making m = {.kind = what->kind, .author = author, .finding_id = what->finding_id};

    switch (what->kind) {
    case KH_CHANGE_GONE:
    case KH_CHANGE_RETURNED:
        m.study_id = what->study_id;
        m.missing_at = what->missing_at;
        return run_hide(cache, &m, change_id, err);
    case KH_CHANGE_PATIENT:
        m.facility = what->facility;
        m.patient_id = what->patient_id;
        m.patient = &patient;
        return make_patient(cache, &m, change_id, err);
    case KH_CHANGE_STUDY:
        m.study_id = what->study_id;
        m.study = &study;
        return make_study(cache, &m, change_id, err);
    default:
        return kh_error_set(err, KH_E_ARG, "change of kind %d, expected gone, returned, patient or study", (int)what->kind);
    }
}

/* ---- undoing ---- */

typedef struct undoing {
    int64_t id;
    const char *asked_by;
    kh_change_kind kind; /* out */
} undoing;

static kh_status take_back(kh_write *write, const kh_change *change, kh_error *err)
{
    switch (change->kind) {
    case KH_CHANGE_PATIENT:
    case KH_CHANGE_STUDY:
        return kh_corrections_undo(write, change->id, err);
    case KH_CHANGE_RETURNED:
        return kh_hide_again(write, change->id, change->study_id, err);
    default:
        return kh_show_again(write, change->id, err);
    }
}

static kh_status undo(kh_write *write, void *context, kh_error *err)
{
    undoing *u = context;
    const kh_sql_value values[] = {KH_SQL_I(u->id), KH_SQL_I(kh_write_now_ms(write)), KH_SQL_T(u->asked_by)};
    kh_sql *sql = kh_write_sql(write);
    kh_change change;
    kh_status status = find_change(sql, u->id, &change, err);

    if (status == KH_OK && change.undone_ms != 0)
        return kh_error_set(err, KH_E_CONFLICT, "change %" PRId64 " was undone already", u->id);
    u->kind = change.kind;
    if (status == KH_OK)
        status = take_back(write, &change, err);
    return status == KH_OK ? kh_sql_run(sql, "UPDATE change SET undone_ms = ?2, undone_by = ?3 WHERE id = ?1", values, 3, NULL, err)
                           : status;
}

kh_status kh_change_undo(kh_cache *cache, int64_t id, const char *asked_by, kh_error *err)
{
    undoing u = {.id = id, .asked_by = asked_by};
    const kh_change_author author = {"undo", asked_by};
    kh_status status = check_author(&author, err);

    if (status == KH_OK)
        status = kh_cache_write(cache, undo, &u, err);
    if (status == KH_OK && u.kind == KH_CHANGE_RETURNED)
        atomic_fetch_add(&cache->page->hide_epoch, 1);
    if (status == KH_OK)
        kh_log(KH_LOG_INFO, "changes", "change %" PRId64 " is undone", id);
    return status;
}
