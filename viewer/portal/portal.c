#include "viewer/portal/portal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "viewer/guard/guard.h"
#include "viewer/portal/admin.h"
#include "viewer/portal/marks.h"
#include "viewer/portal/states.h"
#include "viewer/portal/patients.h"
#include "viewer/portal/waits.h"
#include "viewer/portal/values.h"

#define WORKERS 2
#define WORKERS_QUEUE 512
#define ASKERS 4
#define BATCHERS 4
#define ASKERS_QUEUE 64
#define MEASURERS 2
#define MEASURERS_QUEUE 256
#define BODY_BYTES_MAX (64u * 1024)

const kh_portal_options kh_portal_options_default = {
    .listen_fd = -1,
    .loopback_hosts_only = true,
    .http_threads = 2,
    .render_threads = 2,
    .connections_max = 1024,
    .connections_per_address_max = 512,
    .idle_timeout_s = 30,
    .streams_max = 128,
    .render_queue_max = 512,
    .tile_bytes_max = 512ull << 20,
    .manifest_bytes_max = 64ull << 20,
    .version = "",
};

static void turned_away(void *context, const kh_http_request *request, unsigned code)
{
    const kh_portal *portal = context;

    if (code == 403 || code == 404 || code == 421)
        kh_record_refused(portal->options.recorder, request, "HTTP", code);
}

size_t kh_portal_own_routes(kh_portal *portal, kh_http_route out[KH_PORTAL_ROUTES_MAX])
{
    const kh_http_route own[] = {
        {"GET", "/tiles/{series}/{object}-{frame}/{level}/{column}/{row}.jpg", kh_portal_tile, portal},
        {"GET", "/tiles/{series}/{object}-{frame}/lossless", kh_portal_tile, portal},
        {"GET", "/tiles/{series}/{object}-{frame}/thumb.jpg", kh_portal_tile, portal},
        {"GET", "/tiles/{series}/batch", kh_portal_batch, portal},
        {"GET", "/api/series/{id}/stack", kh_portal_stack, portal},
        {"GET", "/api/series/{id}/states", kh_portal_states, portal},
        {"GET", "/api/series/{series}/{object}-{frame}/values", kh_portal_values, portal},
        {"POST", "/api/series/{series}/{object}-{frame}/values", kh_portal_values, portal},
        {"POST", "/api/series/{series}/{object}-{frame}/picture", kh_portal_picture, portal},
        {"GET", "/api/studies/{id}", kh_portal_study, portal},
        {"GET", "/api/studies/{id}/marks", kh_portal_marks, portal},
        {"GET", "/api/studies/{id}/marks/{mark}", kh_portal_mark_versions, portal},
        {"POST", "/api/studies/{id}/marks/export", kh_portal_export_marks, portal},
        {"POST", "/api/studies/{id}/marks/{mark}", kh_portal_save_mark, portal},
        {"POST", "/api/studies/{id}/marks/{mark}/delete", kh_portal_delete_mark, portal},
        {"GET", "/api/settings", kh_portal_settings, portal},
        {"POST", "/api/settings", kh_portal_set_settings, portal},
        {"POST", "/api/studies/{id}/recall", kh_portal_recall, portal},
        {"GET", "/api/studies/{id}/priors", kh_portal_priors, portal},
        {"GET", "/api/studies", kh_portal_studies, portal},
        {"GET", "/api/demo", kh_portal_demo, portal},
        {"GET", "/api/emergency", kh_portal_emergency, portal},
        {"POST", "/api/emergency", kh_portal_take_emergency, portal},
        {"GET", "/api/patients", kh_portal_patients, portal},
        {"GET", "/api/patients/{id}", kh_portal_patient, portal},
        {"GET", "/IHEInvokeImageDisplay", kh_portal_invoke, portal},
        {"GET", "/api/invoke", kh_portal_invoke_list, portal},
        {"GET", "/api/pulls", kh_portal_pulls, portal},
        {"GET", "/api/events", kh_portal_events, portal},
        {"GET", "/api/admin/nodes", kh_portal_admin_nodes, portal},
        {"GET", "/api/admin/queue", kh_portal_admin_queue, portal},
        {"GET", "/api/admin/failures", kh_portal_admin_failures, portal},
        {"GET", "/api/admin/arrivals", kh_portal_admin_arrivals, portal},
        {"GET", "/api/admin/changes", kh_portal_admin_changes, portal},
        {"GET", "/api/admin/findings", kh_portal_admin_findings, portal},
        {"GET", "/api/admin/contacts", kh_portal_admin_contacts, portal},
        {"GET", "/api/admin/associations", kh_portal_admin_associations, portal},
        {"GET", "/api/admin/refusals", kh_portal_admin_refusals, portal},
        {"POST", "/api/admin/{kind}/{which}/{action}", kh_portal_admin_change, portal},
        {"POST", "/api/waits", kh_portal_waited, portal},
        {"GET", "/health", kh_portal_health, portal},
        {"GET", "/metrics", kh_portal_metrics, portal},
        {"GET", "/", kh_portal_page, portal},
        {"GET", "/studies", kh_portal_page, portal},
        {"GET", "/studies/{id}", kh_portal_page, portal},
        {"GET", "/patients/{id}", kh_portal_page, portal},
        {"GET", "/admin", kh_portal_page, portal},
        {"GET", "/admin/{section}", kh_portal_page, portal},
        {"GET", "/account", kh_portal_page, portal},
        {"GET", "/display", kh_portal_page, portal},
        {"GET", "/sign-in", kh_portal_page, portal},
        {"GET", "/welcome/{code}", kh_portal_page, portal},
        {"GET", "/web/{path*}", kh_portal_asset, portal},
    };

    static_assert(sizeof own / sizeof own[0] <= KH_PORTAL_ROUTES_MAX, "a place for each route");
    memcpy(out, own, sizeof own);
    return sizeof own / sizeof own[0];
}

/* What the door answers itself; with accounts off, that they are. */
static size_t add_door(const kh_portal *portal, kh_http_route routes[KH_GUARD_ROUTES])
{
    if (portal->options.guard) {
        kh_guard_routes(portal->options.guard, routes);
        return KH_GUARD_ROUTES;
    }
    routes[0] = kh_guard_off;
    return 1;
}

static kh_status start_server(kh_portal *portal, kh_error *err)
{
    const kh_portal_options *options = &portal->options;
    const kh_http_options http = {
        .listen_fd = options->listen_fd,
        .thread_count = options->http_threads,
        .connections_max = options->connections_max,
        .connections_per_address_max = options->connections_per_address_max,
        .idle_timeout_s = options->idle_timeout_s,
        .body_bytes_max = BODY_BYTES_MAX,
        .open_below = options->open_below,
        .refused = turned_away,
        .refused_context = portal,
        .loopback_hosts_only = options->loopback_hosts_only,
        .door = options->door,
    };
    kh_http_route *routes = malloc((KH_PORTAL_ROUTES_MAX + KH_GUARD_ROUTES + options->more_route_count) * sizeof *routes);
    size_t own_count, count;
    kh_status status;

    if (!routes)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the routes");
    own_count = kh_portal_own_routes(portal, routes);
    status = kh_portal_record_routes(portal, routes, own_count, err);
    if (status == KH_OK)
        status = kh_portal_guard_routes(portal, routes, own_count, err);
    count = own_count + add_door(portal, routes + own_count);
    for (size_t i = 0; i < options->more_route_count; i++)
        routes[count++] = options->more_routes[i];
    if (status == KH_OK)
        status = kh_http_server_start(&portal->server, &http, routes, count, err);
    free(routes);
    return status;
}

void kh_portal_later(kh_portal *portal, kh_http_request *request, kh_http_work *work)
{
    kh_http_later(request, portal->workers, work, portal);
}

void kh_portal_ask_later(kh_portal *portal, kh_http_request *request, kh_http_work *work)
{
    kh_http_later(request, portal->askers, work, portal);
}

static kh_portal *portal_create(const kh_portal_options *options)
{
    kh_portal *portal = calloc(1, sizeof *portal);

    if (!portal)
        return NULL;
    portal->options = *options;
    portal->cache = options->cache;
    snprintf(portal->version, sizeof portal->version, "%s", options->version ? options->version : "");
    for (unsigned i = 0; i < options->role_count && i < KH_PAGE_ROLES_MAX; i++)
        if (options->role_names[i])
            snprintf(portal->role_names[i], sizeof portal->role_names[i], "%s", options->role_names[i]);
    pthread_mutex_init(&portal->subscribers_lock, NULL);
    pthread_mutex_init(&portal->opened_lock, NULL);
    pthread_mutex_init(&portal->marked_lock, NULL);
    return portal;
}

kh_status kh_portal_start(kh_portal **out, const kh_portal_options *options, kh_error *err)
{
    kh_portal *portal = portal_create(options);
    const kh_tiles_options tiles = {.thread_count = options->render_threads,
                                    .queue_max = options->render_queue_max,
                                    .cache_bytes_max = options->tile_bytes_max};
    kh_status status;

    *out = NULL;
    if (!portal)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the portal");
    if (!options->guard != !options->rights || !options->guard != !options->watch) {
        free(portal);
        return kh_error_set(err, KH_E_INTERNAL, "a portal with half a door");
    }
    status = kh_tiles_create(&portal->tiles, options->cache, options->codec, &tiles, err);
    if (status == KH_OK && options->codec && options->ahead_bytes_max > 0)
        status = kh_ahead_create(&portal->ahead, options->cache, options->codec, options->ahead_bytes_max, NULL, err);
    if (status == KH_OK)
        status = kh_blobcache_create(&portal->manifests, options->manifest_bytes_max, err);
    if (status == KH_OK && !(portal->waits = kh_waits_create()))
        status = kh_error_set(err, KH_E_MEMORY, "no memory for the waits of readers");
    if (status == KH_OK)
        status = kh_pool_create(&portal->workers, "portal", WORKERS, WORKERS_QUEUE, err);
    if (status == KH_OK)
        status = kh_pool_create(&portal->batchers, "batch", BATCHERS, options->connections_max, err);
    if (status == KH_OK)
        status = kh_pool_create(&portal->askers, "asker", ASKERS, ASKERS_QUEUE, err);
    if (status == KH_OK)
        status = kh_pool_create(&portal->measurers, "measure", MEASURERS, MEASURERS_QUEUE, err);
    if (status == KH_OK)
        status = kh_portal_events_start(portal, err);
    if (status == KH_OK)
        status = start_server(portal, err); /* last: a request may come at once */
    if (status != KH_OK) {
        kh_portal_stop(portal, 0);
        return status;
    }
    *out = portal;
    return KH_OK;
}

/* The server first: with it go the requests that use everything else. Workers and renderers may still hold requests that it
 * answered in their place; they end before what they use is freed. */
void kh_portal_stop(kh_portal *portal, int64_t drain_ms)
{
    if (!portal)
        return;
    kh_http_server_stop(portal->server, drain_ms);
    kh_guard_drain(portal->options.guard); /* before the recorder, to which it leads */
    kh_recorder_drain(portal->options.recorder);
    kh_portal_events_stop(portal);
    kh_pool_stop(portal->workers);
    kh_pool_stop(portal->askers);
    kh_pool_stop(portal->measurers);
    kh_pool_stop(portal->batchers);
    kh_ahead_free(portal->ahead);
    kh_tiles_free(portal->tiles);
    kh_blobcache_free(portal->manifests);
    kh_waits_free(portal->waits);
    free(portal->recorded);
    free(portal->doors);
    pthread_mutex_destroy(&portal->subscribers_lock);
    pthread_mutex_destroy(&portal->opened_lock);
    pthread_mutex_destroy(&portal->marked_lock);
    free(portal);
}
