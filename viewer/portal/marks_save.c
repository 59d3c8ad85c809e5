/* POST /api/studies/{id}/marks/{mark}, .../delete: a mark is measured from the stored pixels, kept, and told to whoever has the study
 * open. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "access/facilities.h"
#include "access/people.h"
#include "reading/mark_json.h"
#include "viewer/portal/marks.h"
#include "viewer/portal/values.h"
#include "viewer/tiles/shown.h"

#define BODY_BYTES_MAX (64u * 1024)
#define MEASURED_BYTES_MAX 4096
#define ANSWER_BYTES_MAX (1u << 20)

kh_status kh_portal_check_marker(const kh_portal *portal, const kh_subject *subject, kh_error *err)
{
    const unsigned roles = 1u << KH_ROLE_DOCTOR | 1u << KH_ROLE_RADIOLOGIST | portal->options.reader_roles;

    if (!portal->options.rights)
        return KH_OK;
    if (!subject || subject->role == 0 || !(roles & 1u << subject->role) || !(subject->scopes & KH_SCOPE_STORE))
        return kh_error_set(err, KH_E_DENIED, "marks are made by those who read");
    return KH_OK;
}

kh_status kh_portal_name_author(kh_stored_mark *mark, const kh_portal *portal, const kh_subject *subject, kh_error *err)
{
    kh_facility facility;
    kh_person person;
    kh_status status;

    if (!subject)
        return KH_OK;
    mark->person_id = subject->person_id;
    snprintf(mark->author, sizeof mark->author, "%s", subject->name);
    snprintf(mark->author_facility, sizeof mark->author_facility, "%s", subject->facility);
    if (!portal->options.access)
        return KH_OK;
    status = kh_person_by_id(portal->options.access, subject->person_id, &person, err);
    if (status == KH_OK)
        status = kh_facility_by_id(portal->options.access, person.facility_id, &facility, err);
    if (status != KH_OK)
        return status;
    snprintf(mark->author, sizeof mark->author, "%s", person.name);
    snprintf(mark->author_facility, sizeof mark->author_facility, "%s", facility.name);
    return KH_OK;
}

/* --- measured --- */

static kh_status check_place(const kh_portal *portal, const kh_frame_place *place, const kh_stored_mark *mark, kh_error *err)
{
    const kh_stack *stack = NULL;
    const kh_stack_object *object = NULL;
    kh_status status = kh_shown_object_acquire(&stack, &object, portal->cache, place->series_id, place->object_id, place->frame, err);

    if (status != KH_OK)
        return status;
    status = kh_mark_check(mark->kind, mark->points, mark->point_count, object->info.format.columns, object->info.format.rows, err);
    kh_stack_release(portal->cache, stack);
    return status;
}

static kh_status measure(const kh_portal *portal, const kh_frame_place *place, kh_stored_mark *mark, kh_error *err)
{
    kh_measured measured;
    kh_json_writer json;
    kh_buf text;
    kh_status status;

    if (!kh_mark_is_measured(mark->kind))
        return check_place(portal, place, mark, err);
    status = kh_values_measure(&measured, portal->cache, portal->options.codec, place, mark->kind, mark->points, mark->point_count, err);
    if (status != KH_OK)
        return status;
    kh_buf_init(&text, MEASURED_BYTES_MAX);
    kh_json_writer_init(&json, &text);
    kh_json_object_begin(&json);
    kh_portal_put_measured(&json, &measured);
    kh_json_object_end(&json);
    status = kh_json_writer_status(&json, err);
    mark->measured = status == KH_OK ? strdup(kh_buf_text(&text)) : NULL;
    kh_buf_release(&text);
    return status == KH_OK && !mark->measured ? kh_error_set(err, KH_E_MEMORY, "no memory for a mark") : status;
}

/* --- the answer --- */

static void put_conflict(kh_json_writer *json, const kh_error *err)
{
    kh_json_put_text(json, "error", kh_status_text(err->status));
    kh_json_put_text(json, "message", err->message);
}

void kh_portal_answer_mark(kh_http_request *request, const kh_marked_study *marked, const kh_stored_mark *mark, int64_t series_id,
                           const kh_error *err)
{
    bool conflict = err->status == KH_E_CONFLICT;
    kh_error failed = KH_ERROR_INIT;
    kh_portal_answer answer;

    if (err->status != KH_OK && !conflict) {
        kh_http_answer_error(request, err);
        return;
    }
    kh_portal_answer_begin(&answer, ANSWER_BYTES_MAX);
    kh_json_object_begin(&answer.json);
    if (conflict) {
        answer.code = 409;
        put_conflict(&answer.json, err);
    }
    kh_json_key(&answer.json, "mark");
    if (mark->id[0])
        kh_portal_put_mark(&answer.json, marked, mark, series_id);
    else
        kh_json_null(&answer.json);
    kh_json_object_end(&answer.json);
    kh_portal_answer_end(&answer, request, KH_OK, &failed);
}

/* Of the study, that has been opened; its id is that of the address. */
static kh_status read_mark(kh_stored_mark *out, const kh_marked_study *marked, const kh_http_request *request, kh_error *err)
{
    const char *id = kh_http_segment(request, "mark"), *said;
    size_t size = 0;
    const void *bytes = kh_http_body(request, &size);
    kh_json *json = NULL;
    kh_status status = kh_mark_check_id(id, err);

    if (status == KH_OK)
        status = kh_json_parse_object(&json, bytes, size, BODY_BYTES_MAX, err);
    if (status == KH_OK && kh_json_member(json, "id") && (!(said = kh_json_get_text(json, "id")) || strcmp(said, id) != 0))
        status = kh_error_set(err, KH_E_ARG, "id, expected that of the address");
    if (status == KH_OK)
        status = kh_mark_from_json(out, json, err);
    kh_json_free(json);
    if (status != KH_OK)
        return status;
    memcpy(out->id, id, sizeof out->id);
    snprintf(out->facility, sizeof out->facility, "%s", marked->study->patient.facility);
    snprintf(out->study_uid, sizeof out->study_uid, "%s", marked->study->study_uid);
    return KH_OK;
}

/* Rights may have moved while it was measured. */
static kh_status keep(kh_portal *portal, kh_marked_study *marked, const kh_http_request *request, kh_stored_mark *mark, kh_stored_mark *now,
                      int64_t *series_id, kh_error *err)
{
    uint64_t epoch = kh_portal_epoch(portal);
    kh_frame_place place = {.frame = mark->frame};
    kh_status status = kh_portal_check_marker(portal, marked->subject, err);

    if (status == KH_OK)
        status = kh_marked_study_find(marked, mark->sop_uid, &place, err);
    if (status == KH_OK)
        status = measure(portal, &place, mark, err);
    if (status == KH_OK && !kh_portal_still(portal, request, place.series_id, epoch))
        status = kh_error_set(err, KH_E_NOT_FOUND, KH_PORTAL_ABSENT);
    if (status == KH_OK)
        status = kh_portal_name_author(mark, portal, marked->subject, err);
    if (status != KH_OK)
        return status;
    *series_id = place.series_id;
    status = kh_mark_save(portal->options.reading, mark, now, err);
    if (status == KH_OK)
        kh_portal_note_marked(portal, marked->study->id);
    return status;
}

static void save_mark(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    kh_error err = KH_ERROR_INIT;
    kh_stored_mark mark = {.id = ""}, now = {.id = ""};
    kh_marked_study marked;
    int64_t series_id = 0;

    if (kh_marked_study_open(&marked, portal, request, &err) == KH_OK && read_mark(&mark, &marked, request, &err) == KH_OK)
        err.status = keep(portal, &marked, request, &mark, &now, &series_id, &err);
    kh_portal_answer_mark(request, &marked, &now, series_id, &err);
    kh_stored_mark_release(&mark);
    kh_stored_mark_release(&now);
    kh_marked_study_close(&marked);
}

/* --- its end --- */

static kh_status read_version(int64_t *out, const kh_http_request *request, kh_error *err)
{
    size_t size = 0;
    const void *bytes = kh_http_body(request, &size);
    kh_json *json = NULL;
    kh_status status = kh_json_parse_object(&json, bytes, size, BODY_BYTES_MAX, err);

    *out = status == KH_OK ? kh_json_get_int(json, "version", -1) : -1;
    kh_json_free(json);
    if (status == KH_OK && *out < 1)
        return kh_error_set(err, KH_E_ARG, "version, expected that of the mark to be deleted");
    return status;
}

static kh_status end_mark(kh_portal *portal, kh_marked_study *marked, const kh_http_request *request, kh_stored_mark *now, kh_error *err)
{
    const char *id = kh_http_segment(request, "mark");
    int64_t version = 0, person_id = marked->subject ? marked->subject->person_id : 0;
    kh_status status = kh_portal_check_marker(portal, marked->subject, err);

    if (status == KH_OK)
        status = kh_mark_check_id(id, err);
    if (status == KH_OK)
        status = read_version(&version, request, err);
    if (status == KH_OK)
        status = kh_mark_delete(portal->options.reading, marked->study->patient.facility, marked->study->study_uid, id, version, person_id,
                                now, err);
    if (status == KH_OK)
        kh_portal_note_marked(portal, marked->study->id);
    return status;
}

static void delete_mark(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    kh_error err = KH_ERROR_INIT, absent = KH_ERROR_INIT;
    kh_stored_mark now = {.id = ""};
    kh_frame_place place = {0};
    kh_marked_study marked;

    if (kh_marked_study_open(&marked, portal, request, &err) == KH_OK)
        err.status = end_mark(portal, &marked, request, &now, &err);
    if (now.id[0] && kh_marked_study_find(&marked, now.sop_uid, &place, &absent) != KH_OK)
        place.series_id = 0; /* its object has gone meanwhile: that hinders nobody */
    kh_portal_answer_mark(request, &marked, &now, place.series_id, &err);
    kh_stored_mark_release(&now);
    kh_marked_study_close(&marked);
}

void kh_portal_save_mark(kh_http_request *request, void *context)
{
    kh_portal *portal = context;

    kh_http_later(request, portal->measurers, save_mark, portal);
}

void kh_portal_delete_mark(kh_http_request *request, void *context)
{
    kh_portal_later(context, request, delete_mark);
}
