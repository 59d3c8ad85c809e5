/* jpeg_encode.h - JPEG lossless streams of DCMTK's encoders, for the tests. C++ includes it inside extern "C". */
#ifndef KH_TESTS_CODEC_JPEG_ENCODE_H
#define KH_TESTS_CODEC_JPEG_ENCODE_H

#include <stddef.h>
#include <stdint.h>

typedef struct test_jpeg {
    unsigned bits;      /* of the stream: 8, 12 or 16 */
    unsigned columns, rows, samples;
    unsigned predictor; /* 1 to 7 */
    unsigned point_transform;
} test_jpeg;

/* image: 8 bits a sample, else 16. The stream is malloc'ed; NULL when the encoder fails. */
uint8_t *test_jpeg_encode(size_t *size, const test_jpeg *how, const void *image);

#endif
