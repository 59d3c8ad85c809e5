/* service.h - what we serve as SCP: C-ECHO, C-STORE of every storage SOP class, and of configured private ones, in every
 * transfer syntax we know, C-FIND,
 * C-MOVE, C-GET and storage commitment.
 * Success is answered only after kh_ingest_commit() returned KH_OK. Threads: each association on its own. */
#ifndef KH_PACS_BRIDGE_SERVICE_H
#define KH_PACS_BRIDGE_SERVICE_H

#include <stdatomic.h>
#include "access/rights.h"
#include "audit/audit.h"
#include "dicom/codec/codec.h"
#include "dicom/shim/acceptor.h"
#include "pacs-bridge/associations.h"
#include "pacs-bridge/commit_queue.h"
#include "pacs-bridge/node_use.h"
#include "pacs-bridge/pull_queue.h"

#define KH_PRIVATE_CLASSES_MAX 32

struct kh_scu;

typedef struct kh_service_scp {
    kh_cache *cache;
    kh_audit *audit;              /* NULL: nothing is recorded */
    kh_access *access;            /* both NULL: accounts are off, every known node may find and take everything */
    kh_rights *rights;
    kh_pull_queue *pulls;         /* NULL when none runs */
    kh_commit_queue *commits;     /* NULL: storage commitment is not served */
    kh_associations *associations; /* those in progress, for who asks; NULL: nobody does */
    kh_codec *codec;              /* for peers that take nothing compressed; may be NULL */
    char ae_title[KH_AE_TITLE_SIZE];
    char facility_default[65];
    kh_net_limits limits;         /* of associations that C-MOVE makes */
    const kh_stop *stop;
    int64_t recall_ms;            /* a retrieval waits so long for what has to come back from its hospital first */
    kh_node_use *use;
    int64_t node_wait_ms;         /* for a place among our associations with a node, at most */
    kh_tls_store *tls;            /* NULL without TLS */
    uint64_t answers_max;         /* of one query; more end it with A700 */
    unsigned private_class_count;
    char private_classes[KH_PRIVATE_CLASSES_MAX][KH_UID_SIZE]; /* that are stored like the standard's */
    _Atomic uint64_t objects, duplicates, refused, bytes;
} kh_service_scp;

/* UIDs separated by spaces or commas. KH_E_ARG for what is no UID, KH_E_LIMIT for more than KH_PRIVATE_CLASSES_MAX. */
KH_MUST_USE kh_status kh_service_private_classes(kh_service_scp *service, const char *list, kh_error *err);

/* How the service asks others. ae_title, tls and so on are borrowed from service. */
void kh_service_scu(const kh_service_scp *service, struct kh_scu *out);

/* For kh_acceptor_options; context is the kh_service_scp. */
kh_reject kh_service_accept(void *context, kh_assoc_request *request);
void kh_service_left(void *context, kh_assoc_request *request);
/* Whose title was called: "" for the service's own. KH_E_NOT_FOUND when it is nobody's. */
KH_MUST_USE kh_status kh_service_called(const kh_service_scp *service, const char *called, char facility[65], kh_error *err);
/* The node that an accepted request is of. */
const kh_node *kh_service_caller(const kh_assoc_request *request);
int kh_service_choose(void *context, const kh_assoc_request *request, const char *abstract_syntax, const char *const *transfer_syntaxes,
                      size_t count, bool as_scp);
void kh_service_serve(void *context, kh_assoc *assoc, const kh_assoc_request *request, uint64_t number);

#endif
