/* voi.h - VOI windowing of modality values (PS3.3 C.11.2.1.2 and C.11.2.1.3), in doubles, and VOI LUTs (C.11.2.1.1).
 * Rounding of the whole renderer: a grey value is floor(255 * y + 0.5), halves up, inverted after that.
 * Threads: pure functions. Errors: none after kh_voi_init(). */
#ifndef KH_VIEWER_RENDER_VOI_H
#define KH_VIEWER_RENDER_VOI_H

#include "dicom/display.h"

typedef struct kh_voi {
    kh_voi_function function;
    double center, width; /* as given: modality units */
    double origin, span;  /* those of the formula: center - 0.5 and width - 1 for LINEAR, else center and width */
    const kh_lookup *lookup; /* not NULL: the table is used and the above says over which values it rises; borrowed */
} kh_voi;

/* Can the window be used with the function? width >= 1 for LINEAR, > 0 for the others, both finite. */
bool kh_voi_usable(kh_voi_function function, double center, double width);
/* KH_E_ARG when it cannot. */
KH_MUST_USE kh_status kh_voi_init(kh_voi *out, kh_voi_function function, double center, double width, kh_error *err);
/* A VOI LUT: the window is LINEAR over the inputs between the table's first run of equal entries and its last one. */
void kh_voi_init_lookup(kh_voi *out, const kh_lookup *lookup);
/* y of the clause for ymin 0 and ymax 1. */
double kh_voi_value(const kh_voi *voi, double modality_value);
/* What a Presentation LUT makes of it (PS3.3 C.11.4): the whole table stands for 0 to 1. NULL: nothing. */
double kh_voi_output(const kh_lookup *output, double y);
/* The same in two steps, not for tables, for values that are interpolated in between: the position in the window (-0.5 and 0.5 are its
 * ends, and position is linear in the value unless the window is a threshold), then y of a position. */
double kh_voi_position(const kh_voi *voi, double modality_value);
double kh_voi_at_position(const kh_voi *voi, double position);
/* 0..1 to 0..255 by the rounding rule above. */
static inline uint8_t kh_voi_gray(double y)
{
    return (uint8_t)(y * 255.0 + 0.5);
}

#endif
