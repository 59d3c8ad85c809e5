/* record_frames.h - the frame table and the checksums of an image record; offset and stride when the table is regular. */
#ifndef KH_CACHE_RECORD_FRAMES_H
#define KH_CACHE_RECORD_FRAMES_H

#include "cache/image_record.h"
#include "cache/record_wire.h"

void kh_record_put_frames(kh_record_sink *s, const kh_image_record *record);
/* record->info has been read. */
void kh_record_get_frames(kh_record_cursor *c, kh_image_record *record);

#endif
