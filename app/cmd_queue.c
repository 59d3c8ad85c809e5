#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "app/command.h"
#include "app/progress.h"
#include "app/session.h"
#include "base/clock.h"
#include "cache/node_hours.h"
#include "cache/nodes.h"
#include "cache/pulls.h"
#include "cache/sends.h"

#define ROWS_MAX 10000

typedef struct listing {
    kh_cache *cache;
    int64_t pulls, sends;
    kh_node node; /* of the last row */
} listing;

/* Nodes are few and rows of one node come together. */
static const char *node_name(listing *of, int64_t node_id)
{
    if (of->node.id != node_id && kh_node_by_id(of->cache, node_id, &of->node, NULL) != KH_OK)
        of->node = (kh_node){.id = node_id, .name = "(removed)"};
    return of->node.name;
}

/* A job without a reason of its own may wait for its node. */
static const char *reason_of(listing *of, int64_t node_id, bool waits, const char *reason)
{
    (void)node_name(of, node_id);
    return !reason[0] && waits && !kh_node_open_now(&of->node, kh_clock_wall_ms()) ? "outside the hours of the node" : reason;
}

typedef struct kept {
    kh_buf rows; /* of kh_pull or kh_send: nothing else is asked while they are read */
} kept;

static kh_status keep_pull(void *context, const kh_pull *pull)
{
    return kh_buf_append(&((kept *)context)->rows, pull, sizeof *pull, NULL);
}

static kh_status keep_send(void *context, const kh_send *send)
{
    return kh_buf_append(&((kept *)context)->rows, send, sizeof *send, NULL);
}

static kh_status print_pulls(listing *of, const kh_queue_page *page, kh_error *err)
{
    kept all;
    kh_status status;

    kh_buf_init(&all.rows, ROWS_MAX * sizeof(kh_pull));
    status = kh_pull_page(of->cache, page, keep_pull, &all, err);
    of->pulls = (int64_t)(all.rows.size / sizeof(kh_pull));
    if (status == KH_OK && of->pulls > 0)
        printf("%-8s %-11s %-9s %-20s %s\n", "PULL", "STATE", "PRIORITY", "FROM", "HERE  STUDY  REASON");
    for (int64_t i = 0; status == KH_OK && i < of->pulls; i++) {
        const kh_pull *pull = (const kh_pull *)(const void *)all.rows.data + i;
        char expected[24] = "?";

        if (pull->expected >= 0)
            snprintf(expected, sizeof expected, "%" PRId64, pull->expected);
        printf("%-8" PRId64 " %-11s %-9d %-20s %" PRId64 "/%s  %s%s  %s\n", pull->id, kh_pull_state_text(pull->state),
               (int)pull->priority, node_name(of, pull->node_id), pull->received, expected, pull->study_uid,
               pull->compare ? " (compared)" : "", reason_of(of, pull->node_id, pull->state == KH_PULL_WAITING, pull->reason));
    }
    kh_buf_release(&all.rows);
    return status;
}

static kh_status print_sends(listing *of, const kh_queue_page *page, kh_error *err)
{
    kept all;
    kh_status status;

    kh_buf_init(&all.rows, ROWS_MAX * sizeof(kh_send));
    status = kh_send_page(of->cache, page, keep_send, &all, err);
    of->sends = (int64_t)(all.rows.size / sizeof(kh_send));
    if (status == KH_OK && of->sends > 0)
        printf("%-8s %-11s %-9s %-20s %s\n", "SEND", "STATE", "PRIORITY", "TO", "SENT  STUDY  REASON");
    for (int64_t i = 0; status == KH_OK && i < of->sends; i++) {
        const kh_send *send = (const kh_send *)(const void *)all.rows.data + i;

        printf("%-8" PRId64 " %-11s %-9d %-20s %" PRId64 "/%" PRId64 "  %s  %s\n", send->id, kh_send_state_text(send->state),
               (int)send->priority, node_name(of, send->node_id), send->sent, send->total, send->study_uid, send->reason);
    }
    kh_buf_release(&all.rows);
    return status;
}

static int list(const kh_command *self, const kh_args *args, const kh_queue_page *page)
{
    kh_error err = KH_ERROR_INIT;
    listing of = {0};
    kh_status status = kh_session_read(&of.cache, &args->settings, &err);

    if (status == KH_OK)
        status = print_pulls(&of, page, &err);
    if (status == KH_OK)
        status = print_sends(&of, page, &err);
    kh_cache_close(of.cache);
    if (status != KH_OK && status != KH_E_NOT_FOUND)
        return kh_command_failed(self, &err);
    if (of.pulls + of.sends == 0)
        puts("nothing");
    return KH_EXIT_OK;
}

/* retry, cancel and priority of a pull or a send. */
static int change(const kh_command *self, const kh_args *args, const char *verb, const char *what, long long id, long long priority)
{
    kh_error err = KH_ERROR_INIT;
    kh_session *session = NULL;
    char request[160], of_priority[40] = "";
    kh_status status = kh_session_open(&session, &args->settings, &err);

    if (strcmp(verb, "priority") == 0)
        snprintf(of_priority, sizeof of_priority, ",\"priority\":%lld", priority);
    snprintf(request, sizeof request, "{\"op\":\"%s.%s\",\"id\":%lld%s}", what, verb, id, of_priority);
    if (status == KH_OK)
        status = kh_session_ask(session, request, &err);
    kh_session_close(session);
    if (status != KH_OK)
        return kh_command_failed(self, &err);
    printf("%s %lld: done\n", what, id);
    return KH_EXIT_OK;
}

static int run_change(const kh_command *self, const kh_args *args, const char *verb)
{
    bool is_priority = strcmp(verb, "priority") == 0;
    kh_error err = KH_ERROR_INIT;
    long long id, priority = 0;

    if (args->word_count != (is_priority ? 4u : 3u))
        return kh_command_usage(self, "expected %s pull|send ID%s", verb, is_priority ? " PRIORITY" : "");
    if (strcmp(args->words[1], "pull") != 0 && strcmp(args->words[1], "send") != 0)
        return kh_command_usage(self, "\"%.64s\", expected pull or send", args->words[1]);
    if (kh_args_number(&id, "the number", args->words[2], 1, INT64_MAX, &err) != KH_OK ||
        (is_priority && kh_args_number(&priority, "the priority", args->words[3], 0, 2, &err) != KH_OK))
        return kh_command_usage(self, "%s", err.message);
    return change(self, args, verb, args->words[1], id, priority);
}

static int run(const kh_command *self, int argc, char **argv)
{
    bool failed = false, all = false;
    const char *limit_text = "100";
    const kh_option options[] = {{"--failed", NULL, &failed}, {"--all", NULL, &all}, {"--limit", &limit_text, NULL}};
    kh_queue_page page = {KH_QUEUE_OPEN, INT64_MAX, 0};
    kh_error err = KH_ERROR_INIT;
    long long limit;
    kh_args args;
    const char *verb;
    int status = kh_command_begin(self, &args, argc, argv, options, sizeof options / sizeof options[0]);

    if (status != KH_COMMAND_GO)
        return status;
    verb = args.word_count > 0 ? args.words[0] : "list";
    if (strcmp(verb, "retry") == 0 || strcmp(verb, "cancel") == 0 || strcmp(verb, "priority") == 0)
        return run_change(self, &args, verb);
    if (strcmp(verb, "list") != 0 || args.word_count > 1)
        return kh_command_usage(self, "\"%.64s\", expected list, retry, cancel or priority", args.words[args.word_count - 1]);
    if (failed && all)
        return kh_command_usage(self, "--failed and --all do not go together");
    if (kh_args_number(&limit, "--limit", limit_text, 1, ROWS_MAX, &err) != KH_OK)
        return kh_command_usage(self, "%s", err.message);
    page.limit = limit;
    page.which = failed ? KH_QUEUE_FAILED : all ? KH_QUEUE_ALL : KH_QUEUE_OPEN;
    return list(self, &args, &page);
}

const kh_command kh_command_queue = {
    .name = "queue",
    .summary = "what is being fetched and sent: list, retry, cancel, priority",
    .help = "NAME\n"
            "  kakehashi queue - what is being fetched and sent: list, retry, cancel, priority\n\n"
            "SYNOPSIS\n"
            "  kakehashi queue [list] [--failed | --all] [--limit N]\n"
            "  kakehashi queue retry pull|send ID\n"
            "  kakehashi queue cancel pull|send ID\n"
            "  kakehashi queue priority pull|send ID PRIORITY\n\n"
            "DESCRIPTION\n"
            "  Studies to be fetched (pulls) and studies to be sent on (sends), newest first: those that wait or run, or those that "
            "failed, each with\n"
            "  its reason. A job that ended with a part (\"412 of 418\") can be tried again: only what is missing is asked for. A "
            "running job that\n"
            "  is cancelled keeps what has come.\n\n"
            "OPTIONS\n"
            "  --failed                those that ended without being complete\n"
            "  --all                   every one, however it ended\n"
            "  --limit N               so many of each, 1 to 10000; 100 without it\n"
            "  PRIORITY                0 a doctor waits, 1 soon, 2 when nothing else is to do\n" KH_ARGS_COMMON_HELP "\n"
            "EXAMPLES\n"
            "  kakehashi queue --failed\n"
            "  kakehashi queue retry pull 17\n\n"
            "EXIT STATUS\n"
            "  0 done, 1 it did not work, 2 not understood\n",
    .run = run,
};
