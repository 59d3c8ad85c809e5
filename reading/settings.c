#include "reading/settings.h"

#include <string.h>
#include "base/clock.h"
#include "reading/internal.h"

typedef struct kept {
    int64_t person_id, version;
    kh_buf *body;     /* appended to */
    const char *next; /* that takes its place */
    bool same;        /* it is kept already */
} kept;

static kh_status find(kh_sql *sql, kept *k, kh_error *err)
{
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(&row, sql, "SELECT version, body FROM setting WHERE person_ref = ?1", &KH_SQL_I(k->person_id), 1, err);

    k->version = 0;
    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && has_row) {
        k->version = kh_sql_int(row, 0);
        k->same = k->next && strcmp(kh_sql_text(row, 1), k->next) == 0;
    }
    if (status == KH_OK && k->body)
        status = kh_buf_append_text(k->body, has_row ? kh_sql_text(row, 1) : "{}", err);
    kh_sql_end(row);
    return status;
}

static kh_status get(kh_reading *reading, kh_sql *sql, void *context, kh_error *err)
{
    (void)reading;
    return find(sql, context, err);
}

kh_status kh_person_settings_get(kh_reading *reading, int64_t person_id, kh_buf *body, int64_t *version, kh_error *err)
{
    kept k = {.person_id = person_id, .body = body};
    kh_status status = kh_reading_read(reading, get, &k, err);

    *version = k.version;
    return status;
}

static kh_status set(kh_reading *reading, kh_sql *sql, void *context, kh_error *err)
{
    kept *k = context;
    int64_t replaces = k->version;
    kh_status status = find(sql, k, err);
    const kh_sql_value values[] = {KH_SQL_I(k->person_id), KH_SQL_I(k->version + 1), KH_SQL_T(k->next), KH_SQL_I(kh_clock_wall_ms())};

    (void)reading;
    if (status != KH_OK || (k->same && (k->version == replaces || k->version == replaces + 1)))
        return status;
    if (k->version != replaces)
        return kh_error_set(err, KH_E_CONFLICT, "version %lld, the settings are at %lld", (long long)replaces, (long long)k->version);
    status =
        kh_sql_run(sql, "INSERT OR REPLACE INTO setting (person_ref, version, body, at_ms) VALUES (?1, ?2, ?3, ?4)", values, 4, NULL, err);
    if (status == KH_OK)
        k->version++;
    return status;
}

kh_status kh_person_settings_set(kh_reading *reading, int64_t person_id, const char *body, int64_t *version, kh_error *err)
{
    kept k = {.person_id = person_id, .version = *version, .next = body};
    kh_status status;

    if (strlen(body) > KH_SETTINGS_BYTES_MAX)
        return kh_error_set(err, KH_E_LIMIT, "settings of %zu bytes, expected at most %d", strlen(body), KH_SETTINGS_BYTES_MAX);
    status = kh_reading_change(reading, set, &k, err);
    *version = k.version;
    return status;
}
