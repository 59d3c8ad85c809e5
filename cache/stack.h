/* stack.h - the ordered slices of a series, as a reader scrolls them; each slice is one frame of one object.
 * Order: by position along the normal of the commonest orientation, in the direction of the Instance Numbers; slices of other orientations
 * or without a position follow, in groups, by instance number and frame; a series without geometry by instance number. `order` says which
 * it was.
 * A kh_stack is immutable and shared: acquire, release. It is loaded from the index in one query, never from the objects, kept
 * in a bounded cache, and loaded anew when the series has changed. Threads: any. */
#ifndef KH_CACHE_STACK_H
#define KH_CACHE_STACK_H

#include "cache/browse.h"
#include "dicom/frames.h"
#include "dicom/image.h"
#include "dicom/syntax.h"

typedef enum kh_stack_order { KH_ORDER_POSITION, KH_ORDER_INSTANCE, KH_ORDER_MIXED } kh_stack_order;

/* One image object of the stack. */
typedef struct kh_stack_object {
    int64_t object_id;
    char sop_instance_uid[KH_UID_SIZE];
    char transfer_syntax_uid[KH_UID_SIZE];
    int64_t origin_id, file_id; /* the file's name when the stack was loaded; private */
    uint8_t swap_bytes;         /* native samples stand big-endian in units of so many bytes; 0: they do not; private */
    uint64_t content_hash;      /* first 8 bytes of the file's SHA-256: for ETags */
    kh_image_info info;         /* owned by the stack */
    kh_frame_table frames;      /* owned by the stack */
    const uint64_t *checksums;  /* XXH3-64 of each frame's bytes in the file */
    char problem[200];          /* why it cannot be shown, "" when it can; then info and frames may be empty */
} kh_stack_object;

typedef struct kh_stack_slice {
    uint32_t object_index;  /* into objects */
    uint32_t frame;
    double location_mm;     /* along the normal; 0 unless ordered by position */
} kh_stack_slice;

typedef struct kh_stack {
    int64_t series_id, study_id, revision;
    kh_stack_order order;
    bool even_spacing;          /* neighbours lie equally far apart (within 1 % or 0.01 mm) */
    double spacing_mm;          /* median distance of neighbours; 0 when unknown */
    uint32_t object_count, slice_count;
    kh_stack_object *objects;   /* in order of object_id */
    kh_stack_slice *slices;
} kh_stack;

KH_MUST_USE kh_status kh_stack_acquire(const kh_stack **out, kh_cache *cache, int64_t series_id, kh_error *err);
/* The stack as it is in memory when it has the object, even if the series has grown since: objects do not change, so this is
 * enough for a picture, and pictures asked for while a series arrives do not load it again and again. */
KH_MUST_USE kh_status kh_stack_acquire_with(const kh_stack **out, kh_cache *cache, int64_t series_id, int64_t object_id,
                                            kh_error *err);
void kh_stack_release(kh_cache *cache, const kh_stack *stack);
/* How many times smaller lossy compression made the stored picture, as far as can be told: what the header says, else, where the frame as
 * it is stored is a lossy codestream, its bytes against those of the pixels; 0: unknown, or nothing was lost. */
double kh_stack_object_source_ratio(const kh_stack_object *object, uint32_t frame, bool stream_is_lossy);
/* The object with this id, NULL when the stack has none. */
const kh_stack_object *kh_stack_find_object(const kh_stack *stack, int64_t object_id);

#endif
