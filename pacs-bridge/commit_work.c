#include "pacs-bridge/commit_work.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "pacs-bridge/commit_data.h"
#include "pacs-bridge/dimse_status.h"
#include "pacs-bridge/scp.h"
#include "pacs-bridge/scp_rights.h"
#include "pacs-bridge/told_work.h"

#define STAY_LONGEST_MS 5000 /* for a report on the association of our request */
#define STAY_TICK_MS 100

static const char *const syntaxes[] = {KH_TS_EXPLICIT_LE, KH_TS_IMPLICIT_LE};

static kh_status open_association(kh_assoc **assoc, const kh_context **with, const kh_commit_queue *queue, const kh_node *node, bool as_scp,
                                  kh_error *err)
{
    const kh_proposal proposal = {KH_SOP_COMMITMENT, syntaxes, 2, as_scp};
    kh_scu scu;
    kh_status status;

    kh_service_scu(queue->options.service, &scu);
    scu.wait_ms = 0; /* other nodes wait for this thread too */
    *assoc = NULL;
    status = kh_scu_connect(assoc, &scu, node, &proposal, 1, err);
    if (status != KH_OK)
        return status;
    *with = kh_assoc_context_find(*assoc, KH_SOP_COMMITMENT, NULL);
    if (*with)
        return KH_OK;
    (void)!kh_assoc_release(*assoc, NULL);
    kh_assoc_free(*assoc);
    *assoc = NULL;
    return kh_error_set(err, KH_E_UNSUPPORTED, "node %s takes no storage commitment", node->name);
}

static void close_association(kh_assoc *assoc, kh_status status)
{
    if (status != KH_OK)
        kh_assoc_abort(assoc);
    else
        (void)!kh_assoc_release(assoc, NULL);
    kh_assoc_free(assoc);
}

/* --- what we promise --- */

/* With accounts: what a node may not even find is not promised either. All that a promise is about is of its own facility, and alike. */
static kh_status may_find(const kh_commit_queue *queue, const kh_node *node, bool *may, kh_error *err)
{
    const kh_service_scp *service = queue->options.service;
    kh_reach *reach = NULL;
    kh_subject subject;
    kh_status status;

    *may = true;
    if (!service->rights)
        return KH_OK;
    status = kh_scp_subject(&subject, service, node, err);
    if (status == KH_OK)
        status = kh_reach_open(&reach, service->rights, &subject, KH_VERB_FIND, KH_REACH_NAMED, err);
    *may = status == KH_OK && kh_reach_scope(reach)->own_facility[0];
    kh_reach_close(reach);
    return status;
}

static kh_status check_all(kh_commit_queue *queue, kh_commitment *commitment, const kh_node *node, kh_commitment_ref *refs, size_t count,
                           kh_error *err)
{
    const char *facility = node->facility[0] ? node->facility : queue->options.facility_default;
    bool may = false;
    kh_status status = may_find(queue, node, &may, err);

    commitment->committed = 0;
    for (size_t i = 0; status == KH_OK && i < count; i++) {
        if (kh_stop_raised(queue->options.stop))
            return kh_error_set(err, KH_E_CANCELLED, "stopping");
        refs[i].result = KH_COMMITMENT_NO_SUCH;
        refs[i].study_id = 0;
        if (may)
            status = kh_commitment_check(queue->options.cache, commitment->id, facility, queue->options.limits.sums, &refs[i], err);
        commitment->committed += refs[i].result == 0;
    }
    commitment->checked = true;
    if (status == KH_OK)
        status = kh_told_promising(queue->options.service, node, commitment, refs, count, err);
    return status == KH_OK ? kh_commitment_update(queue->options.cache, commitment, refs, count, err) : status;
}

static kh_status send_report(kh_commit_queue *queue, const kh_commitment *commitment, const kh_node *node, const kh_commitment_ref *refs,
                             size_t count, kh_assoc *assoc, const kh_context *with, uint16_t *message_id, kh_error *err)
{
    char ours[KH_AE_TITLE_SIZE]; /* as the node knows it */
    kh_dimse request;
    kh_scu scu;
    kh_buf data;
    kh_status status;

    kh_dimse_init(&request, KH_N_EVENT_REPORT_RQ);
    request.message_id = *message_id = kh_assoc_next_message_id();
    request.has_data = true;
    snprintf(request.sop_class_uid, sizeof(request.sop_class_uid), "%s", KH_SOP_COMMITMENT);
    snprintf(request.sop_instance_uid, sizeof(request.sop_instance_uid), "%s", KH_SOP_COMMITMENT_INSTANCE);
    kh_buf_init(&data, 4096 + count * KH_COMMIT_REF_BYTES_MAX);
    kh_service_scu(queue->options.service, &scu);
    kh_scu_title(&scu, node, ours);
    status = kh_commit_report_build(&data, with->transfer_syntax, ours, commitment->transaction_uid, refs, count,
                                    &request.type_id, err);
    if (status == KH_OK)
        status = kh_assoc_send(assoc, with->id, &request, err);
    if (status == KH_OK)
        status = kh_assoc_send_data(assoc, with->id, data.data, data.size, true, err);
    kh_buf_release(&data);
    return status;
}

static kh_status end_report(kh_commit_queue *queue, kh_commitment *commitment, const kh_node *node, uint16_t answered, kh_error *err)
{
    if (answered != KH_DIMSE_SUCCESS)
        return kh_error_set(err, KH_E_DENIED, "node %s answers the report with %04X, %s", node->name, answered,
                            kh_dimse_status_text(answered));
    commitment->state = KH_COMMITMENT_DONE;
    commitment->reason[0] = '\0';
    kh_log(commitment->committed == commitment->count ? KH_LOG_INFO : KH_LOG_WARN, "commit",
           "transaction %" PRId64 ": %" PRId64 " of %" PRId64 " objects promised to %s", commitment->id, commitment->committed,
           commitment->count, node->name);
    return kh_commitment_update(queue->options.cache, commitment, NULL, 0, err);
}

static kh_status report(kh_commit_queue *queue, kh_commitment *commitment, const kh_node *node, kh_assoc *assoc, const kh_context *with,
                        kh_commit_await *await, void *context, kh_error *err)
{
    kh_commitment_ref *refs = NULL;
    uint16_t message_id = 0, answered = 0;
    size_t count = 0;
    kh_status status = kh_commitment_refs(queue->options.cache, commitment->id, &refs, &count, err);

    if (status == KH_OK && !commitment->checked)
        status = check_all(queue, commitment, node, refs, count, err);
    if (status == KH_OK)
        status = send_report(queue, commitment, node, refs, count, assoc, with, &message_id, err);
    if (status == KH_OK)
        status = await(context, message_id, &answered, err);
    if (status == KH_OK)
        status = end_report(queue, commitment, node, answered, err);
    free(refs);
    return status;
}

kh_status kh_commit_queue_report(kh_commit_queue *queue, int64_t id, const kh_node *node, kh_assoc *assoc, const kh_context *with,
                                 kh_commit_await *await, void *context, kh_error *err)
{
    kh_commitment commitment;
    kh_status status = kh_commitment_find(queue->options.cache, id, &commitment, err);

    return status == KH_OK ? report(queue, &commitment, node, assoc, with, await, context, err) : status;
}

static kh_status await_alone(void *context, uint16_t message_id, uint16_t *answered, kh_error *err)
{
    kh_dimse response;
    uint8_t context_id;
    kh_status status = kh_assoc_receive(context, &context_id, &response, 0, err);

    if (status != KH_OK)
        return status;
    if (response.field != KH_N_EVENT_REPORT_RSP || response.responded_id != message_id || response.has_data)
        return kh_error_set(err, KH_E_PEER, "command %04X, expected the answer to the report", response.field);
    *answered = response.status;
    return KH_OK;
}

kh_status kh_commit_work_report(kh_commit_queue *queue, kh_commitment *commitment, const kh_node *node, kh_error *err)
{
    const kh_context *with = NULL;
    kh_assoc *assoc = NULL;
    kh_status status = open_association(&assoc, &with, queue, node, true, err);

    if (status != KH_OK)
        return status;
    status = report(queue, commitment, node, assoc, with, await_alone, assoc, err);
    close_association(assoc, status);
    return status;
}

/* --- what others promise --- */

static void take_results(kh_commitment *commitment, kh_commitment_ref *refs, size_t count, const kh_commit_data *told)
{
    commitment->committed = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < told->count && refs[i].result == KH_COMMITMENT_UNKNOWN; k++)
            if (strcmp(refs[i].sop_instance_uid, told->refs[(i + k) % told->count].sop_instance_uid) == 0)
                refs[i].result = told->refs[(i + k) % told->count].result;
        commitment->committed += refs[i].result == 0;
    }
}

kh_status kh_commit_queue_take_report(kh_commit_queue *queue, const kh_node *node, const uint8_t *bytes, size_t size,
                                      const char *transfer_syntax_uid, kh_error *err)
{
    kh_commitment commitment;
    kh_commitment_ref *refs = NULL;
    kh_commit_data told;
    size_t count = 0;
    kh_status status =
        kh_commit_data_read(&told, bytes, size, transfer_syntax_uid, true, (size_t)queue->options.limits.references_max, err);

    if (status != KH_OK)
        return status;
    status = kh_commitment_by_uid(queue->options.cache, KH_COMMITMENT_THEIRS, node->id, told.transaction_uid, &commitment, err);
    if (status == KH_OK && commitment.state == KH_COMMITMENT_DONE) { /* told again: we have it */
        kh_commit_data_release(&told);
        return KH_OK;
    }
    if (status == KH_OK)
        status = kh_commitment_refs(queue->options.cache, commitment.id, &refs, &count, err);
    if (status == KH_OK) {
        take_results(&commitment, refs, count, &told);
        commitment.state = KH_COMMITMENT_DONE;
        status = kh_commitment_update(queue->options.cache, &commitment, refs, count, err);
    }
    if (status == KH_OK)
        kh_told_promised(queue->options.service, node, &commitment);
    if (status == KH_OK)
        kh_log(commitment.committed == commitment.count ? KH_LOG_INFO : KH_LOG_WARN, "commit",
               "transaction %" PRId64 ": %s has promised to keep %" PRId64 " of %" PRId64 " objects", commitment.id, node->name,
               commitment.committed, commitment.count);
    free(refs);
    kh_commit_data_release(&told);
    return status;
}

static kh_status send_action(kh_commit_queue *queue, const kh_commitment *commitment, kh_assoc *assoc, const kh_context *with,
                             kh_dimse *request, kh_error *err)
{
    kh_commitment_ref *refs = NULL;
    size_t count = 0;
    kh_buf data;
    kh_status status = kh_commitment_refs(queue->options.cache, commitment->id, &refs, &count, err);

    kh_dimse_init(request, KH_N_ACTION_RQ);
    request->message_id = kh_assoc_next_message_id();
    request->type_id = KH_COMMIT_ACTION_REQUEST;
    request->has_data = true;
    snprintf(request->sop_class_uid, sizeof(request->sop_class_uid), "%s", KH_SOP_COMMITMENT);
    snprintf(request->sop_instance_uid, sizeof(request->sop_instance_uid), "%s", KH_SOP_COMMITMENT_INSTANCE);
    kh_buf_init(&data, 4096 + count * KH_COMMIT_REF_BYTES_MAX);
    if (status == KH_OK)
        status = kh_commit_request_build(&data, with->transfer_syntax, commitment->transaction_uid, refs, count, err);
    if (status == KH_OK)
        status = kh_assoc_send(assoc, with->id, request, err);
    if (status == KH_OK)
        status = kh_assoc_send_data(assoc, with->id, data.data, data.size, true, err);
    kh_buf_release(&data);
    free(refs);
    return status;
}

/* A command that came on the association of our request: the answer to it, or already the report. */
typedef struct talk {
    kh_commit_queue *queue;
    const kh_node *node;
    kh_assoc *assoc;
    const kh_context *with;
    uint16_t message_id;
    bool answered, reported, released;
    uint16_t status;
} talk;

static kh_status take_event(talk *with, const kh_dimse *request, kh_error *err)
{
    kh_dimse response;
    kh_error why = KH_ERROR_INIT;
    kh_buf data;
    kh_status stored, sink_status = KH_OK, status = KH_OK;

    kh_buf_init(&data, 65536 + (size_t)with->queue->options.limits.references_max * KH_COMMIT_REF_BYTES_MAX);
    if (request->has_data)
        status = kh_assoc_receive_data(with->assoc, with->with->id, kh_data_sink_buf, &data, &sink_status, &why, err);
    stored = sink_status != KH_OK
                 ? sink_status
                 : kh_commit_queue_take_report(with->queue, with->node, data.data, data.size, with->with->transfer_syntax, &why);
    kh_buf_release(&data);
    if (status != KH_OK)
        return status;
    with->reported = stored == KH_OK;
    kh_dimse_respond(&response, request, kh_commit_event_status(stored));
    return kh_assoc_send(with->assoc, with->with->id, &response, err);
}

static kh_status take_command(talk *with, kh_error *err)
{
    kh_dimse command;
    uint8_t context_id;
    kh_status status = kh_assoc_receive(with->assoc, &context_id, &command, 0, err);

    if (status != KH_OK)
        return status;
    if (command.field == 0) {
        with->released = true;
        return KH_OK;
    }
    if (command.field == KH_N_EVENT_REPORT_RQ && context_id == with->with->id)
        return take_event(with, &command, err);
    if (command.field != KH_N_ACTION_RSP || command.responded_id != with->message_id || command.has_data)
        return kh_error_set(err, KH_E_PEER, "command %04X, expected the answer to a request for storage commitment", command.field);
    with->answered = true;
    with->status = command.status;
    return KH_OK;
}

/* The report may come at once, on this association. A peer that has released it, or says nothing, will make one of its own. */
static void stay(talk *with)
{
    int64_t until_ms = kh_clock_monotonic_ms() + STAY_LONGEST_MS;

    while (!with->reported && !with->released && kh_clock_monotonic_ms() < until_ms) {
        kh_status status = kh_assoc_wait(with->assoc, STAY_TICK_MS, NULL);

        if (status == KH_OK)
            status = take_command(with, NULL);
        if (status != KH_OK && status != KH_E_TIMEOUT)
            return;
    }
}

kh_status kh_commit_work_ask(kh_commit_queue *queue, kh_commitment *commitment, const kh_node *node, kh_error *err)
{
    talk with = {.queue = queue, .node = node};
    kh_dimse request;
    kh_status status = open_association(&with.assoc, &with.with, queue, node, false, err);

    if (status != KH_OK)
        return status;
    status = send_action(queue, commitment, with.assoc, with.with, &request, err);
    with.message_id = request.message_id;
    while (status == KH_OK && !with.answered && !with.released)
        status = take_command(&with, err);
    if (status == KH_OK && !with.answered)
        status = kh_error_set(err, KH_E_PEER, "node %s released the association without an answer", node->name);
    if (status == KH_OK && with.status != KH_DIMSE_SUCCESS)
        status = kh_error_set(err, KH_E_PEER, "node %s answers the request for storage commitment with %04X, %s", node->name, with.status,
                              kh_dimse_status_text(with.status));
    if (status == KH_OK && !with.reported) {
        commitment->state = KH_COMMITMENT_ASKED;
        commitment->not_before_ms = kh_clock_wall_ms() + queue->options.limits.patience_ms;
        status = kh_commitment_update(queue->options.cache, commitment, NULL, 0, err);
    }
    if (status == KH_OK)
        stay(&with);
    close_association(with.assoc, status == KH_E_CONFLICT ? KH_OK : status);
    return status;
}
