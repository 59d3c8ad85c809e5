/* consents.h - sheets of paper that a patient signed, as liaison staff enter them, and the grants that follow [AZ-11 to AZ-24, KN-5 to
 * KN-7, TB-3 to TB-12, KI-3].
 * A sheet is taken at one facility for one of its numbers and opens between it and the places it names, by its direction: theirs to us
 * (view), ours to them (show), or both [AZ-21]. A place whose number is not linked to ours yet waits, and opens by itself when it is
 * [AZ-16, AZ-18].
 * Nothing is deleted, sheets end [AZ-22]. Every change is in force at once, everywhere (access.h).
 * Times: wall clock, milliseconds; days YYYYMMDD in the service's local calendar. by: who does it. Threads: any. Texts are the caller's. */
#ifndef KH_ACCESS_CONSENTS_H
#define KH_ACCESS_CONSENTS_H

#include "access/items.h"
#include "access/patients.h"

#define KH_CONSENT_SITES_MAX 64     /* that one sheet shows to [AZ-18] */
#define KH_CONSENT_TEAM_MAX 64      /* whatever the setting */
#define KH_CONSENT_EXCLUDED_MAX 256 /* [TB-8] */
#define KH_LOOK_BACK_YEARS_MAX 150
#define KH_LOOK_BACK_NONE (-1)      /* no floor */
#define KH_LOOK_BACK_SETTING (-2)   /* as the discloser's policy has it, else the setting */

/* Stored as these numbers, all three. Whom it opens to. */
typedef enum kh_consent_form {
    KH_CONSENT_SITES = 1,   /* facilities */
    KH_CONSENT_DOCTOR = 2,  /* a named person [KN-7] */
    KH_CONSENT_TEAM = 3,    /* named people [TB-11] */
    KH_CONSENT_ALL = 4,     /* every viewer site but those excluded, new ones too [TB-8] */
    KH_CONSENT_STAND_IN = 5 /* a person from then to then [KI-3] */
} kh_consent_form;
#define KH_CONSENT_FORM_LAST KH_CONSENT_STAND_IN
typedef enum kh_consent_direction { KH_CONSENT_VIEW = 1, KH_CONSENT_SHOW = 2, KH_CONSENT_BOTH = 3 } kh_consent_direction;
typedef enum kh_consent_signer {
    KH_SIGNER_PATIENT = 1, KH_SIGNER_FAMILY = 2, KH_SIGNER_GUARDIAN = 3,
    KH_SIGNER_REPRESENTATIVE = 4, /* legal, of who has no capacity [TB-3] */
    KH_SIGNER_SCRIBE = 5          /* writes for who can decide and cannot write; networks differ [AZ-20, TB-3] */
} kh_consent_signer;
#define KH_SIGNER_LAST KH_SIGNER_SCRIBE

/* What the network's settings say. */
typedef struct kh_consent_rules {
    int look_back_years; /* KH_LOOK_BACK_NONE, 0: from the day of the consent, or years before it [KN-6] */
    unsigned places_max; /* whose images one sheet opens [AZ-13]: 4 */
    unsigned team_max;   /* 23 [TB-11] */
    bool scribe;         /* a scribe may sign [TB-3] */
    bool past;           /* what is over already is taken, too: sheets that another house kept [AZ-22] */
} kh_consent_rules;
extern const kh_consent_rules kh_consent_rules_default;

typedef struct kh_consent_place {
    const char *facility;
    const char *number; /* the patient's there as it stands on the sheet; "": not known yet */
} kh_consent_place;

typedef struct kh_consent_sheet {
    int64_t sheet_of;              /* the sheet that this one continues [AZ-19]; 0 */
    const char *facility, *number; /* where it was taken, and the patient's number there */
    kh_consent_form form;
    kh_consent_direction direction;
    const char *signed_date;
    kh_consent_signer signer;
    const char *proxy_name, *proxy_relation; /* who signed, unless the patient did; demanded then */
    bool explained;                /* that it can be stopped any day, without reason or disadvantage [AZ-12]; refused without */
    const char *explainer, *department, *fax;
    const char *holder;            /* facility that keeps the original [AZ-14]; "": where it was taken */
    const char *author;            /* who took the sheet that another enters [TB-12]; "": who enters it */
    /* Of a sheet that another house kept (rules.past); NULL otherwise. */
    const char *closed, *closed_reason;           /* facilities and logins, with commas, that were closed */
    const char *withdrawn_at, *withdrawn_reason;  /* it was withdrawn: at that facility, "" the office */
    int64_t from_ms, to_ms;        /* 0: from now, no end; a stand-in's are demanded */
    const kh_consent_place *places;
    size_t place_count;
    const char *person;            /* login of the doctor or stand-in */
    const char *team;
    const char *const *members;    /* logins */
    size_t member_count;
    const char *const *excluded;   /* facilities */
    size_t excluded_count;
    int look_back_years;           /* as kh_consent_rules, or KH_LOOK_BACK_SETTING */
    const char *floors;            /* NULL or "DISCLOSER=YYYYMMDD,DISCLOSER=": the first day of each that is named, whatever look_back_years says; "": no floor */
    unsigned items;                /* sum of KH_ITEM_ */
    const char *modalities;        /* "CT,MR"; "": any */
} kh_consent_sheet;

/* One that the patient signed for places to be shown what is at the facility, with nothing else said: every text is "". Who explained it
 * (explained, explainer), how far back and which items are the caller's to add. All is borrowed. */
kh_consent_sheet kh_consent_of_sites(const char *facility, const char *number, const char *signed_date, const kh_consent_place *places,
                                     size_t place_count);

/* KH_E_ARG names the field, KH_E_NOT_FOUND facility, patient or person; KH_E_CONFLICT: a place's number is linked otherwise. */
KH_MUST_USE kh_status kh_consent_add(kh_access *access, const kh_consent_rules *rules, const kh_consent_sheet *sheet, const char *by,
                                     int64_t *id, kh_error *err);
/* Staff at the facility (or for it) confirm the patient's number: the entry is made when it is not there (as the sheet's patient), linked,
 * and what waited opens [AZ-16, AZ-18]. KH_E_NOT_FOUND: the sheet does not name the facility. */
KH_MUST_USE kh_status kh_consent_arrived(kh_access *access, int64_t id, const char *facility, const char *number, const char *by,
                                         kh_error *err);
/* The whole consent, with every further sheet, at whatever site it was filed [AZ-23, TB-10]; at: that facility, "" the office. Its
 * disclosers get an alert. Once is enough: KH_E_CONFLICT when it is withdrawn already. */
KH_MUST_USE kh_status kh_consent_withdraw(kh_access *access, int64_t id, const char *at, const char *reason, const char *by, kh_error *err);
/* One place or person of it [AZ-24], or the stand-in hands back early [KI-3]. who: code of the facility, or login. reason is demanded. */
KH_MUST_USE kh_status kh_consent_close(kh_access *access, int64_t id, const char *who, const char *reason, const char *by, kh_error *err);

/* One grant alone, as another house ended it [AZ-22]: what a sheet opens may only become less this way. KH_E_NOT_FOUND when it does not
 * stand. */
KH_MUST_USE kh_status kh_grant_end(kh_access *access, int64_t grant_id, const char *reason, const char *by, kh_error *err);

typedef struct kh_consent_row {
    int64_t id, sheet_of;
    char facility[65], number[KH_PATIENT_NUMBER_SIZE];
    kh_consent_form form;
    kh_consent_direction direction;
    kh_consent_signer signer;
    char signed_date[9], proxy_name[193], proxy_relation[65], explainer[193], department[129], fax[33], holder[65], author[193], by[65];
    int64_t made_ms, from_ms, to_ms, withdrawn_ms; /* to INT64_MAX: no end; withdrawn 0: it stands */
    char withdrawn_by[65], withdrawn_at[65], withdrawn_reason[257];
    int64_t waiting; /* places whose number has not arrived */
} kh_consent_row;
typedef kh_status kh_consent_visit(void *context, const kh_consent_row *consent);
/* Those that name the patient's number, at whichever place; facility or number NULL: of every one. Newest first. */
KH_MUST_USE kh_status kh_consent_list(kh_access *access, const char *facility, const char *number, kh_consent_visit *visit, void *context,
                                      kh_error *err);
KH_MUST_USE kh_status kh_consent_get(kh_access *access, int64_t id, kh_consent_row *out, kh_error *err);

/* What a sheet named when it was entered, and what of it was closed since: as lists with commas. Borrowed during the call. */
typedef struct kh_consent_whole {
    const char *places; /* "FACILITY:NUMBER", the number that is linked, else the one on the sheet */
    const char *person, *team, *members, *excluded, *modalities;
    const char *floors; /* as of a sheet */
    const char *closed, *closed_reason; /* facilities and logins */
    unsigned items;
} kh_consent_whole;
typedef kh_status kh_consent_whole_visit(void *context, const kh_consent_whole *whole, kh_error *err);
KH_MUST_USE kh_status kh_consent_whole_get(kh_access *access, int64_t id, kh_consent_whole_visit *visit, void *context, kh_error *err);

typedef struct kh_grant_row {
    int64_t id, consent_id;
    char discloser[65], number[KH_PATIENT_NUMBER_SIZE]; /* number "": it has not arrived */
    kh_consent_form form;
    char to[65];         /* facility or login; name of the team; "" all */
    int64_t from_ms, to_ms, ended_ms;
    char floor[9], modalities[256], ended_by[65], ended_reason[257];
    unsigned items;
    bool linked;         /* somebody it names has the patient's number: it is open while its time is */
} kh_grant_row;
typedef kh_status kh_grant_visit(void *context, const kh_grant_row *grant);
typedef struct kh_grant_query {
    int64_t consent_id;            /* 0: any */
    const char *facility, *number; /* of the patient at the discloser; NULL: any */
    const char *site;              /* that may read by it; NULL: any */
    bool open;                     /* only those that stand now */
} kh_grant_query;
KH_MUST_USE kh_status kh_grant_list(kh_access *access, const kh_grant_query *query, kh_grant_visit *visit, void *context, kh_error *err);

/* The first day that is open: years before the day, YYYYMMDD; of 29 February in a year without one the 28th. "" for KH_LOOK_BACK_NONE. */
void kh_look_back_floor(char out[9], const char *day, int years);

const char *kh_consent_form_text(kh_consent_form form);             /* "sites", "doctor", "team", "all", "stand-in" */
kh_consent_form kh_consent_form_of(const char *text);               /* 0: none */
const char *kh_consent_direction_text(kh_consent_direction direction); /* "view", "show", "both" */
kh_consent_direction kh_consent_direction_of(const char *text);
const char *kh_consent_signer_text(kh_consent_signer signer);       /* "patient", "family", ... */
kh_consent_signer kh_consent_signer_of(const char *text);
/* "images,reports,take"; out of at least 32 bytes. */
void kh_items_text(char out[32], unsigned items);
bool kh_items_of(unsigned *out, const char *text);

#endif
