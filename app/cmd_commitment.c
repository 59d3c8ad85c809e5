#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "app/command.h"
#include "app/session.h"
#include "base/clock.h"
#include "cache/commitments.h"
#include "cache/nodes.h"
#include "pacs-bridge/commit_data.h"

#define ROWS_MAX 10000

static const char *node_name(kh_cache *cache, int64_t node_id, kh_node *node)
{
    if (kh_node_by_id(cache, node_id, node, NULL) != KH_OK)
        *node = (kh_node){.name = "(removed)"};
    return node->name;
}

static const char *side_text(const kh_commitment *of)
{
    return of->side == KH_COMMITMENT_OURS ? "by us" : "by them";
}

/* "?" as long as nothing is known. */
static void committed_text(const kh_commitment *of, char out[24])
{
    bool known = of->side == KH_COMMITMENT_OURS ? of->checked : of->state == KH_COMMITMENT_DONE;

    snprintf(out, 24, "?");
    if (known)
        snprintf(out, 24, "%" PRId64, of->committed);
}

static kh_status keep(void *context, const kh_commitment *one)
{
    return kh_buf_append(context, one, sizeof *one, NULL); /* nothing else is asked while rows are read */
}

static kh_status list(kh_cache *cache, const kh_queue_page *page, kh_error *err)
{
    kh_buf rows;
    kh_status status;
    size_t count;

    kh_buf_init(&rows, ROWS_MAX * sizeof(kh_commitment));
    status = kh_commitment_page(cache, page, keep, &rows, err);
    count = rows.size / sizeof(kh_commitment);
    if (status == KH_OK && count == 0)
        puts("nothing");
    else if (status == KH_OK)
        printf("%-8s %-8s %-8s %-20s %s\n", "ID", "PROMISED", "STATE", "NODE", "COMMITTED  TRANSACTION  REASON");
    for (size_t i = 0; status == KH_OK && i < count; i++) {
        const kh_commitment *one = (const kh_commitment *)(const void *)rows.data + i;
        char committed[24];
        kh_node node;

        committed_text(one, committed);
        printf("%-8" PRId64 " %-8s %-8s %-20s %s/%" PRId64 "  %s  %s\n", one->id, side_text(one), kh_commitment_state_text(one->state),
               node_name(cache, one->node_id, &node), committed, one->count, one->transaction_uid, one->reason);
    }
    kh_buf_release(&rows);
    return status;
}

static kh_status show(kh_cache *cache, int64_t id, kh_error *err)
{
    char created[KH_CLOCK_TEXT_SIZE], updated[KH_CLOCK_TEXT_SIZE], next[KH_CLOCK_TEXT_SIZE] = "-", committed[24];
    kh_commitment_ref *refs = NULL;
    kh_commitment one;
    kh_node node;
    size_t count = 0;
    kh_status status = kh_commitment_find(cache, id, &one, err);

    if (status == KH_OK)
        status = kh_commitment_refs(cache, id, &refs, &count, err);
    if (status != KH_OK)
        return status;
    kh_clock_format(created, one.created_ms);
    kh_clock_format(updated, one.updated_ms);
    if (one.state < KH_COMMITMENT_DONE)
        kh_clock_format(next, one.not_before_ms);
    committed_text(&one, committed);
    printf("transaction  %s\nnode         %s\npromised     %s\nstate        %s\ncommitted    %s of %" PRId64 "\n", one.transaction_uid,
           node_name(cache, one.node_id, &node), side_text(&one), kh_commitment_state_text(one.state), committed, one.count);
    printf("attempts     %" PRId64 "\nsince        %s\nchanged      %s\n%s  %s\nreason       %s\n", one.attempts, created, updated,
           one.state == KH_COMMITMENT_ASKED ? "report until" : "next try   ", next, one.reason[0] ? one.reason : "-");
    for (size_t i = 0; i < count; i++)
        printf("  %s %s\n", refs[i].sop_instance_uid,
               refs[i].result == KH_COMMITMENT_UNKNOWN ? "not known yet" : kh_commit_result_text(refs[i].result));
    free(refs);
    return KH_OK;
}

static kh_status look(const kh_settings *settings, const kh_queue_page *page, int64_t id, kh_error *err)
{
    kh_cache *cache = NULL;
    kh_status status = kh_session_read(&cache, settings, err);

    if (status == KH_OK)
        status = id ? show(cache, id, err) : list(cache, page, err);
    kh_cache_close(cache);
    return status;
}

static kh_status retry(const kh_settings *settings, int64_t id, kh_error *err)
{
    kh_session *session = NULL;
    char request[80];
    kh_status status = kh_session_open(&session, settings, err);

    snprintf(request, sizeof request, "{\"op\":\"commit.retry\",\"id\":%" PRId64 "}", id);
    if (status == KH_OK)
        status = kh_session_ask(session, request, err);
    kh_session_close(session);
    if (status == KH_OK)
        printf("commitment %" PRId64 ": done\n", id);
    return status;
}

static int run(const kh_command *self, int argc, char **argv)
{
    bool failed = false, all = false, is_list;
    const char *limit_text = "100", *verb;
    const kh_option options[] = {{"--failed", NULL, &failed}, {"--all", NULL, &all}, {"--limit", &limit_text, NULL}};
    kh_queue_page page = {KH_QUEUE_OPEN, INT64_MAX, 0};
    kh_error err = KH_ERROR_INIT;
    long long limit, id = 0;
    kh_status status;
    kh_args args;
    int exit_status = kh_command_begin(self, &args, argc, argv, options, sizeof options / sizeof options[0]);

    if (exit_status != KH_COMMAND_GO)
        return exit_status;
    verb = args.word_count > 0 ? args.words[0] : "list";
    is_list = strcmp(verb, "list") == 0;
    if (!is_list && strcmp(verb, "show") != 0 && strcmp(verb, "retry") != 0)
        return kh_command_usage(self, "\"%.64s\", expected list, show or retry", verb);
    if (args.word_count > 2 || is_list == (args.word_count == 2))
        return kh_command_usage(self, "expected list, or show or retry and a number");
    if (failed && all)
        return kh_command_usage(self, "--failed and --all do not go together");
    if (kh_args_number(&limit, "--limit", limit_text, 1, ROWS_MAX, &err) != KH_OK ||
        (!is_list && kh_args_number(&id, "the number", args.words[1], 1, INT64_MAX, &err) != KH_OK))
        return kh_command_usage(self, "%s", err.message);
    page.limit = limit;
    page.which = failed ? KH_QUEUE_FAILED : all ? KH_QUEUE_ALL : KH_QUEUE_OPEN;
    status = verb[0] == 'r' ? retry(&args.settings, id, &err) : look(&args.settings, &page, id, &err);
    return status == KH_OK ? KH_EXIT_OK : kh_command_failed(self, &err);
}

const kh_command kh_command_commitment = {
    .name = "commitment",
    .summary = "storage commitment: list, show, retry",
    .help =
        "NAME\n"
        "  kakehashi commitment - storage commitment: list, show, retry\n\n"
        "SYNOPSIS\n"
        "  kakehashi commitment [list] [--failed | --all] [--limit N]\n"
        "  kakehashi commitment show ID\n"
        "  kakehashi commitment retry ID\n\n"
        "DESCRIPTION\n"
        "  Transactions of storage commitment, newest first: what nodes asked us to promise (by us) and what we asked nodes to promise\n"
        "  (by them, `kakehashi send --commit`). Open ones wait to be reported or asked for, or are asked: their report is waited for up\n"
        "  to [commitment] patience. A report that a node did not take is tried again with growing delay, [commitment] attempts times,\n"
        "  and whenever the node has an association with us, also after it was given up. `show` lists the objects with their results.\n"
        "  `retry` tries one that waits or was given up now, from the first attempt on.\n\n"
        "OPTIONS\n"
        "  --failed                those that were given up\n"
        "  --all                   also those that were reported; kept for [commitment] keep\n"
        "  --limit N               so many, 1 to 10000; 100 without it\n" KH_ARGS_COMMON_HELP "\n"
        "EXAMPLES\n"
        "  kakehashi commitment --failed\n"
        "  kakehashi commitment retry 3\n\n"
        "EXIT STATUS\n"
        "  0 done, 1 it did not work, 2 not understood\n",
    .run = run,
};
