/* measure.h - what is measured on a frame: lengths, angles and areas, and the values of the pixels in a region, which are the stored ones
 * behind rescale or Modality LUT of the frame, never those of a picture. Which values those are is modality.h's to say, as for windows:
 * where windows act on stored values, so do these. Padding (window.h) and what is no number are left out and counted.
 * Where the image has ultrasound regions (dicom/ultrasound.h) the one that a mark lies in says what a pixel is.
 * Points as in region.h. Threads: pure functions. */
#ifndef KH_VIEWER_RENDER_MEASURE_H
#define KH_VIEWER_RENDER_MEASURE_H

#include "dicom/mark.h"
#include "viewer/render/region.h"
#include "viewer/render/render.h"

/* What does not apply is NAN. */
typedef struct kh_measured {
    kh_mark_kind kind;
    uint64_t count, padding;  /* of the region's pixels: those whose values count, those left out */
    double mean, sd, min, max; /* sd: of the population, divided by count */
    bool stored_values;       /* they are stored values: the frame has no transform, or it is not for them (modality.h) */
    char unit[17];            /* Rescale Type of the values; "" when not told, or "US", unspecified */
    double value;             /* of the probe: behind the transform */
    double stored;            /* as it is stored */
    int32_t rgb[3];           /* of the probe on a colour picture, 0 to 255; -1 */
    double length_px, length_mm, short_px, short_mm; /* short: the second line of a bidirectional */
    double degrees;           /* 0 to 180 */
    double area_px, area_mm2;
    kh_spacing_source spacing_source;
    double row_spacing_mm, column_spacing_mm;
    /* Of KH_SPACING_ULTRASOUND_OTHER: of a length how much it goes along x and along y, of a probe where it is, in the region's units; NAN
     * and "" where an axis tells none */
    double axis_x, axis_y;
    const char *axis_x_unit, *axis_y_unit; /* static */
} kh_measured;

/* source as for rendering. KH_E_ARG from kh_mark_check() and kh_region_area(), and what kh_render_pixels() says of sources. Of a Cobb angle
 * that of the lines' normals, each on the side of the other line, so that it may be over 90 degrees; where a line runs within 25 degrees of
 * the connection of the two that says nothing, and the acute angle is told. Angles are those in the patient: of pixels that are not square,
 * too. */
KH_MUST_USE kh_status kh_measure(kh_measured *out, const kh_render_source *source, kh_mark_kind kind, const kh_point *points, size_t count,
                                 kh_error *err);

#endif
