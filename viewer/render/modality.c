#include "viewer/render/modality.h"

#include <math.h>
#include <string.h>

/* Objects whose windows are meant for stored values although a rescale is there. IHE RAD TF, Basic Image Review 4.16.4.2.2.5.4,
 * names MR, PET and XA/XRF; docs/rendering.md tells why PET is not here and why Rescale Type decides. */
typedef enum rescale_rule {
    IGNORED_UNLESS_UNIT, /* a Rescale Type other than US is a unit that the picture is to be read in */
    IGNORED_UNLESS_TYPE, /* a Rescale Type at all makes it a Modality LUT Module, whose output is windowed */
    APPLIED
} rescale_rule;

static const struct {
    const char *modality;
    rescale_rule rule;
} rules[] = {
    {"XA", IGNORED_UNLESS_UNIT},
    {"RF", IGNORED_UNLESS_UNIT},
    {"MR", IGNORED_UNLESS_TYPE},
    {"PT", APPLIED},
};

bool kh_window_is_on_stored_values(const kh_image_info *info)
{
    rescale_rule rule = APPLIED;

    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (strcmp(rules[i].modality, info->modality) == 0)
            rule = rules[i].rule;
    if (rule == IGNORED_UNLESS_UNIT)
        return info->rescale_type[0] == '\0' || strcmp(info->rescale_type, "US") == 0;
    return rule == IGNORED_UNLESS_TYPE && info->rescale_type[0] == '\0';
}

/* A Modality LUT Sequence comes with its own type, so only the rule for XA and RF speaks of it. */
static bool lut_is_ignored(const kh_image_info *info)
{
    return (strcmp(info->modality, "XA") == 0 || strcmp(info->modality, "RF") == 0) && kh_window_is_on_stored_values(info);
}

kh_modality kh_modality_of(const kh_image_info *info, const kh_slice_info *slice, const kh_display *display)
{
    kh_modality modality = {.slope = 1.0, .intercept = 0.0};

    if (display && display->modality.count > 0) {
        modality.lookup = lut_is_ignored(info) ? NULL : &display->modality;
        return modality;
    }
    if (kh_window_is_on_stored_values(info))
        return modality;
    if (isfinite(slice->rescale_slope) && slice->rescale_slope != 0.0)
        modality.slope = slice->rescale_slope;
    if (isfinite(slice->rescale_intercept))
        modality.intercept = slice->rescale_intercept;
    return modality;
}

uint16_t kh_lookup_value(const kh_lookup *lookup, double input)
{
    double index = floor(input + 0.5) - lookup->first, last = lookup->count - 1.0;

    return lookup->values[index >= last ? lookup->count - 1 : index > 0 ? (uint32_t)index : 0];
}

double kh_modality_value(const kh_modality *modality, double stored)
{
    return modality->lookup ? kh_lookup_value(modality->lookup, stored) : stored * modality->slope + modality->intercept;
}
