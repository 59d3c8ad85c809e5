/* audit_internal.h - what audit.c and commit.c share. */
#ifndef KH_AUDIT_AUDIT_INTERNAL_H
#define KH_AUDIT_AUDIT_INTERNAL_H

#include <pthread.h>
#include "audit/audit.h"
#include "audit/chain.h"
#include "audit/seen.h"

#define KH_AUDIT_COMMIT_RECORDS 500 /* with a checkpoint and three more of ours they fit in KH_AUDIT_PENDING_MAX */
#define KH_AUDIT_DIR_SIZE 2048
#define KH_AUDIT_BUCKETS 1024u

typedef struct kh_audit_waiter {
    struct kh_audit_waiter *next;
    kh_audit_done *done;
    void *context;
} kh_audit_waiter;

typedef struct kh_audit_item {
    struct kh_audit_item *next;        /* in the queue */
    struct kh_audit_item *next_of_key; /* in its bucket */
    uint64_t key;             /* 0: not told once */
    int64_t for_ms;
    kh_audit_waiter first;
    kh_audit_waiter *more;             /* newest first */
    size_t size;
    char record[];
} kh_audit_item;

struct kh_audit {
    kh_audit_options options; /* dir and role are those below */
    char dir[KH_AUDIT_DIR_SIZE], role[KH_AUDIT_ROLE_MAX + 1];
    kh_audit_seen *seen;
    pthread_t thread;
    bool thread_runs;
    pthread_mutex_t lock; /* guards to the blank line */
    pthread_cond_t wakes;
    kh_audit_item *first, *last;
    kh_audit_item *buckets[KH_AUDIT_BUCKETS]; /* items with a key, until they are done */
    size_t waiting;         /* items and waiters, until they are done */
    bool closing;
    kh_audit_stats stats;

    kh_audit_chain *chain;  /* the thread's own from here; NULL: could not be opened yet */
    uint64_t unsigned_count; /* records since the last checkpoint */
    int64_t signed_ms;
    bool reserve_low;       /* was told */
    uint64_t refused_since; /* since the last commit that succeeded */
};

/* commit.c; on the writer's thread, or before it runs. */
KH_MUST_USE kh_status kh_audit_open_chain(kh_audit *audit, kh_error *err);
/* Writes the items of the list, with a checkpoint when it is asked for or due. None of them counts unless all do. */
KH_MUST_USE kh_status kh_audit_commit(kh_audit *audit, const kh_audit_item *items, bool sign, kh_error *err);
/* Adds what says that this role ends. */
KH_MUST_USE kh_status kh_audit_add_stop(kh_audit *audit);

#endif
