/* marks.h - marks on pictures, as they are kept: each with its versions. Nothing is overwritten and nothing goes: what was before stays
 * beside what is, a deleted mark is one that says so. Only who made a mark changes it. Threads: any. */
#ifndef KH_READING_MARKS_H
#define KH_READING_MARKS_H

#include "dicom/mark.h"
#include "dicom/syntax.h"
#include "reading/reading.h"

#define KH_MARK_ID_SIZE 37
#define KH_MARK_CHARACTERS_MAX 1024 /* of its text */
#define KH_MARK_LABEL_MAX 131070    /* twice the longest side of a frame */

typedef struct kh_stored_mark {
    char id[KH_MARK_ID_SIZE]; /* UUID version 4 (RFC 9562), small letters; "" none */
    char facility[65], study_uid[KH_UID_SIZE], sop_uid[KH_UID_SIZE];
    uint32_t frame; /* from 0 */
    kh_mark_kind kind;
    size_t point_count;
    kh_point *points;
    char *text, *measured; /* UTF-8; a JSON object. NULL: "" */
    bool has_label;        /* what is written beside it was put somewhere: */
    kh_point label;        /* from its first point, in pixels of the frame; up to KH_MARK_LABEL_MAX either way */
    int64_t version;   /* 1 and up; of one that is to be saved, the one that it replaces, 0: it is new */
    int64_t person_id; /* who made it; 0: made while accounts were off */
    char author[193], author_facility[193]; /* as they were called then */
    int64_t made_ms, at_ms; /* the first version, this one */
    int64_t deleted_ms;     /* 0: it stands */
} kh_stored_mark;
/* Points and texts, where they are its own: of what this room gives out. */
void kh_stored_mark_release(kh_stored_mark *mark);

/* KH_E_ARG with the member's name: an id that is none; text with more characters than that, or a control character. */
KH_MUST_USE kh_status kh_mark_check_id(const char *id, kh_error *err);
KH_MUST_USE kh_status kh_mark_check_text(const char *text, kh_error *err);

/* mark may be taken over: then it is left empty. */
typedef kh_status kh_stored_mark_visit(void *context, kh_stored_mark *mark);
/* Those that stand, the first made first. A read transaction is open meanwhile: the callback does no I/O. */
KH_MUST_USE kh_status kh_marks_of_study(kh_reading *reading, const char *facility, const char *study_uid, kh_stored_mark_visit *visit,
                                        void *context, kh_error *err);
/* Every version of one, the first first, deleted ones too. KH_E_NOT_FOUND when the study has no such mark. */
KH_MUST_USE kh_status kh_mark_versions(kh_reading *reading, const char *facility, const char *study_uid, const char *id,
                                       kh_stored_mark_visit *visit, void *context, kh_error *err);

/* Keeps it as the next version; points and text have been checked. *now is what is kept then, for the caller to release, whatever the
 * status; its id is "" where nothing is told. What is kept already, as this version or the next one, is KH_OK and changes nothing: a
 * request may come twice. A deleted mark stands again. KH_E_CONFLICT: another version is there (*now), or the id is that of a mark
 * elsewhere; KH_E_DENIED: it is somebody else's; KH_E_NOT_FOUND: version is not 0 and there is no such mark; KH_E_LIMIT: the study has
 * marks enough, the mark versions enough. */
KH_MUST_USE kh_status kh_mark_save(kh_reading *reading, const kh_stored_mark *mark, kh_stored_mark *now, kh_error *err);
/* The same of its end. KH_OK when it is deleted already. */
KH_MUST_USE kh_status kh_mark_delete(kh_reading *reading, const char *facility, const char *study_uid, const char *id, int64_t version,
                                     int64_t person_id, kh_stored_mark *now, kh_error *err);

#endif
