/* ahead.h - compressed frames decoded before their reader asks for them.
 * Every request that says who reads (an opaque number, made by the page) is noted. From a reader's last two slices of a series the
 * direction of scrolling is seen, and the frames it leads to are decoded into the cache of decoded frames, on a thread of our own:
 * first KH_AHEAD_FIRST slices in the direction, then outward on both sides; both sides from the start after a jump of more than
 * KH_AHEAD_JUMP slices. Several readers take turns, the nearest slices first, and share the budget.
 *
 * Nobody waits for this work: it uses a decode worker only while another one stays idle (kh_codec_seat_take()), and a reader who asks for
 * the frame in hand waits for that very decoding. What was decoded ahead and not yet asked for stays within bytes_max; keep that at half
 * of the frame cache or less, so that what was read last is not evicted for it. Frames that fail are not tried again ahead (one
 * failure ends the reader's plan until the next request); a decoder's death is a death as any other, so both tries are spent on
 * it, and who asks for the frame by then starts with two of their own.
 * Threads: any. Lock: one, held for no I/O and no decoding. */
#ifndef KH_VIEWER_TILES_AHEAD_H
#define KH_VIEWER_TILES_AHEAD_H

#include "cache/frames.h"

#define KH_AHEAD_FIRST 16
#define KH_AHEAD_JUMP 8
#define KH_AHEAD_STEPS 64        /* slices looked at per reader */
#define KH_AHEAD_READERS_MAX 16  /* at once; the one who has been still the longest gives way */
#define KH_AHEAD_LEFT_MS 30000   /* a reader who asked for nothing so long has left */

typedef struct kh_ahead kh_ahead;

/* What the work is done with; context is handed to each. */
typedef struct kh_ahead_means {
    bool (*is_compressed)(void *context, const kh_stack_object *object);
    bool (*is_known)(void *context, int64_t object_id, uint32_t frame);
    /* KH_E_BUSY: not now. */
    kh_status (*decode)(void *context, uint64_t *bytes, const kh_stack_object *object, uint32_t frame, kh_error *err);
    void (*forget)(void *context, int64_t object_id, uint32_t frame);
    int64_t (*now_ms)(void *context); /* a clock that only goes forward */
    void *context;
} kh_ahead_means;

/* means NULL: frames of cache on idle workers of codec. */
KH_MUST_USE kh_status kh_ahead_create(kh_ahead **out, kh_cache *cache, kh_codec *codec, uint64_t bytes_max, const kh_ahead_means *means,
                                      kh_error *err);
/* Ends after the frame in hand. NULL is welcome. */
void kh_ahead_free(kh_ahead *ahead);
/* A reader asks for this frame. Never waits. ahead NULL: nothing happens. */
void kh_ahead_note(kh_ahead *ahead, uint64_t reader_id, int64_t series_id, int64_t object_id, uint32_t frame);

/* The slice of step 0, 1, ... of a plan, from position on in a stack of count slices; direction 1, -1 or 0 when not known. false: that step
 * leads past an end. */
bool kh_ahead_slice(uint32_t *out, unsigned step, uint32_t position, int direction, uint32_t count);

typedef struct kh_ahead_stats {
    uint64_t decoded;
    uint64_t used;   /* of those: asked for later */
    uint64_t thrown; /* of those: given up unused, to make room */
    uint64_t bytes;  /* decoded ahead, not yet asked for */
} kh_ahead_stats;
/* ahead NULL: zeros. */
void kh_ahead_get_stats(kh_ahead *ahead, kh_ahead_stats *out);

#endif
