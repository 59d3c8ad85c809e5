/* decoders.h - sandboxed decode workers for a command, which has no supervisor: a process beside it forks them, and forks again those that
 * end; all go when the command does. Start before any thread is made. Threads: start and stop from one. */
#ifndef KH_APP_DECODERS_H
#define KH_APP_DECODERS_H

#include "app/settings.h"
#include "dicom/codec/codec.h"

/* What the settings say of decoding; worker_count is that of commands, one. */
kh_codec_options kh_decoders_options(const kh_settings *settings);

typedef struct kh_decoders kh_decoders;

KH_MUST_USE kh_status kh_decoders_start(kh_decoders **out, const kh_settings *settings, kh_error *err);
kh_codec *kh_decoders_codec(kh_decoders *decoders);
/* NULL is welcome. */
void kh_decoders_stop(kh_decoders *decoders);

#endif
