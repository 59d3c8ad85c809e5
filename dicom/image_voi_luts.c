/* image_voi_luts.c - which VOI LUTs an object has (PS3.3 C.11.2.1.1), for all frames and for each. */
#include <stdlib.h>
#include "dicom/display_internal.h"
#include "dicom/image_internal.h"
#include "dicom/text.h"

static const kh_item *telling_group(const kh_item *groups)
{
    const kh_item *voi = groups ? kh_item_first(groups, KH_TAG_FRAME_VOI_LUT_SEQUENCE) : NULL;

    return voi && kh_item_tells_voi(voi) ? voi : NULL;
}

static uint16_t add_luts(kh_voi_lut_list *list, const kh_item *voi, bool big_endian)
{
    const kh_element *luts = kh_item_find(voi, KH_TAG_VOI_LUT_SEQUENCE);
    uint16_t added = 0;

    for (uint32_t i = 0; luts && i < luts->item_count && added < KH_VOI_LUTS_MAX && list->count < KH_VOI_LUTS_OBJECT_MAX; i++) {
        if (!kh_lut_is_whole(kh_element_item(luts, i), big_endian))
            continue;
        list->items[list->count++] = kh_element_item(luts, i);
        added++;
    }
    return added;
}

void kh_voi_lut_list_read(kh_voi_lut_list *out, const kh_item *main, bool big_endian, uint32_t frame_count, kh_slice_info *slices,
                          uint32_t slice_count)
{
    const kh_element *frames = kh_frame_groups(main, frame_count);
    const kh_item *shared = telling_group(kh_item_first(main, KH_TAG_SHARED_FUNCTIONAL_GROUPS_SEQUENCE));
    uint16_t count;

    out->count = 0;
    count = add_luts(out, shared ? shared : main, big_endian);
    for (uint32_t i = 0; slices && i < slice_count; i++) {
        slices[i].voi_lut_first = 0;
        slices[i].voi_lut_count = count;
    }
    for (uint32_t i = 0; frames && i < frame_count; i++) {
        const kh_item *voi = telling_group(kh_element_item(frames, i));
        uint16_t first = (uint16_t)out->count;

        if (!voi)
            continue;
        count = add_luts(out, voi, big_endian);
        if (slices && slice_count == frame_count) {
            slices[i].voi_lut_first = first;
            slices[i].voi_lut_count = count;
        }
    }
}

bool kh_voi_input_is_signed(const kh_image_info *info, const kh_slice_info *slice)
{
    return info->format.is_signed || slice->rescale_intercept < 0;
}

static kh_status read_lut(kh_voi_lut *out, const kh_item *item, bool is_signed, bool big_endian, kh_error *err)
{
    kh_lookup lookup;
    uint16_t *values = NULL;
    kh_error why = KH_ERROR_INIT;
    kh_status status = kh_lookup_read(&lookup, &values, item, is_signed, big_endian, &why);

    if (status == KH_E_MEMORY)
        return kh_error_set(err, status, "%s", why.message);
    if (status == KH_OK)
        kh_lookup_rise(&lookup, &out->center, &out->width);
    free(values);
    kh_item_text(item, KH_TAG(0x0028, 0x3003), 0, out->explanation, sizeof out->explanation);
    return KH_OK;
}

static kh_status read_all(kh_image_info *info, const kh_voi_lut_list *list, bool big_endian, kh_error *err)
{
    kh_status status = KH_OK;

    info->voi_luts = calloc(list->count, sizeof info->voi_luts[0]);
    if (!info->voi_luts)
        return kh_error_set(err, KH_E_MEMORY, "no memory for %u VOI LUTs", (unsigned)list->count);
    info->voi_lut_count = list->count;
    for (uint32_t i = 0; i < info->slice_count && status == KH_OK; i++) {
        const kh_slice_info *slice = &info->slices[i];

        for (uint32_t n = slice->voi_lut_first; n < (uint32_t)slice->voi_lut_first + slice->voi_lut_count && status == KH_OK; n++)
            if (info->voi_luts[n].width == 0) /* slices share tables */
                status = read_lut(&info->voi_luts[n], list->items[n], kh_voi_input_is_signed(info, slice), big_endian, err);
    }
    return status;
}

kh_status kh_image_read_voi_luts(kh_image_info *info, const kh_dataset *dataset, kh_error *err)
{
    const kh_transfer_syntax *syntax = kh_transfer_syntax_find(kh_dataset_transfer_syntax(dataset));
    bool big_endian = syntax && syntax->big_endian;
    kh_voi_lut_list *list = malloc(sizeof *list);
    kh_status status = KH_OK;

    if (!list)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a list of VOI LUTs");
    kh_voi_lut_list_read(list, kh_dataset_main(dataset), big_endian, info->frame_count, info->slices, info->slice_count);
    if (list->count > 0)
        status = read_all(info, list, big_endian, err);
    free(list);
    return status;
}
