/* modality.h - stored values to modality values: the rescale of the Modality LUT Module (PS3.3 C.11.1).
 * Threads: pure functions. Errors: none; a slope that cannot be used counts as 1. */
#ifndef KH_VIEWER_RENDER_MODALITY_H
#define KH_VIEWER_RENDER_MODALITY_H

#include "dicom/image.h"

typedef struct kh_modality {
    double slope, intercept; /* modality value = stored value * slope + intercept; slope is finite and not 0 */
} kh_modality;

/* The transform that stands before the window. The kinds of object whose windows are meant for stored values although a
 * rescale is present (PS3.3 C.11.1.1.2 leaves them to their IODs) are told apart here and nowhere else. */
kh_modality kh_modality_of(const kh_image_info *info, const kh_slice_info *slice);

#endif
