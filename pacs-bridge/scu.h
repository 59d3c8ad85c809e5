/* scu.h - asking a node, without a service: C-ECHO and C-FIND for commands, the queries of the pull queue. Each call makes its own
 * association. Errors: KH_E_PEER with the words of the peer (status, rejection), KH_E_TIMEOUT, KH_E_ARG for a node without a host.
 * Threads: any. */
#ifndef KH_PACS_BRIDGE_SCU_H
#define KH_PACS_BRIDGE_SCU_H

#include <stdint.h>
#include "cache/nodes.h"
#include "dicom/shim/assoc.h"
#include "tls/store.h"
#include "dicom/syntax.h"
#include "dicom/text.h"
#include "pacs-bridge/node_use.h"

/* How we appear and how long we wait. */
typedef struct kh_scu {
    const char *ae_title;
    kh_net_limits limits;
    const kh_stop *stop; /* NULL: cannot be stopped */
    kh_cache *cache;     /* for the titles of facilities; NULL: ae_title always */
    kh_tls_store *tls;   /* for nodes that talk TLS; NULL: they are not called */
    kh_node_use *use;    /* for limits of bandwidth and associations; NULL: none */
    int64_t wait_ms;     /* at most, for a place when the node has as many of our associations as it may; 0: not */
    bool urgent;         /* somebody waits: others make way */
    bool logged;         /* each association has its line in the log */
} kh_scu;
/* The default limits, no stop. */
void kh_scu_init(kh_scu *scu, const char *ae_title);

/* How we call ourselves to this node. */
void kh_scu_title(const kh_scu *scu, const kh_node *node, char ae_title[KH_AE_TITLE_SIZE]);
/* An association with a node, as it is set up: address, titles, TLS or not, bandwidth, number. KH_E_ARG for a node without a host,
 * KH_E_UNSUPPORTED for one that needs TLS when we have none, KH_E_BUSY when it has as many as it may. Hours are the caller's to ask for. */
KH_MUST_USE kh_status kh_scu_connect(kh_assoc **out, const kh_scu *scu, const kh_node *node, const kh_proposal *proposals, size_t count,
                                     kh_error *err);

/* How long association and C-ECHO took. */
KH_MUST_USE kh_status kh_scu_echo(const kh_scu *scu, const kh_node *node, int64_t *took_us, kh_error *err);

/* Keys as the standard matches them: wild cards * and ?, ranges of dates "20260101-", NULL or "": any. UTF-8; sent in node->charset. */
typedef struct kh_find_filter {
    const char *study_uid, *patient_id, *patient_name, *study_date, *accession, *modality;
} kh_find_filter;

typedef struct kh_found_study {
    char study_uid[KH_UID_SIZE];
    char date[9], time[17], accession[65], description[200], study_id[65];
    char patient_id[65], birth_date[9], sex[2];
    kh_person_name patient_name;
    char modalities[100];         /* as told, separated by backslashes */
    int64_t series, instances;    /* at the node; -1 when it does not tell */
} kh_found_study;

typedef kh_status kh_found_study_visit(void *context, const kh_found_study *study);

/* Study root, study level. A match without a usable Study Instance UID is passed over. visit's non-OK status cancels and is returned. */
KH_MUST_USE kh_status kh_scu_find_studies(const kh_scu *scu, const kh_node *node, const kh_find_filter *filter,
                                          kh_found_study_visit *visit, void *context, kh_error *err);

/* The instances of a study, by series and then instance level; more than count_max is KH_E_LIMIT. */
typedef kh_status kh_found_instance_visit(void *context, const char *series_uid, const char *sop_instance_uid);
KH_MUST_USE kh_status kh_scu_find_instances(const kh_scu *scu, const kh_node *node, const char *study_uid, int64_t count_max,
                                            kh_found_instance_visit *visit, void *context, kh_error *err);

#endif
