/* The portal and DICOMweb behind the real door, with real people, links and consents, from the sheet to the answer: what opens for whom,
 * what others may learn of it (nothing), and that a withdrawal shuts it on every path. RELIABILITY.md S1 to S3; AZ-16, AZ-17, AZ-23,
 * TB-7. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include <unistd.h>
#include "access/tokens.h"
#include "base/clock.h"
#include "base/log.h"
#include "tests/access/world.h"
#include "tests/http/client.h"
#include "tests/tiles/samples.h"
#include "viewer/dicomweb/dicomweb.h"
#include "viewer/portal/portal.h"

#define ROOT "1.2.392.200036.9999.77"
#define PATIENCE_MS 20000

static const char *const logins[] = {"north.doctor", "north.nurse", "north.registrar", "east.doctor", "west.doctor", "east.office"};
enum { NORTH_DOCTOR, NORTH_NURSE, NORTH_REGISTRAR, EAST_DOCTOR, WEST_DOCTOR, OFFICE, PEOPLE };

static struct {
    samples samples;
    kh_ingest_result consented, another; /* of 1001 and 1002, both at north */
    kh_access *access; /* of the service; changes are made beside it, as commands do */
    kh_accounts *accounts;
    kh_rights *rights;
    kh_guard *guard;
    kh_watch *watch;
    kh_dicomweb *dicomweb;
    kh_portal *portal;
    uint16_t port;
    char bearer[PEOPLE][128]; /* header lines */
    char finder[128];         /* of the east doctor's token that only finds */
} run;

static bool session_goes_on(void *context, const kh_subject *subject)
{
    uint64_t seen = 0;

    (void)context;
    return kh_guard_still(run.guard, subject, &seen);
}

static void make_token(const char *login, unsigned scopes, char header[128])
{
    kh_token token = {.name = "test", .scopes = scopes, .expires_ms = kh_clock_wall_ms() + 3600000};
    char text[KH_TOKEN_SIZE];

    token.person_id = world_person(login).person_id;
    assert_ok(kh_token_add(run.accounts, &token, text, err));
    snprintf(header, 128, "Accept: */*\r\nAuthorization: Bearer %s\r\n", text);
}

static void start_service(void)
{
    const kh_access_options access = {.dir = access_dir, .page = run.samples.page};
    kh_guard_options guard = {.cache = run.samples.cache, .queue_max = 64};
    kh_watch_options watch = {.page = run.samples.page, .session_goes_on = session_goes_on};
    kh_dicomweb_options dicomweb = kh_dicomweb_options_default;
    kh_portal_options portal = kh_portal_options_default;

    assert_ok(kh_access_open(&run.access, &access, err));
    assert_ok(kh_access_watch(run.access, err));
    assert_ok(kh_accounts_create(&run.accounts, run.access, &kh_accounts_options_default, err));
    assert_ok(kh_rights_create(&run.rights, run.access, err));
    guard.accounts = run.accounts;
    guard.rights = run.rights;
    assert_ok(kh_guard_create(&run.guard, &guard, err));
    assert_ok(kh_watch_create(&run.watch, &watch, err));
    dicomweb.cache = portal.cache = run.samples.cache;
    dicomweb.guard = portal.guard = run.guard;
    dicomweb.rights = portal.rights = run.rights;
    dicomweb.watch = portal.watch = run.watch;
    assert_ok(kh_dicomweb_start(&run.dicomweb, &dicomweb, err));
    portal.more_routes = kh_dicomweb_routes(run.dicomweb, &portal.more_route_count);
    portal.open_below = KH_DICOMWEB_PATH;
    portal.tile_bytes_max = 16u << 20;
    portal.listen_fd = client_listen(&run.port);
    assert_ok(kh_portal_start(&run.portal, &portal, err));
}

static int set_up(void **state)
{
    kh_log_set_level(KH_LOG_ERROR);
    memset(&run, 0, sizeof run);
    if (world_set_up(state) != 0)
        return -1;
    samples_open(&run.samples);
    run.consented = samples_add(&run.samples, &(sample_image){.study = 1,
                                                              .series = 1,
                                                              .instance = 1,
                                                              .rows = 64,
                                                              .columns = 64,
                                                              .facility = "north",
                                                              .patient_id = "1001",
                                                              .date = "20991231"});
    run.another = samples_add(&run.samples, &(sample_image){.study = 2,
                                                            .series = 1,
                                                            .instance = 1,
                                                            .rows = 64,
                                                            .columns = 64,
                                                            .facility = "north",
                                                            .patient_id = "1002",
                                                            .date = "20991231"});
    start_service();
    for (size_t i = 0; i < PEOPLE; i++)
        make_token(logins[i], KH_SCOPE_ALL, run.bearer[i]);
    make_token("east.doctor", KH_SCOPE_FIND, run.finder);
    return 0;
}

static int tear_down(void **state)
{
    kh_portal_stop(run.portal, 1000);
    kh_dicomweb_stop(run.dicomweb);
    kh_watch_free(run.watch);
    kh_guard_free(run.guard);
    kh_rights_free(run.rights);
    kh_accounts_free(run.accounts);
    kh_access_close(run.access);
    samples_close(&run.samples);
    return world_tear_down(state);
}

static unsigned code_of(const char *target, const char *headers)
{
    client_answer answer = client_get(run.port, target, headers);
    unsigned code = answer.code;

    client_answer_free(&answer);
    return code;
}

static int64_t listed(const char *headers)
{
    client_answer answer = client_get(run.port, "/api/studies", headers);
    json_t *json = answer.code == 200 ? json_loadb((char *)answer.body, answer.body_size, 0, NULL) : NULL;
    int64_t total = json ? json_integer_value(json_object_get(json, "total")) : -1;

    if (json)
        assert_int_equal(json_array_size(json_object_get(json, "studies")), total);
    json_decref(json);
    client_answer_free(&answer);
    return total;
}

static int64_t found(const char *headers)
{
    client_answer answer = client_get(run.port, "/dicomweb/studies", headers);
    json_t *json = answer.code == 200 ? json_loadb((char *)answer.body, answer.body_size, 0, NULL) : NULL;
    int64_t count = answer.code == 204 ? 0 : json ? (int64_t)json_array_size(json) : -1;

    json_decref(json);
    client_answer_free(&answer);
    return count;
}

static const char *target(size_t i, const kh_ingest_result *of, unsigned study)
{
    static char text[300];

    switch (i) {
    case 0: snprintf(text, sizeof text, "/api/studies/%lld", (long long)of->study_id); break;
    case 1: snprintf(text, sizeof text, "/api/series/%lld/stack", (long long)of->series_id); break;
    case 2: snprintf(text, sizeof text, "/tiles/%lld/%lld-0/0/0/0.jpg", (long long)of->series_id, (long long)of->object_id); break;
    case 3: snprintf(text, sizeof text, "/tiles/%lld/%lld-0/thumb.jpg", (long long)of->series_id, (long long)of->object_id); break;
    case 4: snprintf(text, sizeof text, "/tiles/%lld/%lld-0/lossless", (long long)of->series_id, (long long)of->object_id); break;
    case 5: snprintf(text, sizeof text, "/tiles/%lld/batch?tiles=%lld-0/0/0/0", (long long)of->series_id, (long long)of->object_id); break;
    case 6: snprintf(text, sizeof text, "/dicomweb/studies/" ROOT ".1.%u/metadata", study); break;
    case 7: snprintf(text, sizeof text, "/dicomweb/studies/" ROOT ".1.%u/rendered", study); break;
    case 8: snprintf(text, sizeof text, "/dicomweb/studies/" ROOT ".1.%u/series/" ROOT ".2.%u.1/thumbnail", study, study); break;
    default: snprintf(text, sizeof text, "/dicomweb/studies/" ROOT ".1.%u", study); break;
    }
    return text;
}
#define TARGETS 10
#define TAKEN 9 /* the one that gives objects as they are */

static void expect_all(const char *who, const char *headers, const kh_ingest_result *of, unsigned study, bool view, bool take)
{
    for (size_t i = 0; i < TARGETS; i++) {
        const char *asked = target(i, of, study);
        unsigned code = code_of(asked, headers), expected = (i == TAKEN ? take : view) ? 200 : 404;

        if (code != expected)
            fail_msg("%s, %s: %u, expected %u", who, asked, code, expected);
    }
}

static int64_t consent_to_east(void)
{
    static const kh_consent_place east[] = {{"east", "3001"}};
    const kh_consent_sheet sheet = world_sheet(east, 1);

    return world_consent(&sheet);
}

/* What the watcher has to see first. */
static void await_listed(const char *headers, int64_t count)
{
    int64_t deadline_ms = kh_clock_monotonic_ms() + PATIENCE_MS;

    while (listed(headers) != count && kh_clock_monotonic_ms() < deadline_ms)
        usleep(20000);
    assert_int_equal(listed(headers), count);
}

/* Lists ask access.db anew; what was decided counts until the watcher has seen the change. */
static void await_absent(const char *asked, const char *headers)
{
    int64_t deadline_ms = kh_clock_monotonic_ms() + PATIENCE_MS;

    while (code_of(asked, headers) != 404 && kh_clock_monotonic_ms() < deadline_ms)
        usleep(20000);
}

static void own_and_others(void **state)
{
    (void)state;
    assert_int_equal(listed(run.bearer[NORTH_DOCTOR]), 2);
    assert_int_equal(found(run.bearer[NORTH_DOCTOR]), 2);
    expect_all("north.doctor", run.bearer[NORTH_DOCTOR], &run.another, 2, true, true);
    expect_all("north.nurse", run.bearer[NORTH_NURSE], &run.another, 2, true, false);
    for (size_t i = NORTH_REGISTRAR; i < PEOPLE; i++) {
        assert_int_equal(listed(run.bearer[i]), 0);
        assert_int_equal(found(run.bearer[i]), 0);
        expect_all(logins[i], run.bearer[i], &run.consented, 1, false, false);
    }
    assert_int_equal(code_of("/api/studies", ""), 401);
    assert_int_equal(code_of("/api/studies", "Authorization: Bearer khp_nobody\r\n"), 401);
    assert_int_equal(code_of("/dicomweb/studies", ""), 401);
    assert_int_equal(code_of("/api/pulls", run.bearer[NORTH_DOCTOR]), 404);
    assert_int_equal(code_of("/api/pulls", run.bearer[OFFICE]), 200);
}

static void a_consent_opens_what_it_names(void **state)
{
    (void)state;
    consent_to_east();
    assert_int_equal(listed(run.bearer[EAST_DOCTOR]), 0); /* not linked yet [AZ-16] */
    world_link("east", "3001");
    await_listed(run.bearer[EAST_DOCTOR], 1);
    assert_int_equal(found(run.bearer[EAST_DOCTOR]), 1);
    expect_all("east.doctor", run.bearer[EAST_DOCTOR], &run.consented, 1, true, true);
    expect_all("east.doctor, the other patient", run.bearer[EAST_DOCTOR], &run.another, 2, false, false);
    assert_int_equal(listed(run.bearer[WEST_DOCTOR]), 0);
    expect_all("west.doctor", run.bearer[WEST_DOCTOR], &run.consented, 1, false, false);
    assert_int_equal(listed(run.finder), 1); /* the token finds, and shows nothing */
    expect_all("a token that finds", run.finder, &run.consented, 1, false, false);
    world_unlink("east", "3001");
    await_listed(run.bearer[EAST_DOCTOR], 0);
}

static void blank_date(char *head)
{
    for (char *c = strstr(head, "Date:"); c && *c && *c != '\r'; c++)
        *c = '-';
}

/* S2: another patient's, and what nobody has. */
static void refused_is_absent(void **state)
{
    const kh_ingest_result nothing = {.study_id = 987654321, .series_id = 987654321, .object_id = 987654321};

    (void)state;
    for (size_t i = 0; i < TARGETS; i++) {
        client_answer a = client_get(run.port, target(i, &run.consented, 1), run.bearer[WEST_DOCTOR]);
        client_answer b = client_get(run.port, target(i, &nothing, 99), run.bearer[WEST_DOCTOR]);

        assert_int_equal(a.code, 404);
        assert_int_equal(b.code, 404);
        assert_string_equal((char *)a.body, (char *)b.body);
        blank_date(a.head);
        blank_date(b.head);
        assert_string_equal(a.head, b.head);
        client_answer_free(&a);
        client_answer_free(&b);
    }
}

/* S3: what was shown a moment ago, in whichever memory it is. */
static void a_withdrawal_shuts_every_path(void **state)
{
    int64_t consent = consent_to_east();
    char etag[128], again[400];
    client_answer answer;

    (void)state;
    world_link("east", "3001");
    await_listed(run.bearer[EAST_DOCTOR], 1);
    expect_all("east.doctor", run.bearer[EAST_DOCTOR], &run.consented, 1, true, true);
    answer = client_get(run.port, target(2, &run.consented, 1), run.bearer[EAST_DOCTOR]);
    assert_true(client_header(&answer, "ETag", etag, sizeof etag));
    client_answer_free(&answer);
    assert_ok(kh_consent_withdraw(access_db, consent, "west", "asked for it", "test", err)); /* at whichever site [AZ-23] */
    await_listed(run.bearer[EAST_DOCTOR], 0);
    for (size_t i = 0; i < TARGETS; i++) /* each was decided at a moment of its own */
        await_absent(target(i, &run.consented, 1), run.bearer[EAST_DOCTOR]);
    expect_all("east.doctor, withdrawn", run.bearer[EAST_DOCTOR], &run.consented, 1, false, false);
    assert_int_equal(found(run.bearer[EAST_DOCTOR]), 0);
    snprintf(again, sizeof again, "%sIf-None-Match: %s\r\n", run.bearer[EAST_DOCTOR], etag);
    assert_int_equal(code_of(target(2, &run.consented, 1), again), 404);
    expect_all("north.doctor", run.bearer[NORTH_DOCTOR], &run.consented, 1, true, true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(own_and_others), TEST(a_consent_opens_what_it_names), TEST(refused_is_absent),
                                       TEST(a_withdrawal_shuts_every_path)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
