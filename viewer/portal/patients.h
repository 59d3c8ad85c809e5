/* patients.h - what the files about "my patients" share. */
#ifndef KH_VIEWER_PORTAL_PATIENTS_H
#define KH_VIEWER_PORTAL_PATIENTS_H

#include "access/links.h"
#include "access/patients.h"
#include "viewer/portal/internal.h"

#define KH_PORTAL_SOURCES_MAX 64 /* facilities one patient has a number at */

/* A hospital at which something of the patient is open to who asks. */
typedef struct kh_portal_source {
    char facility[65], name[193], number[KH_PATIENT_NUMBER_SIZE];
    kh_reason reason;
    int64_t until_ms; /* wall clock; INT64_MAX */
} kh_portal_source;

typedef struct kh_portal_sources {
    kh_portal_source sources[KH_PORTAL_SOURCES_MAX + 1]; /* the entry's own facility, then those it is linked to */
    size_t count;
    kh_link_row links[KH_PORTAL_SOURCES_MAX]; /* that stand */
    size_t linked;
} kh_portal_sources;

/* Links count from the asker's own facility only: from elsewhere they are not theirs to follow. */
KH_MUST_USE kh_status kh_portal_sources_of(kh_portal *portal, const kh_subject *subject, const kh_registered *patient,
                                           kh_portal_sources *out, kh_error *err);

/* The members "studies", of the numbers of sources what each study's own decision lets through, newest first, and "more". On a worker. */
KH_MUST_USE kh_status kh_portal_put_line(kh_portal *portal, const kh_http_request *request, kh_json_writer *json,
                                         const kh_portal_sources *sources, kh_error *err);

/* handlers; context is the portal */
kh_http_handler kh_portal_patients, kh_portal_patient, kh_portal_priors, kh_portal_emergency, kh_portal_take_emergency;

#endif
