/* invoke.h - what a call of IHE Invoke Image Display asks for (RAD TF-2 4.106.4.1.2). Pure. */
#ifndef KH_VIEWER_PORTAL_INVOKE_H
#define KH_VIEWER_PORTAL_INVOKE_H

#include "base/error.h"
#include "viewer/http/http.h"

#define KH_INVOKE_STUDIES_MAX 200
#define KH_INVOKE_NAMES_MAX 64  /* of one list */
#define KH_INVOKE_TEXT_SIZE 4200 /* more than a target has */
#define KH_INVOKE_TIME_SIZE 16

typedef struct kh_invocation {
    bool is_patient;             /* requestType=PATIENT, else STUDY */
    bool by_accession;           /* names are accession numbers, else Study Instance UIDs */
    size_t name_count;
    const char *names[KH_INVOKE_NAMES_MAX]; /* into text; each once */
    char text[KH_INVOKE_TEXT_SIZE];
    char patient_id[65], issuer[65];        /* "" for any issuer */
    char patient_name[200], birth_date[9];  /* "" for any */
    char modalities[200];                   /* with backslashes, "" for any */
    char lower[KH_INVOKE_TIME_SIZE], upper[KH_INVOKE_TIME_SIZE]; /* YYYYMMDDhhmmss, or only the day; inclusive; "" where open */
    size_t studies_max;          /* the newest so many */
} kh_invocation;

/* KH_E_ARG names the parameter. What nobody knows is passed over. */
KH_MUST_USE kh_status kh_invocation_read(kh_invocation *out, const kh_http_request *request, kh_error *err);

#endif
