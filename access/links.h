/* links.h - that a patient's number at one facility and a number at another are one person's [AZ-16, TB-7]. Made by liaison staff, one by
 * one, never by itself; what grants name opens with it, and shuts when it is ended. Threads: any. */
#ifndef KH_ACCESS_LINKS_H
#define KH_ACCESS_LINKS_H

#include "access/patients.h"

typedef struct kh_link_end {
    const char *facility, *number;
} kh_link_end;

/* KH_E_NOT_FOUND for an entry that is none; KH_E_ARG when both are of one facility; KH_E_CONFLICT when one is linked to another number
 * of that facility. Targets of consents that waited for this number open [AZ-18]. Making a link that stands is fine. */
KH_MUST_USE kh_status kh_link_make(kh_access *access, const kh_link_end *a, const kh_link_end *b, const char *by, kh_error *err);
/* Targets that came to their number by this link wait again. KH_E_NOT_FOUND when it does not stand. */
KH_MUST_USE kh_status kh_link_undo(kh_access *access, const kh_link_end *a, const kh_link_end *b, const char *by, kh_error *err);

typedef struct kh_link_row {
    char facility[65], number[KH_PATIENT_NUMBER_SIZE]; /* of the other side */
    int64_t made_ms, ended_ms;                         /* wall clock; ended 0: it stands */
    char by[65], ended_by[65];
} kh_link_row;
typedef kh_status kh_link_visit(void *context, const kh_link_row *link);
/* Of one entry, those that ended too, in the order they were made. */
KH_MUST_USE kh_status kh_link_list(kh_access *access, const char *facility, const char *number, kh_link_visit *visit, void *context,
                                   kh_error *err);

typedef kh_status kh_link_pair_visit(void *context, const kh_link_end *a, const kh_link_end *b);
/* Those that stand, each once, a before b; facility NULL: of every one. The ends are borrowed during the call. */
KH_MUST_USE kh_status kh_link_pairs(kh_access *access, const char *facility, kh_link_pair_visit *visit, void *context, kh_error *err);

#endif
