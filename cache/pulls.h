/* pulls.h - pull jobs, durable in the index: a study to be fetched from a node. The viewer or a command files one, the bridge
 * fulfils it, arrivals tick it off. Writes: the owner only; other roles ask it over the control socket (pacs-bridge/control.h). */
#ifndef KH_CACHE_PULLS_H
#define KH_CACHE_PULLS_H

#include "cache/nodes.h"
#include "dicom/syntax.h"

typedef enum kh_pull_state {
    KH_PULL_WAITING,    /* to be started at not_before_ms */
    KH_PULL_RUNNING,
    KH_PULL_COMPLETE,   /* all that the hospital counts is here */
    KH_PULL_PARTIAL,    /* ended with received of expected and a reason */
    KH_PULL_UNVERIFIED, /* what was sent is here, but the hospital could not be asked how many there are */
    KH_PULL_FAILED,     /* nothing came; reason */
    KH_PULL_CANCELLED
} kh_pull_state;

#define KH_PULL_URGENT 0 /* the priority of what a doctor waits for */

typedef struct kh_pull {
    int64_t id, node_id;
    char study_uid[KH_UID_SIZE];
    int32_t priority;        /* 0 a doctor waits, 1 prefetch, 2 back-fill */
    kh_pull_state state;
    int64_t expected;        /* instances at the hospital; -1 while not known */
    int64_t received;        /* instances of the study that are here */
    int64_t failed;          /* refused or failed, told by the hospital */
    int32_t attempts;
    int64_t not_before_ms;   /* wall clock */
    int64_t created_ms, updated_ms;
    char reason[200];        /* for people; "" when there is none */
    char asked_by[65];
    int64_t rule_id;         /* the rule that filed it, see cache/rules.h; 0: somebody asked */
    bool compare;            /* of a study that is here: only to see whether the hospital has more by now */
    int64_t bytes;           /* that came by it, over all attempts */
} kh_pull;

typedef kh_status kh_pull_visit(void *context, const kh_pull *pull);

const char *kh_pull_state_text(kh_pull_state state); /* "waiting", "running", ... */

/* File a job; when one for the same node and study is open its id is given back and its priority raised if need be; one that a doctor
 * waits for is due at once, also when it was waiting for its next attempt. */
KH_MUST_USE kh_status kh_pull_file(kh_cache *cache, int64_t node_id, const char *study_uid, int32_t priority,
                                   const char *asked_by, int64_t *pull_id, kh_error *err);
typedef struct kh_pull_filing {
    int64_t node_id;
    const char *study_uid, *asked_by; /* asked_by: up to 64 bytes */
    int32_t priority;
    int64_t rule_id;
    bool compare;
} kh_pull_filing;
KH_MUST_USE kh_status kh_pull_file_as(kh_cache *cache, const kh_pull_filing *filing, int64_t *pull_id, kh_error *err);

/* Which jobs may be taken. not_before_ms is wall clock and the wall clock may be set back: no job waits longer than delay_max_ms. */
#define KH_PULL_NODES_MAX 256
typedef struct kh_pull_choice {
    int32_t priority_min, priority_max;
    int64_t delay_max_ms;
    const int64_t *nodes_left_out;    /* at most KH_PULL_NODES_MAX */
    size_t nodes_left_out_count;
} kh_pull_choice;
/* The nodes left out as a JSON array, for queries of this room. */
#define KH_CHOICE_NODES_SIZE (KH_PULL_NODES_MAX * 21 + 3) /* numbers, each with its comma */
KH_MUST_USE kh_status kh_choice_nodes(const kh_pull_choice *choice, char out[KH_CHOICE_NODES_SIZE], kh_error *err);
/* Every job that is due, and the longest delay there is. */
extern const kh_pull_choice kh_pull_choice_any;
/* Take the most urgent job that is due, mark it running; KH_E_NOT_FOUND when there is none. */
KH_MUST_USE kh_status kh_pull_take(kh_cache *cache, const kh_pull_choice *choice, kh_pull *out, kh_error *err);
/* The one that would be taken. */
KH_MUST_USE kh_status kh_pull_peek(kh_cache *cache, const kh_pull_choice *choice, kh_pull *out, kh_error *err);
/* Try again: a job that ended without being complete waits again, due at once, its attempts forgotten; so does one that waits for its
 * next attempt. KH_E_CONFLICT when it runs, is complete, or another job for the same study is open. */
KH_MUST_USE kh_status kh_pull_retry(kh_cache *cache, int64_t id, kh_error *err);
/* KH_E_CONFLICT when it has ended. A running job keeps running. */
KH_MUST_USE kh_status kh_pull_set_priority(kh_cache *cache, int64_t id, int32_t priority, kh_error *err);
/* Store what changed: state, expected, received, failed, attempts, not_before_ms, reason, bytes. An event goes out. */
KH_MUST_USE kh_status kh_pull_update(kh_cache *cache, const kh_pull *pull, kh_error *err);
KH_MUST_USE kh_status kh_pull_find(kh_cache *cache, int64_t id, kh_pull *out, kh_error *err);
/* A piece of a queue, of pulls or sends, newest first. */
typedef struct kh_queue_page {
    enum { KH_QUEUE_ALL, KH_QUEUE_OPEN, KH_QUEUE_FAILED } which; /* open: waiting and running; failed: ended with a part or nothing */
    int64_t before_id;                                           /* INT64_MAX: from the newest */
    int64_t limit;                                               /* 1 or more */
} kh_queue_page;
KH_MUST_USE kh_status kh_pull_page(kh_cache *cache, const kh_queue_page *page, kh_pull_visit *visit, void *context, kh_error *err);
/* Newest first. open_only: waiting and running. */
KH_MUST_USE kh_status kh_pull_list(kh_cache *cache, bool open_only, int64_t limit, kh_pull_visit *visit, void *context, kh_error *err);
/* At start: what was running is waiting again. */
KH_MUST_USE kh_status kh_pull_recover(kh_cache *cache, kh_error *err);

#endif
