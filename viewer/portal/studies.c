/* GET /api/studies and GET /api/studies/{id}. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "cache/scope.h"
#include "cache/stack.h"
#include "viewer/portal/internal.h"

#define STUDIES_LIMIT_MAX 200
#define STUDIES_LIMIT 50
#define OFFSET_MAX 100000000
#define SERIES_MAX 4096
#define ANSWER_BYTES_MAX (16u << 20)
#define THUMBNAIL_PX 128

/* Rows are copied while the read transaction is open; what needs further queries comes after it. */
typedef struct study_rows {
    kh_study *studies;
    size_t count, max;
} study_rows;

typedef struct series_rows {
    kh_series *series;
    size_t count, max;
} series_rows;

static void put_when(kh_json_writer *json, const char *key, int64_t wall_ms)
{
    char text[KH_CLOCK_TEXT_SIZE];

    kh_clock_format(text, wall_ms);
    kh_json_put_text(json, key, text);
}

void kh_portal_put_patient(kh_json_writer *json, const kh_patient *patient)
{
    kh_json_key(json, "patient");
    kh_json_object_begin(json);
    kh_json_put_text(json, "id", patient->patient_id);
    kh_json_put_text(json, "birth_date", patient->birth_date);
    kh_json_put_text(json, "sex", patient->sex);
    kh_json_key(json, "name");
    kh_json_object_begin(json);
    kh_json_put_text(json, "alphabetic", patient->name.alphabetic);
    kh_json_put_text(json, "ideographic", patient->name.ideographic);
    kh_json_put_text(json, "phonetic", patient->name.phonetic);
    kh_json_object_end(json);
    kh_json_object_end(json);
}

static void put_modalities(kh_json_writer *json, const char *modalities)
{
    char names[sizeof((kh_study){.id = 0}.modalities)];
    char *rest = names;
    const char *name;

    strcpy(names, modalities);
    kh_json_key(json, "modalities");
    kh_json_array_begin(json);
    while ((name = strsep(&rest, ",")) != NULL)
        if (*name)
            kh_json_text(json, name);
    kh_json_array_end(json);
}

/* A job may be gone from the list of jobs before the study notices: then there is none to show. */
static kh_status put_pull_of(kh_portal *portal, kh_json_writer *json, int64_t pull_id, kh_error *err)
{
    kh_pull pull;
    kh_error why = KH_ERROR_INIT;
    kh_status status = pull_id ? kh_pull_find(portal->cache, pull_id, &pull, &why) : KH_E_NOT_FOUND;

    if (status != KH_OK && status != KH_E_NOT_FOUND)
        return kh_error_set(err, status, "%s", why.message);
    kh_json_key(json, "pull");
    if (status != KH_OK) {
        kh_json_null(json);
        return KH_OK;
    }
    kh_json_object_begin(json);
    kh_portal_put_pull(json, &pull);
    kh_json_object_end(json);
    return KH_OK;
}

kh_status kh_portal_put_study(kh_portal *portal, kh_json_writer *json, const kh_study *study, kh_error *err)
{
    kh_json_put_int(json, "id", study->id);
    kh_json_put_text(json, "uid", study->study_uid);
    kh_json_put_text(json, "date", study->date);
    kh_json_put_text(json, "time", study->time);
    kh_json_put_text(json, "description", study->description);
    kh_portal_put_patient(json, &study->patient);
    kh_json_put_text(json, "facility", study->patient.facility);
    kh_json_put_text(json, "accession", study->accession);
    kh_json_put_text(json, "institution", study->institution);
    put_modalities(json, study->modalities);
    kh_json_put_int(json, "series", study->series_count);
    kh_json_put_int(json, "objects", study->object_count);
    kh_json_put_int(json, "images", study->image_count);
    kh_json_put_int(json, "frames", study->frame_count);
    kh_json_put_int(json, "bytes", study->bytes);
    put_when(json, "first_arrival", study->first_arrival_ms);
    put_when(json, "last_arrival", study->last_arrival_ms);
    kh_json_put_bool(json, "arriving", study->arriving);
    kh_json_put_int(json, "away", study->away_count);
    return put_pull_of(portal, json, study->pull_id, err);
}

static kh_status keep_study(void *context, const kh_study *study)
{
    study_rows *rows = context;

    if (rows->count == rows->max)
        return KH_E_INTERNAL;
    rows->studies[rows->count++] = *study;
    return KH_OK;
}

static kh_status check_date(const char *name, const char *text, kh_error *err)
{
    if (text && (strlen(text) != 8 || strspn(text, "0123456789") != 8))
        return kh_error_set(err, KH_E_ARG, "%s \"%.32s\", expected YYYYMMDD", name, text);
    return KH_OK;
}

/* An empty value, as an empty field of a form gives it, is none. */
static const char *query_text(kh_http_request *request, const char *name)
{
    const char *text = kh_http_query(request, name);

    return text && *text ? text : NULL;
}

static kh_status read_filter(kh_http_request *request, kh_study_filter *filter, kh_error *err)
{
    kh_status status;

    *filter = (kh_study_filter){.text = query_text(request, "q"),
                                .modality = query_text(request, "modality"),
                                .date_from = query_text(request, "from"),
                                .date_to = query_text(request, "to")};
    status = kh_http_query_int(request, "limit", 1, STUDIES_LIMIT_MAX, STUDIES_LIMIT, &filter->limit, err);
    if (status == KH_OK)
        status = kh_http_query_int(request, "offset", 0, OFFSET_MAX, 0, &filter->offset, err);
    if (status == KH_OK)
        status = check_date("from", filter->date_from, err);
    if (status == KH_OK)
        status = check_date("to", filter->date_to, err);
    return status;
}

static kh_status put_studies(kh_portal *portal, kh_json_writer *json, kh_study_filter *filter, const kh_reach *reach, kh_error *err)
{
    study_rows rows = {.studies = calloc((size_t)filter->limit, sizeof *rows.studies), .max = (size_t)filter->limit};
    int64_t total = 0;
    kh_status status;

    if (!rows.studies)
        return kh_error_set(err, KH_E_MEMORY, "no memory for %zu studies", rows.max);
    filter->scope = kh_reach_scope(reach);
    status = kh_browse_studies(portal->cache, filter, keep_study, &rows, &total, err);
    kh_json_object_begin(json);
    kh_json_put_int(json, "total", total);
    kh_json_key(json, "studies");
    kh_json_array_begin(json);
    for (size_t i = 0; status == KH_OK && i < rows.count; i++) {
        kh_json_object_begin(json);
        status = kh_portal_put_study(portal, json, &rows.studies[i], err);
        kh_json_object_end(json);
    }
    kh_json_array_end(json);
    kh_json_object_end(json);
    free(rows.studies);
    return status;
}

static void list_studies(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    kh_error err = KH_ERROR_INIT;
    kh_reach *reach = NULL;
    kh_study_filter filter;
    kh_portal_answer answer;

    kh_portal_answer_begin(&answer, ANSWER_BYTES_MAX);
    if (read_filter(request, &filter, &err) == KH_OK &&
        kh_portal_reach(portal, request, KH_VERB_FIND, KH_REACH_LIST, &reach, &err) == KH_OK)
        err.status = put_studies(portal, &answer.json, &filter, reach, &err);
    kh_reach_close(reach);
    kh_portal_answer_end(&answer, request, err.status, &err);
}

static kh_status keep_series(void *context, const kh_series *series)
{
    series_rows *rows = context;

    if (rows->count == rows->max) {
        size_t max = rows->max ? 2 * rows->max : 16;
        kh_series *more = max <= SERIES_MAX ? realloc(rows->series, max * sizeof *more) : NULL;

        if (!more)
            return max <= SERIES_MAX ? KH_E_MEMORY : KH_E_LIMIT;
        rows->series = more;
        rows->max = max;
    }
    rows->series[rows->count++] = *series;
    return KH_OK;
}

/* What its tiles' addresses follow from: with these the first picture is asked for beside the stack, not after it. */
static void put_opening(kh_json_writer *json, const kh_stack_object *object, uint32_t frame)
{
    const kh_pixel_format *format = &object->info.format;

    kh_json_object_begin(json);
    kh_json_put_int(json, "object", object->object_id);
    kh_json_put_int(json, "frame", frame);
    kh_json_put_int(json, "rows", format->rows);
    kh_json_put_int(json, "columns", format->columns);
    kh_json_put_text(json, "photometric", kh_photometric_text(format->photometric));
    kh_json_put_int(json, "samples", format->samples);
    kh_json_put_int(json, "bits_stored", format->bits_stored);
    kh_json_put_double(json, "pixel_aspect", object->info.pixel_aspect);
    if (object->info.display & KH_DISPLAY_OVERLAY)
        kh_json_put_bool(json, "overlays", true);
    kh_json_put_int(json, "tile_size", KH_TILE_SIZE);
    kh_json_put_int(json, "default_quality", KH_PORTAL_QUALITY);
    kh_json_object_end(json);
}

/* The middle slice, as a small picture and as what the stack opens with; of one that cannot be shown, neither. */
static void put_middle(kh_portal *portal, kh_json_writer *json, const kh_series *series)
{
    const kh_stack *stack = NULL;
    const kh_stack_object *object = NULL;
    const kh_stack_slice *slice = NULL;
    char url[120];

    if (series->frame_count > 0 && kh_stack_acquire(&stack, portal->cache, series->id, NULL) == KH_OK &&
        stack->slice_count > 0) {
        slice = &stack->slices[stack->slice_count / 2];
        object = &stack->objects[slice->object_index];
    }
    kh_json_key(json, "thumbnail");
    if (object && !object->problem[0]) {
        snprintf(url, sizeof url, "/tiles/%lld/%lld-%u/thumb.jpg?size=%d&q=70", (long long)series->id, (long long)object->object_id,
                 slice->frame, THUMBNAIL_PX);
        kh_json_text(json, url);
        kh_json_key(json, "opening");
        put_opening(json, object, slice->frame);
    } else {
        kh_json_null(json);
        kh_json_key(json, "opening");
        kh_json_null(json);
    }
    if (stack)
        kh_stack_release(portal->cache, stack);
}

static void put_series(kh_portal *portal, kh_json_writer *json, const kh_series *series)
{
    kh_json_object_begin(json);
    kh_json_put_int(json, "id", series->id);
    kh_json_put_text(json, "uid", series->series_uid);
    kh_portal_put_int_or_null(json, "number", series->number, INT64_MIN);
    kh_json_put_text(json, "modality", series->modality);
    kh_json_put_text(json, "description", series->description);
    kh_json_put_text(json, "body_part", series->body_part);
    kh_json_put_text(json, "protocol", series->protocol);
    kh_json_put_text(json, "laterality", series->laterality);
    kh_json_put_int(json, "objects", series->object_count);
    kh_json_put_int(json, "images", series->image_count);
    kh_json_put_int(json, "frames", series->frame_count);
    kh_json_put_int(json, "away", series->away_count);
    put_middle(portal, json, series);
    kh_json_object_end(json);
}

/* The study with what is left of its counts; KH_E_NOT_FOUND where it is not open. */
static kh_status narrow_study(kh_portal *portal, const kh_scope *scope, kh_study *study, kh_error *err)
{
    bool allowed = true;
    kh_status status = scope ? kh_scope_study(portal->cache, scope, study, &allowed, err) : KH_OK;

    return status == KH_OK && !allowed ? kh_error_set(err, KH_E_NOT_FOUND, "no study %lld", (long long)study->id) : status;
}

static kh_status put_series_list(kh_portal *portal, kh_json_writer *json, const kh_scope *scope, const kh_study *study,
                                 const series_rows *rows, kh_error *err)
{
    kh_status status = KH_OK;

    kh_json_key(json, "series_list");
    kh_json_array_begin(json);
    for (size_t i = 0; status == KH_OK && i < rows->count; i++) {
        bool allowed = true;

        if (scope)
            status = kh_scope_series(scope, study, &rows->series[i], &allowed, err);
        if (status == KH_OK && allowed)
            put_series(portal, json, &rows->series[i]);
    }
    kh_json_array_end(json);
    return status;
}

static kh_status put_one_study(kh_portal *portal, kh_json_writer *json, int64_t study_id, const kh_scope *scope, kh_error *err)
{
    series_rows rows = {.series = NULL};
    kh_study *study = malloc(sizeof *study);
    kh_status status = study ? kh_browse_study(portal->cache, study_id, study, err)
                             : kh_error_set(err, KH_E_MEMORY, "no memory for a study");

    if (status == KH_OK)
        status = kh_browse_series_of(portal->cache, study_id, keep_series, &rows, err);
    if (status == KH_OK)
        status = narrow_study(portal, scope, study, err);
    if (status != KH_OK)
        goto out;
    kh_json_object_begin(json);
    status = kh_portal_put_study(portal, json, study, err);
    if (status == KH_OK)
        status = put_series_list(portal, json, scope, study, &rows, err);
    kh_json_object_end(json);
out:
    free(rows.series);
    free(study);
    return status;
}

static void one_study(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    kh_error err = KH_ERROR_INIT;
    kh_reach *reach = NULL;
    int64_t study_id;
    kh_portal_answer answer;

    kh_portal_answer_begin(&answer, ANSWER_BYTES_MAX);
    if (kh_http_segment_int(request, "id", 1, INT64_MAX, &study_id, &err) == KH_OK &&
        kh_portal_reach(portal, request, KH_VERB_VIEW, KH_REACH_NAMED, &reach, &err) == KH_OK)
        err.status = put_one_study(portal, &answer.json, study_id, kh_reach_scope(reach), &err);
    kh_reach_close(reach);
    if (err.status == KH_OK)
        kh_portal_note_opened(portal, request, study_id);
    kh_portal_answer_end(&answer, request, err.status, &err);
}

void kh_portal_studies(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, list_studies);
}

void kh_portal_study(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, one_study);
}
