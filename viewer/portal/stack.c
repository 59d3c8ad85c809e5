/* GET /api/series/{id}/stack: the manifest, encoded once per revision of the series and kept. */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include "cache/stack.h"
#include "dicom/syntax.h"
#include "viewer/portal/internal.h"

#define MANIFEST_BYTES_MAX (64u << 20)
#define MANIFEST_VERSION 6 /* moves when the same series would give another manifest than before */

typedef struct manifest_key {
    int64_t series_id, revision;
    int64_t gzip; /* 0 or 1; as wide as the others, so that no padding gets into the key */
} manifest_key;

typedef struct manifest_source {
    const kh_stack *stack;
    const kh_series *series;
    bool gzip;
} manifest_source;

static const char *const order_texts[] = {"position", "instance", "mixed"};
static const char *const voi_texts[] = {"LINEAR", "LINEAR_EXACT", "SIGMOID"};

const char *kh_portal_spacing_text(kh_spacing_source source)
{
    static const char *const texts[] = {
        "none", "patient", "detector", "ultrasound", "ultrasound_other", "ultrasound_outside", "ultrasound_across", "ultrasound_unfit"};

    return texts[source];
}

/* Where a row and a column run to (PS3.3 C.7.6.1.1.1): two values, each of letters. */
static void put_patient_orientation(kh_json_writer *json, const char *stored)
{
    const char *separator = strchr(stored, '\\');
    char row[sizeof ((kh_image_info *)0)->patient_orientation];

    kh_json_key(json, "patient_orientation");
    if (!separator || separator == stored || !separator[1] || strchr(separator + 1, '\\')) {
        kh_json_null(json);
        return;
    }
    snprintf(row, sizeof row, "%.*s", (int)(separator - stored), stored);
    kh_json_array_begin(json);
    kh_json_text(json, row);
    kh_json_text(json, separator + 1);
    kh_json_array_end(json);
}

static void put_axis(kh_json_writer *json, const char *key, const kh_us_axis *axis)
{
    kh_json_key(json, key);
    if (axis->unit == 0) {
        kh_json_null(json);
        return;
    }
    kh_json_object_begin(json);
    kh_json_put_text(json, "unit", kh_us_unit_text(axis->unit));
    kh_json_put_double(json, "delta", axis->delta);
    kh_json_object_end(json);
}

/* Only of an image that has any. */
static void put_regions(kh_json_writer *json, const kh_image_info *info)
{
    if (info->us_region_count == 0)
        return;
    kh_json_key(json, "regions");
    kh_json_array_begin(json);
    for (uint32_t i = 0; i < info->us_region_count; i++) {
        const kh_us_region *region = &info->us_regions[i];

        kh_json_object_begin(json);
        kh_json_put_int(json, "left", region->x0);
        kh_json_put_int(json, "top", region->y0);
        kh_json_put_int(json, "right", (int64_t)region->x1 + 1);
        kh_json_put_int(json, "bottom", (int64_t)region->y1 + 1);
        kh_json_put_bool(json, "low", region->low_priority);
        put_axis(json, "x", &region->x);
        put_axis(json, "y", &region->y);
        kh_json_object_end(json);
    }
    kh_json_array_end(json);
}

static void put_numbers(kh_json_writer *json, const char *key, const double *values, size_t count, bool told)
{
    kh_json_key(json, key);
    if (!told) {
        kh_json_null(json);
        return;
    }
    kh_json_array_begin(json);
    for (size_t i = 0; i < count; i++)
        kh_json_double(json, values[i]);
    kh_json_array_end(json);
}

/* How frames are played (PS3.3 C.7.6.5); members but the first only where they are told. */
static void put_cine(kh_json_writer *json, const kh_cine *cine)
{
    kh_portal_put_double_or_null(json, "frame_time_ms", cine->frame_time_ms, 0);
    if (cine->frame_time_count > 0)
        put_numbers(json, "frame_times_ms", cine->frame_times_ms, cine->frame_time_count, true);
    if (cine->trim_first > 0)
        put_numbers(json, "trim", (double[]){cine->trim_first, cine->trim_last}, 2, true);
    if (cine->playback != KH_PLAYBACK_NOT_TOLD)
        kh_json_put_text(json, "playback", cine->playback == KH_PLAYBACK_SWING ? "swing" : "loop");
}

static bool is_video(const kh_stack_object *object)
{
    const kh_transfer_syntax *syntax = kh_transfer_syntax_find(object->transfer_syntax_uid);

    return syntax && syntax->codec == KH_CODEC_VIDEO;
}

static void put_object(kh_json_writer *json, const kh_stack_object *object)
{
    const kh_image_info *info = &object->info;
    const kh_pixel_format *format = &info->format;

    kh_json_object_begin(json);
    kh_json_put_int(json, "id", object->object_id);
    kh_json_put_text(json, "sop_uid", object->sop_instance_uid);
    kh_portal_put_int_or_null(json, "instance", info->instance_number, INT32_MIN);
    kh_json_put_int(json, "rows", format->rows);
    kh_json_put_int(json, "columns", format->columns);
    kh_json_put_int(json, "frames", info->frame_count);
    kh_json_put_text(json, "photometric", kh_photometric_text(format->photometric));
    kh_json_put_int(json, "samples", format->samples);
    kh_json_put_int(json, "bits_stored", format->bits_stored);
    kh_json_put_bool(json, "lossy", info->lossy_source);
    kh_portal_put_double_or_null(json, "lossy_ratio", info->lossy_source ? kh_stack_object_source_ratio(object, 0, false) : 0, 0);
    kh_json_put_text(json, "lossy_method", info->lossy_method);
    kh_json_put_bool(json, "inverse", info->inverse);
    kh_json_put_double(json, "pixel_aspect", info->pixel_aspect);
    if (info->display & KH_DISPLAY_OVERLAY)
        kh_json_put_bool(json, "overlays", true);
    put_cine(json, &info->cine);
    kh_json_put_text(json, "laterality", info->laterality);
    put_patient_orientation(json, info->patient_orientation);
    kh_json_put_text(json, "view_position", info->view_position);
    kh_json_put_text(json, "image_type", info->image_type);
    kh_json_put_text(json, "frame_of_reference", info->frame_of_reference_uid);
    kh_json_put_text(json, "rescale_type", info->rescale_type);
    put_regions(json, info);
    kh_json_put_text(json, "problem", object->problem[0] ? object->problem : NULL);
    if (is_video(object))
        kh_json_put_bool(json, "video", true);
    kh_json_object_end(json);
}

/* Windows, then VOI LUTs, which have their number beside the window over which they rise. */
static void put_windows(kh_json_writer *json, const kh_image_info *image, const kh_slice_info *info)
{
    kh_json_key(json, "windows");
    kh_json_array_begin(json);
    for (uint32_t i = 0; i < info->window_count && i < KH_WINDOWS_MAX; i++) {
        kh_json_object_begin(json);
        kh_json_put_double(json, "center", info->windows[i].center);
        kh_json_put_double(json, "width", info->windows[i].width);
        kh_json_put_text(json, "explanation", info->windows[i].explanation);
        kh_json_object_end(json);
    }
    for (uint32_t i = 0; i < info->voi_lut_count && info->voi_lut_first + i < image->voi_lut_count; i++) {
        const kh_voi_lut *lut = &image->voi_luts[info->voi_lut_first + i];

        kh_json_object_begin(json);
        kh_json_put_double(json, "center", lut->center);
        kh_json_put_double(json, "width", lut->width);
        kh_json_put_text(json, "explanation", lut->explanation);
        kh_json_put_int(json, "lut", i);
        kh_json_object_end(json);
    }
    kh_json_array_end(json);
}

static void put_slice(kh_json_writer *json, const kh_stack *stack, const kh_stack_slice *slice)
{
    static const kh_slice_info untold; /* of an object whose header could not be described */
    const kh_image_info *image = &stack->objects[slice->object_index].info;
    const kh_slice_info *info =
        image->slices && slice->frame < image->frame_count ? kh_image_info_slice(image, slice->frame) : &untold;
    const double spacing[2] = {info->row_spacing_mm, info->column_spacing_mm};

    kh_json_object_begin(json);
    kh_json_put_int(json, "object", slice->object_index);
    kh_json_put_int(json, "frame", slice->frame);
    kh_json_put_double(json, "location_mm", slice->location_mm);
    put_numbers(json, "position", info->position_mm, 3, info->has_position);
    put_numbers(json, "orientation", info->orientation, 6, info->has_orientation);
    put_numbers(json, "spacing", spacing, 2, info->spacing_source != KH_SPACING_NONE);
    kh_json_put_text(json, "spacing_source", kh_portal_spacing_text(info->spacing_source));
    kh_json_put_double(json, "thickness_mm", info->thickness_mm);
    put_windows(json, image, info);
    kh_json_put_text(json, "voi_function", voi_texts[info->voi_function]);
    kh_json_object_end(json);
}

static void put_stack(kh_json_writer *json, const kh_stack *stack, const kh_series *series)
{
    kh_json_object_begin(json);
    kh_json_put_int(json, "series", stack->series_id);
    kh_json_put_int(json, "study", stack->study_id);
    kh_json_put_int(json, "revision", stack->revision);
    kh_json_put_text(json, "modality", series->modality);
    kh_json_put_text(json, "description", series->description);
    kh_json_put_text(json, "order", order_texts[stack->order]);
    kh_json_put_bool(json, "even_spacing", stack->even_spacing);
    kh_json_put_double(json, "spacing_mm", stack->spacing_mm);
    kh_json_put_int(json, "tile_size", KH_TILE_SIZE);
    kh_json_put_int(json, "default_quality", KH_PORTAL_QUALITY);
    kh_json_key(json, "objects");
    kh_json_array_begin(json);
    for (uint32_t i = 0; i < stack->object_count; i++)
        put_object(json, &stack->objects[i]);
    kh_json_array_end(json);
    kh_json_key(json, "slices");
    kh_json_array_begin(json);
    for (uint32_t i = 0; i < stack->slice_count; i++)
        put_slice(json, stack, &stack->slices[i]);
    kh_json_array_end(json);
    kh_json_object_end(json);
}

static kh_status encode(uint8_t **data, size_t *size, void *context, kh_error *err)
{
    const manifest_source *source = context;
    kh_json_writer json;
    kh_buf body;
    kh_status status;

    kh_buf_init(&body, MANIFEST_BYTES_MAX);
    kh_json_writer_init(&json, &body);
    put_stack(&json, source->stack, source->series);
    status = kh_json_writer_status(&json, err);
    if (status == KH_OK && source->gzip)
        status = kh_http_gzip(data, size, body.data, body.size, true, err);
    else if (status == KH_OK)
        *data = kh_buf_take(&body, size);
    kh_buf_release(&body);
    return status;
}

typedef struct sent {
    kh_blobcache *manifests;
    const kh_blob *blob;
} sent;

static void release_sent(void *context)
{
    sent *s = context;

    kh_blobcache_release(s->manifests, s->blob);
    free(s);
}

static void answer_blob(kh_portal *portal, kh_http_request *request, const kh_blob *blob, bool gzip)
{
    sent *s = malloc(sizeof *s);
    kh_error err = KH_ERROR_INIT;

    if (!s) {
        kh_blobcache_release(portal->manifests, blob);
        kh_error_set(&err, KH_E_MEMORY, "no memory for an answer");
        kh_http_answer_error(request, &err);
        return;
    }
    *s = (sent){.manifests = portal->manifests, .blob = blob};
    if (gzip)
        kh_http_set_header(request, "Content-Encoding", "gzip");
    kh_http_answer_borrowed(request, 200, "application/json; charset=utf-8", blob->data, blob->size, release_sent, s);
}

/* The revision moves with every change of the series, so that it names the content. */
static void answer_stack(kh_portal *portal, kh_http_request *request, const kh_stack *stack, const kh_series *series)
{
    bool gzip = kh_http_accepts_gzip(request);
    manifest_key key = {.series_id = stack->series_id, .revision = stack->revision, .gzip = gzip};
    manifest_source source = {.stack = stack, .series = series, .gzip = gzip};
    const kh_blob *blob;
    kh_error err = KH_ERROR_INIT;
    char etag[100];

    snprintf(etag, sizeof etag, "stack%d-%lld-%lld-%llu%s", MANIFEST_VERSION, (long long)key.series_id, (long long)key.revision,
             (unsigned long long)kh_portal_epoch(portal), gzip ? "-gzip" : "");
    kh_http_set_header(request, "Cache-Control", "private, no-cache");
    kh_http_set_header(request, "Vary", "Accept-Encoding");
    if (kh_http_answer_not_modified(request, etag))
        return;
    if (kh_blobcache_acquire(&blob, portal->manifests, &key, sizeof key, encode, &source, &err) == KH_OK)
        answer_blob(portal, request, blob, gzip);
    else
        kh_http_answer_error(request, &err);
}

static void one_stack(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    kh_error err = KH_ERROR_INIT;
    const kh_stack *stack = NULL;
    kh_series series;
    int64_t series_id;

    if (kh_http_segment_int(request, "id", 1, INT64_MAX, &series_id, &err) == KH_OK &&
        kh_browse_series(portal->cache, series_id, &series, &err) == KH_OK &&
        kh_stack_acquire(&stack, portal->cache, series_id, &err) == KH_OK) {
        kh_portal_note_opened(portal, request, series.study_id);
        answer_stack(portal, request, stack, &series);
        kh_stack_release(portal->cache, stack);
        return;
    }
    kh_http_answer_error(request, &err);
}

void kh_portal_stack(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, one_stack);
}
