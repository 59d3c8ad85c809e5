/* Data sets written anew: what comes out is read back, and soon stays as it is, and input with a byte
 * changed is refused or written, never more than that. What the pixels have to be DCMTK says, in the integration tests. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dicom/recode.h"
#include "dicom/writer.h"
#include "tests/codec/support.h"

#define FRAME_BYTES_MAX ((size_t)64 << 20)
#define MUTATIONS 4
#define FILE_BYTES_MAX 1200000 /* of those that are changed and read again */

static kh_status decode(void *context, uint8_t **pixels, size_t *size, const char *syntax, kh_pixel_format *format, const void *codestream,
                        size_t codestream_size, kh_error *err)
{
    kh_pixel_format made = *format;
    kh_status status;

    (void)context;
    *pixels = malloc(FRAME_BYTES_MAX);
    assert_non_null(*pixels);
    status = kh_codec_decode_here(*pixels, FRAME_BYTES_MAX, syntax, &made, codestream, codestream_size, err);
    if (status == KH_OK && !kh_pixel_format_frame_bytes(&made, size))
        status = KH_E_LIMIT;
    if (status != KH_OK) {
        free(*pixels);
        *pixels = NULL;
        return status;
    }
    *format = made;
    return KH_OK;
}

static kh_status collect(void *context, const uint8_t *bytes, size_t size, kh_error *err)
{
    return kh_buf_append(context, bytes, size, err);
}

/* A Part 10 file in memory, written anew; out holds it with a header of its own. */
static kh_status recode(kh_buf *out, const uint8_t *bytes, size_t size, bool explicit_vr, kh_error *err)
{
    const kh_recode_options options = {.explicit_vr = explicit_vr, .codestream_bytes_max = FRAME_BYTES_MAX, .decode = decode};
    kh_recode *recoding = NULL;
    kh_source source;
    kh_status status;

    kh_buf_init(out, (size_t)512 << 20);
    kh_source_init_memory(&source, bytes, size);
    status = kh_recode_open(&recoding, &source, &options, err);
    if (status == KH_OK)
        status = kh_part10_header(out, "1.2", "1.2", explicit_vr ? KH_TS_EXPLICIT_LE : KH_TS_IMPLICIT_LE, "", err);
    if (status == KH_OK)
        status = kh_recode_write(recoding, collect, out, err);
    kh_recode_free(recoding);
    return status;
}

/* The second time a sequence that stood in UN is seen to be one; the third time nothing is left to be changed. */
static void assert_stays(const char *path, const kh_buf *once, bool explicit_vr)
{
    kh_error err = KH_ERROR_INIT;
    kh_buf twice, thrice;

    if (recode(&twice, once->data, once->size, explicit_vr, &err) != KH_OK ||
        recode(&thrice, twice.data, twice.size, explicit_vr, &err) != KH_OK)
        fail_msg("%s: not read back: %s", path, err.message);
    if (twice.size != thrice.size || memcmp(twice.data, thrice.data, twice.size) != 0)
        fail_msg("%s: %zu bytes, written again %zu", path, twice.size, thrice.size);
    kh_buf_release(&twice);
    kh_buf_release(&thrice);
}

static void mutate(const uint8_t *bytes, size_t size, unsigned seed)
{
    uint8_t *copy = malloc(size);

    assert_non_null(copy);
    for (unsigned i = 0; i < MUTATIONS; i++) {
        kh_buf out;

        memcpy(copy, bytes, size);
        seed = seed * 1664525 + 1013904223;
        copy[seed % (size < 4000 ? size : 4000)] ^= (uint8_t)(1u << (seed >> 29));
        (void)!recode(&out, copy, i % 2 ? size : size - size / 3, i & 1, NULL);
        kh_buf_release(&out);
    }
    free(copy);
}

typedef struct counts {
    unsigned written, refused;
} counts;

static void one_file(const char *path, counts *seen)
{
    FILE *file = fopen(path, "rbe");
    struct stat info;
    uint8_t *bytes;

    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &info), 0);
    bytes = malloc((size_t)info.st_size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)info.st_size, file), info.st_size);
    fclose(file);
    for (unsigned explicit_vr = 0; explicit_vr < 2; explicit_vr++) {
        kh_buf out;
        bool done = recode(&out, bytes, (size_t)info.st_size, explicit_vr, NULL) == KH_OK;

        if (done)
            assert_stays(path, &out, explicit_vr);
        seen->written += done;
        seen->refused += !done;
        kh_buf_release(&out);
    }
    if (info.st_size > 300 && info.st_size < FILE_BYTES_MAX)
        mutate(bytes, (size_t)info.st_size, (unsigned)info.st_size);
    free(bytes);
}

static void walk(const char *folder, counts *seen)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;

    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        char path[1000];
        struct stat info;

        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.' || stat(path, &info) != 0)
            continue;
        if (S_ISDIR(info.st_mode))
            walk(path, seen);
        else
            one_file(path, seen);
    }
    closedir(dir);
}

static void real_files(void **state)
{
    const char *data = test_data_dir();
    counts seen = {0};

    (void)state;
    if (!data)
        skip();
    walk(data, &seen);
    print_message("%u written, %u refused\n", seen.written, seen.refused);
    assert_true(seen.written > 500);
}

/* Single bits of several frames are packed without a gap: 3 frames of 3 x 3 bits, each its own deflate-free RLE frame. */
static void single_bits(void **state)
{
    static const uint8_t frames[3][2] = {{0x55, 0x01}, {0xff, 0x00}, {0x81, 0x01}};
    /* 27 bits, least significant first: 101010101 111111110 100000011 */
    static const uint8_t expected[4] = {0x55, 0xff, 0x05, 0x06};
    kh_buf file, out;
    kh_writer *writer;
    const uint16_t three = 3, one = 1, zero = 0;

    (void)state;
    kh_buf_init(&file, 65536);
    assert_int_equal(kh_part10_header(&file, "1.2.840.10008.5.1.4.1.1.66.4", "1.2.3", KH_TS_RLE, "", NULL), KH_OK);
    assert_int_equal(kh_writer_create(&writer, &file, true, "", NULL), KH_OK);
    kh_writer_text(writer, KH_TAG_SOP_CLASS_UID, KH_VR('U', 'I'), "1.2.840.10008.5.1.4.1.1.66.4");
    kh_writer_text(writer, KH_TAG_SOP_INSTANCE_UID, KH_VR('U', 'I'), "1.2.3");
    kh_writer_us(writer, KH_TAG_SAMPLES_PER_PIXEL, &one, 1);
    kh_writer_text(writer, KH_TAG_PHOTOMETRIC_INTERPRETATION, KH_VR('C', 'S'), "MONOCHROME2");
    kh_writer_is(writer, KH_TAG_NUMBER_OF_FRAMES, 3);
    kh_writer_us(writer, KH_TAG_ROWS, &three, 1);
    kh_writer_us(writer, KH_TAG_COLUMNS, &three, 1);
    kh_writer_us(writer, KH_TAG_BITS_ALLOCATED, &one, 1);
    kh_writer_us(writer, KH_TAG_BITS_STORED, &one, 1);
    kh_writer_us(writer, KH_TAG_HIGH_BIT, &zero, 1);
    kh_writer_us(writer, KH_TAG_PIXEL_REPRESENTATION, &zero, 1);
    assert_int_equal(kh_writer_finish(writer, NULL), KH_OK);
    kh_writer_free(writer);
    assert_int_equal(kh_buf_append(&file, "\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\0\0\0\0", 20, NULL), KH_OK);
    for (size_t i = 0; i < 3; i++) {
        uint8_t item[8 + 64 + 4] = {0xfe, 0xff, 0x00, 0xe0, 68, 0, 0, 0, 1, 0, 0, 0, 64};

        item[8 + 64] = 1; /* two literal bytes */
        memcpy(item + 8 + 65, frames[i], 2);
        assert_int_equal(kh_buf_append(&file, item, sizeof item, NULL), KH_OK);
    }
    assert_int_equal(kh_buf_append(&file, "\xfe\xff\xdd\xe0\0\0\0\0", 8, NULL), KH_OK);
    assert_int_equal(recode(&out, file.data, file.size, true, NULL), KH_OK);
    assert_memory_equal(out.data + out.size - sizeof expected, expected, sizeof expected);
    kh_buf_release(&out);
    kh_buf_release(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(single_bits), cmocka_unit_test(real_files)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
