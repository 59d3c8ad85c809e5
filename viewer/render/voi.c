#include "viewer/render/voi.h"

#include <math.h>

#include "viewer/render/modality.h"

bool kh_voi_usable(kh_voi_function function, double center, double width)
{
    if (!isfinite(center) || !isfinite(width))
        return false;
    return function == KH_VOI_LINEAR ? width >= 1.0 : width > 0.0;
}

kh_status kh_voi_init(kh_voi *out, kh_voi_function function, double center, double width, kh_error *err)
{
    bool linear = function == KH_VOI_LINEAR;

    if (!kh_voi_usable(function, center, width))
        return kh_error_set(err, KH_E_ARG, "window center %g width %g, expected finite numbers and a width %s", center, width,
                            linear ? ">= 1" : "> 0");
    *out = (kh_voi){.function = function, .center = center, .width = width};
    out->origin = linear ? center - 0.5 : center;
    out->span = linear ? width - 1.0 : width;
    return KH_OK;
}

void kh_voi_init_lookup(kh_voi *out, const kh_lookup *lookup)
{
    *out = (kh_voi){.function = KH_VOI_LINEAR, .lookup = lookup};
    kh_lookup_rise(lookup, &out->center, &out->width);
    out->origin = out->center - 0.5;
    out->span = out->width - 1.0;
}

double kh_voi_value(const kh_voi *voi, double modality_value)
{
    double x = modality_value;

    if (voi->lookup)
        return kh_lookup_value(voi->lookup, x) / (double)((1u << voi->lookup->bits) - 1);
    if (voi->function == KH_VOI_SIGMOID)
        return 1.0 / (1.0 + exp(-4.0 * (x - voi->origin) / voi->span));
    if (x <= voi->origin - voi->span / 2.0)
        return 0.0;
    if (x > voi->origin + voi->span / 2.0)
        return 1.0;
    return (x - voi->origin) / voi->span + 0.5; /* span > 0 here: with 0 one of the two comparisons held */
}

double kh_voi_output(const kh_lookup *output, double y)
{
    if (!output)
        return y;
    return output->values[(uint32_t)(y * (output->count - 1) + 0.5)] / (double)((1u << output->bits) - 1);
}

double kh_voi_position(const kh_voi *voi, double modality_value)
{
    if (voi->span == 0.0)
        return modality_value <= voi->origin ? -0.5 : 0.5;
    return (modality_value - voi->origin) / voi->span;
}

double kh_voi_at_position(const kh_voi *voi, double position)
{
    if (voi->function == KH_VOI_SIGMOID)
        return 1.0 / (1.0 + exp(-4.0 * position));
    return position <= -0.5 ? 0.0 : position > 0.5 ? 1.0 : position + 0.5;
}
