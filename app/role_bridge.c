/* role_bridge.c - the bridge: owner of the index, DIMSE. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "app/auditing.h"
#include "app/deciding.h"
#include "app/role_parts.h"
#include "app/session.h"
#include "base/clock.h"
#include "base/log.h"
#include "cache/judging.h"
#include "cache/nodes.h"
#include "pacs-bridge/bridge.h"

#define OWNER_WAIT_MS 30000
#define ROOM_LOOK_MS 1000
/* Between two looks whether the first node has come. */
#define NODE_LOOK_MS 100
/* Between two looks whether certificates have changed. */
#define FILES_LOOK_MS 250

/* A command that changed something may still hold the index; it has that long to finish. Another service was excluded before.
 * On a full disk there is nothing to do but wait for room: the web role shows meanwhile what is here. */
static kh_status open_owner(kh_cache **out, kh_service *service, kh_error *err)
{
    kh_cache_options options = kh_session_cache_options(service->settings);
    int64_t deadline_ms = kh_clock_monotonic_ms() + OWNER_WAIT_MS;
    bool told = false;
    kh_status status;

    options.owner = true;
    options.page = service->page;
    while ((status = kh_cache_open(out, &options, err)) == KH_E_FULL ||
           (status == KH_E_BUSY && kh_clock_monotonic_ms() < deadline_ms)) {
        if (status == KH_E_FULL && !told)
            kh_log(KH_LOG_ERROR, "start", "%s: nothing is taken in until there is room", err->message);
        told = told || status == KH_E_FULL;
        kh_error_clear(err);
        if (kh_role_told_to_stop(status == KH_E_FULL ? ROOM_LOOK_MS : KH_INDEX_LOOK_MS))
            return kh_error_set(err, KH_E_CANCELLED, "stopped before the index could be opened");
    }
    if (told && status == KH_OK)
        kh_log(KH_LOG_INFO, "start", "there is room again");
    return status;
}

static int32_t transcoder_pid(void *context, unsigned index)
{
    kh_service *service = context;

    return atomic_load(&service->page->roles[KH_SLOT_DECODE + (unsigned)service->settings->decode_workers + index].pid);
}

static kh_status start_bridge(kh_bridge **out, kh_service *service, kh_cache *cache, kh_codec *codec, kh_audit *audit, kh_access *access,
                              kh_rights *rights, kh_error *err)
{
    const kh_settings *settings = service->settings;
    kh_bridge_options options = kh_bridge_options_default;
    kh_tls_files tls_files;

    options.listen_fd = service->dicom_fd;
    options.tls_listen_fd = service->dicom_tls_fd;
    options.closes_listeners = true; /* the supervisor has its own, unless all of the service ends */
    if (kh_session_tls_files(&tls_files, settings))
        options.tls_files = &tls_files;
    snprintf(options.ae_title, sizeof options.ae_title, "%s", settings->dicom_ae_title);
    options.associations_max = (unsigned)settings->dicom_associations;
    options.associations_per_address_max = (unsigned)settings->dicom_associations_per_address;
    options.waiting_max = (unsigned)settings->dicom_waiting;
    options.associate_ms = settings->dicom_associate_ms;
    options.pdu_ms = settings->dicom_pdu_ms;
    options.recall_ms = settings->dicom_recall_ms;
    options.node_wait_ms = settings->dicom_node_wait_ms;
    options.find_answers_max = (unsigned)settings->dicom_answers;
    options.idle_ms = settings->dicom_idle_ms;
    options.floor_bytes_per_s = (uint32_t)settings->dicom_floor_bytes;
    options.pull_workers = (unsigned)settings->pull_parallel;
    options.pull_per_node = (unsigned)settings->pull_per_node;
    options.pull_series_parallel = (unsigned)settings->pull_series_parallel;
    options.pull_attempts_max = (unsigned)settings->pull_attempts;
    options.pull_retry_first_ms = settings->pull_retry_first_ms;
    options.pull_retry_longest_ms = settings->pull_retry_longest_ms;
    options.send_workers = (unsigned)settings->send_parallel;
    options.send_per_node = (unsigned)settings->send_per_node;
    options.send_attempts_max = (unsigned)settings->send_attempts;
    options.quiet_ms = settings->quiet_ms;
    options.private_storage_classes = settings->dicom_private_storage_classes;
    options.commit = (kh_commit_limits){.references_max = settings->commitment_references,
                                        .open_max = settings->commitment_open,
                                        .attempts_max = settings->commitment_attempts,
                                        .retry_first_ms = settings->commitment_retry_first_ms,
                                        .retry_longest_ms = settings->commitment_retry_longest_ms,
                                        .stay_ms = settings->commitment_stay_ms,
                                        .patience_ms = settings->commitment_patience_ms,
                                        .keep_ms = settings->commitment_keep_ms,
                                        .sums = settings->commitment_checksums};
    options.compare = (kh_compare_limits){.every_ms = settings->compare_every_ms,
                                          .apart_ms = settings->compare_apart_ms,
                                          .studies_per_hour = settings->compare_studies_per_hour,
                                          .differences_max = settings->compare_differences,
                                          .hide_gone = strcmp(settings->compare_gone, "hide") == 0,
                                          .follow_merged = strcmp(settings->compare_merged, "follow") == 0};
    options.consent_studies_per_hour = settings->access_prefetch_per_hour;
    options.control = true;
    options.audit = audit;
    options.access = access;
    options.rights = rights;
    options.codec = codec;
    return kh_bridge_start(out, cache, &options, err);
}

/* Until told to stop, or until a node is known while the service listens on loopback for want of one. Meanwhile files are looked at. */
static int wait_as_bridge(kh_service *service, kh_cache *cache, kh_bridge *bridge)
{
    uint32_t reloads = atomic_load(&service->page->reloads);
    int64_t looked_ms = kh_clock_monotonic_ms();
    bool known = false;
    uint64_t seq = 0;

    while (!kh_role_told_to_stop(NODE_LOOK_MS)) {
        kh_error err = KH_ERROR_INIT;
        uint64_t newest = atomic_load(&service->page->event_seq);
        uint32_t asked = atomic_load(&service->page->reloads);

        if (!service->dicom_open && newest != seq && kh_node_any(cache, &known, &err) != KH_OK)
            kh_log(KH_LOG_WARN, "nodes", "%s", err.message);
        seq = newest;
        if (known)
            return KH_ROLE_EXIT_REOPEN;
        if (asked != reloads || kh_clock_monotonic_ms() - looked_ms >= FILES_LOOK_MS) {
            kh_bridge_look(bridge, asked != reloads);
            reloads = asked;
            looked_ms = kh_clock_monotonic_ms();
        }
    }
    return 0;
}

/* What came before was judged by other rules than what comes now. */
static void tell_issuers(kh_cache *cache)
{
    kh_cache_stats stats;
    kh_judging at;

    if (kh_judging_get(cache, &at, NULL) == KH_OK && at.other_rules && kh_cache_get_stats(cache, &stats, NULL) == KH_OK &&
        stats.studies > 0)
        kh_log(KH_LOG_WARN, "issuers", "what is stored was not judged by [storage] issuers as it is now: kakehashi issuers --judge");
}

int kh_run_bridge(void *context, unsigned index, const kh_role_life *life)
{
    kh_service *service = context;
    kh_error err = KH_ERROR_INIT;
    kh_cache *cache = NULL;
    kh_codec *codec = NULL;
    kh_audit *audit = NULL;
    kh_syslog *syslog = NULL;
    kh_access *access = NULL;
    kh_rights *rights = NULL;
    kh_bridge *bridge = NULL;
    bool known = false;
    int result;

    (void)index;
    kh_role_close(&service->http_fd);
    kh_role_drop_channels(&service->channels);
    if (open_owner(&cache, service, &err) != KH_OK)
        return kh_role_failed("index", &err);
    if (!service->dicom_open && kh_node_any(cache, &known, &err) == KH_OK && known) {
        kh_cache_close(cache);
        return KH_ROLE_EXIT_REOPEN;
    }
    if (kh_codec_create(&codec, service->transcoders, transcoder_pid, service, &err) != KH_OK ||
        kh_auditing_open(&audit, service->settings, "bridge", &err) != KH_OK ||
        kh_auditing_syslog(&syslog, service->settings, &err) != KH_OK ||
        kh_deciding_open(&access, &rights, service->settings, service->page, &err) != KH_OK ||
        start_bridge(&bridge, service, cache, codec, audit, access, rights, &err) != KH_OK) {
        result = kh_role_failed("bridge", &err);
    } else {
        kh_role_ready(life);
        tell_issuers(cache);
        result = wait_as_bridge(service, cache, bridge);
        kh_bridge_stop(bridge, service->settings->drain_ms * 4 / 5);
    }
    kh_audit_close(audit);
    kh_syslog_end(syslog); /* with what closing has recorded */
    kh_deciding_close(access, rights);
    kh_codec_free(codec);
    kh_cache_close(cache);
    return result;
}
