/* issuers.h - who may have issued the patient IDs of a hospital: "north: NORTH HOSPITAL, 1.2.392.1; south: S". A Patient ID that names
 * another issuer, (0010,0021) or the universal ID of (0010,0024), is a number of somebody else's and says nothing of who the hospital's own
 * patient of that number is (PS3.3 C.2.2). Of a hospital that is not named nothing is known, and of an object that names no issuer nothing
 * is doubted.
 * Threads: pure functions. */
#ifndef KH_CACHE_ISSUERS_H
#define KH_CACHE_ISSUERS_H

#include "cache/facts.h"

#define KH_ISSUERS_SIZE 1024

/* KH_E_ARG names the part that is not a hospital, a colon and issuers of 1 to 64 bytes. "" is welcome. */
KH_MUST_USE kh_status kh_issuers_check(const char *issuers, kh_error *err);
/* The issuers of this hospital are named. */
bool kh_issuers_name(const char *issuers, const char *facility);
/* Of an object that names a foreign issuer: facts->foreign is set, and it has no patient ID. */
void kh_issuers_judge(const char *issuers, const char *facility, kh_facts *facts);

#endif
