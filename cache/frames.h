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
/* The same frame with its sides halved up to halvings_max times (rounded up), for a small picture: smaller where the codec can
 * make it so at less work, else whole. The whole frame is given when it is here already; a smaller one never stands in for it. */
KH_MUST_USE kh_status kh_frame_acquire_reduced(kh_frame *out, kh_cache *cache, const kh_stack_object *object, uint32_t frame,
                                               unsigned halvings_max, kh_codec *codec, kh_error *err);
/* The same, and when the frame has to be decoded here for it the listener (NULL: nobody) is told of its pixels as they come: those of the
 * frame that is given then, at the same place. */
KH_MUST_USE kh_status kh_frame_acquire_coming(kh_frame *out, kh_cache *cache, const kh_stack_object *object, uint32_t frame,
                                              unsigned halvings_max, kh_codec *codec, const kh_codec_listener *listener, kh_error *err);
void kh_frame_release(kh_cache *cache, kh_frame *frame);

/* The frame as it came in, its checksum compared: a codestream, or native samples in the file's own byte order. */
typedef struct kh_stored_frame {
    const uint8_t *bytes; /* borrowed until release */
    size_t size;
    void *block; /* private */
} kh_stored_frame;
KH_MUST_USE kh_status kh_stored_frame_read(kh_stored_frame *out, kh_cache *cache, const kh_stack_object *object, uint32_t frame,
                                           kh_error *err);
void kh_stored_frame_release(kh_stored_frame *frame);

/* Looking ahead (viewer/tiles/ahead.h). Does the frame need a decoder? */
bool kh_frame_is_compressed(const kh_stack_object *object);
/* Is it here, or being decoded? */
bool kh_frame_is_known(kh_cache *cache, int64_t object_id, uint32_t frame);
/* Decode it on a worker that the caller has a seat on (codec.h), for later. *bytes: what it takes in the cache. Who asks for it meanwhile
 * waits for this very decoding and hears how it ended. */
KH_MUST_USE kh_status kh_frame_decode_ahead(uint64_t *bytes, kh_cache *cache, const kh_stack_object *object, uint32_t frame,
                                            kh_codec *codec, unsigned seat, kh_error *err);
/* Forget it, unless somebody holds it. */
void kh_frame_forget(kh_cache *cache, int64_t object_id, uint32_t frame);
void kh_frames_get_stats(kh_cache *cache, kh_blobcache_stats *out);

#endif
