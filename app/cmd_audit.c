#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "app/audit_print.h"
#include "app/auditing.h"
#include "app/command.h"
#include "app/progress.h"
#include "audit/search.h"
#include "audit/verify.h"

#define WRONG_SHOWN 20

/* ---- verify ---- */

typedef struct verification {
    kh_progress progress;
    uint64_t shown;
    bool bar;
} verification;

static void show_wrong(void *context, const kh_audit_wrong *wrong)
{
    verification *v = context;

    if (v->shown++ >= WRONG_SHOWN)
        return;
    kh_progress_clear(&v->progress);
    printf("%s", wrong->file);
    if (wrong->line > 0)
        printf(" line %" PRIu64, wrong->line);
    if (wrong->seq > 0)
        printf(" record %" PRIu64, wrong->seq);
    printf(": %s\n", wrong->why);
}

static void show_verified(void *context, uint64_t records, uint64_t of)
{
    verification *v = context;

    if (v->bar)
        kh_progress_update(&v->progress, (int64_t)records, of >= records ? (int64_t)of : -1, -1);
}

static void print_verified(const char *role, const kh_audit_verified *verified)
{
    char hex[KH_AUDIT_HEX_SIZE];

    kh_audit_hex(hex, verified->last_hash);
    printf("%s: %" PRIu64 " records, %" PRIu64 " checkpoints, %s", role, verified->records, verified->checkpoints,
           verified->wrong == 0 ? "whole" : "NOT whole");
    if (verified->wrong > 0)
        printf(": %" PRIu64 " %s", verified->wrong, verified->wrong == 1 ? "place is wrong" : "places are wrong");
    if (verified->torn_bytes > 0)
        printf("; %" PRIu64 " bytes at the end are of a record that is not written yet", verified->torn_bytes);
    if (verified->last_seq > 0)
        printf("\n  last record %s:%" PRIu64 ":%s", role, verified->last_seq, hex);
    puts("");
}

/* "web:1234:HASH". */
static kh_status read_known(kh_audit_verify_options *out, const char *text, const char *role, kh_error *err)
{
    size_t size = strlen(role);
    const char *p = text, *end;

    if (!text || strncmp(text, role, size) != 0 || text[size] != ':')
        return KH_OK;
    p += size + 1;
    end = p + strlen(p);
    if (!kh_audit_number(&out->known_seq, &p, end) || *p != ':' || strlen(p + 1) != 2 * (size_t)KH_AUDIT_HASH_SIZE ||
        !kh_audit_unhex(out->known_hash, KH_AUDIT_HASH_SIZE, p + 1))
        return kh_error_set(err, KH_E_ARG, "--known \"%.100s\", expected ROLE:SEQUENCE:HASH", text);
    return KH_OK;
}

static kh_status verify_role(const char *dir, const char *role, const char *known, verification *v, uint64_t *wrong, bool *found,
                             kh_error *err)
{
    kh_audit_verify_options options = {.dir = dir, .role = role, .wrong = show_wrong, .progress = show_verified, .context = v};
    kh_audit_verified verified;
    kh_error why = KH_ERROR_INIT;
    kh_status status = read_known(&options, known, role, err);

    if (status != KH_OK)
        return status;
    kh_progress_begin(&v->progress, stderr, "records", -1, 0);
    status = kh_audit_verify(&verified, &options, &why);
    kh_progress_clear(&v->progress);
    if (status == KH_E_NOT_FOUND) {
        *wrong += options.known_seq > 0 ? 1 : 0;
        printf("%s: nothing was recorded\n", role);
        return KH_OK;
    }
    if (status != KH_OK)
        return kh_error_set(err, status, "%s: %s", role, why.message);
    *found = true;
    *wrong += verified.wrong;
    print_verified(role, &verified);
    return KH_OK;
}

static int verify(const kh_command *self, const char *dir, const char *known)
{
    verification v = {.bar = isatty(STDERR_FILENO)};
    kh_error err = KH_ERROR_INIT;
    kh_status status = KH_OK;
    uint64_t wrong = 0;
    bool found = false, role_known = known == NULL;

    for (size_t i = 0; kh_audit_roles[i]; i++)
        role_known =
            role_known || (strncmp(known, kh_audit_roles[i], strlen(kh_audit_roles[i])) == 0 && known[strlen(kh_audit_roles[i])] == ':');
    if (!role_known)
        return kh_command_usage(self, "--known \"%.100s\", expected bridge, web or command, then :SEQUENCE:HASH", known);
    for (size_t i = 0; kh_audit_roles[i] && status == KH_OK; i++)
        status = verify_role(dir, kh_audit_roles[i], known, &v, &wrong, &found, &err);
    if (status != KH_OK)
        return kh_command_failed(self, &err);
    if (!found) {
        fprintf(stderr, "kakehashi audit: there is no record in %s\n", dir);
        return KH_EXIT_FAILED;
    }
    return wrong == 0 ? KH_EXIT_OK : KH_EXIT_FAILED;
}

/* ---- search ---- */

typedef struct searching {
    kh_progress progress;
    kh_audit_form form;
    uint64_t found;
    bool bar;
} searching;

static kh_status show_found(void *context, const kh_audit_found *found)
{
    searching *s = context;

    kh_progress_clear(&s->progress);
    kh_audit_print(stdout, s->form, found);
    s->found++;
    return ferror(stdout) ? KH_E_IO : KH_OK;
}

static void show_searched(void *context, uint64_t records)
{
    searching *s = context;

    if (s->bar)
        kh_progress_update(&s->progress, (int64_t)records, -1, -1);
}

static int search(const kh_command *self, kh_audit_query *query, kh_audit_form form)
{
    searching s = {.form = form, .bar = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO)};
    kh_error err = KH_ERROR_INIT;
    uint64_t unreadable;
    kh_status status;

    query->progress = show_searched;
    query->progress_context = &s;
    kh_progress_begin(&s.progress, stderr, "records", -1, 0);
    kh_audit_print_head(stdout, form);
    status = kh_audit_search(query, show_found, &s, &unreadable, &err);
    kh_progress_clear(&s.progress);
    if (status == KH_OK && (fflush(stdout) != 0 || ferror(stdout)))
        status = kh_error_set(&err, KH_E_IO, "standard output cannot be written");
    if (unreadable > 0)
        fprintf(stderr, "kakehashi audit: %" PRIu64 " lines are no records and were passed over; `kakehashi audit verify` names them\n",
                unreadable);
    if (status != KH_OK)
        return kh_command_failed(self, &err);
    return unreadable == 0 ? KH_EXIT_OK : KH_EXIT_FAILED;
}

/* ---- both ---- */

static bool action_exists(const char *action)
{
    for (unsigned i = 0; i < KH_AUDIT_ACTIONS; i++)
        if (strcmp(kh_audit_action_text((kh_audit_action)i), action) == 0)
            return true;
    return false;
}

static bool result_exists(const char *result)
{
    for (unsigned i = 0; i < KH_AUDIT_RESULTS; i++)
        if (strcmp(kh_audit_result_text((kh_audit_result)i), result) == 0)
            return true;
    return false;
}

static int run(const kh_command *self, int argc, char **argv)
{
    char dir[KH_AUDITING_DIR_SIZE];
    const char *known = NULL;
    kh_audit_query query = {.dir = dir};
    bool csv = false, json = false;
    const kh_option options[] = {
        {"--known", &known, NULL},
        {"--from", &query.from, NULL},
        {"--to", &query.to, NULL},
        {"--who", &query.who, NULL},
        {"--patient", &query.patient, NULL},
        {"--study", &query.study, NULL},
        {"--series", &query.series, NULL},
        {"--action", &query.action, NULL},
        {"--result", &query.result, NULL},
        {"--csv", NULL, &csv},
        {"--json", NULL, &json},
        {"--who-facility", &query.who_facility, NULL},
        {"--terminal", &query.terminal, NULL},
        {"--purpose", &query.purpose, NULL},
        {"--reason", &query.reason, NULL},
        {"--facility", &query.facility, NULL},
    };
    kh_error err = KH_ERROR_INIT;
    kh_args args;
    int status = kh_command_begin(self, &args, argc, argv, options, sizeof options / sizeof options[0]);

    if (status != KH_COMMAND_GO)
        return status;
    kh_auditing_dir(dir, &args.settings);
    if (args.word_count != 1)
        return kh_command_usage(self, "expected verify or search");
    if (strcmp(args.words[0], "verify") == 0)
        return verify(self, dir, known);
    if (strcmp(args.words[0], "search") != 0)
        return kh_command_usage(self, "\"%.64s\", expected verify or search", args.words[0]);
    if (csv && json)
        return kh_command_usage(self, "--csv and --json together");
    if (query.action && !action_exists(query.action))
        return kh_command_usage(self, "--action \"%.64s\" is none; see --help", query.action);
    if (query.result && !result_exists(query.result))
        return kh_command_usage(self, "--result \"%.64s\" is none; see --help", query.result);
    if (kh_audit_time_check(query.from, &err) != KH_OK || kh_audit_time_check(query.to, &err) != KH_OK)
        return kh_command_usage(self, "%s", err.message);
    return search(self, &query, csv ? KH_AUDIT_CSV : json ? KH_AUDIT_JSON : KH_AUDIT_LINES);
}

const kh_command kh_command_audit = {
    .name = "audit",
    .summary = "see who looked at what, and that nobody changed the record of it",
    .help =
        "NAME\n"
        "  kakehashi audit - see who looked at what, and that nobody changed the record of it\n\n"
        "SYNOPSIS\n"
        "  kakehashi audit verify [--known ROLE:SEQUENCE:HASH]\n"
        "  kakehashi audit search [--from TIME] [--to TIME] [--who WHO] [--who-facility CODE] [--terminal NAME]\n"
        "                         [--facility CODE] [--patient ID] [--study UID] [--series UID] [--action ACTION]\n"
        "                         [--result RESULT] [--purpose WORD] [--reason WORDS] [--csv | --json]\n\n"
        "DESCRIPTION\n"
        "  Whatever shows, sends, takes in or changes images is recorded in the folder audit of the data folder before it is done:\n"
        "  who, from where, whose images, what, and how it ended. The two roles that serve, bridge (DICOM, changes) and web (HTTP),\n"
        "  write a chain each, commands that change accounts and consents a third (command): every record holds the hash of the one\n"
        "  before, checkpoints are signed.\n\n"
        "  verify reads all chains to the end. It names each place that is wrong, the first one first: file, line, record and why\n"
        "  (changed, removed, repeated, moved, cut off). It changes nothing and may run beside the service. What it cannot see is that\n"
        "  the whole folder was put back to an earlier day, or written anew by somebody who has its key: keep the lines\n"
        "  \"checkpoint\" of the service's log on another machine, and give one to --known.\n\n"
        "  search prints the records of all chains in the order of their times, one a line. It does not verify.\n\n"
        "OPTIONS\n"
        "  --known ROLE:SEQUENCE:HASH  record SEQUENCE of that chain must have this hash; verify prints the last one in this form\n"
        "  --from TIME, --to TIME  both inclusive, in UTC: 2026-11-21T09:30:00, or the beginning of such a time: 2026-11-21, 2026-11\n"
        "  --who WHO               login of a person, name of a token or node, AE title, or address\n"
        "  --who-facility CODE     the facility that person, token or node belongs to\n"
        "  --terminal NAME         terminal whose certificate was shown, by its name or its number\n"
        "  --facility CODE         whose images: the facility that discloses them\n"
        "  --patient ID            patient ID at the facility\n"
        "  --study UID, --series UID\n"
        "  --action ACTION         search (a list or query), open (what a study is made of), view (pictures), retrieve, send, store,\n"
        "                          fetch, correct, delete, undo, operate, connect, sign_in, sign_out, rights (people, consents and\n"
        "                          all that decides), alert, mark (on pictures); begin, start, stop, checkpoint, broken\n"
        "  --result RESULT         allowed (recorded before it is done), done, partly, failed, refused, absent\n"
        "  --purpose WORD          what it was for, as who said: care, emergency, print\n"
        "  --reason WORDS          why it was allowed or refused\n"
        "  --csv                   RFC 4180, with a line of names; what a spreadsheet would calculate has a ' before it\n"
        "  --json                  the records as they are stored, one a line\n" KH_ARGS_COMMON_HELP "\n"
        "EXAMPLES\n"
        "  kakehashi audit verify\n"
        "  kakehashi audit search --patient 12345 --from 2026-11\n"
        "  kakehashi audit search --result refused --csv > refused.csv\n\n"
        "EXIT STATUS\n"
        "  0 whole, or all that was found is printed; 1 something is wrong or could not be read, 2 not understood\n",
    .run = run,
};
