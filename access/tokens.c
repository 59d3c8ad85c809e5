#include "access/tokens.h"

#include <stdio.h>
#include <string.h>
#include "access/accounts_internal.h"
#include "base/clock.h"
#include "base/log.h"

#define PREFIX "khp_"
#define PREFIX_SIZE 4
#define DAY_MS INT64_C(86400000)
#define AGAIN_MS 3600000

static const struct { unsigned scope; const char *name; } scopes[] = {
    {KH_SCOPE_FIND, "find"}, {KH_SCOPE_VIEW, "view"}, {KH_SCOPE_TAKE, "take"}, {KH_SCOPE_STORE, "store"}};
#define SCOPES (sizeof scopes / sizeof scopes[0])

unsigned kh_scopes_of(const char *text)
{
    unsigned found = 0;

    for (size_t length; *text; text += length + (text[length] == ',')) {
        size_t i = 0;

        length = strcspn(text, ",");
        while (i < SCOPES && (strlen(scopes[i].name) != length || strncmp(scopes[i].name, text, length) != 0))
            i++;
        if (i == SCOPES || (text[length] == ',' && text[length + 1] == '\0'))
            return 0;
        found |= scopes[i].scope;
    }
    return found;
}

void kh_scopes_text(char out[32], unsigned of)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < SCOPES; i++)
        if (of & scopes[i].scope)
            used += (size_t)snprintf(out + used, 32 - used, "%s%s", used ? "," : "", scopes[i].name);
}

static bool sha_of(uint8_t sha[KH_SHA_SIZE], const char *text)
{
    return text && strncmp(text, PREFIX, PREFIX_SIZE) == 0 && kh_secret_sha(sha, text + PREFIX_SIZE);
}

typedef struct adding {
    kh_token *token;
    uint8_t sha[KH_SHA_SIZE];
} adding;

static void take_count(kh_sql_row *row, void *context)
{
    *(int64_t *)context = kh_sql_int(row, 0);
}

static kh_status add(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    const adding *of = context;
    kh_token *token = of->token;
    int64_t count = 0;
    kh_admission who;
    const kh_sql_value person[] = {KH_SQL_I(token->person_id), KH_SQL_I(token->made_ms)};
    kh_status status = kh_admission_read(sql, token->person_id, NULL, &who, err);

    (void)access;
    if (status == KH_OK && who.left_ms > 0)
        return kh_error_set(err, KH_E_CONFLICT, "the person has left");
    if (status == KH_OK)
        status = kh_access_one(sql, "SELECT count(*) FROM token WHERE person_ref = ?1 AND revoked_ms = 0 AND expires_ms > ?2",
                               KH_ACCESS_VALUES(person), take_count, &count, "token", err);
    if (status == KH_OK && count >= KH_TOKENS_OF_PERSON_MAX)
        return kh_error_set(err, KH_E_LIMIT, "the person has %d tokens already, expected that one is revoked first",
                            KH_TOKENS_OF_PERSON_MAX);
    if (status == KH_OK) {
        const kh_sql_value values[] = {KH_SQL_B(of->sha, KH_SHA_SIZE), KH_SQL_I(token->person_id), KH_SQL_T(token->name),
                                       KH_SQL_I(token->scopes),        KH_SQL_I(token->made_ms),   KH_SQL_I(token->expires_ms)};

        KH_COPY(token->login, who.login);
        status = kh_sql_run(sql, "INSERT INTO token (sha, person_ref, name, scopes, made_ms, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                            KH_ACCESS_VALUES(values), NULL, err);
    }
    if (status == KH_OK)
        token->id = kh_sql_last_id(sql);
    return status;
}

kh_status kh_token_add(kh_accounts *accounts, kh_token *token, char text[KH_TOKEN_SIZE], kh_error *err)
{
    adding of = {.token = token};
    kh_status status = kh_access_check_text("name", token->name, sizeof token->name, true, err);

    _Static_assert(KH_TOKEN_SIZE >= PREFIX_SIZE + KH_SECRET_SIZE, "room for the prefix and the secret");
    token->made_ms = kh_clock_wall_ms();
    token->revoked_ms = 0;
    if (status == KH_OK && (token->scopes == 0 || (token->scopes & ~KH_SCOPE_ALL)))
        return kh_error_set(err, KH_E_ARG, "scopes are none, expected some of find, view, take, store");
    if (status == KH_OK && (token->expires_ms <= token->made_ms || token->expires_ms > token->made_ms + KH_TOKEN_DAYS_MAX * DAY_MS))
        return kh_error_set(err, KH_E_ARG, "a token lasts %d days at most", KH_TOKEN_DAYS_MAX);
    if (status != KH_OK)
        return status;
    memcpy(text, PREFIX, PREFIX_SIZE);
    kh_secret_make(text + PREFIX_SIZE);
    sha_of(of.sha, text);
    return kh_access_change(accounts->access, add, &of, err);
}

typedef struct revoking {
    int64_t person_id, token_id;
} revoking;

static kh_status revoke(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    const revoking *of = context;
    const kh_sql_value values[] = {KH_SQL_I(of->token_id), KH_SQL_I(of->person_id), KH_SQL_I(kh_clock_wall_ms())};
    int64_t changed = 0;
    kh_status status = kh_sql_run(sql, "UPDATE token SET revoked_ms = ?3 WHERE id = ?1 AND (?2 = 0 OR person_ref = ?2) AND revoked_ms = 0",
                                  KH_ACCESS_VALUES(values), &changed, err);

    if (status == KH_OK && changed == 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "no such token");
    return status == KH_OK ? kh_access_moved(access, sql, err) : status;
}

kh_status kh_token_revoke(kh_accounts *accounts, int64_t person_id, int64_t token_id, kh_error *err)
{
    return kh_access_change(accounts->access, revoke, &(revoking){person_id, token_id}, err);
}

typedef struct listing {
    int64_t person_id;
    kh_token_visit *visit;
    void *context;
} listing;

static kh_status list(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    const listing *of = context;
    bool has_row = false;
    kh_sql_row *row;
    kh_status status =
        kh_sql_query(&row, sql,
                     "SELECT t.id, t.person_ref, p.login, t.name, t.scopes, t.made_ms, t.expires_ms, t.revoked_ms, t.used_ms FROM token t"
                     " JOIN person p ON p.id = t.person_ref WHERE ?1 = 0 OR t.person_ref = ?1 ORDER BY t.id",
                     &KH_SQL_I(of->person_id), 1, err);

    (void)access;
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        kh_token token = {.id = kh_sql_int(row, 0), .person_id = kh_sql_int(row, 1), .scopes = (unsigned)kh_sql_int(row, 4),
                          .made_ms = kh_sql_int(row, 5), .expires_ms = kh_sql_int(row, 6), .revoked_ms = kh_sql_int(row, 7),
                          .used_ms = kh_sql_int(row, 8)};

        KH_COPY(token.login, kh_sql_text(row, 2));
        KH_COPY(token.name, kh_sql_text(row, 3));
        status = of->visit(of->context, &token);
    }
    kh_sql_end(row);
    return status;
}

kh_status kh_token_list(kh_accounts *accounts, int64_t person_id, kh_token_visit *visit, void *context, kh_error *err)
{
    return kh_access_read(accounts->access, list, &(listing){person_id, visit, context}, err);
}

/* ---- whose is it? ---- */

bool kh_token_known(kh_accounts *accounts, const char *text, kh_subject *out)
{
    uint8_t sha[KH_SHA_SIZE];
    kh_session seat;

    if (!sha_of(sha, text) || !kh_seats_get(accounts->seats, sha, kh_access_epoch(accounts->access), &seat) || seat.subject.token_id == 0)
        return false;
    *out = seat.subject;
    return true;
}

typedef struct finding {
    uint8_t sha[KH_SHA_SIZE];
    int64_t id, person_id, expires_ms, made_ms, used_ms;
    unsigned scopes;
    kh_admission who;
} finding;

static void take(kh_sql_row *row, void *context)
{
    finding *of = context;

    of->id = kh_sql_int(row, 0);
    of->person_id = kh_sql_int(row, 1);
    of->scopes = (unsigned)kh_sql_int(row, 2);
    of->expires_ms = kh_sql_int(row, 3);
    of->made_ms = kh_sql_int(row, 4);
    of->used_ms = kh_sql_int(row, 5);
}

static kh_status read_both(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    finding *of = context;
    const kh_sql_value values[] = {KH_SQL_B(of->sha, KH_SHA_SIZE)};
    kh_status status =
        kh_access_one(sql, "SELECT id, person_ref, scopes, expires_ms, made_ms, used_ms FROM token WHERE sha = ?1 AND revoked_ms = 0",
                      KH_ACCESS_VALUES(values), take, of, "token", err);

    (void)access;
    return status == KH_OK ? kh_admission_read(sql, of->person_id, NULL, &of->who, err) : status;
}

static kh_status write_use(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    const finding *of = context;

    (void)access;
    return kh_sql_run(sql, "UPDATE token SET used_ms = ?2 WHERE id = ?1", (kh_sql_value[]){KH_SQL_I(of->id), KH_SQL_I(of->used_ms)}, 2,
                      NULL, err);
}

/* Once an hour, as it is found again at least so often. That it cannot be noted keeps nobody out. */
static void note_use(kh_accounts *accounts, finding *of, int64_t now_ms)
{
    kh_error err = KH_ERROR_INIT;

    if (now_ms - of->used_ms < AGAIN_MS && now_ms >= of->used_ms)
        return;
    of->used_ms = now_ms;
    if (kh_access_change(accounts->access, write_use, of, &err) != KH_OK)
        kh_log(KH_LOG_WARN, "access", "the use of token %lld is not noted: %s", (long long)of->id, err.message);
}

kh_status kh_token_find(kh_accounts *accounts, const char *text, kh_subject *out, kh_error *err)
{
    uint64_t epoch = kh_access_epoch(accounts->access); /* before what is read */
    int64_t now_ms = kh_clock_wall_ms(), until_ms = 0, ends_ms;
    kh_session seat = {.stage = KH_SESSION_OPEN};
    finding of = {0};
    kh_status status;

    if (kh_token_known(accounts, text, out))
        return KH_OK;
    *out = (kh_subject){0};
    if (!sha_of(of.sha, text))
        return kh_error_set(err, KH_E_NOT_FOUND, "no such token");
    status = kh_access_read(accounts->access, read_both, &of, err);
    if (status != KH_OK)
        return status;
    ends_ms = of.expires_ms;
    if (kh_admission_password_ends(&of.who, &accounts->options) < ends_ms)
        ends_ms = kh_admission_password_ends(&of.who, &accounts->options);
    if (!kh_admission_good(&of.who, now_ms, &until_ms) || now_ms >= ends_ms || now_ms < of.made_ms - 60000)
        return kh_error_set(err, KH_E_NOT_FOUND, "no such token");
    seat.subject = (kh_subject){.person_id = of.person_id, .facility_id = of.who.facility_id, .role = of.who.role, .scopes = of.scopes,
                                .token_id = of.id};
    KH_COPY(seat.subject.facility, of.who.facility);
    KH_COPY(seat.subject.name, of.who.login);
    if (until_ms < ends_ms)
        ends_ms = until_ms;
    kh_seats_put(accounts->seats, of.sha, epoch, kh_clock_monotonic_ms() + (ends_ms - now_ms < AGAIN_MS ? ends_ms - now_ms : AGAIN_MS),
                 INT64_MAX, &seat);
    *out = seat.subject;
    note_use(accounts, &of, now_ms);
    return KH_OK;
}
