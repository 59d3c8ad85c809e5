/* internal.h - what the files of this room share. Not for other rooms. */
#ifndef KH_CACHE_INTERNAL_H
#define KH_CACHE_INTERNAL_H

#include <pthread.h>
#include "base/blobcache.h"
#include "cache/cache.h"
#include "cache/committer.h"
#include "cache/events.h"
#include "cache/ids.h"
#include "cache/origins.h"
#include "cache/paths.h"
#include "cache/readers.h"
#include "cache/stack_cache.h"
#include "store/spool.h"

#define KH_USES_REMEMBERED 256

struct kh_cache {
    kh_cache_options options; /* dir points into paths */
    bool page_owned;
    kh_page *page;
    int lock_fd;
    kh_paths paths;
    kh_readers *readers;
    kh_committer *committer; /* NULL unless owner */
    kh_ids *ids;             /* owner */
    kh_origins *origins;     /* owner */
    kh_spools *spools;       /* owner */
    kh_stack_cache *stacks;
    kh_blobcache *frames;
    _Atomic(uint8_t *) spare_block; /* see frames.c; NULL: none, or in use */
    kh_blobcache *displays;
    _Atomic uint64_t incoming_number;
    _Atomic uint64_t nodes_moved; /* changes of nodes and titles; see cache/nodes.h */
    _Atomic int64_t disk_checked_ms; /* monotonic; when disk_free was looked at */
    _Atomic uint64_t disk_free;
    _Atomic int64_t used;      /* bytes of objects that are here, as last read, with what was stored since; see cache/room.h */
    _Atomic int64_t in_flight; /* bytes of objects that are being received */
    bool records_renewed; /* in this pass of the slow reader (cache/renew.h); its thread's */
    _Atomic int64_t evicted_nothing_ms; /* monotonic; when a search for something to evict last found nothing */
    pthread_mutex_t evicting;  /* held while studies are evicted, over I/O: who needs room waits for it. Nothing is taken inside */
    struct {
        _Atomic int64_t series_id, noted_ms;
    } uses[KH_USES_REMEMBERED]; /* see cache/use.h */
    _Atomic uint8_t leaf_made[KH_LEAF_COUNT]; /* not 0: the directory is there */
};

/* A change of the index: run by the writer thread inside a transaction, durable when this returns KH_OK. KH_E_DENIED for a reader. */
KH_MUST_USE kh_status kh_cache_write(kh_cache *cache, kh_write_function *function, void *context, kh_error *err);

/* kh_sql_first() and kh_sql_each() by a connection of the readers. */
KH_MUST_USE kh_status kh_cache_first(kh_cache *cache, const char *statement, const kh_sql_value *values, size_t count, kh_sql_take *take,
                                     void *context, kh_error *err);
KH_MUST_USE kh_status kh_cache_each(kh_cache *cache, const char *statement, const kh_sql_value *values, size_t count, kh_sql_visit *visit,
                                    void *context, kh_error *err);

/* A change of nodes or titles: kh_cache_write(), and kh_nodes_moved() moves once it is done. */
KH_MUST_USE kh_status kh_nodes_write(kh_cache *cache, kh_write_function *function, void *context, kh_error *err);

/* Make the directory of objects unless this process has done so. That it is there is not enough: until the one who made it has
 * synced its parent, a power cut takes it away with all that is in it. */
KH_MUST_USE kh_status kh_leaf_ensure(kh_cache *cache, uint32_t leaf, kh_error *err);

/* Copy text, cut at a character of UTF-8 when it is too long. */
void kh_copy_text(char *out, size_t out_size, const char *text);
#define KH_COPY(field, text) kh_copy_text(field, sizeof(field), text)

/* 1 to 64 of [A-Za-z0-9_.-]: names of facilities and nodes. */
bool kh_name_valid(const char *name);

#endif
