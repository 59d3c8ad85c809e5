/* Many at once, events, and stopping in the middle. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "tests/portal/fixture.h"

typedef struct reader {
    fixture *f;
    atomic_int *wrong, *busy;
    int rounds, qualities;
} reader;

static void *read_tiles(void *argument)
{
    reader *r = argument;

    for (int i = 0; i < r->rounds; i++) {
        char query[16], retry[8];
        client_answer answer;

        snprintf(query, sizeof query, "?q=%d", 1 + i % r->qualities);
        answer = get(r->f, tile_target(&r->f->slices[i % SLICES], query), "");
        if (answer.code == 503 && client_header(&answer, "Retry-After", retry, sizeof retry))
            atomic_fetch_add(r->busy, 1);
        else if (answer.code != 200)
            atomic_fetch_add(r->wrong, 1);
        client_answer_free(&answer);
    }
    return NULL;
}

static void run_readers(reader *r, int count)
{
    pthread_t threads[16];

    for (int i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, read_tiles, r);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static void test_each_tile_is_rendered_once(void **state)
{
    fixture *f = *state;
    atomic_int wrong = 0, busy = 0;
    reader r = {.f = f, .wrong = &wrong, .busy = &busy, .rounds = 20, .qualities = 1};

    run_readers(&r, 6);
    assert_int_equal(wrong, 0);
    assert_int_equal(busy, 0);
    assert_true(get_metric(f, "tiles_rendered_total") == SLICES);
}

/* One render thread and room for one: askers beyond that are told to come again, none is left without an answer. */
static void test_busy_is_told(void **state)
{
    fixture *f = *state;
    atomic_int wrong = 0, busy = 0;
    reader r = {.f = f, .wrong = &wrong, .busy = &busy, .rounds = 30, .qualities = 30};
    int fds[40], codes[2] = {0, 0};

    f->options.render_threads = 1;
    f->options.render_queue_max = 1;
    fixture_restart(f);
    for (int i = 0; i < 40; i++) {
        char text[200];

        snprintf(text, sizeof text, "GET /tiles/%lld/%lld-0/0/0/0.jpg?q=%d HTTP/1.1\r\nHost: localhost\r\n\r\n",
                 (long long)f->other.series_id, (long long)f->other.object_id, i + 1);
        fds[i] = client_connect(f->port, 20000);
        assert_true(client_send(fds[i], text, strlen(text)));
    }
    for (int i = 0; i < 40; i++) {
        client_answer answer = client_receive(fds[i], true);

        assert_true(answer.code == 200 || answer.code == 503);
        codes[answer.code == 503]++;
        client_answer_free(&answer);
        close(fds[i]);
    }
    assert_true(codes[0] >= 1);
    assert_true(codes[1] >= 1);
    assert_true(get_metric(f, "tiles_refused_total") == codes[1]);
    run_readers(&r, 4);
    assert_int_equal(wrong, 0);
}

static int open_events(fixture *f, const char *header)
{
    char text[200];
    int fd = client_connect(f->port, 5000);

    snprintf(text, sizeof text, "GET /api/events HTTP/1.1\r\nHost: localhost\r\n%s\r\n", header);
    assert_true(client_send(fd, text, strlen(text)));
    return fd;
}

/* Reads until all of text has come; fails with what came instead. */
static void expect_event(int fd, const char *text, char *out, size_t out_size)
{
    size_t size = 0;

    memset(out, 0, out_size);
    while (!strstr(out, text)) {
        ssize_t n = recv(fd, out + size, out_size - 1 - size, 0);

        if (n <= 0)
            fail_msg("expected %s, got %s", text, out);
        for (ssize_t i = 0; i < n; i++) /* chunk headers aside, text only */
            assert_int_not_equal(out[size + (size_t)i], 0);
        size += (size_t)n;
    }
}

static void test_events(void **state)
{
    fixture *f = *state;
    char got[8192], expected[200], last[64];
    kh_node node = {.name = "pacs", .ae_title = "PACS", .host = "127.0.0.1", .port = 104, .facility = "city-hospital"};
    kh_ingest_result added;
    int64_t pull_id;
    int fd = open_events(f, "");

    expect_event(fd, "retry: 2000\n\n", got, sizeof got);
    snprintf(last, sizeof last, "Last-Event-ID: %llu\r\n",
             (unsigned long long)atomic_load(&f->samples.page->event_seq));
    added = samples_add(&f->samples, &(sample_image){.study = 3, .series = 1, .instance = 1, .rows = 16, .columns = 16});
    snprintf(expected, sizeof expected, "event: study\ndata: {\"study\":%lld}\n\n", (long long)added.study_id);
    expect_event(fd, expected, got, sizeof got);
    assert_non_null(strstr(got, "id: "));
    assert_int_equal(kh_node_add(f->samples.cache, &node, NULL), KH_OK);
    expect_event(fd, "event: node\n", got, sizeof got);
    assert_int_equal(kh_pull_file(f->samples.cache, node.id, "1.2.3.4", 0, "test", &pull_id, NULL), KH_OK);
    snprintf(expected, sizeof expected,
             "event: pull\ndata: {\"pull\":%lld,\"study_uid\":\"1.2.3.4\",\"state\":\"waiting\",\"expected\":-1,\"received\":0,"
             "\"failed\":0,\"reason\":\"\",\"compare\":false}\n\n",
             (long long)pull_id);
    expect_event(fd, expected, got, sizeof got);
    close(fd);
    /* who was away hears all of it again, in order, and nothing from before */
    fd = open_events(f, last);
    expect_event(fd, expected, got, sizeof got);
    assert_non_null(strstr(got, "event: study"));
    assert_non_null(strstr(got, "event: node"));
    assert_true(strstr(got, "event: study") < strstr(got, "event: node"));
    close(fd);
    fd = open_events(f, "Last-Event-ID: 18446744073709551615\r\n");
    expect_event(fd, "event: reload\n", got, sizeof got);
    close(fd);
}

static void test_streams_are_bounded(void **state)
{
    fixture *f = *state;
    char got[4096];
    int first, second;
    client_answer answer;

    f->options.streams_max = 2;
    fixture_restart(f);
    first = open_events(f, "");
    expect_event(first, "retry", got, sizeof got);
    second = open_events(f, "");
    expect_event(second, "retry", got, sizeof got);
    answer = get(f, "/api/events", "");
    assert_int_equal(answer.code, 503);
    client_answer_free(&answer);
    close(first);
    close(second);
}

static void *read_until_stopped(void *argument)
{
    reader *r = argument;

    while (atomic_load(r->wrong) == 0) {
        char query[16];

        snprintf(query, sizeof query, "?q=%d", 1 + rand() % 100);
        if (get_code(r->f, tile_target(&r->f->slices[rand() % SLICES], query)) == 0)
            break; /* nobody listens any more */
    }
    return NULL;
}

static void test_stop_under_load(void **state)
{
    fixture *f = *state;

    for (int round = 0; round < 3; round++) {
        atomic_int wrong = 0;
        reader r = {.f = f, .wrong = &wrong};
        pthread_t threads[4];
        int events = open_events(f, "");

        for (size_t i = 0; i < KH_COUNT(threads); i++)
            pthread_create(&threads[i], NULL, read_until_stopped, &r);
        kh_clock_sleep_ms(60);
        kh_portal_stop(f->portal, round == 0 ? 0 : 500);
        f->portal = NULL;
        atomic_store(&wrong, 1);
        for (size_t i = 0; i < KH_COUNT(threads); i++)
            pthread_join(threads[i], NULL);
        close(events);
        fixture_restart(f);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
    const struct CMUnitTest tests[] = {
        TEST(test_each_tile_is_rendered_once), TEST(test_busy_is_told),   TEST(test_events),
        TEST(test_streams_are_bounded),        TEST(test_stop_under_load),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
