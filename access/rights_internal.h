/* rights_internal.h - what decisions and horizons share. Of this room only. */
#ifndef KH_ACCESS_RIGHTS_INTERNAL_H
#define KH_ACCESS_RIGHTS_INTERNAL_H

#include "access/gather.h"
#include "access/horizons.h"
#include "access/rights.h"
#include "access/verdicts.h"

struct kh_rights {
    kh_access *access;
    kh_verdicts *verdicts;
    kh_horizons *horizons;
    kh_gather_rules rules;
};

#endif
