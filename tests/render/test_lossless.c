/* Lossless slices: undone by a decoder written here from the definition, and by the browser's own in node. */
#include <libdeflate.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/render/support.h"
#include "viewer/render/lossless.h"

static uint8_t *encode(const test_picture *picture, kh_buf *out, size_t *inflated_size)
{
    size_t room = KH_LOSSLESS_HEADER + (size_t)picture->format.rows * picture->format.columns * 2 + 1;
    struct libdeflate_decompressor *inflate = libdeflate_alloc_decompressor();
    kh_error err = KH_ERROR_INIT;
    kh_renderer *renderer = NULL;
    uint8_t *bytes = malloc(room);

    kh_buf_init(out, 1u << 28);
    assert_int_equal(kh_renderer_create(&renderer, &err), KH_OK);
    if (kh_render_lossless(renderer, &picture->source, out, NULL, &err) != KH_OK)
        fail_msg("%s", err.message);
    assert_int_equal(libdeflate_gzip_decompress(inflate, out->data, out->size, bytes, room, inflated_size), LIBDEFLATE_SUCCESS);
    assert_int_equal(*inflated_size, room - 1);
    kh_renderer_free(renderer);
    libdeflate_free_decompressor(inflate);
    return bytes;
}

/* The slice being undone. */
typedef struct undoing {
    int32_t *out;
    size_t rows, columns;
    bool is_signed;
    const uint8_t *at; /* the next part */
} undoing;

static int32_t value(const undoing *u, size_t y, size_t x)
{
    return u->out[y * u->columns + x];
}

/* ISO 14495-1 A.4.1 as it is written, on every fourth value. */
static int32_t median(const undoing *u, size_t y, size_t x)
{
    int32_t a = x > 0 ? value(u, y, x - 4) : 0, b = y > 0 ? value(u, y - 4, x) : 0, c = x > 0 && y > 0 ? value(u, y - 4, x - 4) : 0;

    if (y == 0)
        return a;
    if (x == 0)
        return b;
    if (c >= (a > b ? a : b))
        return a < b ? a : b;
    if (c <= (a < b ? a : b))
        return a > b ? a : b;
    return a + b - c;
}

static int by_size(const void *a, const void *b)
{
    return (*(const int32_t *)a > *(const int32_t *)b) - (*(const int32_t *)a < *(const int32_t *)b);
}

static int32_t middle(int32_t four[4])
{
    qsort(four, 4, sizeof four[0], by_size);
    return (int32_t)floor((four[1] + four[2]) / 2.0);
}

static size_t before(size_t index, size_t near)
{
    return index >= near ? index - near : index + near;
}

static size_t behind(size_t index, size_t near, size_t size)
{
    return index + near < size ? index + near : index - near;
}

static int32_t between_corners(const undoing *u, size_t y, size_t x, size_t near)
{
    size_t below = behind(y, near, u->rows), right = behind(x, near, u->columns);
    int32_t four[4] = {value(u, y - near, x - near), value(u, y - near, right), value(u, below, x - near), value(u, below, right)};

    return middle(four);
}

static int32_t between_sides(const undoing *u, size_t y, size_t x, size_t near)
{
    bool across = u->columns > near, along = u->rows > near;
    int32_t left = across ? value(u, y, before(x, near)) : 0, right = across ? value(u, y, behind(x, near, u->columns)) : 0;
    int32_t up = along ? value(u, before(y, near), x) : left, down = along ? value(u, behind(y, near, u->rows), x) : right;
    int32_t four[4] = {up, down, across ? left : up, across ? right : down};

    return middle(four);
}

static void put_value(undoing *u, size_t y, size_t x, size_t *i, size_t count, int32_t predicted)
{
    int folded = u->at[*i] << 8 | u->at[count + *i], residual = folded % 2 ? -(folded + 1) / 2 : folded / 2;
    uint16_t word = (uint16_t)(predicted + residual);

    u->out[y * u->columns + x] = u->is_signed ? (int16_t)word : word;
    ++*i;
}

static size_t lattice(const undoing *u, size_t step)
{
    return (u->rows + step - 1) / step * ((u->columns + step - 1) / step);
}

static void undo_level(undoing *u, size_t near)
{
    size_t count = lattice(u, near) - lattice(u, 2 * near), i = 0;

    for (size_t y = near; y < u->rows; y += 2 * near)
        for (size_t x = near; x < u->columns; x += 2 * near)
            put_value(u, y, x, &i, count, between_corners(u, y, x, near));
    for (size_t y = 0; y < u->rows; y += near)
        for (size_t x = y / near % 2 ? 0 : near; x < u->columns; x += 2 * near)
            put_value(u, y, x, &i, count, between_sides(u, y, x, near));
    assert_int_equal(i, count);
    u->at += 2 * count;
}

static void undo(int32_t *out, const uint8_t *bytes, size_t rows, size_t columns, bool is_signed)
{
    undoing u = {out, rows, columns, is_signed, bytes + KH_LOSSLESS_HEADER};
    size_t count = lattice(&u, 4), i = 0;

    for (size_t y = 0; y < rows; y += 4)
        for (size_t x = 0; x < columns; x += 4)
            put_value(&u, y, x, &i, count, median(&u, y, x));
    u.at += 2 * count;
    undo_level(&u, 2);
    undo_level(&u, 1);
}

typedef struct form {
    const char *name;
    uint32_t columns, rows;
    uint16_t allocated, stored, high_bit;
    bool is_signed;
    int kind; /* 0 noise over all bits, 1 a ramp with noise, 2 extremes in turn */
} form;

static const form forms[] = {
    {"12 of 16, smooth", 70, 33, 16, 12, 11, false, 1},
    {"12 of 16, signed", 70, 33, 16, 12, 11, true, 1},
    {"12 of 16 up high", 70, 33, 16, 12, 15, false, 0},
    {"12 of 16 up high, signed", 70, 33, 16, 12, 15, true, 0},
    {"16, noise", 64, 64, 16, 16, 15, false, 0},
    {"16 signed, noise", 64, 64, 16, 16, 15, true, 0},
    {"16, extremes", 33, 17, 16, 16, 15, false, 2},
    {"16 signed, extremes", 33, 17, 16, 16, 15, true, 2},
    {"8", 31, 31, 8, 8, 7, false, 0},
    {"8 signed", 31, 31, 8, 8, 7, true, 0},
    {"1", 19, 7, 1, 1, 0, false, 0},
    {"16 in 32", 9, 9, 32, 16, 15, true, 0},
    {"one pixel", 1, 1, 16, 16, 15, true, 0},
    {"two by two", 2, 2, 16, 16, 15, true, 0},
    {"three by three", 3, 3, 16, 16, 15, false, 0},
    {"five by four", 5, 4, 16, 16, 15, false, 0},
    {"four by five", 4, 5, 16, 16, 15, true, 2},
    {"two columns", 2, 9, 16, 16, 15, false, 0},
    {"three rows", 9, 3, 16, 16, 15, true, 0},
    {"one row", 50, 1, 16, 12, 11, false, 1},
    {"one column", 1, 50, 16, 12, 11, true, 1},
};

static void fill(test_picture *picture, const form *f)
{
    uint32_t state = 7;

    for (size_t i = 0; i < picture->size; i++)
        picture->pixels[i] = (uint8_t)test_random(&state);
    for (size_t i = 0; f->kind > 0 && i < (size_t)f->columns * f->rows; i++) {
        uint32_t smooth = (uint32_t)(i % f->columns * 20 + i / f->columns * 5 + test_random(&state) % 9 + 60000);
        uint32_t extreme = i % 3 == 0 ? 0 : i % 3 == 1 ? 0xffff : 0x8000;

        test_picture_set_16(picture, i, (uint16_t)(f->kind == 1 ? smooth : extreme));
    }
}

/* The stored value of PS3.5 8.1.1, straight from the bytes. */
static int32_t stored(const test_picture *picture, const form *f, size_t i)
{
    uint64_t word = 0, mask = (UINT64_C(1) << f->stored) - 1;

    if (f->allocated == 1)
        return picture->pixels[i / 8] >> i % 8 & 1;
    for (size_t k = f->allocated / 8u; k-- > 0;)
        word = word << 8 | picture->pixels[i * (f->allocated / 8u) + k];
    word = word >> (f->high_bit + 1 - f->stored) & mask;
    return f->is_signed && word >> (f->stored - 1) ? (int32_t)((int64_t)word - (int64_t)mask - 1) : (int32_t)word;
}

static void every_value_comes_back(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof forms / sizeof forms[0]; n++) {
        const form *f = &forms[n];
        size_t count = (size_t)f->columns * f->rows, size;
        int32_t *values = calloc(count, sizeof *values);
        test_picture picture;
        uint8_t *bytes;
        kh_buf out;

        test_picture_init(&picture, f->columns, f->rows, f->allocated, f->stored, f->is_signed);
        picture.format.high_bit = f->high_bit;
        fill(&picture, f);
        bytes = encode(&picture, &out, &size);
        undo(values, bytes, f->rows, f->columns, f->is_signed);
        for (size_t i = 0; i < count; i++)
            if (values[i] != stored(&picture, f, i))
                fail_msg("%s: value %zu is %d, expected %d", f->name, i, values[i], stored(&picture, f, i));
        free(values);
        free(bytes);
        kh_buf_release(&out);
        test_picture_release(&picture);
    }
}

static double number_at(const uint8_t *bytes, size_t at)
{
    double number;

    memcpy(&number, bytes + at, sizeof number);
    return number;
}

static void the_header_tells_how_to_show_it(void **state)
{
    test_picture picture;
    kh_display display;
    uint8_t *bytes;
    kh_buf out;
    size_t size;

    (void)state;
    test_picture_init(&picture, 258, 3, 16, 12, true);
    picture.slice.rescale_slope = 0.5;
    picture.slice.rescale_intercept = -1024;
    picture.slice.voi_function = KH_VOI_SIGMOID;
    picture.info.has_padding = true;
    picture.info.padding_low = -2048;
    picture.info.padding_high = -2000;
    picture.info.inverse = true;
    test_picture_set_window(&picture, 40, 400.5);
    bytes = encode(&picture, &out, &size);
    assert_memory_equal(bytes, "KHL2\x03\x00\x02\x01\x0c\x07\x02\x00\x00\xf8\xff\xff\x30\xf8\xff\xff\x00\x00\x00\x00", 24);
    assert_true(number_at(bytes, 24) == 0.5 && number_at(bytes, 32) == -1024);
    assert_true(number_at(bytes, 40) == 40 && number_at(bytes, 48) == 400.5);
    free(bytes);
    kh_buf_release(&out);
    picture.slice.window_count = 0;
    memset(&display, 0, sizeof display);
    display.overlay_count = 1;
    picture.source.display = &display;
    bytes = encode(&picture, &out, &size);
    assert_int_equal(bytes[9], KH_LOSSLESS_SIGNED | KH_LOSSLESS_PADDING | KH_LOSSLESS_INVERSE | KH_LOSSLESS_FROM_PIXELS |
                                   KH_LOSSLESS_TABLES);
    free(bytes);
    kh_buf_release(&out);
    test_picture_release(&picture);
}

static void what_has_no_16_bits_of_grey_is_refused(void **state)
{
    (void)state;
    for (int n = 0; n < 3; n++) {
        kh_error err = KH_ERROR_INIT;
        kh_renderer *renderer = NULL;
        test_picture picture;
        kh_buf out;

        if (n == 0)
            test_picture_init_colour(&picture, 4, 4, KH_PHOTOMETRIC_RGB, false);
        else
            test_picture_init(&picture, 4, 4, 32, n == 1 ? 17 : 32, false);
        picture.format.is_float = n == 2;
        kh_buf_init(&out, 1u << 20);
        assert_int_equal(kh_renderer_create(&renderer, &err), KH_OK);
        assert_int_equal(kh_render_lossless(renderer, &picture.source, &out, NULL, &err), KH_E_UNSUPPORTED);
        assert_int_equal(out.size, 0);
        assert_non_null(strstr(err.message, "expected grey of up to 16"));
        kh_renderer_free(renderer);
        kh_buf_release(&out);
        test_picture_release(&picture);
    }
}

static const char script[] =
    "import { readFileSync } from 'node:fs';"
    "import { gunzipSync } from 'node:zlib';"
    "import { decodeLossless } from '" KH_PROJECT_DIR "/viewer/web/lossless.js';"
    "const body = gunzipSync(readFileSync(process.argv[1]));"
    "const slice = decodeLossless(body.buffer.slice(body.byteOffset, body.byteOffset + body.byteLength));"
    "process.stdout.write(new Uint8Array(slice.values.buffer));";

/* The decoder of the browser on the encoder's own output. */
static void the_browser_s_decoder_agrees(void **state)
{
    (void)state;
    if (system("node --version > /dev/null 2>&1") != 0) {
        print_message("no node: the browser's decoder is not run\n");
        skip();
    }
    for (size_t n = 0; n < sizeof forms / sizeof forms[0]; n++) {
        const form *f = &forms[n];
        size_t count = (size_t)f->columns * f->rows, size;
        char path[] = "/tmp/kh-lossless-XXXXXX", command[2048];
        uint8_t *got = malloc(count * 2 + 1);
        test_picture picture;
        FILE *pipe;
        kh_buf out;
        int fd = mkstemp(path);

        test_picture_init(&picture, f->columns, f->rows, f->allocated, f->stored, f->is_signed);
        picture.format.high_bit = f->high_bit;
        fill(&picture, f);
        free(encode(&picture, &out, &size));
        assert_int_equal(write(fd, out.data, out.size), out.size);
        close(fd);
        snprintf(command, sizeof command, "node --input-type=module -e \"%s\" %s", script, path);
        pipe = popen(command, "r");
        assert_non_null(pipe);
        assert_int_equal(fread(got, 1, count * 2 + 1, pipe), count * 2);
        assert_int_equal(pclose(pipe), 0);
        for (size_t i = 0; i < count; i++) {
            uint16_t word = (uint16_t)(got[2 * i] | got[2 * i + 1] << 8);

            if ((f->is_signed ? (int16_t)word : (int32_t)word) != stored(&picture, f, i))
                fail_msg("%s: value %zu is %d", f->name, i, word);
        }
        unlink(path);
        free(got);
        kh_buf_release(&out);
        test_picture_release(&picture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_comes_back),
        cmocka_unit_test(the_header_tells_how_to_show_it),
        cmocka_unit_test(what_has_no_16_bits_of_grey_is_refused),
        cmocka_unit_test(the_browser_s_decoder_agrees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
