/* compares.c - rounds: where the comparison of each node stands, and what its end makes of what was answered. */
#include "cache/compares.h"

#include "cache/compare_rows.h"

#define COMPARE_COLUMNS                                                                                                                    \
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

static void take_compare(kh_sql_row *row, void *context)
{
    read_compare(row, context);
}

kh_status kh_compare_find(kh_cache *cache, int64_t node_id, kh_compare *out, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(node_id);

    *out = (kh_compare){.node_id = node_id};
    return kh_cache_first(cache, "SELECT " COMPARE_COLUMNS " FROM compare_round WHERE node_id = ?1", &value, 1, take_compare, out, err);
}

typedef struct telling {
    kh_compare_visit *visit;
    void *context;
} telling;

static kh_status tell_compare(kh_sql_row *row, void *context, kh_error *err)
{
    const telling *of = context;
    kh_compare compare;

    (void)err;
    read_compare(row, &compare);
    return of->visit(of->context, &compare);
}

kh_status kh_compare_list(kh_cache *cache, kh_compare_visit *visit, void *context, kh_error *err)
{
    telling of = {visit, context};

    return kh_cache_each(cache, "SELECT " COMPARE_COLUMNS " FROM compare_round ORDER BY node_id", NULL, 0, tell_compare, &of, err);
}

kh_status kh_compare_store(kh_write *write, const kh_compare *c, kh_error *err)
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
    return kh_compare_store(write, context, err);
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
                      "UPDATE compare_study INDEXED BY compare_study_told SET told = 0 WHERE node_id = ?1 AND told > 0", &value, 1, NULL,
                      err);
}

static kh_status begin(kh_write *write, void *context, kh_error *err)
{
    kh_compare *c = context;
    kh_status status = forget_told(write, c->node_id, err);

    *c = (kh_compare){.node_id = c->node_id, .began_ms = kh_write_now_ms(write)};
    return status == KH_OK ? kh_compare_store(write, c, err) : status;
}

kh_status kh_compare_begin(kh_cache *cache, kh_compare *compare, kh_error *err)
{
    return kh_cache_write(cache, begin, compare, err);
}

/* ---- the end of a round ---- */

/* One that is over already begins anew. */
static kh_status make_findings(kh_write *write, kh_compare *c, int64_t apart_ms, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(c->node_id), KH_SQL_I(kh_write_now_ms(write)), KH_SQL_I(apart_ms)};

    return kh_sql_run(
        kh_write_sql(write),
        "INSERT INTO finding (kind, node_id, study_ref, state, here, there, missing, since_ms, noticed_ms)"
        " SELECT t.told, t.node_id, t.study_ref, 0, iif(t.told = 2, p.patient_id, ''), t.there, t.missing,"
        " iif(t.kind = t.told, t.since_ms, t.when_ms), ?2 FROM compare_study t INDEXED BY compare_study_told JOIN study s ON s.id = t.study_ref"
        " JOIN patient p ON p.id = s.patient_ref WHERE t.node_id = ?1 AND t.told > 0"
        " AND (t.told IN (2, 4) OR t.kind = t.told AND t.when_ms - t.since_ms >= ?3) ORDER BY t.study_ref"
        " ON CONFLICT (study_ref, node_id, kind, there) DO UPDATE SET state = 0, here = excluded.here, missing = excluded.missing,"
        " since_ms = excluded.since_ms, noticed_ms = excluded.noticed_ms, ended_ms = 0, ended_by = '', change_id = 0"
        " WHERE state = 3 OR kind = 3 AND " KH_IS_FOLLOWED("finding"),
        values, 3, &c->findings, err);
}

/* Objects that are hidden here as missing there, and are there: once is enough, as with a study. */
static kh_status make_reappeared(kh_write *write, kh_compare *c, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(c->node_id), KH_SQL_I(kh_write_now_ms(write))};
    int64_t made = 0;
    kh_status status = kh_sql_run(
        kh_write_sql(write),
        "INSERT INTO finding (kind, node_id, study_ref, state, here, there, missing, since_ms, noticed_ms)"
        " SELECT 5, b.node_id, b.study_ref, 0, '', '', count(*), ?2, ?2 FROM compare_back b JOIN object o ON o.id = b.object_ref"
        " WHERE b.node_id = ?1 AND o.hidden > 0 GROUP BY b.study_ref"
        " ON CONFLICT (study_ref, node_id, kind, there) DO UPDATE SET state = 0, missing = excluded.missing,"
        " since_ms = excluded.since_ms, noticed_ms = excluded.noticed_ms, ended_ms = 0, ended_by = '', change_id = 0"
        " WHERE state = 3 OR " KH_IS_FOLLOWED("finding"),
        values, 2, &made, err);

    c->findings += made;
    return status;
}

static kh_status remember_told(kh_write *write, const kh_compare *c, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(c->node_id);

    return kh_sql_run(
        kh_write_sql(write),
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
                      " AND (SELECT object_count FROM study WHERE id = study_ref) = 0"
                      " AND (kind <> 5 OR " KH_HIDDEN_OTHERWISE("finding.study_ref") ")",
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
    if (status == KH_OK && c->believed)
        status = make_reappeared(write, c, err);
    if (status == KH_OK)
        status = c->believed ? remember_told(write, c, err) : forget_told(write, c->node_id, err);
    if (status == KH_OK)
        status = end_unshown(write, c, err);
    if (status == KH_OK)
        status = kh_compare_store(write, c, err);
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
