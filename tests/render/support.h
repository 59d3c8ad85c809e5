/* support.h - pictures made by hand for the tests of the renderer. */
#ifndef KH_TESTS_RENDER_SUPPORT_H
#define KH_TESTS_RENDER_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "viewer/render/render.h"

typedef struct test_picture {
    kh_pixel_format format;
    kh_image_info info;
    kh_slice_info slice;
    kh_render_source source;
    uint8_t *pixels; /* owned, exactly as many bytes as the frame has */
    size_t size;
} test_picture;

/* MONOCHROME2, rescale 1 and 0, LINEAR, no window, pixels 0. */
void test_picture_init(test_picture *picture, uint32_t columns, uint32_t rows, uint16_t allocated, uint16_t stored,
                       bool is_signed);
/* Three samples of 8 bits. */
void test_picture_init_colour(test_picture *picture, uint32_t columns, uint32_t rows, kh_photometric photometric, bool planar);
void test_picture_release(test_picture *picture);
void test_picture_set_16(test_picture *picture, size_t index, uint16_t value);
void test_picture_set_window(test_picture *picture, double center, double width);

/* Full size of the whole frame. */
kh_render_view test_view(const test_picture *picture);
/* Render, expecting success; the bytes are the caller's to free. */
uint8_t *test_render(const test_picture *picture, const kh_render_view *view, unsigned *channels, kh_rendered *used);
/* Render, expecting status and a message that contains words. */
void test_refused(const test_picture *picture, const kh_render_view *view, kh_status status, const char *words);
/* A generator with a fixed seed: the same numbers in every run. */
uint32_t test_random(uint32_t *state);

#endif
