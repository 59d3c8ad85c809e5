/* kakehashi person: accounts of people, from application to leaving (KN-1 to KN-4, AZ-10, KN-14). No password is ever an argument. */
#include <string.h>
#include "access/invitations.h"
#include "access/people.h"
#include "access/second_factor.h"
#include "app/desk.h"
#include "app/fields.h"
#include "app/session.h"
#include "base/clock.h"

typedef struct view {
    kh_person person; /* first: what is set is set in it */
    char state[16], until[KH_DESK_TIME_SIZE], reason[257];
} view;

static const char *role_word(int value)
{
    return kh_role_text((kh_person_role)value);
}

static int role_of(const char *text)
{
    return (int)kh_role_of(text);
}

#define TEXT(name, field, width)                                                                                                           \
    {                                                                                                                                      \
        name, KH_FIELD_TEXT, offsetof(view, person.field), sizeof(((kh_person *)0)->field), NULL, NULL, KH_FIELD_SET, width                \
    }
static const kh_field fields[] = {
    TEXT("login", login, 20),
    TEXT("name", name, 20),
    TEXT("kana", kana, 0),
    TEXT("birth-date", birth_date, 0),
    TEXT("facility", facility, 20),
    {"role", KH_FIELD_WORD, offsetof(view, person.role), 0, role_word, role_of, KH_FIELD_SET, 12},
    TEXT("profession", profession, 0),
    TEXT("trained", trained, 8),
    {"state", KH_FIELD_TEXT, offsetof(view, state), 16, NULL, NULL, KH_FIELD_IMPORTED, 10},
    {"suspended-until", KH_FIELD_TEXT, offsetof(view, until), KH_DESK_TIME_SIZE, NULL, NULL, KH_FIELD_IMPORTED, 0},
    {"suspended-reason", KH_FIELD_TEXT, offsetof(view, reason), 257, NULL, NULL, KH_FIELD_IMPORTED, 0},
};
#define FIELD_COUNT (sizeof fields / sizeof fields[0])

typedef struct call {
    const kh_command *self;
    kh_args args;
    const char *values[FIELD_COUNT], *csv, *reason, *until, *date;
    bool json;
    kh_desk desk;
    kh_fields_list list;
    size_t added, changed;
    kh_person before; /* of an import's line */
    bool there;
} call;

static kh_status put_one(void *context, const kh_person *person)
{
    call *of = context;
    view out = {.person = *person};

    snprintf(out.state, sizeof out.state, "%s", kh_person_state_text(kh_person_state_at(person, kh_clock_wall_ms())));
    kh_desk_time(out.until, person->suspended.until_ms);
    snprintf(out.reason, sizeof out.reason, "%s", person->suspended.reason);
    kh_fields_put(&of->list, &out);
    return KH_OK;
}

static kh_status list(call *of, kh_error *err)
{
    kh_status status = kh_fields_list_open(&of->list, fields, FIELD_COUNT, of->json, of->csv, err);

    if (status == KH_OK)
        status = kh_person_list(of->desk.access, of->values[4], put_one, of, err);
    return kh_fields_list_close(&of->list, status, "no people: `kakehashi person add` brings the first", err);
}

static kh_status train(call *of, const kh_person *person, const char *date, kh_error *err)
{
    kh_status status = kh_desk_record(&of->desk, err, person->facility, "person train %s", person->login);

    if (status == KH_OK)
        status = kh_desk_record_end(&of->desk, person->facility, kh_person_train(of->desk.access, person->login, date, err));
    return status;
}

/* The training is a step of its own: what is stored of it is what was recorded so. */
static kh_status store(call *of, view *record, bool add, kh_error *err)
{
    kh_person *person = &record->person;
    char trained[9];
    kh_status status = kh_desk_record(&of->desk, err, person->facility, "person %s %s", add ? "add" : "set", person->login);

    memcpy(trained, person->trained, sizeof trained);
    person->trained[0] = '\0';
    if (status != KH_OK)
        return status;
    status = kh_desk_record_end(&of->desk, person->facility,
                                add ? kh_person_add(of->desk.access, person, err) : kh_person_set(of->desk.access, person, err));
    if (status == KH_OK && trained[0] && (add || strcmp(trained, of->before.trained) != 0))
        status = train(of, person, trained, err);
    return status;
}

/* Who comes from another house stands here as there [KN-2]: activated, suspended, left. What is there already keeps its state. */
static kh_status restore(call *of, const view *in, kh_error *err)
{
    const char *login = in->person.login, *facility = in->person.facility;
    bool suspended = strcmp(in->state, "suspended") == 0, left = strcmp(in->state, "left") == 0;
    int64_t until_ms = 0;
    kh_status status = KH_OK;

    if (!in->state[0] || strcmp(in->state, "pending") == 0)
        return KH_OK;
    if (!suspended && !left && strcmp(in->state, "active") != 0)
        return kh_error_set(err, KH_E_ARG, "state: expected pending, active, suspended or left");
    if (suspended && in->until[0])
        status = kh_desk_until(&until_ms, in->until, err);
    if (status == KH_OK)
        status = kh_desk_record(&of->desk, err, facility, "person %s: %s", login, in->state);
    if (status != KH_OK)
        return status;
    if (in->person.trained[0])
        status = kh_person_activate(of->desk.access, login, err);
    if (status == KH_OK && suspended)
        status = kh_person_suspend(of->desk.access, login, in->reason, kh_session_asked_by(NULL), until_ms, err);
    if (status == KH_OK && left)
        status = kh_person_leave(of->desk.access, login, err);
    return kh_desk_record_end(&of->desk, facility, status);
}

static kh_status import_begin(void *context, void *record, const char *name, kh_error *err)
{
    call *of = context;
    kh_error none = KH_ERROR_INIT;
    view *in = record;
    kh_status status = kh_person_find(of->desk.access, name, &of->before, &none);

    of->there = status == KH_OK;
    if (of->there)
        in->person = of->before;
    return status == KH_OK || status == KH_E_NOT_FOUND ? KH_OK : kh_error_set(err, status, "%s", none.message);
}

static kh_status import_take(void *context, void *record, kh_error *err)
{
    call *of = context;
    view *in = record;
    char trained[sizeof in->person.trained];
    kh_status status = KH_OK;

    if (!of->there) {
        memcpy(trained, in->person.trained, sizeof trained);
        status = store(of, in, true, err);
        memcpy(in->person.trained, trained, sizeof trained);
        if (status == KH_OK)
            status = restore(of, in, err);
        of->added += status == KH_OK;
    } else if (memcmp(&in->person, &of->before, sizeof of->before) != 0) {
        status = store(of, in, false, err);
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

/* ---- of one person ---- */

static kh_status suspend(call *of, const kh_person *person, kh_error *err)
{
    int64_t until_ms = 0;
    kh_status status = of->until ? kh_desk_until(&until_ms, of->until, err) : KH_OK;

    return status == KH_OK ? kh_person_suspend(of->desk.access, person->login, of->reason, kh_session_asked_by(NULL), until_ms, err)
                           : status;
}

static kh_status reissue(call *of, const kh_person *person, kh_error *err)
{
    char one_time[KH_PASSWORD_ONE_TIME_SIZE];
    kh_status status = kh_password_reissue(of->desk.accounts, person->login, one_time, err);

    if (status == KH_OK)
        printf("one-time password, good once within a day: %s\n", one_time);
    return status;
}

static kh_status invite(call *of, const kh_person *person, kh_error *err)
{
    char secret[KH_SECRET_SIZE];
    kh_status status = kh_invitation_make(of->desk.access, person->id, secret, err);

    if (status == KH_OK)
        printf("link, good once within %d hours: /welcome/%s\n", KH_INVITATION_HOURS, secret);
    return status;
}

static kh_status do_train(call *of, const kh_person *person, kh_error *err)
{
    return kh_person_train(of->desk.access, person->login, of->date, err);
}

static kh_status activate(call *of, const kh_person *person, kh_error *err)
{
    return kh_person_activate(of->desk.access, person->login, err);
}

static kh_status resume(call *of, const kh_person *person, kh_error *err)
{
    return kh_person_resume(of->desk.access, person->login, err);
}

static kh_status leave(call *of, const kh_person *person, kh_error *err)
{
    return kh_person_leave(of->desk.access, person->login, err);
}

static kh_status unlock(call *of, const kh_person *person, kh_error *err)
{
    return kh_sign_in_forgive(of->desk.access, person->login, err);
}

static kh_status reset(call *of, const kh_person *person, kh_error *err)
{
    return kh_second_reset(of->desk.accounts, person->login, "operator", err);
}

/* One of the above, of somebody who is there: recorded, done, recorded again if it went wrong. */
static kh_status change(call *of, kh_status (*how)(call *of, const kh_person *person, kh_error *err), kh_error *err)
{
    const char *name = of->args.words[0], *login = of->args.words[1];
    const char *why = how == suspend ? of->reason : NULL;
    kh_person person;
    kh_status status = kh_person_find(of->desk.access, login, &person, err);

    if (status == KH_OK)
        status = kh_desk_record(&of->desk, err, person.facility, "person %s %s%s%s", name, login, why ? ": " : "", why ? why : "");
    return status == KH_OK ? kh_desk_record_end(&of->desk, person.facility, how(of, &person, err)) : status;
}

/* What the options say. */
static kh_status fill(call *of, view *record, bool add, kh_error *err)
{
    kh_status status = kh_fields_apply(record, of->values, fields, FIELD_COUNT, err);

    if (status == KH_OK)
        status = kh_field_set(record, &fields[0], of->args.words[1], err);
    return status == KH_OK ? store(of, record, add, err) : status;
}

static kh_status add_one(call *of, kh_error *err)
{
    view record = {0};

    return fill(of, &record, true, err);
}

static kh_status set_one(call *of, kh_error *err)
{
    view record = {0};
    kh_status status = kh_person_find(of->desk.access, of->args.words[1], &of->before, err);

    record.person = of->before;
    return status == KH_OK ? fill(of, &record, false, err) : status;
}

static const struct verb {
    kh_command_verb form;
    bool looks, accounts, whole; /* changes nothing; needs what signing in needs; needs all from the name to the role */
    kh_status (*run)(call *of, kh_error *err);
    kh_status (*of_person)(call *of, const kh_person *person, kh_error *err); /* instead of run */
    const char *needs; /* an option that it does not do without, and where its value is in the call */
    size_t value;
} verbs[] = {
    {.form = {"add", 2, 2}, .run = add_one, .whole = true},
    {.form = {"set", 2, 2}, .run = set_one},
    {.form = {"list", 1, 1}, .run = list, .looks = true},
    {.form = {"train", 2, 2}, .of_person = do_train, .needs = "--date", .value = offsetof(call, date)},
    {.form = {"activate", 2, 2}, .of_person = activate},
    {.form = {"suspend", 2, 2}, .of_person = suspend, .needs = "--reason", .value = offsetof(call, reason)},
    {.form = {"resume", 2, 2}, .of_person = resume},
    {.form = {"leave", 2, 2}, .of_person = leave},
    {.form = {"invite", 2, 2}, .of_person = invite},
    {.form = {"reissue", 2, 2}, .of_person = reissue, .accounts = true},
    {.form = {"unlock", 2, 2}, .of_person = unlock},
    {.form = {"totp-reset", 2, 2}, .of_person = reset, .accounts = true},
    {.form = {"export", 1, 1}, .run = list, .looks = true, .needs = "--csv", .value = offsetof(call, csv)},
    {.form = {"import", 1, 1}, .run = import, .needs = "--csv", .value = offsetof(call, csv)},
};

/* The verb; NULL when something is wrong with the call, before anything is opened. */
static const struct verb *check(const call *of, int *answer)
{
    const struct verb *verb = kh_command_verb_of(of->self, &of->args, verbs, sizeof verbs / sizeof verbs[0], sizeof verbs[0], answer);
    const char *missing = NULL;

    if (!verb)
        return NULL;
    for (size_t i = 5; verb->whole && i >= 1; i--)
        missing = of->values[i] ? missing : fields[i].name;
    if (missing)
        *answer = kh_command_usage(of->self, "--%s is missing", missing);
    else if (verb->needs && !*(const char *const *)(const void *)((const char *)of + verb->value))
        *answer = kh_command_usage(of->self, "%s is missing", verb->needs);
    return *answer == KH_COMMAND_GO ? verb : NULL;
}

static int run(const kh_command *self, int argc, char **argv)
{
    kh_option options[FIELD_COUNT + 5];
    char names[FIELD_COUNT][32];
    kh_error err = KH_ERROR_INIT;
    call of = {.self = self};
    size_t count = kh_fields_options(options, of.values, names, fields, FIELD_COUNT);
    const struct verb *verb;
    kh_status status;
    int code;

    options[count++] = (kh_option){"--csv", &of.csv, NULL};
    options[count++] = (kh_option){"--reason", &of.reason, NULL};
    options[count++] = (kh_option){"--until", &of.until, NULL};
    options[count++] = (kh_option){"--date", &of.date, NULL};
    options[count++] = (kh_option){"--json", NULL, &of.json};
    code = kh_command_begin(self, &of.args, argc, argv, options, count);
    if (code != KH_COMMAND_GO)
        return code;
    verb = check(&of, &code);
    if (!verb)
        return code;
    status = kh_desk_open(&of.desk, &of.args.settings, verb->looks ? KH_DESK_LOOKS : KH_DESK_CHANGES, verb->accounts, &err);
    if (status == KH_OK)
        status = verb->run ? verb->run(&of, &err) : change(&of, verb->of_person, &err);
    kh_desk_close(&of.desk);
    if (status != KH_OK)
        return kh_command_failed(self, &err);
    if (of.args.word_count == 2)
        printf("person %s: %s done\n", of.args.words[1], verb->form.name);
    return KH_EXIT_OK;
}

const kh_command kh_command_person = {
    .name = "person",
    .summary = "accounts of people: add, train, activate, suspend, reissue and more",
    .help =
        "NAME\n"
        "  kakehashi person - accounts of people: add, train, activate, suspend, reissue and more\n\n"
        "SYNOPSIS\n"
        "  kakehashi person add LOGIN --name NAME --kana KANA --birth-date YYYYMMDD --facility CODE --role ROLE [--profession TEXT]\n"
        "  kakehashi person set LOGIN FIELDS\n"
        "  kakehashi person list [--facility CODE] [--json]\n"
        "  kakehashi person train LOGIN --date YYYYMMDD\n"
        "  kakehashi person activate|resume|leave|invite|reissue|unlock|totp-reset LOGIN\n"
        "  kakehashi person suspend LOGIN --reason TEXT [--until TIME]\n"
        "  kakehashi person export [--facility CODE] --csv FILE\n"
        "  kakehashi person import --csv FILE\n\n"
        "DESCRIPTION\n"
        "  An account is one person's, never shared; a login is never used again. It is activated after the training in safe handling,\n"
        "  whose date `train` records. `invite` prints a link by which the person sets the first password; `reissue` a one-time password\n"
        "  that must be changed at its first use: make sure who asks before either is handed over. `suspend` and `leave` are in force at\n"
        "  once: sessions end, tokens are no longer good. `unlock` forgets failed tries, `totp-reset` takes the second factor away, to be\n"
        "  set up anew at the next sign-in. Who is on the ban list (`kakehashi ban`) is neither added nor activated. No password is ever\n"
        "  an argument. Another facility or role ends sessions and tokens. Changes are recorded first (`kakehashi audit search`). A file\n"
        "  of CSV (UTF-8, RFC 4180) names the fields in its first line; import adds who is not there, with the state the line tells, and\n"
        "  changes who is, and stops at the first wrong line. It holds no secrets: who is new has no password yet (`invite`).\n\n"
        "OPTIONS\n"
        "  --name TEXT  --kana TEXT  --birth-date YYYYMMDD  --facility CODE  --profession TEXT\n"
        "  --role WORD             doctor, nurse, radiologist, radiographer, registrar, manager, office or auditor\n"
        "  --trained YYYYMMDD      with add and set: as `train`\n"
        "  --date YYYYMMDD         of the training\n"
        "  --reason TEXT           why the person is suspended\n"
        "  --until TIME            until when: 2026-12-31 (its end) or 2026-12-31T13:00, local time; else until resumed\n"
        "  --csv FILE              to write (a new file) or to read\n"
        "  --json                  the list as JSON\n" KH_ARGS_COMMON_HELP "\n"
        "EXAMPLES\n"
        "  kakehashi person add sato --name \"佐藤 花子\" --kana \"サトウ ハナコ\" --birth-date 19700102 --facility city-hospital --role doctor\n"
        "  kakehashi person train sato --date 20261120 && kakehashi person activate sato && kakehashi person invite sato\n\n"
        "EXIT STATUS\n"
        "  0 done, 1 it did not work, 2 not understood\n",
    .run = run,
};
