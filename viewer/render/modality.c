#include "viewer/render/modality.h"

#include <math.h>

kh_modality kh_modality_of(const kh_image_info *info, const kh_slice_info *slice)
{
    kh_modality modality = {1.0, 0.0};

    (void)info;
    if (isfinite(slice->rescale_slope) && slice->rescale_slope != 0.0)
        modality.slope = slice->rescale_slope;
    if (isfinite(slice->rescale_intercept))
        modality.intercept = slice->rescale_intercept;
    return modality;
}
