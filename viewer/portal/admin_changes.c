/* GET /api/admin/changes: what was said of objects after they came, by whom, why, and what it changed. */
#include <stdlib.h>
#include "cache/changes.h"
#include "viewer/portal/admin.h"

#define ANSWER_BYTES_MAX (4u << 20)
#define ROWS 50
#define ROWS_MAX 500

typedef struct rows {
    kh_change *all; /* limit + 1: one more says that there are more */
    int64_t count;
} rows;

static kh_status keep(void *context, const kh_change *change)
{
    rows *r = context;

    r->all[r->count++] = *change;
    return KH_OK;
}

static kh_status put_value(void *context, const kh_change_value *value)
{
    kh_json_writer *json = context;

    kh_json_object_begin(json);
    kh_json_put_text(json, "value", value->name);
    kh_json_put_text(json, "was", value->was);
    kh_json_put_text(json, "becomes", value->becomes);
    kh_json_object_end(json);
    return KH_OK;
}

static kh_status put_row(kh_portal *portal, kh_json_writer *json, const kh_change *change, kh_error *err)
{
    kh_status status;

    kh_json_object_begin(json);
    kh_json_put_int(json, "change", change->id);
    kh_json_put_text(json, "kind", kh_change_kind_text(change->kind));
    kh_json_put_text(json, "facility", change->facility);
    kh_portal_put_when(json, "when", change->when_ms);
    kh_json_put_text(json, "reason", change->reason);
    kh_json_put_text(json, "asked_by", change->asked_by);
    kh_json_put_int(json, "objects", change->objects);
    if (change->undone_ms)
        kh_portal_put_when(json, "undone", change->undone_ms);
    else
        kh_json_put_text(json, "undone", NULL);
    kh_json_put_text(json, "undone_by", change->undone_by);
    kh_json_put_bool(json, "purged", change->purged);
    status = kh_portal_put_about(portal, json, "study", change->study_id, err); /* hidden or not, its own row tells what it is */
    kh_json_key(json, "values");
    kh_json_array_begin(json);
    if (status == KH_OK)
        status = kh_change_values(portal->cache, change->id, put_value, json, err);
    kh_json_array_end(json);
    kh_json_object_end(json);
    return status;
}

static kh_status put_rows(kh_portal *portal, kh_json_writer *json, int64_t study_id, int64_t limit, kh_error *err)
{
    rows r = {.all = calloc((size_t)limit + 1, sizeof *r.all)};
    kh_status status = r.all ? kh_change_list(portal->cache, study_id, limit + 1, keep, &r, err)
                             : kh_error_set(err, KH_E_MEMORY, "no memory for a list of changes");

    kh_json_key(json, "changes");
    kh_json_array_begin(json);
    for (int64_t i = 0; status == KH_OK && i < r.count && i < limit; i++)
        status = put_row(portal, json, &r.all[i], err);
    kh_json_array_end(json);
    kh_json_put_bool(json, "more", r.count > limit);
    free(r.all);
    return status;
}

static void changes(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    kh_error err = KH_ERROR_INIT;
    int64_t limit, study_id = 0;
    kh_portal_answer answer;
    kh_status status = kh_http_query_int(request, "limit", 1, ROWS_MAX, ROWS, &limit, &err);

    if (status == KH_OK)
        status = kh_http_query_int(request, "study", 1, INT64_MAX, 0, &study_id, &err);
    kh_portal_answer_begin(&answer, ANSWER_BYTES_MAX);
    kh_json_object_begin(&answer.json);
    if (status == KH_OK)
        status = put_rows(portal, &answer.json, study_id, limit, &err);
    kh_json_object_end(&answer.json);
    kh_portal_answer_end(&answer, request, status, &err);
}

void kh_portal_admin_changes(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, changes);
}
