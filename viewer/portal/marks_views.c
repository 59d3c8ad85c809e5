/* How a reader has pictures on the screen, as the browser tells it with an export: it goes into the presentation states. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/json.h"
#include "viewer/portal/marks_views.h"

#define BODY_BYTES_MAX 16384

static kh_status read_numbers(double *out, size_t count, const kh_json *array, const char *name, kh_error *err)
{
    if (kh_json_kind_of(array) != KH_JSON_ARRAY || kh_json_count(array) != count)
        return kh_error_set(err, KH_E_ARG, "%s, expected %zu numbers", name, count);
    for (size_t i = 0; i < count; i++) {
        const kh_json *one = kh_json_at(array, i);

        out[i] = kh_json_number_of(one);
        if ((kh_json_kind_of(one) != KH_JSON_INTEGER && kh_json_kind_of(one) != KH_JSON_REAL) || !isfinite(out[i]) || fabs(out[i]) > 1e9)
            return kh_error_set(err, KH_E_ARG, "%s, expected %zu numbers", name, count);
    }
    return KH_OK;
}

static bool is_told(const kh_json *member)
{
    return member && kh_json_kind_of(member) != KH_JSON_NULL;
}

static kh_status read_view(kh_shown_view *out, const kh_json *json, kh_error *err)
{
    const char *uid = kh_json_get_text(json, "sop_uid");
    const kh_json *window = kh_json_member(json, "window"), *area = kh_json_member(json, "area");
    int64_t frame = kh_json_get_int(json, "frame", -1), turns = kh_json_get_int(json, "turns", 0);
    kh_status status = KH_OK;

    *out = (kh_shown_view){.series_id = kh_json_get_int(json, "series", 0)};
    if (out->series_id < 1 || !uid || !kh_uid_valid(uid) || frame < 0 || frame > UINT32_MAX || turns < 0 || turns > 3)
        return kh_error_set(err, KH_E_ARG, "views, expected series, sop_uid, frame, and turns from 0 to 3");
    snprintf(out->sop_uid, sizeof out->sop_uid, "%s", uid);
    out->frame = (uint32_t)frame;
    out->quarter_turns = (unsigned)turns;
    out->flipped = kh_json_get_bool(json, "flipped", false);
    out->invert = kh_json_get_bool(json, "invert", false);
    out->has_window = is_told(window);
    out->has_area = is_told(area);
    if (out->has_window)
        status = read_numbers(out->window, 2, window, "window", err);
    if (status == KH_OK && out->has_window && !(out->window[1] > 0))
        status = kh_error_set(err, KH_E_ARG, "window, expected a width above 0");
    if (status == KH_OK && out->has_area)
        status = read_numbers(out->area, 4, area, "area", err);
    return status;
}

kh_status kh_shown_views_read(kh_shown_view out[KH_SHOWN_VIEWS_MAX], size_t *count, const kh_http_request *request, kh_error *err)
{
    size_t size = 0;
    const void *bytes = kh_http_body(request, &size);
    const kh_json *views;
    kh_json *json = NULL;
    kh_status status = size > 0 ? kh_json_parse_object(&json, bytes, size, BODY_BYTES_MAX, err) : KH_OK;

    *count = 0;
    views = json ? kh_json_member(json, "views") : NULL;
    if (status == KH_OK && is_told(views) && (kh_json_kind_of(views) != KH_JSON_ARRAY || kh_json_count(views) > KH_SHOWN_VIEWS_MAX))
        status = kh_error_set(err, KH_E_ARG, "views, expected an array of at most %d", KH_SHOWN_VIEWS_MAX);
    for (size_t i = 0; status == KH_OK && is_told(views) && i < kh_json_count(views); i++) {
        status = read_view(&out[i], kh_json_at(views, i), err);
        *count += status == KH_OK;
    }
    kh_json_free(json);
    return status;
}

static int32_t edge(double place, double highest)
{
    return (int32_t)fmin(fmax(place, 1), highest);
}

void kh_shown_view_apply(kh_made_reference *reference, const kh_shown_view *view)
{
    if (view->has_window && !reference->color) {
        reference->window_center = view->window[0];
        reference->window_width = view->window[1];
    }
    reference->inverse = !reference->color && reference->inverse != view->invert;
    reference->quarter_turns = view->quarter_turns;
    reference->flipped = view->flipped;
    reference->has_area = view->has_area && view->area[2] > view->area[0] && view->area[3] > view->area[1];
    if (!reference->has_area)
        return;
    /* every pixel of which something is seen; numbered from 1 */
    reference->area[0] = edge(floor(view->area[0]) + 1, reference->columns);
    reference->area[1] = edge(floor(view->area[1]) + 1, reference->rows);
    reference->area[2] = edge(ceil(view->area[2]), reference->columns);
    reference->area[3] = edge(ceil(view->area[3]), reference->rows);
}
