#include <stdio.h>
#include <string.h>
#include "tests/cmocka_all.h"
#include "viewer/tiles/key.h"

static void test_levels(void **state)
{
    static const struct {
        uint32_t rows, columns, last;
    } table[] = {{1, 1, 0},       {64, 64, 0},   {65, 1, 1},     {128, 128, 1},        {129, 1, 2},
                 {512, 512, 3},   {513, 1, 4},   {1, 2048, 5},   {65535, 65535, 10}};

    (void)state;
    for (size_t i = 0; i < KH_COUNT(table); i++)
        if (kh_tiles_last_level(table[i].rows, table[i].columns) != table[i].last)
            fail_msg("%u x %u: last level %u", table[i].rows, table[i].columns,
                     kh_tiles_last_level(table[i].rows, table[i].columns));
}

typedef struct view_case {
    const char *name;
    uint32_t rows, columns, level, column, row;
    kh_status status;
    uint32_t out_width, out_height, crop_x, crop_y, crop_width, crop_height;
} view_case;

static const view_case cases[] = {
    {"one tile", 512, 512, 0, 0, 0, KH_OK, 512, 512, 0, 0, 512, 512},
    {"small picture", 10, 20, 0, 0, 0, KH_OK, 20, 10, 0, 0, 20, 10},
    {"one pixel", 1, 1, 0, 0, 0, KH_OK, 1, 1, 0, 0, 1, 1},
    {"right edge", 512, 513, 0, 1, 0, KH_OK, 513, 512, 512, 0, 1, 512},
    {"lower edge", 1000, 512, 0, 0, 1, KH_OK, 512, 1000, 0, 512, 512, 488},
    {"inner tile", 2048, 2500, 0, 2, 1, KH_OK, 2500, 2048, 1024, 512, 512, 512},
    {"half size, odd", 513, 513, 1, 0, 0, KH_OK, 257, 257, 0, 0, 257, 257},
    {"half size, right edge", 2048, 2500, 1, 2, 1, KH_OK, 1250, 1024, 1024, 512, 226, 512},
    {"smallest level", 512, 512, 3, 0, 0, KH_OK, 64, 64, 0, 0, 64, 64},
    {"largest picture, last tile", 65535, 65535, 0, 127, 127, KH_OK, 65535, 65535, 65024, 65024, 511, 511},
    {"level too deep", 512, 512, 4, 0, 0, KH_E_NOT_FOUND, 0, 0, 0, 0, 0, 0},
    {"column too far", 512, 512, 0, 1, 0, KH_E_NOT_FOUND, 0, 0, 0, 0, 0, 0},
    {"row too far", 513, 513, 0, 1, 2, KH_E_NOT_FOUND, 0, 0, 0, 0, 0, 0},
    {"column whose pixels wrap 32 bits", 512, 512, 0, 8388608, 0, KH_E_NOT_FOUND, 0, 0, 0, 0, 0, 0},
    {"level 16 of a small picture", 16, 16, 16, 0, 0, KH_E_NOT_FOUND, 0, 0, 0, 0, 0, 0},
};

static void test_views(void **state)
{
    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        const view_case *c = &cases[i];
        kh_tile_key key = {.level = c->level, .column = c->column, .row = c->row, .quality = 80};
        kh_error err = KH_ERROR_INIT;
        kh_render_view view;

        if (kh_tile_view(&view, &key, c->rows, c->columns, &err) != c->status)
            fail_msg("%s: %s", c->name, err.message);
        if (c->status == KH_OK && (view.out_width != c->out_width || view.out_height != c->out_height ||
                                   view.crop_x != c->crop_x || view.crop_y != c->crop_y ||
                                   view.crop_width != c->crop_width || view.crop_height != c->crop_height))
            fail_msg("%s: %u x %u, crop %u %u %u %u", c->name, view.out_width, view.out_height, view.crop_x, view.crop_y,
                     view.crop_width, view.crop_height);
    }
}

static const kh_tile_key base = {.series_id = 1, .object_id = 2, .frame = 3, .level = 1, .column = 1, .row = 1,
                                 .window_given = true, .window_center = 40, .window_width = 400, .quality = 80};

static bool same(const kh_tile_key *a, const kh_tile_key *b)
{
    uint8_t packed_a[KH_TILE_KEY_BYTES], packed_b[KH_TILE_KEY_BYTES];
    char etag_a[KH_TILE_ETAG_SIZE], etag_b[KH_TILE_ETAG_SIZE];

    memset(packed_a, 0xaa, sizeof packed_a); /* every byte is written */
    memset(packed_b, 0x55, sizeof packed_b);
    kh_tile_key_pack(packed_a, a);
    kh_tile_key_pack(packed_b, b);
    kh_tile_etag(etag_a, 7, a);
    kh_tile_etag(etag_b, 7, b);
    assert_int_equal(memcmp(packed_a, packed_b, sizeof packed_a) == 0, strcmp(etag_a, etag_b) == 0);
    return memcmp(packed_a, packed_b, sizeof packed_a) == 0;
}

#define DIFFERS(field, value)                                                                                                  \
    do {                                                                                                                       \
        kh_tile_key other = base;                                                                                              \
        other.field = (value);                                                                                                 \
        assert_false(same(&base, &other));                                                                                     \
    } while (0)

static void test_every_part_counts(void **state)
{
    kh_tile_key a = base, b = base;
    char first[KH_TILE_ETAG_SIZE], second[KH_TILE_ETAG_SIZE];

    (void)state;
    assert_true(same(&a, &b));
    DIFFERS(series_id, 9);
    DIFFERS(object_id, 9);
    DIFFERS(frame, 9);
    DIFFERS(level, 9);
    DIFFERS(column, 9);
    DIFFERS(row, 9);
    DIFFERS(window_given, false);
    DIFFERS(window_center, 40.5);
    DIFFERS(window_width, 401);
    DIFFERS(lut_given, true);
    DIFFERS(invert, true);
    DIFFERS(quality, 81);
    DIFFERS(lossless, true);
    DIFFERS(thumb_px, 128);
    DIFFERS(no_overlays, true);
    DIFFERS(state_series_id, 9);
    DIFFERS(state_id, 9);
    a.window_given = b.window_given = false;
    b.window_center = 7;
    assert_true(same(&a, &b)); /* not given: its values do not count */
    b.lut = 1;
    assert_true(same(&a, &b)); /* nor its number */
    a.lut_given = b.lut_given = true;
    assert_false(same(&a, &b));
    a = b = base;
    a.window_center = 0.0;
    b.window_center = -0.0;
    assert_true(same(&a, &b));
    kh_tile_etag(first, 7, &base);
    kh_tile_etag(second, 8, &base);
    assert_string_not_equal(first, second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_every_part_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
