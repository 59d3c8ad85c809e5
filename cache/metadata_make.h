/* metadata_make.h - a piece of metadata.h made from an object's file. A maker belongs to one thread at a time. */
#ifndef KH_CACHE_METADATA_MAKE_H
#define KH_CACHE_METADATA_MAKE_H

#include <zlib.h>
#include "base/buf.h"
#include "cache/metadata.h"

/* Whose object it is: what its addresses and its corrected values come from. */
typedef struct kh_metadata_of {
    int64_t study_id, object_id, file_id, origin_id;
    char study_uid[65], series_uid[65], instance_uid[65];
} kh_metadata_of;

typedef struct kh_metadata_maker {
    kh_cache *cache;
    z_stream deflater;
    bool started;
    kh_buf plain;   /* the JSON */
    kh_buf offsets; /* size_t each: where base belongs in it */
    kh_buf bytes;   /* compressed */
    kh_buf parts;   /* kh_metadata_part each */
    kh_metadata made;
} kh_metadata_maker;

KH_MUST_USE kh_status kh_metadata_maker_init(kh_metadata_maker *maker, kh_cache *cache, kh_error *err);
void kh_metadata_maker_release(kh_metadata_maker *maker);
/* *out is borrowed until the next call. KH_E_BUSY when the object is at its hospital. */
KH_MUST_USE kh_status kh_metadata_make(const kh_metadata **out, kh_metadata_maker *maker, const kh_metadata_of *of, kh_error *err);

#endif
