/* room.h - is there room for an object? Two bounds: the quota, of bytes of objects that are here or being received, and the disk.
 *
 *   used >= quota * evict_from %     studies are evicted until used is quota * evict_to %
 *   free <  keep_free                studies are evicted until free is keep_free and (100 - evict_to) % of it
 *   used + coming > quota, or free - coming < reserve, and nothing may be evicted: KH_E_FULL, the object is refused
 *
 * So eviction goes in strides, not object by object. The owner's keeper (cache/keeper.h) begins it ahead of need; without one, and when
 * it is late, whoever needs the room does. Owner only. Threads: any. */
#ifndef KH_CACHE_ROOM_H
#define KH_CACHE_ROOM_H

#include "cache/evict.h"

/* For size bytes more? Looked at before an object and every now and then while it comes. */
KH_MUST_USE kh_status kh_room_check(kh_cache *cache, uint64_t size, kh_error *err);
/* Size bytes of an object have come; KH_E_FULL when they are over the quota, then nothing was taken. */
KH_MUST_USE kh_status kh_room_take(kh_cache *cache, uint64_t size, kh_error *err);
/* They are gone, or stored and counted there. */
void kh_room_give_back(kh_cache *cache, uint64_t size);
void kh_room_stored(kh_cache *cache, uint64_t size);

/* Evict what the bounds above ask for; *out says what. */
KH_MUST_USE kh_status kh_room_keep(kh_cache *cache, kh_evicted *out, kh_error *err);

#endif
