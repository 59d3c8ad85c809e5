/* audit.h - the record of who did what: one chain per writing role (chain.h), written by one thread. Whoever shows or changes something
 * puts an event first and goes on when it is durable; all events that wait become durable together. When nothing can be written (full disk
 * and reserve used up, full queue) the caller hears KH_E_BUSY and refuses what it was asked: nothing is shown that is not recorded. It goes
 * on by itself once there is room again.
 * Threads: any. Ownership: texts of an event are copied. */
#ifndef KH_AUDIT_AUDIT_H
#define KH_AUDIT_AUDIT_H

#include "audit/event.h"

#define KH_AUDIT_FOLDER "audit" /* in the data folder */

typedef struct kh_audit kh_audit;

typedef struct kh_audit_options {
    const char *dir;             /* copied */
    const char *role;            /* copied: "bridge", "web" */
    uint64_t roll_bytes;         /* a file is full then */
    uint64_t reserve_bytes;      /* of the disk, taken ahead for when it is full (chain.h) */
    int64_t group_ms;            /* what is told once of one reader and series */
    int64_t checkpoint_ms;       /* the longest time between a record and the checkpoint behind it */
    uint64_t checkpoint_records; /* the most records between two */
    size_t queue_max;            /* events and those who wait for them; more are refused */
} kh_audit_options;
/* 64 MiB, no reserve, 10 minutes, 60 s, 1,000 records, 8,192 waiting. dir and role are the caller's to set. */
extern const kh_audit_options kh_audit_options_default;

/* A full disk is no failure: what is put fails until there is room. KH_E_BUSY when another process writes this role's chain. */
KH_MUST_USE kh_status kh_audit_open(kh_audit **out, const kh_audit_options *options, kh_error *err);
/* What was put is written, with a last checkpoint. NULL is welcome. */
void kh_audit_close(kh_audit *audit);

/* error->status is KH_OK: it is durable. On the writer's thread: must not wait. */
typedef void kh_audit_done(void *context, const kh_error *error);
/* done may be NULL. Unless KH_OK is returned done is not called: KH_E_BUSY queue full, KH_E_CANCELLED closing, KH_E_MEMORY.
 * audit NULL everywhere: nothing is recorded, done is called at once (tests, and commands that change nothing). */
KH_MUST_USE kh_status kh_audit_put(kh_audit *audit, const kh_audit_event *event, kh_audit_done *done, void *context, kh_error *err);
/* Put, and wait until it is durable. Not on a thread that must not wait. */
KH_MUST_USE kh_status kh_audit_write(kh_audit *audit, const kh_audit_event *event, kh_error *err);
/* The two halves of that: what is looked up between them must not leave before the second has returned KH_OK. *out is NULL unless KH_OK is
 * returned; each one that began is ended, once. */
typedef struct kh_audit_wait kh_audit_wait;
KH_MUST_USE kh_status kh_audit_write_begin(kh_audit *audit, const kh_audit_event *event, kh_audit_wait **out, kh_error *err);
KH_MUST_USE kh_status kh_audit_write_end(kh_audit_wait *wait, kh_error *err);

/* What is told once of one reader: a key of who, what kind of access and to what of ours (seen.h). Recorded and durable within the last
 * group_ms? No lock, no memory. */
uint64_t kh_audit_once_key(const kh_audit *audit, const char *who, unsigned kind, int64_t id, const char *text);
bool kh_audit_lately(const kh_audit *audit, uint64_t key);
/* As kh_audit_put(); one that comes while another of its key is on its way waits for that one. for_ms: 0: group_ms. */
KH_MUST_USE kh_status kh_audit_put_once(kh_audit *audit, uint64_t key, int64_t for_ms, const kh_audit_event *event, kh_audit_done *done,
                                        void *context, kh_error *err);

typedef struct kh_audit_stats {
    uint64_t records, commits, refused; /* refused: events that could not be written */
    bool failing;                       /* the last commit failed */
    uint64_t reserved_bytes;            /* what can be recorded on a full disk still */
} kh_audit_stats;
void kh_audit_get_stats(kh_audit *audit, kh_audit_stats *out);

#endif
