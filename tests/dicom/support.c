#include "tests/dicom/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "dicom/dictionary.h"

static void put(test_dicom *dicom, uint64_t number, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        unsigned shift = 8 * (dicom->big_endian ? bytes - 1 - i : i);
        uint8_t byte = (uint8_t)(number >> shift);
        test_raw(dicom, &byte, 1);
    }
}

void test_begin(test_dicom *dicom, const char *transfer_syntax)
{
    kh_buf_init(&dicom->bytes, (size_t)64 << 20);
    dicom->implicit = strcmp(transfer_syntax, KH_TS_IMPLICIT_LE) == 0;
    dicom->big_endian = strcmp(transfer_syntax, KH_TS_EXPLICIT_BE) == 0;
}

void test_end(test_dicom *dicom)
{
    kh_buf_release(&dicom->bytes);
}

void test_raw(test_dicom *dicom, const void *bytes, size_t size)
{
    assert_int_equal(kh_buf_append(&dicom->bytes, bytes, size, NULL), KH_OK);
}

void test_hex(test_dicom *dicom, const char *hex)
{
    for (; *hex; hex++) {
        unsigned byte;
        if (*hex == ' ')
            continue;
        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        test_raw(dicom, &(uint8_t){(uint8_t)byte}, 1);
        hex++;
    }
}

void test_header(test_dicom *dicom, kh_tag tag, const char *vr, uint32_t length)
{
    put(dicom, KH_TAG_GROUP(tag), 2);
    put(dicom, KH_TAG_ELEMENT(tag), 2);
    if (dicom->implicit || KH_TAG_GROUP(tag) == 0xfffe) {
        put(dicom, length, 4);
        return;
    }
    test_raw(dicom, vr, 2);
    if (kh_vr_long_form(KH_VR(vr[0], vr[1]))) {
        put(dicom, 0, 2);
        put(dicom, length, 4);
    } else {
        put(dicom, length, 2);
    }
}

void test_text(test_dicom *dicom, kh_tag tag, const char *vr, const char *text)
{
    uint32_t size = (uint32_t)strlen(text);

    test_header(dicom, tag, vr, size + (size & 1));
    test_raw(dicom, text, size);
    if (size & 1)
        test_raw(dicom, strcmp(vr, "UI") == 0 ? "\0" : " ", 1);
}

void test_number(test_dicom *dicom, kh_tag tag, const char *vr, double number)
{
    unsigned bytes = vr[1] == 'S' ? 2 : vr[1] == 'L' ? 4 : 8;
    float narrow = (float)number;
    uint32_t bits = 0;
    uint64_t wide = (uint64_t)(int64_t)number;

    test_header(dicom, tag, vr, bytes);
    if (vr[0] == 'F' && bytes == 4) {
        memcpy(&bits, &narrow, 4);
        wide = bits;
    } else if (vr[0] == 'F') {
        memcpy(&wide, &number, 8);
    }
    put(dicom, wide, bytes);
}

void test_sequence(test_dicom *dicom, kh_tag tag)
{
    test_header(dicom, tag, "SQ", 0xffffffff);
}

void test_sequence_end(test_dicom *dicom)
{
    test_header(dicom, KH_TAG(0xfffe, 0xe0dd), "", 0);
}

void test_item(test_dicom *dicom, uint32_t length)
{
    test_header(dicom, KH_TAG(0xfffe, 0xe000), "", length);
}

void test_item_end(test_dicom *dicom)
{
    test_header(dicom, KH_TAG(0xfffe, 0xe00d), "", 0);
}

void test_part10(test_dicom *dicom, const char *transfer_syntax)
{
    static const uint8_t preamble[128];
    test_dicom meta;

    test_begin(&meta, KH_TS_EXPLICIT_LE);
    test_text(&meta, KH_TAG_MEDIA_STORAGE_SOP_CLASS_UID, "UI", KH_SOP_CT_IMAGE);
    test_text(&meta, KH_TAG_MEDIA_STORAGE_SOP_INSTANCE_UID, "UI", "1.2.3");
    if (transfer_syntax)
        test_text(&meta, KH_TAG_TRANSFER_SYNTAX_UID, "UI", transfer_syntax);
    test_raw(dicom, preamble, sizeof(preamble));
    test_raw(dicom, "DICM\x02\0\0\0UL\x04\0", 12);
    test_raw(dicom, (uint8_t[]){(uint8_t)meta.bytes.size, 0, 0, 0}, 4);
    test_raw(dicom, meta.bytes.data, meta.bytes.size);
    test_end(&meta);
}

static kh_source source_of(const test_dicom *dicom)
{
    kh_source source;

    kh_source_init_memory(&source, dicom->bytes.data, dicom->bytes.size);
    return source;
}

kh_dataset *test_read(const test_dicom *dicom, const char *transfer_syntax)
{
    kh_source source = source_of(dicom);
    kh_error err = KH_ERROR_INIT;
    kh_dataset *dataset;

    if (kh_dataset_read(&dataset, &source, transfer_syntax, &kh_dataset_limits_default, &err) != KH_OK)
        fail_msg("%s", err.message);
    return dataset;
}

kh_dataset *test_read_file(const test_dicom *dicom)
{
    kh_source source = source_of(dicom);
    kh_error err = KH_ERROR_INIT;
    kh_dataset *dataset;

    if (kh_dataset_read_file(&dataset, &source, &kh_dataset_limits_default, &err) != KH_OK)
        fail_msg("%s", err.message);
    return dataset;
}

void test_words(const char *name, const char *text, const char *words)
{
    if (!strstr(text, words))
        fail_msg("%s: \"%s\", expected words \"%s\"", name, text, words);
}

void test_read_refused(const test_dicom *dicom, const char *transfer_syntax, kh_status status, const char *words)
{
    kh_source source = source_of(dicom);
    kh_error err = KH_ERROR_INIT;
    kh_dataset *dataset;

    assert_int_equal(kh_dataset_read(&dataset, &source, transfer_syntax, &kh_dataset_limits_default, &err), status);
    assert_null(dataset);
    test_words("refused", err.message, words);
}

void test_read_file_refused(const test_dicom *dicom, kh_status status, const char *words)
{
    kh_source source = source_of(dicom);
    kh_error err = KH_ERROR_INIT;
    kh_dataset *dataset;

    assert_int_equal(kh_dataset_read_file(&dataset, &source, &kh_dataset_limits_default, &err), status);
    assert_null(dataset);
    test_words("refused", err.message, words);
}

static void put_attribute(test_dicom *dicom, const test_image_options *options, kh_tag tag, const char *vr,
                          double number, const char *text)
{
    if (options->tag == tag) {
        vr = options->vr;
        number = options->number;
        text = options->text;
    }
    if (vr && text)
        test_text(dicom, tag, vr, text);
    else if (vr)
        test_number(dicom, tag, vr, number);
}

void test_image(test_dicom *dicom, const test_image_options *options)
{
    put_attribute(dicom, options, KH_TAG_SAMPLES_PER_PIXEL, "US", 1, NULL);
    put_attribute(dicom, options, KH_TAG_PHOTOMETRIC_INTERPRETATION, "CS", 0, "MONOCHROME2");
    put_attribute(dicom, options, KH_TAG_PLANAR_CONFIGURATION, NULL, 0, NULL);
    put_attribute(dicom, options, KH_TAG_NUMBER_OF_FRAMES, NULL, 0, NULL);
    put_attribute(dicom, options, KH_TAG_ROWS, "US", 2, NULL);
    put_attribute(dicom, options, KH_TAG_COLUMNS, "US", 3, NULL);
    put_attribute(dicom, options, KH_TAG_BITS_ALLOCATED, "US", 16, NULL);
    put_attribute(dicom, options, KH_TAG_BITS_STORED, "US", 12, NULL);
    put_attribute(dicom, options, KH_TAG_HIGH_BIT, "US", 11, NULL);
    put_attribute(dicom, options, KH_TAG_PIXEL_REPRESENTATION, "US", 0, NULL);
    if (!options->no_pixels) {
        test_header(dicom, KH_TAG_PIXEL_DATA, "OW", 12);
        test_hex(dicom, "010002000300040005000600");
    }
}

void test_image_read(kh_image_info *info, kh_dataset **dataset, const test_dicom *dicom, const char *syntax)
{
    kh_error err = KH_ERROR_INIT;

    *dataset = test_read(dicom, syntax);
    if (kh_image_info_read(info, *dataset, &err) != KH_OK)
        fail_msg("%s", err.message);
}

const char *test_data_folder(void)
{
    const char *folder = getenv("KH_DATA");
    struct stat status;

    if (!folder)
        folder = KH_PROJECT_DIR "/../shared/data";
    return stat(folder, &status) == 0 && S_ISDIR(status.st_mode) ? folder : NULL;
}
