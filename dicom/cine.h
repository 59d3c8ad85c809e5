/* cine.h - how the frames of a multi-frame image are meant to be played (PS3.3 C.7.6.5). Plain values.
 * Threads: pure functions. Errors: only memory; what an object tells wrongly is as if it told nothing. */
#ifndef KH_DICOM_CINE_H
#define KH_DICOM_CINE_H

#include <stdbool.h>
#include <stdint.h>
#include "dicom/dataset.h"

enum { KH_FRAME_TIMES_MAX = 4096 }; /* frames of a vector that is kept value by value; a longer one is its mean */

#define KH_FRAME_TIME_MAX_MS 60000.0 /* longer than a frame is shown anywhere */

/* As numbers stand in (0018,1244), each plus one. */
typedef enum kh_playback { KH_PLAYBACK_NOT_TOLD, KH_PLAYBACK_LOOP, KH_PLAYBACK_SWING } kh_playback;

typedef struct kh_cine {
    double frame_time_ms;      /* from a frame to the next, of a vector the mean; 0 when not told */
    uint32_t frame_time_count; /* the number of frames when their times differ, else 0 */
    double *frame_times_ms;    /* owned: what passes between the frame before and each frame, of the first 0 (C.7.6.5.1.2) */
    uint32_t trim_first, trim_last; /* frames that are worth showing, 1 to the number of frames; 0 and 0 when not told */
    kh_playback playback;
} kh_cine;

/* Frame Time Vector first, where it is whole; then what the sender recommends for display, the frame time, the cine rate. */
KH_MUST_USE kh_status kh_cine_read(kh_cine *out, const kh_item *item, uint32_t frame_count, kh_error *err);
void kh_cine_release(kh_cine *cine);
/* How long a frame is on the screen before the next; of the last one of a vector the mean. 0 when not told. */
double kh_cine_frame_ms(const kh_cine *cine, uint32_t frame);

#endif
