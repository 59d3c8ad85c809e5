#include "pacs-bridge/rule_match.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/buf.h"
#include "cache/fold.h"
#include "cache/match.h"

#define FOLDED_MAX 2048

static bool because(char why[KH_WHY_SIZE], bool answer, const char *format, ...) KH_PRINTF(3, 4);
static bool because(char why[KH_WHY_SIZE], bool answer, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(why, KH_WHY_SIZE, format, list);
    va_end(list);
    return answer;
}

/* The next code of a list, without the spaces around it; false at the end. */
static bool next_code(const char **at, const char **code, size_t *length)
{
    const char *begin = *at, *end;

    while (*begin == ' ' || *begin == ',')
        begin++;
    if (!*begin)
        return false;
    end = begin + strcspn(begin, ",");
    *at = end;
    while (end > begin && end[-1] == ' ')
        end--;
    *code = begin;
    *length = (size_t)(end - begin);
    return true;
}

bool kh_rule_codes_meet(const char *list, const char *codes)
{
    const char *wanted, *has, *at, *rest = codes;
    size_t wanted_length, has_length;

    while (next_code(&rest, &wanted, &wanted_length)) {
        at = list;
        while (next_code(&at, &has, &has_length))
            if (has_length == wanted_length && memcmp(has, wanted, has_length) == 0)
                return true;
    }
    return false;
}

static bool text_fits(const char *pattern, const char *text)
{
    kh_buf folded_pattern, folded;
    bool fits = false;

    kh_buf_init(&folded_pattern, FOLDED_MAX);
    kh_buf_init(&folded, FOLDED_MAX);
    if (kh_fold_append(&folded_pattern, pattern, NULL) == KH_OK && kh_fold_append(&folded, text, NULL) == KH_OK)
        fits = kh_match_wild(kh_buf_text(&folded_pattern), kh_buf_text(&folded));
    kh_buf_release(&folded);
    kh_buf_release(&folded_pattern);
    return fits;
}

static bool source_fits(const char *pattern, const char *sources)
{
    const char *name;
    size_t length;

    while (next_code(&sources, &name, &length)) {
        char one[65];
        snprintf(one, sizeof(one), "%.*s", (int)length, name);
        if (kh_match_wild(pattern, one))
            return true;
    }
    return false;
}

static bool series_fits(const kh_rule *rule, const kh_study *study, const kh_series *series)
{
    return (!rule->modality[0] || kh_rule_codes_meet(rule->modality, series->modality)) &&
           (!rule->body_part[0] || kh_rule_codes_meet(rule->body_part, series->body_part)) &&
           (!rule->description[0] || text_fits(rule->description, study->description) ||
            text_fits(rule->description, series->description));
}

/* What of the conditions on a series no series meets by itself. */
static const char *missed(const kh_rule *rule, const kh_rule_subject *subject)
{
    bool modality = !rule->modality[0], body_part = !rule->body_part[0];

    for (size_t i = 0; i < subject->series_count; i++) {
        modality = modality || kh_rule_codes_meet(rule->modality, subject->series[i].modality);
        body_part = body_part || kh_rule_codes_meet(rule->body_part, subject->series[i].body_part);
    }
    return !modality ? "modality" : !body_part ? "body part" : "description, or no series meets all conditions";
}

bool kh_rule_fits(const kh_rule *rule, const kh_rule_subject *subject, bool *fits, char why[KH_WHY_SIZE])
{
    size_t count = 0;

    if (!rule->enabled)
        return because(why, false, "it is not enabled");
    if (rule->kind == KH_RULE_BACKFILL)
        return because(why, false, "back-fills go by days, not by what arrives");
    if (rule->facility[0] && strcmp(rule->facility, subject->study->patient.facility) != 0)
        return because(why, false, "the study is of %s, not of %s", subject->study->patient.facility, rule->facility);
    if (rule->source[0] && !source_fits(rule->source, subject->sources))
        return because(why, false, "it came from %s, not from %s", subject->sources, rule->source);
    for (size_t i = 0; i < subject->series_count; i++) {
        bool one = series_fits(rule, subject->study, &subject->series[i]);
        if (fits)
            fits[i] = one;
        count += one;
    }
    if (count == 0)
        return because(why, false, "other %s", missed(rule, subject));
    return because(why, true, "%zu of %zu series fit", count, subject->series_count);
}

/* --- earlier studies --- */

bool kh_prior_day_fits(const kh_rule *rule, const kh_study *study, const kh_prior *prior, char why[KH_WHY_SIZE])
{
    int64_t age_days;

    if (!kh_day_valid(prior->date))
        return because(why, false, "its day is not told");
    if (!kh_day_valid(study->date))
        return because(why, true, "the study has no day to compare with");
    age_days = kh_day_number(study->date) - kh_day_number(prior->date);
    if (age_days < 0)
        return because(why, false, "it is later");
    if (age_days > rule->age_days)
        return because(why, false, "%lld days older, at most %d", (long long)age_days, (int)rule->age_days);
    return because(why, true, "%lld days older", (long long)age_days);
}

bool kh_prior_needs_series(const kh_rule *rule, const kh_prior *prior)
{
    return (rule->prior_modality[0] && !prior->modalities[0]) || (rule->prior_body_part[0] && !prior->body_parts[0]);
}

/* One condition: what is wanted is a list, or what the study itself has. */
static bool codes_fit(const char *wanted, const char *has, const kh_rule_subject *subject, const char *(*of)(const kh_series *))
{
    if (strcmp(wanted, KH_RULE_SAME) != 0)
        return kh_rule_codes_meet(wanted, has);
    for (size_t i = 0; i < subject->series_count; i++)
        if (kh_rule_codes_meet(has, of(&subject->series[i])))
            return true;
    return false;
}

static const char *modality_of(const kh_series *series)
{
    return series->modality;
}

static const char *body_part_of(const kh_series *series)
{
    return series->body_part;
}

static bool tells_body_part(const kh_rule_subject *subject)
{
    for (size_t i = 0; i < subject->series_count; i++)
        if (subject->series[i].body_part[0])
            return true;
    return false;
}

/* A study too many is fetched rather than one too few: what is not told does not keep it away. */
static bool body_part_fits(const kh_rule *rule, const kh_rule_subject *subject, const kh_prior *prior)
{
    bool same = strcmp(rule->prior_body_part, KH_RULE_SAME) == 0;

    return !rule->prior_body_part[0] || !prior->body_parts[0] || (same && !tells_body_part(subject)) ||
           codes_fit(rule->prior_body_part, prior->body_parts, subject, body_part_of);
}

bool kh_prior_fits(const kh_rule *rule, const kh_rule_subject *subject, const kh_prior *prior, char why[KH_WHY_SIZE])
{
    if (!kh_prior_day_fits(rule, subject->study, prior, why))
        return false;
    if (rule->prior_modality[0] && !codes_fit(rule->prior_modality, prior->modalities, subject, modality_of))
        return because(why, false, "other modality (%.60s)", prior->modalities[0] ? prior->modalities : "not told");
    if (!body_part_fits(rule, subject, prior))
        return because(why, false, "other body part (%.60s)", prior->body_parts);
    return true;
}
