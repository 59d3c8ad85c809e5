/* Answers from other threads, event streams, and stopping in the middle of both. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/pool.h"
#include "tests/cmocka_all.h"
#include "tests/http/client.h"
#include "viewer/http/http.h"

#define STREAMS_MAX 64
#define HELD_MAX 64

/* One server with its owners: a pool that answers later, and a set of streams as a portal keeps it. */
typedef struct fixture {
    kh_http_server *server;
    kh_pool *pool;
    uint16_t port;
    int listen_fd; /* a copy, as the supervisor has one */

    pthread_mutex_t lock; /* guards all below */
    kh_http_request *held[HELD_MAX];
    int held_count;
    kh_http_stream *streams[STREAMS_MAX];
    int stream_count, closed_count;
    atomic_int released;
} fixture;

typedef struct stream_owner {
    fixture *f;
    kh_http_stream *stream;
} stream_owner;

static void answer_later(void *argument, unsigned thread_index)
{
    kh_http_request *request = argument;

    (void)thread_index;
    kh_clock_sleep_ms(1);
    kh_http_set_header(request, "X-Later", "yes");
    kh_http_answer(request, 200, "text/plain", "later", 5);
}

static void later(kh_http_request *request, void *context)
{
    fixture *f = context;
    kh_error err = KH_ERROR_INIT;

    kh_http_suspend(request);
    if (kh_pool_submit(f->pool, answer_later, request, &err) != KH_OK)
        kh_http_answer_error(request, &err);
}

static void at_once(kh_http_request *request, void *context)
{
    (void)context;
    kh_http_suspend(request);
    kh_http_answer(request, 200, "text/plain", "at once", 7);
}

static void quick(kh_http_request *request, void *context)
{
    (void)context;
    kh_http_answer(request, 200, "text/plain", "quick", 5);
}

static void hold(kh_http_request *request, void *context)
{
    fixture *f = context;

    kh_http_suspend(request);
    pthread_mutex_lock(&f->lock);
    f->held[f->held_count++] = request;
    pthread_mutex_unlock(&f->lock);
}

static void stream_closed(void *context)
{
    stream_owner *owner = context;
    fixture *f = owner->f;

    pthread_mutex_lock(&f->lock);
    for (int i = 0; i < f->stream_count; i++)
        if (f->streams[i] == owner->stream)
            f->streams[i] = f->streams[--f->stream_count];
    f->closed_count++;
    pthread_mutex_unlock(&f->lock);
    free(owner);
}

static void events(kh_http_request *request, void *context)
{
    fixture *f = context;
    stream_owner *owner = malloc(sizeof *owner);

    owner->f = f;
    pthread_mutex_lock(&f->lock);
    assert_int_equal(kh_http_stream_begin(&owner->stream, request, stream_closed, owner, NULL), KH_OK);
    f->streams[f->stream_count++] = owner->stream;
    pthread_mutex_unlock(&f->lock);
}

static int broadcast(fixture *f, const char *text, size_t size)
{
    int failed = 0;

    pthread_mutex_lock(&f->lock);
    for (int i = 0; i < f->stream_count; i++)
        failed += kh_http_stream_send(f->streams[i], text, size, NULL) != KH_OK;
    pthread_mutex_unlock(&f->lock);
    return failed;
}

static int locked_value(fixture *f, const int *value)
{
    int result;

    pthread_mutex_lock(&f->lock);
    result = *value;
    pthread_mutex_unlock(&f->lock);
    return result;
}

static bool wait_for(fixture *f, const int *value, int expected)
{
    for (int i = 0; i < 1000; i++) {
        if (locked_value(f, value) == expected)
            return true;
        kh_clock_sleep_ms(10);
    }
    return false;
}

static void start_server(fixture *f)
{
    const kh_http_route routes[] = {{"GET", "/later", later, f}, {"GET", "/at-once", at_once, f}, {"GET", "/quick", quick, f},
                                    {"GET", "/hold", hold, f},   {"GET", "/events", events, f}};
    kh_http_options options = {.thread_count = 2, .connections_max = 200, .connections_per_address_max = 200,
                               .idle_timeout_s = 60, .body_bytes_max = 100, .loopback_hosts_only = true};

    options.listen_fd = dup(f->listen_fd);
    assert_int_equal(kh_http_server_start(&f->server, &options, routes, KH_COUNT(routes), NULL), KH_OK);
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);

    kh_log_set_level(KH_LOG_ERROR);
    pthread_mutex_init(&f->lock, NULL);
    f->listen_fd = client_listen(&f->port);
    assert_int_equal(kh_pool_create(&f->pool, "later", 2, 100, NULL), KH_OK);
    start_server(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;

    kh_http_server_stop(f->server, 100);
    kh_pool_stop(f->pool);
    close(f->listen_fd);
    pthread_mutex_destroy(&f->lock);
    free(f);
    return 0;
}

/* what: "GET /path". */
static bool ask(int fd, const char *what)
{
    char text[200];

    snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: localhost\r\n\r\n", what);
    return client_send(fd, text, strlen(text));
}

static unsigned request_on(int fd, const char *target, char *body, size_t body_size)
{
    char text[200];
    client_answer answer;
    unsigned code;

    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
    if (!client_send(fd, text, strlen(text)))
        return 0;
    answer = client_receive(fd, true);
    code = answer.code;
    snprintf(body, body_size, "%s", answer.body ? (char *)answer.body : "");
    client_answer_free(&answer);
    return code;
}

typedef struct load {
    fixture *f;
    atomic_int *wrong;
    int rounds;
} load;

static void *run_load(void *argument)
{
    static const char *const targets[] = {"/later", "/quick", "/at-once"};
    static const char *const bodies[] = {"later", "quick", "at once"};
    load *l = argument;
    int fd = client_connect(l->f->port, 10000);
    char body[32];

    for (int i = 0; i < l->rounds; i++) {
        unsigned code = request_on(fd, targets[i % 3], body, sizeof body);

        if (code != 200 || strcmp(body, bodies[i % 3]) != 0)
            atomic_fetch_add(l->wrong, 1);
        if (code == 0)
            break;
    }
    close(fd);
    return NULL;
}

static void test_answers_from_other_threads(void **state)
{
    fixture *f = *state;
    atomic_int wrong = 0;
    load l = {.f = f, .wrong = &wrong, .rounds = 90};
    pthread_t threads[6];
    kh_http_stats stats;

    for (size_t i = 0; i < KH_COUNT(threads); i++)
        pthread_create(&threads[i], NULL, run_load, &l);
    for (size_t i = 0; i < KH_COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(wrong, 0);
    kh_http_get_stats(f->server, &stats);
    assert_int_equal(stats.requests, 540);
    assert_int_equal(stats.answers_2xx, 540);
    assert_int_equal(stats.suspended, 0);
}

static void test_others_are_served_while_one_waits(void **state)
{
    fixture *f = *state;
    int waiting = client_connect(f->port, 60000);
    client_answer answer;
    char body[32];
    kh_http_stats stats;

    assert_true(ask(waiting, "GET /hold"));
    assert_true(wait_for(f, &f->held_count, 1));
    for (int i = 0; i < 8; i++) {
        int fd = client_connect(f->port, 60000);

        assert_int_equal(request_on(fd, "/quick", body, sizeof body), 200);
        close(fd);
    }
    kh_http_get_stats(f->server, &stats);
    assert_int_equal(stats.suspended, 1);
    assert_false(kh_http_client_gone(f->held[0]));
    kh_http_answer(f->held[0], 200, "text/plain", "x", 1);
    answer = client_receive(waiting, true);
    assert_int_equal(answer.code, 200);
    client_answer_free(&answer);
    close(waiting);
}

static void test_client_gone_is_seen(void **state)
{
    fixture *f = *state;
    int fd = client_connect(f->port, 60000);
    bool gone = false;

    assert_true(ask(fd, "GET /hold"));
    assert_true(wait_for(f, &f->held_count, 1));
    close(fd);
    for (int i = 0; i < 500 && !gone; i++) {
        gone = kh_http_client_gone(f->held[0]);
        kh_clock_sleep_ms(2);
    }
    assert_true(gone);
    kh_http_answer(f->held[0], 200, "text/plain", "x", 1);
}

static void count_release(void *context)
{
    atomic_fetch_add((atomic_int *)context, 1);
}

/* MHD_stop_daemon() aborts when a connection is suspended: the server answers in the owner's place, and the owner's own answer,
 * which comes when the server is long gone, is dropped and its bytes are released. */
static void test_stop_while_suspended(void **state)
{
    fixture *f = *state;
    int fds[3];
    client_answer answer;

    for (size_t i = 0; i < KH_COUNT(fds); i++) {
        fds[i] = client_connect(f->port, 60000);
        assert_true(ask(fds[i], "GET /hold"));
    }
    assert_true(wait_for(f, &f->held_count, 3));
    kh_http_server_stop(f->server, 50);
    f->server = NULL;
    for (size_t i = 0; i < KH_COUNT(fds); i++) {
        answer = client_receive(fds[i], true);
        assert_true(answer.code == 503 || answer.code == 0); /* 0: the end came before the answer was out */
        client_answer_free(&answer);
        close(fds[i]);
    }
    assert_true(kh_http_client_gone(f->held[0]));
    kh_http_set_header(f->held[0], "X", "y");
    kh_http_answer(f->held[0], 200, "text/plain", "x", 1);
    kh_http_answer_borrowed(f->held[1], 200, "text/plain", "x", 1, count_release, &f->released);
    kh_http_answer_error(f->held[2], &(kh_error){.status = KH_E_BUSY, .message = "late"});
    assert_int_equal(f->released, 1);
}

static void test_stop_waits_for_owners_that_answer(void **state)
{
    fixture *f = *state;
    int fd = client_connect(f->port, 60000);
    client_answer answer;

    assert_true(ask(fd, "GET /later"));
    kh_clock_sleep_ms(20);
    kh_http_server_stop(f->server, 5000);
    f->server = NULL;
    answer = client_receive(fd, true);
    assert_int_equal(answer.code, 200);
    client_answer_free(&answer);
    close(fd);
}

/* The socket lives on in the supervisor: a second server goes on where the first stopped. */
static void test_listening_socket_survives(void **state)
{
    fixture *f = *state;
    char body[32];

    for (int i = 0; i < 3; i++) {
        int fd = client_connect(f->port, 60000);

        assert_int_equal(request_on(fd, "/quick", body, sizeof body), 200);
        close(fd);
        kh_http_server_stop(f->server, 1000);
        fd = client_connect(f->port, 60000); /* nobody serves: it waits in the backlog */
        assert_true(fd >= 0);
        assert_true(ask(fd, "GET /quick"));
        start_server(f);
        client_answer answer = client_receive(fd, true);
        assert_int_equal(answer.code, 200);
        client_answer_free(&answer);
        close(fd);
    }
}

static void test_stop_under_load(void **state)
{
    fixture *f = *state;

    for (int round = 0; round < 8; round++) {
        atomic_int wrong = 0;
        load l = {.f = f, .wrong = &wrong, .rounds = 100000};
        pthread_t threads[3];

        for (size_t i = 0; i < KH_COUNT(threads); i++)
            pthread_create(&threads[i], NULL, run_load, &l);
        kh_clock_sleep_ms(30 + round * 7);
        kh_http_server_stop(f->server, round % 2 ? 0 : 200);
        for (size_t i = 0; i < KH_COUNT(threads); i++)
            pthread_join(threads[i], NULL);
        start_server(f);
    }
}

static int open_stream(fixture *f, int expected_count)
{
    int fd = client_connect(f->port, 60000);

    assert_true(ask(fd, "GET /events"));
    assert_true(wait_for(f, &f->stream_count, expected_count));
    return fd;
}

/* Reads until text has come, or the time is over. */
static bool stream_brings(int fd, const char *text)
{
    char got[65536];
    size_t size = 0;

    while (size + 1 < sizeof got) {
        ssize_t n = recv(fd, got + size, sizeof got - 1 - size, 0);

        if (n <= 0)
            return false;
        size += (size_t)n;
        got[size] = '\0';
        if (memmem(got, size, text, strlen(text)))
            return true;
    }
    return false;
}

static void test_streams(void **state)
{
    fixture *f = *state;
    int first = open_stream(f, 1);
    int second = open_stream(f, 2);

    assert_int_equal(broadcast(f, "data: one\n\n", 11), 0);
    assert_true(stream_brings(first, "text/event-stream"));
    assert_true(stream_brings(second, "data: one\n\n"));
    kh_clock_sleep_ms(20);
    assert_int_equal(broadcast(f, "data: two\n\n", 11), 0);
    assert_true(stream_brings(second, "data: two\n\n"));
    close(second);
    for (int i = 0; i < 500 && locked_value(f, &f->closed_count) == 0; i++) {
        broadcast(f, ":\n\n", 3);
        kh_clock_sleep_ms(10);
    }
    assert_int_equal(locked_value(f, &f->closed_count), 1);
    pthread_mutex_lock(&f->lock);
    kh_http_stream_end(f->streams[0]);
    pthread_mutex_unlock(&f->lock);
    assert_true(wait_for(f, &f->closed_count, 2));
    close(first);
}

/* Nothing is sent, nothing happens: a client that left is noticed all the same. */
static void test_a_silent_stream_ends_with_its_client(void **state)
{
    fixture *f = *state;
    int first = open_stream(f, 1);
    int second = open_stream(f, 2);

    close(first);
    assert_true(wait_for(f, &f->closed_count, 1));
    assert_int_equal(locked_value(f, &f->stream_count), 1);
    assert_int_equal(broadcast(f, "data: one\n\n", 11), 0);
    assert_true(stream_brings(second, "data: one\n\n"));
    close(second);
}

/* A client that never reads: its ring fills, the send that does not fit says so, and the connection is cut. */
static void test_stream_overflow(void **state)
{
    fixture *f = *state;
    int fd = open_stream(f, 1);
    char block[4096];
    int failed = 0;

    memset(block, 'x', sizeof block);
    for (int i = 0; i < 100000 && failed == 0 && locked_value(f, &f->closed_count) == 0; i++)
        failed = broadcast(f, block, sizeof block);
    assert_int_equal(failed, 1);
    assert_true(wait_for(f, &f->closed_count, 1));
    assert_int_equal(locked_value(f, &f->stream_count), 0);
    close(fd);
}

static void test_stream_takes_its_limit_and_no_more(void **state)
{
    fixture *f = *state;
    int fd = open_stream(f, 1);
    char *block = malloc(256 * 1024 + 1);

    memset(block, 'x', 256 * 1024 + 1);
    assert_int_equal(broadcast(f, block, 256 * 1024 + 1), 1);
    assert_true(wait_for(f, &f->closed_count, 1));
    close(fd);
    fd = open_stream(f, 1);
    assert_int_equal(broadcast(f, block, 256 * 1024), 0);
    free(block);
    close(fd);
}

static void test_head_of_a_stream(void **state)
{
    fixture *f = *state;
    int fd = client_connect(f->port, 60000);
    client_answer answer;

    assert_true(ask(fd, "HEAD /events"));
    answer = client_receive(fd, false);
    assert_int_equal(answer.code, 200);
    client_answer_free(&answer);
    assert_true(wait_for(f, &f->closed_count, 1));
    close(fd);
}

static void *come_and_go(void *argument)
{
    fixture *f = argument;

    for (int i = 0; i < 15; i++) {
        int fd = client_connect(f->port, 60000);

        if (ask(fd, "GET /events") && i % 2)
            (void)stream_brings(fd, "data");
        close(fd);
    }
    return NULL;
}

static void test_streams_that_come_and_go(void **state)
{
    fixture *f = *state;
    pthread_t threads[3];

    for (size_t i = 0; i < KH_COUNT(threads); i++)
        pthread_create(&threads[i], NULL, come_and_go, f);
    for (int i = 0; i < 1000 && locked_value(f, &f->closed_count) < 45; i++) {
        (void)broadcast(f, "data: x\n\n", 9);
        kh_clock_sleep_ms(5);
    }
    for (size_t i = 0; i < KH_COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    assert_true(wait_for(f, &f->stream_count, 0));
}

static void test_stop_with_open_streams(void **state)
{
    fixture *f = *state;
    int first = open_stream(f, 1);
    int second = open_stream(f, 2);

    (void)broadcast(f, "data: last\n\n", 12);
    kh_http_server_stop(f->server, 2000);
    f->server = NULL;
    assert_int_equal(f->closed_count, 2);
    assert_true(stream_brings(first, "data: last\n\n"));
    assert_true(client_is_closed(first));
    close(first);
    close(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers_from_other_threads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_others_are_served_while_one_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_client_gone_is_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_while_suspended, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_waits_for_owners_that_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_listening_socket_survives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_under_load, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_streams, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_silent_stream_ends_with_its_client, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stream_overflow, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stream_takes_its_limit_and_no_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_head_of_a_stream, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_streams_that_come_and_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_with_open_streams, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
