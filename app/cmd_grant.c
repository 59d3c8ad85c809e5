#include <stdio.h>
#include <string.h>
#include "access/consents.h"
#include "access/people.h"
#include "access/rights.h"
#include "app/deciding.h"
#include "app/grant_tables.h"
#include "app/rights_command.h"
#include "app/session.h"
#include "cache/browse.h"
#include "cache/scope.h"
#include "dicom/syntax.h"

typedef struct grant_options {
    const char *consent, *site, *person, *node, *verb, *kind, *by;
    bool open, json;
} grant_options;

static kh_status print_grant(void *context, const kh_grant_row *g)
{
    kh_rights_command *c = context;
    char items[32];

    kh_items_text(items, g->items);
    kh_rights_row_begin(c);
    kh_rights_int(c, "id", g->id);
    kh_rights_int(c, "consent", g->consent_id);
    kh_rights_text(c, "discloser", g->discloser);
    kh_rights_text(c, "number", g->number);
    kh_rights_text(c, "form", kh_consent_form_text(g->form));
    kh_rights_text(c, "to", g->to);
    kh_rights_bool(c, "linked", g->linked);
    kh_rights_time(c, "from", g->from_ms);
    kh_rights_time(c, "until", g->to_ms);
    kh_rights_text(c, "floor", g->floor);
    kh_rights_text(c, "items", items);
    kh_rights_text(c, "modalities", g->modalities);
    kh_rights_time(c, "ended", g->ended_ms);
    kh_rights_text(c, "ended_by", g->ended_by);
    kh_rights_text(c, "ended_reason", g->ended_reason);
    kh_rights_row_end(c);
    return KH_OK;
}

static kh_status list(kh_rights_command *c, const char *word, const grant_options *o, bool table, kh_error *err)
{
    kh_grant_query query = {.site = o->site, .open = o->open};
    kh_rights_place at;
    kh_status status = word ? kh_rights_place_parse(&at, word, false, err) : KH_OK;

    if (status == KH_OK && o->consent)
        status = kh_rights_id_parse(&query.consent_id, o->consent, err);
    if (status != KH_OK)
        return status;
    if (word) {
        query.facility = at.facility;
        query.number = at.number[0] ? at.number : NULL;
    }
    return table ? kh_grant_export(c, &query, err) : kh_grant_list(c->access, &query, print_grant, c, err);
}

/* --- explain --- */

#define EXPLAINED_MAX 16

typedef struct explaining {
    kh_rights_command *command;
    kh_rights *rights;
    kh_subject subject;
    kh_verb verb;
    kh_kind kind;
    kh_study studies[EXPLAINED_MAX]; /* of as many facilities: looked at when the list is closed */
    size_t found;
    kh_error *err;
} explaining;

static kh_status find_subject(explaining *e, const grant_options *o, kh_error *err)
{
    kh_rights_place node;
    kh_person person;
    kh_status status;

    if (!o->person == !o->node)
        return kh_error_set(err, KH_E_ARG, "expected --person LOGIN or --node FACILITY:NAME");
    if (o->node) {
        status = kh_rights_place_parse(&node, o->node, true, err);
        return status == KH_OK ? kh_rights_node(e->rights, node.number, node.facility, &e->subject, err) : status;
    }
    status = kh_person_find(e->command->access, o->person, &person, err);
    if (status != KH_OK)
        return status;
    e->subject = (kh_subject){.person_id = person.id, .facility_id = person.facility_id, .role = person.role, .scopes = KH_SCOPE_ALL};
    memcpy(e->subject.facility, person.facility, sizeof e->subject.facility);
    memcpy(e->subject.name, person.login, sizeof e->subject.name);
    return KH_OK;
}

static kh_status keep_study(void *context, const kh_study *study)
{
    explaining *e = context;

    if (e->found < EXPLAINED_MAX)
        e->studies[e->found++] = *study;
    return KH_OK;
}

static kh_status explain_study(explaining *e, const kh_study *study)
{
    kh_rights_command *c = e->command;
    const kh_matter matter = {.kind = e->kind,
                              .facility = study->patient.facility,
                              .patient_id = study->patient.patient_id,
                              .study_uid = study->study_uid,
                              .study_date = study->date,
                              .modalities = study->modalities,
                              .body_parts = study->body_parts,
                              .departments = study->departments,
                              .arrived_ms = study->first_arrival_ms};
    kh_verdict verdict;
    kh_status status = kh_rights_decide(e->rights, &e->subject, e->verb, &matter, &verdict, e->err);

    if (status != KH_OK)
        return status;
    kh_rights_row_begin(c);
    kh_rights_text(c, "facility", study->patient.facility);
    kh_rights_text(c, "study", study->study_uid);
    kh_rights_text(c, "verb", kh_verb_text(e->verb));
    kh_rights_text(c, "kind", kh_kind_text(e->kind));
    kh_rights_bool(c, "allowed", verdict.allowed);
    kh_rights_text(c, "reason", kh_reason_text(verdict.reason));
    kh_rights_text(c, "modalities", study->modalities);
    kh_rights_text(c, "body_parts", study->body_parts);
    kh_rights_text(c, "departments", study->departments);
    kh_rights_int(c, "grant", verdict.grant_id);
    kh_rights_time(c, "until", verdict.until_ms);
    kh_rights_row_end(c);
    return KH_OK;
}

static bool read_words(explaining *e, const grant_options *o)
{
    const char *verb = o->verb ? o->verb : "view", *kind = o->kind ? o->kind : "study";

    e->verb = KH_VERB_FIND;
    e->kind = KH_KIND_PATIENT;
    while (kh_verb_text(e->verb) && strcmp(kh_verb_text(e->verb), verb) != 0)
        e->verb++;
    while (kh_kind_text(e->kind) && strcmp(kh_kind_text(e->kind), kind) != 0)
        e->kind++;
    return kh_verb_text(e->verb) && kh_kind_text(e->kind);
}

static kh_status explain(kh_rights_command *c, const char *study_uid, const grant_options *o, kh_error *err)
{
    static explaining e;
    kh_cache *cache = NULL;
    kh_status status;

    e = (explaining){.command = c, .err = err};
    if (!read_words(&e, o))
        return kh_error_set(
            err, KH_E_ARG, "verb: expected find, view, take or change; kind: patient, study, series, instance, frame, thumbnail or report");
    status = kh_deciding_rights(&e.rights, c->access, c->settings, err);
    if (status == KH_OK)
        status = find_subject(&e, o, err);
    if (status == KH_OK)
        status = kh_session_read(&cache, c->settings, err);
    if (status == KH_OK)
        status = kh_browse_study_uid(cache, study_uid, keep_study, &e, err);
    for (size_t i = 0; i < e.found && status == KH_OK; i++) {
        status = kh_scope_read_parts(cache, &e.studies[i], err);
        if (status == KH_OK)
            status = explain_study(&e, &e.studies[i]);
    }
    if (status == KH_OK && e.found == 0)
        status = kh_error_set(err, KH_E_NOT_FOUND, "no study %s here", study_uid);
    kh_cache_close(cache);
    kh_rights_free(e.rights);
    return status;
}

static kh_status run_verb(kh_rights_command *c, const char *verb, const char *word, const grant_options *o, kh_error *err)
{
    if (strcmp(verb, "explain") == 0)
        return explain(c, word, o, err);
    if (strcmp(verb, "import") == 0)
        return kh_grant_import(c, word, err);
    return list(c, word, o, strcmp(verb, "export") == 0, err);
}

static int run(const kh_command *self, int argc, char **argv)
{
    static const kh_command_verb verbs[] = {{"list", 1, 2}, {"export", 1, 2}, {"import", 2, 2}, {"explain", 2, 2}};
    grant_options o = {0};
    const kh_option options[] = {{"--consent", &o.consent, NULL}, {"--site", &o.site, NULL}, {"--person", &o.person, NULL},
                                 {"--node", &o.node, NULL},       {"--verb", &o.verb, NULL}, {"--kind", &o.kind, NULL},
                                 {"--by", &o.by, NULL},           {"--open", NULL, &o.open}, {"--json", NULL, &o.json}};
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
    if (strcmp(args.words[0], "explain") == 0 && !kh_uid_plausible(args.words[1]))
        return kh_command_usage(self, "expected a Study Instance UID, 1 to 64 of 0-9 and .");
    status = kh_rights_command_open(&c, self, &args.settings, o.by, o.json, &err);
    if (status == KH_OK)
        status = run_verb(&c, args.words[0], args.word_count > 1 ? args.words[1] : NULL, &o, &err);
    return kh_rights_command_close(&c, status, &err);
}

const kh_command kh_command_grant = {
    .name = "grant",
    .summary = "what consents open, and why somebody may or may not see a study",
    .help =
        "NAME\n"
        "  kakehashi grant - what consents open, and why somebody may or may not see a study\n\n"
        "SYNOPSIS\n"
        "  kakehashi grant list|export [FACILITY[:NUMBER]] [--consent ID] [--site FACILITY] [--open]\n"
        "  kakehashi grant import FILE\n"
        "  kakehashi grant explain STUDY-UID --person LOGIN | --node FACILITY:NAME [--verb VERB] [--kind KIND]\n\n"
        "DESCRIPTION\n"
        "  list: grants of patients of a discloser, of one patient, of a consent, or that a site may read by; with --open those whose time it is\n"
        "  and that are not ended. linked: somebody whom the grant names has the patient's number; else it waits.\n"
        "  export: the same as CSV. import brings what was ended elsewhere: each row must be opened by a sheet that is here (`consent import`); one that\n"
        "  has ended in the table ends here, too; nothing is ever opened by it. Row by row, stops at the first that no sheet here opens, or that stands in\n"
        "  the table and has ended here.\n"
        "  explain: what is decided for a session of that person, or for a node, with the reason, which the record of access has, too, and who asks\n"
        "  never learns.\n\n"
        "OPTIONS\n"
        "  --verb VERB             find, view (the default), take, change\n"
        "  --kind KIND             patient, study (the default), series, instance, frame, thumbnail, report\n"
        "  --by NAME               who imports; else who is logged in\n"
        "  --json                  as a JSON array\n" KH_ARGS_COMMON_HELP "\n"
        "EXAMPLES\n"
        "  kakehashi grant list city-hospital:0012345 --open\n"
        "  kakehashi grant explain 1.2.392.200036.9116.2.5.1 --person sato --verb take\n\n"
        "EXIT STATUS\n"
        "  0 done, 1 it did not work, 2 not understood\n",
    .run = run,
};
