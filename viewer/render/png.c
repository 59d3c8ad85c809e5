#include "viewer/render/png.h"

#include <png.h>

#define ZLIB_LEVEL 3 /* of screen pictures of scans 6 takes three times as long and saves some percent */

typedef struct sink {
    kh_buf *out;
    kh_error *err;
    kh_status status;
} sink;

/* libpng leaves its functions by longjmp when one of ours calls png_error. */
static void put_bytes(png_structp png, png_bytep bytes, size_t size)
{
    sink *s = png_get_io_ptr(png);

    s->status = kh_buf_append(s->out, bytes, size, s->err);
    if (s->status != KH_OK)
        png_error(png, "no room");
}

static void put_nothing(png_structp png)
{
    (void)png;
}

static void fail(png_structp png, png_const_charp message)
{
    sink *s = png_get_error_ptr(png);

    if (s->status == KH_OK)
        s->status = kh_error_set(s->err, KH_E_INTERNAL, "PNG: %s", message);
    png_longjmp(png, 1);
}

static void ignore(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void write_picture(png_structp png, png_infop info, const uint8_t *pixels, uint32_t width, uint32_t height,
                          unsigned channels)
{
    if (setjmp(png_jmpbuf(png)))
        return;
    png_set_compression_level(png, ZLIB_LEVEL);
    png_set_IHDR(png, info, width, height, 8, channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (uint32_t row = 0; row < height; row++)
        png_write_row(png, pixels + (size_t)row * width * channels);
    png_write_end(png, info);
}

kh_status kh_png_encode(const uint8_t *pixels, uint32_t width, uint32_t height, unsigned channels, kh_buf *out, kh_error *err)
{
    sink s = {.out = out, .err = err};
    size_t before = out->size;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &s, fail, ignore);
    png_infop info = png ? png_create_info_struct(png) : NULL;

    if (info) {
        png_set_write_fn(png, &s, put_bytes, put_nothing);
        write_picture(png, info, pixels, width, height, channels);
    } else {
        s.status = kh_error_set(err, KH_E_MEMORY, "no memory for a PNG of %u x %u", width, height);
    }
    png_destroy_write_struct(&png, &info);
    if (s.status != KH_OK && out->data) {
        out->size = before;
        out->data[before] = 0;
    }
    return s.status;
}
