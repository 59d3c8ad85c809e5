/* bridge.h - the DICOM side of the service: takes objects that are pushed, answers queries, fulfils pull jobs, serves the owner's control
 * socket.
 * It runs in the process that owns the cache. Threads: start and stop from one thread. */
#ifndef KH_PACS_BRIDGE_BRIDGE_H
#define KH_PACS_BRIDGE_BRIDGE_H

#include <stdbool.h>
#include <stdint.h>
#include "access/rights.h"
#include "audit/audit.h"
#include "cache/cache.h"
#include "cache/nodes.h"
#include "dicom/codec/codec.h"
#include "pacs-bridge/commit_queue.h"
#include "pacs-bridge/compare.h"
#include "tls/credentials.h"

typedef struct kh_bridge kh_bridge;

typedef struct kh_bridge_options {
    int listen_fd;                       /* IPv4, listening; borrowed. -1: take no associations, only pull and serve the socket */
    int tls_listen_fd;                   /* likewise, for TLS; used with tls_files */
    bool closes_listeners;               /* both, by kh_bridge_stop(), before it waits for what is under way */
    const kh_tls_files *tls_files;       /* NULL: no TLS; borrowed until start returns */
    char ae_title[KH_AE_TITLE_SIZE];     /* ours; callers must use it, and PACSs send to it */
    unsigned associations_max;           /* 1 to 254 at once; more are rejected */
    unsigned associations_per_address_max; /* of these; 0: all */
    unsigned waiting_max;                /* connections that have not yet asked for an association */
    int64_t associate_ms, pdu_ms, idle_ms; /* see kh_net_limits in dicom/shim/assoc.h */
    uint32_t floor_bytes_per_s;
    unsigned find_answers_max;           /* of one query that we answer, 1 to 1,000,000 */
    int64_t recall_ms;                   /* a retrieval waits so long for what has to come back from its hospital first, 0: not */
    int64_t node_wait_ms;                /* for a place among our associations with a node that may have so many, at most */
    unsigned pull_workers;               /* jobs at once, 0 to 16; one more for what a doctor waits for */
    unsigned pull_per_node;              /* of these, of one node, 1 or more */
    const char *private_storage_classes; /* UIDs, see kh_service_private_classes(); borrowed until start returns; may be NULL */
    unsigned pull_series_parallel;       /* series of one study at once, each on an association of its own, 1 to 8 */
    unsigned pull_attempts_max;          /* C-MOVE rounds of one job without a new arrival, 1 to 100 */
    int64_t pull_retry_first_ms, pull_retry_longest_ms; /* back-off, doubled each time, with jitter */
    unsigned send_workers;               /* sends to other nodes at once, 0 to 16; one more for what somebody waits for */
    unsigned send_per_node;              /* of these, to one node, 1 or more */
    unsigned send_attempts_max;          /* of one send without an object taken, 1 or more; delays as of pulls */
    int64_t quiet_ms;                    /* without a new object: a study has arrived; see watch.h */
    const char *facility_default;        /* of what is adopted without one; borrowed until start returns */
    kh_commit_limits commit;             /* storage commitment, see commit_queue.h */
    kh_compare_limits compare;           /* what is held against what its hospital has; retries as of pulls */
    bool control;                        /* serve DIR/run/bridge.sock */
    kh_audit *audit;                     /* borrowed until stop; NULL: nothing is recorded */
    int64_t consent_studies_per_hour; /* fetched because a consent opened: consent_prefetch.h */
    kh_access *access;  /* borrowed, with rights: what nodes may find and take; both NULL: everything */
    kh_rights *rights;
    kh_codec *codec;                     /* decodes for peers that take nothing compressed; must outlive the bridge, may be NULL */
} kh_bridge_options;
/* KAKEHASHI, 32 associations, 256 waiting, 10 s, 30 s, 60 s, 64 KB/s, 10,000 answers, 30 s for a place, 2 workers, 2 per node, 1 series, 8
 * attempts, 1 s to 5 min, 2 senders, 1 per node, 300 attempts, 60 s quiet, "local", compared only when asked, 12 h apart, 7,200 studies an
 * hour, 20 differences, control. */
extern const kh_bridge_options kh_bridge_options_default;

/* cache: opened as the owner; must outlive the bridge. Jobs that were running when the last owner ended are taken up again. */
KH_MUST_USE kh_status kh_bridge_start(kh_bridge **out, kh_cache *cache, const kh_bridge_options *options, kh_error *err);
/* No new associations and jobs; messages under way are finished, moves are cancelled and stay in the queue; after drain_ms all is cut.
 * NULL is welcome. */
void kh_bridge_stop(kh_bridge *bridge, int64_t drain_ms);

/* Read certificates and revocation lists anew if their files have changed (now: whether or not). One thread at a time. */
void kh_bridge_look(kh_bridge *bridge, bool now);

typedef struct kh_bridge_stats {
    uint64_t associations, rejected, broken; /* broken: connections that never became an association */
    uint64_t objects, duplicates, refused, bytes;
    unsigned associations_active, pulls_active;
} kh_bridge_stats;
void kh_bridge_get_stats(kh_bridge *bridge, kh_bridge_stats *out);

#endif
