/* role_parts.h - what the files of the roles share: role_bridge.c, roles.c (web, decoders), service.c, which makes what they inherit.
 * Threads: each in its own process, before it has others. */
#ifndef KH_APP_ROLE_PARTS_H
#define KH_APP_ROLE_PARTS_H

#include "app/roles.h"

/* Between two looks for an index that the bridge is still making. */
#define KH_INDEX_LOOK_MS 20

/* Closed once; -1 from then on. */
void kh_role_close(int *fd);
/* In this process only. */
void kh_role_drop_channels(kh_codec_channels **channels);
/* Logs why; the exit status. */
int kh_role_failed(const char *what, const kh_error *err);
/* Wait for SIGTERM, at most timeout_ms (-1: no limit). */
bool kh_role_told_to_stop(int64_t timeout_ms);

/* Of kh_role: context is the kh_service. */
int kh_run_bridge(void *context, unsigned index, const kh_role_life *life);
int kh_run_web(void *context, unsigned index, const kh_role_life *life);
int kh_run_decode(void *context, unsigned index, const kh_role_life *life);
int kh_run_transcode(void *context, unsigned index, const kh_role_life *life);
void kh_decode_ended(void *context, unsigned index);
void kh_transcode_ended(void *context, unsigned index);

#endif
