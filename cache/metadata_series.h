/* metadata_series.h - the objects of a series, and which of them are prepared. Not for other rooms. */
#ifndef KH_CACHE_METADATA_SERIES_H
#define KH_CACHE_METADATA_SERIES_H

#include "cache/metadata_file.h"
#include "cache/metadata_make.h"

typedef struct kh_metadata_series_list {
    int64_t series_id, study_id, revision;
    uint64_t outgoing; /* a sum of the corrected values that the study's objects leave with; 0: none */
    kh_buf objects;    /* kh_metadata_of each, by instance number, then id; file_id 0: it is at its hospital */
    size_t count;
} kh_metadata_series_list;

/* object_id 0: all. KH_E_NOT_FOUND without such a series. Release in every case. */
KH_MUST_USE kh_status kh_metadata_list_fill(kh_metadata_series_list *out, kh_cache *cache, int64_t series_id, int64_t object_id,
                                            kh_error *err);
void kh_metadata_list_release(kh_metadata_series_list *list);
/* The entry of the object that still holds, or NULL. */
const kh_metadata_entry *kh_metadata_prepared(const kh_metadata_file *file, const kh_metadata_series_list *list, const kh_metadata_of *of);

#endif
