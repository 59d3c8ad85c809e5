/* GET /api/admin/queue and /api/admin/failures: pulls and sends, and how rules that ask hospitals stand. */
#include <stdlib.h>
#include "base/clock.h"
#include "cache/lookups.h"
#include "cache/sends.h"
#include "viewer/portal/admin.h"

#define ANSWER_BYTES_MAX (4u << 20)
#define ROWS 50
#define ROWS_MAX 100

/* A row more than is told says that there are more. */
typedef struct page {
    kh_json_writer *json;
    int64_t left;
    bool more;
} page;

static bool begin_row(page *p)
{
    if (p->left-- <= 0)
        p->more = true;
    else
        kh_json_object_begin(p->json);
    return !p->more;
}

static kh_status put_pull(void *context, const kh_pull *pull)
{
    page *p = context;

    if (begin_row(p)) {
        kh_portal_put_pull_row(p->json, pull);
        kh_json_object_end(p->json);
    }
    return KH_OK;
}

static kh_status put_send(void *context, const kh_send *send)
{
    page *p = context;

    if (!begin_row(p))
        return KH_OK;
    kh_json_put_int(p->json, "send", send->id);
    kh_json_put_int(p->json, "node", send->node_id);
    kh_portal_put_int_or_null(p->json, "study", send->study_id > 0 ? send->study_id : 0, 0);
    kh_json_put_text(p->json, "study_uid", send->study_uid);
    kh_json_put_int(p->json, "priority", send->priority);
    kh_json_put_text(p->json, "state", kh_send_state_text(send->state));
    kh_json_put_int(p->json, "total", send->total);
    kh_json_put_int(p->json, "sent", send->sent);
    kh_json_put_int(p->json, "failed", send->failed);
    kh_json_put_text(p->json, "reason", send->reason);
    kh_json_put_int(p->json, "attempts", send->attempts);
    kh_json_put_int(p->json, "rule", send->rule_id);
    kh_json_put_text(p->json, "asked_by", send->asked_by);
    kh_portal_put_when(p->json, "created", send->created_ms);
    kh_portal_put_when(p->json, "updated", send->updated_ms);
    kh_portal_put_when(p->json, "not_before", send->not_before_ms);
    kh_json_object_end(p->json);
    return KH_OK;
}

static kh_status put_jobs(kh_portal *portal, kh_json_writer *json, const kh_queue_page *pulls, const kh_queue_page *sends, kh_error *err)
{
    const kh_queue_page more_pulls = {pulls->which, pulls->before_id, pulls->limit + 1};
    const kh_queue_page more_sends = {sends->which, sends->before_id, sends->limit + 1};
    page p = {.json = json, .left = pulls->limit};
    kh_status status;

    kh_json_key(json, "pulls");
    kh_json_array_begin(json);
    status = kh_pull_page(portal->cache, &more_pulls, put_pull, &p, err);
    kh_json_array_end(json);
    kh_json_put_bool(json, "more_pulls", p.more);
    if (status != KH_OK)
        return status;
    p = (page){.json = json, .left = sends->limit};
    kh_json_key(json, "sends");
    kh_json_array_begin(json);
    status = kh_send_page(portal->cache, &more_sends, put_send, &p, err);
    kh_json_array_end(json);
    kh_json_put_bool(json, "more_sends", p.more);
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

static void answer(kh_portal *portal, kh_http_request *request, bool failed)
{
    kh_queue_page pulls = {.which = failed ? KH_QUEUE_FAILED : KH_QUEUE_OPEN}, sends = pulls;
    kh_error err = KH_ERROR_INIT;
    kh_json_writer json;
    kh_buf body;
    kh_status status = read_page(request, &pulls, &sends, &err);

    kh_buf_init(&body, ANSWER_BYTES_MAX);
    kh_json_writer_init(&json, &body);
    kh_json_object_begin(&json);
    if (status == KH_OK)
        status = put_jobs(portal, &json, &pulls, &sends, &err);
    if (status == KH_OK && !failed)
        status = put_rules(portal, &json, &err);
    kh_json_object_end(&json);
    if (status == KH_OK) {
        kh_portal_answer_json(request, &body, &json);
    } else {
        kh_buf_release(&body);
        kh_http_answer_error(request, &err);
    }
}

static void queue(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    answer(portal, request, false);
}

static void failures(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    answer(portal, request, true);
}

void kh_portal_admin_queue(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, queue);
}

void kh_portal_admin_failures(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, failures);
}
