/* patients.h - patients as facilities number them: one entry per facility and number (DICOM: issuer and patient ID). That two entries are
 * one person is a link (links.h), never guessed. Found by card, own number, or kana AND birth date, by nothing less [TB-6].
 * by: who does it, a login or the operator's word. Times: wall clock, milliseconds. Threads: any. */
#ifndef KH_ACCESS_PATIENTS_H
#define KH_ACCESS_PATIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include "access/access.h"

#define KH_PATIENT_NUMBER_SIZE 65

typedef struct kh_registered {
    int64_t id;
    char facility[65];                      /* its code */
    char number[KH_PATIENT_NUMBER_SIZE];    /* the patient ID there; unique at the facility */
    char name_alphabetic[193], name_ideographic[193], name_phonetic[193]; /* as DICOM has them: "Yamada^Hanako" */
    char birth_date[9];                     /* YYYYMMDD, "": not told */
    char sex[2];                            /* "M", "F", "O", "" */
    char address[257], card[65];            /* of the network's card; "": none [TB-9] */
    int64_t made_ms;
    char by[65];
} kh_registered;

typedef kh_status kh_registered_visit(void *context, const kh_registered *patient);

/* KH_E_ARG with the field. KH_E_CONFLICT: the number is taken; or, unless another, somebody of the same kana, birth date, sex and address
 * is there under another number [TB-4]. patient->id, made_ms are set. */
KH_MUST_USE kh_status kh_registered_add(kh_access *access, kh_registered *patient, const char *by, bool another, kh_error *err);
/* All of the entry of that facility and number. KH_E_NOT_FOUND. */
KH_MUST_USE kh_status kh_registered_set(kh_access *access, const kh_registered *patient, const char *by, kh_error *err);
KH_MUST_USE kh_status kh_registered_get(kh_access *access, const char *facility, const char *number, kh_registered *out, kh_error *err);

KH_MUST_USE kh_status kh_registered_by_id(kh_access *access, int64_t id, kh_registered *out, kh_error *err);

typedef struct kh_registered_query {
    const char *facility; /* its entries only; NULL: of all. Demanded with number */
    const char *card, *number;
    const char *kana, *birth_date; /* both or none; kana: any way to write it */
} kh_registered_query;
/* Entries that fit exactly; by facility and number, 200 at most. KH_E_ARG when one of the three ways is not there whole, or two are. */
KH_MUST_USE kh_status kh_registered_find(kh_access *access, const kh_registered_query *query, kh_registered_visit *visit, void *context,
                                         kh_error *err);
/* Every entry of a facility, by number: for its own lists and exports. */
KH_MUST_USE kh_status kh_registered_list(kh_access *access, const char *facility, kh_registered_visit *visit, void *context, kh_error *err);
/* Who may be the same person: entries of the same kana, birth date and sex, other than this one [AZ-15, TB-4]. For a person to look at. */
KH_MUST_USE kh_status kh_registered_alike(kh_access *access, const kh_registered *patient, kh_registered_visit *visit, void *context,
                                          kh_error *err);

#endif
