/* terminals.h - the PCs and tablets that may connect (AZ-5, AZ-34): each has a certificate, of one facility; revoked at once.
 * A terminal has one certificate in use and, from a renewal until it runs out, the one before.
 * Threads: any. */
#ifndef KH_ACCESS_TERMINALS_H
#define KH_ACCESS_TERMINALS_H

#include "access/access.h"
#include "access/ca.h"

#define KH_TERMINAL_NAME_SIZE 65 /* UTF-8, without control characters */

typedef struct kh_terminal {
    int64_t id, facility_id;
    char facility[65];       /* its code */
    char name[KH_TERMINAL_NAME_SIZE];
    char antivirus[129];     /* what keeps it clean, as the facility declares (AZ-28); "": not declared */
    char antivirus_day[9];   /* YYYYMMDD of that */
    int64_t seen_ms;         /* a request of it, to the hour; 0: never */
    char serial[KH_CA_SERIAL_SIZE], fingerprint[KH_CERTIFICATE_DIGEST_SIZE]; /* of the certificate that was asked for, else the newest */
    int64_t issued_ms, not_after_ms;
    int64_t revoked_ms;      /* 0: it is not */
    char revoked_reason[257], revoked_by[65];
} kh_terminal;

/* Whose is the certificate of that fingerprint (kh_http_client_certificate())? KH_E_NOT_FOUND when it is none of ours, KH_E_DENIED when it
 * is revoked or has run out. What was allowed may be kept for one epoch (kh_access_epoch()) and until not_after_ms. */
KH_MUST_USE kh_status kh_terminal_by_certificate(kh_access *access, const char *fingerprint, kh_terminal *out, kh_error *err);
/* Has it a certificate that is good? False, too, when that cannot be read. */
bool kh_terminal_is_good(kh_access *access, int64_t id);
/* It was here: written at most once an hour. */
KH_MUST_USE kh_status kh_terminal_seen(kh_access *access, int64_t id, kh_error *err);
KH_MUST_USE kh_status kh_terminal_find(kh_access *access, const char *facility, const char *name, kh_terminal *out, kh_error *err);
typedef kh_status kh_terminal_visit(void *context, const kh_terminal *terminal);
/* By facility and name. facility NULL: all. before_ms: those whose certificate is good and runs out before that time; 0: all. */
KH_MUST_USE kh_status kh_terminal_list(kh_access *access, const char *facility, int64_t before_ms, kh_terminal_visit *visit, void *context,
                                       kh_error *err);

/* What is asked for and what it came to. */
typedef struct kh_terminal_order {
    const char *facility, *name;
    const char *antivirus; /* NULL: as it was, or not declared */
    int days;              /* of the certificate */
    bool aes;              /* see kh_ca_issue_terminal() */
    bool renew;            /* a terminal that is there gets its next certificate; else a new terminal its first */
} kh_terminal_order;
typedef struct kh_terminal_issued {
    kh_terminal terminal;
    int64_t certificate_id;             /* for kh_install_offer() */
    char password[KH_CA_PASSWORD_SIZE]; /* of the PKCS#12; kept nowhere */
    kh_buf pkcs12;                      /* to be released */
} kh_terminal_issued;
/* KH_E_NOT_FOUND: no such facility, or terminal; KH_E_CONFLICT: it has a certificate that is good already; KH_E_ARG. */
KH_MUST_USE kh_status kh_terminal_issue(kh_access *access, kh_ca *ca, const kh_terminal_order *order, kh_terminal_issued *out,
                                        kh_error *err);
/* All certificates of the terminal, and its open sessions, end now; its links to install one, too. Then the revocation list is written:
 * fails that, the revocation stands all the same. KH_E_NOT_FOUND. */
KH_MUST_USE kh_status kh_terminal_revoke(kh_access *access, kh_ca *ca, const char *facility, const char *name, const char *reason,
                                         const char *by, kh_error *err);
/* Writes the revocation list as access.db has it. */
KH_MUST_USE kh_status kh_terminal_write_list(kh_access *access, kh_ca *ca, kh_error *err);
/* What the facility says of its antivirus program (AZ-28). */
KH_MUST_USE kh_status kh_terminal_declare(kh_access *access, const char *facility, const char *name, const char *antivirus, kh_error *err);

#endif
