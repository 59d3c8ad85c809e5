#include "cache/match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cache/fold.h"
#include "cache/grams.h"
#include "dicom/dictionary.h"
#include "dicom/syntax.h"

#define VALUES_MAX 64 /* of AE and CS */
#define WORDS_MAX 16
#define GROUPS 3
#define FOLDED_MAX 4096
#define MOMENT_SIZE 13 /* HHMMSSFFFFFF; a date needs 8 */

typedef enum kind { MATCH_ALL, MATCH_TEXT, MATCH_NAME, MATCH_WORDS, MATCH_UIDS, MATCH_RANGE, MATCH_NUMBER } kind;

struct kh_match {
    kind kind;
    kh_vr vr;
    bool wild;
    kh_buf text;                 /* the values, one NUL behind each: texts, UIDs, folded groups or words of a name */
    const char *values[VALUES_MAX]; /* into text; groups of a name: NULL where the key says nothing of the group */
    size_t value_count;
    const char **uids;           /* sorted; into text */
    size_t uid_count;
    kh_buf json;
    char from[MOMENT_SIZE], to[MOMENT_SIZE]; /* of a range; "" open */
    long long number;
};

/* --- making --- */

static kh_status not_valid(kh_tag tag, kh_vr vr, kh_error *err)
{
    return kh_error_set(err, KH_E_ARG, "key %s (%04X,%04X) is no %c%c", kh_dictionary_keyword(tag), KH_TAG_ARGS(tag), vr >> 8, vr & 0xff);
}

static bool takes_wild_cards(kh_vr vr)
{
    static const char vrs[] = "AECSLOLTPNSHSTUCURUT";

    for (size_t i = 0; i + 1 < sizeof(vrs); i += 2)
        if (vr == KH_VR(vrs[i], vrs[i + 1]))
            return true;
    return false;
}

/* One value of the key, trimmed, appended with its NUL. Returns where it begins in text. */
static kh_status add_value(kh_match *match, const char *begin, size_t size, size_t *at, kh_error *err)
{
    kh_status status;

    while (size > 0 && *begin == ' ') {
        begin++;
        size--;
    }
    while (size > 0 && begin[size - 1] == ' ')
        size--;
    *at = match->text.size;
    status = kh_buf_append(&match->text, begin, size, err);
    return status == KH_OK ? kh_buf_append(&match->text, "", 1, err) : status;
}

static kh_status make_text(kh_match *match, kh_tag tag, const char *value, kh_error *err)
{
    bool several = match->vr == KH_VR('A', 'E') || match->vr == KH_VR('C', 'S');
    size_t at[VALUES_MAX];
    kh_status status = KH_OK;

    match->kind = MATCH_TEXT;
    while (status == KH_OK && value) {
        const char *end = several ? strchr(value, '\\') : NULL;

        if (match->value_count == VALUES_MAX)
            return kh_error_set(err, KH_E_LIMIT, "key %s: more than %d values", kh_dictionary_keyword(tag), VALUES_MAX);
        status = add_value(match, value, end ? (size_t)(end - value) : strlen(value), &at[match->value_count], err);
        match->value_count++;
        value = end ? end + 1 : NULL;
    }
    for (size_t i = 0; status == KH_OK && i < match->value_count; i++) {
        match->values[i] = (const char *)match->text.data + at[i];
        match->wild = match->wild || (takes_wild_cards(match->vr) && strpbrk(match->values[i], "*?"));
    }
    return status;
}

static kh_status make_name(kh_match *match, const char *value, kh_error *err)
{
    size_t at[GROUPS];
    kh_status status = KH_OK;

    match->kind = MATCH_NAME;
    while (status == KH_OK && value && match->value_count < GROUPS) {
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

static int compare_uids(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static kh_status sort_uids(kh_match *match, kh_error *err)
{
    const char *at = (const char *)match->text.data;
    kh_status status = kh_buf_append(&match->json, "[", 1, err);

    match->uids = malloc(match->uid_count * sizeof(*match->uids));
    if (!match->uids)
        return kh_error_set(err, KH_E_MEMORY, "no memory for %zu UIDs", match->uid_count);
    for (size_t i = 0; status == KH_OK && i < match->uid_count; i++) {
        match->uids[i] = at;
        at += strlen(at) + 1;
        status = kh_buf_appendf(&match->json, err, "%s\"%s\"", i ? "," : "", match->uids[i]); /* digits and dots */
    }
    qsort(match->uids, match->uid_count, sizeof(*match->uids), compare_uids);
    return status == KH_OK ? kh_buf_append(&match->json, "]", 1, err) : status;
}

static kh_status make_uids(kh_match *match, kh_tag tag, const char *value, kh_error *err)
{
    kh_status status = KH_OK;
    size_t at;

    match->kind = MATCH_UIDS;
    while (status == KH_OK && value) {
        const char *end = strchr(value, '\\');

        if (match->uid_count++ == KH_MATCH_UIDS_MAX)
            return kh_error_set(err, KH_E_LIMIT, "key %s: more than %d UIDs", kh_dictionary_keyword(tag), KH_MATCH_UIDS_MAX);
        status = add_value(match, value, end ? (size_t)(end - value) : strlen(value), &at, err);
        if (status == KH_OK && !kh_uid_plausible((const char *)match->text.data + at))
            return not_valid(tag, match->vr, err);
        value = end ? end + 1 : NULL;
    }
    return status == KH_OK ? sort_uids(match, err) : status;
}

/* YYYYMMDD, or YYYY.MM.DD of old. */
static bool read_day(char out[MOMENT_SIZE], const char *text, size_t size)
{
    size_t count = 0;

    for (size_t i = 0; i < size; i++) {
        if (text[i] == '.' && size == 10 && (i == 4 || i == 7))
            continue;
        if (text[i] < '0' || text[i] > '9' || count == 8)
            return false;
        out[count++] = text[i];
    }
    out[count] = '\0';
    return count == 8;
}

/* HH, HHMM, HHMMSS, HHMMSS.F to .FFFFFF, or with colons as of old; without a fraction what is left open is filled from rest. */
static bool read_moment(char out[MOMENT_SIZE], const char *text, size_t size, const char *rest)
{
    size_t count = 0;
    bool point = false;

    for (size_t i = 0; i < size; i++) {
        if (text[i] == ':' && !point && (i == 2 || i == 5))
            continue;
        if (text[i] == '.' && count == 6 && !point) {
            point = true;
            continue;
        }
        if (text[i] < '0' || text[i] > '9' || count == MOMENT_SIZE - 1 || (count == 6 && !point))
            return false;
        out[count++] = text[i];
    }
    if (count < 2 || (count < 6 && count % 2 != 0))
        return false;
    memcpy(out + count, (point ? "000000000000" : rest) + count, MOMENT_SIZE - count);
    return true;
}

static bool read_end(const kh_match *match, char out[MOMENT_SIZE], const char *text, size_t size, bool upper)
{
    while (size > 0 && *text == ' ') {
        text++;
        size--;
    }
    while (size > 0 && text[size - 1] == ' ')
        size--;
    out[0] = '\0';
    if (size == 0)
        return true;
    if (match->vr == KH_VR('D', 'A'))
        return read_day(out, text, size);
    return read_moment(out, text, size, upper ? "235959999999" : "000000000000");
}

static kh_status make_range(kh_match *match, kh_tag tag, const char *value, kh_error *err)
{
    const char *dash = strchr(value, '-');
    size_t size = strlen(value), first = dash ? (size_t)(dash - value) : size;
    const char *second = dash ? dash + 1 : value;
    bool good;

    match->kind = MATCH_RANGE;
    match->wild = dash != NULL;
    good = read_end(match, match->from, value, first, false) &&
           read_end(match, match->to, second, dash ? size - first - 1 : size, true);
    return good && (match->from[0] || match->to[0]) ? KH_OK : not_valid(tag, match->vr, err);
}

static kh_status make_number(kh_match *match, kh_tag tag, const char *value, kh_error *err)
{
    char *end;

    match->kind = MATCH_NUMBER;
    match->number = strtoll(value, &end, 10);
    end += strspn(end, " ");
    return *end == '\0' && end != value ? KH_OK : not_valid(tag, match->vr, err);
}

static kh_status make(kh_match *match, kh_tag tag, const char *value, kh_error *err)
{
    size_t size = strlen(value);

    if (strspn(value, " ") == size)
        return KH_OK;
    if (match->vr == KH_VR('U', 'I'))
        return make_uids(match, tag, value, err);
    if (size > KH_MATCH_TEXT_MAX)
        return kh_error_set(err, KH_E_LIMIT, "key %s: %zu bytes, expected at most %d", kh_dictionary_keyword(tag), size, KH_MATCH_TEXT_MAX);
    if (match->vr == KH_VR('P', 'N'))
        return make_name(match, value, err);
    if (match->vr == KH_VR('D', 'A') || match->vr == KH_VR('T', 'M'))
        return make_range(match, tag, value, err);
    if (match->vr == KH_VR('I', 'S'))
        return make_number(match, tag, value, err);
    return make_text(match, tag, value, err);
}

kh_status kh_match_create(kh_match **out, kh_tag tag, kh_vr vr, const char *value, kh_error *err)
{
    kh_match *match = calloc(1, sizeof(*match));
    kh_status status;

    *out = NULL;
    if (!match)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a key");
    match->vr = vr;
    kh_buf_init(&match->text, vr == KH_VR('U', 'I') ? (size_t)KH_MATCH_UIDS_MAX * (KH_UID_SIZE + 1) + KH_MATCH_TEXT_MAX : FOLDED_MAX);
    kh_buf_init(&match->json, (size_t)KH_MATCH_UIDS_MAX * (KH_UID_SIZE + 3) + 2);
    status = make(match, tag, value, err);
    if (status != KH_OK) {
        kh_match_free(match);
        return status;
    }
    *out = match;
    return KH_OK;
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
    if (status != KH_OK) {
        kh_match_free(match);
        return status;
    }
    match->kind = match->value_count > 0 ? MATCH_WORDS : MATCH_ALL;
    *out = match;
    return KH_OK;
}

void kh_match_free(kh_match *match)
{
    if (!match)
        return;
    free(match->uids);
    kh_buf_release(&match->text);
    kh_buf_release(&match->json);
    free(match);
}

bool kh_match_is_universal(const kh_match *match)
{
    return match->kind == MATCH_ALL;
}

bool kh_match_is_single(const kh_match *match)
{
    if (match->kind == MATCH_UIDS)
        return match->uid_count == 1;
    return match->kind == MATCH_TEXT && match->value_count == 1 && !match->wild;
}

/* --- matching --- */

static size_t character_bytes(const char *at)
{
    size_t size = 1;

    while (((unsigned char)at[size] & 0xc0) == 0x80)
        size++;
    return size;
}

/* On a mismatch the newest * takes one character more: a later one can do whatever an earlier could. */
bool kh_match_wild(const char *pattern, const char *text)
{
    const char *star = NULL, *from = NULL;

    while (*text) {
        if (*pattern == '*') {
            star = ++pattern;
            from = text;
        } else if (*pattern == '?') {
            pattern++;
            text += character_bytes(text);
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            from += character_bytes(from);
            text = from;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == '\0';
}

static bool one_equal(const kh_match *match, const char *value)
{
    for (size_t i = 0; i < match->value_count; i++)
        if (match->wild ? kh_match_wild(match->values[i], value) : strcmp(match->values[i], value) == 0)
            return true;
    return false;
}

/* The codes of a list, one by one. */
static bool code_equal(const kh_match *match, const char *value)
{
    char code[KH_MATCH_TEXT_MAX];

    for (;;) {
        size_t length = strcspn(value, ",");

        if (length >= sizeof(code))
            return false;
        memcpy(code, value, length);
        code[length] = '\0';
        if (one_equal(match, code))
            return true;
        if (!value[length])
            return false;
        value += length + 1;
    }
}

static bool in_range(const kh_match *match, const char *value)
{
    char moment[MOMENT_SIZE];

    if (match->vr == KH_VR('D', 'A') ? !read_day(moment, value, strlen(value)) : !read_moment(moment, value, strlen(value), "000000000000"))
        return false;
    return (!match->from[0] || strcmp(moment, match->from) >= 0) && (!match->to[0] || strcmp(moment, match->to) <= 0);
}

static bool number_equal(const kh_match *match, const char *value)
{
    char *end;
    long long number = strtoll(value, &end, 10);

    return end != value && *end == '\0' && number == match->number;
}

bool kh_match_text(const kh_match *match, const char *value)
{
    switch (match->kind) {
    case MATCH_ALL:
        return true;
    case MATCH_TEXT:
        return match->vr == KH_VR('C', 'S') ? code_equal(match, value) : one_equal(match, value);
    case MATCH_UIDS:
        return bsearch(&value, match->uids, match->uid_count, sizeof(*match->uids), compare_uids) != NULL;
    case MATCH_RANGE:
        return in_range(match, value);
    case MATCH_NUMBER:
        return number_equal(match, value);
    case MATCH_NAME:
    case MATCH_WORDS:
        break;
    }
    return false;
}

/* A name made of one group, as the index has it. */
static bool group_equal(const kh_match *match, const char *pattern, const char *group)
{
    kh_buf folded;
    bool equal;

    kh_buf_init(&folded, FOLDED_MAX);
    equal = kh_fold_name_group(&folded, group, strlen(group), NULL) == KH_OK;
    if (equal)
        equal = match->wild ? kh_match_wild(pattern, kh_buf_text(&folded)) : strcmp(pattern, kh_buf_text(&folded)) == 0;
    kh_buf_release(&folded);
    return equal;
}

/* Does what is typed begin this text, or is it a pattern of it? */
static bool word_begins(const char *word, const char *text, size_t size)
{
    char folded[FOLDED_MAX], pattern[FOLDED_MAX + 2];
    size_t length = strlen(word);

    if (!strpbrk(word, "*?"))
        return size >= length && memcmp(text, word, length) == 0;
    if (size >= sizeof folded || length >= FOLDED_MAX)
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

static bool name_has_word(const char *word, const char *const groups[GROUPS])
{
    kh_buf folded;
    bool has = false;

    kh_buf_init(&folded, FOLDED_MAX);
    for (size_t i = 0; i < GROUPS && !has; i++) {
        kh_buf_clear(&folded);
        has = groups[i][0] && kh_fold_append(&folded, groups[i], NULL) == KH_OK && folded.size > 0 && group_has_word(word, (char *)folded.data);
    }
    kh_buf_release(&folded);
    return has;
}

static bool words_match(const kh_match *match, const char *const groups[GROUPS])
{
    for (size_t i = 0; i < match->value_count; i++)
        if (!name_has_word(match->values[i], groups))
            return false;
    return true;
}

bool kh_match_name(const kh_match *match, const kh_person_name *name)
{
    const char *groups[GROUPS] = {name->alphabetic, name->ideographic, name->phonetic};

    if (match->kind == MATCH_WORDS)
        return words_match(match, groups);
    if (match->kind != MATCH_NAME)
        return match->kind == MATCH_ALL;
    if (match->value_count == 1) {
        for (size_t i = 0; i < GROUPS; i++)
            if ((groups[i][0] || i == 0) && group_equal(match, match->values[0], groups[i]))
                return true;
        return false;
    }
    for (size_t i = 0; i < match->value_count; i++)
        if (match->values[i][0] && !group_equal(match, match->values[i], groups[i]))
            return false;
    return true;
}

/* --- for an index --- */

const char *kh_match_uids_json(const kh_match *match)
{
    return match->kind == MATCH_UIDS ? kh_buf_text(&match->json) : NULL;
}

const char *kh_match_exact(const kh_match *match)
{
    return match->kind == MATCH_TEXT && match->value_count == 1 && !match->wild ? match->values[0] : NULL;
}

bool kh_match_begins(const kh_match *match, kh_match_beginning *out)
{
    const char *text = match->kind == MATCH_NAME && match->value_count == 1 ? match->values[0] : "";
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
        size_t size = character_bytes(word);

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
    kh_status status = KH_OK;

    for (size_t i = 0; match->kind == MATCH_WORDS && i < match->value_count && status == KH_OK; i++)
        status = pieces_of_word(out, match->values[i], err);

    for (size_t i = 0; match->kind == MATCH_NAME && i < match->value_count && status == KH_OK; i++)
        status = kh_grams_of_name(out, match->values[i], match->wild, err);
    return status;
}

bool kh_match_days(const kh_match *match, const char **from, const char **to)
{
    if (match->kind != MATCH_RANGE || match->vr != KH_VR('D', 'A'))
        return false;
    *from = match->from;
    *to = match->to;
    return true;
}
