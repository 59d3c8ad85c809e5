/* compare: where the comparison with each hospital stands, and a round now. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "app/command.h"
#include "app/session.h"
#include "base/clock.h"
#include "base/json.h"
#include "cache/compares.h"

#define REQUEST_MAX 1024

typedef struct listing {
    kh_cache *cache;
    const char *name; /* NULL: every node */
    bool any;
    kh_error *err;
} listing;

static const char *state_of(const kh_compare *compare)
{
    if (compare->began_ms == 0)
        return "asked for";
    if (compare->ended_ms == 0)
        return "under way";
    return compare->believed ? "done" : "not believed";
}

static void print_compare(listing *of, const kh_node *node, const kh_compare *c)
{
    char began[KH_CLOCK_TEXT_SIZE] = "-";

    if (c->began_ms > 0)
        kh_clock_format(began, c->began_ms);
    if (!of->any)
        printf("%-20s %-24s %-12s %7s %7s %7s %7s %7s %7s  %s\n", "NODE", "LAST ROUND", "STATE", "STUDIES", "AS HERE", "KNOWN", "GONE",
               "PATIENT", "FEWER", "WHY");
    of->any = true;
    printf("%-20s %-24s %-12s %7" PRId64 " %7" PRId64 " %7" PRId64 " %7" PRId64 " %7" PRId64 " %7" PRId64 "  %s\n", node->name, began,
           state_of(c), c->asked, c->same, c->known, c->gone, c->patient, c->instances, c->reason);
}

static kh_status show_node(void *context, const kh_node *node)
{
    listing *of = context;
    kh_compare compare;
    kh_status status;

    if (!node->host[0] || (of->name && strcmp(of->name, node->name) != 0))
        return KH_OK;
    status = kh_compare_find(of->cache, node->id, &compare, of->err);
    if (status == KH_OK)
        print_compare(of, node, &compare);
    return status == KH_E_NOT_FOUND ? KH_OK : status;
}

static kh_status show(const kh_settings *settings, const char *name, kh_error *err)
{
    listing of = {.name = name, .err = err};
    int64_t open = 0;
    kh_node node;
    kh_status status = kh_session_read(&of.cache, settings, err);

    if (status == KH_OK && name)
        status = kh_node_find(of.cache, name, &node, err);
    if (status == KH_OK)
        status = kh_node_list(of.cache, show_node, &of, err);
    if (status == KH_OK)
        status = kh_finding_count_open(of.cache, &open, err);
    if (status == KH_OK && !of.any)
        puts("nothing was compared yet");
    if (status == KH_OK && open > 0)
        printf("%" PRId64 " %s for a decision: kakehashi finding list\n", open, open == 1 ? "finding waits" : "findings wait");
    kh_cache_close(of.cache);
    return status;
}

static kh_status ask_now(const kh_settings *settings, const char *name, kh_error *err)
{
    kh_session *session = NULL;
    kh_json_writer json;
    kh_buf request;
    kh_status status;

    kh_buf_init(&request, REQUEST_MAX);
    kh_json_writer_init(&json, &request);
    kh_json_object_begin(&json);
    kh_json_put_text(&json, "op", "compare.now");
    if (name)
        kh_json_put_text(&json, "node", name);
    kh_json_object_end(&json);
    status = kh_json_writer_status(&json, err);
    if (status == KH_OK)
        status = kh_session_open(&session, settings, err);
    if (status == KH_OK)
        status = kh_session_ask(session, kh_buf_text(&request), err);
    kh_session_close(session);
    kh_buf_release(&request);
    return status;
}

static int run(const kh_command *self, int argc, char **argv)
{
    bool now = false;
    const kh_option options[] = {{"--now", NULL, &now}};
    kh_error err = KH_ERROR_INIT;
    kh_status status = KH_OK;
    const char *name;
    kh_args args;
    int exit_status = kh_command_begin(self, &args, argc, argv, options, 1);

    if (exit_status != KH_COMMAND_GO)
        return exit_status;
    if (args.word_count > 1)
        return kh_command_usage(self, "\"%.64s\" is not understood", args.words[1]);
    name = args.word_count == 1 ? args.words[0] : NULL;
    if (now)
        status = ask_now(&args.settings, name, &err);
    if (status == KH_OK)
        status = show(&args.settings, name, &err);
    return status == KH_OK ? KH_EXIT_OK : kh_command_failed(self, &err);
}

const kh_command kh_command_compare = {
    .name = "compare",
    .summary = "compare what is here with what hospitals have by now",
    .help =
        "NAME\n"
        "  kakehashi compare - compare what is here with what hospitals have by now\n\n"
        "SYNOPSIS\n"
        "  kakehashi compare [NODE] [--now]\n\n"
        "DESCRIPTION\n"
        "  A running service asks each hospital, study by study, for what was fetched from it (C-FIND). What was deleted there, has\n"
        "  become another patient's, or has fewer objects by now, becomes a finding: see kakehashi finding. A round begins every\n"
        "  [compare] every; this shows the last one of each node.\n\n"
        "  STUDIES  were asked for so far.\n"
        "  KNOWN    differ as a finding says already.\n"
        "  GONE     are not there. A finding is made when two rounds [compare] apart did not find the study.\n"
        "  PATIENT  have another patient ID there; a finding is made at the end of the round.\n"
        "  FEWER    have fewer objects there; as GONE.\n\n"
        "  A round is not believed, and finds nothing, when not one study is there or when more than [compare] differences differ: an\n"
        "  archive that lost its database must hide nothing here. A node that fails or does not answer is asked again later.\n\n"
        "OPTIONS\n"
        "  --now                   a round begins at once, also with [compare] every = 0; without NODE, of every node\n" KH_ARGS_COMMON_HELP
        "\n"
        "EXAMPLES\n"
        "  kakehashi compare\n"
        "  kakehashi compare north-pacs --now\n\n"
        "EXIT STATUS\n"
        "  0 done, 1 not done and why, 2 not understood\n",
    .run = run,
};
