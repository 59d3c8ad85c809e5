/* frames_internal.h - what the files that answer with frames share (PS3.18 10.4.1.1.6). */
#ifndef KH_DICOMWEB_FRAMES_INTERNAL_H
#define KH_DICOMWEB_FRAMES_INTERNAL_H

#include "cache/frames.h"
#include "viewer/dicomweb/frame_list.h"
#include "viewer/dicomweb/retrieve.h"

/* One answer. */
struct kh_frames {
    kh_dicomweb *dicomweb;
    kh_retrieve_uids uids;
    char address[KH_DICOMWEB_ADDRESS_SIZE];
    const kh_stack *stack;
    const kh_stack_object *object;
    bool all;     /* numbers are 1 to count */
    bool bulk;    /* asked for as the value of Pixel Data */
    bool joined;  /* native frames one after the other as one part */
    size_t count;
    uint32_t numbers[KH_FRAME_LIST_MAX];
    kh_offer offer;
    kh_multipart multipart;
    size_t index; /* while it goes out */
    bool parts_only; /* of an answer of several: no form without multipart */
};

/* The bytes of one frame. */
typedef struct kh_held_frame {
    kh_cache *cache;
    kh_frame native;
    kh_stored_frame stored;
    const void *bytes;
    size_t size;
    kh_frames *owner; /* of an answer of this frame alone; NULL: none */
    size_t head_size, tail_size;
    char head[KH_MULTIPART_HEAD_SIZE], tail[KH_MULTIPART_HEAD_SIZE];
} kh_held_frame;

bool kh_frames_are_native(const kh_frames *f);
/* Of the index-th of the answer, from 1. */
uint32_t kh_frames_number_at(const kh_frames *f, size_t index);
/* KH_E_UNSUPPORTED, KH_E_NOT_FOUND; f->count is set of all. */
KH_MUST_USE kh_status kh_frames_check_numbers(kh_frames *f, kh_error *err);
/* The form in which they are given; false: none that is taken. */
bool kh_frames_choose(kh_frames *f, const kh_accept *accept);
/* Of part number `part` of the answer. */
size_t kh_frames_part_head(const kh_frames *f, size_t part, size_t index, size_t size, char out[KH_MULTIPART_HEAD_SIZE]);
/* Native samples are kept decoded, as those of pictures are: who scrolls asks for them again. */
KH_MUST_USE kh_status kh_held_frame_make(kh_held_frame **out, const kh_frames *f, size_t index, kh_error *err);
/* A kh_held_frame, and the answer that it owns. */
void kh_held_frame_free(void *held);

#endif
