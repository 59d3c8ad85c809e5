/* image_slice.c - what one slice tells: place, spacing, windows, rescale, from the main data set or a functional group. */
#include <math.h>
#include <string.h>
#include "dicom/image_internal.h"
#include "dicom/text.h"

bool kh_slice_doubles(double *out, uint32_t count, const kh_item *item, kh_tag tag)
{
    double values[6];

    for (uint32_t i = 0; i < count; i++) {
        if (!kh_item_double(item, tag, i, &values[i]))
            return false;
    }
    memcpy(out, values, count * sizeof(values[0]));
    return true;
}

void kh_slice_read_position(kh_slice_info *slice, const kh_item *item)
{
    if (kh_slice_doubles(slice->position_mm, 3, item, KH_TAG_IMAGE_POSITION_PATIENT))
        slice->has_position = true;
}

/* Two unit vectors at a right angle (PS3.3 C.7.6.2.1.1), give or take what 16 characters and careless writers lose. */
static bool is_orientation(const double *v)
{
    double row = v[0] * v[0] + v[1] * v[1] + v[2] * v[2], column = v[3] * v[3] + v[4] * v[4] + v[5] * v[5];
    double dot = v[0] * v[3] + v[1] * v[4] + v[2] * v[5];

    return fabs(row - 1) < 0.02 && fabs(column - 1) < 0.02 && fabs(dot) < 0.02;
}

void kh_slice_read_orientation(kh_slice_info *slice, const kh_item *item)
{
    double cosines[6];

    if (!kh_slice_doubles(cosines, 6, item, KH_TAG_IMAGE_ORIENTATION_PATIENT) || !is_orientation(cosines))
        return;
    memcpy(slice->orientation, cosines, sizeof(cosines));
    slice->has_orientation = true;
}

static bool read_spacing(double out[2], const kh_item *item, kh_tag tag)
{
    return kh_slice_doubles(out, 2, item, tag) && out[0] > 0 && out[1] > 0;
}

/* PS3.3 10.7.1.3: Pixel Spacing of a projection is the detector's unless it differs from Imager Pixel Spacing or is
 * said to be calibrated. */
void kh_slice_read_measures(kh_slice_info *slice, const kh_item *item)
{
    double patient[2], detector[2], thickness;
    bool has_patient = read_spacing(patient, item, KH_TAG_PIXEL_SPACING);
    bool has_detector = read_spacing(detector, item, KH_TAG_IMAGER_PIXEL_SPACING) ||
                        read_spacing(detector, item, KH_TAG(0x0018, 0x2010));
    bool calibrated = kh_item_find(item, KH_TAG_PIXEL_SPACING_CALIBRATION_TYPE);
    const double *spacing = has_patient ? patient : detector;

    if (has_patient || has_detector) {
        slice->row_spacing_mm = spacing[0];
        slice->column_spacing_mm = spacing[1];
        slice->spacing_source = KH_SPACING_PATIENT;
        if (!has_patient || (has_detector && !calibrated && patient[0] == detector[0] && patient[1] == detector[1]))
            slice->spacing_source = KH_SPACING_DETECTOR;
    }
    if (kh_item_double(item, KH_TAG_SLICE_THICKNESS, 0, &thickness) && thickness > 0)
        slice->thickness_mm = thickness;
}

static bool is_window(kh_voi_function function, double width)
{
    return function == KH_VOI_LINEAR ? width >= 1 : width > 0; /* PS3.3 C.11.2.1.2, C.11.2.1.3 */
}

bool kh_item_tells_voi(const kh_item *item)
{
    const kh_element *luts = kh_item_find(item, KH_TAG_VOI_LUT_SEQUENCE);

    return kh_item_value_count(item, KH_TAG_WINDOW_CENTER) > 0 || (luts && luts->item_count > 0);
}

static kh_voi_function read_function(const kh_item *item)
{
    char function[17];

    if (!kh_item_string(item, KH_TAG_VOI_LUT_FUNCTION, 0, function, sizeof(function)))
        return KH_VOI_LINEAR;
    return strcmp(function, "LINEAR_EXACT") == 0 ? KH_VOI_LINEAR_EXACT
           : strcmp(function, "SIGMOID") == 0    ? KH_VOI_SIGMOID
                                                 : KH_VOI_LINEAR;
}

void kh_slice_read_windows(kh_slice_info *slice, const kh_item *item)
{
    uint32_t count = kh_item_value_count(item, KH_TAG_WINDOW_CENTER);

    if (!kh_item_tells_voi(item))
        return;
    slice->voi_function = read_function(item);
    slice->window_count = 0;
    memset(slice->windows, 0, sizeof slice->windows);
    for (uint32_t i = 0; i < count && slice->window_count < KH_WINDOWS_MAX; i++) {
        kh_window *window = &slice->windows[slice->window_count];
        if (!kh_item_double(item, KH_TAG_WINDOW_CENTER, i, &window->center) ||
            !kh_item_double(item, KH_TAG_WINDOW_WIDTH, i, &window->width) ||
            !is_window(slice->voi_function, window->width))
            continue;
        kh_item_text(item, KH_TAG_WINDOW_EXPLANATION, i, window->explanation, sizeof(window->explanation));
        slice->window_count++;
    }
    for (uint32_t i = slice->window_count; i < KH_WINDOWS_MAX; i++)
        slice->windows[i] = (kh_window){0};
}

void kh_slice_read_rescale(kh_slice_info *slice, const kh_item *item)
{
    double slope, intercept;

    if (kh_item_double(item, KH_TAG_RESCALE_SLOPE, 0, &slope) && slope != 0)
        slice->rescale_slope = slope;
    if (kh_item_double(item, KH_TAG_RESCALE_INTERCEPT, 0, &intercept))
        slice->rescale_intercept = intercept;
}
