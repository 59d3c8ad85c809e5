#include "access/bans.h"

#include <string.h>
#include "access/people.h"
#include "base/clock.h"
#include "cache/fold.h"

kh_status kh_kana_key(char out[KH_KANA_KEY_SIZE], const char *kana, kh_error *err)
{
    kh_status status;
    kh_buf folded;
    size_t size = 0;

    kh_buf_init(&folded, KH_KANA_KEY_SIZE - 1);
    status = kh_fold_append(&folded, kana, err);
    for (const char *at = kh_buf_text(&folded); status == KH_OK && *at; at++)
        if (*at != ' ')
            out[size++] = *at;
    out[size] = '\0';
    kh_buf_release(&folded);
    return status;
}

kh_status kh_ban_consult(kh_sql *sql, const char *kana_key, const char *birth_date, kh_error *err)
{
    kh_error none = KH_ERROR_INIT;
    kh_sql_value values[3];
    kh_status status;
    char today[9];

    kh_access_today(today);
    values[0] = KH_SQL_T(birth_date);
    values[1] = KH_SQL_T(kana_key);
    values[2] = KH_SQL_T(today);
    status = kh_access_one(sql, "SELECT id FROM ban WHERE birth_date = ?1 AND kana_key = ?2 AND (until = '' OR until >= ?3) LIMIT 1",
                           KH_ACCESS_VALUES(values), NULL, NULL, "ban", &none);
    if (status == KH_E_NOT_FOUND)
        return KH_OK;
    if (status == KH_OK)
        return kh_error_set(err, KH_E_DENIED,
                            "a person of this name and birth date is on the list of those who may not be registered again");
    return kh_error_set(err, status, "%s", none.message);
}

static kh_status add(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    char key[KH_KANA_KEY_SIZE];
    kh_ban *ban = context;
    kh_status status = kh_kana_key(key, ban->kana, err);

    (void)access;
    if (status == KH_OK) {
        const kh_sql_value values[] = {KH_SQL_T(ban->kana),   KH_SQL_T(key),     KH_SQL_T(ban->birth_date), KH_SQL_T(ban->until),
                                       KH_SQL_T(ban->reason), KH_SQL_T(ban->by), KH_SQL_I(ban->made_ms)};

        status = kh_sql_run(
            sql, "INSERT INTO ban (kana, kana_key, birth_date, until, reason, by_whom, made_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            KH_ACCESS_VALUES(values), NULL, err);
    }
    if (status == KH_OK)
        ban->id = kh_sql_last_id(sql);
    return status;
}

kh_status kh_ban_add(kh_access *access, kh_ban *ban, kh_error *err)
{
    kh_status status = kh_access_check_text("kana", ban->kana, sizeof ban->kana, true, err);

    if (status == KH_OK)
        status = kh_access_check_day("birth date", ban->birth_date, true, err);
    if (status == KH_OK)
        status = kh_access_check_day("until", ban->until, false, err);
    if (status == KH_OK)
        status = kh_access_check_text("reason", ban->reason, sizeof ban->reason, true, err);
    if (status == KH_OK)
        status = kh_access_check_text("by", ban->by, sizeof ban->by, true, err);
    ban->made_ms = kh_clock_wall_ms();
    return status == KH_OK ? kh_access_change(access, add, ban, err) : status;
}

static kh_status take_away(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    int64_t changed = 0;
    kh_status status = kh_sql_run(sql, "DELETE FROM ban WHERE id = ?1", &KH_SQL_I(*(int64_t *)context), 1, &changed, err);

    (void)access;
    return status == KH_OK && changed == 0 ? kh_error_set(err, KH_E_NOT_FOUND, "no such ban") : status;
}

kh_status kh_ban_remove(kh_access *access, int64_t id, kh_error *err)
{
    return kh_access_change(access, take_away, &id, err);
}

typedef struct listing {
    kh_ban_visit *visit;
    void *context;
} listing;

static kh_status list(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    const listing *of = context;
    bool has_row = false;
    kh_sql_row *row;
    kh_status status =
        kh_sql_query(&row, sql, "SELECT id, kana, birth_date, until, reason, by_whom, made_ms FROM ban ORDER BY id", NULL, 0, err);

    (void)access;
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        kh_ban ban = {.id = kh_sql_int(row, 0), .made_ms = kh_sql_int(row, 6)};

        KH_COPY(ban.kana, kh_sql_text(row, 1));
        KH_COPY(ban.birth_date, kh_sql_text(row, 2));
        KH_COPY(ban.until, kh_sql_text(row, 3));
        KH_COPY(ban.reason, kh_sql_text(row, 4));
        KH_COPY(ban.by, kh_sql_text(row, 5));
        status = of->visit(of->context, &ban);
    }
    kh_sql_end(row);
    return status;
}

kh_status kh_ban_list(kh_access *access, kh_ban_visit *visit, void *context, kh_error *err)
{
    return kh_access_read(access, list, &(listing){visit, context}, err);
}
