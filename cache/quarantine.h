/* quarantine.h - what is kept beside: files of DIR/quarantine/ with a row each that says what, whose and why. A person decides: accept,
 * then the file becomes the object, and what was it is kept beside in its stead; or discard, then it is gone.
 * Bounded: kh_cache_options.quarantine_bytes. Writes: the owner only. Threads: any. */
#ifndef KH_CACHE_QUARANTINE_H
#define KH_CACHE_QUARANTINE_H

#include "cache/ingest.h"

#define KH_QUARANTINE_NAME_SIZE 80

typedef enum kh_quarantine_kind {
    KH_QUARANTINE_UNKNOWN,  /* a file without a row: put there by hand, or by a kill in between */
    KH_QUARANTINE_SECOND,   /* came with a SOP Instance UID that was taken */
    KH_QUARANTINE_FIRST,    /* was the object until another with its UID took its place */
    KH_QUARANTINE_UNREADABLE /* found at start, cannot have a row */
} kh_quarantine_kind;
const char *kh_quarantine_kind_text(kh_quarantine_kind kind); /* "second", ... */

typedef struct kh_quarantined {
    char name[KH_QUARANTINE_NAME_SIZE]; /* of the file in DIR/quarantine/ */
    kh_quarantine_kind kind;
    int64_t object_id; /* that has its UID, or had it when it came; 0: none */
    int64_t origin_id; /* whose it is; 0: not known */
    int64_t bytes, when_ms;
    char sop_instance_uid[KH_UID_SIZE];
    char facility[65], source[65]; /* "" when not known */
    char reason[200];
} kh_quarantined;

/* The file at path, synced by the caller, goes to quarantine/ under one->name: moved, or with keep_path a second name of it is made (a
 * hard link). KH_E_FULL when the bound is reached. The same name again is no second one. Owner. */
KH_MUST_USE kh_status kh_quarantine_put(kh_cache *cache, const char *path, bool keep_path, const kh_quarantined *one, kh_error *err);

typedef kh_status kh_quarantine_visit(void *context, const kh_quarantined *one);
/* By name. */
KH_MUST_USE kh_status kh_quarantine_list(kh_cache *cache, kh_quarantine_visit *visit, void *context, kh_error *err);
/* KH_E_ARG when name is no file name of ours, KH_E_NOT_FOUND. */
KH_MUST_USE kh_status kh_quarantine_find(kh_cache *cache, const char *name, kh_quarantined *out, kh_error *err);

/* It becomes the object with its UID. KH_E_FORMAT and its kin when it cannot be read, KH_E_ARG when nobody knows whose it is. */
KH_MUST_USE kh_status kh_quarantine_accept(kh_cache *cache, const char *name, kh_ingest_result *result, kh_error *err);
KH_MUST_USE kh_status kh_quarantine_discard(kh_cache *cache, const char *name, kh_error *err);

#endif
