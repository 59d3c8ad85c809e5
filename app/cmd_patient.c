#include <stdio.h>
#include <string.h>
#include "access/links.h"
#include "app/csv_table.h"
#include "app/rights_command.h"

typedef struct patient_options {
    const char *kana, *name, *alphabetic, *birth_date, *sex, *address, *card, *facility, *number, *by;
    bool another, links, json;
} patient_options;

#define OPTION_COUNT 13

static void options_table(patient_options *o, kh_option out[OPTION_COUNT])
{
    const kh_option table[OPTION_COUNT] = {{"--kana", &o->kana, NULL},
                                           {"--name", &o->name, NULL},
                                           {"--alphabetic", &o->alphabetic, NULL},
                                           {"--birth-date", &o->birth_date, NULL},
                                           {"--sex", &o->sex, NULL},
                                           {"--address", &o->address, NULL},
                                           {"--card", &o->card, NULL},
                                           {"--facility", &o->facility, NULL},
                                           {"--number", &o->number, NULL},
                                           {"--by", &o->by, NULL},
                                           {"--another", NULL, &o->another},
                                           {"--links", NULL, &o->links},
                                           {"--json", NULL, &o->json}};

    memcpy(out, table, sizeof table);
}

/* --- lists --- */

static kh_status print_patient(void *context, const kh_registered *p)
{
    kh_rights_command *c = context;

    kh_rights_row_begin(c);
    kh_rights_text(c, "facility", p->facility);
    kh_rights_text(c, "number", p->number);
    kh_rights_text(c, "alphabetic", p->name_alphabetic);
    kh_rights_text(c, "ideographic", p->name_ideographic);
    kh_rights_text(c, "kana", p->name_phonetic);
    kh_rights_text(c, "birth_date", p->birth_date);
    kh_rights_text(c, "sex", p->sex);
    kh_rights_text(c, "address", p->address);
    kh_rights_text(c, "card", p->card);
    kh_rights_row_end(c);
    return KH_OK;
}

static kh_status print_link(void *context, const kh_link_row *link)
{
    kh_rights_command *c = context;

    kh_rights_row_begin(c);
    kh_rights_text(c, "facility", link->facility);
    kh_rights_text(c, "number", link->number);
    kh_rights_time(c, "made", link->made_ms);
    kh_rights_text(c, "by", link->by);
    kh_rights_time(c, "ended", link->ended_ms);
    kh_rights_text(c, "ended_by", link->ended_by);
    kh_rights_row_end(c);
    return KH_OK;
}

static kh_status find(kh_rights_command *c, const patient_options *o, kh_error *err)
{
    const kh_registered_query query = {
        .facility = o->facility, .card = o->card, .number = o->number, .kana = o->kana, .birth_date = o->birth_date};

    return kh_registered_find(c->access, &query, print_patient, c, err);
}

/* --- changes --- */

static kh_status copy(char *out, size_t size, const char *field, const char *text, kh_error *err)
{
    if (!text)
        return KH_OK;
    if (strlen(text) >= size)
        return kh_error_set(err, KH_E_ARG, "%s: %zu bytes, expected at most %zu", field, strlen(text), size - 1);
    memcpy(out, text, strlen(text) + 1);
    return KH_OK;
}

static kh_status fill(kh_registered *p, const patient_options *o, kh_error *err)
{
    kh_status status = copy(p->name_phonetic, sizeof p->name_phonetic, "kana", o->kana, err);

    if (status == KH_OK)
        status = copy(p->name_ideographic, sizeof p->name_ideographic, "name", o->name, err);
    if (status == KH_OK)
        status = copy(p->name_alphabetic, sizeof p->name_alphabetic, "alphabetic", o->alphabetic, err);
    if (status == KH_OK)
        status = copy(p->birth_date, sizeof p->birth_date, "birth date", o->birth_date, err);
    if (status == KH_OK)
        status = copy(p->sex, sizeof p->sex, "sex", o->sex, err);
    if (status == KH_OK)
        status = copy(p->address, sizeof p->address, "address", o->address, err);
    return status == KH_OK ? copy(p->card, sizeof p->card, "card", o->card, err) : status;
}

static kh_status add(kh_rights_command *c, const kh_rights_place *at, const patient_options *o, kh_error *err)
{
    kh_registered patient = {0};
    kh_status status = fill(&patient, o, err);

    memcpy(patient.facility, at->facility, sizeof patient.facility);
    memcpy(patient.number, at->number, sizeof patient.number);
    if (status == KH_OK)
        status = kh_rights_command_begin(c, at->facility, at->number, "patient added", err);
    if (status != KH_OK)
        return status;
    status = kh_registered_add(c->access, &patient, c->by, o->another, err);
    return kh_rights_command_end(c, at->facility, at->number, "patient added", status, err);
}

static kh_status set(kh_rights_command *c, const kh_rights_place *at, const patient_options *o, kh_error *err)
{
    kh_registered patient;
    kh_status status = kh_registered_get(c->access, at->facility, at->number, &patient, err);

    if (status == KH_OK)
        status = fill(&patient, o, err);
    if (status == KH_OK)
        status = kh_rights_command_begin(c, at->facility, at->number, "patient changed", err);
    if (status != KH_OK)
        return status;
    status = kh_registered_set(c->access, &patient, c->by, err);
    return kh_rights_command_end(c, at->facility, at->number, "patient changed", status, err);
}

static kh_status link(kh_rights_command *c, const kh_rights_place *a, const char *other, bool make, kh_error *err)
{
    const char *words = make ? "patient linked" : "link undone";
    kh_rights_place b;
    kh_status status = kh_rights_place_parse(&b, other, true, err);
    const kh_link_end one = {a->facility, a->number}, two = {b.facility, b.number};

    if (status == KH_OK)
        status = kh_rights_command_begin(c, a->facility, a->number, words, err);
    if (status != KH_OK)
        return status;
    status = make ? kh_link_make(c->access, &one, &two, c->by, err) : kh_link_undo(c->access, &one, &two, c->by, err);
    return kh_rights_command_end(c, a->facility, a->number, words, status, err);
}

/* --- tables --- */

static const char *const columns[] = {"facility", "number", "alphabetic", "ideographic", "kana", "birth_date", "sex", "address", "card"};
#define COLUMN_COUNT (sizeof columns / sizeof columns[0])

static kh_status export_one(void *context, const kh_registered *p)
{
    const char *values[COLUMN_COUNT] = {p->facility,      p->number,     p->name_alphabetic, p->name_ideographic, p->name_phonetic,
                                        p->birth_date, p->sex, p->address, p->card};

    (void)context;
    kh_csv_put_line(stdout, values, COLUMN_COUNT);
    return ferror(stdout) ? KH_E_IO : KH_OK;
}

static kh_status export_all(kh_rights_command *c, const char *facility, kh_error *err)
{
    kh_csv_put_line(stdout, columns, COLUMN_COUNT);
    return kh_registered_list(c->access, facility, export_one, NULL, err);
}

static kh_status export_pair(void *context, const kh_link_end *a, const kh_link_end *b)
{
    (void)context;
    kh_csv_put_line(stdout, (const char *[]){a->facility, a->number, b->facility, b->number}, 4);
    return ferror(stdout) ? KH_E_IO : KH_OK;
}

static kh_status export_links(kh_rights_command *c, const char *facility, kh_error *err)
{
    kh_csv_put_line(stdout, (const char *[]){"facility", "number", "to_facility", "to_number"}, 4);
    return kh_link_pairs(c->access, facility, export_pair, NULL, err);
}

typedef struct importing {
    kh_rights_command *command;
    bool another;
    size_t count;
} importing;

static kh_status import_row(void *context, const kh_csv_row *row, kh_error *err)
{
#define VALUE(name) kh_csv_value(row, name)
    importing *i = context;
    const patient_options o = {.kana = VALUE("kana"),
                               .name = VALUE("ideographic"),
                               .alphabetic = VALUE("alphabetic"),
                               .birth_date = VALUE("birth_date"),
                               .sex = VALUE("sex"),
                               .address = VALUE("address"),
                               .card = VALUE("card"),
                               .another = i->another};
    kh_rights_place at = {0};
    kh_status status = copy(at.facility, sizeof at.facility, "facility", VALUE("facility"), err);

    if (status == KH_OK)
        status = copy(at.number, sizeof at.number, "number", VALUE("number"), err);
    if (status == KH_OK)
        status = add(i->command, &at, &o, err);
    i->count += status == KH_OK;
    return status;
#undef VALUE
}

static kh_status import_link(void *context, const kh_csv_row *row, kh_error *err)
{
    importing *i = context;
    char other[KH_PATIENT_NUMBER_SIZE + 66];
    kh_rights_place at = {0};
    kh_status status = copy(at.facility, sizeof at.facility, "facility", kh_csv_value(row, "facility"), err);

    if (status == KH_OK)
        status = copy(at.number, sizeof at.number, "number", kh_csv_value(row, "number"), err);
    if (status == KH_OK &&
        snprintf(other, sizeof other, "%s:%s", kh_csv_value(row, "to_facility"), kh_csv_value(row, "to_number")) >= (int)sizeof other)
        status = kh_error_set(err, KH_E_ARG, "to_facility and to_number: expected at most %zu bytes", sizeof other - 2);
    if (status == KH_OK)
        status = link(i->command, &at, other, true, err);
    i->count += status == KH_OK;
    return status;
}

static kh_status import_links(kh_rights_command *c, const char *path, kh_error *err)
{
    importing i = {.command = c};
    kh_status status = kh_csv_table_read(path, import_link, &i, err);

    fprintf(stderr, "%zu links made\n", i.count);
    return status;
}

static kh_status import_file(kh_rights_command *c, const char *path, bool another, kh_error *err)
{
    importing i = {.command = c, .another = another};
    kh_status status = kh_csv_table_read(path, import_row, &i, err);

    fprintf(stderr, "%zu patients added\n", i.count);
    return status;
}

/* --- the command --- */

static kh_status run_verb(kh_rights_command *c, const kh_args *args, const patient_options *o, kh_error *err)
{
    const char *verb = args->words[0], *word = args->word_count > 1 ? args->words[1] : NULL;
    kh_rights_place at = {0};
    kh_status status;

    if (strcmp(verb, "find") == 0)
        return find(c, o, err);
    if (strcmp(verb, "list") == 0)
        return kh_registered_list(c->access, word, print_patient, c, err);
    if (strcmp(verb, "export") == 0)
        return o->links ? export_links(c, word, err) : export_all(c, word, err);
    if (strcmp(verb, "import") == 0)
        return o->links ? import_links(c, word, err) : import_file(c, word, o->another, err);
    status = kh_rights_place_parse(&at, word, true, err);
    if (status != KH_OK)
        return status;
    if (strcmp(verb, "add") == 0)
        return add(c, &at, o, err);
    if (strcmp(verb, "set") == 0)
        return set(c, &at, o, err);
    if (strcmp(verb, "links") == 0)
        return kh_link_list(c->access, at.facility, at.number, print_link, c, err);
    return link(c, &at, args->words[2], strcmp(verb, "link") == 0, err);
}

static int run(const kh_command *self, int argc, char **argv)
{
    static const kh_command_verb verbs[] = {{"add", 2, 2},  {"set", 2, 2},    {"find", 1, 1},   {"list", 1, 2},  {"links", 2, 2},
                                            {"link", 3, 3}, {"unlink", 3, 3}, {"import", 2, 2}, {"export", 1, 2}};
    patient_options o = {0};
    kh_option options[OPTION_COUNT];
    kh_error err = KH_ERROR_INIT;
    kh_rights_command c;
    kh_args args;
    kh_status status;
    int answer;

    options_table(&o, options);
    answer = kh_command_begin(self, &args, argc, argv, options, OPTION_COUNT);
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

const kh_command kh_command_patient = {
    .name = "patient",
    .summary = "patients as facilities number them, and which numbers are one person's",
    .help =
        "NAME\n"
        "  kakehashi patient - patients as facilities number them, and which numbers are one person's\n\n"
        "SYNOPSIS\n"
        "  kakehashi patient add|set FACILITY:NUMBER [--kana NAME] [--name NAME] [--alphabetic NAME] [--birth-date YYYYMMDD] [--sex M|F|O]\n"
        "                    [--address TEXT] [--card NUMBER] [--another]\n"
        "  kakehashi patient find --card NUMBER | --facility FACILITY --number NUMBER | --kana NAME --birth-date YYYYMMDD\n"
        "  kakehashi patient list|export [FACILITY] [--links]\n"
        "  kakehashi patient import FILE [--links] [--another]\n"
        "  kakehashi patient link|unlink FACILITY:NUMBER FACILITY:NUMBER\n"
        "  kakehashi patient links FACILITY:NUMBER\n\n"
        "DESCRIPTION\n"
        "  A patient has a number at each facility. That two numbers are one person's is said by liaison staff, link by link, never guessed:\n"
        "  nothing of another facility is shown before. Undoing a link shuts what it opened, at once.\n"
        "  find: by card, by a facility's number, or by kana and birth date together; kana alone finds nothing.\n"
        "  add refuses somebody of the same kana, birth date, sex and address under a second number, unless --another.\n"
        "  import, export: CSV with the columns facility, number, alphabetic, ideographic, kana, birth_date, sex, address, card. import adds row by\n"
        "  row and stops at the first that is refused, naming it. With --links the links that stand: facility, number, to_facility, to_number.\n"
        "  Every change is recorded (kakehashi audit search --action rights).\n\n"
        "OPTIONS\n"
        "  --kana, --name, --alphabetic NAME  components separated by ^, as DICOM has them\n"
        "  --another               another person, although the four items are the same\n"
        "  --by NAME               who does it; else who is logged in\n"
        "  --json                  lists as a JSON array\n" KH_ARGS_COMMON_HELP "\n"
        "EXAMPLES\n"
        "  kakehashi patient add city-hospital:0012345 --kana ヤマダ^ハナコ --name 山田^花子 --birth-date 19500203 --sex F\n"
        "  kakehashi patient link city-hospital:0012345 sato-clinic:881\n"
        "  kakehashi patient find --kana ヤマダハナコ --birth-date 19500203 --json\n\n"
        "EXIT STATUS\n"
        "  0 done, 1 it did not work, 2 not understood\n",
    .run = run,
};
