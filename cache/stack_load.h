/* stack_load.h - a stack made from the index. */
#ifndef KH_CACHE_STACK_LOAD_H
#define KH_CACHE_STACK_LOAD_H

#include "cache/stack.h"

/* KH_E_NOT_FOUND without such a series, KH_E_LIMIT with more than 100,000 objects or 1,000,000 slices. Filled in place;
 * kh_stack_clear() it, also on failure. *bytes: about what it takes in memory. */
KH_MUST_USE kh_status kh_stack_load(kh_stack *out, kh_cache *cache, int64_t series_id, size_t *bytes, kh_error *err);
KH_MUST_USE kh_status kh_stack_revision(kh_cache *cache, int64_t series_id, int64_t *revision, kh_error *err);
void kh_stack_clear(kh_stack *stack);

/* The object's file for reading; as kh_object_open(). */
KH_MUST_USE kh_status kh_stack_object_open(int *fd, kh_cache *cache, const kh_stack_object *object, kh_error *err);

#endif
