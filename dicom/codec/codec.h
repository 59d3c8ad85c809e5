/* codec.h - compressed frames to native ones. Every codestream passes the gates (gate.h) and is then decoded in a sandboxed
 * worker process, never here: a hostile stream costs one worker. Threads: any; one frame per worker at a time, others wait
 * their turn up to the deadline. */
#ifndef KH_DICOM_CODEC_CODEC_H
#define KH_DICOM_CODEC_CODEC_H

#include "dicom/image.h"

typedef struct kh_codec kh_codec;           /* the asking side, in the web role */
typedef struct kh_codec_channels kh_codec_channels; /* sockets and shared memory between the askers and the workers */

typedef struct kh_codec_options {
    unsigned worker_count;        /* 1 to 8 */
    uint64_t frame_bytes_max;     /* largest codestream and largest decoded frame, each */
    uint64_t address_space_bytes; /* of a worker */
    int64_t deadline_base_ms;     /* plus 1 us per pixel */
} kh_codec_options;
/* 2 workers, 256 MiB, 1 GiB, 500 ms. */
extern const kh_codec_options kh_codec_options_default;

/* Before any fork: the supervisor makes the channels, every role inherits them. */
KH_MUST_USE kh_status kh_codec_channels_create(kh_codec_channels **out, const kh_codec_options *options, kh_error *err);
void kh_codec_channels_free(kh_codec_channels *channels);
/* The body of worker number `index`, in a process of its own: closes the door (limits, seccomp), then serves until its socket
 * closes. Returns only on the way out. */
void kh_codec_worker_run(kh_codec_channels *channels, unsigned index);
/* The supervisor saw worker `index` end: whoever waits for it is told at once. Call before the next one is started. */
void kh_codec_worker_ended(kh_codec_channels *channels, unsigned index);

/* The asking side. pid_of gives the worker's process id so that one past its deadline can be killed; 0 when it is not running. */
typedef int32_t kh_codec_pid_of(void *context, unsigned index);
KH_MUST_USE kh_status kh_codec_create(kh_codec **out, kh_codec_channels *channels, kh_codec_pid_of *pid_of, void *context,
                                      kh_error *err);
void kh_codec_free(kh_codec *codec);

/* Can frames of this transfer syntax be decoded at all? Native ones are not a codec's business: false. */
bool kh_codec_supports(const char *transfer_syntax_uid);

/* Decode one frame's codestream. *format comes in as the header says and leaves as the pixels are (RGB instead of YBR, by pixel
 * instead of planes; deflated frames keep the header's form). *pixels is malloc'ed, the caller's. KH_E_UNSUPPORTED,
 * KH_E_FORMAT, KH_E_LIMIT, KH_E_MEMORY, KH_E_TIMEOUT, KH_E_BUSY; a codestream on which a worker died twice is
 * KH_E_FORMAT. */
KH_MUST_USE kh_status kh_codec_decode(uint8_t **pixels, size_t *size, kh_codec *codec, const char *transfer_syntax_uid,
                                      kh_pixel_format *format, const void *codestream, size_t codestream_size, kh_error *err);

/* The right to one worker, for work that nobody waits for: given only while at least two are idle and no asker waits, so that one
 * stays free for whoever comes next. Waits up to wait_ms for that; false when it did not come, and always with one worker. */
KH_MUST_USE bool kh_codec_seat_take(unsigned *seat, kh_codec *codec, int64_t wait_ms);
void kh_codec_seat_give(kh_codec *codec, unsigned seat);

/* The same for those who can wait longer than a browser would: workers that are busy with others' frames come free. context is the
 * kh_codec; as kh_recode (dicom/recode.h) calls it. */
KH_MUST_USE kh_status kh_codec_decode_patiently(void *context, uint8_t **pixels, size_t *size, const char *transfer_syntax_uid,
                                                kh_pixel_format *format, const void *codestream, size_t codestream_size, kh_error *err);

/* Told of pixels while others are still decoded, on the asker's own thread. Of `size` bytes of pixels in *format the first `finished` have
 * come, more with each call: they are where they stay if decoding succeeds, and change no more. finished 0 takes them back: others may
 * be made, and are told of from the first on, or come with the end. Nothing is known to be good before that. */
typedef struct kh_codec_listener {
    void (*told)(void *context, const kh_pixel_format *format, const uint8_t *pixels, size_t size, size_t finished);
    void *context;
} kh_codec_listener;

typedef struct kh_codec_how {
    unsigned halvings;    /* sides are ceil(n / 2^halvings); at most what kh_codec_halvings() says */
    const unsigned *seat; /* decode on this worker; NULL: on the next free one */
    const kh_codec_listener *listener; /* NULL: nobody is told */
    size_t lead;          /* bytes for the caller in front of the pixels: *pixels is the address of these, *size does not count them */
} kh_codec_how;

/* kh_codec_decode() in another way than the usual one. *format leaves with the smaller sides. */
KH_MUST_USE kh_status kh_codec_decode_as(uint8_t **pixels, size_t *size, kh_codec *codec, const char *transfer_syntax_uid,
                                         kh_pixel_format *format, const void *codestream, size_t codestream_size,
                                         const kh_codec_how *how, kh_error *err);
/* For a picture whose sides are those of the frame halved `wanted` times, made by area average of what is decoded: how often the
 * decoder may halve them at less work than decoding all. JPEG 2000 and HTJ2K by leaving out resolutions, once less than wanted
 * (jpeg_2000.c says why); baseline JPEG by smaller inverse transforms (1/8 is the mean of each block). 0: it cannot, or averages of
 * the stored values would not be what the frame means. */
unsigned kh_codec_halvings(const char *transfer_syntax_uid, const kh_pixel_format *format, const void *codestream,
                           size_t codestream_size, unsigned wanted);

/* The same in this very process, without a sandbox: for workers, tests and fuzzing. */
KH_MUST_USE kh_status kh_codec_decode_here(uint8_t *pixels, size_t size, const char *transfer_syntax_uid,
                                           kh_pixel_format *format, const void *codestream, size_t codestream_size,
                                           kh_error *err);
KH_MUST_USE kh_status kh_codec_decode_reduced_here(uint8_t *pixels, size_t size, const char *transfer_syntax_uid,
                                                   kh_pixel_format *format, const void *codestream, size_t codestream_size,
                                                   unsigned halvings, kh_error *err);

#endif
