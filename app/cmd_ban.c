/* kakehashi ban: who may not be registered again (KN-1, AZ-10). */
#include <string.h>
#include "access/people.h"
#include "app/desk.h"
#include "app/fields.h"
#include "app/session.h"

typedef struct view {
    kh_ban ban;
    int number;
    char made[KH_DESK_TIME_SIZE];
} view;

#define TEXT(name, field, width) {name, KH_FIELD_TEXT, offsetof(view, ban.field), sizeof(((kh_ban *)0)->field), NULL, NULL, false, width}
static const kh_field fields[] = {
    {"number", KH_FIELD_COUNT, offsetof(view, number), 0, NULL, NULL, true, 6},
    TEXT("kana", kana, 24),
    TEXT("birth-date", birth_date, 10),
    TEXT("until", until, 8),
    TEXT("reason", reason, 30),
    {"by", KH_FIELD_TEXT, offsetof(view, ban.by), 65, NULL, NULL, true, 12},
    {"made", KH_FIELD_TEXT, offsetof(view, made), KH_DESK_TIME_SIZE, NULL, NULL, true, 16},
};
#define FIELD_COUNT (sizeof fields / sizeof fields[0])

static kh_status put_one(void *context, const kh_ban *ban)
{
    view out = {.ban = *ban, .number = (int)ban->id};

    kh_desk_time(out.made, ban->made_ms);
    kh_fields_put(context, &out);
    return KH_OK;
}

static kh_status list(kh_desk *desk, bool json, kh_error *err)
{
    kh_fields_list out;
    kh_status status = kh_fields_list_open(&out, fields, FIELD_COUNT, json, NULL, err);

    if (status == KH_OK)
        status = kh_ban_list(desk->access, put_one, &out, err);
    return kh_fields_list_close(&out, status, "nobody is banned", err);
}

static kh_status add(kh_desk *desk, const char *const *values, kh_error *err)
{
    view record = {0};
    kh_status status = kh_fields_apply(&record, values, fields, FIELD_COUNT, err);

    snprintf(record.ban.by, sizeof record.ban.by, "%s", kh_session_asked_by(NULL));
    if (status == KH_OK)
        status = kh_desk_record(desk, err, NULL, "ban add");
    if (status == KH_OK)
        status = kh_desk_record_end(desk, NULL, kh_ban_add(desk->access, &record.ban, err));
    if (status == KH_OK)
        printf("ban %lld added\n", (long long)record.ban.id);
    return status;
}

static kh_status take_off(kh_desk *desk, long long number, kh_error *err)
{
    kh_status status = kh_desk_record(desk, err, NULL, "ban remove %lld", number);

    if (status == KH_OK)
        status = kh_desk_record_end(desk, NULL, kh_ban_remove(desk->access, number, err));
    if (status == KH_OK)
        printf("ban %lld removed\n", number);
    return status;
}

static int run(const kh_command *self, int argc, char **argv)
{
    kh_option options[FIELD_COUNT + 1];
    char names[FIELD_COUNT][32];
    const char *values[FIELD_COUNT], *verb;
    kh_error err = KH_ERROR_INIT;
    bool json = false;
    long long number = 0;
    kh_status status;
    kh_desk desk;
    kh_args args;
    size_t count = kh_fields_options(options, values, names, fields, FIELD_COUNT), words;
    int code;

    options[count++] = (kh_option){"--json", NULL, &json};
    code = kh_command_begin(self, &args, argc, argv, options, count);
    if (code != KH_COMMAND_GO)
        return code;
    verb = args.word_count > 0 ? args.words[0] : "";
    words = strcmp(verb, "remove") == 0 ? 2 : 1;
    if (words == 1 && strcmp(verb, "add") != 0 && strcmp(verb, "list") != 0)
        return kh_command_usage(self, "\"%.64s\", expected add, list or remove", verb);
    if (args.word_count != words)
        return kh_command_usage(self, args.word_count < words ? "the number is missing" : "a word too many");
    if (words == 2 && kh_args_number(&number, "number", args.words[1], 1, INT64_MAX, &err) != KH_OK)
        return kh_command_usage(self, "%s", err.message);
    if (strcmp(verb, "add") == 0 && (!values[1] || !values[2] || !values[4]))
        return kh_command_usage(self, "--%s is missing", !values[1] ? "kana" : !values[2] ? "birth-date" : "reason");
    status = kh_desk_open(&desk, &args.settings, strcmp(verb, "list") == 0 ? KH_DESK_LOOKS : KH_DESK_CHANGES, false, &err);
    if (status == KH_OK)
        status = words == 2 ? take_off(&desk, number, &err) : strcmp(verb, "add") == 0 ? add(&desk, values, &err) : list(&desk, json, &err);
    kh_desk_close(&desk);
    return status == KH_OK ? KH_EXIT_OK : kh_command_failed(self, &err);
}

const kh_command kh_command_ban = {
    .name = "ban",
    .summary = "who may not be registered again: add, list, remove",
    .help = "NAME\n"
            "  kakehashi ban - who may not be registered again: add, list, remove\n\n"
            "SYNOPSIS\n"
            "  kakehashi ban add --kana KANA --birth-date YYYYMMDD --reason TEXT [--until YYYYMMDD]\n"
            "  kakehashi ban list [--json]\n"
            "  kakehashi ban remove NUMBER\n\n"
            "DESCRIPTION\n"
            "  Whose registration was cancelled for misuse. The person is matched, by kana (however they are written) and birth date, not the\n"
            "  login: `kakehashi person add`, `set`, `activate` and `import` refuse who is on the list. For ever, or until the end of a day.\n\n"
            "OPTIONS\n"
            "  --kana TEXT  --birth-date YYYYMMDD  --reason TEXT\n"
            "  --until YYYYMMDD        the last day; else for ever\n"
            "  --json                  the list as JSON\n" KH_ARGS_COMMON_HELP "\n"
            "EXAMPLES\n"
            "  kakehashi ban add --kana \"サトウ タロウ\" --birth-date 19600229 --reason \"misuse, committee of 1 December\"\n\n"
            "EXIT STATUS\n"
            "  0 done, 1 it did not work, 2 not understood\n",
    .run = run,
};
