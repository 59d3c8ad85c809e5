/* leaving.h - somebody, or a facility, leaves the network [KN-3]: what was opened by or to them ends in the same transaction; nothing is
 * deleted, the record of access least of all. Threads: any. */
#ifndef KH_ACCESS_LEAVING_H
#define KH_ACCESS_LEAVING_H

#include "access/access.h"
#include "store/sql.h"

/* How much ended. */
typedef struct kh_leaving {
    int64_t people, tokens, sessions, certificates, links, consents, grants;
} kh_leaving;

/* From today on. Its people leave with it (their sessions and tokens end), its terminals' certificates are revoked, its patients' links
 * end; consents taken there count as withdrawn, and what others' consents open to or from it ends. KH_E_NOT_FOUND; KH_E_CONFLICT when it
 * has left already; KH_E_DENIED when nobody of the network's office would be left. The revocation list is the caller's to write anew
 * (kh_terminal_write_list()) when certificates ended. */
KH_MUST_USE kh_status kh_facility_leave(kh_access *access, const char *code, const char *by, kh_leaving *out, kh_error *err);

/* Of this room: inside the transaction in which a person leaves: grants that name the person, places in teams, emergency access. */
KH_MUST_USE kh_status kh_leaving_person(kh_sql *sql, int64_t person_id, int64_t now_ms, kh_error *err);

#endif
