/* Raw requests over sockets (RELIABILITY S11): what libmicrohttpd takes leniently is refused with one answer, never two, and
 * what is right is served. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "tests/cmocka_all.h"
#include "tests/http/client.h"
#include "viewer/http/http.h"

#define BODY_MAX 1000
#define BIG_BYTES (8u << 20)
#define PREPARED_TIMES 3 /* for each of four clients */
#define PATIENCE_MS 60000

static uint16_t port, hasty_port;
static kh_http_server *server; /* as patient as a busy machine needs */
static kh_http_server *hasty;  /* ends what is silent for a second */
static char *big;
static atomic_int released, prepared_released;
static kh_http_prepared *prepared;

static void hello(kh_http_request *request, void *context)
{
    (void)context;
    kh_http_set_header(request, "X-Test", "yes");
    if (!kh_http_answer_not_modified(request, "abc-1"))
        kh_http_answer(request, 200, "text/plain", "hello", 5);
}

static void echo(kh_http_request *request, void *context)
{
    const char *value = kh_http_query(request, "v");
    const char *name = kh_http_segment(request, "name");

    (void)context;
    value = value ? value : name ? name : "";
    kh_http_answer(request, 200, "text/plain; charset=utf-8", value, strlen(value));
}

static void body(kh_http_request *request, void *context)
{
    char text[32];
    size_t size;

    (void)context;
    (void)kh_http_body(request, &size);
    snprintf(text, sizeof text, "%zu", size);
    kh_http_answer(request, 200, "text/plain", text, strlen(text));
}

static void count_release(void *context)
{
    (void)context;
    atomic_fetch_add(&released, 1);
}

static void give_big(kh_http_request *request, void *context)
{
    (void)context;
    kh_http_answer_borrowed(request, 200, "application/octet-stream", big, BIG_BYTES, count_release, NULL);
}

static void release_prepared(void *owner, const void *held)
{
    assert_ptr_equal(held, big);
    atomic_fetch_add((atomic_int *)owner, 1);
}

static void give_prepared(kh_http_request *request, void *context)
{
    kh_http_answer_prepared(request, *(kh_http_prepared **)context, release_prepared, &prepared_released, big);
}

static void numbers(kh_http_request *request, void *context)
{
    kh_error err = KH_ERROR_INIT;
    int64_t n = 0;
    double d = 0;
    char text[64];

    (void)context;
    if (kh_http_query_int(request, "n", -5, 5, 1, &n, &err) != KH_OK ||
        kh_http_query_double(request, "d", -1.5, 2e6, 0.5, &d, &err) != KH_OK) {
        kh_http_answer_error(request, &err);
        return;
    }
    snprintf(text, sizeof text, "%lld %.17g", (long long)n, d);
    kh_http_answer(request, 200, "text/plain", text, strlen(text));
}

static void fail_with_path(kh_http_request *request, void *context)
{
    kh_error err = KH_ERROR_INIT;

    (void)context;
    kh_error_set(&err, KH_E_IO, "open /secret/place: input/output error");
    kh_http_answer_error(request, &err);
}

static void gzip(kh_http_request *request, void *context)
{
    (void)context;
    kh_http_answer(request, 200, "text/plain", kh_http_accepts_gzip(request) ? "yes" : "no", kh_http_accepts_gzip(request) ? 3 : 2);
}

static void nothing(kh_http_request *request, void *context)
{
    (void)request;
    (void)context;
}

static const kh_http_route routes[] = {
    {"GET", "/hello", hello, NULL},     {"GET", "/echo", echo, NULL},       {"GET", "/echo/{name}", echo, NULL},
    {"POST", "/body", body, NULL},      {"POST", "/open/body", body, NULL}, {"POST", "/opened", body, NULL},
         {"GET", "/big", give_big, NULL},    {"GET", "/numbers", numbers, NULL},
    {"GET", "/fail", fail_with_path, NULL}, {"GET", "/gzip", gzip, NULL},   {"GET", "/nothing", nothing, NULL},
    {"GET", "/prepared", give_prepared, &prepared},
};

static int start(void **state)
{
    kh_http_options options = {.thread_count = 2, .open_below = "/open", .connections_max = 200, .connections_per_address_max = 200,
                               .idle_timeout_s = 60, .body_bytes_max = BODY_MAX, .loopback_hosts_only = true};

    (void)state;
    kh_log_set_level(KH_LOG_ERROR);
    big = malloc(BIG_BYTES);
    memset(big, 'x', BIG_BYTES);
    prepared = kh_http_prepare((const char *const[][2]){{"X-One", "1"}, {"ETag", "\"two\""}}, 2, big, BIG_BYTES);
    assert_non_null(prepared);
    options.listen_fd = client_listen(&port);
    if (kh_http_server_start(&server, &options, routes, KH_COUNT(routes), NULL) != KH_OK)
        return -1;
    options.listen_fd = client_listen(&hasty_port);
    options.idle_timeout_s = 1;
    return kh_http_server_start(&hasty, &options, routes, KH_COUNT(routes), NULL) == KH_OK ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    kh_http_server_stop(hasty, 1000);
    kh_http_server_stop(server, 1000);
    kh_http_prepared_free(prepared);
    free(big);
    return 0;
}

typedef struct raw_case {
    const char *name, *request;
    size_t size;
    unsigned code;     /* 0: closed without an answer */
    const char *body;  /* NULL: not looked at */
} raw_case;

#define RAW(text) text, sizeof(text) - 1
#define HOST "Host: localhost\r\n"
#define OURS "Origin: http://localhost\r\nContent-Type: application/json\r\n" /* what changes something */

static const raw_case cases[] = {
    {"plain", RAW("GET /hello HTTP/1.1\r\n" HOST "\r\n"), 200, "hello"},
    {"HTTP/1.0", RAW("GET /hello HTTP/1.0\r\n" HOST "\r\n"), 200, "hello"},
    {"header values with spaces and tabs", RAW("GET /hello HTTP/1.1\r\n" HOST "X:  a \t b  \r\nY:\r\n\r\n"), 200, "hello"},
    {"high bytes in a header value", RAW("GET /hello HTTP/1.1\r\n" HOST "X: \xe5\xb1\xb1\r\n\r\n"), 200, "hello"},
    {"query decoded", RAW("GET /echo?v=%E5%B1%B1+%2B HTTP/1.1\r\n" HOST "\r\n"), 200, "\xe5\xb1\xb1 +"},
    {"segment decoded", RAW("GET /echo/a%20b HTTP/1.1\r\n" HOST "\r\n"), 200, "a b"},
    {"absolute form", RAW("GET http://localhost/hello HTTP/1.1\r\n" HOST "\r\n"), 200, "hello"},
    {"body", RAW("POST /body HTTP/1.1\r\n" HOST OURS "Content-Length: 3\r\n\r\nabc"), 200, "3"},
    {"from elsewhere", RAW("POST /body HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"), 403, NULL},
    {"from elsewhere to an open address, whose handler sees the head alone",
     RAW("POST /open/body HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"), 200, "0"},
    {"from elsewhere to one that begins alike", RAW("POST /opened HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"), 403, NULL},
    {"chunked body", RAW("POST /body HTTP/1.1\r\n" HOST OURS "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), 200,
     "5"},
    {"empty body", RAW("POST /body HTTP/1.1\r\n" HOST OURS "Content-Length: 0\r\n\r\n"), 200, "0"},
    {"host with a port", RAW("GET /hello HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"), 200, "hello"},
    {"IPv6 host", RAW("GET /hello HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n"), 200, "hello"},
    {"host in capitals", RAW("GET /hello HTTP/1.1\r\nHOST: LOCALHOST\r\n\r\n"), 200, "hello"},

    {"two lengths that differ", RAW("POST /body HTTP/1.1\r\n" HOST OURS "Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde"), 400, NULL},
    {"two lengths that agree", RAW("POST /body HTTP/1.1\r\n" HOST OURS "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"), 400, NULL},
    {"a list of lengths", RAW("POST /body HTTP/1.1\r\n" HOST OURS "Content-Length: 3, 3\r\n\r\nabc"), 400, NULL},
    {"a signed length", RAW("POST /body HTTP/1.1\r\n" HOST OURS "Content-Length: +3\r\n\r\nabc"), 400, NULL},
    {"a negative length", RAW("POST /body HTTP/1.1\r\n" HOST OURS "Content-Length: -3\r\n\r\nabc"), 400, NULL},
    {"length and chunked", RAW("POST /body HTTP/1.1\r\n" HOST OURS "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400,
     NULL},
    {"chunked and length", RAW("POST /body HTTP/1.1\r\n" HOST OURS "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"), 400,
     NULL},
    {"chunked twice", RAW("POST /body HTTP/1.1\r\n" HOST OURS "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     400, NULL},
    {"other transfer coding", RAW("POST /body HTTP/1.1\r\n" HOST OURS "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 400, NULL},
    {"lines ended by LF",
     RAW("GET /hello HTTP/1.1\n"
         "Host: localhost\n"
         "\n"),
     400, NULL},
    {"one line ended by LF", RAW("GET /hello HTTP/1.1\r\n" HOST "X: y\nZ: a\r\n\r\n"), 400, NULL},
    {"folded line", RAW("GET /hello HTTP/1.1\r\n" HOST "X: y\r\n z\r\nA: b\r\n\r\n"), 400, NULL},
    {"folded last line", RAW("GET /hello HTTP/1.1\r\n" HOST "X: y\r\n\tz\r\n\r\n"), 400, NULL},
    {"space before the colon", RAW("GET /hello HTTP/1.1\r\n" HOST "X : y\r\n\r\n"), 400, NULL},
    {"space before the colon of Host", RAW("GET /hello HTTP/1.1\r\nHost : localhost\r\n\r\n"), 400, NULL},
    {"header without a name", RAW("GET /hello HTTP/1.1\r\n" HOST ": y\r\n\r\n"), 400, NULL},
    {"header without a colon", RAW("GET /hello HTTP/1.1\r\n" HOST "Xy\r\n\r\n"), 400, NULL},
    {"NUL in a header value", RAW("GET /hello HTTP/1.1\r\n" HOST "X: a\0b\r\nY: z\r\n\r\n"), 400, NULL},
    {"NUL in the last header value", RAW("GET /hello HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n"), 400, NULL},
    {"NUL in a header name", RAW("GET /hello HTTP/1.1\r\n" HOST "X\0Y: a\r\n\r\n"), 400, NULL},
    {"control byte in a header value", RAW("GET /hello HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n"), 400, NULL},
    {"DEL in a header value", RAW("GET /hello HTTP/1.1\r\n" HOST "X: a\x7f\r\n\r\n"), 400, NULL},
    {"NUL in the target", RAW("GET /hello\0x HTTP/1.1\r\n" HOST "\r\n"), 400, NULL},
    {"NUL in the query", RAW("GET /echo?v=a\0b HTTP/1.1\r\n" HOST "\r\n"), 400, NULL},
    {"NUL in the method", RAW("GET\0X /hello HTTP/1.1\r\n" HOST "\r\n"), 400, NULL},
    {"encoded NUL", RAW("GET /hello%00x HTTP/1.1\r\n" HOST "\r\n"), 400, NULL},
    {"encoded dot segments", RAW("GET /%2e%2e/hello HTTP/1.1\r\n" HOST "\r\n"), 400, NULL},
    {"overlong UTF-8", RAW("GET /echo?v=%c0%af HTTP/1.1\r\n" HOST "\r\n"), 400, NULL},
    {"a parameter twice", RAW("GET /echo?v=a&v=b HTTP/1.1\r\n" HOST "\r\n"), 400, NULL},
    {"space in the target", RAW("GET /hel lo HTTP/1.1\r\n" HOST "\r\n"), 400, NULL},
    {"two spaces", RAW("GET  /hello HTTP/1.1\r\n" HOST "\r\n"), 400, NULL},
    {"no Host", RAW("GET /hello HTTP/1.1\r\n\r\n"), 400, NULL},
    {"no Host, HTTP/1.0", RAW("GET /hello HTTP/1.0\r\n\r\n"), 400, NULL},
    {"two Hosts", RAW("GET /hello HTTP/1.1\r\n" HOST HOST "\r\n"), 400, NULL},
    {"empty Host", RAW("GET /hello HTTP/1.1\r\nHost:\r\n\r\n"), 421, NULL},
    {"foreign Host", RAW("GET /hello HTTP/1.1\r\nHost: example.org\r\n\r\n"), 421, NULL},
    {"Host that begins like ours", RAW("GET /hello HTTP/1.1\r\nHost: localhost.example.org\r\n\r\n"), 421, NULL},
    {"Host with a bad port", RAW("GET /hello HTTP/1.1\r\nHost: localhost:80x\r\n\r\n"), 421, NULL},
    {"foreign host in the target", RAW("GET http://example.org/hello HTTP/1.1\r\n" HOST "\r\n"), 421, NULL},
    {"unknown path", RAW("GET /other HTTP/1.1\r\n" HOST "\r\n"), 404, "{\"error\":\"not found\",\"message\":\"no such address\"}"},
    {"method of another route", RAW("POST /hello HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n"), 405, NULL},
    {"unknown method", RAW("BREW /hello HTTP/1.1\r\n" HOST "\r\n"), 405, NULL},
    {"asterisk form", RAW("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), 400, NULL},
    {"HTTP/2.0", RAW("GET /hello HTTP/2.0\r\n" HOST "\r\n"), 505, NULL},
    {"body one over the limit", RAW("POST /body HTTP/1.1\r\n" HOST OURS "Content-Length: 1001\r\n\r\n"), 413, NULL},
    {"body of 4 GB", RAW("POST /body HTTP/1.1\r\n" HOST OURS "Content-Length: 4294967296\r\n\r\n"), 413, NULL},
    {"body of 2^64 - 2", RAW("POST /body HTTP/1.1\r\n" HOST OURS "Content-Length: 18446744073709551614\r\n\r\n"), 413, NULL},
    {"whole number", RAW("GET /numbers?n=-5&d=-1.5 HTTP/1.1\r\n" HOST "\r\n"), 200, "-5 -1.5"},
    {"numbers left out", RAW("GET /numbers HTTP/1.1\r\n" HOST "\r\n"), 200, "1 0.5"},
    {"number with an exponent", RAW("GET /numbers?d=2e6 HTTP/1.1\r\n" HOST "\r\n"), 200, "1 2000000"},
    {"tenth", RAW("GET /numbers?d=0.1 HTTP/1.1\r\n" HOST "\r\n"), 200, "1 0.10000000000000001"},
    {"fifteen digits", RAW("GET /numbers?d=123456.789012345 HTTP/1.1\r\n" HOST "\r\n"), 200, "1 123456.78901234501"},
    {"sixteen digits", RAW("GET /numbers?d=123456.7890123456 HTTP/1.1\r\n" HOST "\r\n"), 200, "1 123456.7890123456"},
    {"fifteen places", RAW("GET /numbers?d=-0.000000000000001 HTTP/1.1\r\n" HOST "\r\n"), 200, "1 -1.0000000000000001e-15"},
    {"sixteen places", RAW("GET /numbers?d=0.0000000000000011 HTTP/1.1\r\n" HOST "\r\n"), 200, "1 1.0999999999999999e-15"},
    {"point at the end", RAW("GET /numbers?d=5. HTTP/1.1\r\n" HOST "\r\n"), 200, "1 5"},
    {"point at the beginning", RAW("GET /numbers?d=.5 HTTP/1.1\r\n" HOST "\r\n"), 200, "1 0.5"},
    {"minus nothing", RAW("GET /numbers?d=-0 HTTP/1.1\r\n" HOST "\r\n"), 200, "1 -0"},
    {"zeroes before", RAW("GET /numbers?d=-000.25 HTTP/1.1\r\n" HOST "\r\n"), 200, "1 -0.25"},
    {"more zeroes than digits count", RAW("GET /numbers?d=00000000000000000001.5 HTTP/1.1\r\n" HOST "\r\n"), 200, "1 1.5"},
    {"two points", RAW("GET /numbers?d=1.2.3 HTTP/1.1\r\n" HOST "\r\n"), 400, NULL},
    {"point alone", RAW("GET /numbers?d=. HTTP/1.1\r\n" HOST "\r\n"), 400, NULL},
    {"minus alone", RAW("GET /numbers?d=- HTTP/1.1\r\n" HOST "\r\n"), 400, NULL},
    {"minus inside", RAW("GET /numbers?d=1-2 HTTP/1.1\r\n" HOST "\r\n"), 400, NULL},
    {"a letter behind", RAW("GET /numbers?d=1.5f HTTP/1.1\r\n" HOST "\r\n"), 400, NULL},
    {"number below", RAW("GET /numbers?n=-6 HTTP/1.1\r\n" HOST "\r\n"), 400, NULL},
    {"number above", RAW("GET /numbers?d=2000001 HTTP/1.1\r\n" HOST "\r\n"), 400, NULL},
    {"number with text behind", RAW("GET /numbers?n=1x HTTP/1.1\r\n" HOST "\r\n"), 400, NULL},
    {"number with space before", RAW("GET /numbers?n=+1 HTTP/1.1\r\n" HOST "\r\n"), 400, NULL},
    {"empty number", RAW("GET /numbers?n= HTTP/1.1\r\n" HOST "\r\n"), 400, NULL},
    {"huge number", RAW("GET /numbers?n=99999999999999999999 HTTP/1.1\r\n" HOST "\r\n"), 400, NULL},
    {"not a number", RAW("GET /numbers?d=nan HTTP/1.1\r\n" HOST "\r\n"), 400, NULL},
    {"infinity", RAW("GET /numbers?d=inf HTTP/1.1\r\n" HOST "\r\n"), 400, NULL},
    {"hexadecimal", RAW("GET /numbers?d=0x1 HTTP/1.1\r\n" HOST "\r\n"), 400, NULL},
    {"handler without an answer", RAW("GET /nothing HTTP/1.1\r\n" HOST "\r\n"), 500, NULL},
    {"gzip accepted", RAW("GET /gzip HTTP/1.1\r\n" HOST "Accept-Encoding: br, gzip\r\n\r\n"), 200, "yes"},
    {"gzip by weight", RAW("GET /gzip HTTP/1.1\r\n" HOST "Accept-Encoding: GZIP;q=0.5\r\n\r\n"), 200, "yes"},
    {"gzip refused", RAW("GET /gzip HTTP/1.1\r\n" HOST "Accept-Encoding: gzip;q=0.0, br\r\n\r\n"), 200, "no"},
    {"gzip not named", RAW("GET /gzip HTTP/1.1\r\n" HOST "Accept-Encoding: xgzip, gzipx\r\n\r\n"), 200, "no"},
};

/* After a refused head the connection must not go on to read what follows as a second request. */
static void check_case(const raw_case *c, bool byte_by_byte)
{
    int fd = client_connect(port, PATIENCE_MS);
    client_answer answer;
    bool sent = true;

    assert_true(fd >= 0);
    for (size_t i = 0; byte_by_byte && i + 1 < c->size && sent; i++)
        sent = client_send(fd, c->request + i, 1);
    sent = sent && client_send(fd, c->request + (byte_by_byte ? c->size - 1 : 0), byte_by_byte ? 1 : c->size);
    assert_true(sent || (byte_by_byte && c->code >= 400)); /* one that is refused early may find the door closed */
    answer = client_receive(fd, true);
    if (answer.code != c->code)
        fail_msg("%s: answered %u, expected %u", c->name, answer.code, c->code);
    if (c->body && (answer.body_size != strlen(c->body) || memcmp(answer.body, c->body, answer.body_size) != 0))
        fail_msg("%s: body \"%s\"", c->name, (const char *)answer.body);
    client_answer_free(&answer);
    close(fd);
}

static void test_raw_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++)
        check_case(&cases[i], false);
}

static void test_raw_requests_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++)
        if (cases[i].code < 400)
            check_case(&cases[i], true);
}

/* Two requests at once where the first is ambiguous: one answer, then the end. */
static void test_smuggling_gives_one_answer(void **state)
{
    static const char text[] = "POST /body HTTP/1.1\r\n" HOST OURS "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "0\r\n\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n";
    int fd = client_connect(port, PATIENCE_MS);
    client_answer first, second;

    (void)state;
    assert_true(client_send(fd, text, sizeof text - 1));
    first = client_receive(fd, true);
    second = client_receive(fd, true);
    assert_int_equal(first.code, 400);
    assert_int_equal(second.code, 0);
    client_answer_free(&first);
    client_answer_free(&second);
    close(fd);
}

static void test_keep_alive_pipelining_and_head(void **state)
{
    static const char two[] = "HEAD /hello HTTP/1.1\r\n" HOST "\r\nGET /echo?v=2 HTTP/1.1\r\n" HOST "\r\n";
    int fd = client_connect(port, PATIENCE_MS);
    client_answer answer;
    char value[200];

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_true(client_send(fd, two, sizeof two - 1));
        answer = client_receive(fd, false);
        assert_int_equal(answer.code, 200);
        assert_true(client_header(&answer, "Content-Length", value, sizeof value));
        assert_string_equal(value, "5");
        client_answer_free(&answer);
        answer = client_receive(fd, true);
        assert_int_equal(answer.code, 200);
        assert_memory_equal(answer.body, "2", 1);
        client_answer_free(&answer);
    }
    close(fd);
}

static bool prepared_is_right(const client_answer *answer)
{
    char value[300];

    return answer->code == 200 && answer->body_size == BIG_BYTES && memcmp(answer->body, big, BIG_BYTES) == 0 &&
           client_header(answer, "X-One", value, sizeof value) && strcmp(value, "1") == 0 &&
           client_header(answer, "ETag", value, sizeof value) && client_header(answer, "Content-Security-Policy", value, sizeof value);
}

/* right: an atomic_int, how many of the answers were. cmocka's assertions are for the test's own thread. */
static void *ask_prepared(void *right)
{
    for (int i = 0; i < PREPARED_TIMES; i++) {
        client_answer answer = client_get(port, "/prepared", "");

        atomic_fetch_add((atomic_int *)right, prepared_is_right(&answer));
        client_answer_free(&answer);
    }
    return NULL;
}

/* One answer for many requests at once, on all of the server's threads; each lets go of the body once, a HEAD and a client that
 * leaves in the middle as well. */
static void test_prepared_answer(void **state)
{
    pthread_t threads[4];
    int expected = 4 * PREPARED_TIMES + 2, head = client_connect(port, PATIENCE_MS), gone = client_connect(port, PATIENCE_MS);
    client_answer answer;
    atomic_int right = 0;
    char value[32];

    (void)state;
    for (size_t i = 0; i < KH_COUNT(threads); i++)
        pthread_create(&threads[i], NULL, ask_prepared, &right);
    assert_true(client_send(head, RAW("HEAD /prepared HTTP/1.1\r\n" HOST "\r\n")));
    answer = client_receive(head, false);
    assert_int_equal(answer.code, 200);
    assert_true(client_header(&answer, "Content-Length", value, sizeof value));
    assert_int_equal(atol(value), BIG_BYTES);
    client_answer_free(&answer);
    assert_true(client_send(gone, RAW("GET /prepared HTTP/1.1\r\n" HOST "\r\n")));
    assert_int_equal(recv(gone, value, 1, 0), 1);
    close(gone);
    for (size_t i = 0; i < KH_COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&right), 4 * PREPARED_TIMES);
    close(head);
    for (int i = 0; i < 3000 && atomic_load(&prepared_released) < expected; i++)
        kh_clock_sleep_ms(10);
    assert_int_equal(atomic_load(&prepared_released), expected);
}

static void test_headers_of_answers(void **state)
{
    static const char *const targets[] = {"/hello", "/other", "/numbers?n=x", "/%00"};
    char value[300];

    (void)state;
    for (size_t i = 0; i < KH_COUNT(targets); i++) {
        client_answer answer = client_get(port, targets[i], "");

        assert_true(client_header(&answer, "Content-Security-Policy", value, sizeof value));
        assert_string_equal(value,
                            "default-src 'self'; img-src 'self' blob: data:; style-src 'self'; script-src 'self'; object-src 'none'; "
                            "frame-ancestors 'none'; base-uri 'none'; form-action 'self'");
        assert_true(client_header(&answer, "X-Content-Type-Options", value, sizeof value));
        assert_string_equal(value, "nosniff");
        assert_true(client_header(&answer, "Referrer-Policy", value, sizeof value));
        assert_true(client_header(&answer, "Cross-Origin-Resource-Policy", value, sizeof value));
        assert_true(client_header(&answer, "Cross-Origin-Opener-Policy", value, sizeof value));
        client_answer_free(&answer);
    }
}

static void test_allow_and_error_body(void **state)
{
    int fd = client_connect(port, PATIENCE_MS);
    client_answer answer;
    char value[64];

    (void)state;
    assert_true(client_send(fd, RAW("BREW /hello HTTP/1.1\r\n" HOST "\r\n")));
    answer = client_receive(fd, true);
    assert_true(client_header(&answer, "Allow", value, sizeof value));
    assert_string_equal(value, "GET, HEAD");
    client_answer_free(&answer);
    close(fd);
    answer = client_get(port, "/numbers?n=9", "");
    assert_string_equal((char *)answer.body,
                        "{\"error\":\"bad argument\",\"message\":\"n \\\"9\\\", expected a whole number from -5 to 5\"}");
    client_answer_free(&answer);
    answer = client_get(port, "/fail", "");
    assert_int_equal(answer.code, 500);
    assert_null(strstr((char *)answer.body, "secret"));
    client_answer_free(&answer);
}

static void test_not_modified(void **state)
{
    static const struct {
        const char *line;
        unsigned code;
    } table[] = {{"", 200},
                 {"If-None-Match: \"abc-1\"\r\n", 304},
                 {"If-None-Match: W/\"abc-1\"\r\n", 304},
                 {"If-None-Match: \"x\", \"abc-1\"\r\n", 304},
                 {"If-None-Match: *\r\n", 304},
                 {"If-None-Match: \"abc-12\"\r\n", 200},
                 {"If-None-Match: abc-1\r\n", 200},
                 {"If-None-Match: \"abc-\"\r\n", 200}};

    (void)state;
    for (size_t i = 0; i < KH_COUNT(table); i++) {
        client_answer answer = client_get(port, "/hello", table[i].line);
        char value[32];

        assert_int_equal(answer.code, table[i].code);
        assert_true(client_header(&answer, "ETag", value, sizeof value));
        assert_string_equal(value, "\"abc-1\"");
        client_answer_free(&answer);
    }
}

static unsigned answer_to_many(const char *line, size_t count, const char *target)
{
    char *text = malloc(count * strlen(line) + strlen(target) + 100);
    char *p = text + sprintf(text, "GET %s HTTP/1.1\r\n" HOST, target);
    int fd = client_connect(port, PATIENCE_MS);
    client_answer answer;
    unsigned code;

    for (size_t i = 0; i < count; i++)
        p = stpcpy(p, line);
    p = stpcpy(p, "\r\n");
    (void)client_send(fd, text, (size_t)(p - text)); /* refused in the middle: the rest may find a closed socket */
    answer = client_receive(fd, true);
    code = answer.code;
    client_answer_free(&answer);
    close(fd);
    free(text);
    return code;
}

static void test_sizes(void **state)
{
    char *target = malloc(70000);
    const size_t limit = 4096;

    (void)state;
    assert_int_equal(answer_to_many("X: y\r\n", 99, "/hello"), 200);
    assert_int_equal(answer_to_many("X: y\r\n", 100, "/hello"), 431);
    assert_int_equal(answer_to_many("X: y\r\n", 1000, "/hello"), 431);
    assert_int_equal(answer_to_many("X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n", 1000, "/hello"),
                     431);
    memset(target, 'a', 70000);
    memcpy(target, "/echo/", 6);
    target[limit] = '\0';
    assert_int_equal(answer_to_many("", 0, target), 200);
    target[limit] = 'a';
    target[limit + 1] = '\0';
    assert_int_equal(answer_to_many("", 0, target), 414);
    target[limit + 1] = 'a';
    target[69999] = '\0';
    assert_int_equal(answer_to_many("", 0, target), 414);
    free(target);
}

static void test_chunked_body_over_the_limit_is_cut(void **state)
{
    char chunk[512 + 16];
    int fd = client_connect(port, PATIENCE_MS);
    bool sent = true;
    client_answer answer;

    (void)state;
    memset(chunk, 'x', sizeof chunk);
    memcpy(chunk, "200\r\n", 5);
    memcpy(chunk + 5 + 512, "\r\n", 2);
    assert_true(client_send(fd, RAW("POST /body HTTP/1.1\r\n" HOST OURS "Transfer-Encoding: chunked\r\n\r\n")));
    for (int i = 0; i < 4 && sent; i++)
        sent = client_send(fd, chunk, 5 + 512 + 2);
    answer = client_receive(fd, true);
    assert_int_equal(answer.code, 0);
    client_answer_free(&answer);
    close(fd);
}

/* A head that drips a byte at a time never becomes inactive: the reaper ends it after twice the idle time-out. */
static void test_dripping_request_is_cut(void **state)
{
    int fd = client_connect(hasty_port, 200);
    int64_t start_ms = kh_clock_monotonic_ms();
    bool open = true;
    char byte;

    (void)state;
    assert_true(client_send(fd, RAW("GET /hello HTTP/1.1\r\n" HOST "X: ")));
    while (open && kh_clock_monotonic_ms() - start_ms < 20000) {
        open = client_send(fd, "y", 1) && recv(fd, &byte, 1, 0) != 0;
    }
    assert_false(open);
    close(fd);
}

/* A reader that takes a little now and then. */
static void test_slow_reader_is_cut(void **state)
{
    int fd = client_connect(hasty_port, PATIENCE_MS);
    int before = atomic_load(&released);
    char block[1];
    int64_t start_ms = kh_clock_monotonic_ms();
    int small = 4096;

    (void)state;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    assert_true(client_send(fd, RAW("GET /big HTTP/1.1\r\n" HOST "\r\n")));
    /* the answer's own deadline is minutes away (8 MiB at 16 KiB/s); what ends here is the inactive one: nobody reads */
    assert_int_equal(recv(fd, block, 1, 0), 1);
    while (atomic_load(&released) == before && kh_clock_monotonic_ms() - start_ms < 20000)
        kh_clock_sleep_ms(20);
    assert_int_equal(atomic_load(&released), before + 1);
    close(fd);
}

/* A browser says what it wants; a program hears JSON as before (the case "unknown path"). */
static void test_an_unknown_address_is_told_to_a_person_in_words(void **state)
{
    client_answer answer = client_get(port, "/other", "Accept: text/html,*/*;q=0.8\r\n");
    char type[64];

    (void)state;
    assert_int_equal(answer.code, 404);
    assert_true(client_header(&answer, "Content-Type", type, sizeof type));
    assert_string_equal(type, "text/html; charset=utf-8");
    assert_true(answer.body_size > 100 && memcmp(answer.body, "<!doctype html>", 15) == 0);
    client_answer_free(&answer);
}

static void test_borrowed_bytes_are_released_once(void **state)
{
    int before = atomic_load(&released);
    client_answer answer = client_get(port, "/big", "");
    int fd;

    (void)state;
    assert_int_equal(answer.body_size, BIG_BYTES);
    client_answer_free(&answer);
    fd = client_connect(port, PATIENCE_MS); /* HEAD, and a client that goes away, release as well */
    assert_true(client_send(fd, RAW("HEAD /big HTTP/1.1\r\n" HOST "\r\n")));
    answer = client_receive(fd, false);
    assert_int_equal(answer.code, 200);
    client_answer_free(&answer);
    assert_true(client_send(fd, RAW("GET /big HTTP/1.1\r\n" HOST "\r\n")));
    close(fd);
    for (int i = 0; i < 3000 && atomic_load(&released) < before + 3; i++)
        kh_clock_sleep_ms(10);
    assert_int_equal(atomic_load(&released), before + 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raw_requests),
        cmocka_unit_test(test_raw_requests_byte_by_byte),
        cmocka_unit_test(test_smuggling_gives_one_answer),
        cmocka_unit_test(test_keep_alive_pipelining_and_head),
        cmocka_unit_test(test_prepared_answer),
        cmocka_unit_test(test_headers_of_answers),
        cmocka_unit_test(test_allow_and_error_body),
        cmocka_unit_test(test_not_modified),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_chunked_body_over_the_limit_is_cut),
        cmocka_unit_test(test_dripping_request_is_cut),
        cmocka_unit_test(test_slow_reader_is_cut),
        cmocka_unit_test(test_an_unknown_address_is_told_to_a_person_in_words),
        cmocka_unit_test(test_borrowed_bytes_are_released_once),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
