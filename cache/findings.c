#include "cache/findings.h"

#include <inttypes.h>
#include <string.h>
#include "base/log.h"
#include "cache/internal.h"

#define LIST_MAX 10000

const char *kh_finding_kind_text(kh_finding_kind kind)
{
    static const char *const texts[] = {"", "gone", "patient", "instances", "returned", "reappeared"};

    return kind >= KH_FINDING_GONE && kind <= KH_FINDING_REAPPEARED ? texts[kind] : "unknown";
}

const char *kh_finding_state_text(kh_finding_state state)
{
    static const char *const texts[] = {"open", "applied", "dismissed", "over"};

    return (unsigned)state < sizeof texts / sizeof texts[0] ? texts[state] : "unknown";
}

/* ---- reading ---- */

#define FINDING_SELECT                                                                                                         \
    "SELECT d.id, d.kind, d.state, d.node_id, d.study_ref, coalesce(s.study_uid, ''), d.here, d.there, d.missing, d.since_ms, d.noticed_ms," \
    " d.ended_ms, d.ended_by, d.change_id, coalesce(c.undone_ms, 0) > 0 FROM finding d LEFT JOIN study s ON s.id = d.study_ref" \
    " LEFT JOIN change c ON c.id = d.change_id AND d.change_id > 0"

static void read_finding(kh_sql_row *row, kh_finding *out)
{
    *out = (kh_finding){.id = kh_sql_int(row, 0),
                        .kind = (kh_finding_kind)kh_sql_int(row, 1),
                        .state = (kh_finding_state)kh_sql_int(row, 2),
                        .node_id = kh_sql_int(row, 3),
                        .study_id = kh_sql_int(row, 4),
                        .missing = kh_sql_int(row, 8),
                        .since_ms = kh_sql_int(row, 9),
                        .noticed_ms = kh_sql_int(row, 10),
                        .ended_ms = kh_sql_int(row, 11),
                        .change_id = kh_sql_int(row, 13),
                        .undone = kh_sql_int(row, 14) != 0};
    KH_COPY(out->study_uid, kh_sql_text(row, 5));
    KH_COPY(out->here, kh_sql_text(row, 6));
    KH_COPY(out->there, kh_sql_text(row, 7));
    KH_COPY(out->ended_by, kh_sql_text(row, 12));
}

typedef struct telling {
    kh_finding_visit *visit;
    void *context;
} telling;

static kh_status tell_finding(kh_sql_row *row, void *context, kh_error *err)
{
    const telling *of = context;
    kh_finding finding;

    (void)err;
    read_finding(row, &finding);
    return of->visit(of->context, &finding);
}

static void take_finding(kh_sql_row *row, void *context)
{
    read_finding(row, context);
}

kh_status kh_finding_list(kh_cache *cache, bool open_only, int64_t before_id, int64_t limit, kh_finding_visit *visit, void *context,
                          kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(before_id), KH_SQL_I(limit < LIST_MAX ? limit : LIST_MAX)};
    telling of = {visit, context};

    return kh_cache_each(cache,
                         open_only ? FINDING_SELECT " WHERE d.state = 0 AND d.id < ?1 ORDER BY d.id DESC LIMIT ?2"
                                   : FINDING_SELECT " WHERE d.id < ?1 ORDER BY d.id DESC LIMIT ?2",
                         values, 2, tell_finding, &of, err);
}

kh_status kh_finding_find(kh_cache *cache, int64_t id, kh_finding *out, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(id);
    kh_status status;

    memset(out, 0, sizeof *out);
    status = kh_cache_first(cache, FINDING_SELECT " WHERE d.id = ?1", &value, 1, take_finding, out, err);
    return status == KH_E_NOT_FOUND ? kh_error_set(err, status, "no finding %" PRId64, id) : status;
}

/* A study that this node alone gave: no other node did, and every object that is shown came by its pulls or is known to be there. */
kh_status kh_finding_next(kh_cache *cache, int64_t node_id, kh_finding_kind kind, int64_t after_id, kh_finding *out, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(node_id), KH_SQL_I(kind), KH_SQL_I(after_id)};

    memset(out, 0, sizeof *out);
    return kh_cache_first(
        cache,
        FINDING_SELECT
        " WHERE d.state = 0 AND d.node_id = ?1 AND d.kind = ?2 AND d.id > ?3"
        " AND NOT EXISTS (SELECT 1 FROM pull q JOIN node n ON n.id = ?1 WHERE q.study_uid = s.study_uid AND q.node_id <> ?1"
        " AND q.facility = n.facility AND (q.state = 2 OR q.bytes > 0))"
        " AND (s.known_node = ?1 OR NOT EXISTS (SELECT 1 FROM series r JOIN object o ON o.series_ref = r.id"
        " JOIN origin g ON g.id = o.origin_id WHERE r.study_ref = s.id AND o.hidden = 0"
        " AND NOT EXISTS (SELECT 1 FROM pull q WHERE q.id = g.pull_id AND q.node_id = ?1)))"
        " AND (d.kind <> 4 OR EXISTS (SELECT 1 FROM finding g JOIN change h ON h.id = g.change_id WHERE g.study_ref = d.study_ref"
        " AND g.node_id = ?1 AND g.kind = 1 AND g.state = 1 AND h.asked_by = 'compare')) ORDER BY d.id LIMIT 1",
        values, 3, take_finding, out, err);
}

typedef struct taking_ints {
    int64_t *out;
    int columns;
} taking_ints;

static void take_ints(kh_sql_row *row, void *context)
{
    const taking_ints *of = context;

    for (int i = 0; i < of->columns; i++)
        of->out[i] = kh_sql_int(row, i);
}

/* 0 when there is no row. */
static kh_status read_ints(kh_cache *cache, const char *query, const kh_sql_value *values, size_t count, int64_t *out, int columns,
                           kh_error *err)
{
    taking_ints of = {out, columns};
    kh_status status;

    memset(out, 0, (size_t)columns * sizeof *out);
    status = kh_cache_first(cache, query, values, count, take_ints, &of, err);
    return status == KH_E_NOT_FOUND ? KH_OK : status;
}

kh_status kh_finding_count_open(kh_cache *cache, int64_t *count, kh_error *err)
{
    return read_ints(cache, "SELECT count(*) FROM finding WHERE state = 0", NULL, 0, count, 1, err);
}

/* ---- following ---- */

/* The studies of one patient that one change gave another ID: each of their findings says the same and is settled by it. */
typedef struct settling {
    int64_t finding_id, change_id;
} settling;

static kh_status settle_same(kh_write *write, void *context, kh_error *err)
{
    const settling *s = context;
    const kh_sql_value values[] = {KH_SQL_I(s->finding_id), KH_SQL_I(s->change_id)};
    kh_status status = kh_sql_run(
        kh_write_sql(write),
        "UPDATE finding SET state = 1, change_id = ?2, (ended_ms, ended_by) = (SELECT d.ended_ms, d.ended_by FROM finding d"
        " WHERE d.id = ?1) WHERE state = 0 AND kind = 2 AND there = (SELECT there FROM finding WHERE id = ?1)"
        " AND node_id = (SELECT node_id FROM finding WHERE id = ?1) AND study_ref IN (SELECT t.id FROM study t WHERE t.patient_ref ="
        " (SELECT s.patient_ref FROM study s JOIN finding d ON d.study_ref = s.id WHERE d.id = ?1))",
        values, 2, NULL, err);

    return status == KH_OK ? kh_write_event(write, KH_EVENT_FINDING, 0, err) : status;
}

/* How the ID there is come by: by giving the study to somebody who is known here, or by renaming whose it is. */
static kh_status choose_patient(kh_cache *cache, const kh_finding *finding, kh_change_following *what, const kh_patient *patient,
                                kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(finding->study_id), KH_SQL_T(finding->there), KH_SQL_I(finding->node_id)};
    int64_t counts[3];
    kh_status status =
        read_ints(cache,
                  "SELECT EXISTS (SELECT 1 FROM patient o WHERE o.facility_id = p.facility_id AND o.patient_id = ?2 AND o.apart = ''),"
                  " (SELECT count(*) FROM study t WHERE t.patient_ref = p.id AND t.object_count > 0),"
                  " (SELECT count(*) FROM study t WHERE t.patient_ref = p.id AND t.object_count > 0 AND EXISTS (SELECT 1 FROM finding d"
                  " WHERE d.study_ref = t.id AND d.node_id = ?3 AND d.kind = 2 AND d.there = ?2 AND d.state <> 3))"
                  " FROM study s JOIN patient p ON p.id = s.patient_ref WHERE s.id = ?1",
                  values, 3, counts, 3, err);

    if (status != KH_OK)
        return status;
    what->to_id = finding->there;
    what->kind = counts[0] != 0 || !patient->patient_id[0] ? KH_CHANGE_STUDY : KH_CHANGE_PATIENT;
    what->facility = patient->facility;
    what->patient_id = patient->patient_id;
    if (what->kind == KH_CHANGE_PATIENT && counts[1] != counts[2])
        return kh_error_set(err, KH_E_CONFLICT,
                            "%" PRId64 " of the patient's %" PRId64
                            " studies are told under another ID, and nobody here has it: fetch a study of that"
                            " ID first, or correct the patient",
                            counts[2], counts[1]);
    return KH_OK;
}

static kh_status check_open(const kh_finding *finding, kh_error *err)
{
    if (finding->state == KH_FINDING_OVER || (finding->state == KH_FINDING_APPLIED && !finding->undone))
        return kh_error_set(err, KH_E_CONFLICT, "finding %" PRId64 " is %s already", finding->id, kh_finding_state_text(finding->state));
    return KH_OK;
}

typedef struct deciding {
    int64_t id;
    kh_finding_state becomes;
    const char *asked_by;
} deciding;

static kh_status decide(kh_write *write, void *context, kh_error *err)
{
    const deciding *d = context;
    const kh_sql_value values[] = {KH_SQL_I(d->id), KH_SQL_I(kh_write_now_ms(write)), KH_SQL_T(d->asked_by), KH_SQL_I(d->becomes)};
    int64_t changed = 0;
    kh_status status =
        kh_sql_run(kh_write_sql(write),
                   "UPDATE finding SET state = ?4, ended_ms = ?2, ended_by = ?3 WHERE id = ?1 AND (state = 0 OR state = 2 AND ?4 = 1)",
                   values, 4, &changed, err);

    if (status == KH_OK && changed == 0)
        return kh_error_set(err, KH_E_CONFLICT, "finding %" PRId64 " is not open", d->id);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_FINDING, d->id, err) : status;
}

/* The change that hid the study is undone. When we end in between, the next round finds the study as it is there. */
static kh_status show_again(kh_cache *cache, const kh_finding *finding, const kh_change_author *author, int64_t *change_id, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(finding->study_id), KH_SQL_I(finding->node_id)};
    deciding d = {finding->id, KH_FINDING_APPLIED, author->asked_by};
    int64_t hidden_by = 0;
    kh_status status = read_ints(cache, "SELECT change_id FROM finding WHERE study_ref = ?1 AND node_id = ?2 AND kind = 1 AND state = 1",
                                 values, 2, &hidden_by, 1, err);

    if (status == KH_OK && hidden_by == 0)
        status = kh_error_set(err, KH_E_CONFLICT, "the study is no longer hidden");
    if (status == KH_OK)
        status = kh_change_undo(cache, hidden_by, author->asked_by, err);
    if (status == KH_OK)
        status = kh_cache_write(cache, decide, &d, err);
    if (status == KH_OK)
        *change_id = hidden_by;
    return status;
}

static const char *reason_of(kh_finding_kind kind)
{
    switch (kind) {
    case KH_FINDING_PATIENT:
        return "under another patient ID at the hospital";
    case KH_FINDING_REAPPEARED:
        return "at the hospital again";
    default:
        return "no longer at the hospital";
    }
}

kh_status kh_finding_apply(kh_cache *cache, int64_t id, const kh_change_author *author, int64_t *change_id, kh_error *err)
{
    kh_change_author by = {author->reason, author->asked_by};
    kh_change_following what = {.finding_id = id, .kind = KH_CHANGE_GONE};
    kh_finding finding;
    kh_study study;
    kh_status status = kh_finding_find(cache, id, &finding, err);

    *change_id = 0;
    if (status == KH_OK)
        status = check_open(&finding, err);
    if (status == KH_OK && finding.kind == KH_FINDING_RETURNED)
        return show_again(cache, &finding, author, change_id, err);
    if (status == KH_OK)
        status = kh_browse_study(cache, finding.study_id, &study, err);
    if (status != KH_OK)
        return status;
    what.study_id = finding.study_id;
    if (!by.reason || !by.reason[0])
        by.reason = reason_of(finding.kind);
    if (finding.kind == KH_FINDING_INSTANCES || finding.kind == KH_FINDING_REAPPEARED)
        what.missing_at = finding.node_id;
    if (finding.kind == KH_FINDING_REAPPEARED)
        what.kind = KH_CHANGE_RETURNED;
    if (finding.kind == KH_FINDING_PATIENT)
        status = choose_patient(cache, &finding, &what, &study.patient, err);
    if (status == KH_OK)
        status = kh_change_follow(cache, &what, &by, change_id, err);
    if (status == KH_OK)
        kh_log(KH_LOG_INFO, "compare", "finding %" PRId64 " (%s) of study %" PRId64 " is followed by change %" PRId64, id,
               kh_finding_kind_text(finding.kind), finding.study_id, *change_id);
    if (status == KH_OK && what.kind == KH_CHANGE_PATIENT)
        status = kh_cache_write(cache, settle_same, &(settling){id, *change_id}, err);
    return status;
}

kh_status kh_finding_dismiss(kh_cache *cache, int64_t id, const char *asked_by, kh_error *err)
{
    deciding d = {id, KH_FINDING_DISMISSED, asked_by};
    size_t by = asked_by ? strlen(asked_by) : 0;
    kh_finding finding;
    kh_status status;

    if (by < 1 || by > 64)
        return kh_error_set(err, KH_E_ARG, "asked_by of %zu bytes, expected 1 to 64", by);
    status = kh_finding_find(cache, id, &finding, err);
    if (status == KH_OK)
        status = kh_cache_write(cache, decide, &d, err);
    if (status == KH_OK)
        kh_log(KH_LOG_INFO, "compare", "finding %" PRId64 " (%s) of study %" PRId64 " is dismissed", id, kh_finding_kind_text(finding.kind),
               finding.study_id);
    return status;
}
