/* GET /api/pulls, and a pull as JSON. */
#include "base/clock.h"
#include "viewer/portal/internal.h"

#define PULLS_LISTED 200
#define ANSWER_BYTES_MAX (4u << 20)

void kh_portal_put_pull(kh_json_writer *json, const kh_pull *pull)
{
    kh_json_put_text(json, "state", kh_pull_state_text(pull->state));
    kh_json_put_int(json, "expected", pull->expected);
    kh_json_put_int(json, "received", pull->received);
    kh_json_put_int(json, "failed", pull->failed);
    kh_json_put_text(json, "reason", pull->reason);
    kh_json_put_bool(json, "compare", pull->compare);
}

void kh_portal_put_when(kh_json_writer *json, const char *key, int64_t wall_ms)
{
    char text[KH_CLOCK_TEXT_SIZE];

    kh_clock_format(text, wall_ms);
    kh_json_put_text(json, key, text);
}

void kh_portal_put_pull_row(kh_json_writer *json, const kh_pull *pull)
{
    kh_json_put_int(json, "pull", pull->id);
    kh_json_put_int(json, "node", pull->node_id);
    kh_json_put_text(json, "study_uid", pull->study_uid);
    kh_json_put_int(json, "priority", pull->priority);
    kh_portal_put_pull(json, pull);
    kh_json_put_int(json, "attempts", pull->attempts);
    kh_json_put_int(json, "bytes", pull->bytes);
    kh_json_put_int(json, "rule", pull->rule_id);
    kh_json_put_text(json, "asked_by", pull->asked_by);
    kh_portal_put_when(json, "created", pull->created_ms);
    kh_portal_put_when(json, "updated", pull->updated_ms);
    kh_portal_put_when(json, "not_before", pull->not_before_ms);
}

static kh_status put_listed(void *context, const kh_pull *pull)
{
    kh_json_writer *json = context;

    kh_json_object_begin(json);
    kh_portal_put_pull_row(json, pull);
    kh_json_object_end(json);
    return KH_OK;
}

static void list_pulls(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    kh_error err = KH_ERROR_INIT;
    kh_portal_answer answer;
    kh_status status;

    kh_portal_answer_begin(&answer, ANSWER_BYTES_MAX);
    kh_json_object_begin(&answer.json);
    kh_json_key(&answer.json, "pulls");
    kh_json_array_begin(&answer.json);
    status = kh_pull_list(portal->cache, false, PULLS_LISTED, put_listed, &answer.json, &err);
    kh_json_array_end(&answer.json);
    kh_json_object_end(&answer.json);
    kh_portal_answer_end(&answer, request, status, &err);
}

void kh_portal_pulls(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, list_pulls);
}
