#include "app/policy_tables.h"

#include <stdio.h>
#include <string.h>
#include "access/consents.h"
#include "access/facilities.h"
#include "app/csv_table.h"

enum {
    POLICY_FACILITY,
    POLICY_ITEMS,
    POLICY_MODALITIES,
    POLICY_BODY_PARTS,
    POLICY_DEPARTMENTS,
    POLICY_DELAY,
    POLICY_LOOK_BACK,
    POLICY_STUDY,
    POLICY_SERIES,
    POLICY_REASON,
    POLICY_MADE,
    POLICY_BY,
    POLICY_COLUMNS
};
static const char *const columns[POLICY_COLUMNS] = {"facility",      "items",       "modalities", "body_parts",
                                                    "departments",   "delay_hours", "look_back",  "hidden_study",
                                                    "hidden_series", "reason",      "made",       "by"};

static kh_status copy_codes(char out[KH_CODES_SIZE], const char *field, const char *text, kh_error *err)
{
    if (!text)
        return KH_OK;
    if (strlen(text) >= KH_CODES_SIZE)
        return kh_error_set(err, KH_E_ARG, "%s: %zu bytes, expected at most %d", field, strlen(text), KH_CODES_SIZE - 1);
    memcpy(out, text, strlen(text) + 1);
    return KH_OK;
}

kh_status kh_policy_fill(kh_policy *policy, const kh_policy_words *o, kh_error *err)
{
    long long hours = 0, years = KH_LOOK_BACK_SETTING;
    kh_status status = KH_OK;

    if (o->items && strcmp(o->items, "none") == 0)
        policy->items = 0;
    else if (o->items && !kh_items_of(&policy->items, o->items))
        status = kh_error_set(err, KH_E_ARG, "items: expected images, reports, take, or none");
    if (status == KH_OK)
        status = copy_codes(policy->modalities, "modalities", o->modalities, err);
    if (status == KH_OK)
        status = copy_codes(policy->body_parts, "body parts", o->body_parts, err);
    if (status == KH_OK)
        status = copy_codes(policy->departments, "departments", o->departments, err);
    if (status == KH_OK && o->delay_hours) {
        status = kh_args_number(&hours, "--delay-hours", o->delay_hours, 0, KH_POLICY_DELAY_MAX_MS / 3600000, err);
        policy->delay_ms = hours * 3600000;
    }
    if (status == KH_OK && o->look_back) {
        if (strcmp(o->look_back, "none") == 0)
            years = KH_LOOK_BACK_NONE;
        else if (strcmp(o->look_back, "network") != 0)
            status = kh_args_number(&years, "--look-back", o->look_back, 0, KH_LOOK_BACK_YEARS_MAX, err);
        policy->look_back_years = (int)years;
    }
    return status;
}

/* --- out --- */

typedef struct exporting {
    kh_rights_command *command;
    kh_error *err;
} exporting;

static void put_policy(const kh_policy *p)
{
    char items[32], delay[24], look_back[24] = "network", made[KH_RIGHTS_TIME_SIZE];

    kh_items_text(items, p->items);
    snprintf(delay, sizeof delay, "%lld", (long long)(p->delay_ms / 3600000));
    if (p->look_back_years == KH_LOOK_BACK_NONE)
        snprintf(look_back, sizeof look_back, "none");
    else if (p->look_back_years != KH_LOOK_BACK_SETTING)
        snprintf(look_back, sizeof look_back, "%d", p->look_back_years);
    kh_rights_time_text(made, p->made_ms);
    kh_csv_put_line(stdout,
                    (const char *[POLICY_COLUMNS]){p->facility, p->items ? items : "none", p->modalities, p->body_parts, p->departments,
                                                   delay, look_back, "", "", "", made, p->by},
                    POLICY_COLUMNS);
}

static kh_status put_hidden(void *context, const kh_hidden *h)
{
    char made[KH_RIGHTS_TIME_SIZE];

    (void)context;
    kh_rights_time_text(made, h->made_ms);
    kh_csv_put_line(
        stdout, (const char *[POLICY_COLUMNS]){h->facility, "", "", "", "", "", "", h->study_uid, h->series_uid, h->reason, made, h->by},
        POLICY_COLUMNS);
    return KH_OK;
}

static kh_status export_facility(void *context, const kh_facility *facility)
{
    const exporting *e = context;
    kh_policy policy;
    kh_status status = kh_policy_get(e->command->access, facility->code, &policy, e->err);

    if (status == KH_OK && policy.made_ms != 0)
        put_policy(&policy);
    return status == KH_OK ? kh_hidden_list(e->command->access, facility->code, put_hidden, NULL, e->err) : status;
}

kh_status kh_policy_export(kh_rights_command *c, const char *facility, kh_error *err)
{
    exporting e = {c, err};
    kh_facility one;
    kh_status status = facility ? kh_facility_find(c->access, facility, &one, err) : KH_OK;

    if (status != KH_OK)
        return status;
    kh_csv_put_line(stdout, columns, POLICY_COLUMNS);
    status = facility ? export_facility(&e, &one) : kh_facility_list(c->access, export_facility, &e, err);
    return status == KH_OK && ferror(stdout) ? kh_error_set(err, KH_E_IO, "the table cannot be written") : status;
}

/* --- in --- */

typedef struct importing {
    kh_rights_command *command;
    size_t set, hidden;
} importing;

static bool has_column(const kh_csv_row *row, const char *name)
{
    for (size_t i = 0; i < row->columns; i++)
        if (strcmp(row->names[i], name) == 0)
            return true;
    return false;
}

static const char *value_of(const kh_csv_row *row, size_t column)
{
    return has_column(row, columns[column]) ? kh_csv_value(row, columns[column]) : NULL;
}

static kh_status set_policy(importing *i, const kh_csv_row *row, const char *facility, kh_error *err)
{
    kh_policy_words words = {value_of(row, POLICY_ITEMS),       value_of(row, POLICY_MODALITIES), value_of(row, POLICY_BODY_PARTS),
                             value_of(row, POLICY_DEPARTMENTS), value_of(row, POLICY_DELAY),      value_of(row, POLICY_LOOK_BACK)};
    kh_policy policy;
    kh_status status = kh_policy_get(i->command->access, facility, &policy, err);

    if (status == KH_OK)
        status = kh_policy_fill(&policy, &words, err);
    if (status == KH_OK)
        status = kh_policy_set(i->command->access, &policy, i->command->by, err);
    i->set += status == KH_OK;
    return status;
}

static kh_status import_row(void *context, const kh_csv_row *row, kh_error *err)
{
    importing *i = context;
    kh_rights_command *c = i->command;
    const char *facility = kh_csv_value(row, "facility"), *study = kh_csv_value(row, "hidden_study"),
               *series = kh_csv_value(row, "hidden_series");
    const char *words = study[0] ? "policy: hide, of a table" : "policy: set, of a table";
    kh_status status = kh_rights_command_begin(c, facility, NULL, words, err);

    if (status != KH_OK)
        return status;
    if (study[0] || series[0]) {
        status = kh_hide(c->access, facility, study, series, kh_csv_value(row, "reason"), c->by, err);
        i->hidden += status == KH_OK;
    } else {
        status = set_policy(i, row, facility, err);
    }
    return kh_rights_command_end(c, facility, NULL, words, status, err);
}

kh_status kh_policy_import(kh_rights_command *c, const char *path, kh_error *err)
{
    importing i = {.command = c};
    kh_status status = kh_csv_table_read(path, import_row, &i, err);

    fprintf(stderr, "%zu policies set, %zu studies or series hidden\n", i.set, i.hidden);
    return status;
}
