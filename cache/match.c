#include "cache/match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "cache/match_internal.h"
#include "dicom/dictionary.h"
#include "dicom/syntax.h"

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
    size_t at[KH_MATCH_VALUES_MAX];
    kh_status status = KH_OK;

    match->kind = MATCH_TEXT;
    while (status == KH_OK && value) {
        const char *end = several ? strchr(value, '\\') : NULL;

        if (match->value_count == KH_MATCH_VALUES_MAX)
            return kh_error_set(err, KH_E_LIMIT, "key %s: more than %d values", kh_dictionary_keyword(tag), KH_MATCH_VALUES_MAX);
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

int kh_match_compare_uids(const void *a, const void *b)
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
    qsort(match->uids, match->uid_count, sizeof(*match->uids), kh_match_compare_uids);
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

static bool read_end(const kh_match *match, char out[KH_MATCH_MOMENT_SIZE], const char *text, size_t size, bool upper)
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
        return kh_match_read_day(out, text, size);
    return kh_match_read_moment(out, text, size, upper ? "235959999999" : "000000000000");
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
        return kh_match_make_name(match, value, err);
    if (match->vr == KH_VR('D', 'A') || match->vr == KH_VR('T', 'M'))
        return make_range(match, tag, value, err);
    if (match->vr == KH_VR('I', 'S'))
        return make_number(match, tag, value, err);
    return make_text(match, tag, value, err);
}

static kh_status create_one(kh_match **out, kh_tag tag, kh_vr vr, const char *value, kh_error *err)
{
    kh_match *match = calloc(1, sizeof(*match));
    kh_status status;

    *out = NULL;
    if (!match)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a key");
    match->vr = vr;
    kh_buf_init(&match->text,
                vr == KH_VR('U', 'I') ? (size_t)KH_MATCH_UIDS_MAX * (KH_UID_SIZE + 1) + KH_MATCH_TEXT_MAX : KH_MATCH_FOLDED_MAX);
    kh_buf_init(&match->readings, 4 * KH_MATCH_FOLDED_MAX);
    kh_buf_init(&match->json, (size_t)KH_MATCH_UIDS_MAX * (KH_UID_SIZE + 3) + 2);
    status = make(match, tag, value, err);
    if (status != KH_OK) {
        kh_match_free(match);
        return status;
    }
    *out = match;
    return KH_OK;
}

/* Those that a backslash separates; the others have lists of their own, or may hold one (PS3.5 6.2). */
static bool takes_alternatives(kh_vr vr)
{
    static const char own[] = "AECSUILTSTUTUR";

    for (size_t i = 0; i + 1 < sizeof own; i += 2)
        if (vr == KH_VR(own[i], own[i + 1]))
            return false;
    return true;
}

/* One behind the other; what says nothing is left out. */
static kh_status create_each(kh_match **out, kh_tag tag, kh_vr vr, const char *value, kh_error *err)
{
    char part[KH_MATCH_TEXT_MAX + 1];
    kh_match **end = out;
    kh_status status = KH_OK;
    size_t count = 0;

    *out = NULL;
    for (size_t size; status == KH_OK && value; value = value[size] ? value + size + 1 : NULL) {
        size = strcspn(value, "\\");
        if (size > KH_MATCH_TEXT_MAX || ++count > KH_MATCH_VALUES_MAX)
            return kh_error_set(err, KH_E_LIMIT, "key %s: expected at most %d values of %d bytes", kh_dictionary_keyword(tag),
                                KH_MATCH_VALUES_MAX, KH_MATCH_TEXT_MAX);
        memcpy(part, value, size);
        part[size] = '\0';
        status = create_one(end, tag, vr, part, err);
        if (status == KH_OK && (*end)->kind == MATCH_ALL) {
            kh_match_free(*end);
            *end = NULL;
        } else if (status == KH_OK) {
            end = &(*end)->next;
        }
    }
    return status == KH_OK && !*out ? create_one(out, tag, vr, "", err) : status;
}

/* Texts without wild cards, for an index. */
static kh_status list_texts(kh_match *match, kh_error *err)
{
    kh_json_writer json;

    for (const kh_match *at = match; at; at = at->next)
        if (at->kind != MATCH_TEXT || at->wild)
            return KH_OK;
    kh_json_writer_init(&json, &match->json);
    kh_json_array_begin(&json);
    for (const kh_match *at = match; at; at = at->next)
        for (size_t i = 0; i < at->value_count; i++)
            kh_json_text(&json, at->values[i]);
    kh_json_array_end(&json);
    return kh_json_writer_status(&json, err);
}

kh_status kh_match_create(kh_match **out, kh_tag tag, kh_vr vr, const char *value, kh_error *err)
{
    kh_status status =
        takes_alternatives(vr) && strchr(value, '\\') ? create_each(out, tag, vr, value, err) : create_one(out, tag, vr, value, err);

    if (status == KH_OK)
        status = list_texts(*out, err);
    if (status != KH_OK) {
        kh_match_free(*out);
        *out = NULL;
    }
    return status;
}

kh_status kh_match_create_empty(kh_match **out, kh_tag tag, kh_vr vr, kh_error *err)
{
    kh_status status = create_one(out, tag, vr, "", err);

    if (status == KH_OK)
        (*out)->kind = MATCH_EMPTY;
    return status;
}

void kh_match_require_every(kh_match *match)
{
    match->every = match->kind == MATCH_TEXT && match->vr == KH_VR('C', 'S') && match->value_count > 1;
    if (match->every)
        kh_buf_clear(&match->json);
}

void kh_match_free(kh_match *match)
{
    while (match) {
        kh_match *next = match->next;

        free(match->uids);
        kh_buf_release(&match->text);
        kh_buf_release(&match->json);
        kh_buf_release(&match->readings);
        free(match);
        match = next;
    }
}

bool kh_match_is_universal(const kh_match *match)
{
    return match->kind == MATCH_ALL;
}

bool kh_match_is_single(const kh_match *match)
{
    if (match->kind == MATCH_UIDS)
        return match->uid_count == 1;
    return !match->next && match->kind == MATCH_TEXT && match->value_count == 1 && !match->wild;
}
