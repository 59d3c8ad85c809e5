/* commit_scp.c - Storage Commitment Push Model on associations that others make: their requests, and their reports on ours (PS3.4 J.3). */
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "pacs-bridge/commit_data.h"
#include "pacs-bridge/scp.h"

#define HELD_MAX (sizeof(((kh_scp *)0)->held) / sizeof(((kh_scp *)0)->held[0]))

uint16_t kh_commit_event_status(kh_status status)
{
    switch (status) {
    case KH_OK:
    case KH_E_CONFLICT: /* it had ended already */
        return KH_DIMSE_SUCCESS;
    case KH_E_NOT_FOUND:
    case KH_E_FORMAT:
    case KH_E_LIMIT:
        return KH_DIMSE_INVALID_ARGUMENT;
    default:
        return KH_DIMSE_PROCESSING_FAILURE;
    }
}

static uint16_t action_status(kh_status status)
{
    switch (status) {
    case KH_OK:
        return KH_DIMSE_SUCCESS;
    case KH_E_FORMAT:
        return KH_DIMSE_INVALID_ARGUMENT;
    case KH_E_LIMIT:
    case KH_E_BUSY:
    case KH_E_FULL:
        return KH_DIMSE_RESOURCE_LIMITATION;
    case KH_E_DENIED:
        return KH_DIMSE_NOT_AUTHORISED;
    default:
        return KH_DIMSE_PROCESSING_FAILURE;
    }
}

/* What can be said without the data set; 0 when nothing. */
static uint16_t check_command(const kh_scp *of, const kh_context *with, const kh_dimse *request)
{
    if (!of->service->commits || strcmp(with->abstract_syntax, KH_SOP_COMMITMENT) != 0 ||
        strcmp(request->sop_class_uid, KH_SOP_COMMITMENT) != 0)
        return KH_DIMSE_CLASS_NOT_SUPPORTED;
    if (strcmp(request->sop_instance_uid, KH_SOP_COMMITMENT_INSTANCE) != 0)
        return KH_DIMSE_NO_SUCH_INSTANCE;
    if (request->field == KH_N_ACTION_RQ && request->type_id != KH_COMMIT_ACTION_REQUEST)
        return KH_DIMSE_NO_SUCH_ACTION;
    if (request->field == KH_N_EVENT_REPORT_RQ && request->type_id != KH_COMMIT_EVENT_ALL && request->type_id != KH_COMMIT_EVENT_FAILURES)
        return KH_DIMSE_NO_SUCH_EVENT;
    return request->has_data ? 0 : KH_DIMSE_INVALID_ARGUMENT;
}

/* The data set, when there is one; *stored says whether it is in data whole. */
static kh_status receive(const kh_scp *of, const kh_context *with, const kh_dimse *request, bool wanted, kh_buf *data, kh_status *stored,
                         kh_error *why, kh_error *err)
{
    size_t refs_max = of->service->commits ? (size_t)kh_commit_queue_limits(of->service->commits)->references_max : 1;

    kh_buf_init(data, 65536 + refs_max * KH_COMMIT_REF_BYTES_MAX);
    *stored = KH_OK;
    if (!request->has_data)
        return KH_OK;
    return kh_assoc_receive_data(of->assoc, with->id, wanted ? kh_data_sink_buf : kh_scp_drop, data, stored, why, err);
}

static kh_status promise(kh_scp *of, const kh_context *with, const kh_buf *data, kh_error *why)
{
    const kh_commit_limits *limits = kh_commit_queue_limits(of->service->commits);
    kh_commit_data asked = {0};
    bool held = false;
    int64_t id = 0;
    kh_status status =
        kh_commit_data_read(&asked, data->data, data->size, with->transfer_syntax, false, (size_t)limits->references_max, why);

    for (size_t i = 0; status == KH_OK && i < asked.count; i++)
        asked.refs[i].result = KH_COMMITMENT_UNKNOWN;
    if (status == KH_OK && of->held_count == HELD_MAX)
        status = kh_error_set(why, KH_E_BUSY, "%zu requests on this association are not reported yet", of->held_count);
    if (status == KH_OK)
        status = kh_commit_queue_promise(of->service->commits, &of->node, asked.transaction_uid, asked.refs, asked.count, &held, &id, why);
    if (status == KH_OK && held)
        of->held[of->held_count++] = id;
    kh_commit_data_release(&asked);
    return status;
}

kh_status kh_scp_action(kh_scp *of, uint8_t context_id, const kh_dimse *request, kh_error *err)
{
    const kh_context *with = kh_assoc_context(of->assoc, context_id);
    uint16_t answer = check_command(of, with, request);
    kh_error why = KH_ERROR_INIT;
    kh_status stored = KH_OK, status;
    kh_buf data;

    if (answer == 0 && !of->node.may_store) {
        answer = KH_DIMSE_NOT_AUTHORISED;
        (void)!kh_error_set(&why, KH_E_DENIED, "node %s may not store", of->node.name);
    }
    status = receive(of, with, request, answer == 0, &data, &stored, &why, err);
    if (status == KH_OK && answer == 0) {
        if (stored == KH_OK)
            stored = promise(of, with, &data, &why);
        answer = action_status(stored);
    }
    kh_buf_release(&data);
    if (status != KH_OK)
        return status;
    if (answer != KH_DIMSE_SUCCESS)
        kh_log(KH_LOG_WARN, "commit", "a request of %s is refused: %04X, %s", of->node.name, answer, why.message);
    return kh_scp_answer(of, context_id, request, answer, why.message);
}

kh_status kh_scp_event_report(kh_scp *of, uint8_t context_id, const kh_dimse *request, kh_error *err)
{
    const kh_context *with = kh_assoc_context(of->assoc, context_id);
    uint16_t answer = check_command(of, with, request);
    kh_error why = KH_ERROR_INIT;
    kh_status stored = KH_OK, status;
    kh_buf data;

    status = receive(of, with, request, answer == 0, &data, &stored, &why, err);
    if (status == KH_OK && answer == 0) {
        if (stored == KH_OK)
            stored = kh_commit_queue_take_report(of->service->commits, &of->node, data.data, data.size, with->transfer_syntax, &why);
        answer = kh_commit_event_status(stored);
    }
    kh_buf_release(&data);
    if (status != KH_OK)
        return status;
    if (answer != KH_DIMSE_SUCCESS)
        kh_log(KH_LOG_WARN, "commit", "a report of %s is refused: %04X, %s", of->node.name, answer, why.message);
    return kh_scp_answer(of, context_id, request, answer, why.message);
}

/* --- reports on the association of the request --- */

typedef struct waiting {
    kh_scp *of;
    bool released;
} waiting;

/* Until the response comes; requests that cross it are served. */
static kh_status await(void *context, uint16_t message_id, uint16_t *answered, kh_error *err)
{
    waiting *on = context;

    for (;;) {
        kh_dimse command;
        uint8_t context_id;
        kh_status status = kh_assoc_receive(on->of->assoc, &context_id, &command, 0, err);

        if (status != KH_OK)
            return status;
        on->released = command.field == 0;
        if (on->released)
            return kh_error_set(err, KH_E_PEER, "released by the peer before it answered the report");
        if (command.field == KH_N_EVENT_REPORT_RSP && command.responded_id == message_id && !command.has_data) {
            *answered = command.status;
            return KH_OK;
        }
        status = kh_scp_serve(on->of, context_id, &command, err);
        if (status != KH_OK)
            return status;
    }
}

static const kh_context *context_of(const kh_scp *of)
{
    return kh_assoc_context_find(of->assoc, KH_SOP_COMMITMENT, NULL);
}

/* What the node did not take before is reported here, where it can be, or on an association of ours. */
static void ask_for_late(kh_scp *of)
{
    of->asked_late = true;
    if (!of->service->commits)
        return;
    if (context_of(of))
        of->held_count += kh_commit_queue_is_there(of->service->commits, &of->node, of->held + of->held_count, HELD_MAX - of->held_count);
    else
        (void)kh_commit_queue_is_there(of->service->commits, &of->node, NULL, 0);
}

kh_status kh_scp_linger(kh_scp *of, bool *released, kh_error *err)
{
    waiting on = {.of = of};
    kh_status status;

    *released = false;
    if (!of->asked_late)
        ask_for_late(of);
    while (of->held_count > 0) {
        kh_error why = KH_ERROR_INIT;
        int64_t id = of->held[of->held_count - 1];

        status = kh_assoc_wait(of->assoc, kh_commit_queue_limits(of->service->commits)->stay_ms, NULL);
        if (status != KH_E_TIMEOUT)
            return status == KH_E_CANCELLED ? kh_error_set(err, status, "stopping") : KH_OK; /* it has something to say first */
        of->held_count--;
        status = kh_commit_queue_report(of->service->commits, id, &of->node, of->assoc, context_of(of), await, &on, &why);
        kh_commit_queue_release(of->service->commits, id);
        *released = on.released;
        if (on.released)
            return KH_OK;
        if (status == KH_E_PEER || status == KH_E_TIMEOUT || status == KH_E_CANCELLED)
            return kh_error_set(err, status, "%s", why.message);
    }
    return KH_OK;
}

void kh_scp_let_go(kh_scp *of)
{
    while (of->held_count > 0)
        kh_commit_queue_release(of->service->commits, of->held[--of->held_count]);
}
