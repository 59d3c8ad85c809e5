#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "app/consent_tables.h"

typedef struct consent_options {
    kh_consent_options sheet;
    const char *at, *reason, *by;
    bool explained, json;
} consent_options;

#define OPTION_COUNT (KH_CONSENT_OPTIONS + 5)

/* --- lists --- */

static kh_status print_consent(void *context, const kh_consent_row *r)
{
    kh_rights_command *c = context;

    kh_rights_row_begin(c);
    kh_rights_int(c, "id", r->id);
    if (r->sheet_of)
        kh_rights_int(c, "sheet_of", r->sheet_of);
    kh_rights_text(c, "facility", r->facility);
    kh_rights_text(c, "number", r->number);
    kh_rights_text(c, "form", kh_consent_form_text(r->form));
    kh_rights_text(c, "direction", kh_consent_direction_text(r->direction));
    kh_rights_text(c, "signed", r->signed_date);
    kh_rights_text(c, "signer", kh_consent_signer_text(r->signer));
    kh_rights_text(c, "proxy_name", r->proxy_name);
    kh_rights_text(c, "proxy_relation", r->proxy_relation);
    kh_rights_text(c, "explainer", r->explainer);
    kh_rights_text(c, "department", r->department);
    kh_rights_text(c, "fax", r->fax);
    kh_rights_text(c, "holder", r->holder);
    kh_rights_text(c, "author", r->author);
    kh_rights_time(c, "made", r->made_ms);
    kh_rights_text(c, "by", r->by);
    kh_rights_time(c, "from", r->from_ms);
    kh_rights_time(c, "to", r->to_ms);
    kh_rights_int(c, "waiting", r->waiting);
    kh_rights_time(c, "withdrawn", r->withdrawn_ms);
    kh_rights_text(c, "withdrawn_by", r->withdrawn_by);
    kh_rights_text(c, "withdrawn_at", r->withdrawn_at);
    kh_rights_text(c, "withdrawn_reason", r->withdrawn_reason);
    kh_rights_row_end(c);
    return KH_OK;
}

static kh_status list(kh_rights_command *c, const char *word, kh_error *err)
{
    kh_rights_place at;
    kh_status status = word ? kh_rights_place_parse(&at, word, false, err) : KH_OK;

    if (status != KH_OK)
        return status;
    return kh_consent_list(c->access, word ? at.facility : NULL, word && at.number[0] ? at.number : NULL, print_consent, c, err);
}

static kh_status show(kh_rights_command *c, int64_t id, kh_error *err)
{
    kh_consent_row row;
    kh_status status = kh_consent_get(c->access, id, &row, err);

    return status == KH_OK ? print_consent(c, &row) : status;
}

/* --- changes --- */

static kh_status add(kh_rights_command *c, const kh_rights_place *at, const kh_consent_options *o, kh_error *err)
{
    int64_t id = 0;
    kh_status status = kh_consent_enter(c, at, o, NULL, &id, err);

    if (status != KH_OK)
        return status;
    kh_rights_row_begin(c);
    kh_rights_int(c, "id", id);
    kh_rights_row_end(c);
    return KH_OK;
}

/* A change of a consent that is there: recorded with whose it is. */
static kh_status change(kh_rights_command *c, const kh_args *args, const consent_options *o, int64_t id, kh_error *err)
{
    const char *verb = args->words[0];
    char words[96];
    kh_consent_row row;
    kh_rights_place place;
    kh_status status = kh_consent_get(c->access, id, &row, err);

    snprintf(words, sizeof words, "consent %lld: %s", (long long)id, verb);
    if (status == KH_OK && strcmp(verb, "target-id") == 0)
        status = kh_rights_place_parse(&place, args->words[2], true, err);
    if (status == KH_OK)
        status = kh_rights_command_begin(c, row.facility, row.number, words, err);
    if (status != KH_OK)
        return status;
    if (strcmp(verb, "withdraw") == 0)
        status = kh_consent_withdraw(c->access, id, o->at ? o->at : "", o->reason ? o->reason : "", c->by, err);
    else if (strcmp(verb, "target-id") == 0)
        status = kh_consent_arrived(c->access, id, place.facility, place.number, c->by, err);
    else
        status = kh_consent_close(c->access, id, args->words[2], o->reason ? o->reason : "", c->by, err);
    return kh_rights_command_end(c, row.facility, row.number, words, status, err);
}

static kh_status target_add(kh_rights_command *c, const char *word, consent_options *o, kh_error *err)
{
    kh_consent_row row;
    kh_rights_place at = {0};
    int64_t id;
    kh_status status = kh_rights_id_parse(&id, word, err);

    if (status == KH_OK)
        status = kh_consent_get(c->access, id, &row, err);
    if (status != KH_OK)
        return status;
    memcpy(at.facility, row.facility, sizeof at.facility);
    memcpy(at.number, row.number, sizeof at.number);
    o->sheet.words[KH_WORD_SHEET_OF] = word;
    if (!o->sheet.words[KH_WORD_DIRECTION])
        o->sheet.words[KH_WORD_DIRECTION] = kh_consent_direction_text(row.direction);
    return add(c, &at, &o->sheet, err);
}

/* --- the command --- */

static kh_status run_verb(kh_rights_command *c, const kh_args *args, consent_options *o, kh_error *err)
{
    const char *verb = args->words[0], *word = args->word_count > 1 ? args->words[1] : NULL;
    kh_rights_place at;
    int64_t id;
    kh_status status;

    if (o->explained)
        o->sheet.words[KH_WORD_EXPLAINED] = "yes";
    if (strcmp(verb, "list") == 0)
        return list(c, word, err);
    if (strcmp(verb, "export") == 0)
        return kh_consent_export(c, word, err);
    if (strcmp(verb, "import") == 0)
        return kh_consent_import(c, word, err);
    if (strcmp(verb, "target-add") == 0)
        return target_add(c, word, o, err);
    if (strcmp(verb, "add") == 0) {
        status = kh_rights_place_parse(&at, word, true, err);
        return status == KH_OK ? add(c, &at, &o->sheet, err) : status;
    }
    status = kh_rights_id_parse(&id, word, err);
    if (status != KH_OK)
        return status;
    return strcmp(verb, "show") == 0 ? show(c, id, err) : change(c, args, o, id, err);
}

static int run(const kh_command *self, int argc, char **argv)
{
    static const kh_command_verb verbs[] = {{"add", 2, 2},          {"target-add", 2, 2}, {"list", 1, 2},
                                            {"show", 2, 2},         {"withdraw", 2, 2},   {"target-id", 3, 3},
                                            {"target-close", 3, 3}, {"import", 2, 2},     {"export", 1, 2}};
    consent_options o = {0};
    kh_option options[OPTION_COUNT];
    size_t count = kh_consent_options_table(&o.sheet, options);
    kh_error err = KH_ERROR_INIT;
    kh_rights_command c;
    kh_args args;
    kh_status status;
    int answer;

    options[count++] = (kh_option){"--at", &o.at, NULL};
    options[count++] = (kh_option){"--reason", &o.reason, NULL};
    options[count++] = (kh_option){"--by", &o.by, NULL};
    options[count++] = (kh_option){"--explained", NULL, &o.explained};
    options[count++] = (kh_option){"--json", NULL, &o.json};
    answer = kh_command_begin(self, &args, argc, argv, options, count);
    if (answer != KH_COMMAND_GO)
        return answer;
    answer = kh_command_verbs(self, &args, verbs, sizeof verbs / sizeof verbs[0]);
    if (answer != KH_COMMAND_GO)
        return answer;
    status = kh_rights_command_open(&c, self, &args.settings, o.by, o.json, &err);
    if (status == KH_OK)
        status = run_verb(&c, &args, &o, &err);
    return kh_rights_command_close(&c, status, &err);
}

const kh_command kh_command_consent = {
    .name = "consent",
    .summary = "what patients consented to, in writing; and its withdrawal",
    .help =
        "NAME\n"
        "  kakehashi consent - what patients consented to, in writing; and its withdrawal\n\n"
        "SYNOPSIS\n"
        "  kakehashi consent add FACILITY:NUMBER [--form FORM] [--direction view|show|both] [--places F[:NUMBER],...] --signed YYYYMMDD\n"
        "                    --explained --explainer NAME [--signer WHO --proxy-name NAME --proxy-relation TEXT] [OPTIONS]\n"
        "  kakehashi consent target-add CONSENT --places F[:NUMBER],... --signed YYYYMMDD --explained --explainer NAME [OPTIONS]\n"
        "  kakehashi consent target-id CONSENT FACILITY:NUMBER\n"
        "  kakehashi consent target-close CONSENT FACILITY|LOGIN --reason TEXT\n"
        "  kakehashi consent withdraw CONSENT [--at FACILITY] [--reason TEXT]\n"
        "  kakehashi consent list [FACILITY[:NUMBER]] | show CONSENT | import FILE | export [FACILITY]\n\n"
        "DESCRIPTION\n"
        "  A sheet is taken at a facility, for the patient's number there. direction: view: the places' images to that facility; show: its\n"
        "  images to the places; both. A place is shown nothing before liaison staff linked its number (target-id, or kakehashi patient link);\n"
        "  it waits until then and opens by itself. target-id also makes the entry at the place when there is none.\n"
        "  form: sites; doctor (--person LOGIN); team (--team NAME --members LOGIN,...); all (every viewer site, new ones too, but\n"
        "  --excluded FACILITY,...); stand-in (--person LOGIN --from --to).\n"
        "  withdraw: at once and everywhere, every sheet of the consent; nothing is deleted. target-close: one place or person, or a\n"
        "  stand-in who hands back early. target-add: a further sheet of the same consent.\n"
        "  import: CSV, columns facility, number and those of the options with _ for -; row by row, stops at the first that is refused. export writes\n"
        "  all of it, oldest first: into an empty house with the same facilities, people (`person export`), patients and links (`patient export`,\n"
        "  --links) the same is decided of it. Then sheet_of means the row's id in the table, floors is the first day of each discloser, closed\n"
        "  and closed_reason are what was closed since, withdrawn, withdrawn_at and withdrawn_reason how it ended; what is over is taken, too. When\n"
        "  that was done, and by whom, stays in the table (made, by) and in the record of the house it is from.\n\n"
        "OPTIONS\n"
        "  --signer WHO            patient, family, guardian, representative, or scribe where [access] scribe allows it\n"
        "  --department, --fax, --holder FACILITY, --author NAME   as on the sheet; holder keeps the original\n"
        "  --from, --to WHEN       YYYYMMDD or YYYYMMDDHHMM, local; now and no end without\n"
        "  --look-back YEARS|none  0: from the day of the consent; else the discloser's policy, else [access] look_back\n"
        "  --items LIST            of images,reports,take; images,reports without. take: objects may go out as they are\n"
        "  --modalities LIST       such as CT,MR; any without\n"
        "  --by NAME               who does it; else who is logged in\n"
        "  --json                  lists as a JSON array\n" KH_ARGS_COMMON_HELP "\n"
        "EXAMPLES\n"
        "  kakehashi consent add city-hospital:0012345 --places sato-clinic:881,ota-clinic --signed 20260401 --explained --explainer 'Dr. Mori'\n"
        "  kakehashi consent target-id 17 ota-clinic:5520\n"
        "  kakehashi consent withdraw 17 --at sato-clinic\n\n"
        "EXIT STATUS\n"
        "  0 done, 1 it did not work, 2 not understood\n",
    .run = run,
};
