#include "app/roles.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "app/auditing.h"
#include "app/deciding.h"
#include "app/decoders.h"
#include "app/door.h"
#include "app/expiry.h"
#include "app/installing.h"
#include "app/listener.h"
#include "app/session.h"
#include "base/clock.h"
#include "base/log.h"
#include "cache/identity.h"
#include "cache/nodes.h"
#include "pacs-bridge/bridge.h"
#include "pacs-bridge/control.h"
#include "store/file.h"
#include "app/people.h"
#include "viewer/dicomweb/dicomweb.h"
#include "viewer/portal/portal.h"

/* Between two looks for an index that the bridge is still making. */
#define INDEX_LOOK_MS 20
#define OWNER_WAIT_MS 30000
#define ROOM_LOOK_MS 1000
#define LOCK_TRIES 20
/* Between two looks whether the first node has come. */
#define NODE_LOOK_MS 100
/* Between two looks whether certificates have changed. */
#define FILES_LOOK_MS 1000
/* The same in the web role, where a revocation list has to be in force within a second. */
#define DOOR_LOOK_MS 200

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* In this process only. */
static void drop_channels(kh_codec_channels **channels)
{
    kh_codec_channels_free(*channels);
    *channels = NULL;
}

static int failed(const char *what, const kh_error *err)
{
    kh_log(KH_LOG_ERROR, "start", "%s: %s", what, err->message);
    return 1;
}

/* Wait for SIGTERM, at most timeout_ms (-1: no limit). */
static bool told_to_stop(int64_t timeout_ms)
{
    struct timespec wait = {.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000};
    sigset_t mask;
    int number;

    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    if (timeout_ms >= 0)
        return sigtimedwait(&mask, NULL, &wait) == SIGTERM;
    while (sigwait(&mask, &number) != 0)
        continue;
    return true;
}

/* ---- bridge ---- */

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
        if (told_to_stop(status == KH_E_FULL ? ROOM_LOOK_MS : INDEX_LOOK_MS))
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

    while (!told_to_stop(NODE_LOOK_MS)) {
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

static int run_bridge(void *context, unsigned index, const kh_role_life *life)
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
    close_fd(&service->http_fd);
    drop_channels(&service->channels);
    if (open_owner(&cache, service, &err) != KH_OK)
        return failed("index", &err);
    if (!service->dicom_open && kh_node_any(cache, &known, &err) == KH_OK && known) {
        kh_cache_close(cache);
        return KH_ROLE_EXIT_REOPEN;
    }
    if (kh_codec_create(&codec, service->transcoders, transcoder_pid, service, &err) != KH_OK ||
        kh_auditing_open(&audit, service->settings, "bridge", &err) != KH_OK || kh_auditing_syslog(&syslog, service->settings, &err) != KH_OK ||
        kh_deciding_open(&access, &rights, service->settings, service->page, &err) != KH_OK ||
        start_bridge(&bridge, service, cache, codec, audit, access, rights, &err) != KH_OK) {
        result = failed("bridge", &err);
    } else {
        kh_role_ready(life);
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

/* ---- web ---- */

static int32_t decoder_pid(void *context, unsigned index)
{
    kh_service *service = context;

    return atomic_load(&service->page->roles[KH_SLOT_DECODE + index].pid);
}

/* The bridge makes the index at its first start. NULL with KH_OK: told to stop meanwhile. */
static kh_status open_reader(kh_cache **out, kh_service *service, kh_error *err)
{
    kh_cache_options options = kh_session_cache_options(service->settings);
    kh_status status;

    options.page = service->page;
    while ((status = kh_cache_open(out, &options, err)) == KH_E_NOT_FOUND || status == KH_E_BUSY) {
        kh_error_clear(err);
        if (told_to_stop(INDEX_LOOK_MS))
            return KH_OK;
    }
    return status;
}

static unsigned render_threads(const kh_settings *settings)
{
    long count = settings->render_threads > 0 ? (long)settings->render_threads : sysconf(_SC_NPROCESSORS_ONLN);

    return count < 1 ? 1 : count > 64 ? 64 : (unsigned)count;
}

/* One worker is for readers, and so is half of the cache. */
static uint64_t ahead_bytes(const kh_settings *settings)
{
    int64_t half = settings->frames_bytes / 2;

    if (settings->decode_workers < 2)
        return 0;
    return (uint64_t)(settings->ahead_bytes < half ? settings->ahead_bytes : half);
}

static kh_status recall_study(void *context, int64_t study_id, int64_t *pull_id, kh_error *err)
{
    kh_service *service = context;

    return kh_control_study_recall(service->settings->data_dir, study_id, "viewer", pull_id, err);
}

static kh_status ask_bridge(void *context, const char *request, kh_buf *answer, int64_t timeout_ms, kh_error *err)
{
    return kh_control_call(kh_cache_dir(context), request, answer, timeout_ms, err);
}

static kh_status start_portal(kh_portal **out, kh_service *service, const kh_http_door *door, const kh_installing *installing,
                              kh_cache *cache, kh_codec *codec, const kh_dicomweb *dicomweb, kh_recorder *recorder, const kh_people *people,
                              kh_error *err)
{
    const kh_settings *settings = service->settings;
    const char *names[KH_PAGE_ROLES_MAX];
    char decoders[KH_PAGE_ROLES_MAX][16];
    kh_portal_options options = kh_portal_options_default;
    kh_http_route *routes = NULL;
    kh_status status;

    for (size_t i = 0; i < service->role_count; i++) {
        snprintf(decoders[i], sizeof decoders[i], "%s-%u", service->roles[i].name, service->roles[i].index + 1);
        names[i] = i < KH_SLOT_DECODE ? service->roles[i].name : decoders[i];
    }
    options.cache = cache;
    options.codec = codec;
    options.listen_fd = service->http_fd;
    options.loopback_hosts_only = kh_door_is_local(settings);
    options.door = *door;
    options.http_threads = (unsigned)settings->http_threads;
    options.render_threads = render_threads(settings);
    options.connections_max = (unsigned)settings->http_connections;
    options.connections_per_address_max = (unsigned)settings->http_connections_per_address;
    options.idle_timeout_s = (unsigned)(settings->http_idle_ms / 1000);
    options.streams_max = (unsigned)settings->http_streams;
    options.render_queue_max = (size_t)settings->render_queue;
    options.tile_bytes_max = (uint64_t)settings->tiles_bytes;
    options.ahead_bytes_max = ahead_bytes(settings);
    options.manifest_bytes_max = (uint64_t)settings->manifests_bytes;
    options.role_names = names;
    options.role_count = (unsigned)service->role_count;
    options.recall = recall_study;
    options.recall_context = service;
    options.recorder = recorder;
    options.guard = people->guard;
    options.rights = people->rights;
    options.watch = people->watch;
    options.access = people->access;
    options.emergency_ms = settings->access_emergency_ms;
    options.reader_roles = kh_settings_readers(settings);
    options.demo_accounts = settings->access_demo_accounts;
    options.version = KH_VERSION;
    options.ask = ask_bridge;
    options.ask_context = cache;
    if (settings->dicomweb_enabled)
        options.more_routes = kh_dicomweb_routes(dicomweb, &options.more_route_count);
    options.open_below = KH_DICOMWEB_PATH;
    status = kh_installing_routes(installing, &routes, options.more_routes, &options.more_route_count, err);
    options.more_routes = routes;
    if (status == KH_OK)
        status = kh_portal_start(out, &options, err);
    free(routes);
    return status;
}

static kh_status adopt_object(void *context, const char *name, const char *facility, kh_ingest_result *result, kh_error *err)
{
    kh_service *service = context;
    const kh_origin origin = {.facility = facility ? facility : service->settings->dicomweb_facility, .source = "STOW"};

    return kh_control_object_adopt(service->settings->data_dir, name, &origin, result, err);
}

static kh_status start_dicomweb(kh_dicomweb **out, kh_service *service, kh_cache *cache, kh_codec *codec, kh_recorder *recorder, const kh_people *people,
                                kh_error *err)
{
    kh_dicomweb_options options = kh_dicomweb_options_default;

    options.recorder = recorder;
    options.guard = people->guard;
    options.rights = people->rights;
    options.watch = people->watch;
    options.cache = cache;
    options.codec = codec;
    options.recall = recall_study;
    options.recall_context = service;
    options.answers_max = (unsigned)service->settings->http_connections;
    options.public_address = service->settings->dicomweb_address;
    options.painter_threads = render_threads(service->settings);
    options.viewport_max = (uint32_t)service->settings->dicomweb_viewport;
    options.font_file = service->settings->dicomweb_font;
    options.tokens = service->settings->dicomweb_tokens;
    options.origins = service->settings->dicomweb_origins;
    options.threads = (unsigned)service->settings->dicomweb_threads;
    options.queue_max = (size_t)service->settings->dicomweb_queue;
    options.results_max = service->settings->dicomweb_results;
    options.compared_max = service->settings->dicomweb_compared;
    options.memory_max = (uint64_t)service->settings->dicomweb_memory_bytes;
    options.carrier_threads = (unsigned)service->settings->dicomweb_carriers;
    options.anew_bytes_max = (uint64_t)service->settings->dicomweb_rewritten_bytes;
    options.uploader_threads = (unsigned)service->settings->dicomweb_uploaders;
    options.parts_max = (unsigned)service->settings->dicomweb_parts;
    options.uploads_max = (unsigned)service->settings->dicomweb_uploads;
    options.upload_bytes_max = (uint64_t)service->settings->dicomweb_upload_bytes;
    options.metadata_bytes_max = (size_t)service->settings->dicomweb_metadata_bytes;
    options.adopt = adopt_object;
    options.adopt_context = service;
    return kh_dicomweb_start(out, &options, err);
}

/* Until told to stop. Meanwhile the files of certificates are looked at. */
static void wait_as_web(kh_service *service, const kh_http_door *door, const kh_installing *installing)
{
    kh_expiry expiry = {0};
    uint32_t reloads = atomic_load(&service->page->reloads);

    while (!told_to_stop(DOOR_LOOK_MS)) {
        uint32_t asked = atomic_load(&service->page->reloads);

        kh_expiry_look(&expiry, door, installing);
        kh_door_look(door, asked != reloads);
        reloads = asked;
    }
}

static int run_web(void *context, unsigned index, const kh_role_life *life)
{
    kh_service *service = context;
    kh_error err = KH_ERROR_INIT;
    kh_cache *cache = NULL;
    kh_codec *codec = NULL;
    kh_audit *audit = NULL;
    kh_recorder *recorder = NULL;
    kh_dicomweb *dicomweb = NULL;
    kh_portal *portal = NULL;
    kh_installing installing = {0};
    kh_http_door door = {0};
    kh_people people = {0};
    int result = 0;

    (void)index;
    close_fd(&service->dicom_fd);
    drop_channels(&service->transcoders);
    close_fd(&service->dicom_tls_fd);
    if (open_reader(&cache, service, &err) != KH_OK)
        return failed("index", &err);
    if (!cache)
        return 0;
    if (kh_codec_create(&codec, service->channels, decoder_pid, service, &err) != KH_OK ||
        kh_auditing_open(&audit, service->settings, "web", &err) != KH_OK ||
        kh_recorder_create(&recorder, audit, cache, (size_t)service->settings->http_connections, &err) != KH_OK ||
        kh_people_open(&people, service->settings, service->page, cache, recorder, &err) != KH_OK ||
        start_dicomweb(&dicomweb, service, cache, codec, recorder, &people, &err) != KH_OK ||
        kh_door_open(&door, service->settings, &err) != KH_OK ||
        kh_installing_open(&installing, service->settings, service->page, recorder, &err) != KH_OK ||
        start_portal(&portal, service, &door, &installing, cache, codec, dicomweb, recorder, &people, &err) != KH_OK) {
        result = failed("portal", &err);
    } else {
        kh_role_ready(life);
        wait_as_web(service, &door, &installing);
        kh_portal_stop(portal, service->settings->drain_ms * 4 / 5);
    }
    kh_installing_close(&installing);
    kh_door_close(&door);
    kh_dicomweb_stop(dicomweb);
    kh_people_close(&people);
    kh_recorder_free(recorder);
    kh_audit_close(audit);
    kh_codec_free(codec);
    kh_cache_close(cache);
    return result;
}

/* ---- decode ---- */

static int decode_for(kh_service *service, kh_codec_channels *channels, unsigned index, const kh_role_life *life)
{
    sigset_t mask;

    close_fd(&service->http_fd);
    close_fd(&service->dicom_fd);
    close_fd(&service->dicom_tls_fd);
    kh_role_ready(life);
    /* Nobody waits for signals in there: SIGTERM simply ends it, which happens only after those who ask have gone. */
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigprocmask(SIG_UNBLOCK, &mask, NULL);
    kh_codec_worker_run(channels, index);
    return 0;
}

static int run_decode(void *context, unsigned index, const kh_role_life *life)
{
    kh_service *service = context;

    drop_channels(&service->transcoders); /* what belongs to others is no business of a worker */
    return decode_for(service, service->channels, index, life);
}

/* The bridge's own: a channel has one asker. */
static int run_transcode(void *context, unsigned index, const kh_role_life *life)
{
    kh_service *service = context;

    drop_channels(&service->channels);
    return decode_for(service, service->transcoders, index, life);
}

static void decode_ended(void *context, unsigned index)
{
    kh_service *service = context;

    kh_codec_worker_ended(service->channels, index);
}

static void transcode_ended(void *context, unsigned index)
{
    kh_service *service = context;

    kh_codec_worker_ended(service->transcoders, index);
}

/* ---- the service ---- */

/* Certificates that cannot be used are told before anything is started. */
static kh_status open_tls_socket(kh_service *service, kh_error *err)
{
    const kh_settings *settings = service->settings;
    kh_tls_credentials *credentials = NULL;
    kh_tls_files files;
    kh_status status;

    if (!kh_session_tls_files(&files, settings))
        return KH_OK;
    status = kh_tls_credentials_create(&credentials, &files, err);
    kh_tls_credentials_unref(credentials);
    if (status == KH_OK)
        status = kh_listener_open(&service->dicom_tls_fd, service->dicom_open ? settings->dicom_tls_address : KH_LOOPBACK,
                                  service->dicom_tls_port ? service->dicom_tls_port : (uint16_t)settings->dicom_tls_port,
                                  &service->dicom_tls_port, err);
    return status == KH_OK ? KH_OK : kh_error_prefix(err, "[dicom] TLS");
}

static kh_status open_sockets(kh_service *service, kh_error *err)
{
    const kh_settings *settings = service->settings;
    uint32_t address = 0;
    kh_status status;

    status = kh_address_parse(&address, settings->dicom_address, err);
    if (status != KH_OK)
        return status;
    /* The bridge asks for the configured address as soon as it knows a node. */
    service->dicom_open = kh_address_is_loopback(address);
    status = kh_door_check(settings, err);
    if (status != KH_OK)
        return status;
    status = kh_listener_open(&service->http_fd, settings->http_address, (uint16_t)settings->http_port, &service->http_port, err);
    if (status != KH_OK)
        return kh_error_prefix(err, "[http]");
    status = kh_listener_open(&service->dicom_fd, service->dicom_open ? settings->dicom_address : KH_LOOPBACK,
                              (uint16_t)settings->dicom_port, &service->dicom_port, err);
    if (status != KH_OK)
        return kh_error_prefix(err, "[dicom]");
    return open_tls_socket(service, err);
}

static bool reopen(int *fd, const char *address, uint16_t *port, const char *what)
{
    kh_error err = KH_ERROR_INIT;

    if (kh_listener_open(fd, address, *port, port, &err) == KH_OK) {
        kh_log(KH_LOG_INFO, "supervisor", "%s: listening on %s:%u", what, address, (unsigned)*port);
        return true;
    }
    kh_log(KH_LOG_ERROR, "supervisor", "%s: %s", what, err.message);
    return false;
}

static void reopen_dicom(void *context)
{
    kh_service *service = context;
    bool tls = service->dicom_tls_fd >= 0;

    close_fd(&service->dicom_fd);
    close_fd(&service->dicom_tls_fd);
    service->dicom_open = true;
    if (!reopen(&service->dicom_fd, service->settings->dicom_address, &service->dicom_port, "DICOM"))
        reopen(&service->dicom_fd, KH_LOOPBACK, &service->dicom_port, "DICOM on this machine only");
    if (tls && !reopen(&service->dicom_tls_fd, service->settings->dicom_tls_address, &service->dicom_tls_port, "DICOM by TLS"))
        reopen(&service->dicom_tls_fd, KH_LOOPBACK, &service->dicom_tls_port, "DICOM by TLS on this machine only");
}

static void fill_roles(kh_service *service)
{
    size_t count = 0;

    service->roles[count++] = (kh_role){.name = "bridge", .run = run_bridge, .reopen = reopen_dicom, .context = service,
                                        .memory_bytes_max = (uint64_t)service->settings->bridge_memory_bytes};
    service->roles[count++] = (kh_role){.name = "web", .run = run_web, .context = service};
    for (unsigned i = 0; i < (unsigned)service->settings->decode_workers; i++)
        service->roles[count++] =
            (kh_role){.name = "decode", .index = i, .stage = 1, .run = run_decode, .ended = decode_ended, .context = service};
    for (unsigned i = 0; i < (unsigned)service->settings->dicom_transcoders; i++)
        service->roles[count++] = (kh_role){
            .name = "transcode", .index = i, .stage = 1, .run = run_transcode, .ended = transcode_ended, .context = service};
    service->role_count = count;
}

/* A browser's connections are many: take all descriptors the administrator allows. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        kh_log(KH_LOG_WARN, "start", "descriptors: %s", strerror(errno));
}

/* A command that asks whether a service runs holds the lock for a moment. */
static kh_status take_folder(kh_service *service, kh_error *err)
{
    char path[KH_SESSION_PATH_SIZE];
    kh_paths paths;
    kh_status status = kh_paths_init(&paths, service->settings->data_dir, err);

    if (status == KH_OK)
        status = kh_identity_expect(&paths, service->settings->archive_id, err);
    if (status == KH_OK)
        status = kh_dir_ensure(service->settings->data_dir, err);
    if (status != KH_OK)
        return kh_error_prefix(err, "[service] data_dir");
    kh_session_lock_path(path, service->settings);
    for (int i = 0; i < LOCK_TRIES; i++) {
        status = kh_lock_acquire(&service->lock_fd, path, err);
        if (status != KH_E_BUSY)
            return status;
        kh_error_clear(err);
        kh_clock_sleep_ms(INDEX_LOOK_MS);
    }
    return kh_error_set(err, KH_E_BUSY, "another service runs on %s", service->settings->data_dir);
}

kh_status kh_service_init(kh_service *service, const kh_settings *settings, kh_error *err)
{
    kh_codec_options codec = kh_decoders_options(settings);
    kh_status status;

    *service = (kh_service){.settings = settings, .http_fd = -1, .dicom_fd = -1, .dicom_tls_fd = -1, .lock_fd = -1};
    umask(077);
    raise_descriptor_limit();
    codec.worker_count = (unsigned)settings->decode_workers;
    status = take_folder(service, err);
    if (status == KH_OK)
        status = open_sockets(service, err);
    if (status == KH_OK)
        status = kh_page_create(&service->page, err);
    if (status == KH_OK)
        status = kh_codec_channels_create(&service->channels, &codec, err);
    codec.worker_count = (unsigned)settings->dicom_transcoders;
    if (status == KH_OK)
        status = kh_codec_channels_create(&service->transcoders, &codec, err);
    if (status != KH_OK) {
        kh_service_release(service);
        return status;
    }
    fill_roles(service);
    return KH_OK;
}

void kh_service_close_sockets(kh_service *service)
{
    close_fd(&service->http_fd);
    close_fd(&service->dicom_fd);
    close_fd(&service->dicom_tls_fd);
}

void kh_service_release(kh_service *service)
{
    kh_service_close_sockets(service);
    drop_channels(&service->channels);
    drop_channels(&service->transcoders);
    kh_page_free(service->page);
    service->page = NULL;
    if (service->lock_fd >= 0)
        kh_lock_release(service->lock_fd);
    service->lock_fd = -1;
}
