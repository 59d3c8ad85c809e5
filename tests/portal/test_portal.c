/* What docs/http-api.md promises, asked over sockets. */
#include <libdeflate.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/portal/fixture.h"
#include "viewer/web/assets.h"

static const char *text_of(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));

    return text ? text : "(none)";
}

static long long int_of(const json_t *json, const char *key)
{
    assert_true(json_is_integer(json_object_get(json, key)));
    return json_integer_value(json_object_get(json, key));
}

static void test_study_list(void **state)
{
    fixture *f = *state;
    json_t *json = get_json(f, "/api/studies");
    json_t *studies = json_object_get(json, "studies"), *study = json_array_get(studies, 0), *patient;

    assert_int_equal(int_of(json, "total"), 2);
    assert_int_equal(json_array_size(studies), 2);
    assert_int_equal(int_of(study, "id"), f->slices[0].study_id);
    assert_string_equal(text_of(study, "uid"), "1.2.392.200036.9999.77.1.1");
    assert_string_equal(text_of(study, "date"), "20261103");
    assert_string_equal(text_of(study, "time"), "101500");
    assert_string_equal(text_of(study, "description"), "\xe8\x83\xb8\xe8\x85\xb9\xe9\x83\xa8" "CT");
    assert_string_equal(text_of(study, "facility"), "city-hospital");
    assert_string_equal(text_of(study, "accession"), "A1001");
    assert_int_equal(int_of(study, "series"), 3);
    assert_int_equal(int_of(study, "objects"), SLICES + 2);
    assert_true(int_of(study, "frames") >= SLICES);
    assert_true(int_of(study, "bytes") > SLICES * 512 * 512 * 2);
    assert_true(json_is_null(json_object_get(study, "pull")));
    assert_int_equal(strlen(text_of(study, "first_arrival")), strlen("2026-11-20T21:00:00.000Z"));
    assert_string_equal(json_string_value(json_array_get(json_object_get(study, "modalities"), 0)), "CT");
    assert_string_equal(json_string_value(json_array_get(json_object_get(study, "modalities"), 1)), "SR");
    patient = json_object_get(json_array_get(studies, 1), "patient");
    assert_string_equal(text_of(patient, "id"), "K-000123");
    assert_string_equal(text_of(patient, "birth_date"), "19560214");
    assert_string_equal(text_of(patient, "sex"), "F");
    assert_string_equal(text_of(json_object_get(patient, "name"), "alphabetic"), "Yamada^Hanako");
    assert_string_equal(text_of(json_object_get(patient, "name"), "ideographic"), "\xe5\xb1\xb1\xe7\x94\xb0^\xe8\x8a\xb1\xe5\xad\x90");
    json_decref(json);
}

static void test_study_filters(void **state)
{
    static const struct {
        const char *query;
        int total, listed;
    } table[] = {{"?q=%E5%B1%B1%E7%94%B0", 1, 1}, {"?q=yamada", 1, 1}, {"?q=nobody", 0, 0},   {"?q=", 2, 2},
                 {"?modality=SR", 1, 1},          {"?modality=MR", 0, 0}, {"?modality=", 2, 2},
                 {"?from=20260101", 1, 1},        {"?to=20251231", 1, 1}, {"?from=20250102&to=20250102", 1, 1},
                 {"?from=20250103&to=20250104", 0, 0},
                 {"?limit=1", 2, 1},              {"?limit=1&offset=1", 2, 1}, {"?offset=2", 2, 0}, {"?limit=200", 2, 2}};
    fixture *f = *state;

    for (size_t i = 0; i < KH_COUNT(table); i++) {
        char target[200];
        json_t *json;

        snprintf(target, sizeof target, "/api/studies%s", table[i].query);
        json = get_json(f, target);
        if (int_of(json, "total") != table[i].total || (int)json_array_size(json_object_get(json, "studies")) != table[i].listed)
            fail_msg("%s: total %lld, %zu listed", table[i].query, int_of(json, "total"),
                     json_array_size(json_object_get(json, "studies")));
        json_decref(json);
    }
}

/* Every refusal: its code, and a message that is JSON and names the parameter. */
static void test_refusals(void **state)
{
    fixture *f = *state;
    struct {
        char target[160];
        unsigned code;
        const char *named;
    } table[] = {{"/api/studies?limit=0", 400, "limit"},
                 {"/api/studies?limit=201", 400, "limit"},
                 {"/api/studies?offset=-1", 400, "offset"},
                 {"/api/studies?offset=x", 400, "offset"},
                 {"/api/studies?from=2026", 400, "from"},
                 {"/api/studies?to=2026010x", 400, "to"},
                 {"/api/studies?q=a&q=b", 400, "q"},
                 {"/api/studies/x", 400, "id"},
                 {"/api/studies/0", 400, "id"},
                 {"/api/studies/99999", 404, ""},
                 {"/api/series/99999/stack", 404, ""},
                 {"/api/series/1.5/stack", 400, "id"},
                 {"/api/nothing", 404, ""},
                 {"/web/nothing.js", 404, ""},
                 {"/tiles/1/1-0/0/0/0.png", 404, ""},
                 {"/tiles/x/1-0/0/0/0.jpg", 400, "series"},
                 {"/tiles/1/x-0/0/0/0.jpg", 400, "object"},
                 {"/tiles/1/1-x/0/0/0.jpg", 400, "frame"},
                 {"/tiles/1/1-0/17/0/0.jpg", 400, "level"},
                 {"/tiles/1/1-0/0/-1/0.jpg", 400, "column"},
                 {"/tiles/1/1-0/0/0/70000.jpg", 400, "row"},
                 {"/tiles/99999/1-0/0/0/0.jpg", 404, "series"},
                 {"/tiles/1/1-0/0/0/0.jpg?q=0", 400, "q"},
                 {"/tiles/1/1-0/0/0/0.jpg?q=101", 400, "q"},
                 {"/tiles/1/1-0/0/0/0.jpg?invert=2", 400, "invert"},
                 {"/tiles/1/1-0/0/0/0.jpg?c=40", 400, "c and w"},
                 {"/tiles/1/1-0/0/0/0.jpg?w=40", 400, "c and w"},
                 {"/tiles/1/1-0/0/0/0.jpg?lut=4", 400, "lut"},
                 {"/tiles/1/1-0/0/0/0.jpg?lut=0&c=1&w=2", 400, "lut"},
                 {"/tiles/1/1-0/0/0/0.jpg?c=x&w=1", 400, "c"},
                 {"/tiles/1/1-0/0/0/0.jpg?c=1&w=0", 400, "w"},
                 {"/tiles/1/1-0/thumb.jpg?size=15", 400, "size"},
                 {"/tiles/1/1-0/thumb.jpg?size=513", 400, "size"},
                 {"/tiles/1/1-0/thumb.jpg?size=x", 400, "size"},
                 {"/tiles/1/1-0/thumb.jpg?q=0", 400, "q"},
                 {"/tiles/1/1-0/thumb.jpg?c=40", 400, "c and w"},
                 {"/tiles/x/1-0/thumb.jpg", 400, "series"},
                 {"/tiles/99999/1-0/thumb.jpg", 404, "series"},
                 {"/tiles/1/1-0/thumb.png", 404, ""},
                 {"", 422, "BitsAllocated"},
                 {"", 404, "level"},
                 {"", 404, "column"},
                 {"", 404, "row"},
                 {"", 404, "frame"},
                 {"", 404, "object"}};
    size_t n = KH_COUNT(table) - 6;
    long long series = f->slices[0].series_id, object = f->slices[0].object_id;

    snprintf(table[n].target, 160, "%s", tile_target(&f->broken, ""));
    snprintf(table[n + 1].target, 160, "/tiles/%lld/%lld-0/4/0/0.jpg", series, object);
    snprintf(table[n + 2].target, 160, "/tiles/%lld/%lld-0/0/1/0.jpg", series, object);
    snprintf(table[n + 3].target, 160, "/tiles/%lld/%lld-0/0/0/1.jpg", series, object);
    snprintf(table[n + 4].target, 160, "/tiles/%lld/%lld-1/0/0/0.jpg", series, object);
    snprintf(table[n + 5].target, 160, "/tiles/%lld/%lld-0/0/0/0.jpg", (long long)f->other.series_id, object);
    for (size_t i = 0; i < KH_COUNT(table); i++) {
        client_answer answer = get(f, table[i].target, "");
        json_t *json = answer.body ? json_loadb((char *)answer.body, answer.body_size, JSON_REJECT_DUPLICATES, NULL) : NULL;

        if (answer.code != table[i].code || !json || !strstr(text_of(json, "message"), table[i].named))
            fail_msg("%s: %u %s", table[i].target, answer.code, answer.body ? (char *)answer.body : "");
        assert_string_not_equal(text_of(json, "error"), "(none)");
        json_decref(json);
        client_answer_free(&answer);
    }
}

static void test_one_study(void **state)
{
    fixture *f = *state;
    char target[100];
    json_t *json, *list, *series;
    client_answer picture;
    int width, height, middle;

    snprintf(target, sizeof target, "/api/studies/%lld", (long long)f->slices[0].study_id);
    json = get_json(f, target);
    list = json_object_get(json, "series_list");
    assert_int_equal(int_of(json, "objects"), SLICES + 2);
    assert_int_equal(json_array_size(list), 3);
    series = json_array_get(list, 0);
    assert_int_equal(int_of(series, "id"), f->slices[0].series_id);
    assert_int_equal(int_of(series, "number"), 1);
    assert_string_equal(text_of(series, "modality"), "CT");
    assert_string_equal(text_of(series, "description"), "5mm axial");
    assert_int_equal(int_of(series, "frames"), SLICES);
    picture = get(f, text_of(series, "thumbnail"), "");
    assert_int_equal(picture.code, 200);
    assert_true(sample_jpeg_read(picture.body, picture.body_size, &width, &height, &middle));
    assert_int_equal(width, 128);
    assert_int_equal(height, 128);
    client_answer_free(&picture);
    assert_true(json_is_null(json_object_get(json_array_get(list, 1), "thumbnail")));
    assert_true(json_is_null(json_object_get(json_array_get(list, 2), "thumbnail")));
    json_decref(json);
}

/* What a series tells of the picture that it opens with is what its stack tells of the middle slice. */
static void test_opening(void **state)
{
    fixture *f = *state;
    static const char *const of_object[] = {"rows", "columns", "samples", "bits_stored"}, *const of_stack[] = {"tile_size",
                                                                                                               "default_quality"};
    char target[100];
    json_t *study, *stack, *list, *opening, *slice, *object;

    snprintf(target, sizeof target, "/api/studies/%lld", (long long)f->slices[0].study_id);
    study = get_json(f, target);
    list = json_object_get(study, "series_list");
    opening = json_object_get(json_array_get(list, 0), "opening");
    snprintf(target, sizeof target, "/api/series/%lld/stack", (long long)f->slices[0].series_id);
    stack = get_json(f, target);
    slice = json_array_get(json_object_get(stack, "slices"), SLICES / 2);
    object = json_array_get(json_object_get(stack, "objects"), (size_t)int_of(slice, "object"));
    assert_int_equal(int_of(opening, "object"), int_of(object, "id"));
    assert_int_equal(int_of(opening, "frame"), int_of(slice, "frame"));
    for (size_t i = 0; i < KH_COUNT(of_object); i++)
        assert_int_equal(int_of(opening, of_object[i]), int_of(object, of_object[i]));
    for (size_t i = 0; i < KH_COUNT(of_stack); i++)
        assert_int_equal(int_of(opening, of_stack[i]), int_of(stack, of_stack[i]));
    assert_string_equal(text_of(opening, "photometric"), text_of(object, "photometric"));
    assert_true(json_is_null(json_object_get(json_array_get(list, 1), "opening")));
    assert_true(json_is_null(json_object_get(json_array_get(list, 2), "opening")));
    json_decref(stack);
    json_decref(study);
}

static double number_at(const json_t *json, const char *key, size_t index)
{
    return json_number_value(json_array_get(json_object_get(json, key), index));
}

static void test_stack(void **state)
{
    fixture *f = *state;
    char target[100];
    json_t *json, *slices, *object, *window;

    snprintf(target, sizeof target, "/api/series/%lld/stack", (long long)f->slices[0].series_id);
    json = get_json(f, target);
    slices = json_object_get(json, "slices");
    assert_int_equal(int_of(json, "series"), f->slices[0].series_id);
    assert_int_equal(int_of(json, "study"), f->slices[0].study_id);
    assert_string_equal(text_of(json, "modality"), "CT");
    assert_string_equal(text_of(json, "order"), "position");
    assert_true(json_is_true(json_object_get(json, "even_spacing")));
    assert_true(json_number_value(json_object_get(json, "spacing_mm")) == 2.5);
    assert_int_equal(int_of(json, "tile_size"), 512);
    assert_int_equal(int_of(json, "default_quality"), 80);
    assert_int_equal(json_array_size(slices), SLICES);
    for (size_t i = 0; i < SLICES; i++) { /* by position, the way the instances are numbered: from the head down */
        json_t *slice = json_array_get(slices, i);

        object = json_array_get(json_object_get(json, "objects"), (size_t)int_of(slice, "object"));
        assert_int_equal(int_of(object, "id"), f->slices[i].object_id);
        assert_int_equal(int_of(object, "instance"), (long long)(i + 1));
        assert_true(number_at(slice, "position", 2) == -2.5 * (double)i);
        assert_true(number_at(slice, "orientation", 0) == 1 && number_at(slice, "orientation", 4) == 1);
        assert_true(number_at(slice, "spacing", 0) == 0.7 && number_at(slice, "spacing", 1) == 0.7);
        assert_string_equal(text_of(slice, "spacing_source"), "patient");
        assert_string_equal(text_of(slice, "voi_function"), "LINEAR");
        window = json_array_get(json_object_get(slice, "windows"), 0);
        assert_true(json_number_value(json_object_get(window, "center")) == 40);
        assert_true(json_number_value(json_object_get(window, "width")) == 400);
    }
    object = json_array_get(json_object_get(json, "objects"), 0);
    assert_int_equal(int_of(object, "rows"), 512);
    assert_int_equal(int_of(object, "columns"), 512);
    assert_int_equal(int_of(object, "frames"), 1);
    assert_int_equal(int_of(object, "bits_stored"), 12);
    assert_string_equal(text_of(object, "photometric"), "MONOCHROME2");
    assert_string_equal(text_of(object, "image_type"), "ORIGINAL\\PRIMARY\\AXIAL");
    assert_true(json_is_false(json_object_get(object, "lossy")));
    assert_true(json_is_null(json_object_get(object, "lossy_ratio")));
    assert_string_equal(text_of(object, "lossy_method"), "");
    assert_true(json_is_null(json_object_get(object, "patient_orientation")));
    assert_true(json_is_null(json_object_get(object, "problem")));
    json_decref(json);
    snprintf(target, sizeof target, "/api/series/%lld/stack", (long long)f->broken.series_id);
    json = get_json(f, target);
    object = json_array_get(json_object_get(json, "objects"), 0);
    assert_non_null(strstr(text_of(object, "problem"), "BitsAllocated"));
    json_decref(json);
}

/* Size of its body as gzip at libdeflate's quickest level. */
static size_t quickly_compressed(const client_answer *answer)
{
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(1);
    size_t bound = libdeflate_gzip_compress_bound(compressor, answer->body_size), size;
    uint8_t *bytes = malloc(bound);

    size = libdeflate_gzip_compress(compressor, answer->body, answer->body_size, bytes, bound);
    libdeflate_free_compressor(compressor);
    free(bytes);
    return size;
}

static void test_stack_gzip_and_tag(void **state)
{
    fixture *f = *state;
    char target[100], value[100], line[200];
    client_answer plain, gzip, again;
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    uint8_t *inflated;

    snprintf(target, sizeof target, "/api/series/%lld/stack", (long long)f->slices[0].series_id);
    plain = get(f, target, "");
    gzip = get(f, target, "Accept-Encoding: gzip, deflate, br\r\n");
    assert_false(client_header(&plain, "Content-Encoding", value, sizeof value));
    assert_true(client_header(&gzip, "Content-Encoding", value, sizeof value));
    assert_string_equal(value, "gzip");
    assert_true(client_header(&gzip, "Vary", value, sizeof value));
    assert_true(gzip.body_size < plain.body_size);
    assert_true(gzip.body_size < quickly_compressed(&plain)); /* it is kept, and sent again */
    inflated = malloc(plain.body_size);
    assert_int_equal(libdeflate_gzip_decompress(decompressor, gzip.body, gzip.body_size, inflated, plain.body_size, NULL),
                     LIBDEFLATE_SUCCESS);
    assert_memory_equal(inflated, plain.body, plain.body_size);
    assert_true(client_header(&plain, "ETag", value, sizeof value));
    snprintf(line, sizeof line, "If-None-Match: %s\r\n", value);
    again = get(f, target, line);
    assert_int_equal(again.code, 304);
    client_answer_free(&again);
    /* the series changes: another tag, one slice more */
    samples_add(&f->samples, &(sample_image){.study = 1, .series = 1, .instance = 9, .rows = 512, .columns = 512, .z_mm = 2.5});
    again = get(f, target, line);
    assert_int_equal(again.code, 200);
    client_answer_free(&again);
    client_answer_free(&plain);
    client_answer_free(&gzip);
    free(inflated);
    libdeflate_free_decompressor(decompressor);
}

static void test_tile(void **state)
{
    fixture *f = *state;
    char value[100], line[200], csp[300];
    client_answer answer;
    int width, height, middle;

    for (int i = 0; i < 3; i++) { /* rendered, from the cache, then by the answer made for that: the same in every respect */
        answer = get(f, tile_target(&f->slices[1], "?q=90"), "");
        assert_true(client_header(&answer, "X-Content-Type-Options", value, sizeof value));
        assert_true(client_header(&answer, "Content-Security-Policy", csp, sizeof csp));
        assert_int_equal(answer.code, 200);
        assert_true(sample_jpeg_read(answer.body, answer.body_size, &width, &height, &middle));
        assert_int_equal(width, 512);
        assert_int_equal(height, 512);
        assert_in_range(middle, sample_linear_window(14, 40, 400) - 3, sample_linear_window(14, 40, 400) + 3);
        assert_true(client_header(&answer, "Content-Type", value, sizeof value));
        assert_string_equal(value, "image/jpeg");
        assert_true(client_header(&answer, "Cache-Control", value, sizeof value));
        assert_string_equal(value, "private, no-cache");
        assert_true(client_header(&answer, "X-Kakehashi-Window", value, sizeof value));
        assert_string_equal(value, "40,400");
        assert_true(client_header(&answer, "X-Kakehashi-Lossy", value, sizeof value));
        snprintf(line, sizeof line, "jpeg;q=90;ratio=%.1f", 512 * 512 / (double)answer.body_size);
        assert_string_equal(value, line);
        assert_true(client_header(&answer, "ETag", value, sizeof value));
        client_answer_free(&answer);
    }
    assert_true(get_metric(f, "tiles_rendered_total") == 1);
    snprintf(line, sizeof line, "If-None-Match: %s\r\n", value);
    answer = get(f, tile_target(&f->slices[1], "?q=90"), line);
    assert_int_equal(answer.code, 304);
    client_answer_free(&answer);
    /* a new server, which has nothing cached, knows the tag without rendering */
    fixture_restart(f);
    answer = get(f, tile_target(&f->slices[1], "?q=90"), line);
    assert_int_equal(answer.code, 304);
    client_answer_free(&answer);
    assert_true(get_metric(f, "tiles_rendered_total") == 0);
    answer = get(f, tile_target(&f->slices[1], "?q=91"), line);
    assert_int_equal(answer.code, 200);
    client_answer_free(&answer);
    answer = get(f, tile_target(&f->slices[1], "?c=14&w=100&invert=1"), "");
    assert_true(sample_jpeg_read(answer.body, answer.body_size, &width, &height, &middle));
    assert_in_range(middle, 255 - sample_linear_window(14, 14, 100) - 3, 255 - sample_linear_window(14, 14, 100) + 3);
    client_answer_free(&answer);
}

static void test_thumb(void **state)
{
    static const struct {
        const char *query;
        int width, height;
    } cases[] = {{"", 128, 69}, {"?size=16", 16, 9}, {"?size=512", 512, 276}, {"?size=100&q=90&c=40&w=400&invert=0", 100, 54}};
    fixture *f = *state;
    char target[160], value[100], line[200];
    client_answer answer;
    int width, height, middle;

    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        snprintf(target, sizeof target, "/tiles/%lld/%lld-0/thumb.jpg%s", (long long)f->other.series_id, (long long)f->other.object_id,
                 cases[i].query);
        answer = get(f, target, "");
        assert_int_equal(answer.code, 200);
        assert_true(sample_jpeg_read(answer.body, answer.body_size, &width, &height, &middle));
        assert_int_equal(width, cases[i].width);
        assert_int_equal(height, cases[i].height);
        assert_in_range(middle, sample_linear_window(50, 40, 400) - 3, sample_linear_window(50, 40, 400) + 3);
        assert_true(client_header(&answer, "X-Kakehashi-Window", value, sizeof value));
        assert_string_equal(value, "40,400");
        assert_true(client_header(&answer, "ETag", value, sizeof value));
        client_answer_free(&answer);
    }
    fixture_restart(f);
    snprintf(line, sizeof line, "If-None-Match: %s\r\n", value);
    answer = get(f, target, line);
    assert_int_equal(answer.code, 304);
    client_answer_free(&answer);
}

/* Values column / 64 HU above 14, stored with 1024 more: the residuals are nearly all 0. */
static void check_slice(const client_answer *answer, int hu)
{
    struct libdeflate_decompressor *inflate = libdeflate_alloc_decompressor();
    size_t expected = 56 + 512 * 512 * 2, size;
    uint8_t *bytes = malloc(expected);
    double numbers[4];

    assert_int_equal(libdeflate_gzip_decompress(inflate, answer->body, answer->body_size, bytes, expected, &size), LIBDEFLATE_SUCCESS);
    assert_int_equal(size, expected);
    assert_memory_equal(bytes, "KHL2\x00\x02\x00\x02", 8);
    memcpy(numbers, bytes + 24, sizeof numbers);
    assert_true(numbers[0] == 1 && numbers[1] == -1024 && numbers[2] == 40 && numbers[3] == 400);
    /* the first residual is the value itself, folded: twice as much */
    assert_int_equal(bytes[56] << 8 | bytes[56 + 128 * 128], 2 * (hu + 1024));
    assert_int_equal(bytes[57] << 8 | bytes[57 + 128 * 128], 0);
    free(bytes);
    libdeflate_free_decompressor(inflate);
}

static void test_lossless(void **state)
{
    fixture *f = *state;
    const kh_ingest_result *object = &f->slices[1];
    char target[100], value[100], line[200];
    client_answer answer;

    snprintf(target, sizeof target, "/tiles/%lld/%lld-0/lossless", (long long)object->series_id, (long long)object->object_id);
    for (int i = 0; i < 3; i++) {
        answer = get(f, target, "Accept-Encoding: gzip\r\n");
        assert_int_equal(answer.code, 200);
        assert_true(client_header(&answer, "Content-Type", value, sizeof value));
        assert_string_equal(value, "application/octet-stream");
        assert_true(client_header(&answer, "Content-Encoding", value, sizeof value));
        assert_string_equal(value, "gzip");
        assert_true(client_header(&answer, "X-Kakehashi-Lossy", value, sizeof value));
        assert_string_equal(value, "no");
        assert_true(client_header(&answer, "X-Kakehashi-Window", value, sizeof value));
        assert_string_equal(value, "40,400");
        assert_true(client_header(&answer, "Cache-Control", value, sizeof value));
        assert_string_equal(value, "private, no-cache");
        check_slice(&answer, 10);
        assert_true(client_header(&answer, "ETag", value, sizeof value));
        client_answer_free(&answer);
    }
    assert_true(get_metric(f, "tiles_rendered_total") == 1);
    snprintf(line, sizeof line, "If-None-Match: %s\r\n", value);
    answer = get(f, target, line);
    assert_int_equal(answer.code, 304);
    client_answer_free(&answer);
    fixture_restart(f);
    answer = get(f, target, line);
    assert_int_equal(answer.code, 304);
    client_answer_free(&answer);
    snprintf(target, sizeof target, "/tiles/%lld/%lld-1/lossless", (long long)object->series_id, (long long)object->object_id);
    assert_int_equal(get_code(f, target), 404);
    snprintf(target, sizeof target, "/tiles/%lld/%lld-0/lossless", (long long)f->broken.series_id, (long long)f->broken.object_id);
    assert_int_equal(get_code(f, target), 422);
    assert_int_equal(get_code(f, "/tiles/x/1-0/lossless"), 400);
}

static void test_pulls(void **state)
{
    fixture *f = *state;
    kh_node node = {.name = "pacs", .ae_title = "PACS", .host = "127.0.0.1", .port = 104, .facility = "city-hospital"};
    int64_t pull_id;
    json_t *json, *pull;

    json = get_json(f, "/api/pulls");
    assert_int_equal(json_array_size(json_object_get(json, "pulls")), 0);
    json_decref(json);
    assert_int_equal(kh_node_add(f->samples.cache, &node, NULL), KH_OK);
    assert_int_equal(kh_pull_file(f->samples.cache, node.id, "1.2.3.4", 0, "test", &pull_id, NULL), KH_OK);
    json = get_json(f, "/api/pulls");
    pull = json_array_get(json_object_get(json, "pulls"), 0);
    assert_int_equal(int_of(pull, "pull"), pull_id);
    assert_string_equal(text_of(pull, "study_uid"), "1.2.3.4");
    assert_string_equal(text_of(pull, "state"), "waiting");
    assert_int_equal(int_of(pull, "expected"), -1);
    json_decref(json);
}

static void test_health(void **state)
{
    fixture *f = *state;
    json_t *json = get_json(f, "/health");
    json_t *web = json_object_get(json_object_get(json, "roles"), "web");
    client_answer answer;

    assert_string_equal(text_of(json, "status"), "ok");
    assert_string_equal(text_of(json, "version"), "0.1.0");
    assert_true(int_of(json, "disk_free_bytes") > 0);
    assert_int_equal(int_of(json, "studies_away"), 0);
    assert_int_equal(int_of(json, "sends_open"), 0);
    assert_true(int_of(json, "used_bytes") > 0);
    assert_true(json_is_null(json_object_get(json, "quota_bytes")));
    assert_true(json_is_null(json_object_get(json_object_get(json, "scrub"), "ended")));
    assert_int_equal(int_of(json_object_get(json, "scrub"), "bad"), 0);
    assert_true(json_is_true(json_object_get(web, "running")));
    assert_int_equal(int_of(web, "starts"), 3);
    json_decref(json);
    atomic_store(&f->samples.page->roles[0].pid, 0);
    answer = get(f, "/health", "");
    assert_int_equal(answer.code, 503);
    assert_non_null(strstr((char *)answer.body, "\"status\":\"role\""));
    client_answer_free(&answer);
    atomic_store(&f->samples.page->roles[0].pid, 1);
    assert_int_equal(get_code(f, "/health"), 200);
    atomic_store(&f->samples.page->draining, 1);
    assert_int_equal(get_code(f, "/health"), 503);
    atomic_store(&f->samples.page->draining, 0);
}

/* The exposition format: HELP and TYPE before each family, names of the allowed letters, values that are numbers. */
static void test_metrics(void **state)
{
    fixture *f = *state;
    client_answer answer = get(f, "/metrics", "");
    char family[100] = "", type[64], *line, *rest = (char *)answer.body;
    int samples_seen = 0;

    assert_int_equal(answer.code, 200);
    assert_true(client_header(&answer, "Content-Type", type, sizeof type));
    assert_string_equal(type, "text/plain; version=0.0.4; charset=utf-8");
    while ((line = strsep(&rest, "\n")) != NULL && rest) {
        char name[100], *end;
        const char *value;

        if (sscanf(line, "# HELP %99s", family) == 1)
            continue;
        if (sscanf(line, "# TYPE %99s %63s", name, type) == 2) {
            assert_string_equal(name, family);
            assert_true(strcmp(type, "counter") == 0 || strcmp(type, "gauge") == 0 || strcmp(type, "histogram") == 0);
            continue;
        }
        assert_true(strncmp(line, family, strlen(family)) == 0 && strchr(" {", line[strlen(family)]));
        value = strrchr(line, ' ');
        assert_non_null(value);
        (void)strtod(value + 1, &end);
        assert_true(*end == '\0' && end != value + 1);
        samples_seen++;
    }
    assert_in_range(samples_seen, 30, 100);
    client_answer_free(&answer);
    assert_true(get_metric(f, "objects") == SLICES + 3);
    assert_true(get_metric(f, "studies") == 2);
}

static void test_page_and_assets(void **state)
{
    fixture *f = *state;
    size_t count;
    const kh_asset *assets = kh_asset_all(&count);
    char value[100], line[150];

    for (size_t i = 0; i < count; i++) {
        char target[300];
        client_answer answer;

        snprintf(target, sizeof target, "/web/%s", assets[i].path);
        answer = get(f, target, "");
        assert_int_equal(answer.code, 200);
        assert_int_equal(answer.body_size, assets[i].size);
        assert_memory_equal(answer.body, assets[i].bytes, assets[i].size);
        assert_true(client_header(&answer, "ETag", value, sizeof value));
        client_answer_free(&answer);
        snprintf(line, sizeof line, "If-None-Match: %s\r\nAccept-Encoding: gzip\r\n", value);
        answer = get(f, target, line);
        assert_int_equal(answer.code, 304);
        client_answer_free(&answer);
    }
    if (kh_asset_find("index.html")) {
        assert_int_equal(get_code(f, "/"), 200);
        assert_int_equal(get_code(f, "/studies/12"), 200);
    }
    assert_int_equal(get_code(f, "/web/../portal.c"), 400);
}

/* Addresses with the version of the files are for ever; there are none of another version, and a refusal is not kept. */
static void test_versions_of_assets(void **state)
{
    fixture *f = *state;
    const kh_asset *asset = kh_asset_find("main.js");
    const char *version = kh_asset_version();
    const struct {
        const char *name, *version, *path, *kept;
        unsigned code;
    } table[] = {
        {"of this version", version, "main.js", "public, max-age=31536000, immutable", 200},
        {"in a folder", version, "lang/en.js", "public, max-age=31536000, immutable", 200},
        {"of no version", "", "main.js", "no-cache", 200},
        {"of another version", "0123456789abcdef", "main.js", "no-store", 404},
        {"the version cut short", "0", "main.js", "no-store", 404},
        {"the version alone", version, "", NULL, 404},
        {"no such file", version, "nothing.js", "no-store", 404},
        {"the version twice", version, "%s/main.js", "no-store", 404},
    };

    assert_int_equal(strlen(version), 16);
    assert_int_equal(strspn(version, "0123456789abcdef"), 16);
    assert_non_null(asset);
    for (size_t i = 0; i < KH_COUNT(table); i++) {
        char target[300], path[200], value[100];
        client_answer answer;

        snprintf(path, sizeof path, strchr(table[i].path, '%') ? "%.16s/main.js" : "%s",
                 strchr(table[i].path, '%') ? version : table[i].path);
        snprintf(target, sizeof target, "/web/%s%s%s", table[i].version, *table[i].version ? "/" : "", path);
        answer = get(f, target, "");
        if (answer.code != table[i].code)
            fail_msg("%s: %u", table[i].name, answer.code);
        if (table[i].kept) {
            assert_true(client_header(&answer, "Cache-Control", value, sizeof value));
            assert_string_equal(value, table[i].kept);
        }
        client_answer_free(&answer);
    }
}

/* Every address of a file in the page holds the version; the page itself is asked for each time, and brings the words of the browser's
 * language. */
static void test_page_names_versions(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *header, *words;
    } table[] = {
        {"Accept-Language: ja\r\n", "ja"},
        {"Accept-Language: ja-JP,en;q=0.5\r\n", "ja"},
        {"Accept-Language: en-US,en;q=0.9,ja;q=0.8\r\n", "en"},
        {"Accept-Language: fr, JA;q=0.5\r\n", "ja"},
        {"Accept-Language: fr\r\n", "en"},
        {"Accept-Language: jav\r\n", "en"},
        {"Accept-Language: ,;,\r\n", "en"},
        {"", NULL},
    };
    char place[100], value[200], expected[200];

    snprintf(place, sizeof place, "\"/web/%s/", kh_asset_version());
    for (size_t i = 0; i < KH_COUNT(table); i++) {
        client_answer answer = get(f, "/", table[i].header);
        size_t named = 0;

        assert_int_equal(answer.code, 200);
        for (const char *at = (const char *)answer.body; (at = strstr(at, "\"/web/")) != NULL; at++, named++)
            assert_int_equal(strncmp(at, place, strlen(place)), 0);
        assert_true(named > 5);
        assert_true(client_header(&answer, "Cache-Control", value, sizeof value));
        assert_string_equal(value, "no-cache");
        assert_int_equal(client_header(&answer, "Link", value, sizeof value), table[i].words != NULL);
        if (table[i].words) {
            snprintf(expected, sizeof expected, "</web/%s/lang/%s.js>; rel=modulepreload", kh_asset_version(), table[i].words);
            assert_string_equal(value, expected);
        }
        client_answer_free(&answer);
    }
}

static void test_scanner_study(void **state)
{
    fixture *f = *state;
    kh_ingest_result last;
    char target[100];
    json_t *json, *slices;
    double before = -INFINITY;

    if (!samples_add_folder(&f->samples, "ct-philips-phantom", 12, &last))
        skip();
    snprintf(target, sizeof target, "/api/series/%lld/stack", (long long)last.series_id);
    json = get_json(f, target);
    slices = json_object_get(json, "slices");
    assert_int_equal(json_array_size(slices), 12);
    for (size_t i = 0; i < 12; i++) {
        double here = json_number_value(json_object_get(json_array_get(slices, i), "location_mm"));

        assert_true(here > before);
        before = here;
    }
    json_decref(json);
    assert_int_equal(get_code(f, tile_target(&last, "?c=40&w=400")), 200);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
    const struct CMUnitTest tests[] = {
        TEST(test_study_list),
        TEST(test_study_filters),
        TEST(test_refusals),
        TEST(test_one_study),
        TEST(test_opening),
        TEST(test_stack),
        TEST(test_stack_gzip_and_tag),
        TEST(test_tile),
        TEST(test_thumb),
        TEST(test_lossless),
        TEST(test_pulls),
        TEST(test_health),
        TEST(test_metrics),
        TEST(test_page_and_assets),
        TEST(test_versions_of_assets),
        TEST(test_page_names_versions),
        TEST(test_scanner_study),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
