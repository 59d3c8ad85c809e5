/* Tokens, one-time links and the key: S4, S8. */
#include "tests/access/signing.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "access/tokens.h"
#include "base/clock.h"

typedef struct use {
    int64_t id, hour;
} use;

static kh_status keep_use(void *context, const kh_token *token)
{
    use *of = context;

    if (token->id == of->id)
        of->hour = token->used_ms / 3600000;
    return KH_OK;
}

static int64_t used_of(int64_t id)
{
    use of = {id, -1};

    assert_ok(kh_token_list(accounts, 0, keep_use, &of, err));
    return of.hour;
}

static void tokens(void **state)
{
    static const struct { const char *text; unsigned scopes;
    } rows[] = {{"find", 1},       {"find,view", 3}, {"find,view,take,store", 15}, {"", 0}, {"all", 0}, {"find,", 0}, {",find", 0},
                {"find,,view", 0}, {"finds", 0}};
    kh_token token = {.person_id = sato,
                      .name = "OHIF",
                      .scopes = KH_SCOPE_FIND | KH_SCOPE_VIEW,
                      .expires_ms = kh_clock_wall_ms() + DAY_MS},
             more;
    char text[KH_TOKEN_SIZE], other[KH_TOKEN_SIZE], scopes[32];
    kh_session session;
    kh_subject subject;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(kh_scopes_of(rows[i].text), rows[i].scopes);
        kh_scopes_text(scopes, rows[i].scopes);
        assert_true(rows[i].scopes == 0 || strcmp(scopes, rows[i].text) == 0);
    }
    assert_ok(kh_token_add(accounts, &token, text, err));
    assert_int_equal(used_of(token.id), 0);
    assert_int_equal(strlen(text), 47);
    assert_false(kh_token_known(accounts, text, &subject));
    assert_ok(kh_token_find(accounts, text, &subject, err));
    assert_true(kh_token_known(accounts, text, &subject));
    assert_int_equal(used_of(token.id), kh_clock_wall_ms() / 3600000); /* to the hour */
    assert_int_equal(subject.scopes, 3);
    assert_int_equal(subject.token_id, token.id);
    assert_false(kh_session_known(accounts, text + 4, &session) && session.id != 0);
    assert_int_equal(look(text), KH_E_NOT_FOUND);
    text[20] = text[20] == 'a' ? 'b' : 'a';
    assert_status(KH_E_NOT_FOUND, kh_token_find(accounts, text, &subject, err));
    more = token;
    more.scopes = 16;
    assert_status(KH_E_ARG, kh_token_add(accounts, &more, other, err));
    more = token;
    more.expires_ms = kh_clock_wall_ms() + 367 * DAY_MS;
    assert_status(KH_E_ARG, kh_token_add(accounts, &more, other, err));
    for (int i = 1; i <= KH_TOKENS_OF_PERSON_MAX; i++) {
        more = token;
        assert_status(i < KH_TOKENS_OF_PERSON_MAX ? KH_OK : KH_E_LIMIT, kh_token_add(accounts, &more, other, err));
        if (i == 1)
            memcpy(text, other, sizeof text);
    }
    assert_ok(kh_token_find(accounts, text, &subject, err));
    assert_status(KH_E_NOT_FOUND, kh_token_revoke(accounts, sato + 1, subject.token_id, err));
    assert_ok(kh_token_revoke(accounts, sato, subject.token_id, err));
    assert_status(KH_E_NOT_FOUND, kh_token_revoke(accounts, sato, subject.token_id, err));
    assert_false(kh_token_known(accounts, text, &subject));
    assert_status(KH_E_NOT_FOUND, kh_token_find(accounts, text, &subject, err));
    more = token;
    assert_ok(kh_token_add(accounts, &more, text, err));
    assert_ok(kh_token_find(accounts, text, &subject, err));
    pass(DAY_MS);
    assert_status(KH_E_NOT_FOUND, kh_token_find(accounts, text, &subject, err));
}

static void invitations(void **state)
{
    char first[KH_SECRET_SIZE], second[KH_SECRET_SIZE], login[65];
    kh_password_fault fault;
    int64_t person_id;
    bool made;

    (void)state;
    assert_ok(kh_invitation_first_office(access_db, first, &made, err));
    assert_true(made);
    assert_ok(kh_invitation_find(access_db, first, &person_id, login, err));
    assert_string_equal(login, "office");
    assert_ok(kh_invitation_first_office(access_db, second, &made, err)); /* until somebody takes it up */
    assert_true(made);
    assert_status(KH_E_NOT_FOUND, kh_invitation_find(access_db, first, &person_id, login, err));
    assert_status(KH_E_ARG, kh_invitation_accept(accounts, second, "short", &fault, err));
    assert_int_equal(fault, KH_PASSWORD_SHORT);
    assert_ok(kh_invitation_accept(accounts, second, GOOD, &fault, err));
    assert_status(KH_E_NOT_FOUND, kh_invitation_accept(accounts, second, OTHER, &fault, err)); /* once */
    assert_int_equal(sign_in("office", GOOD).answer, KH_SIGN_IN_STEP);
    assert_ok(kh_invitation_first_office(access_db, second, &made, err));
    assert_false(made);
    assert_ok(kh_invitation_make(access_db, sato, first, err));
    pass(KH_INVITATION_HOURS * 3600000);
    assert_status(KH_E_NOT_FOUND, kh_invitation_accept(accounts, first, OTHER, &fault, err));
}

static void key_is_ours_alone(void **state)
{
    char path[600];
    struct stat st;
    kh_accounts *other;

    (void)state;
    snprintf(path, sizeof path, "%s/accounts.key", access_dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, 32);
    assert_int_equal(chmod(path, 0640), 0);
    assert_status(KH_E_DENIED, kh_accounts_create(&other, access_db, &options, err));
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(truncate(path, 31), 0);
    assert_status(KH_E_CORRUPT, kh_accounts_create(&other, access_db, &options, err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(tokens),
        CASE(invitations),
        CASE(key_is_ours_alone),
    };

    return cmocka_run_group_tests_name("access: tokens and links", tests, NULL, NULL);
}
