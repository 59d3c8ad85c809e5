/* marks.h - what the files of the portal that answer for marks and settings share: docs/http-api.md. */
#ifndef KH_VIEWER_PORTAL_MARKS_H
#define KH_VIEWER_PORTAL_MARKS_H

#include "reading/marks.h"
#include "viewer/portal/internal.h"
#include "viewer/tiles/values.h"

/* A study as who asks may see it. */
typedef struct kh_marked_study {
    kh_portal *portal;
    const kh_subject *subject; /* NULL: accounts are off */
    kh_study *study;
    kh_reach *reach; /* NULL of NULL */
    int64_t series_id; /* the last that was decided on, and how */
    bool series_open;
} kh_marked_study;

/* KH_E_NOT_FOUND: no such study, or marks are not offered here. kh_marked_study_close() in any case. */
KH_MUST_USE kh_status kh_marked_study_open(kh_marked_study *out, kh_portal *portal, const kh_http_request *request, kh_error *err);
/* The same of a study by its id, also where marks are not offered. */
KH_MUST_USE kh_status kh_marked_study_begin(kh_marked_study *out, kh_portal *portal, const kh_http_request *request, int64_t study_id,
                                            kh_error *err);
void kh_marked_study_close(kh_marked_study *marked);
/* Where the object is, in a series that is open; KH_E_NOT_FOUND. */
KH_MUST_USE kh_status kh_marked_study_find(kh_marked_study *marked, const char *sop_uid, kh_frame_place *out, kh_error *err);
/* The mark as an object. */
void kh_portal_put_mark(kh_json_writer *json, const kh_marked_study *marked, const kh_stored_mark *mark, int64_t series_id);
/* The member "points". */
void kh_portal_put_points(kh_json_writer *json, const kh_point *points, size_t count);
/* 200 with {"mark": ...}, or the answer of a conflict with the mark that is kept (id "": null). */
void kh_portal_answer_mark(kh_http_request *request, const kh_marked_study *marked, const kh_stored_mark *mark, int64_t series_id,
                           const kh_error *err);

/* Objects of a study that are no images. */
#define KH_STUDY_OBJECTS_MAX 64
typedef struct kh_study_object {
    int64_t series_id, object_id;
} kh_study_object;
typedef struct kh_study_objects {
    kh_study_object all[KH_STUDY_OBJECTS_MAX];
    size_t count;
} kh_study_objects;
/* Is an object of this SOP Class meant? */
typedef bool kh_is_wanted(const char *sop_class_uid);
/* Those that are meant, are here and in a series that is open to who asks; the first KH_STUDY_OBJECTS_MAX. */
KH_MUST_USE kh_status kh_marked_study_objects(kh_study_objects *out, kh_marked_study *marked, kh_is_wanted *wanted, kh_error *err);
/* The member "at": DA and TM (PS3.5 6.2) as ISO time, in the local time of who wrote them; null without a date. */
void kh_portal_put_written(kh_json_writer *json, const char *date, const char *time);

/* What objects of the study say that others have drawn: key objects, presentation states, reports (dicom/marks_read.h), into an open array.
 * What cannot be read is left out; at most KH_STUDY_OBJECTS_MAX objects and KH_OTHERS_MARKS marks. */
#define KH_OTHERS_MARKS 2000
KH_MUST_USE kh_status kh_portal_put_others(kh_json_writer *json, kh_marked_study *marked, kh_error *err);
/* Is the series open to who asks? */
KH_MUST_USE kh_status kh_marked_study_decide(kh_marked_study *marked, int64_t series_id, bool *open, kh_error *err);

/* Readers mark [AZ-9]: doctors, radiologists, and whom [access] readers names; KH_E_DENIED. */
KH_MUST_USE kh_status kh_portal_check_marker(const kh_portal *portal, const kh_subject *subject, kh_error *err);
/* Who it is, as the mark will say also when the person has left. subject NULL: nobody. */
KH_MUST_USE kh_status kh_portal_name_author(kh_stored_mark *mark, const kh_portal *portal, const kh_subject *subject, kh_error *err);

/* Context is the portal. */
kh_http_handler kh_portal_marks, kh_portal_mark_versions, kh_portal_save_mark, kh_portal_delete_mark, kh_portal_export_marks,
    kh_portal_settings, kh_portal_set_settings;

#endif
