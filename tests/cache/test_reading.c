/* Readings: what people write for the same sound has the same key; what is typed so far begins it. Expected keys by the tables of Kunrei
 * and Hepburn (ISO 3602; Japan's cabinet order of 1954, tables 1 and 2), long vowels short. */
#include "support.h"

#include <string.h>
#include "cache/fold.h"
#include "cache/reading.h"

static void read_word(const char *text, kh_buf *key, bool *whole)
{
    kh_buf folded;

    kh_buf_init(&folded, 4096);
    kh_buf_clear(key);
    assert_ok(kh_fold_append(&folded, text, err));
    assert_ok(kh_reading_append(key, kh_buf_text(&folded), whole, err));
    kh_buf_release(&folded);
}

static void spellings(void **state)
{
    /* of each line all are one name */
    static const char *const lines[][7] = {
        {"sibata", "しばた", "シバタ", "ｼﾊﾞﾀ", "Shibata", "SIBATA", NULL},
        {"ota", "おおた", "オオタ", "Ohta", "Oota", "OTA", NULL},
        {"sato", "さとう", "サトウ", "Sato", "Satou", "SATOH", NULL},
        {"tutiya", "つちや", "Tsuchiya", "Tutiya", NULL},
        {"zyunko", "じゅんこ", "Junko", "Zyunko", "JYUNKO", NULL},
        {"zyuniti", "じゅんいち", "Jun'ichi", "Junichi", "Zyun-iti", NULL},
        {"sinbasi", "しんばし", "Shimbashi", "Shinbashi", "Sinbasi", NULL},
        {"honma", "ほんま", "Homma", "Honma", NULL},
        {"hatori", "はっとり", "Hattori", "ハットリ", NULL},
        {"hatyo", "はっちょう", "Hatcho", "Hacchou", "Hattyo", NULL},
        {"syota", "しょうた", "Shota", "Shouta", "Syota", NULL},
        {"kyoko", "きょうこ", "Kyoko", "Kyouko", "KYOHKO", NULL},
        {"yuki", "ゆうき", "Yuuki", "Yuki", NULL},
        {"kazuko", "かずこ", "Kazuko", NULL},
        {"mizuki", "みづき", "みずき", "Midzuki", "Mizuki", NULL},
        {"hukuda", "ふくだ", "Fukuda", "Hukuda", NULL},
        {"rena", "れな", "Rena", "Lena", NULL},
        {"ohara", "おはら", "Ohara", NULL},
        {"eri", "えりー", "エリー", "Eri", NULL},
    };
    kh_buf key;
    bool whole;

    (void)state;
    kh_buf_init(&key, 4096);
    for (size_t i = 0; i < KH_COUNT(lines); i++)
        for (size_t k = 1; k < 7 && lines[i][k]; k++) {
            read_word(lines[i][k], &key, &whole);
            if (!whole || strcmp(kh_buf_text(&key), lines[i][0]) != 0)
                fail_msg("%s is %s, expected %s", lines[i][k], kh_buf_text(&key), lines[i][0]);
        }
    kh_buf_release(&key);
}

/* However little of a word is typed, what is sure of it begins the key of the whole. */
static void beginnings(void **state)
{
    static const char *const words[] = {"Shimbashi", "Tsuchiya",   "Hatcho",     "Ohta",       "Satoh",    "Jun'ichi", "Kyouko",
                                        "しんばし",  "じゅんいち", "はっちょう", "ファンリー", "Djokovic", "Midzuki"};
    kh_buf key, part;
    bool whole;
    char typed[64];

    (void)state;
    kh_buf_init(&key, 4096);
    kh_buf_init(&part, 4096);
    for (size_t i = 0; i < KH_COUNT(words); i++) {
        read_word(words[i], &key, &whole);
        for (size_t size = 1; size <= strlen(words[i]); size++) {
            if (((unsigned char)words[i][size] & 0xc0) == 0x80)
                continue; /* inside a character */
            memcpy(typed, words[i], size);
            typed[size] = '\0';
            read_word(typed, &part, &whole);
            if (strncmp(kh_buf_text(&key), kh_buf_text(&part), kh_reading_sure(typed, kh_buf_text(&part))) != 0)
                fail_msg("%s of %s: %s of %s", typed, words[i], kh_buf_text(&part), kh_buf_text(&key));
        }
    }
    kh_buf_release(&key);
    kh_buf_release(&part);
}

static void ends_where_it_is_neither(void **state)
{
    static const struct {
        const char *word, *key;
        bool whole;
    } cases[] = {{"山田", "", false},         {"やま田", "yama", false},    {"Müller", "m", false},
                 {"O'Brien", "obrien", true}, {"yamada2", "yamada", false}, {"", "", true}};
    kh_buf key;
    bool whole;

    (void)state;
    kh_buf_init(&key, 4096);
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        read_word(cases[i].word, &key, &whole);
        if (whole != cases[i].whole || strcmp(kh_buf_text(&key), cases[i].key) != 0)
            fail_msg("%s: %s", cases[i].word, kh_buf_text(&key));
    }
    kh_buf_release(&key);
}

static void keys_of_a_name(void **state)
{
    kh_buf keys;

    (void)state;
    kh_buf_init(&keys, 65536);
    assert_ok(kh_reading_keys(&keys, "Satoh^Taro=佐藤^太郎=さとう^たろう", err));
    assert_string_equal(kh_buf_text(&keys), "[\"satoh^taro\",\"\\u0002sato\",\"\\u0002taro\",\"\\u0002satotaro\",\"佐藤^太郎\","
                                            "\"さとう^たろう\",\"\\u0002sato\",\"\\u0002taro\",\"\\u0002satotaro\"]");
    kh_buf_clear(&keys);
    assert_ok(kh_reading_keys(&keys, "==", err));
    assert_string_equal(kh_buf_text(&keys), "[]");
    kh_buf_release(&keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(spellings), cmocka_unit_test(beginnings),
                                       cmocka_unit_test(ends_where_it_is_neither), cmocka_unit_test(keys_of_a_name)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
