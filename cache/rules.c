#include "cache/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cache/internal.h"
#include "cache/nodes.h"

#define RULE_COLUMNS                                                                                                                     \
    "id, name, kind, enabled, node, source, facility, modality, body_part, description, prior_modality, prior_body_part,"                \
    " priors, age_days, at_once, date_from, date_to, studies_per_hour, bytes_per_hour, created_ms"
#define MIB (1LL << 20)

static const char *const kinds[] = {[KH_RULE_PREFETCH] = "prefetch", [KH_RULE_FORWARD] = "forward", [KH_RULE_BACKFILL] = "backfill"};
#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

void kh_rule_init(kh_rule *rule, kh_rule_kind kind)
{
    *rule = (kh_rule){.kind = kind, .enabled = true, .priors = 3, .age_days = 5 * 365, .studies_per_hour = 60};
    if (kind == KH_RULE_PREFETCH)
        KH_COPY(rule->prior_modality, KH_RULE_SAME);
}

const char *kh_rule_kind_text(kh_rule_kind kind)
{
    return (unsigned)kind < KIND_COUNT ? kinds[kind] : "unknown";
}

bool kh_rule_kind_parse(kh_rule_kind *out, const char *text)
{
    for (unsigned i = 0; i < KIND_COUNT; i++)
        if (strcmp(kinds[i], text) == 0) {
            *out = (kh_rule_kind)i;
            return true;
        }
    return false;
}

/* --- days --- */

static int number_of(const char *text, int digits)
{
    int value = 0;

    for (int i = 0; i < digits; i++)
        value = value * 10 + (text[i] - '0');
    return value;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && ((year % 4 == 0 && year % 100 != 0) || year % 400 == 0));
}

bool kh_day_valid(const char *day)
{
    int month, date;

    if (strlen(day) != 8 || strspn(day, "0123456789") != 8)
        return false;
    month = number_of(day + 4, 2);
    date = number_of(day + 6, 2);
    return number_of(day, 4) >= 1 && month >= 1 && month <= 12 && date >= 1 && date <= days_in_month(number_of(day, 4), month);
}

/* Years begin with March, so that the odd day is the last one. */
int64_t kh_day_number(const char *day)
{
    int64_t year = number_of(day, 4), month = number_of(day + 4, 2), date = number_of(day + 6, 2), era_year;

    year -= month <= 2;
    era_year = year % 400;
    return year / 400 * 146097 + era_year * 365 + era_year / 4 - era_year / 100 + (153 * ((month + 9) % 12) + 2) / 5 + date - 1 - 719468;
}

void kh_day_text(char out[9], int64_t number)
{
    int64_t since = number + 719468, era = since / 146097, of_era = since % 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100), shifted = (5 * of_year + 2) / 153;
    int64_t month = shifted < 10 ? shifted + 3 : shifted - 9, date = of_year - (153 * shifted + 2) / 5 + 1;
    char text[64];

    snprintf(text, sizeof text, "%04d%02d%02d", (int)(year + era * 400 + (month <= 2)), (int)month, (int)date);
    memcpy(out, text, 8);
    out[8] = '\0';
}

/* --- checks --- */

/* PS3.5 6.2 CS, several with commas. */
static bool codes_valid(const char *codes)
{
    size_t length = strlen(codes);

    return strspn(codes, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ ,") == length &&
           (length == 0 || (codes[0] != ',' && codes[length - 1] != ',')) && !strstr(codes, ",,");
}

static bool printable(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            return false;
    return true;
}

static kh_status check_number(const char *field, int64_t value, int64_t min, int64_t max, kh_error *err)
{
    if (value < min || value > max)
        return kh_error_set(err, KH_E_ARG, "%s %lld, expected %lld to %lld", field, (long long)value, (long long)min, (long long)max);
    return KH_OK;
}

static kh_status check_conditions(const kh_rule *rule, kh_error *err)
{
    if (strspn(rule->source, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-*?") != strlen(rule->source))
        return kh_error_set(err, KH_E_ARG, "source must be the name of a node, * and ? allowed");
    if (rule->facility[0] && !kh_name_valid(rule->facility))
        return kh_error_set(err, KH_E_ARG, "facility must be 1 to 64 of [A-Za-z0-9_.-]");
    if (!codes_valid(rule->modality) || !codes_valid(rule->body_part))
        return kh_error_set(err, KH_E_ARG, "%s must be codes of [A-Z0-9_ ] separated by commas",
                            codes_valid(rule->modality) ? "body part" : "modality");
    if (!printable(rule->description))
        return kh_error_set(err, KH_E_ARG, "description must be text without control characters");
    return KH_OK;
}

static kh_status check_prefetch(const kh_rule *rule, kh_error *err)
{
    kh_status status;

    if (strcmp(rule->prior_modality, KH_RULE_SAME) != 0 && !codes_valid(rule->prior_modality))
        return kh_error_set(err, KH_E_ARG, "prior modality must be \"same\" or codes of [A-Z0-9_ ] separated by commas");
    if (strcmp(rule->prior_body_part, KH_RULE_SAME) != 0 && !codes_valid(rule->prior_body_part))
        return kh_error_set(err, KH_E_ARG, "prior body part must be \"same\" or codes of [A-Z0-9_ ] separated by commas");
    status = check_number("priors", rule->priors, 1, KH_RULE_PRIORS_MAX, err);
    return status == KH_OK ? check_number("age in days", rule->age_days, 1, KH_RULE_AGE_DAYS_MAX, err) : status;
}

static kh_status check_backfill(const kh_rule *rule, kh_error *err)
{
    kh_status status;

    if (!kh_day_valid(rule->date_from) || !kh_day_valid(rule->date_to) || strcmp(rule->date_from, rule->date_to) > 0)
        return kh_error_set(err, KH_E_ARG, "days \"%s\" to \"%s\", expected two YYYYMMDD in order", rule->date_from, rule->date_to);
    status = check_number("studies per hour", rule->studies_per_hour, 1, KH_RULE_STUDIES_PER_HOUR_MAX, err);
    if (status == KH_OK && rule->bytes_per_hour != 0)
        status = check_number("bytes per hour", rule->bytes_per_hour, MIB, KH_RULE_BYTES_PER_HOUR_MAX, err);
    return status;
}

static kh_status check_rule(kh_cache *cache, const kh_rule *rule, kh_error *err)
{
    kh_node node;
    kh_status status;

    if (!kh_name_valid(rule->name))
        return kh_error_set(err, KH_E_ARG, "name must be 1 to 64 of [A-Za-z0-9_.-]");
    if ((unsigned)rule->kind >= KIND_COUNT)
        return kh_error_set(err, KH_E_ARG, "kind %d, expected prefetch, forward or backfill", (int)rule->kind);
    if (!rule->node[0] && rule->kind != KH_RULE_PREFETCH)
        return kh_error_set(err, KH_E_ARG, "node is missing");
    status = check_conditions(rule, err);
    if (status == KH_OK)
        status = rule->kind == KH_RULE_PREFETCH   ? check_prefetch(rule, err)
                 : rule->kind == KH_RULE_BACKFILL ? check_backfill(rule, err)
                                                  : KH_OK;
    if (status != KH_OK || !rule->node[0])
        return status;
    status = kh_node_find(cache, rule->node, &node, err);
    if (status == KH_OK && !node.host[0])
        return kh_error_set(err, KH_E_ARG, "node %s has no host: it only sends", node.name);
    return status;
}

/* --- rows --- */

static void rule_of_row(kh_sql_row *row, void *context)
{
    kh_rule *out = context;

    memset(out, 0, sizeof *out);
    out->id = kh_sql_int(row, 0);
    KH_COPY(out->name, kh_sql_text(row, 1));
    out->kind = (kh_rule_kind)kh_sql_int(row, 2);
    out->enabled = kh_sql_int(row, 3) != 0;
    KH_COPY(out->node, kh_sql_text(row, 4));
    KH_COPY(out->source, kh_sql_text(row, 5));
    KH_COPY(out->facility, kh_sql_text(row, 6));
    KH_COPY(out->modality, kh_sql_text(row, 7));
    KH_COPY(out->body_part, kh_sql_text(row, 8));
    KH_COPY(out->description, kh_sql_text(row, 9));
    KH_COPY(out->prior_modality, kh_sql_text(row, 10));
    KH_COPY(out->prior_body_part, kh_sql_text(row, 11));
    out->priors = (int32_t)kh_sql_int(row, 12);
    out->age_days = (int32_t)kh_sql_int(row, 13);
    out->at_once = kh_sql_int(row, 14) != 0;
    KH_COPY(out->date_from, kh_sql_text(row, 15));
    KH_COPY(out->date_to, kh_sql_text(row, 16));
    out->studies_per_hour = kh_sql_int(row, 17);
    out->bytes_per_hour = kh_sql_int(row, 18);
    out->created_ms = kh_sql_int(row, 19);
}

typedef struct telling {
    kh_rule_visit *visit;
    void *context;
} telling;

static kh_status tell_rule(kh_sql_row *row, void *context, kh_error *err)
{
    const telling *of = context;
    kh_rule rule;

    (void)err;
    rule_of_row(row, &rule);
    return of->visit(of->context, &rule);
}

static void take_count(kh_sql_row *row, void *context)
{
    *(int64_t *)context = kh_sql_int(row, 0);
}

static kh_status begin_backfill(kh_write *write, const kh_rule *rule, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(rule->id), KH_SQL_T(rule->date_to), KH_SQL_I(kh_write_now_ms(write))};

    return kh_sql_run(kh_write_sql(write), "INSERT INTO backfill VALUES (?1, 0, ?2, 0, 0, 0, 0, ?3, ?3, '')", values, 3, NULL, err);
}

static kh_status insert_rule(kh_write *write, void *context, kh_error *err)
{
    kh_rule *rule = context;
    kh_sql *sql = kh_write_sql(write);
    const kh_sql_value values[] = {KH_SQL_T(rule->name),
                                   KH_SQL_I(rule->kind),
                                   KH_SQL_I(rule->enabled),
                                   KH_SQL_T(rule->node),
                                   KH_SQL_T(rule->source),
                                   KH_SQL_T(rule->facility),
                                   KH_SQL_T(rule->modality),
                                   KH_SQL_T(rule->body_part),
                                   KH_SQL_T(rule->description),
                                   KH_SQL_T(rule->prior_modality),
                                   KH_SQL_T(rule->prior_body_part),
                                   KH_SQL_I(rule->priors),
                                   KH_SQL_I(rule->age_days),
                                   KH_SQL_I(rule->at_once),
                                   KH_SQL_T(rule->date_from),
                                   KH_SQL_T(rule->date_to),
                                   KH_SQL_I(rule->studies_per_hour),
                                   KH_SQL_I(rule->bytes_per_hour),
                                   KH_SQL_I(kh_write_now_ms(write))};
    kh_error why = KH_ERROR_INIT;
    int64_t count = 0;
    kh_status status = kh_sql_first(sql, "SELECT count(*) FROM rule", NULL, 0, take_count, &count, err);

    if (status == KH_OK && count >= KH_RULES_MAX)
        return kh_error_set(err, KH_E_LIMIT, "there are %d rules already", KH_RULES_MAX);
    if (status != KH_OK)
        return status;
    status = kh_sql_run(sql,
                        "INSERT INTO rule (name, kind, enabled, node, source, facility, modality, body_part, description, prior_modality,"
                        " prior_body_part, priors, age_days, at_once, date_from, date_to, studies_per_hour, bytes_per_hour, created_ms)"
                        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
                        values, 19, NULL, &why);
    if (status == KH_E_CONFLICT)
        return kh_error_set(err, status, "a rule named %s is there already", rule->name);
    if (status != KH_OK)
        return kh_error_set(err, status, "%s", why.message);
    rule->id = kh_sql_last_id(sql);
    status = rule->kind == KH_RULE_BACKFILL ? begin_backfill(write, rule, err) : KH_OK;
    return status == KH_OK ? kh_write_event(write, KH_EVENT_RULE, rule->id, err) : status;
}

kh_status kh_rule_add(kh_cache *cache, kh_rule *rule, kh_error *err)
{
    kh_status status = check_rule(cache, rule, err);

    return status == KH_OK ? kh_cache_write(cache, insert_rule, rule, err) : status;
}

typedef struct named {
    const char *name;
    bool enabled;
} named;

static kh_status find_named(kh_sql *sql, const char *name, kh_rule *rule, kh_error *err)
{
    const kh_sql_value value = KH_SQL_T(name);
    kh_status status = kh_sql_first(sql, "SELECT " RULE_COLUMNS " FROM rule WHERE name = ?1", &value, 1, rule_of_row, rule, err);

    return status == KH_E_NOT_FOUND ? kh_error_set(err, status, "no rule of that name") : status;
}

static kh_status delete_rule(kh_write *write, void *context, kh_error *err)
{
    static const char *const statements[] = {
        "UPDATE pull SET state = 6, reason = 'the rule was removed' WHERE rule_id = ?1 AND state = 0",
        "UPDATE send SET state = 5, reason = 'the rule was removed' WHERE rule_id = ?1 AND state = 0",
        "DELETE FROM lookup WHERE rule_id = ?1", "DELETE FROM backfill WHERE rule_id = ?1", "DELETE FROM rule WHERE id = ?1"};
    const named *of = context;
    kh_rule rule;
    kh_status status = find_named(kh_write_sql(write), of->name, &rule, err);
    kh_sql_value value = KH_SQL_N;

    if (status != KH_OK)
        return status;
    value = KH_SQL_I(rule.id);
    for (size_t i = 0; status == KH_OK && i < sizeof statements / sizeof statements[0]; i++)
        status = kh_sql_run(kh_write_sql(write), statements[i], &value, 1, NULL, err);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_RULE, rule.id, err) : status;
}

kh_status kh_rule_remove(kh_cache *cache, const char *name, kh_error *err)
{
    named of = {.name = name};

    return kh_cache_write(cache, delete_rule, &of, err);
}

static kh_status enable_rule(kh_write *write, void *context, kh_error *err)
{
    const named *of = context;
    kh_rule rule;
    kh_status status = find_named(kh_write_sql(write), of->name, &rule, err);
    const kh_sql_value values[] = {KH_SQL_T(of->name), KH_SQL_I(of->enabled)};

    if (status == KH_OK)
        status = kh_sql_run(kh_write_sql(write), "UPDATE rule SET enabled = ?2 WHERE name = ?1", values, 2, NULL, err);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_RULE, rule.id, err) : status;
}

kh_status kh_rule_enable(kh_cache *cache, const char *name, bool enabled, kh_error *err)
{
    named of = {name, enabled};

    return kh_cache_write(cache, enable_rule, &of, err);
}

kh_status kh_rule_find(kh_cache *cache, const char *name, kh_rule *out, kh_error *err)
{
    kh_sql *sql;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    memset(out, 0, sizeof *out);
    if (status == KH_OK)
        status = find_named(sql, name, out, err);
    kh_reader_release(cache->readers, sql);
    return status;
}

kh_status kh_rule_by_id(kh_cache *cache, int64_t id, kh_rule *out, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(id);
    kh_status status;

    memset(out, 0, sizeof *out);
    status = kh_cache_first(cache, "SELECT " RULE_COLUMNS " FROM rule WHERE id = ?1", &value, 1, rule_of_row, out, err);
    return status == KH_E_NOT_FOUND ? kh_error_set(err, status, "no rule %lld", (long long)id) : status;
}

static kh_status list_rules(kh_cache *cache, const char *query, kh_rule_visit *visit, void *context, kh_error *err)
{
    telling of = {visit, context};

    return kh_cache_each(cache, query, NULL, 0, tell_rule, &of, err);
}

kh_status kh_rule_list(kh_cache *cache, kh_rule_visit *visit, void *context, kh_error *err)
{
    return list_rules(cache, "SELECT " RULE_COLUMNS " FROM rule ORDER BY name", visit, context, err);
}

kh_status kh_rule_list_by_id(kh_cache *cache, kh_rule_visit *visit, void *context, kh_error *err)
{
    return list_rules(cache, "SELECT " RULE_COLUMNS " FROM rule ORDER BY id", visit, context, err);
}
