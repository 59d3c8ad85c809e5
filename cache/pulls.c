#include "cache/pulls.h"

#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "cache/internal.h"

#define PULL_COLUMNS                                                                                                           \
    "id, node_id, study_uid, priority, state, expected, received, failed, attempts, not_before_ms, created_ms, updated_ms,"    \
    " reason, asked_by, rule_id, compare, bytes"
#define PRIORITY_LAST 2
#define DELAY_LONGEST_MS 3600000 /* [pull] retry_longest goes up to here */

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

static void pull_of_row(kh_sql_row *row, void *context)
{
    kh_pull *out = context;

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
    out->rule_id = kh_sql_int(row, 14);
    out->compare = kh_sql_int(row, 15) != 0;
    out->bytes = kh_sql_int(row, 16);
}

typedef struct filing {
    const kh_pull_filing *what;
    int64_t pull_id;
} filing;

/* What a person asks for is more than a comparison. */
static kh_status raise_priority(kh_write *write, const kh_pull *open, const kh_pull_filing *what, kh_error *err)
{
    bool at_once = what->priority == 0 && open->state == KH_PULL_WAITING;
    int32_t priority = what->priority < open->priority ? what->priority : open->priority;
    const kh_sql_value values[] = {KH_SQL_I(open->id), KH_SQL_I(priority), KH_SQL_I(kh_write_now_ms(write)),
                                   KH_SQL_I(open->compare && what->compare), KH_SQL_I(at_once)};
    kh_status status;

    if (priority == open->priority && !at_once && (!open->compare || what->compare))
        return KH_OK;
    status = kh_sql_run(kh_write_sql(write),
                        "UPDATE pull SET priority = ?2, updated_ms = ?3, compare = ?4, not_before_ms = iif(?5, ?3, not_before_ms)"
                        " WHERE id = ?1",
                        values, 5, NULL, err);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_PULL, open->id, err) : status;
}

static kh_status insert_pull(kh_write *write, filing *f, kh_error *err)
{
    kh_sql *sql = kh_write_sql(write);
    const kh_pull_filing *what = f->what;
    int64_t now_ms = kh_write_now_ms(write), changed = 0;
    const kh_sql_value values[] = {KH_SQL_I(what->node_id), KH_SQL_T(what->study_uid), KH_SQL_I(what->priority), KH_SQL_I(now_ms),
                                   KH_SQL_T(what->asked_by), KH_SQL_I(what->rule_id), KH_SQL_I(what->compare)};
    kh_status status = kh_sql_run(sql,
                                  "INSERT INTO pull (node_id, facility, study_uid, priority, state, expected, received, failed,"
                                  " attempts, not_before_ms, created_ms, updated_ms, reason, asked_by, rule_id, compare)"
                                  " SELECT id, facility, ?2, ?3, 0, -1, 0, 0, 0, ?4, ?4, ?4, '', ?5, ?6, ?7 FROM node WHERE id = ?1",
                                  values, 7, &changed, err);

    if (status != KH_OK)
        return status;
    if (changed == 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "no node %lld", (long long)what->node_id);
    f->pull_id = kh_sql_last_id(sql);
    return kh_write_event(write, KH_EVENT_PULL, f->pull_id, err);
}

static kh_status file_pull(kh_write *write, void *context, kh_error *err)
{
    filing *f = context;
    const kh_sql_value values[] = {KH_SQL_I(f->what->node_id), KH_SQL_T(f->what->study_uid)};
    kh_pull open;
    kh_status status =
        kh_sql_first(kh_write_sql(write), "SELECT " PULL_COLUMNS " FROM pull WHERE node_id = ?1 AND study_uid = ?2 AND state < 2",
                     values, 2, pull_of_row, &open, err);

    if (status == KH_E_NOT_FOUND)
        return insert_pull(write, f, err);
    if (status != KH_OK)
        return status;
    f->pull_id = open.id;
    return raise_priority(write, &open, f->what, err);
}

static kh_status check_priority(int32_t priority, kh_error *err)
{
    if (priority < 0 || priority > PRIORITY_LAST)
        return kh_error_set(err, KH_E_ARG, "priority %d, expected 0 to %d", (int)priority, PRIORITY_LAST);
    return KH_OK;
}

kh_status kh_pull_file_as(kh_cache *cache, const kh_pull_filing *what, int64_t *pull_id, kh_error *err)
{
    filing f = {.what = what};
    kh_status status;

    *pull_id = 0;
    if (!what->study_uid || !kh_uid_plausible(what->study_uid))
        return kh_error_set(err, KH_E_ARG, "study must be a Study Instance UID: 1 to 64 of [0-9.]");
    if (strlen(what->asked_by) >= sizeof((kh_pull *)0)->asked_by)
        return kh_error_set(err, KH_E_ARG, "asked_by of %zu bytes, expected at most 64", strlen(what->asked_by));
    status = check_priority(what->priority, err);
    if (status == KH_OK)
        status = kh_cache_write(cache, file_pull, &f, err);
    if (status == KH_OK)
        *pull_id = f.pull_id;
    return status;
}

kh_status kh_pull_file(kh_cache *cache, int64_t node_id, const char *study_uid, int32_t priority, const char *asked_by,
                       int64_t *pull_id, kh_error *err)
{
    const kh_pull_filing what = {
        .node_id = node_id, .study_uid = study_uid, .priority = priority, .asked_by = asked_by ? asked_by : ""};

    return kh_pull_file_as(cache, &what, pull_id, err);
}

/* --- taking --- */

const kh_pull_choice kh_pull_choice_any = {.priority_max = PRIORITY_LAST, .delay_max_ms = DELAY_LONGEST_MS};

#define MOST_URGENT_DUE                                                                                                        \
    "SELECT " PULL_COLUMNS " FROM pull WHERE state = 0 AND state < 2 AND (not_before_ms <= ?1 OR not_before_ms > ?1 + ?2)"     \
    " AND priority BETWEEN ?3 AND ?4 AND node_id NOT IN (SELECT value FROM json_each(?5)) ORDER BY priority, id LIMIT 1"

kh_status kh_choice_nodes(const kh_pull_choice *choice, char out[KH_CHOICE_NODES_SIZE], kh_error *err)
{
    size_t used = 1;

    if (choice->nodes_left_out_count > KH_PULL_NODES_MAX)
        return kh_error_set(err, KH_E_LIMIT, "%zu nodes left out, expected at most %d", choice->nodes_left_out_count, KH_PULL_NODES_MAX);
    out[0] = '[';
    for (size_t i = 0; i < choice->nodes_left_out_count; i++)
        used += (size_t)snprintf(out + used, KH_CHOICE_NODES_SIZE - used, "%s%lld", i ? "," : "", (long long)choice->nodes_left_out[i]);
    snprintf(out + used, KH_CHOICE_NODES_SIZE - used, "]");
    return KH_OK;
}

static kh_status find_due(kh_sql *sql, const kh_pull_choice *choice, int64_t now_ms, kh_pull *out, kh_error *err)
{
    char nodes[KH_CHOICE_NODES_SIZE];
    kh_status status = kh_choice_nodes(choice, nodes, err);

    if (status != KH_OK)
        return status;
    const kh_sql_value values[] = {KH_SQL_I(now_ms), KH_SQL_I(choice->delay_max_ms), KH_SQL_I(choice->priority_min),
                                   KH_SQL_I(choice->priority_max), KH_SQL_T(nodes)};

    return kh_sql_first(sql, MOST_URGENT_DUE, values, 5, pull_of_row, out, err);
}

typedef struct taking {
    const kh_pull_choice *choice;
    kh_pull *out;
} taking;

static kh_status take_pull(kh_write *write, void *context, kh_error *err)
{
    const taking *t = context;
    kh_pull *out = t->out;
    int64_t now_ms = kh_write_now_ms(write);
    kh_sql_value values[] = {KH_SQL_N, KH_SQL_I(KH_PULL_RUNNING), KH_SQL_I(now_ms)};
    kh_status status = find_due(kh_write_sql(write), t->choice, now_ms, out, err);

    if (status != KH_OK)
        return status;
    values[0] = KH_SQL_I(out->id);
    out->state = KH_PULL_RUNNING;
    out->updated_ms = now_ms;
    status = kh_sql_run(kh_write_sql(write), "UPDATE pull SET state = ?2, updated_ms = ?3 WHERE id = ?1", values, 3, NULL, err);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_PULL, out->id, err) : status;
}

kh_status kh_pull_peek(kh_cache *cache, const kh_pull_choice *choice, kh_pull *out, kh_error *err)
{
    kh_sql *sql;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    memset(out, 0, sizeof *out);
    if (status == KH_OK)
        status = find_due(sql, choice, kh_clock_wall_ms(), out, err);
    kh_reader_release(cache->readers, sql);
    return status == KH_E_NOT_FOUND ? kh_error_set(err, status, "no pull job is due") : status;
}

kh_status kh_pull_take(kh_cache *cache, const kh_pull_choice *choice, kh_pull *out, kh_error *err)
{
    taking t = {choice, out};
    kh_status status = kh_pull_peek(cache, choice, out, err); /* asking often must not cost a transaction each time */

    if (status == KH_OK)
        status = kh_cache_write(cache, take_pull, &t, err);
    if (status != KH_OK)
        memset(out, 0, sizeof *out);
    return status;
}

/* --- what people change --- */

typedef struct change {
    int64_t id;
    int32_t priority;
} change;

static kh_status find_for_change(kh_write *write, int64_t id, kh_pull *pull, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(id);
    kh_status status =
        kh_sql_first(kh_write_sql(write), "SELECT " PULL_COLUMNS " FROM pull WHERE id = ?1", &value, 1, pull_of_row, pull, err);

    return status == KH_E_NOT_FOUND ? kh_error_set(err, status, "no pull %lld", (long long)id) : status;
}

static kh_status retry_pull(kh_write *write, void *context, kh_error *err)
{
    const change *of = context;
    kh_error why = KH_ERROR_INIT;
    kh_pull pull;
    kh_status status = find_for_change(write, of->id, &pull, err);
    const kh_sql_value values[] = {KH_SQL_I(of->id), KH_SQL_I(kh_write_now_ms(write))};

    if (status == KH_OK && (pull.state == KH_PULL_RUNNING || pull.state == KH_PULL_COMPLETE))
        return kh_error_set(err, KH_E_CONFLICT, "pull %lld is %s", (long long)of->id, kh_pull_state_text(pull.state));
    if (status != KH_OK)
        return status;
    status = kh_sql_run(kh_write_sql(write),
                        "UPDATE pull SET state = 0, attempts = 0, not_before_ms = ?2, updated_ms = ?2, reason = '' WHERE id = ?1", values,
                        2, NULL, &why);
    if (status == KH_E_CONFLICT)
        return kh_error_set(err, status, "another pull of the same study is open");
    if (status != KH_OK)
        return kh_error_set(err, status, "%s", why.message);
    return kh_write_event(write, KH_EVENT_PULL, of->id, err);
}

kh_status kh_pull_retry(kh_cache *cache, int64_t id, kh_error *err)
{
    change of = {.id = id};

    return kh_cache_write(cache, retry_pull, &of, err);
}

static kh_status change_priority(kh_write *write, void *context, kh_error *err)
{
    const change *of = context;
    kh_pull pull;
    kh_status status = find_for_change(write, of->id, &pull, err);
    const kh_sql_value values[] = {KH_SQL_I(of->id), KH_SQL_I(of->priority), KH_SQL_I(kh_write_now_ms(write))};

    if (status == KH_OK && pull.state != KH_PULL_WAITING && pull.state != KH_PULL_RUNNING)
        return kh_error_set(err, KH_E_CONFLICT, "pull %lld is %s already", (long long)of->id, kh_pull_state_text(pull.state));
    if (status == KH_OK)
        status = kh_sql_run(kh_write_sql(write), "UPDATE pull SET priority = ?2, updated_ms = ?3 WHERE id = ?1", values, 3, NULL, err);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_PULL, of->id, err) : status;
}

kh_status kh_pull_set_priority(kh_cache *cache, int64_t id, int32_t priority, kh_error *err)
{
    change of = {id, priority};
    kh_status status = check_priority(priority, err);

    return status == KH_OK ? kh_cache_write(cache, change_priority, &of, err) : status;
}

static kh_status update_pull(kh_write *write, void *context, kh_error *err)
{
    const kh_pull *pull = context;
    int64_t changed = 0;
    const kh_sql_value values[] = {
        KH_SQL_I(pull->id),       KH_SQL_I(pull->state),         KH_SQL_I(pull->expected), KH_SQL_I(pull->received), KH_SQL_I(pull->failed),
        KH_SQL_I(pull->attempts), KH_SQL_I(pull->not_before_ms), KH_SQL_T(pull->reason),   KH_SQL_I(kh_write_now_ms(write)),
        KH_SQL_I(pull->bytes)};
    kh_status status = kh_sql_run(kh_write_sql(write),
                                  "UPDATE pull SET state = ?2, expected = ?3, received = ?4, failed = ?5, attempts = ?6,"
                                  " not_before_ms = ?7, reason = ?8, updated_ms = ?9, bytes = ?10 WHERE id = ?1",
                                  values, 10, &changed, err);

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
    kh_status status;

    memset(out, 0, sizeof *out);
    status = kh_cache_first(cache, "SELECT " PULL_COLUMNS " FROM pull WHERE id = ?1", &value, 1, pull_of_row, out, err);
    return status == KH_E_NOT_FOUND ? kh_error_set(err, status, "no pull %lld", (long long)id) : status;
}

typedef struct telling {
    kh_pull_visit *visit;
    void *context;
} telling;

static kh_status tell_pull(kh_sql_row *row, void *context, kh_error *err)
{
    const telling *of = context;
    kh_pull pull;

    (void)err;
    pull_of_row(row, &pull);
    return of->visit(of->context, &pull);
}

kh_status kh_pull_page(kh_cache *cache, const kh_queue_page *page, kh_pull_visit *visit, void *context, kh_error *err)
{
    static const char *const queries[] = {
        [KH_QUEUE_ALL] = "SELECT " PULL_COLUMNS " FROM pull WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
        [KH_QUEUE_OPEN] = "SELECT " PULL_COLUMNS " FROM pull INDEXED BY pull_open WHERE state < 2 AND id < ?1 ORDER BY id DESC LIMIT ?2",
        [KH_QUEUE_FAILED] = "SELECT " PULL_COLUMNS " FROM pull INDEXED BY pull_failed WHERE state IN (3, 5) AND id < ?1"
                            " ORDER BY id DESC LIMIT ?2"};
    const kh_sql_value values[] = {KH_SQL_I(page->before_id), KH_SQL_I(page->limit)};
    telling of = {visit, context};

    if (page->limit < 1)
        return kh_error_set(err, KH_E_ARG, "limit %lld, expected 1 or more", (long long)page->limit);
    return kh_cache_each(cache, queries[page->which], values, 2, tell_pull, &of, err);
}

kh_status kh_pull_list(kh_cache *cache, bool open_only, int64_t limit, kh_pull_visit *visit, void *context, kh_error *err)
{
    const kh_queue_page page = {open_only ? KH_QUEUE_OPEN : KH_QUEUE_ALL, INT64_MAX, limit};

    return kh_pull_page(cache, &page, visit, context, err);
}

static kh_status recover_pulls(kh_write *write, void *context, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(kh_write_now_ms(write));

    (void)context;
    return kh_sql_run(kh_write_sql(write),
                      "UPDATE pull SET state = 0, not_before_ms = min(not_before_ms, ?1), updated_ms = ?1 WHERE state = 1", &value, 1, NULL,
                      err);
}

kh_status kh_pull_recover(kh_cache *cache, kh_error *err)
{
    return kh_cache_write(cache, recover_pulls, NULL, err);
}
