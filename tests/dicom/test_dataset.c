/* The reader of data sets and files, on data built by hand. */
#include "tests/dicom/support.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define UNDEFINED 0xffffffffu

static const char *const encodings[] = {KH_TS_IMPLICIT_LE, KH_TS_EXPLICIT_LE, KH_TS_EXPLICIT_BE};

/* One attribute of each kind of number. */
static void put_numbers(test_dicom *dicom)
{
    test_text(dicom, KH_TAG_IMAGE_TYPE, "CS", "ORIGINAL\\PRIMARY\\AXIAL");
    test_text(dicom, KH_TAG_PATIENT_NAME, "PN", "Yamada^Tarou");
    test_text(dicom, KH_TAG_SLICE_THICKNESS, "DS", " 2.50 ");
    test_number(dicom, KH_TAG(0x0018, 0x6020), "SL", -70000);       /* ReferencePixelX0 */
    test_number(dicom, KH_TAG(0x0018, 0x602c), "FD", 0.125);        /* PhysicalDeltaX */
    test_number(dicom, KH_TAG(0x0018, 0x6018), "UL", 4000000000.0); /* RegionLocationMinX0, out of order */
    test_number(dicom, KH_TAG(0x0018, 0x9073), "FD", -1e300);       /* AcquisitionDuration */
    test_text(dicom, KH_TAG_INSTANCE_NUMBER, "IS", "17");
    test_number(dicom, KH_TAG_ROWS, "US", 65535);
    test_number(dicom, KH_TAG(0x0028, 0x9503), "SS", -300); /* VerticesOfThe..., SS */
    test_number(dicom, KH_TAG(0x0070, 0x0253), "FL", 1.5);  /* LineThickness */
    test_number(dicom, KH_TAG_EXTENDED_OFFSET_TABLE, "OV", 0);
}

static void expect_integer(const kh_item *item, kh_tag tag, int64_t expected)
{
    int64_t value = 0;

    if (!kh_item_int(item, tag, 0, &value) || value != expected)
        fail_msg("(%04X,%04X): %lld, expected %lld", KH_TAG_ARGS(tag), (long long)value, (long long)expected);
}

static void expect_real(const kh_item *item, kh_tag tag, double expected)
{
    double value = 0;

    if (!kh_item_double(item, tag, 0, &value) || value != expected)
        fail_msg("(%04X,%04X): %g, expected %g", KH_TAG_ARGS(tag), value, expected);
}

static void expect_text(const kh_item *item, kh_tag tag, uint32_t index, const char *expected)
{
    char value[80];

    assert_true(kh_item_string(item, tag, index, value, sizeof(value)));
    assert_string_equal(value, expected);
}

static void check_numbers(const kh_dataset *dataset)
{
    const kh_item *item = kh_dataset_main(dataset);

    expect_text(item, KH_TAG_IMAGE_TYPE, 0, "ORIGINAL");
    expect_text(item, KH_TAG_IMAGE_TYPE, 2, "AXIAL");
    assert_int_equal(kh_item_value_count(item, KH_TAG_IMAGE_TYPE), 3);
    expect_real(item, KH_TAG_SLICE_THICKNESS, 2.5);
    expect_integer(item, KH_TAG(0x0018, 0x6020), -70000);
    expect_real(item, KH_TAG(0x0018, 0x6020), -70000);
    expect_real(item, KH_TAG(0x0018, 0x602c), 0.125);
    expect_integer(item, KH_TAG(0x0018, 0x6018), 4000000000);
    expect_real(item, KH_TAG(0x0018, 0x9073), -1e300);
    expect_integer(item, KH_TAG_INSTANCE_NUMBER, 17);
    expect_integer(item, KH_TAG_ROWS, 65535);
    expect_integer(item, KH_TAG(0x0028, 0x9503), -300);
    expect_real(item, KH_TAG(0x0070, 0x0253), 1.5);
    test_words("order", kh_dataset_warnings(dataset), "ascend");
}

static void test_encodings(void **state)
{
    (void)state;

    for (size_t i = 0; i < KH_COUNT(encodings); i++) {
        test_dicom dicom;
        kh_dataset *dataset;
        test_begin(&dicom, encodings[i]);
        put_numbers(&dicom);
        dataset = test_read(&dicom, encodings[i]);
        check_numbers(dataset);
        assert_string_equal(kh_dataset_transfer_syntax(dataset), encodings[i]);
        kh_dataset_free(dataset);
        test_end(&dicom);
    }
}

/* The same through a file, whose syntax is declared; deflated as well. */
static void test_files(void **state)
{
    (void)state;

    for (size_t i = 0; i < KH_COUNT(encodings); i++) {
        test_dicom dicom;
        kh_dataset *dataset;
        test_begin(&dicom, encodings[i]);
        test_part10(&dicom, encodings[i]);
        put_numbers(&dicom);
        dataset = test_read_file(&dicom);
        check_numbers(dataset);
        expect_text(kh_dataset_meta(dataset), KH_TAG_MEDIA_STORAGE_SOP_INSTANCE_UID, 0, "1.2.3");
        assert_int_equal(kh_dataset_main_offset(dataset),
                         132 + 12 + 8 + 26 + 8 + 6 + 8 + strlen(encodings[i]) + strlen(encodings[i]) % 2);
        kh_dataset_free(dataset);
        test_end(&dicom);
    }
}

/* A raw deflate stream (PS3.5 A.5). */
static void put_deflated(test_dicom *dicom, const kh_buf *bytes)
{
    z_stream stream = {0};
    uint8_t out[4096];

    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = bytes->data;
    stream.avail_in = (uInt)bytes->size;
    do {
        stream.next_out = out;
        stream.avail_out = sizeof(out);
        assert_true(deflate(&stream, Z_FINISH) != Z_STREAM_ERROR);
        test_raw(dicom, out, sizeof(out) - stream.avail_out);
    } while (stream.avail_out == 0);
    deflateEnd(&stream);
}

static void test_deflated(void **state)
{
    test_dicom plain, dicom;
    kh_dataset *dataset;
    kh_dataset_limits limits = kh_dataset_limits_default;
    kh_source source;
    kh_error err = KH_ERROR_INIT;
    size_t size;
    (void)state;

    test_begin(&plain, KH_TS_EXPLICIT_LE);
    put_numbers(&plain);
    test_begin(&dicom, KH_TS_EXPLICIT_LE);
    test_part10(&dicom, KH_TS_DEFLATED_LE);
    put_deflated(&dicom, &plain.bytes);
    dataset = test_read_file(&dicom);
    check_numbers(dataset);
    assert_memory_equal(kh_dataset_inflated(dataset, &size), plain.bytes.data, plain.bytes.size);
    assert_int_equal(size, plain.bytes.size);
    kh_dataset_free(dataset);

    kh_source_init_memory(&source, dicom.bytes.data, dicom.bytes.size);
    limits.inflated_bytes = plain.bytes.size;
    assert_int_equal(kh_dataset_read_file(&dataset, &source, &limits, &err), KH_OK);
    kh_dataset_free(dataset);
    limits.inflated_bytes = plain.bytes.size - 1;
    assert_int_equal(kh_dataset_read_file(&dataset, &source, &limits, &err), KH_E_LIMIT);
    dicom.bytes.size -= 4;
    test_read_file_refused(&dicom, KH_E_FORMAT, "deflated data set ends early");
    dicom.bytes.data[dicom.bytes.size / 2 + 100] ^= 0xff;
    test_read_file_refused(&dicom, KH_E_FORMAT, "deflated data set");
    test_end(&plain);
    test_end(&dicom);
}

/* What unpacks to 1,000 times its size is taken as far as 32 MiB. */
static void test_deflated_bomb(void **state)
{
    static const struct {
        size_t mib;
        bool taken;
    } rows[] = {{1, true}, {31, true}, {33, false}, {60, false}};
    (void)state;

    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        uint32_t length = (uint32_t)(rows[i].mib << 20);
        test_dicom plain, dicom;
        uint8_t *zeros = calloc(1, length);
        kh_dataset *dataset = NULL;

        test_begin(&plain, KH_TS_EXPLICIT_LE);
        test_raw(&plain, "\xe0\x7f\x10\x00OW\0\0", 8);
        test_raw(&plain, &length, sizeof length);
        test_raw(&plain, zeros, length);
        test_begin(&dicom, KH_TS_EXPLICIT_LE);
        test_part10(&dicom, KH_TS_DEFLATED_LE);
        put_deflated(&dicom, &plain.bytes);
        if (rows[i].taken)
            kh_dataset_free(dataset = test_read_file(&dicom));
        else
            test_read_file_refused(&dicom, KH_E_LIMIT, "times as large");
        test_end(&plain);
        test_end(&dicom);
        free(zeros);
    }
}

/* Each row is a bare data set, one thing of it wrong. words NULL: accepted. */
static void test_malformed(void **state)
{
#define LE KH_TS_EXPLICIT_LE
#define IM KH_TS_IMPLICIT_LE
    static const struct {
        const char *name, *syntax, *hex;
        kh_status status;
        const char *words;
    } rows[] = {
        {"empty", LE, "", KH_OK, ""},
        {"one element", LE, "0800 6000 4353 0200 4354", KH_OK, ""},
        {"length one past the end", LE, "0800 6000 4353 0300 4354", KH_E_FORMAT,
         "Modality (0008,0060): length 3, expected at most 2"},
        {"length far past the end", IM, "0800 6000 f0ffffff 4354", KH_E_FORMAT,
         "Modality (0008,0060): length 4294967280"},
        {"header cut", LE, "0800 6000 4353 02", KH_E_FORMAT, "7 bytes, expected an attribute"},
        {"long header cut", LE, "0800 6000 4f42 0000 0000 00", KH_E_FORMAT, "11 bytes, expected an attribute"},
        {"odd length", LE, "0800 6000 4353 0100 43", KH_OK, "odd length"},
        {"unknown VR, short form", LE, "0800 6000 5a5a 0200 4354", KH_OK, "unknown VR"},
        {"unknown VR, long form", LE, "0800 6000 5a5a 0000 02000000 4354", KH_OK, "unknown VR"},
        {"implicit element in explicit data", LE, "0800 6000 02000000 4354", KH_OK, "without VR"},
        {"neither", LE, "0800 6000 0200 0300 4354", KH_E_FORMAT, "Modality (0008,0060): length 3"},
        {"undefined length of UT", LE, "0800 6000 5554 0000 ffffffff 4354", KH_E_FORMAT, "undefined length with VR UT"},
        {"item outside a sequence", LE, "0800 6000 4353 0200 4354 feff00e0 02000000 0000", KH_E_FORMAT,
         "Modality (0008,0060): followed by (FFFE,E000)"},
        {"stray delimiter", LE, "0800 6000 4353 0200 4354 feff0de0 00000000", KH_OK, "ends nothing"},
        {"stray delimiter with a length", LE, "0800 6000 4353 0200 4354 feff0de0 02000000 0000", KH_E_FORMAT,
         "FFFE,E00D"},
        {"zeros behind", LE, "0800 6000 4353 0200 4354 0000000000000000 0000", KH_OK, "10 trailing bytes"},
        {"a few zeros behind", LE, "0800 6000 4353 0200 4354 000000", KH_OK, "3 trailing bytes"},
        {"garbage behind", LE, "0800 6000 4353 0200 4354 010203", KH_E_FORMAT,
         "Modality (0008,0060): followed by 3 bytes"},
        {"garbage behind pixel data", LE, "e07f 1000 4f57 0000 02000000 0000 010203", KH_OK, "3 trailing bytes"},
        {"an element behind pixel data", LE, "e07f 1000 4f57 0000 02000000 0000 fcff fcff 4f42 0000 02000000 0000",
         KH_OK, ""},
        {"pixel data cut", LE, "e07f 1000 4f57 0000 04000000 0000", KH_OK,
         "PixelData (7FE0,0010): 2 bytes, expected 4"},
        {"empty sequence, defined", LE, "0800 4011 5351 0000 00000000", KH_OK, ""},
        {"empty sequence, undefined", LE, "0800 4011 5351 0000 ffffffff feffdde0 00000000", KH_OK, ""},
        {"empty item, defined", LE, "0800 4011 5351 0000 08000000 feff00e0 00000000", KH_OK, ""},
        {"sequence longer than the data", LE, "0800 4011 5351 0000 09000000 feff00e0 00000000", KH_E_FORMAT,
         "ReferencedImageSequence (0008,1140): length 9, expected at most 8"},
        {"item longer than its sequence", LE, "0800 4011 5351 0000 08000000 feff00e0 02000000 0000", KH_E_FORMAT,
         "ReferencedImageSequence (0008,1140): an item of 2 bytes, expected at most 0"},
        {"element longer than its item", LE, "0800 4011 5351 0000 12000000 feff00e0 0a000000 0800 6000 4353 0300 4354",
         KH_E_FORMAT, "Modality (0008,0060): length 3, expected at most 2"},
        {"a sequence that is none", LE, "0800 4011 5351 0000 0a000000 0800 6000 4353 0200 4354", KH_E_FORMAT,
         "ReferencedImageSequence (0008,1140): got (0008,0060) at byte 12, expected an item"},
        {"a sequence that is none, implicit", IM, "0800 4011 04000000 31323334", KH_E_FORMAT,
         "ReferencedImageSequence (0008,1140)"},
        {"undefined sequence without end", LE, "0800 4011 5351 0000 ffffffff feff00e0 00000000", KH_E_FORMAT,
         "ReferencedImageSequence (0008,1140): followed by 0 bytes"},
        {"undefined item without end", LE, "0800 4011 5351 0000 08000000 feff00e0 ffffffff", KH_E_FORMAT, "0 bytes"},
        {"undefined item without its delimiter", LE,
         "0800 4011 5351 0000 ffffffff feff00e0 ffffffff 0800 6000 4353 0200 4354 feffdde0 00000000", KH_OK,
         "without its delimiter"},
        {"defined item with a delimiter", LE, "0800 4011 5351 0000 10000000 feff00e0 00000000 feff0de0 00000000", KH_OK,
         "ends nothing"},
        {"defined sequence with a delimiter", LE, "0800 4011 5351 0000 10000000 feff00e0 00000000 feffdde0 00000000",
         KH_OK, "ends nothing"},
        {"fragment outside its icon", LE,
         "0800 4011 5351 0000 22000000 feff00e0 1a000000 e07f 1000 4f42 0000 ffffffff feff00e0 f0000000 "
         "0000000000000000",
         KH_E_FORMAT, "PixelData (7FE0,0010)"},
    };
    (void)state;

    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        test_dicom dicom;
        kh_source source;
        kh_dataset *dataset;
        kh_error err = KH_ERROR_INIT;
        kh_status status;
        test_begin(&dicom, rows[i].syntax);
        test_hex(&dicom, rows[i].hex);
        kh_source_init_memory(&source, dicom.bytes.data ? dicom.bytes.data : (const uint8_t *)"", dicom.bytes.size);
        status = kh_dataset_read(&dataset, &source, rows[i].syntax, &kh_dataset_limits_default, &err);
        if (status != rows[i].status)
            fail_msg("%s: %s: %s", rows[i].name, kh_status_text(status), err.message);
        test_words(rows[i].name, status == KH_OK ? kh_dataset_warnings(dataset) : err.message, rows[i].words);
        if (status == KH_OK && !rows[i].words[0] && kh_dataset_warnings(dataset)[0])
            fail_msg("%s: %s", rows[i].name, kh_dataset_warnings(dataset));
        kh_dataset_free(dataset);
        test_end(&dicom);
    }
}

static void put_nested(test_dicom *dicom, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++) {
        test_sequence(dicom, KH_TAG(0x0008, 0x1140));
        test_item(dicom, UNDEFINED);
    }
    for (unsigned i = 0; i < depth; i++) {
        test_item_end(dicom);
        test_sequence_end(dicom);
    }
}

static void expect_depth(unsigned depth, uint32_t limit, kh_status expected)
{
    kh_dataset_limits limits = kh_dataset_limits_default;
    kh_error err = KH_ERROR_INIT;
    kh_dataset *dataset;
    kh_source source;
    test_dicom dicom;

    limits.depth = limit;
    test_begin(&dicom, KH_TS_EXPLICIT_LE);
    put_nested(&dicom, depth);
    kh_source_init_memory(&source, dicom.bytes.data, dicom.bytes.size);
    assert_int_equal(kh_dataset_read(&dataset, &source, KH_TS_EXPLICIT_LE, &limits, &err), expected);
    if (expected == KH_E_LIMIT)
        test_words("depth", err.message, "ReferencedImageSequence (0008,1140): nested deeper than");
    kh_dataset_free(dataset);
    test_end(&dicom);
}

static void test_depth(void **state)
{
    (void)state;
    expect_depth(16, 16, KH_OK);
    expect_depth(17, 16, KH_E_LIMIT);
    expect_depth(64, 64, KH_OK);
    expect_depth(65, 64, KH_E_LIMIT);
    expect_depth(1, 1, KH_OK);
    expect_depth(2, 1, KH_E_LIMIT);
    expect_depth(1, 0, KH_E_ARG);
    expect_depth(1, 65, KH_E_ARG);
    expect_depth(2000, 16, KH_E_LIMIT);
    expect_depth(20000, 64, KH_E_LIMIT);
}

static void expect_limits(const test_dicom *dicom, const kh_dataset_limits *limits, kh_status expected)
{
    kh_source source;
    kh_dataset *dataset;

    kh_source_init_memory(&source, dicom->bytes.data, dicom->bytes.size);
    assert_int_equal(kh_dataset_read(&dataset, &source, KH_TS_EXPLICIT_LE, limits, NULL), expected);
    kh_dataset_free(dataset);
}

static void test_limits(void **state)
{
    kh_dataset_limits limits = kh_dataset_limits_default;
    test_dicom dicom;
    kh_dataset *dataset;
    kh_source source;
    (void)state;

    test_begin(&dicom, KH_TS_EXPLICIT_LE);
    test_text(&dicom, KH_TAG_MODALITY, "CS", "CT");
    test_sequence(&dicom, KH_TAG(0x0008, 0x1140)); /* counts as one, its item as one */
    test_item(&dicom, 0);
    test_sequence_end(&dicom);
    limits.elements = 3;
    expect_limits(&dicom, &limits, KH_OK);
    limits.elements = 2;
    expect_limits(&dicom, &limits, KH_E_LIMIT);
    limits = kh_dataset_limits_default;
    limits.held_bytes = 2 * sizeof(kh_element); /* the tree alone is larger */
    expect_limits(&dicom, &limits, KH_E_LIMIT);
    test_end(&dicom);

    test_begin(&dicom, KH_TS_EXPLICIT_LE);
    test_text(&dicom, KH_TAG_STUDY_DESCRIPTION, "LO", "12345678");
    test_text(&dicom, KH_TAG_SERIES_DESCRIPTION, "LO", "1234567890");
    limits = kh_dataset_limits_default;
    limits.value_bytes = 8;
    kh_source_init_memory(&source, dicom.bytes.data, dicom.bytes.size);
    assert_int_equal(kh_dataset_read(&dataset, &source, KH_TS_EXPLICIT_LE, &limits, NULL), KH_OK);
    assert_non_null(kh_item_find(kh_dataset_main(dataset), KH_TAG_STUDY_DESCRIPTION)->value);
    assert_null(kh_item_find(kh_dataset_main(dataset), KH_TAG_SERIES_DESCRIPTION)->value);
    assert_int_equal(kh_item_find(kh_dataset_main(dataset), KH_TAG_SERIES_DESCRIPTION)->length, 10);
    kh_dataset_free(dataset);
    test_end(&dicom);
}

/* PS3.5 6.2.2: UN of undefined length is implicit little endian inside, in every encoding; charset and depth go on. */
static void test_un_sequences(void **state)
{
    (void)state;

    for (size_t i = 1; i < KH_COUNT(encodings); i++) {
        test_dicom dicom;
        kh_dataset *dataset;
        const kh_item *item;
        test_begin(&dicom, encodings[i]);
        test_text(&dicom, KH_TAG_SPECIFIC_CHARACTER_SET, "CS", "ISO_IR 100");
        test_header(&dicom, KH_TAG(0x0029, 0x1010), "UN", UNDEFINED);
        test_hex(&dicom,
                 "feff00e0 ffffffff 2800 1000 02000000 0201 2900 2010 ffffffff feff00e0 00000000 feffdde0 00000000"
                 "feff0de0 00000000 feffdde0 00000000");
        test_number(&dicom, KH_TAG(0x0029, 0x1020), "US", 7);
        dataset = test_read(&dicom, encodings[i]);
        item = kh_item_first(kh_dataset_main(dataset), KH_TAG(0x0029, 0x1010));
        assert_non_null(item);
        expect_integer(item, KH_TAG_ROWS, 0x0102);
        assert_non_null(kh_item_first(item, KH_TAG(0x0029, 0x1020)));
        expect_integer(kh_dataset_main(dataset), KH_TAG(0x0029, 0x1020), 7);
        assert_string_equal(kh_dataset_warnings(dataset), "");
        kh_dataset_free(dataset);
        test_end(&dicom);
    }
}

/* Implicit: what the dictionary does not know is a sequence when its length is undefined, bytes when it is not. */
static void test_private_sequences(void **state)
{
    test_dicom dicom;
    kh_dataset *dataset;
    const kh_element *element;
    (void)state;

    test_begin(&dicom, KH_TS_IMPLICIT_LE);
    test_hex(&dicom, "2900 1010 ffffffff feff00e0 0a000000 2800 1000 02000000 0200 feffdde0 00000000");
    test_hex(&dicom, "2900 1110 08000000 feff00e0 00000000");
    dataset = test_read(&dicom, KH_TS_IMPLICIT_LE);
    expect_integer(kh_item_first(kh_dataset_main(dataset), KH_TAG(0x0029, 0x1010)), KH_TAG_ROWS, 2);
    element = kh_item_find(kh_dataset_main(dataset), KH_TAG(0x0029, 0x1011));
    assert_int_equal(element->vr, KH_VR('U', 'N'));
    assert_int_equal(element->length, 8);
    assert_int_equal(element->item_count, 0);
    kh_dataset_free(dataset);
    test_end(&dicom);
}

/* Pixel data of an icon is held by nobody and is not the object's, native or encapsulated. */
static void test_icons(void **state)
{
    static const char *const icons[] = {
        "e07f 1000 4f57 0000 04000000 01020304",
        "e07f 1000 4f42 0000 ffffffff feff00e0 00000000 feff00e0 02000000 ffd8 feffdde0 00000000",
    };
    (void)state;

    for (size_t i = 0; i < KH_COUNT(icons); i++) {
        test_dicom dicom;
        kh_dataset *dataset;
        const kh_item *icon;
        test_begin(&dicom, KH_TS_EXPLICIT_LE);
        test_sequence(&dicom, KH_TAG(0x0088, 0x0200));
        test_item(&dicom, UNDEFINED);
        test_hex(&dicom, icons[i]);
        test_item_end(&dicom);
        test_sequence_end(&dicom);
        test_text(&dicom, KH_TAG(0x2050, 0x0020), "CS", "IDENTITY");
        dataset = test_read(&dicom, KH_TS_EXPLICIT_LE);
        icon = kh_item_first(kh_dataset_main(dataset), KH_TAG(0x0088, 0x0200));
        assert_non_null(kh_item_find(icon, KH_TAG_PIXEL_DATA));
        assert_null(kh_item_find(icon, KH_TAG_PIXEL_DATA)->value);
        assert_int_equal(kh_item_find(icon, KH_TAG_PIXEL_DATA)->length, i == 0 ? 4 : 18);
        assert_null(kh_item_find(kh_dataset_main(dataset), KH_TAG_PIXEL_DATA));
        expect_text(kh_dataset_main(dataset), KH_TAG(0x2050, 0x0020), 0, "IDENTITY");
        kh_dataset_free(dataset);
        test_end(&dicom);
    }
}

/* A source that counts, and that refuses what lies in the pixel data. */
typedef struct counted_source {
    kh_source source; /* first: read_at gets this */
    const uint8_t *bytes;
    uint64_t pixel_begin, pixel_end;
    unsigned reads;
} counted_source;

static kh_status counted_read(const kh_source *source, uint64_t offset, void *bytes, size_t count, kh_error *err)
{
    counted_source *counted = (counted_source *)(uintptr_t)source;

    (void)err;
    assert_true(offset + count <= source->size);
    assert_true(offset < counted->pixel_begin || offset >= counted->pixel_end);
    counted->reads++;
    memcpy(bytes, counted->bytes + offset, count);
    return KH_OK;
}

/* 1 MiB of pixel data: one read before it, one behind it, none in it but what shares a block with the header. */
static void test_pixels_not_read(void **state)
{
    static const uint32_t pixel_bytes = 1u << 20;
    counted_source counted = {.reads = 0};
    test_dicom dicom;
    kh_dataset *dataset;
    uint8_t *pixels = calloc(1, pixel_bytes);
    (void)state;

    test_begin(&dicom, KH_TS_EXPLICIT_LE);
    test_part10(&dicom, KH_TS_EXPLICIT_LE);
    for (uint16_t i = 0; i < 200; i++)
        test_text(&dicom, KH_TAG(0x0009, 0x1000 + i), "LO", "some text of usual length");
    test_header(&dicom, KH_TAG_PIXEL_DATA, "OW", pixel_bytes);
    counted.pixel_begin = dicom.bytes.size;
    test_raw(&dicom, pixels, pixel_bytes);
    counted.pixel_end = dicom.bytes.size;
    test_header(&dicom, KH_TAG(0xfffc, 0xfffc), "OB", 2);
    test_raw(&dicom, "\0\0", 2);
    counted.bytes = dicom.bytes.data;
    counted.source = (kh_source){.size = dicom.bytes.size, .read_at = counted_read, .fd = -1};
    assert_int_equal(kh_dataset_read_file(&dataset, &counted.source, &kh_dataset_limits_default, NULL), KH_OK);
    assert_int_equal(counted.reads, 2);
    assert_int_equal(kh_item_find(kh_dataset_main(dataset), KH_TAG_PIXEL_DATA)->offset, counted.pixel_begin);
    assert_non_null(kh_item_find(kh_dataset_main(dataset), KH_TAG(0xfffc, 0xfffc)));
    kh_dataset_free(dataset);
    test_end(&dicom);
    free(pixels);
}

/* The warnings stay bounded however many there are. */
static void test_warnings_bounded(void **state)
{
    test_dicom dicom;
    kh_dataset *dataset;
    (void)state;

    test_begin(&dicom, KH_TS_EXPLICIT_LE);
    for (int i = 0; i < 2000; i++)
        test_hex(&dicom, "e07f 1000 4f57 0000 00000000 0800 6000 5a5a 0100 43");
    dataset = test_read(&dicom, KH_TS_EXPLICIT_LE);
    assert_true(strlen(kh_dataset_warnings(dataset)) <= 4096);
    kh_dataset_free(dataset);
    test_end(&dicom);
}

/* A small file with everything in it; cut anywhere, or with any byte changed, it is read or refused, and no more. */
static void put_sample(test_dicom *dicom)
{
    test_part10(dicom, KH_TS_EXPLICIT_LE);
    test_text(dicom, KH_TAG_SPECIFIC_CHARACTER_SET, "CS", "\\ISO 2022 IR 87");
    test_sequence(dicom, KH_TAG(0x0008, 0x1140));
    test_item(dicom, 18);
    test_text(dicom, KH_TAG(0x0008, 0x1155), "UI", "1.2.3.4.5");
    test_item(dicom, UNDEFINED);
    test_header(dicom, KH_TAG(0x0009, 0x1000), "UN", UNDEFINED);
    test_hex(dicom, "feff00e0 0a000000 2800 1000 02000000 0200 feffdde0 00000000");
    test_item_end(dicom);
    test_sequence_end(dicom);
    test_text(dicom, KH_TAG_PATIENT_NAME, "PN", "Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B");
    test_number(dicom, KH_TAG_ROWS, "US", 2);
    test_header(dicom, KH_TAG_PIXEL_DATA, "OW", 4);
    test_hex(dicom, "01020304");
}

static void read_anything(const uint8_t *bytes, size_t size)
{
    kh_source source;
    kh_dataset *dataset;
    kh_error err = KH_ERROR_INIT;
    kh_status status;

    kh_source_init_memory(&source, bytes, size);
    status = kh_dataset_read_file(&dataset, &source, &kh_dataset_limits_default, &err);
    assert_true(status == KH_OK || status == KH_E_FORMAT || status == KH_E_LIMIT);
    assert_true((status == KH_OK) == (err.message[0] == '\0'));
    kh_dataset_free(dataset);
}

static void test_cut_and_changed(void **state)
{
    test_dicom dicom;
    (void)state;

    test_begin(&dicom, KH_TS_EXPLICIT_LE);
    put_sample(&dicom);
    for (size_t size = 1; size < dicom.bytes.size; size++) {
        uint8_t *copy = malloc(size); /* exactly as large, so that a sanitizer sees the first byte too far */
        memcpy(copy, dicom.bytes.data, size);
        read_anything(copy, size);
        free(copy);
    }
    for (size_t i = 0; i < dicom.bytes.size; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            dicom.bytes.data[i] ^= (uint8_t)(1u << bit);
            read_anything(dicom.bytes.data, dicom.bytes.size);
            dicom.bytes.data[i] ^= (uint8_t)(1u << bit);
        }
    }
    test_end(&dicom);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_deflated),
        cmocka_unit_test(test_deflated_bomb),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_un_sequences),
        cmocka_unit_test(test_private_sequences),
        cmocka_unit_test(test_icons),
        cmocka_unit_test(test_pixels_not_read),
        cmocka_unit_test(test_warnings_bounded),
        cmocka_unit_test(test_cut_and_changed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
