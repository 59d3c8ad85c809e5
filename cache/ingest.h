/* ingest.h - how an object comes in, and when it may be called safe.
 *
 *   begin  -> DIR/incoming/N opened O_EXCL
 *   write  -> the Part 10 header and the data set, byte for byte as received, in memory until they are more than direct_bytes_max
 *   commit -> the disk takes it and its SHA-256 is made, while our reader accepts it, SOP UIDs equal what the peer announced, and
 *             frame table, checksums, what the viewer needs are read; fsync(file); rename to objects/; fsync(directory); index rows
 *             and event committed. Only when commit returned KH_OK may success be answered. Commits of several threads share one
 *             transaction and sync.
 *   abort  -> the file is gone
 *
 * Recovery: object ids are handed out in blocks that are noted in the index before use, with the id below which all is
 * settled; at start the owner looks at just those ids: a file without a row is whole (it was renamed after its sync) and is
 * indexed, incoming/ is emptied. No walk.
 *
 * Same SOP Instance UID from the same facility again: same data set bytes -> KH_OK with duplicate true, nothing is kept twice;
 * other bytes -> as kh_cache_options.conflict says: one of the two goes to quarantine/, KH_OK with conflict true and a warning in the
 * log; or it is refused, KH_E_CONFLICT. KH_E_FULL when there is no room to keep one beside. */
#ifndef KH_CACHE_INGEST_H
#define KH_CACHE_INGEST_H

#include "cache/cache.h"
#include "dicom/syntax.h"

typedef struct kh_incoming kh_incoming;

typedef struct kh_origin {
    const char *facility;  /* the hospital the object comes from: part of the patient's key. 1 to 64 of [A-Za-z0-9_.-] */
    const char *source;    /* for the log and the index: "PACS_A", "import", "STOW"; no patient data */
    int64_t pull_id;       /* the pull job it belongs to, 0 when pushed */
} kh_origin;

typedef struct kh_expected {
    const char *sop_class_uid;    /* as announced by the peer; NULL when nothing was */
    const char *sop_instance_uid;
} kh_expected;

typedef struct kh_ingest_result {
    int64_t object_id, series_id, study_id;
    bool duplicate; /* already here, same bytes */
    bool conflict;  /* already here with other bytes; one of the two is in quarantine/, see kh_cache_options.conflict */
    char sop_instance_uid[KH_UID_SIZE];
} kh_ingest_result;

/* Owner only. size_hint in bytes, 0 when unknown: for the early refusal KH_E_FULL and KH_E_LIMIT. */
KH_MUST_USE kh_status kh_ingest_begin(kh_incoming **out, kh_cache *cache, uint64_t size_hint, kh_error *err);
/* Of one that was begun ahead, for whoever would come next, and into which nothing has been written: may it still be used? What
 * kh_ingest_begin() refuses is refused; it stays the caller's. */
KH_MUST_USE kh_status kh_ingest_still(const kh_incoming *incoming, uint64_t size_hint, kh_error *err);
KH_MUST_USE kh_status kh_ingest_write(kh_incoming *incoming, const void *bytes, size_t size, kh_error *err);
/* Frees incoming in every case; on failure nothing of it is left, on the disk or in the index (but for a sync of the index that
 * failed and cannot be made good: then its file stays, and the next start finds it with its row or gives it one). KH_E_CONFLICT when the
 * data set is not what was announced (A900 to a DICOM peer), KH_E_FORMAT when our reader does not accept it. */
KH_MUST_USE kh_status kh_ingest_commit(kh_incoming *incoming, const kh_origin *origin, const kh_expected *expected,
                                       kh_ingest_result *result, kh_error *err);
void kh_ingest_abort(kh_incoming *incoming);

/* A file that lies somewhere else (import): copied in, then as above. The file is left alone. */
KH_MUST_USE kh_status kh_ingest_file(kh_cache *cache, const char *path, const kh_origin *origin, kh_ingest_result *result,
                                     kh_error *err);

/* The same, and it takes the place of what has its SOP Instance UID, whatever the rule: that is kept beside. */
KH_MUST_USE kh_status kh_ingest_file_over(kh_cache *cache, const char *path, const kh_origin *origin, kh_ingest_result *result,
                                          kh_error *err);

#endif
