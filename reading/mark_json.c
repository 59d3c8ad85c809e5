#include "reading/mark_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

kh_status kh_mark_points_of(kh_point *out, size_t *count, const kh_json *points, kh_error *err)
{
    *count = 0;
    if (!points || kh_json_kind_of(points) != KH_JSON_ARRAY || kh_json_count(points) > KH_MARK_POINTS_MAX)
        return kh_error_set(err, KH_E_ARG, "points, expected an array of at most %d [x, y]", KH_MARK_POINTS_MAX);
    for (size_t i = 0; i < kh_json_count(points); i++) {
        const kh_json *pair = kh_json_at(points, i);
        double *place[2] = {&out[i].x, &out[i].y};

        if (kh_json_kind_of(pair) != KH_JSON_ARRAY || kh_json_count(pair) != 2)
            return kh_error_set(err, KH_E_ARG, "points: number %zu, expected [x, y]", i + 1);
        for (size_t k = 0; k < 2; k++) {
            kh_json_kind kind = kh_json_kind_of(kh_json_at(pair, k));

            *place[k] = kh_json_number_of(kh_json_at(pair, k));
            if ((kind != KH_JSON_INTEGER && kind != KH_JSON_REAL) || !isfinite(*place[k]))
                return kh_error_set(err, KH_E_ARG, "points: number %zu, expected two numbers", i + 1);
        }
    }
    *count = kh_json_count(points);
    return KH_OK;
}

static kh_status read_points(kh_stored_mark *out, const kh_json *points, kh_error *err)
{
    size_t count = points && kh_json_kind_of(points) == KH_JSON_ARRAY ? kh_json_count(points) : 0;

    out->points = count <= KH_MARK_POINTS_MAX ? calloc(count > 0 ? count : 1, sizeof *out->points) : NULL;
    if (!out->points && count <= KH_MARK_POINTS_MAX)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a mark");
    return kh_mark_points_of(out->points, &out->point_count, points, err); /* of too many it reads none */
}

static kh_status read_text(kh_stored_mark *out, const kh_json *text, kh_error *err)
{
    kh_status status;

    if (text && kh_json_kind_of(text) != KH_JSON_TEXT)
        return kh_error_set(err, KH_E_ARG, "text, expected a string");
    status = kh_mark_check_text(text ? kh_json_text_of(text) : "", err);
    out->text = status == KH_OK ? strdup(text ? kh_json_text_of(text) : "") : NULL;
    return status == KH_OK && !out->text ? kh_error_set(err, KH_E_MEMORY, "no memory for a mark") : status;
}

static kh_status read_label(kh_stored_mark *out, const kh_json *label, kh_error *err)
{
    double *place[2] = {&out->label.x, &out->label.y};

    if (!label || kh_json_kind_of(label) == KH_JSON_NULL)
        return KH_OK;
    if (kh_json_kind_of(label) != KH_JSON_ARRAY || kh_json_count(label) != 2)
        return kh_error_set(err, KH_E_ARG, "label, expected [x, y] or null");
    for (size_t i = 0; i < 2; i++) {
        kh_json_kind kind = kh_json_kind_of(kh_json_at(label, i));

        *place[i] = kh_json_number_of(kh_json_at(label, i));
        if ((kind != KH_JSON_INTEGER && kind != KH_JSON_REAL) || !(fabs(*place[i]) <= KH_MARK_LABEL_MAX))
            return kh_error_set(err, KH_E_ARG, "label, expected two numbers up to %d", KH_MARK_LABEL_MAX);
    }
    out->has_label = true;
    return KH_OK;
}

static kh_status read_number(int64_t *out, const kh_json *json, const char *name, int64_t max, kh_error *err)
{
    const kh_json *value = kh_json_member(json, name);

    *out = value ? kh_json_integer_of(value) : -1;
    if (!value || kh_json_kind_of(value) != KH_JSON_INTEGER || *out < 0 || *out > max)
        return kh_error_set(err, KH_E_ARG, "%s, expected a whole number from 0 to %lld", name, (long long)max);
    return KH_OK;
}

static kh_status read_sop_uid(kh_stored_mark *out, const char *uid, kh_error *err)
{
    if (!uid || !kh_uid_valid(uid))
        return kh_error_set(err, KH_E_ARG, "sop_uid, expected a UID");
    memcpy(out->sop_uid, uid, strlen(uid) + 1);
    return KH_OK;
}

kh_status kh_mark_from_json(kh_stored_mark *out, const kh_json *json, kh_error *err)
{
    int64_t frame = 0;
    kh_status status;

    *out = (kh_stored_mark){.id = ""};
    status = kh_mark_kind_of(&out->kind, kh_json_get_text(json, "kind"), err);
    if (status == KH_OK)
        status = read_sop_uid(out, kh_json_get_text(json, "sop_uid"), err);
    if (status == KH_OK)
        status = read_number(&frame, json, "frame", UINT32_MAX, err);
    if (status == KH_OK)
        status = read_number(&out->version, json, "version", INT32_MAX, err);
    if (status == KH_OK)
        status = read_points(out, kh_json_member(json, "points"), err);
    if (status == KH_OK)
        status = read_text(out, kh_json_member(json, "text"), err);
    if (status == KH_OK)
        status = read_label(out, kh_json_member(json, "label"), err);
    out->frame = (uint32_t)frame;
    if (status != KH_OK)
        kh_stored_mark_release(out);
    return status;
}
