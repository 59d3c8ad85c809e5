/* support.h - data sets built byte by byte, in any of the encodings. */
#ifndef KH_TESTS_DICOM_SUPPORT_H
#define KH_TESTS_DICOM_SUPPORT_H

#include "tests/cmocka_all.h"
#include "base/buf.h"
#include "dicom/image.h"

typedef struct test_dicom {
    kh_buf bytes;
    bool implicit, big_endian;
} test_dicom;

void test_begin(test_dicom *dicom, const char *transfer_syntax);
void test_end(test_dicom *dicom);
/* Preamble, DICM and meta information naming transfer_syntax (NULL: no such element). */
void test_part10(test_dicom *dicom, const char *transfer_syntax);
void test_raw(test_dicom *dicom, const void *bytes, size_t size);
/* "08 00 05 00", blanks between bytes are free. */
void test_hex(test_dicom *dicom, const char *hex);
/* Tag, VR and length; 0xffffffff for undefined. */
void test_header(test_dicom *dicom, kh_tag tag, const char *vr, uint32_t length);
void test_text(test_dicom *dicom, kh_tag tag, const char *vr, const char *text);
/* One number of US, SS, UL, SL, SV, UV, FL or FD. */
void test_number(test_dicom *dicom, kh_tag tag, const char *vr, double number);
void test_sequence(test_dicom *dicom, kh_tag tag);
void test_sequence_end(test_dicom *dicom);
void test_item(test_dicom *dicom, uint32_t length);
void test_item_end(test_dicom *dicom);

/* Parse, expecting success. */
kh_dataset *test_read(const test_dicom *dicom, const char *transfer_syntax);
kh_dataset *test_read_file(const test_dicom *dicom);
/* Parse, expecting status and words in the message. */
void test_read_refused(const test_dicom *dicom, const char *transfer_syntax, kh_status status, const char *words);
void test_read_file_refused(const test_dicom *dicom, kh_status status, const char *words);
void test_words(const char *name, const char *text, const char *words);

/* A 2 x 3 image; one attribute may be left out or be another. */
typedef struct test_image_options {
    kh_tag tag;     /* of the attribute that differs; 0: none */
    const char *vr; /* NULL: left out */
    double number;
    const char *text; /* instead of number */
    bool no_pixels;
} test_image_options;

/* The elements of the image, pixel data last. */
void test_image(test_dicom *dicom, const test_image_options *options);
/* Parse and read the image attributes, expecting success. */
void test_image_read(kh_image_info *info, kh_dataset **dataset, const test_dicom *dicom, const char *syntax);

/* The folder of real files, NULL when there is none: KH_DATA, else ../shared/data beside the project. */
const char *test_data_folder(void);

#endif
