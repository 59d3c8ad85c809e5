/* use.h - which studies are looked at, so that the least recently used go first when room is needed. Coarse and bounded: a process notes
 * a series at most once in half a minute, in a ring of the shared page; the owner takes the notes out every few seconds and writes them
 * in one transaction. More than KH_PAGE_USES series in that time: the oldest notes are lost. Threads and processes: any. */
#ifndef KH_CACHE_USE_H
#define KH_CACHE_USE_H

#include "cache/cache.h"

/* Costs two loads when it was noted lately. */
void kh_use_note(kh_cache *cache, int64_t series_id);
/* The study was used up to so many milliseconds after it was noted to be: add them before calling it idle. */
#define KH_USE_COARSE_MS 45000
/* Owner only. */
KH_MUST_USE kh_status kh_use_write(kh_cache *cache, kh_error *err);

#endif
