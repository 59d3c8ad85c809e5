/* made.h - objects that are made here of what readers leave on pictures: key object selections (PS3.3 A.35.4, PS3.16 TID 2010),
 * presentation states (A.33.1, of colour A.33.2) and measurement reports (A.35.3, TID 1500). Explicit VR little endian, UTF-8. Threads:
 * pure functions. Errors: KH_E_ARG where there is nothing to say, what kh_writer_finish() says. Texts are UTF-8; NULL is not welcome, ""
 * is. */
#ifndef KH_DICOM_MADE_H
#define KH_DICOM_MADE_H

#include "base/buf.h"
#include "dicom/image.h"
#include "dicom/mark.h"
#include "dicom/syntax.h"
#include "dicom/text.h"

#define KH_SOP_KEY_OBJECTS "1.2.840.10008.5.1.4.1.1.88.59"
#define KH_SOP_COMPREHENSIVE_SR "1.2.840.10008.5.1.4.1.1.88.33"
#define KH_SOP_GRAYSCALE_PRESENTATION "1.2.840.10008.5.1.4.1.1.11.1"
#define KH_SOP_COLOR_PRESENTATION "1.2.840.10008.5.1.4.1.1.11.2"

/* Whose it is and what it is called. */
typedef struct kh_made_head {
    const kh_person_name *patient_name;
    const char *patient_id, *birth_date, *sex;
    const char *study_uid, *study_date, *study_time, *study_id, *accession, *referring_physician, *study_description;
    const char *series_uid, *instance_uid; /* new ones */
    const char *date, *time;               /* DA and TM: now */
    const char *author, *institution;      /* who made it, in words */
    const char *version;                   /* of the program */
    int series_number;
} kh_made_head;

/* An image that is referred to. */
typedef struct kh_made_reference {
    char series_uid[KH_UID_SIZE], sop_class_uid[KH_UID_SIZE], sop_uid[KH_UID_SIZE];
    char modality[17];
    uint32_t rows, columns;
    uint32_t frame; /* from 1; 0: it has one frame only */
    double row_spacing_mm, column_spacing_mm; /* 0: not told */
    double window_center, window_width;       /* width 0: none */
    double slope, intercept;
    char rescale_type[17];
    bool inverse;
    bool color;                /* it has no window, no rescale and is never inverse */
    kh_voi_function function;  /* of the window */
    /* How a reader has it on the screen: whole and upright unless told. */
    bool shown;                /* it belongs into a presentation state though nothing is drawn on it */
    bool has_area;
    int32_t area[4];           /* first column, first row, last column, last row that are seen, from 1 */
    unsigned quarter_turns;    /* clockwise, 0 to 3 */
    bool flipped;              /* left and right exchanged, before turning */
} kh_made_reference;

/* A mark with what was measured of it; NAN where that does not apply. */
typedef struct kh_made_mark {
    kh_mark_kind kind;
    const char *id; /* UUID */
    const char *text;
    const kh_point *points;
    size_t point_count;
    size_t reference; /* index into the references */
    double length_mm, length_px, short_mm, short_px, degrees, area_mm2;
    double mean, sd, min, max;
    char unit[17];
} kh_made_mark;

typedef struct kh_made_content {
    const kh_made_reference *references;
    size_t reference_count;
    const kh_made_mark *marks;
    size_t mark_count;
} kh_made_content;

/* Each appends a Part 10 file. Key objects: the frames of KH_MARK_KEY, their texts as description. */
KH_MUST_USE kh_status kh_made_key_objects(kh_buf *out, const kh_made_head *head, const kh_made_content *content, kh_error *err);
/* What is measured, a measurement group each. */
KH_MUST_USE kh_status kh_made_report(kh_buf *out, const kh_made_head *head, const kh_made_content *content, kh_error *err);
/* The marks as graphics on the images of one series, all of one rescale, inversion, turn and flip, all grey (A.33.1) or all of colour
 * (A.33.2). */
KH_MUST_USE kh_status kh_made_presentation(kh_buf *out, const kh_made_head *head, const kh_made_content *content, kh_error *err);

/* A new UID, and that of a UUID (PS3.5 B.2): "2.25." and its number. KH_E_IO, KH_E_ARG. */
KH_MUST_USE kh_status kh_uid_make(char out[KH_UID_SIZE], kh_error *err);
KH_MUST_USE kh_status kh_uid_of_uuid(char out[KH_UID_SIZE], const char *uuid, kh_error *err);

#endif
