/* fuzz_frame.c - a byte for the kind, six for what the header claims, then a codestream, into the decoders in this process. */
#include <setjmp.h>
#include <stdlib.h>

#include "dicom/codec/codec.h"
#include "dicom/codec/gate.h"

#define SIDE_MAX 256
#define ROOM (SIDE_MAX * SIDE_MAX * 12)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* OpenJPEG's decoder of HT blocks asserts what a hostile stream can break. In the service that ends one worker, as it should; here it
 * would end the search. So back to the fuzzer it goes, and what the decoder held is lost, up to a bound. */
#define LOST_BYTES_MAX (UINT64_C(1) << 30)

void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));
void __assert_fail(const char *what, const char *file, unsigned line, const char *function);

static jmp_buf before;
static bool may_assert;
static uint64_t lost_bytes;

void __assert_fail(const char *what, const char *file, unsigned line, const char *function)
{
    (void)what, (void)file, (void)line, (void)function;
    if (!may_assert)
        abort();
    longjmp(before, 1);
}

static uint8_t pixels[ROOM];

typedef struct kind {
    const char *syntax;
    bool (*extent)(uint32_t *rows, uint32_t *columns, const uint8_t *bytes, size_t size); /* NULL: only the header tells */
} kind;

static bool jpeg_extent(uint32_t *rows, uint32_t *columns, const uint8_t *bytes, size_t size)
{
    kh_jpeg_gate gate;
    bool passed = kh_jpeg_gate_read(&gate, bytes, size, NULL) == KH_OK;

    *rows = gate.rows, *columns = gate.columns;
    return passed;
}

static bool jls_extent(uint32_t *rows, uint32_t *columns, const uint8_t *bytes, size_t size)
{
    kh_jls_gate gate;
    bool passed = kh_jls_gate_read(&gate, bytes, size, NULL) == KH_OK;

    *rows = gate.rows, *columns = gate.columns;
    return passed;
}

static bool j2k_extent(uint32_t *rows, uint32_t *columns, const uint8_t *bytes, size_t size)
{
    kh_j2k_gate gate;
    bool passed = kh_j2k_gate_read(&gate, bytes, size, NULL) == KH_OK;

    may_assert = passed && gate.high_throughput;
    *rows = gate.rows, *columns = gate.columns;
    return passed;
}

static const kind kinds[] = {
    {KH_TS_RLE, NULL},
    {KH_TS_JPEG_LOSSLESS_SV1, jpeg_extent},
    {"1.2.840.10008.1.2.4.80", jls_extent},
    {"1.2.840.10008.1.2.4.90", j2k_extent},
    {"1.2.840.10008.1.2.8.1", NULL},
};

/* The whole frame, then a smaller one where there is one. */
static void decode(const char *syntax, kh_pixel_format *format, const uint8_t *bytes, size_t size, unsigned wanted)
{
    kh_pixel_format small = *format;
    unsigned halvings = kh_codec_halvings(syntax, &small, bytes, size, wanted);

    (void)!kh_codec_decode_here(pixels, ROOM, syntax, format, bytes, size, NULL);
    if (halvings > 0)
        (void)!kh_codec_decode_reduced_here(pixels, ROOM, syntax, &small, bytes, size, halvings, NULL);
}

static void decode_what_may_assert(const char *syntax, kh_pixel_format *format, const uint8_t *bytes, size_t size, unsigned wanted)
{
    if (lost_bytes > LOST_BYTES_MAX)
        return;
    if (__lsan_disable)
        __lsan_disable();
    if (setjmp(before) == 0)
        decode(syntax, format, bytes, size, wanted);
    else
        lost_bytes += 65536 + (uint64_t)format->rows * format->columns * 24;
    if (__lsan_enable)
        __lsan_enable();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t depths[] = {1, 8, 16, 32};
    kh_pixel_format format = {0};
    uint32_t rows, columns;
    const kind *with;

    if (size < 7)
        return 0;
    may_assert = false;
    with = &kinds[data[0] % (sizeof kinds / sizeof kinds[0])];
    format.rows = 1u + data[1];
    format.columns = 1u + data[2];
    format.samples = data[3] & 1 ? 3 : 1;
    format.is_signed = data[3] >> 1 & 1;
    format.bits_allocated = depths[data[4] & 3];
    format.bits_stored = (uint16_t)(1 + data[5] % format.bits_allocated);
    format.high_bit = (uint16_t)(format.bits_stored - 1);
    format.photometric = (kh_photometric)(data[6] % (KH_PHOTOMETRIC_OTHER + 1));
    if (with->extent && with->extent(&rows, &columns, data + 7, size - 7) && rows <= SIDE_MAX && columns <= SIDE_MAX) {
        format.rows = rows; /* else nearly nothing would come further than the comparison */
        format.columns = columns;
    }
    if (may_assert)
        decode_what_may_assert(with->syntax, &format, data + 7, size - 7, 1 + (data[3] >> 2 & 3u));
    else
        decode(with->syntax, &format, data + 7, size - 7, 1 + (data[3] >> 2 & 3u));
    return 0;
}
