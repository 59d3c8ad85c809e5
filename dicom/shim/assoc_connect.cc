#include "dicom/shim/assoc.hh"

#include <cstdio>
#include <cstring>
extern "C" {
#include "base/clock.h"
}

using namespace kh;

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

kh_status request(kh_assoc *assoc, T_ASC_Parameters *params, kh_tls_credentials *credentials, const char *host, const kh_stop *stop,
                  kh_error *err)
{
    kh::Handoff from;

    from.stop = stop;
    from.shared = &assoc->shared;
    from.credentials = credentials;
    from.host = host;
    from.made = &assoc->connection;
    from.deadline_ms = kh_clock_monotonic_ms() + assoc->limits.associate_ms;
    const kh::Offer offer(from);
    OFCondition cond = ASC_requestAssociation(requesting_network(), params, &assoc->asc);
    if (!assoc->asc)
        (void)ASC_destroyAssociationParameters(&params);
    if (cond == DUL_ASSOCIATIONREJECTED) {
        T_ASC_RejectParameters rejected;
        (void)ASC_getRejectParameters(assoc->asc->params, &rejected);
        return kh_error_set(err, KH_E_PEER, "association rejected: %s", reject_words(rejected));
    }
    if (cond.bad() && kh_clock_monotonic_ms() >= from.deadline_ms)
        return kh_error_set(err, KH_E_TIMEOUT, "association not made within %lld ms", (long long)assoc->limits.associate_ms);
    if (cond.bad() && assoc->shared.error.message[0])
        return kh_error_set(err, KH_E_PEER, "%s", assoc->shared.error.message);
    if (cond.bad())
        return fail(err, KH_E_PEER, "association", cond);
    if (connection_of(assoc))
        snprintf(assoc->tls, sizeof(assoc->tls), "%s", connection_of(assoc)->tls_words());
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
    return kh_assoc_connect_tls(out, nullptr, host, port, calling, called, proposals, proposal_count, limits, stop, err);
}

extern "C" kh_status kh_assoc_connect_tls(kh_assoc **out, kh_tls_credentials *credentials, const char *host, uint16_t port,
                                          const char *calling, const char *called, const kh_proposal *proposals,
                                          size_t proposal_count, const kh_net_limits *limits, const kh_stop *stop, kh_error *err)
{
    kh_assoc *assoc = nullptr;

    *out = nullptr;
    if (proposal_count < 1 || proposal_count > contexts_max)
        return kh_error_set(err, KH_E_ARG, "%zu presentation contexts, expected 1 to %d", proposal_count, contexts_max);
    if (strlen(calling) >= KH_AE_SIZE || strlen(called) >= KH_AE_SIZE)
        return kh_error_set(err, KH_E_ARG, "AE title over 16 characters");
    kh_status status = kh_net_init(err);
    if (status != KH_OK)
        return status;
    status = guard(err, [&]() -> kh_status {
        assoc = new_assoc(limits);
        return KH_OK;
    });
    if (status != KH_OK)
        return status;
    status = guard(assoc, err, [&]() -> kh_status {
        T_ASC_Parameters *params = nullptr;
        snprintf(assoc->titles, sizeof(assoc->titles), "%s to %s", calling, called);
        snprintf(assoc->peer, sizeof(assoc->peer), "%s:%u", host, port);
        OFCondition cond = ASC_createAssociationParameters(&params, static_cast<long>(assoc->limits.pdu_bytes));
        if (cond.good())
            cond = propose(params, host, port, calling, called, proposals, proposal_count);
        if (cond.bad()) {
            if (params)
                (void)ASC_destroyAssociationParameters(&params);
            return fail(err, KH_E_ARG, "association parameters", cond);
        }
        return request(assoc, params, credentials, host, stop, err);
    });
    if (status != KH_OK) {
        kh_error_prefix(err, "%s at %s:%u", called, host, port);
        kh_assoc_free(assoc);
        return status;
    }
    *out = assoc;
    return KH_OK;
}
