#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "app/command.h"
#include "app/rule_options.h"
#include "app/session.h"
#include "base/json.h"
#include "cache/lookups.h"
#include "cache/nodes.h"
#include "pacs-bridge/prior_finder.h"
#include "pacs-bridge/rule_json.h"
#include "pacs-bridge/rules.h"

/* --- asking the owner --- */

static kh_status ask(const kh_args *args, const kh_buf *request, kh_error *err)
{
    kh_session *session = NULL;
    kh_status status = kh_session_open(&session, &args->settings, err);

    if (status == KH_OK)
        status = kh_session_ask(session, kh_buf_text(request), err);
    kh_session_close(session);
    return status;
}

static int change(const kh_command *self, const kh_args *args, const char *op, const kh_rule *rule, const char *done)
{
    kh_error err = KH_ERROR_INIT;
    kh_json_writer json;
    kh_status status;
    kh_buf request;

    kh_buf_init(&request, 16384);
    kh_json_writer_init(&json, &request);
    kh_json_object_begin(&json);
    kh_json_put_text(&json, "op", op);
    if (strcmp(op, "rule.add") == 0) {
        kh_rule_to_json(&json, rule);
    } else {
        kh_json_put_text(&json, "name", rule->name);
        kh_json_put_bool(&json, "enabled", rule->enabled);
    }
    kh_json_object_end(&json);
    status = kh_json_writer_status(&json, &err);
    if (status == KH_OK)
        status = ask(args, &request, &err);
    kh_buf_release(&request);
    if (status != KH_OK)
        return kh_command_failed(self, &err);
    printf("rule %s %s\n", rule->name, done);
    return KH_EXIT_OK;
}

/* --- list and show --- */

typedef struct kept_rules {
    kh_rule rules[KH_RULES_MAX];
    size_t count;
} kept_rules;

static kh_status keep_rule(void *context, const kh_rule *rule)
{
    kept_rules *kept = context;

    if (kept->count < KH_RULES_MAX)
        kept->rules[kept->count++] = *rule;
    return KH_OK;
}

static void print_condition(const char *name, const char *value)
{
    if (value[0])
        printf("  %-18s %s\n", name, value);
}

static kh_status print_backfill(kh_cache *cache, const kh_rule *rule, kh_error *err)
{
    kh_backfill backfill;
    kh_backfill_pulls pulls;
    kh_status status = kh_backfill_find(cache, rule->id, &backfill, err);

    if (status == KH_OK)
        status = kh_backfill_count(cache, rule->id, &pulls, err);
    if (status != KH_OK)
        return status;
    printf("  %-18s %s, %d %% of the days, at %s\n", "stands", kh_backfill_state_text(backfill.state),
           kh_backfill_percent(rule, &backfill), backfill.day);
    printf("  %-18s %" PRId64 " found, %" PRId64 " here before, %" PRId64 " fetched, %" PRId64 " failed, %" PRId64 " open\n", "studies",
           backfill.found, backfill.held, pulls.fetched, pulls.failed, pulls.open);
    print_condition("waits", backfill.reason);
    return KH_OK;
}

static kh_status print_lookups(kh_cache *cache, const kh_rule *rule, kh_error *err)
{
    kh_lookup_counts counts;
    kh_status status = kh_lookup_count(cache, rule->id, &counts, err);

    if (status != KH_OK)
        return status;
    printf("  %-18s %" PRId64 " looked up, %" PRId64 " waiting, %" PRId64 " failed; %" PRId64 " earlier ones fit, %" PRId64 " asked for\n",
           "studies", counts.done, counts.waiting, counts.failed, counts.found, counts.filed);
    print_condition("last failure", counts.reason);
    return KH_OK;
}

static kh_status print_rule(kh_cache *cache, const kh_rule *rule, kh_error *err)
{
    kh_node node;

    printf("%s: %s%s\n", rule->name, kh_rule_kind_text(rule->kind), rule->enabled ? "" : ", not enabled");
    print_condition("node", rule->node);
    if (rule->node[0] && kh_node_find(cache, rule->node, &node, NULL) != KH_OK)
        print_condition("", "(there is no such node any more)");
    print_condition("from", rule->source);
    print_condition("facility", rule->facility);
    print_condition("modality", rule->modality);
    print_condition("body part", rule->body_part);
    print_condition("description", rule->description);
    if (rule->kind == KH_RULE_PREFETCH) {
        print_condition("prior modality", rule->prior_modality);
        print_condition("prior body part", rule->prior_body_part);
        printf("  %-18s the newest %d, at most %d days older\n", "priors", (int)rule->priors, (int)rule->age_days);
        return print_lookups(cache, rule, err);
    }
    if (rule->kind == KH_RULE_FORWARD)
        print_condition("sends", rule->at_once ? "each object at once" : "the study when it has arrived");
    if (rule->kind != KH_RULE_BACKFILL)
        return KH_OK;
    printf("  %-18s %s to %s, %" PRId64 " studies an hour\n", "days", rule->date_from, rule->date_to, rule->studies_per_hour);
    if (rule->bytes_per_hour)
        printf("  %-18s %" PRId64 " bytes an hour\n", "", rule->bytes_per_hour);
    return print_backfill(cache, rule, err);
}

/* name NULL: all of them. */
static int show(const kh_command *self, const kh_args *args, const char *name)
{
    static kept_rules kept;
    kh_error err = KH_ERROR_INIT;
    kh_cache *cache = NULL;
    kh_status status = kh_session_read(&cache, &args->settings, &err);
    size_t shown = 0;

    if (status == KH_E_NOT_FOUND && !name) {
        puts("no rules: `kakehashi rule add --help` tells how to begin");
        return KH_EXIT_OK;
    }
    kept.count = 0;
    if (status == KH_OK)
        status = kh_rule_list(cache, keep_rule, &kept, &err);
    for (size_t i = 0; status == KH_OK && i < kept.count; i++)
        if (!name || strcmp(kept.rules[i].name, name) == 0) {
            status = print_rule(cache, &kept.rules[i], &err);
            shown++;
        }
    kh_cache_close(cache);
    if (status == KH_OK && shown == 0 && name)
        status = kh_error_set(&err, KH_E_NOT_FOUND, "no rule named %s", name);
    if (status != KH_OK)
        return kh_command_failed(self, &err);
    if (shown == 0)
        puts("no rules: `kakehashi rule add --help` tells how to begin");
    return KH_EXIT_OK;
}

/* --- test --- */

typedef struct test_run {
    const kh_args *args;
    kh_cache *cache;
    bool ask; /* the hospitals, for earlier studies */
    kh_rules_subject subject;
    size_t firing;
    const kh_rule *rule;
} test_run;

static void print_verdict(void *context, const char *study_uid, const char *date, bool wanted, const char *why)
{
    (void)context;
    printf("    %s %-8s %s: %s\n", wanted ? "+" : "-", date, study_uid, why);
}

static kh_status test_at_node(void *context, const kh_node *node)
{
    test_run *run = context;
    kh_prior_search search = {
        .cache = run->cache, .node = node, .rule = run->rule, .subject = &run->subject.subject, .verdict = print_verdict};
    kh_error why = KH_ERROR_INIT;
    kh_scu scu;

    if (!node->host[0] || (run->rule->node[0] && strcmp(run->rule->node, node->name) != 0))
        return KH_OK;
    if (strcmp(node->facility, run->subject.study.patient.facility) != 0) {
        if (run->rule->node[0])
            printf("    node %s is of another hospital: the same patient ID is another person there\n", node->name);
        return KH_OK;
    }
    printf("    %s at node %s\n", run->ask ? "asking for earlier studies" : "would ask for earlier studies", node->name);
    search.scu = &scu;
    if (run->ask && (kh_session_scu(&scu, &run->args->settings, NULL, &why) != KH_OK || kh_prior_search_run(&search, &why) != KH_OK))
        printf("    %s\n", why.message);
    if (run->ask)
        kh_session_scu_release(&scu);
    return KH_OK;
}

typedef struct kept_nodes {
    kh_node nodes[64];
    size_t count;
} kept_nodes;

static kh_status keep_node(void *context, const kh_node *node)
{
    kept_nodes *kept = context;

    if (kept->count < sizeof kept->nodes / sizeof kept->nodes[0])
        kept->nodes[kept->count++] = *node;
    return KH_OK;
}

/* What would follow from a rule that fits. */
static kh_status test_consequence(test_run *run, kh_error *err)
{
    static kept_nodes kept;
    const kh_rule *rule = run->rule;
    kh_status status;

    if (rule->kind == KH_RULE_FORWARD) {
        printf("    to node %s, %s; objects that came from there are left out\n", rule->node,
               rule->at_once ? "each object of these series at once" : "the whole study when it has arrived");
        return KH_OK;
    }
    if (!run->subject.study.patient.patient_id[0]) {
        puts("    the study has no patient ID to look for");
        return KH_OK;
    }
    kept.count = 0;
    status = kh_node_list(run->cache, keep_node, &kept, err);
    for (size_t i = 0; status == KH_OK && i < kept.count; i++)
        status = test_at_node(run, &kept.nodes[i]);
    return status;
}

static kh_status test_study(test_run *run, const kept_rules *rules, kh_error *err)
{
    kh_status status = KH_OK;

    printf("study %s of %s, %zu series, from %s\n", run->subject.study.study_uid, run->subject.study.patient.facility,
           run->subject.subject.series_count, run->subject.subject.sources);
    for (size_t i = 0; status == KH_OK && i < rules->count; i++) {
        char why[KH_WHY_SIZE];
        bool fits;

        run->rule = &rules->rules[i];
        fits = kh_rule_fits(run->rule, &run->subject.subject, NULL, why);
        printf("  %-8s %s (%s): %s\n", fits ? "fires" : "does not", run->rule->name, kh_rule_kind_text(run->rule->kind), why);
        run->firing += fits;
        if (fits)
            status = test_consequence(run, err);
    }
    return status;
}

typedef struct ids {
    int64_t ids[64];
    size_t count;
} ids;

static kh_status keep_id(void *context, const kh_study *study)
{
    ids *kept = context;

    if (kept->count < sizeof kept->ids / sizeof kept->ids[0])
        kept->ids[kept->count++] = study->id;
    return KH_OK;
}

static int test(const kh_command *self, const kh_args *args, const char *study_uid, bool ask_nodes)
{
    static kept_rules rules;
    test_run run = {.args = args, .ask = ask_nodes};
    kh_error err = KH_ERROR_INIT;
    ids studies = {.count = 0};
    kh_status status = kh_session_read(&run.cache, &args->settings, &err);

    rules.count = 0;
    if (status == KH_OK)
        status = kh_rule_list(run.cache, keep_rule, &rules, &err);
    if (status == KH_OK)
        status = kh_browse_study_uid(run.cache, study_uid, keep_id, &studies, &err);
    if (status == KH_OK && studies.count == 0)
        status = kh_error_set(&err, KH_E_NOT_FOUND, "no study %s here", study_uid);
    for (size_t i = 0; status == KH_OK && i < studies.count; i++) {
        status = kh_rules_subject_load(&run.subject, run.cache, studies.ids[i], &err);
        if (status == KH_OK)
            status = test_study(&run, &rules, &err);
        kh_rules_subject_release(&run.subject);
    }
    kh_cache_close(run.cache);
    if (status != KH_OK)
        return kh_command_failed(self, &err);
    printf("%zu of %zu rules fire\n", run.firing, rules.count * studies.count);
    return KH_EXIT_OK;
}

/* --- the command --- */

static int run_named(const kh_command *self, const kh_args *args, const char *verb, const char *name)
{
    kh_rule rule = {.enabled = strcmp(verb, "enable") == 0};
    static const struct {
        const char *verb, *op, *done;
    } verbs[] = {{"remove", "rule.remove", "removed"},
                 {"enable", "rule.enable", "enabled"},
                 {"disable", "rule.enable", "disabled"},
                 {"cancel", "backfill.cancel", "cancelled"},
                 {"retry", "rule.retry", "goes on"}};

    if (!kh_session_name_valid(name))
        return kh_command_usage(self, "name: expected 1 to 64 of [A-Za-z0-9_.-]");
    snprintf(rule.name, sizeof rule.name, "%s", name);
    if (strcmp(verb, "show") == 0)
        return show(self, args, name);
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verbs[i].verb, verb) == 0)
            return change(self, args, verbs[i].op, &rule, verbs[i].done);
    return kh_command_usage(self, "\"%.64s\", expected add, list, show, test, enable, disable, cancel, retry or remove", verb);
}

static int run(const kh_command *self, int argc, char **argv)
{
    kh_rule_options rule = {0};
    bool ask_nodes = false;
    kh_option options[KH_RULE_OPTIONS_MAX + 1];
    kh_error err = KH_ERROR_INIT;
    size_t count = kh_rule_options_table(&rule, options);
    kh_rule filled;
    kh_args args;
    const char *verb;
    int status;

    options[count++] = (kh_option){"--ask", NULL, &ask_nodes};
    status = kh_command_begin(self, &args, argc, argv, options, count);
    if (status != KH_COMMAND_GO)
        return status;
    verb = args.word_count > 0 ? args.words[0] : "";
    if (strcmp(verb, "list") == 0 && args.word_count == 1)
        return show(self, &args, NULL);
    if (strcmp(verb, "add") == 0) {
        if (args.word_count != 3)
            return kh_command_usage(self, "expected add prefetch|forward|backfill NAME");
        if (kh_rule_options_fill(&filled, args.words[1], args.words[2], &rule, &err) != KH_OK)
            return kh_command_usage(self, "%s", err.message);
        return change(self, &args, "rule.add", &filled, "added");
    }
    if (args.word_count != 2)
        return kh_command_usage(self, "expected a verb and a name; see the synopsis");
    if (strcmp(verb, "test") == 0)
        return kh_uid_plausible(args.words[1]) ? test(self, &args, args.words[1], ask_nodes)
                                               : kh_command_usage(self, "expected a Study Instance UID, 1 to 64 of 0-9 and .");
    return run_named(self, &args, verb, args.words[1]);
}

const kh_command kh_command_rule = {
    .name = "rule",
    .summary = "what is done by itself: fetch earlier studies, send on, fetch what was there before",
    .help = "NAME\n"
            "  kakehashi rule - what is done by itself: fetch earlier studies, send on, fetch what was there before\n\n"
            "SYNOPSIS\n"
            "  kakehashi rule add prefetch NAME [--node NODE] [CONDITIONS] [--prior-modality LIST] [--prior-body-part LIST] [--priors N] "
            "[--age-days N]\n"
            "  kakehashi rule add forward NAME --node NODE [CONDITIONS] [--at-once]\n"
            "  kakehashi rule add backfill NAME --node NODE --from YYYYMMDD --to YYYYMMDD [--studies-per-hour N] [--bytes-per-hour N]\n"
            "  kakehashi rule list\n"
            "  kakehashi rule show|enable|disable|remove NAME\n"
            "  kakehashi rule cancel|retry NAME\n"
            "  kakehashi rule test STUDY-UID [--ask]\n\n"
            "DESCRIPTION\n"
            "  prefetch: when a study arrives, the node is asked (C-FIND) for earlier studies of the same patient, and those that fit "
            "are fetched,\n"
            "  behind whatever a doctor waits for, never twice. Only nodes of the study's own hospital are asked: the same patient ID "
            "elsewhere is\n"
            "  another person. What a rule has fetched does not make rules fetch more.\n"
            "  forward: what arrives is sent on to the node (C-STORE): the whole study when it has arrived ([storage] quiet), or with "
            "--at-once each\n"
            "  object as it comes. It is tried again until the node has taken it ([send] attempts), survives restarts, and never goes "
            "back to where it\n"
            "  came from.\n"
            "  backfill: the node's studies are fetched day by day, the newest day first, when nothing else is to do, and so many an "
            "hour. `show` tells how\n"
            "  far it is, `cancel` ends it, `retry` lets it go on and tries failed studies again; for a prefetch, look-ups that failed.\n"
            "  test: which rules would fire for a study that is here, and why; with --ask the nodes are asked and every earlier study is "
            "judged. Nothing\n"
            "  is fetched or sent.\n\n"
            "CONDITIONS (of one series of the study; all of them)\n"
            "  --source PATTERN        it came from a node of this name, * and ? allowed; \"import\" for files\n"
            "  --facility NAME         it belongs to this hospital\n"
            "  --modality LIST         such as CT or CT,MR\n"
            "  --body-part LIST        Body Part Examined, such as CHEST,ABDOMEN\n"
            "  --description PATTERN   study or series description, * and ? allowed, without regard to case: \"*thorax*\"\n\n"
            "OPTIONS\n"
            "  --node NODE             whom to ask, or send to; a prefetch rule without it asks every node of the hospital\n"
            "  --prior-modality LIST   of the earlier studies; \"same\" (the default) as the study has, \"any\"\n"
            "  --prior-body-part LIST  the same, \"any\" by default; a study that tells no body part is taken\n"
            "  --priors N              the newest so many, 1 to 50; 3 without it\n"
            "  --age-days N            not older than this before the study, 1 to 36500; 1825 without it\n"
            "  --at-once               forward each object as it comes\n"
            "  --from, --to YYYYMMDD   first and last study date\n"
            "  --studies-per-hour N    1 to 100000; 60 without it\n"
            "  --bytes-per-hour N      1048576 or more; no limit without it\n"
            "  --ask                   with test: ask the nodes\n" KH_ARGS_COMMON_HELP "\n"
            "EXAMPLES\n"
            "  kakehashi rule add prefetch chest-priors --modality CT,CR --body-part CHEST --prior-modality CT,CR,DX --priors 2\n"
            "  kakehashi rule add forward to-region --node region --source city-ct* --modality CT\n"
            "  kakehashi rule add backfill last-year --node city-pacs --from 20250101 --to 20251231 --studies-per-hour 30\n"
            "  kakehashi rule test 1.2.392.200036.9116.2.5.1 --ask\n\n"
            "EXIT STATUS\n"
            "  0 done, 1 it did not work, 2 not understood\n",
    .run = run,
};
