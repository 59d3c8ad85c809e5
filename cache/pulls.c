#include "cache/pulls.h"

#include <string.h>
#include "base/clock.h"
#include "cache/internal.h"

#define PULL_COLUMNS                                                                                                           \
    "id, node_id, study_uid, priority, state, expected, received, failed, attempts, not_before_ms, created_ms, updated_ms,"    \
    " reason, asked_by"
#define PRIORITY_LAST 2

/* The schema says `state < 2` of jobs that are open. */
_Static_assert(KH_PULL_WAITING == 0 && KH_PULL_RUNNING == 1, "states stand in the index by their numbers");

const char *kh_pull_state_text(kh_pull_state state)
{
    static const char *const texts[] = {
        [KH_PULL_WAITING] = "waiting",       [KH_PULL_RUNNING] = "running", [KH_PULL_COMPLETE] = "complete",
        [KH_PULL_PARTIAL] = "partial",       [KH_PULL_UNVERIFIED] = "unverified", [KH_PULL_FAILED] = "failed",
        [KH_PULL_CANCELLED] = "cancelled",
    };

    return (unsigned)state < sizeof texts / sizeof texts[0] ? texts[state] : "unknown";
}

static void read_pull(kh_sql_row *row, kh_pull *out)
{
    memset(out, 0, sizeof *out);
    out->id = kh_sql_int(row, 0);
    out->node_id = kh_sql_int(row, 1);
    KH_COPY(out->study_uid, kh_sql_text(row, 2));
    out->priority = (int32_t)kh_sql_int(row, 3);
    out->state = (kh_pull_state)kh_sql_int(row, 4);
    out->expected = kh_sql_int(row, 5);
    out->received = kh_sql_int(row, 6);
    out->failed = kh_sql_int(row, 7);
    out->attempts = (int32_t)kh_sql_int(row, 8);
    out->not_before_ms = kh_sql_int(row, 9);
    out->created_ms = kh_sql_int(row, 10);
    out->updated_ms = kh_sql_int(row, 11);
    KH_COPY(out->reason, kh_sql_text(row, 12));
    KH_COPY(out->asked_by, kh_sql_text(row, 13));
}

/* The first row, or KH_E_NOT_FOUND without a message. */
static kh_status first_pull(kh_sql *sql, const char *query, const kh_sql_value *values, size_t count, kh_pull *out, kh_error *err)
{
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(&row, sql, query, values, count, err);

    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && has_row)
        read_pull(row, out);
    else if (status == KH_OK)
        status = KH_E_NOT_FOUND;
    kh_sql_end(row);
    return status;
}

typedef struct filing {
    int64_t node_id, pull_id;
    const char *study_uid, *asked_by;
    int32_t priority;
} filing;

static kh_status raise_priority(kh_write *write, const kh_pull *open, int32_t priority, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(open->id), KH_SQL_I(priority), KH_SQL_I(kh_write_now_ms(write))};
    kh_status status;

    if (priority >= open->priority)
        return KH_OK;
    status = kh_sql_run(kh_write_sql(write), "UPDATE pull SET priority = ?2, updated_ms = ?3 WHERE id = ?1", values, 3, NULL, err);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_PULL, open->id, err) : status;
}

static kh_status insert_pull(kh_write *write, filing *f, kh_error *err)
{
    kh_sql *sql = kh_write_sql(write);
    int64_t now_ms = kh_write_now_ms(write), changed = 0;
    const kh_sql_value values[] = {KH_SQL_I(f->node_id), KH_SQL_T(f->study_uid), KH_SQL_I(f->priority), KH_SQL_I(now_ms),
                                   KH_SQL_T(f->asked_by)};
    kh_status status = kh_sql_run(sql,
                                  "INSERT INTO pull (node_id, facility, study_uid, priority, state, expected, received, failed,"
                                  " attempts, not_before_ms, created_ms, updated_ms, reason, asked_by)"
                                  " SELECT id, facility, ?2, ?3, 0, -1, 0, 0, 0, ?4, ?4, ?4, '', ?5 FROM node WHERE id = ?1",
                                  values, 5, &changed, err);

    if (status != KH_OK)
        return status;
    if (changed == 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "no node %lld", (long long)f->node_id);
    f->pull_id = kh_sql_last_id(sql);
    return kh_write_event(write, KH_EVENT_PULL, f->pull_id, err);
}

static kh_status file_pull(kh_write *write, void *context, kh_error *err)
{
    filing *f = context;
    const kh_sql_value values[] = {KH_SQL_I(f->node_id), KH_SQL_T(f->study_uid)};
    kh_pull open;
    kh_status status =
        first_pull(kh_write_sql(write), "SELECT " PULL_COLUMNS " FROM pull WHERE node_id = ?1 AND study_uid = ?2 AND state < 2",
                   values, 2, &open, err);

    if (status == KH_E_NOT_FOUND)
        return insert_pull(write, f, err);
    if (status != KH_OK)
        return status;
    f->pull_id = open.id;
    return raise_priority(write, &open, f->priority, err);
}

kh_status kh_pull_file(kh_cache *cache, int64_t node_id, const char *study_uid, int32_t priority, const char *asked_by,
                       int64_t *pull_id, kh_error *err)
{
    filing f = {.node_id = node_id, .study_uid = study_uid, .priority = priority, .asked_by = asked_by ? asked_by : ""};
    kh_status status;

    *pull_id = 0;
    if (!study_uid || !kh_uid_plausible(study_uid))
        return kh_error_set(err, KH_E_ARG, "study must be a Study Instance UID: 1 to 64 of [0-9.]");
    if (priority < 0 || priority > PRIORITY_LAST)
        return kh_error_set(err, KH_E_ARG, "priority %d, expected 0 to %d", (int)priority, PRIORITY_LAST);
    if (strlen(f.asked_by) >= sizeof((kh_pull *)0)->asked_by)
        return kh_error_set(err, KH_E_ARG, "asked_by of %zu bytes, expected at most 64", strlen(f.asked_by));
    status = kh_cache_write(cache, file_pull, &f, err);
    if (status == KH_OK)
        *pull_id = f.pull_id;
    return status;
}

#define MOST_URGENT_DUE                                                                                                        \
    "SELECT " PULL_COLUMNS " FROM pull WHERE state = 0 AND state < 2 AND not_before_ms <= ?1 ORDER BY priority, id LIMIT 1"

static kh_status take_pull(kh_write *write, void *context, kh_error *err)
{
    kh_pull *out = context;
    int64_t now_ms = kh_write_now_ms(write);
    const kh_sql_value now = KH_SQL_I(now_ms);
    kh_sql_value values[] = {KH_SQL_N, KH_SQL_I(KH_PULL_RUNNING), now};
    kh_status status = first_pull(kh_write_sql(write), MOST_URGENT_DUE, &now, 1, out, err);

    if (status != KH_OK)
        return status;
    values[0] = KH_SQL_I(out->id);
    out->state = KH_PULL_RUNNING;
    out->updated_ms = now_ms;
    status = kh_sql_run(kh_write_sql(write), "UPDATE pull SET state = ?2, updated_ms = ?3 WHERE id = ?1", values, 3, NULL, err);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_PULL, out->id, err) : status;
}

kh_status kh_pull_take(kh_cache *cache, kh_pull *out, kh_error *err)
{
    const kh_sql_value now = KH_SQL_I(kh_clock_wall_ms());
    kh_sql *sql;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    /* Looked at first: asking often must not cost a transaction each time. */
    if (status == KH_OK)
        status = first_pull(sql, MOST_URGENT_DUE, &now, 1, out, err);
    kh_reader_release(cache->readers, sql);
    if (status == KH_OK)
        status = kh_cache_write(cache, take_pull, out, err);
    if (status != KH_OK)
        memset(out, 0, sizeof *out);
    return status == KH_E_NOT_FOUND ? kh_error_set(err, status, "no pull job is due") : status;
}

static kh_status update_pull(kh_write *write, void *context, kh_error *err)
{
    const kh_pull *pull = context;
    int64_t changed = 0;
    const kh_sql_value values[] = {
        KH_SQL_I(pull->id),       KH_SQL_I(pull->state),         KH_SQL_I(pull->expected), KH_SQL_I(pull->received), KH_SQL_I(pull->failed),
        KH_SQL_I(pull->attempts), KH_SQL_I(pull->not_before_ms), KH_SQL_T(pull->reason),   KH_SQL_I(kh_write_now_ms(write))};
    kh_status status = kh_sql_run(kh_write_sql(write),
                                  "UPDATE pull SET state = ?2, expected = ?3, received = ?4, failed = ?5, attempts = ?6,"
                                  " not_before_ms = ?7, reason = ?8, updated_ms = ?9 WHERE id = ?1",
                                  values, 9, &changed, err);

    if (status == KH_E_CONFLICT)
        return status;
    if (status == KH_OK && changed == 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "no pull %lld", (long long)pull->id);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_PULL, pull->id, err) : status;
}

kh_status kh_pull_update(kh_cache *cache, const kh_pull *pull, kh_error *err)
{
    if ((unsigned)pull->state > KH_PULL_CANCELLED)
        return kh_error_set(err, KH_E_ARG, "pull state %d, expected 0 to %d", (int)pull->state, KH_PULL_CANCELLED);
    return kh_cache_write(cache, update_pull, (void *)(uintptr_t)pull, err);
}

kh_status kh_pull_find(kh_cache *cache, int64_t id, kh_pull *out, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(id);
    kh_sql *sql;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    memset(out, 0, sizeof *out);
    if (status == KH_OK)
        status = first_pull(sql, "SELECT " PULL_COLUMNS " FROM pull WHERE id = ?1", &value, 1, out, err);
    kh_reader_release(cache->readers, sql);
    return status == KH_E_NOT_FOUND ? kh_error_set(err, status, "no pull %lld", (long long)id) : status;
}

kh_status kh_pull_list(kh_cache *cache, bool open_only, int64_t limit, kh_pull_visit *visit, void *context, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(limit);
    kh_sql *sql = NULL;
    kh_sql_row *row = NULL;
    bool has_row;
    kh_status status;

    if (limit < 1)
        return kh_error_set(err, KH_E_ARG, "limit %lld, expected 1 or more", (long long)limit);
    status = kh_reader_acquire(&sql, cache->readers, err);
    if (status == KH_OK)
        status = kh_sql_query(&row, sql,
                              open_only ? "SELECT " PULL_COLUMNS " FROM pull INDEXED BY pull_open WHERE state < 2 ORDER BY id DESC LIMIT ?1"
                                        : "SELECT " PULL_COLUMNS " FROM pull ORDER BY id DESC LIMIT ?1",
                              &value, 1, err);
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        kh_pull pull;

        read_pull(row, &pull);
        status = visit(context, &pull);
    }
    kh_sql_end(row);
    kh_reader_release(cache->readers, sql);
    return status;
}

static kh_status recover_pulls(kh_write *write, void *context, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(kh_write_now_ms(write));

    (void)context;
    return kh_sql_run(kh_write_sql(write), "UPDATE pull SET state = 0, not_before_ms = min(not_before_ms, ?1), updated_ms = ?1 WHERE state = 1",
                      &value, 1, NULL, err);
}

kh_status kh_pull_recover(kh_cache *cache, kh_error *err)
{
    return kh_cache_write(cache, recover_pulls, NULL, err);
}
