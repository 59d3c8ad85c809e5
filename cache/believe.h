/* believe.h - where an object's header and its first codestream differ, the codestream is believed: it is what will be decoded. */
#ifndef KH_CACHE_BELIEVE_H
#define KH_CACHE_BELIEVE_H

#include "cache/image_record.h"

/* Rows, Columns and whether the source is lossy, corrected in record->info, with a line in the log. A codestream that cannot be read
 * changes nothing: that shows when it is decoded. source: the object; not for deflated data sets, which hold no codestreams. */
void kh_believe_codestream(kh_image_record *record, const char *transfer_syntax_uid, const kh_source *source);

#endif
