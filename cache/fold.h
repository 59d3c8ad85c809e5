/* fold.h - text as it is searched: one spelling for what people take for the same letters. Lower case of Latin, Greek and
 * Cyrillic, half width for full-width ASCII, full-width hiragana for katakana of either width, `^` and `=` of person names as
 * spaces, runs of spaces as one. Pure functions. */
#ifndef KH_CACHE_FOLD_H
#define KH_CACHE_FOLD_H

#include "base/buf.h"

/* Append the folded form of UTF-8 text. */
KH_MUST_USE kh_status kh_fold_append(kh_buf *out, const char *text, kh_error *err);

/* The same of one group of a person name, component by component, so that `^` stays; empty components at the end do not count (PS3.5
 * 6.2.1.1). */
#define KH_FOLD_COMPONENT_MAX 1024
KH_MUST_USE kh_status kh_fold_name_group(kh_buf *out, const char *group, size_t size, kh_error *err);

#endif
