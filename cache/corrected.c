#include "cache/corrected.h"

#include <stdlib.h>
#include "cache/changes.h"

/* Modifying System (0400,0563), and PS3.3 C.12.1.1.9's reason for replacing what was wrong. */
#define SYSTEM "KAKEHASHI"
#define REASON "CORRECT"

static kh_status open_amended(kh_amended **out, kh_cache *cache, int64_t study_id, const kh_source *file, const kh_outgoing *values,
                              kh_error *err)
{
    kh_study study;
    kh_status status = kh_browse_study(cache, study_id, &study, err);
    const kh_amend_note note = {values->datetime, SYSTEM, study.patient.facility, REASON};

    if (status == KH_OK)
        status = kh_amended_open(out, file, values->amendments, values->count, &note, err);
    if (status == KH_OK && kh_amended_count(*out) == 0) {
        kh_amended_free(*out);
        *out = NULL;
    }
    return status == KH_OK ? status : kh_error_prefix(err, "its corrected values cannot be written");
}

kh_status kh_corrected_open(kh_amended **out, kh_cache *cache, int64_t study_id, const kh_source *file, kh_error *err)
{
    kh_outgoing *values = malloc(sizeof(*values));
    kh_status status;

    *out = NULL;
    if (!values)
        return kh_error_set(err, KH_E_MEMORY, "no memory for corrected values");
    status = kh_change_outgoing(cache, study_id, values, err);
    if (status == KH_OK && values->count > 0)
        status = open_amended(out, cache, study_id, file, values, err);
    free(values);
    return status;
}
