/* Who is admitted: tokens and rights, pages of other sites; files of tokens that must not be believed. */
#include "tests/cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"
#include "tests/http/client.h"
#include "viewer/dicomweb/admission.h"

#define READER "reader-0123456789"
#define WRITER "writer-0123456789"

static uint16_t port;
static kh_http_server *server;
static kh_admission *open_to_all, *guarded, *shared;

static void serve(kh_http_request *request, void *context)
{
    kh_admitted admitted;
    kh_admission **admission = context;
    const char *method = kh_http_query(request, "method");
    bool changes = method && strcmp(method, "POST") == 0;

    if (method && strcmp(method, "OPTIONS") == 0 && kh_admission_preflight(*admission, request, "GET, POST"))
        return;
    if (kh_admission_pass(*admission, request, changes, "https://images.example", &admitted))
        kh_http_answer(request, 200, "text/plain", "in", 2);
}

static char *file_of(const char *text, unsigned mode)
{
    static char path[64];
    int fd;

    strcpy(path, "tokens-XXXXXX");
    fd = mkstemp(path);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || fchmod(fd, (mode_t)mode) != 0)
        abort();
    close(fd);
    return path;
}

static kh_status create(kh_admission **out, const char *text, unsigned mode, const char *origins, kh_error *err)
{
    char *path = text ? file_of(text, mode) : NULL;
    kh_status status = kh_admission_create(out, path, origins, err);

    if (path)
        unlink(path);
    return status;
}

static int start(void **state)
{
    static const kh_http_route routes[] = {{"GET", "/dicomweb/open", serve, &open_to_all}, {"GET", "/dicomweb/guarded", serve, &guarded},
                                           {"GET", "/dicomweb/shared", serve, &shared}};
    kh_http_options options = {.thread_count = 1, .connections_max = 64, .connections_per_address_max = 64, .open_below = "/dicomweb",
                               .idle_timeout_s = 60, .body_bytes_max = 1000, .loopback_hosts_only = true};

    (void)state;
    kh_log_set_level(KH_LOG_ERROR);
    if (create(&open_to_all, NULL, 0, NULL, NULL) != KH_OK ||
        create(&guarded, "# name rights token\nresearch read " READER "\n\nmodality\tread,write " WRITER "\n", 0600, "", NULL) != KH_OK ||
        create(&shared, NULL, 0, "https://viewer.example, http://localhost:3000", NULL) != KH_OK)
        return -1;
    options.listen_fd = client_listen(&port);
    return kh_http_server_start(&server, &options, routes, KH_COUNT(routes), NULL) == KH_OK ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    kh_http_server_stop(server, 1000);
    kh_admission_free(open_to_all);
    kh_admission_free(guarded);
    kh_admission_free(shared);
    return 0;
}

#define READS ""
#define STORES "?method=POST"
#define ASKS "?method=OPTIONS"

static const struct {
    const char *label, *target, *headers;
    unsigned code;
    const char *allowed; /* Access-Control-Allow-Origin; NULL: none */
} cases[] = {
    {"no tokens, no header", "open" READS, "", 200, NULL},
    {"no tokens, stores", "open" STORES, "", 200, NULL},
    {"no tokens, a page stores", "open" STORES, "Origin: https://evil.example\r\n", 403, NULL},
    {"no tokens, a page reads", "open" READS, "Origin: https://evil.example\r\n", 200, NULL},
    {"a page of our own address stores", "open" STORES, "Origin: https://images.example\r\n", 200, NULL},
    {"a page of our own address with a port", "open" STORES, "Origin: https://images.example:8443\r\n", 403, NULL},
    {"an opaque page stores", "open" STORES, "Origin: null\r\n", 403, NULL},
    {"a page without Origin, same site", "open" STORES, "Sec-Fetch-Site: same-origin\r\n", 200, NULL},
    {"a page without Origin, cross site", "open" STORES, "Sec-Fetch-Site: cross-site\r\n", 403, NULL},
    {"a page without Origin, another port", "open" STORES, "Sec-Fetch-Site: same-site\r\n", 403, NULL},
    {"typed in", "open" STORES, "Sec-Fetch-Site: none\r\n", 200, NULL},
    {"guarded, no header", "guarded" READS, "", 401, NULL},
    {"guarded, reads", "guarded" READS, "Authorization: Bearer " READER "\r\n", 200, NULL},
    {"guarded, bearer in small letters", "guarded" READS, "Authorization: bearer " READER "\r\n", 200, NULL},
    {"guarded, two spaces", "guarded" READS, "Authorization: Bearer  " READER "\r\n", 200, NULL},
    {"guarded, a letter more", "guarded" READS, "Authorization: Bearer " READER "x\r\n", 401, NULL},
    {"guarded, the last letter missing", "guarded" READS, "Authorization: Bearer reader-012345678\r\n", 401, NULL},
    {"guarded, another case", "guarded" READS, "Authorization: Bearer Reader-0123456789\r\n", 401, NULL},
    {"guarded, another scheme", "guarded" READS, "Authorization: Basic " READER "\r\n", 401, NULL},
    {"guarded, scheme only", "guarded" READS, "Authorization: Bearer\r\n", 401, NULL},
    {"guarded, stores with a right to read", "guarded" STORES, "Authorization: Bearer " READER "\r\n", 403, NULL},
    {"guarded, stores", "guarded" STORES, "Authorization: Bearer " WRITER "\r\n", 200, NULL},
    {"guarded, a page stores with a token", "guarded" STORES, "Authorization: Bearer " WRITER "\r\nOrigin: https://evil.example\r\n", 403,
     NULL},
    {"listed, reads", "shared" READS, "Origin: https://viewer.example\r\n", 200, "https://viewer.example"},
    {"listed with a port", "shared" READS, "Origin: http://localhost:3000\r\n", 200, "http://localhost:3000"},
    {"listed, stores", "shared" STORES, "Origin: https://viewer.example\r\n", 200, "https://viewer.example"},
    {"listed, another scheme", "shared" STORES, "Origin: http://viewer.example\r\n", 403, NULL},
    {"listed, another port", "shared" READS, "Origin: http://localhost:3001\r\n", 200, NULL},
    {"a listed one goes on", "shared" READS, "Origin: https://viewer.example.evil\r\n", 200, NULL},
    {"a listed one is cut", "shared" READS, "Origin: https://viewer.exampl\r\n", 200, NULL},
    {"listed, asks before", "shared" ASKS, "Origin: https://viewer.example\r\nAccess-Control-Request-Method: POST\r\n", 204,
     "https://viewer.example"},
    {"not listed, asks before", "shared" ASKS, "Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n", 204, NULL},
};

static void admitted(void **state)
{
    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        char target[80], origin[200] = "", challenge[200] = "";
        client_answer answer;
        bool told;

        snprintf(target, sizeof target, "/dicomweb/%s", cases[i].target);
        answer = client_get(port, target, cases[i].headers);
        told = client_header(&answer, "Access-Control-Allow-Origin", origin, sizeof origin);
        if (answer.code != cases[i].code || told != (cases[i].allowed != NULL) || (told && strcmp(origin, cases[i].allowed) != 0))
            fail_msg("%s: %u, page \"%s\"", cases[i].label, answer.code, origin);
        if (client_header(&answer, "WWW-Authenticate", challenge, sizeof challenge) !=
            (answer.code == 401 || strstr(challenge, "insufficient_scope")))
            fail_msg("%s: %u, challenge \"%s\"", cases[i].label, answer.code, challenge);
        if (client_header(&answer, "Access-Control-Allow-Credentials", origin, sizeof origin))
            fail_msg("%s: credentials", cases[i].label);
        client_answer_free(&answer);
    }
}

static void files(void **state)
{
    static const struct {
        const char *label, *text;
        unsigned mode;
        kh_status status;
    } rows[] = {
        {"one", "a read 0123456789abcdef\n", 0600, KH_OK},
        {"no line feed at the end", "a read 0123456789abcdef", 0400, KH_OK},
        {"hashed", "a read sha256:0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef\n", 0600, KH_OK},
        {"hashed, a digit too few", "a read sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n", 0600, KH_E_FORMAT},
        {"hashed, no digit", "a read sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeg\n", 0600, KH_E_FORMAT},
        {"15 characters", "a read 0123456789abcde\n", 0600, KH_E_FORMAT},
        {"a character that is not sent", "a read 0123456789abcd\"f\n", 0600, KH_E_FORMAT},
        {"= at the end", "a read 0123456789abcd==\n", 0600, KH_OK},
        {"= in between", "a read 0123456789=abcde\n", 0600, KH_E_FORMAT},
        {"no rights", "a 0123456789abcdef\n", 0600, KH_E_FORMAT},
        {"other rights", "a write 0123456789abcdef\n", 0600, KH_E_FORMAT},
        {"too much", "a read 0123456789abcdef more\n", 0600, KH_E_FORMAT},
        {"only comments", "# a read 0123456789abcdef\n", 0600, KH_E_FORMAT},
        {"nothing", "", 0600, KH_E_FORMAT},
        {"the group may read it", "a read 0123456789abcdef\n", 0640, KH_E_DENIED},
        {"others may", "a read 0123456789abcdef\n", 0604, KH_E_DENIED},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_error err = KH_ERROR_INIT;
        kh_admission *admission;
        kh_status status = create(&admission, rows[i].text, rows[i].mode, NULL, &err);

        if (status != rows[i].status)
            fail_msg("%s: %d %s", rows[i].label, (int)status, err.message);
        if (strstr(err.message, "0123456789"))
            fail_msg("%s: the message shows the token: %s", rows[i].label, err.message);
        kh_admission_free(admission);
    }
}

static void file_limits(void **state)
{
    static char text[600 * 32];
    char token[KH_ADMISSION_TOKEN_MAX + 2], line[KH_ADMISSION_TOKEN_MAX + 20];
    kh_admission *admission;

    (void)state;
    for (int more = 0; more < 2; more++) { /* both sides of what a file and a token hold */
        text[0] = '\0';
        for (int i = 0; i < KH_ADMISSION_TOKENS_MAX + more; i++)
            snprintf(text + strlen(text), 64, "a%d read 0123456789abcdef%d\n", i, i);
        assert_int_equal(create(&admission, text, 0600, NULL, NULL), more ? KH_E_LIMIT : KH_OK);
        kh_admission_free(admission);
        memset(token, 'x', sizeof token);
        token[KH_ADMISSION_TOKEN_MAX + more] = '\0';
        snprintf(line, sizeof line, "a read %s\n", token);
        assert_int_equal(create(&admission, line, 0600, NULL, NULL), more ? KH_E_FORMAT : KH_OK);
        kh_admission_free(admission);
    }
    assert_int_equal(kh_admission_create(&admission, "no-such-file", NULL, NULL), KH_E_IO);
    assert_int_equal(kh_admission_create(&admission, ".", NULL, NULL), KH_E_ARG);
}

static void origins(void **state)
{
    static const struct {
        const char *text;
        kh_status status;
    } rows[] = {
        {"", KH_OK},                                    {"https://a.example", KH_OK},
        {"https://a.example,http://b:8080", KH_OK},     {" https://[::1]:3000 ", KH_OK},
        {"a.example", KH_E_ARG},                        {"https://", KH_E_ARG},
        {"https://a.example/", KH_E_ARG},               {"https://a.example/path", KH_E_ARG},
        {"ftp://a.example", KH_E_ARG},                  {"*", KH_E_ARG},
        {"https://*.example", KH_E_ARG},                {"https://user@a.example", KH_E_ARG},
    };
    char many[1200] = "";
    kh_admission *admission;

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        if (kh_admission_create(&admission, NULL, rows[i].text, NULL) != rows[i].status)
            fail_msg("\"%s\"", rows[i].text);
        kh_admission_free(admission);
    }
    for (int i = 0; i <= KH_ADMISSION_ORIGINS_MAX; i++) {
        if (i == KH_ADMISSION_ORIGINS_MAX) {
            assert_int_equal(kh_admission_create(&admission, NULL, many, NULL), KH_OK);
            kh_admission_free(admission);
        }
        snprintf(many + strlen(many), 32, "https://a%d.example ", i);
    }
    assert_int_equal(kh_admission_create(&admission, NULL, many, NULL), KH_E_LIMIT);
    kh_admission_free(admission);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(admitted), cmocka_unit_test(files), cmocka_unit_test(file_limits),
                                       cmocka_unit_test(origins)};

    return cmocka_run_group_tests(tests, start, stop);
}
