/* bench_render.c - a 512 x 512 tile on one core: what the machine allows (read from the page cache, windowing by a plain loop, bare
 * TurboJPEG on the windowed picture), and the renderer: window alone, whole tile with another window each time, the levels below.
 * Usage: bench_render [--json] FILE... FILE: an image of 512 x 512 pixels, uncompressed, 16 bits allocated, gray; some of them are
 * taken. --json: an array of {"id", "what", "unit", "value"}, medians. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/bench_frame.h"
#include "viewer/render/render.h"

#define SIDE 512
#define FRAMES 12
#define ROUNDS 15 /* odd: the median is one of them */
#define PIXELS ((size_t)SIDE * SIDE)

typedef struct bench {
    bench_frame frames[FRAMES];
    uint8_t *greys[FRAMES]; /* windowed */
    uint8_t *read_to, *window_to;
    kh_renderer *renderer;
    tjhandle encoder;
    uint8_t *jpeg;
    unsigned long jpeg_room;
    kh_buf out;
    size_t jpeg_bytes; /* of all frames, at the last run */
    int flags;
} bench;

typedef void operation(bench *b, unsigned frame);

static kh_render_source source_of(const bench *b, unsigned frame)
{
    const bench_frame *f = &b->frames[frame];

    return (kh_render_source){f->bytes, f->size, &f->info.format, &f->info, kh_image_info_slice(&f->info, 0), NULL, 0};
}

/* A window of its own for every frame, so that no table is used twice in a row. */
static kh_render_view view_of(unsigned frame, uint32_t side)
{
    return (kh_render_view){.out_width = side, .out_height = side, .quality = 80, .window_given = true,
                            .window_center = 10.0 * frame + 0.25, .window_width = 300.0 + 33 * frame};
}

static void read_only(bench *b, unsigned frame)
{
    const bench_frame *f = &b->frames[frame];

    if (pread(f->fd, b->read_to, f->size, (off_t)f->offset) != (ssize_t)f->size)
        exit(1);
}

/* The least that windowing is: a line between two ends, in fixed point. */
__attribute__((target_clones("avx2", "default"), optimize("O3"))) static void window_bare(bench *b, unsigned frame)
{
    const uint16_t *from = (const uint16_t *)(const void *)b->frames[frame].bytes;
    uint8_t *to = b->window_to;

    for (size_t i = 0; i < PIXELS; i++) {
        int32_t x = (int32_t)from[i] - 900, grey;

        x = x < 0 ? 0 : x > 399 ? 399 : x;
        grey = (x * 167535 + (1 << 17)) >> 18;
        to[i] = (uint8_t)grey;
    }
}

static void window_only(bench *b, unsigned frame)
{
    kh_render_source source = source_of(b, frame);
    kh_render_view view = view_of(frame, SIDE);
    kh_error err = KH_ERROR_INIT;
    unsigned channels;

    kh_buf_clear(&b->out);
    bench_check(kh_render_pixels(b->renderer, &source, &view, &b->out, &channels, NULL, &err), &err);
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
    kh_render_view view = view_of(frame, side);
    kh_error err = KH_ERROR_INIT;

    kh_buf_clear(&b->out);
    bench_check(kh_render_jpeg(b->renderer, &source, &view, &b->out, NULL, &err), &err);
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
    return bench_median(ms, ROUNDS);
}

static void check_form(const bench_frame *frame, const char *path)
{
    const kh_pixel_format *format = &frame->info.format;

    if (format->rows == SIDE && format->columns == SIDE && format->bits_allocated == 16 && format->samples == 1 &&
        frame->size == PIXELS * 2)
        return;
    fprintf(stderr, "bench_render: %s is not of the form that is measured\n", path);
    exit(1);
}

static void prepare(bench *b, char *const *files, int file_count)
{
    kh_error err = KH_ERROR_INIT;

    *b = (bench){.encoder = tjInitCompress(), .jpeg_room = tjBufSize(SIDE, SIDE, TJSAMP_GRAY)};
    bench_check(kh_renderer_create(&b->renderer, &err), &err);
    kh_buf_init(&b->out, 64u << 20);
    b->jpeg = malloc(b->jpeg_room);
    b->read_to = malloc(PIXELS * 2);
    b->window_to = malloc(PIXELS);
    if (!b->jpeg || !b->encoder || !b->read_to || !b->window_to)
        exit(1);
    for (unsigned i = 0; i < FRAMES; i++) {
        const char *file = files[(size_t)i * (size_t)file_count / FRAMES];

        bench_frame_read(&b->frames[i], file, 0);
        check_form(&b->frames[i], file);
        b->greys[i] = malloc(PIXELS);
        if (!b->greys[i])
            exit(1);
        window_only(b, i);
        memcpy(b->greys[i], b->out.data, PIXELS);
    }
}

static void finish(bench *b)
{
    for (unsigned i = 0; i < FRAMES; i++) {
        free(b->frames[i].bytes);
        free(b->greys[i]);
    }
    tjDestroy(b->encoder);
    free(b->jpeg);
    free(b->read_to);
    free(b->window_to);
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
        {"read", "read from the page cache, 512 KB", read_only, 0},
        {"window_bare", "window by a plain loop", window_bare, 0},
        {"window", "window by the renderer, another one every time", window_only, 0},
        {"encode", "JPEG q80 alone, accurate DCT", encode_only, TJFLAG_ACCURATEDCT},
        {"encode_fast", "JPEG q80 alone, fast DCT", encode_only, TJFLAG_FASTDCT},
        {"tile", "whole tile 512 x 512", whole_tile, 0},
        {"tile_half", "whole tile, scaled to 256 x 256", half_tile, 0},
        {"tile_third", "whole tile, scaled to 170 x 170", third_tile, 0},
        {"tile_double", "whole tile, scaled to 1024 x 1024", double_tile, 0},
    };
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    int first = json ? 2 : 1;
    size_t tile_bytes = 0;
    bench b;

    if (argc <= first) {
        fprintf(stderr, "usage: bench_render [--json] FILE...\n");
        return 2;
    }
    prepare(&b, argv + first, argc - first);
    printf("%s", json ? "[" : "");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
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
