#include "cache/commitments.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/clock.h"
#include "cache/internal.h"
#include "cache/pins.h"

#define REFS_BYTES_MAX ((size_t)64 << 20)
#define COLUMNS                                                                                                                \
    "id, node_id, side, state, transaction_uid, objects, committed, checked, attempts, not_before_ms, created_ms, updated_ms, reason"

const char *kh_commitment_state_text(kh_commitment_state state)
{
    static const char *const texts[] = {[KH_COMMITMENT_WAITING] = "waiting", [KH_COMMITMENT_ASKED] = "asked", [KH_COMMITMENT_DONE] = "done",
                                        [KH_COMMITMENT_FAILED] = "failed"};

    return (unsigned)state < sizeof texts / sizeof texts[0] ? texts[state] : "unknown";
}

/* --- references as text: a line each --- */

static kh_status encode(kh_buf *out, const kh_commitment_ref *refs, size_t count, kh_error *err)
{
    kh_status status = KH_OK;

    kh_buf_init(out, REFS_BYTES_MAX);
    for (size_t i = 0; status == KH_OK && i < count; i++)
        status = kh_buf_appendf(out, err, "%s %s %04x\n", refs[i].sop_class_uid, refs[i].sop_instance_uid, refs[i].result);
    return status;
}

static kh_status decode(kh_commitment_ref **refs, size_t *count, const char *text, size_t size, kh_error *err)
{
    size_t lines = 0;

    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    *refs = calloc(lines + 1, sizeof(**refs));
    if (!*refs)
        return kh_error_set(err, KH_E_MEMORY, "no memory for %zu references", lines);
    for (*count = 0; *count < lines; text = strchr(text, '\n') + 1) {
        kh_commitment_ref *ref = &(*refs)[(*count)++];
        unsigned result;

        if (sscanf(text, "%64s %64s %4x", ref->sop_class_uid, ref->sop_instance_uid, &result) != 3) {
            free(*refs);
            *refs = NULL;
            return kh_error_set(err, KH_E_CORRUPT, "references of a storage commitment cannot be read");
        }
        ref->result = (uint16_t)result;
    }
    return KH_OK;
}

/* --- writing --- */

typedef struct filing {
    kh_commitment *commitment;
    const kh_buf *refs;
    size_t count;
    int64_t open_max;
} filing;

static void take_count(kh_sql_row *row, void *context)
{
    *(int64_t *)context = kh_sql_int(row, 0);
}

static kh_status count_open(int64_t *out, kh_sql *sql, const filing *f, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(f->commitment->side), KH_SQL_I(f->commitment->node_id),
                                   KH_SQL_T(f->commitment->transaction_uid)};

    return kh_sql_first(sql,
                        "SELECT count(*) FROM commitment WHERE side = ?1 AND state < 2 AND NOT (node_id = ?2 AND transaction_uid = ?3)",
                        values, 3, take_count, out, err);
}

static kh_status write_filing(kh_write *write, void *context, kh_error *err)
{
    const filing *f = context;
    kh_commitment *c = f->commitment;
    kh_sql *sql = kh_write_sql(write);
    const kh_sql_value values[] = {KH_SQL_I(c->side), KH_SQL_I(c->node_id), KH_SQL_T(c->transaction_uid), KH_SQL_I(c->not_before_ms),
                                   KH_SQL_I(kh_write_now_ms(write)), KH_SQL_I(f->count), KH_SQL_B(f->refs->data, f->refs->size)};
    int64_t open = 0;
    kh_status status = count_open(&open, sql, f, err);

    if (status == KH_OK && open >= f->open_max)
        return kh_error_set(err, KH_E_BUSY, "%" PRId64 " storage commitments are open, expected fewer than %" PRId64, open, f->open_max);
    if (status == KH_OK)
        status = kh_sql_run(sql, "DELETE FROM commitment WHERE side = ?1 AND node_id = ?2 AND transaction_uid = ?3", values, 3, NULL, err);
    if (status == KH_OK)
        status = kh_sql_run(sql,
                            "INSERT INTO commitment (side, node_id, transaction_uid, not_before_ms, created_ms, updated_ms, objects, refs)"
                            " VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7)",
                            values, 7, NULL, err);
    c->id = status == KH_OK ? kh_sql_last_id(sql) : 0;
    return status;
}

kh_status kh_commitment_file(kh_cache *cache, kh_commitment *commitment, const kh_commitment_ref *refs, size_t count, int64_t open_max,
                             kh_error *err)
{
    kh_buf text;
    filing f = {commitment, &text, count, open_max};
    kh_status status = encode(&text, refs, count, err);

    if (status == KH_OK)
        status = kh_cache_write(cache, write_filing, &f, err);
    kh_buf_release(&text);
    return status;
}

typedef struct change {
    const kh_commitment *commitment;
    const kh_buf *refs; /* NULL: as they are */
} change;

static kh_status write_change(kh_write *write, void *context, kh_error *err)
{
    const change *with = context;
    const kh_commitment *c = with->commitment;
    const kh_sql_value values[] = {KH_SQL_I(c->id),
                                   KH_SQL_I(c->state),
                                   KH_SQL_I(c->attempts),
                                   KH_SQL_I(c->not_before_ms),
                                   KH_SQL_T(c->reason),
                                   KH_SQL_I(c->committed),
                                   KH_SQL_I(c->checked),
                                   with->refs ? KH_SQL_B(with->refs->data, with->refs->size) : KH_SQL_N,
                                   KH_SQL_I(kh_write_now_ms(write))};
    int64_t changed = 0;
    kh_status status = kh_sql_run(kh_write_sql(write),
                                  "UPDATE commitment SET state = ?2, attempts = ?3, not_before_ms = ?4, reason = ?5, committed = ?6,"
                                  " checked = ?7, refs = ifnull(?8, refs), updated_ms = ?9 WHERE id = ?1"
                                  " AND (state < 2 OR (state = 3 AND side = 1 AND ?2 = 2))", /* a report that comes late counts */
                                  values, 9, &changed, err);

    if (status == KH_OK && changed == 0)
        return kh_error_set(err, KH_E_CONFLICT, "storage commitment %" PRId64 " has ended", c->id);
    return status;
}

kh_status kh_commitment_update(kh_cache *cache, const kh_commitment *commitment, const kh_commitment_ref *refs, size_t count, kh_error *err)
{
    kh_buf text;
    change with = {commitment, refs ? &text : NULL};
    kh_status status = encode(&text, refs, refs ? count : 0, err);

    if (status == KH_OK)
        status = kh_cache_write(cache, write_change, &with, err);
    kh_buf_release(&text);
    return status;
}

static kh_status write_postponement(kh_write *write, void *context, kh_error *err)
{
    const int64_t *numbers = context;
    const kh_sql_value values[] = {KH_SQL_I(numbers[0]), KH_SQL_I(numbers[1])};

    return kh_sql_run(kh_write_sql(write),
                      "UPDATE commitment SET not_before_ms = ?2 WHERE node_id = ?1 AND state < 2 AND not_before_ms < ?2", values, 2, NULL,
                      err);
}

kh_status kh_commitment_postpone(kh_cache *cache, int64_t node_id, int64_t not_before_ms, kh_error *err)
{
    int64_t numbers[] = {node_id, not_before_ms};

    return kh_cache_write(cache, write_postponement, numbers, err);
}

static kh_status write_due(kh_write *write, void *context, kh_error *err)
{
    const kh_commitment_hurry *what = context;
    const kh_sql_value values[] = {KH_SQL_I(what->node_id), KH_SQL_I(kh_write_now_ms(write)), KH_SQL_I(what->attempts_max - 1),
                                   KH_SQL_I(what->created_after_ms)};

    return kh_sql_run(
        kh_write_sql(write),
        "UPDATE commitment SET state = 0, not_before_ms = ?2, updated_ms = ?2, attempts = min(attempts, ?3) WHERE node_id = ?1"
        " AND ((state = 0 AND attempts > 0) OR (state = 3 AND side = 0 AND created_ms > ?4))",
        values, 4, NULL, err);
}

typedef struct retrying {
    int64_t id;
    kh_commitment found;
} retrying;

static void read_row(kh_sql_row *row, void *context);

static kh_status write_retry(kh_write *write, void *context, kh_error *err)
{
    retrying *of = context;
    const kh_sql_value values[] = {KH_SQL_I(of->id), KH_SQL_I(kh_write_now_ms(write))};
    kh_status status =
        kh_sql_first(kh_write_sql(write), "SELECT " COLUMNS " FROM commitment WHERE id = ?1", values, 1, read_row, &of->found, err);

    if (status == KH_E_NOT_FOUND)
        return kh_error_set(err, status, "no storage commitment %" PRId64, of->id);
    if (status == KH_OK && (of->found.state == KH_COMMITMENT_DONE || of->found.state == KH_COMMITMENT_ASKED))
        return kh_error_set(err, KH_E_CONFLICT, "storage commitment %" PRId64 " is %s", of->id,
                            of->found.state == KH_COMMITMENT_DONE ? "done" : "asked for: its report is waited for");
    if (status == KH_OK)
        status = kh_sql_run(kh_write_sql(write),
                            "UPDATE commitment SET state = 0, attempts = 0, not_before_ms = ?2, updated_ms = ?2, reason = '' WHERE id = ?1",
                            values, 2, NULL, err);
    return status;
}

kh_status kh_commitment_retry(kh_cache *cache, int64_t id, kh_error *err)
{
    retrying of = {.id = id};

    return kh_cache_write(cache, write_retry, &of, err);
}

static kh_status write_expiry(kh_write *write, void *context, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(*(const int64_t *)context);
    kh_status status = kh_sql_run(kh_write_sql(write), "DELETE FROM commitment WHERE state >= 2 AND updated_ms < ?1", &value, 1, NULL, err);

    if (status == KH_OK) /* also of those that were made anew */
        status = kh_sql_run(kh_write_sql(write),
                            "DELETE FROM pin WHERE owner GLOB 'commitment:[0-9]*'"
                            " AND CAST(substr(owner, 12) AS INTEGER) NOT IN (SELECT id FROM commitment)",
                            NULL, 0, NULL, err);
    return status;
}

kh_status kh_commitment_expire(kh_cache *cache, int64_t before_ms, kh_error *err)
{
    return kh_cache_write(cache, write_expiry, &before_ms, err);
}

/* --- reading --- */

static void read_row(kh_sql_row *row, void *context)
{
    kh_commitment *out = context;

    memset(out, 0, sizeof(*out));
    out->id = kh_sql_int(row, 0);
    out->node_id = kh_sql_int(row, 1);
    out->side = (kh_commitment_side)kh_sql_int(row, 2);
    out->state = (kh_commitment_state)kh_sql_int(row, 3);
    KH_COPY(out->transaction_uid, kh_sql_text(row, 4));
    out->count = kh_sql_int(row, 5);
    out->committed = kh_sql_int(row, 6);
    out->checked = kh_sql_int(row, 7) != 0;
    out->attempts = kh_sql_int(row, 8);
    out->not_before_ms = kh_sql_int(row, 9);
    out->created_ms = kh_sql_int(row, 10);
    out->updated_ms = kh_sql_int(row, 11);
    KH_COPY(out->reason, kh_sql_text(row, 12));
}

/* Up to *count rows. */
static kh_status read_rows(kh_cache *cache, const char *query, const kh_sql_value *values, size_t value_count, kh_commitment *out,
                           size_t *count, kh_error *err)
{
    size_t room = *count;
    kh_sql *sql = NULL;
    kh_sql_row *row = NULL;
    bool has_row;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    *count = 0;
    if (status == KH_OK)
        status = kh_sql_query(&row, sql, query, values, value_count, err);
    while (status == KH_OK && *count < room && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row)
        read_row(row, &out[(*count)++]);
    kh_sql_end(row);
    kh_reader_release(cache->readers, sql);
    return status;
}

static kh_status read_one(kh_cache *cache, const char *query, const kh_sql_value *values, size_t value_count, kh_commitment *out,
                          kh_error *err)
{
    kh_status status = kh_cache_first(cache, query, values, value_count, read_row, out, err);

    return status == KH_E_NOT_FOUND ? kh_error_set(err, status, "no such storage commitment") : status;
}

kh_status kh_commitment_find(kh_cache *cache, int64_t id, kh_commitment *out, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(id);

    return read_one(cache, "SELECT " COLUMNS " FROM commitment WHERE id = ?1", &value, 1, out, err);
}

kh_status kh_commitment_by_uid(kh_cache *cache, kh_commitment_side side, int64_t node_id, const char *transaction_uid, kh_commitment *out,
                               kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(side), KH_SQL_I(node_id), KH_SQL_T(transaction_uid)};

    return read_one(cache, "SELECT " COLUMNS " FROM commitment WHERE side = ?1 AND node_id = ?2 AND transaction_uid = ?3", values, 3, out,
                    err);
}

kh_status kh_commitment_refs(kh_cache *cache, int64_t id, kh_commitment_ref **refs, size_t *count, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(id);
    kh_sql *sql = NULL;
    kh_sql_row *row = NULL;
    bool has_row = false;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    *refs = NULL;
    *count = 0;
    if (status == KH_OK)
        status = kh_sql_query(&row, sql, "SELECT CAST(refs AS TEXT) FROM commitment WHERE id = ?1", &value, 1, err);
    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && !has_row)
        status = kh_error_set(err, KH_E_NOT_FOUND, "no such storage commitment");
    if (status == KH_OK)
        status = decode(refs, count, kh_sql_text(row, 0), strlen(kh_sql_text(row, 0)), err);
    kh_sql_end(row);
    kh_reader_release(cache->readers, sql);
    return status;
}

/* Room for them is what the query is limited to. */
typedef struct id_list {
    int64_t *ids;
    size_t *count;
} id_list;

static kh_status add_id(kh_sql_row *row, void *context, kh_error *err)
{
    const id_list *list = context;

    (void)err;
    list->ids[(*list->count)++] = kh_sql_int(row, 0);
    return KH_OK;
}

kh_status kh_commitment_make_due(kh_cache *cache, const kh_commitment_hurry *what, size_t *count, kh_error *err)
{
    kh_commitment_hurry hurry = *what;
    const kh_sql_value values[] = {KH_SQL_I(what->node_id), KH_SQL_I(what->ids_max)};
    id_list list = {what->ids, count};
    kh_status status = kh_cache_write(cache, write_due, &hurry, err);

    *count = 0;
    if (status != KH_OK || !what->ids)
        return status;
    return kh_cache_each(cache,
                         "SELECT id FROM commitment INDEXED BY commitment_open WHERE state < 2 AND state = 0 AND side = 0"
                         " AND node_id = ?1 ORDER BY id LIMIT ?2",
                         values, 2, add_id, &list, err);
}

kh_status kh_commitment_late_nodes(kh_cache *cache, int64_t *node_ids, size_t *count, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(*count);
    id_list list = {node_ids, count};

    *count = 0;
    return kh_cache_each(cache,
                         "SELECT DISTINCT node_id FROM commitment WHERE (state = 0 AND attempts > 0) OR (state = 3 AND side = 0) LIMIT ?1",
                         &value, 1, add_id, &list, err);
}

typedef struct telling {
    kh_commitment_visit *visit;
    void *context;
} telling;

static kh_status tell_commitment(kh_sql_row *row, void *context, kh_error *err)
{
    const telling *of = context;
    kh_commitment one;

    (void)err;
    read_row(row, &one);
    return of->visit(of->context, &one);
}

kh_status kh_commitment_page(kh_cache *cache, const kh_queue_page *page, kh_commitment_visit *visit, void *context, kh_error *err)
{
    static const char *const queries[] = {
        [KH_QUEUE_ALL] = "SELECT " COLUMNS " FROM commitment WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
        [KH_QUEUE_OPEN] =
            "SELECT " COLUMNS " FROM commitment INDEXED BY commitment_open WHERE state < 2 AND id < ?1 ORDER BY id DESC LIMIT ?2",
        [KH_QUEUE_FAILED] = "SELECT " COLUMNS " FROM commitment WHERE state = 3 AND id < ?1 ORDER BY id DESC LIMIT ?2"};
    const kh_sql_value values[] = {KH_SQL_I(page->before_id), KH_SQL_I(page->limit)};
    telling of = {visit, context};

    if (page->limit < 1)
        return kh_error_set(err, KH_E_ARG, "limit %" PRId64 ", expected 1 or more", page->limit);
    return kh_cache_each(cache, queries[page->which], values, 2, tell_commitment, &of, err);
}

kh_status kh_commitment_due(kh_cache *cache, int64_t now_ms, int64_t delay_max_ms, int64_t asked_max_ms, kh_commitment *out, size_t *count,
                            int64_t *next_ms, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(now_ms), KH_SQL_I(delay_max_ms), KH_SQL_I(asked_max_ms)};
    kh_commitment next;
    size_t one = 1;
    kh_status status = read_rows(cache,
                                 "SELECT " COLUMNS " FROM commitment WHERE state < 2"
                                 " AND (not_before_ms <= ?1 OR not_before_ms > ?1 + iif(state = 1, ?3, ?2)) ORDER BY not_before_ms, id",
                                 values, 3, out, count, err);

    *next_ms = INT64_MAX;
    if (status == KH_OK)
        status = read_rows(cache, "SELECT " COLUMNS " FROM commitment WHERE state < 2 AND not_before_ms > ?1 ORDER BY not_before_ms",
                           values, 1, &next, &one, err);
    if (status == KH_OK && one == 1)
        *next_ms = next.not_before_ms;
    return status;
}
