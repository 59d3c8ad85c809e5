/* match_name.c - names: whole groups, and words as people type them. */
#include <stdio.h>
#include <string.h>
#include "cache/fold.h"
#include "cache/grams.h"
#include "cache/match_internal.h"
#include "cache/reading.h"
#include "dicom/dictionary.h"

#define WORDS_MAX 16
#define READING_MIN 2 /* letters; fewer say nothing */

kh_status kh_match_make_name(kh_match *match, const char *value, kh_error *err)
{
    size_t at[KH_MATCH_GROUPS];
    kh_status status = KH_OK;

    match->kind = MATCH_NAME;
    while (status == KH_OK && value && match->value_count < KH_MATCH_GROUPS) {
        const char *end = strchr(value, '=');

        at[match->value_count] = match->text.size;
        status = kh_fold_name_group(&match->text, value, end ? (size_t)(end - value) : strlen(value), err);
        if (status == KH_OK)
            status = kh_buf_append(&match->text, "", 1, err);
        match->value_count++;
        value = end ? end + 1 : NULL;
    }
    for (size_t i = 0; status == KH_OK && i < match->value_count; i++) {
        match->values[i] = (const char *)match->text.data + at[i];
        match->wild = match->wild || strpbrk(match->values[i], "*?");
    }
    return status;
}

/* Words of folded text, each with its NUL. */
static kh_status split_words(kh_match *match, kh_tag tag, kh_error *err)
{
    char *at = (char *)match->text.data;

    while (at && *at) {
        at += strspn(at, " ");
        if (!*at)
            break;
        if (match->value_count == WORDS_MAX)
            return kh_error_set(err, KH_E_LIMIT, "key %s: more than %d words", kh_dictionary_keyword(tag), WORDS_MAX);
        match->values[match->value_count++] = at;
        at += strcspn(at, " ");
        if (*at)
            *at++ = '\0';
    }
    return KH_OK;
}

/* What is sure of the word's reading behind its mark, then all of it; both empty when it has none or is a pattern. */
static kh_status add_reading(kh_match *match, const char *word, kh_error *err)
{
    bool whole = false;
    kh_buf key;
    kh_status status = KH_OK;

    kh_buf_init(&key, KH_MATCH_FOLDED_MAX * 2);
    if (!strpbrk(word, "*?"))
        status = kh_reading_append(&key, word, &whole, err);
    if (status == KH_OK) {
        const char *text = kh_buf_text(&key);
        int sure = (int)kh_reading_sure(word, text);
        const char mark[] = {sure > 0 ? KH_READING_MARK : '\0', '\0'};

        status = kh_buf_appendf(&match->readings, err, "%s%.*s", mark, sure, text);
        if (status == KH_OK)
            status = kh_buf_append(&match->readings, "", 1, err);
        if (status == KH_OK)
            status = kh_buf_append_text(&match->readings, whole ? text : "", err);
        if (status == KH_OK)
            status = kh_buf_append(&match->readings, "", 1, err);
    }
    kh_buf_release(&key);
    return status;
}

/* Of word number index: what is sure, and *all. */
static const char *reading_of(const kh_match *match, size_t index, const char **all)
{
    const char *at = kh_buf_text(&match->readings);

    for (size_t i = 0; i < 2 * index; i++)
        at += strlen(at) + 1;
    *all = at + strlen(at) + 1;
    return at;
}

void kh_match_readings(const kh_match *match, const char *out[2])
{
    const char *all;

    out[0] = out[1] = NULL;
    for (size_t i = 0; match->kind == MATCH_WORDS && !match->next && i < match->value_count; i++) {
        const char *sure = reading_of(match, i, &all);
        size_t size = strlen(sure);

        if (size > 0 && (!out[0] || size > strlen(out[0]))) {
            out[1] = out[0];
            out[0] = sure;
        } else if (size > 0 && (!out[1] || size > strlen(out[1]))) {
            out[1] = sure;
        }
    }
}

kh_status kh_match_create_words(kh_match **out, kh_tag tag, const char *value, kh_error *err)
{
    kh_match *match = NULL;
    size_t size = strlen(value);
    kh_status status = size > KH_MATCH_TEXT_MAX ? kh_error_set(err, KH_E_LIMIT, "key %s: %zu bytes, expected at most %d",
                                                               kh_dictionary_keyword(tag), size, KH_MATCH_TEXT_MAX)
                                                : kh_match_create(&match, tag, KH_VR('P', 'N'), "", err);

    *out = NULL;
    if (status == KH_OK)
        status = kh_fold_append(&match->text, value, err);
    if (status == KH_OK)
        status = split_words(match, tag, err);
    for (size_t i = 0; status == KH_OK && i < match->value_count; i++)
        status = add_reading(match, match->values[i], err);
    if (status != KH_OK) {
        kh_match_free(match);
        return status;
    }
    match->kind = match->value_count > 0 ? MATCH_WORDS : MATCH_ALL;
    *out = match;
    return KH_OK;
}

/* A name made of one group, as the index has it. */
static bool group_equal(const kh_match *match, const char *pattern, const char *group)
{
    kh_buf folded;
    bool equal;

    kh_buf_init(&folded, KH_MATCH_FOLDED_MAX);
    equal = kh_fold_name_group(&folded, group, strlen(group), NULL) == KH_OK;
    if (equal)
        equal = match->wild ? kh_match_wild(pattern, kh_buf_text(&folded)) : strcmp(pattern, kh_buf_text(&folded)) == 0;
    kh_buf_release(&folded);
    return equal;
}

/* Does what is typed begin this text, or is it a pattern of it? */
static bool word_begins(const char *word, const char *text, size_t size)
{
    char folded[KH_MATCH_FOLDED_MAX], pattern[KH_MATCH_FOLDED_MAX + 2];
    size_t length = strlen(word);

    if (!strpbrk(word, "*?"))
        return size >= length && memcmp(text, word, length) == 0;
    if (size >= sizeof folded || length >= KH_MATCH_FOLDED_MAX)
        return false;
    memcpy(folded, text, size);
    folded[size] = '\0';
    snprintf(pattern, sizeof pattern, "%s*", word);
    return kh_match_wild(pattern, folded);
}

static size_t without_spaces(char *text)
{
    size_t used = 0;

    for (const char *at = text; *at; at++)
        if (*at != ' ')
            text[used++] = *at;
    text[used] = '\0';
    return used;
}

/* In one of the words of a folded group, or in the group without its spaces. */
static bool group_has_word(const char *word, char *group)
{
    for (const char *at = group; *at;) {
        size_t size = strcspn(at, " ");

        if (word_begins(word, at, size))
            return true;
        at += size;
        at += strspn(at, " ");
    }
    return word_begins(word, group, without_spaces(group));
}

/* Does the reading of one of the words of a folded group, or of the group without its spaces, begin so? key is scratch; group is written
 * to. */
static bool group_sounds(const char *reading, char *group, kh_buf *key)
{
    bool whole, sounds = false, last = false;
    size_t length = strlen(reading);

    for (char *at = group; !sounds && !last;) {
        size_t size = strcspn(at, " ");
        char end = at[size];

        last = *at == '\0';
        if (last) {
            (void)without_spaces(at = group);
            size = strlen(at);
            end = '\0';
        }
        at[size] = '\0';
        kh_buf_clear(key);
        sounds = kh_reading_append(key, at, &whole, NULL) == KH_OK && key->size >= length && memcmp(key->data, reading, length) == 0;
        at[size] = end;
        at += size + (end != '\0');
    }
    return sounds;
}

/* folded and key are scratch. */
static bool name_has_word(const char *word, const char *reading, const char *const groups[KH_MATCH_GROUPS], kh_buf *folded, kh_buf *key)
{
    bool has = false;

    for (size_t i = 0; i < KH_MATCH_GROUPS && !has; i++) {
        kh_buf_clear(folded);
        if (!groups[i][0] || kh_fold_append(folded, groups[i], NULL) != KH_OK || folded->size == 0)
            continue;
        has = (strlen(reading) >= READING_MIN && group_sounds(reading, (char *)folded->data, key));
        if (!has) {
            kh_buf_clear(folded);
            has = kh_fold_append(folded, groups[i], NULL) == KH_OK && group_has_word(word, (char *)folded->data);
        }
    }
    return has;
}

static bool words_match(const kh_match *match, const char *const groups[KH_MATCH_GROUPS])
{
    const char *all;
    bool has = true;
    kh_buf folded, key;

    kh_buf_init(&folded, KH_MATCH_FOLDED_MAX);
    kh_buf_init(&key, KH_MATCH_FOLDED_MAX * 2);
    for (size_t i = 0; has && i < match->value_count; i++) {
        (void)reading_of(match, i, &all);
        has = name_has_word(match->values[i], all, groups, &folded, &key);
    }
    kh_buf_release(&folded);
    kh_buf_release(&key);
    return has;
}

static bool name_equal(const kh_match *match, const kh_person_name *name)
{
    const char *groups[KH_MATCH_GROUPS] = {name->alphabetic, name->ideographic, name->phonetic};

    if (match->kind == MATCH_WORDS)
        return words_match(match, groups);
    if (match->kind == MATCH_EMPTY)
        return !groups[0][0] && !groups[1][0] && !groups[2][0];
    if (match->kind != MATCH_NAME)
        return match->kind == MATCH_ALL;
    if (match->value_count == 1) {
        for (size_t i = 0; i < KH_MATCH_GROUPS; i++)
            if ((groups[i][0] || i == 0) && group_equal(match, match->values[0], groups[i]))
                return true;
        return false;
    }
    for (size_t i = 0; i < match->value_count; i++)
        if (match->values[i][0] && !group_equal(match, match->values[i], groups[i]))
            return false;
    return true;
}

bool kh_match_name(const kh_match *match, const kh_person_name *name)
{
    for (; match; match = match->next)
        if (name_equal(match, name))
            return true;
    return false;
}

bool kh_match_begins(const kh_match *match, kh_match_beginning *out)
{
    const char *text = !match->next && match->kind == MATCH_NAME && match->value_count == 1 ? match->values[0] : "";
    size_t size = strcspn(text, "*?");

    *out = (kh_match_beginning){.text = text, .size = size, .whole = text[size] == '\0'};
    return size > 0 && (out->whole || strcmp(text + size, "*") == 0);
}

/* Between wild cards; a character at a time beyond ASCII, where the space between the components may not be typed. */
static kh_status pieces_of_word(kh_buf *out, const char *word, kh_error *err)
{
    char part[KH_MATCH_TEXT_MAX + 1];
    kh_status status = KH_OK;

    while (*word && status == KH_OK) {
        bool wild = *word == '*' || *word == '?';
        size_t size = kh_match_character_bytes(word);

        while ((unsigned char)*word < 0x80 && !wild && word[size] && (unsigned char)word[size] < 0x80 && !strchr("*?", word[size]))
            size++;
        if (!wild && size < sizeof part) {
            memcpy(part, word, size);
            part[size] = '\0';
            status = kh_grams_of_word(out, part, err);
        }
        word += size;
    }
    return status;
}

kh_status kh_match_pieces(const kh_match *match, kh_buf *out, kh_error *err)
{
    const char *all;
    kh_status status = KH_OK;

    if (match->next)
        return KH_OK;
    for (size_t i = 0; match->kind == MATCH_WORDS && i < match->value_count && status == KH_OK; i++)
        if (!reading_of(match, i, &all)[0]) /* what sounds so need not have its letters */
            status = pieces_of_word(out, match->values[i], err);
    for (size_t i = 0; match->kind == MATCH_NAME && i < match->value_count && status == KH_OK; i++)
        status = kh_grams_of_name(out, match->values[i], match->wild, err);
    return status;
}
