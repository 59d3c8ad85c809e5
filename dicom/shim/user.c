#include "dicom/shim/user.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"

#define TICK_MS 250
#define PART_BYTES 262144

/* Send a request and, when there is one, its data set. */
static kh_status send_request(kh_assoc *assoc, uint8_t context_id, kh_dimse *request, const void *bytes, size_t size,
                              kh_error *err)
{
    kh_status status;

    if (request->message_id == 0)
        request->message_id = kh_assoc_next_message_id();
    request->has_data = size > 0;
    status = kh_assoc_send(assoc, context_id, request, err);
    if (status == KH_OK && size > 0)
        status = kh_assoc_send_data(assoc, context_id, bytes, size, true, err);
    return status;
}

/* A command just received must be the response to request; its data set, if any, goes to data (cleared first). */
static kh_status take_response(kh_assoc *assoc, uint8_t context_id, uint8_t got_id, const kh_dimse *request, const kh_dimse *response,
                               kh_buf *data, kh_error *err)
{
    kh_status sink_status, status;
    kh_error sink_err = KH_ERROR_INIT;

    if (response->field == 0)
        return kh_error_set(err, KH_E_PEER, "released by the peer before it answered");
    if (response->field != (request->field | KH_DIMSE_RESPONSE) || response->responded_id != request->message_id ||
        got_id != context_id)
        return kh_error_set(err, KH_E_PEER, "command %04X for message %u, expected %04X for %u", response->field,
                            response->responded_id, request->field | KH_DIMSE_RESPONSE, request->message_id);
    kh_buf_clear(data);
    if (!response->has_data)
        return KH_OK;
    status = kh_assoc_receive_data(assoc, context_id, kh_data_sink_buf, data, &sink_status, &sink_err, err);
    if (status == KH_OK && sink_status != KH_OK)
        status = kh_error_set(err, sink_status, "identifier of a response: %s", sink_err.message);
    return status;
}

static kh_status receive_response(kh_assoc *assoc, uint8_t context_id, const kh_dimse *request, kh_dimse *response,
                                  kh_buf *data, kh_error *err)
{
    uint8_t got_id;
    kh_status status = kh_assoc_receive(assoc, &got_id, response, 0, err);

    return status == KH_OK ? take_response(assoc, context_id, got_id, request, response, data, err) : status;
}

static kh_status send_cancel(kh_assoc *assoc, uint8_t context_id, const kh_dimse *request, kh_error *err)
{
    kh_dimse cancel;

    kh_dimse_init(&cancel, KH_C_CANCEL_RQ);
    cancel.responded_id = request->message_id;
    return kh_assoc_send(assoc, context_id, &cancel, err);
}

kh_status kh_user_echo(kh_assoc *assoc, uint16_t *status, kh_error *err)
{
    const kh_context *with = kh_assoc_context_find(assoc, KH_SOP_VERIFICATION, NULL);
    kh_dimse request, response;
    kh_buf data;
    kh_status result;

    if (!with)
        return kh_error_set(err, KH_E_UNSUPPORTED, "the peer accepted no context for Verification");
    kh_buf_init(&data, KH_IDENTIFIER_BYTES_MAX);
    kh_dimse_init(&request, KH_C_ECHO_RQ);
    memcpy(request.sop_class_uid, KH_SOP_VERIFICATION, sizeof(KH_SOP_VERIFICATION));
    result = send_request(assoc, with->id, &request, NULL, 0, err);
    if (result == KH_OK)
        result = receive_response(assoc, with->id, &request, &response, &data, err);
    if (result == KH_OK)
        *status = response.status;
    kh_buf_release(&data);
    return result;
}

kh_status kh_user_store(kh_assoc *assoc, const char *sop_class_uid, const char *sop_instance_uid,
                        const char *transfer_syntax_uid, const void *bytes, size_t size, uint16_t *status, kh_error *err)
{
    const kh_context *with = kh_assoc_context_find(assoc, sop_class_uid, transfer_syntax_uid);
    kh_dimse request, response;
    kh_buf data;
    kh_status result;

    if (!with)
        return kh_error_set(err, KH_E_UNSUPPORTED, "the peer accepted no context for class %s in syntax %s", sop_class_uid,
                            transfer_syntax_uid);
    kh_buf_init(&data, KH_IDENTIFIER_BYTES_MAX);
    kh_dimse_init(&request, KH_C_STORE_RQ);
    snprintf(request.sop_class_uid, sizeof(request.sop_class_uid), "%s", sop_class_uid);
    snprintf(request.sop_instance_uid, sizeof(request.sop_instance_uid), "%s", sop_instance_uid);
    result = send_request(assoc, with->id, &request, bytes, size, err);
    if (result == KH_OK)
        result = receive_response(assoc, with->id, &request, &response, &data, err);
    if (result == KH_OK)
        *status = response.status;
    kh_buf_release(&data);
    return result;
}

static kh_status look_whether_it_may(const kh_user_object *object, kh_error *err)
{
    if (!object->may_go_on || object->may_go_on(object->go_on_context))
        return KH_OK;
    return kh_error_set(err, KH_E_DENIED, "no longer available");
}

/* In parts, each but the last of even size; the first is read before anything is sent. */
static kh_status send_object(kh_assoc *assoc, uint8_t context_id, const kh_dimse *request, const kh_user_object *object, uint8_t *buffer,
                             kh_error *err)
{
    uint64_t at = object->offset;
    bool begun = false;
    kh_status status = KH_OK;

    while (status == KH_OK && at < object->source->size) {
        uint64_t left = object->source->size - at;
        size_t part = left < PART_BYTES ? (size_t)left : PART_BYTES;
        status = object->source->read_at(object->source, at, buffer, part, err);
        if (status == KH_OK && !begun)
            status = kh_assoc_send(assoc, context_id, request, err);
        begun = true;
        if (status == KH_OK)
            status = look_whether_it_may(object, err);
        at += part;
        if (part & 1) /* the last: PS3.8 annex E wants it even, and a deflated stream is padded with NUL (PS3.5 A.5) */
            buffer[part++] = 0;
        if (status == KH_OK)
            status = kh_assoc_send_data(assoc, context_id, buffer, part, at == object->source->size, err);
    }
    return status;
}

/* What is produced collects in the buffer until more than fits has come: the last part must be told as such. */
typedef struct outflow {
    kh_assoc *assoc;
    uint8_t context_id;
    const kh_dimse *request;
    const kh_user_object *object;
    uint8_t *buffer;
    size_t used;
    bool begun;
} outflow;

static kh_status flush(outflow *flow, bool last, kh_error *err)
{
    kh_status status = flow->begun ? KH_OK : kh_assoc_send(flow->assoc, flow->context_id, flow->request, err);

    flow->begun = true;
    if (status == KH_OK)
        status = look_whether_it_may(flow->object, err);
    if (status == KH_OK)
        status = kh_assoc_send_data(flow->assoc, flow->context_id, flow->buffer, flow->used, last, err);
    flow->used = 0;
    return status;
}

static kh_status put_produced(void *context, const uint8_t *bytes, size_t size, kh_error *err)
{
    outflow *flow = context;
    kh_status status = KH_OK;

    while (status == KH_OK && size > 0) {
        size_t part = size < PART_BYTES - flow->used ? size : PART_BYTES - flow->used;

        if (part == 0) {
            status = flush(flow, false, err);
            continue;
        }
        memcpy(flow->buffer + flow->used, bytes, part);
        flow->used += part;
        bytes += part;
        size -= part;
    }
    return status;
}

static kh_status send_produced(kh_assoc *assoc, uint8_t context_id, const kh_dimse *request, const kh_user_object *object,
                               uint8_t *buffer, kh_error *err)
{
    outflow flow = {.assoc = assoc, .context_id = context_id, .request = request, .object = object, .buffer = buffer};
    kh_status status = object->produce(object->produce_context, put_produced, &flow, err);

    return status == KH_OK ? flush(&flow, true, err) : status;
}

/* The response to a C-STORE; the requestor of the C-GET it belongs to may cancel that meanwhile. */
static kh_status await_store(kh_assoc *assoc, uint8_t context_id, const kh_dimse *request, const kh_user_object *object,
                             kh_dimse *response, kh_error *err)
{
    uint8_t got_id;
    kh_status status;

    do {
        status = kh_assoc_receive(assoc, &got_id, response, 0, err);
        if (status != KH_OK)
            return status;
        if (response->field == KH_C_CANCEL_RQ && object->cancel_id && response->responded_id == object->cancel_id)
            *object->cancelled = true;
    } while (response->field == KH_C_CANCEL_RQ && object->cancel_id && !response->has_data);
    if (response->field == 0)
        return kh_error_set(err, KH_E_PEER, "released by the peer before it answered");
    if (response->field != KH_C_STORE_RSP || response->responded_id != request->message_id || got_id != context_id || response->has_data)
        return kh_error_set(err, KH_E_PEER, "command %04X for message %u, expected %04X for %u", response->field,
                            response->responded_id, KH_C_STORE_RSP, request->message_id);
    return KH_OK;
}

kh_status kh_user_store_object(kh_assoc *assoc, const kh_context *with, const kh_user_object *object, uint16_t *status, kh_error *err)
{
    uint8_t *buffer = malloc(PART_BYTES);
    kh_dimse request, response;
    kh_status result;

    if (!buffer)
        return kh_error_set(err, KH_E_MEMORY, "no memory to send an object");
    if (!object->produce && object->offset >= object->source->size) {
        free(buffer);
        return kh_error_set(err, KH_E_CORRUPT, "object of %llu bytes without a data set", (unsigned long long)object->source->size);
    }
    kh_dimse_init(&request, KH_C_STORE_RQ);
    request.message_id = kh_assoc_next_message_id();
    request.has_data = true;
    snprintf(request.sop_class_uid, sizeof(request.sop_class_uid), "%s", object->sop_class_uid);
    snprintf(request.sop_instance_uid, sizeof(request.sop_instance_uid), "%s", object->sop_instance_uid);
    snprintf(request.move_originator, sizeof(request.move_originator), "%s", object->originator);
    request.move_originator_id = object->originator_id;
    result = object->produce ? send_produced(assoc, with->id, &request, object, buffer, err)
                             : send_object(assoc, with->id, &request, object, buffer, err);
    free(buffer);
    if (result == KH_OK)
        result = await_store(assoc, with->id, &request, object, &response, err);
    if (result == KH_OK)
        *status = response.status;
    return result;
}

kh_status kh_user_find(kh_assoc *assoc, const kh_context *with, const void *identifier, size_t size, kh_user_match *match,
                       void *context, kh_dimse *final, kh_error *err)
{
    kh_status told = KH_OK, status;
    kh_dimse request;
    kh_buf data;

    kh_buf_init(&data, KH_IDENTIFIER_BYTES_MAX);
    kh_dimse_init(&request, KH_C_FIND_RQ);
    memcpy(request.sop_class_uid, with->abstract_syntax, sizeof(request.sop_class_uid));
    status = send_request(assoc, with->id, &request, identifier, size, err);
    while (status == KH_OK) {
        status = receive_response(assoc, with->id, &request, final, &data, err);
        if (status != KH_OK || !kh_dimse_pending(final->status))
            break;
        if (told != KH_OK || data.size == 0)
            continue; /* after C-CANCEL a peer may still send some */
        told = match(context, data.data, data.size, with->transfer_syntax, err);
        if (told != KH_OK)
            status = send_cancel(assoc, with->id, &request, NULL) == KH_OK ? KH_OK : told;
    }
    kh_buf_release(&data);
    return told != KH_OK ? told : status;
}

/* A C-MOVE or C-GET under way. */
typedef struct moving {
    kh_assoc *assoc;
    const kh_context *with;
    kh_dimse request;
    kh_user_progress *progress;
    kh_user_stored *stored; /* of C-GET */
    void *context;
    kh_status told; /* by the caller: not KH_OK cancels */
    kh_error *err;
} moving;

static kh_status tell(moving *move, const kh_dimse *response, bool *alive)
{
    if (move->told != KH_OK)
        return KH_OK;
    move->told = move->progress(move->context, response, alive, move->err);
    return move->told == KH_OK ? KH_OK : send_cancel(move->assoc, move->with->id, &move->request, NULL);
}

/* Until the peer has sent something. */
static kh_status await_response(moving *move)
{
    int64_t idle_ms = kh_assoc_idle_ms(move->assoc);
    int64_t quiet_since_ms = kh_clock_monotonic_ms();

    for (;;) {
        bool alive = false;
        kh_status status = kh_assoc_wait(move->assoc, TICK_MS, NULL);
        if (status == KH_E_CANCELLED) {
            (void)!send_cancel(move->assoc, move->with->id, &move->request, NULL);
            return kh_error_set(move->err, status, "stopping");
        }
        if (status != KH_E_TIMEOUT)
            return status;
        status = tell(move, NULL, &alive);
        if (status != KH_OK)
            return status;
        if (alive)
            quiet_since_ms = kh_clock_monotonic_ms();
        if (kh_clock_monotonic_ms() - quiet_since_ms >= idle_ms)
            return kh_error_set(move->err, KH_E_TIMEOUT, "no response to %s and no arrival for %lld ms", move->stored ? "C-GET" : "C-MOVE",
                                (long long)idle_ms);
    }
}

/* The next response; what comes before it are objects. */
static kh_status receive_next(moving *move, kh_dimse *final, kh_buf *data, bool *is_response)
{
    uint8_t got_id;
    kh_status status = kh_assoc_receive(move->assoc, &got_id, final, 0, move->err);

    *is_response = status != KH_OK || !move->stored || final->field != KH_C_STORE_RQ;
    if (status != KH_OK)
        return status;
    return *is_response ? take_response(move->assoc, move->with->id, got_id, &move->request, final, data, move->err)
                        : move->stored(move->context, got_id, final, move->err);
}

static kh_status retrieve(moving *move, const void *identifier, size_t size, kh_dimse *final, kh_buf *failed)
{
    bool is_response;
    kh_status status;
    kh_buf data;

    kh_buf_init(&data, KH_IDENTIFIER_BYTES_MAX);
    status = send_request(move->assoc, move->with->id, &move->request, identifier, size, move->err);
    while (status == KH_OK) {
        bool alive = false;
        status = await_response(move);
        if (status == KH_OK)
            status = receive_next(move, final, &data, &is_response);
        if (status == KH_OK)
            status = tell(move, is_response ? final : NULL, &alive);
        if (status != KH_OK || (is_response && !kh_dimse_pending(final->status)))
            break;
    }
    if (status == KH_OK && failed && data.size > 0)
        status = kh_buf_append(failed, data.data, data.size, move->err);
    kh_buf_release(&data);
    return move->told != KH_OK ? move->told : status;
}

kh_status kh_user_move(kh_assoc *assoc, const kh_context *with, uint16_t message_id, const char *destination, const void *identifier,
                       size_t size, kh_user_progress *progress, void *context, kh_dimse *final, kh_buf *failed, kh_error *err)
{
    moving move = {.assoc = assoc, .with = with, .progress = progress, .context = context, .err = err};

    kh_dimse_init(&move.request, KH_C_MOVE_RQ);
    move.request.message_id = message_id;
    memcpy(move.request.sop_class_uid, with->abstract_syntax, sizeof(move.request.sop_class_uid));
    snprintf(move.request.move_destination, sizeof(move.request.move_destination), "%s", destination);
    return retrieve(&move, identifier, size, final, failed);
}

kh_status kh_user_get(kh_assoc *assoc, const kh_context *with, uint16_t message_id, const void *identifier, size_t size,
                      kh_user_stored *stored, kh_user_progress *progress, void *context, kh_dimse *final, kh_buf *failed, kh_error *err)
{
    moving get = {.assoc = assoc, .with = with, .progress = progress, .stored = stored, .context = context, .err = err};

    kh_dimse_init(&get.request, KH_C_GET_RQ);
    get.request.message_id = message_id;
    memcpy(get.request.sop_class_uid, with->abstract_syntax, sizeof(get.request.sop_class_uid));
    return retrieve(&get, identifier, size, final, failed);
}
