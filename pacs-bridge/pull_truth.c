#include "pacs-bridge/pull_truth.h"

#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "cache/browse.h"

#define SERIES_MAX 10000

void kh_pull_truth_init(kh_pull_truth *truth, const char *study_uid)
{
    *truth = (kh_pull_truth){.study_uid = study_uid, .series_told = -1, .instances_told = -1, .series_sum = -1};
    kh_buf_init(&truth->series, SERIES_MAX * sizeof(kh_found_series));
    kh_buf_init(&truth->there, KH_PULL_INSTANCES_MAX * sizeof(kh_pull_instance));
}

void kh_pull_truth_release(kh_pull_truth *truth)
{
    kh_buf_release(&truth->series);
    kh_buf_release(&truth->there);
}

/* Both are malloc'ed: aligned for structs. */
size_t kh_pull_truth_there_count(const kh_pull_truth *truth)
{
    return truth->there.size / sizeof(kh_pull_instance);
}

kh_pull_instance *kh_pull_truth_there(const kh_pull_truth *truth)
{
    return (kh_pull_instance *)(void *)truth->there.data;
}

size_t kh_pull_truth_series_count(const kh_pull_truth *truth)
{
    return truth->series.size / sizeof(kh_found_series);
}

const kh_found_series *kh_pull_truth_series(const kh_pull_truth *truth)
{
    return (const kh_found_series *)(const void *)truth->series.data;
}

/* --- asking --- */

/* 0 is what some answer that do not count. */
static int64_t told(int64_t count)
{
    return count > 0 ? count : -1;
}

static kh_status note_study(void *context, const kh_found_study *study)
{
    kh_pull_truth *truth = context;

    if (strcmp(study->study_uid, truth->study_uid) != 0)
        return KH_OK;
    truth->found = true;
    truth->series_told = told(study->series);
    truth->instances_told = told(study->instances);
    return KH_OK;
}

static kh_status note_series(void *context, const kh_found_series *series)
{
    kh_pull_truth *truth = context;
    kh_found_series one = *series;

    one.instances = told(one.instances);
    return kh_buf_append(&truth->series, &one, sizeof(one), NULL);
}

static void add_up(kh_pull_truth *truth)
{
    const kh_found_series *series = kh_pull_truth_series(truth);
    size_t count = kh_pull_truth_series_count(truth);

    truth->series_sum = count > 0 ? 0 : -1;
    for (size_t i = 0; i < count && truth->series_sum >= 0; i++)
        truth->series_sum = series[i].instances < 0 ? -1 : truth->series_sum + series[i].instances;
}

kh_status kh_pull_truth_ask(kh_pull_truth *truth, kh_query *query, kh_error *err)
{
    const kh_find_filter filter = {.study_uid = truth->study_uid};
    kh_error why = KH_ERROR_INIT;
    kh_status status = kh_query_studies(query, &filter, note_study, truth, &why);

    truth->asked = status == KH_OK;
    if (status == KH_OK && truth->found) {
        status = kh_query_series(query, truth->study_uid, note_series, truth, &why);
        if (status != KH_OK)
            kh_buf_clear(&truth->series);
        add_up(truth);
    }
    if (query->broken)
        return kh_error_set(err, status, "%s", why.message);
    if (status != KH_OK)
        kh_log(KH_LOG_WARN, "pull", "what %s has of study %s is not known: %s", query->node->name, truth->study_uid, why.message);
    return KH_OK;
}

static kh_status note_there(void *context, const char *series_uid, const char *sop_instance_uid)
{
    kh_pull_truth *truth = context;
    kh_pull_instance one = {.fate = KH_PULL_NOT_ASKED};

    memcpy(one.series_uid, series_uid, strlen(series_uid));
    memcpy(one.sop_instance_uid, sop_instance_uid, strlen(sop_instance_uid));
    return kh_buf_append(&truth->there, &one, sizeof(one), NULL);
}

/* Some answer a query with so many matches and no more. Two counts that agree are believed more than such a list. */
static bool is_cut(const kh_pull_truth *truth)
{
    return truth->instances_told == truth->series_sum && truth->series_sum > (int64_t)kh_pull_truth_there_count(truth);
}

kh_status kh_pull_truth_list(kh_pull_truth *truth, kh_query *query, kh_error *err)
{
    const kh_found_series *series = kh_pull_truth_series(truth);
    kh_status status = KH_OK;

    if (truth->listed || truth->cut)
        return KH_OK;
    kh_buf_clear(&truth->there);
    truth->count = 0;
    for (size_t i = 0; status == KH_OK && i < kh_pull_truth_series_count(truth); i++)
        status = kh_query_instances_of(query, truth->study_uid, series[i].series_uid, KH_PULL_INSTANCES_MAX, &truth->count, note_there,
                                       truth, err);
    if (status != KH_OK)
        return status;
    truth->cut = is_cut(truth);
    truth->listed = truth->there.size > 0 && !truth->cut;
    if (truth->cut)
        kh_log(KH_LOG_WARN, "pull", "%s counts %lld instances of study %s and lists %zu", query->node->name, (long long)truth->series_sum,
               truth->study_uid, kh_pull_truth_there_count(truth));
    if (!truth->listed)
        kh_buf_clear(&truth->there);
    return KH_OK;
}

/* --- comparing --- */

int64_t kh_pull_truth_expected(const kh_pull_truth *truth)
{
    return truth->listed ? (int64_t)kh_pull_truth_there_count(truth) : truth->instances_told;
}

bool kh_pull_truth_is_doubtful(const kh_pull_truth *truth)
{
    size_t series = kh_pull_truth_series_count(truth);

    return truth->instances_told < 0 || (series > 0 && truth->series_told >= 0 && truth->series_told != (int64_t)series) ||
           (truth->series_sum >= 0 && truth->series_sum != truth->instances_told);
}

static int by_uid(const void *a, const void *b)
{
    return strcmp(((const kh_found_series *)a)->series_uid, ((const kh_found_series *)b)->series_uid);
}

typedef struct comparing {
    kh_buf sorted;           /* of kh_found_series */
    int64_t series, matched; /* here; of those the hospital lists, with as many instances as it counts */
} comparing;

static kh_status compare_series(void *context, const char *series_uid, int64_t count)
{
    comparing *with = context;
    kh_found_series key = {.instances = 0}, *listed;

    with->series++;
    if (strlen(series_uid) >= sizeof(key.series_uid) || with->sorted.size == 0)
        return KH_OK;
    memcpy(key.series_uid, series_uid, strlen(series_uid));
    listed = bsearch(&key, with->sorted.data, with->sorted.size / sizeof(key), sizeof(key), by_uid);
    with->matched += listed && (listed->instances < 0 || listed->instances == count);
    return KH_OK;
}

kh_status kh_pull_truth_differs(const kh_pull_truth *truth, kh_cache *cache, const char *facility, bool *out, kh_error *err)
{
    int64_t series = (int64_t)kh_pull_truth_series_count(truth);
    comparing with = {.series = 0};
    kh_status status = KH_OK;

    kh_buf_init(&with.sorted, truth->series.size);
    if (series > 0) {
        status = kh_buf_append(&with.sorted, truth->series.data, truth->series.size, err);
        if (status == KH_OK)
            qsort(with.sorted.data, (size_t)series, sizeof(kh_found_series), by_uid);
    }
    if (status == KH_OK)
        status = kh_browse_series_counts(cache, facility, truth->study_uid, compare_series, &with, err);
    *out = (truth->series_told >= 0 && with.series != truth->series_told) || (series > 0 && with.matched != series);
    kh_buf_release(&with.sorted);
    return status;
}
