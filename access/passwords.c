#include "access/passwords.h"

#include <sodium.h>
#include <string.h>
#include "access/accounts_internal.h"
#include "access/attempts.h"
#include "base/clock.h"

#define DAY_MS INT64_C(86400000)

const char *kh_password_fault_text(kh_password_fault fault)
{
    static const char *const texts[] = {"good", "text", "short", "long", "common", "context", "previous"};

    return texts[fault];
}

static size_t characters(const char *text)
{
    size_t count = 0;

    for (; *text; text++)
        count += ((uint8_t)*text & 0xc0) != 0x80;
    return count;
}

/* Each name is a word, and each part of one. */
#define CONTEXT_MAX 16
static size_t context_of(const char **words, char *text, size_t size, const kh_admission *who)
{
    const char *const whole[] = {who->login, who->name, who->facility, who->facility_name};
    size_t count = 0, used = 0;

    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        const char *at = whole[i];

        words[count++] = at;
        while (*at && count + (3 - i) < CONTEXT_MAX - 1) {
            size_t length = strcspn(at, " ._-@");

            if (length > 0 && at[length] && used + length + 1 <= size) {
                memcpy(text + used, at, length);
                text[used + length] = '\0';
                words[count++] = text + used;
                used += length + 1;
            } else if (length > 0 && !at[length] && at != whole[i]) {
                words[count++] = at;
            }
            at += length + (at[length] != '\0');
        }
    }
    words[count++] = "kakehashi";
    return count;
}

void kh_password_judge(const kh_accounts *accounts, const kh_admission *who, const char *password, kh_password_fault *fault)
{
    const char *words[CONTEXT_MAX];
    char text[600];
    size_t count;

    *fault = KH_PASSWORD_GOOD;
    if (strnlen(password, KH_PASSWORD_BYTES_MAX + 1) > KH_PASSWORD_BYTES_MAX || characters(password) > KH_PASSWORD_CHARACTERS_MAX)
        *fault = KH_PASSWORD_LONG;
    else if (kh_access_check_text("password", password, KH_PASSWORD_BYTES_MAX + 1, false, NULL) != KH_OK)
        *fault = KH_PASSWORD_TEXT;
    else if (characters(password) < accounts->options.length_min)
        *fault = KH_PASSWORD_SHORT;
    else if (kh_words_common(accounts->words, password))
        *fault = KH_PASSWORD_COMMON;
    if (*fault != KH_PASSWORD_GOOD)
        return;
    count = context_of(words, text, sizeof text, who);
    if (kh_words_of_context(words, count, password))
        *fault = KH_PASSWORD_CONTEXT;
}

kh_status kh_password_store(kh_sql *sql, int64_t person_id, const char *hash, const char *previous, bool one_time, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(person_id), KH_SQL_T(hash), KH_SQL_T(previous), KH_SQL_I(kh_clock_wall_ms()),
                                   KH_SQL_I(one_time)};

    return kh_sql_run(
        sql, "INSERT OR REPLACE INTO password (person_ref, hash, previous, changed_ms, one_time, used_ms) VALUES (?1, ?2, ?3, ?4, ?5, 0)",
        KH_ACCESS_VALUES(values), NULL, err);
}

typedef struct changing {
    kh_accounts *accounts;
    int64_t person_id, keep;
    const char *login;
    kh_admission who;
    char hash[KH_HASH_SIZE];
    bool one_time;
    kh_attempt attempt;
    bool tried;
} changing;

static kh_status read_who(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    changing *of = context;

    (void)access;
    return kh_admission_read(sql, of->person_id, of->login, &of->who, err);
}

/* The hash that was compared must still be the one that is replaced. A one-time password is nobody's own: what was before it stays the
 * previous. */
static kh_status store(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    changing *of = context;
    kh_admission now;
    kh_status status = kh_admission_read(sql, of->who.person_id, NULL, &now, err);

    if (status == KH_OK && strcmp(now.hash, of->who.hash) != 0)
        return kh_error_set(err, KH_E_CONFLICT, "the password was changed meanwhile");
    if (status == KH_OK)
        status = kh_password_store(sql, now.person_id, of->hash, now.one_time ? now.previous : now.hash, of->one_time, err);
    if (status == KH_OK && of->tried)
        status = kh_attempt_take_back(sql, &of->attempt, true, err);
    return status == KH_OK ? kh_sessions_end_of(access, sql, now.person_id, of->keep, err) : status;
}

static kh_status check_current(changing *of, const char *current, kh_error *err)
{
    bool good = false;
    kh_status status;

    if (strnlen(current, KH_PASSWORD_BYTES_MAX + 1) > KH_PASSWORD_BYTES_MAX)
        current = "";
    kh_attempt_init_inside(&of->attempt, KH_ATTEMPT_CHANGE, of->who.person_id);
    status = kh_attempt_begin(of->accounts->access, &of->attempt, err);
    if (status == KH_OK && of->attempt.wait_ms > 0)
        return kh_error_set(err, KH_E_BUSY, "too many wrong passwords, expected a pause of %lld s",
                            (long long)(of->attempt.wait_ms + 999) / 1000);
    of->tried = true;
    if (status == KH_OK)
        status = kh_hash_check(of->accounts->hashing, &good, of->who.password ? of->who.hash : NULL, current, err);
    return status == KH_OK && !good ? kh_error_set(err, KH_E_DENIED, "the password is not right") : status;
}

/* Not what it is, nor what it was before (KN-13). */
static kh_status check_previous(changing *of, const char *becomes, kh_password_fault *fault, kh_error *err)
{
    const char *const before[] = {of->who.hash, of->who.previous};
    kh_status status = KH_OK;

    for (size_t i = 0; i < 2 && status == KH_OK && *fault == KH_PASSWORD_GOOD; i++) {
        bool same = false;

        if (before[i][0])
            status = kh_hash_check(of->accounts->hashing, &same, before[i], becomes, err);
        if (same)
            *fault = KH_PASSWORD_PREVIOUS;
    }
    return status;
}

kh_status kh_password_change(kh_accounts *accounts, int64_t person_id, const char *current, const char *becomes, int64_t keep_session_id,
                             kh_password_fault *fault, kh_error *err)
{
    changing of = {.accounts = accounts, .person_id = person_id, .keep = keep_session_id};
    kh_status status = kh_access_read(accounts->access, read_who, &of, err);

    *fault = KH_PASSWORD_GOOD;
    if (status == KH_OK && current)
        status = check_current(&of, current, err);
    if (status != KH_OK)
        return status;
    kh_password_judge(accounts, &of.who, becomes, fault);
    if (*fault == KH_PASSWORD_GOOD)
        status = check_previous(&of, becomes, fault, err);
    if (status == KH_OK && *fault != KH_PASSWORD_GOOD)
        return kh_error_set(err, KH_E_ARG, "the new password is not taken: %s", kh_password_fault_text(*fault));
    if (status == KH_OK)
        status = kh_hash_make(accounts->hashing, of.hash, becomes, err);
    return status == KH_OK ? kh_access_change(accounts->access, store, &of, err) : status;
}

kh_status kh_password_reissue(kh_accounts *accounts, const char *login, char one_time[KH_PASSWORD_ONE_TIME_SIZE], kh_error *err)
{
    changing of = {.accounts = accounts, .login = login, .one_time = true};
    kh_status status = kh_access_read(accounts->access, read_who, &of, err);

    if (status == KH_OK && of.who.left_ms > 0)
        return kh_error_set(err, KH_E_CONFLICT, "the person has left");
    kh_secret_words(one_time, KH_PASSWORD_ONE_TIME_SIZE, 4);
    if (status == KH_OK)
        status = kh_hash_make(accounts->hashing, of.hash, one_time, err);
    if (status == KH_OK)
        status = kh_access_change(accounts->access, store, &of, err);
    if (status != KH_OK)
        sodium_memzero(one_time, KH_PASSWORD_ONE_TIME_SIZE);
    return status;
}

kh_status kh_password_state_of(kh_accounts *accounts, int64_t person_id, kh_password_state *out, kh_error *err)
{
    changing of = {.person_id = person_id};
    int64_t now_ms = kh_clock_wall_ms();
    kh_status status = kh_access_read(accounts->access, read_who, &of, err);

    *out = (kh_password_state){.days_left = -1, .expires_ms = INT64_MAX};
    if (status != KH_OK || !of.who.password)
        return status;
    out->there = true;
    out->one_time = of.who.one_time;
    out->changed_ms = of.who.changed_ms;
    out->expires_ms = kh_admission_password_ends(&of.who, &accounts->options);
    if (out->one_time && of.who.changed_ms + DAY_MS < out->expires_ms)
        out->expires_ms = of.who.changed_ms + DAY_MS;
    out->expired = now_ms >= out->expires_ms || (out->one_time && of.who.used_ms > 0);
    out->days_left = kh_admission_days_left(&of.who, &accounts->options, now_ms);
    return KH_OK;
}
