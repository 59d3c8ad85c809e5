/* lookups.h - where rules that ask hospitals stand, durable in the index: studies whose earlier ones are to be looked for, and back-fills
 * day by day. What they file are pulls with the rule's id. Writes: the owner only. not_before_ms is wall clock, see kh_pull_choice. */
#ifndef KH_CACHE_LOOKUPS_H
#define KH_CACHE_LOOKUPS_H

#include "cache/rules.h"

/* --- earlier studies --- */

typedef enum kh_lookup_state { KH_LOOKUP_WAITING, KH_LOOKUP_DONE, KH_LOOKUP_FAILED } kh_lookup_state;

typedef struct kh_lookup {
    int64_t id, rule_id, node_id, study_id;
    kh_lookup_state state;
    int64_t found, filed; /* earlier studies that fit; those of them that were asked for */
    int32_t attempts;
    int64_t not_before_ms, updated_ms;
    char reason[200];
} kh_lookup;

/* Once for each rule, node and study; one that was done is done again when the study has changed (again). */
KH_MUST_USE kh_status kh_lookup_file(kh_cache *cache, int64_t rule_id, int64_t node_id, int64_t study_id, bool again, kh_error *err);
/* The oldest that is due; KH_E_NOT_FOUND. It stays waiting until kh_lookup_update(). */
KH_MUST_USE kh_status kh_lookup_next(kh_cache *cache, int64_t delay_max_ms, kh_lookup *out, kh_error *err);
/* State, found, filed, attempts, not_before_ms, reason. */
KH_MUST_USE kh_status kh_lookup_update(kh_cache *cache, const kh_lookup *lookup, kh_error *err);
typedef kh_status kh_lookup_visit(void *context, const kh_lookup *lookup);
/* Newest first. */
KH_MUST_USE kh_status kh_lookup_list(kh_cache *cache, int64_t limit, kh_lookup_visit *visit, void *context, kh_error *err);

/* How those of a rule stand. */
typedef struct kh_lookup_counts {
    int64_t waiting, done, failed;
    int64_t found, filed;
    char reason[200]; /* of the newest that waits for another attempt or failed; "" */
} kh_lookup_counts;
KH_MUST_USE kh_status kh_lookup_count(kh_cache *cache, int64_t rule_id, kh_lookup_counts *out, kh_error *err);
/* Those that failed and those that wait are due. */
KH_MUST_USE kh_status kh_lookup_retry(kh_cache *cache, int64_t rule_id, kh_error *err);

/* --- back-fills --- */

typedef enum kh_backfill_state {
    KH_BACKFILL_WALKING,
    KH_BACKFILL_FETCHING, /* every day was asked for; pulls are still open */
    KH_BACKFILL_DONE,
    KH_BACKFILL_CANCELLED
} kh_backfill_state;

typedef struct kh_backfill {
    int64_t rule_id;
    kh_backfill_state state;
    char day[9]; /* the next to be asked for; walked from date_to down to date_from */
    int64_t days_done;
    int64_t found;    /* studies the hospital told of, in the days done */
    int64_t held;     /* of these, were here or asked for already */
    int32_t attempts; /* at this day */
    int64_t not_before_ms, updated_ms;
    char reason[200]; /* why it waits; "" */
} kh_backfill;

/* Its pulls. */
typedef struct kh_backfill_pulls {
    int64_t open, fetched, failed; /* failed: ended otherwise than complete or unverified */
    int64_t studies_last_hour, bytes_last_hour;
} kh_backfill_pulls;

/* Pulls in that name (kh_pull_filing.asked_by) of the last hour; of the newest 100,000 of all. */
KH_MUST_USE kh_status kh_pull_count_last_hour(kh_cache *cache, const char *asked_by, int64_t *count, kh_error *err);

const char *kh_backfill_state_text(kh_backfill_state state);
KH_MUST_USE kh_status kh_backfill_find(kh_cache *cache, int64_t rule_id, kh_backfill *out, kh_error *err);
KH_MUST_USE kh_status kh_backfill_count(kh_cache *cache, int64_t rule_id, kh_backfill_pulls *out, kh_error *err);
/* All but the rule's id; nothing happens to one that was cancelled meanwhile. */
KH_MUST_USE kh_status kh_backfill_update(kh_cache *cache, const kh_backfill *backfill, kh_error *err);
/* Its waiting pulls are cancelled. KH_E_CONFLICT when it is done. */
KH_MUST_USE kh_status kh_backfill_cancel(kh_cache *cache, int64_t rule_id, kh_error *err);
/* A cancelled one goes on at its day; one that waits is due; failed pulls of it are tried again. */
KH_MUST_USE kh_status kh_backfill_retry(kh_cache *cache, int64_t rule_id, kh_error *err);

/* --- what is known of studies --- */

typedef struct kh_study_known {
    bool held;    /* its objects are here, at least as many */
    bool away;    /* it was here, and some of it made room for others */
    bool asked;   /* somebody or a rule asked for it, whatever became of it */
    bool by_rule; /* this rule did */
} kh_study_known;
/* Of a study of this hospital. instances: at the hospital, -1 when it does not tell. */
KH_MUST_USE kh_status kh_study_look_up(kh_cache *cache, const char *facility, const char *study_uid, int64_t instances, int64_t rule_id,
                                       kh_study_known *out, kh_error *err);
/* Where its objects came from, each name once: nodes, or "import". */
typedef kh_status kh_source_visit(void *context, const char *source);
KH_MUST_USE kh_status kh_study_sources(kh_cache *cache, int64_t study_id, kh_source_visit *visit, void *context, kh_error *err);

#endif
