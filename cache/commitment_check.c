/* commitment_check.c - whether an object may be promised. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cache/browse.h"
#include "cache/commitments.h"
#include "cache/internal.h"
#include "cache/pins.h"
#include "store/digest.h"
#include "store/file.h"

/* Failure Reason (0008,1197), PS3.3 C.14.1.1. */
#define PROCESSING_FAILURE 0x0110
#define CLASS_INSTANCE_CONFLICT 0x0119
#define CLASS_NOT_SUPPORTED 0x0122

typedef struct promised {
    int64_t object_id, study_id, bytes;
    char sop_class_uid[KH_UID_SIZE];
    uint8_t sha256[KH_SHA256_SIZE];
} promised;

static kh_status find(kh_cache *cache, const char *facility, const char *sop_instance_uid, promised *out, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_T(facility), KH_SQL_T(sop_instance_uid)};
    kh_sql *sql = NULL;
    kh_sql_row *row = NULL;
    bool has_row = false;
    size_t size = 0;
    const void *sha;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    memset(out, 0, sizeof(*out));
    if (status == KH_OK)
        status =
            kh_sql_query(&row, sql,
                         "SELECT o.id, e.study_ref, o.bytes, o.sop_class_uid, o.sha256 FROM facility f"
                         " JOIN object o ON o.facility_id = f.id AND o.sop_uid = ?2 AND o.hidden = 0 JOIN series e ON e.id = o.series_ref"
                         " WHERE f.name = ?1",
                         values, 2, err);
    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && has_row) {
        out->object_id = kh_sql_int(row, 0);
        out->study_id = kh_sql_int(row, 1);
        out->bytes = kh_sql_int(row, 2);
        KH_COPY(out->sop_class_uid, kh_sql_text(row, 3));
        sha = kh_sql_blob(row, 4, &size);
        memcpy(out->sha256, sha, size < sizeof(out->sha256) ? size : sizeof(out->sha256));
    }
    kh_sql_end(row);
    kh_reader_release(cache->readers, sql);
    return status;
}

static kh_status same_sum(int fd, const promised *object, bool *same, kh_error *err)
{
    uint8_t sum[KH_SHA256_SIZE];
    kh_status status = kh_sha256_of_file(sum, fd, (uint64_t)object->bytes, err);

    *same = status == KH_OK && memcmp(sum, object->sha256, sizeof(sum)) == 0;
    return status;
}

/* The cheap look first. A file that cannot be read is not promised, whatever the reason. */
static bool is_whole(kh_cache *cache, const promised *object, bool sums)
{
    struct stat info;
    bool whole;
    int fd = -1;

    if (kh_object_open(cache, object->object_id, &fd, NULL) != KH_OK)
        return false;
    whole = fstat(fd, &info) == 0 && info.st_size == object->bytes;
    if (whole && sums)
        whole = same_sum(fd, object, &whole, NULL) == KH_OK && whole;
    close(fd);
    return whole;
}

kh_status kh_commitment_check(kh_cache *cache, int64_t commitment_id, const char *facility, bool sums, kh_commitment_ref *ref,
                              kh_error *err)
{
    const kh_sop_class *known = kh_sop_class_find(ref->sop_class_uid);
    char owner[40];
    promised object;
    bool pinned = false;
    kh_status status = find(cache, facility, ref->sop_instance_uid, &object, err);

    ref->study_id = 0;
    if (status != KH_OK)
        return status;
    ref->result = known && !known->storage ? CLASS_NOT_SUPPORTED : KH_COMMITMENT_NO_SUCH;
    if (object.object_id == 0)
        return KH_OK;
    ref->study_id = object.study_id;
    ref->result = CLASS_INSTANCE_CONFLICT;
    if (strcmp(object.sop_class_uid, ref->sop_class_uid) != 0)
        return KH_OK;
    snprintf(owner, sizeof(owner), "commitment:%" PRId64, commitment_id);
    status = kh_is_pinned(cache, object.study_id, owner, &pinned, err);
    if (status == KH_OK && !pinned)
        status = kh_pin(cache, object.study_id, owner, err);
    if (status == KH_OK)
        ref->result = is_whole(cache, &object, sums) ? 0 : PROCESSING_FAILURE;
    return status;
}
