/* reading.h - how a name sounds, as one key for kana and for the ways it is written in Latin letters (Hepburn, Kunrei, with and without
 * long vowels):
 * しばた, シバタ, Shibata and SIBATA are "sibata"; おおた, Ohta, Oota and Ota are "ota". Two names may share a key; it finds, it does not tell
 * apart.
 * Pure functions. */
#ifndef KH_CACHE_READING_H
#define KH_CACHE_READING_H

#include <stdbool.h>
#include "base/buf.h"

#define KH_READING_MARK '\x02' /* before a reading among other keys: folded text has no control characters */

/* Append the key of a folded word (fold.h), up to the first character that is neither. *whole: there was none such. */
KH_MUST_USE kh_status kh_reading_append(kh_buf *out, const char *word, bool *whole, kh_error *err);
/* So much of the key of what is typed so far is sure to begin the key of the whole word: up to its last vowel, which a small kana behind it
 * would change. */
size_t kh_reading_sure(const char *word, const char *key);
/* Every key that a patient of this name is found by, as a JSON array: groups whole (kh_fold_name_group()), and, behind KH_READING_MARK, the
 * readings of their words and of groups without spaces. name: "alphabetic=ideographic=phonetic". */
KH_MUST_USE kh_status kh_reading_keys(kh_buf *out, const char *name, kh_error *err);

#endif
