/* Who is let in: cookies, bearer tokens, CSRF tokens and origins by a table, with accounts and rights of the test's own behind the door. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tests/cmocka_all.h"
#include "tests/http/client.h"
#include "viewer/guard/internal.h"

#define OPEN "open-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SLOW "slow-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" /* one that access.db has to be asked for */
#define CODE "code-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LOCK "lock-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SEAT "seat-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" /* of a terminal with a certificate */
#define GONE "gone-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define BEARER "khp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define BEARER_GONE "khp_baaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ALLOWED 7 /* a study; others are not */

static atomic_ullong epoch = 1;
static atomic_bool closed;

/* ---- what stands behind the door ---- */

static bool find(const char *secret, kh_session *out)
{
    static const struct {
        const char *secret;
        kh_session_stage stage;
    } sessions[] = {
        {OPEN, KH_SESSION_OPEN}, {SEAT, KH_SESSION_OPEN}, {SLOW, KH_SESSION_OPEN}, {CODE, KH_SESSION_CODE}, {LOCK, KH_SESSION_LOCKED}};

    for (size_t i = 0; i < KH_COUNT(sessions); i++) {
        if (strcmp(secret, sessions[i].secret) != 0)
            continue;
        *out = (kh_session){.id = (int64_t)i + 1, .stage = atomic_load(&closed) ? KH_SESSION_LOCKED : sessions[i].stage};
        out->subject =
            (kh_subject){.person_id = 5, .role = KH_ROLE_DOCTOR, .scopes = KH_SCOPE_ALL, .session_id = (int64_t)i + 1, .name = "sato"};
        out->subject.terminal_id = strcmp(secret, SEAT) == 0 ? 3 : 0;
        snprintf(out->token, sizeof out->token, "token of %.4s", secret);
        return true;
    }
    return false;
}

bool kh_session_known(kh_accounts *accounts, const char *secret, kh_session *out)
{
    (void)accounts;
    return strcmp(secret, SLOW) != 0 && find(secret, out);
}

kh_status kh_session_find(kh_accounts *accounts, const char *secret, kh_session *out, kh_error *err)
{
    (void)accounts;
    return find(secret, out) ? KH_OK : kh_error_set(err, KH_E_NOT_FOUND, "none");
}

bool kh_token_known(kh_accounts *accounts, const char *text, kh_subject *out)
{
    (void)accounts;
    *out = (kh_subject){.person_id = 5, .role = KH_ROLE_DOCTOR, .scopes = KH_SCOPE_FIND, .token_id = 9, .name = "sato"};
    return strcmp(text, BEARER) == 0;
}

kh_status kh_token_find(kh_accounts *accounts, const char *text, kh_subject *out, kh_error *err)
{
    return kh_token_known(accounts, text, out) ? KH_OK : kh_error_set(err, KH_E_NOT_FOUND, "none");
}

kh_access *kh_accounts_access(kh_accounts *accounts)
{
    (void)accounts;
    return NULL;
}

uint64_t kh_access_epoch(const kh_access *access)
{
    (void)access;
    return atomic_load(&epoch);
}

bool kh_rights_known(kh_rights *rights, const kh_subject *subject, kh_verb verb, kh_kind kind, int64_t key, kh_verdict *out)
{
    (void)rights;
    (void)subject;
    (void)verb;
    (void)kind;
    *out = (kh_verdict){.allowed = key == ALLOWED, .reason = key == ALLOWED ? KH_REASON_OWN : KH_REASON_NO_CONSENT};
    return true;
}

kh_status kh_rights_decide(kh_rights *rights, const kh_subject *subject, kh_verb verb, const kh_matter *matter, kh_verdict *out,
                           kh_error *err)
{
    (void)err;
    (void)kh_rights_known(rights, subject, verb, matter->kind, ALLOWED, out);
    return KH_OK;
}

static atomic_bool revoked;

bool kh_terminal_is_good(kh_access *access, int64_t id)
{
    (void)access;
    (void)id;
    return !atomic_load(&revoked);
}

kh_status kh_terminal_by_certificate(kh_access *access, const char *fingerprint, kh_terminal *out, kh_error *err)
{
    (void)access;
    (void)fingerprint;
    (void)out;
    return kh_error_set(err, KH_E_NOT_FOUND, "none");
}

/* ---- the door ---- */

typedef struct fixture {
    kh_http_server *server;
    kh_guard *guard;
    uint16_t port;
} fixture;

static void answer_name(kh_http_request *request, void *context)
{
    const kh_subject *subject = kh_guard_subject(request);
    const char *name = subject ? subject->name : "nobody";

    (void)context;
    kh_http_answer(request, 200, "text/plain", name, strlen(name));
}

static void study(kh_http_request *request, void *context)
{
    fixture *f = context;
    kh_guarded about = {.verb = KH_VERB_VIEW, .kind = KH_KIND_STUDY};

    assert_int_equal(kh_http_segment_int(request, "id", 1, INT64_MAX, &about.study_id, NULL), KH_OK);
    kh_guard_then(f->guard, request, &about, answer_name, f);
}

static void list(kh_http_request *request, void *context)
{
    fixture *f = context;
    const kh_guarded about = {.verb = KH_VERB_FIND, .kind = KH_KIND_STUDY, .listing = true};

    kh_guard_then(f->guard, request, &about, answer_name, f);
}

static void page(kh_http_request *request, void *context)
{
    fixture *f = context;

    kh_guard_page_then(f->guard, request, answer_name, f);
}

static int open_door(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    const kh_guard_options guard = {.queue_max = 16};
    kh_http_options options = {.thread_count = 1, .connections_max = 64, .connections_per_address_max = 64, .idle_timeout_s = 10,
                               .body_bytes_max = 4096, .open_below = "/dicomweb", .loopback_hosts_only = true};
    const kh_http_route routes[] = {
        {"GET", "/", page, f},           {"GET", "/studies/{id}", page, f},          {"GET", "/api/studies/{id}", study, f},
        {"GET", "/api/studies", list, f}, {"POST", "/api/studies/{id}/recall", study, f}, {"GET", "/dicomweb/studies", list, f},
        {"POST", "/dicomweb/studies", list, f},
    };

    options.listen_fd = client_listen(&f->port);
    assert_int_equal(kh_guard_create(&f->guard, &guard, NULL), KH_OK);
    assert_int_equal(kh_http_server_start(&f->server, &options, routes, KH_COUNT(routes), NULL), KH_OK);
    *state = f;
    return 0;
}

static int close_door(void **state)
{
    fixture *f = *state;

    kh_http_server_stop(f->server, 1000);
    kh_guard_free(f->guard);
    free(f);
    return 0;
}

static client_answer ask(fixture *f, const char *method, const char *target, const char *headers)
{
    int fd = client_connect(f->port, 5000);
    char text[2048];
    client_answer answer;

    snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s%s\r\n", method, target, headers,
             strcmp(method, "POST") == 0 ? "Content-Length: 0\r\nContent-Type: application/json\r\n" : "");
    assert_true(client_send(fd, text, strlen(text)));
    answer = client_receive(fd, true);
    close(fd);
    return answer;
}

#define COOKIE(secret) "Cookie: __Host-kakehashi=" secret "\r\n"
#define OURS "Origin: http://localhost\r\n"
#define TOKEN(secret) "X-Kakehashi-Token: token of " secret "\r\n"

static void test_who_is_let_in(void **state)
{
    static const struct {
        const char *name, *method, *target, *headers;
        unsigned code;
        const char *words; /* in the body, or the Location */
    } cases[] = {
        {"nobody, a page", "GET", "/", "", 303, "/sign-in"},
        {"nobody, a study's page", "GET", "/studies/7", "", 303, "/sign-in?next=/studies/7"},
        {"nobody, a page with a query", "GET", "/?q=a%26b", "", 303, "/sign-in?next=/%3Fq%3Da%2526b"},
        {"nobody, the list", "GET", "/api/studies", "", 401, "sign_in"},
        {"nobody, DICOMweb", "GET", "/dicomweb/studies", "", 401, "sign_in"},
        {"a cookie nobody gave", "GET", "/api/studies", COOKIE(GONE), 401, "sign_in"},
        {"a cookie cut short", "GET", "/api/studies", "Cookie: __Host-kakehashi=open-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", 401,
         "sign_in"},
        {"a cookie that is longer", "GET", "/api/studies", COOKIE(OPEN "a"), 401, "sign_in"},
        {"another name", "GET", "/api/studies", "Cookie: kakehashi=" OPEN "\r\n", 401, "sign_in"},
        {"a name that ends alike", "GET", "/api/studies", "Cookie: x__Host-kakehashi=" OPEN "\r\n", 401, "sign_in"},
        {"the cookie twice", "GET", "/api/studies", "Cookie: __Host-kakehashi=" OPEN "; __Host-kakehashi=" OPEN "\r\n", 401, "sign_in"},
        {"the cookie", "GET", "/api/studies", COOKIE(OPEN), 200, "sato"},
        {"the cookie between others", "GET", "/api/studies", "Cookie: a=b; __Host-kakehashi=" OPEN "; c=d\r\n", 200, "sato"},
        {"one that has to be looked up", "GET", "/api/studies", COOKIE(SLOW), 200, "sato"},
        {"without the certificate of its terminal", "GET", "/api/studies", COOKIE(SEAT), 401, "sign_in"},
        {"a code is due", "GET", "/api/studies", COOKIE(CODE), 401, "step"},
        {"a code is due, a page", "GET", "/", COOKIE(CODE), 303, "/sign-in"},
        {"locked", "GET", "/api/studies", COOKIE(LOCK), 401, "locked"},
        {"locked, a page that holds nothing", "GET", "/", COOKIE(LOCK), 200, "sato"},
        {"a bearer token", "GET", "/dicomweb/studies", "Authorization: Bearer " BEARER "\r\n", 200, "sato"},
        {"a bearer token nobody gave", "GET", "/dicomweb/studies", "Authorization: Bearer " BEARER_GONE "\r\n", 401, "sign_in"},
        {"no bearer token, and a cookie beside", "GET", "/api/studies", "Authorization: Basic eDp5\r\n" COOKIE(OPEN), 401, "sign_in"},
        {"what may be seen", "GET", "/api/studies/7", COOKIE(OPEN), 200, "sato"},
        {"what may not", "GET", "/api/studies/8", COOKIE(OPEN), 404, "no such study"},
        {"what may not, looked up", "GET", "/api/studies/8", COOKIE(SLOW), 404, "no such study"},
        {"a change", "POST", "/api/studies/7/recall", COOKIE(OPEN) OURS TOKEN("open"), 200, "sato"},
        {"a change, looked up", "POST", "/api/studies/7/recall", COOKIE(SLOW) OURS TOKEN("slow"), 200, "sato"},
        {"a change without a token", "POST", "/api/studies/7/recall", COOKIE(OPEN) OURS, 403, "forbidden"},
        {"a change with another's token", "POST", "/api/studies/7/recall", COOKIE(OPEN) OURS TOKEN("slow"), 403, "forbidden"},
        {"a change with half a token", "POST", "/api/studies/7/recall", COOKIE(OPEN) OURS "X-Kakehashi-Token: token\r\n", 403, "forbidden"},
        {"a change from elsewhere", "POST", "/api/studies/7/recall", COOKIE(OPEN) "Origin: http://evil.example\r\n" TOKEN("open"), 403, ""},
        {"a change from nowhere", "POST", "/api/studies/7/recall", COOKIE(OPEN) TOKEN("open"), 403, ""},
        {"a change by nobody", "POST", "/api/studies/7/recall", OURS, 401, "sign_in"},
        {"STOW with a cookie alone", "POST", "/dicomweb/studies", COOKIE(OPEN), 403, "forbidden"},
        {"STOW from elsewhere with all", "POST", "/dicomweb/studies", COOKIE(OPEN) TOKEN("open") "Origin: http://evil.example\r\n", 403,
         "forbidden"},
        {"STOW from our page", "POST", "/dicomweb/studies", COOKIE(OPEN) TOKEN("open") OURS, 200, "sato"},
        {"STOW that has to be looked up", "POST", "/dicomweb/studies", COOKIE(SLOW) TOKEN("slow") OURS, 200, "sato"},
        {"STOW with a bearer token", "POST", "/dicomweb/studies", "Authorization: Bearer " BEARER "\r\n", 200, "sato"},
    };
    fixture *f = *state;

    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        client_answer answer = ask(f, cases[i].method, cases[i].target, cases[i].headers);
        char location[256] = "";

        (void)client_header(&answer, "Location", location, sizeof location);
        if (answer.code != cases[i].code)
            fail_msg("%s: %u, expected %u", cases[i].name, answer.code, cases[i].code);
        if (answer.code == 303 ? strcmp(location, cases[i].words) != 0 : !strstr((const char *)answer.body, cases[i].words))
            fail_msg("%s: %s%s", cases[i].name, location, (const char *)answer.body);
        client_answer_free(&answer);
    }
}

static void test_absent_and_refused_are_one(void **state)
{
    client_answer first = ask(*state, "GET", "/api/studies/8", COOKIE(OPEN)),
                  second = ask(*state, "GET", "/api/studies/99999", COOKIE(OPEN));

    assert_int_equal(first.body_size, second.body_size);
    assert_memory_equal(first.body, second.body, first.body_size);
    client_answer_free(&first);
    client_answer_free(&second);
}

static void test_accounts_off_ask_nobody(void **state)
{
    fixture *f = *state;
    kh_guard *guard = f->guard;
    client_answer answer;

    f->guard = NULL;
    answer = ask(f, "GET", "/api/studies/8", "");
    assert_int_equal(answer.code, 200);
    assert_string_equal((const char *)answer.body, "nobody");
    client_answer_free(&answer);
    f->guard = guard;
}

/* A stream asks between two pieces. */
static void test_still(void **state)
{
    fixture *f = *state;
    const kh_subject subject = {.session_id = 1}, other = {.session_id = 77};
    client_answer answer = ask(f, "GET", "/api/studies", COOKIE(OPEN));
    uint64_t seen = 0;

    client_answer_free(&answer);
    assert_true(kh_guard_still(f->guard, &subject, &seen));
    assert_true(kh_guard_still(f->guard, &subject, &seen));
    atomic_fetch_add(&epoch, 1);
    assert_false(kh_guard_still(f->guard, &subject, &seen)); /* something moved */
    assert_true(kh_guard_still(f->guard, &subject, &seen));
    atomic_store(&closed, true);
    assert_false(kh_guard_still(f->guard, &subject, &seen)); /* locked, or ended */
    atomic_store(&closed, false);
    assert_false(kh_guard_still(f->guard, &other, &seen)); /* never came in */
    assert_true(kh_guard_still(NULL, NULL, &seen));
}

static kh_subject visitor(int64_t session_id)
{
    return (kh_subject){.session_id = session_id};
}

static size_t place_of(int64_t id)
{
    return (size_t)((uint64_t)id * 0x9e3779b97f4a7c15u >> 32) % KH_GUARD_VISITORS;
}

/* Sessions whose ids fall on one place of the table leave each other alone, as many as there are; beyond that who streams stays. */
static void test_visitors_that_collide(void **state)
{
    fixture *f = *state;
    kh_subject first = visitor(1);
    int64_t others[40];
    size_t count = 0;
    uint64_t seen = 0;

    kh_guard_remember(f->guard, &first, OPEN);
    for (int64_t id = 2; count < KH_COUNT(others); id++)
        if (place_of(id) == place_of(1))
            others[count++] = id;
    for (size_t i = 0; i < count; i++) {
        const kh_subject one = visitor(others[i]);

        kh_guard_remember(f->guard, &one, GONE);
        assert_true(kh_guard_still(f->guard, &first, &seen)); /* as the watch asks */
    }
    atomic_store(&closed, true);
    assert_false(kh_guard_still(f->guard, &first, &seen));
    atomic_store(&closed, false);
    for (size_t i = 0; i < count; i++) {
        const kh_subject one = visitor(others[i]);

        kh_guard_remember(f->guard, &one, GONE); /* nobody asks of the first now: it makes room */
    }
    assert_false(kh_guard_still(f->guard, &first, &seen));
    kh_guard_remember(f->guard, &first, OPEN);
    assert_true(kh_guard_still(f->guard, &first, &seen));
}

/* Many at once, of sessions and of a token: nobody falls out. */
static void test_many_visitors(void **state)
{
    fixture *f = *state;
    const kh_subject token = {.token_id = 9};
    uint64_t seen = 0;

    kh_guard_remember(f->guard, &token, BEARER);
    atomic_store(&revoked, true); /* of no terminal: of no matter */
    assert_true(kh_guard_still(f->guard, &token, &seen));
    assert_false(kh_guard_still(f->guard, &(kh_subject){.token_id = 9, .terminal_id = 3}, &seen));
    atomic_store(&revoked, false);
    assert_true(kh_guard_still(f->guard, &(kh_subject){.token_id = 9, .terminal_id = 3}, &seen));
    for (int64_t id = 100; id < 1100; id++) {
        const kh_subject one = visitor(id);

        kh_guard_remember(f->guard, &one, GONE);
    }
    assert_true(kh_guard_still(f->guard, &token, &seen));
    for (int64_t id = 1; id <= 3; id++) { /* those of the table of sessions: 1 is open, 2 has its place, 3 is looked up */
        static const char *const secrets[] = {OPEN, SEAT, SLOW};
        const kh_subject one = visitor(id);

        kh_guard_remember(f->guard, &one, secrets[id - 1]);
        assert_true(kh_guard_still(f->guard, &one, &seen));
    }
}

static void test_the_token_of_the_door(void **state)
{
    char first[KH_SECRET_SIZE], second[KH_SECRET_SIZE], token[KH_GUARD_TOKEN_SIZE], again[KH_GUARD_TOKEN_SIZE];
    kh_credentials shown = {.own_page = true};

    (void)state;
    assert_true(kh_door_make(first) && kh_door_make(second));
    assert_int_equal(strlen(first), KH_SECRET_SIZE - 1);
    assert_string_not_equal(first, second);
    kh_door_token(token, first);
    kh_door_token(again, first);
    assert_string_equal(token, again);
    kh_door_token(again, second);
    assert_string_not_equal(token, again);
    memcpy(shown.change, token, sizeof token);
    assert_true(kh_credentials_may_change(&shown, token));
    assert_false(kh_credentials_may_change(&shown, again));
    kh_door_token(again, "");
    shown.change[0] = '\0';
    assert_false(kh_credentials_may_change(&shown, again)); /* no cookie, no token: not the same nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_who_is_let_in, open_door, close_door),
        cmocka_unit_test_setup_teardown(test_absent_and_refused_are_one, open_door, close_door),
        cmocka_unit_test_setup_teardown(test_accounts_off_ask_nobody, open_door, close_door),
        cmocka_unit_test_setup_teardown(test_still, open_door, close_door),
        cmocka_unit_test_setup_teardown(test_visitors_that_collide, open_door, close_door),
        cmocka_unit_test_setup_teardown(test_many_visitors, open_door, close_door),
        cmocka_unit_test(test_the_token_of_the_door),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
