#include <stdio.h>
#include <string.h>
#include "access/emergency.h"
#include "access/people.h"
#include "app/rights_command.h"

typedef struct emergency_options {
    const char *person, *reason, *text, *by;
    bool due, justified, not_justified, json;
} emergency_options;

static kh_status print_emergency(void *context, const kh_emergency_row *e)
{
    kh_rights_command *c = context;

    kh_rights_row_begin(c);
    kh_rights_int(c, "id", e->id);
    kh_rights_text(c, "person", e->person);
    kh_rights_text(c, "of", e->person_facility);
    kh_rights_text(c, "facility", e->facility);
    kh_rights_text(c, "number", e->number);
    kh_rights_text(c, "reason", e->reason);
    kh_rights_time(c, "made", e->made_ms);
    kh_rights_time(c, "until", e->until_ms);
    kh_rights_time(c, "ended", e->ended_ms);
    kh_rights_time(c, "reviewed", e->reviewed_ms);
    if (e->reviewed_ms) {
        kh_rights_bool(c, "justified", e->justified);
        kh_rights_text(c, "reviewed_by", e->reviewed_by);
        kh_rights_text(c, "review", e->review);
    }
    kh_rights_row_end(c);
    return KH_OK;
}

static kh_status print_alert(void *context, const kh_alert_row *alert)
{
    kh_rights_command *c = context;

    kh_rights_row_begin(c);
    kh_rights_int(c, "id", alert->id);
    kh_rights_text(c, "facility", alert->facility);
    kh_rights_text(c, "kind", alert->kind);
    kh_rights_int(c, "of", alert->ref);
    kh_rights_time(c, "made", alert->made_ms);
    kh_rights_row_end(c);
    return KH_OK;
}

static kh_status open_one(kh_rights_command *c, const char *word, const emergency_options *o, kh_error *err)
{
    kh_emergency_request request = {.reader_roles = kh_settings_readers(c->settings),
                                    .reason = o->reason ? o->reason : "",
                                    .duration_ms = c->settings->access_emergency_ms};
    int64_t id = 0, until_ms = 0;
    kh_rights_place at;
    kh_person person;
    kh_status status = kh_rights_place_parse(&at, word, true, err);

    if (status == KH_OK && !o->person)
        status = kh_error_set(err, KH_E_ARG, "--person is missing");
    if (status == KH_OK)
        status = kh_person_find(c->access, o->person, &person, err);
    if (status == KH_OK)
        status = kh_rights_command_begin(c, at.facility, at.number, "emergency access opened", err);
    if (status != KH_OK)
        return status;
    request.person_id = person.id;
    request.facility = at.facility;
    request.number = at.number;
    status = kh_emergency_open(c->access, &request, &id, &until_ms, err);
    status = kh_rights_command_end(c, at.facility, at.number, "emergency access opened", status, err);
    if (status != KH_OK)
        return status;
    kh_rights_row_begin(c);
    kh_rights_int(c, "id", id);
    kh_rights_time(c, "until", until_ms);
    kh_rights_row_end(c);
    return KH_OK;
}

static kh_status change(kh_rights_command *c, const char *verb, const char *word, const emergency_options *o, kh_error *err)
{
    char words[64];
    int64_t id;
    kh_status status = kh_rights_id_parse(&id, word, err);

    snprintf(words, sizeof words, "%s %lld: %s", strcmp(verb, "seen") == 0 ? "alert" : "emergency access", (long long)id, verb);
    if (status == KH_OK && strcmp(verb, "review") == 0 && o->justified == o->not_justified)
        status = kh_error_set(err, KH_E_ARG, "expected --justified or --not-justified");
    if (status == KH_OK)
        status = kh_rights_command_begin(c, NULL, NULL, words, err);
    if (status != KH_OK)
        return status;
    if (strcmp(verb, "end") == 0)
        status = kh_emergency_end(c->access, id, err);
    else if (strcmp(verb, "seen") == 0)
        status = kh_alert_seen(c->access, id, c->by, err);
    else
        status = kh_emergency_review(c->access, id, o->justified, o->text ? o->text : "", c->by, err);
    return kh_rights_command_end(c, NULL, NULL, words, status, err);
}

static int run(const kh_command *self, int argc, char **argv)
{
    emergency_options o = {0};
    const kh_option options[] = {{"--person", &o.person, NULL}, {"--reason", &o.reason, NULL},       {"--text", &o.text, NULL},
                                 {"--by", &o.by, NULL},         {"--due", NULL, &o.due},             {"--justified", NULL, &o.justified},
                                 {"--not-justified", NULL, &o.not_justified}, {"--json", NULL, &o.json}};
    kh_error err = KH_ERROR_INIT;
    kh_rights_command c;
    kh_args args;
    const char *verb, *word;
    kh_status status;
    bool listing, alerts;
    int answer = kh_command_begin(self, &args, argc, argv, options, sizeof options / sizeof options[0]);

    if (answer != KH_COMMAND_GO)
        return answer;
    verb = args.word_count > 0 ? args.words[0] : "";
    word = args.word_count > 1 ? args.words[1] : NULL;
    alerts = strcmp(verb, "alerts") == 0;
    listing = alerts || strcmp(verb, "list") == 0;
    if (!listing && strcmp(verb, "open") != 0 && strcmp(verb, "end") != 0 && strcmp(verb, "review") != 0 && strcmp(verb, "seen") != 0)
        return kh_command_usage(self, "\"%.64s\", expected open, list, end, review, alerts or seen", verb);
    if (args.word_count > 2 || (!listing && !word))
        return kh_command_usage(self, "%s: expected %s", verb, strcmp(verb, "open") == 0 ? "FACILITY:NUMBER" : "a number");
    status = kh_rights_command_open(&c, self, &args.settings, o.by, o.json, &err);
    if (status == KH_OK && alerts)
        status = kh_alert_list(c.access, word, print_alert, &c, &err);
    else if (status == KH_OK && listing)
        status = kh_emergency_list(c.access, word, o.due, print_emergency, &c, &err);
    else if (status == KH_OK)
        status = strcmp(verb, "open") == 0 ? open_one(&c, word, &o, &err) : change(&c, verb, word, &o, &err);
    return kh_rights_command_close(&c, status, &err);
}

const kh_command kh_command_emergency = {
    .name = "emergency",
    .summary = "access without a consent in an emergency, and its review",
    .help =
        "NAME\n"
        "  kakehashi emergency - access without a consent in an emergency, and its review\n\n"
        "SYNOPSIS\n"
        "  kakehashi emergency open FACILITY:NUMBER --person LOGIN --reason TEXT\n"
        "  kakehashi emergency end ID\n"
        "  kakehashi emergency list [FACILITY] [--due]\n"
        "  kakehashi emergency review ID --justified|--not-justified [--text TEXT]\n"
        "  kakehashi emergency alerts [FACILITY]\n"
        "  kakehashi emergency seen ALERT\n\n"
        "DESCRIPTION\n"
        "  A doctor or radiologist, or a nurse where [access] readers names nurses, sees one patient of one facility without a consent, until\n"
        "  [access] emergency is over. Nothing hidden is shown,\n"
        "  nothing can be taken. The facility gets an alert at once and reviews it; once, for good.\n"
        "  alerts: what a facility has not seen yet, emergencies and withdrawals of consents that it disclosed by (\"of\": their number); seen takes\n"
        "  one off the list.\n\n"
        "OPTIONS\n"
        "  --due                   only those not reviewed yet\n"
        "  --text TEXT             of the review; demanded with --not-justified\n"
        "  --by NAME               who does it; else who is logged in\n"
        "  --json                  as a JSON array\n" KH_ARGS_COMMON_HELP "\n"
        "EXAMPLES\n"
        "  kakehashi emergency open city-hospital:0012345 --person sato --reason 'unconscious, stroke suspected'\n"
        "  kakehashi emergency review 3 --justified --by liaison\n\n"
        "EXIT STATUS\n"
        "  0 done, 1 it did not work, 2 not understood\n",
    .run = run,
};
