/* still.h - may the caller of an association that is open go on? Looked at whenever it is waited for (kh_assoc_set_look()), a silent one,
 * too: its entry among the nodes may have been removed or changed, its facility suspended, the network stopped [TB-16]. Two atomic loads
 * while nothing moves.
 * An association that began while its facility was not open (it stores and finds nothing) stays. Revoked certificates are
 * dicom/shim/tls.h's.
 * Threads: the association's own. */
#ifndef KH_PACS_BRIDGE_STILL_H
#define KH_PACS_BRIDGE_STILL_H

#include "pacs-bridge/scp.h"

typedef struct kh_still {
    kh_scp *of;             /* borrowed; its node's rights are kept as they stand now */
    uint64_t epoch, nodes;  /* looked at in; 0: not yet */
    bool open;              /* its facility, and the network */
} kh_still;

/* As things stand when the association begins. */
void kh_still_begin(kh_still *still, kh_scp *of);
/* A kh_assoc_look; context is a kh_still. KH_E_DENIED with why it ends. What cannot be read is looked at again the next time. */
kh_status kh_still_look(void *context, kh_error *err);

#endif
