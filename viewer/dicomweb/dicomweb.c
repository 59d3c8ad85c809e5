#include "viewer/dicomweb/dicomweb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "dicom/syntax.h"
#include "viewer/dicomweb/rendered.h"
#include "viewer/dicomweb/stow.h"

const kh_dicomweb_options kh_dicomweb_options_default = {.threads = 2,
                                                         .queue_max = 256,
                                                         .results_max = 10000,
                                                         .compared_max = 1000,
                                                         .memory_max = 512ull << 20,
                                                         .anew_bytes_max = 4ull << 30,
                                                         .answers_max = 1024,
                                                         .painter_threads = 2,
                                                         .painter_queue_max = 256,
                                                         .viewport_max = 4096,
                                                         .font_file = "",
                                                         .carrier_threads = 2,
                                                         .uploader_threads = 2,
                                                         .uploads_max = 8,
                                                         .upload_bytes_max = 16ull << 30,
                                                         .parts_max = 20000,
                                                         .metadata_bytes_max = 16u << 20};

#define INSTANCE KH_DICOMWEB_PATH "/studies/{study}/series/{series}/instances/{instance}"

/* Every resource there is; the first that fits serves. Each address answers OPTIONS besides. */
static const kh_dicomweb_resource resources[] = {
    {"OPTIONS", KH_DICOMWEB_PATH, kh_dicomweb_capabilities, KH_AUDIT_ACTIONS, false, KH_VERB_FIND, KH_KIND_STUDY, true},
    {"GET", KH_DICOMWEB_PATH "/studies", kh_dicomweb_search, KH_AUDIT_SEARCH, true, KH_VERB_FIND, KH_KIND_STUDY, true},
    {"GET", KH_DICOMWEB_PATH "/series", kh_dicomweb_search, KH_AUDIT_SEARCH, true, KH_VERB_FIND, KH_KIND_STUDY, true},
    {"GET", KH_DICOMWEB_PATH "/instances", kh_dicomweb_search, KH_AUDIT_SEARCH, true, KH_VERB_FIND, KH_KIND_STUDY, true},
    {"GET", KH_DICOMWEB_PATH "/studies/{study}/series", kh_dicomweb_search, KH_AUDIT_SEARCH, true, KH_VERB_FIND, KH_KIND_STUDY, true},
    {"GET", KH_DICOMWEB_PATH "/studies/{study}/instances", kh_dicomweb_search, KH_AUDIT_SEARCH, true, KH_VERB_FIND, KH_KIND_STUDY, true},
    {"GET", KH_DICOMWEB_PATH "/studies/{study}/series/{series}/instances", kh_dicomweb_search, KH_AUDIT_SEARCH, true, KH_VERB_FIND,
     KH_KIND_STUDY, true},
    {"GET", KH_DICOMWEB_PATH "/studies/{study}", kh_dicomweb_retrieve, KH_AUDIT_RETRIEVE, true, KH_VERB_TAKE, KH_KIND_STUDY, false},
    {"GET", KH_DICOMWEB_PATH "/studies/{study}/series/{series}", kh_dicomweb_retrieve, KH_AUDIT_RETRIEVE, true, KH_VERB_TAKE,
     KH_KIND_SERIES, false},
    {"GET", INSTANCE, kh_dicomweb_retrieve, KH_AUDIT_RETRIEVE, false, KH_VERB_TAKE, KH_KIND_INSTANCE, false},
    {"GET", INSTANCE "/frames/{frames}", kh_dicomweb_frames, KH_AUDIT_RETRIEVE, false, KH_VERB_TAKE, KH_KIND_FRAME, false},
    {"GET", INSTANCE "/pixeldata", kh_dicomweb_frames, KH_AUDIT_RETRIEVE, false, KH_VERB_TAKE, KH_KIND_FRAME, false},
    {"GET", KH_DICOMWEB_PATH "/studies/{study}/pixeldata", kh_dicomweb_pixels, KH_AUDIT_RETRIEVE, true, KH_VERB_TAKE, KH_KIND_STUDY, false},
    {"GET", KH_DICOMWEB_PATH "/studies/{study}/series/{series}/pixeldata", kh_dicomweb_pixels, KH_AUDIT_RETRIEVE, true, KH_VERB_TAKE,
     KH_KIND_SERIES, false},
    {"GET", KH_DICOMWEB_PATH "/studies/{study}/bulkdata", kh_dicomweb_values, KH_AUDIT_RETRIEVE, true, KH_VERB_TAKE, KH_KIND_STUDY, false},
    {"GET", KH_DICOMWEB_PATH "/studies/{study}/series/{series}/bulkdata", kh_dicomweb_values, KH_AUDIT_RETRIEVE, true, KH_VERB_TAKE,
     KH_KIND_SERIES, false},
    {"GET", INSTANCE "/bulkdata", kh_dicomweb_values, KH_AUDIT_RETRIEVE, false, KH_VERB_TAKE, KH_KIND_INSTANCE, false},
    {"GET", INSTANCE "/bulkdata/{path*}", kh_dicomweb_bulk, KH_AUDIT_RETRIEVE, false, KH_VERB_TAKE, KH_KIND_INSTANCE, false},
    {"GET", KH_DICOMWEB_PATH "/studies/{study}/metadata", kh_dicomweb_metadata, KH_AUDIT_OPEN, false, KH_VERB_VIEW, KH_KIND_STUDY, false},
    {"GET", KH_DICOMWEB_PATH "/studies/{study}/series/{series}/metadata", kh_dicomweb_metadata, KH_AUDIT_OPEN, false, KH_VERB_VIEW,
     KH_KIND_SERIES, false},
    {"GET", INSTANCE "/metadata", kh_dicomweb_metadata, KH_AUDIT_OPEN, false, KH_VERB_VIEW, KH_KIND_INSTANCE, false},
    {"GET", KH_DICOMWEB_PATH "/studies/{study}/rendered", kh_dicomweb_rendered, KH_AUDIT_VIEW, false, KH_VERB_VIEW, KH_KIND_STUDY, false},
    {"GET", KH_DICOMWEB_PATH "/studies/{study}/series/{series}/rendered", kh_dicomweb_rendered, KH_AUDIT_VIEW, false, KH_VERB_VIEW,
     KH_KIND_SERIES, false},
    {"GET", INSTANCE "/rendered", kh_dicomweb_rendered, KH_AUDIT_VIEW, false, KH_VERB_VIEW, KH_KIND_INSTANCE, false},
    {"GET", INSTANCE "/frames/{frames}/rendered", kh_dicomweb_rendered, KH_AUDIT_VIEW, false, KH_VERB_VIEW, KH_KIND_FRAME, false},
    {"GET", KH_DICOMWEB_PATH "/studies/{study}/thumbnail", kh_dicomweb_thumbnail, KH_AUDIT_VIEW, false, KH_VERB_VIEW, KH_KIND_THUMBNAIL,
     false},
    {"GET", KH_DICOMWEB_PATH "/studies/{study}/series/{series}/thumbnail", kh_dicomweb_thumbnail, KH_AUDIT_VIEW, false, KH_VERB_VIEW,
     KH_KIND_THUMBNAIL, false},
    {"GET", INSTANCE "/thumbnail", kh_dicomweb_thumbnail, KH_AUDIT_VIEW, false, KH_VERB_VIEW, KH_KIND_THUMBNAIL, false},
    {"GET", INSTANCE "/frames/{frames}/thumbnail", kh_dicomweb_thumbnail, KH_AUDIT_VIEW, false, KH_VERB_VIEW, KH_KIND_THUMBNAIL, false},
    {"GET", KH_DICOMWEB_PATH "/wado", kh_dicomweb_wado_uri, KH_AUDIT_VIEW, false, KH_VERB_VIEW, KH_KIND_FRAME, false},
    {"POST", KH_DICOMWEB_PATH "/studies", kh_dicomweb_store, KH_AUDIT_ACTIONS, false, KH_VERB_CHANGE, KH_KIND_INSTANCE, true},
    {"POST", KH_DICOMWEB_PATH "/studies/{study}", kh_dicomweb_store, KH_AUDIT_ACTIONS, false, KH_VERB_CHANGE, KH_KIND_INSTANCE, true},
};
#define RESOURCE_COUNT (sizeof resources / sizeof resources[0])

/* What WADO-URI is when the object itself is asked for: it leaves, as by WADO-RS. */
static const kh_dicomweb_resource taken = {
    "GET", KH_DICOMWEB_PATH "/wado", kh_dicomweb_wado_uri, KH_AUDIT_RETRIEVE, false, KH_VERB_TAKE, KH_KIND_INSTANCE, false};

const kh_dicomweb_resource *kh_dicomweb_resources(size_t *count)
{
    *count = RESOURCE_COUNT;
    return resources;
}

/* Nothing that comes is unpacked here: a megabyte of gzip may be a gigabyte. */
static bool refuse_coding(kh_http_request *request)
{
    const char *coding = kh_http_header(request, "Content-Encoding");

    if (!coding || coding[0] == '\0' || strcasecmp(coding, "identity") == 0)
        return false;
    kh_http_set_header(request, "Accept-Encoding", "identity"); /* RFC 9110 15.5.16 */
    kh_http_answer_code(request, 415, "Content-Encoding: expected none");
    return true;
}

static void run_handler(kh_http_request *request, void *context)
{
    const kh_dicomweb_entry *entry = context;

    entry->resource->handler(entry->dicomweb, request);
}

/* WADO-URI has in its parameters what others have in the address. */
static void read_uids(const kh_dicomweb_entry *entry, const kh_http_request *request, const char *uids[3])
{
    static const char *const segments[] = {"study", "series", "instance"}, *const parameters[] = {"studyUID", "seriesUID", "objectUID"};
    bool in_query = entry->resource->handler == kh_dicomweb_wado_uri;

    for (size_t i = 0; i < 3; i++)
        uids[i] = in_query ? kh_http_query(request, parameters[i]) : kh_http_segment(request, segments[i]);
}

/* Recorded, then served. */
static void serve_recorded(const kh_dicomweb_entry *entry, kh_http_request *request, const char *token)
{
    const kh_dicomweb_resource *resource = entry->resource;
    kh_record record = {.action = resource->action, .way = "DICOMweb", .token = token, .once = !resource->each};
    const char *uids[3];

    read_uids(entry, request, uids);
    if (resource->action == KH_AUDIT_SEARCH) {
        record.with_path = record.with_query = true;
    } else {
        record.study_uid = uids[0];
        record.series_uid = uids[1];
        record.object_uid = uids[2];
    }
    kh_record_then(entry->dicomweb->options.recorder, request, &record, run_handler, (void *)(uintptr_t)entry);
}

/* What is no UID is nobody's: the handler says what it expects. */
static bool names_something(const char *const uids[3])
{
    return uids[0] && kh_uid_plausible(uids[0]) && (!uids[1] || kh_uid_plausible(uids[1])) && (!uids[2] || kh_uid_plausible(uids[2]));
}

static void decide_later(void *context, kh_http_request *request)
{
    const kh_dicomweb_entry *entry = context;
    const char *uids[3];

    read_uids(entry, request, uids);
    kh_dicomweb_decide(entry, request, uids, run_handler);
}

/* A person was let in. Lists are decided row by row by their handlers; so is all that an address names, since a UID may be of several
 * hospitals. */
static void serve_person(kh_http_request *request, void *context)
{
    const kh_dicomweb_entry *entry = context;
    const char *uids[3];

    read_uids(entry, request, uids);
    if (entry->resource->action == KH_AUDIT_ACTIONS)
        entry->resource->handler(entry->dicomweb, request);
    else if (entry->resource->rows || !names_something(uids))
        serve_recorded(entry, request, NULL);
    else
        kh_http_later(request, entry->dicomweb->workers, decide_later, (void *)(uintptr_t)entry);
}

static void guard(const kh_dicomweb_entry *entry, kh_http_request *request)
{
    const kh_guarded about = {.verb = entry->resource->verb, .kind = entry->resource->kind, .listing = true};

    kh_guard_then(entry->dicomweb->options.guard, request, &about, serve_person, (void *)(uintptr_t)entry);
}

/* The one door: whatever asks for a resource comes through here. */
static void serve(kh_http_request *request, void *context)
{
    const kh_dicomweb_entry *entry = context;
    kh_dicomweb *dicomweb = entry->dicomweb;
    const char *method = entry->resource->method, *repeated = kh_http_repeated(request);
    bool options = strcmp(method, "OPTIONS") == 0;
    kh_admitted admitted;
    char message[80];

    if (options && kh_admission_preflight(dicomweb->admission, request, entry->allow))
        return;
    if (!kh_admission_pass(dicomweb->admission, request, !options && strcmp(method, "GET") != 0, dicomweb->options.public_address,
                           &admitted)) {
        kh_record_refused(dicomweb->options.recorder, request, "DICOMweb", admitted.refused);
        return;
    }
    if (refuse_coding(request))
        return;
    if (repeated && entry->resource->handler != kh_dicomweb_search) {
        snprintf(message, sizeof message, "parameter \"%.32s\" is given twice", repeated);
        kh_http_answer_code(request, 400, message);
        return;
    }
    if (options)
        kh_http_set_header(request, "Allow", entry->allow);
    if (entry->resource->handler == kh_dicomweb_wado_uri && kh_wado_uri_takes(request))
        entry = &dicomweb->taken;
    if (dicomweb->options.guard)
        guard(entry, request);
    else if (entry->resource->action == KH_AUDIT_ACTIONS)
        entry->resource->handler(dicomweb, request);
    else
        serve_recorded(entry, request, admitted.token);
}

static void add_allowed(char allow[64], const char *method)
{
    size_t used = strlen(allow);

    if (!strstr(allow, method))
        snprintf(allow + used, 64 - used, "%s%s", used ? ", " : "", strcmp(method, "GET") == 0 ? "GET, HEAD" : method);
}

static void add_route(kh_dicomweb *dicomweb, const kh_dicomweb_resource *resource, const char *pattern)
{
    kh_dicomweb_entry *entry = &dicomweb->entries[dicomweb->route_count];

    *entry = (kh_dicomweb_entry){.dicomweb = dicomweb, .resource = resource};
    for (size_t i = 0; i < RESOURCE_COUNT; i++)
        if (strcmp(resources[i].pattern, pattern) == 0)
            add_allowed(entry->allow, resources[i].method);
    add_allowed(entry->allow, "OPTIONS");
    dicomweb->routes[dicomweb->route_count++] =
        (kh_http_route){.method = resource->method, .pattern = pattern, .handler = serve, .context = entry};
}

static bool is_new_pattern(size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(resources[i].pattern, resources[index].pattern) == 0)
            return false;
    return strcmp(resources[index].method, "OPTIONS") != 0;
}

static kh_status make_routes(kh_dicomweb *dicomweb, kh_error *err)
{
    dicomweb->entries = calloc(2 * RESOURCE_COUNT, sizeof *dicomweb->entries);
    dicomweb->routes = calloc(2 * RESOURCE_COUNT, sizeof *dicomweb->routes);
    dicomweb->taken = (kh_dicomweb_entry){.dicomweb = dicomweb, .resource = &taken};
    if (!dicomweb->entries || !dicomweb->routes)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the DICOMweb routes");
    for (size_t i = 0; i < RESOURCE_COUNT; i++) {
        add_route(dicomweb, &resources[i], resources[i].pattern);
        if (is_new_pattern(i))
            add_route(dicomweb, &resources[0], resources[i].pattern);
    }
    return KH_OK;
}

static kh_status check_door(const kh_dicomweb_options *options, kh_error *err)
{
    if (!options->guard != !options->rights || !options->guard != !options->watch)
        return kh_error_set(err, KH_E_INTERNAL, "DICOMweb with half a door");
    if (options->guard && options->tokens && options->tokens[0])
        return kh_error_set(err, KH_E_ARG,
                            "[dicomweb] tokens: expected none while [access] accounts is on; people have tokens of their own");
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
    status = check_door(options, err);
    if (status == KH_OK)
        status = kh_admission_create(&dicomweb->admission, options->tokens, options->origins, err);
    if (status == KH_OK)
        status = make_routes(dicomweb, err);
    if (status == KH_OK)
        status = kh_pool_create(&dicomweb->workers, "dicomweb", options->threads, options->queue_max, err);
    if (status == KH_OK)
        status = kh_pool_create(&dicomweb->uploaders, "stow", options->uploader_threads, options->uploads_max, err);
    if (status == KH_OK)
        status = kh_pool_create(&dicomweb->carriers, "carrier", options->carrier_threads, 2 * (size_t)options->answers_max, err);
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
    kh_admission_free(dicomweb->admission);
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
