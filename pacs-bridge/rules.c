#include "pacs-bridge/rules.h"

#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "cache/lookups.h"
#include "cache/nodes.h"
#include "cache/sends.h"

#define SOURCES_MAX 65536
#define SERIES_JSON_MAX (KH_RULES_SERIES_MAX * 21 + 3)

/* --- a study as rules see it --- */

static kh_status keep_series(void *context, const kh_series *series)
{
    kh_status status = kh_buf_append(context, series, sizeof(*series), NULL);

    return status == KH_E_LIMIT ? KH_OK : status;
}

static kh_status keep_source(void *context, const char *source)
{
    kh_buf *sources = context;

    return kh_buf_appendf(sources, NULL, "%s%s", sources->size ? "," : "", source);
}

kh_status kh_rules_subject_load(kh_rules_subject *out, kh_cache *cache, int64_t study_id, kh_error *err)
{
    kh_status status;

    memset(out, 0, sizeof(*out));
    kh_buf_init(&out->series, KH_RULES_SERIES_MAX * sizeof(kh_series));
    kh_buf_init(&out->sources, SOURCES_MAX);
    status = kh_browse_study(cache, study_id, &out->study, err);
    if (status == KH_OK)
        status = kh_browse_series_of(cache, study_id, keep_series, &out->series, err);
    if (status == KH_OK)
        status = kh_study_sources(cache, study_id, keep_source, &out->sources, err);
    out->subject = (kh_rule_subject){.study = &out->study,
                                     .series = (const kh_series *)(const void *)out->series.data,
                                     .series_count = out->series.size / sizeof(kh_series),
                                     .sources = kh_buf_text(&out->sources)};
    return status;
}

void kh_rules_subject_release(kh_rules_subject *subject)
{
    kh_buf_release(&subject->series);
    kh_buf_release(&subject->sources);
}

/* --- rules in force --- */

typedef struct rule_list {
    kh_rule rules[KH_RULES_MAX];
    size_t count;
} rule_list;

static kh_status keep_rule(void *context, const kh_rule *rule)
{
    rule_list *list = context;

    if (rule->enabled && rule->kind != KH_RULE_BACKFILL && list->count < KH_RULES_MAX)
        list->rules[list->count++] = *rule;
    return KH_OK;
}

/* --- sending on --- */

/* The series that fit, "[1,2]". */
static kh_status write_series_json(kh_buf *out, const kh_rule_subject *subject, const bool *fits, kh_error *err)
{
    kh_status status = kh_buf_append_text(out, "[", err);
    bool first = true;

    for (size_t i = 0; status == KH_OK && i < subject->series_count; i++)
        if (fits[i]) {
            status = kh_buf_appendf(out, err, "%s%lld", first ? "" : ",", (long long)subject->series[i].id);
            first = false;
        }
    return status == KH_OK ? kh_buf_append_text(out, "]", err) : status;
}

static kh_status forward(const kh_rules *rules, const kh_rule *rule, const kh_rule_subject *subject, kh_error *err)
{
    static _Thread_local bool fits[KH_RULES_SERIES_MAX];
    char why[KH_WHY_SIZE], asked_by[65];
    kh_send_filing filing = {
        .study_id = subject->study->id, .rule_id = rule->id, .source = rule->source, .asked_by = asked_by, .priority = 1};
    int64_t send_id, added = 0;
    kh_status status;
    kh_node node;
    kh_buf json;

    if (!kh_rule_fits(rule, subject, fits, why) || kh_node_find(rules->cache, rule->node, &node, NULL) != KH_OK)
        return KH_OK; /* of a node that was removed `rule list` tells */
    snprintf(asked_by, sizeof(asked_by), "%s", rule->name);
    kh_buf_init(&json, SERIES_JSON_MAX);
    status = rule->at_once ? write_series_json(&json, subject, fits, err) : KH_OK;
    filing.node = &node;
    filing.series_json = rule->at_once ? kh_buf_text(&json) : NULL;
    if (status == KH_OK)
        status = kh_send_file(rules->cache, &filing, &send_id, &added, err);
    kh_buf_release(&json);
    if (status == KH_OK && added > 0 && rules->sends_filed)
        rules->sends_filed(rules->context);
    return status;
}

/* --- earlier studies --- */

typedef struct asking {
    const kh_rules *rules;
    const kh_rule *rule;
    const kh_study *study;
    int64_t nodes[64];
    size_t count;
} asking;

static kh_status keep_node(void *context, const kh_node *node)
{
    asking *to = context;
    bool named = to->rule->node[0] != '\0';

    /* The same ID at another hospital is another person. */
    if (node->host[0] && strcmp(node->facility, to->study->patient.facility) == 0 &&
        (!named || strcmp(node->name, to->rule->node) == 0) && to->count < sizeof(to->nodes) / sizeof(to->nodes[0]))
        to->nodes[to->count++] = node->id;
    return KH_OK;
}

static kh_status look_for_priors(const kh_rules *rules, const kh_rule *rule, const kh_rule_subject *subject, bool again, kh_error *err)
{
    asking to = {.rules = rules, .rule = rule, .study = subject->study};
    char why[KH_WHY_SIZE];
    kh_status status;

    if (!subject->study->patient.patient_id[0] || !kh_rule_fits(rule, subject, NULL, why))
        return KH_OK;
    status = kh_node_list(rules->cache, keep_node, &to, err);
    for (size_t i = 0; status == KH_OK && i < to.count; i++)
        status = kh_lookup_file(rules->cache, rule->id, to.nodes[i], subject->study->id, again, err);
    if (status == KH_OK && to.count > 0 && rules->lookups_filed)
        rules->lookups_filed(rules->context);
    return status;
}

/* The kinds of its series: when they change, rules may think otherwise of the study. */
static void write_looked(char *out, size_t out_size, const kh_rule_subject *subject)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < subject->series_count; i++) {
        const kh_series *series = &subject->series[i];
        char one[100];

        snprintf(one, sizeof(one), ";%s/%s;", series->modality, series->body_part);
        if (strstr(out, one) || used + strlen(one) >= out_size)
            continue;
        memcpy(out + used, one, strlen(one) + 1);
        used += strlen(one);
    }
}

/* --- what the watch calls --- */

static kh_status act(const kh_rules *rules, const kh_arriving *arriving, const rule_list *list, bool settled, kh_error *err)
{
    bool brought_by_rule = arriving->pull_rule_id != 0;
    char looked[sizeof(arriving->looked)];
    kh_rules_subject subject;
    bool changed;
    kh_status status = kh_rules_subject_load(&subject, rules->cache, arriving->study_id, err);

    write_looked(looked, sizeof(looked), &subject.subject);
    changed = !settled && strcmp(looked, arriving->looked) != 0;
    for (size_t i = 0; status == KH_OK && i < list->count; i++) {
        const kh_rule *rule = &list->rules[i];
        if (rule->kind == KH_RULE_FORWARD && rule->at_once == !settled)
            status = forward(rules, rule, &subject.subject, err);
        /* What a rule has brought does not bring more. */
        else if (rule->kind == KH_RULE_PREFETCH && changed && !brought_by_rule)
            status = look_for_priors(rules, rule, &subject.subject, arriving->looked[0] != '\0', err);
    }
    if (status == KH_OK && changed)
        status = kh_arriving_note_looked(rules->cache, arriving->study_id, looked, err);
    kh_rules_subject_release(&subject);
    return status == KH_E_NOT_FOUND ? (kh_error_clear(err), KH_OK) : status; /* the study was deleted meanwhile */
}

static kh_status load_and_act(const kh_rules *rules, const kh_arriving *arriving, bool settled, kh_error *err)
{
    static _Thread_local rule_list list;
    kh_status status;

    list.count = 0;
    status = kh_rule_list(rules->cache, keep_rule, &list, err);
    return status == KH_OK && list.count > 0 ? act(rules, arriving, &list, settled, err) : status;
}

kh_status kh_rules_arrived(const kh_rules *rules, const kh_arriving *arriving, kh_error *err)
{
    return load_and_act(rules, arriving, false, err);
}

kh_status kh_rules_settled(const kh_rules *rules, const kh_arriving *arriving, kh_error *err)
{
    return load_and_act(rules, arriving, true, err);
}
