/* match_internal.h - what the files of matching share. */
#ifndef KH_CACHE_MATCH_INTERNAL_H
#define KH_CACHE_MATCH_INTERNAL_H

#include "cache/match.h"

#define KH_MATCH_VALUES_MAX 64
#define KH_MATCH_GROUPS 3
#define KH_MATCH_FOLDED_MAX 4096
#define KH_MATCH_MOMENT_SIZE 13 /* HHMMSSFFFFFF; a date needs 8 */

typedef enum kh_match_kind {
    MATCH_ALL,
    MATCH_EMPTY,
    MATCH_TEXT,
    MATCH_NAME,
    MATCH_WORDS,
    MATCH_UIDS,
    MATCH_RANGE,
    MATCH_NUMBER
} kh_match_kind;

struct kh_match {
    kh_match_kind kind;
    kh_vr vr;
    bool wild;
    bool every;                  /* of several values each must be there, not one */
    kh_match *next;              /* another value that will do; NULL: none */
    kh_buf text;                 /* the values, one NUL behind each: texts, UIDs, folded groups or words of a name */
    const char *values[KH_MATCH_VALUES_MAX]; /* into text; groups of a name: NULL where the key says nothing of the group */
    size_t value_count;
    kh_buf readings;             /* of words: what of each is sure, and the whole, one NUL behind each; "" for a word that has none */
    const char **uids;           /* sorted; into text */
    size_t uid_count;
    kh_buf json;                 /* of UIDs, or of texts */
    char from[KH_MATCH_MOMENT_SIZE], to[KH_MATCH_MOMENT_SIZE]; /* of a range; "" open */
    long long number;
};

int kh_match_compare_uids(const void *a, const void *b);
/* Bytes of the character at. */
size_t kh_match_character_bytes(const char *at);
/* match_moment.c: YYYYMMDD, or YYYY.MM.DD of old; HH, HHMM, HHMMSS, HHMMSS.F to .FFFFFF, or with colons as of old: without a fraction what
 * is left open is filled from rest. */
bool kh_match_read_day(char out[KH_MATCH_MOMENT_SIZE], const char *text, size_t size);
bool kh_match_read_moment(char out[KH_MATCH_MOMENT_SIZE], const char *text, size_t size, const char *rest);
/* match_name.c */
KH_MUST_USE kh_status kh_match_make_name(kh_match *match, const char *value, kh_error *err);

#endif
