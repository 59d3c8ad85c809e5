/* door.h - from [http] of the settings to the server's door: certificates, names, proxies.
 * Threads: one at a time; kh_door_look() by one, beside the server. */
#ifndef KH_APP_DOOR_H
#define KH_APP_DOOR_H

#include "app/settings.h"
#include "viewer/http/http.h"

/* Is [http] address one of this machine only? */
bool kh_door_is_local(const kh_settings *settings);
/* Can the certificates be used? Told before anything is started. */
KH_MUST_USE kh_status kh_door_check(const kh_settings *settings, kh_error *err);
/* Borrows from settings. */
KH_MUST_USE kh_status kh_door_open(kh_http_door *out, const kh_settings *settings, kh_error *err);
void kh_door_close(kh_http_door *door);
/* Have the files changed (or now: whether or not)? */
void kh_door_look(const kh_http_door *door, bool now);

#endif
