/* rules.h - what the service does by itself, durable in the index: fetch a patient's earlier studies, send on what arrives, fetch what a
 * hospital has from before. Rules are acted upon by pacs-bridge/rules.h. A rule is not changed: it is removed and added anew.
 * Writes: the owner only. Limits: KH_RULES_MAX rules. */
#ifndef KH_CACHE_RULES_H
#define KH_CACHE_RULES_H

#include "cache/cache.h"

#define KH_RULES_MAX 100
#define KH_RULE_PRIORS_MAX 50
#define KH_RULE_AGE_DAYS_MAX 36500
#define KH_RULE_STUDIES_PER_HOUR_MAX 100000
#define KH_RULE_BYTES_PER_HOUR_MAX (1LL << 50)
#define KH_RULE_SAME "same" /* as the study that arrived */

typedef enum kh_rule_kind { KH_RULE_PREFETCH, KH_RULE_FORWARD, KH_RULE_BACKFILL } kh_rule_kind;

typedef struct kh_rule {
    int64_t id;
    char name[65]; /* unique, 1 to 64 of [A-Za-z0-9_.-] */
    kh_rule_kind kind;
    bool enabled;
    char node[65]; /* prefetch: who is asked, "" for every node of the study's hospital; forward: who is sent to; back-fill: whose */

    /* prefetch and forward: which studies it is about; each "" for any */
    char source[65];       /* pattern with * and ?: the name of the node it came from, or "import" */
    char facility[65];     /* the hospital it belongs to */
    char modality[100];    /* codes separated by commas: one series has one of them */
    char body_part[200];   /* the same, Body Part Examined of the same series */
    char description[200]; /* pattern with * and ?, without regard to case and width: study or series description */

    /* prefetch: which earlier studies */
    char prior_modality[100];  /* codes, "same", or "" for any */
    char prior_body_part[200]; /* the same; a study that tells no body part is taken */
    int32_t priors;            /* the newest so many, 1 to KH_RULE_PRIORS_MAX */
    int32_t age_days;          /* not older than so many days before the study, 1 to KH_RULE_AGE_DAYS_MAX */

    /* forward */
    bool at_once; /* each object of a series it is about, as it comes; else the whole study when it has arrived */

    /* back-fill */
    char date_from[9], date_to[9]; /* YYYYMMDD, both included; the newest day first */
    int64_t studies_per_hour;      /* 1 to KH_RULE_STUDIES_PER_HOUR_MAX */
    int64_t bytes_per_hour;        /* 1 MiB to KH_RULE_BYTES_PER_HOUR_MAX; 0: no limit */
    int64_t created_ms;
} kh_rule;

/* A rule of this kind with what is usual: enabled, 3 priors of 5 years, the same modality, 60 studies an hour. */
void kh_rule_init(kh_rule *rule, kh_rule_kind kind);
const char *kh_rule_kind_text(kh_rule_kind kind); /* "prefetch", "forward", "backfill" */
bool kh_rule_kind_parse(kh_rule_kind *out, const char *text);

typedef kh_status kh_rule_visit(void *context, const kh_rule *rule);

/* KH_E_ARG with the field and what was expected; KH_E_NOT_FOUND for its node; KH_E_CONFLICT when the name is taken; KH_E_LIMIT. rule->id
 * is set. */
KH_MUST_USE kh_status kh_rule_add(kh_cache *cache, kh_rule *rule, kh_error *err);
/* What it filed and still waits is cancelled. */
KH_MUST_USE kh_status kh_rule_remove(kh_cache *cache, const char *name, kh_error *err);
KH_MUST_USE kh_status kh_rule_enable(kh_cache *cache, const char *name, bool enabled, kh_error *err);
KH_MUST_USE kh_status kh_rule_find(kh_cache *cache, const char *name, kh_rule *out, kh_error *err);
KH_MUST_USE kh_status kh_rule_by_id(kh_cache *cache, int64_t id, kh_rule *out, kh_error *err);
/* By name; by id. */
KH_MUST_USE kh_status kh_rule_list(kh_cache *cache, kh_rule_visit *visit, void *context, kh_error *err);
KH_MUST_USE kh_status kh_rule_list_by_id(kh_cache *cache, kh_rule_visit *visit, void *context, kh_error *err);

/* --- days: YYYYMMDD --- */

/* A day of the calendar. */
bool kh_day_valid(const char *day);
/* Days since 1970-01-01; day must be valid. */
int64_t kh_day_number(const char *day);
void kh_day_text(char out[9], int64_t number);

#endif
