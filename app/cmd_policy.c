#include <stdio.h>
#include <string.h>
#include "access/consents.h"
#include "access/policies.h"
#include "app/policy_tables.h"

typedef struct policy_options {
    kh_policy_words words;
    const char *study, *series, *reason, *by;
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
    kh_rights_text(c, "departments", policy.departments);
    kh_rights_int(c, "delay_hours", policy.delay_ms / 3600000);
    if (policy.look_back_years != KH_LOOK_BACK_SETTING)
        kh_rights_int(c, "look_back", policy.look_back_years);
    kh_rights_time(c, "made", policy.made_ms);
    kh_rights_text(c, "by", policy.by);
    kh_rights_row_end(c);
    return kh_hidden_list(c->access, facility, print_hidden, c, err);
}

static kh_status change(kh_rights_command *c, const char *verb, const char *facility, const policy_options *o, kh_error *err)
{
    char words[160];
    kh_policy policy;
    kh_status status = kh_policy_get(c->access, facility, &policy, err);

    snprintf(words, sizeof words, "policy: %s %.64s %.64s", verb, o->study ? o->study : "", o->series ? o->series : "");
    if (status == KH_OK)
        status = kh_policy_fill(&policy, &o->words, err);
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

static kh_status run_verb(kh_rights_command *c, const char *verb, const char *word, const policy_options *o, kh_error *err)
{
    if (strcmp(verb, "export") == 0)
        return kh_policy_export(c, word, err);
    if (strcmp(verb, "import") == 0)
        return kh_policy_import(c, word, err);
    return strcmp(verb, "show") == 0 ? show(c, word, err) : change(c, verb, word, o, err);
}

static int run(const kh_command *self, int argc, char **argv)
{
    static const kh_command_verb verbs[] = {{"set", 2, 2},    {"show", 2, 2},   {"hide", 2, 2},
                                            {"unhide", 2, 2}, {"import", 2, 2}, {"export", 1, 2}};
    policy_options o = {0};
    const kh_option options[] = {{"--items", &o.words.items, NULL},
                                 {"--modalities", &o.words.modalities, NULL},
                                 {"--body-parts", &o.words.body_parts, NULL},
                                 {"--departments", &o.words.departments, NULL},
                                 {"--delay-hours", &o.words.delay_hours, NULL},
                                 {"--look-back", &o.words.look_back, NULL},
                                 {"--study", &o.study, NULL},
                                 {"--series", &o.series, NULL},
                                 {"--reason", &o.reason, NULL},
                                 {"--by", &o.by, NULL},
                                 {"--json", NULL, &o.json}};
    kh_error err = KH_ERROR_INIT;
    kh_rights_command c;
    kh_args args;
    kh_status status;
    int answer = kh_command_begin(self, &args, argc, argv, options, sizeof options / sizeof options[0]);

    if (answer != KH_COMMAND_GO)
        return answer;
    answer = kh_command_verbs(self, &args, verbs, sizeof verbs / sizeof verbs[0]);
    if (answer != KH_COMMAND_GO)
        return answer;
    status = kh_rights_command_open(&c, self, &args.settings, o.by, o.json, &err);
    if (status == KH_OK)
        status = run_verb(&c, args.words[0], args.word_count > 1 ? args.words[1] : NULL, &o, &err);
    return kh_rights_command_close(&c, status, &err);
}

const kh_command kh_command_policy = {
    .name = "policy",
    .summary = "what a facility opens of what consents open to it, and what it hides",
    .help =
        "NAME\n"
        "  kakehashi policy - what a facility opens of what consents open to it, and what it hides\n\n"
        "SYNOPSIS\n"
        "  kakehashi policy show FACILITY\n"
        "  kakehashi policy set FACILITY [--items LIST|none] [--modalities LIST] [--body-parts LIST] [--departments LIST] [--delay-hours N]\n"
        "      [--look-back YEARS|none|network]\n"
        "  kakehashi policy hide FACILITY --study UID [--series UID] --reason TEXT\n"
        "  kakehashi policy unhide FACILITY --study UID [--series UID]\n"
        "  kakehashi policy import FILE | export [FACILITY]\n\n"
        "DESCRIPTION\n"
        "  A discloser chooses what it opens to others; a consent cannot open more. What is not given with set stays. Everything is in force at once,\n"
        "  but look-back, which is settled when a consent is entered. The facility's own people see all of it as before.\n"
        "  export, import: CSV with the columns facility, items, modalities, body_parts, departments, delay_hours, look_back, hidden_study,\n"
        "  hidden_series, reason: a row of what each facility opens (facilities that never chose have none), and one of each study or series it hides.\n"
        "  import says the same elsewhere, row by row, stops at the first that is refused; a column that is not there stays as it is. Before consents\n"
        "  are imported: what they look back on is in their own table. made and by are the other house's.\n\n"
        "OPTIONS\n"
        "  --items LIST            of images,reports,take; none: nothing\n"
        "  --modalities LIST       such as CT,MR; \"\" any\n"
        "  --body-parts LIST       Body Part Examined; \"\" any. A study that tells none is shut then\n"
        "  --departments LIST      Institutional Department Name (0008,1040), letter by letter as the images have it (`kakehashi grant explain` shows\n"
        "                          it); \"\" any. A study that tells none is shut then\n"
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
