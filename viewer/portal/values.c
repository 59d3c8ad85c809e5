/* /api/series/{series}/{object}-{frame}/values: what is measured on a frame, from its stored pixels (viewer/render/measure.h). GET has kind
 * and points in the address; POST the same as JSON, for outlines of more points than an address holds. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "reading/mark_json.h"
#include "viewer/portal/internal.h"
#include "viewer/portal/values.h"

#define ANSWER_BYTES_MAX 4096
#define BODY_BYTES_MAX (64u * 1024)

typedef struct asked {
    kh_frame_place place;
    kh_mark_kind kind;
    size_t count;
    kh_point points[KH_MARK_POINTS_MAX];
} asked;

/* --- what is asked --- */

/* A decimal at *text, which goes behind it; not what strtod takes beside these. */
static bool take_decimal(const char **text, double *out)
{
    char *end;

    if (strspn(*text, "+-.0123456789eE") == 0)
        return false;
    *out = strtod(*text, &end);
    if (end == *text || (size_t)(end - *text) > strspn(*text, "+-.0123456789eE"))
        return false;
    *text = end;
    return isfinite(*out);
}

static kh_status read_points_text(asked *a, const char *text, kh_error *err)
{
    const char *at = text ? text : "";

    while (*at) {
        kh_point *point = &a->points[a->count];

        if (a->count == KH_MARK_POINTS_MAX)
            return kh_error_set(err, KH_E_ARG, "points: more than %d", KH_MARK_POINTS_MAX);
        if (!take_decimal(&at, &point->x) || *at++ != ',' || !take_decimal(&at, &point->y) || (*at && *at++ != ',') ||
            (!*at && at[-1] == ','))
            return kh_error_set(err, KH_E_ARG, "points: number %zu is not x,y of two decimals", a->count + 1);
        a->count++;
    }
    return KH_OK;
}

static kh_status read_body(asked *a, const kh_http_request *request, kh_error *err)
{
    size_t size = 0;
    const void *bytes = kh_http_body(request, &size);
    kh_json *json = NULL;
    kh_status status = kh_json_parse_object(&json, bytes, size, BODY_BYTES_MAX, err);

    if (status == KH_OK)
        status = kh_mark_kind_of(&a->kind, kh_json_get_text(json, "kind"), err);
    if (status == KH_OK)
        status = kh_mark_points_of(a->points, &a->count, kh_json_member(json, "points"), err);
    kh_json_free(json);
    return status;
}

static kh_status read_asked(asked *a, const kh_http_request *request, kh_error *err)
{
    int64_t frame = 0;
    kh_status status = kh_http_segment_int(request, "series", 1, INT64_MAX, &a->place.series_id, err);

    if (status == KH_OK)
        status = kh_http_segment_int(request, "object", 1, INT64_MAX, &a->place.object_id, err);
    if (status == KH_OK)
        status = kh_http_segment_int(request, "frame", 0, UINT32_MAX, &frame, err);
    a->place.frame = (uint32_t)frame;
    if (status == KH_OK && kh_http_changes(request))
        return read_body(a, request, err);
    if (status == KH_OK)
        status = kh_mark_kind_of(&a->kind, kh_http_query(request, "kind"), err);
    return status == KH_OK ? read_points_text(a, kh_http_query(request, "points"), err) : status;
}

/* --- the answer --- */

static void put_rgb(kh_json_writer *json, const kh_measured *m)
{
    kh_json_key(json, "rgb");
    if (m->rgb[0] < 0) {
        kh_json_null(json);
        return;
    }
    kh_json_array_begin(json);
    for (size_t i = 0; i < 3; i++)
        kh_json_int(json, m->rgb[i]);
    kh_json_array_end(json);
}

/* What is NAN is null. */
void kh_portal_put_measured(kh_json_writer *json, const kh_measured *m)
{
    bool region = m->kind == KH_MARK_RECTANGLE || m->kind == KH_MARK_ELLIPSE || m->kind == KH_MARK_FREEHAND || m->kind == KH_MARK_PROBE;
    bool values = region && m->rgb[0] < 0;

    kh_json_put_text(json, "unit", values && m->unit[0] ? m->unit : NULL);
    kh_json_put_text(json, "values", !values ? NULL : m->stored_values ? "stored" : "modality");
    kh_portal_put_int_or_null(json, "count", region ? (int64_t)m->count : -1, -1);
    kh_portal_put_int_or_null(json, "padding", region ? (int64_t)m->padding : -1, -1);
    kh_json_put_double(json, "mean", m->mean);
    kh_json_put_double(json, "sd", m->sd);
    kh_json_put_double(json, "min", m->min);
    kh_json_put_double(json, "max", m->max);
    kh_json_put_double(json, "value", m->value);
    kh_json_put_double(json, "stored", m->stored);
    put_rgb(json, m);
    kh_json_put_double(json, "area_px", m->area_px);
    kh_json_put_double(json, "area_mm2", m->area_mm2);
    kh_json_put_double(json, "length_px", m->length_px);
    kh_json_put_double(json, "length_mm", m->length_mm);
    kh_json_put_double(json, "short_px", m->short_px);
    kh_json_put_double(json, "short_mm", m->short_mm);
    kh_json_put_double(json, "degrees", m->degrees);
    kh_json_put_double(json, "axis_x", m->axis_x);
    kh_json_put_text(json, "axis_x_unit", m->axis_x_unit[0] ? m->axis_x_unit : NULL);
    kh_json_put_double(json, "axis_y", m->axis_y);
    kh_json_put_text(json, "axis_y_unit", m->axis_y_unit[0] ? m->axis_y_unit : NULL);
    kh_json_put_text(json, "spacing_source", kh_portal_spacing_text(m->spacing_source));
}

/* Rights may have moved while it was measured. */
static void measure(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    uint64_t epoch = kh_portal_epoch(portal);
    kh_error err = KH_ERROR_INIT;
    asked *a = calloc(1, sizeof *a);
    kh_measured measured;
    kh_portal_answer answer;
    kh_status status = a ? read_asked(a, request, &err) : kh_error_set(&err, KH_E_MEMORY, "no memory for a measurement");

    if (status == KH_OK && !kh_mark_is_measured(a->kind))
        status = kh_error_set(&err, KH_E_ARG, "kind \"%s\": nothing is measured of it", kh_mark_text(a->kind));
    if (status == KH_OK)
        status = kh_values_measure(&measured, portal->cache, portal->options.codec, &a->place, a->kind, a->points, a->count, &err);
    if (status == KH_OK && !kh_portal_still(portal, request, a->place.series_id, epoch)) {
        kh_http_answer_code(request, 404, KH_PORTAL_ABSENT);
    } else if (status == KH_OK) {
        kh_portal_answer_begin(&answer, ANSWER_BYTES_MAX);
        kh_json_object_begin(&answer.json);
        kh_portal_put_measured(&answer.json, &measured);
        kh_json_object_end(&answer.json);
        kh_portal_answer_end(&answer, request, KH_OK, &err);
    } else {
        kh_http_answer_error(request, &err);
    }
    free(a);
}

void kh_portal_values(kh_http_request *request, void *context)
{
    kh_portal *portal = context;

    kh_http_later(request, portal->measurers, measure, portal);
}
