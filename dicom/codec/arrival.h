/* arrival.h - the asking side, inside the room: the pixels of a frame come over from shared memory while the worker makes the rest.
 * Threads: the asker's own. Errors: none. */
#ifndef KH_DICOM_CODEC_ARRIVAL_H
#define KH_DICOM_CODEC_ARRIVAL_H

#include "dicom/codec/channel.h"

typedef struct kh_codec_arrival {
    const kh_codec_progress *progress; /* in shared memory, as are: */
    uint8_t *area;                     /* the pixels as the worker makes them, size bytes */
    uint8_t *room;                     /* the caller's own memory for them, behind lead bytes of his */
    size_t lead, size;
    const kh_pixel_format *format;     /* of the pixels */
    const kh_codec_listener *listener; /* NULL: nobody is told */
    size_t copied;                     /* bytes of size */
    size_t prepared;                   /* bytes of the room whose memory is there */
    bool told;                         /* the listener, of some that were not taken back */
    int64_t sent_us, looked_us, awake_until_us; /* on the monotonic clock */
} kh_codec_arrival;

/* Before the request goes out: nothing has come yet. */
void kh_codec_arrival_begin(kh_codec_arrival *arrival);
/* While nothing else is to be done: a piece of a large frame's memory. False when there is none left to prepare. */
bool kh_codec_arrival_prepare(kh_codec_arrival *arrival);
/* Copy what is finished by now. */
void kh_codec_arrival_look(kh_codec_arrival *arrival);
/* How long to sleep until the next look; 0: the answer is due. */
int64_t kh_codec_arrival_pause_us(kh_codec_arrival *arrival, int64_t now_us);
/* All is there; finished as the answer says. */
void kh_codec_arrival_end(kh_codec_arrival *arrival, uint64_t finished);
/* Nothing will be: what has come is taken back, and the room freed. */
void kh_codec_arrival_fail(kh_codec_arrival *arrival);

#endif
