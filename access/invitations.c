#include "access/invitations.h"

#include <string.h>
#include "access/accounts_internal.h"
#include "base/clock.h"

#define HOUR_MS INT64_C(3600000)
#define OFFICE_FACILITY "network-office"
#define OFFICE_LOGIN "office"

typedef struct inviting {
    kh_accounts *accounts;
    int64_t person_id;
    uint8_t sha[KH_SHA_SIZE];
    const char *password;
    char hash[KH_HASH_SIZE];
    bool made;
    kh_admission who;
} inviting;

static kh_status store(kh_sql *sql, const inviting *of, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(of->person_id), KH_SQL_B(of->sha, KH_SHA_SIZE),
                                   KH_SQL_I(kh_clock_wall_ms() + KH_INVITATION_HOURS * HOUR_MS)};

    return kh_sql_run(sql, "INSERT OR REPLACE INTO invitation (person_ref, sha, expires_ms, used_ms) VALUES (?1, ?2, ?3, 0)",
                      KH_ACCESS_VALUES(values), NULL, err);
}

static kh_status make(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    inviting *of = context;
    kh_status status = kh_admission_read(sql, of->person_id, NULL, &of->who, err);

    (void)access;
    if (status == KH_OK && of->who.left_ms > 0)
        return kh_error_set(err, KH_E_CONFLICT, "the person has left");
    return status == KH_OK ? store(sql, of, err) : status;
}

static kh_status prepare(inviting *of, char secret[KH_SECRET_SIZE], kh_error *err)
{
    kh_status status = kh_secret_prepare(err);

    if (status != KH_OK)
        return status;
    kh_secret_make(secret);
    kh_secret_sha(of->sha, secret);
    return KH_OK;
}

kh_status kh_invitation_make(kh_access *access, int64_t person_id, char secret[KH_SECRET_SIZE], kh_error *err)
{
    inviting of = {.person_id = person_id};
    kh_status status = prepare(&of, secret, err);

    return status == KH_OK ? kh_access_change(access, make, &of, err) : status;
}

/* ---- the first of all ---- */

static void take_id(kh_sql_row *row, void *context)
{
    *(int64_t *)context = kh_sql_int(row, 0);
}

static kh_status make_office(kh_sql *sql, inviting *of, kh_error *err)
{
    int64_t now_ms = kh_clock_wall_ms(), facility_id = 0;
    char today[9];
    kh_status status =
        kh_sql_run(sql,
                   "INSERT OR IGNORE INTO facility (code, name, kana, kind, part, published, address, representative, association,"
                   " department, post, contact, phone, fax, email, beds, joined, left_on)"
                   " VALUES ('" OFFICE_FACILITY "', 'Network office', '', 7, 2, 0, '', '', '', '', '', '', '', '', '', 0, '', '')",
                   NULL, 0, NULL, err);

    kh_access_today(today);
    if (status == KH_OK)
        status = kh_access_one(sql, "SELECT id FROM facility WHERE code = '" OFFICE_FACILITY "'", NULL, 0, take_id, &facility_id,
                               "facility", err);
    if (status == KH_OK) {
        const kh_sql_value values[] = {KH_SQL_I(facility_id), KH_SQL_T(today), KH_SQL_I(now_ms)};

        status = kh_sql_run(
            sql,
            "INSERT OR IGNORE INTO person (login, name, kana, kana_key, birth_date, facility_ref, role, profession, trained, activated_ms)"
            " VALUES ('" OFFICE_LOGIN "', 'Network office', '', '', '', ?1, 7, '', ?2, ?3)",
            KH_ACCESS_VALUES(values), NULL, err);
    }
    return status == KH_OK ? kh_access_one(sql, "SELECT id FROM person WHERE login = '" OFFICE_LOGIN "' AND role = 7 AND left_ms = 0", NULL,
                                           0, take_id, &of->person_id, "person of the office that could be invited", err)
                           : status;
}

static kh_status make_first(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    inviting *of = context;
    int64_t count = 0;
    kh_status status =
        kh_access_one(sql,
                      "SELECT count(*) FROM person p JOIN password w ON w.person_ref = p.id WHERE p.role = 7 AND p.left_ms = 0"
                      " AND p.activated_ms > 0",
                      NULL, 0, take_id, &count, "person", err);

    if (status != KH_OK || count > 0)
        return status;
    status = make_office(sql, of, err);
    if (status == KH_OK)
        status = store(sql, of, err);
    of->made = status == KH_OK;
    return status == KH_OK ? kh_access_moved(access, sql, err) : status;
}

kh_status kh_invitation_first_office(kh_access *access, char secret[KH_SECRET_SIZE], bool *made, kh_error *err)
{
    inviting of = {0};
    kh_status status = prepare(&of, secret, err);

    if (status == KH_OK)
        status = kh_access_change(access, make_first, &of, err);
    *made = status == KH_OK && of.made;
    return status;
}

/* ---- taking it up ---- */

static kh_status read_person(kh_sql *sql, inviting *of, kh_error *err)
{
    int64_t now_ms = kh_clock_wall_ms();
    const kh_sql_value values[] = {KH_SQL_B(of->sha, KH_SHA_SIZE), KH_SQL_I(now_ms),
                                   KH_SQL_I(now_ms + KH_INVITATION_HOURS * HOUR_MS + 60000)};
    kh_status status =
        kh_access_one(sql, "SELECT person_ref FROM invitation WHERE sha = ?1 AND used_ms = 0 AND expires_ms > ?2 AND expires_ms <= ?3",
                      KH_ACCESS_VALUES(values), take_id, &of->person_id, "invitation", err);

    if (status == KH_OK)
        status = kh_admission_read(sql, of->person_id, NULL, &of->who, err);
    return status == KH_OK && of->who.left_ms > 0 ? kh_error_set(err, KH_E_NOT_FOUND, "no such invitation") : status;
}

static kh_status find(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    (void)access;
    return read_person(sql, context, err);
}

kh_status kh_invitation_find(kh_access *access, const char *secret, int64_t *person_id, char login[65], kh_error *err)
{
    inviting of = {0};
    kh_status status;

    if (!kh_secret_sha(of.sha, secret))
        return kh_error_set(err, KH_E_NOT_FOUND, "no such invitation");
    status = kh_access_read(access, find, &of, err);
    if (status != KH_OK)
        return status;
    *person_id = of.person_id;
    kh_copy_text(login, 65, of.who.login);
    return KH_OK;
}

static kh_status use_up(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    inviting *of = context;
    kh_status status = read_person(sql, of, err); /* still, and not used meanwhile */

    if (status == KH_OK) {
        const kh_sql_value values[] = {KH_SQL_I(of->person_id), KH_SQL_I(kh_clock_wall_ms())};

        status = kh_sql_run(sql, "UPDATE invitation SET used_ms = ?2 WHERE person_ref = ?1", KH_ACCESS_VALUES(values), NULL, err);
    }
    if (status == KH_OK)
        status = kh_password_store(sql, of->person_id, of->hash, of->who.one_time ? of->who.previous : of->who.hash, false, err);
    return status == KH_OK ? kh_sessions_end_of(access, sql, of->person_id, 0, err) : status;
}

kh_status kh_invitation_accept(kh_accounts *accounts, const char *secret, const char *password, kh_password_fault *fault, kh_error *err)
{
    inviting of = {.accounts = accounts};
    bool same = false;
    kh_status status;

    *fault = KH_PASSWORD_GOOD;
    if (!kh_secret_sha(of.sha, secret))
        return kh_error_set(err, KH_E_NOT_FOUND, "no such invitation");
    status = kh_access_read(accounts->access, find, &of, err);
    if (status != KH_OK)
        return status;
    kh_password_judge(accounts, &of.who, password, fault);
    if (*fault == KH_PASSWORD_GOOD && of.who.password)
        status = kh_hash_check(accounts->hashing, &same, of.who.hash, password, err);
    if (same)
        *fault = KH_PASSWORD_PREVIOUS;
    if (status == KH_OK && *fault != KH_PASSWORD_GOOD)
        return kh_error_set(err, KH_E_ARG, "the password is not taken: %s", kh_password_fault_text(*fault));
    if (status == KH_OK)
        status = kh_hash_make(accounts->hashing, of.hash, password, err);
    return status == KH_OK ? kh_access_change(accounts->access, use_up, &of, err) : status;
}
