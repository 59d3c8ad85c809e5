/* Bodies that come in pieces: all of their bytes in order, senders held back, refused, cut, gone, and a server that stops meanwhile. */
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

#define HOST "Host: localhost\r\n"
#define BYTES_MAX (8u << 20)
#define KIB 1024u

typedef struct fixture {
    kh_http_server *server;
    kh_pool *pool;
    uint16_t port;
    atomic_uint open;   /* receivers that were not dropped */
    atomic_bool held;   /* take() waits while this is set */
} fixture;

typedef struct receiver {
    fixture *f;
    size_t taken, fail_at;
    bool wrong;
} receiver;

static uint8_t byte_at(size_t i)
{
    return (uint8_t)(i * 31 % 251);
}

static kh_status take(void *context, const void *bytes, size_t size, kh_error *err)
{
    receiver *r = context;

    while (atomic_load(&r->f->held))
        kh_clock_sleep_ms(1);
    for (size_t i = 0; i < size; i++)
        r->wrong |= ((const uint8_t *)bytes)[i] != byte_at(r->taken + i);
    r->taken += size;
    if (r->fail_at > 0 && r->taken >= r->fail_at)
        return kh_error_set(err, KH_E_ARG, "part 1: expected another");
    return KH_OK;
}

static void finish(void *context, kh_http_request *request)
{
    receiver *r = context;
    char text[64];
    int length = snprintf(text, sizeof text, "%zu%s", r->taken, r->wrong ? " wrong" : "");

    kh_http_answer(request, 200, "text/plain", text, (size_t)length);
}

static void drop(void *context)
{
    receiver *r = context;

    atomic_fetch_sub(&r->f->open, 1);
    free(r);
}

static const kh_http_receiver receiver_calls = {.take = take, .finish = finish, .drop = drop};

static void up(kh_http_request *request, void *context)
{
    fixture *f = context;
    receiver *r = calloc(1, sizeof *r);
    int64_t fail_at = 0;

    assert_non_null(r);
    assert_int_equal(kh_http_query_int(request, "fail", 0, INT32_MAX, 0, &fail_at, NULL), KH_OK);
    *r = (receiver){.f = f, .fail_at = (size_t)fail_at};
    atomic_fetch_add(&f->open, 1);
    kh_http_receive(request, f->pool, &receiver_calls, r, BYTES_MAX);
}

static void refuse(kh_http_request *request, void *context)
{
    (void)context;
    kh_http_answer(request, 401, "text/plain", "no", 2);
}

static int start_with(void **state, unsigned idle_timeout_s)
{
    fixture *f = calloc(1, sizeof *f);
    const kh_http_route routes[] = {{"POST", "/open/up", up, f}, {"POST", "/open/refuse", refuse, f}, {"GET", "/open/up", refuse, f}};
    kh_http_options options = {.thread_count = 2, .connections_max = 64, .connections_per_address_max = 64, .open_below = "/open",
                               .idle_timeout_s = idle_timeout_s, .body_bytes_max = 1000, .loopback_hosts_only = true};

    kh_log_set_level(KH_LOG_ERROR);
    options.listen_fd = client_listen(&f->port);
    if (kh_pool_create(&f->pool, "upload", 2, 32, NULL) != KH_OK ||
        kh_http_server_start(&f->server, &options, routes, KH_COUNT(routes), NULL) != KH_OK)
        return -1;
    *state = f;
    return 0;
}

static int start(void **state)
{
    return start_with(state, 60);
}

static int start_impatient(void **state)
{
    return start_with(state, 1);
}

static void await_none_open(fixture *f)
{
    for (int i = 0; i < 60000 && atomic_load(&f->open) > 0; i++)
        kh_clock_sleep_ms(1);
    assert_int_equal(atomic_load(&f->open), 0);
}

static int stop(void **state)
{
    fixture *f = *state;

    atomic_store(&f->held, false);
    if (f->server)
        kh_http_server_stop(f->server, 1000);
    kh_pool_stop(f->pool);
    free(f);
    return 0;
}

static bool send_bytes(int fd, size_t from, size_t size)
{
    uint8_t piece[4 * KIB];

    for (size_t at = 0; at < size;) {
        size_t step = size - at < sizeof piece ? size - at : sizeof piece;

        for (size_t i = 0; i < step; i++)
            piece[i] = byte_at(from + at + i);
        if (!client_send(fd, piece, step))
            return false;
        at += step;
    }
    return true;
}

static int begin_post(fixture *f, const char *target, const char *lines, size_t length)
{
    char head[512];
    int fd = client_connect(f->port, 60000), size;

    assert_true(fd >= 0);
    size = snprintf(head, sizeof head, "POST %s HTTP/1.1\r\n" HOST "%sContent-Length: %zu\r\n\r\n", target, lines, length);
    assert_true(client_send(fd, head, (size_t)size));
    return fd;
}

static void assert_answer(int fd, unsigned code, const char *body)
{
    client_answer answer = client_receive(fd, true);

    assert_int_equal(answer.code, code);
    if (body)
        assert_string_equal((const char *)answer.body, body);
    client_answer_free(&answer);
}

static void every_size_arrives_whole(void **state)
{
    static const size_t sizes[] = {
        0, 1, 999, 1001, 16 * KIB, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 512 * KIB - 1, 512 * KIB, 512 * KIB + 1, 3000 * KIB, BYTES_MAX};
    fixture *f = *state;

    for (size_t i = 0; i < KH_COUNT(sizes); i++) {
        int fd = begin_post(f, "/open/up", "", sizes[i]);
        char expected[32];

        assert_true(send_bytes(fd, 0, sizes[i]));
        snprintf(expected, sizeof expected, "%zu", sizes[i]);
        assert_answer(fd, 200, expected);
        close(fd);
    }
    await_none_open(f);
}

static void several_on_one_connection(void **state)
{
    fixture *f = *state;
    int fd = client_connect(f->port, 60000);

    for (int i = 0; i < 3; i++) {
        char head[128];
        int size = snprintf(head, sizeof head, "POST /open/up HTTP/1.1\r\n" HOST "Content-Length: %u\r\n\r\n", 300 * KIB);

        assert_true(client_send(fd, head, (size_t)size));
        assert_true(send_bytes(fd, 0, 300 * KIB));
        assert_answer(fd, 200, "307200");
    }
    close(fd);
}

static void chunked(void **state)
{
    static const char head[] = "POST /open/up HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n";
    fixture *f = *state;
    int fd = client_connect(f->port, 60000);

    assert_true(client_send(fd, head, sizeof head - 1));
    for (size_t i = 0; i < 100; i++) {
        assert_true(client_send(fd, "1f40\r\n", 6)); /* 8,000 */
        assert_true(send_bytes(fd, i * 8000, 8000));
        assert_true(client_send(fd, "\r\n", 2));
    }
    assert_true(client_send(fd, "0\r\n\r\n", 5));
    assert_answer(fd, 200, "800000");
    close(fd);
}

static void chunked_beyond_the_limit_is_cut(void **state)
{
    static const char head[] = "POST /open/up HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n";
    fixture *f = *state;
    int fd = client_connect(f->port, 60000);
    char size[32];

    assert_true(client_send(fd, head, sizeof head - 1));
    snprintf(size, sizeof size, "%x\r\n", BYTES_MAX + 1);
    assert_true(client_send(fd, size, strlen(size)));
    (void)send_bytes(fd, 0, BYTES_MAX + 1);
    assert_true(client_is_closed(fd));
    close(fd);
    await_none_open(f);
}

static void a_sender_is_held_back(void **state)
{
    fixture *f = *state;
    int fd = begin_post(f, "/open/up", "", 4096 * KIB), other;

    atomic_store(&f->held, true);
    assert_true(send_bytes(fd, 0, 1024 * KIB)); /* more than both buffers; the rest waits in the kernel */
    kh_clock_sleep_ms(50);
    other = begin_post(f, "/open/refuse", "", 0); /* nobody else waits for it */
    assert_answer(other, 401, "no");
    close(other);
    atomic_store(&f->held, false);
    assert_true(send_bytes(fd, 1024 * KIB, 3072 * KIB));
    assert_answer(fd, 200, "4194304");
    close(fd);
}

static void a_failure_is_the_answer_when_the_body_is_in(void **state)
{
    static const size_t fail_at[] = {1, 300 * KIB, 2000 * KIB};
    fixture *f = *state;

    for (size_t i = 0; i < KH_COUNT(fail_at); i++) {
        char target[64];
        int fd;

        snprintf(target, sizeof target, "/open/up?fail=%zu", fail_at[i]);
        fd = begin_post(f, target, "", 2000 * KIB);
        assert_true(send_bytes(fd, 0, 2000 * KIB));
        assert_answer(fd, 400, NULL);
        close(fd);
    }
    await_none_open(f);
}

static void refused_before_the_body(void **state)
{
    fixture *f = *state;
    int fd = begin_post(f, "/open/refuse", "Expect: 100-continue\r\n", BYTES_MAX);

    assert_answer(fd, 401, "no");
    close(fd);
}

/* Whoever is writing reads why, on a connection that goes on. */
static void refused_while_the_body_comes(void **state)
{
    static const size_t sizes[] = {0, 1, 300 * KIB, BYTES_MAX, 65536 * KIB};
    fixture *f = *state;

    for (size_t i = 0; i < KH_COUNT(sizes); i++) {
        char head[128];
        int fd = begin_post(f, "/open/refuse", "", sizes[i]);
        int size = snprintf(head, sizeof head, "POST /open/up HTTP/1.1\r\n" HOST "Content-Length: %u\r\n\r\n", 300 * KIB);

        assert_true(send_bytes(fd, 0, sizes[i]));
        assert_answer(fd, 401, "no");
        assert_true(client_send(fd, head, (size_t)size));
        assert_true(send_bytes(fd, 0, 300 * KIB));
        assert_answer(fd, 200, "307200");
        close(fd);
    }
    await_none_open(f);
}

static void a_larger_body_is_refused_at_once(void **state)
{
    fixture *f = *state;
    int fd = begin_post(f, "/open/refuse", "", 65536 * KIB + 1);

    assert_answer(fd, 401, "no");
    close(fd);
}

static void refused_chunks(void **state)
{
    static const char head[] = "POST /open/refuse HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n";
    static const unsigned sizes[] = {65536 * KIB, 65536 * KIB + 1}; /* heard out, cut */
    fixture *f = *state;

    for (size_t i = 0; i < KH_COUNT(sizes); i++) {
        int fd = client_connect(f->port, 60000);
        char size[32];

        assert_true(client_send(fd, head, sizeof head - 1));
        snprintf(size, sizeof size, "%x\r\n", sizes[i]);
        assert_true(client_send(fd, size, strlen(size)));
        (void)send_bytes(fd, 0, sizes[i]);
        if (i == 0) {
            assert_true(client_send(fd, "\r\n0\r\n\r\n", 7));
            assert_answer(fd, 401, "no");
        } else {
            assert_true(client_is_closed(fd));
        }
        close(fd);
    }
}

/* A byte now and then is no reason to wait on: the first that cannot be sent ends this. */
static void a_refused_body_that_drips_is_cut(void **state)
{
    fixture *f = *state;
    int fd = begin_post(f, "/open/refuse", "", BYTES_MAX);
    size_t sent = 0;

    while (sent < 600 && send_bytes(fd, sent, 1)) {
        sent++;
        kh_clock_sleep_ms(100);
    }
    assert_true(sent < 600);
    close(fd);
}

static void clients_that_go(void **state)
{
    static const size_t sent[] = {0, 1, 256 * KIB, 700 * KIB};
    fixture *f = *state;

    for (size_t i = 0; i < KH_COUNT(sent); i++)
        for (int held = 0; held < 2; held++) {
            int fd = begin_post(f, "/open/up", "", 1000 * KIB);

            atomic_store(&f->held, held == 1);
            assert_true(send_bytes(fd, 0, sent[i]));
            kh_clock_sleep_ms(20);
            close(fd);
            kh_clock_sleep_ms(20);
            atomic_store(&f->held, false);
            await_none_open(f);
        }
}

/* Also by one that waits for its pool, which a stopping server waits for. */
static void a_server_that_stops(void **state)
{
    fixture *f = *state;
    int half = begin_post(f, "/open/up", "", 1000 * KIB), full = begin_post(f, "/open/up", "", 3000 * KIB),
        none = begin_post(f, "/open/up", "", 10);

    assert_true(send_bytes(half, 0, 500 * KIB));
    atomic_store(&f->held, true);
    assert_true(send_bytes(full, 0, 1000 * KIB));
    kh_clock_sleep_ms(50);
    atomic_store(&f->held, false);
    kh_http_server_stop(f->server, 20);
    f->server = NULL;
    await_none_open(f); /* a worker may be at the last bytes still */
    close(half);
    close(full);
    close(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_size_arrives_whole, start, stop),
        cmocka_unit_test_setup_teardown(several_on_one_connection, start, stop),
        cmocka_unit_test_setup_teardown(chunked, start, stop),
        cmocka_unit_test_setup_teardown(chunked_beyond_the_limit_is_cut, start, stop),
        cmocka_unit_test_setup_teardown(a_sender_is_held_back, start, stop),
        cmocka_unit_test_setup_teardown(a_failure_is_the_answer_when_the_body_is_in, start, stop),
        cmocka_unit_test_setup_teardown(refused_before_the_body, start, stop),
        cmocka_unit_test_setup_teardown(refused_while_the_body_comes, start, stop),
        cmocka_unit_test_setup_teardown(a_larger_body_is_refused_at_once, start, stop),
        cmocka_unit_test_setup_teardown(refused_chunks, start, stop),
        cmocka_unit_test_setup_teardown(a_refused_body_that_drips_is_cut, start_impatient, stop),
        cmocka_unit_test_setup_teardown(clients_that_go, start, stop),
        cmocka_unit_test_setup_teardown(a_server_that_stops, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
