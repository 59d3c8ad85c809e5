/* Corrected attributes on the way out: the values, what they were, and every other byte of the object as it was. */
#include "tests/dicom/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include "base/size.h"
#include "dicom/amend.h"
#include "dicom/splice.h"
#include "dicom/text.h"

static const kh_amend_note note = {"20261121093000+0900", "KAKEHASHI", "PACS_NORTH", "CORRECT"};
static const kh_amendment corrections[] = {
    {KH_TAG_PATIENT_ID, KH_VR('L', 'O'), "0000042", 0},
    {KH_TAG_PATIENT_NAME, KH_VR('P', 'N'), "YAMADA^HANAKO=山田^花子=やまだ^はなこ", 0},
};

/* --- splices --- */

static void reads_across_pieces(void **state)
{
    static const uint8_t bytes[] = "0123456789";
    uint8_t out[16] = {0};
    kh_source base;
    kh_splice splice;

    (void)state;
    kh_source_init_memory(&base, bytes, 10);
    kh_splice_init(&splice, &base, 8);
    assert_int_equal(kh_splice_base(&splice, 0, 3, NULL), KH_OK);
    assert_int_equal(kh_splice_own(&splice, "ab", 2, NULL), KH_OK);
    assert_int_equal(kh_splice_base(&splice, 5, 0, NULL), KH_OK);
    assert_int_equal(kh_splice_base(&splice, 5, 2, NULL), KH_OK);
    assert_int_equal(kh_splice_base(&splice, 7, 3, NULL), KH_OK);
    assert_int_equal(kh_splice_own(&splice, "c", 1, NULL), KH_OK);
    assert_int_equal(splice.piece_count, 4); /* 5..7 and 7..10 are one */
    assert_int_equal(splice.source.size, 11);
    for (size_t from = 0; from <= 11; from++) {
        for (size_t size = 0; from + size <= 11; size++) {
            memset(out, 0, sizeof(out));
            assert_int_equal(splice.source.read_at(&splice.source, from, out, size, NULL), KH_OK);
            assert_memory_equal(out, "012ab56789c" + from, size);
            assert_int_equal(out[size], 0);
        }
    }
    assert_int_equal(splice.source.read_at(&splice.source, 11, out, 1, NULL), KH_E_FORMAT);
    assert_int_equal(splice.source.read_at(&splice.source, UINT64_MAX, out, 2, NULL), KH_E_FORMAT);
    assert_int_equal(kh_splice_base(&splice, 9, 2, NULL), KH_E_FORMAT);
    assert_int_equal(kh_splice_own(&splice, "123456", 6, NULL), KH_E_LIMIT);
    assert_int_equal(splice.source.size, 11);
    kh_splice_release(&splice);
}

/* --- made objects --- */

typedef struct form {
    const char *name;
    const char *syntax;
    const char *charset;   /* NULL: no such element */
    bool has_name;         /* else neither name nor ID */
    bool has_group_length, has_original;
    const char *becomes;   /* Specific Character Set afterwards */
} form;

static const form forms[] = {
    {"explicit, default characters", KH_TS_EXPLICIT_LE, NULL, true, false, false, "\\ISO 2022 IR 87"},
    {"implicit, default characters", KH_TS_IMPLICIT_LE, NULL, true, false, false, "\\ISO 2022 IR 87"},
    {"big endian, Latin 1", KH_TS_EXPLICIT_BE, "ISO_IR 100", true, false, false, "ISO 2022 IR 100\\ISO 2022 IR 87"},
    {"explicit, katakana", KH_TS_EXPLICIT_LE, "ISO_IR 13", true, false, false, "ISO 2022 IR 13\\ISO 2022 IR 87"},
    {"explicit, kanji already", KH_TS_EXPLICIT_LE, "\\ISO 2022 IR 87", true, false, false, "\\ISO 2022 IR 87"},
    {"explicit, Korean, which has these characters", KH_TS_EXPLICIT_LE, "\\ISO 2022 IR 149", true, false, false, "\\ISO 2022 IR 149"},
    {"explicit, Cyrillic", KH_TS_EXPLICIT_LE, "ISO_IR 144", true, false, false, "ISO 2022 IR 144\\ISO 2022 IR 87"},
    {"explicit, UTF-8", KH_TS_EXPLICIT_LE, "ISO_IR 192", true, false, false, "ISO_IR 192"},
    {"no name, no ID", KH_TS_EXPLICIT_LE, "ISO_IR 192", false, false, false, "ISO_IR 192"},
    {"group lengths", KH_TS_EXPLICIT_LE, "ISO_IR 192", true, true, false, "ISO_IR 192"},
    {"implicit, group lengths", KH_TS_IMPLICIT_LE, NULL, true, true, false, "\\ISO 2022 IR 87"},
    {"changed before", KH_TS_EXPLICIT_LE, "ISO_IR 192", true, false, true, "ISO_IR 192"},
    {"big endian, changed before", KH_TS_EXPLICIT_BE, "ISO_IR 192", true, false, true, "ISO_IR 192"},
    {"deflated", KH_TS_DEFLATED_LE, "ISO_IR 192", true, false, false, "ISO_IR 192"},
};

static void put_original(test_dicom *dicom)
{
    test_sequence(dicom, KH_TAG(0x0400, 0x0561));
    test_item(dicom, 0xffffffff);
    test_text(dicom, KH_TAG(0x0400, 0x0565), "CS", "COERCE");
    test_item_end(dicom);
    test_sequence_end(dicom);
}

static void make_dataset(test_dicom *dicom, const form *of)
{
    if (of->has_group_length)
        test_number(dicom, KH_TAG(0x0008, 0x0000), "UL", 7777);
    if (of->charset)
        test_text(dicom, KH_TAG_SPECIFIC_CHARACTER_SET, "CS", of->charset);
    test_text(dicom, KH_TAG_SOP_CLASS_UID, "UI", KH_SOP_CT_IMAGE);
    test_text(dicom, KH_TAG_SOP_INSTANCE_UID, "UI", "1.2.3");
    test_text(dicom, KH_TAG_STUDY_DESCRIPTION, "LO", "CHEST");
    if (of->has_group_length)
        test_number(dicom, KH_TAG(0x0010, 0x0000), "UL", 7777);
    if (of->has_name) {
        test_text(dicom, KH_TAG_PATIENT_NAME, "PN", "YAMADA^TARO");
        test_text(dicom, KH_TAG_PATIENT_ID, "LO", "42");
    }
    test_text(dicom, KH_TAG_PATIENT_BIRTH_DATE, "DA", "19700101");
    if (of->has_group_length)
        test_number(dicom, KH_TAG(0x0400, 0x0000), "UL", 7777);
    if (of->has_original)
        put_original(dicom);
    test_header(dicom, KH_TAG(0x7fe0, 0x0010), "OW", 1000);
    for (int i = 0; i < 1000; i++)
        test_raw(dicom, &(uint8_t){(uint8_t)(i * 7)}, 1);
}

static void deflate_behind(test_dicom *dicom, const kh_buf *plain)
{
    z_stream stream = {.next_in = plain->data, .avail_in = (uInt)plain->size};
    uint8_t out[8192];

    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_out = out;
    stream.avail_out = sizeof(out);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    test_raw(dicom, out, sizeof(out) - stream.avail_out);
    deflateEnd(&stream);
}

static void make_file(test_dicom *file, const form *of)
{
    bool deflated = strcmp(of->syntax, KH_TS_DEFLATED_LE) == 0;
    test_dicom dataset;

    test_begin(file, of->syntax);
    test_part10(file, of->syntax);
    test_begin(&dataset, deflated ? KH_TS_EXPLICIT_LE : of->syntax);
    make_dataset(&dataset, of);
    if (deflated)
        deflate_behind(file, &dataset.bytes);
    else
        test_raw(file, dataset.bytes.data, dataset.bytes.size);
    test_end(&dataset);
}

static kh_dataset *read_amended(const kh_amended *amended)
{
    kh_error err = KH_ERROR_INIT;
    kh_dataset *dataset;

    if (kh_dataset_read_file(&dataset, kh_amended_source(amended), &kh_dataset_limits_default, &err) != KH_OK)
        fail_msg("%s", err.message);
    return dataset;
}

static void assert_text(const char *name, const kh_item *item, kh_tag tag, const char *expected)
{
    char text[200];

    kh_item_text(item, tag, 0, text, sizeof(text));
    if (strcmp(text, expected) != 0)
        fail_msg("%s: (%04X,%04X) is \"%s\", expected \"%s\"", name, KH_TAG_ARGS(tag), text, expected);
}

static void assert_pixels_kept(const kh_amended *amended, const kh_dataset *dataset)
{
    const kh_element *pixels = kh_item_find(kh_dataset_main(dataset), KH_TAG(0x7fe0, 0x0010));
    uint8_t bytes[1000];

    assert_non_null(pixels);
    assert_int_equal(pixels->length, 1000);
    assert_int_equal(kh_amended_source(amended)->read_at(kh_amended_source(amended), pixels->offset, bytes, 1000, NULL), KH_OK);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(bytes[i], (uint8_t)(i * 7));
}

static void assert_original(const form *of, const kh_item *main)
{
    const kh_element *sequence = kh_item_find(main, KH_TAG(0x0400, 0x0561));
    const kh_item *item, *modified;

    assert_non_null(sequence);
    assert_int_equal(sequence->item_count, of->has_original ? 2 : 1);
    if (of->has_original)
        assert_text(of->name, kh_element_item(sequence, 0), KH_TAG(0x0400, 0x0565), "COERCE");
    item = kh_element_item(sequence, sequence->item_count - 1);
    assert_text(of->name, item, KH_TAG(0x0400, 0x0562), note.datetime);
    assert_text(of->name, item, KH_TAG(0x0400, 0x0563), note.system);
    assert_text(of->name, item, KH_TAG(0x0400, 0x0564), note.source);
    assert_text(of->name, item, KH_TAG(0x0400, 0x0565), note.reason);
    modified = kh_item_first(item, KH_TAG(0x0400, 0x0550));
    assert_non_null(modified);
    assert_text(of->name, modified, KH_TAG_PATIENT_NAME, of->has_name ? "YAMADA^TARO" : "");
    assert_text(of->name, modified, KH_TAG_PATIENT_ID, of->has_name ? "42" : "");
    assert_non_null(kh_item_find(modified, KH_TAG_PATIENT_ID)); /* also when there was none: then it is empty */
    assert_int_equal(kh_item_find(modified, KH_TAG_SPECIFIC_CHARACTER_SET) != NULL,
                     strcmp(of->becomes, of->charset ? of->charset : "") != 0);
}

static void every_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < KH_COUNT(forms); i++) {
        const form *of = &forms[i];
        kh_error err = KH_ERROR_INIT;
        kh_amended *amended;
        kh_person_name name;
        kh_dataset *dataset;
        const kh_item *main;
        kh_source source;
        test_dicom file;

        make_file(&file, of);
        kh_source_init_memory(&source, file.bytes.data, file.bytes.size);
        if (kh_amended_open(&amended, &source, corrections, KH_COUNT(corrections), &note, &err) != KH_OK)
            fail_msg("%s: %s", of->name, err.message);
        dataset = read_amended(amended);
        main = kh_dataset_main(dataset);
        assert_string_equal(kh_dataset_warnings(dataset), "");
        assert_int_equal(kh_dataset_main_offset(dataset), kh_amended_main_offset(amended));
        assert_string_equal(kh_dataset_transfer_syntax(dataset), kh_amended_transfer_syntax(amended));
        kh_item_person_name(main, KH_TAG_PATIENT_NAME, &name);
        assert_string_equal(name.alphabetic, "YAMADA^HANAKO");
        assert_string_equal(name.ideographic, "山田^花子");
        assert_string_equal(name.phonetic, "やまだ^はなこ");
        assert_text(of->name, main, KH_TAG_PATIENT_ID, "0000042");
        assert_text(of->name, main, KH_TAG_STUDY_DESCRIPTION, "CHEST");
        assert_string_equal(kh_item_charset(main), of->becomes);
        assert_null(kh_item_find(main, KH_TAG(0x0010, 0x0000)));
        assert_null(kh_item_find(main, KH_TAG(0x0400, 0x0000)));
        assert_original(of, main);
        assert_pixels_kept(amended, dataset);
        kh_dataset_free(dataset);
        kh_amended_free(amended);
        test_end(&file);
    }
}

static void nothing_to_change_is_the_file(void **state)
{
    static const kh_amendment same[] = {{KH_TAG_PATIENT_NAME, KH_VR('P', 'N'), "YAMADA^TARO", 0},
                                        {KH_TAG_PATIENT_ID, KH_VR('L', 'O'), "42", 0}};
    kh_amended *amended;
    test_dicom file;
    kh_source source;
    uint8_t *bytes;

    (void)state;
    make_file(&file, &forms[0]);
    kh_source_init_memory(&source, file.bytes.data, file.bytes.size);
    assert_int_equal(kh_amended_open(&amended, &source, same, 2, &note, NULL), KH_OK);
    assert_int_equal(kh_amended_count(amended), 0);
    assert_int_equal(kh_amended_source(amended)->size, file.bytes.size);
    bytes = malloc(file.bytes.size);
    assert_int_equal(kh_amended_source(amended)->read_at(kh_amended_source(amended), 0, bytes, file.bytes.size, NULL), KH_OK);
    assert_memory_equal(bytes, file.bytes.data, file.bytes.size);
    free(bytes);
    kh_amended_free(amended);
    test_end(&file);
}

static void refused(void **state)
{
    static char long_value[2000];
    static const struct {
        const char *name;
        kh_amendment amendment;
        kh_status status;
        const char *words;
    } rows[] = {
        {"no set has it", {KH_TAG_PATIENT_NAME, KH_VR('P', 'N'), "\xf0\x9f\xa6\x86", 0}, KH_E_UNSUPPORTED, "(0010,0010)"},
        {"not UTF-8", {KH_TAG_PATIENT_NAME, KH_VR('P', 'N'), "\xff", 0}, KH_E_ARG, "(0010,0010)"},
        {"the character set itself", {KH_TAG_SPECIFIC_CHARACTER_SET, KH_VR('C', 'S'), "ISO_IR 192", 0}, KH_E_ARG, "(0008,0005)"},
        {"meta information", {KH_TAG_TRANSFER_SYNTAX_UID, KH_VR('U', 'I'), "1.2", 0}, KH_E_ARG, "(0002,0010)"},
        {"too long", {KH_TAG_PATIENT_ID, KH_VR('L', 'O'), long_value, 0}, KH_E_LIMIT, "(0010,0020)"},
    };
    test_dicom file;
    kh_source source;

    (void)state;
    memset(long_value, 'x', sizeof(long_value) - 1);
    make_file(&file, &forms[0]);
    kh_source_init_memory(&source, file.bytes.data, file.bytes.size);
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_error err = KH_ERROR_INIT;
        kh_amended *amended;

        if (kh_amended_open(&amended, &source, &rows[i].amendment, 1, &note, &err) != rows[i].status)
            fail_msg("%s: %s", rows[i].name, err.message);
        assert_null(amended);
        test_words(rows[i].name, err.message, rows[i].words);
    }
    test_end(&file);
}

/* --- real files, dcmdump as the judge --- */

/* dcmdump's lines of the main data set but for what was to change: name, ID, character set, group lengths, original attributes. */
static bool dump(const char *path, kh_buf *out)
{
    static const char *const changed[] = {"(0010,0010)", "(0010,0020)", "(0008,0005)", "(0008,0000)",
                                          "(0010,0000)", "(0400,0000)", "(0002,"};
    char command[4500], line[8192];
    bool inside = false;
    FILE *stream;

    snprintf(command, sizeof(command), "LC_ALL=C dcmdump -q -Un +L '%s' 2>&1", path);
    stream = popen(command, "re");
    assert_non_null(stream);
    while (fgets(line, sizeof(line), stream)) {
        bool is_changed = line[0] == '#';

        if (strncmp(line, "(0400,0561)", 11) == 0)
            inside = true;
        for (size_t i = 0; i < KH_COUNT(changed); i++)
            is_changed = is_changed || strncmp(line, changed[i], strlen(changed[i])) == 0;
        if (!inside && !is_changed)
            (void)!kh_buf_append_text(out, line, NULL);
        if (inside && strncmp(line, "(fffe,e0dd)", 11) == 0)
            inside = false;
    }
    return pclose(stream) == 0;
}

static void write_source(const kh_source *source, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    uint8_t bytes[65536];

    assert_true(fd >= 0);
    for (uint64_t at = 0; at < source->size;) {
        size_t part = source->size - at < sizeof(bytes) ? (size_t)(source->size - at) : sizeof(bytes);

        assert_int_equal(source->read_at(source, at, bytes, part, NULL), KH_OK);
        assert_int_equal(write(fd, bytes, part), (ssize_t)part);
        at += part;
    }
    close(fd);
}

static void one_real_file(const char *path, unsigned *count)
{
    char copy[] = "/tmp/kh-amend-XXXXXX";
    kh_buf before, after;
    kh_source source;
    kh_amended *amended;
    int fd = open(path, O_RDONLY | O_CLOEXEC), out = mkstemp(copy);

    assert_true(fd >= 0 && out >= 0);
    close(out);
    assert_int_equal(kh_source_init_fd(&source, fd, NULL), KH_OK);
    if (kh_amended_open(&amended, &source, corrections, KH_COUNT(corrections), &note, NULL) == KH_OK) {
        write_source(kh_amended_source(amended), copy);
        kh_buf_init(&before, 16 << 20);
        kh_buf_init(&after, 16 << 20);
        bool readable = dump(path, &before), stays = dump(copy, &after);

        if (readable && (!stays || strcmp(kh_buf_text(&before), kh_buf_text(&after)) != 0))
            fail_msg("%s: dcmdump reads other attributes than before", path);
        kh_buf_release(&before);
        kh_buf_release(&after);
        kh_amended_free(amended);
        (*count)++;
    }
    close(fd);
    unlink(copy);
}

static void real_ones(void **state)
{
    char command[4500], path[4096];
    unsigned count = 0;
    FILE *list;

    (void)state;
    if (!test_data_folder()) {
        print_message("no folder of real files (KH_DATA): skipped\n");
        skip();
    }
    snprintf(command, sizeof(command), "find '%s' -type f | LC_ALL=C sort", test_data_folder());
    list = popen(command, "re");
    assert_non_null(list);
    while (fgets(path, sizeof(path), list)) {
        path[strcspn(path, "\n")] = '\0';
        one_real_file(path, &count);
    }
    pclose(list);
    print_message("%u files\n", count);
    assert_true(count > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_across_pieces), cmocka_unit_test(every_form), cmocka_unit_test(nothing_to_change_is_the_file),
        cmocka_unit_test(refused),             cmocka_unit_test(real_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
