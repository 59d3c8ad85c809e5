/* made_internal.h - what the files that make objects share. */
#ifndef KH_DICOM_MADE_INTERNAL_H
#define KH_DICOM_MADE_INTERNAL_H

#include "dicom/made.h"
#include "dicom/writer.h"

#define KH_MADE_CHARSET "ISO_IR 192"

typedef struct kh_code {
    const char *value, *scheme, *meaning;
} kh_code;

/* Meta information and data set up to the description of the series; what else is of group 0008 is to follow, then the identity: patient,
 * study, series. */
KH_MUST_USE kh_status kh_made_begin(kh_writer **writer, kh_buf *out, const kh_made_head *head, const char *sop_class_uid, kh_error *err);
void kh_made_put_identity(kh_writer *writer, const kh_made_head *head);
/* Referenced Series Sequence (0008,1115) of what `wanted` names (NULL: all), each object once, below it in the sequence `objects`. */
void kh_made_put_series(kh_writer *writer, const kh_made_content *content, const bool *wanted, kh_tag objects);
/* Referenced SOP Sequence (0008,1199), or Referenced Image Sequence (0008,1140), of one image with its frame. */
void kh_made_put_image(kh_writer *writer, kh_tag sequence, const kh_made_reference *reference);
void kh_made_put_code(kh_writer *writer, kh_tag sequence, const kh_code *code);
/* A name in words as PN: without what delimits there. */
void kh_made_put_person(kh_writer *writer, kh_tag tag, const char *words);
void kh_made_put_floats(kh_writer *writer, kh_tag tag, const float *values, size_t count);
#define KH_MADE_GRAPHIC_MAX (2 * KH_MARK_POINTS_MAX + 2)
/* The mark as a line of x and y: a rectangle and a freehand outline are closed by their first point, an ellipse is the ends of its longer
 * axis, then of the other. How many numbers. Two lines are given one after the other. */
size_t kh_made_graphic(float out[KH_MADE_GRAPHIC_MAX], const kh_made_mark *mark, const char **type);

/* ---- content items of structured reports (PS3.3 C.17.3), made_sr.c ---- */
/* An item up to its concept name; what depends on the value type and kh_sr_end() follow. concept NULL: none. */
void kh_sr_begin(kh_writer *writer, const char *relationship, const char *value_type, const kh_code *concept);
void kh_sr_end(kh_writer *writer);
void kh_sr_code(kh_writer *writer, const char *relationship, const kh_code *concept, const kh_code *value);
void kh_sr_text(kh_writer *writer, const char *relationship, const kh_code *concept, const char *text);
void kh_sr_uid(kh_writer *writer, const char *relationship, const kh_code *concept, const char *uid);
void kh_sr_image(kh_writer *writer, const char *relationship, const kh_made_reference *reference);
/* Language and who observed: TID 1204, 1002. */
void kh_sr_observer(kh_writer *writer, const kh_made_head *head);
/* Document module: from Value Type to the template; the content sequence follows. */
void kh_sr_document(kh_writer *writer, const kh_made_head *head, const kh_made_content *content, const bool *wanted, const kh_code *title,
                    const char *template_id, bool is_report);

#endif
