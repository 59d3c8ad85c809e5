/* GIF: read back by the library's other half, pictures are the same, or near where there are too many colours for a palette. */
#include <gif_lib.h>
#include <stdlib.h>
#include <string.h>
#include "tests/render/support.h"
#include "viewer/render/gif.h"

#define WIDTH 37
#define HEIGHT 19
#define COUNT (WIDTH * HEIGHT)

typedef struct reading {
    const uint8_t *bytes;
    size_t size, at;
} reading;

static int get_bytes(GifFileType *file, GifByteType *out, int size)
{
    reading *r = file->UserData;
    size_t count = r->size - r->at < (size_t)size ? r->size - r->at : (size_t)size;

    memcpy(out, r->bytes + r->at, count);
    r->at += count;
    return (int)count;
}

static GifFileType *open_gif(reading *r)
{
    int error = 0;
    GifFileType *file = DGifOpen(r, get_bytes, &error);

    assert_non_null(file);
    assert_int_equal(DGifSlurp(file), GIF_OK);
    return file;
}

static void rgb_of(const GifFileType *file, int image, size_t pixel, uint8_t out[3])
{
    const ColorMapObject *map = file->SavedImages[image].ImageDesc.ColorMap ? file->SavedImages[image].ImageDesc.ColorMap : file->SColorMap;
    const GifColorType *colour = &map->Colors[file->SavedImages[image].RasterBits[pixel]];

    out[0] = colour->Red;
    out[1] = colour->Green;
    out[2] = colour->Blue;
}

static void fill(uint8_t *pixels, unsigned channels, unsigned colours, uint32_t seed)
{
    for (size_t i = 0; i < COUNT; i++) {
        uint32_t colour = test_random(&seed) % colours;

        for (unsigned c = 0; c < channels; c++)
            pixels[i * channels + c] = (uint8_t)((colour >> (4 * c)) * 29 + colour * (c + 1));
    }
}

static void pictures_come_back(void **state)
{
    static const struct {
        const char *name;
        unsigned channels, colours, pictures;
        bool exact;
        int within; /* the square of the distance in R, G and B */
    } cases[] = {
        {"grey", 1, 256, 1, true, 0},           {"grey, one after the other", 1, 256, 4, true, 0}, {"one colour", 3, 1, 1, true, 0},
        {"256 colours", 3, 256, 1, true, 0},    {"256 colours, twice", 3, 256, 2, true, 0},        {"many colours", 3, 4096, 1, false, 3 * 26 * 26}, /* half a step of the cube */
    };

    (void)state;
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        uint8_t pixels[COUNT * 3];
        kh_error err = KH_ERROR_INIT;
        kh_gif *gif = NULL;
        bool exact = true;
        int error = 0;
        reading r;
        GifFileType *file;
        kh_buf out;

        kh_buf_init(&out, 1u << 20);
        assert_int_equal(kh_gif_begin(&gif, &out, WIDTH, HEIGHT, cases[n].pictures > 1, &err), KH_OK);
        for (unsigned i = 0; i < cases[n].pictures; i++) {
            fill(pixels, cases[n].channels, cases[n].colours, i + 1);
            assert_int_equal(kh_gif_add(gif, pixels, cases[n].channels, 40, &exact, &err), KH_OK);
        }
        assert_int_equal(kh_gif_end(gif, &err), KH_OK);
        kh_gif_free(gif);
        if (exact != cases[n].exact)
            fail_msg("%s: exact %d", cases[n].name, exact);
        r = (reading){.bytes = out.data, .size = out.size};
        file = open_gif(&r);
        assert_int_equal(file->ImageCount, cases[n].pictures);
        for (unsigned i = 0; i < cases[n].pictures; i++) {
            fill(pixels, cases[n].channels, cases[n].colours, i + 1);
            for (size_t k = 0; k < COUNT; k++) {
                uint8_t rgb[3];
                int distance = 0;

                rgb_of(file, (int)i, k, rgb);
                for (unsigned c = 0; c < 3; c++) {
                    int off = rgb[c] - pixels[cases[n].channels == 3 ? 3 * k + c : k];

                    distance += off * off;
                }
                if (distance > cases[n].within)
                    fail_msg("%s: pixel %zu", cases[n].name, k);
            }
        }
        DGifCloseFile(file, &error);
        kh_buf_release(&out);
    }
}

/* From a buffer too small for the header to one byte too small for all of it. */
static void a_full_buffer_is_told(void **state)
{
    uint8_t pixels[COUNT];
    size_t whole = 0;

    (void)state;
    fill(pixels, 1, 256, 5);
    for (size_t room = 1u << 20; room > 0; room = whole > 0 ? (room == 1u << 20 ? whole : room - (room > 900 ? 97 : 1)) : 0) {
        kh_error err = KH_ERROR_INIT;
        kh_gif *gif = NULL;
        bool exact = true;
        kh_buf out;
        kh_status status;

        kh_buf_init(&out, room);
        status = kh_gif_begin(&gif, &out, WIDTH, HEIGHT, false, &err);
        if (status == KH_OK)
            status = kh_gif_add(gif, pixels, 1, 0, &exact, &err);
        if (status == KH_OK)
            status = kh_gif_end(gif, &err);
        kh_gif_free(gif);
        if (whole == 0)
            whole = out.size;
        assert_int_equal(status, room >= whole ? KH_OK : KH_E_LIMIT);
        kh_buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_come_back),
        cmocka_unit_test(a_full_buffer_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
