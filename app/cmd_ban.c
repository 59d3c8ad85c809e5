/* kakehashi ban: who may not be registered again (KN-1, AZ-10). */
#include <string.h>
#include "access/bans.h"
#include "access/people.h"
#include "app/desk.h"
#include "app/fields.h"
#include "app/session.h"

typedef struct view {
    kh_ban ban;
    int number;
    char made[KH_DESK_TIME_SIZE];
} view;

#define TEXT(name, field, width)                                                                                                           \
    {                                                                                                                                      \
        name, KH_FIELD_TEXT, offsetof(view, ban.field), sizeof(((kh_ban *)0)->field), NULL, NULL, KH_FIELD_SET, width                      \
    }
static const kh_field fields[] = {
    {"number", KH_FIELD_COUNT, offsetof(view, number), 0, NULL, NULL, KH_FIELD_TOLD, 6},
    TEXT("kana", kana, 24),
    TEXT("birth-date", birth_date, 10),
    TEXT("until", until, 8),
    TEXT("reason", reason, 30),
    {"by", KH_FIELD_TEXT, offsetof(view, ban.by), 65, NULL, NULL, KH_FIELD_IMPORTED, 12},
    {"made", KH_FIELD_TEXT, offsetof(view, made), KH_DESK_TIME_SIZE, NULL, NULL, KH_FIELD_TOLD, 16},
};
#define FIELD_COUNT (sizeof fields / sizeof fields[0])

static kh_status put_one(void *context, const kh_ban *ban)
{
    view out = {.ban = *ban, .number = (int)ban->id};

    kh_desk_time(out.made, ban->made_ms);
    kh_fields_put(context, &out);
    return KH_OK;
}

typedef struct call {
    const kh_command *self;
    kh_args args;
    const char *values[FIELD_COUNT], *csv;
    bool json;
    long long number; /* to be removed */
    kh_desk desk;
    size_t added;
} call;

static kh_status list(call *of, kh_error *err)
{
    kh_fields_list out;
    kh_status status = kh_fields_list_open(&out, fields, FIELD_COUNT, of->json, of->csv, err);

    if (status == KH_OK)
        status = kh_ban_list(of->desk.access, put_one, &out, err);
    return kh_fields_list_close(&out, status, "nobody is banned", err);
}

static kh_status add(call *of, kh_ban *ban, kh_error *err)
{
    kh_status status = kh_desk_record(&of->desk, err, NULL, "ban add");

    if (!ban->by[0])
        snprintf(ban->by, sizeof ban->by, "%s", kh_session_asked_by(NULL));
    return status == KH_OK ? kh_desk_record_end(&of->desk, NULL, kh_ban_add(of->desk.access, ban, err)) : status;
}

static kh_status add_one(call *of, kh_error *err)
{
    view record = {0};
    kh_status status = kh_fields_apply(&record, of->values, fields, FIELD_COUNT, err);

    record.ban.by[0] = '\0'; /* who asks, whatever is said */
    if (status == KH_OK)
        status = add(of, &record.ban, err);
    if (status == KH_OK)
        printf("ban %lld added\n", (long long)record.ban.id);
    return status;
}

static kh_status remove_one(call *of, kh_error *err)
{
    const long long number = of->number;
    kh_status status = kh_desk_record(&of->desk, err, NULL, "ban remove %lld", number);

    if (status == KH_OK)
        status = kh_desk_record_end(&of->desk, NULL, kh_ban_remove(of->desk.access, number, err));
    if (status == KH_OK)
        printf("ban %lld removed\n", number);
    return status;
}

/* --- from another house [KN-1] --- */

typedef struct same {
    const kh_ban *ban;
    char key[KH_KANA_KEY_SIZE];
    bool found;
} same;

static kh_status compare(void *context, const kh_ban *ban)
{
    same *as = context;
    char key[KH_KANA_KEY_SIZE];

    if (strcmp(ban->birth_date, as->ban->birth_date) == 0 && strcmp(ban->until, as->ban->until) == 0 &&
        kh_kana_key(key, ban->kana, NULL) == KH_OK && strcmp(key, as->key) == 0)
        as->found = true;
    return KH_OK;
}

/* Its number is of the house that it comes from. */
static kh_status import_begin(void *context, void *record, const char *name, kh_error *err)
{
    (void)context;
    (void)record;
    (void)name;
    (void)err;
    return KH_OK;
}

static kh_status import_take(void *context, void *record, kh_error *err)
{
    call *of = context;
    view *in = record;
    same as = {.ban = &in->ban};
    kh_status status = kh_kana_key(as.key, in->ban.kana, err);

    if (status == KH_OK)
        status = kh_ban_list(of->desk.access, compare, &as, err);
    if (status == KH_OK && !as.found) {
        status = add(of, &in->ban, err);
        of->added += status == KH_OK;
    }
    return status;
}

static kh_status import(call *of, kh_error *err)
{
    const kh_fields_import how = {fields, FIELD_COUNT, sizeof(view), import_begin, import_take, of};
    kh_status status = kh_fields_import_run(&how, of->csv, err);

    printf("%zu added%s\n", of->added, status == KH_OK ? "" : "; nothing from the line on that failed");
    return status;
}

static const struct verb {
    kh_command_verb form;
    bool looks; /* changes nothing */
    kh_status (*run)(call *of, kh_error *err);
} verbs[] = {
    {{"add", 1, 1}, false, add_one}, {{"list", 1, 1}, true, list},      {{"remove", 2, 2}, false, remove_one},
    {{"export", 1, 1}, true, list},  {{"import", 1, 1}, false, import},
};

/* The verb; NULL when something is wrong with the call, before anything is opened. */
static const struct verb *check(call *of, int *answer)
{
    const struct verb *verb = kh_command_verb_of(of->self, &of->args, verbs, sizeof verbs / sizeof verbs[0], sizeof verbs[0], answer);
    static const size_t needed[] = {1, 2, 4}; /* kana, birth date, reason */
    kh_error err = KH_ERROR_INIT;

    if (!verb)
        return NULL;
    if (verb->run == remove_one && kh_args_number(&of->number, "number", of->args.words[1], 1, INT64_MAX, &err) != KH_OK) {
        *answer = kh_command_usage(of->self, "%s", err.message);
        return NULL;
    }
    for (size_t i = 0; verb->run == add_one && i < sizeof needed / sizeof needed[0]; i++)
        if (!of->values[needed[i]]) {
            *answer = kh_command_usage(of->self, "--%s is missing", fields[needed[i]].name);
            return NULL;
        }
    if ((verb->run == import || strcmp(verb->form.name, "export") == 0) && !of->csv) {
        *answer = kh_command_usage(of->self, "--csv FILE is missing");
        return NULL;
    }
    return verb;
}

static int run(const kh_command *self, int argc, char **argv)
{
    kh_option options[FIELD_COUNT + 2];
    char names[FIELD_COUNT][32];
    kh_error err = KH_ERROR_INIT;
    call of = {.self = self};
    const struct verb *verb;
    kh_status status;
    size_t count = kh_fields_options(options, of.values, names, fields, FIELD_COUNT);
    int code;

    options[count++] = (kh_option){"--csv", &of.csv, NULL};
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
    return status == KH_OK ? KH_EXIT_OK : kh_command_failed(self, &err);
}

const kh_command kh_command_ban = {
    .name = "ban",
    .summary = "who may not be registered again: add, list, remove, export, import",
    .help =
        "NAME\n"
        "  kakehashi ban - who may not be registered again: add, list, remove, export, import\n\n"
        "SYNOPSIS\n"
        "  kakehashi ban add --kana KANA --birth-date YYYYMMDD --reason TEXT [--until YYYYMMDD]\n"
        "  kakehashi ban list [--json]\n"
        "  kakehashi ban remove NUMBER\n"
        "  kakehashi ban export|import --csv FILE\n\n"
        "DESCRIPTION\n"
        "  Whose registration was cancelled for misuse. The person is matched, by kana (however they are written) and birth date, not the\n"
        "  login: `kakehashi person add`, `set`, `activate` and `import` refuse who is on the list. For ever, or until the end of a day.\n"
        "  A table (CSV, UTF-8) takes the list to another house: import adds who is not on the list there, for as long and by whom the table\n"
        "  tells, and takes nobody off it. People are imported before it.\n\n"
        "OPTIONS\n"
        "  --kana TEXT  --birth-date YYYYMMDD  --reason TEXT\n"
        "  --until YYYYMMDD        the last day; else for ever\n"
        "  --csv FILE              to write (a new file) or to read\n"
        "  --json                  the list as JSON\n" KH_ARGS_COMMON_HELP "\n"
        "EXAMPLES\n"
        "  kakehashi ban add --kana \"サトウ タロウ\" --birth-date 19600229 --reason \"misuse, committee of 1 December\"\n\n"
        "EXIT STATUS\n"
        "  0 done, 1 it did not work, 2 not understood\n",
    .run = run,
};
