/* thumb.h - small pictures of whole frames, for lists of series: what of a frame they need. Levels of the pyramid are always made of
 * the whole frame, so that they agree with each other; these need not be. Pure functions. */
#ifndef KH_VIEWER_TILES_THUMB_H
#define KH_VIEWER_TILES_THUMB_H

#include "viewer/render/render.h"

/* The sides of a picture of a frame whose longer side has at most size_px pixels (1 or more): never larger than the frame. */
void kh_thumb_size(uint32_t *width, uint32_t *height, uint32_t rows, uint32_t columns, uint32_t size_px);
/* How often the sides of the frame may be halved while it is decoded, so that the picture is still made by area average of at least
 * as many pixels. 0 where averages of what is stored would not be the picture's: padding, palettes, overlays and shutters. */
unsigned kh_thumb_halvings(const kh_image_info *info, uint32_t size_px);

#endif
