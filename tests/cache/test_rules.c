/* Rules, days, lookups, back-fills and sends as the index keeps them. */
#include "support.h"

#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "cache/lookups.h"
#include "cache/nodes.h"
#include "cache/pulls.h"
#include "cache/sends.h"

#define KH_COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static kh_node add_node(fixture *f, const char *name, const char *title, const char *host, const char *facility)
{
    kh_node node = {.port = host[0] ? 104 : 0, .may_store = true};

    snprintf(node.name, sizeof node.name, "%s", name);
    snprintf(node.ae_title, sizeof node.ae_title, "%s", title);
    snprintf(node.host, sizeof node.host, "%s", host);
    snprintf(node.facility, sizeof node.facility, "%s", facility);
    assert_ok(kh_node_add(f->cache, &node, err));
    return node;
}

/* --- days --- */

static void days_of_the_calendar(void **state)
{
    static const struct {
        const char *day;
        bool valid;
        int64_t number; /* by `date -u -d DAY +%s`, over 86400 */
    } cases[] = {{"19700101", true, 0},      {"19691231", true, -1},    {"20000229", true, 11016}, {"20001231", true, 11322},
                 {"20240229", true, 19782},  {"20261121", true, 20778}, {"19000228", true, -25509}, {"19000301", true, -25508},
                 {"99991231", true, 2932896}, {"20230229", false, 0},   {"19000229", false, 0},    {"20261301", false, 0},
                 {"20260001", false, 0},     {"20260132", false, 0},    {"20260100", false, 0},    {"2026010", false, 0},
                 {"202601011", false, 0},    {"2026010x", false, 0},    {"", false, 0}};

    (void)state;
    for (size_t i = 0; i < KH_COUNT_OF(cases); i++) {
        char text[9];

        if (kh_day_valid(cases[i].day) != cases[i].valid)
            fail_msg("\"%s\"", cases[i].day);
        if (!cases[i].valid)
            continue;
        if (kh_day_number(cases[i].day) != cases[i].number)
            fail_msg("%s: day %lld, expected %lld", cases[i].day, (long long)kh_day_number(cases[i].day), (long long)cases[i].number);
        kh_day_text(text, cases[i].number);
        assert_string_equal(text, cases[i].day);
    }
}

static void every_day_of_four_centuries(void **state)
{
    char text[9];

    (void)state;
    for (int64_t n = kh_day_number("18000101"); n <= kh_day_number("22001231"); n++) {
        kh_day_text(text, n);
        if (!kh_day_valid(text) || kh_day_number(text) != n)
            fail_msg("day %lld is \"%s\"", (long long)n, text);
    }
}

/* --- rules --- */

static kh_rule rule_named(const char *name, kh_rule_kind kind, const char *node)
{
    kh_rule rule;

    kh_rule_init(&rule, kind);
    snprintf(rule.name, sizeof rule.name, "%s", name);
    snprintf(rule.node, sizeof rule.node, "%s", node);
    if (kind == KH_RULE_BACKFILL) {
        strcpy(rule.date_from, "20260101");
        strcpy(rule.date_to, "20260103");
    }
    return rule;
}

static void rule_fields_are_checked(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *name;
        kh_rule_kind kind;
        size_t field;
        const char *text; /* into the field */
        kh_status expected;
    } cases[] = {
#define F(member) offsetof(kh_rule, member)
        {"name", KH_RULE_PREFETCH, F(name), "", KH_E_ARG},
        {"name with a slash", KH_RULE_PREFETCH, F(name), "a/b", KH_E_ARG},
        {"no node, prefetch", KH_RULE_PREFETCH, F(node), "", KH_OK},
        {"no node, forward", KH_RULE_FORWARD, F(node), "", KH_E_ARG},
        {"no node, back-fill", KH_RULE_BACKFILL, F(node), "", KH_E_ARG},
        {"unknown node", KH_RULE_FORWARD, F(node), "nobody", KH_E_NOT_FOUND},
        {"node without a host", KH_RULE_FORWARD, F(node), "caller", KH_E_ARG},
        {"source pattern", KH_RULE_FORWARD, F(source), "ct-*", KH_OK},
        {"source with a set", KH_RULE_FORWARD, F(source), "ct-[12]", KH_E_ARG},
        {"modalities", KH_RULE_FORWARD, F(modality), "CT,MR", KH_OK},
        {"modality in lower case", KH_RULE_FORWARD, F(modality), "ct", KH_E_ARG},
        {"empty modality", KH_RULE_FORWARD, F(modality), "CT,,MR", KH_E_ARG},
        {"comma at the end", KH_RULE_FORWARD, F(body_part), "CHEST,", KH_E_ARG},
        {"Japanese description", KH_RULE_FORWARD, F(description), "*胸部*", KH_OK},
        {"control character", KH_RULE_FORWARD, F(description), "a\nb", KH_E_ARG},
        {"facility with a space", KH_RULE_FORWARD, F(facility), "a b", KH_E_ARG},
        {"same body part", KH_RULE_PREFETCH, F(prior_body_part), "same", KH_OK},
        {"odd prior modality", KH_RULE_PREFETCH, F(prior_modality), "other", KH_E_ARG},
        {"days in order", KH_RULE_BACKFILL, F(date_from), "20260103", KH_OK},
        {"days out of order", KH_RULE_BACKFILL, F(date_from), "20260104", KH_E_ARG},
        {"no such day", KH_RULE_BACKFILL, F(date_to), "20260230", KH_E_ARG},
        {"name taken", KH_RULE_FORWARD, F(name), "taken", KH_E_CONFLICT},
#undef F
    };
    kh_rule taken = rule_named("taken", KH_RULE_FORWARD, "pacs");

    (void)add_node(f, "pacs", "PACS", "h", "north");
    (void)add_node(f, "caller", "CALLER", "", "north");
    assert_ok(kh_rule_add(f->cache, &taken, err));
    for (size_t i = 0; i < KH_COUNT_OF(cases); i++) {
        char name[20];
        kh_rule rule;
        kh_error err = KH_ERROR_INIT;

        snprintf(name, sizeof name, "r%zu", i);
        rule = rule_named(name, cases[i].kind, "pacs");
        strcpy((char *)&rule + cases[i].field, cases[i].text);
        if (kh_rule_add(f->cache, &rule, &err) != cases[i].expected)
            fail_msg("%s: %s", cases[i].name, err.message);
        if (cases[i].expected != KH_OK)
            assert_true(err.message[0] != '\0');
    }
}

static void rule_numbers_are_bounded(void **state)
{
    fixture *f = *state;
    static const struct {
        kh_rule_kind kind;
        int32_t priors, age_days;
        int64_t studies, bytes;
        kh_status expected;
    } cases[] = {{KH_RULE_PREFETCH, 1, 1, 1, 0, KH_OK},           {KH_RULE_PREFETCH, 0, 1, 1, 0, KH_E_ARG},
                 {KH_RULE_PREFETCH, 50, 36500, 1, 0, KH_OK},      {KH_RULE_PREFETCH, 51, 1, 1, 0, KH_E_ARG},
                 {KH_RULE_PREFETCH, 1, 36501, 1, 0, KH_E_ARG},    {KH_RULE_PREFETCH, 1, 0, 1, 0, KH_E_ARG},
                 {KH_RULE_BACKFILL, 1, 1, 1, 1 << 20, KH_OK},     {KH_RULE_BACKFILL, 1, 1, 0, 0, KH_E_ARG},
                 {KH_RULE_BACKFILL, 1, 1, 100000, 0, KH_OK},      {KH_RULE_BACKFILL, 1, 1, 100001, 0, KH_E_ARG},
                 {KH_RULE_BACKFILL, 1, 1, 1, (1 << 20) - 1, KH_E_ARG}, {KH_RULE_BACKFILL, 1, 1, 1, -1, KH_E_ARG}};

    (void)add_node(f, "pacs", "PACS", "h", "north");
    for (size_t i = 0; i < KH_COUNT_OF(cases); i++) {
        char name[20];
        kh_rule rule;

        snprintf(name, sizeof name, "r%zu", i);
        rule = rule_named(name, cases[i].kind, "pacs");
        rule.priors = cases[i].priors;
        rule.age_days = cases[i].age_days;
        rule.studies_per_hour = cases[i].studies;
        rule.bytes_per_hour = cases[i].bytes;
        if (kh_rule_add(f->cache, &rule, NULL) != cases[i].expected)
            fail_msg("case %zu", i);
    }
}

static kh_status count_rule(void *context, const kh_rule *rule)
{
    (void)rule;
    ++*(int *)context;
    return KH_OK;
}

static void at_most_a_hundred_rules(void **state)
{
    fixture *f = *state;
    int count = 0;

    for (int i = 0; i <= KH_RULES_MAX; i++) {
        char name[20];
        kh_rule rule;

        snprintf(name, sizeof name, "r%d", i);
        rule = rule_named(name, KH_RULE_PREFETCH, "");
        assert_int_equal(kh_rule_add(f->cache, &rule, NULL), i < KH_RULES_MAX ? KH_OK : KH_E_LIMIT);
    }
    assert_ok(kh_rule_list(f->cache, count_rule, &count, err));
    assert_int_equal(count, KH_RULES_MAX);
}

static void removed_rule_takes_its_jobs_along(void **state)
{
    fixture *f = *state;
    kh_node node = add_node(f, "pacs", "PACS", "h", "north");
    kh_rule rule = rule_named("fill", KH_RULE_BACKFILL, "pacs"), found;
    kh_pull_filing filing = {.node_id = node.id, .study_uid = "1.2.3", .asked_by = "fill", .priority = 2};
    kh_backfill backfill;
    int64_t of_rule, of_person;
    kh_pull pull;

    assert_ok(kh_rule_add(f->cache, &rule, err));
    assert_ok(kh_rule_enable(f->cache, "fill", false, err));
    assert_ok(kh_rule_find(f->cache, "fill", &found, err));
    assert_false(found.enabled);
    assert_ok(kh_backfill_find(f->cache, rule.id, &backfill, err));
    assert_string_equal(backfill.day, "20260103");
    filing.rule_id = rule.id;
    assert_ok(kh_pull_file_as(f->cache, &filing, &of_rule, err));
    assert_ok(kh_pull_file(f->cache, node.id, "1.2.4", 1, "t", &of_person, err));
    assert_ok(kh_rule_remove(f->cache, "fill", err));
    assert_int_equal(kh_rule_remove(f->cache, "fill", NULL), KH_E_NOT_FOUND);
    assert_int_equal(kh_rule_enable(f->cache, "fill", true, NULL), KH_E_NOT_FOUND);
    assert_int_equal(kh_backfill_find(f->cache, rule.id, &backfill, NULL), KH_E_NOT_FOUND);
    assert_ok(kh_pull_find(f->cache, of_rule, &pull, err));
    assert_int_equal(pull.state, KH_PULL_CANCELLED);
    assert_ok(kh_pull_find(f->cache, of_person, &pull, err));
    assert_int_equal(pull.state, KH_PULL_WAITING);
}

static void backfill_counts_an_hour(void **state)
{
    fixture *f = *state;
    kh_node node = add_node(f, "pacs", "PACS", "h", "north");
    kh_rule rule = rule_named("fill", KH_RULE_BACKFILL, "pacs");
    kh_backfill_pulls pulls;
    static const kh_pull_state ends[] = {KH_PULL_COMPLETE, KH_PULL_UNVERIFIED, KH_PULL_PARTIAL, KH_PULL_FAILED, KH_PULL_CANCELLED};

    assert_ok(kh_rule_add(f->cache, &rule, err));
    for (size_t i = 0; i < 6; i++) {
        char uid[20];
        kh_pull_filing filing = {.node_id = node.id, .study_uid = uid, .asked_by = "fill", .priority = 2, .rule_id = rule.id};
        int64_t id;
        kh_pull pull;

        snprintf(uid, sizeof uid, "1.2.%zu", i);
        assert_ok(kh_pull_file_as(f->cache, &filing, &id, err));
        if (i == 5)
            break;
        assert_ok(kh_pull_find(f->cache, id, &pull, err));
        pull.state = ends[i];
        pull.bytes = 1000;
        assert_ok(kh_pull_update(f->cache, &pull, err));
    }
    assert_ok(kh_backfill_count(f->cache, rule.id, &pulls, err));
    assert_int_equal(pulls.open, 1);
    assert_int_equal(pulls.fetched, 2);
    assert_int_equal(pulls.failed, 3);
    assert_int_equal(pulls.studies_last_hour, 6);
    assert_int_equal(pulls.bytes_last_hour, 5000);
    for (int years = -10; years <= 10; years += 20) { /* R13: rows of the future and of long ago count nothing */
        kh_clock_shift_for_test(0, years * 31557600000);
        assert_ok(kh_backfill_count(f->cache, rule.id, &pulls, err));
        assert_int_equal(pulls.studies_last_hour, 0);
        assert_int_equal(pulls.bytes_last_hour, 0);
        kh_clock_shift_for_test(0, -years * 31557600000);
    }
    assert_ok(kh_backfill_cancel(f->cache, rule.id, err));
    assert_int_equal(kh_backfill_cancel(f->cache, rule.id, NULL), KH_E_CONFLICT);
    assert_ok(kh_backfill_count(f->cache, rule.id, &pulls, err));
    assert_int_equal(pulls.open, 0);
    assert_ok(kh_backfill_retry(f->cache, rule.id, err));
    assert_ok(kh_backfill_count(f->cache, rule.id, &pulls, err));
    assert_int_equal(pulls.open, 4); /* all that was not fetched */
}

/* --- sends --- */

static int64_t ingest(fixture *f, const char *source, const char *study, const char *series, const char *sop)
{
    const sample s = {.patient_id = "P1", .study_uid = study, .series_uid = series, .sop_uid = sop};
    const kh_origin origin = {.facility = "north", .source = source};
    kh_ingest_result result;
    kh_buf bytes;

    kh_buf_init(&bytes, 1 << 20);
    sample_write(&bytes, &s);
    assert_ok(ingest_bytes(f->cache, &bytes, &origin, &result, err));
    kh_buf_release(&bytes);
    return result.study_id;
}

static const kh_pull_choice due = {.priority_max = 2, .delay_max_ms = 300000};

static int64_t file_send(fixture *f, const kh_node *node, int64_t study_id, const char *source, bool again, int64_t *added)
{
    const kh_send_filing filing = {
        .study_id = study_id, .rule_id = 1, .node = node, .source = source, .asked_by = "t", .priority = 1, .again = again};
    int64_t id;

    assert_ok(kh_send_file(f->cache, &filing, &id, added, err));
    return id;
}

static void never_back_to_where_it_came_from(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *node;
        const char *source; /* pattern */
        int expected;
    } cases[] = {{"region", "", 3}, {"ct-1", "", 2}, {"ct-1-again", "", 2}, {"elsewhere", "", 3},
                 {"region", "ct-*", 2}, {"region", "ct-?", 2},                 {"region", "mr-*", 1}, {"region", "us-*", 0}};
    int64_t study;

    (void)add_node(f, "region", "REGION", "h", "region");
    (void)add_node(f, "ct-1", "CT1", "h", "north");
    (void)add_node(f, "ct-1-again", "CT1", "h2", "north"); /* the same machine under another name */
    (void)add_node(f, "elsewhere", "CT1", "h", "south");    /* another one */
    (void)ingest(f, "ct-1", "1.2.1", "1.2.1.1", "1.2.1.1.1");
    (void)ingest(f, "ct-2", "1.2.1", "1.2.1.1", "1.2.1.1.2");
    study = ingest(f, "mr-1", "1.2.1", "1.2.1.2", "1.2.1.2.1");
    for (size_t i = 0; i < KH_COUNT_OF(cases); i++) {
        kh_send_filing filing = {.study_id = study, .rule_id = (int64_t)i + 1, .source = cases[i].source, .asked_by = "t"};
        int64_t id, added;
        kh_node node;

        assert_ok(kh_node_find(f->cache, cases[i].node, &node, err));
        filing.node = &node;
        assert_ok(kh_send_file(f->cache, &filing, &id, &added, err));
        if (added != cases[i].expected || (id == 0) != (added == 0))
            fail_msg("to %s from \"%s\": %lld objects", cases[i].node, cases[i].source, (long long)added);
    }
}

static kh_status note_item(void *context, const kh_search_row *row, kh_error *err)
{
    int64_t *ids = context;

    (void)err;
    ids[++ids[0]] = row->object.id;
    return KH_OK;
}

static void objects_are_ticked_off(void **state)
{
    fixture *f = *state;
    kh_node node = add_node(f, "region", "REGION", "h", "region");
    int64_t study = ingest(f, "ct-1", "1.2.1", "1.2.1.1", "1.2.1.1.1"), added, id, ids[8] = {0};
    kh_send send;

    (void)ingest(f, "ct-1", "1.2.1", "1.2.1.1", "1.2.1.1.2");
    id = file_send(f, &node, study, "", false, &added);
    assert_int_equal(added, 2);
    assert_int_equal(file_send(f, &node, study, "", false, &added), id); /* nothing twice */
    assert_int_equal(added, 0);
    assert_ok(kh_send_take(f->cache, &due, &send, err));
    assert_int_equal(send.id, id);
    assert_int_equal(send.total, 2);
    assert_int_equal(kh_send_take(f->cache, &due, &(kh_send){.id = 0}, NULL), KH_E_NOT_FOUND);
    assert_ok(kh_send_items(f->cache, id, 0, 10, note_item, ids, err));
    assert_int_equal(ids[0], 2);
    assert_ok(kh_send_tick_off(f->cache, &send, ids + 1, 1, err));
    assert_int_equal(send.sent, 1);
    kh_cache_close(f->cache);
    f->cache = cache_open(&f->dir);
    assert_ok(kh_send_recover(f->cache, err));
    assert_ok(kh_send_take(f->cache, &due, &send, err));
    assert_int_equal(send.sent, 1);
    ids[0] = 0;
    assert_ok(kh_send_items(f->cache, id, 0, 10, note_item, ids, err));
    assert_int_equal(ids[0], 1); /* only what was not taken */
    (void)ingest(f, "ct-1", "1.2.1", "1.2.1.1", "1.2.1.1.3"); /* comes while it is sent */
    (void)file_send(f, &node, study, "", false, &added);
    assert_int_equal(added, 1);
    assert_ok(kh_send_tick_off(f->cache, &send, ids + 1, 1, err));
    send.state = KH_SEND_COMPLETE;
    assert_ok(kh_send_update(f->cache, &send, err));
    assert_int_equal(send.state, KH_SEND_WAITING); /* for the one that came */
    assert_int_equal(send.sent, 2);
    assert_int_equal(send.total, 3);
    (void)file_send(f, &node, study, "", true, &added); /* a person wants it there again */
    assert_int_equal(added, 2);
    assert_ok(kh_send_find(f->cache, id, &send, err));
    assert_int_equal(send.sent, 0);
}

static void send_waits_no_longer_when_the_clock_jumps(void **state)
{
    fixture *f = *state;
    kh_node node = add_node(f, "region", "REGION", "h", "region");
    static const int64_t jumps_s[] = {301, 315576000, -315576000};
    int64_t added, id = file_send(f, &node, ingest(f, "ct-1", "1.2.1", "1.2.1.1", "1.2.1.1.1"), "", false, &added);
    kh_send send;

    for (size_t i = 0; i < KH_COUNT_OF(jumps_s); i++) {
        assert_ok(kh_send_find(f->cache, id, &send, err));
        send.state = KH_SEND_WAITING;
        send.not_before_ms = kh_clock_wall_ms() + 300000;
        assert_ok(kh_send_update(f->cache, &send, err));
        assert_int_equal(kh_send_take(f->cache, &due, &send, NULL), KH_E_NOT_FOUND);
        kh_clock_shift_for_test(0, jumps_s[i] * 1000);
        assert_ok(kh_send_take(f->cache, &due, &send, err));
        kh_clock_shift_for_test(0, -jumps_s[i] * 1000);
    }
}

static void removed_node_ends_its_sends(void **state)
{
    fixture *f = *state;
    kh_node node = add_node(f, "region", "REGION", "h", "region");
    int64_t added, id = file_send(f, &node, ingest(f, "ct-1", "1.2.1", "1.2.1.1", "1.2.1.1.1"), "", false, &added);
    kh_send send;

    assert_ok(kh_node_remove(f->cache, "region", err));
    assert_ok(kh_send_find(f->cache, id, &send, err));
    assert_int_equal(send.state, KH_SEND_CANCELLED);
    assert_string_equal(send.reason, "the node was removed");
    assert_int_equal(kh_send_set_priority(f->cache, id, 0, NULL), KH_E_CONFLICT);
    assert_ok(kh_send_retry(f->cache, id, err));
    assert_ok(kh_send_set_priority(f->cache, id, 0, err));
    assert_int_equal(kh_send_set_priority(f->cache, id, 3, NULL), KH_E_ARG);
    assert_int_equal(kh_send_retry(f->cache, 99, NULL), KH_E_NOT_FOUND);
}

/* --- lookups --- */

static void look_ups_of_a_rule(void **state)
{
    fixture *f = *state;
    kh_lookup_counts counts;
    kh_lookup lookup;

    for (int64_t study = 1; study <= 3; study++)
        assert_ok(kh_lookup_file(f->cache, 1, 2, study, false, err));
    assert_ok(kh_lookup_file(f->cache, 7, 2, 1, false, err)); /* of another rule */
    for (int state_to = KH_LOOKUP_DONE; state_to <= KH_LOOKUP_FAILED; state_to++) {
        assert_ok(kh_lookup_next(f->cache, 1000, &lookup, err));
        lookup.state = (kh_lookup_state)state_to;
        lookup.found = 2;
        lookup.filed = 1;
        snprintf(lookup.reason, sizeof lookup.reason, "%s", state_to == KH_LOOKUP_FAILED ? "no answer" : "");
        assert_ok(kh_lookup_update(f->cache, &lookup, err));
    }
    assert_ok(kh_lookup_count(f->cache, 1, &counts, err));
    assert_int_equal(counts.waiting, 1);
    assert_int_equal(counts.done, 1);
    assert_int_equal(counts.failed, 1);
    assert_int_equal(counts.found, 4);
    assert_int_equal(counts.filed, 2);
    assert_string_equal(counts.reason, "no answer");
    assert_ok(kh_lookup_retry(f->cache, 1, err));
    assert_ok(kh_lookup_count(f->cache, 1, &counts, err));
    assert_int_equal(counts.waiting, 2);
    assert_string_equal(counts.reason, "");
}

static void looked_for_once(void **state)
{
    fixture *f = *state;
    kh_lookup lookup;

    assert_int_equal(kh_lookup_next(f->cache, 1000, &lookup, NULL), KH_E_NOT_FOUND);
    assert_ok(kh_lookup_file(f->cache, 1, 2, 3, false, err));
    assert_ok(kh_lookup_next(f->cache, 1000, &lookup, err));
    lookup.state = KH_LOOKUP_DONE;
    lookup.found = 5;
    assert_ok(kh_lookup_update(f->cache, &lookup, err));
    assert_ok(kh_lookup_file(f->cache, 1, 2, 3, false, err));
    assert_int_equal(kh_lookup_next(f->cache, 1000, &lookup, NULL), KH_E_NOT_FOUND);
    assert_ok(kh_lookup_file(f->cache, 1, 2, 3, true, err));
    assert_ok(kh_lookup_next(f->cache, 1000, &lookup, err));
    assert_int_equal(lookup.found, 5);
    assert_int_equal(lookup.attempts, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, cache_set_up, cache_tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_of_the_calendar),
        cmocka_unit_test(every_day_of_four_centuries),
        T(rule_fields_are_checked),
        T(rule_numbers_are_bounded),
        T(at_most_a_hundred_rules),
        T(removed_rule_takes_its_jobs_along),
        T(backfill_counts_an_hour),
        T(never_back_to_where_it_came_from),
        T(objects_are_ticked_off),
        T(send_waits_no_longer_when_the_clock_jumps),
        T(removed_node_ends_its_sends),
        T(looked_for_once),
        T(look_ups_of_a_rule),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
