/* ultrasound.h - regions of an ultrasound image and what a pixel means in each (PS3.3 C.8.5.5, US Region Calibration). One picture may hold
 * a section in centimetres, an M-mode trace in seconds and centimetres and a spectrum in cm/s beside each other. Threads: pure
 * functions. */
#ifndef KH_DICOM_ULTRASOUND_H
#define KH_DICOM_ULTRASOUND_H

#include "dicom/dataset.h"
#include "dicom/mark.h"

#define KH_US_REGIONS_MAX 64 /* of an image; where there are more, nothing is told of any */
#define KH_US_UNIT_CM 3
#define KH_US_UNIT_LAST 12 /* degrees */

/* One axis: physical value = value + (pixel - reference) * delta, pixel being the index of a column or row of the frame. */
typedef struct kh_us_axis {
    uint16_t unit; /* 0: none, and the rest means nothing; 1 to KH_US_UNIT_LAST (C.8.5.5.1.15) */
    double delta;  /* of one pixel to the right, or down; finite, not 0 */
    double reference, value; /* NAN when not told: then only differences are */
} kh_us_axis;

typedef struct kh_us_region {
    uint32_t x0, y0, x1, y1; /* its first and last column and row, from 0; x0 <= x1, y0 <= y1 */
    bool low_priority;       /* bit 0 of Region Flags: where it overlaps with one that is not, the pixels are the other's (C.8.5.5.1.3) */
    kh_us_axis x, y;
} kh_us_region;

typedef enum kh_us_place {
    KH_US_INSIDE,  /* one region has all of it */
    KH_US_OUTSIDE, /* none has any of it */
    KH_US_ACROSS,  /* in several that differ, or partly in one */
    KH_US_UNFIT    /* a region reaches beyond the frame: the picture was cut or made smaller after the regions were written */
} kh_us_place;

/* The regions of the image, *out malloc'ed, NULL when *count is 0: it tells none. KH_E_MEMORY. */
KH_MUST_USE kh_status kh_us_regions_read(kh_us_region **out, uint32_t *count, const kh_item *main, kh_error *err);
/* Where a mark lies; *out is the region when KH_US_INSIDE, else NULL. points have been checked (kh_mark_check()). A mark lies in a region
 * when all of it does and none of its line or box lies in one of higher priority. Of equal priority what tells no units counts for nothing,
 * and units that contradict each other tell none. A region may end one pixel behind the frame's last: so do those who write how many there
 * are. */
kh_us_place kh_us_find(const kh_us_region **out, const kh_us_region *regions, uint32_t count, uint32_t columns, uint32_t rows,
                       kh_mark_kind kind, const kh_point *points, size_t point_count);
/* Are both axes centimetres, so that lengths and areas have a meaning? */
bool kh_us_is_spatial(const kh_us_region *region);
/* "cm", "s", "Hz"; "" of 0. */
const char *kh_us_unit_text(uint16_t unit);

#endif
