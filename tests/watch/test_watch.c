/* An answer that is under way ends when its reader may not have it any more: RELIABILITY.md S3. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "tests/cmocka_all.h"
#include "tests/http/client.h"
#include "viewer/watch/watch.h"

#define PATIENCE_MS 20000 /* of a loop that would not end otherwise */

typedef struct fixture {
    kh_page *page;
    kh_watch *watch;
    atomic_bool session, allowed;
    atomic_int decided, dropped;
    kh_http_server *server;
    kh_pool *pool;
    uint16_t port;
    atomic_int pieces, answers_dropped;
} fixture;

static const kh_subject reader = {.person_id = 1, .session_id = 7, .name = "reader"};

static bool session_goes_on(void *context, const kh_subject *subject)
{
    fixture *f = context;

    assert_int_equal(subject->session_id, 7);
    return atomic_load(&f->session);
}

static bool decide(void *context, const kh_subject *subject)
{
    fixture *f = context;

    assert_int_equal(subject->person_id, 1);
    atomic_fetch_add(&f->decided, 1);
    return atomic_load(&f->allowed);
}

static void dropped(void *context)
{
    atomic_fetch_add(&((fixture *)context)->dropped, 1);
}

static void await(bool (*reached)(const void *), const void *of)
{
    int64_t deadline_ms = kh_clock_monotonic_ms() + PATIENCE_MS;

    while (!reached(of) && kh_clock_monotonic_ms() < deadline_ms)
        usleep(2000);
    assert_true(reached(of));
}

static bool is_shut(const void *watched)
{
    return !kh_watched_goes_on(watched);
}

static bool is_decided(const void *f)
{
    return atomic_load(&((const fixture *)f)->decided) > 0;
}

static bool is_decided_again(const void *f)
{
    return atomic_load(&((const fixture *)f)->decided) > 1;
}

/* --- an answer without an end --- */

static uint8_t bytes[64 * 1024];

static kh_status next(void *context, kh_http_piece *piece, const atomic_bool *cancelled, kh_error *err)
{
    (void)cancelled;
    (void)err;
    atomic_fetch_add(&((fixture *)context)->pieces, 1);
    piece->bytes = bytes;
    piece->size = sizeof bytes;
    return KH_OK;
}

static void drop(void *context)
{
    atomic_fetch_add(&((fixture *)context)->answers_dropped, 1);
}

static const kh_http_producer producer = {.next = next, .drop = drop};

static void serve(kh_http_request *request, void *context)
{
    fixture *f = context;
    kh_watched *watched = kh_watch_begin(f->watch, &reader, decide, f, dropped);

    assert_non_null(watched);
    kh_watch_answer_pieces(watched, request, 200, "text/plain", KH_HTTP_SIZE_UNKNOWN, f->pool, &producer, f);
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    const kh_http_route routes[] = {{"GET", "/endless", serve, f}};
    kh_http_options options = {.thread_count = 1,
                               .connections_max = 20,
                               .connections_per_address_max = 20,
                               .idle_timeout_s = 30,
                               .body_bytes_max = 100,
                               .loopback_hosts_only = true};
    kh_watch_options watch = {.session_goes_on = session_goes_on, .context = f};

    kh_log_set_level(KH_LOG_ERROR);
    atomic_init(&f->session, true);
    atomic_init(&f->allowed, true);
    assert_int_equal(kh_page_create(&f->page, NULL), KH_OK);
    atomic_store(&f->page->grant_epoch, 5);
    watch.page = f->page;
    assert_int_equal(kh_watch_create(&f->watch, &watch, NULL), KH_OK);
    assert_int_equal(kh_pool_create(&f->pool, "pieces", 2, 40, NULL), KH_OK);
    options.listen_fd = client_listen(&f->port);
    assert_int_equal(kh_http_server_start(&f->server, &options, routes, KH_COUNT(routes), NULL), KH_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;

    kh_http_server_stop(f->server, 100);
    kh_pool_stop(f->pool);
    kh_watch_free(f->watch);
    kh_page_free(f->page);
    free(f);
    return 0;
}

/* --- */

static void decided_when_rights_move(void **state)
{
    fixture *f = *state;
    kh_watched *watched = kh_watch_begin(f->watch, &reader, decide, f, dropped);

    await(is_decided, f); /* at the first look: rights may have moved between the first decision and the watch */
    assert_true(kh_watched_goes_on(watched));
    atomic_fetch_add(&f->page->grant_epoch, 1);
    await(is_decided_again, f);
    assert_true(kh_watched_goes_on(watched)); /* another's rights moved */
    atomic_store(&f->allowed, false);
    atomic_fetch_add(&f->page->grant_epoch, 1);
    await(is_shut, watched);
    atomic_store(&f->allowed, true);
    atomic_fetch_add(&f->page->grant_epoch, 1);
    usleep(3 * KH_WATCH_LOOK_MS * 1000);
    assert_false(kh_watched_goes_on(watched)); /* for good */
    assert_int_equal(f->dropped, 0);
    kh_watch_end(watched);
    assert_int_equal(f->dropped, 1);
}

static void shut_with_the_session(void **state)
{
    fixture *f = *state;
    kh_watched *watched = kh_watch_begin(f->watch, &reader, decide, f, dropped),
               *other = kh_watch_begin(f->watch, &reader, decide, f, dropped);

    await(is_decided, f);
    kh_watch_end(other);
    atomic_store(&f->session, false);
    await(is_shut, watched);
    kh_watch_end(watched);
    kh_watch_end(NULL);
    assert_int_equal(f->dropped, 2);
}

static void freed_with_the_watch(void **state)
{
    fixture *f = *state;
    kh_watch *watch = NULL;
    kh_watched *watched;

    assert_int_equal(kh_watch_create(&watch, &(kh_watch_options){.page = f->page}, NULL), KH_OK);
    watched = kh_watch_begin(watch, &reader, decide, f, dropped);
    assert_true(kh_watched_goes_on(watched));
    assert_true(kh_watch_session_goes_on(watch, &reader)); /* nobody is asked */
    kh_watch_free(watch);
    assert_int_equal(f->dropped, 1);
}

static size_t read_some(int fd, size_t wanted, bool *over)
{
    static char sink[65536];
    size_t total = 0;

    while (total < wanted && !*over) {
        ssize_t got = recv(fd, sink, sizeof sink, 0);

        *over = got <= 0;
        total += got > 0 ? (size_t)got : 0;
    }
    return total;
}

/* Whoever withdraws: the answer ends, and what waits in the socket goes with it. */
static void an_answer_breaks_off(void **state, bool by_session, bool reads)
{
    fixture *f = *state;
    static const char request[] = "GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const int small = 16 * 1024;
    bool over = false;
    int made, fd = client_connect(f->port, PATIENCE_MS);

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    assert_true(client_send(fd, request, sizeof request - 1));
    assert_true(read_some(fd, 1 << 20, &over) >= 1 << 20);
    if (by_session)
        atomic_store(&f->session, false);
    else
        atomic_store(&f->allowed, false);
    atomic_fetch_add(&f->page->grant_epoch, 1);
    for (int64_t deadline_ms = kh_clock_monotonic_ms() + PATIENCE_MS; !over && kh_clock_monotonic_ms() < deadline_ms;) {
        if (!reads)
            usleep(300000); /* a reader who waits gets no more than lies at his own end */
        (void)read_some(fd, 1 << 16, &over);
    }
    assert_true(over);
    made = atomic_load(&f->pieces);
    usleep(100000);
    assert_int_equal(atomic_load(&f->pieces), made);
    close(fd);
    for (int64_t deadline_ms = kh_clock_monotonic_ms() + PATIENCE_MS; f->answers_dropped == 0 && kh_clock_monotonic_ms() < deadline_ms;)
        usleep(2000);
    assert_int_equal(f->answers_dropped, 1);
    assert_int_equal(f->dropped, 1);
}

static void withdrawn_from_a_reader(void **state)
{
    an_answer_breaks_off(state, false, true);
}

static void withdrawn_from_a_slow_reader(void **state)
{
    an_answer_breaks_off(state, false, false);
}

static void signed_out_while_reading(void **state)
{
    an_answer_breaks_off(state, true, true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(decided_when_rights_move), TEST(shut_with_the_session),        TEST(freed_with_the_watch),
                                       TEST(withdrawn_from_a_reader),  TEST(withdrawn_from_a_slow_reader), TEST(signed_out_while_reading)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
