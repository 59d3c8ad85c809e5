/* render_lossless.c - a slice with all its stored values, and what a reader of it has to know. */
#include "viewer/render/render_internal.h"

#include "viewer/render/check.h"
#include "viewer/render/marks.h"
#include "viewer/render/supplement.h"

static kh_status check_lossless(const kh_render_source *source, kh_error *err)
{
    const kh_pixel_format *format = source->format;
    kh_status status = kh_check_source(source, err);

    if (status == KH_OK && (format->samples != 1 || format->photometric == KH_PHOTOMETRIC_PALETTE || !kh_is_tabled(format)))
        return kh_error_set(err, KH_E_UNSUPPORTED, "%s of %u bits%s as a lossless slice, expected grey of up to 16",
                            kh_photometric_text(format->photometric), (unsigned)format->bits_stored,
                            format->is_float ? " (float)" : "");
    return status;
}

static unsigned lossless_flags(const kh_render_source *source, const kh_lossless_facts *facts, const kh_modality *modality,
                               bool from_pixels)
{
    bool tables = modality->lookup || facts->voi.lookup || kh_output_of(source) || kh_marks_any(source) || kh_has_supplemental(source);

    return (source->format->is_signed ? KH_LOSSLESS_SIGNED : 0u) | (source->info->has_padding ? KH_LOSSLESS_PADDING : 0u) |
           (kh_is_inverse(source) ? KH_LOSSLESS_INVERSE : 0u) | (from_pixels ? KH_LOSSLESS_FROM_PIXELS : 0u) |
           (tables ? KH_LOSSLESS_TABLES : 0u);
}

kh_status kh_render_lossless(kh_renderer *renderer, const kh_render_source *source, kh_buf *out, kh_rendered *used, kh_error *err)
{
    const kh_render_view view = {.window_given = false};
    kh_lossless_facts facts = {.flags = 0};
    kh_modality modality;
    bool from_pixels;
    kh_status status = check_lossless(source, err);

    if (status == KH_OK)
        status = kh_window_choose(&facts.voi, &from_pixels, &renderer->window, source, &view, err);
    if (status != KH_OK)
        return status;
    modality = kh_modality_of(source->info, source->slice, source->display);
    facts.slope = modality.slope;
    facts.intercept = modality.intercept;
    facts.flags = lossless_flags(source, &facts, &modality, from_pixels);
    if (used)
        *used = (kh_rendered){facts.voi.center, facts.voi.width, from_pixels, source->format->columns, source->format->rows, 1};
    return kh_lossless_encode(&renderer->lossless, source, &facts, out, err);
}
