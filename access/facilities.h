/* facilities.h - the institutions that take part (AZ-1, AZ-2, AZ-7), and the network's stop switch (TB-16).
 * Suspending is at once and everywhere: it raises the epoch. Threads: any. */
#ifndef KH_ACCESS_FACILITIES_H
#define KH_ACCESS_FACILITIES_H

#include <stdbool.h>
#include "access/access.h"

/* Stored as these numbers. */
typedef enum kh_facility_kind {
    KH_FACILITY_HOSPITAL = 1, KH_FACILITY_CLINIC, KH_FACILITY_DENTAL, KH_FACILITY_PHARMACY, KH_FACILITY_VISITING_NURSE, KH_FACILITY_CARE,
    KH_FACILITY_OTHER
} kh_facility_kind;
#define KH_FACILITY_KIND_LAST KH_FACILITY_OTHER
/* A hospital may be both (AZ-1). */
typedef enum kh_facility_part { KH_PART_DISCLOSER = 1, KH_PART_VIEWER = 2, KH_PART_BOTH = 3 } kh_facility_part;

/* Who stopped what, and why. */
typedef struct kh_suspension {
    int64_t since_ms;  /* wall clock; 0: not suspended */
    int64_t until_ms;  /* it ends by itself; 0: when it is ended */
    char reason[257], by[65];
} kh_suspension;
/* Is it in force at that time? */
bool kh_suspension_at(const kh_suspension *suspension, int64_t wall_ms);

typedef struct kh_facility {
    int64_t id;
    char code[65];             /* as nodes and objects have it: 1 to 64 of [A-Za-z0-9_.-]; unique, never changed */
    char name[193], kana[193];
    kh_facility_kind kind;
    kh_facility_part part;
    bool published;            /* its name may be shown in the directory (AZ-7) */
    char address[257], representative[129], association[129]; /* AZ-2; association: the medical association */
    bool member;               /* of that association */
    char main_discloser[65];   /* code of the one it works with most; "" none told */
    char department[129], post[129], contact[129];            /* who is written to and called */
    char phone[33], fax[33], email[129];
    int beds;
    char joined[9], left[9];   /* YYYYMMDD, "": not told; has left */
    kh_suspension suspended;
} kh_facility;

typedef kh_status kh_facility_visit(void *context, const kh_facility *facility);

/* KH_E_ARG with the field; KH_E_CONFLICT when the code is taken. facility->id is set. */
KH_MUST_USE kh_status kh_facility_add(kh_access *access, kh_facility *facility, kh_error *err);
/* All fields of the facility of that code but its suspension. KH_E_NOT_FOUND. */
KH_MUST_USE kh_status kh_facility_set(kh_access *access, kh_facility *facility, kh_error *err);
KH_MUST_USE kh_status kh_facility_find(kh_access *access, const char *code, kh_facility *out, kh_error *err);
KH_MUST_USE kh_status kh_facility_by_id(kh_access *access, int64_t id, kh_facility *out, kh_error *err);
/* By their codes. */
KH_MUST_USE kh_status kh_facility_list(kh_access *access, kh_facility_visit *visit, void *context, kh_error *err);
/* At once: its people's sessions and tokens end to be good. reason is not empty; until_ms 0: until it is resumed. */
KH_MUST_USE kh_status kh_facility_suspend(kh_access *access, const char *code, const char *reason, const char *by, int64_t until_ms,
                                          kh_error *err);
KH_MUST_USE kh_status kh_facility_resume(kh_access *access, const char *code, kh_error *err);

const char *kh_facility_kind_text(kh_facility_kind kind); /* "visiting-nurse"; NULL for what is none */
kh_facility_kind kh_facility_kind_of(const char *text);   /* 0 when it is none */
const char *kh_facility_part_text(kh_facility_part part); /* "discloser", "viewer", "both" */
kh_facility_part kh_facility_part_of(const char *text);

/* ---- the network ---- */
KH_MUST_USE kh_status kh_network_state(kh_access *access, kh_suspension *out, kh_error *err);
/* Nobody may see anything until it is resumed; the office may still sign in, to end it (TB-16). */
KH_MUST_USE kh_status kh_network_stop(kh_access *access, const char *reason, const char *by, kh_error *err);
KH_MUST_USE kh_status kh_network_resume(kh_access *access, kh_error *err);

#endif
