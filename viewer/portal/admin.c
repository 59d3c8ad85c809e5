/* GET /api/admin/nodes and /api/admin/arrivals. */
#include "viewer/portal/admin.h"

#include "base/clock.h"
#include "cache/nodes.h"
#include "cache/received.h"

#define ANSWER_BYTES_MAX (4u << 20)
#define HOURS 48
#define ROWS_MAX 10000

static kh_status put_node(void *context, const kh_node *node)
{
    kh_json_writer *json = context;

    kh_json_object_begin(json);
    kh_json_put_int(json, "id", node->id);
    kh_json_put_text(json, "name", node->name);
    kh_json_put_text(json, "ae_title", node->ae_title);
    kh_json_put_text(json, "host", node->host);
    kh_json_put_int(json, "port", node->port);
    kh_json_put_text(json, "facility", node->facility);
    kh_json_put_bool(json, "tls", node->tls);
    kh_json_put_bool(json, "may_store", node->may_store);
    kh_json_put_bool(json, "may_query", node->may_query);
    kh_json_put_bool(json, "may_retrieve", node->may_retrieve);
    kh_json_put_text(json, "retrieve", node->host[0] ? node->retrieve_by_get ? "get" : "move" : NULL);
    kh_json_put_text(json, "hours", node->hours);
    kh_json_object_end(json);
    return KH_OK;
}

static void nodes(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    kh_error err = KH_ERROR_INIT;
    kh_portal_answer answer;
    kh_status status;

    kh_portal_answer_begin(&answer, ANSWER_BYTES_MAX);
    kh_json_object_begin(&answer.json);
    kh_json_key(&answer.json, "nodes");
    kh_json_array_begin(&answer.json);
    status = kh_node_list(portal->cache, put_node, &answer.json, &err);
    kh_json_array_end(&answer.json);
    kh_json_object_end(&answer.json);
    kh_portal_answer_end(&answer, request, status, &err);
}

static kh_status put_received(void *context, const kh_received *received)
{
    kh_json_writer *json = context;

    kh_json_object_begin(json);
    kh_json_put_int(json, "hour", received->hour);
    kh_json_put_text(json, "source", received->source);
    kh_json_put_int(json, "objects", received->objects);
    kh_json_put_int(json, "bytes", received->bytes);
    kh_json_object_end(json);
    return KH_OK;
}

static void arrivals(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    int64_t to_hour = kh_clock_wall_ms() / KH_RECEIVED_HOUR_MS, from_hour = to_hour - HOURS + 1;
    kh_error err = KH_ERROR_INIT;
    kh_portal_answer answer;
    kh_status status;

    kh_portal_answer_begin(&answer, ANSWER_BYTES_MAX);
    kh_json_object_begin(&answer.json);
    kh_json_put_int(&answer.json, "from_hour", from_hour);
    kh_json_put_int(&answer.json, "to_hour", to_hour);
    kh_json_key(&answer.json, "arrivals");
    kh_json_array_begin(&answer.json);
    status = kh_received_list(portal->cache, from_hour, ROWS_MAX, put_received, &answer.json, &err);
    kh_json_array_end(&answer.json);
    kh_json_object_end(&answer.json);
    kh_portal_answer_end(&answer, request, status, &err);
}

void kh_portal_admin_nodes(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, nodes);
}

void kh_portal_admin_arrivals(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, arrivals);
}
