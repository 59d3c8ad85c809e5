#include "viewer/render/check.h"

static kh_status check_depth(const kh_pixel_format *format, kh_error *err)
{
    unsigned allocated = format->bits_allocated;
    bool known = format->is_float ? allocated == 32 || allocated == 64
                                  : allocated == 1 || allocated == 8 || allocated == 16 || allocated == 32;

    if (!known)
        return kh_error_set(err, KH_E_UNSUPPORTED, "BitsAllocated %u, expected %s", allocated,
                            format->is_float ? "32 or 64 for float pixel data" : "1, 8, 16 or 32");
    if (format->is_float)
        return KH_OK;
    if (format->bits_stored < 1 || format->bits_stored > allocated)
        return kh_error_set(err, KH_E_FORMAT, "BitsStored %u, expected 1 to BitsAllocated %u", (unsigned)format->bits_stored,
                            allocated);
    if (format->high_bit >= allocated || format->high_bit + 1 < format->bits_stored)
        return kh_error_set(err, KH_E_FORMAT, "HighBit %u, expected %u to %u", (unsigned)format->high_bit,
                            (unsigned)format->bits_stored - 1, allocated - 1);
    return KH_OK;
}

static kh_status check_palette(const kh_render_source *source, kh_error *err)
{
    const kh_pixel_format *format = source->format;

    if (format->is_float || format->samples != 1)
        return kh_error_set(err, KH_E_FORMAT, "SamplesPerPixel %u%s, expected 1 of integers with PALETTE COLOR",
                            (unsigned)format->samples, format->is_float ? " (float)" : "");
    if (!source->display || source->display->palette.count == 0)
        return kh_error_set(err, KH_E_FORMAT, "RedPaletteColorLookupTableDescriptor (0028,1101) absent, expected with PALETTE COLOR");
    return KH_OK;
}

static kh_status check_colour(const kh_pixel_format *format, kh_error *err)
{
    bool mono = format->photometric == KH_PHOTOMETRIC_MONOCHROME1 || format->photometric == KH_PHOTOMETRIC_MONOCHROME2;
    bool packed = format->photometric == KH_PHOTOMETRIC_YBR_FULL_422;
    bool colour = packed || format->photometric == KH_PHOTOMETRIC_RGB || format->photometric == KH_PHOTOMETRIC_YBR_FULL;

    if (!mono && !colour)
        return kh_error_set(err, KH_E_UNSUPPORTED, "PhotometricInterpretation %s of native pixels cannot be shown",
                            kh_photometric_text(format->photometric));
    if (format->samples != (mono ? 1 : 3))
        return kh_error_set(err, KH_E_FORMAT, "SamplesPerPixel %u, expected %d with %s", (unsigned)format->samples, mono ? 1 : 3,
                            kh_photometric_text(format->photometric));
    if (colour && (format->is_float || format->bits_allocated < 8))
        return kh_error_set(err, KH_E_UNSUPPORTED, "BitsAllocated %u%s, expected 8, 16 or 32 for colour",
                            (unsigned)format->bits_allocated, format->is_float ? " (float)" : "");
    if (packed && (format->bits_allocated != 8 || format->bits_stored != 8 || format->columns % 2 != 0))
        return kh_error_set(err, KH_E_FORMAT, "YBR_FULL_422 with %u bits and %u columns, expected 8 bits and an even number",
                            (unsigned)format->bits_stored, format->columns);
    return KH_OK;
}

kh_status kh_check_source(const kh_render_source *source, kh_error *err)
{
    const kh_pixel_format *format = source->format;
    size_t bytes = 0;
    kh_status status;

    if (format->rows < 1 || format->rows > 65535 || format->columns < 1 || format->columns > 65535)
        return kh_error_set(err, KH_E_FORMAT, "Rows %u Columns %u, expected 1 to 65535", format->rows, format->columns);
    status = check_depth(format, err);
    if (status == KH_OK)
        status = format->photometric == KH_PHOTOMETRIC_PALETTE ? check_palette(source, err) : check_colour(format, err);
    if (status != KH_OK)
        return status;
    if (!kh_pixel_format_frame_bytes(format, &bytes))
        return kh_error_set(err, KH_E_LIMIT, "a frame of %u x %u does not fit memory", format->columns, format->rows);
    if (source->size < bytes)
        return kh_error_set(err, KH_E_FORMAT, "frame of %zu bytes, expected %zu", source->size, bytes);
    return KH_OK;
}

static kh_status check_region(const kh_render_view *view, const kh_pixel_format *format, kh_error *err)
{
    bool inside = view->width >= 1 && view->height >= 1 && view->x < format->columns && view->y < format->rows
               && view->width <= format->columns - view->x && view->height <= format->rows - view->y;

    if (!inside)
        return kh_error_set(err, KH_E_ARG, "region %u,%u %ux%u, expected one inside %ux%u", view->x, view->y, view->width,
                            view->height, format->columns, format->rows);
    return KH_OK;
}

static kh_status check_crop(const kh_render_view *view, kh_error *err)
{
    bool inside = view->crop_width >= 1 && view->crop_height >= 1 && view->crop_x < view->out_width
               && view->crop_y < view->out_height && view->crop_width <= view->out_width - view->crop_x
               && view->crop_height <= view->out_height - view->crop_y;

    if (view->out_width < 1 || view->out_width > KH_RENDER_SCALED_MAX || view->out_height < 1
        || view->out_height > KH_RENDER_SCALED_MAX)
        return kh_error_set(err, KH_E_ARG, "picture scaled to %ux%u, expected sides of 1 to %d", view->out_width,
                            view->out_height, KH_RENDER_SCALED_MAX);
    if (!inside)
        return kh_error_set(err, KH_E_ARG, "crop %u,%u %ux%u, expected one inside %ux%u", view->crop_x, view->crop_y,
                            view->crop_width, view->crop_height, view->out_width, view->out_height);
    if (view->crop_width > KH_RENDER_SIDE_MAX || view->crop_height > KH_RENDER_SIDE_MAX)
        return kh_error_set(err, KH_E_ARG, "picture of %ux%u, expected sides of 1 to %d", view->crop_width, view->crop_height,
                            KH_RENDER_SIDE_MAX);
    return KH_OK;
}

kh_status kh_check_view(kh_render_view *out, const kh_render_view *view, const kh_pixel_format *format, kh_error *err)
{
    kh_status status;

    *out = *view;
    if (out->width == 0) {
        out->x = out->y = 0;
        out->width = format->columns;
        out->height = format->rows;
    }
    if (out->crop_width == 0) {
        out->crop_x = out->crop_y = 0;
        out->crop_width = out->out_width;
        out->crop_height = out->out_height;
    }
    status = check_region(out, format, err);
    return status == KH_OK ? check_crop(out, err) : status;
}
