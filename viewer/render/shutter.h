/* shutter.h - what a display shutter leaves to be seen (PS3.3 C.7.6.11). Threads: pure functions. */
#ifndef KH_VIEWER_RENDER_SHUTTER_H
#define KH_VIEWER_RENDER_SHUTTER_H

#include "dicom/display.h"

/* Height of a pixel over its width, 1 when it is not told. */
double kh_shutter_aspect(const kh_image_info *info);

/* One row of a picture. What a polygon of many corners costs is paid once a row, not once a pixel: a hostile one of 1,024 would take a
 * processor for minutes. */
typedef struct kh_shutter_row {
    const kh_shutter *shutter;
    double y, aspect;
    uint32_t crossing_count, passed;             /* of the polygon's edges with the row; those left of the last place */
    double crossings[KH_SHUTTER_VERTICES_MAX];   /* ascending */
} kh_shutter_row;
/* y: a row counted from 1, the first pixel's centre being 1. aspect: height of a pixel over its width; a radius is in pixels along a
 * row. */
void kh_shutter_row_begin(kh_shutter_row *row, const kh_shutter *shutter, double y, double aspect);
/* Is the place seen? x: a column counted from 1, not less than the one before. */
bool kh_shutter_row_shows(kh_shutter_row *row, double x);

#endif
