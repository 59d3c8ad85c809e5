/* frames.h - decoded frames, LRU by bytes, one load per frame however many ask.
 * A frame is read with pread at its offset, its checksum compared, decoded only when compressed (dicom/codec); what is kept is
 * native little-endian samples as info.format says. Threads: any. */
#ifndef KH_CACHE_FRAMES_H
#define KH_CACHE_FRAMES_H

#include "base/blobcache.h"
#include "cache/stack.h"
#include "dicom/codec/codec.h"

typedef struct kh_frame {
    const uint8_t *pixels;   /* borrowed until release */
    size_t size;
    kh_pixel_format format;  /* of the pixels as they are now: the codestream may have changed photometric and planar */
    const kh_blob *blob;     /* private */
} kh_frame;

/* KH_E_CORRUPT when the bytes are not those that came in; KH_E_UNSUPPORTED when no codec takes them; KH_E_TIMEOUT and
 * KH_E_LIMIT from the decoder. codec may be NULL: then compressed frames are KH_E_UNSUPPORTED. */
KH_MUST_USE kh_status kh_frame_acquire(kh_frame *out, kh_cache *cache, const kh_stack_object *object, uint32_t frame,
                                       kh_codec *codec, kh_error *err);
void kh_frame_release(kh_cache *cache, kh_frame *frame);
void kh_frames_get_stats(kh_cache *cache, kh_blobcache_stats *out);

#endif
