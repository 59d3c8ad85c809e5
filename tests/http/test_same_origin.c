/* What changes something is taken from our own page only. */
#include "tests/cmocka_all.h"

#include "viewer/http/same_origin.h"

#define HOST "127.0.0.1:8080"
#define OURS "http://127.0.0.1:8080"
#define JSON "application/json"

static const struct {
    const char *name;
    kh_http_change change; /* host, origin, fetch_site, content_type */
    unsigned code;
} cases[] = {
    {"our page", {HOST, OURS, "same-origin", JSON}, 0},
    {"a browser without Sec-Fetch-Site", {HOST, OURS, NULL, JSON}, 0},
    {"Sec-Fetch-Site alone", {HOST, NULL, "same-origin", JSON}, 0},
    {"a charset behind the type", {HOST, OURS, "same-origin", "application/json; charset=utf-8"}, 0},
    {"letters of another case", {"LocalHost:80", "HTTP://localhost:80", NULL, "Application/JSON"}, 0},
    {"no word of where from", {HOST, NULL, NULL, JSON}, 403},
    {"another site", {HOST, "http://evil.example", "cross-site", JSON}, 403},
    {"another site, an old browser", {HOST, "http://evil.example", NULL, JSON}, 403},
    {"another site that hides its name", {HOST, "null", NULL, JSON}, 403},
    {"another port of this machine", {HOST, "http://127.0.0.1:8081", "same-site", JSON}, 403},
    {"another port, an old browser", {HOST, "http://127.0.0.1:8081", NULL, JSON}, 403},
    {"another name of this machine", {HOST, "http://localhost:8080", NULL, JSON}, 403},
    {"another scheme", {HOST, "https://127.0.0.1:8080", NULL, JSON}, 403},
    {"our name as the beginning of another", {HOST, OURS ".evil.example", NULL, JSON}, 403},
    {"the beginning of our name", {HOST, "http://127.0.0.1:808", NULL, JSON}, 403},
    {"a path behind our name", {HOST, OURS "/", NULL, JSON}, 403},
    {"two origins", {HOST, OURS " http://evil.example", NULL, JSON}, 403},
    {"an empty origin", {HOST, "", NULL, JSON}, 403},
    {"only one of the two is ours: site", {HOST, OURS, "cross-site", JSON}, 403},
    {"only one of the two is ours: origin", {HOST, "http://evil.example", "same-origin", JSON}, 403},
    {"an address typed by hand", {HOST, NULL, "none", JSON}, 403},
    {"an empty site", {HOST, NULL, "", JSON}, 403},
    {"no host", {NULL, OURS, NULL, JSON}, 403},
    {"a form", {HOST, OURS, "same-origin", "application/x-www-form-urlencoded"}, 415},
    {"a form of parts", {HOST, OURS, "same-origin", "multipart/form-data; boundary=x"}, 415},
    {"text, as a form can send", {HOST, OURS, "same-origin", "text/plain"}, 415},
    {"text with the other type behind it", {HOST, OURS, "same-origin", "text/plain; application/json"}, 415},
    {"a type that begins like ours", {HOST, OURS, "same-origin", "application/jsonp"}, 415},
    {"two types", {HOST, OURS, "same-origin", "application/json, text/plain"}, 415},
    {"an empty type", {HOST, OURS, "same-origin", ""}, 415},
    {"no type", {HOST, OURS, "same-origin", NULL}, 415},
};

static void all_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *problem;
        unsigned code = kh_http_check_change(&cases[i].change, &problem);

        if (code != cases[i].code || (code == 0) != (problem == NULL))
            fail_msg("%s: %u, expected %u", cases[i].name, code, cases[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_cases)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
