/* GET /api/studies/{id}/marks, and the versions of one. A mark is shown where its object is, by UIDs: it is not, while the object is not
 * here or its series is not open to who asks. */
#include "viewer/portal/marks.h"

#include <stdlib.h>
#include <string.h>
#include "cache/whereabouts.h"

#define ANSWER_BYTES_MAX (128u << 20)

/* --- the study --- */

kh_status kh_marked_study_open(kh_marked_study *out, kh_portal *portal, const kh_http_request *request, kh_error *err)
{
    int64_t study_id = 0;
    kh_status status;

    *out = (kh_marked_study){.portal = portal};
    if (!portal->options.reading)
        return kh_error_set(err, KH_E_NOT_FOUND, "there is nothing at this address");
    status = kh_http_segment_int(request, "id", 1, INT64_MAX, &study_id, err);
    return status == KH_OK ? kh_marked_study_begin(out, portal, request, study_id, err) : status;
}

kh_status kh_marked_study_begin(kh_marked_study *out, kh_portal *portal, const kh_http_request *request, int64_t study_id, kh_error *err)
{
    kh_status status = KH_OK;

    *out = (kh_marked_study){.portal = portal, .subject = kh_guard_subject(request)};
    if (!(out->study = malloc(sizeof *out->study)))
        status = kh_error_set(err, KH_E_MEMORY, "no memory for a study");
    if (status == KH_OK)
        status = kh_browse_study(portal->cache, study_id, out->study, err);
    if (status == KH_OK)
        status = kh_portal_reach(portal, request, KH_VERB_VIEW, KH_REACH_NAMED, &out->reach, err);
    return status;
}

void kh_marked_study_close(kh_marked_study *marked)
{
    kh_reach_close(marked->reach);
    free(marked->study);
}

static kh_status decide_series(kh_marked_study *marked, int64_t series_id, kh_error *err)
{
    const kh_scope *scope = kh_reach_scope(marked->reach);
    kh_series series;
    kh_status status = KH_OK;

    if (series_id == marked->series_id)
        return KH_OK;
    marked->series_open = !scope;
    if (scope)
        status = kh_browse_series(marked->portal->cache, series_id, &series, err);
    if (status == KH_OK && scope)
        status = kh_scope_series(scope, marked->study, &series, &marked->series_open, err);
    marked->series_id = status == KH_OK ? series_id : 0;
    return status;
}

kh_status kh_marked_study_decide(kh_marked_study *marked, int64_t series_id, bool *open, kh_error *err)
{
    kh_status status = decide_series(marked, series_id, err);

    *open = status == KH_OK && marked->series_open;
    return status;
}

kh_status kh_marked_study_find(kh_marked_study *marked, const char *sop_uid, kh_frame_place *out, kh_error *err)
{
    kh_whereabouts at;
    kh_status status = kh_object_whereabouts(marked->portal->cache, marked->study->id, sop_uid, &at, err);

    if (status == KH_OK)
        status = decide_series(marked, at.series_id, err);
    if (status == KH_OK && !marked->series_open)
        status = kh_error_set(err, KH_E_NOT_FOUND, "the study has no such object");
    out->series_id = at.series_id;
    out->object_id = at.object_id;
    return status;
}

/* --- a mark --- */

static void put_author(kh_json_writer *json, const kh_marked_study *marked, const kh_stored_mark *mark)
{
    kh_json_key(json, "author");
    kh_json_object_begin(json);
    kh_json_put_text(json, "name", mark->author);
    kh_json_put_text(json, "facility", mark->author_facility);
    kh_json_put_bool(json, "mine", mark->person_id == (marked->subject ? marked->subject->person_id : 0));
    kh_json_object_end(json);
}

void kh_portal_put_points(kh_json_writer *json, const kh_point *points, size_t count)
{
    kh_json_key(json, "points");
    kh_json_array_begin(json);
    for (size_t i = 0; i < count; i++) {
        kh_json_array_begin(json);
        kh_json_double(json, points[i].x);
        kh_json_double(json, points[i].y);
        kh_json_array_end(json);
    }
    kh_json_array_end(json);
}

static void put_label(kh_json_writer *json, const kh_stored_mark *mark)
{
    kh_json_key(json, "label");
    if (!mark->has_label) {
        kh_json_null(json);
        return;
    }
    kh_json_array_begin(json);
    kh_json_double(json, mark->label.x);
    kh_json_double(json, mark->label.y);
    kh_json_array_end(json);
}

void kh_portal_put_mark(kh_json_writer *json, const kh_marked_study *marked, const kh_stored_mark *mark, int64_t series_id)
{
    kh_json_object_begin(json);
    kh_json_put_text(json, "id", mark->id);
    kh_json_put_text(json, "kind", kh_mark_text(mark->kind));
    kh_portal_put_int_or_null(json, "series", series_id, 0);
    kh_json_put_text(json, "sop_uid", mark->sop_uid);
    kh_json_put_int(json, "frame", mark->frame);
    kh_portal_put_points(json, mark->points, mark->point_count);
    kh_json_put_text(json, "text", mark->text ? mark->text : "");
    put_label(json, mark);
    kh_json_key(json, "measured");
    kh_json_raw(json, mark->measured && mark->measured[0] ? mark->measured : "{}");
    kh_json_put_int(json, "version", mark->version);
    put_author(json, marked, mark);
    kh_portal_put_when(json, "at", mark->at_ms);
    kh_json_put_bool(json, "deleted", mark->deleted_ms != 0);
    kh_json_put_bool(json, "editable", mark->person_id == (marked->subject ? marked->subject->person_id : 0));
    kh_json_object_end(json);
}

/* --- lists --- */

typedef struct mark_rows {
    kh_stored_mark *marks;
    size_t count, max;
} mark_rows;

static kh_status keep_mark(void *context, kh_stored_mark *mark)
{
    mark_rows *rows = context;

    if (rows->count == rows->max) {
        size_t max = rows->max ? 2 * rows->max : 32;
        kh_stored_mark *more = realloc(rows->marks, max * sizeof *more);

        if (!more)
            return KH_E_MEMORY;
        rows->marks = more;
        rows->max = max;
    }
    rows->marks[rows->count++] = *mark;
    *mark = (kh_stored_mark){.id = ""};
    return KH_OK;
}

static void free_rows(mark_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        kh_stored_mark_release(&rows->marks[i]);
    free(rows->marks);
}

/* Of an object that is not here, or not open, nothing is said. */
static kh_status put_rows(kh_json_writer *json, kh_marked_study *marked, const mark_rows *rows, bool versions, kh_error *err)
{
    kh_status status = KH_OK;

    kh_json_object_begin(json);
    kh_json_key(json, versions ? "versions" : "marks");
    kh_json_array_begin(json);
    for (size_t i = 0; status == KH_OK && i < rows->count; i++) {
        kh_error absent = KH_ERROR_INIT;
        kh_frame_place place;

        status = kh_marked_study_find(marked, rows->marks[i].sop_uid, &place, &absent);
        if (status == KH_OK)
            kh_portal_put_mark(json, marked, &rows->marks[i], place.series_id);
        else if (status == KH_E_NOT_FOUND)
            status = KH_OK;
        else
            kh_error_set(err, status, "%s", absent.message);
    }
    if (status == KH_OK && !versions)
        status = kh_portal_put_others(json, marked, err);
    kh_json_array_end(json);
    kh_json_object_end(json);
    return status;
}

static void answer_rows(kh_http_request *request, kh_marked_study *marked, const mark_rows *rows, bool versions, kh_error *err)
{
    kh_portal_answer answer;
    kh_status status;

    if (err->status != KH_OK) {
        kh_http_answer_error(request, err);
        return;
    }
    kh_portal_answer_begin(&answer, ANSWER_BYTES_MAX);
    status = put_rows(&answer.json, marked, rows, versions, err);
    kh_portal_answer_end(&answer, request, status, err);
}

static void list_marks(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    kh_error err = KH_ERROR_INIT;
    kh_marked_study marked;
    mark_rows rows = {.marks = NULL};

    if (kh_marked_study_open(&marked, portal, request, &err) == KH_OK)
        err.status =
            kh_marks_of_study(portal->options.reading, marked.study->patient.facility, marked.study->study_uid, keep_mark, &rows, &err);
    answer_rows(request, &marked, &rows, false, &err);
    free_rows(&rows);
    kh_marked_study_close(&marked);
}

static void list_versions(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    kh_error err = KH_ERROR_INIT;
    kh_marked_study marked;
    mark_rows rows = {.marks = NULL};

    if (kh_marked_study_open(&marked, portal, request, &err) == KH_OK && kh_mark_check_id(kh_http_segment(request, "mark"), &err) == KH_OK)
        err.status = kh_mark_versions(portal->options.reading, marked.study->patient.facility, marked.study->study_uid,
                                      kh_http_segment(request, "mark"), keep_mark, &rows, &err);
    answer_rows(request, &marked, &rows, true, &err);
    free_rows(&rows);
    kh_marked_study_close(&marked);
}

void kh_portal_marks(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, list_marks);
}

void kh_portal_mark_versions(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, list_versions);
}
