/* settings.h - a person's settings: one JSON object, of which this room knows nothing. Threads: any. */
#ifndef KH_READING_SETTINGS_H
#define KH_READING_SETTINGS_H

#include "base/buf.h"
#include "reading/reading.h"

#define KH_SETTINGS_BYTES_MAX 32768

/* body is appended to; "{}" and version 0 before any are kept. person_id 0: nobody's, while accounts are off. */
KH_MUST_USE kh_status kh_person_settings_get(kh_reading *reading, int64_t person_id, kh_buf *body, int64_t *version, kh_error *err);
/* body, at most KH_SETTINGS_BYTES_MAX bytes, is the next version after *version, which it replaces. The same body again is KH_OK and
 * changes nothing.
 * KH_E_CONFLICT: another version is kept; KH_E_LIMIT: too large. *version is the one that is kept now, whatever the status. */
KH_MUST_USE kh_status kh_person_settings_set(kh_reading *reading, int64_t person_id, const char *body, int64_t *version, kh_error *err);

#endif
