#include "dicom/shim/assoc.hh"

#include <atomic>
#include <cstdio>
#include <cstring>
extern "C" {
#include "base/clock.h"
#include "base/log.h"
}

/* --- shared by the parts --- */

namespace kh
{

/* The toolkit's text on one line. */
static void copy_text(char *out, size_t out_size, const char *text)
{
    size_t at = 0;

    for (; text && *text && at + 1 < out_size; text++)
        out[at++] = *text == '\n' || *text == '\t' ? ' ' : *text;
    out[at] = '\0';
}

kh_status fail(kh_error *err, kh_status status, const char *doing, const OFCondition &cond)
{
    char text[160];

    copy_text(text, sizeof(text), cond.text());
    return kh_error_set(err, status, "%s: %s", doing, text);
}

Connection *connection_of(const kh_assoc *assoc)
{
    return assoc->connection;
}

void set_deadline(kh_assoc *assoc, int64_t duration_ms)
{
    Connection *connection = connection_of(assoc);

    if (connection)
        connection->set_deadline(kh_clock_monotonic_ms() + duration_ms);
}

kh_status check_open(const kh_assoc *assoc, kh_error *err)
{
    return connection_of(assoc) ? KH_OK : kh_error_set(err, KH_E_PEER, "association is closed");
}

kh_status fail_io(kh_error *err, kh_assoc *assoc, const char *doing, const OFCondition &cond)
{
    if (cond == DUL_PEERABORTEDASSOCIATION)
        return kh_error_set(err, KH_E_PEER, "%s: aborted by the peer", doing);
    if (assoc->shared.cause == KH_E_TIMEOUT)
        return kh_error_set(err, KH_E_TIMEOUT, "%s: deadline passed", doing);
    if (assoc->shared.cause == KH_E_CANCELLED)
        return kh_error_set(err, KH_E_CANCELLED, "%s: stopping", doing);
    if (assoc->shared.error.message[0])
        return kh_error_set(err, KH_E_PEER, "%s: %s", doing, assoc->shared.error.message);
    return fail(err, KH_E_PEER, doing, cond);
}

kh_assoc *new_assoc(const kh_net_limits *limits)
{
    auto *assoc = new kh_assoc;

    memset(static_cast<void *>(assoc), 0, sizeof(*assoc));
    assoc->shared.cause = KH_E_PEER;
    assoc->ended = "closed";
    assoc->begun_ms = kh_clock_monotonic_ms();
    assoc->limits = limits ? *limits : kh_net_limits_default;
    if (assoc->limits.pdu_bytes < ASC_MINIMUMPDUSIZE)
        assoc->limits.pdu_bytes = ASC_MINIMUMPDUSIZE;
    if (assoc->limits.pdu_bytes > ASC_MAXIMUMPDUSIZE)
        assoc->limits.pdu_bytes = ASC_MAXIMUMPDUSIZE;
    if (assoc->limits.floor_bytes_per_s == 0)
        assoc->limits.floor_bytes_per_s = 1;
    kh_buf_init(&assoc->command_buf, KH_DIMSE_BYTES_MAX);
    return assoc;
}

void close_assoc(kh_assoc *assoc)
{
    set_deadline(assoc, 0); /* nothing waits from here on */
    if (assoc->asc)
        (void)ASC_destroyAssociation(&assoc->asc); /* drops the connection and frees the parameters */
    assoc->asc = nullptr;
    delete assoc->connection; /* there still only when the toolkit lost it to an exception */
}

void note_context(kh_assoc *assoc, const T_ASC_PresentationContext &from, const char *transfer_syntax)
{
    if (assoc->context_count == contexts_max)
        return;
    kh_context *to = &assoc->contexts[assoc->context_count++];
    to->id = from.presentationContextID;
    snprintf(to->abstract_syntax, sizeof(to->abstract_syntax), "%s", from.abstractSyntax);
    snprintf(to->transfer_syntax, sizeof(to->transfer_syntax), "%s", transfer_syntax);
    to->requestor_is_scp = from.acceptedRole == ASC_SC_ROLE_SCP || from.acceptedRole == ASC_SC_ROLE_SCUSCP;
}

} // namespace kh

/* --- its life and its contexts --- */

using namespace kh;

extern "C" void kh_assoc_log(kh_assoc *assoc, const char *of)
{
    snprintf(assoc->logged_as, sizeof(assoc->logged_as), "%s", of);
}

static void log_end(const kh_assoc *assoc)
{
    static std::atomic<uint64_t> count{0};

    if (!assoc->logged_as[0])
        return;
    kh_log(KH_LOG_INFO, "dicom", "association %llu of ours with %s (%s), %s, %s: %llu bytes in, %llu out, %lld ms, %s",
           static_cast<unsigned long long>(++count), assoc->logged_as, assoc->peer, assoc->titles, assoc->tls[0] ? assoc->tls : "no TLS",
           static_cast<unsigned long long>(assoc->bytes_in), static_cast<unsigned long long>(assoc->bytes_out),
           static_cast<long long>(kh_clock_monotonic_ms() - assoc->begun_ms), assoc->ended);
}

extern "C" void kh_assoc_free(kh_assoc *assoc)
{
    if (!assoc)
        return;
    log_end(assoc);
    (void)guard(assoc, nullptr, [&]() -> kh_status {
        close_assoc(assoc);
        return KH_OK;
    });
    kh_buf_release(&assoc->command_buf);
    if (assoc->at_end)
        assoc->at_end(assoc->at_end_context);
    delete assoc;
}

extern "C" kh_status kh_assoc_release(kh_assoc *assoc, kh_error *err)
{
    if (check_open(assoc, err) != KH_OK)
        return KH_E_PEER;
    return guard(assoc, err, [&]() -> kh_status {
        set_deadline(assoc, assoc->limits.associate_ms);
        OFCondition cond = ASC_releaseAssociation(assoc->asc);
        assoc->ended = cond.good() ? "released" : "broken off at its release";
        kh_status status = cond.bad() ? fail_io(err, assoc, "A-RELEASE", cond) : KH_OK;
        close_assoc(assoc);
        return status;
    });
}

extern "C" void kh_assoc_abort(kh_assoc *assoc)
{
    /* Written by hand: the toolkit's own abort waits for the peer to close. Source: service user (PS3.8 9.3.8). */
    uint8_t pdu[10] = {0x07, 0, 0, 0, 0, 4, 0, 0, 0, 0};

    (void)guard(assoc, nullptr, [&]() -> kh_status {
        Connection *connection = connection_of(assoc);
        set_deadline(assoc, 100);
        assoc->ended = connection ? "aborted by us" : "ended by the peer";
        if (connection)
            (void)connection->write(pdu, sizeof(pdu));
        close_assoc(assoc);
        return KH_OK;
    });
}

extern "C" const kh_context *kh_assoc_context(const kh_assoc *assoc, uint8_t id)
{
    for (unsigned i = 0; i < assoc->context_count; i++)
        if (assoc->contexts[i].id == id)
            return &assoc->contexts[i];
    return nullptr;
}

extern "C" const kh_context *kh_assoc_context_find(const kh_assoc *assoc, const char *abstract_syntax, const char *transfer_syntax)
{
    for (unsigned i = 0; i < assoc->context_count; i++)
        if (strcmp(assoc->contexts[i].abstract_syntax, abstract_syntax) == 0 &&
            (!transfer_syntax || strcmp(assoc->contexts[i].transfer_syntax, transfer_syntax) == 0))
            return &assoc->contexts[i];
    return nullptr;
}

extern "C" unsigned kh_assoc_context_count(const kh_assoc *assoc)
{
    return assoc->context_count;
}

extern "C" bool kh_assoc_is_relational(const kh_assoc *assoc, const char *sop_class_uid)
{
    for (unsigned i = 0; i < assoc->relational_count; i++)
        if (strcmp(assoc->relational[i], sop_class_uid) == 0)
            return true;
    return false;
}

extern "C" uint16_t kh_assoc_next_message_id(void)
{
    static std::atomic<uint32_t> count{0};

    return static_cast<uint16_t>(1 + count.fetch_add(1) % 65535);
}

extern "C" int64_t kh_assoc_idle_ms(const kh_assoc *assoc)
{
    return assoc->limits.idle_ms;
}

extern "C" void kh_assoc_at_end(kh_assoc *assoc, void (*end)(void *context), void *context)
{
    assoc->at_end = end;
    assoc->at_end_context = context;
}

extern "C" void kh_assoc_set_look(kh_assoc *assoc, kh_assoc_look *look, void *context)
{
    assoc->shared.look = look;
    assoc->shared.look_context = context;
}

extern "C" void kh_assoc_set_rate(kh_assoc *assoc, kh_rate *rate)
{
    assoc->shared.rate = rate;
}

extern "C" uint64_t kh_assoc_bytes_in(const kh_assoc *assoc)
{
    return assoc->bytes_in;
}

extern "C" uint64_t kh_assoc_bytes_out(const kh_assoc *assoc)
{
    return assoc->bytes_out;
}
