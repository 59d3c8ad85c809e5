#include "pacs-bridge/prior_finder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cache/pulls.h"
#include "pacs-bridge/query.h"

typedef struct candidate {
    char study_uid[KH_UID_SIZE], date[9], time[17], modalities[100], body_parts[200];
    int64_t instances;
} candidate;

typedef struct finding {
    kh_prior_search *of;
    kh_query query;
    kh_buf candidates;
    candidate *now; /* whose series are asked for */
} finding;

static void tell(const finding *f, const candidate *one, bool wanted, const char *why)
{
    if (f->of->verdict)
        f->of->verdict(f->of->context, one->study_uid, one->date, wanted, why);
}

/* Of this patient, exactly: what matched as a pattern there may be somebody else. */
static kh_status note_study(void *context, const kh_found_study *study)
{
    finding *f = context;
    const kh_study *own = f->of->subject->study;
    candidate one = {.instances = study->instances};

    if (strcmp(study->patient_id, own->patient.patient_id) != 0 || strcmp(study->study_uid, own->study_uid) == 0)
        return KH_OK;
    memcpy(one.study_uid, study->study_uid, sizeof(one.study_uid));
    memcpy(one.date, study->date, sizeof(one.date));
    memcpy(one.time, study->time, sizeof(one.time));
    memcpy(one.modalities, study->modalities, sizeof(one.modalities));
    for (char *c = one.modalities; *c; c++)
        if (*c == '\\')
            *c = ',';
    return kh_buf_append(&f->candidates, &one, sizeof(one), NULL);
}

/* The newest first. */
static int compare_candidates(const void *a, const void *b)
{
    const candidate *left = a, *right = b;
    int by_date = strcmp(right->date, left->date);
    int by_time = by_date ? by_date : strcmp(right->time, left->time);

    return by_time ? by_time : strcmp(left->study_uid, right->study_uid);
}

static void add_code(char *list, size_t list_size, const char *code)
{
    size_t used = strlen(list);

    if (code[0] && !kh_rule_codes_meet(list, code) && used + strlen(code) + 2 <= list_size)
        snprintf(list + used, list_size - used, "%s%s", used ? "," : "", code);
}

static kh_status note_series(void *context, const kh_item *match, kh_error *err)
{
    candidate *one = ((finding *)context)->now;
    char modality[17] = "", body_part[65] = "";

    (void)err;
    (void)kh_item_string(match, KH_TAG_MODALITY, 0, modality, sizeof(modality));
    (void)kh_item_string(match, KH_TAG_BODY_PART_EXAMINED, 0, body_part, sizeof(body_part));
    add_code(one->modalities, sizeof(one->modalities), modality);
    add_code(one->body_parts, sizeof(one->body_parts), body_part);
    return KH_OK;
}

static kh_status ask_series(finding *f, candidate *one, kh_error *err)
{
    const kh_key keys[] = {
        {KH_TAG_QUERY_RETRIEVE_LEVEL, KH_VR('C', 'S'), "SERIES"}, {KH_TAG_MODALITY, KH_VR('C', 'S'), NULL},
        {KH_TAG_BODY_PART_EXAMINED, KH_VR('C', 'S'), NULL},       {KH_TAG_STUDY_INSTANCE_UID, KH_VR('U', 'I'), one->study_uid},
        {KH_TAG_SERIES_INSTANCE_UID, KH_VR('U', 'I'), NULL},
    };

    f->now = one;
    return kh_query_find(&f->query, keys, 5, note_series, f, err);
}

static kh_status file(finding *f, const candidate *one, const char *why, kh_error *err)
{
    const kh_study *study = f->of->subject->study;
    const kh_pull_filing filing = {.node_id = f->of->node->id,
                                   .study_uid = one->study_uid,
                                   .asked_by = f->of->rule->name,
                                   .priority = 1,
                                   .rule_id = f->of->rule->id};
    kh_study_known known;
    int64_t pull_id;
    char words[KH_WHY_SIZE + 40];
    kh_status status =
        kh_study_look_up(f->of->cache, study->patient.facility, one->study_uid, one->instances, f->of->rule->id, &known, err);

    if (status != KH_OK)
        return status;
    known.asked = known.asked && !known.away; /* what made room since is fetched again */
    snprintf(words, sizeof(words), "%s; %s", why, known.held ? "here already" : known.asked ? "asked for already" : "to be fetched");
    tell(f, one, true, words);
    if (known.held || known.asked || !f->of->file)
        return KH_OK;
    status = kh_pull_file_as(f->of->cache, &filing, &pull_id, err);
    f->of->filed += status == KH_OK;
    return status;
}

static kh_status decide(finding *f, candidate *one, kh_error *err)
{
    kh_prior_search *of = f->of;
    kh_prior prior = {one->date, one->modalities, one->body_parts};
    char why[KH_WHY_SIZE];
    kh_status status = KH_OK;

    if (of->found >= of->rule->priors) {
        snprintf(why, sizeof(why), "%d newer ones are enough", (int)of->rule->priors);
        tell(f, one, false, why);
        return KH_OK;
    }
    if (!kh_prior_day_fits(of->rule, of->subject->study, &prior, why)) {
        tell(f, one, false, why);
        return KH_OK;
    }
    if (kh_prior_needs_series(of->rule, &prior))
        status = ask_series(f, one, err);
    if (status != KH_OK)
        return status;
    if (!kh_prior_fits(of->rule, of->subject, &prior, why)) {
        tell(f, one, false, why);
        return KH_OK;
    }
    of->found++;
    return file(f, one, why, err);
}

kh_status kh_prior_search_run(kh_prior_search *search, kh_error *err)
{
    finding f = {.of = search};
    const kh_find_filter filter = {.patient_id = search->subject->study->patient.patient_id};
    size_t count;
    kh_status status;

    search->found = search->filed = 0;
    kh_buf_init(&f.candidates, KH_PRIORS_ASKED_MAX * sizeof(candidate));
    status = kh_query_open(&f.query, search->scu, search->node, err);
    if (status == KH_OK)
        status = kh_query_studies(&f.query, &filter, note_study, &f, err);
    count = f.candidates.size / sizeof(candidate);
    if (status == KH_OK && count > 0)
        qsort(f.candidates.data, count, sizeof(candidate), compare_candidates);
    for (size_t i = 0; status == KH_OK && i < count; i++)
        status = decide(&f, (candidate *)(void *)f.candidates.data + i, err);
    kh_query_close(&f.query, status);
    kh_buf_release(&f.candidates);
    return status;
}
