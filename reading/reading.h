/* reading.h - reading.db: what readers leave behind, marks on pictures (marks.h) and settings (settings.h). Beside the index in the data
 * folder. One process owns it, the web role, and has the one connection that writes; whoever opens it beside that reads only (check.h). It
 * is opened when it is first asked for, and again a second after that has failed: that it cannot be opened keeps nobody from reading
 * images.
 * Threads: any; changes one at a time. What is answered with KH_OK is on the disk (WAL, synchronous FULL). Times are wall clock. */
#ifndef KH_READING_READING_H
#define KH_READING_READING_H

#include "base/error.h"

#define KH_READING_MARKS_MAX 2000    /* of a study, unless told otherwise */
#define KH_READING_VERSIONS_MAX 1000 /* of a mark */
#define KH_READING_DELETED_FOLD 4    /* deleted marks are kept: of a study so many times as many marks as may stand */

typedef struct kh_reading kh_reading;

typedef struct kh_reading_options {
    const char *dir;    /* data folder, which is there; copied */
    unsigned marks_max; /* marks that stand on one study; 0: KH_READING_MARKS_MAX */
} kh_reading_options;

/* Only memory can be short. */
KH_MUST_USE kh_status kh_reading_open(kh_reading **out, const kh_reading_options *options, kh_error *err);
/* NULL is welcome. */
void kh_reading_close(kh_reading *reading);

#endif
