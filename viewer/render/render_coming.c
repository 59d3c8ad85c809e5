/* render_coming.c - the picture of a frame that is still being made, drawn row by row as those of the frame come. */
#include "viewer/render/render_internal.h"

#include "viewer/render/check.h"
#include "viewer/render/marks.h"

/* Bytes of a row where the frame is one row after the other, else 0. */
static size_t row_bytes_of(const kh_pixel_format *format)
{
    size_t bytes = 0;

    if (format->bits_allocated < 8 || (format->planar && format->samples > 1) || !kh_pixel_format_frame_bytes(format, &bytes))
        return 0;
    return bytes % format->rows == 0 ? bytes / format->rows : 0;
}

/* Only the whole frame has the window of its pixels, and a picture at its own size is drawn in no time. */
static bool can_be_drawn_coming(const kh_render_source *source, const kh_render_view *view)
{
    kh_error ignored = KH_ERROR_INIT;
    kh_render_view checked;
    bool told = true;
    kh_voi voi;

    if (view->quality < 1 || view->quality > 100 || kh_check_source(source, &ignored) != KH_OK ||
        kh_check_view(&checked, view, source->format, &ignored) != KH_OK || !kh_is_scaled(&checked) || row_bytes_of(source->format) == 0)
        return false;
    return source->format->samples > 1 || (kh_window_told(&voi, &told, source, view, &ignored) == KH_OK && told);
}

bool kh_render_coming_begin(kh_renderer *renderer, const kh_render_source *source, const kh_render_view *view)
{
    kh_render_coming *coming = &renderer->coming;
    kh_error ignored = KH_ERROR_INIT;

    *coming = (kh_render_coming){.source = *source, .job = {.renderer = renderer, .source = &coming->source}};
    if (!can_be_drawn_coming(source, view))
        return false;
    coming->row_bytes = row_bytes_of(source->format);
    if (kh_render_prepare(&coming->job, view, &coming->used, &ignored) != KH_OK ||
        kh_render_reserve(&coming->job, coming->job.view.crop_height, &ignored) != KH_OK)
        return false;
    coming->scale = kh_render_scale_job(&coming->job);
    return kh_scale_begin(&renderer->scaler, &coming->scale, &ignored) == KH_OK;
}

bool kh_render_coming_rows(kh_renderer *renderer, size_t bytes)
{
    const kh_render_coming *coming = &renderer->coming;
    uint64_t rows = bytes / coming->row_bytes, above = coming->job.view.y;

    kh_scale_rows(&renderer->scaler, &coming->scale, rows > above ? (uint32_t)(rows - above) : 0);
    if (kh_marks_any(&coming->source) && rows < coming->source.format->rows)
        return false; /* an overlay may stand in bits of the pixels, anywhere */
    return renderer->scaler.next == coming->scale.crop_height;
}

kh_status kh_render_coming_encode(kh_renderer *renderer, kh_buf *out, kh_rendered *used, kh_error *err)
{
    kh_render_coming *coming = &renderer->coming;

    *used = coming->used;
    return kh_render_encode(&coming->job, out, err);
}
