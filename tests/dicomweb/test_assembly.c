/* Objects put together from metadata and bulk data: the files are read back by our reader of Part 10; codestreams come from the corpus of
 * the decoders.
 * What must be refused differs in one thing from what is taken. */
#include "tests/cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "dicom/dataset.h"
#include "dicom/fragments.h"
#include "viewer/dicomweb/assembly.h"

#define BASE "http://127.0.0.1:8080/dicomweb/studies"
#define METADATA_MAX 20000
#define OBJECTS_MAX 8
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

typedef struct bench {
    int spool;
    kh_assembly *assembly;
    kh_error err; /* of the body */
} bench;

static void bench_begin(bench *b, bool xml)
{
    kh_assembly_options options = {.xml = xml, .metadata_bytes_max = METADATA_MAX, .objects_max = OBJECTS_MAX, .base = BASE};

    b->spool = options.spool_fd = memfd_create("spool", MFD_CLOEXEC);
    b->err = (kh_error)KH_ERROR_INIT;
    assert_true(b->spool >= 0);
    assert_int_equal(kh_assembly_create(&b->assembly, &options, NULL), KH_OK);
}

static void bench_end(bench *b)
{
    kh_assembly_free(b->assembly);
    close(b->spool);
}

/* In two pieces, so that nothing depends on where they end. */
static kh_status give(bench *b, const char *type, const char *location, const void *bytes, size_t size)
{
    const kh_part_head head = {type, location, NULL};
    size_t half = size / 2;
    kh_status status = kh_assembly_parts.begin(b->assembly, &head, &b->err);

    if (status == KH_OK)
        status = kh_assembly_parts.bytes(b->assembly, bytes, half, &b->err);
    if (status == KH_OK)
        status = kh_assembly_parts.bytes(b->assembly, (const uint8_t *)bytes + half, size - half, &b->err);
    return status == KH_OK ? kh_assembly_parts.end(b->assembly, &b->err) : status;
}

static kh_status give_json(bench *b, const char *json)
{
    return give(b, "application/dicom+json", NULL, json, strlen(json));
}

/* The file of object `index`; NULL with the failure in *out. */
static kh_dataset *made(bench *b, size_t index, kh_stow_object *out, kh_source *source)
{
    int fd = memfd_create("object", MFD_CLOEXEC);
    kh_dataset *dataset = NULL;
    kh_error err = KH_ERROR_INIT;

    kh_assembly_write(b->assembly, index, fd, out);
    if (out->failure == 0) {
        assert_int_equal(kh_source_init_fd(source, fd, NULL), KH_OK);
        if (kh_dataset_read_file(&dataset, source, &kh_dataset_limits_default, &err) != KH_OK)
            fail_msg("%s", err.message);
        assert_string_equal(kh_dataset_warnings(dataset), "");
    } else {
        close(fd);
    }
    return dataset;
}

static void put_away(kh_dataset *dataset, const kh_source *source)
{
    if (dataset)
        close(source->fd);
    kh_dataset_free(dataset);
}

#define TEXT(tag, vr, value) "\"" tag "\":{\"vr\":\"" vr "\",\"Value\":[\"" value "\"]}"
#define NUMBER(tag, vr, value) "\"" tag "\":{\"vr\":\"" vr "\",\"Value\":[" value "]}"
#define BULK(tag, vr, uri) "\"" tag "\":{\"vr\":\"" vr "\",\"BulkDataURI\":\"" uri "\"}"
#define UIDS(number)                                                                                                                       \
    TEXT("00080016", "UI", "1.2.840.10008.5.1.4.1.1.7")                                                                                    \
    "," TEXT("00080018", "UI", "1.2.3." number) "," TEXT("0020000D", "UI", "1.2.3") "," TEXT("0020000E", "UI", "1.2.4")
#define GREY(rows, columns, allocated, stored, high)                                                                                       \
    NUMBER("00280002", "US", "1")                                                                                                          \
    "," TEXT("00280004", "CS", "MONOCHROME2") "," NUMBER("00280010", "US", rows) "," NUMBER("00280011", "US", columns) "," NUMBER(         \
        "00280100", "US", allocated) "," NUMBER("00280101", "US", stored) "," NUMBER("00280102", "US", high) "," NUMBER("00280103", "US",  \
                                                                                                                        "0")
#define SMALL UIDS("1") "," GREY("2", "2", "8", "8", "7")
#define PIXELS BULK("7FE00010", "OB", "bulk/1")

/* ---- native bulk data ---- */

static void expect_bytes(const kh_dataset *dataset, const kh_source *source, const kh_element *element, const char *bytes, size_t size)
{
    uint8_t got[64];

    (void)dataset;
    assert_non_null(element);
    assert_int_equal(element->length, size);
    assert_int_equal(source->read_at(source, element->offset, got, size, NULL), KH_OK);
    assert_memory_equal(got, bytes, size);
}

static void native(void **state)
{
    kh_stow_object object;
    kh_dataset *dataset;
    kh_source source;
    bench b;

    (void)state;
    bench_begin(&b, false);
    /* pixels, numbers, bytes inside a sequence (of odd size) and text: each from its own part, in any order */
    assert_int_equal(
        give_json(&b,
                  "[{" SMALL "," PIXELS "," BULK("00281201", "US", "/dicomweb/bulk/2") ",\"00880200\":{\"vr\":\"SQ\",\"Value\":[{},{" BULK(
                      "00420011", "OB", "HTTP://127.0.0.1:8080/dicomweb/x/../bulk/3") "}]}," BULK("00081030", "LO", "bulk/4") "}]"),
        KH_OK);
    assert_int_equal(give(&b, "application/octet-stream", "bulk/3", "abc", 3), KH_OK);
    assert_int_equal(give(&b, "text/plain", "bulk/nobody", "abc", 3), KH_OK);
    assert_int_equal(give(&b, NULL, "http://127.0.0.1:8080/dicomweb/bulk/1", "\1\2", 2), KH_OK);
    assert_int_equal(give(&b, "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1", "bulk/2", "\1\0\2\0", 4), KH_OK);
    assert_int_equal(give(&b, NULL, "./bulk/1", "\3\4", 2), KH_OK);
    assert_int_equal(give(&b, "application/octet-stream", "bulk/4", "text!", 5), KH_OK);
    assert_int_equal(kh_assembly_count(b.assembly), 1);
    assert_int_equal(kh_assembly_stray_count(b.assembly), 1);
    dataset = made(&b, 0, &object, &source);
    assert_int_equal(object.failure, 0);
    assert_string_equal(object.study_uid, "1.2.3");
    assert_string_equal(kh_dataset_transfer_syntax(dataset), KH_TS_EXPLICIT_LE);
    expect_bytes(dataset, &source, kh_item_find(kh_dataset_main(dataset), KH_TAG_PIXEL_DATA), "\1\2\3\4", 4);
    expect_bytes(dataset, &source, kh_item_find(kh_dataset_main(dataset), KH_TAG(0x0028, 0x1201)), "\1\0\2\0", 4);
    expect_bytes(dataset, &source, kh_item_find(kh_dataset_main(dataset), KH_TAG(0x0008, 0x1030)), "text! ", 6);
    expect_bytes(dataset, &source,
                 kh_item_find(kh_element_item(kh_item_find(kh_dataset_main(dataset), KH_TAG(0x0088, 0x0200)), 1), KH_TAG(0x0042, 0x0011)),
                 "abc\0", 4);
    put_away(dataset, &source);
    bench_end(&b);
}

/* Three frames of 3 x 3 pixels of one bit: 27 bits, least significant first (PS3.5 8.1.1), as one value or a part each. */
static void single_bits(void **state)
{
    static const struct {
        const char *name, *parts[3];
        size_t size;
        unsigned failure;
    } rows[] = {
        {"frames", {"\xff\x01", "\x00\x00", "\xab\x01"}, 2, 0},
        {"one value", {"\xff\x01\x00\x00\x00\x00", NULL, NULL}, 6, KH_STOW_MISMATCH},
        {"the value itself", {"\xff\x01\xac\x06", NULL, NULL}, 4, 0},
        {"a frame too few", {"\xff\x01", "\x00\x00", NULL}, 2, 0}, /* 4 bytes: pieces of the value */
        {"frames of three bytes", {"\xff\x01\x00", "\x00\x00\x00", "\xab\x01\x00"}, 3, KH_STOW_MISMATCH},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        kh_stow_object object;
        kh_dataset *dataset;
        kh_source source;
        bench b;

        bench_begin(&b, false);
        assert_int_equal(give_json(&b, "[{" UIDS("1") "," TEXT("00280008", "IS", "3") "," GREY("3", "3", "1", "1", "0") "," PIXELS "}]"),
                         KH_OK);
        for (size_t k = 0; k < 3 && rows[i].parts[k]; k++)
            assert_int_equal(give(&b, "application/octet-stream", "bulk/1", rows[i].parts[k], rows[i].size), KH_OK);
        dataset = made(&b, 0, &object, &source);
        if (object.failure != rows[i].failure)
            fail_msg("%s: failure %04X", rows[i].name, object.failure);
        /* 1 1111 1111, 0 0000 0000, 1 1010 1011: bits 0 to 8 set, then 18, 19, 21, 23, 25, 26 */
        if (i == 0)
            expect_bytes(dataset, &source, kh_item_find(kh_dataset_main(dataset), KH_TAG_PIXEL_DATA), "\xff\x01\xac\x06", 4);
        put_away(dataset, &source);
        bench_end(&b);
    }
}

/* ---- compressed pixel data ---- */

/* A codestream of the decoders' corpus, which has seven bytes in front of it. */
static size_t load(uint8_t **out, const char *name)
{
    char path[512];
    FILE *file;
    size_t size;

    snprintf(path, sizeof path, KH_PROJECT_DIR "/tests/codec/corpus/codec_frame/%s", name);
    file = fopen(path, "rb");
    assert_non_null(file);
    *out = malloc(1 << 16);
    size = fread(*out, 1, 1 << 16, file);
    fclose(file);
    assert_true(size > 7);
    return size;
}

typedef struct frame_case {
    const char *name, *file, *second, *type; /* second: NULL for one frame */
    const char *syntax; /* what the file gets; NULL: refused */
    unsigned failure;
} frame_case;

#define JPEG_TS(last) "1.2.840.10008.1.2.4." last
static const frame_case frames[] = {
    {"RLE", "rle8", NULL, "image/dicom-rle", KH_TS_RLE, 0},
    {"RLE by its old name", "rle8", NULL, "image/x-dicom-rle", KH_TS_RLE, 0},
    {"RLE as octets", "rle8", NULL, "application/octet-stream; transfer-syntax=\"1.2.840.10008.1.2.5\"", KH_TS_RLE, 0},
    {"two frames", "rle8", "rle8", "image/dicom-rle", KH_TS_RLE, 0},
    {"baseline", "baseline", NULL, "image/jpeg", JPEG_TS("50"), 0},
    {"baseline, named", "baseline", NULL, "image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50", JPEG_TS("50"), 0},
    {"baseline as extended", "baseline", NULL, "image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.51", JPEG_TS("51"), 0},
    {"baseline as lossless", "baseline", NULL, "image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.70", NULL, KH_STOW_MISMATCH},
    {"extended", "extended12", NULL, "image/jpeg", JPEG_TS("51"), 0},
    {"lossless", "lossless8", NULL, "image/jpeg", JPEG_TS("70"), 0},
    {"lossless as any predictor", "lossless8", NULL, "image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.57", JPEG_TS("57"), 0},
    {"progressive", "progressive", NULL, "image/jpeg", NULL, KH_STOW_NOT_UNDERSTOOD},
    {"JPEG-LS", "jls8", NULL, "image/jls", JPEG_TS("80"), 0},
    {"near-lossless JPEG-LS", "jls12near", NULL, "image/jls", JPEG_TS("81"), 0},
    {"near-lossless JPEG-LS as lossless", "jls12near", NULL, "image/jls; transfer-syntax=1.2.840.10008.1.2.4.80", NULL, KH_STOW_MISMATCH},
    {"lossless JPEG-LS as near-lossless", "jls8", NULL, "image/jls; transfer-syntax=1.2.840.10008.1.2.4.81", JPEG_TS("81"), 0},
    {"JPEG 2000", "j2k8", NULL, "image/jp2", JPEG_TS("90"), 0},
    {"irreversible JPEG 2000", "j2k12_irreversible", NULL, "image/jp2", JPEG_TS("91"), 0},
    {"irreversible JPEG 2000 as lossless", "j2k12_irreversible", NULL, "image/jp2; transfer-syntax=1.2.840.10008.1.2.4.90", NULL,
     KH_STOW_MISMATCH},
    {"HTJ2K", "ht8", NULL, "image/jphc", JPEG_TS("201"), 0},
    {"irreversible HTJ2K", "ht12_irreversible", NULL, "image/jphc", JPEG_TS("203"), 0},
    {"HTJ2K as JPEG 2000", "ht8", NULL, "image/jp2", NULL, KH_STOW_NOT_UNDERSTOOD},
    {"JPEG 2000 as HTJ2K", "j2k8", NULL, "image/jphc", NULL, KH_STOW_NOT_UNDERSTOOD},
    {"JPEG as JPEG-LS", "lossless8", NULL, "image/jls", NULL, KH_STOW_NOT_UNDERSTOOD},
    {"a syntax of another type", "jls8", NULL, "image/jls; transfer-syntax=1.2.840.10008.1.2.4.50", NULL, KH_STOW_NOT_UNDERSTOOD},
    {"octets of a native syntax that is not ours", "rle8", NULL, "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.2", NULL,
     KH_STOW_NOT_UNDERSTOOD},
    {"a picture of the web", "rle8", NULL, "image/png", NULL, KH_STOW_NOT_UNDERSTOOD},
    {"a document", "rle8", NULL, "application/pdf", NULL, KH_STOW_NOT_UNDERSTOOD},
    {"compressed as native", "rle8", NULL, "application/octet-stream", NULL, KH_STOW_MISMATCH},
};

static void describe(char *json, size_t size, const uint8_t *head, unsigned frame_count, unsigned more_rows)
{
    snprintf(json, size,
             "[{" UIDS("1") "," NUMBER("00280008", "IS", "%u") "," GREY("%u", "%u", "%u", "%u", "%u") "," BULK("7FE00001", "OV",
                                                                                                               "bulk/0") "," PIXELS "}]",
             frame_count, head[1] + 1 + more_rows, head[2] + 1, 8 * head[4], head[5] + 1, head[5]);
}

static void expect_fragments(const char *name, const kh_dataset *dataset, const kh_source *source, const uint8_t *bytes, size_t size,
                             unsigned count)
{
    const kh_element *pixels = kh_item_find(kh_dataset_main(dataset), KH_TAG_PIXEL_DATA);
    kh_fragments fragments = {0};
    uint8_t *got = malloc(size + 1), entry[4];

    assert_int_equal(kh_fragments_read(&fragments, pixels, source, false, NULL), KH_OK);
    assert_true(pixels->undefined_length && fragments.ended && pixels->vr == KH_VR('O', 'B'));
    assert_int_equal(fragments.count, count);
    assert_int_equal(fragments.table_bytes, 4 * count);
    for (unsigned i = 0; i < count; i++) {
        uint64_t at = fragments.extents[i].offset;

        assert_int_equal(fragments.extents[i].length, size + size % 2);
        assert_int_equal(source->read_at(source, at, got, size, NULL), KH_OK);
        if (memcmp(got, bytes, size) != 0)
            fail_msg("%s: frame %u has other bytes", name, i);
        assert_int_equal(source->read_at(source, fragments.table_offset + 4 * (uint64_t)i, entry, 4, NULL), KH_OK);
        assert_int_equal(entry[0] | entry[1] << 8 | entry[2] << 16, at - 8 - fragments.base);
    }
    free(got);
    kh_fragments_release(&fragments);
}

static unsigned try_frames(const frame_case *row, unsigned frame_count, unsigned more_rows)
{
    char json[4096];
    uint8_t *bytes, *again = NULL;
    size_t size = load(&bytes, row->file), size_again = row->second ? load(&again, row->second) : 0;
    kh_stow_object object;
    kh_dataset *dataset;
    kh_source source;
    bench b;

    bench_begin(&b, false);
    describe(json, sizeof json, bytes, frame_count, more_rows);
    assert_int_equal(give_json(&b, json), KH_OK);
    assert_int_equal(give(&b, row->type, "bulk/1", bytes + 7, size - 7), KH_OK);
    if (row->second)
        assert_int_equal(give(&b, row->type, "bulk/1", again + 7, size_again - 7), KH_OK);
    assert_int_equal(kh_assembly_stray_count(b.assembly), 0);
    dataset = made(&b, 0, &object, &source);
    if (dataset && row->syntax) {
        if (strcmp(kh_dataset_transfer_syntax(dataset), row->syntax) != 0)
            fail_msg("%s: %s", row->name, kh_dataset_transfer_syntax(dataset));
        assert_null(kh_item_find(kh_dataset_main(dataset), KH_TAG_EXTENDED_OFFSET_TABLE));
        expect_fragments(row->name, dataset, &source, bytes + 7, size - 7, row->second ? 2 : 1);
    }
    put_away(dataset, &source);
    bench_end(&b);
    free(bytes);
    free(again);
    return object.failure;
}

static void compressed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(frames); i++) {
        unsigned failure = try_frames(&frames[i], frames[i].second ? 2 : 1, 0);

        if (failure != frames[i].failure || (failure == 0) != (frames[i].syntax != NULL))
            fail_msg("%s: failure %04X", frames[i].name, failure);
    }
}

static void frames_that_do_not_fit(void **state)
{
    static const struct {
        const char *name;
        frame_case frame;
        unsigned frame_count, more_rows, failure;
    } rows[] = {
        {"one frame of one", {"", "jls8", NULL, "image/jls", NULL, 0}, 1, 0, 0},
        {"one frame of two", {"", "jls8", NULL, "image/jls", NULL, 0}, 2, 0, KH_STOW_MISMATCH},
        {"two frames of one", {"", "jls8", "jls8", "image/jls", NULL, 0}, 1, 0, KH_STOW_MISMATCH},
        {"another number of rows", {"", "jls8", NULL, "image/jls", NULL, 0}, 1, 1, KH_STOW_MISMATCH},
        {"three components of one", {"", "jls_rgb_line", NULL, "image/jls", NULL, 0}, 1, 0, KH_STOW_MISMATCH},
        {"frames of two processes", {"", "lossless8", "baseline", "image/jpeg", NULL, 0}, 2, 0, KH_STOW_MISMATCH},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        unsigned failure = try_frames(&rows[i].frame, rows[i].frame_count, rows[i].more_rows);

        if (failure != rows[i].failure)
            fail_msg("%s: failure %04X", rows[i].name, failure);
    }
}

/* ---- data sets ---- */

/* json: of one data set; bulk: of bulk/1, NULL: none comes. */
static void data_sets(void **state)
{
    static const struct {
        const char *name, *json, *bulk;
        unsigned failure;
    } rows[] = {
        {"as it should be", SMALL "," PIXELS, "abcd", 0},
        {"nothing to show", UIDS("1"), NULL, 0},
        {"pixels in the metadata", SMALL ",\"7FE00010\":{\"vr\":\"OB\",\"InlineBinary\":\"AAECAw==\"}", NULL, 0},
        {"pixels too few in the metadata", SMALL ",\"7FE00010\":{\"vr\":\"OB\",\"InlineBinary\":\"AAE=\"}", NULL, KH_STOW_MISMATCH},
        {"bulk data that does not come", SMALL "," PIXELS, NULL, KH_STOW_NOT_UNDERSTOOD},
        {"pixels too few", SMALL "," PIXELS, "abc", 0}, /* made even */
        {"pixels fewer", SMALL "," PIXELS, "ab", KH_STOW_MISMATCH},
        {"pixels too many", SMALL "," PIXELS, "abcde", KH_STOW_MISMATCH},
        {"no rows", UIDS("1") "," PIXELS, "abcd", KH_STOW_MISMATCH},
        {"an icon", UIDS("1") ",\"00880200\":{\"vr\":\"SQ\",\"Value\":[{" GREY("2", "2", "8", "8", "7") "," PIXELS "}]}", "abcd", 0},
        {"an icon of other size", UIDS("1") ",\"00880200\":{\"vr\":\"SQ\",\"Value\":[{" GREY("2", "3", "8", "8", "7") "," PIXELS "}]}",
         "abcd", KH_STOW_MISMATCH},
        {"no SOP class", TEXT("00080018", "UI", "1.2.3.1"), NULL, KH_STOW_NOT_UNDERSTOOD},
        {"a UID that is none", TEXT("00080016", "UI", "1.2.x") "," TEXT("00080018", "UI", "1.2.3.1"), NULL, KH_STOW_NOT_UNDERSTOOD},
        {"an attribute that is none", UIDS("1") ",\"0010\":{\"vr\":\"LO\"}", NULL, KH_STOW_NOT_UNDERSTOOD},
        {"file meta information", UIDS("1") "," TEXT("00020010", "UI", "1.2.840.10008.1.2.1"), NULL, KH_STOW_NOT_UNDERSTOOD},
        {"numbers cut", UIDS("1") "," BULK("00281201", "US", "bulk/1"), "abc", KH_STOW_NOT_UNDERSTOOD},
        {"a URI that is empty", UIDS("1") "," BULK("00281201", "US", ""), NULL, KH_STOW_NOT_UNDERSTOOD},
        {"no JSON", UIDS("1") ",x", NULL, KH_STOW_NOT_UNDERSTOOD},
        {"a sequence by URI", UIDS("1") "," BULK("00880200", "SQ", "bulk/1"), "abcd", KH_STOW_NOT_UNDERSTOOD},
        {"nothing", "", NULL, KH_STOW_NOT_UNDERSTOOD},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char json[4096];
        kh_stow_object object;
        kh_dataset *dataset;
        kh_source source;
        bench b;

        bench_begin(&b, false);
        /* one data set beside it that nothing may happen to */
        snprintf(json, sizeof json, "[{%s}, {%s}]", rows[i].json, UIDS("2"));
        assert_int_equal(give_json(&b, json), KH_OK);
        if (rows[i].bulk)
            (void)give(&b, "application/octet-stream", "bulk/1", rows[i].bulk, strlen(rows[i].bulk));
        dataset = made(&b, 0, &object, &source);
        if (object.failure != rows[i].failure)
            fail_msg("%s: failure %04X", rows[i].name, object.failure);
        put_away(dataset, &source);
        dataset = made(&b, 1, &object, &source);
        assert_int_equal(object.failure, 0);
        assert_string_equal(object.sop_instance_uid, "1.2.3.2");
        put_away(dataset, &source);
        bench_end(&b);
    }
}

static void bodies(void **state)
{
    static const struct {
        const char *name, *json;
        kh_status status;
        size_t count;
    } rows[] = {
        {"an empty array", "[]", KH_OK, 0},
        {"one without array", "{" UIDS("1") "}", KH_OK, 1},
        {"blanks", " [ {" UIDS("1") "} ,\n{\"a\":\"\\\"}]\"} ] ", KH_OK, 2},
        {"as many as may be", "[{},{},{},{},{},{},{},{}]", KH_OK, 8},
        {"one more", "[{},{},{},{},{},{},{},{},{}]", KH_E_LIMIT, 8},
        {"nothing", "", KH_E_ARG, 0},
        {"text", "\"a\"", KH_E_ARG, 0},
        {"text in the array", "[{},\"a\"]", KH_E_ARG, 1},
        {"no comma", "[{} {}]", KH_E_ARG, 1},
        {"a comma too many", "[{},]", KH_E_ARG, 1},
        {"it does not end", "[{}", KH_E_ARG, 1},
        {"an object that does not end", "[{\"a\":\"}]", KH_E_ARG, 0},
        {"something behind it", "[{}]{}", KH_E_ARG, 1},
        {"arrays in arrays", "[[{}]]", KH_E_ARG, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        kh_status status;
        bench b;

        bench_begin(&b, false);
        status = give_json(&b, rows[i].json);
        if (status != rows[i].status || kh_assembly_count(b.assembly) != rows[i].count)
            fail_msg("%s: status %d, %zu data sets: %s", rows[i].name, status, kh_assembly_count(b.assembly), b.err.message);
        bench_end(&b);
    }
}

/* The largest text that is taken, and one byte more. */
static void sizes(void **state)
{
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        static char json[METADATA_MAX + 16];
        const char *head = "[{" UIDS("1") ",\"00104000\":{\"vr\":\"LT\",\"Value\":[\"";
        const char *tail = "\"]}}]";
        size_t fill = METADATA_MAX + more - (strlen(head) - 1) - (strlen(tail) - 1);
        kh_stow_object object;
        kh_dataset *dataset;
        kh_source source;
        bench b;

        memcpy(json, head, strlen(head));
        memset(json + strlen(head), 'x', fill);
        memcpy(json + strlen(head) + fill, tail, strlen(tail) + 1);
        bench_begin(&b, false);
        assert_int_equal(give_json(&b, json), KH_OK);
        dataset = made(&b, 0, &object, &source);
        assert_int_equal(object.failure, more ? KH_STOW_NOT_UNDERSTOOD : 0);
        put_away(dataset, &source);
        bench_end(&b);
    }
}

/* Brackets and sequences in each other, thousands of them: refused, whatever reads them. */
static void nested(void **state)
{
    static const char *const rows[][2] = {{"[", "]"}, {"{\"a\":", "}"}, {"{\"00081140\":{\"vr\":\"SQ\",\"Value\":[", "]}}"}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t count = (METADATA_MAX - 200) / (strlen(rows[i][0]) + strlen(rows[i][1]));
        kh_stow_object object;
        kh_buf json;
        bench b;

        kh_buf_init(&json, METADATA_MAX + 100);
        assert_int_equal(kh_buf_append_text(&json, "[{" UIDS("1") ",\"00081140\":{\"vr\":\"SQ\",\"Value\":[", NULL), KH_OK);
        for (size_t k = 0; k < count; k++)
            (void)!kh_buf_append_text(&json, rows[i][0], NULL);
        assert_int_equal(kh_buf_append_text(&json, "{}", NULL), KH_OK);
        for (size_t k = 0; k < count; k++)
            (void)!kh_buf_append_text(&json, rows[i][1], NULL);
        (void)!kh_buf_append_text(&json, "]}}]", NULL);
        bench_begin(&b, false);
        assert_int_equal(give_json(&b, kh_buf_text(&json)), KH_OK);
        assert_null(made(&b, 0, &object, &(kh_source){0}));
        assert_int_equal(object.failure, KH_STOW_NOT_UNDERSTOOD);
        bench_end(&b);
        kh_buf_release(&json);
    }
}

static void order(void **state)
{
    kh_stow_object object;
    kh_dataset *dataset;
    kh_source source;
    bench b;

    (void)state;
    bench_begin(&b, false);
    assert_int_equal(give_json(&b, "[]"), KH_OK);
    assert_int_equal(give(&b, "application/octet-stream", "bulk/1", "abcd", 4), KH_OK);
    assert_int_equal(give(&b, "application/octet-stream", NULL, "abcd", 4), KH_OK);
    assert_int_equal(give_json(&b, "[{" SMALL "," PIXELS "}]"), KH_OK);
    assert_int_equal(kh_assembly_stray_count(b.assembly), 2); /* bulk data before its metadata, and without a location */
    dataset = made(&b, 0, &object, &source);
    assert_int_equal(object.failure, KH_STOW_NOT_UNDERSTOOD);
    assert_null(dataset);
    bench_end(&b);
}

/* ---- XML ---- */

#define XML_TEXT(tag, vr, value) "<DicomAttribute tag=\"" tag "\" vr=\"" vr "\"><Value number=\"1\">" value "</Value></DicomAttribute>"
#define XML_UIDS XML_TEXT("00080016", "UI", "1.2.840.10008.5.1.4.1.1.7") XML_TEXT("00080018", "UI", "1.2.3.1")
#define XML_GREY XML_TEXT("00280002", "US", "1") XML_TEXT("00280004", "CS", "MONOCHROME2") XML_TEXT("00280010", "US", "2") XML_TEXT("00280011", "US", "2") \
    XML_TEXT("00280100", "US", "8") XML_TEXT("00280101", "US", "8") XML_TEXT("00280102", "US", "7") XML_TEXT("00280103", "US", "0")
#define XML_PIXELS "<DicomAttribute tag=\"7FE00010\" vr=\"OB\"><BulkData uri=\"bulk/1\"/></DicomAttribute>"

static void documents(void **state)
{
    static const struct {
        const char *name, *xml;
        unsigned failure;
    } rows[] = {
        {"as it should be", "<NativeDicomModel>" XML_UIDS XML_GREY XML_PIXELS "</NativeDicomModel>", 0},
        {"with a declaration",
         "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<NativeDicomModel xmlns=\"http://dicom.nema.org/PS3.19/models/NativeDICOM\">" XML_UIDS
             XML_GREY XML_PIXELS "</NativeDicomModel>",
         0},
        {"an entity", "<!DOCTYPE x [<!ENTITY e \"1.2\">]><NativeDicomModel>" XML_UIDS XML_GREY XML_PIXELS "</NativeDicomModel>",
         KH_STOW_NOT_UNDERSTOOD},
        {"cut", "<NativeDicomModel>" XML_UIDS XML_GREY XML_PIXELS, KH_STOW_NOT_UNDERSTOOD},
        {"another root", "<DicomModel>" XML_UIDS XML_GREY XML_PIXELS "</DicomModel>", KH_STOW_NOT_UNDERSTOOD},
        {"nothing", "", KH_STOW_NOT_UNDERSTOOD},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        kh_stow_object object;
        kh_dataset *dataset;
        kh_source source;
        bench b;

        bench_begin(&b, true);
        assert_int_equal(give(&b, "application/dicom+xml; charset=utf-8", NULL, rows[i].xml, strlen(rows[i].xml)), KH_OK);
        assert_int_equal(give(&b, "application/octet-stream", "bulk/1", "abcd", 4), KH_OK);
        assert_int_equal(give(&b, "application/dicom+xml", NULL, rows[0].xml, strlen(rows[0].xml)), KH_OK);
        assert_int_equal(kh_assembly_count(b.assembly), 2);
        dataset = made(&b, 0, &object, &source);
        if (object.failure != rows[i].failure)
            fail_msg("%s: failure %04X", rows[i].name, object.failure);
        put_away(dataset, &source);
        bench_end(&b);
    }
}

/* The same parts make the same bytes: sent again they are known. */
static void repeated(void **state)
{
    uint8_t bytes[2][4096];
    ssize_t size[2];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int fd = memfd_create("object", MFD_CLOEXEC);
        kh_stow_object object;
        bench b;

        bench_begin(&b, false);
        assert_int_equal(give_json(&b, "[{" SMALL "," PIXELS "}]"), KH_OK);
        assert_int_equal(give(&b, "application/octet-stream", "bulk/1", "abcd", 4), KH_OK);
        kh_assembly_write(b.assembly, 0, fd, &object);
        size[i] = pread(fd, bytes[i], sizeof bytes[i], 0);
        close(fd);
        bench_end(&b);
    }
    assert_true(size[0] > 132 && size[0] == size[1]);
    assert_memory_equal(bytes[0], bytes[1], (size_t)size[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(native),    cmocka_unit_test(single_bits), cmocka_unit_test(compressed), cmocka_unit_test(frames_that_do_not_fit),
        cmocka_unit_test(data_sets), cmocka_unit_test(bodies),      cmocka_unit_test(sizes),      cmocka_unit_test(nested),
        cmocka_unit_test(order),     cmocka_unit_test(documents),   cmocka_unit_test(repeated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
