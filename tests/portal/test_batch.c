/* Many tiles in one answer: the bytes of the single ones, in the order asked, whatever becomes of some of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "tests/portal/fixture.h"

#define TILES_MAX 256

typedef struct cursor {
    const uint8_t *at, *end;
} cursor;

/* The line before a tile; the bytes behind it are its. json_decref() it. */
static json_t *take_line(cursor *c)
{
    const uint8_t *end = memchr(c->at, '\n', (size_t)(c->end - c->at));
    json_t *line;

    if (!end)
        fail_msg("no line where one was expected");
    line = json_loadb((const char *)c->at, (size_t)(end - c->at), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(line);
    c->at = end + 1;
    return line;
}

static long long member(const json_t *line, const char *name)
{
    return json_integer_value(json_object_get(line, name));
}

/* The next of a batch is what the single tile at target is. */
static void expect_tile(fixture *f, cursor *c, const char *target)
{
    client_answer single = get(f, target, "");
    json_t *line = take_line(c);
    char window[64], lossy[200];

    assert_int_equal(single.code, 200);
    assert_int_equal(member(line, "code"), 200);
    assert_int_equal(member(line, "size"), single.body_size);
    assert_true(client_header(&single, "X-Kakehashi-Window", window, sizeof window));
    assert_true(client_header(&single, "X-Kakehashi-Lossy", lossy, sizeof lossy));
    assert_string_equal(json_string_value(json_object_get(line, "window")), window);
    assert_string_equal(json_string_value(json_object_get(line, "lossy")), lossy);
    assert_true((size_t)(c->end - c->at) >= single.body_size);
    assert_memory_equal(c->at, single.body, single.body_size);
    c->at += single.body_size;
    json_decref(line);
    client_answer_free(&single);
}

static void expect_failure(cursor *c, long long code, const char *word)
{
    json_t *line = take_line(c);

    assert_int_equal(member(line, "code"), code);
    assert_int_equal(member(line, "size"), 0);
    if (!strstr(json_string_value(json_object_get(line, "message")), word))
        fail_msg("%s: no word of %s", json_string_value(json_object_get(line, "message")), word);
    json_decref(line);
}

/* "/tiles/S/batch?QUERYtiles=" and the objects' only tiles at level 0. */
static void make_target(char *out, size_t size, int64_t series, const char *query, const int64_t *objects, size_t count)
{
    size_t used = (size_t)snprintf(out, size, "/tiles/%lld/batch?%stiles=", (long long)series, query);

    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%lld-0/0/0/0", i ? "," : "", (long long)objects[i]);
}

static void in_the_order_asked(void **state)
{
    static const char *const queries[] = {"", "q=30&", "c=20&w=100&", "c=20&w=100&q=95&invert=1&"};
    static const size_t order[] = {3, 0, 4, 0, 1, 2, 3, 4, 2, 1};
    fixture *f = *state;
    int64_t objects[KH_COUNT(order)];

    for (size_t i = 0; i < KH_COUNT(order); i++)
        objects[i] = f->slices[order[i]].object_id;
    for (size_t q = 0; q < KH_COUNT(queries); q++) {
        char target[1024], query[64];
        client_answer answer;
        cursor c;

        make_target(target, sizeof target, f->slices[0].series_id, queries[q], objects, KH_COUNT(order));
        answer = get(f, target, "");
        assert_int_equal(answer.code, 200);
        c = (cursor){answer.body, answer.body + answer.body_size};
        snprintf(query, sizeof query, "?%s", queries[q]);
        query[strlen(query) - 1] = '\0'; /* the last & or the ? */
        for (size_t i = 0; i < KH_COUNT(order); i++)
            expect_tile(f, &c, tile_target(&f->slices[order[i]], query));
        assert_ptr_equal(c.at, c.end);
        client_answer_free(&answer);
    }
}

/* The next of a batch is what the single tile at target is, put together with the beginning of the one before it. Gives how many bytes
 * stayed away. */
static size_t expect_like(fixture *f, cursor *c, const char *target, uint8_t *before, size_t *before_size, size_t most)
{
    client_answer single = get(f, target, "");
    json_t *line = take_line(c);
    size_t size = (size_t)member(line, "size"), like = (size_t)member(line, "like"); /* 0 where it is not told */

    assert_int_equal(member(line, "code"), 200);
    assert_true(like <= *before_size && like <= 1024);
    assert_int_equal(like + size, single.body_size);
    assert_true(single.body_size <= most && (size_t)(c->end - c->at) >= size);
    memcpy(before + like, c->at, size);
    *before_size = like + size;
    assert_memory_equal(before, single.body, single.body_size);
    c->at += size;
    json_decref(line);
    client_answer_free(&single);
    return like;
}

static void what_is_like_the_one_before_stays_away(void **state)
{
    static const size_t order[] = {3, 0, 4, 0, 0};
    fixture *f = *state;
    const int64_t objects[] = {f->slices[3].object_id, f->slices[0].object_id, f->other.object_id,
                               f->slices[4].object_id, f->slices[0].object_id, f->slices[0].object_id};
    static uint8_t before[1 << 20];
    size_t before_size = 0;
    char target[1024];
    client_answer answer;
    cursor c;

    make_target(target, sizeof target, f->slices[0].series_id, "like=1&", objects, KH_COUNT(objects));
    answer = get(f, target, "");
    assert_int_equal(answer.code, 200);
    c = (cursor){answer.body, answer.body + answer.body_size};
    for (size_t i = 0; i < KH_COUNT(order); i++) {
        size_t like = expect_like(f, &c, tile_target(&f->slices[order[i]], ""), before, &before_size, sizeof before);

        if (i == 0)
            assert_int_equal(like, 0);
        else
            assert_in_range(like, 300, 1024); /* the tables of a grey JPEG; all of a tile that is there twice, up to the limit */
        if (i == 1)
            expect_failure(&c, 404, "object"); /* one that is not there changes nothing */
    }
    assert_ptr_equal(c.at, c.end);
    client_answer_free(&answer);
}

static void some_cannot_be_had(void **state)
{
    fixture *f = *state;
    const int64_t objects[] = {f->slices[0].object_id, f->other.object_id, f->slices[1].object_id, INT64_MAX, f->slices[2].object_id};
    char target[1024];
    client_answer answer;
    cursor c;

    make_target(target, sizeof target, f->slices[0].series_id, "", objects, KH_COUNT(objects));
    answer = get(f, target, "");
    assert_int_equal(answer.code, 200);
    c = (cursor){answer.body, answer.body + answer.body_size};
    expect_tile(f, &c, tile_target(&f->slices[0], ""));
    expect_failure(&c, 404, "object");
    expect_tile(f, &c, tile_target(&f->slices[1], ""));
    expect_failure(&c, 404, "object");
    expect_tile(f, &c, tile_target(&f->slices[2], ""));
    assert_ptr_equal(c.at, c.end);
    client_answer_free(&answer);
    make_target(target, sizeof target, f->broken.series_id, "", &f->broken.object_id, 1);
    answer = get(f, target, "");
    c = (cursor){answer.body, answer.body + answer.body_size};
    expect_failure(&c, 422, "BitsAllocated");
    client_answer_free(&answer);
}

static void refusals(void **state)
{
    static const struct {
        const char *target;
        const char *word;
    } rows[] = {
        {"/tiles/1/batch", "tiles: number 1"},
        {"/tiles/1/batch?like=0&tiles=1-0/0/0/0", "like"},
        {"/tiles/1/batch?like=&tiles=1-0/0/0/0", "like"},
        {"/tiles/1/batch?like=11&tiles=1-0/0/0/0", "like"},
        {"/tiles/1/batch?tiles=", "tiles: number 1"},
        {"/tiles/1/batch?tiles=1-0/0/0/0,", "tiles: number 2"},
        {"/tiles/1/batch?tiles=,1-0/0/0/0", "tiles: number 1"},
        {"/tiles/1/batch?tiles=1-0/0/0/0;1-0/0/0/0", "tiles: number 1"},
        {"/tiles/1/batch?tiles=0-0/0/0/0", "tiles: number 1"},
        {"/tiles/1/batch?tiles=1-0/0/0", "tiles: number 1"},
        {"/tiles/1/batch?tiles=1-0/0/0/0/0", "tiles: number 1"},
        {"/tiles/1/batch?tiles=1/0/0/0/0", "tiles: number 1"},
        {"/tiles/1/batch?tiles=+1-0/0/0/0", "tiles: number 1"},
        {"/tiles/1/batch?tiles=1--1/0/0/0", "tiles: number 1"},
        {"/tiles/1/batch?tiles=1-4294967296/0/0/0", "tiles: number 1"},
        {"/tiles/1/batch?tiles=1-0/17/0/0", "tiles: number 1"},
        {"/tiles/1/batch?tiles=1-0/0/65536/0", "tiles: number 1"},
        {"/tiles/1/batch?tiles=1-0/0/0/65536", "tiles: number 1"},
        {"/tiles/1/batch?tiles=99999999999999999999-0/0/0/0", "tiles: number 1"},
        {"/tiles/x/batch?tiles=1-0/0/0/0", "series"},
        {"/tiles/1/batch?tiles=1-0/0/0/0&q=0", "q"},
        {"/tiles/1/batch?tiles=1-0/0/0/0&c=1", "c and w"},
    };
    fixture *f = *state;

    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        client_answer answer = get(f, rows[i].target, "");

        if (answer.code != 400 || !strstr((const char *)answer.body, rows[i].word))
            fail_msg("%s: %u %s", rows[i].target, answer.code, (const char *)answer.body);
        client_answer_free(&answer);
    }
}

static void as_many_as_may_be(void **state)
{
    fixture *f = *state;

    for (size_t more = 0; more < 2; more++) {
        int64_t objects[TILES_MAX + 1];
        char target[4096];
        client_answer answer;
        cursor c;

        for (size_t i = 0; i < TILES_MAX + more; i++)
            objects[i] = f->slices[i % SLICES].object_id;
        make_target(target, sizeof target, f->slices[0].series_id, "", objects, TILES_MAX + more);
        answer = get(f, target, "");
        assert_int_equal(answer.code, more ? 400 : 200);
        c = (cursor){answer.body, answer.body + answer.body_size};
        for (size_t i = 0; i < TILES_MAX && !more; i++) {
            json_t *line = take_line(&c);

            assert_int_equal(member(line, "code"), 200);
            c.at += member(line, "size");
            json_decref(line);
        }
        assert_true(more || c.at == c.end);
        client_answer_free(&answer);
    }
}

/* Nothing waits for them, the others are served, and the portal stops with some of them under way. */
static void clients_that_leave(void **state)
{
    fixture *f = *state;

    for (int i = 0; i < 8; i++) {
        int64_t objects[TILES_MAX];
        char target[4096], request[4400];
        uint8_t some[100];
        int fd = client_connect(f->port, 5000), size;

        for (size_t k = 0; k < TILES_MAX; k++)
            objects[k] = f->slices[k % SLICES].object_id;
        make_target(target, sizeof target, f->slices[0].series_id, "", objects, TILES_MAX);
        size = snprintf(request, sizeof request, "GET %s&c=%d&w=33 HTTP/1.1\r\nHost: localhost\r\n\r\n", target, i);
        assert_true(client_send(fd, request, (size_t)size));
        assert_true(read(fd, some, sizeof some) > 0);
        close(fd);
    }
    assert_int_equal(get_code(f, tile_target(&f->slices[0], "?c=99&w=50")), 200);
}

static void head_only(void **state)
{
    fixture *f = *state;
    int fd = client_connect(f->port, 5000), size;
    char target[256], request[512];
    client_answer answer;

    make_target(target, sizeof target, f->slices[0].series_id, "", &f->slices[0].object_id, 1);
    size = snprintf(request, sizeof request, "HEAD %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
    assert_true(client_send(fd, request, (size_t)size));
    answer = client_receive(fd, false);
    assert_int_equal(answer.code, 200);
    client_answer_free(&answer);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(in_the_order_asked, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(what_is_like_the_one_before_stays_away, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(some_cannot_be_had, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(refusals, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(as_many_as_may_be, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(clients_that_leave, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(head_only, fixture_open, fixture_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
