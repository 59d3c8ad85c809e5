/* GET /api/admin/queue and /api/admin/failures: pulls and sends, and how rules that ask hospitals stand. */
#include <stdlib.h>
#include "base/clock.h"
#include "cache/lookups.h"
#include "cache/sends.h"
#include "viewer/portal/admin.h"

#define ANSWER_BYTES_MAX (4u << 20)
#define ROWS 50
#define ROWS_MAX 100

/* Copied while the list is open; what needs further queries comes after it. A row more than is told says that there are more. */
typedef struct pull_rows {
    kh_pull *all;
    int64_t count;
} pull_rows;

typedef struct send_rows {
    kh_send *all;
    int64_t count;
} send_rows;

static kh_status keep_pull(void *context, const kh_pull *pull)
{
    pull_rows *rows = context;

    rows->all[rows->count++] = *pull;
    return KH_OK;
}

static kh_status keep_send(void *context, const kh_send *send)
{
    send_rows *rows = context;

    rows->all[rows->count++] = *send;
    return KH_OK;
}

static kh_status put_pull(kh_portal *portal, kh_json_writer *json, const kh_pull *pull, kh_error *err)
{
    int64_t study_id;
    kh_status status = kh_portal_study_of_node(portal, pull->node_id, pull->study_uid, &study_id, err);

    kh_json_object_begin(json);
    kh_portal_put_pull_row(json, pull);
    if (status == KH_OK)
        status = kh_portal_put_about(portal, json, "about", study_id, err);
    kh_json_object_end(json);
    return status;
}

static kh_status put_send(kh_portal *portal, kh_json_writer *json, const kh_send *send, kh_error *err)
{
    kh_status status;

    kh_json_object_begin(json);
    kh_json_put_int(json, "send", send->id);
    kh_json_put_int(json, "node", send->node_id);
    kh_portal_put_int_or_null(json, "study", send->study_id > 0 ? send->study_id : 0, 0);
    kh_json_put_text(json, "study_uid", send->study_uid);
    kh_json_put_int(json, "priority", send->priority);
    kh_json_put_text(json, "state", kh_send_state_text(send->state));
    kh_json_put_int(json, "total", send->total);
    kh_json_put_int(json, "sent", send->sent);
    kh_json_put_int(json, "failed", send->failed);
    kh_json_put_text(json, "reason", send->reason);
    kh_json_put_int(json, "attempts", send->attempts);
    kh_json_put_int(json, "rule", send->rule_id);
    kh_json_put_text(json, "asked_by", send->asked_by);
    kh_portal_put_when(json, "created", send->created_ms);
    kh_portal_put_when(json, "updated", send->updated_ms);
    kh_portal_put_when(json, "not_before", send->not_before_ms);
    status = kh_portal_put_about(portal, json, "about", send->study_id, err);
    kh_json_object_end(json);
    return status;
}

static kh_status put_pulls(kh_portal *portal, kh_json_writer *json, const kh_queue_page *page, kh_error *err)
{
    const kh_queue_page one_more = {page->which, page->before_id, page->limit + 1};
    pull_rows rows = {.all = calloc((size_t)one_more.limit, sizeof *rows.all)};
    kh_status status = rows.all ? kh_pull_page(portal->cache, &one_more, keep_pull, &rows, err)
                                : kh_error_set(err, KH_E_MEMORY, "no memory for a list of pulls");

    kh_json_key(json, "pulls");
    kh_json_array_begin(json);
    for (int64_t i = 0; status == KH_OK && i < rows.count && i < page->limit; i++)
        status = put_pull(portal, json, &rows.all[i], err);
    kh_json_array_end(json);
    kh_json_put_bool(json, "more_pulls", rows.count > page->limit);
    free(rows.all);
    return status;
}

static kh_status put_sends(kh_portal *portal, kh_json_writer *json, const kh_queue_page *page, kh_error *err)
{
    const kh_queue_page one_more = {page->which, page->before_id, page->limit + 1};
    send_rows rows = {.all = calloc((size_t)one_more.limit, sizeof *rows.all)};
    kh_status status = rows.all ? kh_send_page(portal->cache, &one_more, keep_send, &rows, err)
                                : kh_error_set(err, KH_E_MEMORY, "no memory for a list of sends");

    kh_json_key(json, "sends");
    kh_json_array_begin(json);
    for (int64_t i = 0; status == KH_OK && i < rows.count && i < page->limit; i++)
        status = put_send(portal, json, &rows.all[i], err);
    kh_json_array_end(json);
    kh_json_put_bool(json, "more_sends", rows.count > page->limit);
    free(rows.all);
    return status;
}

/* --- rules --- */

typedef struct rules {
    kh_rule *all; /* KH_RULES_MAX */
    size_t count;
} rules;

static kh_status keep_rule(void *context, const kh_rule *rule)
{
    rules *r = context;

    if (rule->kind != KH_RULE_FORWARD && r->count < KH_RULES_MAX)
        r->all[r->count++] = *rule;
    return KH_OK;
}

static kh_status put_backfill(kh_portal *portal, kh_json_writer *json, const kh_rule *rule, kh_error *err)
{
    kh_backfill_pulls pulls;
    kh_backfill backfill;
    kh_status status = kh_backfill_find(portal->cache, rule->id, &backfill, err);

    if (status == KH_OK)
        status = kh_backfill_count(portal->cache, rule->id, &pulls, err);
    if (status != KH_OK)
        return status;
    kh_json_put_text(json, "state", kh_backfill_state_text(backfill.state));
    kh_json_put_text(json, "day", backfill.day);
    kh_json_put_text(json, "date_from", rule->date_from);
    kh_json_put_text(json, "date_to", rule->date_to);
    kh_json_put_int(json, "days_done", backfill.days_done);
    kh_json_put_int(json, "days", kh_day_number(rule->date_to) - kh_day_number(rule->date_from) + 1);
    kh_json_put_int(json, "found", backfill.found);
    kh_json_put_int(json, "held", backfill.held);
    kh_json_put_int(json, "open", pulls.open);
    kh_json_put_int(json, "fetched", pulls.fetched);
    kh_json_put_int(json, "failed", pulls.failed);
    kh_json_put_text(json, "reason", backfill.reason);
    return KH_OK;
}

static kh_status put_lookups(kh_portal *portal, kh_json_writer *json, const kh_rule *rule, kh_error *err)
{
    kh_lookup_counts counts;
    kh_status status = kh_lookup_count(portal->cache, rule->id, &counts, err);

    if (status != KH_OK)
        return status;
    kh_json_put_int(json, "waiting", counts.waiting);
    kh_json_put_int(json, "done", counts.done);
    kh_json_put_int(json, "found", counts.found);
    kh_json_put_int(json, "filed", counts.filed);
    kh_json_put_int(json, "failed", counts.failed);
    kh_json_put_text(json, "reason", counts.reason);
    return KH_OK;
}

/* Read after the list, as each is more queries. */
static kh_status put_rules(kh_portal *portal, kh_json_writer *json, kh_error *err)
{
    rules r = {.all = calloc(KH_RULES_MAX, sizeof *r.all)};
    kh_status status = r.all ? kh_rule_list(portal->cache, keep_rule, &r, err) : kh_error_set(err, KH_E_MEMORY, "no memory for rules");

    kh_json_key(json, "rules");
    kh_json_array_begin(json);
    for (size_t i = 0; status == KH_OK && i < r.count; i++) {
        const kh_rule *rule = &r.all[i];

        kh_json_object_begin(json);
        kh_json_put_int(json, "rule", rule->id);
        kh_json_put_text(json, "name", rule->name);
        kh_json_put_text(json, "kind", kh_rule_kind_text(rule->kind));
        kh_json_put_bool(json, "enabled", rule->enabled);
        kh_json_put_text(json, "node", rule->node);
        status = rule->kind == KH_RULE_BACKFILL ? put_backfill(portal, json, rule, err) : put_lookups(portal, json, rule, err);
        if (status == KH_E_NOT_FOUND) /* it has not begun, or was removed just now */
            status = KH_OK;
        kh_json_object_end(json);
    }
    kh_json_array_end(json);
    free(r.all);
    return status;
}

/* --- answers --- */

static kh_status read_page(kh_http_request *request, kh_queue_page *pulls, kh_queue_page *sends, kh_error *err)
{
    kh_status status = kh_http_query_int(request, "limit", 1, ROWS_MAX, ROWS, &pulls->limit, err);

    if (status == KH_OK)
        status = kh_http_query_int(request, "pulls_before", 1, INT64_MAX, INT64_MAX, &pulls->before_id, err);
    if (status == KH_OK)
        status = kh_http_query_int(request, "sends_before", 1, INT64_MAX, INT64_MAX, &sends->before_id, err);
    sends->limit = pulls->limit;
    return status;
}

static void answer_queue(kh_portal *portal, kh_http_request *request, bool failed)
{
    kh_queue_page pulls = {.which = failed ? KH_QUEUE_FAILED : KH_QUEUE_OPEN}, sends = pulls;
    kh_error err = KH_ERROR_INIT;
    kh_portal_answer answer;
    kh_status status = read_page(request, &pulls, &sends, &err);

    kh_portal_answer_begin(&answer, ANSWER_BYTES_MAX);
    kh_json_object_begin(&answer.json);
    if (status == KH_OK)
        status = put_pulls(portal, &answer.json, &pulls, &err);
    if (status == KH_OK)
        status = put_sends(portal, &answer.json, &sends, &err);
    if (status == KH_OK && !failed)
        status = put_rules(portal, &answer.json, &err);
    kh_json_object_end(&answer.json);
    kh_portal_answer_end(&answer, request, status, &err);
}

static void queue(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    answer_queue(portal, request, false);
}

static void failures(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    answer_queue(portal, request, true);
}

void kh_portal_admin_queue(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, queue);
}

void kh_portal_admin_failures(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, failures);
}
