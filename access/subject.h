/* subject.h - who asks: a person at a terminal, a person's token, or a node of a facility. */
#ifndef KH_ACCESS_SUBJECT_H
#define KH_ACCESS_SUBJECT_H

#include <stdint.h>

/* Stored as these numbers: never renumbered. */
typedef enum kh_person_role {
    KH_ROLE_DOCTOR = 1,
    KH_ROLE_NURSE = 2,
    KH_ROLE_RADIOLOGIST = 3,
    KH_ROLE_RADIOGRAPHER = 4,
    KH_ROLE_REGISTRAR = 5, /* clerk, liaison office */
    KH_ROLE_MANAGER = 6,   /* responsible in a facility */
    KH_ROLE_OFFICE = 7,    /* of the network */
    KH_ROLE_AUDITOR = 8
} kh_person_role;
#define KH_ROLE_LAST KH_ROLE_AUDITOR

/* What a token of a person may be used for; a session has all. */
#define KH_SCOPE_FIND 1u
#define KH_SCOPE_VIEW 2u
#define KH_SCOPE_TAKE 4u
#define KH_SCOPE_STORE 8u
#define KH_SCOPE_ALL 15u

typedef struct kh_subject {
    int64_t person_id;   /* 0: a node */
    int64_t facility_id; /* of access.db; 0: none there */
    char facility[65];   /* its code, as nodes and objects have it */
    kh_person_role role; /* 0: a node */
    unsigned scopes;
    int64_t session_id, token_id, terminal_id; /* 0: none */
    char name[65];       /* login, or name of the node: for the record of access */
    char terminal[65];   /* name of the terminal; "" none: likewise */
} kh_subject;

/* By what one visitor is told from another: the session, the negative of a token; 0: neither. */
static inline int64_t kh_subject_visitor(const kh_subject *subject)
{
    return subject->session_id > 0 ? subject->session_id : -subject->token_id;
}

/* "doctor"; NULL for what is none. */
const char *kh_role_text(kh_person_role role);
/* 0 when it is none. */
kh_person_role kh_role_of(const char *text);

#endif
