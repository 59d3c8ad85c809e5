/* display_voi.c - the VOI LUTs of an object and of its frames. */
#include <stdlib.h>
#include <string.h>
#include "dicom/display_internal.h"
#include "dicom/image_internal.h"

/* Frames often repeat one table: it is kept once. */
static bool is_as_before(const kh_display_draft *draft, uint32_t number, const kh_lookup *lookup)
{
    const kh_lookup *before = &draft->voi[number - 1];

    return before->count == lookup->count &&
           memcmp(draft->tail.data + draft->voi_at[number - 1], lookup->values, lookup->count * sizeof lookup->values[0]) == 0;
}

static kh_status read_lut(kh_display_draft *draft, uint32_t number, const kh_item *item, bool is_signed, kh_error *err)
{
    kh_lookup lookup;
    uint16_t *values;
    kh_error why = KH_ERROR_INIT;
    kh_status status = kh_lookup_read(&lookup, &values, item, is_signed, draft->big_endian, &why);

    if (status == KH_OK && number > 0 && is_as_before(draft, number, &lookup))
        draft->voi_at[number] = draft->voi_at[number - 1];
    else if (status == KH_OK)
        status = kh_draft_append(draft, values, lookup.count * sizeof values[0], &draft->voi_at[number], &why);
    if (status == KH_OK)
        draft->voi[number] = lookup;
    free(values);
    return status == KH_E_MEMORY ? kh_error_set(err, status, "%s", why.message) : KH_OK;
}

/* A slice that has the table, which says what its inputs are; looked for from the last one found on. */
static const kh_slice_info *slice_of(const kh_image_info *info, uint32_t number, uint32_t *from)
{
    for (uint32_t tried = 0; tried < info->slice_count; tried++) {
        const kh_slice_info *slice = &info->slices[*from];

        if (number >= slice->voi_lut_first && number < (uint32_t)slice->voi_lut_first + slice->voi_lut_count)
            return slice;
        *from = *from + 1 < info->slice_count ? *from + 1 : 0;
    }
    return &info->slices[0];
}

kh_status kh_draft_voi_luts(kh_display_draft *draft, const kh_item *main, kh_error *err)
{
    kh_voi_lut_list *list = malloc(sizeof *list);
    kh_status status = KH_OK;
    uint32_t slice = 0;

    if (!list)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a list of VOI LUTs");
    kh_voi_lut_list_read(list, main, draft->big_endian, draft->info->frame_count, NULL, 0);
    draft->voi = calloc(list->count + 1, sizeof draft->voi[0]);
    draft->voi_at = calloc(list->count + 1, sizeof draft->voi_at[0]);
    if (!draft->voi || !draft->voi_at)
        status = kh_error_set(err, KH_E_MEMORY, "no memory for %u VOI LUTs", (unsigned)list->count);
    for (uint32_t i = 0; i < list->count && status == KH_OK; i++)
        status = read_lut(draft, i, list->items[i], kh_voi_input_is_signed(draft->info, slice_of(draft->info, i, &slice)), err);
    draft->display.voi_count = status == KH_OK ? list->count : 0;
    free(list);
    return status;
}
