/* origins.h - where objects come from, as numbers: a row of (facility, source, pull) that is committed before the first file
 * bears its number. Threads: any. */
#ifndef KH_CACHE_ORIGINS_H
#define KH_CACHE_ORIGINS_H

#include "cache/committer.h"
#include "cache/ingest.h"

typedef struct kh_origins kh_origins;

KH_MUST_USE kh_status kh_origins_create(kh_origins **out, kh_committer *committer, kh_error *err);
void kh_origins_free(kh_origins *origins);
/* The number of an origin, new ones noted. KH_E_ARG names the field that cannot be. */
KH_MUST_USE kh_status kh_origin_number(kh_origins *origins, const kh_origin *origin, int64_t *number, int64_t *facility_id,
                                       kh_error *err);

#endif
