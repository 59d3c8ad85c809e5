#include <stdio.h>
#include <string.h>
#include "tests/cmocka_all.h"
#include "viewer/http/http_status.h"
#include "viewer/http/router.h"

static void no_handler(kh_http_request *request, void *context)
{
    (void)request;
    (void)context;
}

static const kh_http_route routes[] = {
    {"GET", "/", no_handler, NULL},
    {"GET", "/api/studies", no_handler, NULL},
    {"GET", "/api/studies/{id}", no_handler, NULL},
    {"DELETE", "/api/studies/{id}", no_handler, NULL},
    {"POST", "/api/pulls", no_handler, NULL},
    {"GET", "/tiles/{series}/{object}-{frame}/{level}/{column}/{row}.jpg", no_handler, NULL},
    {"GET", "/web/{path*}", no_handler, NULL},
    {"GET", "/api/studies/late", no_handler, NULL}, /* hidden by the capture above */
};
#define ROUTE_COUNT (KH_COUNT(routes))

typedef struct route_case {
    const char *name, *method, *target;
    kh_route_result result;
    const char *expected; /* "pattern|name=value;...", or the Allow line */
} route_case;

static const route_case cases[] = {
    {"root", "GET", "/", KH_ROUTE_FOUND, "/|"},
    {"literal", "GET", "/api/studies", KH_ROUTE_FOUND, "/api/studies|"},
    {"HEAD by GET", "HEAD", "/api/studies", KH_ROUTE_FOUND, "/api/studies|"},
    {"capture", "GET", "/api/studies/12", KH_ROUTE_FOUND, "/api/studies/{id}|id=12;"},
    {"first route wins", "GET", "/api/studies/late", KH_ROUTE_FOUND, "/api/studies/{id}|id=late;"},
    {"second method", "DELETE", "/api/studies/12", KH_ROUTE_FOUND, "/api/studies/{id}|id=12;"},
    {"tile", "GET", "/tiles/31/977-0/2/1/3.jpg", KH_ROUTE_FOUND,
     "/tiles/{series}/{object}-{frame}/{level}/{column}/{row}.jpg|series=31;object=977;frame=0;level=2;column=1;row=3;"},
    {"capture ends at the first literal", "GET", "/tiles/1/a-b-c/2/1/3.jpg", KH_ROUTE_FOUND,
     "/tiles/{series}/{object}-{frame}/{level}/{column}/{row}.jpg|series=1;object=a;frame=b-c;level=2;column=1;row=3;"},
    {"rest", "GET", "/web/js/viewer.js", KH_ROUTE_FOUND, "/web/{path*}|path=js/viewer.js;"},
    {"capture may begin with the literal", "GET", "/tiles/1/--1/2/1/3.jpg", KH_ROUTE_FOUND,
     "/tiles/{series}/{object}-{frame}/{level}/{column}/{row}.jpg|series=1;object=-;frame=1;level=2;column=1;row=3;"},

    {"unknown", "GET", "/nothing", KH_ROUTE_NO_PATH, ""},
    {"longer", "GET", "/api/studies/12/x", KH_ROUTE_NO_PATH, ""},
    {"shorter", "GET", "/api", KH_ROUTE_NO_PATH, ""},
    {"slash at the end", "GET", "/api/studies/", KH_ROUTE_NO_PATH, ""},
    {"prefix of a literal", "GET", "/api/studiesx", KH_ROUTE_NO_PATH, ""},
    {"tile without a frame", "GET", "/tiles/31/977/2/1/3.jpg", KH_ROUTE_NO_PATH, ""},
    {"tile with an empty frame", "GET", "/tiles/31/977-/2/1/3.jpg", KH_ROUTE_NO_PATH, ""},
    {"tile of another kind", "GET", "/tiles/31/977-0/2/1/3.png", KH_ROUTE_NO_PATH, ""},
    {"tile with text behind", "GET", "/tiles/31/977-0/2/1/3.jpgx", KH_ROUTE_NO_PATH, ""},
    {"empty rest", "GET", "/web/", KH_ROUTE_NO_PATH, ""},
    {"case of the path", "GET", "/API/studies", KH_ROUTE_NO_PATH, ""},

    {"other method", "PUT", "/api/pulls", KH_ROUTE_NO_METHOD, "POST"},
    {"two methods", "PUT", "/api/studies/1", KH_ROUTE_NO_METHOD, "GET, HEAD, DELETE"},
    {"HEAD of a POST", "HEAD", "/api/pulls", KH_ROUTE_NO_METHOD, "POST"},
    {"case of the method", "get", "/", KH_ROUTE_NO_METHOD, "GET, HEAD"},
    {"unknown method", "BREW", "/", KH_ROUTE_NO_METHOD, "GET, HEAD"},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_target target;
        kh_route_match match;
        char got[256];

        assert_int_equal(kh_target_parse(&target, cases[i].target, strlen(cases[i].target), NULL), KH_OK);
        if (kh_router_match(&match, routes, ROUTE_COUNT, cases[i].method, &target) != cases[i].result)
            fail_msg("%s: another result", cases[i].name);
        snprintf(got, sizeof got, "%s", match.allow);
        if (cases[i].result == KH_ROUTE_FOUND)
            snprintf(got, sizeof got, "%s|", routes[match.route].pattern);
        for (size_t c = 0; c < match.capture_count; c++)
            snprintf(got + strlen(got), sizeof got - strlen(got), "%.*s=%s;", (int)match.captures[c].name_size,
                     match.captures[c].name, match.captures[c].value);
        if (strcmp(got, cases[i].expected) != 0)
            fail_msg("%s: got \"%s\"", cases[i].name, got);
        kh_target_release(&target);
    }
}

static void test_capture_by_name(void **state)
{
    static const char raw[] = "/tiles/31/977-0/2/1/3.jpg";
    kh_target target;
    kh_route_match match;

    (void)state;
    assert_int_equal(kh_target_parse(&target, raw, strlen(raw), NULL), KH_OK);
    assert_int_equal(kh_router_match(&match, routes, ROUTE_COUNT, "GET", &target), KH_ROUTE_FOUND);
    assert_string_equal(kh_route_capture(&match, "row"), "3");
    assert_null(kh_route_capture(&match, "ro"));
    assert_null(kh_route_capture(&match, "rows"));
    kh_target_release(&target);
}

static void test_patterns_are_checked(void **state)
{
    static const char *const bad[] = {"a", "/{", "/{}", "/{a}{b}", "/{a/b}", "/{a*}/b", "/x{a*}",
                                      "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}"};

    (void)state;
    assert_int_equal(kh_router_check(routes, ROUTE_COUNT, NULL), KH_OK);
    for (size_t i = 0; i < KH_COUNT(bad); i++) {
        kh_http_route route = {"GET", bad[i], no_handler, NULL};

        if (kh_router_check(&route, 1, NULL) != KH_E_INTERNAL)
            fail_msg("%s is accepted", bad[i]);
    }
}

static void test_codes(void **state)
{
    static const struct {
        kh_status status;
        unsigned code;
    } table[] = {{KH_OK, 200},          {KH_E_ARG, 400},       {KH_E_FORMAT, 422}, {KH_E_UNSUPPORTED, 422},
                 {KH_E_LIMIT, 413},     {KH_E_NOT_FOUND, 404}, {KH_E_CONFLICT, 409}, {KH_E_BUSY, 503},
                 {KH_E_FULL, 507},      {KH_E_IO, 500},        {KH_E_MEMORY, 503}, {KH_E_TIMEOUT, 504},
                 {KH_E_PEER, 502},      {KH_E_DENIED, 403},    {KH_E_CANCELLED, 503}, {KH_E_CORRUPT, 500},
                 {KH_E_INTERNAL, 500}};

    (void)state;
    for (size_t i = 0; i < KH_COUNT(table); i++)
        assert_int_equal(kh_http_code(table[i].status), table[i].code);
    assert_false(kh_http_status_is_public(KH_E_IO));
    assert_true(kh_http_status_is_public(KH_E_ARG));
    assert_int_equal(kh_http_retry_after_s(503), 1);
    assert_int_equal(kh_http_retry_after_s(500), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_capture_by_name),
        cmocka_unit_test(test_patterns_are_checked),
        cmocka_unit_test(test_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
