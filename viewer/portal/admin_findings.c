/* GET /api/admin/findings: how what is held differs from what its hospital has, and how far the comparison with each node is. */
#include <stdlib.h>
#include "cache/compares.h"
#include "viewer/portal/admin.h"

#define ANSWER_BYTES_MAX (4u << 20)
#define ROWS 50
#define ROWS_MAX 500

typedef struct rows {
    kh_finding *all; /* limit + 1: one more says that there are more */
    int64_t count;
} rows;

static kh_status keep(void *context, const kh_finding *finding)
{
    rows *r = context;

    r->all[r->count++] = *finding;
    return KH_OK;
}

static void put_time(kh_json_writer *json, const char *key, int64_t when_ms)
{
    if (when_ms > 0)
        kh_portal_put_when(json, key, when_ms);
    else
        kh_json_put_text(json, key, NULL);
}

static kh_status put_row(kh_portal *portal, kh_json_writer *json, const kh_finding *finding, kh_error *err)
{
    kh_status status;

    kh_json_object_begin(json);
    kh_json_put_int(json, "finding", finding->id);
    kh_json_put_text(json, "kind", kh_finding_kind_text(finding->kind));
    kh_json_put_text(json, "state", kh_finding_state_text(finding->state));
    kh_json_put_int(json, "node", finding->node_id);
    kh_json_put_text(json, "here", finding->here);
    kh_json_put_text(json, "there", finding->there);
    kh_json_put_int(json, "missing", finding->missing);
    put_time(json, "since", finding->since_ms);
    put_time(json, "noticed", finding->noticed_ms);
    put_time(json, "ended", finding->ended_ms);
    kh_json_put_text(json, "ended_by", finding->ended_by);
    kh_json_put_int(json, "change", finding->change_id);
    kh_json_put_bool(json, "undone", finding->undone);
    status = kh_portal_put_about(portal, json, "study", finding->study_id, err);
    kh_json_object_end(json);
    return status;
}

static kh_status put_rows(kh_portal *portal, kh_json_writer *json, bool open_only, int64_t before_id, int64_t limit, kh_error *err)
{
    rows r = {.all = calloc((size_t)limit + 1, sizeof *r.all)};
    kh_status status = r.all ? kh_finding_list(portal->cache, open_only, before_id, limit + 1, keep, &r, err)
                             : kh_error_set(err, KH_E_MEMORY, "no memory for a list of findings");

    kh_json_key(json, "findings");
    kh_json_array_begin(json);
    for (int64_t i = 0; status == KH_OK && i < r.count && i < limit; i++)
        status = put_row(portal, json, &r.all[i], err);
    kh_json_array_end(json);
    kh_json_put_bool(json, "more", r.count > limit);
    free(r.all);
    return status;
}

static kh_status put_compare(void *context, const kh_compare *compare)
{
    kh_json_writer *json = context;

    kh_json_object_begin(json);
    kh_json_put_int(json, "node", compare->node_id);
    put_time(json, "began", compare->began_ms);
    put_time(json, "ended", compare->ended_ms);
    kh_json_put_int(json, "asked", compare->asked);
    kh_json_put_int(json, "same", compare->same);
    kh_json_put_int(json, "known", compare->known);
    kh_json_put_int(json, "gone", compare->gone);
    kh_json_put_int(json, "patient", compare->patient);
    kh_json_put_int(json, "instances", compare->instances);
    kh_json_put_int(json, "findings", compare->findings);
    kh_json_put_bool(json, "believed", compare->believed);
    kh_json_put_text(json, "reason", compare->reason);
    kh_json_object_end(json);
    return KH_OK;
}

static kh_status put_all(kh_portal *portal, kh_http_request *request, kh_json_writer *json, kh_error *err)
{
    int64_t limit, before_id, all, open = 0;
    kh_status status = kh_http_query_int(request, "limit", 1, ROWS_MAX, ROWS, &limit, err);

    if (status == KH_OK)
        status = kh_http_query_int(request, "before", 1, INT64_MAX, INT64_MAX, &before_id, err);
    if (status == KH_OK)
        status = kh_http_query_int(request, "all", 0, 1, 0, &all, err);
    if (status == KH_OK)
        status = put_rows(portal, json, all == 0, before_id, limit, err);
    if (status == KH_OK)
        status = kh_finding_count_open(portal->cache, &open, err);
    if (status != KH_OK)
        return status;
    kh_json_put_int(json, "open", open);
    kh_json_key(json, "compares");
    kh_json_array_begin(json);
    status = kh_compare_list(portal->cache, put_compare, json, err);
    kh_json_array_end(json);
    return status;
}

static void findings(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    kh_error err = KH_ERROR_INIT;
    kh_portal_answer answer;
    kh_status status;

    kh_portal_answer_begin(&answer, ANSWER_BYTES_MAX);
    kh_json_object_begin(&answer.json);
    status = put_all(portal, request, &answer.json, &err);
    kh_json_object_end(&answer.json);
    kh_portal_answer_end(&answer, request, status, &err);
}

void kh_portal_admin_findings(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, findings);
}
