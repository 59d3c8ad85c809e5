/* people.h - who has an account: one person each, never shared (KN-4). An account is made, trained (KN-2, TB-1), activated; it may be
 * suspended at once (AZ-10) and ends when the person leaves (KN-3). Who is banned (KN-1) gets no new one, whatever the login.
 * Threads: any. */
#ifndef KH_ACCESS_PEOPLE_H
#define KH_ACCESS_PEOPLE_H

#include "access/facilities.h"
#include "access/subject.h"

typedef enum kh_person_state {
    KH_PERSON_PENDING,   /* not activated yet */
    KH_PERSON_ACTIVE,
    KH_PERSON_SUSPENDED, /* the person; facility and network are asked for on their own */
    KH_PERSON_LEFT
} kh_person_state;

typedef struct kh_person {
    int64_t id;
    char login[65];           /* 2 to 64 of [a-z0-9_.@-], unique, never changed and never used again */
    char name[193], kana[193]; /* kana in katakana, one space between the parts; what a ban is compared by */
    char birth_date[9];       /* YYYYMMDD */
    int64_t facility_id;
    char facility[65];        /* its code */
    kh_person_role role;
    char profession[65];      /* in words, as the network's forms have it */
    char trained[9];          /* YYYYMMDD of the training in safe handling; "" not yet */
    int64_t activated_ms, left_ms; /* wall clock; 0: not */
    kh_suspension suspended;
} kh_person;

typedef kh_status kh_person_visit(void *context, const kh_person *person);

kh_person_state kh_person_state_at(const kh_person *person, int64_t wall_ms);
const char *kh_person_state_text(kh_person_state state);

/* person->facility names the facility. KH_E_ARG with the field, KH_E_CONFLICT when the login is or was somebody's, KH_E_NOT_FOUND for the
 * facility, KH_E_DENIED when the person is banned. person->id is set; it is pending. */
KH_MUST_USE kh_status kh_person_add(kh_access *access, kh_person *person, kh_error *err);
/* Name, kana, birth date, facility, role, profession of the person of that login; sessions and tokens of another facility or role end. */
KH_MUST_USE kh_status kh_person_set(kh_access *access, kh_person *person, kh_error *err);
KH_MUST_USE kh_status kh_person_find(kh_access *access, const char *login, kh_person *out, kh_error *err);
KH_MUST_USE kh_status kh_person_by_id(kh_access *access, int64_t id, kh_person *out, kh_error *err);
/* facility NULL or "": of all. By login. */
KH_MUST_USE kh_status kh_person_list(kh_access *access, const char *facility, kh_person_visit *visit, void *context, kh_error *err);
/* The date of the training, YYYYMMDD, not in the future. */
KH_MUST_USE kh_status kh_person_train(kh_access *access, const char *login, const char *date, kh_error *err);
/* KH_E_DENIED before the training is recorded, and for who is banned. */
KH_MUST_USE kh_status kh_person_activate(kh_access *access, const char *login, kh_error *err);
/* At once: sessions end, tokens are no longer good. until_ms 0: until resumed. */
KH_MUST_USE kh_status kh_person_suspend(kh_access *access, const char *login, const char *reason, const char *by, int64_t until_ms,
                                        kh_error *err);
KH_MUST_USE kh_status kh_person_resume(kh_access *access, const char *login, kh_error *err);
/* For good (KN-3): sessions end, tokens are revoked, grants that name the person end (leaving.h); what is recorded stays. */
KH_MUST_USE kh_status kh_person_leave(kh_access *access, const char *login, kh_error *err);
/* Is there anybody of the network office who may sign in? The first start asks. */
KH_MUST_USE kh_status kh_person_any_office(kh_access *access, bool *out, kh_error *err);

/* ---- who may not come again (KN-1, AZ-10): matched on the person ---- */
typedef struct kh_ban {
    int64_t id;
    char kana[193], birth_date[9];
    char until[9]; /* YYYYMMDD, the last day; "" for ever */
    char reason[257], by[65];
    int64_t made_ms;
} kh_ban;
typedef kh_status kh_ban_visit(void *context, const kh_ban *ban);
KH_MUST_USE kh_status kh_ban_add(kh_access *access, kh_ban *ban, kh_error *err);
KH_MUST_USE kh_status kh_ban_remove(kh_access *access, int64_t id, kh_error *err);
KH_MUST_USE kh_status kh_ban_list(kh_access *access, kh_ban_visit *visit, void *context, kh_error *err);

#endif
