/* asker.h - the asking side, inside the room: who has which worker (seats.c), and what is said to it (ask.c).
 * Lock: codec->lock guards `taken`, `free` and `idle`; a slot that is taken belongs to the thread that took it. */
#ifndef KH_DICOM_CODEC_ASKER_H
#define KH_DICOM_CODEC_ASKER_H

#include <pthread.h>

#include "dicom/codec/channel.h"

typedef struct kh_codec_slot {
    bool taken;     /* lock */
    bool unsettled; /* owner: nobody knows what the worker is doing; ask it before giving it anything */
} kh_codec_slot;

struct kh_codec {
    kh_codec_channels *channels;
    kh_codec_pid_of *pid_of;
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t free; /* lock */
    pthread_cond_t idle; /* lock: a slot is free that nobody has waited for */
    unsigned waiting;    /* lock: threads that wait for a slot */
    kh_codec_slot slots[KH_CODEC_WORKERS_MAX];
    uint64_t sequence;   /* lock */
    int64_t warned_ms;   /* lock */
};

/* A worker for the caller alone. KH_E_BUSY when none came free by the deadline, on the monotonic clock. */
KH_MUST_USE kh_status kh_codec_slot_take(unsigned *out, kh_codec *codec, int64_t deadline_us, kh_error *err);
void kh_codec_slot_give(kh_codec *codec, unsigned index);

#endif
