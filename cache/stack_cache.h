/* stack_cache.h - the stacks kept in memory: at most 64 MiB of those nobody holds, least recently used first out. */
#ifndef KH_CACHE_STACK_CACHE_H
#define KH_CACHE_STACK_CACHE_H

#include "base/error.h"

typedef struct kh_stack_cache kh_stack_cache;

KH_MUST_USE kh_status kh_stack_cache_create(kh_stack_cache **out, kh_error *err);
/* No stack may be held any more. NULL is welcome. */
void kh_stack_cache_free(kh_stack_cache *stacks);

#endif
