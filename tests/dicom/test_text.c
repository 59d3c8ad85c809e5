/* Text in every character set, both ways. Bytes are those of PS3.5 annexes H, I, J and K where they have them. */
#include "tests/dicom/support.h"

#include <string.h>
#include "dicom/text.h"

#define JIS87 "\\ISO 2022 IR 87"
#define JIS13_87 "ISO 2022 IR 13\\ISO 2022 IR 87"
#define KANJI_YAMADA "\x1b$B;3ED"
#define KANJI_TAROU "\x1b$BB@O:"
#define KANA_YAMADA "\x1b$B$d$^$@"
#define KANA_TAROU "\x1b$B$?$m$&"
#define H31 "Yamada^Tarou=" KANJI_YAMADA "\x1b(B^" KANJI_TAROU "\x1b(B=" KANA_YAMADA "\x1b(B^" KANA_TAROU "\x1b(B"
#define H31_TEXT "Yamada^Tarou=山田^太郎=やまだ^たろう"
#define H32                                                                                                            \
    "\xd4\xcf\xc0\xde^\xc0\xdb\xb3=" KANJI_YAMADA "\x1b(J^" KANJI_TAROU "\x1b(J=" KANA_YAMADA "\x1b(J^" KANA_TAROU     \
    "\x1b(J"
#define H32_TEXT "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"
#define I2 "Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf"
#define I2_TEXT "Hong^Gildong=洪^吉洞=홍^길동"
#define K1 "Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab="

typedef struct text_row {
    const char *name, *charset, *bytes, *text;
} text_row;

/* What can be written as it was read. */
static const text_row both_ways[] = {
    {"default repertoire", "", "Plain text", "Plain text"},
    {"ISO_IR 6", "ISO_IR 6", "Plain text", "Plain text"},
    {"Latin 1", "ISO_IR 100", "Buc^J\xe9r\xf4me", "Buc^Jérôme"},
    {"Latin 2", "ISO_IR 101", "Wa\xb3\xeasa", "Wałęsa"},
    {"Latin 3", "ISO_IR 109", "\xa9\xb9", "İı"},
    {"Latin 4", "ISO_IR 110", "\xc0\xe0", "Āā"},
    {"Cyrillic", "ISO_IR 144", "\xbb\xee\xda", "Люк"},
    {"Arabic", "ISO_IR 127", "\xe2\xc8\xc7\xe6\xea^\xe4\xe6\xd2\xc7\xd1", "قباني^لنزار"},
    {"Greek", "ISO_IR 126", "\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος"},
    {"Hebrew", "ISO_IR 138", "\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4", "שרון^דבורה"},
    {"Latin 5", "ISO_IR 148", "\xd0\xfe", "Ğş"},
    {"Latin 9", "ISO_IR 203", "\xa4", "€"},
    {"Thai", "ISO_IR 166", "\xca\xc7\xd1\xca\xb4\xd5", "สวัสดี"},
    {"JIS X 0201", "ISO_IR 13", "\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ"},
    {"JIS X 0201 overline", "ISO_IR 13", "a~b", "a‾b"},
    {"UTF-8 (annex J)", "ISO_IR 192", "Wang^XiaoDong=王^小東=", "Wang^XiaoDong=王^小東="},
    {"GB18030 (annex J)", "GB18030", "Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东="},
    {"GB18030, four bytes", "GB18030", "\x81\x30\x81\x30", "\xc2\x80"},
    {"GBK, second byte 0x5C", "GB18030", "\x81\x5c", "乗"},
    {"H.3.1", JIS87, H31, H31_TEXT},
    {"H.3.2", JIS13_87, H32, H32_TEXT},
    {"kanji, JIS X 0212", "\\ISO 2022 IR 87\\ISO 2022 IR 159", "\x1b$(D\x6c\x3f\x1b$B\x33\x30\x1b(B", "鷗外"},
    {"I.2", "\\ISO 2022 IR 149", I2, I2_TEXT},
    {"K.2", "\\ISO 2022 IR 58", K1, "Zhang^XiaoDong=张^小东="},
    {"kanji before a backslash", JIS87, KANJI_YAMADA "\x1b(B\\" KANJI_TAROU "\x1b(B", "山田\\太郎"},
    {"kanji before the end of a line", JIS87, KANJI_YAMADA "\x1b(B\r\n" KANJI_TAROU "\x1b(B", "山田\r\n太郎"},
    {"kanji, then letters", JIS87, KANJI_YAMADA "\x1b(Babc", "山田abc"},
    {"wave dash and minus", JIS87, "\x1b$B!A!]\x1b(B", "〜−"},
    {"fullwidth backslash is a character", JIS87, "\x1b$B!@\x1b(B", "＼"},
};

/* What is only read. */
static const text_row one_way[] = {
    {"JIS X 0201 yen is the delimiter", "ISO_IR 13", "\xd4\\\xcf", "ﾔ\\ﾏ"},
    {"1978 escape", JIS87, "\x1b$@;3ED\x1b(B", "山田"},
    {"no return before the end", JIS87, KANJI_YAMADA, "山田"},
    {"romaji escape where ASCII is declared", JIS87, KANJI_YAMADA "\x1b(J^" KANJI_TAROU "\x1b(J", "山田^太郎"},
    {"ASCII escape where romaji is declared", JIS13_87, KANJI_YAMADA "\x1b(B^" KANJI_TAROU "\x1b(B", "山田^太郎"},
    {"katakana escape", JIS87, "\x1b)I\xd4\xcf\xc0\xde", "ﾔﾏﾀﾞ"},
    {"katakana escape of mail programs", JIS87, "\x1b(ITO@^\x1b(B.", "ﾔﾏﾀﾞ."},
    {"escapes that are not declared", "", KANJI_YAMADA "\x1b(B", "山田"},
    {"IR 87 alone", "ISO 2022 IR 87", KANJI_YAMADA "\x1b(B", "山田"},
    {"ISO_IR 87", "ISO_IR 87", KANJI_YAMADA "\x1b(B", "山田"},
    {"ISO_IR 13 with IR 87", "ISO_IR 13\\ISO 2022 IR 87", H32, H32_TEXT},
    {"hyphens and underscores", "ISO-2022-IR-13\\ISO_2022_IR_87", H32, H32_TEXT},
    {"lower case", "iso 2022 ir 6\\iso 2022 ir 87", H31, H31_TEXT},
    {"explicit IR 6", "ISO 2022 IR 6\\ISO 2022 IR 87", H31, H31_TEXT},
    {"ISO 2022 IR 100", "ISO 2022 IR 6\\ISO 2022 IR 100", "J\x1b-A\xe9r\xf4me", "Jérôme"},
    {"Latin and Cyrillic by escape", "ISO 2022 IR 100\\ISO 2022 IR 144", "\xe9^\x1b-L\xbb\xee^\xe9", "é^Лю^é"},
    {"UTF-8 by another name", "UTF-8", "王", "王"},
    {"GBK by name", "GBK", "\xcd\xf5^\xd0\xa1\xb6\xab", "王^小东"},
    {"GB2312 by name", "GB2312", "\xcd\xf5", "王"},
    {"Korean escaped once", "\\ISO 2022 IR 149", "\x1b$)C\xfb\xf3^\xd1\xce\xd4\xd7", "洪^吉洞"},
    {"Korean never escaped", "\\ISO 2022 IR 149", "\xfb\xf3^\xd1\xce\xd4\xd7", "洪^吉洞"},
    {"Korean in value 1", "ISO 2022 IR 149", "\xfb\xf3", "洪"},
    {"vendor row 13", JIS87, "\x1b$B\x2d\x21\x1b(B", "①"},
    {"vendor row 92", JIS87, "\x1b$B\x7c\x62\x1b(B", "髙"},
    {"empty cell", JIS87, "\x1b$B\x22\x2f\x1b(Bx", "\xef\xbf\xbdx"},
    {"half a kanji", JIS87, "\x1b$B;\x1b(Bx", "\xef\xbf\xbdx"},
    {"escape that is none", JIS87, "a\x1bZb", "a\xef\xbf\xbdZb"},
    {"escape at the end", JIS87, "a\x1b", "a\xef\xbf\xbd"},
    {"half a Hangul", "\\ISO 2022 IR 149", "\x1b$)C\xfb", "\xef\xbf\xbd"},
    {"Shift_JIS, nothing declared", "", "\x8e\x52\x93\x63^\x91\xbe\x98\x59", "山田^太郎"},
    {"Shift_JIS, second byte 0x5C", "", "\x83\x5c\x81\x5b", "ソー"},
    {"Shift_JIS, second byte 0x5E", "", "\x83\x5e=x", "タ=x"},
    {"Shift_JIS as Latin 1", "ISO_IR 100", "\x8e\x52\x93\x63", "山田"},
    {"Shift_JIS as IR 13", "ISO_IR 13", "\x8e\x52\x93\x63", "山田"},
    {"Shift_JIS as IR 87", JIS87, "Yamada=\x8e\x52\x93\x63", "Yamada=山田"},
    {"Shift_JIS as UTF-8", "ISO_IR 192", "\x8e\x52\x93\x63", "山田"},
    {"Shift_JIS vendor kanji", "", "\xfb\xfc\x8b\xb4", "髙橋"},
    {"Shift_JIS wave dash", "", "\x82\x60\x81\x60", "Ａ〜"},
    {"half-width katakana, nothing declared", "", "\xd4\xcf\xc0\xde", "ﾔﾏﾀﾞ"},
    {"EUC-JP, nothing declared", "", "\xbb\xb3\xc5\xc4^\xc2\xc0\xcf\xba=\xa4\xe4\xa4\xde", "山田^太郎=やま"},
    {"UTF-8, nothing declared", "", "山田^太郎", "山田^太郎"},
    {"UTF-8 as Latin 1", "ISO_IR 100", "Jérôme", "Jérôme"},
    {"UTF-8 as IR 13", "ISO_IR 13", "山田", "山田"},
    {"Latin 1, nothing declared", "", "M\xfcller", "Müller"},
    {"Latin 1 as UTF-8", "ISO_IR 192", "M\xfcller", "Müller"},
    {"nothing at all", "", "\xff\x80", "\xc3\xbf\xef\xbf\xbd"},
    {"an unknown term", "KLINGON", "abc", "abc"},
};

static void expect_decoded(const text_row *row)
{
    kh_buf out;

    kh_buf_init(&out, 4096);
    assert_int_equal(kh_text_to_utf8(&out, row->bytes, strlen(row->bytes), row->charset, true, NULL), KH_OK);
    if (strcmp(kh_buf_text(&out), row->text) != 0)
        fail_msg("%s: \"%s\", expected \"%s\"", row->name, kh_buf_text(&out), row->text);
    kh_buf_release(&out);
}

static void test_decode(void **state)
{
    (void)state;
    for (size_t i = 0; i < KH_COUNT(both_ways); i++)
        expect_decoded(&both_ways[i]);
    for (size_t i = 0; i < KH_COUNT(one_way); i++)
        expect_decoded(&one_way[i]);
}

static void test_encode(void **state)
{
    (void)state;

    for (size_t i = 0; i < KH_COUNT(both_ways); i++) {
        kh_error err = KH_ERROR_INIT;
        kh_buf out;
        kh_buf_init(&out, 4096);
        if (kh_text_from_utf8(&out, both_ways[i].text, both_ways[i].charset, true, &err) != KH_OK)
            fail_msg("%s: %s", both_ways[i].name, err.message);
        if (strcmp(kh_buf_text(&out), both_ways[i].bytes) != 0)
            fail_msg("%s: other bytes than expected", both_ways[i].name);
        kh_buf_release(&out);
    }
}

static void test_encode_rules(void **state)
{
    static const struct {
        const char *name, *charset, *text;
        bool person_name;
        kh_status status;
        const char *bytes;
    } rows[] = {
        {"delimiters reset in names only", JIS87, "山^田", false, KH_OK, "\x1b$B;3\x1b(B^\x1b$BED\x1b(B"},
        {"fullwidth tilde becomes the wave dash", JIS87, "～", false, KH_OK, "\x1b$B!A\x1b(B"},
        {"fullwidth minus becomes the minus sign", JIS87, "－", false, KH_OK, "\x1b$B!]\x1b(B"},
        {"yen in JIS X 0201", "ISO_IR 13", "¥", false, KH_OK, "\\"},
        {"kana in the middle of kanji", JIS13_87, "山ﾔ", false, KH_OK, "\x1b$B;3\xd4\x1b(J"},
        {"nothing", JIS87, "", false, KH_OK, ""},
        {"kanji in ASCII", "", "山田", false, KH_E_UNSUPPORTED, ""},
        {"kanji in Latin 1", "ISO_IR 100", "ab山", false, KH_E_UNSUPPORTED, ""},
        {"kanji in IR 13", "ISO_IR 13", "山", false, KH_E_UNSUPPORTED, ""},
        {"accent in IR 87", JIS87, "é", false, KH_E_UNSUPPORTED, ""},
        {"tilde in IR 13", "ISO_IR 13", "~", false, KH_E_UNSUPPORTED, ""},
        {"vendor kanji in IR 87", JIS87, "髙", false, KH_E_UNSUPPORTED, ""},
        {"control in Latin 1", "ISO_IR 100", "\xc2\x85", false, KH_E_UNSUPPORTED, ""},
        {"emoji in IR 87", JIS87, "😀", false, KH_E_UNSUPPORTED, ""},
        {"not UTF-8", "ISO_IR 192", "\xff", false, KH_E_ARG, ""},
        {"UTF-8 cut", "ISO_IR 192", "\xe5\xb1", false, KH_E_ARG, ""},
        {"overlong UTF-8", "ISO_IR 192", "\xc0\xaf", false, KH_E_ARG, ""},
        {"surrogate in UTF-8", "ISO_IR 192", "\xed\xa0\x80", false, KH_E_ARG, ""},
    };
    (void)state;

    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_error err = KH_ERROR_INIT;
        kh_buf out;
        kh_buf_init(&out, 4096);
        assert_int_equal(kh_buf_append_text(&out, "before", NULL), KH_OK);
        if (kh_text_from_utf8(&out, rows[i].text, rows[i].charset, rows[i].person_name, &err) != rows[i].status)
            fail_msg("%s: %s", rows[i].name, err.message);
        if (strncmp(kh_buf_text(&out), "before", 6) != 0 || strcmp(kh_buf_text(&out) + 6, rows[i].bytes) != 0)
            fail_msg("%s: other bytes than expected", rows[i].name);
        kh_buf_release(&out);
    }
}

/* The buffer's limit holds, with nothing written past it. */
static void test_small_buffer(void **state)
{
    kh_buf out;
    (void)state;

    for (size_t i = 0; i < KH_COUNT(both_ways); i++) {
        kh_buf_init(&out, strlen(both_ways[i].text) - 1);
        assert_int_equal(
            kh_text_to_utf8(&out, both_ways[i].bytes, strlen(both_ways[i].bytes), both_ways[i].charset, true, NULL),
            KH_E_LIMIT);
        assert_true(out.size <= out.max_size);
        kh_buf_release(&out);
    }
}

static kh_dataset *dataset_with(const char *charset, kh_tag tag, const char *vr, const char *bytes, test_dicom *dicom)
{
    test_begin(dicom, KH_TS_EXPLICIT_LE);
    if (charset)
        test_text(dicom, KH_TAG_SPECIFIC_CHARACTER_SET, "CS", charset);
    test_text(dicom, tag, vr, bytes);
    return test_read(dicom, KH_TS_EXPLICIT_LE);
}

static void test_item_text(void **state)
{
    static const struct {
        const char *name, *charset, *vr, *bytes;
        uint32_t index;
        size_t size;
        const char *text;
    } rows[] = {
        {"plain", NULL, "LO", " abc ", 0, 32, "abc"},
        {"second value", NULL, "LO", "abc\\ def", 1, 32, "def"},
        {"value that is not there", NULL, "LO", "abc", 1, 32, ""},
        {"empty first value", NULL, "LO", "\\abc", 0, 32, ""},
        {"LT is one value", NULL, "LT", "a\\b", 0, 32, "a\\b"},
        {"kanji in the second value", JIS87, "LO", "a\\" KANJI_YAMADA "\x1b(B", 1, 32, "山田"},
        {"Shift_JIS 0x5C is no delimiter", NULL, "LO", "\x83\x5c\\\x83\x5c\x83\x5c", 1, 32, "ソソ"},
        {"GBK 0x5C is no delimiter", "GBK", "LO", "\x81\x5c\\x", 1, 32, "x"},
        {"kanji byte 0x5C is no delimiter", JIS87, "LO", "\x1b$B\x30\x5c\x1b(B\\x", 1, 32, "x"},
        {"fits", "ISO_IR 192", "LO", "山田", 0, 7, "山田"},
        {"cut at a character", "ISO_IR 192", "LO", "山田", 0, 6, "山"},
        {"cut to nothing", "ISO_IR 192", "LO", "山田", 0, 3, ""},
        {"numbers are no text", NULL, "US", "ab", 0, 32, ""},
    };
    char text[32];
    test_dicom dicom;
    kh_dataset *dataset;
    (void)state;

    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        dataset = dataset_with(rows[i].charset, KH_TAG_STUDY_DESCRIPTION, rows[i].vr, rows[i].bytes, &dicom);
        kh_item_text(kh_dataset_main(dataset), KH_TAG_STUDY_DESCRIPTION, rows[i].index, text, rows[i].size);
        if (strcmp(text, rows[i].text) != 0)
            fail_msg("%s: \"%s\"", rows[i].name, text);
        kh_dataset_free(dataset);
        test_end(&dicom);
    }
    dataset = dataset_with(NULL, KH_TAG_STUDY_DESCRIPTION, "LO", "abc", &dicom);
    kh_item_text(kh_dataset_main(dataset), KH_TAG_SERIES_DESCRIPTION, 0, text, sizeof(text));
    assert_string_equal(text, "");
    kh_dataset_free(dataset);
    test_end(&dicom);
}

static void test_person_names(void **state)
{
    static const struct {
        const char *name, *charset, *bytes, *alphabetic, *ideographic, *phonetic;
    } rows[] = {
        {"three groups", JIS87, H31, "Yamada^Tarou", "山田^太郎", "やまだ^たろう"},
        {"kana first", JIS13_87, H32, "ﾔﾏﾀﾞ^ﾀﾛｳ", "山田^太郎", "やまだ^たろう"},
        {"one group", NULL, "Doe^John^^Dr^", "Doe^John^^Dr", "", ""},
        {"only ideographic", "ISO_IR 192", "=山田^太郎", "", "山田^太郎", ""},
        {"empty middle", "ISO_IR 192", "Yamada==やまだ", "Yamada", "", "やまだ"},
        {"trailing carets and blanks", NULL, "Doe^^^^ ", "Doe", "", ""},
        {"four groups", NULL, "a=b=c=d", "a", "b", "c"},
        {"second value is another name", NULL, "a\\b", "a", "", ""},
        {"nothing", NULL, "", "", "", ""},
    };
    test_dicom dicom;
    kh_person_name name;
    (void)state;

    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_dataset *dataset = dataset_with(rows[i].charset, KH_TAG_PATIENT_NAME, "PN", rows[i].bytes, &dicom);
        kh_item_person_name(kh_dataset_main(dataset), KH_TAG_PATIENT_NAME, &name);
        if (strcmp(name.alphabetic, rows[i].alphabetic) != 0 || strcmp(name.ideographic, rows[i].ideographic) != 0 ||
            strcmp(name.phonetic, rows[i].phonetic) != 0)
            fail_msg("%s: {%s} {%s} {%s}", rows[i].name, name.alphabetic, name.ideographic, name.phonetic);
        kh_dataset_free(dataset);
        test_end(&dicom);
    }
}

/* A group longer than its field is cut at a character. */
static void test_long_name(void **state)
{
    char bytes[301] = "";
    test_dicom dicom;
    kh_dataset *dataset;
    kh_person_name name;
    (void)state;

    for (int i = 0; i < 100; i++)
        strcat(bytes, "山");
    dataset = dataset_with("ISO_IR 192", KH_TAG_PATIENT_NAME, "PN", bytes, &dicom);
    kh_item_person_name(kh_dataset_main(dataset), KH_TAG_PATIENT_NAME, &name);
    assert_int_equal(strlen(name.alphabetic), 198); /* 66 characters in 199 bytes */
    kh_dataset_free(dataset);
    test_end(&dicom);
}

/* An item has its parent's set until it declares one (PS3.3 C.12.1.1.2). */
static void test_charset_of_items(void **state)
{
    test_dicom dicom;
    kh_dataset *dataset;
    const kh_element *sequence;
    char text[32];
    (void)state;

    test_begin(&dicom, KH_TS_EXPLICIT_LE);
    test_text(&dicom, KH_TAG_SPECIFIC_CHARACTER_SET, "CS", "ISO_IR 100");
    test_sequence(&dicom, KH_TAG(0x0008, 0x1140));
    test_item(&dicom, 0xffffffff);
    test_text(&dicom, KH_TAG_STUDY_DESCRIPTION, "LO", "\xe9");
    test_item_end(&dicom);
    test_item(&dicom, 0xffffffff);
    test_text(&dicom, KH_TAG_SPECIFIC_CHARACTER_SET, "CS", "ISO_IR 144");
    test_text(&dicom, KH_TAG_STUDY_DESCRIPTION, "LO", "\xee\xee");
    test_item_end(&dicom);
    test_item(&dicom, 0xffffffff);
    test_text(&dicom, KH_TAG_STUDY_DESCRIPTION, "LO", "\xe9");
    test_item_end(&dicom);
    test_sequence_end(&dicom);
    dataset = test_read(&dicom, KH_TS_EXPLICIT_LE);
    sequence = kh_item_find(kh_dataset_main(dataset), KH_TAG(0x0008, 0x1140));
    assert_int_equal(sequence->item_count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_string_equal(kh_item_charset(kh_element_item(sequence, i)), i == 1 ? "ISO_IR 144" : "ISO_IR 100");
        kh_item_text(kh_element_item(sequence, i), KH_TAG_STUDY_DESCRIPTION, 0, text, sizeof(text));
        assert_string_equal(text, i == 1 ? "юю" : "é");
    }
    kh_dataset_free(dataset);
    test_end(&dicom);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),       cmocka_unit_test(test_encode),
        cmocka_unit_test(test_encode_rules), cmocka_unit_test(test_small_buffer),
        cmocka_unit_test(test_item_text),    cmocka_unit_test(test_person_names),
        cmocka_unit_test(test_long_name),    cmocka_unit_test(test_charset_of_items),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
