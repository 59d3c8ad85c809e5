/* display_overlays.c - overlay planes. */
#include <stdlib.h>
#include <string.h>
#include "dicom/display_internal.h"
#include "dicom/image_internal.h"

#define OVERLAY(group, element) KH_TAG((uint16_t)(0x6000 + 2 * (group)), element)
#define OVERLAY_SIDE_MAX 65535
#define OVERLAY_FRAMES_MAX 1000000

/* The plane's bytes, lowest bit of the first byte first, whether stored as bytes or as words of either order. */
static kh_status append_bits(kh_display_draft *draft, size_t *at, const kh_element *element, uint64_t bytes, kh_error *err)
{
    kh_status status = kh_draft_append(draft, element->value, (size_t)bytes, at, err);
    uint8_t *bits = draft->tail.data + *at;

    if (status == KH_OK && draft->big_endian && element->vr != KH_VR('O', 'B')) {
        for (size_t i = 0; i + 1 < bytes; i += 2) {
            uint8_t byte = bits[i];

            bits[i] = bits[i + 1];
            bits[i + 1] = byte;
        }
        if (bytes % 2 != 0 && bytes < element->length)
            bits[bytes - 1] = element->value[bytes];
    }
    return status;
}

static bool read_place(kh_overlay *overlay, const kh_item *main, unsigned group)
{
    int64_t rows, columns, row = 1, column = 1, frames = 0, origin = 1;

    if (!kh_item_int(main, OVERLAY(group, 0x0010), 0, &rows) || !kh_item_int(main, OVERLAY(group, 0x0011), 0, &columns) ||
        rows < 1 || rows > OVERLAY_SIDE_MAX || columns < 1 || columns > OVERLAY_SIDE_MAX)
        return false;
    if (kh_item_int(main, OVERLAY(group, 0x0050), 0, &row) && !kh_item_int(main, OVERLAY(group, 0x0050), 1, &column))
        return false;
    if (kh_item_int(main, OVERLAY(group, 0x0015), 0, &frames))
        (void)kh_item_int(main, OVERLAY(group, 0x0051), 0, &origin);
    /* Origin is SS; some write its negative values as US. */
    row -= row > INT16_MAX ? 65536 : 0;
    column -= column > INT16_MAX ? 65536 : 0;
    if (row < INT16_MIN || column < INT16_MIN || row > INT16_MAX || column > INT16_MAX || frames < 0 ||
        frames > OVERLAY_FRAMES_MAX || origin < 1 || origin > OVERLAY_FRAMES_MAX)
        return false;
    *overlay = (kh_overlay){.row = (int32_t)row - 1,
                            .column = (int32_t)column - 1,
                            .rows = (uint32_t)rows,
                            .columns = (uint32_t)columns,
                            .frame_first = (uint32_t)origin - 1,
                            .frame_count = (uint32_t)frames,
                            .bit = -1,
                            .group = (uint8_t)group};
    return true;
}

/* One plane of the group; *found says whether it can be drawn. */
static kh_status read_overlay(kh_overlay *overlay, size_t *at, bool *found, kh_display_draft *draft, const kh_item *main,
                              unsigned group, kh_error *err)
{
    const kh_element *data = kh_item_find(main, OVERLAY(group, 0x3000));
    uint64_t bits, bytes;

    *found = false;
    if (!read_place(overlay, main, group))
        return KH_OK;
    if (data) {
        bits = (uint64_t)overlay->rows * overlay->columns * (overlay->frame_count ? overlay->frame_count : 1); /* under 2^52 */
        bytes = (bits + 7) / 8;
        if (!data->value || data->length < bytes)
            return KH_OK;
        *found = true;
        return append_bits(draft, at, data, bytes, err);
    }
    *found = kh_overlay_bit(&overlay->bit, main, group, &draft->info->format);
    return KH_OK;
}

kh_status kh_draft_overlays(kh_display_draft *draft, size_t at[KH_OVERLAYS_MAX], const kh_item *main, kh_error *err)
{
    kh_status status = KH_OK;

    for (unsigned group = 0; group < KH_OVERLAYS_MAX && status == KH_OK; group++) {
        uint32_t next = draft->display.overlay_count;
        bool found;

        status = read_overlay(&draft->display.overlays[next], &at[next], &found, draft, main, group, err);
        if (status == KH_OK && found)
            draft->display.overlay_count++;
    }
    return status;
}
