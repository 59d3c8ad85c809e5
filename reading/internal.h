/* internal.h - what the files of reading/ share. */
#ifndef KH_READING_INTERNAL_H
#define KH_READING_INTERNAL_H

#include "reading/reading.h"
#include "store/sql.h"

typedef kh_status kh_reading_function(kh_reading *reading, kh_sql *sql, void *context, kh_error *err);
/* function in a transaction of its own, which is undone when it fails; one at a time. */
KH_MUST_USE kh_status kh_reading_change(kh_reading *reading, kh_reading_function *function, void *context, kh_error *err);
/* function in a read transaction; several at once. */
KH_MUST_USE kh_status kh_reading_read(kh_reading *reading, kh_reading_function *function, void *context, kh_error *err);
unsigned kh_reading_marks_max(const kh_reading *reading);

#endif
