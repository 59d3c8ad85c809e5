#include "access/attempts.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include "access/sign_in.h"
#include "base/clock.h"

#define ACCOUNT_FREE 4       /* the 5th failure is the first that makes wait */
#define ADDRESS_FREE 20      /* a hospital behind one address mistypes, too */
#define ALL_FREE 300
#define ALL_CAP_MS 60000     /* nobody may be shut out by what others guess */
#define FORGET_MS 86400000   /* of an account without a further try */
#define COOL_MS 900000       /* of an address, of all */
#define KEPT_MS (2 * FORGET_MS)

void kh_attempt_init(kh_attempt *out, int64_t person_id, const char *login, const char *address, const uint8_t *device)
{
    uint8_t sha[32];
    char hex[65];

    *out = (kh_attempt){.count = 3};
    if (device) {
        sodium_bin2hex(hex, sizeof hex, device, 32);
        snprintf(out->keys[0], sizeof out->keys[0], "d:%lld:%s", (long long)person_id, hex);
        out->count = 1;
        return;
    }
    if (person_id > 0) {
        snprintf(out->keys[0], sizeof out->keys[0], "a:%lld", (long long)person_id);
    } else {
        crypto_hash_sha256(sha, (const uint8_t *)login, strlen(login));
        sodium_bin2hex(hex, sizeof hex, sha, sizeof sha);
        snprintf(out->keys[0], sizeof out->keys[0], "n:%s", hex);
    }
    snprintf(out->keys[1], sizeof out->keys[1], "i:%.64s", address);
    snprintf(out->keys[2], sizeof out->keys[2], "*");
}

void kh_attempt_init_inside(kh_attempt *out, kh_attempt_kind kind, int64_t id)
{
    *out = (kh_attempt){.count = 1};
    snprintf(out->keys[0], sizeof out->keys[0], "%c:%lld", (char)kind, (long long)id);
}

typedef struct counted {
    int64_t failed, last_ms, until_ms;
} counted;

static void take(kh_sql_row *row, void *context)
{
    *(counted *)context = (counted){kh_sql_int(row, 0), kh_sql_int(row, 1), kh_sql_int(row, 2)};
}

static kh_status look(kh_sql *sql, const char *key, int64_t now_ms, counted *out, kh_error *err)
{
    kh_error none = KH_ERROR_INIT;
    bool account = key[0] != 'i' && key[0] != '*';
    kh_status status =
        kh_access_one(sql, "SELECT failed, last_ms, until_ms FROM attempt WHERE key = ?1", KH_ACCESS_TEXT(key), take, out, "try", &none);

    if (status == KH_E_NOT_FOUND) {
        *out = (counted){0};
        return KH_OK;
    }
    if (status != KH_OK)
        return kh_error_set(err, status, "%s", none.message);
    if (now_ms - out->last_ms > (account ? FORGET_MS : COOL_MS))
        *out = (counted){0};
    return KH_OK;
}

/* 1·2^n s from the first that is not free. */
static int64_t delay_ms(const char *key, int64_t failed)
{
    int64_t over = failed - (key[0] == '*' ? ALL_FREE : key[0] == 'i' ? ADDRESS_FREE : ACCOUNT_FREE);
    int64_t cap_ms = key[0] == '*' ? ALL_CAP_MS : KH_ATTEMPT_CAP_MS;

    if (over <= 0)
        return 0;
    return over > 20 || INT64_C(1000) << (over - 1) > cap_ms ? cap_ms : INT64_C(1000) << (over - 1);
}

/* A clock that was set back does not make the wait longer than it was. */
static int64_t left_ms(const char *key, const counted *of, int64_t now_ms)
{
    int64_t left = of->until_ms - now_ms, most = delay_ms(key, of->failed);

    return left <= 0 ? 0 : left < most ? left : most;
}

static kh_status begin(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    int64_t now_ms = kh_clock_wall_ms();
    kh_attempt *attempt = context;
    counted of[KH_ATTEMPT_KEYS];
    kh_status status = kh_sql_run(sql, "DELETE FROM attempt WHERE last_ms < ?1", &KH_SQL_I(now_ms - KEPT_MS), 1, NULL, err);

    (void)access;
    attempt->wait_ms = 0;
    for (int i = 0; i < attempt->count && status == KH_OK; i++) {
        int64_t left;

        status = look(sql, attempt->keys[i], now_ms, &of[i], err);
        if (status != KH_OK)
            return status;
        left = left_ms(attempt->keys[i], &of[i], now_ms);
        if (left > attempt->wait_ms)
            attempt->wait_ms = left;
    }
    for (int i = 0; i < attempt->count && status == KH_OK && attempt->wait_ms == 0; i++) {
        int64_t failed = of[i].failed + 1;
        const kh_sql_value values[] = {KH_SQL_T(attempt->keys[i]), KH_SQL_I(failed), KH_SQL_I(now_ms),
                                       KH_SQL_I(now_ms + delay_ms(attempt->keys[i], failed))};

        status = kh_sql_run(sql, "INSERT OR REPLACE INTO attempt (key, failed, last_ms, until_ms) VALUES (?1, ?2, ?3, ?4)",
                            KH_ACCESS_VALUES(values), NULL, err);
    }
    return status;
}

kh_status kh_attempt_begin(kh_access *access, kh_attempt *attempt, kh_error *err)
{
    return kh_access_change(access, begin, attempt, err);
}

/* Of the account all is forgotten when it was right; of the rest this one. */
kh_status kh_attempt_take_back(kh_sql *sql, const kh_attempt *attempt, bool right, kh_error *err)
{
    kh_status status = KH_OK;

    for (int i = 0; i < attempt->count && status == KH_OK; i++)
        status = kh_sql_run(sql,
                            i == 0 && right ? "DELETE FROM attempt WHERE key = ?1"
                                            : "UPDATE attempt SET failed = max(failed - 1, 0), until_ms = 0 WHERE key = ?1",
                            KH_ACCESS_TEXT(attempt->keys[i]), NULL, err);
    return status;
}

static kh_status forgive(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    kh_error why = KH_ERROR_INIT;
    kh_status status = kh_access_one(sql, "SELECT id FROM person WHERE login = ?1", KH_ACCESS_TEXT(context), NULL, NULL, "person", &why);

    (void)access;
    if (status != KH_OK)
        return kh_error_set(err, status, "%s", why.message);
    return kh_sql_run(
        sql,
        "DELETE FROM attempt WHERE key IN (SELECT k || id FROM person, (SELECT 'a:' AS k UNION SELECT 'c:' UNION SELECT 'p:') WHERE login = ?1)"
        " OR key GLOB (SELECT 'd:' || id || ':*' FROM person WHERE login = ?1)",
        KH_ACCESS_TEXT(context), NULL, err);
}

kh_status kh_sign_in_forgive(kh_access *access, const char *login, kh_error *err)
{
    char copy[65];

    KH_COPY(copy, login);
    return kh_access_change(access, forgive, copy, err);
}
