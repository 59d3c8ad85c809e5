#include "pacs-bridge/control_queue.h"

#include <string.h>
#include "cache/commitments.h"
#include "cache/lookups.h"
#include "cache/pulls.h"
#include "cache/rules.h"
#include "cache/sends.h"
#include "pacs-bridge/rule_json.h"

typedef kh_status queue_op(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err);

static void kick(const kh_control_server *server)
{
    if (server->pulls.filed)
        server->pulls.filed(server->pulls.context);
}

static kh_status read_priority(const kh_json *request, int64_t fallback, int32_t *out, kh_error *err)
{
    int64_t priority = kh_json_get_int(request, "priority", fallback);

    if (priority < 0 || priority > 2)
        return kh_error_set(err, KH_E_ARG, "priority %lld, expected 0 to 2", (long long)priority);
    *out = (int32_t)priority;
    return KH_OK;
}

/* --- lists: a page of what is newest, or before an id --- */

static void put_pull(kh_json_writer *json, const kh_pull *pull)
{
    kh_json_put_int(json, "node", pull->node_id);
    kh_json_put_text(json, "study_uid", pull->study_uid);
    kh_json_put_int(json, "priority", pull->priority);
    kh_json_put_text(json, "state", kh_pull_state_text(pull->state));
    kh_json_put_int(json, "expected", pull->expected);
    kh_json_put_int(json, "received", pull->received);
    kh_json_put_int(json, "failed", pull->failed);
    kh_json_put_int(json, "attempts", pull->attempts);
    kh_json_put_int(json, "not_before_ms", pull->not_before_ms);
    kh_json_put_int(json, "created_ms", pull->created_ms);
    kh_json_put_int(json, "updated_ms", pull->updated_ms);
    kh_json_put_int(json, "bytes", pull->bytes);
    kh_json_put_int(json, "rule", pull->rule_id);
    kh_json_put_bool(json, "compare", pull->compare);
    kh_json_put_text(json, "asked_by", pull->asked_by);
    kh_json_put_text(json, "reason", pull->reason);
}

static void put_send(kh_json_writer *json, const kh_send *send)
{
    kh_json_put_int(json, "node", send->node_id);
    kh_json_put_int(json, "study", send->study_id);
    kh_json_put_text(json, "study_uid", send->study_uid);
    kh_json_put_int(json, "priority", send->priority);
    kh_json_put_text(json, "state", kh_send_state_text(send->state));
    kh_json_put_int(json, "total", send->total);
    kh_json_put_int(json, "sent", send->sent);
    kh_json_put_int(json, "failed", send->failed);
    kh_json_put_int(json, "attempts", send->attempts);
    kh_json_put_int(json, "not_before_ms", send->not_before_ms);
    kh_json_put_int(json, "created_ms", send->created_ms);
    kh_json_put_int(json, "updated_ms", send->updated_ms);
    kh_json_put_int(json, "rule", send->rule_id);
    kh_json_put_text(json, "asked_by", send->asked_by);
    kh_json_put_text(json, "reason", send->reason);
}

/* A row more than is told says that there are more. */
typedef struct page {
    kh_json_writer *json;
    int64_t left;
    bool more;
} page;

static bool begin_row(page *p, int64_t id)
{
    if (p->left-- == 0) {
        p->more = true;
        return false;
    }
    kh_json_object_begin(p->json);
    kh_json_put_int(p->json, "id", id);
    return true;
}

static kh_status list_pull(void *context, const kh_pull *pull)
{
    page *p = context;

    if (begin_row(p, pull->id)) {
        put_pull(p->json, pull);
        kh_json_object_end(p->json);
    }
    return KH_OK;
}

static kh_status list_send(void *context, const kh_send *send)
{
    page *p = context;

    if (begin_row(p, send->id)) {
        put_send(p->json, send);
        kh_json_object_end(p->json);
    }
    return KH_OK;
}

static kh_status read_page(const kh_json *request, kh_queue_page *out, kh_error *err)
{
    const char *which = kh_json_get_text(request, "which");

    *out = (kh_queue_page){.before_id = kh_json_get_int(request, "before", INT64_MAX),
                           .limit = kh_json_get_int(request, "limit", KH_CONTROL_LIST_MAX)};
    if (which && strcmp(which, "open") == 0)
        out->which = KH_QUEUE_OPEN;
    else if (which && strcmp(which, "failed") == 0)
        out->which = KH_QUEUE_FAILED;
    else if (which && strcmp(which, "all") != 0)
        return kh_error_set(err, KH_E_ARG, "which \"%.16s\", expected open, failed or all", which);
    if (out->limit < 1 || out->limit > KH_CONTROL_LIST_MAX)
        return kh_error_set(err, KH_E_ARG, "limit %lld, expected 1 to %d", (long long)out->limit, KH_CONTROL_LIST_MAX);
    return KH_OK;
}

typedef kh_status list_rows(kh_cache *cache, const kh_queue_page *asked, page *p, kh_error *err);

static kh_status answer_page(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, const char *member,
                             list_rows *list, kh_error *err)
{
    page p = {.json = answer};
    kh_queue_page asked;
    kh_status status = read_page(request, &asked, err);

    if (status != KH_OK)
        return status;
    p.left = asked.limit++;
    kh_json_key(answer, member);
    kh_json_array_begin(answer);
    status = list(server->cache, &asked, &p, err);
    kh_json_array_end(answer);
    kh_json_put_bool(answer, "more", p.more);
    return status;
}

static kh_status list_pulls(kh_cache *cache, const kh_queue_page *asked, page *p, kh_error *err)
{
    return kh_pull_page(cache, asked, list_pull, p, err);
}

static kh_status op_pull_list(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    return answer_page(server, request, answer, "pulls", list_pulls, err);
}

static kh_status list_sends(kh_cache *cache, const kh_queue_page *asked, page *p, kh_error *err)
{
    return kh_send_page(cache, asked, list_send, p, err);
}

static kh_status op_send_list(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    return answer_page(server, request, answer, "sends", list_sends, err);
}

/* --- storage commitment --- */

static void put_commitment(kh_json_writer *json, const kh_commitment *commitment)
{
    kh_json_put_int(json, "node", commitment->node_id);
    kh_json_put_bool(json, "ours", commitment->side == KH_COMMITMENT_OURS);
    kh_json_put_text(json, "state", kh_commitment_state_text(commitment->state));
    kh_json_put_text(json, "transaction_uid", commitment->transaction_uid);
    kh_json_put_int(json, "objects", commitment->count);
    kh_json_put_int(json, "committed", commitment->committed);
    kh_json_put_int(json, "attempts", commitment->attempts);
    kh_json_put_int(json, "not_before_ms", commitment->not_before_ms);
    kh_json_put_int(json, "created_ms", commitment->created_ms);
    kh_json_put_int(json, "updated_ms", commitment->updated_ms);
    kh_json_put_text(json, "reason", commitment->reason);
}

static kh_status list_commitment(void *context, const kh_commitment *commitment)
{
    page *p = context;

    if (begin_row(p, commitment->id)) {
        put_commitment(p->json, commitment);
        kh_json_object_end(p->json);
    }
    return KH_OK;
}

static kh_status list_commitments(kh_cache *cache, const kh_queue_page *asked, page *p, kh_error *err)
{
    return kh_commitment_page(cache, asked, list_commitment, p, err);
}

static kh_status op_commit_list(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    return answer_page(server, request, answer, "commitments", list_commitments, err);
}

static kh_status op_commit_retry(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    int64_t id = kh_json_get_int(request, "id", 0);

    (void)answer;
    return server->pulls.retry_commit ? server->pulls.retry_commit(server->pulls.context, id, err)
                                      : kh_commitment_retry(server->cache, id, err); /* the next service does it */
}

/* --- sends --- */

static kh_status op_send_file(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    const char *node_name = kh_json_get_text(request, "node"), *asked_by = kh_json_get_text(request, "asked_by");
    kh_send_filing filing = {
        .study_id = kh_json_get_int(request, "study", 0), .source = "", .asked_by = asked_by ? asked_by : "", .again = true};
    int64_t id, added;
    kh_node node;
    kh_status status;

    if (!node_name)
        return kh_error_set(err, KH_E_ARG, "node is missing");
    status = read_priority(request, KH_PULL_URGENT, &filing.priority, err); /* a person waits */
    if (status == KH_OK)
        status = kh_node_find(server->cache, node_name, &node, err);
    filing.node = &node;
    if (status == KH_OK)
        status = kh_send_file(server->cache, &filing, &id, &added, err);
    if (status == KH_OK && id == 0)
        status = kh_error_set(err, KH_E_NOT_FOUND, "nothing of that study may go to %s: it came from there", node_name);
    if (status != KH_OK)
        return status;
    kick(server);
    kh_json_put_int(answer, "id", id);
    kh_json_put_int(answer, "added", added);
    return KH_OK;
}

static kh_status op_send_cancel(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    (void)answer;
    if (!server->pulls.cancel_send)
        return kh_error_set(err, KH_E_UNSUPPORTED, "no queue of sends runs here");
    return server->pulls.cancel_send(server->pulls.context, kh_json_get_int(request, "id", 0), err);
}

static kh_status op_send_retry(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    kh_status status = kh_send_retry(server->cache, kh_json_get_int(request, "id", 0), err);

    (void)answer;
    if (status == KH_OK)
        kick(server);
    return status;
}

static kh_status op_send_priority(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    int32_t priority = 0;
    kh_status status = read_priority(request, -1, &priority, err);

    (void)answer;
    return status == KH_OK ? kh_send_set_priority(server->cache, kh_json_get_int(request, "id", 0), priority, err) : status;
}

/* --- rules --- */

static kh_status find_rule(const kh_control_server *server, const kh_json *request, kh_rule *out, kh_error *err)
{
    const char *name = kh_json_get_text(request, "name");

    return name ? kh_rule_find(server->cache, name, out, err) : kh_error_set(err, KH_E_ARG, "name is missing");
}

static kh_status op_rule_add(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    kh_rule rule;
    kh_status status = kh_rule_from_json(&rule, request, err);

    if (status == KH_OK)
        status = kh_rule_add(server->cache, &rule, err);
    if (status != KH_OK)
        return status;
    kick(server);
    kh_json_put_int(answer, "id", rule.id);
    return KH_OK;
}

static kh_status op_rule_remove(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    kh_rule rule;
    kh_status status = find_rule(server, request, &rule, err);

    (void)answer;
    return status == KH_OK ? kh_rule_remove(server->cache, rule.name, err) : status;
}

static kh_status op_rule_enable(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    kh_rule rule;
    kh_status status = find_rule(server, request, &rule, err);

    (void)answer;
    if (status == KH_OK)
        status = kh_rule_enable(server->cache, rule.name, kh_json_get_bool(request, "enabled", true), err);
    if (status == KH_OK)
        kick(server);
    return status;
}

typedef struct rule_page {
    kh_json_writer *json;
    int64_t after_id;
    int left;
    bool more;
    kh_rule rules[KH_CONTROL_RULES_MAX];
    size_t count;
} rule_page;

static kh_status keep_rule(void *context, const kh_rule *rule)
{
    rule_page *p = context;

    if (rule->id <= p->after_id)
        return KH_OK;
    if (p->count == KH_CONTROL_RULES_MAX)
        p->more = true;
    else
        p->rules[p->count++] = *rule;
    return KH_OK;
}

/* With where back-fills stand; read after the list, as it is more queries. */
static kh_status op_rule_list(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    rule_page p = {.after_id = kh_json_get_int(request, "after", 0)};
    kh_status status = kh_rule_list_by_id(server->cache, keep_rule, &p, err);

    if (status != KH_OK)
        return status;
    kh_json_key(answer, "rules");
    kh_json_array_begin(answer);
    for (size_t i = 0; status == KH_OK && i < p.count; i++) {
        kh_json_object_begin(answer);
        kh_rule_to_json(answer, &p.rules[i]);
        if (p.rules[i].kind == KH_RULE_BACKFILL)
            status = kh_backfill_to_json(answer, server->cache, &p.rules[i], err);
        if (p.rules[i].kind == KH_RULE_PREFETCH)
            status = kh_lookups_to_json(answer, server->cache, &p.rules[i], err);
        kh_json_object_end(answer);
    }
    kh_json_array_end(answer);
    kh_json_put_bool(answer, "more", p.more);
    return status;
}

static kh_status op_backfill_cancel(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    kh_rule rule;
    kh_status status = find_rule(server, request, &rule, err);

    (void)answer;
    return status == KH_OK ? kh_backfill_cancel(server->cache, rule.id, err) : status;
}

static kh_status op_rule_retry(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    kh_rule rule;
    kh_status status = find_rule(server, request, &rule, err);

    (void)answer;
    if (status == KH_OK)
        status = rule.kind == KH_RULE_BACKFILL   ? kh_backfill_retry(server->cache, rule.id, err)
                 : rule.kind == KH_RULE_PREFETCH ? kh_lookup_retry(server->cache, rule.id, err)
                                                 : kh_error_set(err, KH_E_ARG, "a forward rule has sends: they are tried again one by one");
    if (status == KH_OK)
        kick(server);
    return status;
}

static const struct {
    const char *name;
    queue_op *run;
} operations[] = {
    {"pull.list", op_pull_list},
    {"send.list", op_send_list},
    {"send.file", op_send_file},
    {"commit.list", op_commit_list},
    {"commit.retry", op_commit_retry},
    {"send.cancel", op_send_cancel},
    {"send.retry", op_send_retry},
    {"send.priority", op_send_priority},
    {"rule.add", op_rule_add},
    {"rule.remove", op_rule_remove},
    {"rule.enable", op_rule_enable},
    {"rule.list", op_rule_list},
    {"backfill.cancel", op_backfill_cancel},
    {"rule.retry", op_rule_retry},
};

bool kh_control_queue_op(const kh_control_server *server, const char *name, const kh_json *request, kh_json_writer *answer,
                         kh_status *status, kh_error *err)
{
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
        if (strcmp(operations[i].name, name) == 0) {
            *status = operations[i].run(server, request, answer, err);
            return true;
        }
    return false;
}
