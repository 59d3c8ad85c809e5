/* service.h - what we serve as SCP: C-ECHO, C-STORE of every storage SOP class in every transfer syntax we know, C-FIND,
 * C-MOVE and C-GET.
 * Success is answered only after kh_ingest_commit() returned KH_OK. Threads: each association on its own. */
#ifndef KH_PACS_BRIDGE_SERVICE_H
#define KH_PACS_BRIDGE_SERVICE_H

#include <stdatomic.h>
#include "dicom/shim/acceptor.h"
#include "pacs-bridge/pull_queue.h"

typedef struct kh_service_scp {
    kh_cache *cache;
    kh_pull_queue *pulls;         /* NULL when none runs */
    char ae_title[KH_AE_TITLE_SIZE];
    char facility_default[65];
    kh_net_limits limits;         /* of associations that C-MOVE makes */
    const kh_stop *stop;
    uint64_t answers_max;         /* of one query; more end it with A700 */
    _Atomic uint64_t objects, duplicates, refused, bytes;
} kh_service_scp;

/* For kh_acceptor_options; context is the kh_service_scp. */
kh_reject kh_service_accept(void *context, const kh_assoc_request *request);
int kh_service_choose(void *context, const char *abstract_syntax, const char *const *transfer_syntaxes, size_t count);
void kh_service_serve(void *context, kh_assoc *assoc, const kh_assoc_request *request, uint64_t number);

#endif
