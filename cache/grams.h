/* grams.h - the pieces of one and two characters ("grams") that the text index (text_index.h) holds of a text, and those that a text
 * must have to match a pattern. What matches a pattern has all of the pattern's pieces; what has them need not match.
 * Pieces are written as words of hexadecimal digits: "5c71" a character, "5c71x7530" two in a row, "x5c71" the first of a field,
 * "7530x" the last. All texts are folded (fold.h). Pure functions. Errors: KH_E_MEMORY, KH_E_LIMIT of the buffer. */
#ifndef KH_CACHE_GRAMS_H
#define KH_CACHE_GRAMS_H

#include <stdbool.h>
#include "base/buf.h"

/* Every piece of the fields, each field ended by a line feed; sorted, each piece once, separated by spaces. */
KH_MUST_USE kh_status kh_grams_of_fields(kh_buf *out, const char *fields, kh_error *err);
/* The pieces that a field must have to hold the word: `"piece" ` each. A word has no spaces. */
KH_MUST_USE kh_status kh_grams_of_word(kh_buf *out, const char *word, kh_error *err);
/* The same for a whole field that is one group of a person name, its components separated by `^`; wild: with * and ?. Appends nothing
 * when the pattern says too little. */
KH_MUST_USE kh_status kh_grams_of_name(kh_buf *out, const char *pattern, bool wild, kh_error *err);

#endif
