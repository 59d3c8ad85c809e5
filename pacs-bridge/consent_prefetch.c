#include "pacs-bridge/consent_prefetch.h"

#include <stdio.h>
#include <string.h>
#include "access/prefetch.h"
#include "base/clock.h"
#include "base/log.h"
#include "cache/lookups.h"
#include "cache/node_hours.h"
#include "cache/pulls.h"
#include "pacs-bridge/prior_finder.h"
#include "pacs-bridge/pull_job.h"
#include "pacs-bridge/query.h"
#include "pacs-bridge/told_work.h"

#define NODES_MAX 16 /* of one facility */

typedef struct candidate {
    char study_uid[KH_UID_SIZE], modalities[100]; /* separated by commas */
    int64_t instances;
} candidate;

typedef struct fetching {
    const kh_consent_prefetch *of;
    const kh_prefetch *due;
    kh_node nodes[NODES_MAX];
    size_t node_count;
    kh_buf candidates; /* of the node that is asked */
    int64_t found, filed, left; /* left: of the hour's studies */
} fetching;

/* --- what is wanted --- */

static kh_status keep_node(void *context, const kh_node *node)
{
    fetching *f = context;
    const char *facility = node->facility[0] ? node->facility : f->of->service->facility_default;

    if (node->host[0] && strcmp(facility, f->due->facility) == 0 && f->node_count < NODES_MAX)
        f->nodes[f->node_count++] = *node;
    return KH_OK;
}

/* What the node does not tell is no reason to leave a study where it is; the decision comes when it is looked at. */
static bool is_wanted(const kh_prefetch *due, const kh_found_study *study)
{
    if (strcmp(study->patient_id, due->number) != 0) /* what matched as a pattern there may be somebody else */
        return false;
    return !due->floor[0] || !study->date[0] || strcmp(study->date, due->floor) >= 0;
}

static void add_modality(candidate *one, const char *modality)
{
    size_t used = strlen(one->modalities);

    if (modality[0] && used + strlen(modality) + 2 < sizeof(one->modalities))
        snprintf(one->modalities + used, sizeof(one->modalities) - used, "%s%s", used ? "," : "", modality);
}

static kh_status note_series(void *context, const kh_item *match, kh_error *err)
{
    char modality[17] = "";

    (void)err;
    (void)kh_item_string(match, KH_TAG_MODALITY, 0, modality, sizeof(modality));
    if (!kh_rule_codes_meet(((candidate *)context)->modalities, modality))
        add_modality(context, modality);
    return KH_OK;
}

/* A node that tells no modalities of studies (0008,0061) tells them of series. */
static kh_status ask_modalities(kh_query *query, candidate *one, kh_error *err)
{
    const kh_key keys[] = {
        {KH_TAG_QUERY_RETRIEVE_LEVEL, KH_VR('C', 'S'), "SERIES"},
        {KH_TAG_MODALITY, KH_VR('C', 'S'), NULL},
        {KH_TAG_STUDY_INSTANCE_UID, KH_VR('U', 'I'), one->study_uid},
        {KH_TAG_SERIES_INSTANCE_UID, KH_VR('U', 'I'), NULL},
    };

    return kh_query_find(query, keys, 4, note_series, one, err);
}

static kh_status note_study(void *context, const kh_found_study *study)
{
    fetching *f = context;
    candidate one = {.instances = study->instances};

    if (!is_wanted(f->due, study))
        return KH_OK;
    memcpy(one.study_uid, study->study_uid, sizeof(one.study_uid));
    snprintf(one.modalities, sizeof(one.modalities), "%s", study->modalities);
    for (char *c = one.modalities; *c; c++)
        *c = *c == '\\' ? ',' : *c;
    return kh_buf_append(&f->candidates, &one, sizeof(one), NULL);
}

static kh_status file(fetching *f, const kh_node *node, const candidate *one, kh_error *err)
{
    const kh_pull_filing filing = {.node_id = node->id, .study_uid = one->study_uid, .asked_by = KH_CONSENT_ASKED_BY, .priority = 1};
    kh_study_known known;
    int64_t pull_id;
    kh_status status = kh_study_look_up(f->of->cache, f->due->facility, one->study_uid, one->instances, 0, &known, err);

    f->found++;
    if (status != KH_OK || known.held || (known.asked && !known.away))
        return status;
    if (f->filed >= f->left)
        return kh_error_set(err, KH_E_BUSY, "the hour's studies are used up");
    status = kh_pull_file_as(f->of->cache, &filing, &pull_id, err);
    f->filed += status == KH_OK;
    return status;
}

static bool is_opened(const kh_prefetch *due, const candidate *one)
{
    return !due->modalities[0] || !one->modalities[0] || kh_rule_codes_meet(due->modalities, one->modalities);
}

static kh_status ask_node(fetching *f, const kh_node *node, kh_error *err)
{
    const kh_find_filter filter = {.patient_id = f->due->number};
    candidate *candidates;
    kh_query query;
    kh_status status = kh_told_looking(f->of->service, NULL, node, f->due->number, NULL, err);

    if (status != KH_OK)
        return status;
    kh_buf_clear(&f->candidates);
    status = kh_query_open(&query, f->of->scu, node, err);
    if (status == KH_OK)
        status = kh_query_studies(&query, &filter, note_study, f, err);
    candidates = (candidate *)(void *)f->candidates.data; /* malloc'ed */
    for (size_t i = 0; status == KH_OK && f->due->modalities[0] && i < f->candidates.size / sizeof(candidate); i++)
        if (!candidates[i].modalities[0])
            status = ask_modalities(&query, &candidates[i], err);
    kh_query_close(&query, status);
    for (size_t i = 0; status == KH_OK && i < f->candidates.size / sizeof(candidate); i++)
        if (is_opened(f->due, &candidates[i]))
            status = file(f, node, &candidates[i], err);
    return status;
}

static kh_status ask_all(fetching *f, kh_error *err)
{
    kh_status status = kh_node_list(f->of->cache, keep_node, f, err);

    for (size_t i = 0; status == KH_OK && i < f->node_count; i++)
        if (!kh_node_open_now(&f->nodes[i], kh_clock_wall_ms()))
            status = kh_error_set(err, KH_E_DENIED, "outside the hours of node %s", f->nodes[i].name);
    for (size_t i = 0; status == KH_OK && i < f->node_count; i++)
        status = ask_node(f, &f->nodes[i], err);
    return status;
}

/* --- how it ended --- */

static int64_t delay_ms(const kh_consent_prefetch *of, const kh_prefetch *due, kh_status status)
{
    if (status == KH_E_DENIED)
        return of->retry_longest_ms;
    return kh_pull_backoff_ms(of->retry_first_ms, of->retry_longest_ms, due->tries < 30 ? (int32_t)due->tries + 1 : 30,
                              (unsigned)kh_clock_monotonic_us());
}

static kh_status conclude(const fetching *f, kh_status status, const kh_error *why, kh_error *err)
{
    char result[128];

    if (status != KH_OK) {
        if (f->due->tries == 0)
            kh_log(KH_LOG_WARN, "rule", "what a consent opens at %s is not known yet: %s", f->due->facility, why->message);
        return kh_prefetch_later(f->of->access, f->due->id, delay_ms(f->of, f->due, status), err);
    }
    if (f->node_count == 0)
        snprintf(result, sizeof(result), "no node of the facility can be asked");
    else
        snprintf(result, sizeof(result), "%lld studies are open, %lld of them to be fetched", (long long)f->found, (long long)f->filed);
    return kh_prefetch_done(f->of->access, f->due->id, result, err);
}

kh_status kh_consent_prefetch_step(const kh_consent_prefetch *of, size_t *filed, bool *more, kh_error *err)
{
    kh_prefetch due;
    fetching f = {.of = of, .due = &due};
    kh_error why = KH_ERROR_INIT;
    int64_t filed_before = 0;
    kh_status status = kh_prefetch_next(of->access, &due, more, err);

    *filed = 0;
    if (status == KH_OK && *more)
        status = kh_pull_count_last_hour(of->cache, KH_CONSENT_ASKED_BY, &filed_before, err);
    f.left = of->studies_per_hour - filed_before;
    *more = *more && f.left > 0;
    if (status != KH_OK || !*more)
        return status;
    kh_buf_init(&f.candidates, KH_PRIORS_ASKED_MAX * sizeof(candidate));
    status = ask_all(&f, &why);
    kh_buf_release(&f.candidates);
    *filed = (size_t)f.filed;
    if (status == KH_E_CANCELLED || (status == KH_E_BUSY && f.filed >= f.left)) { /* we stop, or have to wait: it is due still */
        *more = false;
        return KH_OK;
    }
    return conclude(&f, status, &why, err);
}
