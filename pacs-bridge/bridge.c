#include "pacs-bridge/bridge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "cache/keeper.h"
#include "cache/metadata_prepare.h"
#include "cache/pulls.h"
#include "dicom/shim/acceptor.h"
#include "pacs-bridge/commit_ask.h"
#include "pacs-bridge/comparer.h"
#include "pacs-bridge/control.h"
#include "pacs-bridge/pull_queue.h"
#include "pacs-bridge/rule_worker.h"
#include "pacs-bridge/rules.h"
#include "pacs-bridge/scu.h"
#include "pacs-bridge/send_queue.h"
#include "pacs-bridge/service.h"
#include "pacs-bridge/watch.h"

const kh_bridge_options kh_bridge_options_default = {.commit = {.references_max = 10000,
                                                                .open_max = 1000,
                                                                .attempts_max = 20,
                                                                .retry_first_ms = 5000,
                                                                .retry_longest_ms = 1800000,
                                                                .stay_ms = 1000,
                                                                .patience_ms = 86400000,
                                                                .keep_ms = INT64_C(720) * 3600000},
                                                     .listen_fd = -1,
                                                     .tls_listen_fd = -1,
                                                     .ae_title = "KAKEHASHI",
                                                     .associations_max = 32,
                                                     .associations_per_address_max = 0,
                                                     .waiting_max = 256,
                                                     .associate_ms = 10000,
                                                     .pdu_ms = 30000,
                                                     .idle_ms = 60000,
                                                     .floor_bytes_per_s = 64 * 1024,
                                                     .find_answers_max = 10000,
                                                     .recall_ms = 60000,
                                                     .node_wait_ms = 30000,
                                                     .pull_workers = 2,
                                                     .pull_per_node = 2,
                                                     .pull_series_parallel = 1,
                                                     .pull_attempts_max = 8,
                                                     .pull_retry_first_ms = 1000,
                                                     .pull_retry_longest_ms = 300000,
                                                     .send_workers = 2,
                                                     .send_per_node = 1,
                                                     .send_attempts_max = 300,
                                                     .quiet_ms = 60000,
                                                     .facility_default = "local",
                                                     .consent_studies_per_hour = 600,
                                                     .compare = {.apart_ms = 43200000, .studies_per_hour = 7200, .differences_max = 20},
                                                     .control = true};

struct kh_bridge {
    kh_service_scp service;
    kh_net_limits limits;
    kh_stop *stop;
    kh_acceptor *acceptor;  /* NULL without a listening socket */
    kh_pull_queue *pulls;
    kh_watch *watch;
    kh_rules rules;
    kh_rule_worker *rule_worker;
    kh_comparer *comparer;
    kh_send_queue *sends;
    kh_keeper *keeper;
    kh_metadata_preparer *preparer;
    kh_control *control;
    kh_stop *asking;        /* ends the echoes and questions that requests of the control socket wait for */
    atomic_uint echoes;     /* of these, under way */
};

static void pull_filed(void *context)
{
    kh_bridge *bridge = context;

    kh_pull_queue_kick(bridge->pulls);
}

static void send_filed(void *context)
{
    kh_bridge *bridge = context;

    kh_send_queue_kick(bridge->sends);
}

static void lookup_filed(void *context)
{
    kh_bridge *bridge = context;

    kh_rule_worker_kick(bridge->rule_worker);
}

/* Something of a queue was changed by request. */
static void queue_changed(void *context)
{
    pull_filed(context);
    send_filed(context);
    lookup_filed(context);
    kh_comparer_kick(((kh_bridge *)context)->comparer);
}

static kh_status pull_cancel(void *context, int64_t pull_id, kh_error *err)
{
    kh_bridge *bridge = context;

    return kh_pull_queue_cancel(bridge->pulls, pull_id, err);
}

static kh_status pull_retry(void *context, int64_t pull_id, kh_error *err)
{
    kh_bridge *bridge = context;

    return kh_pull_queue_retry(bridge->pulls, pull_id, err);
}

static kh_status start_pulls(kh_bridge *bridge, const kh_bridge_options *options, kh_error *err)
{
    const kh_pull_queue_options pulls = {.cache = bridge->service.cache,
                                         .service = &bridge->service,
                                         .ae_title = bridge->service.ae_title,
                                         .limits = bridge->limits,
                                         .stop = bridge->stop,
                                         .workers = options->pull_workers,
                                         .per_node = options->pull_per_node,
                                         .series_parallel = options->pull_series_parallel,
                                         .attempts_max = options->pull_attempts_max,
                                         .retry_first_ms = options->pull_retry_first_ms,
                                         .retry_longest_ms = options->pull_retry_longest_ms,
                                         .facility_default = bridge->service.facility_default};
    kh_status status = kh_pull_recover(bridge->service.cache, err);

    if (status == KH_OK)
        status = kh_pull_queue_start(&bridge->pulls, &pulls, err);
    bridge->service.pulls = bridge->pulls;
    return status;
}

static kh_status send_cancel(void *context, int64_t send_id, kh_error *err)
{
    kh_bridge *bridge = context;

    return kh_send_queue_cancel(bridge->sends, send_id, err);
}

static kh_status start_sends(kh_bridge *bridge, const kh_bridge_options *options, kh_error *err)
{
    const kh_send_queue_options sends = {.cache = bridge->service.cache,
                                         .ae_title = bridge->service.ae_title,
                                         .limits = bridge->limits,
                                         .stop = bridge->stop,
                                         .service = &bridge->service,
                                         .codec = options->codec,
                                         .workers = options->send_workers,
                                         .per_node = options->send_per_node,
                                         .attempts_max = options->send_attempts_max,
                                         .retry_first_ms = options->pull_retry_first_ms,
                                         .retry_longest_ms = options->pull_retry_longest_ms};
    kh_status status = kh_send_recover(bridge->service.cache, err);

    return status == KH_OK ? kh_send_queue_start(&bridge->sends, &sends, err) : status;
}

static kh_status start_rules(kh_bridge *bridge, const kh_bridge_options *options, kh_error *err)
{
    const kh_rule_worker_options worker = {.cache = bridge->service.cache,
                                           .ae_title = bridge->service.ae_title,
                                           .limits = bridge->limits,
                                           .stop = bridge->stop,
                                           .service = &bridge->service,
                                           .attempts_max = options->pull_attempts_max,
                                           .retry_first_ms = options->pull_retry_first_ms,
                                           .retry_longest_ms = options->pull_retry_longest_ms,
                                           .consent_studies_per_hour = options->consent_studies_per_hour,
                                           .filed = pull_filed,
                                           .context = bridge};

    bridge->rules = (kh_rules){bridge->service.cache, send_filed, lookup_filed, bridge};
    return kh_rule_worker_start(&bridge->rule_worker, &worker, err);
}

static kh_status start_comparer(kh_bridge *bridge, const kh_bridge_options *options, kh_error *err)
{
    const kh_comparer_options comparer = {.cache = bridge->service.cache,
                                          .stop = bridge->stop,
                                          .service = &bridge->service,
                                          .limits = options->compare,
                                          .retry_first_ms = options->pull_retry_first_ms,
                                          .retry_longest_ms = options->pull_retry_longest_ms};

    return kh_comparer_start(&bridge->comparer, &comparer, err);
}

static kh_status study_arrived(void *context, const kh_arriving *study, kh_error *err)
{
    return kh_rules_arrived(&((kh_bridge *)context)->rules, study, err);
}

static kh_status study_settled(void *context, const kh_arriving *study, kh_error *err)
{
    return kh_rules_settled(&((kh_bridge *)context)->rules, study, err);
}

static kh_status start_watch(kh_bridge *bridge, const kh_bridge_options *options, kh_error *err)
{
    const kh_watch_options watch = {.cache = bridge->service.cache,
                                    .stop = bridge->stop,
                                    .quiet_ms = options->quiet_ms,
                                    .filed = pull_filed,
                                    .arrived = study_arrived,
                                    .settled = study_settled,
                                    .context = bridge};

    return kh_watch_start(&bridge->watch, &watch, err);
}

static kh_status start_commits(kh_bridge *bridge, const kh_bridge_options *options, kh_error *err)
{
    const kh_commit_queue_options commits = {.cache = bridge->service.cache,
                                             .ae_title = bridge->service.ae_title,
                                             .facility_default = bridge->service.facility_default,
                                             .net = bridge->limits,
                                             .stop = bridge->stop,
                                             .service = &bridge->service,
                                             .limits = options->commit};

    return kh_commit_queue_start(&bridge->service.commits, &commits, err);
}

static kh_status start_acceptor(kh_bridge *bridge, const kh_bridge_options *options, kh_error *err)
{
    const kh_acceptor_options acceptor = {.listen_fd = options->listen_fd,
                                          .tls_listen_fd = options->tls_listen_fd,
                                          .closes_listeners = options->closes_listeners,
                                          .tls = bridge->service.tls,
                                          .associations_max = options->associations_max,
                                          .per_address_max = options->associations_per_address_max,
                                          .waiting_max = options->waiting_max,
                                          .limits = bridge->limits,
                                          .stop = bridge->stop,
                                          .accept = kh_service_accept,
                                          .choose = kh_service_choose,
                                          .serve = kh_service_serve,
                                          .left = kh_service_left,
                                          .context = &bridge->service};

    return options->listen_fd < 0 ? KH_OK : kh_acceptor_start(&bridge->acceptor, &acceptor, err);
}

static kh_status commit_ask(void *context, const kh_node *node, const kh_search_key *keys, size_t key_count, int64_t *id, kh_error *err)
{
    kh_bridge *bridge = context;

    return kh_commit_ask(bridge->service.commits, bridge->service.cache, node, keys, key_count, id, err);
}

static kh_status commit_retry(void *context, int64_t id, kh_error *err)
{
    kh_bridge *bridge = context;

    return kh_commit_queue_retry(bridge->service.commits, id, err);
}

#define ECHOES_MAX 4
#define ECHO_MS 5000 /* to be let in, and for the answer */

/* Somebody waits for the answer. KH_E_BUSY when too many do; it counts as asking in any case. */
static kh_status begin_asking(kh_bridge *bridge, kh_scu *scu, kh_error *err)
{
    bool full = atomic_fetch_add(&bridge->echoes, 1) >= ECHOES_MAX;

    kh_service_scu(&bridge->service, scu);
    scu->limits.associate_ms = scu->limits.pdu_ms = scu->limits.idle_ms = ECHO_MS;
    scu->stop = bridge->asking;
    scu->urgent = true;
    scu->wait_ms = scu->wait_ms < ECHO_MS ? scu->wait_ms : ECHO_MS;
    return full ? kh_error_set(err, KH_E_BUSY, "%d nodes are being asked already", ECHOES_MAX) : KH_OK;
}

static kh_status node_compare(void *context, const kh_node *node, int64_t study_id, kh_error *err)
{
    kh_bridge *bridge = context;
    kh_scu scu;
    const kh_compare_work work = {.cache = bridge->service.cache, .scu = &scu, .facility_default = bridge->service.facility_default};
    kh_status status = begin_asking(bridge, &scu, err);

    if (status == KH_OK)
        status = kh_compare_study_now(&work, node, study_id, err);
    atomic_fetch_sub(&bridge->echoes, 1);
    return status;
}

static kh_status node_echo(void *context, const kh_node *node, int64_t *took_us, kh_error *err)
{
    kh_bridge *bridge = context;
    kh_scu scu;
    kh_status status = begin_asking(bridge, &scu, err);

    *took_us = 0;
    if (status == KH_OK)
        status = kh_scu_echo(&scu, node, took_us, err);
    atomic_fetch_sub(&bridge->echoes, 1);
    return status;
}

static kh_status start_control(kh_bridge *bridge, const kh_bridge_options *options, kh_error *err)
{
    const kh_control_pulls pulls = {queue_changed, pull_cancel, pull_retry, send_cancel, commit_ask, commit_retry, node_echo, node_compare,
                                    bridge->service.associations, bridge->service.use, bridge->service.audit, bridge};

    return options->control ? kh_control_start(&bridge->control, bridge->service.cache, options->facility_default, &pulls, err) : KH_OK;
}

kh_status kh_bridge_start(kh_bridge **out, kh_cache *cache, const kh_bridge_options *options, kh_error *err)
{
    kh_bridge *bridge = calloc(1, sizeof(*bridge));
    kh_status status;

    *out = NULL;
    if (!bridge)
        return kh_error_set(err, KH_E_MEMORY, "out of memory");
    bridge->service.cache = cache;
    memcpy(bridge->service.ae_title, options->ae_title, sizeof(bridge->service.ae_title));
    snprintf(bridge->service.facility_default, sizeof(bridge->service.facility_default), "%s", options->facility_default);
    bridge->service.codec = options->codec;
    bridge->service.audit = options->audit;
    bridge->service.access = options->access;
    bridge->service.rights = options->rights;
    bridge->service.answers_max = options->find_answers_max;
    bridge->service.recall_ms = options->recall_ms;
    bridge->service.node_wait_ms = options->node_wait_ms;
    bridge->limits = kh_net_limits_default;
    bridge->limits.associate_ms = options->associate_ms;
    bridge->limits.pdu_ms = options->pdu_ms;
    bridge->limits.idle_ms = options->idle_ms;
    bridge->limits.floor_bytes_per_s = options->floor_bytes_per_s;
    status = kh_net_init(err);
    if (status == KH_OK)
        status = kh_stop_create(&bridge->stop, err);
    if (status == KH_OK)
        status = kh_stop_create(&bridge->asking, err);
    if (status == KH_OK)
        status = kh_associations_create(&bridge->service.associations, err);
    if (status == KH_OK)
        status = kh_service_private_classes(&bridge->service, options->private_storage_classes ? options->private_storage_classes : "",
                                            err);
    if (status == KH_OK)
        status = kh_node_use_create(&bridge->service.use, err);
    if (status == KH_OK && options->tls_files)
        status = kh_tls_store_create(&bridge->service.tls, options->tls_files, err);
    bridge->service.limits = bridge->limits;
    bridge->service.stop = bridge->stop;
    if (status == KH_OK)
        status = start_pulls(bridge, options, err);
    if (status == KH_OK)
        status = start_sends(bridge, options, err);
    if (status == KH_OK)
        status = start_rules(bridge, options, err);
    if (status == KH_OK)
        status = start_watch(bridge, options, err);
    if (status == KH_OK)
        status = start_comparer(bridge, options, err);
    if (status == KH_OK)
        status = start_commits(bridge, options, err);
    if (status == KH_OK)
        status = kh_keeper_start(&bridge->keeper, cache, err);
    if (status == KH_OK)
        status = kh_metadata_preparer_start(&bridge->preparer, cache, err);
    if (status == KH_OK)
        status = start_acceptor(bridge, options, err); /* after the queue: arrivals are counted from the first */
    if (status == KH_OK)
        status = start_control(bridge, options, err);
    if (status != KH_OK) {
        kh_bridge_stop(bridge, 0);
        return status;
    }
    *out = bridge;
    return KH_OK;
}

void kh_bridge_stop(kh_bridge *bridge, int64_t drain_ms)
{
    if (!bridge)
        return;
    if (bridge->asking)
        kh_stop_hard(bridge->asking);
    kh_control_stop(bridge->control);
    if (bridge->stop)
        kh_stop_soft(bridge->stop);
    kh_acceptor_drain(bridge->acceptor, drain_ms); /* raises the hard stop at its end */
    if (bridge->stop)
        kh_stop_hard(bridge->stop);
    kh_watch_join(bridge->watch);
    kh_rule_worker_join(bridge->rule_worker);
    kh_comparer_join(bridge->comparer);
    kh_send_queue_join(bridge->sends);
    kh_commit_queue_join(bridge->service.commits);
    kh_pull_queue_join(bridge->pulls);
    kh_metadata_preparer_stop(bridge->preparer);
    kh_keeper_stop(bridge->keeper);
    kh_stop_free(bridge->stop);
    kh_node_use_free(bridge->service.use);
    kh_tls_store_free(bridge->service.tls);
    kh_stop_free(bridge->asking);
    kh_associations_free(bridge->service.associations);
    free(bridge);
}

void kh_bridge_look(kh_bridge *bridge, bool now)
{
    if (bridge->service.tls)
        kh_tls_store_look(bridge->service.tls, now);
}

void kh_bridge_get_stats(kh_bridge *bridge, kh_bridge_stats *out)
{
    kh_acceptor_stats acceptor = {0};

    if (bridge->acceptor)
        kh_acceptor_get_stats(bridge->acceptor, &acceptor);
    *out = (kh_bridge_stats){.associations = acceptor.accepted,
                             .rejected = acceptor.rejected,
                             .broken = acceptor.broken,
                             .objects = atomic_load(&bridge->service.objects),
                             .duplicates = atomic_load(&bridge->service.duplicates),
                             .refused = atomic_load(&bridge->service.refused),
                             .bytes = atomic_load(&bridge->service.bytes),
                             .associations_active = acceptor.active,
                             .pulls_active = kh_pull_queue_running(bridge->pulls)};
}
