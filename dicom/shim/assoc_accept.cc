#include "dicom/shim/assoc.hh"

#include <arpa/inet.h>
#include <cstdio>
#include <cstring>
#include <memory>
#include <sys/socket.h>
#include <unistd.h>
extern "C" {
#include "base/clock.h"
}

#define QUERY_RETRIEVE_ROOT "1.2.840.10008.5.1.4.1.2."
#define APPLICATION_CONTEXT "1.2.840.10008.3.1.1.1"

using namespace kh;

namespace
{

void trim_ae(char *title)
{
    size_t length = strlen(title), lead = strspn(title, " ");

    while (length > lead && title[length - 1] == ' ')
        length--;
    memmove(title, title + lead, length - lead);
    title[length - lead] = '\0';
}

void read_request(kh_assoc_request *out, T_ASC_Association *asc, const Connection *connection, int fd)
{
    struct sockaddr_in address;
    socklen_t size = sizeof(address);

    memset(out, 0, sizeof(*out));
    (void)ASC_getAPTitles(asc->params, out->calling, sizeof(out->calling), out->called, sizeof(out->called), nullptr, 0);
    trim_ae(out->calling);
    trim_ae(out->called);
    if (getpeername(fd, reinterpret_cast<struct sockaddr *>(&address), &size) == 0 && address.sin_family == AF_INET)
        (void)inet_ntop(AF_INET, &address.sin_addr, out->address, sizeof(out->address));
    if (connection) {
        snprintf(out->tls, sizeof(out->tls), "%s", connection->tls_words());
        snprintf(out->certificate, sizeof(out->certificate), "%s", connection->peer_digest());
    }
}

kh_status reject(kh_assoc *assoc, T_ASC_RejectParametersResult result, T_ASC_RejectParametersSource source,
                 T_ASC_RejectParametersReason reason, const char *words, kh_error *err)
{
    T_ASC_RejectParameters parameters = {result, source, reason};

    (void)ASC_rejectAssociation(assoc->asc, &parameters);
    return kh_error_set(err, KH_E_DENIED, "%s", words);
}

kh_status decide(kh_assoc *assoc, kh_assoc_accept *accept, void *context, kh_assoc_request *request, kh_error *err)
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
kh_status choose_contexts(kh_assoc *assoc, kh_assoc_choose *choose, void *context, const kh_assoc_request *request, kh_error *err)
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
        bool as_scp = proposed.proposedRole == ASC_SC_ROLE_SCP || proposed.proposedRole == ASC_SC_ROLE_SCUSCP;
        int chosen = choose(context, request, proposed.abstractSyntax, syntaxes, proposed.transferSyntaxCount, as_scp);
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
        if (assoc->relational_count == relational_max || strncmp(uid, QUERY_RETRIEVE_ROOT, strlen(QUERY_RETRIEVE_ROOT)) != 0 ||
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
kh_status receive_request(kh_assoc *assoc, int fd, kh_tls **tls, const uint8_t *pdu, size_t size, const kh_stop *stop, kh_error *err)
{
    std::unique_lock<std::mutex> lock(external_socket_lock);
    kh::Handoff from;

    from.stop = stop;
    from.shared = &assoc->shared;
    from.tls = *tls;
    from.made = &assoc->connection;
    from.deadline_ms = kh_clock_monotonic_ms() + assoc->limits.associate_ms;
    from.early = pdu;
    from.early_size = size;
    from.lock = &lock;
    kh_status status = guard(assoc, err, [&]() -> kh_status {
        const kh::Offer offer(from);
        dcmExternalSocketHandle.set(fd);
        OFCondition cond = ASC_receiveAssociation(accepting_network(), &assoc->asc, static_cast<long>(assoc->limits.pdu_bytes), nullptr,
                                                  nullptr, OFFalse, DUL_BLOCK, 0);
        if (cond == EC_MemoryExhausted) /* it has freed half of it, and gives no sign of which */
            throw std::bad_alloc();
        return cond.bad() ? fail(err, KH_E_PEER, "A-ASSOCIATE-RQ", cond) : KH_OK;
    });
    *tls = from.tls;
    if (!from.taken)
        close(fd);
    return status;
}

} // namespace

extern "C" kh_status kh_assoc_accept_fd(kh_assoc **out, int fd, kh_tls *tls, const uint8_t *pdu, size_t size, const kh_net_limits *limits,
                                        const kh_stop *stop, kh_assoc_accept *accept, kh_assoc_choose *choose, void *context,
                                        kh_assoc_request *request, kh_error *err)
{
    kh_assoc *assoc = nullptr;

    *out = nullptr;
    memset(request, 0, sizeof(*request));
    kh_status status = kh_net_init(err);
    if (status == KH_OK)
        status = guard(err, [&]() -> kh_status {
            assoc = new_assoc(limits);
            return KH_OK;
        });
    if (status != KH_OK) {
        kh_tls_free(tls);
        close(fd);
        return status;
    }
    status = guard(assoc, err, [&]() -> kh_status {
        kh_status step = receive_request(assoc, fd, &tls, pdu, size, stop, err);
        if (step != KH_OK)
            return step;
        read_request(request, assoc->asc, connection_of(assoc), fd);
        step = decide(assoc, accept, context, request, err);
        if (step == KH_OK)
            step = choose_contexts(assoc, choose, context, request, err);
        if (step != KH_OK)
            return step;
        grant_relational(assoc);
        OFCondition cond = ASC_acknowledgeAssociation(assoc->asc);
        return cond.bad() ? fail_io(err, assoc, "A-ASSOCIATE-AC", cond) : KH_OK;
    });
    kh_tls_free(tls); /* unless a connection has it */
    if (status != KH_OK) {
        kh_assoc_free(assoc);
        return status;
    }
    *out = assoc;
    return KH_OK;
}
