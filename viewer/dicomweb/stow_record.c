/* What was stored, as the record tells it: an event for each study. */
#include <string.h>
#include "viewer/dicomweb/stow.h"

#define STUDIES_MAX 64 /* told one by one; what follows them is told together */

typedef struct run {
    size_t begin, end; /* of results */
    int64_t stored, failed;
} run;

static void take_run(run *r, const kh_stow_results *results, bool rest)
{
    const char *study = results->objects[r->begin].study_uid;

    for (r->end = r->begin; r->end < results->count && (rest || strcmp(results->objects[r->end].study_uid, study) == 0); r->end++) {
        bool failed = results->objects[r->end].failure != 0;

        r->failed += failed ? 1 : 0;
        r->stored += failed ? 0 : 1;
    }
}

kh_status kh_stow_record(kh_recorder *recorder, const kh_stow_results *results, const kh_subject *person, const char *token,
                         const char *peer, kh_error *err)
{
    kh_status status = KH_OK;
    size_t begin = 0;

    for (unsigned n = 0; begin < results->count && status == KH_OK; n++) {
        run r = {.begin = begin};
        bool rest = n >= STUDIES_MAX;
        const char *study = results->objects[begin].study_uid;
        kh_record record = {
            .action = KH_AUDIT_STORE, .way = "DICOMweb", .token = token, .person = person, .study_uid = study[0] && !rest ? study : NULL};
        kh_record_outcome outcome;

        take_run(&r, results, rest);
        outcome = (kh_record_outcome){.result = r.failed == 0 ? KH_AUDIT_DONE : r.stored > 0 ? KH_AUDIT_PARTLY : KH_AUDIT_FAILED,
                                      .count = r.stored,
                                      .failed = r.failed};
        status = kh_record_done(recorder, &record, peer, &outcome, err);
        begin = r.end;
    }
    return status;
}
