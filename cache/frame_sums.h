/* frame_sums.h - XXH3-64 of each frame's bytes as they stand in the file. */
#ifndef KH_CACHE_FRAME_SUMS_H
#define KH_CACHE_FRAME_SUMS_H

#include "dicom/frames.h"

/* *out: table->frame_count sums, malloc'ed, the caller's. source is the object; a deflated data set is read from the
 * inflated bytes that dataset holds. KH_E_FORMAT when an extent ends past them, or when frames overlap. */
KH_MUST_USE kh_status kh_frame_sums(uint64_t **out, const kh_frame_table *table, const kh_dataset *dataset,
                                    const kh_source *source, kh_error *err);

#endif
