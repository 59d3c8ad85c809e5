/* supervisor.h - keeps the roles of the service alive. A role is a function that runs in a process of its own, forked from here,
 * never exec'ed: it inherits sockets and shared memory. One that dies is forked again at once (within 100 ms); one that dies
 * again and again before it was up waits longer and longer, up to 5 s.
 * Slot n of the shared page tells process id, starts and start time of role n of the table.
 *
 * Signals: SIGTERM and SIGINT drain: roles of stage 0 are told by SIGTERM, those of stage 1 when all of stage 0 have ended, and
 * what has not ended by the deadline is killed; a second SIGINT kills at once. SIGHUP: kh_page.reloads moves.
 * Threads: the calling process must have one thread. */
#ifndef KH_APP_SUPERVISOR_H
#define KH_APP_SUPERVISOR_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "store/page.h"

/* A role that leaves with this status wants its listening socket made anew: its reopen() is called, then it is started again. */
#define KH_ROLE_EXIT_REOPEN 75

typedef struct kh_role_life {
    int ready_fd;  /* private */
    unsigned slot; /* in the shared page */
} kh_role_life;

/* The role is up. Call once, from any thread of the role. */
void kh_role_ready(const kh_role_life *life);

typedef struct kh_role {
    const char *name;
    unsigned index; /* among the roles of this name */
    unsigned stage; /* 0 or 1, see above */
    uint64_t memory_bytes_max; /* drained and started again above this resident size; 0: no limit */
    /* In the role's process; returns the exit status. SIGTERM is blocked when it begins, for sigwait(3). */
    int (*run)(void *context, unsigned index, const kh_role_life *life);
    /* In the supervisor, after the process is gone and before the next is started. May be NULL. */
    void (*ended)(void *context, unsigned index);
    /* In the supervisor, for KH_ROLE_EXIT_REOPEN. May be NULL. */
    void (*reopen)(void *context);
    void *context;
} kh_role;

typedef struct kh_supervisor_options {
    const kh_role *roles;
    size_t role_count;           /* 1 to KH_PAGE_ROLES_MAX */
    kh_page *page;               /* shared with the roles */
    int64_t drain_ms;
    void (*ready)(void *context);    /* every role has been up once */
    void (*draining)(void *context); /* close listening sockets; NULL is fine */
    void *context;
} kh_supervisor_options;

/* Run the roles until told to stop. KH_OK when all ended in time; KH_E_PEER when a role could not start, KH_E_TIMEOUT when one had
 * to be killed at the end of the drain. */
KH_MUST_USE kh_status kh_supervisor_run(const kh_supervisor_options *options, kh_error *err);

#endif
