/* GET and POST .../values: what is asked, what is told, what is refused. What is measured is tests/render/test_measure.c's. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "tests/portal/fixture.h"

static const char *target_of(const kh_ingest_result *object, unsigned frame, const char *query)
{
    static char target[4096];

    snprintf(target, sizeof target, "/api/series/%lld/%lld-%u/values%s", (long long)object->series_id, (long long)object->object_id, frame,
             query);
    return target;
}

static double number(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);

    if (!json_is_number(value))
        fail_msg("%s is no number", key);
    return json_number_value(value);
}

static void assert_null_member(const json_t *json, const char *key)
{
    if (!json_is_null(json_object_get(json, key)))
        fail_msg("%s is not null", key);
}

/* The samples' value is 10 * instance + column / 64. */
static void values_of_a_region(void **state)
{
    fixture *f = *state;
    json_t *json = get_json(f, target_of(&f->slices[2], 0, "?kind=rectangle&points=0,10,128,20"));

    assert_int_equal(number(json, "count"), 1280);
    assert_int_equal(number(json, "padding"), 0);
    assert_true(fabs(number(json, "mean") - 20.5) < 1e-9);
    assert_true(fabs(number(json, "sd") - 0.5) < 1e-9);
    assert_true(number(json, "min") == 20 && number(json, "max") == 21 && number(json, "area_px") == 1280);
    assert_string_equal(json_string_value(json_object_get(json, "unit")), "HU");
    assert_string_equal(json_string_value(json_object_get(json, "values")), "modality");
    assert_null_member(json, "length_px");
    assert_null_member(json, "degrees");
    assert_null_member(json, "rgb");
    json_decref(json);
    json = get_json(f, target_of(&f->slices[1], 0, "?kind=probe&points=511.5,3"));
    assert_true(number(json, "value") == 10 + 7 && number(json, "stored") == 1024 + 17);
    json_decref(json);
}

static void lengths(void **state)
{
    fixture *f = *state;
    json_t *json = get_json(f, target_of(&f->slices[0], 0, "?kind=length&points=1.5,2,4.5,6"));

    assert_true(fabs(number(json, "length_px") - 5) < 1e-12);
    assert_null_member(json, "count");
    assert_null_member(json, "unit");
    json_decref(json);
}

static const struct {
    const char *name, *query;
    unsigned code;
    const char *words;
} refused[] = {
    {"no kind", "?points=1,1", 400, "kind is missing"},
    {"another kind", "?kind=circle&points=1,1,2,2", 400, "kind \\\"circle\\\""},
    {"not measured", "?kind=arrow&points=1,1,2,2", 400, "nothing is measured"},
    {"no points", "?kind=length", 400, "points: 0, expected 2"},
    {"one number too few", "?kind=length&points=1,1,2", 400, "points: number 2"},
    {"a comma at the end", "?kind=probe&points=1,1,", 400, "points: number"},
    {"words", "?kind=probe&points=1,x", 400, "points: number 1"},
    {"no number", "?kind=probe&points=nan,1", 400, "points: number 1"},
    {"hexadecimal", "?kind=probe&points=0x10,1", 400, "points: number 1"},
    {"a space", "?kind=probe&points=1,%201", 400, "points: number 1"},
    {"too large", "?kind=probe&points=1e999,1", 400, "points: number 1"},
    {"right on the edge", "?kind=probe&points=512,512", 200, "\"value\":"},
    {"beyond it", "?kind=probe&points=512.01,512", 400, "points: number 1 is"},
    {"twice", "?kind=probe&kind=probe&points=1,1", 400, ""},
};

static void the_parameter_is_named(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < KH_COUNT(refused); i++) {
        client_answer answer = get(f, target_of(&f->slices[0], 0, refused[i].query), "");

        if (answer.code != refused[i].code || !strstr((char *)answer.body, refused[i].words))
            fail_msg("%s: %u %s", refused[i].name, answer.code, answer.body);
        client_answer_free(&answer);
    }
}

static void what_is_not_there(void **state)
{
    fixture *f = *state;
    kh_ingest_result other = f->slices[0];

    assert_int_equal(get_code(f, target_of(&f->slices[0], 1, "?kind=probe&points=1,1")), 404);
    other.object_id = f->other.object_id;
    assert_int_equal(get_code(f, target_of(&other, 0, "?kind=probe&points=1,1")), 404);
    other.series_id = 999999;
    assert_int_equal(get_code(f, target_of(&other, 0, "?kind=probe&points=1,1")), 404);
    assert_int_equal(get_code(f, target_of(&f->broken, 0, "?kind=probe&points=1,1")), 422);
    assert_int_equal(get_code(f, target_of(&f->report, 0, "?kind=probe&points=1,1")), 404);
}

/* --- POST --- */

static client_answer post(fixture *f, const char *target, const char *body)
{
    char head[1024];
    int fd = client_connect(f->port, 10000);
    client_answer answer;

    snprintf(
        head, sizeof head,
        "POST %.800s HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
        target, strlen(body));
    assert_true(client_send(fd, head, strlen(head)) && client_send(fd, body, strlen(body)));
    answer = client_receive(fd, true);
    close(fd);
    return answer;
}

/* A rectangle whose sides hold a thousand points. */
static void many_points(void **state)
{
    fixture *f = *state;
    static char body[32768];
    client_answer answer;
    json_t *json;
    size_t used = (size_t)snprintf(body, sizeof body, "{\"kind\":\"freehand\",\"points\":[[0,10],[250.5,10]");

    for (unsigned i = 2; i < 1000; i++)
        used += (size_t)snprintf(body + used, sizeof body - used, ",[%g,20]", 250.5 - 250.5 * (i - 2) / 997);
    snprintf(body + used, sizeof body - used, "]}");
    answer = post(f, target_of(&f->slices[0], 0, ""), body);
    if (answer.code != 200)
        fail_msg("%u %s", answer.code, answer.body);
    json = json_loadb((char *)answer.body, answer.body_size, 0, NULL);
    assert_true(fabs(number(json, "area_px") - 2505) < 1e-6);
    assert_int_equal(number(json, "count"), 2500); /* 250.5: the last centre lies on the right side, which does not belong to it */
    json_decref(json);
    client_answer_free(&answer);
    snprintf(body + used, sizeof body - used, ",[0,10]]}");
    answer = post(f, target_of(&f->slices[0], 0, ""), body);
    assert_int_equal(answer.code, 400);
    assert_non_null(strstr((char *)answer.body, "at most 1000"));
    client_answer_free(&answer);
}

static const struct {
    const char *body;
    unsigned code;
} bodies[] = {
    {"{\"kind\":\"probe\",\"points\":[[1,1]]}", 200},
    {"{\"kind\":\"probe\",\"points\":[1,1]}", 400},
    {"{\"kind\":\"probe\",\"points\":[[1,\"1\"]]}", 400},
    {"{\"kind\":\"probe\",\"points\":[[1,1,1]]}", 400},
    {"{\"kind\":\"probe\",\"points\":[[1]]}", 400},
    {"{\"kind\":\"probe\",\"points\":{\"x\":1,\"y\":1}}", 400},
    {"{\"kind\":\"probe\"}", 400},
    {"{\"kind\":3,\"points\":[[1,1]]}", 400},
    {"{\"kind\":\"probe\",\"points\":[[1,null]]}", 400},
    {"{\"kind\":\"probe\",\"points\":[[1,1]]", 422},
};

static void bodies_are_checked(void **state)
{
    fixture *f = *state;

    for (size_t i = 0; i < KH_COUNT(bodies); i++) {
        client_answer answer = post(f, target_of(&f->slices[0], 0, ""), bodies[i].body);

        if (answer.code != bodies[i].code)
            fail_msg("%s: %u %s", bodies[i].body, answer.code, answer.body);
        client_answer_free(&answer);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(values_of_a_region), TEST(lengths),     TEST(the_parameter_is_named),
                                       TEST(what_is_not_there),  TEST(many_points), TEST(bodies_are_checked)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
