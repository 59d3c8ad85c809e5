/* shutter.h - what a display shutter leaves to be seen (PS3.3 C.7.6.11). Threads: pure functions. */
#ifndef KH_VIEWER_RENDER_SHUTTER_H
#define KH_VIEWER_RENDER_SHUTTER_H

#include "dicom/display.h"

/* Height of a pixel over its width, 1 when it is not told. */
double kh_shutter_aspect(const kh_image_info *info);
/* Is the place seen? x and y: columns and rows counted from 1, the first pixel's centre being 1. aspect: height of a pixel over its
 * width; a radius is in pixels along a row. */
bool kh_shutter_shows(const kh_shutter *shutter, double x, double y, double aspect);

#endif
