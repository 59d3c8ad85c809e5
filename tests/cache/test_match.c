/* Matching of keys (PS3.4 C.2.2.2): both sides of every rule. */
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include "cache/match.h"

typedef struct row {
    const char *name;
    char vr[3];
    const char *key, *value;
    bool expected;
} row;

static const row rows[] = {
    {"universal, value", "LO", "", "abc", true},
    {"universal, spaces", "LO", "  ", "abc", true},
    {"universal, no value", "LO", "", "", true},
    {"single", "LO", "abc", "abc", true},
    {"single is case-sensitive", "LO", "abc", "ABC", false},
    {"single, outer spaces of the key", "LO", " abc ", "abc", true},
    {"single, more in the value", "LO", "abc", "abcd", false},
    {"single, no value", "LO", "abc", "", false},
    {"star alone", "LO", "*", "anything", true},
    {"star alone, no value", "LO", "*", "", true},
    {"star at the end", "SH", "ab*", "ab", true},
    {"star at the end, more", "SH", "ab*", "abcd", true},
    {"star at the end, other", "SH", "ab*", "ac", false},
    {"star at the front", "SH", "*cd", "abcd", true},
    {"star at the front, no", "SH", "*cd", "abcde", false},
    {"star in the middle, twice", "LO", "a*b*c", "aXbXbXc", true},
    {"star in the middle, no", "LO", "a*b*c", "aXcXb", false},
    {"question mark", "LO", "a?c", "abc", true},
    {"question mark is one", "LO", "a?c", "ac", false},
    {"question mark is one, not two", "LO", "a?c", "abbc", false},
    {"question mark is one character, not byte", "LO", "a?c", "a\xe5\xb1\xb1" "c", true},
    {"two question marks, one character", "LO", "a?" "?c", "a\xe5\xb1\xb1" "c", false},
    {"star and question mark", "LO", "*?", "", false},
    {"star and question mark, one", "LO", "*?", "x", true},
    {"star over characters", "LO", "*\xb1", "\xe5\xb1\xb1", false},
    {"code", "CS", "CT", "CT", true},
    {"code, case", "CS", "ct", "CT", false},
    {"code of several", "CS", "SR", "CT,SR", true},
    {"code of several, none", "CS", "MR", "CT,SR", false},
    {"codes asked for", "CS", "MR\\SR", "CT,SR", true},
    {"codes asked for, none", "CS", "MR\\US", "CT,SR", false},
    {"code with a wild card", "CS", "S*", "CT,SR", true},
    {"code with a wild card does not cross", "CS", "C*R", "CT,SR", false},
    {"texts asked for", "LO", "abc\\x y", "x y", true},
    {"texts asked for, none", "LO", "abc\\x", "abc\\x", false},
    {"texts asked for, one of nothing", "SH", "\\abc\\", "x", false},
    {"texts asked for, all of nothing", "SH", "\\\\", "x", true},
    {"texts asked for, a pattern among them", "SH", "abc\\x*", "xyz", true},
    {"a text that may hold a backslash", "LT", "a\\b", "a\\b", true},
    {"a text that may hold a backslash, part", "LT", "a\\b", "b", false},
    {"days asked for", "DA", "20260102\\20260105-20260107", "20260106", true},
    {"days asked for, between", "DA", "20260102\\20260105-20260107", "20260104", false},
    {"numbers asked for", "IS", "1\\3", "3", true},
    {"numbers asked for, none", "IS", "1\\3", "2", false},
    {"day", "DA", "20260102", "20260102", true},
    {"day, other", "DA", "20260102", "20260103", false},
    {"day, old form", "DA", "2026.01.02", "20260102", true},
    {"days, first", "DA", "20260102-20260104", "20260102", true},
    {"days, last", "DA", "20260102-20260104", "20260104", true},
    {"days, before", "DA", "20260102-20260104", "20260101", false},
    {"days, after", "DA", "20260102-20260104", "20260105", false},
    {"days from", "DA", "20260102-", "20991231", true},
    {"days from, before", "DA", "20260102-", "20260101", false},
    {"days until", "DA", "-20260102", "20260102", true},
    {"days until, after", "DA", "-20260102", "20260103", false},
    {"days, none told", "DA", "-20260102", "", false},
    {"days, empty range", "DA", "20260104-20260102", "20260103", false},
    {"time", "TM", "101112", "101112", true},
    {"time with a fraction", "TM", "101112.5", "101112.500000", true},
    {"time, other fraction", "TM", "101112.5", "101112.51", false},
    {"time to the minute", "TM", "1011", "101159.9", true},
    {"time to the minute, next", "TM", "1011", "101200", false},
    {"times, last minute", "TM", "1000-1011", "101159.999999", true},
    {"times, after", "TM", "1000-1011", "101200", false},
    {"times from", "TM", "10-", "095959", false},
    {"times until, old form", "TM", "-10:11:12", "101112", true},
    {"UID", "UI", "1.2.3", "1.2.3", true},
    {"UID, longer", "UI", "1.2.3", "1.2.30", false},
    {"UIDs", "UI", "1.2.9\\1.2.3\\1.2.5", "1.2.3", true},
    {"UIDs, none", "UI", "1.2.9\\1.2.3\\1.2.5", "1.2.4", false},
    {"number", "IS", "01", "1", true},
    {"number, other", "IS", "1", "10", false},
    {"number, none", "IS", "0", "", false},
};

static kh_vr vr_of(const row *r)
{
    return KH_VR(r->vr[0], r->vr[1]);
}

static void texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_error error = KH_ERROR_INIT;
        kh_match *match;

        if (kh_match_create(&match, KH_TAG(0x0010, 0x0020), vr_of(&rows[i]), rows[i].key, &error) != KH_OK)
            fail_msg("%s: %s", rows[i].name, error.message);
        if (kh_match_text(match, rows[i].value) != rows[i].expected)
            fail_msg("%s", rows[i].name);
        kh_match_free(match);
    }
}

static void names(void **state)
{
    static const struct {
        const char *name, *key;
        bool expected;
    } table[] = {
        {"whole", "Yamada^Taro", true},
        {"without regard to case", "YAMADA^taro", true},
        {"empty components at the end", "Yamada^Taro^^^", true},
        {"family name alone", "Yamada", false},
        {"family name and all", "Yamada*", true},
        {"given name", "*^taro", true},
        {"component between", "Yamada^?aro", true},
        {"other", "Yamada^Hanako", false},
        {"ideographic without =", "山田^太郎", true},
        {"ideographic, wild", "山田*", true},
        {"ideographic, one character", "山?^太郎", true},
        {"ideographic in its group", "=山田*", true},
        {"ideographic in the wrong group", "山田*=", false},
        {"alphabetic in the wrong group", "=Yamada*", false},
        {"both groups", "yamada*=山田*", true},
        {"both groups, one wrong", "yamada*=佐藤*", false},
        {"phonetic", "==やまだ*", true},
        {"phonetic in katakana", "==ヤマダ*", true},
        {"phonetic in half width", "ﾔﾏﾀﾞ*", true},
        {"full-width letters", "Ｙａｍａｄａ*", true},
        {"all", "*", true},
        {"nothing said", "", true},
        {"nothing said but groups", "==", true},
    };
    static const kh_person_name stored = {"Yamada^Taro", "山田^太郎", "やまだ^たろう"}, none;

    (void)state;
    for (size_t i = 0; i < KH_COUNT(table); i++) {
        kh_match *match;

        assert_int_equal(kh_match_create(&match, KH_TAG_PATIENT_NAME, KH_VR('P', 'N'), table[i].key, NULL), KH_OK);
        if (kh_match_name(match, &stored) != table[i].expected)
            fail_msg("%s", table[i].name);
        if (kh_match_name(match, &none) != (strspn(table[i].key, "*=") == strlen(table[i].key)))
            fail_msg("%s: no name", table[i].name);
        kh_match_free(match);
    }
}

static void words_of_names(void **state)
{
    static const struct {
        const char *key;
        bool expected;
    } table[] = {
        {"Yamada", true},
        {"yam", true},
        {"amada", false},
        {"*amada", true},
        {"Hanako Yamada", true},
        {"Hanako^Yamada", true},
        {"Yamada Taro", false},
        {"Yamada^Hanako^X", false},
        {"Y?mada", true},
        {"Y??ada", true},
        {"Y?ada", false},
        {"\xe5\xb1\xb1\xe7\x94\xb0", true},
        {"\xe5\xb1\xb1\xe7\x94\xb0\xe8\x8a\xb1", true},
        {"\xe7\x94\xb0\xe8\x8a\xb1", false},
        {"\xe8\x8a\xb1\xe5\xad\x90 yamada", true},
        {"\xe3\x83\xa4\xe3\x83\x9e\xe3\x83\x80", true},
        {"\xef\xbe\x94\xef\xbe\x8f\xef\xbe\x80\xef\xbe\x9e", true},
        {"\xef\xbc\xb9\xef\xbd\x81\xef\xbd\x8d", true},
        {"", true},
        {"  ^ ", true},
        {"*", true},
        {"はなこ yamada", true},
        {"Yamadah", true},
        {"ヤマダハナコ", true},
        {"Yamamda", false},
        {"はなこう", true},
        {"n", false},
    };
    const kh_person_name stored = {.alphabetic = "Yamada^Hanako", .ideographic = "\xe5\xb1\xb1\xe7\x94\xb0^\xe8\x8a\xb1\xe5\xad\x90",
                                   .phonetic = "\xe3\x82\x84\xe3\x81\xbe\xe3\x81\xa0^\xe3\x81\xaf\xe3\x81\xaa\xe3\x81\x93"};
    kh_error err = KH_ERROR_INIT;
    kh_match *match;

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_int_equal(kh_match_create_words(&match, KH_TAG_PATIENT_NAME, table[i].key, &err), KH_OK);
        if (kh_match_name(match, &stored) != table[i].expected)
            fail_msg("\"%s\"", table[i].key);
        kh_match_free(match);
    }
    assert_int_equal(kh_match_create_words(&match, KH_TAG_PATIENT_NAME, "a b c d e f g h i j k l m n o p", &err), KH_OK);
    kh_match_free(match);
    assert_int_equal(kh_match_create_words(&match, KH_TAG_PATIENT_NAME, "a b c d e f g h i j k l m n o p q", &err), KH_E_LIMIT);
    assert_null(match);
}

/* n characters of one kind. */
static char *repeat(const char *piece, size_t count)
{
    size_t size = strlen(piece);
    char *text = malloc(size * count + 1);

    for (size_t i = 0; i < count; i++)
        memcpy(text + i * size, piece, size);
    text[size * count] = '\0';
    return text;
}

static void bad_keys(void **state)
{
    static const struct {
        const char *name;
        char vr[3];
        const char *key;
    } table[] = {
        {"letters in a day", "DA", "2026010a"},   {"short day", "DA", "2026010"},      {"long day", "DA", "202601021"},
        {"dash alone", "DA", "-"},                {"two dashes", "DA", "20260101-20260102-"}, {"odd time", "TM", "1"},
        {"five digits", "TM", "10111"},           {"seven decimals", "TM", "101112.1234567"}, {"letters in a UID", "UI", "1.2.x"},
        {"wild UID", "UI", "1.2.*"},              {"empty UID in a list", "UI", "1.2\\\\1.3"}, {"letters in a number", "IS", "1a"},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(table); i++) {
        kh_match *match;
        kh_error error = KH_ERROR_INIT;

        if (kh_match_create(&match, KH_TAG_STUDY_DATE, KH_VR(table[i].vr[0], table[i].vr[1]), table[i].key, &error) != KH_E_ARG)
            fail_msg("%s", table[i].name);
        assert_null(match);
        assert_non_null(strstr(error.message, "StudyDate (0008,0020)"));
        assert_null(strstr(error.message, table[i].key)); /* what was asked for may be a patient's */
    }
}

static void limits(void **state)
{
    static const struct {
        char vr[3];
        const char *piece;
        size_t count;
        kh_status expected;
    } table[] = {
        {"LO", "x", KH_MATCH_TEXT_MAX, KH_OK},           {"LO", "x", KH_MATCH_TEXT_MAX + 1, KH_E_LIMIT},
        {"PN", "x", KH_MATCH_TEXT_MAX, KH_OK},           {"PN", "^", KH_MATCH_TEXT_MAX, KH_OK},
        {"PN", "x", KH_MATCH_TEXT_MAX + 1, KH_E_LIMIT},  {"UI", "1.2\\", KH_MATCH_UIDS_MAX - 1, KH_OK},
        {"UI", "1.2\\", KH_MATCH_UIDS_MAX, KH_E_LIMIT},  {"CS", "A\\", 63, KH_OK},
        {"CS", "A\\", 64, KH_E_LIMIT},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(table); i++) {
        char *text = repeat(table[i].piece, table[i].count), *key = malloc(strlen(text) + 4);
        kh_match *match;

        strcpy(key, text);
        if (table[i].vr[0] == 'U')
            strcat(key, "1.3");
        if (kh_match_create(&match, KH_TAG_PATIENT_ID, KH_VR(table[i].vr[0], table[i].vr[1]), key, NULL) != table[i].expected)
            fail_msg("row %zu", i);
        kh_match_free(match);
        free(key);
        free(text);
    }
}

/* Many stars take no more than length times length. */
static void wild_cards_end(void **state)
{
    char *key = repeat("*a", 500), *value = repeat("a", 600);
    kh_match *match;

    (void)state;
    value[strlen(value) - 1] = 'b';
    assert_int_equal(kh_match_create(&match, KH_TAG_PATIENT_ID, KH_VR('L', 'O'), key, NULL), KH_OK);
    assert_false(kh_match_text(match, value));
    kh_match_free(match);
    free(key);
    free(value);
}

static void singles(void **state)
{
    static const struct {
        char vr[3];
        const char *key;
        bool expected;
    } table[] = {{"UI", "1.2", true},  {"UI", "1.2\\1.3", false}, {"UI", "", false}, {"LO", "A1", true},
                 {"LO", "A*", false}, {"LO", "A?", false},        {"LO", "", false}, {"LO", "*", false}};

    (void)state;
    for (size_t i = 0; i < KH_COUNT(table); i++) {
        kh_match *match;

        assert_int_equal(kh_match_create(&match, KH_TAG_PATIENT_ID, KH_VR(table[i].vr[0], table[i].vr[1]), table[i].key, NULL), KH_OK);
        assert_int_equal(kh_match_is_single(match), table[i].expected);
        kh_match_free(match);
    }
}

/* What was not told; each of several codes. */
static void empty_and_every(void **state)
{
    static const struct {
        const char *name, *key, *value;
        bool expected;
    } codes[] = {
        {"both", "CT\\PT", "CT,PT,SR", true}, {"in another order", "PT\\CT", "CT,PT", true}, {"one is missing", "CT\\PT", "CT", false},
        {"none", "CT\\PT", "", false},        {"one alone", "CT", "CT,PT", true},             {"the same twice", "CT\\CT", "CT", true},
    };
    kh_person_name nobody = {0}, somebody = {.phonetic = "x"};
    kh_match *match;

    (void)state;
    assert_ok(kh_match_create_empty(&match, 0x00080020, KH_VR('D', 'A'), err));
    assert_true(kh_match_text(match, ""));
    assert_false(kh_match_text(match, "20240101"));
    assert_false(kh_match_is_universal(match));
    assert_null(kh_match_list_json(match));
    kh_match_free(match);
    assert_ok(kh_match_create_empty(&match, 0x00100010, KH_VR('P', 'N'), err));
    assert_true(kh_match_name(match, &nobody));
    assert_false(kh_match_name(match, &somebody));
    kh_match_free(match);
    for (size_t i = 0; i < KH_COUNT(codes); i++) {
        assert_ok(kh_match_create(&match, 0x00080061, KH_VR('C', 'S'), codes[i].key, err));
        kh_match_require_every(match);
        if (kh_match_text(match, codes[i].value) != codes[i].expected)
            fail_msg("%s", codes[i].name);
        kh_match_free(match);
    }
}

/* What leads along an index: one of these texts, and nothing else would do. */
static void lists(void **state)
{
    static const struct {
        const char *vr, *key, *json; /* NULL: others match too */
    } cases[] = {
        {"LO", "abc", "[\"abc\"]"}, {"LO", "a\"b\\c", "[\"a\\\"b\",\"c\"]"}, {"LO", "abc\\x*", NULL},        {"LO", "", NULL},
        {"CS", "CT\\MR", "[\"CT\",\"MR\"]"}, {"UI", "1.2\\1.3", "[\"1.2\",\"1.3\"]"}, {"DA", "20240101", NULL}, {"PN", "abc", NULL},
    };
    char many[KH_MATCH_TEXT_MAX];
    kh_match *match;

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        assert_ok(kh_match_create(&match, 0x00100020, KH_VR(cases[i].vr[0], cases[i].vr[1]), cases[i].key, err));
        if (cases[i].json && kh_match_list_json(match))
            assert_string_equal(kh_match_list_json(match), cases[i].json);
        else if (cases[i].json || kh_match_list_json(match))
            fail_msg("%s %s", cases[i].vr, cases[i].key);
        kh_match_free(match);
    }
    for (size_t count = 64; count <= 65; count++) { /* values: both sides of the limit */
        many[0] = '\0';
        for (size_t i = 0; i < count; i++)
            strcat(many, i ? "\\a" : "a");
        assert_int_equal(kh_match_create(&match, 0x00100020, KH_VR('L', 'O'), many, NULL), count == 64 ? KH_OK : KH_E_LIMIT);
        kh_match_free(match);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),  cmocka_unit_test(names), cmocka_unit_test(words_of_names),          cmocka_unit_test(bad_keys),
        cmocka_unit_test(limits), cmocka_unit_test(wild_cards_end), cmocka_unit_test(singles),
        cmocka_unit_test(empty_and_every), cmocka_unit_test(lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
