/* The writer against PS3.5 7.1 and PS3.10 7.1, byte by byte, and against dcmdump. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dicom/syntax.h"
#include "dicom/writer.h"
#include "tests/cmocka_all.h"

#define SH KH_VR('S', 'H')
#define LO KH_VR('L', 'O')
#define PN KH_VR('P', 'N')
#define UI KH_VR('U', 'I')

typedef void write_function(kh_writer *writer);

static void w_text_even(kh_writer *w) { kh_writer_text(w, KH_TAG(0x0010, 0x0020), LO, "AB"); }
static void w_text_odd(kh_writer *w) { kh_writer_text(w, KH_TAG(0x0010, 0x0020), LO, "ABC"); }
static void w_text_empty(kh_writer *w) { kh_writer_text(w, KH_TAG(0x0010, 0x0020), LO, ""); }
static void w_text_values(kh_writer *w) { kh_writer_text(w, KH_TAG(0x0008, 0x0008), KH_VR('C', 'S'), "A\\\\B"); }
static void w_uid_odd(kh_writer *w) { kh_writer_text(w, KH_TAG(0x0008, 0x0016), UI, "1.2.3"); }
static void w_backslash_in_st(kh_writer *w) { kh_writer_text(w, KH_TAG(0x0040, 0x0280), KH_VR('S', 'T'), "a\\b"); }
static void w_long_vr(kh_writer *w) { kh_writer_bytes(w, KH_TAG(0x7fe0, 0x0010), KH_VR('O', 'B'), "\1\2\3", 3); }
static void w_empty(kh_writer *w) { kh_writer_empty(w, KH_TAG(0x0020, 0x000d), UI); }
static void w_is(kh_writer *w) { kh_writer_is(w, KH_TAG(0x0020, 0x0013), -7); }
static void w_us(kh_writer *w) { kh_writer_us(w, KH_TAG(0x0028, 0x0010), (uint16_t[]){512, 0xfffe}, 2); }
static void w_ul(kh_writer *w) { kh_writer_ul(w, KH_TAG(0x0004, 0x1200), (uint32_t[]){0x01020304}, 1); }
static void w_ds(kh_writer *w) { kh_writer_ds(w, KH_TAG(0x0028, 0x0030), (double[]){0.5, -1024}, 2); }
static void w_ds_round(kh_writer *w) { kh_writer_ds(w, KH_TAG(0x0018, 0x0060), (double[]){120, 1500, -600}, 3); }
static void w_ds_long(kh_writer *w) { kh_writer_ds(w, KH_TAG(0x0028, 0x0030), (double[]){-1.0 / 3.0e7}, 1); }

static void w_sequence(kh_writer *w)
{
    kh_writer_sequence_begin(w, KH_TAG(0x0008, 0x1140));
    kh_writer_item_begin(w);
    kh_writer_text(w, KH_TAG(0x0008, 0x1150), UI, "1.2");
    kh_writer_item_end(w);
    kh_writer_item_begin(w);
    kh_writer_item_end(w);
    kh_writer_sequence_end(w);
    kh_writer_text(w, KH_TAG(0x0010, 0x0020), LO, "A");
}

#define BYTES(literal) (const uint8_t *)(literal), sizeof(literal) - 1

static const struct bytes_case {
    const char *name;
    write_function *write;
    bool explicit_vr;
    const uint8_t *bytes;
    size_t size;
} bytes_cases[] = {
    {"text of even length", w_text_even, true, BYTES("\x10\0\x20\0LO\2\0AB")},
    {"text of odd length is padded with a space", w_text_odd, true, BYTES("\x10\0\x20\0LO\4\0ABC ")},
    {"empty text", w_text_empty, true, BYTES("\x10\0\x20\0LO\0\0")},
    {"three values, one empty", w_text_values, true, BYTES("\x08\0\x08\0CS\4\0A\\\\B")},
    {"a UID is padded with NUL", w_uid_odd, true, BYTES("\x08\0\x16\0UI\6\0" "1.2.3\0")},
    {"a backslash in ST is no delimiter", w_backslash_in_st, true, BYTES("\x40\0\x80\2ST\4\0a\\b ")},
    {"OB has a 32 bit length", w_long_vr, true, BYTES("\xe0\x7f\x10\0OB\0\0\4\0\0\0\1\2\3\0")},
    {"empty element", w_empty, true, BYTES("\x20\0\x0d\0UI\0\0")},
    {"IS", w_is, true, BYTES("\x20\0\x13\0IS\2\0-7")},
    {"US little endian", w_us, true, BYTES("\x28\0\x10\0US\4\0\0\2\xfe\xff")},
    {"UL little endian", w_ul, true, BYTES("\4\0\0\x12UL\4\0\4\3\2\1")},
    {"DS values", w_ds, true, BYTES("\x28\0\x30\0DS\x0a\0" "0.5\\-1024 ")},
    {"DS of round numbers has no exponent", w_ds_round, true, BYTES("\x18\0\x60\0DS\x0e\0" "120\\1500\\-600 ")},
    {"DS cut to 16 characters", w_ds_long, true, BYTES("\x28\0\x30\0DS\x10\0-3.333333333e-08")},
    {"sequence with an item and an empty one", w_sequence, true,
     BYTES("\x08\0\x40\x11SQ\0\0\x1c\0\0\0" "\xfe\xff\0\xe0\x0c\0\0\0" "\x08\0\x50\x11UI\4\0" "1.2\0"
           "\xfe\xff\0\xe0\0\0\0\0" "\x10\0\x20\0LO\2\0A ")},
    {"implicit text", w_text_odd, false, BYTES("\x10\0\x20\0\4\0\0\0ABC ")},
    {"implicit OB", w_long_vr, false, BYTES("\xe0\x7f\x10\0\4\0\0\0\1\2\3\0")},
    {"implicit sequence", w_sequence, false,
     BYTES("\x08\0\x40\x11\x1c\0\0\0" "\xfe\xff\0\xe0\x0c\0\0\0" "\x08\0\x50\x11\4\0\0\0" "1.2\0"
           "\xfe\xff\0\xe0\0\0\0\0" "\x10\0\x20\0\2\0\0\0A ")},
};

static kh_status run(kh_buf *buf, write_function *write, bool explicit_vr, const char *charset, kh_error *err)
{
    kh_writer *writer;
    kh_status status;

    assert_int_equal(kh_writer_create(&writer, buf, explicit_vr, charset, err), KH_OK);
    write(writer);
    status = kh_writer_finish(writer, err);
    kh_writer_free(writer);
    return status;
}

static void test_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < KH_COUNT(bytes_cases); i++) {
        const struct bytes_case *c = &bytes_cases[i];
        kh_error err = KH_ERROR_INIT;
        kh_buf buf;

        kh_buf_init(&buf, 4096);
        if (run(&buf, c->write, c->explicit_vr, "", &err) != KH_OK)
            fail_msg("%s: %s", c->name, err.message);
        if (buf.size != c->size || memcmp(buf.data, c->bytes, c->size) != 0)
            fail_msg("%s: %zu bytes, expected %zu, or other bytes", c->name, buf.size, c->size);
        kh_buf_release(&buf);
    }
}

static char text_65534[65534 + 1], text_65535[65535 + 1];

static void w_short_limit(kh_writer *w) { kh_writer_text(w, KH_TAG(0x0010, 0x4000), KH_VR('L', 'T'), text_65534); }
static void w_short_over(kh_writer *w) { kh_writer_text(w, KH_TAG(0x0010, 0x4000), KH_VR('L', 'T'), text_65535); }
static void w_equal_tags(kh_writer *w) { w_empty(w), w_empty(w); }
static void w_descending(kh_writer *w) { w_empty(w), w_text_even(w); }
static void w_item_outside(kh_writer *w) { kh_writer_item_begin(w); }
static void w_end_outside(kh_writer *w) { kh_writer_sequence_end(w); }
static void w_not_ended(kh_writer *w) { kh_writer_sequence_begin(w, KH_TAG(0x0008, 0x1140)); }
static void w_no_item(kh_writer *w) { w_not_ended(w), w_text_even(w); }
static void w_is_max(kh_writer *w) { kh_writer_is(w, KH_TAG(0x0020, 0x0013), INT32_MAX); }
static void w_is_over(kh_writer *w) { kh_writer_is(w, KH_TAG(0x0020, 0x0013), (int64_t)INT32_MAX + 1); }
static void w_is_min(kh_writer *w) { kh_writer_is(w, KH_TAG(0x0020, 0x0013), INT32_MIN); }
static void w_is_under(kh_writer *w) { kh_writer_is(w, KH_TAG(0x0020, 0x0013), (int64_t)INT32_MIN - 1); }
static void w_ds_nan(kh_writer *w) { kh_writer_ds(w, KH_TAG(0x0028, 0x0030), (double[]){1, NAN}, 2); }
static void w_non_ascii_cs(kh_writer *w) { kh_writer_text(w, KH_TAG(0x0008, 0x0060), KH_VR('C', 'S'), "\xc3\xa9"); }

static void nest(kh_writer *w, int sequences)
{
    for (int i = 0; i < sequences; i++) {
        kh_writer_sequence_begin(w, KH_TAG(0x0008, 0x1140));
        kh_writer_item_begin(w);
    }
    for (int i = 0; i < sequences; i++) {
        kh_writer_item_end(w);
        kh_writer_sequence_end(w);
    }
}
static void w_deep(kh_writer *w) { nest(w, 16); }
static void w_too_deep(kh_writer *w) { nest(w, 17); }

static const struct status_case {
    const char *name;
    write_function *write;
    kh_status status;
    const char *message; /* a part of it */
} status_cases[] = {
    {"16 bit length at its limit", w_short_limit, KH_OK, ""},
    {"16 bit length past its limit", w_short_over, KH_E_LIMIT, "(0010,4000) value of 65536 bytes"},
    {"the same tag twice", w_equal_tags, KH_E_INTERNAL, "(0020,000D) written after (0020,000D)"},
    {"descending tags", w_descending, KH_E_INTERNAL, "(0010,0020) written after (0020,000D)"},
    {"item outside a sequence", w_item_outside, KH_E_INTERNAL, "outside a sequence"},
    {"end without begin", w_end_outside, KH_E_INTERNAL, "not begun"},
    {"sequence left open", w_not_ended, KH_E_INTERNAL, "1 sequences or items not ended"},
    {"element between items", w_no_item, KH_E_INTERNAL, "into a sequence"},
    {"IS 2^31 - 1", w_is_max, KH_OK, ""},
    {"IS 2^31", w_is_over, KH_E_ARG, "(0020,0013)"},
    {"IS -2^31", w_is_min, KH_OK, ""},
    {"IS -2^31 - 1", w_is_under, KH_E_ARG, "(0020,0013)"},
    {"DS not a number", w_ds_nan, KH_E_ARG, "(0028,0030) value 1"},
    {"code string outside ASCII", w_non_ascii_cs, KH_E_ARG, "(0008,0060)"},
    {"16 nested sequences", w_deep, KH_OK, ""},
    {"17 nested sequences", w_too_deep, KH_E_LIMIT, "deeper than 32"},
};

static void test_status(void **state)
{
    (void)state;
    memset(text_65534, 'x', sizeof text_65534 - 1);
    memset(text_65535, 'x', sizeof text_65535 - 1);
    for (size_t i = 0; i < KH_COUNT(status_cases); i++) {
        const struct status_case *c = &status_cases[i];
        kh_error err = KH_ERROR_INIT;
        kh_status status;
        kh_buf buf;

        kh_buf_init(&buf, 1 << 20);
        status = run(&buf, c->write, true, "", &err);
        if (status != c->status || !strstr(err.message, c->message))
            fail_msg("%s: status %s, message \"%s\"", c->name, kh_status_text(status), err.message);
        kh_buf_release(&buf);
    }
}

/* The buffer's own limit, both sides. */
static void test_full_buffer(void **state)
{
    (void)state;
    for (size_t max = 11; max <= 12; max++) {
        kh_error err = KH_ERROR_INIT;
        kh_buf buf;

        kh_buf_init(&buf, max);
        assert_int_equal(run(&buf, w_text_odd, true, "", &err), max == 12 ? KH_OK : KH_E_LIMIT);
        kh_buf_release(&buf);
    }
}

/* PS3.5 H.3.1, example 1: the name with its three groups, in "\ISO 2022 IR 87". */
static void w_name(kh_writer *w)
{
    kh_writer_text(w, KH_TAG_PATIENT_NAME, PN, "Yamada^Tarou=山田^太郎=やまだ^たろう");
}

static void test_japanese(void **state)
{
    static const char expected[] = "\x10\0\x10\0PN\x3c\0Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B="
                                   "\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B";
    kh_error err = KH_ERROR_INIT;
    kh_buf buf;

    (void)state;
    kh_buf_init(&buf, 4096);
    if (run(&buf, w_name, true, "\\ISO 2022 IR 87", &err) != KH_OK)
        fail_msg("%s", err.message);
    assert_int_equal(buf.size, sizeof expected - 1);
    assert_memory_equal(buf.data, expected, sizeof expected - 1);
    kh_buf_clear(&buf);
    assert_int_equal(run(&buf, w_name, true, "ISO_IR 192", &err), KH_OK);
    assert_int_equal(buf.size, 8 + 46); /* 13 + 2 x 3 + 1 + 2 x 3 + 1 + 3 x 3 + 1 + 3 x 3 */
    kh_buf_release(&buf);
}

static void test_part10_header(void **state)
{
    static const char expected[] = "DICM\2\0\0\0UL\4\0\x9e\0\0\0" "\2\0\1\0OB\0\0\2\0\0\0\0\1"
                                   "\2\0\2\0UI\x1a\0" "1.2.840.10008.5.1.4.1.1.2\0" "\2\0\3\0UI\4\0" "1.2\0"
                                   "\2\0\x10\0UI\x14\0" "1.2.840.10008.1.2.1\0";
    char uid_65[66];
    kh_error err = KH_ERROR_INIT;
    uint32_t group_length;
    kh_buf buf;

    (void)state;
    kh_buf_init(&buf, 4096);
    assert_int_equal(kh_part10_header(&buf, KH_SOP_CT_IMAGE, "1.2", KH_TS_EXPLICIT_LE, "KAKEHASHI", &err), KH_OK);
    for (size_t i = 0; i < 128; i++)
        assert_int_equal(buf.data[i], 0);
    group_length = buf.data[140] | (uint32_t)buf.data[141] << 8;
    assert_int_equal(group_length, buf.size - 144); /* PS3.10 7.1: from the end of its value to the end of the group */
    assert_memory_equal(buf.data + 128, expected, 12);
    assert_memory_equal(buf.data + 144, expected + 16, sizeof expected - 1 - 16);
    memset(uid_65, '1', 65);
    uid_65[65] = 0;
    assert_int_equal(kh_part10_header(&buf, KH_SOP_CT_IMAGE, uid_65, KH_TS_EXPLICIT_LE, "", &err), KH_E_ARG);
    uid_65[64] = 0;
    kh_error_clear(&err);
    assert_int_equal(kh_part10_header(&buf, KH_SOP_CT_IMAGE, uid_65, KH_TS_EXPLICIT_LE, NULL, &err), KH_OK);
    assert_int_equal(kh_part10_header(&buf, "", "1.2", KH_TS_EXPLICIT_LE, NULL, &err), KH_E_ARG);
    kh_buf_release(&buf);
}

/* What dcmdump says of a file of ours; NULL when it is not installed. */
static char *dcmdump(const kh_buf *file)
{
    char path[] = "/tmp/kh_writer_XXXXXX", command[128];
    char *text = calloc(1, 16384);
    int fd = mkstemp(path);
    FILE *pipe;

    assert_true(fd >= 0 && text != NULL);
    assert_int_equal(write(fd, file->data, file->size), (ssize_t)file->size);
    close(fd);
    snprintf(command, sizeof command, "dcmdump -q +L %s", path);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_true(fread(text, 1, 16383, pipe) < 16383);
    if (pclose(pipe) != 0)
        text[0] = 0;
    unlink(path);
    return text;
}

static void w_small_file(kh_writer *w)
{
    kh_writer_text(w, KH_TAG_SOP_CLASS_UID, UI, KH_SOP_CT_IMAGE);
    kh_writer_text(w, KH_TAG_SOP_INSTANCE_UID, UI, "1.2.3");
    kh_writer_sequence_begin(w, KH_TAG(0x0008, 0x1140));
    kh_writer_item_begin(w);
    kh_writer_text(w, KH_TAG(0x0008, 0x1155), UI, "1.2.4");
    kh_writer_item_end(w);
    kh_writer_sequence_end(w);
    kh_writer_text(w, KH_TAG_PATIENT_ID, LO, "ID 7");
    kh_writer_ds(w, KH_TAG_IMAGE_POSITION_PATIENT, (double[]){-191.625, 0.1, 1e-5}, 3);
    w_us(w);
    kh_writer_bytes(w, KH_TAG_PIXEL_DATA, KH_VR('O', 'W'), "\1\2\3\4", 4);
}

static void test_dcmdump(void **state)
{
    static const char *const expected[] = {
        "[KAKEHASHI_0_1]", "=LittleEndianExplicit", "=CTImageStorage", "(fffe,e000) na (Item with explicit length #=1)",
        "(0008,1155) UI [1.2.4]", "(0010,0020) LO [ID 7]", "(0020,0032) DS [-191.625\\0.1\\1e-05]",
        "(0028,0010) US 512\\65534", "(7fe0,0010) OW 0201\\0403"};
    kh_error err = KH_ERROR_INIT;
    char *text;
    kh_buf buf;

    (void)state;
    if (system("command -v dcmdump > /dev/null") != 0) {
        print_message("dcmdump is not installed: skipped\n");
        skip();
    }
    kh_buf_init(&buf, 4096);
    assert_int_equal(kh_part10_header(&buf, KH_SOP_CT_IMAGE, "1.2.3", KH_TS_EXPLICIT_LE, "A", &err), KH_OK);
    assert_int_equal(run(&buf, w_small_file, true, "", &err), KH_OK);
    text = dcmdump(&buf);
    for (size_t i = 0; i < KH_COUNT(expected); i++)
        if (!strstr(text, expected[i]))
            fail_msg("dcmdump does not say %s:\n%s", expected[i], text);
    free(text);
    kh_buf_release(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),    cmocka_unit_test(test_status),         cmocka_unit_test(test_full_buffer),
        cmocka_unit_test(test_japanese), cmocka_unit_test(test_part10_header), cmocka_unit_test(test_dcmdump),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
