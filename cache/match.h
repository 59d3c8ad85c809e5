/* match.h - does a stored value match the key of a query (PS3.4 C.2.2.2)?
 *
 * Single value: the same text, case included; person names without regard to case, width, and hiragana or katakana. Wild cards * and ?
 * in AE, CS, LO, LT, PN, SH, ST, UC, UR and UT. Ranges "a-b", "a-", "-b" of DA and TM, both ends included; a time without
 * a fraction stands for all it leaves open. Several values, separated by backslashes (not in LT, ST, UR and UT), match each
 * by itself: one is enough. IS as numbers. "" matches all.
 * A key for a person name without `=` may match any of the three component groups; with `=` each group it names must match.
 * What was not told (an empty value) is matched by "" and by "*" only.
 * Threads: a made match may be used by many. Limits: KH_MATCH_TEXT_MAX bytes of text, KH_MATCH_UIDS_MAX UIDs. */
#ifndef KH_CACHE_MATCH_H
#define KH_CACHE_MATCH_H

#include <stdbool.h>
#include "base/buf.h"
#include "dicom/tag.h"
#include "dicom/text.h"

#define KH_MATCH_TEXT_MAX 1024 /* and of a component of a name, KH_FOLD_COMPONENT_MAX */
#define KH_MATCH_UIDS_MAX 4096

typedef struct kh_match kh_match;

/* value: UTF-8, all values of the key with their backslashes. KH_E_ARG names the attribute of a key that no value of its VR can be;
 * KH_E_LIMIT. */
KH_MUST_USE kh_status kh_match_create(kh_match **out, kh_tag tag, kh_vr vr, const char *value, kh_error *err);
/* Matches what was not told (PS3.4 C.2.2.2.7). */
KH_MUST_USE kh_status kh_match_create_empty(kh_match **out, kh_tag tag, kh_vr vr, kh_error *err);
/* Of several codes each must be there, in any order (PS3.4 C.2.2.2.8); of other keys nothing changes. Before it is used. */
void kh_match_require_every(kh_match *match);
void kh_match_free(kh_match *match);
/* Matches whatever the value is. */
bool kh_match_is_universal(const kh_match *match);
/* The key is one UID or text without wild cards, list or range: what a unique key above the level must be. */
bool kh_match_is_single(const kh_match *match);

/* value: as the index holds it. Several values of a code (modalities of a study) are separated by commas: one is enough. */
bool kh_match_text(const kh_match *match, const char *value);
bool kh_match_name(const kh_match *match, const kh_person_name *name);

/* The same of a person name, asked for as people type it: words in any order and of any of the groups, each the beginning of a word of the
 * name (or a pattern with * and ?), kana of either kind or Latin letters as they sound (cache/reading.h), and ideographs without the space
 * between the components. */
KH_MUST_USE kh_status kh_match_create_words(kh_match **out, kh_tag tag, const char *value, kh_error *err);

/* For a search along an index. The UIDs, or the texts without wild cards, one of which it must be, in JSON; NULL when it is no such key. */
const char *kh_match_list_json(const kh_match *match);
/* The one text it matches, NULL when it could match others too. */
const char *kh_match_exact(const kh_match *match);
/* A name asked for by one group that is told whole, or from its beginning on (`Yamada^*`), folded (kh_fold_name_group()); false when it is
 * no such key. */
typedef struct kh_match_beginning {
    const char *text; /* of the match */
    size_t size;
    bool whole;
} kh_match_beginning;
bool kh_match_begins(const kh_match *match, kh_match_beginning *out);
/* Words of which it is sure how their readings begin (cache/reading.h), behind KH_READING_MARK; the longest two, NULL where there is none.
 * A name that matches has a reading that begins so for each. of the match. */
void kh_match_readings(const kh_match *match, const char *out[2]);
/* The pieces (cache/grams.h) that a study must have for its patient's name to match, as the text index is asked for them; nothing is
 * appended when the key is no name or any study may match. */
KH_MUST_USE kh_status kh_match_pieces(const kh_match *match, kh_buf *out, kh_error *err);
/* The days of a date key, *from "" and *to "" where open; false when it is no date key. */
bool kh_match_days(const kh_match *match, const char **from, const char **to);

/* Does the text match a pattern with * and ?, a character at a time (UTF-8)? */
bool kh_match_wild(const char *pattern, const char *text);

#endif
