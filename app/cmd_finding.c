/* finding: how what is here differs from what its hospital has, and what is to be done about it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "app/command.h"
#include "app/session.h"
#include "base/clock.h"
#include "base/json.h"
#include "cache/findings.h"
#include "cache/nodes.h"

#define REQUEST_MAX 2048
#define LIST_DEFAULT 50
#define LIST_MAX 10000

typedef struct finding_options {
    const char *reason, *by, *limit;
    bool all;
} finding_options;

/* Kept first: names of nodes are read when the list is closed. */
typedef struct listing {
    kh_finding *rows;
    size_t count, capacity;
} listing;

static kh_status keep(void *context, const kh_finding *finding)
{
    listing *of = context;

    if (of->count < of->capacity)
        of->rows[of->count++] = *finding;
    return KH_OK;
}

static void print_finding(kh_cache *cache, const kh_finding *f)
{
    char when[KH_CLOCK_TEXT_SIZE], what[200] = "";
    kh_node node;

    kh_clock_format(when, f->since_ms);
    if (kh_node_by_id(cache, f->node_id, &node, NULL) != KH_OK)
        snprintf(node.name, sizeof node.name, "(removed)");
    if (f->kind == KH_FINDING_PATIENT)
        snprintf(what, sizeof what, "%s here, %s there", f->here[0] ? f->here : "(no ID)", f->there);
    if (f->kind == KH_FINDING_INSTANCES || f->kind == KH_FINDING_REAPPEARED)
        snprintf(what, sizeof what, "%" PRId64 " objects", f->missing);
    printf("%6" PRId64 "  %-24s %-16s %-10s %-10s %-40s %s%s\n", f->id, when, node.name, kh_finding_kind_text(f->kind),
           f->state == KH_FINDING_APPLIED && f->undone ? "undone" : kh_finding_state_text(f->state),
           f->study_uid[0] ? f->study_uid : "(no longer here)", what, f->change_id > 0 && !f->undone ? " (kakehashi change list)" : "");
}

static kh_status list(const kh_settings *settings, const finding_options *o, kh_error *err)
{
    long long limit = LIST_DEFAULT;
    listing of = {0};
    kh_cache *cache = NULL;
    kh_status status = o->limit ? kh_args_number(&limit, "--limit", o->limit, 1, LIST_MAX, err) : KH_OK;

    if (status == KH_OK)
        status = kh_session_read(&cache, settings, err);
    of.capacity = (size_t)limit;
    if (status == KH_OK && !(of.rows = calloc(of.capacity, sizeof *of.rows)))
        status = kh_error_set(err, KH_E_MEMORY, "no memory for %lld findings", limit);
    if (status == KH_OK)
        status = kh_finding_list(cache, !o->all, INT64_MAX, limit, keep, &of, err);
    if (status == KH_OK && of.count == 0)
        puts(o->all ? "no findings" : "no open findings");
    if (status == KH_OK && of.count > 0)
        printf("%6s  %-24s %-16s %-10s %-10s %-40s %s\n", "ID", "SINCE", "NODE", "KIND", "STATE", "STUDY", "PATIENT IDS, OBJECTS");
    for (size_t i = 0; status == KH_OK && i < of.count; i++)
        print_finding(cache, &of.rows[i]);
    free(of.rows);
    kh_cache_close(cache);
    return status;
}

static kh_status decide(const kh_args *args, const finding_options *o, kh_error *err)
{
    static const char *const verbs[] = {"apply", "dismiss", "ask"};
    static const char *const ops[] = {"finding.apply", "finding.dismiss", "finding.ask"};
    static const char *const done[] = {"applied; kakehashi change list shows it, kakehashi change undo takes it back", "dismissed",
                                       "asked; kakehashi finding --all shows whether it still holds"};
    size_t which = 0;
    kh_session *session = NULL;
    kh_json_writer json;
    long long id = 0;
    kh_buf request;
    kh_status status = kh_args_number(&id, args->words[0], args->words[1], 1, INT64_MAX, err);

    while (strcmp(verbs[which], args->words[0]) != 0)
        which++;
    kh_buf_init(&request, REQUEST_MAX);
    kh_json_writer_init(&json, &request);
    kh_json_object_begin(&json);
    kh_json_put_text(&json, "op", ops[which]);
    kh_json_put_int(&json, "id", id);
    kh_json_put_text(&json, "asked_by", kh_session_asked_by(o->by));
    if (o->reason)
        kh_json_put_text(&json, "reason", o->reason);
    kh_json_object_end(&json);
    if (status == KH_OK)
        status = kh_json_writer_status(&json, err);
    if (status == KH_OK)
        status = kh_session_open(&session, &args->settings, err);
    if (status == KH_OK)
        status = kh_session_ask(session, kh_buf_text(&request), err);
    if (status == KH_OK)
        puts(done[which]);
    kh_session_close(session);
    kh_buf_release(&request);
    return status;
}

static int run(const kh_command *self, int argc, char **argv)
{
    finding_options o = {0};
    const kh_option options[] = {
        {"--reason", &o.reason, NULL}, {"--by", &o.by, NULL}, {"--limit", &o.limit, NULL}, {"--all", NULL, &o.all}};
    kh_error err = KH_ERROR_INIT;
    kh_status status;
    const char *verb;
    kh_args args;
    int exit_status = kh_command_begin(self, &args, argc, argv, options, sizeof options / sizeof options[0]);

    if (exit_status != KH_COMMAND_GO)
        return exit_status;
    verb = args.word_count > 0 ? args.words[0] : "list";
    if (strcmp(verb, "list") == 0 && args.word_count <= 1)
        status = list(&args.settings, &o, &err);
    else if ((strcmp(verb, "apply") == 0 || strcmp(verb, "dismiss") == 0 || strcmp(verb, "ask") == 0) && args.word_count == 2)
        status = decide(&args, &o, &err);
    else
        return kh_command_usage(self, "expected list, or apply, dismiss or ask and the ID of a finding");
    if (status == KH_E_ARG)
        return kh_command_usage(self, "%s", err.message);
    return status == KH_OK ? KH_EXIT_OK : kh_command_failed(self, &err);
}

const kh_command kh_command_finding = {
    .name = "finding",
    .summary = "what differs at the hospitals: follow it, or leave it",
    .help =
        "NAME\n"
        "  kakehashi finding - what differs at the hospitals: follow it, or leave it\n\n"
        "SYNOPSIS\n"
        "  kakehashi finding [list] [--all] [--limit N]\n"
        "  kakehashi finding apply ID [--reason TEXT] [--by NAME]\n"
        "  kakehashi finding dismiss ID [--by NAME]\n"
        "  kakehashi finding ask ID [--by NAME]\n\n"
        "DESCRIPTION\n"
        "  Comparing with the hospitals (kakehashi compare) makes findings. Nothing is changed here until somebody, or [compare] gone\n"
        "  and merged, says so.\n\n"
        "  gone       the hospital no longer has the study. apply hides it here.\n"
        "  patient    the hospital has the study under another patient ID. apply gives it to the patient with that ID here; when nobody\n"
        "             here has it and all of the patient's studies are told so, it becomes the patient's new ID.\n"
        "  instances  the hospital has only a part of what it gave. apply hides here the objects that are not there.\n"
        "  returned   the hospital has a study again that was hidden here as gone. apply shows it again.\n"
        "  reappeared the hospital has objects again that were hidden here as missing there. apply shows them again.\n\n"
        "  apply      does here what the hospital did, as a change: it is logged, and kakehashi change undo takes it back. A finding that\n"
        "             was undone is not applied again by itself.\n"
        "  dismiss    leaves it as it is here. It is not found again while the hospital says the same.\n"
        "  ask        asks the hospital about the study again, now; a finding that no longer holds is over. Needs the running service.\n\n"
        "  A finding that no longer holds is over by itself.\n\n"
        "OPTIONS\n"
        "  --all                   also those that were applied or dismissed, or are over\n"
        "  --limit N               at most so many, the newest; else 50\n"
        "  --reason TEXT           why, 1 to 200 bytes, kept with the change; else what was found\n"
        "  --by NAME               who decides; else the name of who is logged in\n" KH_ARGS_COMMON_HELP "\n"
        "EXAMPLES\n"
        "  kakehashi finding\n"
        "  kakehashi finding apply 12 --reason \"retention period over\"\n"
        "  kakehashi finding dismiss 13\n\n"
        "EXIT STATUS\n"
        "  0 done, 1 not done and why, 2 not understood\n",
    .run = run,
};
