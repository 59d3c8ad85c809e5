/* words.h - passwords nobody may take: a list of common ones, what is made of them, and words of the person's own. Inside this room.
 * Threads: any, once loaded. */
#ifndef KH_ACCESS_WORDS_H
#define KH_ACCESS_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"

typedef struct kh_words kh_words;

/* One a line, lines of "#!" left out; at most 64 MiB. path "": none. KH_E_NOT_FOUND and others as the file has it. */
KH_MUST_USE kh_status kh_words_load(kh_words **out, const char *path, kh_error *err);
void kh_words_free(kh_words *words);
size_t kh_words_count(const kh_words *words);
/* Stands there, in whatever case, with digits and signs put behind, or said several times; or is one character over and over, or a row of
 * the keyboard, the digits or the alphabet. */
bool kh_words_common(const kh_words *words, const char *password);
/* Holds one of the words (of four letters or more) and little besides. */
bool kh_words_of_context(const char *const *context, size_t count, const char *password);

#endif
