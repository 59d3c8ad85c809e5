/* DICOMweb while accounts are on: resources and searches are of who asks, row by row; what is refused is answered as what is not there. The
 * door and the rights are small ones of the test's own. RELIABILITY.md S1, S2. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include <unistd.h>
#include "base/log.h"
#include "tests/cmocka_all.h"
#include "tests/http/client.h"
#include "tests/portal/door.h"
#include "tests/tiles/samples.h"
#include "viewer/dicomweb/dicomweb.h"

#define ROOT "1.2.392.200036.9999.77"

typedef struct fixture {
    samples samples;
    kh_ingest_result ours, second, other, twin; /* study 1, series 1 and 2; study 2 of another patient; study 1 at another hospital */
    struct kh_guard door;
    kh_watch *watch;
    kh_dicomweb *dicomweb;
    kh_http_server *server;
    uint16_t port;
    char adopted_facility[65];
    int adopted;
} fixture;

static kh_status adopt(void *context, const char *name, const char *facility, kh_ingest_result *result, kh_error *err)
{
    fixture *f = context;

    (void)name;
    (void)err;
    memset(result, 0, sizeof *result);
    f->adopted++;
    snprintf(f->adopted_facility, sizeof f->adopted_facility, "%s", facility ? facility : "(settings)");
    return KH_OK;
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    kh_dicomweb_options options = kh_dicomweb_options_default;
    kh_http_options http = {.thread_count = 2,
                            .connections_max = 50,
                            .connections_per_address_max = 50,
                            .idle_timeout_s = 20,
                            .body_bytes_max = 65536,
                            .loopback_hosts_only = true,
                            .open_below = KH_DICOMWEB_PATH};
    kh_watch_options watch = {.session_goes_on = door_session_goes_on};
    const kh_http_route *routes;
    size_t count;

    kh_log_set_level(KH_LOG_ERROR);
    samples_open(&f->samples);
    f->ours = samples_add(&f->samples, &(sample_image){.study = 1, .series = 1, .instance = 1, .rows = 32, .columns = 32});
    f->second = samples_add(&f->samples, &(sample_image){.study = 1, .series = 2, .instance = 1, .rows = 32, .columns = 32});
    f->other = samples_add(&f->samples,
                           &(sample_image){.study = 2, .series = 1, .instance = 1, .rows = 32, .columns = 32, .patient_id = "K-000123"});
    f->twin = samples_add(&f->samples,
                          &(sample_image){.study = 1, .series = 9, .instance = 1, .rows = 32, .columns = 32, .facility = "other-hospital"});
    atomic_store(&rules.open_study, f->ours.study_id);
    atomic_store(&rules.shut_series, 0);
    atomic_store(&rules.may_take, true);
    atomic_store(&rules.may_store, true);
    atomic_store(&rules.signed_in, true);
    f->door.cache = f->samples.cache;
    watch.page = f->samples.page;
    assert_int_equal(kh_watch_create(&f->watch, &watch, NULL), KH_OK);
    options.cache = f->samples.cache;
    options.guard = &f->door;
    options.rights = (kh_rights *)(void *)&f->door; /* only handed on */
    options.watch = f->watch;
    options.adopt = adopt;
    options.adopt_context = f;
    assert_int_equal(kh_dicomweb_start(&f->dicomweb, &options, NULL), KH_OK);
    routes = kh_dicomweb_routes(f->dicomweb, &count);
    http.listen_fd = client_listen(&f->port);
    assert_int_equal(kh_http_server_start(&f->server, &http, routes, count, NULL), KH_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;

    kh_http_server_stop(f->server, 1000);
    kh_dicomweb_stop(f->dicomweb);
    kh_watch_free(f->watch);
    samples_close(&f->samples);
    free(f);
    return 0;
}

static unsigned code_of(fixture *f, const char *target, const char *headers)
{
    client_answer answer = client_get(f->port, target, headers);
    unsigned code = answer.code;

    client_answer_free(&answer);
    return code;
}

/* How many results a search has; 204: none. */
static size_t results(fixture *f, const char *target)
{
    client_answer answer = client_get(f->port, target, READER "Accept: application/dicom+json\r\n");
    json_t *json = answer.code == 200 ? json_loadb((char *)answer.body, answer.body_size, 0, NULL) : NULL;
    size_t count = json ? json_array_size(json) : 0;

    if (answer.code != 200 && answer.code != 204)
        fail_msg("%s: %u", target, answer.code);
    json_decref(json);
    client_answer_free(&answer);
    return count;
}

static void nobody_gets_anything(void **state)
{
    fixture *f = *state;
    static const char *const targets[] = {"/dicomweb/studies",
                                          "/dicomweb/series",
                                          "/dicomweb/instances",
                                          "/dicomweb/studies/1.2.3",
                                          "/dicomweb/studies/1.2.3/metadata",
                                          "/dicomweb/studies/x",
                                          "/dicomweb/wado?requestType=WADO&studyUID=1.2"};

    for (size_t i = 0; i < KH_COUNT(targets); i++)
        if (code_of(f, targets[i], "") != 401)
            fail_msg("%s", targets[i]);
}

static void searches_are_of_who_asks(void **state)
{
    fixture *f = *state;
    client_answer answer;
    char warning[200];

    assert_int_equal(results(f, "/dicomweb/studies"), 1);
    assert_int_equal(results(f, "/dicomweb/series"), 2);
    assert_int_equal(results(f, "/dicomweb/instances"), 2);
    assert_int_equal(results(f, "/dicomweb/studies?PatientID=K-000123"), 0);
    assert_int_equal(results(f, "/dicomweb/studies?StudyInstanceUID=" ROOT ".1.1"), 1);
    assert_int_equal(results(f, "/dicomweb/studies?StudyInstanceUID=" ROOT ".1.2"), 0);
    assert_int_equal(results(f, "/dicomweb/studies/" ROOT ".1.1/series"), 2);
    assert_int_equal(results(f, "/dicomweb/studies/" ROOT ".1.2/series"), 0);
    answer = client_get(f->port, "/dicomweb/studies?limit=1", READER);
    assert_int_equal(answer.code, 200);
    assert_false(client_header(&answer, "Warning", warning, sizeof warning)); /* nothing is left, whatever others have */
    client_answer_free(&answer);
    answer = client_get(f->port, "/dicomweb/series?limit=1", READER);
    assert_true(client_header(&answer, "Warning", warning, sizeof warning));
    assert_non_null(strstr(warning, "1 additional results"));
    client_answer_free(&answer);
    atomic_store(&rules.shut_series, f->second.series_id);
    atomic_fetch_add(&f->samples.page->grant_epoch, 1);
    assert_int_equal(results(f, "/dicomweb/series"), 1);
    assert_int_equal(results(f, "/dicomweb/studies/" ROOT ".1.1/instances"), 1);
    atomic_store(&rules.open_study, 0);
    assert_int_equal(results(f, "/dicomweb/studies"), 0);
    assert_int_equal(results(f, "/dicomweb/instances"), 0);
}

static const struct {
    const char *below_study, *below_series;
    bool takes; /* objects go out as they are */
} resources[] = {{"", NULL, true},          {"/metadata", NULL, false},   {"/rendered", NULL, false}, {"/thumbnail", NULL, false},
                 {"/bulkdata", NULL, true}, {"/pixeldata", NULL, true},   {NULL, "", true},           {NULL, "/metadata", false},
                 {NULL, "/rendered", false}, {NULL, "/thumbnail", false}, {NULL, "/pixeldata", true}};

static void target_of(char out[256], size_t i, const char *study, const char *series)
{
    if (resources[i].below_study)
        snprintf(out, 256, "/dicomweb/studies/%s%s", study, resources[i].below_study);
    else
        snprintf(out, 256, "/dicomweb/studies/%s/series/%s%s", study, series, resources[i].below_series);
}

static void blank_date(char *head)
{
    for (char *c = strstr(head, "Date:"); c && *c && *c != '\r'; c++)
        *c = '-';
}

static void assert_same(fixture *f, const char *refused, const char *absent)
{
    client_answer a = client_get(f->port, refused, READER), b = client_get(f->port, absent, READER);

    if (a.code != 404 || b.code != 404 || a.body_size != b.body_size || memcmp(a.body, b.body, a.body_size) != 0)
        fail_msg("%s: %u %s\n%s: %u %s", refused, a.code, a.body, absent, b.code, b.body);
    blank_date(a.head);
    blank_date(b.head);
    assert_string_equal(a.head, b.head);
    client_answer_free(&a);
    client_answer_free(&b);
}

static void refused_is_absent(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < KH_COUNT(resources); i++) {
        char open[256], refused[256], absent[256], malformed[256];
        unsigned code;

        target_of(open, i, ROOT ".1.1", ROOT ".2.1.1");
        target_of(refused, i, ROOT ".1.2", ROOT ".2.2.1");
        target_of(absent, i, "1.2.3.4.5.6", "1.2.3.4.5.7");
        target_of(malformed, i, "1.2..x", "1.2");
        code = code_of(f, open, READER "Accept: */*\r\n");
        if (code == 401 || code == 404 || code >= 500)
            fail_msg("%s: %u", open, code);
        assert_same(f, refused, absent);
        assert_int_equal(code_of(f, malformed, READER), 400);
        atomic_store(&rules.may_take, false);
        code = code_of(f, open, READER "Accept: */*\r\n");
        if ((code == 404) != resources[i].takes)
            fail_msg("%s without the right to take: %u", open, code);
        atomic_store(&rules.may_take, true);
        target_of(refused, i, ROOT ".1.1", ROOT ".2.1.9"); /* the same study at a hospital that is not open */
        if (resources[i].below_series)
            assert_same(f, refused, absent);
    }
}

/* What is at the other hospital under the same UID is neither given nor counted. */
static void of_twins_one_is_used(void **state)
{
    fixture *f = *state;
    client_answer answer = client_get(f->port, "/dicomweb/studies/" ROOT ".1.1/metadata", READER "Accept: application/dicom+json\r\n");
    json_t *json = answer.code == 200 ? json_loadb((char *)answer.body, answer.body_size, 0, NULL) : NULL;

    assert_non_null(json);
    assert_int_equal(json_array_size(json), 2);
    json_decref(json);
    client_answer_free(&answer);
}

static unsigned store(fixture *f, const char *person)
{
    static const char body[] = "--b\r\nContent-Type: application/dicom\r\n\r\nno DICOM\r\n--b--\r\n";
    char head[512];
    int fd = client_connect(f->port, 20000);
    client_answer answer;
    unsigned code;

    snprintf(
        head, sizeof head,
        "POST /dicomweb/studies HTTP/1.1\r\nHost: localhost\r\n%sContent-Type: multipart/related; type=\"application/dicom\"; boundary=b\r\n"
        "Content-Length: %zu\r\nAccept: application/dicom+json\r\n\r\n",
        person, sizeof body - 1);
    assert_true(client_send(fd, head, strlen(head)));
    (void)client_send(fd, body, sizeof body - 1);
    answer = client_receive(fd, true);
    code = answer.code;
    client_answer_free(&answer);
    close(fd);
    return code;
}

static void storing_needs_the_right(void **state)
{
    fixture *f = *state;

    assert_int_equal(store(f, ""), 401);
    assert_int_equal(store(f, READER), 409); /* it may, though this is no object */
    atomic_store(&rules.may_store, false);
    assert_int_equal(store(f, READER), 403);
    assert_int_equal(f->adopted, 0);
}

static void tokens_of_a_file_and_accounts(void **state)
{
    fixture *f = *state;
    kh_dicomweb_options options = kh_dicomweb_options_default;
    kh_dicomweb *dicomweb = NULL;
    kh_error err = KH_ERROR_INIT;

    options.cache = f->samples.cache;
    options.guard = &f->door;
    options.rights = (kh_rights *)(void *)&f->door;
    options.watch = f->watch;
    options.tokens = "/nowhere/tokens";
    assert_int_equal(kh_dicomweb_start(&dicomweb, &options, &err), KH_E_ARG);
    assert_null(dicomweb);
    assert_non_null(strstr(err.message, "[dicomweb] tokens"));
    options.tokens = "";
    options.rights = NULL;
    assert_int_equal(kh_dicomweb_start(&dicomweb, &options, NULL), KH_E_INTERNAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(nobody_gets_anything), TEST(searches_are_of_who_asks), TEST(refused_is_absent),
                                       TEST(of_twins_one_is_used), TEST(storing_needs_the_right),  TEST(tokens_of_a_file_and_accounts)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
