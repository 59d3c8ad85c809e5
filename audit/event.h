/* event.h - what is recorded: who did what with whose images, and how it ended. docs/security.md names the fields.
 * Threads: pure functions. */
#ifndef KH_AUDIT_EVENT_H
#define KH_AUDIT_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "audit/line.h"

typedef enum kh_audit_action {
    /* of the record itself */
    KH_AUDIT_BEGIN,      /* the first of a chain, names its key */
    KH_AUDIT_START,      /* a role began to write */
    KH_AUDIT_STOP,
    KH_AUDIT_CHECKPOINT, /* signs the record before it */
    KH_AUDIT_BROKEN,     /* what was found at a start did not fit; the chain goes on behind it */
    /* of images */
    KH_AUDIT_SEARCH,   /* a list, a query */
    KH_AUDIT_OPEN,     /* what a study or series is made of: descriptions, no pixels */
    KH_AUDIT_VIEW,     /* pictures on a screen: tiles, rendered images */
    KH_AUDIT_RETRIEVE, /* objects or their parts go out on request */
    KH_AUDIT_SEND,     /* objects go to a node */
    KH_AUDIT_STORE,    /* objects come in */
    KH_AUDIT_FETCH,    /* objects are asked of a hospital */
    KH_AUDIT_CORRECT,
    KH_AUDIT_DELETE,
    KH_AUDIT_UNDO,
    KH_AUDIT_OPERATE,  /* what an operator does or looks at beside: queues, nodes, rules */
    KH_AUDIT_CONNECT,  /* an association that was turned away, an address that is none */
    /* of people */
    KH_AUDIT_SIGN_IN,
    KH_AUDIT_SIGN_OUT,
    KH_AUDIT_RIGHTS,   /* people, facilities, terminals, patients' numbers and links, consents: whatever decides who may see what */
    KH_AUDIT_ALERT,    /* somebody has to look at it: emergency access, a stop switch, an account that is guessed at */
    KH_AUDIT_MARK,     /* readers' marks on pictures: made, changed, deleted */
    KH_AUDIT_ACTIONS
} kh_audit_action;

typedef enum kh_audit_result {
    KH_AUDIT_ALLOWED, /* recorded before it is done: it was about to be done */
    KH_AUDIT_DONE,
    KH_AUDIT_PARTLY,
    KH_AUDIT_FAILED,
    KH_AUDIT_REFUSED,
    KH_AUDIT_ABSENT,  /* what was asked for is not held */
    KH_AUDIT_RESULTS
} kh_audit_result;

/* All texts are borrowed, UTF-8; NULL or "" is left out of the record, more than KH_AUDIT_TEXT_MAX bytes are cut and marked. */
#define KH_AUDIT_TEXT_MAX 512
typedef struct kh_audit_event {
    kh_audit_action action;
    kh_audit_result result;
    const char *who;       /* login, token's name, node's name, AE title, the operator's own word, else the address */
    const char *by;        /* what who is: "person", "token", "node", "title", "operator", "address", "service" */
    const char *who_facility; /* code of the facility who belongs to */
    const char *terminal;  /* its name and number in access.db, "desk (12)", when its certificate was shown */
    const char *address;   /* of the terminal */
    const char *ae_title;  /* of the peer, as it calls itself */
    const char *way;       /* "portal", "DICOMweb", "C-FIND", "command" */
    const char *facility, *patient; /* whose images: patient id at the facility */
    const char *study, *series, *object; /* UIDs */
    const char *to;        /* AE title that objects went to */
    const char *purpose;   /* what it is for: "care", "emergency", "print"; of who's own choice */
    const char *reason;    /* why it was allowed or refused: kh_reason_text() */
    const char *text;      /* query, address asked for, words */
    int64_t count, failed; /* objects; below 0: left out */
    int64_t code;          /* HTTP or DIMSE; 0: left out */
} kh_audit_event;
#define KH_AUDIT_EVENT_INIT {.count = -1, .failed = -1}

/* "view"; NULL beyond the last. */
const char *kh_audit_action_text(kh_audit_action action);
const char *kh_audit_result_text(kh_audit_result result);

/* The record: a JSON object in printable ASCII. Returns its size; 0 when there is no memory. */
size_t kh_audit_event_write(char out[KH_AUDIT_RECORD_MAX], const kh_audit_event *event, int64_t wall_ms);

#endif
