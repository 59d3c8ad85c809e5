/* bench_render.c - a 512 x 512 CT tile from memory on one core: window alone, JPEG alone (bare TurboJPEG on the windowed picture),
 * both through the renderer, and the levels below. Frames are made here: smooth shapes with correlated noise, about 32 KB as q80.
 * Usage: bench_render [--json]. --json: an array of {"id", "what", "unit", "value"}, medians. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

#include "base/clock.h"
#include "viewer/render/render.h"

#define SIDE 512
#define FRAMES 12
#define ROUNDS 15 /* odd: the median is one of them */
#define PIXELS ((size_t)SIDE * SIDE)

typedef struct bench {
    uint16_t *frames[FRAMES];
    uint8_t *greys[FRAMES];
    kh_pixel_format format;
    kh_image_info info;
    kh_slice_info slice;
    kh_renderer *renderer;
    tjhandle encoder;
    uint8_t *jpeg;
    unsigned long jpeg_room;
    kh_buf out;
    size_t jpeg_bytes; /* of all frames, at the last run */
    int flags;
} bench;

typedef void operation(bench *b, unsigned frame);

static double noise(uint32_t *state)
{
    double sum = 0;

    for (int i = 0; i < 4; i++) {
        *state = *state * 1664525u + 1013904223u;
        sum += (*state >> 8) / 16777216.0 - 0.5;
    }
    return sum * 1.73; /* a standard deviation of one */
}

/* Hounsfield units of a body: an oval of soft tissue in air, two lungs, a spine, vessels. */
static double tissue(double x, double y, unsigned frame)
{
    double turn = frame * 0.05, hu = -1000;

    if (x * x / 0.72 + y * y / 0.42 < 1)
        hu = x * x / 0.66 + y * y / 0.37 < 1 ? 50 + 10 * sin(9 * x + turn) * cos(7 * y) : -90;
    for (int side = -1; side <= 1; side += 2)
        if (pow(x - side * 0.4, 2) / 0.07 + pow(y + 0.05, 2) / 0.12 < 1)
            hu = -850 + 60 * sin(40 * x + turn) * sin(37 * y);
    if (pow(x, 2) + pow(y - 0.4, 2) < 0.012)
        hu = 500 + 200 * cos(60 * x);
    if (pow(x - 0.05, 2) + pow(y + 0.1, 2) < 0.02)
        hu = 220;
    return hu;
}

static uint16_t *make_frame(unsigned frame)
{
    uint16_t *pixels = malloc(PIXELS * sizeof *pixels);
    double *raw = malloc(PIXELS * sizeof *raw);
    uint32_t state = 7 + frame;

    if (!pixels || !raw)
        exit(1);
    for (size_t i = 0; i < PIXELS; i++)
        raw[i] = noise(&state);
    for (size_t i = 0; i < PIXELS; i++) {
        size_t x = i % SIDE, y = i / SIDE, left = x ? i - 1 : i, up = y ? i - SIDE : i;
        double grain = (raw[i] + raw[left] + raw[up] + raw[up == i ? left : up - (x ? 1 : 0)]) / 2; /* of neighbours together */
        double hu = tissue(((double)x - SIDE / 2.0) / (SIDE / 2.0), ((double)y - SIDE / 2.0) / (SIDE / 2.0), frame);

        pixels[i] = (uint16_t)fmin(fmax(hu + 1024 + 30 * grain, 0), 4095);
    }
    free(raw);
    return pixels;
}

static void check(kh_status status, const kh_error *err)
{
    if (status == KH_OK)
        return;
    fprintf(stderr, "bench_render: %s\n", err->message);
    exit(1);
}

static kh_render_source source_of(const bench *b, unsigned frame)
{
    return (kh_render_source){(const uint8_t *)b->frames[frame], PIXELS * 2, &b->format, &b->info, &b->slice, NULL, 0};
}

static void window_only(bench *b, unsigned frame)
{
    kh_render_source source = source_of(b, frame);
    kh_render_view view = {.out_width = SIDE, .out_height = SIDE};
    kh_error err = KH_ERROR_INIT;
    unsigned channels;

    kh_buf_clear(&b->out);
    check(kh_render_pixels(b->renderer, &source, &view, &b->out, &channels, NULL, &err), &err);
}

static void new_window(bench *b, unsigned frame)
{
    b->slice.windows[0].center += 1; /* the table is made anew, as when a window is dragged */
    window_only(b, frame);
}

static void encode_only(bench *b, unsigned frame)
{
    unsigned long size = b->jpeg_room;

    if (tjCompress2(b->encoder, b->greys[frame], SIDE, SIDE, SIDE, TJPF_GRAY, &b->jpeg, &size, TJSAMP_GRAY, 80,
                    TJFLAG_NOREALLOC | b->flags) != 0)
        exit(1);
}

static void tile(bench *b, unsigned frame, uint32_t side)
{
    kh_render_source source = source_of(b, frame);
    kh_render_view view = {.out_width = side, .out_height = side, .quality = 80};
    kh_error err = KH_ERROR_INIT;

    kh_buf_clear(&b->out);
    check(kh_render_jpeg(b->renderer, &source, &view, &b->out, NULL, &err), &err);
    b->jpeg_bytes += b->out.size;
}

static void whole_tile(bench *b, unsigned frame)
{
    tile(b, frame, SIDE);
}

static void half_tile(bench *b, unsigned frame)
{
    tile(b, frame, SIDE / 2);
}

static void third_tile(bench *b, unsigned frame)
{
    tile(b, frame, SIDE / 3);
}

static void double_tile(bench *b, unsigned frame)
{
    tile(b, frame, 2 * SIDE);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Median milliseconds of one call. */
static double measure(bench *b, operation *run)
{
    double ms[ROUNDS];

    for (unsigned frame = 0; frame < FRAMES; frame++)
        run(b, frame);
    for (unsigned round = 0; round < ROUNDS; round++) {
        int64_t start = kh_clock_monotonic_us();

        b->jpeg_bytes = 0;
        for (unsigned frame = 0; frame < FRAMES; frame++)
            run(b, frame);
        ms[round] = (double)(kh_clock_monotonic_us() - start) / 1000.0 / FRAMES;
    }
    qsort(ms, ROUNDS, sizeof ms[0], compare);
    return ms[ROUNDS / 2];
}

static void prepare(bench *b)
{
    kh_error err = KH_ERROR_INIT;

    *b = (bench){.format = {.rows = SIDE, .columns = SIDE, .samples = 1, .bits_allocated = 16, .bits_stored = 16, .high_bit = 15,
                            .photometric = KH_PHOTOMETRIC_MONOCHROME2},
                 .slice = {.rescale_slope = 1, .rescale_intercept = -1024, .window_count = 1,
                           .windows = {{.center = 40, .width = 400}}},
                 .flags = TJFLAG_ACCURATEDCT};
    check(kh_renderer_create(&b->renderer, &err), &err);
    kh_buf_init(&b->out, 64u << 20);
    b->encoder = tjInitCompress();
    b->jpeg_room = tjBufSize(SIDE, SIDE, TJSAMP_GRAY);
    b->jpeg = malloc(b->jpeg_room);
    for (unsigned i = 0; i < FRAMES; i++) {
        b->frames[i] = make_frame(i);
        b->greys[i] = malloc(PIXELS);
        if (!b->greys[i] || !b->jpeg || !b->encoder)
            exit(1);
        window_only(b, i);
        memcpy(b->greys[i], b->out.data, PIXELS);
    }
}

static void finish(bench *b)
{
    for (unsigned i = 0; i < FRAMES; i++) {
        free(b->frames[i]);
        free(b->greys[i]);
    }
    tjDestroy(b->encoder);
    free(b->jpeg);
    kh_buf_release(&b->out);
    kh_renderer_free(b->renderer);
}

static void report(bool json, bool first, const char *id, const char *what, double ms)
{
    if (json)
        printf("%s{\"id\": \"%s\", \"what\": \"%s\", \"unit\": \"1/s\", \"value\": %.1f}", first ? "" : ",\n ", id, what, 1000 / ms);
    else
        printf("%-56s %8.3f ms %9.0f /s\n", what, ms, 1000 / ms);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *id, *what;
        operation *run;
        int flags;
    } rows[] = {
        {"window", "window, 512 x 512 of 16 bits", window_only, TJFLAG_ACCURATEDCT},
        {"window_new", "window, another one every time", new_window, TJFLAG_ACCURATEDCT},
        {"encode", "JPEG q80 alone, accurate DCT", encode_only, TJFLAG_ACCURATEDCT},
        {"encode_fast", "JPEG q80 alone, fast DCT", encode_only, TJFLAG_FASTDCT},
        {"tile", "whole tile 512 x 512", whole_tile, TJFLAG_ACCURATEDCT},
        {"tile_half", "whole tile, scaled to 256 x 256", half_tile, TJFLAG_ACCURATEDCT},
        {"tile_third", "whole tile, scaled to 170 x 170", third_tile, TJFLAG_ACCURATEDCT},
        {"tile_double", "whole tile, scaled to 1024 x 1024", double_tile, TJFLAG_ACCURATEDCT},
    };
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    size_t tile_bytes = 0;
    bench b;

    prepare(&b);
    printf("%s", json ? "[" : "");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        b.slice.windows[0].center = 40;
        b.flags = rows[i].flags;
        report(json, i == 0, rows[i].id, rows[i].what, measure(&b, rows[i].run));
        tile_bytes = rows[i].run == whole_tile ? b.jpeg_bytes / FRAMES : tile_bytes;
    }
    if (json)
        printf("]\n");
    else
        printf("mean tile of %zu bytes; medians of %d rounds of %d frames, one thread\n", tile_bytes, ROUNDS, FRAMES);
    finish(&b);
    return 0;
}
