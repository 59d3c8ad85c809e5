#include "viewer/dicomweb/dicomweb.h"

#include <stdlib.h>
#include "viewer/dicomweb/rendered.h"
#include "viewer/dicomweb/stow.h"

#define CARRIER_THREADS 2
#define UPLOAD_THREADS 2 /* a sender waits for the disk most of the time */

const kh_dicomweb_options kh_dicomweb_options_default = {
    .threads = 2, .queue_max = 256, .anew_bytes_max = 4ull << 30, .answers_max = 1024,
    .painter_threads = 2, .painter_queue_max = 256, .viewport_max = 4096, .font_file = "",
    .uploads_max = 8, .upload_bytes_max = 16ull << 30, .parts_max = 20000};

#define INSTANCE KH_DICOMWEB_PATH "/studies/{study}/series/{series}/instances/{instance}"

/* Every resource there is; the first that fits serves. */
static const kh_dicomweb_resource resources[] = {
    {"OPTIONS", KH_DICOMWEB_PATH, kh_dicomweb_capabilities},
    {"GET", KH_DICOMWEB_PATH "/studies/{study}", kh_dicomweb_retrieve},
    {"GET", KH_DICOMWEB_PATH "/studies/{study}/series/{series}", kh_dicomweb_retrieve},
    {"GET", INSTANCE, kh_dicomweb_retrieve},
    {"GET", INSTANCE "/frames/{frames}", kh_dicomweb_frames},
    {"GET", INSTANCE "/pixeldata", kh_dicomweb_frames},
    {"GET", INSTANCE "/bulkdata/{path*}", kh_dicomweb_bulk},
    {"GET", KH_DICOMWEB_PATH "/studies/{study}/metadata", kh_dicomweb_metadata},
    {"GET", KH_DICOMWEB_PATH "/studies/{study}/series/{series}/metadata", kh_dicomweb_metadata},
    {"GET", INSTANCE "/metadata", kh_dicomweb_metadata},
    {"GET", KH_DICOMWEB_PATH "/studies/{study}/rendered", kh_dicomweb_rendered},
    {"GET", KH_DICOMWEB_PATH "/studies/{study}/series/{series}/rendered", kh_dicomweb_rendered},
    {"GET", INSTANCE "/rendered", kh_dicomweb_rendered},
    {"GET", INSTANCE "/frames/{frames}/rendered", kh_dicomweb_rendered},
    {"GET", KH_DICOMWEB_PATH "/studies/{study}/thumbnail", kh_dicomweb_thumbnail},
    {"GET", KH_DICOMWEB_PATH "/studies/{study}/series/{series}/thumbnail", kh_dicomweb_thumbnail},
    {"GET", INSTANCE "/thumbnail", kh_dicomweb_thumbnail},
    {"GET", INSTANCE "/frames/{frames}/thumbnail", kh_dicomweb_thumbnail},
    {"GET", KH_DICOMWEB_PATH "/wado", kh_dicomweb_wado_uri},
    {"POST", KH_DICOMWEB_PATH "/studies", kh_dicomweb_store},
    {"POST", KH_DICOMWEB_PATH "/studies/{study}", kh_dicomweb_store},
};
#define RESOURCE_COUNT (sizeof resources / sizeof resources[0])

/* The one door: whatever asks for a resource comes through here. */
static void serve(kh_http_request *request, void *context)
{
    const kh_dicomweb_entry *entry = context;

    entry->resource->handler(entry->dicomweb, request);
}

static kh_status make_routes(kh_dicomweb *dicomweb, kh_error *err)
{
    dicomweb->entries = calloc(RESOURCE_COUNT, sizeof *dicomweb->entries);
    dicomweb->routes = calloc(RESOURCE_COUNT, sizeof *dicomweb->routes);
    if (!dicomweb->entries || !dicomweb->routes)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the DICOMweb routes");
    for (size_t i = 0; i < RESOURCE_COUNT; i++) {
        dicomweb->entries[i] = (kh_dicomweb_entry){.dicomweb = dicomweb, .resource = &resources[i]};
        dicomweb->routes[i] = (kh_http_route){.method = resources[i].method, .pattern = resources[i].pattern, .handler = serve,
                                              .context = &dicomweb->entries[i]};
    }
    dicomweb->route_count = RESOURCE_COUNT;
    return KH_OK;
}

kh_status kh_dicomweb_start(kh_dicomweb **out, const kh_dicomweb_options *options, kh_error *err)
{
    kh_dicomweb *dicomweb = calloc(1, sizeof *dicomweb);
    kh_status status;

    *out = NULL;
    if (!dicomweb)
        return kh_error_set(err, KH_E_MEMORY, "no memory for DICOMweb");
    dicomweb->options = *options;
    dicomweb->cache = options->cache;
    status = make_routes(dicomweb, err);
    if (status == KH_OK)
        status = kh_pool_create(&dicomweb->workers, "dicomweb", options->threads, options->queue_max, err);
    if (status == KH_OK)
        status = kh_pool_create(&dicomweb->uploaders, "stow", UPLOAD_THREADS, options->uploads_max, err);
    if (status == KH_OK)
        status = kh_pool_create(&dicomweb->carriers, "carrier", CARRIER_THREADS, 2 * (size_t)options->answers_max, err);
    if (status == KH_OK)
        status = kh_pool_create(&dicomweb->painting, "painting", options->painter_threads, options->painter_queue_max, err);
    if (status == KH_OK)
        status = kh_painters_create(&dicomweb->painters, options->painter_threads, err);
    if (status == KH_OK && options->adopt)
        kh_stow_files_clear(dicomweb);
    if (status != KH_OK) {
        kh_dicomweb_stop(dicomweb);
        return status;
    }
    *out = dicomweb;
    return KH_OK;
}

void kh_dicomweb_stop(kh_dicomweb *dicomweb)
{
    if (!dicomweb)
        return;
    kh_pool_stop(dicomweb->workers);
    kh_pool_stop(dicomweb->painting);
    kh_painters_free(dicomweb->painters);
    kh_pool_stop(dicomweb->uploaders);
    kh_pool_stop(dicomweb->carriers);
    free(dicomweb->routes);
    free(dicomweb->entries);
    free(dicomweb);
}

const kh_http_route *kh_dicomweb_routes(const kh_dicomweb *dicomweb, size_t *count)
{
    *count = dicomweb->route_count;
    return dicomweb->routes;
}

void kh_dicomweb_later(kh_dicomweb *dicomweb, kh_http_request *request, kh_http_work *work)
{
    kh_http_later(request, dicomweb->workers, work, dicomweb);
}
