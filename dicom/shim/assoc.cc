#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmnet/assoc.h>
#include <dcmtk/dcmnet/cond.h>
#include <dcmtk/dcmnet/dul.h>
#include <dcmtk/oflog/oflog.h>
#include <arpa/inet.h>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <sys/socket.h>
#include <unistd.h>
#include "dicom/shim/connection.hh"
extern "C" {
#include "base/clock.h"
}

extern "C" const kh_net_limits kh_net_limits_default = {10000, 30000, 60000, 64 * 1024, 131072};

#define CONTEXTS_MAX 128
#define RELATIONAL_MAX 16
#define QUERY_RETRIEVE_ROOT "1.2.840.10008.5.1.4.1.2."
#define APPLICATION_CONTEXT "1.2.840.10008.3.1.1.1"
#define CLOSE_WAIT_S 1 /* for the peer to close after the release was acknowledged */

struct kh_assoc {
    T_ASC_Association *asc;
    kh_status cause; /* why the last read or write failed: KH_E_TIMEOUT, KH_E_CANCELLED or KH_E_PEER */
    kh_net_limits limits;
    uint64_t bytes_in, bytes_out;
    int64_t message_waited_us; /* spent waiting for bytes of the message being received */
    uint64_t message_bytes;
    bool has_pdv; /* pdv is taken from the toolkit but not yet used */
    DUL_PDV pdv;
    kh_buf command_buf;
    unsigned context_count;
    kh_context contexts[CONTEXTS_MAX];
    unsigned relational_count;
    char relational[RELATIONAL_MAX][KH_UID_SIZE]; /* SOP classes */
};

namespace
{

std::once_flag once;
kh_status once_status = KH_E_INTERNAL;
T_ASC_Network *acceptor, *requestor;
kh::Layer *layer;
/* Held from setting the toolkit's process-wide "external socket" until it has taken it over in createConnection(). */
std::mutex external_socket_lock;

/* Every entry from C runs in here: no exception gets out. */
template <typename Body> kh_status guard(kh_error *err, Body body)
{
    try {
        return body();
    } catch (const std::bad_alloc &) {
        return kh_error_set(err, KH_E_MEMORY, "out of memory");
    } catch (...) {
        return kh_error_set(err, KH_E_INTERNAL, "exception in the network toolkit");
    }
}

/* The toolkit's text on one line. */
void copy_text(char *out, size_t out_size, const char *text)
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

/* The socket of the association, or NULL: the toolkit frees it by itself when the peer aborts or goes. Never to be kept. */
kh::Connection *connection_of(const kh_assoc *assoc)
{
    if (!assoc->asc || !assoc->asc->DULassociation)
        return nullptr;
    return static_cast<kh::Connection *>(DUL_getTransportConnection(assoc->asc->DULassociation));
}

void set_deadline(kh_assoc *assoc, int64_t duration_ms)
{
    kh::Connection *connection = connection_of(assoc);

    if (connection)
        connection->set_deadline(kh_clock_monotonic_ms() + duration_ms);
}

kh_status check_open(const kh_assoc *assoc, kh_error *err)
{
    return connection_of(assoc) ? KH_OK : kh_error_set(err, KH_E_PEER, "association is closed");
}

/* A failed read or write: our own deadline and stop come first, then what the toolkit says. */
kh_status fail_io(kh_error *err, kh_assoc *assoc, const char *doing, const OFCondition &cond)
{
    if (cond == DUL_PEERABORTEDASSOCIATION)
        return kh_error_set(err, KH_E_PEER, "%s: aborted by the peer", doing);
    if (assoc->cause == KH_E_TIMEOUT)
        return kh_error_set(err, KH_E_TIMEOUT, "%s: deadline passed", doing);
    if (assoc->cause == KH_E_CANCELLED)
        return kh_error_set(err, KH_E_CANCELLED, "%s: stopping", doing);
    return fail(err, KH_E_PEER, doing, cond);
}

kh_status initialize()
{
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    dcmDisableGethostbyaddr.set(OFTrue);
    dcmConnectionTimeout.set(static_cast<Sint32>(kh_net_limits_default.associate_ms / 1000));
    dcmAssociatePDUSizeLimit.set(256 * 1024);
    (void)signal(SIGPIPE, SIG_IGN);
    /* A handle that is set keeps the toolkit from opening a listening socket of its own. It is never used: accept hands over ours. */
    dcmExternalSocketHandle.set(0x7fffffff);
    OFCondition cond = ASC_initializeNetwork(NET_ACCEPTOR, 0, 30, &acceptor);
    dcmExternalSocketHandle.set(-1);
    if (cond.good())
        cond = ASC_initializeNetwork(NET_REQUESTOR, 0, 30, &requestor);
    layer = new kh::Layer;
    if (cond.good())
        cond = ASC_setTransportLayer(acceptor, layer, 0);
    if (cond.good())
        cond = ASC_setTransportLayer(requestor, layer, 0);
    return cond.good() ? KH_OK : KH_E_INTERNAL;
}

kh_assoc *new_assoc(const kh_net_limits *limits)
{
    auto *assoc = new kh_assoc;

    memset(static_cast<void *>(assoc), 0, sizeof(*assoc));
    assoc->cause = KH_E_PEER;
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
}

void note_context(kh_assoc *assoc, const T_ASC_PresentationContext &from, const char *transfer_syntax)
{
    if (assoc->context_count == CONTEXTS_MAX)
        return;
    kh_context *to = &assoc->contexts[assoc->context_count++];
    to->id = from.presentationContextID;
    snprintf(to->abstract_syntax, sizeof(to->abstract_syntax), "%s", from.abstractSyntax);
    snprintf(to->transfer_syntax, sizeof(to->transfer_syntax), "%s", transfer_syntax);
    to->requestor_is_scp = from.acceptedRole == ASC_SC_ROLE_SCP || from.acceptedRole == ASC_SC_ROLE_SCUSCP;
}

void trim_ae(char *title)
{
    size_t length = strlen(title), lead = strspn(title, " ");

    while (length > lead && title[length - 1] == ' ')
        length--;
    memmove(title, title + lead, length - lead);
    title[length - lead] = '\0';
}

void read_request(kh_assoc_request *out, T_ASC_Association *asc, int fd)
{
    struct sockaddr_in address;
    socklen_t size = sizeof(address);

    memset(out, 0, sizeof(*out));
    (void)ASC_getAPTitles(asc->params, out->calling, sizeof(out->calling), out->called, sizeof(out->called), nullptr, 0);
    trim_ae(out->calling);
    trim_ae(out->called);
    if (getpeername(fd, reinterpret_cast<struct sockaddr *>(&address), &size) == 0 && address.sin_family == AF_INET)
        (void)inet_ntop(AF_INET, &address.sin_addr, out->address, sizeof(out->address));
}

kh_status reject(kh_assoc *assoc, T_ASC_RejectParametersResult result, T_ASC_RejectParametersSource source,
                 T_ASC_RejectParametersReason reason, const char *words, kh_error *err)
{
    T_ASC_RejectParameters parameters = {result, source, reason};

    (void)ASC_rejectAssociation(assoc->asc, &parameters);
    return kh_error_set(err, KH_E_DENIED, "%s", words);
}

kh_status decide(kh_assoc *assoc, kh_assoc_accept *accept, void *context, const kh_assoc_request *request, kh_error *err)
{
    char application[DUL_LEN_NAME + 1] = "";

    (void)ASC_getApplicationContextName(assoc->asc->params, application, sizeof(application));
    if (strcmp(application, APPLICATION_CONTEXT) != 0)
        return reject(assoc, ASC_RESULT_REJECTEDPERMANENT, ASC_SOURCE_SERVICEUSER, ASC_REASON_SU_APPCONTEXTNAMENOTSUPPORTED,
                      "rejected: application context name not supported", err);
    switch (accept(context, request)) {
    case KH_REJECT_NOT:
        return KH_OK;
    case KH_REJECT_CALLING_AE:
        return reject(assoc, ASC_RESULT_REJECTEDPERMANENT, ASC_SOURCE_SERVICEUSER, ASC_REASON_SU_CALLINGAETITLENOTRECOGNIZED,
                      "rejected: calling AE title not recognised", err);
    case KH_REJECT_CALLED_AE:
        return reject(assoc, ASC_RESULT_REJECTEDPERMANENT, ASC_SOURCE_SERVICEUSER, ASC_REASON_SU_CALLEDAETITLENOTRECOGNIZED,
                      "rejected: called AE title not recognised", err);
    case KH_REJECT_LOCAL_LIMIT:
        return reject(assoc, ASC_RESULT_REJECTEDTRANSIENT, ASC_SOURCE_SERVICEPROVIDER_PRESENTATION_RELATED,
                      ASC_REASON_SP_PRES_LOCALLIMITEXCEEDED, "rejected: local limit exceeded", err);
    case KH_REJECT_CONGESTION:
        break;
    }
    return reject(assoc, ASC_RESULT_REJECTEDTRANSIENT, ASC_SOURCE_SERVICEPROVIDER_PRESENTATION_RELATED,
                  ASC_REASON_SP_PRES_TEMPORARYCONGESTION, "rejected: temporary congestion", err);
}

/* Accept or refuse each proposed context as choose says. */
kh_status choose_contexts(kh_assoc *assoc, kh_assoc_choose *choose, void *context, kh_error *err)
{
    T_ASC_Parameters *params = assoc->asc->params;
    int count = ASC_countPresentationContexts(params);

    for (int i = 0; i < count; i++) {
        T_ASC_PresentationContext proposed;
        const char *syntaxes[DICOM_MAXTRANSFERSYNTAXES];
        OFCondition cond = ASC_getPresentationContext(params, i, &proposed);
        if (cond.bad())
            return fail(err, KH_E_FORMAT, "presentation context", cond);
        for (unsigned s = 0; s < proposed.transferSyntaxCount; s++)
            syntaxes[s] = proposed.proposedTransferSyntaxes[s];
        int chosen = choose(context, proposed.abstractSyntax, syntaxes, proposed.transferSyntaxCount);
        if (chosen >= 0 && chosen < proposed.transferSyntaxCount) {
            proposed.acceptedRole = proposed.proposedRole;
            cond = ASC_acceptPresentationContext(params, proposed.presentationContextID, syntaxes[chosen], proposed.proposedRole);
            if (cond.good())
                note_context(assoc, proposed, syntaxes[chosen]);
        } else {
            cond = ASC_refusePresentationContext(params, proposed.presentationContextID,
                                                 chosen == -1 ? ASC_P_ABSTRACTSYNTAXNOTSUPPORTED
                                                              : ASC_P_TRANSFERSYNTAXESNOTSUPPORTED);
        }
        if (cond.bad())
            return fail(err, KH_E_FORMAT, "presentation context", cond);
    }
    return KH_OK;
}

/* Answer the extended negotiation of query and retrieve classes: relational if asked for, nothing else. The toolkit frees the list. */
void grant_relational(kh_assoc *assoc)
{
    SOPClassExtendedNegotiationSubItemList *asked = nullptr;
    std::unique_ptr<SOPClassExtendedNegotiationSubItemList> granted(new SOPClassExtendedNegotiationSubItemList);

    ASC_getRequestedExtNegList(assoc->asc->params, &asked);
    for (auto it = asked ? asked->begin() : granted->begin(); asked && it != asked->end(); ++it) {
        const char *uid = (*it)->sopClassUID.c_str();
        if (assoc->relational_count == RELATIONAL_MAX || strncmp(uid, QUERY_RETRIEVE_ROOT, strlen(QUERY_RETRIEVE_ROOT)) != 0 ||
            strlen(uid) >= KH_UID_SIZE || (*it)->serviceClassAppInfoLength < 1 || (*it)->serviceClassAppInfo[0] != 1)
            continue;
        std::unique_ptr<SOPClassExtendedNegotiationSubItem> item(new SOPClassExtendedNegotiationSubItem);
        item->sopClassUID = uid;
        item->sopClassUIDLength = static_cast<unsigned short>(strlen(uid));
        item->serviceClassAppInfo = new unsigned char[1]{1};
        item->serviceClassAppInfoLength = 1;
        item->itemLength = static_cast<unsigned short>(2 + item->sopClassUIDLength + 1);
        granted->push_back(item.release());
        snprintf(assoc->relational[assoc->relational_count++], KH_UID_SIZE, "%s", uid);
    }
    if (!granted->empty())
        ASC_setAcceptedExtNegList(assoc->asc->params, granted.release());
}

/* Give the toolkit our connected socket and the A-ASSOCIATE-RQ already read from it. */
kh_status receive_request(kh_assoc *assoc, int fd, const uint8_t *pdu, size_t size, const kh_stop *stop, kh_error *err)
{
    std::unique_lock<std::mutex> lock(external_socket_lock);
    kh::Handoff from;

    from.stop = stop;
    from.cause = &assoc->cause;
    from.deadline_ms = kh_clock_monotonic_ms() + assoc->limits.associate_ms;
    from.early = pdu;
    from.early_size = size;
    from.lock = &lock;
    kh::handoff = &from;
    dcmExternalSocketHandle.set(fd);
    OFCondition cond = ASC_receiveAssociation(acceptor, &assoc->asc, static_cast<long>(assoc->limits.pdu_bytes), nullptr, nullptr,
                                              OFFalse, DUL_BLOCK, 0);
    kh::handoff = nullptr;
    if (!from.taken)
        close(fd);
    return cond.bad() ? fail(err, KH_E_PEER, "A-ASSOCIATE-RQ", cond) : KH_OK;
}

} // namespace

extern "C" kh_status kh_net_init(kh_error *err)
{
    return guard(err, [&]() -> kh_status {
        std::call_once(once, [] { once_status = initialize(); });
        if (once_status != KH_OK)
            return kh_error_set(err, once_status, "the network toolkit did not start");
        return KH_OK;
    });
}

extern "C" kh_status kh_assoc_accept_fd(kh_assoc **out, int fd, const uint8_t *pdu, size_t size, const kh_net_limits *limits,
                                        const kh_stop *stop, kh_assoc_accept *accept, kh_assoc_choose *choose, void *context,
                                        kh_assoc_request *request, kh_error *err)
{
    kh_assoc *assoc = nullptr;
    bool taken = false;

    *out = nullptr;
    memset(request, 0, sizeof(*request));
    kh_status status = kh_net_init(err);
    if (status == KH_OK)
        status = guard(err, [&]() -> kh_status {
            assoc = new_assoc(limits);
            taken = true;
            kh_status step = receive_request(assoc, fd, pdu, size, stop, err);
            if (step != KH_OK)
                return step;
            read_request(request, assoc->asc, fd);
            step = decide(assoc, accept, context, request, err);
            if (step == KH_OK)
                step = choose_contexts(assoc, choose, context, err);
            if (step != KH_OK)
                return step;
            grant_relational(assoc);
            OFCondition cond = ASC_acknowledgeAssociation(assoc->asc);
            return cond.bad() ? fail_io(err, assoc, "A-ASSOCIATE-AC", cond) : KH_OK;
        });
    if (!taken)
        close(fd);
    if (status != KH_OK) {
        kh_assoc_free(assoc);
        return status;
    }
    *out = assoc;
    return KH_OK;
}

/* --- as requestor --- */

namespace
{

const char *reject_words(const T_ASC_RejectParameters &reject)
{
    switch (reject.reason) {
    case ASC_REASON_SU_APPCONTEXTNAMENOTSUPPORTED:
        return "application context name not supported";
    case ASC_REASON_SU_CALLINGAETITLENOTRECOGNIZED:
        return "calling AE title not recognised";
    case ASC_REASON_SU_CALLEDAETITLENOTRECOGNIZED:
        return "called AE title not recognised";
    case ASC_REASON_SP_ACSE_PROTOCOLVERSIONNOTSUPPORTED:
        return "protocol version not supported";
    case ASC_REASON_SP_PRES_TEMPORARYCONGESTION:
        return "temporary congestion";
    case ASC_REASON_SP_PRES_LOCALLIMITEXCEEDED:
        return "local limit exceeded";
    default:
        return "no reason given";
    }
}

OFCondition propose(T_ASC_Parameters *params, const char *host, uint16_t port, const char *calling, const char *called,
                    const kh_proposal *proposals, size_t proposal_count)
{
    char peer[300];
    OFCondition cond = ASC_setAPTitles(params, calling, called, nullptr);

    snprintf(peer, sizeof(peer), "%s:%u", host, port);
    if (cond.good())
        cond = ASC_setPresentationAddresses(params, "localhost", peer);
    for (size_t i = 0; cond.good() && i < proposal_count; i++)
        cond = ASC_addPresentationContext(params, static_cast<T_ASC_PresentationContextID>(2 * i + 1),
                                          proposals[i].abstract_syntax,
                                          const_cast<const char **>(proposals[i].transfer_syntaxes),
                                          static_cast<int>(proposals[i].transfer_syntax_count),
                                          proposals[i].as_scp ? ASC_SC_ROLE_SCP : ASC_SC_ROLE_DEFAULT);
    return cond;
}

kh_status request(kh_assoc *assoc, T_ASC_Parameters *params, const kh_stop *stop, kh_error *err)
{
    kh::Handoff from;

    from.stop = stop;
    from.cause = &assoc->cause;
    from.deadline_ms = kh_clock_monotonic_ms() + assoc->limits.associate_ms;
    kh::handoff = &from;
    OFCondition cond = ASC_requestAssociation(requestor, params, &assoc->asc);
    kh::handoff = nullptr;
    if (!assoc->asc)
        (void)ASC_destroyAssociationParameters(&params);
    if (cond == DUL_ASSOCIATIONREJECTED) {
        T_ASC_RejectParameters rejected;
        (void)ASC_getRejectParameters(assoc->asc->params, &rejected);
        return kh_error_set(err, KH_E_PEER, "association rejected: %s", reject_words(rejected));
    }
    if (cond.bad() && kh_clock_monotonic_ms() >= from.deadline_ms)
        return kh_error_set(err, KH_E_TIMEOUT, "association not made within %lld ms", (long long)assoc->limits.associate_ms);
    if (cond.bad())
        return fail(err, KH_E_PEER, "association", cond);
    int count = ASC_countPresentationContexts(assoc->asc->params);
    for (int i = 0; i < count; i++) {
        T_ASC_PresentationContext answered;
        if (ASC_getPresentationContext(assoc->asc->params, i, &answered).good() && answered.resultReason == ASC_P_ACCEPTANCE)
            note_context(assoc, answered, answered.acceptedTransferSyntax);
    }
    return KH_OK;
}

} // namespace

extern "C" kh_status kh_assoc_connect(kh_assoc **out, const char *host, uint16_t port, const char *calling, const char *called,
                                      const kh_proposal *proposals, size_t proposal_count, const kh_net_limits *limits,
                                      const kh_stop *stop, kh_error *err)
{
    kh_assoc *assoc = nullptr;

    *out = nullptr;
    if (proposal_count < 1 || proposal_count > CONTEXTS_MAX)
        return kh_error_set(err, KH_E_ARG, "%zu presentation contexts, expected 1 to %d", proposal_count, CONTEXTS_MAX);
    if (strlen(calling) >= KH_AE_SIZE || strlen(called) >= KH_AE_SIZE)
        return kh_error_set(err, KH_E_ARG, "AE title over 16 characters");
    kh_status status = kh_net_init(err);
    if (status != KH_OK)
        return status;
    status = guard(err, [&]() -> kh_status {
        T_ASC_Parameters *params = nullptr;
        assoc = new_assoc(limits);
        OFCondition cond = ASC_createAssociationParameters(&params, static_cast<long>(assoc->limits.pdu_bytes));
        if (cond.good())
            cond = propose(params, host, port, calling, called, proposals, proposal_count);
        if (cond.bad()) {
            if (params)
                (void)ASC_destroyAssociationParameters(&params);
            return fail(err, KH_E_ARG, "association parameters", cond);
        }
        return request(assoc, params, stop, err);
    });
    if (status != KH_OK) {
        kh_error_prefix(err, "%s at %s:%u", called, host, port);
        kh_assoc_free(assoc);
        return status;
    }
    *out = assoc;
    return KH_OK;
}

/* --- both --- */

extern "C" void kh_assoc_free(kh_assoc *assoc)
{
    if (!assoc)
        return;
    (void)guard(nullptr, [&]() -> kh_status {
        close_assoc(assoc);
        return KH_OK;
    });
    kh_buf_release(&assoc->command_buf);
    delete assoc;
}

extern "C" kh_status kh_assoc_release(kh_assoc *assoc, kh_error *err)
{
    if (check_open(assoc, err) != KH_OK)
        return KH_E_PEER;
    return guard(err, [&]() -> kh_status {
        set_deadline(assoc, assoc->limits.associate_ms);
        OFCondition cond = ASC_releaseAssociation(assoc->asc);
        kh_status status = cond.bad() ? fail_io(err, assoc, "A-RELEASE", cond) : KH_OK;
        close_assoc(assoc);
        return status;
    });
}

extern "C" void kh_assoc_abort(kh_assoc *assoc)
{
    /* Written by hand: the toolkit's own abort waits for the peer to close. Source: service user (PS3.8 9.3.8). */
    uint8_t pdu[10] = {0x07, 0, 0, 0, 0, 4, 0, 0, 0, 0};

    (void)guard(nullptr, [&]() -> kh_status {
        kh::Connection *connection = connection_of(assoc);
        set_deadline(assoc, 100);
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

extern "C" uint64_t kh_assoc_bytes_in(const kh_assoc *assoc)
{
    return assoc->bytes_in;
}

extern "C" uint64_t kh_assoc_bytes_out(const kh_assoc *assoc)
{
    return assoc->bytes_out;
}

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
        int64_t begin_us = kh_clock_monotonic_us();
        set_deadline(assoc, message_left_ms(assoc));
        OFCondition cond = DUL_ReadPDVs(&assoc->asc->DULassociation, nullptr, DUL_BLOCK, 0);
        assoc->message_waited_us += kh_clock_monotonic_us() - begin_us;
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
    return guard(err, [&]() -> kh_status {
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
    return guard(err, [&]() -> kh_status {
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
    return guard(err, [&]() -> kh_status {
        return write_pdv(assoc, context_id, DUL_COMMANDPDV, assoc->command_buf.data, assoc->command_buf.size, true, err);
    });
}

extern "C" kh_status kh_assoc_send_data(kh_assoc *assoc, uint8_t context_id, const void *bytes, size_t size, bool last, kh_error *err)
{
    if (check_open(assoc, err) != KH_OK)
        return KH_E_PEER;
    return guard(err, [&]() -> kh_status {
        const auto *from = static_cast<const uint8_t *>(bytes);
        const size_t part = 1024 * 1024; /* what one write deadline has to carry */
        kh_status status = KH_OK;
        while (status == KH_OK && size > part) {
            status = write_pdv(assoc, context_id, DUL_DATASETPDV, from, part, false, err);
            from += part;
            size -= part;
        }
        return status == KH_OK ? write_pdv(assoc, context_id, DUL_DATASETPDV, from, size, last, err) : status;
    });
}
