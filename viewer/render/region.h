/* region.h - which pixels an outline holds, and how large it is. Points are in pixels of the stored frame, x to the right, y down, (0, 0)
 * the upper left corner of the upper left pixel (PS3.3 C.18.6.1.2 SCOORD). A pixel belongs to the outline when its centre does:
 *  - rectangle: the left and the upper side belong to it, the right and the lower one do not, so that neighbours share no pixel;
 *  - ellipse: its line belongs to it;
 *  - polygon, closed from the last point to the first: where the winding number is not 0, so that a line which laps over its own beginning
 * leaves    no hole; of its sides as of a rectangle's.
 * The area is that of the outline itself, by the same rule, not the sum of its pixels. Threads: pure functions. */
#ifndef KH_VIEWER_RENDER_REGION_H
#define KH_VIEWER_RENDER_REGION_H

#include "dicom/mark.h"

#define KH_REGION_CROSSINGS_MAX 1000 /* of a polygon with itself; each costs a look at all of its sides */

typedef enum kh_shape { KH_SHAPE_RECTANGLE, KH_SHAPE_ELLIPSE, KH_SHAPE_POLYGON } kh_shape;

/* Two opposite corners of the rectangle, or of the ellipse's box; 3 to KH_MARK_POINTS_MAX corners of a polygon. All finite. */
typedef struct kh_region {
    kh_shape shape;
    const kh_point *points; /* borrowed */
    size_t count;
} kh_region;

/* Pixels column .. column + count - 1 of a row, count > 0. A row may come in several pieces, never a pixel twice. */
typedef void kh_region_visit(void *context, uint32_t row, uint32_t column, uint32_t count);

/* Rows from above, pieces from the left. Only of the frame: what lies beyond it is left out. */
KH_MUST_USE kh_status kh_region_pixels(const kh_region *region, uint32_t columns, uint32_t rows, kh_region_visit *visit, void *context,
                                       kh_error *err);
/* In square pixels. KH_E_ARG when a polygon crosses itself more than KH_REGION_CROSSINGS_MAX times. */
KH_MUST_USE kh_status kh_region_area(double *out, const kh_region *region, kh_error *err);

#endif
