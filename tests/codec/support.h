/* support.h - real files and their expected pixels, for the tests of the codecs. */
#ifndef KH_TESTS_CODEC_SUPPORT_H
#define KH_TESTS_CODEC_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "dicom/codec/codec.h"

/* The folder of real files: KH_DATA, else ../shared/data beside the project. NULL when it is not there. */
const char *test_data_dir(void);

/* Frame 0 of a file: its codestream (joined fragments) and what the header says. */
typedef struct test_frame {
    uint8_t *bytes; /* owned */
    size_t size;
    kh_pixel_format format;
    char syntax[KH_UID_SIZE];
} test_frame;

KH_MUST_USE kh_status test_frame_read(test_frame *out, const char *file, kh_error *err);
void test_frame_release(test_frame *frame);

typedef struct test_expected { /* one line of expected.tsv */
    char file[256], syntax[80], space[32], sha256[65], status[32];
    unsigned rows, columns, samples, allocated, stored;
    bool is_signed, exact;
    double min, max, mean;
} test_expected;

/* Call each for every line; returns how many there were. */
size_t test_each_expected(void (*each)(const test_expected *expected, void *context), void *context);

/* Decoded pixels in the form of expected.tsv: min, max, mean and SHA-256 of the samples in `allocated` bits. */
typedef struct test_digest {
    double min, max, mean;
    char sha256[65];
} test_digest;

void test_digest_of(test_digest *out, const uint8_t *pixels, size_t size, const kh_pixel_format *format, unsigned allocated);

#endif
