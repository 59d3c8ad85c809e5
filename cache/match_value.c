/* match_value.c - values against a key that is made, and what of a key leads along an index. */
#include <stdlib.h>
#include <string.h>
#include "cache/match_internal.h"

size_t kh_match_character_bytes(const char *at)
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
            text += kh_match_character_bytes(text);
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            from += kh_match_character_bytes(from);
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
    char moment[KH_MATCH_MOMENT_SIZE];

    if (match->vr == KH_VR('D', 'A') ? !kh_match_read_day(moment, value, strlen(value))
                                     : !kh_match_read_moment(moment, value, strlen(value), "000000000000"))
        return false;
    return (!match->from[0] || strcmp(moment, match->from) >= 0) && (!match->to[0] || strcmp(moment, match->to) <= 0);
}

static bool number_equal(const kh_match *match, const char *value)
{
    char *end;
    long long number = strtoll(value, &end, 10);

    return end != value && *end == '\0' && number == match->number;
}

/* Every value of the key is one of the codes. */
static bool has_every(const kh_match *match, const char *value)
{
    for (size_t i = 0; i < match->value_count; i++) {
        kh_match one = {.values = {match->values[i]}, .value_count = 1, .wild = match->wild};

        if (!code_equal(&one, value))
            return false;
    }
    return true;
}

static bool text_equal(const kh_match *match, const char *value)
{
    switch (match->kind) {
    case MATCH_ALL:
        return true;
    case MATCH_EMPTY:
        return !value[0];
    case MATCH_TEXT:
        if (match->every)
            return has_every(match, value);
        return match->vr == KH_VR('C', 'S') ? code_equal(match, value) : one_equal(match, value);
    case MATCH_UIDS:
        return bsearch(&value, match->uids, match->uid_count, sizeof(*match->uids), kh_match_compare_uids) != NULL;
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

bool kh_match_text(const kh_match *match, const char *value)
{
    for (; match; match = match->next)
        if (text_equal(match, value))
            return true;
    return false;
}

/* --- for an index --- */

const char *kh_match_list_json(const kh_match *match)
{
    return match->json.size > 0 ? kh_buf_text(&match->json) : NULL;
}

const char *kh_match_exact(const kh_match *match)
{
    return !match->next && match->kind == MATCH_TEXT && match->value_count == 1 && !match->wild ? match->values[0] : NULL;
}

bool kh_match_days(const kh_match *match, const char **from, const char **to)
{
    if (match->next || match->kind != MATCH_RANGE || match->vr != KH_VR('D', 'A'))
        return false;
    *from = match->from;
    *to = match->to;
    return true;
}
