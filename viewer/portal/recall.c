/* POST /api/studies/{id}/recall: what of a study is at its hospital is asked for. The web role only reads: whoever made the portal asks
 * the owner of the index (kh_portal_options.recall). */
#include "viewer/portal/internal.h"

#define ANSWER_BYTES_MAX 4096

static void recall(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    kh_error err = KH_ERROR_INIT;
    int64_t study_id, pull_id = 0;
    kh_portal_answer answer;
    kh_status status = kh_http_segment_int(request, "id", 1, INT64_MAX, &study_id, &err);

    if (status == KH_OK && !portal->options.recall)
        status = kh_error_set(&err, KH_E_UNSUPPORTED, "nobody fetches studies here");
    if (status == KH_OK)
        status = portal->options.recall(portal->options.recall_context, study_id, &pull_id, &err);
    kh_portal_answer_begin(&answer, ANSWER_BYTES_MAX);
    kh_json_object_begin(&answer.json);
    kh_json_put_int(&answer.json, "pull", pull_id);
    kh_json_object_end(&answer.json);
    kh_portal_answer_end(&answer, request, status, &err);
}

void kh_portal_recall(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, recall);
}
