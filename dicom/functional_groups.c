/* functional_groups.c - geometry, window and rescale per frame of multi-frame objects. */
#include <stdlib.h>
#include <string.h>
#include "dicom/image_internal.h"

#define SLICES_MAX 100000 /* beyond, as in whole slides, one slice info stands for all frames */

static void read_item(void (*read)(kh_slice_info *, const kh_item *), kh_slice_info *slice, const kh_item *group,
                      kh_tag tag)
{
    const kh_item *item = kh_item_first(group, tag);

    if (item)
        read(slice, item);
}

/* Frame Type sequences of MR, CT, PET, XA/XRF and X-ray 3D, MR spectroscopy left out. */
static const kh_tag frame_types[] = {KH_TAG(0x0018, 0x9226), KH_TAG(0x0018, 0x9329), KH_TAG(0x0018, 0x9751), KH_TAG(0x0018, 0x9412),
                                     KH_TAG(0x0018, 0x9504)};

static void read_presentation(kh_slice_info *slice, const kh_item *item)
{
    char presentation[17];

    if (kh_item_string(item, KH_TAG(0x0008, 0x9205), 0, presentation, sizeof presentation))
        slice->monochrome = strcmp(presentation, "MONOCHROME") == 0;
}

/* One item of the shared or the per-frame sequence (PS3.3 C.7.6.16.2). */
static void read_group(kh_slice_info *slice, const kh_item *group)
{
    read_item(kh_slice_read_position, slice, group, KH_TAG_PLANE_POSITION_SEQUENCE);
    read_item(kh_slice_read_orientation, slice, group, KH_TAG_PLANE_ORIENTATION_SEQUENCE);
    read_item(kh_slice_read_measures, slice, group, KH_TAG_PIXEL_MEASURES_SEQUENCE);
    read_item(kh_slice_read_windows, slice, group, KH_TAG_FRAME_VOI_LUT_SEQUENCE);
    read_item(kh_slice_read_rescale, slice, group, KH_TAG_PIXEL_VALUE_TRANSFORMATION_SEQUENCE);
    for (size_t i = 0; i < sizeof frame_types / sizeof frame_types[0]; i++)
        read_item(read_presentation, slice, group, frame_types[i]);
}

static kh_status create_slices(kh_image_info *info, uint32_t count, const kh_slice_info *base, kh_error *err)
{
    info->slices = calloc(count, sizeof(info->slices[0]));
    if (!info->slices)
        return kh_error_set(err, KH_E_MEMORY, "no memory for %u slices", (unsigned)count);
    info->slice_count = count;
    for (uint32_t i = 0; i < count; i++)
        info->slices[i] = *base;
    return KH_OK;
}

static double first_number(const kh_item *group, kh_tag sequence, kh_tag tag, double fallback)
{
    const kh_item *item = group ? kh_item_first(group, sequence) : NULL;
    double value;

    return item && kh_item_double(item, tag, 0, &value) && value > 0 ? value : fallback;
}

/* What holds for the object as a whole is told by the shared group, or by the first frame's. */
static void read_object(kh_image_info *info, const kh_item *shared, const kh_item *first)
{
    const kh_item *groups[] = {first, shared};

    for (size_t i = 0; i < 2; i++) {
        const kh_item *transformation =
            groups[i] ? kh_item_first(groups[i], KH_TAG_PIXEL_VALUE_TRANSFORMATION_SEQUENCE) : NULL;
        const kh_item *anatomy = groups[i] ? kh_item_first(groups[i], KH_TAG(0x0020, 0x9071)) : NULL;
        if (transformation && !info->rescale_type[0])
            (void)kh_item_string(transformation, KH_TAG_RESCALE_TYPE, 0, info->rescale_type,
                                 sizeof(info->rescale_type));
        if (anatomy && !info->laterality[0])
            (void)kh_item_string(anatomy, KH_TAG(0x0020, 0x9072), 0, info->laterality, sizeof(info->laterality));
        info->echo_time_ms =
            first_number(groups[i], KH_TAG(0x0018, 0x9114), KH_TAG(0x0018, 0x9082), info->echo_time_ms);
        info->repetition_time_ms =
            first_number(groups[i], KH_TAG(0x0018, 0x9112), KH_TAG_REPETITION_TIME, info->repetition_time_ms);
    }
}

/* Left as it is when the group does not tell. */
static void orientation_of(char *out, size_t out_size, const kh_item *group)
{
    const kh_item *item = kh_item_first(group, KH_TAG(0x0020, 0x9450));

    if (item)
        kh_image_read_values(out, out_size, item, KH_TAG(0x0020, 0x0020));
}

/* Where rows and columns of projections run (PS3.3 C.7.6.16.2, Patient Orientation in Frame). Told for the object, so only where all
 * frames agree: a letter at the wrong side is worse than none. */
static void read_orientation(kh_image_info *info, const kh_item *shared, const kh_element *frames)
{
    char common[sizeof info->patient_orientation] = "", one[sizeof common], all[sizeof common];

    if (shared)
        orientation_of(common, sizeof common, shared);
    memcpy(all, common, sizeof all);
    for (uint32_t i = 0; frames && i < info->frame_count; i++) {
        memcpy(one, common, sizeof one);
        orientation_of(one, sizeof one, kh_element_item(frames, i));
        if (i == 0)
            memcpy(all, one, sizeof all);
        else if (strcmp(one, all) != 0)
            return;
    }
    memcpy(info->patient_orientation, all, sizeof all);
}

/* RT Dose: planes at offsets along the normal from the first (PS3.3 C.8.8.3.2). */
static void read_dose_grid(kh_image_info *info, const kh_item *main)
{
    const kh_tag offsets = KH_TAG(0x3004, 0x000c);
    const double *cosines = info->slices[0].orientation;
    const double normal[3] = {
        cosines[1] * cosines[5] - cosines[2] * cosines[4],
        cosines[2] * cosines[3] - cosines[0] * cosines[5],
        cosines[0] * cosines[4] - cosines[1] * cosines[3],
    };

    for (uint32_t i = 0; i < info->slice_count; i++) {
        double offset;
        if (!kh_item_double(main, offsets, i, &offset))
            return;
        for (int axis = 0; axis < 3; axis++)
            info->slices[i].position_mm[axis] += normal[axis] * offset;
    }
}

/* Offsets relative to the first plane; the other form, absolute z, begins with another value than 0 and is left alone.
 */
static bool has_dose_grid(const kh_image_info *info, const kh_item *main, const kh_slice_info *base)
{
    const kh_tag offsets = KH_TAG(0x3004, 0x000c);
    double first;

    return info->frame_count > 1 && info->frame_count <= SLICES_MAX && base->has_position && base->has_orientation &&
           kh_item_value_count(main, offsets) == info->frame_count && kh_item_double(main, offsets, 0, &first) &&
           first == 0;
}

/* Too few groups leave frames without a place: then none has one. */
const kh_element *kh_frame_groups(const kh_item *main, uint32_t frame_count)
{
    const kh_element *frames = kh_item_find(main, KH_TAG_PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);

    return frames && frames->item_count >= frame_count && frame_count <= SLICES_MAX ? frames : NULL;
}

kh_status kh_image_read_slices(kh_image_info *info, const kh_item *main, const kh_slice_info *base, kh_error *err)
{
    const kh_item *shared = kh_item_first(main, KH_TAG_SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
    const kh_element *frames = kh_frame_groups(main, info->frame_count);
    uint32_t group_count = frames ? info->frame_count : 0;
    kh_slice_info common = *base;
    kh_status status;

    if (shared)
        read_group(&common, shared);
    if (shared || group_count > 0)
        read_object(info, shared, group_count > 0 ? kh_element_item(frames, 0) : NULL);
    read_orientation(info, shared, group_count > 0 ? frames : NULL);
    if (has_dose_grid(info, main, &common)) {
        status = create_slices(info, info->frame_count, &common, err);
        if (status == KH_OK)
            read_dose_grid(info, main);
        return status;
    }
    status = create_slices(info, group_count > 0 ? info->frame_count : 1, &common, err);
    for (uint32_t i = 0; status == KH_OK && group_count > 0 && i < info->frame_count; i++)
        read_group(&info->slices[i], kh_element_item(frames, i));
    return status;
}
