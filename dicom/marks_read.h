/* marks_read.h - what others have drawn on images, from their objects: key object selections, presentation states (graphics and texts in
 * pixels of the image) and structured reports (SCOORD, with the numbers beside it in words). Of input from outside: whatever is not
 * understood is left out. Threads: pure functions. */
#ifndef KH_DICOM_MARKS_READ_H
#define KH_DICOM_MARKS_READ_H

#include "dicom/dataset.h"
#include "dicom/mark.h"

#define KH_READ_TEXT_SIZE 512

typedef struct kh_read_mark {
    kh_mark_kind kind;
    char sop_uid[KH_UID_SIZE];
    uint32_t frame; /* from 0 */
    size_t point_count;
    kh_point points[KH_MARK_POINTS_MAX];
    char text[KH_READ_TEXT_SIZE]; /* UTF-8, cut where it is longer; no control characters */
} kh_read_mark;

/* Of the object as a whole. */
typedef struct kh_read_source {
    const char *form; /* "KO", "GSPS" or "SR" */
    char author[200], institution[200]; /* UTF-8; "" when not told */
    char date[9], time[17];
} kh_read_source;

/* Is it of a class that may hold any? */
bool kh_marks_are_read(const char *sop_class_uid);
/* mark is the reader's own, until the next call. A status other than KH_OK ends it and is returned. */
typedef kh_status kh_read_mark_visit(void *context, const kh_read_source *source, const kh_read_mark *mark);
/* In the order of the object. Places are not compared with the image. KH_E_MEMORY, and what visit returns. */
KH_MUST_USE kh_status kh_marks_read(const kh_dataset *dataset, kh_read_mark_visit *visit, void *context, kh_error *err);

#endif
