/* hospital.h - a PACS with faults to order: C-ECHO, C-FIND at three levels, C-MOVE at three levels with real sub-operations. */
#ifndef KH_TESTS_BRIDGE_HOSPITAL_H
#define KH_TESTS_BRIDGE_HOSPITAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include "dicom/shim/acceptor.h"

typedef enum hospital_fault {
    FAULT_NONE,
    FAULT_RESET,        /* closes the socket in the middle of a move */
    FAULT_ABORT,        /* A-ABORT in the middle */
    FAULT_SILENCE,      /* says nothing more in the middle */
    FAULT_SILENT_FIND,  /* never answers C-FIND */
    FAULT_HALF_SUCCESS, /* sends half, claims success */
    FAULT_HALF_FAILED,  /* sends half, tells the rest failed (B000) */
    FAULT_NOTHING,      /* success, no sub-operation */
    FAULT_NO_COUNTS,    /* responses without any count, all is sent */
    FAULT_NO_PENDING,   /* one final response only, all is sent */
    FAULT_TWICE,        /* sends every object twice */
    FAULT_UNKNOWN_US,   /* A801 */
    FAULT_OUT_OF_RESOURCES, /* A702 */
    FAULT_REJECTS,      /* rejects the association */
    FAULT_NOT_COUNTING, /* no 0020,1208 in its answers */
    FAULT_FIND_FAILS,   /* C-FIND answered with A700 */
    FAULT_NO_STUDY,     /* C-FIND: no match */
    FAULT_COUNT_HIGH,   /* tells one more than it has */
    FAULT_ANSWERS_OTHER_MESSAGE, /* response to a message nobody sent */
    FAULT_CUT_OBJECT,   /* the first object of a move is cut in its middle by an abort of that association */
    FAULT_COUNT_LOW,    /* 0020,1208 is half of what it has, and moves but by UID send no more than that, told as success */
    FAULT_SERIES_HIGH,  /* 0020,1206 is one too many */
    FAULT_OTHER_OBJECT, /* a move of the study sends one it does not list instead of the last, told as success */
    FAULT_COUNTS_HIGH,  /* 0020,1208 and 0020,1209 of a series are one too many */
    FAULT_CUT_LIST,     /* lists two instances of each series; its first move sends half, told as success */
    FAULT_BROKEN_FAILS, /* every move with object HOSPITAL_BROKEN fails as a whole (C000) */
    FAULT_BROKEN_ABORTS, /* every move with it ends the association */
    FAULT_FIRST_OF_LIST, /* moves of more than one UID send the first, told as success; study and series are refused (C000) */
    FAULT_NO_LISTS      /* moves of more than one UID are refused (A900), so are study and series (C000) */
} hospital_fault;

#define HOSPITAL_BROKEN 5
/* A study of an archive that is only asked, see hospital_set_study(). Its one series is UID.1, its objects UID.1.1, UID.1.2, ... */
typedef struct hospital_study {
    char study_uid[65], patient_id[65]; /* "": not told */
    unsigned instances;                 /* 0: it has been deleted */
} hospital_study;
#define HOSPITAL_STUDIES_MAX 64

typedef struct hospital {
    uint16_t port;           /* where it listens */
    uint16_t target_port;    /* where C-MOVE sends to */
    int silence_ms;          /* of FAULT_SILENCE and FAULT_SILENT_FIND, at most: a C-CANCEL or an abort ends it */
    _Atomic unsigned objects; /* 1 .. objects of SUPPORT_STUDY_UID */
    _Atomic int fault;
    _Atomic unsigned fault_moves;  /* moves that still show it; others are faultless */
    _Atomic bool silent;           /* it has fallen silent in a move */
    _Atomic unsigned associations; /* made by us so far */
    _Atomic unsigned most_at_once, at_once; /* of these */
    _Atomic unsigned moves, sent, asked_instances, study_moves;
    _Atomic unsigned finds;  /* C-FIND requests */
    pthread_mutex_t lock;    /* guards the next four */
    char caller[17], destination[17]; /* how we called ourselves, and where it was to send to, the last time */
    hospital_study studies[HOSPITAL_STUDIES_MAX];
    unsigned study_count;    /* 0: it has SUPPORT_STUDY_UID alone */
    kh_acceptor *acceptor;
    kh_stop *stop;
    int listen_fd;
} hospital;

void hospital_start(hospital *pacs, unsigned objects, uint16_t target_port);
void hospital_stop(hospital *pacs);
/* C-FIND is answered from such studies from now on. One of the same UID is replaced. */
void hospital_set_study(hospital *pacs, const char *study_uid, const char *patient_id, unsigned instances);

#endif
