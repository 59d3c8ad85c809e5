#include "cache/whereabouts.h"

#include "cache/internal.h"

static void take(kh_sql_row *row, void *context)
{
    *(kh_whereabouts *)context = (kh_whereabouts){.series_id = kh_sql_int(row, 0), .object_id = kh_sql_int(row, 1)};
}

kh_status kh_object_whereabouts(kh_cache *cache, int64_t study_id, const char *sop_instance_uid, kh_whereabouts *out, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(study_id), KH_SQL_T(sop_instance_uid)};
    kh_status status;

    *out = (kh_whereabouts){0};
    status = kh_cache_first(cache,
                            "SELECT o.series_ref, o.id FROM study t JOIN patient p ON p.id = t.patient_ref"
                            " JOIN object o ON o.facility_id = p.facility_id AND o.sop_uid = ?2 JOIN series s ON s.id = o.series_ref"
                            " WHERE t.id = ?1 AND s.study_ref = t.id AND o.hidden = 0",
                            values, 2, take, out, err);
    return status == KH_E_NOT_FOUND ? kh_error_set(err, status, "the study has no such object") : status;
}
