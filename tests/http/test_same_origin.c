/* What changes something is taken from our own page only. */
#include "tests/cmocka_all.h"

#include "viewer/http/same_origin.h"

#define HOST "127.0.0.1:8080"
#define OURS "http://127.0.0.1:8080"
#define JSON "application/json"

static const struct {
    const char *name;
    kh_http_change change; /* host, origin, fetch_site, content_type, encrypted */
    unsigned code;
} cases[] = {
    {"our page", {HOST, OURS, "same-origin", JSON, false}, 0},
    {"a browser without Sec-Fetch-Site", {HOST, OURS, NULL, JSON, false}, 0},
    {"Sec-Fetch-Site alone", {HOST, NULL, "same-origin", JSON, false}, 0},
    {"a charset behind the type", {HOST, OURS, "same-origin", "application/json; charset=utf-8", false}, 0},
    {"letters of another case", {"LocalHost:80", "HTTP://localhost:80", NULL, "Application/JSON", false}, 0},
    {"our page, encrypted", {HOST, "https://127.0.0.1:8080", "same-origin", JSON, true}, 0},
    {"unencrypted to the encrypted one", {HOST, OURS, NULL, JSON, true}, 403},
    {"no word of where from", {HOST, NULL, NULL, JSON, false}, 403},
    {"another site", {HOST, "http://evil.example", "cross-site", JSON, false}, 403},
    {"another site, an old browser", {HOST, "http://evil.example", NULL, JSON, false}, 403},
    {"another site that hides its name", {HOST, "null", NULL, JSON, false}, 403},
    {"another port of this machine", {HOST, "http://127.0.0.1:8081", "same-site", JSON, false}, 403},
    {"another port, an old browser", {HOST, "http://127.0.0.1:8081", NULL, JSON, false}, 403},
    {"another name of this machine", {HOST, "http://localhost:8080", NULL, JSON, false}, 403},
    {"another scheme", {HOST, "https://127.0.0.1:8080", NULL, JSON, false}, 403},
    {"our name as the beginning of another", {HOST, OURS ".evil.example", NULL, JSON, false}, 403},
    {"the beginning of our name", {HOST, "http://127.0.0.1:808", NULL, JSON, false}, 403},
    {"a path behind our name", {HOST, OURS "/", NULL, JSON, false}, 403},
    {"two origins", {HOST, OURS " http://evil.example", NULL, JSON, false}, 403},
    {"an empty origin", {HOST, "", NULL, JSON, false}, 403},
    {"only one of the two is ours: site", {HOST, OURS, "cross-site", JSON, false}, 403},
    {"only one of the two is ours: origin", {HOST, "http://evil.example", "same-origin", JSON, false}, 403},
    {"an address typed by hand", {HOST, NULL, "none", JSON, false}, 403},
    {"an empty site", {HOST, NULL, "", JSON, false}, 403},
    {"no host", {NULL, OURS, NULL, JSON, false}, 403},
    {"a form", {HOST, OURS, "same-origin", "application/x-www-form-urlencoded", false}, 415},
    {"a form of parts", {HOST, OURS, "same-origin", "multipart/form-data; boundary=x", false}, 415},
    {"text, as a form can send", {HOST, OURS, "same-origin", "text/plain", false}, 415},
    {"text with the other type behind it", {HOST, OURS, "same-origin", "text/plain; application/json", false}, 415},
    {"a type that begins like ours", {HOST, OURS, "same-origin", "application/jsonp", false}, 415},
    {"two types", {HOST, OURS, "same-origin", "application/json, text/plain", false}, 415},
    {"an empty type", {HOST, OURS, "same-origin", "", false}, 415},
    {"no type", {HOST, OURS, "same-origin", NULL, false}, 415},
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
