/* kakehashi facility: who takes part (AZ-1, AZ-2, AZ-7), suspended and resumed (AZ-10). */
#include <string.h>
#include "access/facilities.h"
#include "access/leaving.h"
#include "access/terminals.h"
#include "app/desk.h"
#include "app/fields.h"
#include "app/session.h"
#include "base/clock.h"

typedef struct view {
    kh_facility facility; /* first: what is set is set in it */
    char suspended[8], until[KH_DESK_TIME_SIZE], reason[257];
} view;

static const char *kind_word(int value)
{
    return kh_facility_kind_text((kh_facility_kind)value);
}

static int kind_of(const char *text)
{
    return (int)kh_facility_kind_of(text);
}

static const char *part_word(int value)
{
    return kh_facility_part_text((kh_facility_part)value);
}

static int part_of(const char *text)
{
    return (int)kh_facility_part_of(text);
}

#define TEXT(name, field, width)                                                                                                           \
    {                                                                                                                                      \
        name, KH_FIELD_TEXT, offsetof(view, facility.field), sizeof(((kh_facility *)0)->field), NULL, NULL, KH_FIELD_SET, width            \
    }
static const kh_field fields[] = {
    {"code", KH_FIELD_TEXT, offsetof(view, facility.code), sizeof(((kh_facility *)0)->code), NULL, NULL, KH_FIELD_SET, 20},
    TEXT("name", name, 28),
    TEXT("kana", kana, 0),
    {"kind", KH_FIELD_WORD, offsetof(view, facility.kind), 0, kind_word, kind_of, KH_FIELD_SET, 15},
    {"part", KH_FIELD_WORD, offsetof(view, facility.part), 0, part_word, part_of, KH_FIELD_SET, 10},
    {"published", KH_FIELD_FLAG, offsetof(view, facility.published), 0, NULL, NULL, KH_FIELD_SET, 9},
    TEXT("address", address, 0),
    TEXT("representative", representative, 0),
    TEXT("association", association, 0),
    {"member", KH_FIELD_FLAG, offsetof(view, facility.member), 0, NULL, NULL, KH_FIELD_SET, 0},
    TEXT("main-discloser", main_discloser, 0),
    TEXT("department", department, 0),
    TEXT("post", post, 0),
    TEXT("contact", contact, 0),
    TEXT("phone", phone, 0),
    TEXT("fax", fax, 0),
    TEXT("email", email, 0),
    {"beds", KH_FIELD_COUNT, offsetof(view, facility.beds), 0, NULL, NULL, KH_FIELD_SET, 0},
    TEXT("joined", joined, 8),
    TEXT("left", left, 8),
    {"suspended", KH_FIELD_TEXT, offsetof(view, suspended), 8, NULL, NULL, KH_FIELD_IMPORTED, 9},
    {"suspended-until", KH_FIELD_TEXT, offsetof(view, until), KH_DESK_TIME_SIZE, NULL, NULL, KH_FIELD_IMPORTED, 0},
    {"suspended-reason", KH_FIELD_TEXT, offsetof(view, reason), 257, NULL, NULL, KH_FIELD_IMPORTED, 0},
};
#define FIELD_COUNT (sizeof fields / sizeof fields[0])
static const view blank = {.facility = {.kind = KH_FACILITY_HOSPITAL, .part = KH_PART_BOTH, .published = true}};

typedef struct call {
    const kh_command *self;
    kh_args args;
    const char *values[FIELD_COUNT], *csv, *reason, *until;
    bool json;
    kh_desk desk;
    kh_fields_list list;
    size_t added, changed;
    kh_facility before; /* of an import's line */
    bool there;
} call;

static kh_status put_one(void *context, const kh_facility *facility)
{
    call *of = context;
    view out = {.facility = *facility};

    snprintf(out.suspended, sizeof out.suspended, "%s", kh_suspension_at(&facility->suspended, kh_clock_wall_ms()) ? "yes" : "no");
    kh_desk_time(out.until, facility->suspended.until_ms);
    snprintf(out.reason, sizeof out.reason, "%s", facility->suspended.reason);
    kh_fields_put(&of->list, &out);
    return KH_OK;
}

static kh_status list(call *of, kh_error *err)
{
    kh_status status = kh_fields_list_open(&of->list, fields, FIELD_COUNT, of->json, of->csv, err);

    if (status == KH_OK)
        status = kh_facility_list(of->desk.access, put_one, of, err);
    return kh_fields_list_close(&of->list, status, "no facilities: `kakehashi facility add` brings the first", err);
}

static kh_status add(call *of, view *record, kh_error *err)
{
    kh_status status = kh_desk_record(&of->desk, err, record->facility.code, "facility add");

    if (status != KH_OK)
        return status;
    status = kh_facility_add(of->desk.access, &record->facility, err);
    return kh_desk_record_end(&of->desk, record->facility.code, status);
}

static kh_status set(call *of, view *record, kh_error *err)
{
    kh_status status = kh_desk_record(&of->desk, err, record->facility.code, "facility set");

    if (status != KH_OK)
        return status;
    status = kh_facility_set(of->desk.access, &record->facility, err);
    return kh_desk_record_end(&of->desk, record->facility.code, status);
}

/* One that comes from another house suspended is so here. */
static kh_status restore(call *of, const view *in, kh_error *err)
{
    int64_t until_ms = 0;
    kh_status status = KH_OK;

    if (strcmp(in->suspended, "yes") != 0)
        return KH_OK;
    if (in->until[0])
        status = kh_desk_until(&until_ms, in->until, err);
    if (status == KH_OK)
        status = kh_desk_record(&of->desk, err, in->facility.code, "facility suspend: %s", in->reason);
    return status == KH_OK ? kh_desk_record_end(&of->desk, in->facility.code,
                                                kh_facility_suspend(of->desk.access, in->facility.code, in->reason,
                                                                    kh_session_asked_by(NULL), until_ms, err))
                           : status;
}

/* One that is there is changed in what the line says of it, one that is not is added. */
static kh_status import_begin(void *context, void *record, const char *name, kh_error *err)
{
    call *of = context;
    kh_error none = KH_ERROR_INIT;
    view *in = record;
    kh_status status;

    if (!kh_session_name_valid(name))
        return kh_error_set(err, KH_E_ARG, "code is no name, expected 1 to 64 of A-Z a-z 0-9 _ . -");
    *in = blank;
    status = kh_facility_find(of->desk.access, name, &of->before, &none);
    of->there = status == KH_OK;
    if (of->there)
        in->facility = of->before;
    return status == KH_OK || status == KH_E_NOT_FOUND ? KH_OK : kh_error_set(err, status, "%s", none.message);
}

static kh_status import_take(void *context, void *record, kh_error *err)
{
    call *of = context;
    view *in = record;
    kh_status status = KH_OK;

    if (!of->there) {
        status = add(of, in, err);
        if (status == KH_OK)
            status = restore(of, in, err);
        of->added += status == KH_OK;
    } else if (memcmp(&in->facility, &of->before, sizeof of->before) != 0) {
        status = set(of, in, err);
        of->changed += status == KH_OK;
    }
    return status;
}

static kh_status import(call *of, kh_error *err)
{
    const kh_fields_import how = {fields, FIELD_COUNT, sizeof(view), import_begin, import_take, of};
    kh_status status = kh_fields_import_run(&how, of->csv, err);

    printf("%zu added, %zu changed%s\n", of->added, of->changed, status == KH_OK ? "" : "; nothing from the line on that failed");
    return status;
}

static kh_status suspend(call *of, kh_error *err)
{
    const char *code = of->args.words[1];
    int64_t until_ms = 0;
    kh_status status = of->until ? kh_desk_until(&until_ms, of->until, err) : KH_OK;

    if (status == KH_OK)
        status = kh_desk_record(&of->desk, err, code, "facility suspend: %s", of->reason);
    if (status != KH_OK)
        return status;
    status = kh_facility_suspend(of->desk.access, code, of->reason, kh_session_asked_by(NULL), until_ms, err);
    return kh_desk_record_end(&of->desk, code, status);
}

static kh_status resume(call *of, kh_error *err)
{
    const char *code = of->args.words[1];
    kh_status status = kh_desk_record(&of->desk, err, code, "facility resume");

    return status == KH_OK ? kh_desk_record_end(&of->desk, code, kh_facility_resume(of->desk.access, code, err)) : status;
}

/* Who checks certificates by the list alone must not take them either. */
static kh_status write_revoked(call *of, kh_error *err)
{
    kh_ca *ca = NULL;
    kh_status status = kh_ca_open(&ca, of->args.settings.data_dir, err);

    if (status == KH_OK)
        status = kh_terminal_write_list(of->desk.access, ca, err);
    kh_ca_close(ca);
    return status == KH_OK ? KH_OK : kh_error_prefix(err, "it has left, but its terminals are not in the revocation list yet");
}

static kh_status leave(call *of, kh_error *err)
{
    const char *code = of->args.words[1];
    kh_leaving done;
    kh_status status = kh_desk_record(&of->desk, err, code, "facility leave");

    if (status != KH_OK)
        return status;
    status = kh_desk_record_end(&of->desk, code, kh_facility_leave(of->desk.access, code, kh_session_asked_by(NULL), &done, err));
    if (status == KH_OK && done.certificates > 0)
        status = write_revoked(of, err);
    if (status == KH_OK)
        printf("ended: people %lld, tokens %lld, sessions %lld, certificates %lld, links %lld, consents %lld, grants %lld\n",
               (long long)done.people, (long long)done.tokens, (long long)done.sessions, (long long)done.certificates,
               (long long)done.links, (long long)done.consents, (long long)done.grants);
    return status;
}

/* What the options say of it. */
static kh_status fill(call *of, view *record, kh_error *err)
{
    kh_status status = kh_fields_apply(record, of->values, fields, FIELD_COUNT, err);

    return status == KH_OK ? kh_field_set(record, &fields[0], of->args.words[1], err) : status;
}

static kh_status add_one(call *of, kh_error *err)
{
    view record = blank;
    kh_status status = fill(of, &record, err);

    return status == KH_OK ? add(of, &record, err) : status;
}

static kh_status set_one(call *of, kh_error *err)
{
    view record = blank;
    kh_status status = kh_facility_find(of->desk.access, of->args.words[1], &record.facility, err);

    if (status == KH_OK)
        status = fill(of, &record, err);
    return status == KH_OK ? set(of, &record, err) : status;
}

static const struct verb {
    kh_command_verb form;
    bool looks; /* changes nothing */
    kh_status (*run)(call *of, kh_error *err);
    const char *needs; /* an option that it does not do without, and where its value is in the call */
    size_t value;
} verbs[] = {
    {.form = {"add", 2, 2}, .run = add_one, .needs = "--name", .value = offsetof(call, values[1])},
    {.form = {"set", 2, 2}, .run = set_one},
    {.form = {"list", 1, 1}, .run = list, .looks = true},
    {.form = {"suspend", 2, 2}, .run = suspend, .needs = "--reason", .value = offsetof(call, reason)},
    {.form = {"resume", 2, 2}, .run = resume},
    {.form = {"leave", 2, 2}, .run = leave},
    {.form = {"export", 1, 1}, .run = list, .looks = true, .needs = "--csv", .value = offsetof(call, csv)},
    {.form = {"import", 1, 1}, .run = import, .needs = "--csv", .value = offsetof(call, csv)},
};

/* The verb; NULL when something is wrong with the call, before anything is opened. */
static const struct verb *check(const call *of, int *answer)
{
    const struct verb *verb = kh_command_verb_of(of->self, &of->args, verbs, sizeof verbs / sizeof verbs[0], sizeof verbs[0], answer);

    if (!verb || !verb->needs || *(const char *const *)(const void *)((const char *)of + verb->value))
        return verb;
    *answer = kh_command_usage(of->self, "%s is missing", verb->needs);
    return NULL;
}

static int run(const kh_command *self, int argc, char **argv)
{
    kh_option options[FIELD_COUNT + 4];
    char names[FIELD_COUNT][32];
    kh_error err = KH_ERROR_INIT;
    call of = {.self = self};
    kh_status status;
    const struct verb *verb;
    size_t count = kh_fields_options(options, of.values, names, fields, FIELD_COUNT);
    int code;

    options[count++] = (kh_option){"--csv", &of.csv, NULL};
    options[count++] = (kh_option){"--reason", &of.reason, NULL};
    options[count++] = (kh_option){"--until", &of.until, NULL};
    options[count++] = (kh_option){"--json", NULL, &of.json};
    code = kh_command_begin(self, &of.args, argc, argv, options, count);
    if (code != KH_COMMAND_GO)
        return code;
    verb = check(&of, &code);
    if (!verb)
        return code;
    status = kh_desk_open(&of.desk, &of.args.settings, verb->looks ? KH_DESK_LOOKS : KH_DESK_CHANGES, false, &err);
    if (status == KH_OK)
        status = verb->run(&of, &err);
    kh_desk_close(&of.desk);
    if (status != KH_OK)
        return kh_command_failed(self, &err);
    if (of.args.word_count == 2)
        printf("facility %s: %s done\n", of.args.words[1], verb->form.name);
    return KH_EXIT_OK;
}

const kh_command kh_command_facility = {
    .name = "facility",
    .summary = "institutions that take part: add, set, list, suspend, resume, export, import",
    .help =
        "NAME\n"
        "  kakehashi facility - institutions that take part: add, set, list, suspend, resume, export, import\n\n"
        "SYNOPSIS\n"
        "  kakehashi facility add CODE --name NAME [FIELDS]\n"
        "  kakehashi facility set CODE FIELDS\n"
        "  kakehashi facility list [--json]\n"
        "  kakehashi facility suspend CODE --reason TEXT [--until TIME]\n"
        "  kakehashi facility resume CODE\n"
        "  kakehashi facility leave CODE\n"
        "  kakehashi facility export|import --csv FILE\n\n"
        "DESCRIPTION\n"
        "  The code is the one that nodes and objects have (`kakehashi node add --facility`); it is never changed. Who is suspended is\n"
        "  so at once: sessions of its people end, tokens are no longer good. leave is for good: its people leave with it, certificates\n"
        "  of its terminals are revoked, its patients' links, the consents taken there and all that opens to or from it end; nothing is\n"
        "  deleted. Changes are made beside a running service or without one, and are recorded first (`kakehashi audit search`). A file\n"
        "  of CSV (UTF-8, RFC 4180) names the fields in its first line; import adds what is not there and changes what is, and stops at\n"
        "  the first line that is wrong.\n\n"
        "OPTIONS\n"
        "  --name TEXT  --kana TEXT\n"
        "  --kind WORD             hospital, clinic, dental, pharmacy, visiting-nurse, care or other; hospital\n"
        "  --part WORD             discloser, viewer or both; both\n"
        "  --member yes|no         of the medical association that --association names; no\n"
        "  --main-discloser CODE   the hospital it works with most\n"
        "  --published yes|no      the name may be shown in the directory; yes\n"
        "  --address TEXT  --representative TEXT  --association TEXT  --department TEXT  --post TEXT  --contact TEXT  --phone TEXT\n"
        "  --fax TEXT  --email TEXT  --beds N  --joined YYYYMMDD  --left YYYYMMDD\n"
        "  --reason TEXT           why it is suspended\n"
        "  --until TIME            until when: 2026-12-31 (its end) or 2026-12-31T13:00, local time; else until it is resumed\n"
        "  --csv FILE              to write (a new file) or to read\n"
        "  --json                  the list as JSON\n" KH_ARGS_COMMON_HELP "\n"
        "EXAMPLES\n"
        "  kakehashi facility add city-hospital --name 市立病院 --kind hospital --part both\n"
        "  kakehashi facility suspend city-hospital --reason \"misuse, committee of 1 December\"\n\n"
        "EXIT STATUS\n"
        "  0 done, 1 it did not work, 2 not understood\n",
    .run = run,
};
