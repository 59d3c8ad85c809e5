#include "viewer/tiles/thumb.h"

static uint32_t longer_side(uint32_t rows, uint32_t columns)
{
    return rows > columns ? rows : columns;
}

static uint32_t scaled(uint32_t side, uint32_t longer, uint32_t size_px)
{
    uint32_t rounded = (uint32_t)(((uint64_t)side * size_px + longer / 2) / longer);

    return rounded > 0 ? rounded : 1;
}

void kh_thumb_size(uint32_t *width, uint32_t *height, uint32_t rows, uint32_t columns, uint32_t size_px)
{
    uint32_t longer = longer_side(rows, columns);

    *width = longer <= size_px ? columns : scaled(columns, longer, size_px);
    *height = longer <= size_px ? rows : scaled(rows, longer, size_px);
}

unsigned kh_thumb_halvings(const kh_image_info *info, uint32_t size_px)
{
    const kh_pixel_format *format = &info->format;
    uint32_t longer = longer_side(format->rows, format->columns);
    unsigned halvings = 0;

    if (info->has_padding || format->photometric == KH_PHOTOMETRIC_PALETTE ||
        (info->display & (KH_DISPLAY_PALETTE | KH_DISPLAY_OVERLAY | KH_DISPLAY_SHUTTER)))
        return 0;
    while (longer >> (halvings + 1) >= size_px)
        halvings++;
    return halvings;
}
