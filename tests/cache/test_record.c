/* The image record: what goes in comes out; what is cut or changed does not crash and mostly does not pass. Folding, paths. */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cache/fold.h"
#include "cache/image_record.h"
#include "cache/internal.h"

static void fill_slice(kh_slice_info *slice, uint32_t i)
{
    slice->has_position = slice->has_orientation = true;
    slice->position_mm[2] = 1.25 * i;
    slice->orientation[0] = slice->orientation[4] = 1;
    slice->spacing_source = KH_SPACING_PATIENT;
    slice->row_spacing_mm = slice->column_spacing_mm = 0.7;
    slice->rescale_slope = 1;
    slice->rescale_intercept = -1024;
    slice->voi_function = KH_VOI_SIGMOID;
    slice->window_count = 2;
    slice->windows[0] = (kh_window){.center = 40, .width = 400, .explanation = "縦隔"};
    slice->windows[1] = (kh_window){.center = -600, .width = 1500, .explanation = ""};
}

/* frames frames in extents_each pieces; regular when gap is 0 and pieces are 1. */
static kh_image_record record_of(uint32_t frames, uint32_t slices, uint32_t extents_each, uint64_t gap)
{
    kh_image_record r = {0};
    uint64_t offset = 1000;

    r.info.format = (kh_pixel_format){.rows = 512, .columns = 65535, .samples = 3, .bits_allocated = 16, .bits_stored = 12,
                                      .high_bit = 11, .is_signed = true, .planar = true, .photometric = KH_PHOTOMETRIC_RGB};
    r.info.frame_count = frames;
    r.info.slice_count = slices;
    r.info.slices = calloc(slices, sizeof r.info.slices[0]);
    for (uint32_t i = 0; i < slices; i++)
        fill_slice(&r.info.slices[i], i);
    r.info.has_padding = true;
    r.info.padding_low = -2000;
    r.info.padding_high = INT64_MAX;
    r.info.lossy_source = true;
    r.info.lossy_ratio = 8.5;
    r.info.instance_number = INT32_MIN;
    r.info.acquisition_number = -3;
    r.info.echo_time_ms = 80.25;
    snprintf(r.info.modality, sizeof r.info.modality, "MR");
    memset(r.info.image_type, 'T', sizeof r.info.image_type - 1);
    memset(r.info.frame_of_reference_uid, '1', 64);
    r.frames.frame_count = frames;
    r.frames.extent_count = frames * extents_each;
    r.frames.first_extent = calloc((size_t)frames + 1, sizeof r.frames.first_extent[0]);
    r.frames.extents = calloc((size_t)frames * extents_each + 1, sizeof r.frames.extents[0]);
    r.checksums = calloc((size_t)frames + 1, sizeof r.checksums[0]);
    for (uint32_t i = 0; i < frames; i++) {
        r.frames.first_extent[i + 1] = (i + 1) * extents_each;
        r.checksums[i] = 0x9e3779b97f4a7c15u * (i + 1);
        for (uint32_t k = 0; k < extents_each; k++) {
            r.frames.extents[i * extents_each + k] = (kh_extent){.offset = offset, .length = 600 + gap * k};
            offset += 600 + gap * (k + 1);
        }
    }
    r.swap_bytes = 2;
    return r;
}

static void assert_same(const char *name, const kh_image_record *a, const kh_image_record *b)
{
    kh_image_info left = a->info, right = b->info;

    left.slices = right.slices = NULL;
    if (left.voi_lut_count == right.voi_lut_count && left.voi_lut_count > 0 &&
        memcmp(left.voi_luts, right.voi_luts, left.voi_lut_count * sizeof left.voi_luts[0]) != 0)
        fail_msg("%s: VOI LUTs differ", name);
    if (memcmp(&left.format, &right.format, sizeof left.format) != 0 || left.frame_count != right.frame_count ||
        left.slice_count != right.slice_count || left.padding_low != right.padding_low || left.padding_high != right.padding_high ||
        left.instance_number != right.instance_number || left.acquisition_number != right.acquisition_number ||
        left.echo_time_ms != right.echo_time_ms || left.lossy_ratio != right.lossy_ratio || left.lossy_source != right.lossy_source ||
        left.voi_lut_count != right.voi_lut_count || strcmp(left.lossy_method, right.lossy_method) != 0 ||
        strcmp(left.patient_orientation, right.patient_orientation) != 0 || strcmp(left.view_position, right.view_position) != 0 ||
        strcmp(left.modality, right.modality) != 0 || strcmp(left.image_type, right.image_type) != 0 ||
        strcmp(left.frame_of_reference_uid, right.frame_of_reference_uid) != 0)
        fail_msg("%s: image info differs", name);
    if (left.cine.frame_time_ms != right.cine.frame_time_ms || left.cine.playback != right.cine.playback ||
        left.cine.trim_first != right.cine.trim_first || left.cine.trim_last != right.cine.trim_last ||
        left.cine.frame_time_count != right.cine.frame_time_count ||
        (left.cine.frame_time_count > 0 &&
         memcmp(left.cine.frame_times_ms, right.cine.frame_times_ms, left.cine.frame_time_count * sizeof(double)) != 0))
        fail_msg("%s: how it plays differs", name);
    if (memcmp(a->info.slices, b->info.slices, left.slice_count * sizeof a->info.slices[0]) != 0)
        fail_msg("%s: slices differ", name);
    if (a->frames.frame_count != b->frames.frame_count || a->swap_bytes != b->swap_bytes)
        fail_msg("%s: frame table differs", name);
    if (a->frames.frame_count == 0)
        return;
    if (memcmp(a->frames.first_extent, b->frames.first_extent, (a->frames.frame_count + 1) * sizeof(uint32_t)) != 0 ||
        memcmp(a->frames.extents, b->frames.extents, a->frames.extent_count * sizeof(kh_extent)) != 0 ||
        memcmp(a->checksums, b->checksums, a->frames.frame_count * sizeof(uint64_t)) != 0)
        fail_msg("%s: frame table differs", name);
}

/* What version 3 has and versions before had not. */
static void add_version_3(kh_image_record *r)
{
    r->info.format.overlay_bits = 0xf000;
    snprintf(r->info.lossy_method, sizeof r->info.lossy_method, "ISO_10918_1\\ISO_15444_1");
    snprintf(r->info.patient_orientation, sizeof r->info.patient_orientation, "L\\FP");
    snprintf(r->info.view_position, sizeof r->info.view_position, "MLO");
    r->info.voi_luts = calloc(3, sizeof r->info.voi_luts[0]);
    r->info.voi_lut_count = 3;
    for (uint32_t i = 0; i < 3; i++)
        r->info.voi_luts[i] = (kh_voi_lut){.center = 40.5 + i, .width = 400, .explanation = "骨"};
    for (uint32_t i = 0; i < r->info.slice_count; i++) {
        r->info.slices[i].voi_lut_first = (uint16_t)(i % 3);
        r->info.slices[i].voi_lut_count = (uint16_t)(3 - i % 3);
        r->info.slices[i].monochrome = i % 2 == 1;
    }
}

/* What version 4 has and versions before had not. */
static void add_regions(kh_image_record *r)
{
    r->info.us_regions = calloc(2, sizeof r->info.us_regions[0]);
    r->info.us_region_count = 2;
    r->info.us_regions[0] = (kh_us_region){.x0 = 84, .y0 = 48, .x1 = 483, .y1 = 415, .x = {3, 0.0095, 284, 1.9}, .y = {3, 0.0096, 48, 0}};
    r->info.us_regions[1] = (kh_us_region){.x1 = 639, .y0 = 420, .y1 = 479, .low_priority = true, .x = {4, 0.005, 0, -2.5},
                                           .y = {.unit = 0, .reference = NAN, .value = NAN}};
}

static void assert_same_axis(const kh_us_axis *a, const kh_us_axis *b)
{
    assert_int_equal(a->unit, b->unit);
    assert_true(a->delta == b->delta);
    assert_true(isnan(a->reference) ? isnan(b->reference) : a->reference == b->reference);
    assert_true(isnan(a->value) ? isnan(b->value) : a->value == b->value);
}

static void assert_same_regions(const kh_image_info *a, const kh_image_info *b)
{
    assert_int_equal(a->us_region_count, b->us_region_count);
    for (uint32_t i = 0; i < a->us_region_count; i++) {
        const kh_us_region *one = &a->us_regions[i], *other = &b->us_regions[i];

        assert_true(one->x0 == other->x0 && one->y0 == other->y0 && one->x1 == other->x1 && one->y1 == other->y1);
        assert_int_equal(one->low_priority, other->low_priority);
        assert_same_axis(&one->x, &other->x);
        assert_same_axis(&one->y, &other->y);
    }
}

static void comes_back_as_it_went(void **state)
{
    static const struct {
        const char *name;
        uint32_t frames, slices, extents_each;
        uint64_t gap;
        size_t size_max;
    } cases[] = {
        {"one native frame", 1, 1, 1, 0, 500},
        {"many native frames of one geometry", 5000, 1, 1, 0, 5000 * 8 + 700},
        {"enhanced, native", 200, 200, 1, 0, 200 * (8 + 25) + 600},
        {"fragments", 7, 1, 3, 8, 700},
        {"cine, one fragment each", 96, 1, 1, 8, 1500},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_image_record r = record_of(cases[i].frames, cases[i].slices, cases[i].extents_each, cases[i].gap), back;
        kh_buf blob;

        if (i % 2 == 1)
            add_version_3(&r);
        if (i % 3 == 1)
            add_regions(&r);
        kh_buf_init(&blob, KH_IMAGE_RECORD_MAX);
        assert_ok(kh_image_record_encode(&blob, &r, err));
        if (blob.size > cases[i].size_max)
            fail_msg("%s: %zu bytes, expected at most %zu", cases[i].name, blob.size, cases[i].size_max);
        assert_ok(kh_image_record_decode(&back, blob.data, blob.size, err));
        assert_same(cases[i].name, &r, &back);
        assert_same_regions(&r.info, &back.info);
        kh_image_record_release(&r);
        kh_image_record_release(&back);
        kh_buf_release(&blob);
    }
}

enum { CINE_BYTES = 5 }; /* that tell nothing of playing and of the view, at the end since version 5 */

/* Versions before 4 had no byte for their number: none. */
static void version_3_is_still_read(void **state)
{
    const size_t behind_uid = 64 + 2 + 1 + 1 + 1; /* overlay bits, two texts and a count, all without content */
    kh_image_record r = record_of(3, 1, 1, 0), back;
    uint8_t *at;
    kh_buf blob;

    (void)state;
    kh_buf_init(&blob, KH_IMAGE_RECORD_MAX);
    assert_ok(kh_image_record_encode(&blob, &r, err));
    at = memmem(blob.data, blob.size, r.info.frame_of_reference_uid, 64);
    assert_non_null(at);
    assert_int_equal(at[behind_uid], 0);
    assert_false(kh_image_record_is_old(blob.data, blob.size));
    memmove(at + behind_uid, at + behind_uid + 1, (size_t)(blob.data + blob.size - at) - behind_uid - 1);
    blob.size -= 1 + CINE_BYTES;
    blob.data[0] = 3;
    assert_true(kh_image_record_is_old(blob.data, blob.size));
    assert_ok(kh_image_record_decode(&back, blob.data, blob.size, err));
    assert_same("version 3", &r, &back);
    assert_int_equal(back.info.us_region_count, 0);
    kh_image_record_release(&back);
    kh_image_record_release(&r);
    kh_buf_release(&blob);
}

/* Versions before 3 had no such fields: five bytes without content behind the last text, and two at the end of a slice; none before 5
 * how frames are played and a projection's view. Version 1 had no byte for the display tables behind the flags either. What a record
 * does not say is left open. */
static void versions_1_and_2_are_still_read(void **state)
{
    const size_t display_at = 1 + 2 + 3 + 5 + 1; /* version, 512 and 65535 as varints, five bytes of format, flags */
    const size_t slice_bytes = 1 + 3 * 8 + 6 * 8 + 2 + 5 * 8 + 1 + (2 * 8 + 1 + 6) + (2 * 8 + 1); /* two windows, one with a name of 6 */

    (void)state;
    for (uint8_t version = 1; version <= 2; version++) {
        kh_image_record r = record_of(3, 1, 1, 0), back;
        uint8_t *text, *luts;
        kh_buf blob;

        r.info.display = KH_DISPLAY_OVERLAY | KH_DISPLAY_VOI_LUT;
        kh_buf_init(&blob, KH_IMAGE_RECORD_MAX);
        assert_ok(kh_image_record_encode(&blob, &r, err));
        assert_int_equal(blob.data[display_at], r.info.display);
        text = memmem(blob.data, blob.size, r.info.frame_of_reference_uid, 64);
        assert_non_null(text);
        luts = text + 64 + 5 + 1 + 2 + slice_bytes;
        memmove(luts, luts + 2, (size_t)(blob.data + blob.size - luts - 2));
        memmove(text + 64, text + 64 + 5 + 1, (size_t)(blob.data + blob.size - text - 64 - 5 - 1));
        blob.size -= 8 + CINE_BYTES;
        if (version == 1) {
            memmove(blob.data + display_at, blob.data + display_at + 1, blob.size - display_at - 1);
            blob.size--;
        }
        blob.data[0] = version;
        assert_ok(kh_image_record_decode(&back, blob.data, blob.size, err));
        assert_int_equal(back.info.slices[0].voi_lut_count, KH_VOI_LUTS_MAX);
        assert_int_equal(back.info.display, version == 1 ? KH_DISPLAY_ANY : r.info.display);
        back.info.slices[0].voi_lut_count = 0;
        assert_same("before version 3", &r, &back);
        kh_image_record_release(&back);
        kh_image_record_release(&r);
        kh_buf_release(&blob);
    }
}

/* A slice may only name VOI LUTs that are there. */
static void voi_luts_are_counted(void **state)
{
    static const struct {
        const char *name;
        uint16_t first, count;
        kh_status status;
    } cases[] = {{"all", 0, 3, KH_OK},
                 {"the last", 2, 1, KH_OK},
                 {"none", 3, 0, KH_OK},
                 {"behind the last", 3, 1, KH_E_CORRUPT},
                 {"past the last", 2, 2, KH_E_CORRUPT},
                 {"more than a slice has", 0, 5, KH_E_CORRUPT}};

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_image_record r = record_of(1, 1, 1, 0), back;
        kh_buf blob;

        add_version_3(&r);
        r.info.slices[0].voi_lut_first = cases[i].first;
        r.info.slices[0].voi_lut_count = cases[i].count;
        kh_buf_init(&blob, KH_IMAGE_RECORD_MAX);
        assert_ok(kh_image_record_encode(&blob, &r, err));
        if (kh_image_record_decode(&back, blob.data, blob.size, NULL) != cases[i].status)
            fail_msg("%s", cases[i].name);
        kh_image_record_release(&back);
        kh_image_record_release(&r);
        kh_buf_release(&blob);
    }
}

static void add_cine(kh_image_record *r, uint32_t first, uint32_t last, uint32_t times)
{
    r->info.cine =
        (kh_cine){.frame_time_ms = 41.5, .trim_first = first, .trim_last = last, .playback = KH_PLAYBACK_SWING, .frame_time_count = times};
    r->info.cine.frame_times_ms = calloc(times + 1, sizeof(double));
    for (uint32_t i = 1; i < times; i++)
        r->info.cine.frame_times_ms[i] = 33 + i;
}

/* What a record says of playing has to fit the frames that it has. */
static void cine_fits_the_frames(void **state)
{
    static const struct {
        const char *name;
        uint32_t first, last, times;
        kh_status status;
    } cases[] = {{"nothing", 0, 0, 0, KH_OK},
                 {"a time for each of five", 0, 0, 5, KH_OK},
                 {"times for four of five", 0, 0, 4, KH_E_CORRUPT},
                 {"times for six of five", 0, 0, 6, KH_E_CORRUPT},
                 {"the middle", 2, 4, 5, KH_OK},
                 {"one frame", 5, 5, 0, KH_OK},
                 {"past the end", 2, 6, 0, KH_E_CORRUPT},
                 {"backwards", 4, 3, 0, KH_E_CORRUPT},
                 {"a beginning of 0", 0, 3, 0, KH_E_CORRUPT}};

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_image_record r = record_of(5, 1, 1, 0), back;
        kh_buf blob;
        kh_status status;

        add_cine(&r, cases[i].first, cases[i].last, cases[i].times);
        kh_buf_init(&blob, KH_IMAGE_RECORD_MAX);
        assert_ok(kh_image_record_encode(&blob, &r, err));
        status = kh_image_record_decode(&back, blob.data, blob.size, NULL);
        if (status != cases[i].status)
            fail_msg("%s: status %d", cases[i].name, status);
        if (status == KH_OK)
            assert_same(cases[i].name, &r, &back);
        kh_image_record_release(&back);
        kh_image_record_release(&r);
        kh_buf_release(&blob);
    }
}

static void without_frames(void **state)
{
    kh_image_record r = record_of(3, 1, 1, 0), back;
    kh_buf blob;

    (void)state;
    kh_frame_table_release(&r.frames);
    kh_buf_init(&blob, KH_IMAGE_RECORD_MAX);
    assert_ok(kh_image_record_encode(&blob, &r, err));
    assert_ok(kh_image_record_decode(&back, blob.data, blob.size, err));
    assert_same("no frames", &r, &back);
    kh_image_record_release(&r);
    kh_image_record_release(&back);
    kh_buf_release(&blob);
}

static void too_large_is_a_limit(void **state)
{
    kh_image_record r = record_of(100, 1, 1, 0);
    kh_buf blob;

    (void)state;
    kh_buf_init(&blob, 600);
    assert_int_equal(kh_image_record_encode(&blob, &r, NULL), KH_E_LIMIT);
    kh_buf_release(&blob);
    kh_image_record_release(&r);
}

/* Every cut is refused; every byte may change without harm (the sanitizers look on). */
static void cut_or_changed(void **state)
{
    kh_image_record shapes[] = {record_of(1, 1, 1, 0), record_of(5, 5, 2, 8)};

    (void)state;
    add_version_3(&shapes[1]);
    add_regions(&shapes[0]);
    add_cine(&shapes[1], 2, 4, 5);
    for (size_t n = 0; n < KH_COUNT(shapes); n++) {
        kh_image_record r = shapes[n], back;
        kh_buf blob;
        uint8_t *copy;

        kh_buf_init(&blob, KH_IMAGE_RECORD_MAX);
        assert_ok(kh_image_record_encode(&blob, &r, err));
        copy = malloc(blob.size + 1);
        for (size_t size = 0; size < blob.size; size++) {
            uint8_t *exact = malloc(size ? size : 1); /* so that a read past the end is seen */

            memcpy(exact, blob.data, size);
            if (kh_image_record_decode(&back, exact, size, NULL) == KH_OK)
                fail_msg("%zu of %zu bytes pass", size, blob.size);
            free(exact);
        }
        memcpy(copy, blob.data, blob.size);
        copy[blob.size] = 0;
        assert_int_equal(kh_image_record_decode(&back, copy, blob.size + 1, NULL), KH_E_CORRUPT);
        copy[0] = 6;
        assert_int_equal(kh_image_record_decode(&back, copy, blob.size, NULL), KH_E_UNSUPPORTED);
        copy[0] = 0;
        assert_int_equal(kh_image_record_decode(&back, copy, blob.size, NULL), KH_E_UNSUPPORTED);
        copy[0] = 5;
        for (size_t at = 0; at < blob.size; at++)
            for (int value = 0; value < 256; value += at < 400 ? 5 : 85) {
                copy[at] = (uint8_t)value;
                if (kh_image_record_decode(&back, copy, blob.size, NULL) == KH_OK)
                    kh_image_record_release(&back);
                copy[at] = blob.data[at];
            }
        free(copy);
        kh_buf_release(&blob);
        kh_image_record_release(&r);
    }
}

static void folded_text(void **state)
{
    static const struct {
        const char *name, *text, *expected;
    } cases[] = {
        {"lower case", "Yamada^HANAKO", "yamada hanako"},
        {"katakana to hiragana", "ヤマダ^ハナコ", "やまだ はなこ"},
        {"hiragana stays", "やまだ", "やまだ"},
        {"half width, voiced", "ﾔﾏﾀﾞ^ﾊﾅｺ", "やまだ はなこ"},
        {"half width, semi-voiced", "ﾊﾟﾋﾟ", "ぱぴ"},
        {"every voiced row", "ｶﾞｻﾞﾀﾞﾊﾞｳﾞ", "がざだばゔ"},
        {"tsu and its row", "ﾂﾞﾃﾞﾄﾞ", "づでど"},
        {"a mark that joins nothing", "ｱﾞ", "あ゛"},
        {"half width at the end", "ﾀ", "た"},
        {"full-width ASCII", "ＣＴ　１２３", "ct 123"},
        {"kanji stay", "山田^花子", "山田 花子"},
        {"Latin-1", "MÜLLER^ÉVA", "müller éva"},
        {"multiplication sign is no letter", "×", "×"},
        {"Greek and Cyrillic", "ΔΙΟΝ Люкс", "διον люкс"},
        {"outer and double spaces", "  a  =^ b ", "a b"},
        {"nothing", "", ""},
        {"only spaces", " ^= ", ""},
        {"four bytes", "𠮷野", "𠮷野"},
        {"control characters", "a\n\tb", "a b"},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_buf out;

        kh_buf_init(&out, 1000);
        assert_ok(kh_fold_append(&out, cases[i].text, err));
        if (strcmp(kh_buf_text(&out), cases[i].expected) != 0)
            fail_msg("%s: got \"%s\", expected \"%s\"", cases[i].name, kh_buf_text(&out), cases[i].expected);
        kh_buf_release(&out);
    }
}

static void folding_takes_any_bytes(void **state)
{
    unsigned seed = 3;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        char text[12];
        kh_buf out;
        size_t size = (size_t)rand_r(&seed) % sizeof text;

        for (size_t i = 0; i < size; i++)
            text[i] = (char)(rand_r(&seed) % 255 + 1);
        text[size] = '\0';
        kh_buf_init(&out, 100);
        assert_ok(kh_fold_append(&out, text, err));
        kh_buf_release(&out);
    }
}

static void file_names(void **state)
{
    static const struct {
        const char *name;
        int64_t object_id, origin_id; /* 0: not ours */
    } cases[] = {
        {"0000000000000001-1.dcm", 1, 1},
        {"00000000000004d2-ff.dcm", 1234, 255},
        {"7fffffffffffffff-7fffffffffffffff.dcm", INT64_MAX, INT64_MAX},
        {"ffffffffffffffff-1.dcm", 0, 0},
        {"0000000000000000-1.dcm", 0, 0},
        {"0000000000000001-0.dcm", 0, 0},
        {"000000000000001-1.dcm", 0, 0},
        {"00000000000000001-1.dcm", 0, 0},
        {"0000000000000001.dcm", 0, 0},
        {"0000000000000001-.dcm", 0, 0},
        {"0000000000000001-1.dcm.new", 0, 0},
        {"000000000000000A-1.dcm", 0, 0},
        {"0000000000000001-11111111111111111.dcm", 0, 0},
        {"", 0, 0},
        {".", 0, 0},
    };
    kh_paths paths;
    char path[PATH_MAX];

    (void)state;
    assert_ok(kh_paths_init(&paths, "/x", err));
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        int64_t object_id = 0, origin_id = 0;
        bool ours = kh_path_parse_object(cases[i].name, &object_id, &origin_id);

        if (ours != (cases[i].object_id > 0) || (ours && (object_id != cases[i].object_id || origin_id != cases[i].origin_id)))
            fail_msg("%s", cases[i].name);
        if (ours) {
            kh_path_object(path, &paths, object_id, origin_id);
            assert_string_equal(strrchr(path, '/') + 1, cases[i].name);
        }
    }
    kh_path_object(path, &paths, 0x12345, 7);
    assert_string_equal(path, "/x/objects/01/23/0000000000012345-7.dcm");
    assert_int_equal(kh_paths_init(&paths, "", NULL), KH_E_ARG);
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(kh_paths_init(&paths, path, NULL), KH_E_ARG);
}

static void text_is_cut_at_a_character(void **state)
{
    char out[5];

    (void)state;
    kh_copy_text(out, sizeof out, "abcd");
    assert_string_equal(out, "abcd");
    kh_copy_text(out, sizeof out, "abcde");
    assert_string_equal(out, "abcd");
    kh_copy_text(out, sizeof out, "a山田");
    assert_string_equal(out, "a山");
    kh_copy_text(out, sizeof out, "ab山");
    assert_string_equal(out, "ab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_went),
        cmocka_unit_test(versions_1_and_2_are_still_read),
        cmocka_unit_test(version_3_is_still_read),
        cmocka_unit_test(voi_luts_are_counted),
        cmocka_unit_test(cine_fits_the_frames),
        cmocka_unit_test(without_frames),
        cmocka_unit_test(too_large_is_a_limit),
        cmocka_unit_test(cut_or_changed),
        cmocka_unit_test(folded_text),
        cmocka_unit_test(folding_takes_any_bytes),
        cmocka_unit_test(file_names),
        cmocka_unit_test(text_is_cut_at_a_character),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
