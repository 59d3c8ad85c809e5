#include "pacs-bridge/still.h"

#include <string.h>

/* Called as it called, would it be let in as the same node of the same facility? */
static kh_status look_at_node(kh_still *still, kh_error *err)
{
    kh_scp *of = still->of;
    const kh_assoc_request *request = of->request;
    uint64_t nodes = kh_nodes_moved(of->service->cache);
    char called[65];
    const kh_caller who = {request->calling, called, request->address, request->tls[0] != '\0', request->certificate};
    kh_error why = KH_ERROR_INIT;
    kh_node now;
    kh_status status;

    if (nodes == still->nodes)
        return KH_OK;
    status = kh_service_called(of->service, request->called, called, &why);
    if (status == KH_OK)
        status = kh_node_by_caller(of->service->cache, &who, &now, &why);
    if (status == KH_E_NOT_FOUND || status == KH_E_DENIED)
        return kh_error_set(err, KH_E_DENIED, "node %s may no longer call: %s", of->node.name, why.message);
    if (status != KH_OK)
        return KH_OK;
    if (now.id != of->node.id || strcmp(now.facility, of->node.facility) != 0)
        return kh_error_set(err, KH_E_DENIED, "node %s is another one now", of->node.name);
    of->node.may_store = now.may_store;
    of->node.may_query = now.may_query;
    of->node.may_retrieve = now.may_retrieve;
    still->nodes = nodes;
    return KH_OK;
}

static kh_status look_at_facility(kh_still *still, kh_error *err)
{
    const kh_service_scp *service = still->of->service;
    uint64_t epoch = service->rights ? kh_access_epoch(service->access) : still->epoch;
    kh_error why = KH_ERROR_INIT;
    bool open = false;

    if (epoch == still->epoch || kh_rights_open(service->rights, &still->of->subject, &open, &why) != KH_OK)
        return KH_OK;
    if (still->open && !open)
        return kh_error_set(err, KH_E_DENIED, "facility %s is stopped", still->of->subject.facility);
    still->epoch = epoch;
    still->open = open;
    return KH_OK;
}

kh_status kh_still_look(void *context, kh_error *err)
{
    kh_status status = look_at_node(context, err);

    return status == KH_OK ? look_at_facility(context, err) : status;
}

void kh_still_begin(kh_still *still, kh_scp *of)
{
    *still = (kh_still){.of = of};
    (void)look_at_facility(still, NULL); /* nothing is open before: it fails with nothing */
}
