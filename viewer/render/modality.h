/* modality.h - stored values to the values that windows are for: rescale or table of the Modality LUT Module (PS3.3 C.11.1).
 * Threads: pure functions. Errors: none; a slope that cannot be used counts as 1. */
#ifndef KH_VIEWER_RENDER_MODALITY_H
#define KH_VIEWER_RENDER_MODALITY_H

#include "dicom/display.h"

typedef struct kh_modality {
    double slope, intercept; /* modality value = stored value * slope + intercept; slope is finite and not 0 */
    const kh_lookup *lookup; /* instead of these, when not NULL; borrowed from the display */
} kh_modality;

/* The transform that stands before the window. display may be NULL. */
kh_modality kh_modality_of(const kh_image_info *info, const kh_slice_info *slice, const kh_display *display);
/* The kinds of object whose windows are for stored values although a rescale is present are told apart here and nowhere else. Their
 * windows, those in the file and those a reader gives, are in stored values; others are in modality values. */
bool kh_window_is_on_stored_values(const kh_image_info *info);
/* The entry of an input that is rounded to the nearest whole number, halves up, and held in the range of the table. */
uint16_t kh_lookup_value(const kh_lookup *lookup, double input);
double kh_modality_value(const kh_modality *modality, double stored);

#endif
