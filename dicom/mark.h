/* mark.h - what is drawn on a frame: its kinds, and which points each has. Points are in pixels of the stored frame, x to the right, y
 * down, (0, 0) the upper left corner of the upper left pixel (PS3.3 C.18.6, SCOORD). Threads: pure functions. */
#ifndef KH_DICOM_MARK_H
#define KH_DICOM_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

typedef struct kh_point {
    double x, y;
} kh_point;

/* Stored and told by their words, kh_mark_text(). */
typedef enum kh_mark_kind {
    KH_MARK_LENGTH,        /* 2 points */
    KH_MARK_BIDIRECTIONAL, /* 4: the long axis, then the short one */
    KH_MARK_ANGLE,         /* 3, the vertex second */
    KH_MARK_COBB,          /* 4: one line, the other line */
    KH_MARK_RECTANGLE,     /* 2 opposite corners */
    KH_MARK_ELLIPSE,       /* 2 opposite corners of its box */
    KH_MARK_FREEHAND,      /* 3 to KH_MARK_POINTS_MAX, closed */
    KH_MARK_PROBE,         /* 1: the pixel that it lies in */
    KH_MARK_ARROW,         /* 2, the tip first; nothing is measured of it and the next two */
    KH_MARK_TEXT,          /* 1 */
    KH_MARK_KEY            /* 0: the frame is a key image */
} kh_mark_kind;
#define KH_MARK_KIND_LAST KH_MARK_KEY
#define KH_MARK_POINTS_MAX 1000

/* "length"; KH_E_ARG with the words there are. */
const char *kh_mark_text(kh_mark_kind kind);
KH_MUST_USE kh_status kh_mark_kind_of(kh_mark_kind *out, const char *text, kh_error *err);
bool kh_mark_is_measured(kh_mark_kind kind);
/* As many points as the kind has, each a number within the frame, its edges included; else KH_E_ARG, which says which of the points. */
KH_MUST_USE kh_status kh_mark_check(kh_mark_kind kind, const kh_point *points, size_t count, uint32_t columns, uint32_t rows,
                                    kh_error *err);

#endif
