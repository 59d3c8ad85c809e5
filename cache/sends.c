#include "cache/sends.h"

#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "cache/internal.h"

#define SEND_COLUMNS                                                                                                                     \
    "id, node_id, study_ref, rule_id, study_uid, priority, state, total, sent, failed, attempts, not_before_ms, created_ms,"             \
    " updated_ms, reason, asked_by"
#define PRIORITY_LAST 2

/* The schema says `state < 2` of sends that are open. */
_Static_assert(KH_SEND_WAITING == 0 && KH_SEND_RUNNING == 1 && KH_SEND_CANCELLED == 5, "states stand in the index by their numbers");

const char *kh_send_state_text(kh_send_state state)
{
    static const char *const texts[] = {[KH_SEND_WAITING] = "waiting", [KH_SEND_RUNNING] = "running", [KH_SEND_COMPLETE] = "complete",
                                        [KH_SEND_PARTIAL] = "partial", [KH_SEND_FAILED] = "failed",   [KH_SEND_CANCELLED] = "cancelled"};

    return (unsigned)state < sizeof texts / sizeof texts[0] ? texts[state] : "unknown";
}

static void send_of_row(kh_sql_row *row, void *context)
{
    kh_send *out = context;

    memset(out, 0, sizeof *out);
    out->id = kh_sql_int(row, 0);
    out->node_id = kh_sql_int(row, 1);
    out->study_id = kh_sql_int(row, 2);
    out->rule_id = kh_sql_int(row, 3);
    KH_COPY(out->study_uid, kh_sql_text(row, 4));
    out->priority = (int32_t)kh_sql_int(row, 5);
    out->state = (kh_send_state)kh_sql_int(row, 6);
    out->total = kh_sql_int(row, 7);
    out->sent = kh_sql_int(row, 8);
    out->failed = kh_sql_int(row, 9);
    out->attempts = (int32_t)kh_sql_int(row, 10);
    out->not_before_ms = kh_sql_int(row, 11);
    out->created_ms = kh_sql_int(row, 12);
    out->updated_ms = kh_sql_int(row, 13);
    KH_COPY(out->reason, kh_sql_text(row, 14));
    KH_COPY(out->asked_by, kh_sql_text(row, 15));
}

/* Both from the objects themselves: what was deleted here no longer counts. */
static void take_counts(kh_sql_row *row, void *context)
{
    kh_send *out = context;

    out->total = kh_sql_int(row, 0);
    out->sent = kh_sql_int(row, 1);
}

static kh_status count_items(kh_sql *sql, kh_send *send, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(send->id);

    return kh_sql_first(sql, "SELECT count(*), coalesce(sum(done), 0) FROM send_item WHERE send_id = ?1", &value, 1, take_counts, send,
                        err);
}

/* --- filing --- */

typedef struct filing {
    const kh_send_filing *what;
    int64_t send_id, added;
} filing;

/* ?2 the study, ?3 the series, ?4 the pattern, ?5 the node's name, ?6 its AE title, ?7 its hospital. */
#define SENDABLE                                                                                                                         \
    " FROM object o JOIN series r ON r.id = o.series_ref JOIN origin g ON g.id = o.origin_id WHERE r.study_ref = ?2"                     \
    " AND (?3 IS NULL OR r.id IN (SELECT value FROM json_each(?3))) AND (?4 = '' OR g.source GLOB ?4)"                                   \
    " AND g.source <> ?5 AND g.source NOT IN (SELECT name FROM node WHERE ae_title = ?6 AND facility = ?7)"

static kh_status find_send_id(kh_sql *sql, const filing *f, int64_t *id, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(f->what->node->id), KH_SQL_I(f->what->study_id), KH_SQL_I(f->what->rule_id)};
    kh_send found;
    kh_status status = kh_sql_first(sql, "SELECT " SEND_COLUMNS " FROM send WHERE node_id = ?1 AND study_ref = ?2 AND rule_id = ?3", values,
                                  3, send_of_row, &found, err);

    *id = status == KH_OK ? found.id : 0;
    return status == KH_E_NOT_FOUND ? KH_OK : status;
}

static kh_status insert_send(kh_write *write, filing *f, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(f->what->node->id), KH_SQL_I(f->what->study_id),      KH_SQL_I(f->what->rule_id),
                                   KH_SQL_I(f->what->priority), KH_SQL_I(kh_write_now_ms(write)), KH_SQL_T(f->what->asked_by)};
    int64_t changed = 0;
    kh_status status =
        kh_sql_run(kh_write_sql(write),
                   "INSERT INTO send (node_id, study_ref, rule_id, study_uid, priority, state, total, sent, failed, attempts,"
                   " not_before_ms, created_ms, updated_ms, reason, asked_by)"
                   " SELECT ?1, id, ?3, study_uid, ?4, 0, 0, 0, 0, 0, ?5, ?5, ?5, '', ?6 FROM study WHERE id = ?2",
                   values, 6, &changed, err);

    if (status == KH_OK && changed == 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "no study %lld", (long long)f->what->study_id);
    f->send_id = kh_sql_last_id(kh_write_sql(write));
    return status;
}

static kh_status add_items(kh_write *write, filing *f, kh_error *err)
{
    const kh_node *node = f->what->node;
    const kh_sql_value values[] = {
        KH_SQL_I(f->send_id),      KH_SQL_I(f->what->study_id), f->what->series_json ? KH_SQL_T(f->what->series_json) : KH_SQL_N,
        KH_SQL_T(f->what->source), KH_SQL_T(node->name),        KH_SQL_T(node->ae_title),
        KH_SQL_T(node->facility)};

    return kh_sql_run(kh_write_sql(write),
                      f->what->again ? "INSERT INTO send_item SELECT ?1, o.id, 0" SENDABLE
                                       " ON CONFLICT DO UPDATE SET done = 0 WHERE done = 1"
                                     : "INSERT INTO send_item SELECT ?1, o.id, 0" SENDABLE " ON CONFLICT DO NOTHING",
                      values, 7, &f->added, err);
}

/* A running job sees its new objects at its end. */
static kh_status reopen(kh_write *write, const filing *f, kh_error *err)
{
    kh_send now = {.id = f->send_id};
    kh_status status = count_items(kh_write_sql(write), &now, err);
    const kh_sql_value values[] = {KH_SQL_I(f->send_id), KH_SQL_I(now.total), KH_SQL_I(now.sent), KH_SQL_I(kh_write_now_ms(write)),
                                   KH_SQL_I(f->what->priority)};

    if (status == KH_OK)
        status = kh_sql_run(kh_write_sql(write),
                            "UPDATE send SET total = ?2, sent = ?3, updated_ms = ?4, priority = min(priority, ?5), failed = 0,"
                            " not_before_ms = iif(state < 2, not_before_ms, ?4), attempts = iif(state < 2, attempts, 0),"
                            " reason = iif(state < 2, reason, ''), state = iif(state < 2, state, 0) WHERE id = ?1",
                            values, 5, NULL, err);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_SEND, f->send_id, err) : status;
}

static kh_status file_send(kh_write *write, void *context, kh_error *err)
{
    filing *f = context;
    kh_status status = find_send_id(kh_write_sql(write), f, &f->send_id, err);
    bool is_new = f->send_id == 0;

    if (status == KH_OK && is_new)
        status = insert_send(write, f, err);
    if (status == KH_OK)
        status = add_items(write, f, err);
    if (status == KH_OK && f->added == 0 && is_new) {
        const kh_sql_value value = KH_SQL_I(f->send_id);
        f->send_id = 0;
        return kh_sql_run(kh_write_sql(write), "DELETE FROM send WHERE id = ?1", &value, 1, NULL, err);
    }
    return status == KH_OK && f->added > 0 ? reopen(write, f, err) : status;
}

kh_status kh_send_file(kh_cache *cache, const kh_send_filing *what, int64_t *send_id, int64_t *added, kh_error *err)
{
    filing f = {.what = what};
    kh_status status;

    *send_id = *added = 0;
    if (!what->node->host[0])
        return kh_error_set(err, KH_E_ARG, "node %s has no host: it only sends", what->node->name);
    if (what->priority < 0 || what->priority > PRIORITY_LAST)
        return kh_error_set(err, KH_E_ARG, "priority %d, expected 0 to %d", (int)what->priority, PRIORITY_LAST);
    if (strlen(what->asked_by) >= sizeof((kh_send *)0)->asked_by)
        return kh_error_set(err, KH_E_ARG, "asked_by of %zu bytes, expected at most 64", strlen(what->asked_by));
    status = kh_cache_write(cache, file_send, &f, err);
    if (status == KH_OK) {
        *send_id = f.send_id;
        *added = f.added;
    }
    return status;
}

/* --- the workers' side --- */

typedef struct taking {
    const kh_pull_choice *choice;
    kh_send *out;
} taking;

static kh_status find_due(kh_sql *sql, const kh_pull_choice *choice, int64_t now_ms, kh_send *out, kh_error *err)
{
    char nodes[KH_CHOICE_NODES_SIZE];
    kh_status status = kh_choice_nodes(choice, nodes, err);
    const kh_sql_value values[] = {KH_SQL_I(now_ms), KH_SQL_I(choice->delay_max_ms), KH_SQL_I(choice->priority_min),
                                   KH_SQL_I(choice->priority_max), KH_SQL_T(nodes)};

    if (status != KH_OK)
        return status;

    return kh_sql_first(sql,
                        "SELECT " SEND_COLUMNS " FROM send WHERE state = 0 AND state < 2"
                        " AND (not_before_ms <= ?1 OR not_before_ms > ?1 + ?2) AND priority BETWEEN ?3 AND ?4"
                        " AND node_id NOT IN (SELECT value FROM json_each(?5)) ORDER BY priority, id LIMIT 1",
                        values, 5, send_of_row, out, err);
}

static kh_status take_send(kh_write *write, void *context, kh_error *err)
{
    const taking *t = context;
    kh_status status = find_due(kh_write_sql(write), t->choice, kh_write_now_ms(write), t->out, err);
    const kh_sql_value values[] = {KH_SQL_I(t->out->id), KH_SQL_I(kh_write_now_ms(write))};

    if (status != KH_OK)
        return status;
    t->out->state = KH_SEND_RUNNING;
    status = kh_sql_run(kh_write_sql(write), "UPDATE send SET state = 1, updated_ms = ?2 WHERE id = ?1", values, 2, NULL, err);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_SEND, t->out->id, err) : status;
}

kh_status kh_send_take(kh_cache *cache, const kh_pull_choice *choice, kh_send *out, kh_error *err)
{
    taking t = {choice, out};
    kh_sql *sql;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    memset(out, 0, sizeof *out);
    if (status == KH_OK) /* asking often must not cost a transaction each time */
        status = find_due(sql, choice, kh_clock_wall_ms(), out, err);
    kh_reader_release(cache->readers, sql);
    if (status == KH_OK)
        status = kh_cache_write(cache, take_send, &t, err);
    return status == KH_E_NOT_FOUND ? kh_error_set(err, status, "no send is due") : status;
}

static kh_status update_send(kh_write *write, void *context, kh_error *err)
{
    kh_send *send = context;
    kh_status status = count_items(kh_write_sql(write), send, err);

    if (send->state == KH_SEND_COMPLETE && send->sent < send->total) {
        send->state = KH_SEND_WAITING;
        send->attempts = 0;
        send->not_before_ms = kh_write_now_ms(write);
    }
    const kh_sql_value values[] = {KH_SQL_I(send->id),
                                   KH_SQL_I(send->state),
                                   KH_SQL_I(send->total),
                                   KH_SQL_I(send->sent),
                                   KH_SQL_I(send->failed),
                                   KH_SQL_I(send->attempts),
                                   KH_SQL_I(send->not_before_ms),
                                   KH_SQL_T(send->reason),
                                   KH_SQL_I(kh_write_now_ms(write))};

    if (status == KH_OK)
        status =
            kh_sql_run(kh_write_sql(write),
                       "UPDATE send SET state = ?2, total = ?3, sent = ?4, failed = ?5, attempts = ?6, not_before_ms = ?7, reason = ?8,"
                       " updated_ms = ?9 WHERE id = ?1",
                       values, 9, NULL, err);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_SEND, send->id, err) : status;
}

kh_status kh_send_update(kh_cache *cache, kh_send *send, kh_error *err)
{
    return kh_cache_write(cache, update_send, send, err);
}

typedef struct ticking {
    kh_send *send;
    const int64_t *ids;
    size_t count;
} ticking;

static kh_status tick_off(kh_write *write, void *context, kh_error *err)
{
    const ticking *t = context;
    kh_sql *sql = kh_write_sql(write);
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < t->count; i++) {
        const kh_sql_value values[] = {KH_SQL_I(t->send->id), KH_SQL_I(t->ids[i])};
        status = kh_sql_run(sql, "UPDATE send_item SET done = 1 WHERE send_id = ?1 AND object_id = ?2", values, 2, NULL, err);
    }
    if (status == KH_OK)
        status = count_items(sql, t->send, err);
    if (status == KH_OK) {
        const kh_sql_value values[] = {KH_SQL_I(t->send->id), KH_SQL_I(t->send->total), KH_SQL_I(t->send->sent),
                                       KH_SQL_I(kh_write_now_ms(write))};
        status = kh_sql_run(sql, "UPDATE send SET total = ?2, sent = ?3, updated_ms = ?4 WHERE id = ?1", values, 4, NULL, err);
    }
    return status == KH_OK ? kh_write_event(write, KH_EVENT_SEND, t->send->id, err) : status;
}

kh_status kh_send_tick_off(kh_cache *cache, kh_send *send, const int64_t *object_ids, size_t count, kh_error *err)
{
    ticking t = {send, object_ids, count};

    return count > 0 ? kh_cache_write(cache, tick_off, &t, err) : KH_OK;
}

typedef struct telling_items {
    kh_send_item_visit *visit;
    void *context;
} telling_items;

static kh_status tell_item(kh_sql_row *row, void *context, kh_error *err)
{
    const telling_items *of = context;
    kh_search_row item = {.object = {.id = kh_sql_int(row, 0), .series_id = kh_sql_int(row, 1), .bytes = kh_sql_int(row, 5)},
                          .main_offset = kh_sql_int(row, 6)};

    KH_COPY(item.object.sop_class_uid, kh_sql_text(row, 2));
    KH_COPY(item.object.sop_instance_uid, kh_sql_text(row, 3));
    KH_COPY(item.object.transfer_syntax_uid, kh_sql_text(row, 4));
    return of->visit(of->context, &item, err);
}

kh_status kh_send_items(kh_cache *cache, int64_t send_id, int64_t after_id, int64_t limit, kh_send_item_visit *visit, void *context,
                        kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(send_id), KH_SQL_I(after_id), KH_SQL_I(limit)};
    telling_items of = {visit, context};

    return kh_cache_each(cache,
                         "SELECT o.id, o.series_ref, o.sop_class_uid, o.sop_uid, o.transfer_syntax_uid, o.bytes, o.main_offset"
                         " FROM send_item i JOIN object o ON o.id = i.object_id"
                         " WHERE i.send_id = ?1 AND i.done = 0 AND i.object_id > ?2 ORDER BY i.object_id LIMIT ?3",
                         values, 3, tell_item, &of, err);
}

/* --- looking and changing --- */

kh_status kh_send_find(kh_cache *cache, int64_t id, kh_send *out, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(id);
    kh_status status;

    memset(out, 0, sizeof *out);
    status = kh_cache_first(cache, "SELECT " SEND_COLUMNS " FROM send WHERE id = ?1", &value, 1, send_of_row, out, err);
    return status == KH_E_NOT_FOUND ? kh_error_set(err, status, "no send %lld", (long long)id) : status;
}

typedef struct telling {
    kh_send_visit *visit;
    void *context;
} telling;

static kh_status tell_send(kh_sql_row *row, void *context, kh_error *err)
{
    const telling *of = context;
    kh_send send;

    (void)err;
    send_of_row(row, &send);
    return of->visit(of->context, &send);
}

kh_status kh_send_page(kh_cache *cache, const kh_queue_page *page, kh_send_visit *visit, void *context, kh_error *err)
{
    static const char *const queries[] = {
        [KH_QUEUE_ALL] = "SELECT " SEND_COLUMNS " FROM send WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
        [KH_QUEUE_OPEN] = "SELECT " SEND_COLUMNS " FROM send INDEXED BY send_open WHERE state < 2 AND id < ?1 ORDER BY id DESC LIMIT ?2",
        [KH_QUEUE_FAILED] =
            "SELECT " SEND_COLUMNS " FROM send INDEXED BY send_failed WHERE state IN (3, 4) AND id < ?1 ORDER BY id DESC LIMIT ?2"};
    const kh_sql_value values[] = {KH_SQL_I(page->before_id), KH_SQL_I(page->limit)};
    telling of = {visit, context};

    if (page->limit < 1)
        return kh_error_set(err, KH_E_ARG, "limit %lld, expected 1 or more", (long long)page->limit);
    return kh_cache_each(cache, queries[page->which], values, 2, tell_send, &of, err);
}

typedef struct change {
    int64_t id;
    int32_t priority;
} change;

static kh_status find_for_change(kh_write *write, int64_t id, kh_send *send, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(id);
    kh_status status =
        kh_sql_first(kh_write_sql(write), "SELECT " SEND_COLUMNS " FROM send WHERE id = ?1", &value, 1, send_of_row, send, err);

    return status == KH_E_NOT_FOUND ? kh_error_set(err, status, "no send %lld", (long long)id) : status;
}

static kh_status retry_send(kh_write *write, void *context, kh_error *err)
{
    const change *of = context;
    kh_send send;
    kh_status status = find_for_change(write, of->id, &send, err);
    const kh_sql_value values[] = {KH_SQL_I(of->id), KH_SQL_I(kh_write_now_ms(write))};

    if (status == KH_OK && (send.state == KH_SEND_RUNNING || send.state == KH_SEND_COMPLETE))
        return kh_error_set(err, KH_E_CONFLICT, "send %lld is %s", (long long)of->id, kh_send_state_text(send.state));
    if (status == KH_OK)
        status = kh_sql_run(
            kh_write_sql(write),
            "UPDATE send SET state = 0, attempts = 0, failed = 0, not_before_ms = ?2, updated_ms = ?2, reason = '' WHERE id = ?1", values,
            2, NULL, err);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_SEND, of->id, err) : status;
}

kh_status kh_send_retry(kh_cache *cache, int64_t id, kh_error *err)
{
    change of = {.id = id};

    return kh_cache_write(cache, retry_send, &of, err);
}

static kh_status change_priority(kh_write *write, void *context, kh_error *err)
{
    const change *of = context;
    kh_send send;
    kh_status status = find_for_change(write, of->id, &send, err);
    const kh_sql_value values[] = {KH_SQL_I(of->id), KH_SQL_I(of->priority), KH_SQL_I(kh_write_now_ms(write))};

    if (status == KH_OK && send.state != KH_SEND_WAITING && send.state != KH_SEND_RUNNING)
        return kh_error_set(err, KH_E_CONFLICT, "send %lld is %s already", (long long)of->id, kh_send_state_text(send.state));
    if (status == KH_OK)
        status = kh_sql_run(kh_write_sql(write), "UPDATE send SET priority = ?2, updated_ms = ?3 WHERE id = ?1", values, 3, NULL, err);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_SEND, of->id, err) : status;
}

kh_status kh_send_set_priority(kh_cache *cache, int64_t id, int32_t priority, kh_error *err)
{
    change of = {id, priority};

    if (priority < 0 || priority > PRIORITY_LAST)
        return kh_error_set(err, KH_E_ARG, "priority %d, expected 0 to %d", (int)priority, PRIORITY_LAST);
    return kh_cache_write(cache, change_priority, &of, err);
}

static kh_status recover_sends(kh_write *write, void *context, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(kh_write_now_ms(write));

    (void)context;
    return kh_sql_run(kh_write_sql(write),
                      "UPDATE send SET state = 0, not_before_ms = min(not_before_ms, ?1), updated_ms = ?1 WHERE state = 1", &value, 1,
                      NULL, err);
}

kh_status kh_send_recover(kh_cache *cache, kh_error *err)
{
    return kh_cache_write(cache, recover_sends, NULL, err);
}
