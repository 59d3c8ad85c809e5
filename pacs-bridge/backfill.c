#include "pacs-bridge/backfill.h"

#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "cache/node_hours.h"
#include "cache/pulls.h"
#include "pacs-bridge/pull_job.h"
#include "pacs-bridge/told_work.h"

typedef struct listed {
    char study_uid[KH_UID_SIZE];
    int64_t instances;
} listed;

void kh_backfill_walk_release(kh_backfill_walk *walk)
{
    kh_buf_release(&walk->studies);
    walk->day[0] = '\0';
    walk->at = 0;
    walk->held = 0;
}

static kh_status note_study(void *context, const kh_found_study *study)
{
    kh_backfill_walk *walk = context;
    listed one = {.instances = study->instances};

    memcpy(one.study_uid, study->study_uid, sizeof(one.study_uid));
    return kh_buf_append(&walk->studies, &one, sizeof(one), NULL);
}

static kh_status list_day(const kh_backfill_work *work, kh_backfill_walk *walk, const kh_rule *rule, const kh_node *node, const char *day,
                          kh_error *err)
{
    const kh_find_filter filter = {.study_date = day};
    kh_status status;

    kh_backfill_walk_release(walk);
    kh_buf_init(&walk->studies, KH_BACKFILL_DAY_MAX * sizeof(listed));
    status = kh_told_looking(work->service, rule, node, NULL, day, err);
    if (status == KH_OK)
        status = kh_scu_find_studies(work->scu, node, &filter, note_study, walk, err);
    if (status == KH_OK)
        memcpy(walk->day, day, sizeof(walk->day));
    return status;
}

/* Why nothing more may be filed now; false when something may. */
static bool is_full(const kh_rule *rule, const kh_backfill_pulls *pulls, char *reason, size_t reason_size)
{
    if (pulls->studies_last_hour >= rule->studies_per_hour) {
        snprintf(reason, reason_size, "%lld studies an hour are used up", (long long)rule->studies_per_hour);
        return true;
    }
    if (rule->bytes_per_hour > 0 && pulls->bytes_last_hour >= rule->bytes_per_hour) {
        snprintf(reason, reason_size, "%lld bytes an hour are used up", (long long)rule->bytes_per_hour);
        return true;
    }
    reason[0] = '\0';
    return pulls->open >= KH_BACKFILL_OPEN_MAX;
}

static kh_status file(const kh_backfill_work *work, const kh_rule *rule, const kh_node *node, const listed *study, kh_backfill_walk *walk,
                      bool *filed, kh_error *err)
{
    const kh_pull_filing filing = {
        .node_id = node->id, .study_uid = study->study_uid, .asked_by = rule->name, .priority = 2, .rule_id = rule->id};
    kh_study_known known;
    int64_t pull_id;
    kh_status status = kh_study_look_up(work->cache, node->facility, study->study_uid, study->instances, rule->id, &known, err);

    *filed = false;
    if (status != KH_OK || known.by_rule)
        return status;
    if (known.held || known.away || known.asked) {
        walk->held++;
        return KH_OK;
    }
    status = kh_pull_file_as(work->cache, &filing, &pull_id, err);
    *filed = status == KH_OK;
    return status;
}

static kh_status say(const kh_backfill_work *work, kh_backfill *at, const char *reason, kh_error *err)
{
    if (strcmp(at->reason, reason) == 0)
        return KH_OK; /* told already */
    snprintf(at->reason, sizeof(at->reason), "%s", reason);
    return kh_backfill_update(work->cache, at, err);
}

static kh_status try_later(const kh_backfill_work *work, kh_backfill *at, const char *reason, kh_error *err)
{
    at->attempts += at->attempts < INT32_MAX;
    at->not_before_ms = kh_clock_wall_ms() +
                        kh_pull_backoff_ms(work->retry_first_ms, work->retry_longest_ms, at->attempts, (unsigned)kh_clock_monotonic_us());
    snprintf(at->reason, sizeof(at->reason), "%s", reason);
    return kh_backfill_update(work->cache, at, err);
}

static kh_status end_day(const kh_backfill_work *work, kh_backfill_walk *walk, const kh_rule *rule, kh_backfill *at, kh_error *err)
{
    at->found += (int64_t)(walk->studies.size / sizeof(listed));
    at->held += walk->held;
    at->days_done++;
    at->attempts = 0;
    at->reason[0] = '\0';
    if (strcmp(at->day, rule->date_from) <= 0)
        at->state = KH_BACKFILL_FETCHING;
    else
        kh_day_text(at->day, kh_day_number(at->day) - 1);
    kh_backfill_walk_release(walk);
    return kh_backfill_update(work->cache, at, err);
}

static kh_status file_day(const kh_backfill_work *work, kh_backfill_walk *walk, const kh_rule *rule, const kh_node *node, kh_backfill *at,
                          kh_backfill_pulls *pulls, size_t *filed, kh_error *err)
{
    size_t count = walk->studies.size / sizeof(listed);
    char reason[sizeof(at->reason)];
    kh_status status = KH_OK;

    while (status == KH_OK && walk->at < count) {
        bool one = false;
        if (is_full(rule, pulls, reason, sizeof(reason)))
            return say(work, at, reason, err);
        status = file(work, rule, node, (const listed *)(const void *)walk->studies.data + walk->at, walk, &one, err);
        walk->at += status == KH_OK;
        pulls->open += one;
        pulls->studies_last_hour += one;
        *filed += one;
    }
    return status == KH_OK ? end_day(work, walk, rule, at, err) : status;
}

static bool is_due(const kh_backfill_work *work, const kh_backfill *at)
{
    int64_t now_ms = kh_clock_wall_ms();

    return at->not_before_ms <= now_ms || at->not_before_ms > now_ms + work->retry_longest_ms; /* see kh_pull_choice */
}

static kh_status walk_on(const kh_backfill_work *work, kh_backfill_walk *walk, const kh_rule *rule, kh_backfill *at,
                         kh_backfill_pulls *pulls, size_t *filed, kh_error *err)
{
    kh_error why = KH_ERROR_INIT;
    char reason[sizeof(at->reason)];
    kh_status status;
    kh_node node;

    if (is_full(rule, pulls, reason, sizeof(reason)))
        return say(work, at, reason, err);
    status = kh_node_find(work->cache, rule->node, &node, &why);
    if (status == KH_OK && !kh_node_open_now(&node, kh_clock_wall_ms()))
        return say(work, at, "outside the hours of the node", err);
    if (status == KH_OK && strcmp(walk->day, at->day) != 0)
        status = list_day(work, walk, rule, &node, at->day, &why);
    if (status == KH_E_CANCELLED) /* we stop */
        return KH_OK;
    if (status != KH_OK)
        return try_later(work, at, why.message, err);
    return file_day(work, walk, rule, &node, at, pulls, filed, err);
}

kh_status kh_backfill_step(const kh_backfill_work *work, kh_backfill_walk *walk, const kh_rule *rule, size_t *filed, bool *more,
                           kh_error *err)
{
    int64_t days_before;
    kh_backfill_pulls pulls;
    kh_backfill at;
    kh_status status = kh_backfill_find(work->cache, rule->id, &at, err);

    *filed = 0;
    *more = false;
    if (status != KH_OK || at.state >= KH_BACKFILL_DONE || !rule->enabled || !is_due(work, &at))
        return status;
    status = kh_backfill_count(work->cache, rule->id, &pulls, err);
    if (status != KH_OK)
        return status;
    if (at.state == KH_BACKFILL_FETCHING) {
        if (pulls.open > 0)
            return KH_OK;
        at.state = KH_BACKFILL_DONE;
        return kh_backfill_update(work->cache, &at, err);
    }
    days_before = at.days_done;
    status = walk_on(work, walk, rule, &at, &pulls, filed, err);
    *more = status == KH_OK && at.days_done > days_before;
    return status;
}
