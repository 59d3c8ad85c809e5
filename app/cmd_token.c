/* kakehashi token: bearer tokens of people, for scripts and DICOMweb viewers. */
#include <string.h>
#include "access/people.h"
#include "access/tokens.h"
#include "app/desk.h"
#include "app/fields.h"
#include "base/clock.h"

#define DAY_MS INT64_C(86400000)

typedef struct view {
    int number;
    char login[65], name[65], scopes[32], made[KH_DESK_TIME_SIZE], used[KH_DESK_TIME_SIZE], expires[KH_DESK_TIME_SIZE],
        revoked[KH_DESK_TIME_SIZE];
} view;

#define TOLD(name, field, width) {name, KH_FIELD_TEXT, offsetof(view, field), sizeof(((view *)0)->field), NULL, NULL, KH_FIELD_TOLD, width}
static const kh_field fields[] = {
    {"number", KH_FIELD_COUNT, offsetof(view, number), 0, NULL, NULL, KH_FIELD_TOLD, 6},
    TOLD("login", login, 20),
    TOLD("name", name, 20),
    TOLD("scopes", scopes, 22),
    TOLD("made", made, 16),
    TOLD("expires", expires, 16),
    TOLD("used", used, 16),
    TOLD("revoked", revoked, 16),
};
#define FIELD_COUNT (sizeof fields / sizeof fields[0])

typedef struct call {
    const char *login, *name, *scopes, *days;
    bool json;
    kh_desk desk;
    kh_fields_list list;
} call;

static kh_status put_one(void *context, const kh_token *token)
{
    call *of = context;
    view out = {.number = (int)token->id};

    snprintf(out.login, sizeof out.login, "%s", token->login);
    snprintf(out.name, sizeof out.name, "%s", token->name);
    kh_scopes_text(out.scopes, token->scopes);
    kh_desk_time(out.made, token->made_ms);
    kh_desk_time(out.expires, token->expires_ms);
    kh_desk_time(out.used, token->used_ms);
    kh_desk_time(out.revoked, token->revoked_ms);
    kh_fields_put(&of->list, &out);
    return KH_OK;
}

static kh_status list(call *of, kh_error *err)
{
    kh_person person = {0};
    kh_status status = of->login ? kh_person_find(of->desk.access, of->login, &person, err) : KH_OK;

    if (status == KH_OK)
        status = kh_fields_list_open(&of->list, fields, FIELD_COUNT, of->json, NULL, err);
    if (status != KH_OK)
        return status;
    status = kh_token_list(of->desk.accounts, person.id, put_one, of, err);
    return kh_fields_list_close(&of->list, status, "no tokens", err);
}

static kh_status add(call *of, long long days, kh_error *err)
{
    kh_token token = {.scopes = kh_scopes_of(of->scopes), .expires_ms = kh_clock_wall_ms() + days * DAY_MS};
    char text[KH_TOKEN_SIZE];
    kh_person person;
    kh_status status = kh_person_find(of->desk.access, of->login, &person, err);

    if (status != KH_OK)
        return status;
    if (strlen(of->name) >= sizeof token.name)
        return kh_error_set(err, KH_E_ARG, "name has %zu bytes, expected at most %zu", strlen(of->name), sizeof token.name - 1);
    memcpy(token.name, of->name, strlen(of->name) + 1);
    token.person_id = person.id;
    status = kh_desk_record(&of->desk, err, person.facility, "token add %s: %s", person.login, of->scopes);
    if (status == KH_OK)
        status = kh_desk_record_end(&of->desk, person.facility, kh_token_add(of->desk.accounts, &token, text, err));
    if (status == KH_OK)
        printf("token %lld, shown this once:\n%s\n", (long long)token.id, text);
    return status;
}

static kh_status revoke(call *of, long long number, kh_error *err)
{
    kh_status status = kh_desk_record(&of->desk, err, NULL, "token revoke %lld", number);

    if (status == KH_OK)
        status = kh_desk_record_end(&of->desk, NULL, kh_token_revoke(of->desk.accounts, 0, number, err));
    if (status == KH_OK)
        printf("token %lld revoked\n", number);
    return status;
}

static int run(const kh_command *self, int argc, char **argv)
{
    call of = {.days = "90"};
    const kh_option options[] = {{"--person", &of.login, NULL},
                                 {"--name", &of.name, NULL},
                                 {"--scopes", &of.scopes, NULL},
                                 {"--days", &of.days, NULL},
                                 {"--json", NULL, &of.json}};
    kh_error err = KH_ERROR_INIT;
    long long days = 0, number = 0;
    kh_status status;
    kh_args args;
    const char *verb;
    bool adds, looks;
    int code = kh_command_begin(self, &args, argc, argv, options, sizeof options / sizeof options[0]);

    if (code != KH_COMMAND_GO)
        return code;
    verb = args.word_count > 0 ? args.words[0] : "";
    adds = strcmp(verb, "add") == 0;
    looks = strcmp(verb, "list") == 0;
    if (!adds && !looks && strcmp(verb, "revoke") != 0)
        return kh_command_usage(self, "\"%.64s\", expected add, list or revoke", verb);
    if (args.word_count != (adds || looks ? 1u : 2u))
        return kh_command_usage(self, args.word_count > 1 ? "a word too many" : "the number is missing");
    if (adds && (!of.login || !of.name || !of.scopes))
        return kh_command_usage(self, "--%s is missing", !of.login ? "person" : !of.name ? "name" : "scopes");
    if ((adds && kh_args_number(&days, "--days", of.days, 1, KH_TOKEN_DAYS_MAX, &err) != KH_OK) ||
        (!adds && !looks && kh_args_number(&number, "number", args.words[1], 1, INT64_MAX, &err) != KH_OK))
        return kh_command_usage(self, "%s", err.message);
    status = kh_desk_open(&of.desk, &args.settings, looks ? KH_DESK_LOOKS : KH_DESK_CHANGES, true, &err);
    if (status == KH_OK)
        status = looks ? list(&of, &err) : adds ? add(&of, days, &err) : revoke(&of, number, &err);
    kh_desk_close(&of.desk);
    return status == KH_OK ? KH_EXIT_OK : kh_command_failed(self, &err);
}

const kh_command kh_command_token = {
    .name = "token",
    .summary = "bearer tokens of people, for scripts and viewers: add, list, revoke",
    .help =
        "NAME\n"
        "  kakehashi token - bearer tokens of people, for scripts and viewers: add, list, revoke\n\n"
        "SYNOPSIS\n"
        "  kakehashi token add --person LOGIN --name TEXT --scopes LIST [--days N]\n"
        "  kakehashi token list [--person LOGIN] [--json]\n"
        "  kakehashi token revoke NUMBER\n\n"
        "DESCRIPTION\n"
        "  A token is the person's: it sees what the person may see, narrowed to its scopes, and is recorded as the person's. It is shown once and\n"
        "  kept as a hash. It is sent as `Authorization: Bearer khp_...`. It is no longer good when it is revoked or over, while person, facility or\n"
        "  network is suspended, and when the person's password has run out.\n\n"
        "OPTIONS\n"
        "  --person LOGIN          whose\n"
        "  --name TEXT             what it is for\n"
        "  --scopes LIST           some of find, view, take and store, with commas between\n"
        "  --days N                how long it is good, 1 to 366; 90\n"
        "  --json                  the list as JSON\n" KH_ARGS_COMMON_HELP "\n"
        "EXAMPLES\n"
        "  kakehashi token add --person sato --name OHIF --scopes find,view --days 30\n\n"
        "EXIT STATUS\n"
        "  0 done, 1 it did not work, 2 not understood\n",
    .run = run,
};
