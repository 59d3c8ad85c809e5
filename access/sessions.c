#include "access/sessions.h"

#include <string.h>
#include "access/accounts_internal.h"
#include "base/clock.h"

#define PENDING_MS 600000     /* for what is due before a session opens: code, password, second factor */
#define CLOCK_BACK_MS 60000   /* a clock that is set by a time server goes back a little; more is not believed */
#define OF_PERSON_MAX 10
#define KEPT_MS INT64_C(2592000000) /* an ended one's row */
#define AGAIN_MS 3600000      /* what is known is looked at again, whatever the epoch says */

typedef struct session_row {
    int64_t id, person_id, terminal_id, started_ms, seen_ms;
    kh_session_stage stage;
    char address[65], terminal[65];
} session_row;

static void take_row(kh_sql_row *row, void *context)
{
    session_row *out = context;

    *out = (session_row){.id = kh_sql_int(row, 0), .person_id = kh_sql_int(row, 1), .terminal_id = kh_sql_int(row, 2),
                         .started_ms = kh_sql_int(row, 3), .seen_ms = kh_sql_int(row, 4), .stage = (kh_session_stage)kh_sql_int(row, 5)};
    KH_COPY(out->address, kh_sql_text(row, 6));
    KH_COPY(out->terminal, kh_sql_text(row, 7));
}

static kh_status read_row(kh_sql *sql, const uint8_t sha[KH_SHA_SIZE], session_row *out, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_B(sha, KH_SHA_SIZE)};

    return kh_access_one(
        sql,
        "SELECT id, person_ref, terminal_ref, started_ms, seen_ms, stage, address, (SELECT name FROM terminal t WHERE t.id = terminal_ref)"
        " FROM session WHERE sha = ?1 AND ended_ms = 0",
        KH_ACCESS_VALUES(values), take_row, out, "session", err);
}

typedef struct finding {
    kh_accounts *accounts;
    uint8_t sha[KH_SHA_SIZE];
    session_row row;
    kh_admission admission;
} finding;

static kh_status read_both(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    finding *of = context;
    kh_status status = read_row(sql, of->sha, &of->row, err);

    (void)access;
    return status == KH_OK ? kh_admission_read(sql, of->row.person_id, NULL, &of->admission, err) : status;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When it ends at the latest (wall clock); 0: it has, or is not to be believed. */
static int64_t end_of(const finding *of, int64_t now_ms)
{
    const kh_accounts_options *options = &of->accounts->options;
    bool due = of->row.stage != KH_SESSION_OPEN && of->row.stage != KH_SESSION_LOCKED;
    int64_t ends_ms = of->row.started_ms + (due ? PENDING_MS : options->absolute_ms);
    int64_t until_ms;

    if (now_ms < of->row.started_ms - CLOCK_BACK_MS || !kh_admission_good(&of->admission, now_ms, &until_ms))
        return 0;
    ends_ms = least(ends_ms, least(until_ms, kh_admission_password_ends(&of->admission, options)));
    return ends_ms > now_ms ? ends_ms : 0;
}

static void describe(kh_session *out, const finding *of, const char *secret, int64_t now_ms)
{
    const kh_admission *who = &of->admission;

    *out = (kh_session){.id = of->row.id,
                        .stage = of->row.stage,
                        .subject = {.person_id = who->person_id, .facility_id = who->facility_id, .role = who->role, .scopes = KH_SCOPE_ALL,
                                    .session_id = of->row.id, .terminal_id = of->row.terminal_id},
                        .started_ms = of->row.started_ms,
                        .ends_ms = of->row.started_ms + of->accounts->options.absolute_ms,
                        .days_left = kh_admission_days_left(who, &of->accounts->options, now_ms)};
    KH_COPY(out->subject.facility, who->facility);
    KH_COPY(out->subject.name, who->login);
    KH_COPY(out->subject.terminal, of->row.terminal);
    KH_COPY(out->person, who->name);
    kh_secret_token(out->token, secret);
}

/* Human input of a time to come is none. */
static int64_t seen_mono_ms(const finding *of, int64_t now_ms, int64_t mono_ms)
{
    int64_t ago_ms = now_ms - of->row.seen_ms;

    return ago_ms < -CLOCK_BACK_MS ? INT64_MIN / 4 : mono_ms - (ago_ms > 0 ? ago_ms : 0);
}

bool kh_session_known(kh_accounts *accounts, const char *secret, kh_session *out)
{
    uint8_t sha[KH_SHA_SIZE];

    return kh_secret_sha(sha, secret) && kh_seats_get(accounts->seats, sha, kh_access_epoch(accounts->access), out);
}

kh_status kh_session_find(kh_accounts *accounts, const char *secret, kh_session *out, kh_error *err)
{
    uint64_t epoch = kh_access_epoch(accounts->access); /* before what is read */
    int64_t now_ms = kh_clock_wall_ms(), mono_ms = kh_clock_monotonic_ms(), ends_ms;
    finding of = {.accounts = accounts};
    kh_status status;

    if (kh_session_known(accounts, secret, out))
        return KH_OK;
    *out = (kh_session){0};
    if (!kh_secret_sha(of.sha, secret))
        return kh_error_set(err, KH_E_NOT_FOUND, "no such session");
    status = kh_access_read(accounts->access, read_both, &of, err);
    if (status != KH_OK)
        return status;
    ends_ms = end_of(&of, now_ms);
    if (ends_ms == 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "no such session");
    describe(out, &of, secret, now_ms);
    kh_seats_put(accounts->seats, of.sha, epoch, mono_ms + least(ends_ms - now_ms, AGAIN_MS), seen_mono_ms(&of, now_ms, mono_ms), out);
    if (!kh_seats_get(accounts->seats, of.sha, epoch, out))
        return kh_error_set(err, KH_E_BUSY, "too many are looked for at once");
    return KH_OK;
}

void kh_session_human(kh_accounts *accounts, const char *secret)
{
    uint8_t sha[KH_SHA_SIZE];

    if (kh_secret_sha(sha, secret))
        kh_seats_touch(accounts->seats, sha);
}

/* ---- changes ---- */

kh_status kh_sessions_end_of(kh_access *access, kh_sql *sql, int64_t person_id, int64_t keep_session_id, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(kh_clock_wall_ms()), KH_SQL_I(person_id), KH_SQL_I(keep_session_id)};
    kh_status status = kh_sql_run(sql, "UPDATE session SET ended_ms = ?1 WHERE ended_ms = 0 AND person_ref = ?2 AND id <> ?3",
                                  KH_ACCESS_VALUES(values), NULL, err);

    return status == KH_OK ? kh_access_moved(access, sql, err) : status;
}

kh_status kh_sessions_make_way(const kh_accounts *accounts, kh_access *access, kh_sql *sql, int64_t person_id, int64_t keep_session_id,
                               int64_t terminal_id, const char *address, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(kh_clock_wall_ms()), KH_SQL_I(person_id), KH_SQL_I(keep_session_id), KH_SQL_I(terminal_id),
                                   KH_SQL_T(address),            KH_SQL_I(accounts->options.one_terminal)};
    int64_t changed = 0;
    kh_status status = kh_sql_run(sql,
                                  "UPDATE session SET ended_ms = ?1 WHERE person_ref = ?2 AND ended_ms = 0 AND id <> ?3 AND stage IN (1, 5)"
                                  " AND (?6 OR (terminal_ref = ?4 AND address = ?5))",
                                  KH_ACCESS_VALUES(values), &changed, err);

    return status == KH_OK && changed > 0 ? kh_access_moved(access, sql, err) : status;
}

kh_status kh_session_change(kh_access *access, kh_sql *sql, int64_t session_id, const char *secret, kh_session_stage stage, kh_error *err)
{
    uint8_t sha[KH_SHA_SIZE] = {0};
    kh_status status;

    kh_secret_sha(sha, secret);
    {
        const kh_sql_value values[] = {KH_SQL_I(session_id), KH_SQL_B(sha, sizeof sha), KH_SQL_I(stage), KH_SQL_I(kh_clock_wall_ms())};

        status = kh_sql_run(sql, "UPDATE session SET sha = ?2, stage = ?3, seen_ms = ?4 WHERE id = ?1 AND ended_ms = 0",
                            KH_ACCESS_VALUES(values), NULL, err);
    }
    return status == KH_OK ? kh_access_moved(access, sql, err) : status; /* the secret before is no longer good */
}

static kh_status make_room(kh_sql *sql, int64_t person_id, int64_t now_ms, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(now_ms), KH_SQL_I(person_id), KH_SQL_I(OF_PERSON_MAX - 1)};
    kh_status status =
        kh_sql_run(sql, "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE started_ms < ?1 ORDER BY id LIMIT 100)",
                   &KH_SQL_I(now_ms - KEPT_MS), 1, NULL, err);

    if (status != KH_OK)
        return status;
    return kh_sql_run(sql,
                      "UPDATE session SET ended_ms = ?1 WHERE id IN (SELECT id FROM session WHERE person_ref = ?2 AND ended_ms = 0"
                      " ORDER BY id DESC LIMIT -1 OFFSET ?3)",
                      KH_ACCESS_VALUES(values), NULL, err);
}

kh_status kh_session_begin(kh_accounts *accounts, kh_sql *sql, int64_t person_id, kh_session_stage stage, int64_t terminal_id,
                           const char *address, const char *secret, int64_t *session_id, kh_error *err)
{
    int64_t now_ms = kh_clock_wall_ms();
    uint8_t sha[KH_SHA_SIZE] = {0};
    kh_status status = make_room(sql, person_id, now_ms, err);

    (void)accounts;
    kh_secret_sha(sha, secret);
    if (status == KH_OK) {
        const kh_sql_value values[] = {KH_SQL_B(sha, sizeof sha), KH_SQL_I(person_id), KH_SQL_I(stage),
                                       KH_SQL_I(terminal_id),     KH_SQL_T(address),   KH_SQL_I(now_ms)};

        status = kh_sql_run(sql, "INSERT INTO session (sha, person_ref, stage, terminal_ref, address, started_ms, seen_ms)"
                                 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
                            KH_ACCESS_VALUES(values), NULL, err);
    }
    if (status == KH_OK)
        *session_id = kh_sql_last_id(sql);
    return status;
}

typedef struct changing {
    kh_accounts *accounts;
    uint8_t sha[KH_SHA_SIZE];
    const char *renewed; /* NULL: it ends, or is locked */
    bool lock;
    int64_t person_id, keep;
} changing;

static kh_status renew(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    changing *of = context;
    kh_admission admission;
    kh_session_stage due;
    session_row row;
    kh_status status = read_row(sql, of->sha, &row, err);

    if (status == KH_OK && row.stage != KH_SESSION_OPEN && row.stage != KH_SESSION_ENROL && row.stage != KH_SESSION_PASSWORD)
        return kh_error_set(err, KH_E_DENIED, "the session waits for a code or a password");
    if (status == KH_OK)
        status = kh_admission_read(sql, row.person_id, NULL, &admission, err);
    if (status != KH_OK)
        return status;
    due = kh_session_stage_due(of->accounts, &admission, row.address, row.terminal_id);
    if (due == KH_SESSION_OPEN && row.stage != KH_SESSION_OPEN)
        status = kh_sessions_make_way(of->accounts, access, sql, row.person_id, row.id, row.terminal_id, row.address, err);
    return status == KH_OK ? kh_session_change(access, sql, row.id, of->renewed, due, err) : status;
}

kh_status kh_session_renew(kh_accounts *accounts, const char *secret, char renewed[KH_SECRET_SIZE], kh_session *out, kh_error *err)
{
    changing of = {.accounts = accounts, .renewed = renewed};
    kh_status status;

    *out = (kh_session){0};
    kh_secret_make(renewed);
    if (!kh_secret_sha(of.sha, secret))
        return kh_error_set(err, KH_E_NOT_FOUND, "no such session");
    status = kh_session_find(accounts, secret, out, err); /* one that is idle is locked, whatever its row says */
    if (status == KH_OK && out->stage == KH_SESSION_LOCKED)
        status = kh_error_set(err, KH_E_DENIED, "the session is locked");
    if (status == KH_OK)
        status = kh_access_change(accounts->access, renew, &of, err);
    kh_seats_drop(accounts->seats, of.sha);
    return status == KH_OK ? kh_session_find(accounts, renewed, out, err) : status;
}

static kh_status end_or_lock(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    const changing *of = context;
    const kh_sql_value values[] = {KH_SQL_B(of->sha, KH_SHA_SIZE), KH_SQL_I(kh_clock_wall_ms())};
    kh_status status = of->lock ? kh_sql_run(sql, "UPDATE session SET stage = 5 WHERE sha = ?1 AND stage = 1", values, 1, NULL, err)
                                : kh_sql_run(sql, "UPDATE session SET ended_ms = ?2 WHERE sha = ?1 AND ended_ms = 0", values, 2, NULL, err);

    return status == KH_OK ? kh_access_moved(access, sql, err) : status;
}

static kh_status change_by_secret(kh_accounts *accounts, const char *secret, bool lock, kh_error *err)
{
    changing of = {.accounts = accounts, .lock = lock};
    kh_status status;

    if (!kh_secret_sha(of.sha, secret))
        return KH_OK;
    status = kh_access_change(accounts->access, end_or_lock, &of, err);
    kh_seats_drop(accounts->seats, of.sha);
    return status;
}

kh_status kh_session_lock(kh_accounts *accounts, const char *secret, kh_error *err)
{
    return change_by_secret(accounts, secret, true, err);
}

kh_status kh_session_end(kh_accounts *accounts, const char *secret, kh_error *err)
{
    return change_by_secret(accounts, secret, false, err);
}

static kh_status end_others(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    const changing *of = context;

    return kh_sessions_end_of(access, sql, of->person_id, of->keep, err);
}

kh_status kh_session_end_others(kh_accounts *accounts, int64_t person_id, int64_t keep_session_id, kh_error *err)
{
    return kh_access_change(accounts->access, end_others, &(changing){.person_id = person_id, .keep = keep_session_id}, err);
}

typedef struct ending {
    int64_t person_id, session_id;
} ending;

static kh_status end_one(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    const ending *of = context;
    const kh_sql_value values[] = {KH_SQL_I(of->session_id), KH_SQL_I(of->person_id), KH_SQL_I(kh_clock_wall_ms())};
    int64_t changed = 0;
    kh_status status = kh_sql_run(sql, "UPDATE session SET ended_ms = ?3 WHERE id = ?1 AND person_ref = ?2 AND ended_ms = 0",
                                  KH_ACCESS_VALUES(values), &changed, err);

    if (status == KH_OK && changed == 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "no such session");
    return status == KH_OK ? kh_access_moved(access, sql, err) : status;
}

kh_status kh_session_end_one(kh_accounts *accounts, int64_t person_id, int64_t session_id, kh_error *err)
{
    return kh_access_change(accounts->access, end_one, &(ending){person_id, session_id}, err);
}

typedef struct listing {
    int64_t person_id, since_ms;
    kh_session_visit *visit;
    void *context;
} listing;

static kh_status list(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    const listing *of = context;
    const kh_sql_value values[] = {KH_SQL_I(of->person_id), KH_SQL_I(of->since_ms)};
    bool has_row = false;
    kh_sql_row *row;
    kh_status status = kh_sql_query(&row, sql,
                                    "SELECT s.id, s.started_ms, s.seen_ms, s.terminal_ref, s.address, coalesce(t.name, '') FROM session s"
                                    " LEFT JOIN terminal t ON t.id = s.terminal_ref WHERE s.person_ref = ?1 AND s.ended_ms = 0"
                                    " AND s.started_ms > ?2 AND s.stage IN (1, 5) ORDER BY s.id",
                                    KH_ACCESS_VALUES(values), err);

    (void)access;
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        kh_session_row out = {
            .id = kh_sql_int(row, 0), .started_ms = kh_sql_int(row, 1), .seen_ms = kh_sql_int(row, 2), .terminal_id = kh_sql_int(row, 3)};

        KH_COPY(out.address, kh_sql_text(row, 4));
        KH_COPY(out.terminal, kh_sql_text(row, 5));
        status = of->visit(of->context, &out);
    }
    kh_sql_end(row);
    return status;
}

kh_status kh_session_list(kh_accounts *accounts, int64_t person_id, kh_session_visit *visit, void *context, kh_error *err)
{
    listing of = {person_id, kh_clock_wall_ms() - accounts->options.absolute_ms, visit, context};

    return kh_access_read(accounts->access, list, &of, err);
}
