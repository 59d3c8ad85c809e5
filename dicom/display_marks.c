/* display_marks.c - overlay planes and the display shutter. */
#include <stdlib.h>
#include <string.h>
#include "dicom/display_internal.h"

#define OVERLAY(group, element) KH_TAG((uint16_t)(0x6000 + 2 * (group)), element)
#define OVERLAY_SIDE_MAX 65535
#define OVERLAY_FRAMES_MAX 1000000
#define PLACE_MAX 1000000 /* of a shutter's edge, either side */

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
                            .bit = -1};
    return true;
}

/* One plane of the group; *found says whether it can be drawn. */
static kh_status read_overlay(kh_overlay *overlay, size_t *at, bool *found, kh_display_draft *draft, const kh_item *main,
                              unsigned group, bool pixels_whole, kh_error *err)
{
    const kh_element *data = kh_item_find(main, OVERLAY(group, 0x3000));
    const kh_pixel_format *format = &draft->info->format;
    int64_t bit = 0, allocated = 1;
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
    (void)kh_item_int(main, OVERLAY(group, 0x0100), 0, &allocated);
    if (!pixels_whole || allocated != format->bits_allocated || format->is_float || format->samples != 1 ||
        (allocated != 8 && allocated != 16) || !kh_item_int(main, OVERLAY(group, 0x0102), 0, &bit) || bit < 0 || bit >= allocated)
        return KH_OK;
    if (bit > format->high_bit - format->bits_stored && bit <= format->high_bit)
        return KH_OK; /* a bit of the pixel value itself */
    overlay->bit = (int)bit;
    *found = true;
    return KH_OK;
}

kh_status kh_draft_overlays(kh_display_draft *draft, size_t at[KH_OVERLAYS_MAX], const kh_item *main, bool pixels_whole,
                            kh_error *err)
{
    kh_status status = KH_OK;

    for (unsigned group = 0; group < KH_OVERLAYS_MAX && status == KH_OK; group++) {
        uint32_t next = draft->display.overlay_count;
        bool found;

        status = read_overlay(&draft->display.overlays[next], &at[next], &found, draft, main, group, pixels_whole, err);
        if (status == KH_OK && found)
            draft->display.overlay_count++;
    }
    return status;
}

static bool read_edge(int32_t *out, const kh_item *main, kh_tag tag, uint32_t index)
{
    int64_t value;

    if (!kh_item_int(main, tag, index, &value) || value < -PLACE_MAX || value > PLACE_MAX)
        return false;
    *out = (int32_t)value;
    return true;
}

static bool read_rectangle(kh_shutter *shutter, const kh_item *main)
{
    return read_edge(&shutter->left, main, KH_TAG(0x0018, 0x1602), 0) &&
           read_edge(&shutter->right, main, KH_TAG(0x0018, 0x1604), 0) &&
           read_edge(&shutter->upper, main, KH_TAG(0x0018, 0x1606), 0) &&
           read_edge(&shutter->lower, main, KH_TAG(0x0018, 0x1608), 0);
}

static bool read_circle(kh_shutter *shutter, const kh_item *main)
{
    return read_edge(&shutter->center_row, main, KH_TAG(0x0018, 0x1610), 0) &&
           read_edge(&shutter->center_column, main, KH_TAG(0x0018, 0x1610), 1) &&
           read_edge(&shutter->radius, main, KH_TAG(0x0018, 0x1612), 0) && shutter->radius >= 0;
}

/* Row and column of each corner; *vertices is malloc'ed. */
static bool read_polygon(kh_shutter *shutter, int32_t **vertices, const kh_item *main)
{
    const kh_tag tag = KH_TAG(0x0018, 0x1620);
    uint32_t count = kh_item_value_count(main, tag) / 2;

    if (count < 3 || count > KH_SHUTTER_VERTICES_MAX)
        return false;
    *vertices = malloc((size_t)count * 2 * sizeof(int32_t));
    if (!*vertices)
        return false;
    for (uint32_t i = 0; i < 2 * count; i++)
        if (!read_edge(&(*vertices)[i], main, tag, i))
            return false;
    shutter->vertex_count = count;
    return true;
}

kh_status kh_draft_shutter(kh_display_draft *draft, size_t *at, const kh_item *main, kh_error *err)
{
    kh_shutter *shutter = &draft->display.shutter;
    int32_t *vertices = NULL;
    int64_t value = 0;
    char shape[17];
    kh_status status = KH_OK;

    for (uint32_t i = 0; i < 3 && kh_item_string(main, KH_TAG(0x0018, 0x1600), i, shape, sizeof shape); i++) {
        if (strcmp(shape, "RECTANGULAR") == 0 && read_rectangle(shutter, main))
            shutter->shapes |= KH_SHUTTER_RECTANGULAR;
        else if (strcmp(shape, "CIRCULAR") == 0 && read_circle(shutter, main))
            shutter->shapes |= KH_SHUTTER_CIRCULAR;
        else if (strcmp(shape, "POLYGONAL") == 0 && !vertices && read_polygon(shutter, &vertices, main))
            shutter->shapes |= KH_SHUTTER_POLYGONAL;
    }
    if (kh_item_int(main, KH_TAG(0x0018, 0x1622), 0, &value) && value >= 0 && value <= UINT16_MAX)
        shutter->value = (uint16_t)value;
    if (shutter->shapes & KH_SHUTTER_POLYGONAL)
        status = kh_draft_append(draft, vertices, (size_t)shutter->vertex_count * 2 * sizeof(int32_t), at, err);
    free(vertices);
    return status;
}
