/* sends.h - what is to be sent to other nodes, durable in the index: one job for each rule (or person), study and node, with the objects
 * it is about. An object is ticked off when the node has taken it, so that nothing is sent twice but what was under way in a crash. An
 * object never goes back to the node it came from, nor to another node of the same hospital with the same AE title. Writes: the owner
 * only. A study with an open send (state < 2) must not be evicted. */
#ifndef KH_CACHE_SENDS_H
#define KH_CACHE_SENDS_H

#include "cache/pulls.h"
#include "cache/rules.h"
#include "cache/search.h"

typedef enum kh_send_state {
    KH_SEND_WAITING,
    KH_SEND_RUNNING,
    KH_SEND_COMPLETE, /* the node has taken every object */
    KH_SEND_PARTIAL,  /* ended with sent of total and a reason */
    KH_SEND_FAILED,   /* it took none; reason */
    KH_SEND_CANCELLED
} kh_send_state;

typedef struct kh_send {
    int64_t id, node_id, study_id, rule_id; /* rule_id 0: a person */
    char study_uid[KH_UID_SIZE];
    int32_t priority; /* 0 first, 2 last */
    kh_send_state state;
    int64_t total, sent;   /* objects */
    int64_t failed;        /* refused in the last attempt */
    int32_t attempts;      /* without an object taken */
    int64_t not_before_ms; /* wall clock, see kh_pull_choice */
    int64_t created_ms, updated_ms;
    char reason[200];
    char asked_by[65];
} kh_send;

typedef kh_status kh_send_visit(void *context, const kh_send *send);
const char *kh_send_state_text(kh_send_state state);

typedef struct kh_send_filing {
    int64_t study_id, rule_id;
    const kh_node *node;     /* to be sent to */
    const char *source;      /* GLOB pattern for where objects came from, "" for any */
    const char *series_json; /* ids of the series, "[1,2]"; NULL: all of the study */
    const char *asked_by;
    int32_t priority;
    bool again; /* also what was sent before */
} kh_send_filing;

/* Add what the study has and the job has not; a job that had ended waits again when there is something. *added: so many objects; 0
 * changes nothing and *send_id may be 0. */
KH_MUST_USE kh_status kh_send_file(kh_cache *cache, const kh_send_filing *filing, int64_t *send_id, int64_t *added, kh_error *err);
/* The most urgent that is due, marked as running; KH_E_NOT_FOUND. */
KH_MUST_USE kh_status kh_send_take(kh_cache *cache, const kh_pull_choice *choice, kh_send *out, kh_error *err);
/* State, failed, attempts, not_before_ms, reason. An object that came while it was sent lets a complete one wait again. */
KH_MUST_USE kh_status kh_send_update(kh_cache *cache, kh_send *send, kh_error *err);
/* These have been taken by the node. send->sent is set. */
KH_MUST_USE kh_status kh_send_tick_off(kh_cache *cache, kh_send *send, const int64_t *object_ids, size_t count, kh_error *err);
/* What is still to be sent, at most limit, by object id above after_id; set in each row: object and main_offset. What was deleted here is
 * no longer to be sent. */
typedef kh_status kh_send_item_visit(void *context, const kh_search_row *row, kh_error *err);
KH_MUST_USE kh_status kh_send_items(kh_cache *cache, int64_t send_id, int64_t after_id, int64_t limit, kh_send_item_visit *visit,
                                    void *context, kh_error *err);
KH_MUST_USE kh_status kh_send_find(kh_cache *cache, int64_t id, kh_send *out, kh_error *err);
KH_MUST_USE kh_status kh_send_page(kh_cache *cache, const kh_queue_page *page, kh_send_visit *visit, void *context, kh_error *err);
/* As kh_pull_retry() and kh_pull_set_priority(). */
KH_MUST_USE kh_status kh_send_retry(kh_cache *cache, int64_t id, kh_error *err);
KH_MUST_USE kh_status kh_send_set_priority(kh_cache *cache, int64_t id, int32_t priority, kh_error *err);
/* At start: what was running waits again. */
KH_MUST_USE kh_status kh_send_recover(kh_cache *cache, kh_error *err);

#endif
