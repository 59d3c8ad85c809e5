/* bench_decode.c - a compressed frame by the way of the service, through a sandboxed worker and shared memory, and by the same codec
 * alone in this very process. The rounds alternate.
 * Usage: bench_decode FILE [FRAME]. FRAME: from 0 on, 0 when left out. Prints {"alone_ms": [...], "worker_ms": [...]}, one of each for a
 * round. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/bench_frame.h"
#include "dicom/codec/codec.h"

#define ROUNDS 41
#define ENOUGH_US 3000000 /* a large frame is measured a few times less */
#define ROUNDS_MIN 7

static pid_t worker;

static int32_t pid_of(void *context, unsigned index)
{
    (void)context;
    (void)index;
    return worker;
}

static kh_codec *start(kh_codec_channels **channels)
{
    kh_codec_options options = kh_codec_options_default;
    kh_error err = KH_ERROR_INIT;
    kh_codec *codec = NULL;

    options.worker_count = 1;
    bench_check(kh_codec_channels_create(channels, &options, &err), &err);
    worker = fork();
    if (worker < 0)
        exit(1);
    if (worker == 0) {
        kh_codec_worker_run(*channels, 0);
        _exit(0);
    }
    bench_check(kh_codec_create(&codec, *channels, pid_of, NULL, &err), &err);
    return codec;
}

static double alone_ms(const bench_frame *frame, uint8_t *pixels, size_t size)
{
    kh_pixel_format format = frame->info.format;
    kh_error err = KH_ERROR_INIT;
    int64_t begin = kh_clock_monotonic_us();

    bench_check(kh_codec_decode_here(pixels, size, frame->syntax, &format, frame->bytes, frame->size, &err), &err);
    return (double)(kh_clock_monotonic_us() - begin) / 1000;
}

static double worker_ms(const bench_frame *frame, kh_codec *codec)
{
    kh_pixel_format format = frame->info.format;
    kh_error err = KH_ERROR_INIT;
    int64_t begin = kh_clock_monotonic_us();
    uint8_t *pixels = NULL;
    size_t size;
    double ms;

    bench_check(kh_codec_decode(&pixels, &size, codec, frame->syntax, &format, frame->bytes, frame->size, &err), &err);
    ms = (double)(kh_clock_monotonic_us() - begin) / 1000;
    free(pixels);
    return ms;
}

static void print_list(const char *name, const double *values, unsigned count)
{
    printf("\"%s\": [", name);
    for (unsigned i = 0; i < count; i++)
        printf("%s%.4f", i > 0 ? ", " : "", values[i]);
    printf("]");
}

int main(int argc, char **argv)
{
    double alone[ROUNDS], through[ROUNDS];
    kh_codec_channels *channels = NULL;
    kh_codec *codec;
    bench_frame frame;
    int64_t begin;
    unsigned rounds = 0;
    uint8_t *pixels;
    size_t size;

    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: bench_decode FILE [FRAME]\n");
        return 2;
    }
    codec = start(&channels); /* before the memory of this process grows: the worker may have only so much of it */
    bench_frame_read(&frame, argv[1], argc == 3 ? (uint32_t)atol(argv[2]) : 0);
    pixels = kh_pixel_format_frame_bytes(&frame.info.format, &size) ? malloc(size) : NULL;
    if (!pixels)
        return 1;
    alone_ms(&frame, pixels, size);
    worker_ms(&frame, codec);
    begin = kh_clock_monotonic_us();
    while (rounds < ROUNDS && (rounds < ROUNDS_MIN || kh_clock_monotonic_us() - begin < ENOUGH_US)) {
        if (rounds % 2 == 0)
            alone[rounds] = alone_ms(&frame, pixels, size);
        through[rounds] = worker_ms(&frame, codec);
        if (rounds % 2 == 1)
            alone[rounds] = alone_ms(&frame, pixels, size);
        rounds++;
    }
    printf("{");
    print_list("alone_ms", alone, rounds);
    printf(", ");
    print_list("worker_ms", through, rounds);
    printf("}\n");
    kh_codec_free(codec);
    kh_codec_channels_free(channels); /* its socket closed, the worker ends */
    kill(worker, SIGKILL);
    waitpid(worker, NULL, 0);
    return 0;
}
