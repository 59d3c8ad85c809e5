/* roles.c - the web role and the decoders. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "app/auditing.h"
#include "app/door.h"
#include "app/expiry.h"
#include "app/installing.h"
#include "app/people.h"
#include "app/role_parts.h"
#include "app/session.h"
#include "pacs-bridge/control.h"
#include "reading/reading.h"
#include "viewer/dicomweb/dicomweb.h"
#include "viewer/portal/portal.h"

/* The same in the web role, where a revocation list has to be in force within a second. */
#define DOOR_LOOK_MS 200

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
        if (kh_role_told_to_stop(KH_INDEX_LOOK_MS))
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

static kh_status adopt_object(void *context, const char *name, const char *facility, kh_ingest_result *result, kh_error *err)
{
    kh_service *service = context;
    const kh_origin origin = {.facility = facility ? facility : service->settings->dicomweb_facility, .source = "STOW"};

    return kh_control_object_adopt(service->settings->data_dir, name, &origin, result, err);
}

static kh_status start_portal(kh_portal **out, kh_service *service, const kh_http_door *door, const kh_installing *installing,
                              kh_cache *cache, kh_codec *codec, const kh_dicomweb *dicomweb, kh_recorder *recorder, const kh_people *people,
                              kh_reading *reading, kh_error *err)
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
    options.reading = reading;
    options.adopt = adopt_object;
    options.adopt_context = service;
    options.emergency_ms = settings->access_emergency_ms;
    options.reader_roles = kh_settings_readers(settings);
    options.demo_accounts = settings->access_demo_accounts;
    options.font_file = settings->dicomweb_font;
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

/* DICOMweb is there before the portal, whose server serves both. */
typedef _Atomic(kh_portal *) late_portal;

static void opened_by_dicomweb(void *context, const kh_http_request *request, int64_t study_id)
{
    kh_portal *portal = atomic_load((late_portal *)context);

    if (portal)
        kh_portal_opened_elsewhere(portal, request, study_id);
}

static kh_status start_dicomweb(kh_dicomweb **out, late_portal *portal, kh_service *service, kh_cache *cache, kh_codec *codec,
                                kh_recorder *recorder, const kh_people *people, kh_error *err)
{
    kh_dicomweb_options options = kh_dicomweb_options_default;

    options.recorder = recorder;
    options.guard = people->guard;
    options.rights = people->rights;
    options.watch = people->watch;
    options.opened = opened_by_dicomweb;
    options.opened_context = portal;
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

    while (!kh_role_told_to_stop(DOOR_LOOK_MS)) {
        uint32_t asked = atomic_load(&service->page->reloads);

        kh_expiry_look(&expiry, door, installing);
        kh_door_look(door, asked != reloads);
        reloads = asked;
    }
}

int kh_run_web(void *context, unsigned index, const kh_role_life *life)
{
    kh_service *service = context;
    kh_error err = KH_ERROR_INIT;
    kh_cache *cache = NULL;
    kh_codec *codec = NULL;
    kh_audit *audit = NULL;
    kh_recorder *recorder = NULL;
    kh_dicomweb *dicomweb = NULL;
    kh_reading *reading = NULL;
    kh_portal *portal = NULL;
    late_portal late = NULL;
    kh_installing installing = {0};
    kh_http_door door = {0};
    kh_people people = {0};
    int result = 0;

    (void)index;
    kh_role_close(&service->dicom_fd);
    kh_role_drop_channels(&service->transcoders);
    kh_role_close(&service->dicom_tls_fd);
    if (open_reader(&cache, service, &err) != KH_OK)
        return kh_role_failed("index", &err);
    if (!cache)
        return 0;
    if (kh_codec_create(&codec, service->channels, decoder_pid, service, &err) != KH_OK ||
        kh_auditing_open(&audit, service->settings, "web", &err) != KH_OK ||
        kh_recorder_create(&recorder, audit, cache, (size_t)service->settings->http_connections, &err) != KH_OK ||
        kh_people_open(&people, service->settings, service->page, cache, recorder, &err) != KH_OK ||
        kh_reading_open(&reading,
                        &(kh_reading_options){.dir = service->settings->data_dir, .marks_max = (unsigned)service->settings->reading_marks},
                        &err) != KH_OK ||
        start_dicomweb(&dicomweb, &late, service, cache, codec, recorder, &people, &err) != KH_OK ||
        kh_door_open(&door, service->settings, &err) != KH_OK ||
        kh_installing_open(&installing, service->settings, service->page, recorder, &err) != KH_OK ||
        start_portal(&portal, service, &door, &installing, cache, codec, dicomweb, recorder, &people, reading, &err) != KH_OK) {
        result = kh_role_failed("portal", &err);
    } else {
        atomic_store(&late, portal);
        kh_role_ready(life);
        wait_as_web(service, &door, &installing);
        kh_portal_stop(portal, service->settings->drain_ms * 4 / 5);
    }
    kh_installing_close(&installing);
    kh_door_close(&door);
    kh_dicomweb_stop(dicomweb);
    kh_reading_close(reading);
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

    kh_role_close(&service->http_fd);
    kh_role_close(&service->dicom_fd);
    kh_role_close(&service->dicom_tls_fd);
    kh_role_ready(life);
    /* Nobody waits for signals in there: SIGTERM simply ends it, which happens only after those who ask have gone. */
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigprocmask(SIG_UNBLOCK, &mask, NULL);
    kh_codec_worker_run(channels, index);
    return 0;
}

int kh_run_decode(void *context, unsigned index, const kh_role_life *life)
{
    kh_service *service = context;

    kh_role_drop_channels(&service->transcoders); /* what belongs to others is no business of a worker */
    return decode_for(service, service->channels, index, life);
}

/* The bridge's own: a channel has one asker. */
int kh_run_transcode(void *context, unsigned index, const kh_role_life *life)
{
    kh_service *service = context;

    kh_role_drop_channels(&service->channels);
    return decode_for(service, service->transcoders, index, life);
}

void kh_decode_ended(void *context, unsigned index)
{
    kh_service *service = context;

    kh_codec_worker_ended(service->channels, index);
}

void kh_transcode_ended(void *context, unsigned index)
{
    kh_service *service = context;

    kh_codec_worker_ended(service->transcoders, index);
}
