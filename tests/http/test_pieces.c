/* Answers made piece by piece: every shape arrives whole, what fails cuts the connection, whoever leaves or is too slow holds nothing. */
#include <fcntl.h>
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

#define FILE_BYTES (3u << 20)
#define PIECES_MAX 4

typedef struct piece_plan {
    size_t head, bytes, file;
    bool fails;
} piece_plan;

typedef struct fixture {
    kh_http_server *server;
    kh_pool *pool;
    uint16_t port;
    int file;
    uint8_t *content;
    atomic_int made, dropped, released, answers;
    const piece_plan *plan; /* of the next answer */
    bool size_known;
} fixture;

typedef struct answer_state {
    fixture *f;
    const piece_plan *plan;
    size_t index;
} answer_state;

static void piece_released(void *held)
{
    fixture *f = held;

    atomic_fetch_add(&f->released, 1);
}

/* Bytes of the content, each piece from its begin: what comes tells which piece it was only by its length. */
static kh_status next(void *context, kh_http_piece *piece, const atomic_bool *cancelled, kh_error *err)
{
    answer_state *a = context;
    const piece_plan *plan = &a->plan[a->index];

    (void)cancelled;
    atomic_fetch_add(&a->f->made, 1);
    if (plan->fails)
        return kh_error_set(err, KH_E_IO, "made to fail");
    if (plan->head + plan->bytes + plan->file == 0)
        return KH_OK;
    a->index++;
    memcpy(piece->head, a->f->content, plan->head);
    piece->head_size = plan->head;
    piece->bytes = a->f->content;
    piece->size = plan->bytes;
    piece->release = piece_released;
    piece->held = a->f;
    if (plan->file > 0) {
        piece->fd = dup(a->f->file);
        piece->offset = 1;
        piece->file_size = plan->file;
    }
    return KH_OK;
}

static void drop(void *context)
{
    answer_state *a = context;

    atomic_fetch_add(&a->f->dropped, 1);
    free(a);
}

static const kh_http_producer producer = {.next = next, .drop = drop};

static uint64_t plan_bytes(const piece_plan *plan)
{
    uint64_t size = 0;

    for (; plan->head + plan->bytes + plan->file > 0; plan++)
        size += plan->head + plan->bytes + plan->file;
    return size;
}

static void serve(kh_http_request *request, void *context)
{
    fixture *f = context;
    answer_state *a = calloc(1, sizeof *a);

    a->f = f;
    a->plan = f->plan;
    atomic_fetch_add(&f->answers, 1);
    kh_http_answer_pieces(request, 200, "text/plain", f->size_known ? plan_bytes(f->plan) : KH_HTTP_SIZE_UNKNOWN, f->pool, &producer, a);
}

static int set_up_with(void **state, unsigned idle_timeout_s)
{
    fixture *f = calloc(1, sizeof *f);
    const kh_http_route routes[] = {{"GET", "/pieces", serve, f}};
    kh_http_options options = {.thread_count = 2, .connections_max = 200, .connections_per_address_max = 200, .idle_timeout_s = idle_timeout_s,
                               .body_bytes_max = 100, .loopback_hosts_only = true};
    char path[] = "/var/tmp/kh-pieces-XXXXXX";

    kh_log_set_level(KH_LOG_ERROR);
    f->file = mkstemp(path);
    assert_true(f->file >= 0);
    unlink(path);
    f->content = malloc(FILE_BYTES);
    for (size_t i = 0; i < FILE_BYTES; i++)
        f->content[i] = (uint8_t)(i * 7 + i / 251);
    assert_int_equal(write(f->file, f->content, FILE_BYTES), FILE_BYTES);
    assert_int_equal(kh_pool_create(&f->pool, "pieces", 2, 400, NULL), KH_OK);
    options.listen_fd = client_listen(&f->port);
    assert_int_equal(kh_http_server_start(&f->server, &options, routes, KH_COUNT(routes), NULL), KH_OK);
    *state = f;
    return 0;
}

static int set_up(void **state)
{
    return set_up_with(state, 60);
}

static int set_up_hasty(void **state)
{
    return set_up_with(state, 1);
}

static int tear_down(void **state)
{
    fixture *f = *state;

    kh_http_server_stop(f->server, 100);
    kh_pool_stop(f->pool);
    assert_int_equal(f->dropped, f->answers);
    close(f->file);
    free(f->content);
    free(f);
    return 0;
}

typedef struct shape {
    const char *name;
    piece_plan plan[PIECES_MAX];
} shape;

#define BLOCK (256u << 10)
static const shape shapes[] = {
    {"nothing", {{0}}},
    {"a head", {{.head = 1}}},
    {"the largest head", {{.head = 1280}}},
    {"bytes", {{.bytes = 100000}}},
    {"a file", {{.file = 1000}}},
    {"all three", {{.head = 10, .bytes = 20, .file = 30}}},
    {"several", {{.head = 10, .file = 600000}, {.head = 3, .bytes = 7}, {.head = 40}}},
    {"one byte less than a block", {{.head = 100, .file = BLOCK - 101}}},
    {"a block", {{.head = 100, .file = BLOCK - 100}}},
    {"one byte more than a block", {{.head = 100, .file = BLOCK - 99}}},
    {"a block, then more", {{.bytes = BLOCK}, {.file = BLOCK}, {.head = 1}}},
    {"most of a file", {{.file = FILE_BYTES - 1}, {.head = 2}}},
};

static void check_body(const fixture *f, const shape *s, const client_answer *answer)
{
    const uint8_t *at = answer->body;

    if (answer->code != 200 || answer->body_size != plan_bytes(s->plan))
        fail_msg("%s: %u, %zu bytes", s->name, answer->code, answer->body_size);
    for (const piece_plan *plan = s->plan; plan->head + plan->bytes + plan->file > 0; plan++) {
        assert_memory_equal(at, f->content, plan->head);
        assert_memory_equal(at + plan->head, f->content, plan->bytes);
        assert_memory_equal(at + plan->head + plan->bytes, f->content + 1, plan->file);
        at += plan->head + plan->bytes + plan->file;
    }
}

static void every_shape_arrives(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < KH_COUNT(shapes); i++)
        for (int known = 0; known < 2; known++) {
            client_answer answer;
            char length[32];

            f->plan = shapes[i].plan;
            f->size_known = known;
            answer = client_get(f->port, "/pieces", "");
            check_body(f, &shapes[i], &answer);
            assert_int_equal(client_header(&answer, "Content-Length", length, sizeof length), known);
            client_answer_free(&answer);
        }
}

/* What is not in memory is fetched by a worker. */
static void a_cold_file_arrives(void **state)
{
    fixture *f = *state;
    const shape *s = &shapes[KH_COUNT(shapes) - 1];
    client_answer answer;

    assert_int_equal(fsync(f->file), 0);
    assert_int_equal(posix_fadvise(f->file, 0, 0, POSIX_FADV_DONTNEED), 0);
    f->plan = s->plan;
    f->size_known = true;
    answer = client_get(f->port, "/pieces", "");
    check_body(f, s, &answer);
    client_answer_free(&answer);
}

static void head_makes_nothing(void **state)
{
    fixture *f = *state;
    static const char request[] = "HEAD /pieces HTTP/1.1\r\nHost: localhost\r\n\r\n";
    int fd = client_connect(f->port, 60000);
    client_answer answer;
    char length[32];

    f->plan = shapes[6].plan;
    f->size_known = true;
    assert_true(client_send(fd, request, sizeof request - 1));
    answer = client_receive(fd, false);
    assert_int_equal(answer.code, 200);
    assert_true(client_header(&answer, "Content-Length", length, sizeof length));
    assert_string_equal(length, "600060");
    assert_int_equal(f->made, 0);
    client_answer_free(&answer);
    close(fd);
}

/* Not a byte behind the head: it would be read as the next answer. */
static void head_of_unknown_size_ends_behind_its_lines(void **state)
{
    fixture *f = *state;
    static const char request[] = "HEAD /pieces HTTP/1.1\r\nHost: localhost\r\n\r\n";
    char text[4096] = "";
    size_t used = 0;
    ssize_t got;
    int fd = client_connect(f->port, 60000);

    f->plan = shapes[6].plan;
    f->size_known = false;
    assert_true(client_send(fd, request, sizeof request - 1));
    while (used + 1 < sizeof text && (got = recv(fd, text + used, sizeof text - 1 - used, 0)) > 0)
        used += (size_t)got;
    close(fd);
    assert_int_equal(memcmp(text, "HTTP/1.1 200 ", 13), 0);
    assert_ptr_equal(strstr(text, "\r\n\r\n"), text + used - 4);
    assert_int_equal(f->made, 0);
}

static bool wait_for_drops(fixture *f, int count)
{
    for (int i = 0; i < 6000 && atomic_load(&f->dropped) < count; i++)
        kh_clock_sleep_ms(10);
    return atomic_load(&f->dropped) == count;
}

/* The client must see that it is not whole. */
static void what_fails_cuts_the_connection(void **state)
{
    static const piece_plan fails_later[] = {{.head = 10, .file = 1000}, {.head = 1, .fails = true}, {0}},
                            fails_first[] = {{.fails = true}};
    fixture *f = *state;
    int count = 0;

    for (int known = 0; known < 2; known++) {
        const piece_plan *plans[] = {fails_later, fails_first};

        for (size_t i = 0; i < KH_COUNT(plans); i++) {
            static const char request[] = "GET /pieces HTTP/1.1\r\nHost: localhost\r\n\r\n";
            int fd = client_connect(f->port, 60000);
            uint8_t bytes[4096];
            size_t size = 0;
            ssize_t got;

            f->plan = plans[i];
            f->size_known = known && i == 0;
            assert_true(client_send(fd, request, sizeof request - 1));
            while ((got = recv(fd, bytes + size, sizeof bytes - 1 - size, 0)) > 0)
                size += (size_t)got;
            bytes[size] = 0;
            assert_true(got == 0 || size > 0); /* it ended; a time-out would be an error without an end */
            assert_null(strstr((const char *)bytes, "\r\n0\r\n\r\n"));
            close(fd);
            assert_true(wait_for_drops(f, ++count));
        }
    }
}

static void a_client_that_leaves_cancels(void **state)
{
    static const char request[] = "GET /pieces HTTP/1.1\r\nHost: localhost\r\n\r\n";
    fixture *f = *state;
    static const piece_plan large[] = {{.file = FILE_BYTES - 1}, {.file = FILE_BYTES - 1}, {.file = FILE_BYTES - 1}, {0}};
    char byte;

    f->plan = large;
    f->size_known = true;
    for (int i = 0; i < 20; i++) {
        int fd = client_connect(f->port, 60000);

        assert_true(client_send(fd, request, sizeof request - 1));
        assert_int_equal(recv(fd, &byte, 1, 0), 1);
        close(fd);
    }
    assert_true(wait_for_drops(f, 20));
}

/* A block is to be taken within the idle time-out and a little. */
static void those_who_do_not_read_are_cut(void **state)
{
    static const char request[] = "GET /pieces HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static const piece_plan large[] = {
        {.file = FILE_BYTES - 1}, {.file = FILE_BYTES - 1}, {.file = FILE_BYTES - 1}, {.file = FILE_BYTES - 1}, {0}};
    fixture *f = *state;
    int fds[100], buffer = 4096;

    f->plan = large;
    f->size_known = true;
    for (size_t i = 0; i < KH_COUNT(fds); i++) {
        fds[i] = client_connect(f->port, 60000);
        assert_int_equal(setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer), 0);
        assert_true(client_send(fds[i], request, sizeof request - 1));
    }
    assert_true(wait_for_drops(f, KH_COUNT(fds)));
    for (size_t i = 0; i < KH_COUNT(fds); i++)
        close(fds[i]);
}

/* Stopping waits for the worker, not for the client. */
static void stopping_in_the_middle(void **state)
{
    static const char request[] = "GET /pieces HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static const piece_plan large[] = {{.file = FILE_BYTES - 1}, {.file = FILE_BYTES - 1}, {.file = FILE_BYTES - 1}, {0}};
    fixture *f = *state;
    int fds[20];

    f->plan = large;
    f->size_known = false;
    for (size_t i = 0; i < KH_COUNT(fds); i++) {
        fds[i] = client_connect(f->port, 60000);
        assert_true(client_send(fds[i], request, sizeof request - 1));
    }
    for (int i = 0; i < 1000 && atomic_load(&f->answers) < (int)KH_COUNT(fds); i++)
        kh_clock_sleep_ms(1);
    kh_http_server_stop(f->server, 20);
    f->server = NULL;
    assert_true(wait_for_drops(f, KH_COUNT(fds)));
    for (size_t i = 0; i < KH_COUNT(fds); i++)
        close(fds[i]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_OF_SILENCE(name) cmocka_unit_test_setup_teardown(name, set_up_hasty, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_shape_arrives), TEST(a_cold_file_arrives), TEST(head_makes_nothing),
        TEST_OF_SILENCE(head_of_unknown_size_ends_behind_its_lines), TEST(what_fails_cuts_the_connection),
        TEST(a_client_that_leaves_cancels), TEST_OF_SILENCE(those_who_do_not_read_are_cut), TEST(stopping_in_the_middle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
