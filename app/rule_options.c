#include "app/rule_options.h"

#include <string.h>

size_t kh_rule_options_table(kh_rule_options *options, kh_option *out)
{
    const kh_option table[] = {
        {"--node", &options->node, NULL},
        {"--source", &options->source, NULL},
        {"--facility", &options->facility, NULL},
        {"--modality", &options->modality, NULL},
        {"--body-part", &options->body_part, NULL},
        {"--description", &options->description, NULL},
        {"--prior-modality", &options->prior_modality, NULL},
        {"--prior-body-part", &options->prior_body_part, NULL},
        {"--priors", &options->priors, NULL},
        {"--age-days", &options->age_days, NULL},
        {"--from", &options->date_from, NULL},
        {"--to", &options->date_to, NULL},
        {"--studies-per-hour", &options->studies_per_hour, NULL},
        {"--bytes-per-hour", &options->bytes_per_hour, NULL},
        {"--at-once", NULL, &options->at_once},
    };

    memcpy(out, table, sizeof table);
    return sizeof table / sizeof table[0];
}

/* A text option copied into its field; absent: left as it is. */
static kh_status copy(char *out, size_t out_size, const char *option, const char *text, kh_error *err)
{
    if (!text)
        return KH_OK;
    if (strlen(text) >= out_size)
        return kh_error_set(err, KH_E_ARG, "%s: %zu bytes, expected at most %zu", option, strlen(text), out_size - 1);
    memcpy(out, text, strlen(text) + 1);
    return KH_OK;
}
#define COPY(field, option, text) copy(field, sizeof(field), option, text, err)

/* "any" is "" in the index. */
static const char *any_or(const char *text)
{
    return text && strcmp(text, "any") == 0 ? "" : text;
}

static kh_status check_kind(kh_rule_kind kind, const kh_rule_options *o, kh_error *err)
{
    bool has_conditions = o->source || o->facility || o->modality || o->body_part || o->description;
    bool has_priors = o->prior_modality || o->prior_body_part || o->priors || o->age_days;
    bool has_days = o->date_from || o->date_to || o->studies_per_hour || o->bytes_per_hour;

    if (has_conditions && kind == KH_RULE_BACKFILL)
        return kh_error_set(err, KH_E_ARG, "a back-fill has days, no conditions");
    if (has_priors && kind != KH_RULE_PREFETCH)
        return kh_error_set(err, KH_E_ARG, "--prior-modality, --prior-body-part, --priors and --age-days belong to prefetch");
    if (has_days && kind != KH_RULE_BACKFILL)
        return kh_error_set(err, KH_E_ARG, "--from, --to, --studies-per-hour and --bytes-per-hour belong to backfill");
    if (o->at_once && kind != KH_RULE_FORWARD)
        return kh_error_set(err, KH_E_ARG, "--at-once belongs to forward");
    return KH_OK;
}

static kh_status fill_numbers(kh_rule *out, const kh_rule_options *o, kh_error *err)
{
    long long number;

    if (o->priors && kh_args_number(&number, "--priors", o->priors, 1, KH_RULE_PRIORS_MAX, err) != KH_OK)
        return KH_E_ARG;
    if (o->priors)
        out->priors = (int32_t)number;
    if (o->age_days && kh_args_number(&number, "--age-days", o->age_days, 1, KH_RULE_AGE_DAYS_MAX, err) != KH_OK)
        return KH_E_ARG;
    if (o->age_days)
        out->age_days = (int32_t)number;
    if (o->studies_per_hour &&
        kh_args_number(&number, "--studies-per-hour", o->studies_per_hour, 1, KH_RULE_STUDIES_PER_HOUR_MAX, err) != KH_OK)
        return KH_E_ARG;
    if (o->studies_per_hour)
        out->studies_per_hour = number;
    if (o->bytes_per_hour &&
        kh_args_number(&number, "--bytes-per-hour", o->bytes_per_hour, 1 << 20, KH_RULE_BYTES_PER_HOUR_MAX, err) != KH_OK)
        return KH_E_ARG;
    if (o->bytes_per_hour)
        out->bytes_per_hour = number;
    return KH_OK;
}

kh_status kh_rule_options_fill(kh_rule *out, const char *kind, const char *name, const kh_rule_options *o, kh_error *err)
{
    kh_rule_kind parsed;

    if (!kh_rule_kind_parse(&parsed, kind))
        return kh_error_set(err, KH_E_ARG, "\"%.32s\", expected prefetch, forward or backfill", kind);
    if (check_kind(parsed, o, err) != KH_OK)
        return KH_E_ARG;
    kh_rule_init(out, parsed);
    out->at_once = o->at_once;
    if (COPY(out->name, "name", name) != KH_OK || COPY(out->node, "--node", o->node) != KH_OK ||
        COPY(out->source, "--source", o->source) != KH_OK || COPY(out->facility, "--facility", o->facility) != KH_OK ||
        COPY(out->modality, "--modality", any_or(o->modality)) != KH_OK ||
        COPY(out->body_part, "--body-part", any_or(o->body_part)) != KH_OK ||
        COPY(out->description, "--description", o->description) != KH_OK ||
        COPY(out->prior_modality, "--prior-modality", any_or(o->prior_modality)) != KH_OK ||
        COPY(out->prior_body_part, "--prior-body-part", any_or(o->prior_body_part)) != KH_OK ||
        COPY(out->date_from, "--from", o->date_from) != KH_OK || COPY(out->date_to, "--to", o->date_to) != KH_OK)
        return KH_E_ARG;
    return fill_numbers(out, o, err);
}
