/* The schema's number and its migrations, and whether a database is sound. */
#include "store/internal.h"

#include <string.h>
#include <sys/stat.h>

#define CHECK_LOOK_STEPS 200000
#define CHECK_LOG_BYTES 134217728

kh_status kh_sql_schema_version(kh_sql *sql, int64_t *version, kh_error *err)
{
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(&row, sql, "PRAGMA user_version", NULL, 0, err);

    *version = 0;
    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && has_row)
        *version = kh_sql_int(row, 0);
    kh_sql_end(row);
    return status;
}

static kh_status migrate_one(kh_sql *sql, const char *script, size_t version, kh_error *err)
{
    char number[64];
    kh_status status = kh_sql_begin(sql, err);

    if (status != KH_OK)
        return status;
    status = kh_sql_execute(sql, script, err);
    if (status == KH_OK) {
        sqlite3_snprintf(sizeof number, number, "PRAGMA user_version = %d", (int)version);
        status = kh_sql_execute(sql, number, err);
    }
    if (status == KH_OK)
        return kh_sql_commit(sql, err);
    kh_sql_rollback(sql);
    kh_error_prefix(err, "schema %zu", version);
    return status;
}

kh_status kh_sql_migrate(kh_sql *sql, const char *const *scripts, size_t script_count, kh_error *err)
{
    int64_t version;
    kh_status status = kh_sql_schema_version(sql, &version, err);

    if (status != KH_OK)
        return status;
    if (version < 0 || (uint64_t)version > script_count)
        return kh_error_set(err, KH_E_UNSUPPORTED, "index has schema %lld, expected at most %zu: it was made by a newer version",
                            (long long)version, script_count);
    for (size_t i = (size_t)version; i < script_count && status == KH_OK; i++)
        status = migrate_one(sql, scripts[i], i + 1, err);
    return status;
}

/* One row per finding; none, or "ok" alone, when sound. */
static kh_status first_finding(kh_sql *sql, const char *pragma, kh_error *err)
{
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(&row, sql, pragma, NULL, 0, err);

    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && has_row && strcmp(kh_sql_text(row, 0), "ok") != 0)
        status = kh_error_set(err, KH_E_CORRUPT, "%s: %.200s", pragma, kh_sql_text(row, 0));
    kh_sql_end(row);
    return status;
}

/* Not 0 ends the statement. */
static int on_progress(void *context)
{
    const char *path = sqlite3_filename_wal(sqlite3_db_filename(((kh_sql *)context)->db, NULL));
    struct stat st;

    return path && stat(path, &st) == 0 && (uint64_t)st.st_size > CHECK_LOG_BYTES;
}

kh_status kh_sql_check(kh_sql *sql, kh_error *err)
{
    kh_error why = KH_ERROR_INIT;
    kh_status status;

    sqlite3_progress_handler(sql->db, CHECK_LOOK_STEPS, on_progress, sql);
    status = first_finding(sql, "PRAGMA integrity_check(1)", &why);
    if (status == KH_OK)
        status = first_finding(sql, "PRAGMA foreign_key_check", &why);
    sqlite3_progress_handler(sql->db, 0, NULL, NULL);
    if (status == KH_E_CANCELLED)
        return kh_error_set(err, KH_E_BUSY, "the index is written to too fast to be checked now: check it at a quieter time");
    return status == KH_OK ? KH_OK : kh_error_set(err, status, "%s", why.message);
}
