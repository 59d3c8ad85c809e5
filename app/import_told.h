/* import_told.h - what `kakehashi import` brings, told to the record of access: that it begins, and a record for each study.
 * Threads: one at a time. Limits: KH_IMPORT_STUDIES studies are counted; one more, and those counted are told before it. */
#ifndef KH_APP_IMPORT_TOLD_H
#define KH_APP_IMPORT_TOLD_H

#include <stddef.h>
#include "app/session.h"

#define KH_IMPORT_STUDIES 256

typedef struct kh_import_told {
    kh_session *session;  /* borrowed, as facility */
    const char *facility;
    size_t count;
    struct { int64_t study_id, taken, refused; } studies[KH_IMPORT_STUDIES]; /* study_id 0: of none, refused */
} kh_import_told;

/* Durable: nothing is taken in that cannot be recorded. */
KH_MUST_USE kh_status kh_import_told_begin(kh_import_told *told, kh_session *session, const char *facility, kh_error *err);
/* One file; study_id 0: refused. */
KH_MUST_USE kh_status kh_import_told_count(kh_import_told *told, int64_t study_id, kh_error *err);
KH_MUST_USE kh_status kh_import_told_end(kh_import_told *told, kh_error *err);

#endif
