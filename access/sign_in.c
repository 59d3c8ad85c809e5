#include "access/sign_in.h"

#include <sodium.h>
#include <string.h>
#include "access/accounts_internal.h"
#include "access/attempts.h"
#include "access/second.h"
#include "base/clock.h"

#define DEVICES_OF_PERSON_MAX 10
#define DEVICE_MS INT64_C(31536000000)
#define ONE_TIME_MS INT64_C(86400000)

typedef struct signing {
    kh_accounts *accounts;
    const kh_sign_in_request *request;
    kh_sign_in_result *out;
    kh_admission who;
    bool there;                  /* the login is somebody's */
    uint8_t device[KH_SHA_SIZE];
    bool device_known;
    kh_attempt attempt;
    kh_session_stage stage;
    int64_t session_id;
} signing;

static kh_status look_up(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    signing *of = context;
    kh_error none = KH_ERROR_INIT;
    kh_status status = kh_admission_read(sql, 0, of->request->login, &of->who, &none);

    (void)access;
    if (status != KH_OK && status != KH_E_NOT_FOUND)
        return kh_error_set(err, status, "%s", none.message);
    of->there = status == KH_OK;
    if (kh_secret_sha(of->device, of->request->device)) {
        const kh_sql_value values[] = {KH_SQL_B(of->device, KH_SHA_SIZE), KH_SQL_I(of->there ? of->who.person_id : 0),
                                       KH_SQL_I(kh_clock_wall_ms() - DEVICE_MS)};

        kh_error_clear(&none);
        status = kh_access_one(sql, "SELECT person_ref FROM device WHERE sha = ?1 AND person_ref = ?2 AND seen_ms > ?3",
                               KH_ACCESS_VALUES(values), NULL, NULL, "device", &none);
        if (status != KH_OK && status != KH_E_NOT_FOUND)
            return kh_error_set(err, status, "%s", none.message);
        of->device_known = status == KH_OK;
    }
    return KH_OK;
}

static kh_status take_back(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    (void)access;
    return kh_attempt_take_back(sql, context, false, err);
}

/* A try that is counted first; one that could not be looked at is no try. */
static kh_status check_password(kh_accounts *accounts, kh_attempt *attempt, const char *hash, const char *password, bool *good,
                                kh_error *err)
{
    kh_error ignored = KH_ERROR_INIT;
    kh_status status = kh_attempt_begin(accounts->access, attempt, err);

    *good = false;
    if (status != KH_OK || attempt->wait_ms > 0)
        return status;
    status = kh_hash_check(accounts->hashing, good, hash, password, err);
    if (status != KH_OK && kh_access_change(accounts->access, take_back, attempt, &ignored) != KH_OK)
        return status;
    return status;
}

static void take_count(kh_sql_row *row, void *context)
{
    *(int64_t *)context = kh_sql_int(row, 0);
}

/* Open at another terminal, and somebody was there lately (KN-4). */
static kh_status look_elsewhere(const signing *of, kh_sql *sql, bool *elsewhere, kh_error *err)
{
    const kh_accounts_options *options = &of->accounts->options;
    int64_t now_ms = kh_clock_wall_ms(), count = 0;
    const kh_sql_value values[] = {KH_SQL_I(of->who.person_id), KH_SQL_I(now_ms - options->absolute_ms),
                                   KH_SQL_I(now_ms - options->idle_ms), KH_SQL_I(of->request->terminal_id), KH_SQL_T(of->request->address)};
    kh_status status = kh_access_one(sql,
                                     "SELECT count(*) FROM session WHERE person_ref = ?1 AND ended_ms = 0 AND stage = 1 AND started_ms > ?2"
                                     " AND seen_ms > ?3 AND (terminal_ref <> ?4 OR address <> ?5)",
                                     KH_ACCESS_VALUES(values), take_count, &count, "session", err);

    *elsewhere = count > 0;
    return status;
}

static bool refuses_elsewhere(const signing *of)
{
    return of->out->elsewhere && of->accounts->options.one_terminal && !of->accounts->options.newest_terminal;
}

static kh_status remember_device(signing *of, kh_sql *sql, kh_error *err)
{
    int64_t now_ms = kh_clock_wall_ms();
    kh_status status;

    if (!of->device_known) {
        kh_secret_make(of->out->device);
        kh_secret_sha(of->device, of->out->device);
    }
    {
        const kh_sql_value values[] = {KH_SQL_B(of->device, KH_SHA_SIZE), KH_SQL_I(of->who.person_id), KH_SQL_I(now_ms)};
        const kh_sql_value most[] = {KH_SQL_I(of->who.person_id), KH_SQL_I(DEVICES_OF_PERSON_MAX)};

        status = kh_sql_run(sql, "INSERT OR REPLACE INTO device (sha, person_ref, seen_ms) VALUES (?1, ?2, ?3)", KH_ACCESS_VALUES(values),
                            NULL, err);
        if (status == KH_OK)
            status = kh_sql_run(
                sql,
                "DELETE FROM device WHERE sha IN (SELECT sha FROM device WHERE person_ref = ?1 ORDER BY seen_ms DESC LIMIT -1 OFFSET ?2)",
                KH_ACCESS_VALUES(most), NULL, err);
    }
    return status;
}

/* A one-time password is good for a day, once. Two that come at once with the same find it used. */
static kh_status use_up(signing *of, kh_sql *sql, bool *good, kh_error *err)
{
    int64_t now_ms = kh_clock_wall_ms(), changed = 0;
    const kh_sql_value values[] = {KH_SQL_I(of->who.person_id), KH_SQL_I(now_ms), KH_SQL_I(now_ms - ONE_TIME_MS)};
    kh_status status = kh_sql_run(sql,
                                  "UPDATE password SET used_ms = ?2 WHERE person_ref = ?1 AND one_time AND used_ms = 0 AND changed_ms > ?3"
                                  " AND changed_ms <= ?2 + 60000",
                                  KH_ACCESS_VALUES(values), &changed, err);

    *good = changed > 0;
    return status;
}

static void take_terminal(kh_sql_row *row, void *context)
{
    *(int64_t *)context = kh_sql_int(row, 0);
}

/* A terminal is its facility's: nobody of another signs in there. Without one: only where none is demanded, or on this machine. */
static kh_status check_terminal(const signing *of, kh_sql *sql, bool *good, kh_error *err)
{
    int64_t facility_id = 0;
    kh_status status;

    *good = of->request->terminal_id == 0 && (!of->accounts->options.certificate || of->request->loopback);
    if (of->request->terminal_id == 0)
        return KH_OK;
    status = kh_access_one(sql, "SELECT facility_ref FROM terminal WHERE id = ?1", &KH_SQL_I(of->request->terminal_id), 1, take_terminal,
                           &facility_id, "terminal", err);
    *good = status == KH_OK && facility_id == of->who.facility_id;
    return status;
}

/* The password was right. Who is stopped is told so: it is his own. */
static kh_status admit(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    signing *of = context;
    int64_t now_ms = kh_clock_wall_ms(), until_ms;
    bool good = true;
    kh_status status = kh_attempt_take_back(sql, &of->attempt, true, err);

    if (status == KH_OK) /* as it is now, in this transaction */
        status = kh_admission_read(sql, of->who.person_id, NULL, &of->who, err);
    if (status == KH_OK)
        status = check_terminal(of, sql, &good, err);
    if (status == KH_OK && (!good || !kh_admission_good(&of->who, now_ms, &until_ms))) {
        of->out->answer = KH_SIGN_IN_STOPPED;
        return KH_OK;
    }
    if (status == KH_OK && now_ms >= kh_admission_password_ends(&of->who, &of->accounts->options)) {
        of->out->answer = KH_SIGN_IN_EXPIRED;
        return KH_OK;
    }
    if (status == KH_OK)
        status = look_elsewhere(of, sql, &of->out->elsewhere, err);
    if (status == KH_OK && refuses_elsewhere(of)) {
        of->out->answer = KH_SIGN_IN_ELSEWHERE;
        return KH_OK;
    }
    if (status == KH_OK && of->who.one_time)
        status = use_up(of, sql, &good, err);
    if (status == KH_OK && !good) {
        of->out->answer = KH_SIGN_IN_EXPIRED;
        return KH_OK;
    }
    of->stage = of->who.second ? KH_SESSION_CODE
                               : kh_session_stage_due(of->accounts, &of->who, of->request->loopback ? of->request->address : "",
                                                      of->request->terminal_id);
    if (status == KH_OK && of->stage == KH_SESSION_OPEN) /* not before: a password alone ends nobody's session */
        status = kh_sessions_make_way(of->accounts, access, sql, of->who.person_id, 0, of->request->terminal_id, of->request->address, err);
    if (status == KH_OK && of->stage == KH_SESSION_OPEN)
        status = remember_device(of, sql, err);
    kh_secret_make(of->out->secret);
    return status == KH_OK ? kh_session_begin(of->accounts, sql, of->who.person_id, of->stage, of->request->terminal_id,
                                              of->request->address, of->out->secret, &of->session_id, err)
                           : status;
}

static bool login_plain(char out[65], const char *login)
{
    size_t length = strnlen(login, 65);

    for (size_t i = 0; i < length && length < 65; i++)
        out[i] = login[i] >= 'A' && login[i] <= 'Z' ? (char)(login[i] - 'A' + 'a') : login[i];
    out[length < 65 ? length : 0] = '\0';
    return out[0] != '\0';
}

kh_status kh_sign_in(kh_accounts *accounts, const kh_sign_in_request *request, kh_sign_in_result *out, kh_error *err)
{
    kh_sign_in_request asked = *request;
    signing of = {.accounts = accounts, .request = &asked, .out = out};
    const char *password = request->password;
    char login[65];
    bool good;
    kh_status status;

    *out = (kh_sign_in_result){.answer = KH_SIGN_IN_REFUSED};
    login_plain(login, request->login);
    asked.login = login;
    if (strnlen(password, KH_PASSWORD_BYTES_MAX + 1) > KH_PASSWORD_BYTES_MAX)
        password = ""; /* nobody's; and it costs no more than another */
    status = kh_access_read(accounts->access, look_up, &of, err);
    if (status != KH_OK)
        return status;
    out->person_id = of.there ? of.who.person_id : 0;
    kh_attempt_init(&of.attempt, out->person_id, login, asked.address, of.device_known ? of.device : NULL);
    status = check_password(accounts, &of.attempt, of.there && of.who.password ? of.who.hash : NULL, password, &good, err);
    if (status == KH_OK && of.attempt.wait_ms > 0) {
        out->answer = KH_SIGN_IN_WAIT;
        out->wait_ms = of.attempt.wait_ms;
        return KH_OK;
    }
    if (status != KH_OK || !good)
        return status;
    out->answer = KH_SIGN_IN_STEP;
    status = kh_access_change(accounts->access, admit, &of, err);
    if (status == KH_OK && out->answer == KH_SIGN_IN_STEP)
        status = kh_session_find(accounts, out->secret, &out->session, err);
    if (status != KH_OK)
        *out = (kh_sign_in_result){.answer = KH_SIGN_IN_REFUSED};
    return status;
}

/* ---- what is due after the password, and unlocking ---- */

typedef struct going_on {
    signing of;
    const char *secret, *code;
    bool unlock, good;
    kh_sign_in_request request;
} going_on;

static kh_status read_who(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    going_on *on = context;

    (void)access;
    return kh_admission_read(sql, on->of.out->person_id, NULL, &on->of.who, err);
}

/* Another may have opened since the password. */
static kh_status open_after_code(signing *of, kh_access *access, kh_sql *sql, kh_error *err)
{
    const kh_sign_in_request *at = of->request;
    kh_status status = look_elsewhere(of, sql, &of->out->elsewhere, err);

    if (status == KH_OK && refuses_elsewhere(of)) {
        of->out->answer = KH_SIGN_IN_ELSEWHERE;
        return KH_OK;
    }
    if (status == KH_OK)
        status = kh_sessions_make_way(of->accounts, access, sql, of->who.person_id, of->session_id, at->terminal_id, at->address, err);
    return status == KH_OK ? remember_device(of, sql, err) : status;
}

static kh_status take_code(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    going_on *on = context;
    signing *of = &on->of;
    kh_status status = kh_admission_read(sql, of->who.person_id, NULL, &of->who, err);

    if (status == KH_OK && !on->unlock)
        status = kh_second_use(of->accounts, sql, of->who.person_id, on->code, &on->good, err);
    if (status != KH_OK || !on->good)
        return status;
    status = kh_attempt_take_back(sql, &of->attempt, true, err);
    of->stage = kh_session_stage_due(of->accounts, &of->who, of->request->loopback ? of->request->address : "", of->request->terminal_id);
    if (status == KH_OK && of->stage == KH_SESSION_OPEN && !on->unlock)
        status = open_after_code(of, access, sql, err);
    if (of->out->answer == KH_SIGN_IN_ELSEWHERE)
        return status;
    kh_secret_make(of->out->secret);
    return status == KH_OK ? kh_session_change(access, sql, of->session_id, of->out->secret, of->stage, err) : status;
}

static kh_status go_on(going_on *on, kh_accounts *accounts, const char *password, kh_session_stage stage, kh_error *err)
{
    kh_sign_in_result *out = on->of.out;
    kh_session session;
    kh_status status = kh_session_find(accounts, on->secret, &session, err);

    *out = (kh_sign_in_result){.answer = KH_SIGN_IN_REFUSED};
    if (status == KH_OK && session.stage != stage)
        return kh_error_set(err, KH_E_DENIED, "the session does not wait for that");
    if (status != KH_OK)
        return status;
    out->person_id = session.subject.person_id;
    on->of.session_id = session.id;
    on->request.terminal_id = session.subject.terminal_id;
    status = kh_access_read(accounts->access, read_who, on, err);
    if (status != KH_OK)
        return status;
    if (on->unlock)
        kh_attempt_init_inside(&on->of.attempt, KH_ATTEMPT_UNLOCK, session.id);
    else
        kh_attempt_init_inside(&on->of.attempt, KH_ATTEMPT_CODE, out->person_id);
    if (on->unlock)
        status = check_password(accounts, &on->of.attempt, on->of.who.password ? on->of.who.hash : NULL, password, &on->good, err);
    else
        status = kh_attempt_begin(accounts->access, &on->of.attempt, err);
    if (status == KH_OK && on->of.attempt.wait_ms > 0) {
        out->answer = KH_SIGN_IN_WAIT;
        out->wait_ms = on->of.attempt.wait_ms;
        return KH_OK;
    }
    if (status == KH_OK && (on->good || !on->unlock))
        status = kh_access_change(accounts->access, take_code, on, err);
    if (status != KH_OK || !on->good || out->answer == KH_SIGN_IN_ELSEWHERE)
        return status;
    status = kh_session_find(accounts, out->secret, &out->session, err);
    out->answer = status == KH_OK ? KH_SIGN_IN_STEP : KH_SIGN_IN_REFUSED;
    return status;
}

kh_status kh_sign_in_code(kh_accounts *accounts, const char *secret, const char *code, const char *address, kh_sign_in_result *out,
                          kh_error *err)
{
    going_on on = {.of = {.accounts = accounts, .out = out}, .secret = secret, .code = code,
                   .request = {.address = address, .loopback = kh_address_loopback(address)}};

    on.of.request = &on.request;
    return go_on(&on, accounts, NULL, KH_SESSION_CODE, err);
}

static kh_status ask_password(kh_accounts *accounts, const char *secret, const char *password, const char *address, kh_session_stage stage,
                              kh_sign_in_result *out, kh_error *err)
{
    going_on on = {.of = {.accounts = accounts, .out = out}, .secret = secret, .unlock = true,
                   .request = {.address = address, .loopback = kh_address_loopback(address)}};

    on.of.request = &on.request;
    if (strnlen(password, KH_PASSWORD_BYTES_MAX + 1) > KH_PASSWORD_BYTES_MAX)
        password = "";
    return go_on(&on, accounts, password, stage, err);
}

kh_status kh_sign_in_unlock(kh_accounts *accounts, const char *secret, const char *password, const char *address, kh_sign_in_result *out,
                            kh_error *err)
{
    return ask_password(accounts, secret, password, address, KH_SESSION_LOCKED, out, err);
}

kh_status kh_sign_in_again(kh_accounts *accounts, const char *secret, const char *password, const char *address, kh_sign_in_result *out,
                           kh_error *err)
{
    kh_status status = ask_password(accounts, secret, password, address, KH_SESSION_OPEN, out, err);

    return status == KH_OK && out->answer != KH_SIGN_IN_STEP ? kh_session_lock(accounts, secret, err) : status;
}
