#include "dicom/shim/assoc.hh"

extern "C" {
#include "base/clock.h"
}

#define CLOSE_WAIT_S 1 /* for the peer to close after the release was acknowledged */

using namespace kh;

namespace
{

/* A PDV that came in the same PDU as the one before, if there is one. */
bool take_buffered(kh_assoc *assoc)
{
    if (!assoc->has_pdv)
        assoc->has_pdv = DUL_NextPDV(&assoc->asc->DULassociation, &assoc->pdv).good();
    return assoc->has_pdv;
}

kh_status wait_first(kh_assoc *assoc, int64_t timeout_ms, kh_error *err)
{
    if (take_buffered(assoc))
        return KH_OK;
    kh::Connection *connection = connection_of(assoc);
    if (!connection)
        return kh_error_set(err, KH_E_PEER, "association is closed");
    return connection->wait(true, kh_clock_monotonic_ms() + timeout_ms, err);
}

/* What the message being received may still wait: 30 s and what its bytes are worth at the floor, not counting our own work. */
int64_t message_left_ms(const kh_assoc *assoc)
{
    int64_t earned_ms = static_cast<int64_t>(assoc->message_bytes * 1000 / assoc->limits.floor_bytes_per_s);
    int64_t left_ms = assoc->limits.pdu_ms + earned_ms - assoc->message_waited_us / 1000;

    return left_ms < assoc->limits.pdu_ms ? left_ms : assoc->limits.pdu_ms;
}

/* The peer asked for release: answer, and let it close first, so that the answer is not lost in a reset. */
void acknowledge_release(kh_assoc *assoc)
{
    set_deadline(assoc, CLOSE_WAIT_S * 1000);
    if (ASC_acknowledgeRelease(assoc->asc).good() && connection_of(assoc))
        (void)connection_of(assoc)->networkDataAvailable(CLOSE_WAIT_S);
    close_assoc(assoc);
}

/* The next PDV; first: it begins a message. *released when there is none because the peer released. */
kh_status next_pdv(kh_assoc *assoc, DUL_PDV *pdv, bool first, int64_t idle_ms, bool *released, kh_error *err)
{
    while (!take_buffered(assoc)) {
        if (first) {
            kh_status status = wait_first(assoc, idle_ms, err);
            if (status != KH_OK)
                return status;
            first = false;
        }
        int64_t begin_us = kh_clock_monotonic_us(), paused_us = assoc->shared.paused_us;
        set_deadline(assoc, message_left_ms(assoc));
        OFCondition cond = DUL_ReadPDVs(&assoc->asc->DULassociation, nullptr, DUL_BLOCK, 0);
        assoc->message_waited_us += kh_clock_monotonic_us() - begin_us - (assoc->shared.paused_us - paused_us);
        if (cond == DUL_PDATAPDUARRIVED)
            continue;
        if (cond == DUL_PEERREQUESTEDRELEASE && released) {
            acknowledge_release(assoc);
            *released = true;
            return KH_OK;
        }
        return fail_io(err, assoc, "receiving", cond);
    }
    *pdv = assoc->pdv;
    assoc->has_pdv = false;
    assoc->bytes_in += pdv->fragmentLength;
    assoc->message_bytes += pdv->fragmentLength;
    return KH_OK;
}

} // namespace

extern "C" kh_status kh_assoc_wait(kh_assoc *assoc, int64_t timeout_ms, kh_error *err)
{
    if (check_open(assoc, err) != KH_OK)
        return KH_E_PEER;
    return wait_first(assoc, timeout_ms, err);
}

extern "C" kh_status kh_assoc_receive(kh_assoc *assoc, uint8_t *context_id, kh_dimse *command, int64_t idle_ms, kh_error *err)
{
    kh_dimse_init(command, 0);
    *context_id = 0;
    if (check_open(assoc, err) != KH_OK)
        return KH_E_PEER;
    kh_buf_clear(&assoc->command_buf);
    assoc->message_bytes = 0;
    assoc->message_waited_us = 0;
    return guard(assoc, err, [&]() -> kh_status {
        DUL_PDV pdv = {};
        bool released = false;
        for (bool first = true; first || !pdv.lastPDV; first = false) {
            kh_status status = next_pdv(assoc, &pdv, first, idle_ms > 0 ? idle_ms : assoc->limits.idle_ms,
                                        first ? &released : nullptr, err);
            if (status != KH_OK || released)
                return status;
            if (pdv.pdvType != DUL_COMMANDPDV)
                return kh_error_set(err, KH_E_FORMAT, "a data set PDV, expected a command");
            if (first)
                *context_id = pdv.presentationContextID;
            if (pdv.presentationContextID != *context_id || !kh_assoc_context(assoc, *context_id))
                return kh_error_set(err, KH_E_FORMAT, "presentation context %u is not the accepted one", pdv.presentationContextID);
            status = kh_buf_append(&assoc->command_buf, pdv.data, pdv.fragmentLength, err);
            if (status != KH_OK)
                return status;
        }
        return kh_dimse_decode(command, assoc->command_buf.data, assoc->command_buf.size, err);
    });
}

extern "C" kh_status kh_assoc_receive_data(kh_assoc *assoc, uint8_t context_id, kh_data_sink *sink, void *context,
                                           kh_status *sink_status, kh_error *sink_err, kh_error *err)
{
    *sink_status = KH_OK;
    if (check_open(assoc, err) != KH_OK)
        return KH_E_PEER;
    return guard(assoc, err, [&]() -> kh_status {
        DUL_PDV pdv = {};
        do {
            kh_status status = next_pdv(assoc, &pdv, false, 0, nullptr, err);
            if (status != KH_OK)
                return status;
            if (pdv.pdvType != DUL_DATASETPDV || pdv.presentationContextID != context_id)
                return kh_error_set(err, KH_E_FORMAT, "PDV of another kind or context, expected the data set in context %u", context_id);
            if (*sink_status == KH_OK && pdv.fragmentLength > 0)
                *sink_status = sink(context, static_cast<const uint8_t *>(pdv.data), pdv.fragmentLength, sink_err);
        } while (!pdv.lastPDV);
        return KH_OK;
    });
}

extern "C" kh_status kh_data_sink_buf(void *context, const uint8_t *bytes, size_t size, kh_error *err)
{
    return kh_buf_append(static_cast<kh_buf *>(context), bytes, size, err);
}

namespace
{

kh_status write_pdv(kh_assoc *assoc, uint8_t context_id, DUL_DATAPDV type, const void *bytes, size_t size, bool last, kh_error *err)
{
    DUL_PDV pdv = {};
    DUL_PDVLIST list = {};

    pdv.fragmentLength = size;
    pdv.presentationContextID = context_id;
    pdv.pdvType = type;
    pdv.lastPDV = last;
    pdv.data = const_cast<void *>(bytes);
    list.count = 1;
    list.pdv = &pdv;
    set_deadline(assoc, assoc->limits.pdu_ms);
    OFCondition cond = DUL_WritePDVs(&assoc->asc->DULassociation, &list);
    if (cond.bad())
        return fail_io(err, assoc, "sending", cond);
    assoc->bytes_out += size;
    return KH_OK;
}

} // namespace

extern "C" kh_status kh_assoc_send(kh_assoc *assoc, uint8_t context_id, const kh_dimse *command, kh_error *err)
{
    if (check_open(assoc, err) != KH_OK)
        return KH_E_PEER;
    kh_buf_clear(&assoc->command_buf);
    kh_status status = kh_dimse_encode(&assoc->command_buf, command, err);
    if (status != KH_OK)
        return status;
    assoc->shared.more = command->has_data;
    status = guard(assoc, err, [&]() -> kh_status {
        return write_pdv(assoc, context_id, DUL_COMMANDPDV, assoc->command_buf.data, assoc->command_buf.size, true, err);
    });
    assoc->shared.more = false;
    return status;
}

extern "C" kh_status kh_assoc_send_data(kh_assoc *assoc, uint8_t context_id, const void *bytes, size_t size, bool last, kh_error *err)
{
    if (check_open(assoc, err) != KH_OK)
        return KH_E_PEER;
    return guard(assoc, err, [&]() -> kh_status {
        const auto *from = static_cast<const uint8_t *>(bytes);
        const size_t part = 1024 * 1024; /* what one write deadline has to carry */
        kh_status status = KH_OK;
        while (status == KH_OK && size > part) {
            status = write_pdv(assoc, context_id, DUL_DATASETPDV, from, part, false, err);
            from += part;
            size -= part;
        }
        assoc->shared.more = last && assoc->hold;
        if (status == KH_OK)
            status = write_pdv(assoc, context_id, DUL_DATASETPDV, from, size, last, err);
        assoc->shared.more = false;
        return status;
    });
}

extern "C" void kh_assoc_hold(kh_assoc *assoc, bool on)
{
    assoc->hold = on;
}
