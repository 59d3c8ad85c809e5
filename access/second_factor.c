#include "access/second_factor.h"

#include <liboath/oath.h>
#include <qrencode.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "access/accounts_internal.h"
#include "access/second.h"
#include "access/totp.h"
#include "base/clock.h"

typedef struct stored {
    uint8_t sealed[KH_SEALED_MAX], next[KH_SEALED_MAX];
    size_t sealed_size, next_size;
    int64_t confirmed_ms, last_step;
} stored;

static size_t copy_blob(uint8_t out[KH_SEALED_MAX], kh_sql_row *row, int column)
{
    size_t size = 0;
    const void *bytes = kh_sql_blob(row, column, &size);

    if (size > KH_SEALED_MAX)
        return 0;
    if (size > 0)
        memcpy(out, bytes, size);
    return size;
}

static void take(kh_sql_row *row, void *context)
{
    stored *out = context;

    out->sealed_size = copy_blob(out->sealed, row, 0);
    out->next_size = copy_blob(out->next, row, 1);
    out->confirmed_ms = kh_sql_int(row, 2);
    out->last_step = kh_sql_int(row, 3);
}

/* None is no failure. */
static kh_status read(kh_sql *sql, int64_t person_id, stored *out, kh_error *err)
{
    kh_error none = KH_ERROR_INIT;
    kh_status status;

    *out = (stored){0};
    status = kh_access_one(sql, "SELECT secret, next_secret, confirmed_ms, last_step FROM second_factor WHERE person_ref = ?1",
                           &KH_SQL_I(person_id), 1, take, out, "second factor", &none);
    return status == KH_OK || status == KH_E_NOT_FOUND ? KH_OK : kh_error_set(err, status, "%s", none.message);
}

/* ---- setting it up ---- */

typedef struct setting {
    kh_accounts *accounts;
    int64_t person_id, keep_session_id;
    kh_second_setup *setup;
    const char *code, *login;
    bool good;
    char (*recovery)[KH_RECOVERY_CODE_SIZE];
    kh_second_state *state;
} setting;

/* RFC 3986's unreserved characters stay. What is too long is cut, at a character. */
static void escape(char *out, size_t size, const char *text)
{
    size_t used = 0;

    for (; *text; text++) {
        uint8_t c = (uint8_t)*text;

        if (used + (c >= 0xc0 ? 13 : 4) >= size && (c & 0xc0) != 0x80)
            break;

        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || strchr("-._~", c))
            out[used++] = (char)c;
        else
            used += (size_t)snprintf(out + used, size - used, "%%%02X", c);
    }
    out[used] = '\0';
}

static kh_status draw(kh_second_setup *out, kh_error *err)
{
    QRcode *code = QRcode_encodeString8bit(out->address, 0, QR_ECLEVEL_M);

    if (!code)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a QR code");
    out->qr_width = (unsigned)code->width;
    if ((size_t)code->width * (size_t)code->width <= sizeof out->qr)
        for (size_t i = 0; i < (size_t)code->width * (size_t)code->width; i++)
            out->qr[i] = code->data[i] & 1;
    QRcode_free(code);
    return KH_OK;
}

static kh_status describe(kh_second_setup *out, const char *network, const char *login, const uint8_t secret[KH_TOTP_SECRET_BYTES],
                          kh_error *err)
{
    char issuer[96], label[130], *base32 = NULL;

    if (oath_base32_encode((const char *)secret, KH_TOTP_SECRET_BYTES, &base32, NULL) != OATH_OK || !base32)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a second factor");
    snprintf(out->secret, sizeof out->secret, "%s", base32);
    sodium_memzero(base32, strlen(base32));
    free(base32);
    escape(issuer, sizeof issuer, network);
    escape(label, sizeof label, login);
    snprintf(out->address, sizeof out->address, "otpauth://totp/%s:%s?secret=%s&issuer=%s&algorithm=SHA1&digits=6&period=%d", issuer, label,
             out->secret, issuer, KH_TOTP_STEP_S);
    return draw(out, err);
}

static kh_status begin(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    setting *of = context;
    uint8_t secret[KH_TOTP_SECRET_BYTES], sealed[KH_SEALED_MAX];
    kh_admission who;
    size_t size;
    kh_status status = kh_admission_read(sql, of->person_id, NULL, &who, err);

    (void)access;
    if (status != KH_OK)
        return status;
    randombytes_buf(secret, sizeof secret);
    kh_secret_seal(sealed, &size, of->accounts->key, of->person_id, secret, sizeof secret);
    {
        const kh_sql_value values[] = {KH_SQL_I(of->person_id), KH_SQL_B(sealed, size)};

        status = kh_sql_run(sql,
                            "INSERT INTO second_factor (person_ref, next_secret) VALUES (?1, ?2)"
                            " ON CONFLICT (person_ref) DO UPDATE SET next_secret = ?2",
                            KH_ACCESS_VALUES(values), NULL, err);
    }
    if (status == KH_OK)
        status = describe(of->setup, of->accounts->options.network, who.login, secret, err);
    sodium_memzero(secret, sizeof secret);
    return status;
}

kh_status kh_second_begin(kh_accounts *accounts, int64_t person_id, kh_second_setup *out, kh_error *err)
{
    *out = (kh_second_setup){0};
    return kh_access_change(accounts->access, begin, &(setting){.accounts = accounts, .person_id = person_id, .setup = out}, err);
}

static kh_status make_recovery(setting *of, kh_sql *sql, kh_error *err)
{
    kh_status status = kh_sql_run(sql, "DELETE FROM recovery_code WHERE person_ref = ?1", &KH_SQL_I(of->person_id), 1, NULL, err);

    for (size_t i = 0; i < KH_RECOVERY_CODES && status == KH_OK; i++) {
        uint8_t mark[KH_SHA_SIZE];

        kh_secret_words(of->recovery[i], KH_RECOVERY_CODE_SIZE, 5);
        kh_secret_mark(mark, of->accounts->key, of->person_id, of->recovery[i]);
        {
            const kh_sql_value values[] = {KH_SQL_I(of->person_id), KH_SQL_B(mark, sizeof mark)};

            status = kh_sql_run(sql, "INSERT INTO recovery_code (person_ref, sha) VALUES (?1, ?2)", KH_ACCESS_VALUES(values), NULL, err);
        }
    }
    return status;
}

static kh_status confirm(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    setting *of = context;
    uint8_t secret[KH_TOTP_SECRET_BYTES];
    int64_t now_ms = kh_clock_wall_ms(), step = 0;
    stored held;
    kh_status status = read(sql, of->person_id, &held, err);

    if (status == KH_OK && held.next_size == 0)
        return kh_error_set(err, KH_E_DENIED, "no second factor is being set up");
    if (status == KH_OK)
        status = kh_secret_unseal(secret, sizeof secret, of->accounts->key, of->person_id, held.next, held.next_size, err);
    if (status != KH_OK)
        return status;
    of->good = kh_totp_check(&step, secret, sizeof secret, now_ms, 0, of->code);
    sodium_memzero(secret, sizeof secret);
    if (!of->good)
        return kh_error_set(err, KH_E_DENIED, "the code is not the one of this moment");
    {
        const kh_sql_value values[] = {KH_SQL_I(of->person_id), KH_SQL_I(now_ms), KH_SQL_I(step)};

        status = kh_sql_run(sql,
                            "UPDATE second_factor SET secret = next_secret, next_secret = NULL, confirmed_ms = ?2, last_step = ?3"
                            " WHERE person_ref = ?1",
                            KH_ACCESS_VALUES(values), NULL, err);
    }
    if (status == KH_OK)
        status = make_recovery(of, sql, err);
    return status == KH_OK ? kh_sessions_end_of(access, sql, of->person_id, of->keep_session_id, err) : status;
}

kh_status kh_second_confirm(kh_accounts *accounts, int64_t person_id, const char *code, int64_t keep_session_id,
                            char recovery[KH_RECOVERY_CODES][KH_RECOVERY_CODE_SIZE], kh_error *err)
{
    setting of = {.accounts = accounts, .person_id = person_id, .keep_session_id = keep_session_id, .code = code, .recovery = recovery};

    return kh_access_change(accounts->access, confirm, &of, err);
}

/* ---- using it ---- */

static kh_status use_recovery(kh_accounts *accounts, kh_sql *sql, int64_t person_id, const char *code, bool *good, kh_error *err)
{
    char text[KH_RECOVERY_CODE_SIZE];
    uint8_t mark[KH_SHA_SIZE];
    size_t used = 0;
    int64_t changed = 0;
    kh_status status;

    for (; *code && used < sizeof text - 1; code++) { /* as it is written, however it is typed */
        char c = *code >= 'A' && *code <= 'Z' ? (char)(*code - 'A' + 'a') : *code;

        if (c == ' ' || c == '-')
            continue;
        if (used == 5)
            text[used++] = '-';
        text[used++] = c;
    }
    text[used] = '\0';
    kh_secret_mark(mark, accounts->key, person_id, text);
    {
        const kh_sql_value values[] = {KH_SQL_I(person_id), KH_SQL_B(mark, sizeof mark), KH_SQL_I(kh_clock_wall_ms())};

        status = kh_sql_run(sql, "UPDATE recovery_code SET used_ms = ?3 WHERE person_ref = ?1 AND sha = ?2 AND used_ms = 0",
                            KH_ACCESS_VALUES(values), &changed, err);
    }
    *good = status == KH_OK && *code == '\0' && changed > 0;
    return status;
}

kh_status kh_second_use(kh_accounts *accounts, kh_sql *sql, int64_t person_id, const char *code, bool *good, kh_error *err)
{
    uint8_t secret[KH_TOTP_SECRET_BYTES];
    int64_t step = 0;
    stored held;
    kh_status status = read(sql, person_id, &held, err);

    *good = false;
    if (status != KH_OK || held.confirmed_ms == 0)
        return status;
    status = kh_secret_unseal(secret, sizeof secret, accounts->key, person_id, held.sealed, held.sealed_size, err);
    if (status != KH_OK)
        return status;
    *good = kh_totp_check(&step, secret, sizeof secret, kh_clock_wall_ms(), held.last_step, code);
    sodium_memzero(secret, sizeof secret);
    if (*good) {
        const kh_sql_value values[] = {KH_SQL_I(person_id), KH_SQL_I(step)};

        return kh_sql_run(sql, "UPDATE second_factor SET last_step = ?2 WHERE person_ref = ?1", KH_ACCESS_VALUES(values), NULL, err);
    }
    return use_recovery(accounts, sql, person_id, code, good, err);
}

/* ---- of the office ---- */

static kh_status reset(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    setting *of = context;
    kh_admission who;
    kh_status status = kh_admission_read(sql, 0, of->login, &who, err);

    if (status == KH_OK)
        status = kh_sql_run(sql, "DELETE FROM second_factor WHERE person_ref = ?1", &KH_SQL_I(who.person_id), 1, NULL, err);
    if (status == KH_OK)
        status = kh_sql_run(sql, "DELETE FROM recovery_code WHERE person_ref = ?1", &KH_SQL_I(who.person_id), 1, NULL, err);
    return status == KH_OK ? kh_sessions_end_of(access, sql, who.person_id, 0, err) : status;
}

kh_status kh_second_reset(kh_accounts *accounts, const char *login, const char *by, kh_error *err)
{
    if (strcmp(login, by) == 0) /* S8: a second person */
        return kh_error_set(err, KH_E_DENIED, "nobody resets the second factor of his own account, expected another person");
    return kh_access_change(accounts->access, reset, &(setting){.login = login}, err);
}

static void take_left(kh_sql_row *row, void *context)
{
    ((kh_second_state *)context)->recovery_left = (int)kh_sql_int(row, 0);
}

static kh_status read_state(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    setting *of = context;
    stored held;
    kh_status status = read(sql, of->person_id, &held, err);

    (void)access;
    of->state->there = held.confirmed_ms > 0;
    of->state->confirmed_ms = held.confirmed_ms;
    return status == KH_OK ? kh_access_one(sql, "SELECT count(*) FROM recovery_code WHERE person_ref = ?1 AND used_ms = 0",
                                           &KH_SQL_I(of->person_id), 1, take_left, of->state, "code", err)
                           : status;
}

kh_status kh_second_state_of(kh_accounts *accounts, int64_t person_id, kh_second_state *out, kh_error *err)
{
    *out = (kh_second_state){0};
    return kh_access_read(accounts->access, read_state, &(setting){.person_id = person_id, .state = out}, err);
}
