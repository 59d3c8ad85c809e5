#include "cache/reading.h"

#include <string.h>
#include "base/json.h"
#include "cache/fold.h"
#include "dicom/charset.h"

#define FOLDED_MAX 4096
#define LETTERS_MAX 8192 /* of a word; a kana has three at most */

/* U+3041 to U+3096 as Kunrei writes them; small ya, yu, yo and vowels take the vowel before them off. */
static const char *const kana[] = {
    "a",  "a",  "i",  "i",  "u",  "u",  "e",  "e",  "o",  "o",  "ka", "ga", "ki", "gi", "ku", "gu", "ke", "ge", "ko", "go", "sa", "za",
    "si", "zi", "su", "zu", "se", "ze", "so", "zo", "ta", "da", "ti", "zi", "",   "tu", "zu", "te", "de", "to", "do", "na", "ni", "nu",
    "ne", "no", "ha", "ba", "pa", "hi", "bi", "pi", "hu", "bu", "pu", "he", "be", "pe", "ho", "bo", "po", "ma", "mi", "mu", "me", "mo",
    "ya", "ya", "yu", "yu", "yo", "yo", "ra", "ri", "ru", "re", "ro", "wa", "wa", "i",  "e",  "o",  "n",  "bu", "ka", "ke",
};
#define KANA_FIRST 0x3041
#define KANA_LAST 0x3096
#define LONG_MARK 0x30fc

static bool is_vowel(char c)
{
    return c != '\0' && strchr("aiueo", c) != NULL;
}

static bool is_small(uint32_t code)
{
    return code == 0x3041 || code == 0x3043 || code == 0x3045 || code == 0x3047 || code == 0x3049 || code == 0x3083 || code == 0x3085 ||
           code == 0x3087;
}

/* しゃ: si and ya are sya; ふぁ: hu and a are ha. */
static size_t put_kana(char *out, size_t used, uint32_t code)
{
    const char *syllable = kana[code - KANA_FIRST];

    if (is_small(code) && used > 0 && is_vowel(out[used - 1]))
        used--;
    memcpy(out + used, syllable, strlen(syllable));
    return used + strlen(syllable);
}

/* Another spelling of the same sound; how many letters of it were read. */
static size_t put_letters(char *out, size_t *used, const char *at)
{
    static const struct {
        const char *from, *to;
    } spellings[] = {
        {"shi", "si"}, {"sh", "sy"}, {"tch", "tty"}, {"cch", "tty"}, {"chi", "ti"}, {"ch", "ty"}, {"tsu", "tu"}, {"ji", "zi"},
        {"jy", "zy"},  {"j", "zy"},  {"dzu", "zu"},  {"du", "zu"},   {"di", "zi"},  {"fu", "hu"}, {"f", "h"},    {"l", "r"},
        {"v", "b"},    {"wo", "o"},  {"c", "k"},     {"mb", "nb"},   {"mp", "np"},  {"mm", "nm"},
    };

    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        size_t size = strlen(spellings[i].from);
        bool keeps = size == 2 && spellings[i].from[0] == 'm'; /* its second letter may begin another */

        if (strncmp(at, spellings[i].from, size) != 0)
            continue;
        if (keeps) {
            out[(*used)++] = 'n';
            return 1;
        }
        memcpy(out + *used, spellings[i].to, strlen(spellings[i].to));
        *used += strlen(spellings[i].to);
        return size;
    }
    out[(*used)++] = *at;
    return 1;
}

/* Long vowels are short, doubled consonants single: people write both. */
static size_t shorten(char *text, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; i < size; i++) {
        char before = used > 0 ? text[used - 1] : '\0';

        if (text[i] == before || (text[i] == 'u' && before == 'o') ||
            (text[i] == 'h' && before == 'o' && (i + 1 == size || !is_vowel(text[i + 1]))))
            continue;
        text[used++] = text[i];
    }
    return used;
}

kh_status kh_reading_append(kh_buf *out, const char *word, bool *whole, kh_error *err)
{
    char letters[LETTERS_MAX];
    size_t used = 0, size;

    for (*whole = true; *word && *whole && used + 4 < sizeof letters;) {
        uint32_t code = kh_utf8_next(word, &size);

        if (code >= KANA_FIRST && code <= KANA_LAST) {
            used = put_kana(letters, used, code);
        } else if (code >= 'a' && code <= 'z') {
            size = put_letters(letters, &used, word);
        } else if (code != LONG_MARK && code != '\'' && code != '-') {
            *whole = false;
            break;
        }
        word += size;
    }
    *whole = *whole && *word == '\0';
    return kh_buf_append(out, letters, shorten(letters, used), err);
}

size_t kh_reading_sure(const char *word, const char *key)
{
    size_t size = strlen(key), length = strlen(word);
    bool ends_in_kana = length > 0 && (unsigned char)word[length - 1] >= 0x80;

    while (size > 0 && !is_vowel(key[size - 1]))
        size--;
    if (!ends_in_kana)
        return size;
    for (size -= size > 0; size > 0 && !is_vowel(key[size - 1]);)
        size--;
    return size;
}

static kh_status put_reading(kh_json_writer *json, const char *word, kh_error *err)
{
    kh_buf key;
    bool whole;
    char mark = KH_READING_MARK;
    kh_status status;

    kh_buf_init(&key, FOLDED_MAX * 2);
    status = kh_buf_append(&key, &mark, 1, err);
    if (status == KH_OK)
        status = kh_reading_append(&key, word, &whole, err);
    if (status == KH_OK && key.size > 1)
        kh_json_text(json, kh_buf_text(&key));
    kh_buf_release(&key);
    return status;
}

/* The words of a folded group, which is written to; then the group without its spaces. */
static kh_status put_readings(kh_json_writer *json, char *group, kh_error *err)
{
    size_t used = 0;
    kh_status status = KH_OK;

    for (char *at = group; status == KH_OK && *at;) {
        size_t size = strcspn(at, " ");
        char end = at[size];

        at[size] = '\0';
        status = put_reading(json, at, err);
        memmove(group + used, at, size);
        used += size;
        at += size + (end != '\0');
    }
    group[used] = '\0';
    return status == KH_OK ? put_reading(json, group, err) : status;
}

kh_status kh_reading_keys(kh_buf *out, const char *name, kh_error *err)
{
    kh_json_writer json;
    kh_buf folded, group;
    kh_status status = KH_OK;

    kh_buf_init(&folded, FOLDED_MAX);
    kh_buf_init(&group, FOLDED_MAX);
    kh_json_writer_init(&json, out);
    kh_json_array_begin(&json);
    for (const char *end; status == KH_OK && name; name = *end ? end + 1 : NULL) {
        end = name + strcspn(name, "=");
        if (end == name)
            continue;
        kh_buf_clear(&folded);
        kh_buf_clear(&group);
        status = kh_fold_name_group(&folded, name, (size_t)(end - name), err);
        if (status == KH_OK)
            kh_json_text(&json, kh_buf_text(&folded));
        if (status == KH_OK)
            status = kh_fold_append(&group, kh_buf_text(&folded), err);
        if (status == KH_OK && group.size > 0)
            status = put_readings(&json, (char *)group.data, err);
    }
    kh_json_array_end(&json);
    kh_buf_release(&folded);
    kh_buf_release(&group);
    return status == KH_OK ? kh_json_writer_status(&json, err) : status;
}
