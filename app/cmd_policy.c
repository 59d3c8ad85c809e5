#include <stdio.h>
#include <string.h>
#include "access/consents.h"
#include "access/policies.h"
#include "app/rights_command.h"

typedef struct policy_options {
    const char *items, *modalities, *body_parts, *delay_hours, *look_back, *study, *series, *reason, *by;
    bool json;
} policy_options;

static kh_status print_hidden(void *context, const kh_hidden *hidden)
{
    kh_rights_command *c = context;

    kh_rights_row_begin(c);
    kh_rights_text(c, "hidden_study", hidden->study_uid);
    kh_rights_text(c, "hidden_series", hidden->series_uid);
    kh_rights_text(c, "reason", hidden->reason);
    kh_rights_time(c, "made", hidden->made_ms);
    kh_rights_text(c, "by", hidden->by);
    kh_rights_row_end(c);
    return KH_OK;
}

static kh_status show(kh_rights_command *c, const char *facility, kh_error *err)
{
    char items[32];
    kh_policy policy;
    kh_status status = kh_policy_get(c->access, facility, &policy, err);

    if (status != KH_OK)
        return status;
    kh_items_text(items, policy.items);
    kh_rights_row_begin(c);
    kh_rights_text(c, "facility", facility);
    kh_rights_text(c, "items", items);
    kh_rights_text(c, "modalities", policy.modalities);
    kh_rights_text(c, "body_parts", policy.body_parts);
    kh_rights_int(c, "delay_hours", policy.delay_ms / 3600000);
    if (policy.look_back_years != KH_LOOK_BACK_SETTING)
        kh_rights_int(c, "look_back", policy.look_back_years);
    kh_rights_time(c, "made", policy.made_ms);
    kh_rights_text(c, "by", policy.by);
    kh_rights_row_end(c);
    return kh_hidden_list(c->access, facility, print_hidden, c, err);
}

static kh_status copy_codes(char out[KH_CODES_SIZE], const char *field, const char *text, kh_error *err)
{
    if (!text)
        return KH_OK;
    if (strlen(text) >= KH_CODES_SIZE)
        return kh_error_set(err, KH_E_ARG, "%s: %zu bytes, expected at most %d", field, strlen(text), KH_CODES_SIZE - 1);
    memcpy(out, text, strlen(text) + 1);
    return KH_OK;
}

static kh_status fill(kh_policy *policy, const policy_options *o, kh_error *err)
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

static kh_status change(kh_rights_command *c, const char *verb, const char *facility, const policy_options *o, kh_error *err)
{
    char words[160];
    kh_policy policy;
    kh_status status = kh_policy_get(c->access, facility, &policy, err);

    snprintf(words, sizeof words, "policy: %s %.64s %.64s", verb, o->study ? o->study : "", o->series ? o->series : "");
    if (status == KH_OK)
        status = fill(&policy, o, err);
    if (status == KH_OK && strcmp(verb, "set") != 0 && !o->study)
        status = kh_error_set(err, KH_E_ARG, "--study is missing");
    if (status == KH_OK)
        status = kh_rights_command_begin(c, facility, NULL, words, err);
    if (status != KH_OK)
        return status;
    if (strcmp(verb, "set") == 0)
        status = kh_policy_set(c->access, &policy, c->by, err);
    else if (strcmp(verb, "hide") == 0)
        status = kh_hide(c->access, facility, o->study, o->series ? o->series : "", o->reason ? o->reason : "", c->by, err);
    else
        status = kh_unhide(c->access, facility, o->study, o->series ? o->series : "", c->by, err);
    return kh_rights_command_end(c, facility, NULL, words, status, err);
}

static int run(const kh_command *self, int argc, char **argv)
{
    policy_options o = {0};
    const kh_option options[] = {{"--items", &o.items, NULL},         {"--modalities", &o.modalities, NULL}, {"--body-parts", &o.body_parts, NULL},
                                 {"--delay-hours", &o.delay_hours, NULL}, {"--look-back", &o.look_back, NULL}, {"--study", &o.study, NULL},
                                 {"--series", &o.series, NULL},       {"--reason", &o.reason, NULL},         {"--by", &o.by, NULL},
                                 {"--json", NULL, &o.json}};
    kh_error err = KH_ERROR_INIT;
    kh_rights_command c;
    kh_args args;
    const char *verb;
    kh_status status;
    int answer = kh_command_begin(self, &args, argc, argv, options, sizeof options / sizeof options[0]);

    if (answer != KH_COMMAND_GO)
        return answer;
    verb = args.word_count > 0 ? args.words[0] : "";
    if (strcmp(verb, "set") != 0 && strcmp(verb, "show") != 0 && strcmp(verb, "hide") != 0 && strcmp(verb, "unhide") != 0)
        return kh_command_usage(self, "\"%.64s\", expected set, show, hide or unhide", verb);
    if (args.word_count != 2)
        return kh_command_usage(self, "%s: expected a facility", verb);
    status = kh_rights_command_open(&c, self, &args.settings, o.by, o.json, &err);
    if (status == KH_OK)
        status = strcmp(verb, "show") == 0 ? show(&c, args.words[1], &err) : change(&c, verb, args.words[1], &o, &err);
    return kh_rights_command_close(&c, status, &err);
}

const kh_command kh_command_policy = {
    .name = "policy",
    .summary = "what a facility opens of what consents open to it, and what it hides",
    .help = "NAME\n"
            "  kakehashi policy - what a facility opens of what consents open to it, and what it hides\n\n"
            "SYNOPSIS\n"
            "  kakehashi policy show FACILITY\n"
            "  kakehashi policy set FACILITY [--items LIST|none] [--modalities LIST] [--body-parts LIST] [--delay-hours N] [--look-back YEARS|none|network]\n"
            "  kakehashi policy hide FACILITY --study UID [--series UID] --reason TEXT\n"
            "  kakehashi policy unhide FACILITY --study UID [--series UID]\n\n"
            "DESCRIPTION\n"
            "  A discloser chooses what it opens to others; a consent cannot open more. What is not given with set stays. Everything is in force at once,\n"
            "  but look-back, which is settled when a consent is entered. The facility's own people see all of it as before.\n\n"
            "OPTIONS\n"
            "  --items LIST            of images,reports,take; none: nothing\n"
            "  --modalities LIST       such as CT,MR; \"\" any\n"
            "  --body-parts LIST       Body Part Examined; \"\" any. A study that tells none is shut then\n"
            "  --delay-hours N         after arrival, before others see it; 0 to 8784\n"
            "  --look-back YEARS       before the day of a consent; none: no limit; network: [access] look_back\n"
            "  --by NAME               who does it; else who is logged in\n"
            "  --json                  as a JSON array\n" KH_ARGS_COMMON_HELP "\n"
            "EXAMPLES\n"
            "  kakehashi policy set city-hospital --modalities CT,MR,CR --delay-hours 24\n"
            "  kakehashi policy hide city-hospital --study 1.2.392.200036.9116.2.5.1 --reason 'asked by the patient'\n\n"
            "EXIT STATUS\n"
            "  0 done, 1 it did not work, 2 not understood\n",
    .run = run,
};
