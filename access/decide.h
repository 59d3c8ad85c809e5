/* decide.h - may this subject do this with that, now? One pure function over facts that rights.h gathers: deny unless a line of
 * docs/decisions/015 allows. Threads: any. */
#ifndef KH_ACCESS_DECIDE_H
#define KH_ACCESS_DECIDE_H

#include <stdbool.h>
#include <stddef.h>
#include "access/subject.h"

typedef enum kh_verb {
    KH_VERB_FIND,  /* that it exists: lists, counts, queries, events */
    KH_VERB_VIEW,  /* shown: descriptions, pictures */
    KH_VERB_TAKE,  /* goes out as it is: objects, frames, bulk data, C-MOVE, C-GET, downloads */
    KH_VERB_CHANGE /* stored, corrected, deleted; of a patient: consents and links */
} kh_verb;

typedef enum kh_kind {
    KH_KIND_PATIENT, KH_KIND_STUDY, KH_KIND_SERIES, KH_KIND_INSTANCE, KH_KIND_FRAME, KH_KIND_THUMBNAIL, KH_KIND_REPORT,
    KH_KIND_AUDIT,    /* the record of access */
    KH_KIND_OPERATION /* nodes, queues, settings: the operators' page */
} kh_kind;

/* Why; for the record of access and the log, never for who asks. */
typedef enum kh_reason {
    KH_REASON_OWN,            /* allowed: of the subject's own facility */
    KH_REASON_GRANT,          /* allowed: a consent opens it */
    KH_REASON_EMERGENCY,      /* allowed: emergency access, to be reviewed */
    KH_REASON_DUTY,           /* allowed: the role's work, no images */
    KH_REASON_NOBODY,         /* refused, from here on: not signed in */
    KH_REASON_STOPPED,        /* person, facility or network is suspended, or not yet admitted */
    KH_REASON_ROLE,           /* the role does not do this */
    KH_REASON_SCOPE,          /* the token is not for this */
    KH_REASON_NO_CONSENT,     /* no grant names this site, doctor or team */
    KH_REASON_NO_LINK,        /* the patient has no number at the subject's facility */
    KH_REASON_WITHDRAWN, KH_REASON_EXPIRED, KH_REASON_NOT_YET,
    KH_REASON_BEFORE_FLOOR,   /* the study is older than the grant looks back */
    KH_REASON_ITEM,           /* the grant or the discloser does not open this kind or modality */
    KH_REASON_DELAYED,        /* the discloser publishes it later */
    KH_REASON_HIDDEN,         /* the discloser hides it */
    KH_REASON_UNKNOWN         /* there is no such thing */
} kh_reason;

typedef struct kh_verdict {
    bool allowed;
    kh_reason reason;
    int64_t grant_id;  /* that opens it; 0 */
    int64_t until_ms;  /* wall clock: when it has to be decided anew at the latest; INT64_MAX */
} kh_verdict;

/* Has the role emergency access? reader_roles: those that `[access] readers` adds, as a sum of 1 << role. Who reads nobody's images of
 * others otherwise does not become a reader by an emergency [AZ-9, R11]. */
bool kh_decide_emergency(kh_person_role role, unsigned reader_roles);

const char *kh_reason_text(kh_reason reason);
const char *kh_verb_text(kh_verb verb);
const char *kh_kind_text(kh_kind kind);

#endif
