/* channel.h - what an asker and a worker share, inside the room: a pair of message sockets and a piece of memory.
 *
 * Both ends of every pair are kept by the supervisor, so a channel outlives whoever dies on either side. A request names a
 * codestream that the asker has put into the first half of the shared memory, and what its pixels will be, which the asker has read
 * from the codestream itself; the answer says that the second half now holds them. Nothing else in an answer is believed. Meanwhile the
 * worker may count the pixels that are finished: the asker copies those while the others are made.
 * Answers to requests of an asker that has gone are told by their sequence. */
#ifndef KH_DICOM_CODEC_CHANNEL_H
#define KH_DICOM_CODEC_CHANNEL_H

#include <stdatomic.h>

#include "dicom/codec/codec.h"
#include "dicom/syntax.h"

#define KH_CODEC_WORKERS_MAX 8
#define KH_CODEC_PAGE_BYTES UINT64_C(4096)
#define KH_CODEC_LARGE_BYTES (2u << 20) /* of a frame's pixels: from here on its asker works while it is decoded */

typedef enum kh_codec_message_kind {
    KH_CODEC_PING = 1, /* to the worker: answer, there is nothing to do */
    KH_CODEC_COMING,   /* to the worker: wake up, a request follows in no time. Not answered */
    KH_CODEC_DECODE,   /* to the worker */
    KH_CODEC_DONE,     /* to the asker: of the request with this sequence */
    KH_CODEC_DIED      /* to the asker, by the supervisor: what you have sent will not be answered */
} kh_codec_message_kind;

typedef struct kh_codec_message {
    uint32_t kind;
    uint32_t status;          /* DONE: kh_status */
    uint64_t sequence;
    uint64_t codestream_size; /* DECODE */
    uint64_t pixels_size;     /* DECODE: of the planned frame */
    uint64_t finished;        /* DONE: bytes of the pixels that stand as they were first made, see kh_codec_progress */
    kh_pixel_format format;   /* DECODE: as the header says */
    kh_pixel_format planned;  /* DECODE: as the pixels will be */
    uint32_t halvings;        /* DECODE: of the sides */
    int32_t processor;        /* COMING: that the asker is on */
    char syntax[KH_UID_SIZE]; /* DECODE */
    char text[320];           /* DONE: what went wrong */
} kh_codec_message;

typedef struct kh_codec_channel {
    int asker_fd, worker_fd; /* SOCK_SEQPACKET; -1 when closed */
    int memory_fd;
    uint8_t *memory;         /* frame_bytes_max of codestream, as many of pixels, then a page with the progress */
} kh_codec_channel;

/* In shared memory. The asker sets it to 0 before it asks. */
typedef struct kh_codec_progress {
    _Atomic uint64_t finished;  /* bytes of the pixels from the first on. One that falls says that they are made anew. */
    _Atomic int32_t processor; /* that the worker is on: who shares it must sleep for the worker to run */
} kh_codec_progress;

/* The worker's side of it. Once pixels were taken back no others count as finished before the answer: an asker that has copied the first
 * lines before, and did not look in between, could not tell those that were made anew from its own. */
typedef struct kh_codec_telling {
    kh_codec_progress *progress;
    bool taken_back;
} kh_codec_telling;

/* A kh_decode_listener's (decoder.h), called for every line; telling: a kh_codec_telling. */
void kh_codec_tell(void *telling, size_t bytes);

struct kh_codec_channels {
    kh_codec_options options;
    kh_codec_channel channels[KH_CODEC_WORKERS_MAX];
};

static inline size_t kh_codec_area_bytes(const kh_codec_channels *channels)
{
    return 2 * (size_t)channels->options.frame_bytes_max + KH_CODEC_PAGE_BYTES;
}

static inline uint8_t *kh_codec_area_pixels(const kh_codec_channels *channels, unsigned index)
{
    return channels->channels[index].memory + channels->options.frame_bytes_max;
}

static inline kh_codec_progress *kh_codec_area_progress(const kh_codec_channels *channels, unsigned index)
{
    return (kh_codec_progress *)(void *)(channels->channels[index].memory + 2 * channels->options.frame_bytes_max);
}

/* sandbox.h of the worker: limits and system call filter. Returns KH_OK with the door closed. */
KH_MUST_USE kh_status kh_sandbox_enter(int keep_fd, uint64_t address_space_bytes, kh_error *err);

#endif
