/* control_studies.c - requests about what is held: a study evicted, fetched back, pinned, unpinned; a file of the quarantine accepted,
 * discarded. */
#include "cache/evict.h"
#include "cache/pins.h"
#include "cache/quarantine.h"
#include "pacs-bridge/control_ops.h"

kh_status kh_op_study_evict(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    kh_evicted out;
    kh_status status = kh_evict_study(server->cache, kh_json_get_int(request, "id", 0), 0, "asked for", &out, err);

    if (status != KH_OK)
        return status;
    kh_json_put_int(answer, "objects", out.objects);
    kh_json_put_int(answer, "bytes", out.bytes);
    return KH_OK;
}

kh_status kh_op_study_recall(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    int64_t pull_id;
    kh_status status =
        kh_evict_recall(server->cache, kh_json_get_int(request, "id", 0), kh_json_get_text(request, "asked_by"), &pull_id, err);

    if (status != KH_OK)
        return status;
    if (pull_id != 0 && server->pulls.filed)
        server->pulls.filed(server->pulls.context);
    kh_json_put_int(answer, "pull", pull_id);
    return KH_OK;
}

kh_status kh_op_study_pin(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    (void)answer;
    return kh_pin(server->cache, kh_json_get_int(request, "id", 0), kh_json_get_text(request, "owner"), err);
}

kh_status kh_op_study_unpin(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    (void)answer;
    return kh_unpin(server->cache, kh_json_get_int(request, "id", 0), kh_json_get_text(request, "owner"), err);
}

kh_status kh_op_quarantine_accept(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    kh_ingest_result result;
    kh_status status = kh_quarantine_accept(server->cache, kh_json_get_text(request, "name"), &result, err);

    if (status == KH_OK)
        kh_json_put_int(answer, "object_id", result.object_id);
    return status;
}

kh_status kh_op_quarantine_discard(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    (void)answer;
    return kh_quarantine_discard(server->cache, kh_json_get_text(request, "name"), err);
}
