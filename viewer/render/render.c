#include "viewer/render/render_internal.h"

#include <stdlib.h>

#include "base/size.h"
#include "viewer/render/check.h"
#include "viewer/render/marks.h"
#include "viewer/render/png.h"
#include "viewer/render/supplement.h"

#define CACHE_LINE 64
#define SCRATCH_KEEP_BYTES (4u << 20) /* of a picture larger than a tile the memory is given back */

kh_status kh_renderer_create(kh_renderer **out, kh_error *err)
{
    kh_renderer *renderer = calloc(1, sizeof *renderer);
    kh_status status;

    *out = NULL;
    if (!renderer)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a renderer");
    status = kh_jpeg_encoder_init(&renderer->jpeg, err);
    if (status == KH_OK)
        status = kh_lossless_init(&renderer->lossless, err);
    if (status != KH_OK) {
        kh_renderer_free(renderer);
        return status;
    }
    *out = renderer;
    return KH_OK;
}

void kh_renderer_free(kh_renderer *renderer)
{
    if (!renderer)
        return;
    kh_jpeg_encoder_release(&renderer->jpeg);
    kh_lossless_release(&renderer->lossless);
    kh_scaler_release(&renderer->scaler);
    free(renderer->picture.bytes);
    free(renderer->row.bytes);
    free(renderer);
}

static kh_status scratch_reserve(kh_render_scratch *memory, size_t size, kh_error *err)
{
    if (size <= memory->size)
        return KH_OK;
    free(memory->bytes);
    memory->size = 0;
    memory->bytes = malloc(size);
    if (!memory->bytes)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a picture of %zu bytes", size);
    memory->size = size;
    return KH_OK;
}

static void scratch_trim(kh_render_scratch *memory)
{
    if (memory->size <= SCRATCH_KEEP_BYTES)
        return;
    free(memory->bytes);
    *memory = (kh_render_scratch){0};
}

static void prepare_table(const kh_render_job *job)
{
    const kh_image_info *info = job->source->info;
    kh_lut_params params = {.bits_stored = job->source->format->bits_stored,
                            .is_signed = job->source->format->is_signed,
                            .inverse = job->inverse,
                            .negative = job->view.invert && !job->supplemental, /* colours are turned later */
                            .has_padding = info->has_padding,
                            .padding_low = info->padding_low,
                            .padding_high = info->padding_high,
                            .modality = job->modality,
                            .voi = job->voi,
                            .output = job->output,
                            .display_id = job->modality.lookup || job->voi.lookup || job->output ? job->source->display->id : 0};

    kh_lut_prepare(&job->renderer->lut, &params);
}

kh_status kh_render_reserve(const kh_render_job *job, size_t rows, kh_error *err)
{
    size_t bytes = (size_t)job->view.crop_width * rows * job->channels; /* sides were checked: under 2^28 */
    kh_status status = scratch_reserve(&job->renderer->picture, bytes, err);

    return status == KH_OK ? scratch_reserve(&job->renderer->row, (size_t)job->source->format->columns * 4, err) : status;
}

static kh_status draw_rows(kh_render_job *job, kh_error *err)
{
    const kh_render_view *view = &job->view;

    if (kh_is_scaled(view)) {
        const kh_scale_job scale = kh_render_scale_job(job);

        return kh_scale(&job->renderer->scaler, &scale, err);
    }
    for (uint32_t row = 0; row < view->crop_height; row++)
        kh_render_draw_row(job, row, kh_render_picture_row(job, row));
    return KH_OK;
}

static void draw_marks(const kh_render_job *job)
{
    if (kh_marks_any(job->source))
        kh_marks_draw(job->renderer->picture.bytes, job->channels, job->source, &job->view);
}

static kh_status draw(kh_render_job *job, kh_error *err)
{
    kh_status status = kh_render_reserve(job, job->view.crop_height, err);

    return status == KH_OK ? draw_rows(job, err) : status;
}

kh_status kh_render_prepare(kh_render_job *job, const kh_render_view *view, kh_rendered *used, kh_error *err)
{
    const kh_render_source *source = job->source;
    kh_rendered told = {0};
    kh_status status;

    status = kh_check_source(source, err);
    if (status == KH_OK)
        status = kh_check_view(&job->view, view, source->format, err);
    if (status != KH_OK)
        return status;
    job->supplemental = kh_has_supplemental(source);
    job->channels = source->format->photometric == KH_PHOTOMETRIC_PALETTE || job->supplemental ? 3 : source->format->samples;
    if (job->channels == 1 || job->supplemental) {
        job->inverse = kh_is_inverse(source);
        job->modality = kh_modality_of(source->info, source->slice, source->display);
        job->output = kh_output_of(source);
        if (job->modality.lookup && !kh_is_tabled(source->format))
            return kh_error_set(err, KH_E_UNSUPPORTED, "ModalityLUTSequence (0028,3000) with BitsStored %u, expected 1 to 16",
                                (unsigned)source->format->bits_stored);
        status = kh_window_choose(&job->voi, &told.window_from_pixels, &job->renderer->window, source, &job->view, err);
        if (status != KH_OK)
            return status;
        told.window_center = job->voi.center;
        told.window_width = job->voi.width;
        if (kh_is_tabled(source->format))
            prepare_table(job);
    }
    told.width = job->view.crop_width;
    told.height = job->view.crop_height;
    told.channels = job->channels;
    if (used)
        *used = told;
    return KH_OK;
}

/* The picture then stands in renderer->picture. */
static kh_status make_picture(kh_render_job *job, const kh_render_view *view, kh_rendered *used, kh_error *err)
{
    kh_status status = kh_render_prepare(job, view, used, err);

    if (status == KH_OK)
        status = draw(job, err);
    if (status == KH_OK)
        draw_marks(job);
    return status;
}

kh_status kh_render_pixels(kh_renderer *renderer, const kh_render_source *source, const kh_render_view *view, kh_buf *out,
                           unsigned *channels, kh_rendered *used, kh_error *err)
{
    kh_render_job job = {.renderer = renderer, .source = source};
    kh_status status = make_picture(&job, view, used, err);

    *channels = job.channels;
    if (status == KH_OK)
        status = kh_buf_append(out, renderer->picture.bytes,
                               (size_t)job.view.crop_width * job.view.crop_height * job.channels, err);
    scratch_trim(&renderer->picture);
    return status;
}

/* A frame seldom is in a cache of the processor's: the rows after next are on their way while this stripe is encoded. */
static void prefetch_row(const kh_render_job *job, uint32_t row)
{
    const kh_pixel_format *format = job->source->format;
    size_t bytes = format->bits_allocated / 8;
    const uint8_t *from = job->source->pixels;

    if (format->samples != 1 || row >= job->view.crop_height)
        return;
    from += ((size_t)(job->view.y + job->view.crop_y + row) * format->columns + job->view.x + job->view.crop_x) * bytes;
    for (size_t i = 0; i < job->view.crop_width * bytes; i += CACHE_LINE)
        __builtin_prefetch(from + i);
}

/* What is neither scaled nor marked goes to the encoder stripe by stripe, the picture is never whole. */
static kh_status encode_stripes(kh_render_job *job, kh_buf *out, kh_error *err)
{
    const kh_render_view *view = &job->view;
    size_t row_bytes = (size_t)view->crop_width * job->channels;
    kh_renderer *renderer = job->renderer;
    kh_status status = kh_render_reserve(job, KH_JPEG_STRIPE, err);

    if (status == KH_OK)
        status = kh_jpeg_begin(&renderer->jpeg, view->crop_width, view->crop_height, job->channels, view->quality, out, err);
    for (uint32_t row = 0; status == KH_OK && row < view->crop_height; row += KH_JPEG_STRIPE) {
        for (uint32_t i = 0; i < KH_JPEG_STRIPE && row + i < view->crop_height; i++) {
            kh_render_draw_row(job, row + i, renderer->picture.bytes + i * row_bytes);
            prefetch_row(job, row + i + KH_JPEG_STRIPE);
        }
        status = kh_jpeg_put(&renderer->jpeg, renderer->picture.bytes, err);
    }
    return status == KH_OK ? kh_jpeg_end(&renderer->jpeg, err) : status;
}

kh_status kh_render_encode(kh_render_job *job, kh_buf *out, kh_error *err)
{
    const kh_render_view *view = &job->view;
    kh_render_scratch *picture = &job->renderer->picture;
    kh_status status;

    draw_marks(job);
    status = kh_jpeg_encode(&job->renderer->jpeg, picture->bytes, view->crop_width, view->crop_height, job->channels, view->quality, out,
                            err);
    scratch_trim(picture);
    return status;
}

kh_status kh_render_jpeg(kh_renderer *renderer, const kh_render_source *source, const kh_render_view *view, kh_buf *out,
                         kh_rendered *used, kh_error *err)
{
    kh_render_job job = {.renderer = renderer, .source = source};
    kh_status status;

    if (view->quality < 1 || view->quality > 100)
        return kh_error_set(err, KH_E_ARG, "quality %d, expected 1 to 100", view->quality);
    status = kh_render_prepare(&job, view, used, err);
    if (status == KH_OK && !kh_is_scaled(&job.view) && !kh_marks_any(source))
        return encode_stripes(&job, out, err);
    if (status == KH_OK)
        status = draw(&job, err);
    if (status == KH_OK)
        status = kh_render_encode(&job, out, err);
    scratch_trim(&renderer->picture);
    return status;
}

kh_status kh_render_png(kh_renderer *renderer, const kh_render_source *source, const kh_render_view *view, kh_buf *out,
                        kh_rendered *used, kh_error *err)
{
    kh_render_job job = {.renderer = renderer, .source = source};
    kh_status status = make_picture(&job, view, used, err);

    if (status == KH_OK)
        status = kh_png_encode(renderer->picture.bytes, job.view.crop_width, job.view.crop_height, job.channels, out, err);
    scratch_trim(&renderer->picture);
    return status;
}
