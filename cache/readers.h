/* readers.h - a bounded set of reading connections to the index, opened when first wanted. Threads: any. */
#ifndef KH_CACHE_READERS_H
#define KH_CACHE_READERS_H

#include "store/sql.h"

typedef struct kh_readers kh_readers;

/* Opens the first one, so that a missing or foreign file is told here. most: 1 to 64. */
KH_MUST_USE kh_status kh_readers_create(kh_readers **out, const char *path, unsigned most, kh_error *err);
/* None may be lent out. */
void kh_readers_free(kh_readers *readers);
/* A connection inside a read transaction, for this thread until given back; KH_E_BUSY when none comes free within 5 s. */
KH_MUST_USE kh_status kh_reader_acquire(kh_sql **out, kh_readers *readers, kh_error *err);
/* NULL is welcome. */
void kh_reader_release(kh_readers *readers, kh_sql *sql);

#endif
