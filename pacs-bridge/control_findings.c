/* control_findings.c - requests about how what is held differs from what its hospital has: see cache/findings.h and cache/compares.h. */
#include <string.h>
#include "base/log.h"
#include "cache/compares.h"
#include "pacs-bridge/control_ops.h"

#define NODES_MAX 1000 /* asked for with one request */

/* A row more than is told says that there are more. */
typedef struct page {
    kh_json_writer *json;
    int64_t left;
    bool more;
} page;

static kh_status put_finding(void *context, const kh_finding *finding)
{
    page *p = context;

    if (p->left-- == 0) {
        p->more = true;
        return KH_OK;
    }
    kh_json_object_begin(p->json);
    kh_json_put_int(p->json, "id", finding->id);
    kh_json_put_text(p->json, "kind", kh_finding_kind_text(finding->kind));
    kh_json_put_text(p->json, "state", kh_finding_state_text(finding->state));
    kh_json_put_int(p->json, "node", finding->node_id);
    kh_json_put_int(p->json, "study", finding->study_id);
    kh_json_put_text(p->json, "study_uid", finding->study_uid);
    kh_json_put_text(p->json, "here", finding->here);
    kh_json_put_text(p->json, "there", finding->there);
    kh_json_put_int(p->json, "missing", finding->missing);
    kh_json_put_int(p->json, "since_ms", finding->since_ms);
    kh_json_put_int(p->json, "noticed_ms", finding->noticed_ms);
    kh_json_put_int(p->json, "ended_ms", finding->ended_ms);
    kh_json_put_text(p->json, "ended_by", finding->ended_by);
    kh_json_put_int(p->json, "change", finding->change_id);
    kh_json_put_bool(p->json, "undone", finding->undone);
    kh_json_object_end(p->json);
    return KH_OK;
}

kh_status kh_op_finding_list(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    const char *which = kh_json_get_text(request, "which");
    int64_t limit = kh_json_get_int(request, "limit", KH_CONTROL_LIST_MAX);
    page p = {.json = answer, .left = limit};
    kh_status status;

    if (which && strcmp(which, "open") != 0 && strcmp(which, "all") != 0)
        return kh_error_set(err, KH_E_ARG, "which \"%.16s\", expected open or all", which);
    if (limit < 1 || limit > KH_CONTROL_LIST_MAX)
        return kh_error_set(err, KH_E_ARG, "limit %lld, expected 1 to %d", (long long)limit, KH_CONTROL_LIST_MAX);
    kh_json_key(answer, "findings");
    kh_json_array_begin(answer);
    status = kh_finding_list(server->cache, !which || strcmp(which, "open") == 0, kh_json_get_int(request, "before", INT64_MAX), limit + 1,
                             put_finding, &p, err);
    kh_json_array_end(answer);
    kh_json_put_bool(answer, "more", p.more);
    return status;
}

kh_status kh_op_finding_apply(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    const kh_change_author author = {kh_json_get_text(request, "reason"), kh_json_get_text(request, "asked_by")};
    int64_t change_id = 0;
    kh_status status = kh_finding_apply(server->cache, kh_json_get_int(request, "id", 0), &author, &change_id, err);

    if (status == KH_OK)
        kh_json_put_int(answer, "change", change_id);
    return status;
}

kh_status kh_op_finding_dismiss(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    (void)answer;
    return kh_finding_dismiss(server->cache, kh_json_get_int(request, "id", 0), kh_json_get_text(request, "asked_by"), err);
}

static kh_status keep_by_id(void *context, const kh_node *node)
{
    kh_node *wanted = context;

    if (node->id == wanted->id)
        *wanted = *node;
    return KH_OK;
}

kh_status kh_op_finding_ask(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    int64_t id = kh_json_get_int(request, "id", 0);
    kh_node node = {.id = 0};
    kh_finding finding;
    kh_status status = kh_finding_find(server->cache, id, &finding, err);

    if (status == KH_OK && !server->pulls.compare)
        return kh_error_set(err, KH_E_UNSUPPORTED, "nobody asks nodes here");
    node.id = finding.node_id;
    if (status == KH_OK)
        status = kh_node_list(server->cache, keep_by_id, &node, err);
    if (status == KH_OK && !node.host[0])
        return kh_error_set(err, KH_E_CONFLICT, "the node of finding %lld is not there to be asked", (long long)id);
    if (status == KH_OK)
        status = server->pulls.compare(server->pulls.context, &node, finding.study_id, err);
    if (status == KH_OK)
        status = kh_finding_find(server->cache, id, &finding, err);
    if (status != KH_OK)
        return status;
    kh_log(KH_LOG_INFO, "compare", "finding %lld of study %lld: node %s was asked again: %s", (long long)id, (long long)finding.study_id,
           node.name, kh_finding_state_text(finding.state));
    kh_json_put_text(answer, "state", kh_finding_state_text(finding.state));
    return KH_OK;
}

typedef struct requested {
    int64_t ids[NODES_MAX];
    size_t count;
} requested;

static kh_status keep_node(void *context, const kh_node *node)
{
    requested *r = context;

    if (node->host[0] && r->count < NODES_MAX)
        r->ids[r->count++] = node->id;
    return KH_OK;
}

kh_status kh_op_compare_now(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    const char *name = kh_json_get_text(request, "node");
    requested of = {.count = 0};
    kh_node node;
    kh_status status = name ? kh_node_find(server->cache, name, &node, err) : kh_node_list(server->cache, keep_node, &of, err);

    if (status == KH_OK && name && !node.host[0])
        return kh_error_set(err, KH_E_ARG, "node %s has no host: it only sends", name);
    if (status == KH_OK && name)
        of.ids[of.count++] = node.id;
    for (size_t i = 0; i < of.count && status == KH_OK; i++)
        status = kh_compare_request(server->cache, of.ids[i], err);
    if (status != KH_OK)
        return status;
    if (server->pulls.filed)
        server->pulls.filed(server->pulls.context);
    kh_json_put_int(answer, "nodes", (int64_t)of.count);
    return KH_OK;
}
