/* cache.h - what the region holds: objects as files, their index, nodes, pull jobs, events.
 *
 * One process is the owner (the bridge role, or a command that runs while no service does): it holds DIR/index.lock, has the
 * one writer thread, and everything that changes the index goes through it. All others open a reader.
 *
 *   DIR/index.db         the index (schema in cache/schema.c)
 *   DIR/kakehashi.id     the same id as in the index: the folder is whole (cache/identity.h)
 *   DIR/objects/aa/bb/   objects as received, Part 10, named by our own object id
 *   DIR/incoming/        being received; emptied when the owner opens, nothing here was ever answered with success
 *   DIR/quarantine/      kept beside: same SOP Instance UID but other bytes, and what check found wrong
 *   DIR/metadata/        what objects say, prepared for DICOMweb (cache/metadata.h); may be removed at any time
 *   DIR/run/             sockets of the running service
 *
 * Threads: every function, from any thread. Strings in structs are UTF-8. */
#ifndef KH_CACHE_CACHE_H
#define KH_CACHE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "store/page.h"

typedef struct kh_cache kh_cache;

/* What becomes of an object whose SOP Instance UID its facility has sent before, with another data set. */
typedef enum kh_conflict_rule {
    KH_CONFLICT_KEEP_FIRST, /* the first stays, the second is kept beside; success is answered */
    KH_CONFLICT_KEEP_LAST,  /* the second takes its place under an id of its own, the first is kept beside; success is answered */
    KH_CONFLICT_REFUSE      /* the first stays, the second is refused */
} kh_conflict_rule;

typedef struct kh_cache_options {
    const char *dir;            /* copied */
    const char *archive_id;     /* of DIR/kakehashi.id, for the owner; NULL or "": any, or none yet. Borrowed while the cache is opened */
    bool owner;
    kh_page *page;              /* shared with the other roles; NULL: a private one */
    uint64_t reserve_bytes;     /* refuse new objects when less is free on the disk */
    uint64_t object_bytes_max;  /* largest object taken */
    uint32_t direct_bytes_max;  /* objects up to so many are written around the page cache, see store/spool.h; 0: none */
    uint64_t quota_bytes;       /* of objects; 0: none. More is refused when nothing can be evicted */
    int64_t deleted_kept_ms;    /* files of what was deleted here go for good after so long; see cache/changes.h */
    uint64_t keep_free_bytes;   /* studies are evicted when less is free on the disk; 0: never for that */
    unsigned evict_from_percent, evict_to_percent; /* of the quota: eviction begins and ends there; see cache/room.h */
    int64_t evict_idle_ms;      /* what was used or came in so lately is not evicted */
    bool evict_pushed;          /* also what no node of ours gives back */
    uint64_t scrub_bytes_per_s; /* how fast objects are read again to be compared, see cache/scrub.h; 0: never */
    kh_conflict_rule conflict;
    char issuers[1024];         /* of patient IDs, by hospital, see cache/issuers.h; "": none is compared */
    uint64_t quarantine_bytes;  /* of what is kept beside; more is refused */
    unsigned readers_max;       /* connections kept for reading, 1 to 64 */
    uint64_t frames_bytes_max;  /* decoded-frame cache, see cache/frames.h */
    uint32_t inline_bytes_max, number_bytes_max; /* as in kh_json_model_options, of the metadata that are prepared */
    uint32_t events_kept;       /* rows of the event log kept for those who were away */
} kh_cache_options;
/* 2 GiB reserve, 8 GiB objects, 1 MiB around the page cache, no quota, eviction from 95 to 85 % of what nobody used for 10 minutes, the
 * first is kept, 10 GiB beside, 8 readers, 256 MiB frames, 1 KiB and 32 KiB in metadata, 100,000 events. */
extern const kh_cache_options kh_cache_options_default;

/* The owner makes what is missing, migrates, recovers what a kill left (see ingest.h) before it returns. KH_E_BUSY when
 * another process owns DIR, KH_E_CONFLICT when DIR holds a part of an archive only. A reader gets KH_E_NOT_FOUND while there is no
 * index. */
KH_MUST_USE kh_status kh_cache_open(kh_cache **out, const kh_cache_options *options, kh_error *err);
/* Finishes what was queued. */
void kh_cache_close(kh_cache *cache);
const char *kh_cache_dir(const kh_cache *cache);
kh_page *kh_cache_page(kh_cache *cache);

typedef struct kh_cache_stats {
    int64_t patients, studies, series, objects, object_bytes;
    int64_t pulls_open, pulls_failed, sends_open, sends_failed;
    int64_t findings_open;                      /* see cache/findings.h */
    int64_t studies_away, away_bytes;           /* of studies, all or some of which is at its hospital */
    int64_t used_bytes, quota_bytes;            /* of objects' files that are here; quota 0: none */
    uint64_t disk_free_bytes;
    uint64_t group_commits, rows_committed; /* of this process, when it is the owner */
} kh_cache_stats;
KH_MUST_USE kh_status kh_cache_get_stats(kh_cache *cache, kh_cache_stats *out, kh_error *err);

#endif
