#include "cache/lookups.h"

#include <string.h>
#include "base/clock.h"
#include "cache/internal.h"

#define LOOKUP_COLUMNS "id, rule_id, node_id, study_ref, state, found, filed, attempts, not_before_ms, updated_ms, reason"
#define HOUR_MS 3600000

/* --- earlier studies --- */

static void lookup_of_row(kh_sql_row *row, void *context)
{
    kh_lookup *out = context;

    *out = (kh_lookup){.id = kh_sql_int(row, 0),
                       .rule_id = kh_sql_int(row, 1),
                       .node_id = kh_sql_int(row, 2),
                       .study_id = kh_sql_int(row, 3),
                       .state = (kh_lookup_state)kh_sql_int(row, 4),
                       .found = kh_sql_int(row, 5),
                       .filed = kh_sql_int(row, 6),
                       .attempts = (int32_t)kh_sql_int(row, 7),
                       .not_before_ms = kh_sql_int(row, 8),
                       .updated_ms = kh_sql_int(row, 9)};
    KH_COPY(out->reason, kh_sql_text(row, 10));
}

typedef struct lookup_filing {
    int64_t rule_id, node_id, study_id;
    bool again;
} lookup_filing;

static kh_status file_lookup(kh_write *write, void *context, kh_error *err)
{
    const lookup_filing *f = context;
    const kh_sql_value values[] = {KH_SQL_I(f->rule_id), KH_SQL_I(f->node_id), KH_SQL_I(f->study_id), KH_SQL_I(kh_write_now_ms(write))};

    return kh_sql_run(
        kh_write_sql(write),
        f->again ? "INSERT INTO lookup (rule_id, node_id, study_ref, state, found, filed, attempts, not_before_ms, updated_ms, reason)"
                   " VALUES (?1, ?2, ?3, 0, 0, 0, 0, ?4, ?4, '')"
                   " ON CONFLICT DO UPDATE SET state = 0, attempts = 0, not_before_ms = ?4, updated_ms = ?4"
                 : "INSERT INTO lookup (rule_id, node_id, study_ref, state, found, filed, attempts, not_before_ms, updated_ms, reason)"
                   " VALUES (?1, ?2, ?3, 0, 0, 0, 0, ?4, ?4, '') ON CONFLICT DO NOTHING",
        values, 4, NULL, err);
}

kh_status kh_lookup_file(kh_cache *cache, int64_t rule_id, int64_t node_id, int64_t study_id, bool again, kh_error *err)
{
    lookup_filing f = {rule_id, node_id, study_id, again};

    return kh_cache_write(cache, file_lookup, &f, err);
}

kh_status kh_lookup_next(kh_cache *cache, int64_t delay_max_ms, kh_lookup *out, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(kh_clock_wall_ms()), KH_SQL_I(delay_max_ms)};

    memset(out, 0, sizeof *out);
    return kh_cache_first(cache,
                          "SELECT " LOOKUP_COLUMNS " FROM lookup WHERE state = 0 AND (not_before_ms <= ?1 OR not_before_ms > ?1 + ?2)"
                          " ORDER BY id LIMIT 1",
                          values, 2, lookup_of_row, out, err);
}

static kh_status update_lookup(kh_write *write, void *context, kh_error *err)
{
    const kh_lookup *l = context;
    const kh_sql_value values[] = {
        KH_SQL_I(l->id),       KH_SQL_I(l->state),         KH_SQL_I(l->found),  KH_SQL_I(l->filed),
        KH_SQL_I(l->attempts), KH_SQL_I(l->not_before_ms), KH_SQL_T(l->reason), KH_SQL_I(kh_write_now_ms(write))};
    kh_status status = kh_sql_run(kh_write_sql(write),
                                  "UPDATE lookup SET state = ?2, found = ?3, filed = ?4, attempts = ?5, not_before_ms = ?6, reason = ?7,"
                                  " updated_ms = ?8 WHERE id = ?1",
                                  values, 8, NULL, err);

    return status == KH_OK ? kh_write_event(write, KH_EVENT_RULE, l->rule_id, err) : status;
}

kh_status kh_lookup_update(kh_cache *cache, const kh_lookup *lookup, kh_error *err)
{
    return kh_cache_write(cache, update_lookup, (void *)(uintptr_t)lookup, err);
}

typedef struct telling {
    kh_lookup_visit *visit;
    void *context;
} telling;

static kh_status tell_lookup(kh_sql_row *row, void *context, kh_error *err)
{
    const telling *of = context;
    kh_lookup lookup;

    (void)err;
    lookup_of_row(row, &lookup);
    return of->visit(of->context, &lookup);
}

kh_status kh_lookup_list(kh_cache *cache, int64_t limit, kh_lookup_visit *visit, void *context, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(limit);
    telling of = {visit, context};

    if (limit < 1)
        return kh_error_set(err, KH_E_ARG, "limit %lld, expected 1 or more", (long long)limit);
    return kh_cache_each(cache, "SELECT " LOOKUP_COLUMNS " FROM lookup ORDER BY id DESC LIMIT ?1", &value, 1, tell_lookup, &of, err);
}

static void take_counts(kh_sql_row *row, void *context)
{
    kh_lookup_counts *out = context;

    *out = (kh_lookup_counts){kh_sql_int(row, 0), kh_sql_int(row, 1), kh_sql_int(row, 2), kh_sql_int(row, 3), kh_sql_int(row, 4), ""};
    KH_COPY(out->reason, kh_sql_text(row, 5));
}

kh_status kh_lookup_count(kh_cache *cache, int64_t rule_id, kh_lookup_counts *out, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(rule_id);

    memset(out, 0, sizeof *out);
    return kh_cache_first(cache,
                          "SELECT coalesce(sum(state = 0), 0), coalesce(sum(state = 1), 0), coalesce(sum(state = 2), 0),"
                          " coalesce(sum(found), 0), coalesce(sum(filed), 0), coalesce((SELECT reason FROM lookup"
                          " WHERE rule_id = ?1 AND reason <> '' ORDER BY updated_ms DESC, id DESC LIMIT 1), '')"
                          " FROM lookup WHERE rule_id = ?1",
                          &value, 1, take_counts, out, err);
}

static kh_status retry_lookups(kh_write *write, void *context, kh_error *err)
{
    int64_t rule_id = *(const int64_t *)context;
    const kh_sql_value values[] = {KH_SQL_I(rule_id), KH_SQL_I(kh_write_now_ms(write))};
    kh_status status = kh_sql_run(kh_write_sql(write),
                                  "UPDATE lookup SET state = 0, attempts = 0, not_before_ms = ?2, updated_ms = ?2, reason = ''"
                                  " WHERE rule_id = ?1 AND state <> 1",
                                  values, 2, NULL, err);

    return status == KH_OK ? kh_write_event(write, KH_EVENT_RULE, rule_id, err) : status;
}

kh_status kh_lookup_retry(kh_cache *cache, int64_t rule_id, kh_error *err)
{
    return kh_cache_write(cache, retry_lookups, &rule_id, err);
}

/* --- back-fills --- */

const char *kh_backfill_state_text(kh_backfill_state state)
{
    static const char *const texts[] = {[KH_BACKFILL_WALKING] = "walking",
                                        [KH_BACKFILL_FETCHING] = "fetching",
                                        [KH_BACKFILL_DONE] = "done",
                                        [KH_BACKFILL_CANCELLED] = "cancelled"};

    return (unsigned)state < sizeof texts / sizeof texts[0] ? texts[state] : "unknown";
}

static void backfill_of_row(kh_sql_row *row, void *context)
{
    kh_backfill *out = context;

    *out = (kh_backfill){.rule_id = kh_sql_int(row, 9),
                         .state = (kh_backfill_state)kh_sql_int(row, 0),
                         .days_done = kh_sql_int(row, 2),
                         .found = kh_sql_int(row, 3),
                         .held = kh_sql_int(row, 4),
                         .attempts = (int32_t)kh_sql_int(row, 5),
                         .not_before_ms = kh_sql_int(row, 6),
                         .updated_ms = kh_sql_int(row, 7)};
    KH_COPY(out->day, kh_sql_text(row, 1));
    KH_COPY(out->reason, kh_sql_text(row, 8));
}

static kh_status read_backfill(kh_sql *sql, int64_t rule_id, kh_backfill *out, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(rule_id);
    kh_status status =
        kh_sql_first(sql,
                     "SELECT state, day, days_done, found, held, attempts, not_before_ms, updated_ms, reason, rule_id FROM backfill"
                     " WHERE rule_id = ?1",
                     &value, 1, backfill_of_row, out, err);

    return status == KH_E_NOT_FOUND ? kh_error_set(err, status, "rule %lld is no back-fill", (long long)rule_id) : status;
}

kh_status kh_backfill_find(kh_cache *cache, int64_t rule_id, kh_backfill *out, kh_error *err)
{
    kh_sql *sql;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    memset(out, 0, sizeof *out);
    if (status == KH_OK)
        status = read_backfill(sql, rule_id, out, err);
    kh_reader_release(cache->readers, sql);
    return status;
}

static void take_pulls(kh_sql_row *row, void *context)
{
    *(kh_backfill_pulls *)context =
        (kh_backfill_pulls){kh_sql_int(row, 0), kh_sql_int(row, 1), kh_sql_int(row, 2), kh_sql_int(row, 3), kh_sql_int(row, 4)};
}

/* A clock that was set back leaves rows of the future: they belong to no hour that is counted. */
kh_status kh_backfill_count(kh_cache *cache, int64_t rule_id, kh_backfill_pulls *out, kh_error *err)
{
    int64_t now_ms = kh_clock_wall_ms();
    const kh_sql_value values[] = {KH_SQL_I(rule_id), KH_SQL_I(now_ms - HOUR_MS), KH_SQL_I(now_ms)};

    memset(out, 0, sizeof *out);
    return kh_cache_first(cache,
                          "SELECT coalesce(sum(state < 2), 0), coalesce(sum(state IN (2, 4)), 0), coalesce(sum(state IN (3, 5, 6)), 0),"
                          " coalesce(sum(created_ms BETWEEN ?2 AND ?3), 0), coalesce(sum(iif(updated_ms BETWEEN ?2 AND ?3, bytes, 0)), 0)"
                          " FROM pull WHERE rule_id = ?1 AND rule_id > 0 AND compare = 0",
                          values, 3, take_pulls, out, err);
}

static void take_count(kh_sql_row *row, void *context)
{
    *(int64_t *)context = kh_sql_int(row, 0);
}

kh_status kh_pull_count_last_hour(kh_cache *cache, const char *asked_by, int64_t *count, kh_error *err)
{
    int64_t now_ms = kh_clock_wall_ms();
    const kh_sql_value values[] = {KH_SQL_T(asked_by), KH_SQL_I(now_ms - HOUR_MS), KH_SQL_I(now_ms)};

    *count = 0;
    return kh_cache_first(cache,
                          "SELECT count(*) FROM (SELECT asked_by, created_ms FROM pull ORDER BY id DESC LIMIT 100000)"
                          " WHERE asked_by = ?1 AND created_ms BETWEEN ?2 AND ?3",
                          values, 3, take_count, count, err);
}

static kh_status update_backfill(kh_write *write, void *context, kh_error *err)
{
    const kh_backfill *b = context;
    const kh_sql_value values[] = {KH_SQL_I(b->rule_id),  KH_SQL_I(b->state),
                                   KH_SQL_T(b->day),      KH_SQL_I(b->days_done),
                                   KH_SQL_I(b->found),    KH_SQL_I(b->held),
                                   KH_SQL_I(b->attempts), KH_SQL_I(b->not_before_ms),
                                   KH_SQL_T(b->reason),   KH_SQL_I(kh_write_now_ms(write))};
    kh_status status = kh_sql_run(kh_write_sql(write),
                                  "UPDATE backfill SET state = ?2, day = ?3, days_done = ?4, found = ?5, held = ?6, attempts = ?7,"
                                  " not_before_ms = ?8, reason = ?9, updated_ms = ?10 WHERE rule_id = ?1 AND state <> 3",
                                  values, 10, NULL, err);

    return status == KH_OK ? kh_write_event(write, KH_EVENT_RULE, b->rule_id, err) : status;
}

kh_status kh_backfill_update(kh_cache *cache, const kh_backfill *backfill, kh_error *err)
{
    return kh_cache_write(cache, update_backfill, (void *)(uintptr_t)backfill, err);
}

static kh_status cancel_backfill(kh_write *write, void *context, kh_error *err)
{
    int64_t rule_id = *(const int64_t *)context;
    const kh_sql_value values[] = {KH_SQL_I(rule_id), KH_SQL_I(kh_write_now_ms(write))};
    kh_backfill backfill;
    kh_status status = read_backfill(kh_write_sql(write), rule_id, &backfill, err);

    if (status == KH_OK && backfill.state >= KH_BACKFILL_DONE)
        return kh_error_set(err, KH_E_CONFLICT, "the back-fill is %s already", kh_backfill_state_text(backfill.state));
    if (status == KH_OK)
        status = kh_sql_run(kh_write_sql(write), "UPDATE backfill SET state = 3, updated_ms = ?2, reason = '' WHERE rule_id = ?1", values,
                            2, NULL, err);
    if (status == KH_OK)
        status = kh_sql_run(
            kh_write_sql(write),
            "UPDATE pull SET state = 6, updated_ms = ?2, reason = 'the back-fill was cancelled' WHERE rule_id = ?1 AND state = 0", values,
            2, NULL, err);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_RULE, rule_id, err) : status;
}

kh_status kh_backfill_cancel(kh_cache *cache, int64_t rule_id, kh_error *err)
{
    return kh_cache_write(cache, cancel_backfill, &rule_id, err);
}

/* A study that was asked for again meanwhile keeps its newer pull. */
static kh_status retry_backfill(kh_write *write, void *context, kh_error *err)
{
    int64_t rule_id = *(const int64_t *)context;
    const kh_sql_value values[] = {KH_SQL_I(rule_id), KH_SQL_I(kh_write_now_ms(write))};
    kh_backfill backfill;
    kh_status status = read_backfill(kh_write_sql(write), rule_id, &backfill, err);

    if (status == KH_OK)
        status =
            kh_sql_run(kh_write_sql(write),
                       "UPDATE OR IGNORE pull SET state = 0, attempts = 0, not_before_ms = ?2, updated_ms = ?2, reason = ''"
                       " WHERE rule_id = ?1 AND rule_id > 0 AND state IN (3, 5, 6)"
                       " AND NOT EXISTS (SELECT 1 FROM pull newer WHERE newer.study_uid = pull.study_uid AND newer.node_id = pull.node_id"
                       " AND newer.id > pull.id)",
                       values, 2, NULL, err);
    if (status == KH_OK)
        status =
            kh_sql_run(kh_write_sql(write),
                       "UPDATE backfill SET state = iif(state = 1 OR state = 2, 1, 0), attempts = 0, not_before_ms = ?2, updated_ms = ?2,"
                       " reason = '' WHERE rule_id = ?1",
                       values, 2, NULL, err);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_RULE, rule_id, err) : status;
}

kh_status kh_backfill_retry(kh_cache *cache, int64_t rule_id, kh_error *err)
{
    return kh_cache_write(cache, retry_backfill, &rule_id, err);
}

/* --- what is known of studies --- */

static void take_known(kh_sql_row *row, void *context)
{
    *(kh_study_known *)context =
        (kh_study_known){kh_sql_int(row, 0) != 0, kh_sql_int(row, 1) != 0, kh_sql_int(row, 2) != 0, kh_sql_int(row, 3) != 0};
}

kh_status kh_study_look_up(kh_cache *cache, const char *facility, const char *study_uid, int64_t instances, int64_t rule_id,
                           kh_study_known *out, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_T(facility), KH_SQL_T(study_uid), KH_SQL_I(instances), KH_SQL_I(rule_id)};

    memset(out, 0, sizeof *out);
    return kh_cache_first(
        cache,
        "SELECT EXISTS (SELECT 1 FROM study s JOIN patient p ON p.id = s.patient_ref"
        " JOIN facility f ON f.id = p.facility_id WHERE s.study_uid = ?2 AND f.name = ?1 AND s.object_count > 0"
        " AND s.away_count = 0 AND s.object_count >= ?3), EXISTS (SELECT 1 FROM study s JOIN patient p ON p.id = s.patient_ref"
        " JOIN facility f ON f.id = p.facility_id WHERE s.study_uid = ?2 AND f.name = ?1 AND s.away_count > 0),"
        " EXISTS (SELECT 1 FROM pull WHERE study_uid = ?2 AND facility = ?1),"
        " EXISTS (SELECT 1 FROM pull WHERE study_uid = ?2 AND facility = ?1 AND rule_id = ?4)",
        values, 4, take_known, out, err);
}

typedef struct telling_sources {
    kh_source_visit *visit;
    void *context;
} telling_sources;

static kh_status tell_source(kh_sql_row *row, void *context, kh_error *err)
{
    const telling_sources *of = context;

    (void)err;
    return of->visit(of->context, kh_sql_text(row, 0));
}

kh_status kh_study_sources(kh_cache *cache, int64_t study_id, kh_source_visit *visit, void *context, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(study_id);
    telling_sources of = {visit, context};

    return kh_cache_each(cache,
                         "SELECT DISTINCT g.source FROM series r JOIN object o ON o.series_ref = r.id JOIN origin g ON g.id = o.origin_id"
                         " WHERE r.study_ref = ?1 ORDER BY g.source",
                         &value, 1, tell_source, &of, err);
}
