#include "pacs-bridge/service.h"

#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "cache/ingest.h"
#include "dicom/writer.h"
#include "pacs-bridge/dimse_status.h"
#include "pacs-bridge/scp.h"
#include "pacs-bridge/scp_rights.h"
#include "pacs-bridge/scu.h"
#include "pacs-bridge/still.h"
#include "pacs-bridge/told.h"

#define HEADER_BYTES_MAX 4096
#define STREAK 2 /* objects of one association after which another is likely */

/* --- what the services share --- */

kh_status kh_scp_drop(void *context, const uint8_t *bytes, size_t size, kh_error *err)
{
    (void)context;
    (void)bytes;
    (void)size;
    (void)err;
    return KH_OK;
}

kh_status kh_scp_answer(const kh_scp *of, uint8_t context_id, const kh_dimse *request, uint16_t status, const char *comment)
{
    kh_dimse response;
    size_t length = strlen(comment);

    kh_dimse_respond(&response, request, status);
    if (length > sizeof(response.comment) - 1)
        length = sizeof(response.comment) - 1;
    memcpy(response.comment, comment, length);
    return kh_assoc_send(of->assoc, context_id, &response, NULL);
}

void kh_scp_tell(const kh_scp *of)
{
    const kh_association_counts counts = {.stored = of->stored,
                                          .known = of->duplicates,
                                          .refused = of->refused,
                                          .echoes = of->echoes,
                                          .queries = of->queries,
                                          .retrievals = of->retrievals,
                                          .bytes = kh_assoc_bytes_in(of->assoc) + kh_assoc_bytes_out(of->assoc)};

    kh_associations_note(of->service->associations, of->place, &counts);
}

kh_status kh_scp_poll_cancel(const kh_scp *of, const kh_dimse *request, int64_t wait_ms, bool *cancelled, kh_error *err)
{
    kh_dimse command;
    uint8_t context_id;
    kh_error why = KH_ERROR_INIT;
    kh_status status = kh_assoc_wait(of->assoc, wait_ms, &why);

    kh_scp_tell(of);
    if (status == KH_E_TIMEOUT)
        return KH_OK;
    if (status == KH_E_CANCELLED || status == KH_E_DENIED)
        return kh_error_set(err, status, "%s", why.message);
    status = kh_assoc_receive(of->assoc, &context_id, &command, 0, err);
    if (status != KH_OK)
        return status;
    if (command.field != KH_C_CANCEL_RQ || command.has_data)
        return kh_error_set(err, KH_E_PEER, "command %04X while a request is answered", command.field);
    *cancelled = *cancelled || command.responded_id == request->message_id;
    return KH_OK;
}

void kh_service_scu(const kh_service_scp *service, kh_scu *out)
{
    *out = (kh_scu){.ae_title = service->ae_title, .limits = service->limits, .stop = service->stop, .cache = service->cache,
                    .tls = service->tls, .use = service->use, .wait_ms = service->node_wait_ms, .logged = true};
}

/* --- one association --- */

/* One object on its way in. */
typedef struct receiving {
    kh_scp *of;
    kh_incoming *incoming; /* NULL: refused already, what comes is dropped */
    int64_t pull_id;
} receiving;

static kh_status receive_part(void *context, const uint8_t *bytes, size_t size, kh_error *err)
{
    receiving *object = context;

    kh_scp_tell(object->of);
    if (object->pull_id)
        kh_pull_queue_note_bytes(object->of->service->pulls, object->pull_id, size);
    return kh_ingest_write(object->incoming, bytes, size, err);
}

/* What can be said before the data set is read. *dimse is set with a status of its own where the table has none for it. */
static kh_status check_request(const kh_scp *of, const kh_dimse *request, uint8_t context_id, int64_t pull_id, uint16_t *dimse,
                               kh_error *err)
{
    const kh_context *context = kh_assoc_context(of->assoc, context_id);

    if (!of->node.may_store && !pull_id)
        return kh_error_set(err, KH_E_DENIED, "node %s may not store", of->node.name);
    if (!request->has_data) {
        *dimse = KH_DIMSE_CANNOT_UNDERSTAND;
        return kh_error_set(err, KH_E_FORMAT, "C-STORE without a data set");
    }
    if (!kh_uid_plausible(request->sop_instance_uid)) {
        *dimse = KH_DIMSE_INVALID_INSTANCE;
        return kh_error_set(err, KH_E_FORMAT, "Affected SOP Instance UID (0000,1000) is no UID");
    }
    if (strcmp(request->sop_class_uid, context->abstract_syntax) != 0) {
        *dimse = KH_DIMSE_CLASS_MISMATCH;
        return kh_error_set(err, KH_E_CONFLICT, "Affected SOP Class UID (0000,0002) %s in a context for %s",
                            kh_uid_plausible(request->sop_class_uid) ? request->sop_class_uid : "that is no UID",
                            context->abstract_syntax);
    }
    return KH_OK;
}

/* The file up to its data set. */
static kh_status begin_object(receiving *object, const kh_dimse *request, const kh_context *context, kh_error *err)
{
    kh_status status;
    kh_buf header;

    object->incoming = object->of->next;
    object->of->next = NULL;
    status = object->incoming ? kh_ingest_still(object->incoming, 0, err)
                              : kh_ingest_begin(&object->incoming, object->of->service->cache, 0, err);
    if (status != KH_OK)
        return status;
    kh_buf_init(&header, HEADER_BYTES_MAX);
    status = kh_part10_header(&header, request->sop_class_uid, request->sop_instance_uid, context->transfer_syntax,
                              object->of->request->calling, err);
    if (status == KH_OK)
        status = kh_ingest_write(object->incoming, header.data, header.size, err);
    kh_buf_release(&header);
    return status;
}

/* The peer reads the answer and what it sends next: time in which the file for that can be made. Not for those who send one at a time. */
static void begin_next(kh_scp *of)
{
    if (of->stored >= STREAK && !of->next)
        (void)!kh_ingest_begin(&of->next, of->service->cache, 0, NULL); /* it is tried again when the object comes */
}

static kh_status commit_object(receiving *object, const kh_dimse *request, kh_ingest_result *result, kh_error *err)
{
    const kh_origin origin = {object->of->facility, object->of->node.name, object->pull_id};
    const kh_expected expected = {request->sop_class_uid, request->sop_instance_uid};
    kh_incoming *incoming = object->incoming;

    object->incoming = NULL;
    return kh_ingest_commit(incoming, &origin, &expected, result, err);
}

static void note_refusal(kh_scp *of, kh_status status, const kh_error *err)
{
    of->refused++;
    atomic_fetch_add(&of->service->refused, 1);
    of->refused_status = status;
    memcpy(of->refused_words, err->message, sizeof(of->refused_words) - 1);
    of->refused_words[sizeof(of->refused_words) - 1] = '\0';
    if (of->refused == 1) /* further ones are in the association's line */
        kh_log(KH_LOG_WARN, "dicom", "object from %s refused: %s", of->node.name, err->message);
}

static void note_object(kh_scp *of, const receiving *object, kh_status status, const kh_ingest_result *result, const kh_error *err)
{
    kh_service_scp *service = of->service;

    if (status != KH_OK) {
        note_refusal(of, status, err);
    } else {
        of->stored++;
        of->duplicates += result->duplicate;
        of->conflicts += result->conflict;
        atomic_fetch_add(&service->objects, 1);
        atomic_fetch_add(&service->duplicates, result->duplicate);
    }
    kh_told_stored(of, status == KH_OK ? result->study_id : 0);
    if (object->pull_id)
        kh_pull_queue_note_object(service->pulls, object->pull_id, status, result->duplicate);
}

kh_status kh_scp_store(kh_scp *of, uint8_t context_id, const kh_dimse *request, kh_error *err)
{
    receiving object = {.of = of};
    kh_ingest_result result = {0};
    kh_error why = KH_ERROR_INIT;
    uint16_t dimse = 0;
    kh_status stored, sink_status = KH_OK, status = KH_OK;

    object.pull_id = of->pull_id;
    if (of->service->pulls && !object.pull_id)
        object.pull_id = kh_pull_queue_attribute(of->service->pulls, of->node.id, request->move_originator_id);
    stored = check_request(of, request, context_id, object.pull_id, &dimse, &why);
    if (stored == KH_OK)
        stored = kh_told_ready(of, &why);
    if (stored == KH_OK)
        stored = begin_object(&object, request, kh_assoc_context(of->assoc, context_id), &why);
    if (request->has_data)
        status = kh_assoc_receive_data(of->assoc, context_id, stored == KH_OK ? receive_part : kh_scp_drop, &object, &sink_status,
                                       &why, err);
    if (stored == KH_OK)
        stored = sink_status;
    if (status == KH_OK && stored == KH_OK)
        stored = commit_object(&object, request, &result, &why);
    kh_ingest_abort(object.incoming);
    if (status != KH_OK) /* the peer went in the middle: nothing to answer */
        return status;
    note_object(of, &object, stored, &result, &why);
    if (dimse == 0)
        dimse = kh_dimse_status_store(stored);
    status = kh_scp_answer(of, context_id, request, dimse, stored == KH_OK ? "" : why.message);
    if (status == KH_OK && stored == KH_OK)
        begin_next(of);
    return status;
}

static void drop_next(kh_scp *of)
{
    kh_ingest_abort(of->next);
    of->next = NULL;
}

void kh_scp_store_end(kh_scp *of)
{
    drop_next(of);
    kh_told_stored_end(of);
}

/* A request we do not serve: its data set is read away, so that the association goes on. */
static kh_status serve_other(const kh_scp *of, uint8_t context_id, const kh_dimse *request, kh_error *err)
{
    kh_status sink_status, status = KH_OK;

    if (request->field & KH_DIMSE_RESPONSE)
        return kh_error_set(err, KH_E_PEER, "a response (%04X) to nothing we asked", request->field);
    if (request->has_data)
        status = kh_assoc_receive_data(of->assoc, context_id, kh_scp_drop, NULL, &sink_status, NULL, err);
    if (status != KH_OK || request->field == KH_C_CANCEL_RQ) /* nothing of that kind is under way */
        return status;
    return kh_scp_answer(of, context_id, request, KH_DIMSE_UNRECOGNISED_OPERATION, "");
}

kh_status kh_scp_serve(kh_scp *of, uint8_t context_id, const kh_dimse *request, kh_error *err)
{
    if (request->field != KH_C_STORE_RQ) /* an association may be kept open with these for hours */
        drop_next(of);
    switch (request->field) {
    case KH_C_ECHO_RQ:
        of->echoes++;
        return kh_scp_answer(of, context_id, request, KH_DIMSE_SUCCESS, "");
    case KH_C_STORE_RQ:
        return kh_scp_store(of, context_id, request, err);
    case KH_C_FIND_RQ:
        return kh_scp_find(of, context_id, request, err);
    case KH_C_MOVE_RQ:
    case KH_C_GET_RQ:
        return kh_scp_retrieve(of, context_id, request, err);
    case KH_N_ACTION_RQ:
        return kh_scp_action(of, context_id, request, err);
    case KH_N_EVENT_REPORT_RQ:
        return kh_scp_event_report(of, context_id, request, err);
    default:
        return serve_other(of, context_id, request, err);
    }
}

static kh_status serve_messages(kh_scp *of, kh_error *err)
{
    for (;;) {
        kh_dimse request;
        uint8_t context_id;
        bool released = false;
        kh_status status = kh_scp_linger(of, &released, err);

        if (status == KH_OK && !released)
            status = kh_assoc_receive(of->assoc, &context_id, &request, 0, err);
        if (status != KH_OK || released || request.field == 0)
            return status;
        status = kh_scp_serve(of, context_id, &request, err);
        kh_scp_tell(of);
        if (status != KH_OK) {
            (void)!kh_error_set(err, status, "response not sent"); /* the first words win */
            return status;
        }
    }
}

static void log_session(const kh_scp *of, uint64_t number, int64_t took_ms, kh_status status, const kh_error *err)
{
    char refused[280] = "";

    if (of->refused)
        snprintf(refused, sizeof(refused), " (%04X, %s)", kh_dimse_status_store(of->refused_status), of->refused_words);
    kh_log(status == KH_OK && !of->refused ? KH_LOG_INFO : KH_LOG_WARN, "dicom",
           "association %llu from %s (%s), %s to %s, %s: %llu stored (%llu known, %llu in conflict), %llu refused%s, %llu echoes, "
           "%llu queries, %llu found, %llu retrievals, %llu moved, %llu failed, %llu bytes in, %llu out, %lld ms, %s",
           (unsigned long long)number, of->node.name, of->request->address, of->request->calling, of->request->called,
           of->request->tls[0] ? of->request->tls : "no TLS", (unsigned long long)of->stored, (unsigned long long)of->duplicates,
           (unsigned long long)of->conflicts, (unsigned long long)of->refused, refused, (unsigned long long)of->echoes,
           (unsigned long long)of->queries, (unsigned long long)of->found, (unsigned long long)of->retrievals,
           (unsigned long long)of->moved, (unsigned long long)of->failed, (unsigned long long)kh_assoc_bytes_in(of->assoc),
           (unsigned long long)kh_assoc_bytes_out(of->assoc), (long long)took_ms, status == KH_OK ? "released" : err->message);
}

static void enter(kh_scp *of, uint64_t number)
{
    kh_association it = {.number = number, .tls = of->request->tls[0] != 0, .since_ms = kh_clock_wall_ms()};

    snprintf(it.peer, sizeof(it.peer), "%s", of->node.name);
    snprintf(it.address, sizeof(it.address), "%s", of->request->address);
    snprintf(it.calling, sizeof(it.calling), "%s", of->request->calling);
    snprintf(it.called, sizeof(it.called), "%s", of->request->called);
    of->place = kh_associations_enter(of->service->associations, &it);
}

static void leave(const kh_scp *of)
{
    kh_scp_tell(of);
    kh_associations_leave(of->service->associations, of->place, of->refused ? kh_dimse_status_store(of->refused_status) : 0,
                          of->refused_words);
}

void kh_service_serve(void *context, kh_assoc *assoc, const kh_assoc_request *request, uint64_t number)
{
    kh_scp of = {.service = context, .assoc = assoc, .request = request, .node = *kh_service_caller(request)};
    int64_t begin_ms = kh_clock_monotonic_ms();
    kh_error err = KH_ERROR_INIT;
    kh_still still;
    kh_status status;

    kh_assoc_set_rate(assoc, kh_node_use_rate(of.service->use, &of.node));
    of.facility = of.node.facility[0] ? of.node.facility : of.service->facility_default;
    enter(&of, number);
    status = kh_scp_subject(&of.subject, of.service, &of.node, &err);
    if (status == KH_OK) {
        kh_still_begin(&still, &of);
        kh_assoc_set_look(assoc, kh_still_look, &still);
        status = serve_messages(&of, &err);
        kh_assoc_set_look(assoc, NULL, NULL);
    }
    kh_scp_store_end(&of);
    leave(&of);
    atomic_fetch_add(&of.service->bytes, kh_assoc_bytes_in(assoc));
    kh_scp_let_go(&of);
    if (status != KH_OK)
        kh_assoc_abort(assoc);
    log_session(&of, number, kh_clock_monotonic_ms() - begin_ms, status, &err);
}
