#include "viewer/render/supplement.h"

#include <string.h>

bool kh_has_supplemental(const kh_render_source *source)
{
    const kh_pixel_format *format = source->format;

    return source->display && source->display->supplemental && source->display->palette.count > 0 && !source->slice->monochrome &&
           format->photometric == KH_PHOTOMETRIC_MONOCHROME2 && format->samples == 1 && !format->is_float && format->bits_stored <= 16;
}

void kh_supplement_row(const kh_row *row, const kh_palette *palette, const kh_lut *lut, uint8_t *out)
{
    int64_t last = (int64_t)palette->count - 1;
    unsigned mask = (1u << lut->params.bits_stored) - 1;

    for (uint32_t i = 0; i < row->count; i++, out += 3) {
        int64_t value = (int64_t)kh_row_value(row, i), index = value - palette->first;

        if (index < 0)
            memset(out, lut->grey[(unsigned)value & mask], 3);
        else
            memcpy(out, palette->rgb + 3 * (size_t)(index > last ? last : index), 3);
    }
}
