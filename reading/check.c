#include "reading/check.h"

#include <limits.h>
#include <stdio.h>
#include "store/sql.h"

typedef struct telling {
    kh_reading_report *report;
    void (*tell)(void *context, const char *line);
    void *context;
} telling;

static kh_status count(kh_sql *sql, kh_reading_report *report, kh_error *err)
{
    kh_sql_row *row;
    bool has_row = false;
    kh_status status =
        kh_sql_query(&row, sql,
                     "SELECT (SELECT count(*) FROM mark WHERE deleted_ms = 0), (SELECT count(*) FROM mark WHERE deleted_ms <> 0),"
                     " (SELECT count(*) FROM mark_version), (SELECT count(*) FROM setting)",
                     NULL, 0, err);

    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && has_row) {
        report->marks = kh_sql_int(row, 0);
        report->deleted = kh_sql_int(row, 1);
        report->versions = kh_sql_int(row, 2);
        report->settings = kh_sql_int(row, 3);
    }
    kh_sql_end(row);
    return status;
}

/* Every version but the last one is beside the mark, and of each kind the points are as many as it has. */
static kh_status find_unsound(kh_sql *sql, const telling *t, kh_error *err)
{
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(
        &row, sql,
        "SELECT m.id, m.version, (SELECT count(*) FROM mark_version v WHERE v.mark_ref = m.id AND v.version < m.version) AS kept"
        " FROM mark m WHERE m.version <> kept + 1 OR length(m.points) % 16 <> 0 OR length(m.points) > 16000"
        " OR m.kind NOT IN ('length', 'bidirectional', 'angle', 'cobb', 'rectangle', 'ellipse', 'freehand', 'probe', 'arrow',"
        " 'text', 'key')",
        NULL, 0, err);

    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        char line[160];

        t->report->unsound++;
        snprintf(line, sizeof line, "reading.db: mark %.40s at version %lld with %lld before it is not whole", kh_sql_text(row, 0),
                 (long long)kh_sql_int(row, 1), (long long)kh_sql_int(row, 2));
        t->tell(t->context, line);
    }
    kh_sql_end(row);
    return status;
}

/* A first start that was killed leaves a file without any. */
static kh_status has_tables(kh_sql *sql, bool *out, kh_error *err)
{
    kh_sql_row *row;
    kh_status status = kh_sql_query(&row, sql, "SELECT 1 FROM sqlite_schema WHERE name = 'mark'", NULL, 0, err);

    *out = false;
    if (status == KH_OK)
        status = kh_sql_next(row, out, err);
    kh_sql_end(row);
    return status;
}

static kh_status look(kh_sql *sql, const telling *t, kh_error *err)
{
    kh_error why = KH_ERROR_INIT;
    char line[400];
    bool made = false;
    kh_status status = kh_sql_check(sql, &why);

    t->report->sound = status == KH_OK;
    if (status == KH_E_CORRUPT) {
        snprintf(line, sizeof line, "reading.db: %s", why.message);
        t->tell(t->context, line);
        return KH_OK;
    }
    if (status != KH_OK)
        return kh_error_set(err, status, "%s", why.message);
    status = has_tables(sql, &made, err);
    if (status == KH_OK && made)
        status = count(sql, t->report, err);
    return status == KH_OK && made ? find_unsound(sql, t, err) : status;
}

kh_status kh_reading_check(const char *dir, kh_reading_report *report, void (*tell)(void *context, const char *line), void *context,
                           kh_error *err)
{
    const telling t = {report, tell, context};
    char path[PATH_MAX];
    kh_error why = KH_ERROR_INIT;
    kh_sql *sql = NULL;
    kh_status status;

    *report = (kh_reading_report){.sound = true};
    if (snprintf(path, sizeof path, "%s/reading.db", dir) >= (int)sizeof path)
        return kh_error_set(err, KH_E_ARG, "the data folder's path is too long");
    status = kh_sql_open(&sql, path, KH_SQL_READER, &why);
    if (status == KH_E_NOT_FOUND)
        return KH_OK;
    if (status == KH_E_CORRUPT) {
        report->sound = false;
        tell(context, why.message);
        return KH_OK;
    }
    if (status == KH_OK)
        status = look(sql, &t, &why);
    kh_sql_close(sql);
    return status == KH_OK ? KH_OK : kh_error_set(err, status, "reading.db: %s", why.message);
}
