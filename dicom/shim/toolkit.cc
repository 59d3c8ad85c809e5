#include "dicom/shim/assoc.hh"

#include <csignal>
#include <dcmtk/oflog/oflog.h>

extern "C" const kh_net_limits kh_net_limits_default = {10000, 30000, 60000, 64 * 1024, 131072};

std::mutex kh::external_socket_lock;

namespace
{

std::once_flag once;
kh_status once_status = KH_E_INTERNAL;
T_ASC_Network *acceptor, *requestor;
kh::Layer *layer;

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

} // namespace

T_ASC_Network *kh::accepting_network()
{
    return acceptor;
}

T_ASC_Network *kh::requesting_network()
{
    return requestor;
}

extern "C" kh_status kh_net_init(kh_error *err)
{
    return kh::guard(err, [&]() -> kh_status {
        std::call_once(once, [] { once_status = initialize(); });
        if (once_status != KH_OK)
            return kh_error_set(err, once_status, "the network toolkit did not start");
        return KH_OK;
    });
}
