#include "cache/compares.h"

#include <string.h>
#include "cache/internal.h"

#define LOOKED_AT_ONCE 2000 /* studies, in one read transaction */
#define COMPARE_COLUMNS                                                                                                        \
    "node_id, began_ms, ended_ms, position, asked, same, known, gone, patient, instances, findings, believed, attempts, not_before_ms, reason"

/* ---- where a node stands ---- */

static void read_compare(kh_sql_row *row, kh_compare *out)
{
    *out = (kh_compare){.node_id = kh_sql_int(row, 0),
                        .began_ms = kh_sql_int(row, 1),
                        .ended_ms = kh_sql_int(row, 2),
                        .position = kh_sql_int(row, 3),
                        .asked = kh_sql_int(row, 4),
                        .same = kh_sql_int(row, 5),
                        .known = kh_sql_int(row, 6),
                        .gone = kh_sql_int(row, 7),
                        .patient = kh_sql_int(row, 8),
                        .instances = kh_sql_int(row, 9),
                        .findings = kh_sql_int(row, 10),
                        .believed = kh_sql_int(row, 11) != 0,
                        .attempts = (int32_t)kh_sql_int(row, 12),
                        .not_before_ms = kh_sql_int(row, 13)};
    KH_COPY(out->reason, kh_sql_text(row, 14));
}

static kh_status visit_compares(kh_cache *cache, const char *query, const kh_sql_value *values, size_t count, kh_compare_visit *visit,
                                void *context, kh_error *err)
{
    kh_sql *sql = NULL;
    kh_sql_row *row = NULL;
    bool has_row;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    if (status == KH_OK)
        status = kh_sql_query(&row, sql, query, values, count, err);
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        kh_compare compare;

        read_compare(row, &compare);
        status = visit(context, &compare);
    }
    kh_sql_end(row);
    kh_reader_release(cache->readers, sql);
    return status;
}

typedef struct finding_one {
    kh_compare *out;
    bool found;
} finding_one;

static kh_status keep_one(void *context, const kh_compare *compare)
{
    finding_one *one = context;

    *one->out = *compare;
    one->found = true;
    return KH_OK;
}

kh_status kh_compare_find(kh_cache *cache, int64_t node_id, kh_compare *out, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(node_id);
    finding_one one = {.out = out};
    kh_status status;

    *out = (kh_compare){.node_id = node_id};
    status = visit_compares(cache, "SELECT " COMPARE_COLUMNS " FROM compare_round WHERE node_id = ?1", &value, 1, keep_one, &one, err);
    return status == KH_OK && !one.found ? KH_E_NOT_FOUND : status;
}

kh_status kh_compare_list(kh_cache *cache, kh_compare_visit *visit, void *context, kh_error *err)
{
    return visit_compares(cache, "SELECT " COMPARE_COLUMNS " FROM compare_round ORDER BY node_id", NULL, 0, visit, context, err);
}

static kh_status store(kh_write *write, const kh_compare *c, kh_error *err)
{
    const kh_sql_value values[] = {
        KH_SQL_I(c->node_id), KH_SQL_I(c->began_ms),  KH_SQL_I(c->ended_ms), KH_SQL_I(c->position),  KH_SQL_I(c->asked),
        KH_SQL_I(c->same),    KH_SQL_I(c->known),     KH_SQL_I(c->gone),     KH_SQL_I(c->patient),   KH_SQL_I(c->instances),
        KH_SQL_I(c->findings), KH_SQL_I(c->believed), KH_SQL_I(c->attempts), KH_SQL_I(c->not_before_ms), KH_SQL_T(c->reason)};

    /* Not for a node that was removed meanwhile. */
    return kh_sql_run(kh_write_sql(write),
                      "INSERT OR REPLACE INTO compare_round (" COMPARE_COLUMNS ") SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
                      " ?13, ?14, ?15 WHERE EXISTS (SELECT 1 FROM node WHERE id = ?1)",
                      values, 15, NULL, err);
}

static kh_status update(kh_write *write, void *context, kh_error *err)
{
    return store(write, context, err);
}

kh_status kh_compare_update(kh_cache *cache, const kh_compare *compare, kh_error *err)
{
    return kh_cache_write(cache, update, (void *)(uintptr_t)compare, err);
}

static kh_status request(kh_write *write, void *context, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(*(const int64_t *)context);
    int64_t changed = 0;
    kh_status status = kh_sql_run(kh_write_sql(write),
                                  "INSERT INTO compare_round (node_id, began_ms, ended_ms) SELECT id, 0, 0 FROM node WHERE id = ?1"
                                  " ON CONFLICT DO UPDATE SET began_ms = iif(ended_ms > 0, 0, began_ms), ended_ms = 0, attempts = 0,"
                                  " not_before_ms = 0",
                                  &value, 1, &changed, err);

    if (status == KH_OK && changed == 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "no node %lld", (long long)*(const int64_t *)context);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_FINDING, 0, err) : status;
}

kh_status kh_compare_request(kh_cache *cache, int64_t node_id, kh_error *err)
{
    return kh_cache_write(cache, request, &node_id, err);
}

static kh_status forget_told(kh_write *write, int64_t node_id, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(node_id);

    return kh_sql_run(kh_write_sql(write),
                      "UPDATE compare_study INDEXED BY compare_study_told SET told = 0 WHERE node_id = ?1 AND told > 0", &value, 1, NULL, err);
}

static kh_status begin(kh_write *write, void *context, kh_error *err)
{
    kh_compare *c = context;
    kh_status status = forget_told(write, c->node_id, err);

    *c = (kh_compare){.node_id = c->node_id, .began_ms = kh_write_now_ms(write)};
    return status == KH_OK ? store(write, c, err) : status;
}

kh_status kh_compare_begin(kh_cache *cache, kh_compare *compare, kh_error *err)
{
    return kh_cache_write(cache, begin, compare, err);
}

/* ---- what is to be asked for ---- */

/* A pull that was complete, or brought something: the node had the study. One that ended because it had not leaves nothing of that. */
#define PULLED_COUNT                                                                                                           \
    "(SELECT count(*) FROM series r JOIN object o ON o.series_ref = r.id JOIN origin g ON g.id = o.origin_id"                  \
    " JOIN pull q ON q.id = g.pull_id WHERE r.study_ref = s.id AND o.hidden = 0 AND q.node_id = ?1)"
#define IS_HIDDEN_AS_GONE                                                                                                      \
    "EXISTS (SELECT 1 FROM finding d JOIN change c ON c.id = d.change_id WHERE d.study_ref = s.id AND d.node_id = ?1"          \
    " AND d.kind = 1 AND d.state = 1 AND c.undone_ms = 0)"
#define IS_ITS                                                                                                                 \
    "f.name = ?2 AND (s.object_count > 0 OR " IS_HIDDEN_AS_GONE ") AND NOT EXISTS (SELECT 1 FROM arrival a WHERE a.study_ref = s.id)"                     \
    " AND (s.known_node = ?1 OR s.back_node = ?1 OR EXISTS (SELECT 1 FROM pull q WHERE q.study_uid = s.study_uid"              \
    " AND q.node_id = ?1 AND (q.state = 2 OR q.bytes > 0)))"
_Static_assert(KH_FINDING_GONE == 1 && KH_FINDING_OVER == 3, "kinds and states stand in the index by their numbers");

kh_status kh_compare_next(kh_cache *cache, int64_t node_id, const char *facility, int64_t *position, kh_compare_study *out, size_t max,
                          size_t *count, bool *end, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(node_id), KH_SQL_T(facility), KH_SQL_I(*position), KH_SQL_I(LOOKED_AT_ONCE)};
    int64_t looked = 0;
    kh_sql *sql = NULL;
    kh_sql_row *row = NULL;
    bool has_row = false;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    *count = 0;
    if (status == KH_OK)
        status = kh_sql_query(&row, sql,
                              "SELECT s.id, s.study_uid, iif(" IS_ITS ", " PULLED_COUNT ", -1), " IS_HIDDEN_AS_GONE " FROM study s"
                              " CROSS JOIN patient p ON p.id = s.patient_ref CROSS JOIN facility f ON f.id = p.facility_id"
                              " WHERE s.id > ?3 ORDER BY s.id LIMIT ?4", /* CROSS: in this order, along the studies */
                              values, 4, err);
    while (status == KH_OK && *count < max && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        kh_compare_study *study = &out[*count];

        looked++;
        *position = study->study_id = kh_sql_int(row, 0);
        KH_COPY(study->study_uid, kh_sql_text(row, 1));
        study->pulled = kh_sql_int(row, 2);
        study->hidden = kh_sql_int(row, 3) != 0;
        *count += study->pulled >= 0;
    }
    *end = !has_row && looked < LOOKED_AT_ONCE;
    kh_sql_end(row);
    kh_reader_release(cache->readers, sql);
    return status;
}

kh_status kh_compare_same_patient(kh_cache *cache, int64_t study_id, const char *patient_id, bool *same, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(study_id), KH_SQL_T(patient_id)};
    kh_sql *sql = NULL;
    kh_sql_row *row = NULL;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    *same = false;
    if (status == KH_OK) /* an ID that was corrected after the hospital's word is no longer the hospital's */
        status = kh_sql_query(&row, sql,
                              "SELECT 1 FROM study s JOIN patient p ON p.id = s.patient_ref WHERE s.id = ?1 AND (p.patient_id = ?2"
                              " OR EXISTS (SELECT 1 FROM alias a WHERE a.facility_id = p.facility_id AND a.patient_id = ?2"
                              " AND a.study_uid IN (s.study_uid, '') AND a.patient_ref = p.id"
                              " AND NOT EXISTS (SELECT 1 FROM finding d WHERE d.change_id = a.change_id)))",
                              values, 2, err);
    if (status == KH_OK)
        status = kh_sql_next(row, same, err);
    kh_sql_end(row);
    kh_reader_release(cache->readers, sql);
    return status;
}

kh_status kh_compare_pulled(kh_cache *cache, int64_t study_id, int64_t node_id, kh_uid_visit *visit, void *context, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(study_id), KH_SQL_I(node_id)};
    kh_sql *sql = NULL;
    kh_sql_row *row = NULL;
    bool has_row;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    if (status == KH_OK)
        status = kh_sql_query(&row, sql,
                              "SELECT o.sop_uid FROM series r JOIN object o ON o.series_ref = r.id JOIN origin g ON g.id = o.origin_id"
                              " JOIN pull q ON q.id = g.pull_id WHERE r.study_ref = ?1 AND o.hidden = 0 AND q.node_id = ?2",
                              values, 2, err);
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row)
        status = visit(context, kh_sql_text(row, 0));
    kh_sql_end(row);
    kh_reader_release(cache->readers, sql);
    return status;
}

/* ---- what was answered ---- */

typedef struct noting {
    kh_compare *compare;
    const kh_compared *answers;
    size_t count;
} noting;

static kh_status is_known(kh_write *write, int64_t node_id, const kh_compared *answer, bool *known, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(answer->study_id), KH_SQL_I(node_id), KH_SQL_I(answer->told), KH_SQL_T(answer->there)};
    kh_sql_row *row;
    kh_status status = kh_sql_query(&row, kh_write_sql(write),
                                    "SELECT 1 FROM finding WHERE study_ref = ?1 AND node_id = ?2 AND kind = ?3 AND there = ?4 AND state <> 3",
                                    values, 4, err);

    if (status == KH_OK)
        status = kh_sql_next(row, known, err);
    kh_sql_end(row);
    return status;
}

/* The hospital has the study: what was said of it otherwise no longer holds, unless it was followed here. When it has not: that it returned. */
static kh_status end_others(kh_write *write, int64_t node_id, const kh_compared *answer, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(answer->study_id), KH_SQL_I(node_id), KH_SQL_I(answer->told), KH_SQL_T(answer->there),
                                   KH_SQL_I(kh_write_now_ms(write))};

    return kh_sql_run(kh_write_sql(write),
                      "UPDATE finding SET state = 3, ended_ms = ?5, ended_by = '' WHERE study_ref = ?1 AND node_id = ?2"
                      " AND NOT (kind = ?3 AND there = ?4) AND (?3 <> 1 OR kind = 4) AND (state IN (0, 2) OR state = 1 AND (kind = 4 OR EXISTS"
                      " (SELECT 1 FROM change c WHERE c.id = finding.change_id AND c.undone_ms > 0)))",
                      values, 5, NULL, err);
}

static kh_status note_study(kh_write *write, int64_t node_id, const kh_compared *answer, bool known, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(node_id),          KH_SQL_I(answer->study_id), KH_SQL_I(kh_write_now_ms(write)),
                                   KH_SQL_I(known ? 0 : answer->told), KH_SQL_T(answer->there), KH_SQL_I(answer->missing)};

    return kh_sql_run(kh_write_sql(write),
                      "INSERT INTO compare_study (node_id, study_ref, when_ms, told, there, missing) SELECT ?1, id, ?3, ?4, ?5, ?6 FROM study"
                      " WHERE id = ?2 ON CONFLICT DO UPDATE SET when_ms = ?3, told = ?4, there = ?5, missing = ?6, kind = iif(?4 > 0, kind, 0),"
                      " since_ms = iif(?4 > 0, since_ms, 0)",
                      values, 6, NULL, err);
}

static void count(kh_compare *c, const kh_compared *answer, bool known)
{
    c->asked++;
    c->same += answer->told == 0;
    c->known += known;
    if (!known) {
        c->gone += answer->told == KH_FINDING_GONE;
        c->patient += answer->told == KH_FINDING_PATIENT;
        c->instances += answer->told == KH_FINDING_INSTANCES;
    }
}

static kh_status note(kh_write *write, void *context, kh_error *err)
{
    noting *n = context;
    kh_status status = KH_OK;

    for (size_t i = 0; i < n->count && status == KH_OK; i++) {
        const kh_compared *answer = &n->answers[i];
        bool known = false;

        if (answer->told != 0)
            status = is_known(write, n->compare->node_id, answer, &known, err);
        if (status == KH_OK)
            status = end_others(write, n->compare->node_id, answer, err);
        if (status == KH_OK)
            status = note_study(write, n->compare->node_id, answer, known, err);
        count(n->compare, answer, known);
    }
    return status == KH_OK ? store(write, n->compare, err) : status;
}

kh_status kh_compare_note(kh_cache *cache, kh_compare *compare, const kh_compared *answers, size_t answer_count, kh_error *err)
{
    kh_compare after = *compare; /* stays as it was when this fails */
    noting n = {&after, answers, answer_count};
    kh_status status = kh_cache_write(cache, note, &n, err);

    if (status == KH_OK)
        *compare = after;
    return status;
}

/* ---- the end of a round ---- */

/* One that is over already begins anew. */
static kh_status make_findings(kh_write *write, kh_compare *c, int64_t apart_ms, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(c->node_id), KH_SQL_I(kh_write_now_ms(write)), KH_SQL_I(apart_ms)};

    return kh_sql_run(kh_write_sql(write),
                      "INSERT INTO finding (kind, node_id, study_ref, state, here, there, missing, since_ms, noticed_ms)"
                      " SELECT t.told, t.node_id, t.study_ref, 0, iif(t.told = 2, p.patient_id, ''), t.there, t.missing,"
                      " iif(t.kind = t.told, t.since_ms, t.when_ms), ?2 FROM compare_study t INDEXED BY compare_study_told JOIN study s ON s.id = t.study_ref"
                      " JOIN patient p ON p.id = s.patient_ref WHERE t.node_id = ?1 AND t.told > 0"
                      " AND (t.told IN (2, 4) OR t.kind = t.told AND t.when_ms - t.since_ms >= ?3) ORDER BY t.study_ref"
                      " ON CONFLICT (study_ref, node_id, kind, there) DO UPDATE SET state = 0, here = excluded.here, missing = excluded.missing,"
                      " since_ms = excluded.since_ms, noticed_ms = excluded.noticed_ms, ended_ms = 0, ended_by = '', change_id = 0"
                      " WHERE state = 3",
                      values, 3, &c->findings, err);
}

static kh_status remember_told(kh_write *write, const kh_compare *c, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(c->node_id);

    return kh_sql_run(kh_write_sql(write),
                      "UPDATE compare_study INDEXED BY compare_study_told SET"
                      " since_ms = iif(kind = told AND since_ms <= when_ms, since_ms, when_ms), kind = told, told = 0 WHERE node_id = ?1 AND told > 0",
                      &value, 1, NULL, err);
}

/* There is nothing to decide about a study that somebody has hidden meanwhile. */
static kh_status end_unshown(kh_write *write, const kh_compare *c, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(c->node_id), KH_SQL_I(kh_write_now_ms(write))};

    return kh_sql_run(kh_write_sql(write),
                      "UPDATE finding SET state = 3, ended_ms = ?2 WHERE state = 0 AND kind <> 4 AND node_id = ?1"
                      " AND (SELECT object_count FROM study WHERE id = study_ref) = 0",
                      values, 2, NULL, err);
}

typedef struct ending {
    kh_compare *compare;
    int64_t apart_ms;
} ending;

static kh_status end_round(kh_write *write, void *context, kh_error *err)
{
    const ending *e = context;
    kh_compare *c = e->compare;
    kh_status status = KH_OK;

    c->ended_ms = kh_write_now_ms(write);
    c->attempts = 0;
    c->not_before_ms = 0;
    if (c->believed)
        status = make_findings(write, c, e->apart_ms, err);
    if (status == KH_OK)
        status = c->believed ? remember_told(write, c, err) : forget_told(write, c->node_id, err);
    if (status == KH_OK)
        status = end_unshown(write, c, err);
    if (status == KH_OK)
        status = store(write, c, err);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_FINDING, 0, err) : status;
}

kh_status kh_compare_end(kh_cache *cache, kh_compare *compare, bool believed, int64_t apart_ms, kh_error *err)
{
    kh_compare after = *compare;
    ending e = {&after, apart_ms};
    kh_status status;

    after.believed = believed;
    status = kh_cache_write(cache, end_round, &e, err);
    if (status == KH_OK)
        *compare = after;
    return status;
}
