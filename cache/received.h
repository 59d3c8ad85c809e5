/* received.h - how much came in, by hour and by whom: counted in the transaction that takes an object, so that it is as durable as the
 * object. What came again and was known is not counted; what came back after it had been evicted is. Hours are of the wall clock, from
 * 1970-01-01 UTC. Limits: KH_RECEIVED_HOURS_KEPT hours. */
#ifndef KH_CACHE_RECEIVED_H
#define KH_CACHE_RECEIVED_H

#include "cache/cache.h"
#include "cache/committer.h"

#define KH_RECEIVED_HOURS_KEPT 336
#define KH_RECEIVED_HOUR_MS 3600000

/* In the writer thread: one object of so many bytes, with the number of where it came from. */
KH_MUST_USE kh_status kh_received_count(kh_write *write, int64_t origin_id, int64_t bytes, kh_error *err);

typedef struct kh_received {
    int64_t hour;    /* since 1970-01-01 UTC */
    char source[65]; /* name of the node, or "import" */
    int64_t objects, bytes;
} kh_received;

typedef kh_status kh_received_visit(void *context, const kh_received *received);
/* From an hour on, oldest first; at most limit. */
KH_MUST_USE kh_status kh_received_list(kh_cache *cache, int64_t from_hour, int64_t limit, kh_received_visit *visit, void *context,
                                       kh_error *err);

#endif
