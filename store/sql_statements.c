/* One kh_sql_row is one prepared statement. Those in the cache are kept for the life of the connection, found by the address
 * of their text first and by the text itself after; one that is running already, or finds the cache full, is prepared for
 * this one use. */
#include "store/internal.h"

#include <stdlib.h>
#include <string.h>

void kh_sql_row_free(kh_sql_row *row)
{
    sqlite3_finalize(row->statement);
    free(row);
}


kh_sql_value kh_sql_text_value(const char *text)
{
    return text ? (kh_sql_value){.type = KH_SQL_TEXT, .bytes = text} : KH_SQL_N;
}

static kh_sql_row *find_cached(kh_sql *sql, const char *text)
{
    for (size_t i = 0; i < sql->row_count; i++) /* the same address may hold another text now */
        if (sql->rows[i]->address == text && strcmp(sqlite3_sql(sql->rows[i]->statement), text) == 0)
            return sql->rows[i];
    for (size_t i = 0; i < sql->row_count; i++)
        if (strcmp(sqlite3_sql(sql->rows[i]->statement), text) == 0)
            return sql->rows[i];
    return NULL;
}

static kh_status prepare(kh_sql_row **out, kh_sql *sql, const char *text, kh_error *err)
{
    kh_sql_row *held = find_cached(sql, text);
    kh_sql_row *row;
    int code;

    *out = NULL;
    if (held && !held->running) {
        *out = held;
        return KH_OK;
    }
    row = calloc(1, sizeof *row);
    if (!row)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a statement");
    code = sqlite3_prepare_v3(sql->db, text, -1, SQLITE_PREPARE_PERSISTENT, &row->statement, NULL);
    if (code != SQLITE_OK || !row->statement) {
        free(row);
        return code == SQLITE_OK ? kh_error_set(err, KH_E_INTERNAL, "empty statement") : kh_sql_fail(sql, code, "prepare", err);
    }
    row->sql = sql;
    row->address = text;
    if (!held && sql->row_count < KH_SQL_STATEMENTS_MAX) {
        row->cached = true;
        sql->rows[sql->row_count++] = row;
    }
    *out = row;
    return KH_OK;
}

static int bind_one(sqlite3_stmt *statement, int index, const kh_sql_value *value)
{
    switch (value->type) {
    case KH_SQL_INT:
        return sqlite3_bind_int64(statement, index, value->integer);
    case KH_SQL_DOUBLE:
        return sqlite3_bind_double(statement, index, value->real);
    case KH_SQL_TEXT:
        return sqlite3_bind_text(statement, index, value->bytes, -1, SQLITE_STATIC);
    case KH_SQL_BLOB:
        if (value->size == 0)
            return sqlite3_bind_zeroblob(statement, index, 0);
        return sqlite3_bind_blob64(statement, index, value->bytes, value->size, SQLITE_STATIC);
    case KH_SQL_NULL:
        break;
    }
    return sqlite3_bind_null(statement, index);
}

static kh_status bind_all(kh_sql_row *row, const kh_sql_value *values, size_t count, kh_error *err)
{
    if ((size_t)sqlite3_bind_parameter_count(row->statement) != count)
        return kh_error_set(err, KH_E_INTERNAL, "statement takes %d values, got %zu", sqlite3_bind_parameter_count(row->statement),
                            count);
    for (size_t i = 0; i < count; i++) {
        int code = bind_one(row->statement, (int)i + 1, &values[i]);

        if (code != SQLITE_OK)
            return kh_sql_fail(row->sql, code, "bind", err);
    }
    return KH_OK;
}

kh_status kh_sql_query(kh_sql_row **out, kh_sql *sql, const char *statement, const kh_sql_value *values, size_t count,
                       kh_error *err)
{
    kh_sql_row *row;
    kh_status status = prepare(&row, sql, statement, err);

    *out = NULL;
    if (status != KH_OK)
        return status;
    row->running = true;
    status = bind_all(row, values, count, err);
    if (status == KH_OK)
        *out = row;
    else
        kh_sql_end(row);
    return status;
}

kh_status kh_sql_next(kh_sql_row *row, bool *has_row, kh_error *err)
{
    int code = sqlite3_step(row->statement);

    *has_row = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? KH_OK : kh_sql_fail(row->sql, code, "index", err);
}

void kh_sql_end(kh_sql_row *row)
{
    if (!row)
        return;
    sqlite3_reset(row->statement); /* its code is the last step's, told already */
    sqlite3_clear_bindings(row->statement);
    row->running = false;
    if (!row->cached)
        kh_sql_row_free(row);
}

kh_status kh_sql_run(kh_sql *sql, const char *statement, const kh_sql_value *values, size_t count, int64_t *changed,
                     kh_error *err)
{
    kh_sql_row *row;
    bool has_row;
    kh_status status = kh_sql_query(&row, sql, statement, values, count, err);

    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && changed)
        *changed = sqlite3_changes64(sql->db);
    kh_sql_end(row);
    return status;
}

int64_t kh_sql_last_id(kh_sql *sql)
{
    return sqlite3_last_insert_rowid(sql->db);
}

int64_t kh_sql_int(kh_sql_row *row, int column)
{
    return sqlite3_column_int64(row->statement, column);
}

double kh_sql_double(kh_sql_row *row, int column)
{
    return sqlite3_column_double(row->statement, column);
}

const char *kh_sql_text(kh_sql_row *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row->statement, column);

    return text ? text : "";
}

bool kh_sql_is_null(kh_sql_row *row, int column)
{
    return sqlite3_column_type(row->statement, column) == SQLITE_NULL;
}

const void *kh_sql_blob(kh_sql_row *row, int column, size_t *size)
{
    const void *bytes = sqlite3_column_blob(row->statement, column);

    *size = (size_t)sqlite3_column_bytes(row->statement, column);
    return bytes;
}
