/* ahead_internal.h - what the files of looking ahead share: ahead.c plans and runs the thread, ahead_readers.c knows who reads where,
 * ahead_frames.c what was decoded and not yet asked for. All of it but the notes is the thread's own. */
#ifndef KH_VIEWER_TILES_AHEAD_INTERNAL_H
#define KH_VIEWER_TILES_AHEAD_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include "viewer/tiles/ahead.h"

#define KH_AHEAD_NOTES_MAX 64
#define KH_AHEAD_FRAMES_MAX (KH_AHEAD_READERS_MAX * KH_AHEAD_STEPS) /* all that all plans can name */

typedef struct kh_ahead_spot {
    uint64_t reader;
    int64_t series_id, object_id;
    uint32_t frame;
} kh_ahead_spot;

typedef struct kh_ahead_reader {
    kh_ahead_spot last;
    uint32_t position; /* in the stack as it was then */
    int direction;
    int64_t seen_ms;
    bool stopped;      /* a frame of its plan failed */
} kh_ahead_reader;

typedef struct kh_ahead_decoded {
    int64_t object_id;
    uint32_t frame;
    bool wanted; /* by a plan, in the pass under way */
    uint64_t bytes;
} kh_ahead_decoded;

typedef struct kh_ahead_failure {
    int64_t object_id;
    uint32_t frame;
} kh_ahead_failure;

struct kh_ahead {
    kh_cache *cache;
    kh_codec *codec;
    kh_ahead_means means;
    uint64_t bytes_max;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the notes and stopping */
    pthread_cond_t changed;
    kh_ahead_spot notes[KH_AHEAD_NOTES_MAX]; /* a ring; the oldest give way */
    unsigned note_first, note_count;
    bool stopping;
    atomic_ullong decoded_count, used, thrown, bytes;
    /* the thread's own */
    kh_ahead_reader readers[KH_AHEAD_READERS_MAX];
    unsigned reader_count;
    kh_ahead_decoded waiting[KH_AHEAD_FRAMES_MAX]; /* decoded, not yet asked for; the oldest first */
    unsigned waiting_count;
    kh_ahead_failure failures[KH_AHEAD_FRAMES_MAX]; /* a ring */
    unsigned failure_next, failure_count;
};

/* Forgets who has been still for longer than KH_AHEAD_LEFT_MS. */
void kh_ahead_drop_those_who_left(kh_ahead *ahead, int64_t now_ms);
/* The reader is at the note's frame of the stack. */
void kh_ahead_move_reader(kh_ahead *ahead, const kh_ahead_spot *n, const kh_stack *stack, int64_t now_ms);

/* NULL when it is not among them. */
kh_ahead_decoded *kh_ahead_find_decoded(kh_ahead *ahead, int64_t object_id, uint32_t frame);
/* counter: used or thrown. */
void kh_ahead_remove_decoded(kh_ahead *ahead, kh_ahead_decoded *d, atomic_ullong *counter);
bool kh_ahead_has_failed(const kh_ahead *ahead, int64_t object_id, uint32_t frame);
void kh_ahead_remember_failure(kh_ahead *ahead, int64_t object_id, uint32_t frame);
/* Give up frames that no plan names any more, the oldest first, until one of `bytes` fits. */
bool kh_ahead_make_room(kh_ahead *ahead, uint64_t bytes);

#endif
