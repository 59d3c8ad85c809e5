/* Every address of the portal while accounts are on: nobody gets anything, and who is signed in gets what may be found, in lists, counts,
 * pictures and events alike. The door and the rights are small ones of the test's own: what is tested is that nothing goes past them.
 * RELIABILITY.md S1 to S3. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "cache/events.h"
#include "tests/portal/door.h"
#include "tests/portal/fixture.h"
#include "viewer/portal/internal.h"

static struct kh_guard door;
static kh_watch *watch;

static int open_guarded(void **state)
{
    fixture *f;
    const kh_watch_options options = {.session_goes_on = door_session_goes_on};
    kh_watch_options with_page = options;

    fixture_open(state);
    f = *state;
    door.cache = f->samples.cache;
    with_page.page = f->samples.page;
    assert_int_equal(kh_watch_create(&watch, &with_page, NULL), KH_OK);
    atomic_store(&rules.open_study, f->slices[0].study_id);
    atomic_store(&rules.shut_series, 0);
    atomic_store(&rules.signed_in, true);
    f->options.guard = &door;
    f->options.rights = (kh_rights *)(void *)&door; /* only handed on */
    f->options.watch = watch;
    fixture_restart(f);
    return 0;
}

static int close_guarded(void **state)
{
    fixture_close(state);
    kh_watch_free(watch);
    return 0;
}

static void move_rights(fixture *f, int64_t open_study)
{
    atomic_store(&rules.open_study, open_study);
    atomic_fetch_add(&f->samples.page->grant_epoch, 1);
}

static unsigned code_of(fixture *f, const char *target, const char *headers)
{
    client_answer answer = get(f, target, headers);
    unsigned code = answer.code;

    client_answer_free(&answer);
    return code;
}

static json_t *json_of(fixture *f, const char *target, const char *headers)
{
    client_answer answer = get(f, target, headers);
    json_t *json = answer.code == 200 ? json_loadb((char *)answer.body, answer.body_size, 0, NULL) : NULL;

    if (!json)
        fail_msg("%s: %u", target, answer.code);
    client_answer_free(&answer);
    return json;
}

static int64_t number(const json_t *json, const char *key)
{
    return json_integer_value(json_object_get(json, key));
}

/* --- the table --- */

/* "{series}" and so on become numbers of the sample. */
static void fill_pattern(char *out, size_t size, const char *pattern, const fixture *f)
{
    size_t used = 0;

    for (const char *p = pattern; *p && used + 24 < size;) {
        if (*p != '{') {
            out[used++] = *p++;
            continue;
        }
        if (strncmp(p, "{series}", 8) == 0 || (strncmp(p, "{id}", 4) == 0 && strstr(pattern, "series")))
            used += (size_t)snprintf(out + used, size - used, "%lld", (long long)f->slices[0].series_id);
        else if (strncmp(p, "{object}", 8) == 0)
            used += (size_t)snprintf(out + used, size - used, "%lld", (long long)f->slices[0].object_id);
        else if (strncmp(p, "{id}", 4) == 0)
            used += (size_t)snprintf(out + used, size - used, "%lld", (long long)f->slices[0].study_id);
        else
            used += (size_t)snprintf(out + used, size - used, "%s", strncmp(p, "{path", 5) == 0 ? "main.js" : "0");
        p = strchr(p, '}') + 1;
    }
    out[used] = '\0';
}

static void every_address_is_in_the_table(void **state)
{
    fixture *f = *state;
    kh_http_route routes[KH_PORTAL_ROUTES_MAX];
    size_t count = kh_portal_own_routes(NULL, routes), closed = 0;

    for (size_t i = 0; i < count; i++) {
        const kh_portal_guarded *entry = kh_portal_guarded_find(routes[i].method, routes[i].pattern);
        char target[256];
        unsigned code;

        if (!entry)
            fail_msg("%s %s is not in the table", routes[i].method, routes[i].pattern);
        if (strcmp(routes[i].method, "GET") != 0)
            continue;
        fill_pattern(target, sizeof target, routes[i].pattern, f);
        code = code_of(f, target, "X-Forwarded-For: 192.0.2.7\r\n");
        if (entry->about == KH_PORTAL_OPEN ? code != 200 : code != 401)
            fail_msg("%s without anybody: %u", target, code);
        closed += entry->about != KH_PORTAL_OPEN;
        if (entry->about == KH_PORTAL_OPERATION && code_of(f, target, READER) != 404)
            fail_msg("%s is open to a reader", target);
    }
    assert_true(closed > 20);
    assert_null(kh_portal_guarded_find("GET", "/api/nothing"));
    assert_null(kh_portal_guarded_find("POST", "/api/studies"));
}

static void half_a_door(void **state)
{
    fixture *f = *state;
    kh_portal_options options = f->options;
    kh_portal *portal = NULL;

    options.rights = NULL;
    assert_int_equal(kh_portal_start(&portal, &options, NULL), KH_E_INTERNAL);
    assert_null(portal);
    options = f->options;
    options.guard = NULL;
    assert_int_equal(kh_portal_start(&portal, &options, NULL), KH_E_INTERNAL);
}

static void monitors_of_this_machine(void **state)
{
    fixture *f = *state;

    assert_int_equal(code_of(f, "/metrics", ""), 200);
    assert_int_equal(code_of(f, "/health", ""), 200);
    assert_int_equal(code_of(f, "/metrics", "X-Forwarded-For: 192.0.2.7\r\n"), 401);
    assert_int_equal(code_of(f, "/metrics", "Forwarded: for=192.0.2.7\r\n"), 401);
    assert_int_equal(code_of(f, "/metrics", "X-Forwarded-For: 192.0.2.7\r\n" READER), 404);
    assert_int_equal(code_of(f, "/metrics", "X-Forwarded-For: 192.0.2.7\r\n" OFFICE), 200);
}

/* --- lists and counts --- */

static void lists_are_of_who_asks(void **state)
{
    fixture *f = *state;
    json_t *list = json_of(f, "/api/studies", READER), *study;

    assert_int_equal(number(list, "total"), 1);
    assert_int_equal(json_array_size(json_object_get(list, "studies")), 1);
    assert_int_equal(number(json_array_get(json_object_get(list, "studies"), 0), "id"), f->slices[0].study_id);
    json_decref(list);
    list = json_of(f, "/api/studies?q=yamada", READER); /* the other patient */
    assert_int_equal(number(list, "total"), 0);
    json_decref(list);
    list = json_of(f, "/api/studies", OFFICE);
    assert_int_equal(number(list, "total"), 0);
    json_decref(list);
    study = json_of(f, "/api/invoke?requestType=PATIENT&patientID=P-1", READER);
    assert_int_equal(number(study, "total"), 1);
    json_decref(study);
    assert_int_equal(code_of(f, "/api/invoke?requestType=PATIENT&patientID=K-000123", READER), 404);
    assert_int_equal(code_of(f, "/api/invoke?requestType=PATIENT&patientID=nobody", READER), 404);
}

static void a_hidden_series_is_not_counted(void **state)
{
    fixture *f = *state;
    char target[64];
    json_t *study;
    int64_t objects;

    snprintf(target, sizeof target, "/api/studies/%lld", (long long)f->slices[0].study_id);
    study = json_of(f, target, READER);
    objects = number(study, "objects");
    assert_int_equal(json_array_size(json_object_get(study, "series_list")), 3);
    json_decref(study);
    atomic_store(&rules.shut_series, f->slices[0].series_id);
    move_rights(f, f->slices[0].study_id);
    study = json_of(f, target, READER);
    assert_int_equal(json_array_size(json_object_get(study, "series_list")), 2);
    assert_int_equal(number(study, "objects"), objects - SLICES);
    json_decref(study);
    snprintf(target, sizeof target, "/api/series/%lld/stack", (long long)f->slices[0].series_id);
    assert_int_equal(code_of(f, target, READER), 404);
}

/* --- absent and refused --- */

static void assert_same(fixture *f, const char *refused, const char *absent)
{
    client_answer a = get(f, refused, READER), b = get(f, absent, READER);

    if (a.code != 404 || b.code != 404 || a.body_size != b.body_size || memcmp(a.body, b.body, a.body_size) != 0)
        fail_msg("%s: %u %s\n%s: %u %s", refused, a.code, a.body, absent, b.code, b.body);
    for (char *line = strstr(a.head, "Date:"); line && *line && *line != '\r'; line++)
        *line = '-';
    for (char *line = strstr(b.head, "Date:"); line && *line && *line != '\r'; line++)
        *line = '-';
    assert_string_equal(a.head, b.head);
    client_answer_free(&a);
    client_answer_free(&b);
}

static void refused_is_absent(void **state)
{
    static const char *const forms[] = {"/api/studies/%lld",
                                        "/api/series/%lld/stack",
                                        "/tiles/%lld/1-0/0/0/0.jpg",
                                        "/tiles/%lld/1-0/thumb.jpg",
                                        "/tiles/%lld/1-0/lossless",
                                        "/tiles/%lld/batch?tiles=1-0/0/0/0",
                                        "/api/series/%lld/1-0/values?kind=probe&points=1,1"};
    fixture *f = *state;

    for (size_t i = 0; i < KH_COUNT(forms); i++) {
        char refused[128], absent[128];
        int64_t id = i == 0 ? f->other.study_id : f->other.series_id;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(refused, sizeof refused, forms[i], (long long)id);
        snprintf(absent, sizeof absent, forms[i], 987654321LL);
#pragma GCC diagnostic pop
        assert_same(f, refused, absent);
    }
}

/* --- pictures --- */

static void a_tile_in_memory_is_behind_the_decision(void **state)
{
    fixture *f = *state;
    const char *target = tile_target(&f->slices[0], "");
    char etag[128], again[256], after[128];
    client_answer answer = get(f, target, READER);

    assert_int_equal(answer.code, 200);
    assert_true(client_header(&answer, "ETag", etag, sizeof etag));
    client_answer_free(&answer);
    answer = get(f, target, READER);
    assert_int_equal(answer.code, 200);
    assert_true(client_header(&answer, "Cache-Control", after, sizeof after));
    assert_string_equal(after, "private, no-cache");
    client_answer_free(&answer);
    snprintf(again, sizeof again, READER "If-None-Match: %s\r\n", etag);
    assert_int_equal(code_of(f, target, again), 304);
    move_rights(f, f->slices[0].study_id); /* another's: what the browser has from before is asked for again */
    answer = get(f, target, again);
    assert_int_equal(answer.code, 200);
    assert_true(client_header(&answer, "ETag", after, sizeof after));
    assert_string_not_equal(after, etag);
    client_answer_free(&answer);
    answer = get(f, target, READER); /* the prepared answer is of an epoch before */
    assert_true(client_header(&answer, "ETag", etag, sizeof etag));
    assert_string_equal(after, etag);
    client_answer_free(&answer);
    move_rights(f, 0);
    snprintf(again, sizeof again, READER "If-None-Match: %s\r\n", after);
    assert_int_equal(code_of(f, target, again), 404);
    assert_int_equal(code_of(f, target, READER), 404);
}

/* --- events --- */

static int open_events_of(fixture *f, const char *headers)
{
    char text[256];
    int fd = client_connect(f->port, 10000);

    snprintf(text, sizeof text, "GET /api/events HTTP/1.1\r\nHost: localhost\r\n%s\r\n", headers);
    assert_true(client_send(fd, text, strlen(text)));
    return fd;
}

static int open_events(fixture *f)
{
    return open_events_of(f, READER);
}

static void expect_text(int fd, const char *text, char *out, size_t out_size)
{
    size_t size = strlen(out);

    while (!strstr(out, text)) {
        ssize_t n = recv(fd, out + size, out_size - 1 - size, 0);

        if (n <= 0)
            fail_msg("expected %s, got %s", text, out);
        size += (size_t)n;
        out[size] = '\0';
    }
}

static void events_are_of_who_listens(void **state)
{
    fixture *f = *state;
    char got[16384] = "", expected[128];
    const kh_node node = {.name = "pacs", .ae_title = "PACS", .host = "127.0.0.1", .port = 104, .facility = "city-hospital"};
    kh_node added = node;
    int fd = open_events(f);

    expect_text(fd, "retry: 2000\n\n", got, sizeof got);
    assert_int_equal(kh_node_add(f->samples.cache, &added, NULL), KH_OK);
    samples_add(&f->samples, &(sample_image){.study = 2, .series = 2, .instance = 1, .rows = 16, .columns = 16, .patient_id = "K-000123"});
    samples_add(&f->samples, &(sample_image){.study = 1, .series = 5, .instance = 1, .rows = 16, .columns = 16});
    snprintf(expected, sizeof expected, "event: study\ndata: {\"study\":%lld}\n\n", (long long)f->slices[0].study_id);
    expect_text(fd, expected, got, sizeof got); /* the last one of the three */
    snprintf(expected, sizeof expected, "{\"study\":%lld}", (long long)f->other.study_id);
    assert_null(strstr(got, expected));
    assert_null(strstr(got, "event: node"));
    close(fd);
}

/* A session has a window beside another, a token its streams: each is told, once. */
static void every_window_is_told(void **state)
{
    static const char *const who[] = {READER, READER, TOKEN};
    fixture *f = *state;
    char got[3][16384] = {""}, expected[128], target[64];
    int fds[3];

    snprintf(target, sizeof target, "/api/studies/%lld", (long long)f->slices[0].study_id);
    snprintf(expected, sizeof expected, "event: closed\ndata: {\"study\":%lld}\n\n", (long long)f->slices[0].study_id);
    assert_int_equal(code_of(f, target, READER), 200);
    assert_int_equal(code_of(f, target, TOKEN), 200);
    for (size_t i = 0; i < KH_COUNT(fds); i++) {
        fds[i] = open_events_of(f, who[i]);
        expect_text(fds[i], "retry: 2000\n\n", got[i], sizeof got[i]);
    }
    for (int round = 0; round < 2; round++) {
        move_rights(f, 0);
        for (size_t i = 0; i < KH_COUNT(fds); i++) {
            expect_text(fds[i], expected, got[i], sizeof got[i]);
            strcpy(got[i], "");
        }
        move_rights(f, f->slices[0].study_id); /* opened again, it is told again */
        assert_int_equal(code_of(f, target, READER), 200);
        assert_int_equal(code_of(f, target, TOKEN), 200);
    }
    for (size_t i = 0; i < KH_COUNT(fds); i++)
        close(fds[i]);
}

/* A list that nobody opened anything from. */
static void lists_are_looked_at_anew(void **state)
{
    fixture *f = *state;
    char got[16384] = "";
    int fd = open_events(f);

    expect_text(fd, "retry: 2000\n\n", got, sizeof got);
    assert_int_equal(code_of(f, "/api/studies", READER), 200);
    usleep(500000); /* its first look, to which nothing is to be said */
    assert_null(strstr(got, "reload"));
    move_rights(f, 0);
    usleep(500000);
    move_rights(f, f->slices[0].study_id); /* was that its first look, this is another */
    expect_text(fd, "event: reload\n", got, sizeof got);
    close(fd);
    strcpy(got, "");
    fd = open_events_of(f, READER "Last-Event-ID: 1\r\n"); /* who was away may have missed it */
    expect_text(fd, "event: reload\n", got, sizeof got);
    close(fd);
}

static void what_is_open_is_closed(void **state)
{
    fixture *f = *state;
    char got[16384] = "", expected[128], target[64];
    int fd = open_events(f);

    expect_text(fd, "retry: 2000\n\n", got, sizeof got);
    snprintf(target, sizeof target, "/api/studies/%lld", (long long)f->slices[0].study_id);
    assert_int_equal(code_of(f, target, READER), 200);
    move_rights(f, f->slices[0].study_id); /* somebody else's */
    move_rights(f, 0);
    snprintf(expected, sizeof expected, "event: closed\ndata: {\"study\":%lld}\n\n", (long long)f->slices[0].study_id);
    expect_text(fd, expected, got, sizeof got);
    atomic_store(&rules.signed_in, false);
    while (recv(fd, got, sizeof got, 0) > 0)
        continue; /* it ends with the session */
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_guarded, close_guarded)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(every_address_is_in_the_table),
                                       TEST(half_a_door),
                                       TEST(monitors_of_this_machine),
                                       TEST(lists_are_of_who_asks),
                                       TEST(a_hidden_series_is_not_counted),
                                       TEST(refused_is_absent),
                                       TEST(a_tile_in_memory_is_behind_the_decision),
                                       TEST(events_are_of_who_listens),
                                       TEST(what_is_open_is_closed),
                                       TEST(every_window_is_told),
                                       TEST(lists_are_looked_at_anew)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
