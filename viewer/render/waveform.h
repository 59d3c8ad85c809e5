/* waveform.h - an electrocardiogram, or another waveform, drawn as on paper: 25 mm a second, 10 mm a millivolt, on a grid of 1 and 5 mm, as
 * an SVG whose unit is the millimetre. Nothing in it runs, loads or refers. Pure; threads: any. */
#ifndef KH_VIEWER_RENDER_WAVEFORM_H
#define KH_VIEWER_RENDER_WAVEFORM_H

#include "base/buf.h"

#define KH_WAVEFORM_CHANNELS_MAX 64
#define KH_WAVEFORM_SAMPLES_MAX (8u << 20) /* of all channels together */
#define KH_WAVEFORM_SECONDS_MAX 60.0       /* what is longer is drawn so far, and said to go on */

typedef struct kh_waveform_channel {
    char label[64];      /* UTF-8 */
    char unit[17];       /* of the values; "mV" is drawn to scale, others as high as their row */
    double factor, baseline; /* value = sample * factor + baseline, in unit */
} kh_waveform_channel;

typedef struct kh_waveform {
    double frequency; /* samples a second, above 0 */
    uint32_t channel_count, sample_count; /* samples of each channel */
    const int32_t *samples; /* channel_count of each instant together (PS3.3 C.10.9.1.4.4) */
    kh_waveform_channel channels[KH_WAVEFORM_CHANNELS_MAX];
} kh_waveform;

/* Appends the SVG. KH_E_ARG when a number above is out of its range. */
KH_MUST_USE kh_status kh_waveform_svg(kh_buf *out, const kh_waveform *waveform, kh_error *err);

#endif
