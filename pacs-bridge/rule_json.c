#include "pacs-bridge/rule_json.h"

#include <string.h>

static const struct text_member {
    const char *key;
    size_t offset, size;
} texts[] = {
#define TEXT(name)                                                                                                                       \
    {                                                                                                                                    \
#name, offsetof(kh_rule, name), sizeof(((kh_rule *)0)->name)                                                                     \
    }
    TEXT(name),        TEXT(node),           TEXT(source),          TEXT(facility),  TEXT(modality), TEXT(body_part),
    TEXT(description), TEXT(prior_modality), TEXT(prior_body_part), TEXT(date_from), TEXT(date_to),
#undef TEXT
};

static kh_status read_texts(kh_rule *out, const kh_json *json, kh_error *err)
{
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *text = kh_json_get_text(json, texts[i].key);
        if (!text)
            continue;
        if (strlen(text) >= texts[i].size)
            return kh_error_set(err, KH_E_ARG, "%s of %zu bytes, expected at most %zu", texts[i].key, strlen(text), texts[i].size - 1);
        memcpy((char *)out + texts[i].offset, text, strlen(text) + 1);
    }
    return KH_OK;
}

static int32_t clamped(int64_t value)
{
    return value < INT32_MIN ? INT32_MIN : value > INT32_MAX ? INT32_MAX : (int32_t)value;
}

kh_status kh_rule_from_json(kh_rule *out, const kh_json *json, kh_error *err)
{
    const char *kind = kh_json_get_text(json, "kind");
    kh_rule_kind parsed;

    if (!kind || !kh_rule_kind_parse(&parsed, kind))
        return kh_error_set(err, KH_E_ARG, "kind \"%.16s\", expected prefetch, forward or backfill", kind ? kind : "");
    kh_rule_init(out, parsed);
    out->enabled = kh_json_get_bool(json, "enabled", true);
    out->at_once = kh_json_get_bool(json, "at_once", false);
    out->priors = clamped(kh_json_get_int(json, "priors", out->priors));
    out->age_days = clamped(kh_json_get_int(json, "age_days", out->age_days));
    out->studies_per_hour = kh_json_get_int(json, "studies_per_hour", out->studies_per_hour);
    out->bytes_per_hour = kh_json_get_int(json, "bytes_per_hour", out->bytes_per_hour);
    return read_texts(out, json, err);
}

void kh_rule_to_json(kh_json_writer *json, const kh_rule *rule)
{
    kh_json_put_int(json, "id", rule->id);
    kh_json_put_text(json, "kind", kh_rule_kind_text(rule->kind));
    kh_json_put_bool(json, "enabled", rule->enabled);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        kh_json_put_text(json, texts[i].key, (const char *)rule + texts[i].offset);
    kh_json_put_bool(json, "at_once", rule->at_once);
    kh_json_put_int(json, "priors", rule->priors);
    kh_json_put_int(json, "age_days", rule->age_days);
    kh_json_put_int(json, "studies_per_hour", rule->studies_per_hour);
    kh_json_put_int(json, "bytes_per_hour", rule->bytes_per_hour);
}

int kh_backfill_percent(const kh_rule *rule, const kh_backfill *backfill)
{
    int64_t days = kh_day_number(rule->date_to) - kh_day_number(rule->date_from) + 1;

    return days < 1 || backfill->days_done >= days ? 100 : (int)(backfill->days_done * 100 / days);
}

kh_status kh_backfill_to_json(kh_json_writer *json, kh_cache *cache, const kh_rule *rule, kh_error *err)
{
    kh_backfill_pulls pulls;
    kh_backfill backfill;
    kh_status status = kh_backfill_find(cache, rule->id, &backfill, err);

    if (status == KH_OK)
        status = kh_backfill_count(cache, rule->id, &pulls, err);
    if (status != KH_OK)
        return status;
    kh_json_key(json, "backfill");
    kh_json_object_begin(json);
    kh_json_put_text(json, "state", kh_backfill_state_text(backfill.state));
    kh_json_put_text(json, "day", backfill.day);
    kh_json_put_int(json, "percent", kh_backfill_percent(rule, &backfill));
    kh_json_put_int(json, "days_done", backfill.days_done);
    kh_json_put_int(json, "found", backfill.found);
    kh_json_put_int(json, "held", backfill.held);
    kh_json_put_int(json, "open", pulls.open);
    kh_json_put_int(json, "fetched", pulls.fetched);
    kh_json_put_int(json, "failed", pulls.failed);
    kh_json_put_text(json, "reason", backfill.reason);
    kh_json_object_end(json);
    return KH_OK;
}

kh_status kh_lookups_to_json(kh_json_writer *json, kh_cache *cache, const kh_rule *rule, kh_error *err)
{
    kh_lookup_counts counts;
    kh_status status = kh_lookup_count(cache, rule->id, &counts, err);

    if (status != KH_OK)
        return status;
    kh_json_key(json, "lookups");
    kh_json_object_begin(json);
    kh_json_put_int(json, "waiting", counts.waiting);
    kh_json_put_int(json, "done", counts.done);
    kh_json_put_int(json, "failed", counts.failed);
    kh_json_put_int(json, "found", counts.found);
    kh_json_put_int(json, "filed", counts.filed);
    kh_json_put_text(json, "reason", counts.reason);
    kh_json_object_end(json);
    return KH_OK;
}
