#include "viewer/render/render_internal.h"

#include <stdlib.h>

#include "base/size.h"
#include "viewer/render/check.h"
#include "viewer/render/marks.h"
#include "viewer/render/png.h"
#include "viewer/render/rows.h"
#include "viewer/render/supplement.h"

#define CACHE_LINE 64
#define SCRATCH_KEEP_BYTES (4u << 20) /* of a picture larger than a tile the memory is given back */

/* One picture being made; context of the scaler. */
typedef struct render_job {
    kh_renderer *renderer;
    const kh_render_source *source;
    kh_render_view view; /* complete and checked */
    kh_modality modality;
    kh_voi voi;
    const kh_lookup *output; /* NULL: none */
    unsigned channels;
    bool inverse, supplemental;
} render_job;

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

static kh_row source_row(const render_job *job, uint32_t row, uint32_t column, uint32_t count)
{
    return (kh_row){job->source->pixels, job->source->format, job->view.y + row, job->view.x + column, count};
}

/* R G B of a row of any colour format. */
static void row_to_rgb(const render_job *job, const kh_row *from, uint8_t *out)
{
    if (from->format->photometric == KH_PHOTOMETRIC_PALETTE)
        kh_row_palette(from, &job->source->display->palette, out);
    else if (job->supplemental)
        kh_supplement_row(from, &job->source->display->palette, &job->renderer->lut, out);
    else
        kh_row_rgb(from, out);
}

static uint8_t *picture_row(const render_job *job, uint32_t row)
{
    return job->renderer->picture.bytes + (size_t)row * job->view.crop_width * job->channels;
}

static void negate(uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(255 - bytes[i]);
}

static void prepare_table(const render_job *job)
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

/* Formats too deep for a table: from y of the window to grey. */
static uint8_t finish_grey(const render_job *job, double y, bool background)
{
    uint8_t grey = background ? 0 : kh_voi_gray(kh_voi_output(job->output, y));

    if (job->inverse && !background)
        grey = (uint8_t)(255 - grey);
    return job->view.invert ? (uint8_t)(255 - grey) : grey;
}

static void deep_row_to_grey(const render_job *job, const kh_row *from, uint8_t *out)
{
    for (uint32_t i = 0; i < from->count; i++) {
        double stored = kh_row_value(from, i);

        out[i] = finish_grey(job, kh_voi_value(&job->voi, kh_modality_value(&job->modality, stored)),
                             kh_is_background(job->source->info, stored));
    }
}

/* One row at its own size. */
static void draw_row(const render_job *job, uint32_t row, uint8_t *out)
{
    const kh_pixel_format *format = job->source->format;
    kh_row from = source_row(job, job->view.crop_y + row, job->view.crop_x, job->view.crop_width);
    size_t index = (size_t)from.row * format->columns + from.column;
    float *numbers = (float *)(void *)job->renderer->row.bytes;

    if (job->channels == 3) {
        row_to_rgb(job, &from, out);
        if (job->view.invert)
            negate(out, (size_t)3 * from.count);
    } else if (!kh_is_tabled(format)) {
        deep_row_to_grey(job, &from, out);
    } else if (format->bits_allocated == 16) {
        kh_lut_apply_16(&job->renderer->lut, format->high_bit, from.pixels + 2 * index, out, from.count);
    } else if (format->bits_allocated == 8) {
        kh_lut_apply_8(&job->renderer->lut, format->high_bit, from.pixels + index, out, from.count);
    } else {
        kh_row_stored(&from, numbers);
        kh_lut_apply_float(&job->renderer->lut, numbers, out, from.count);
    }
}

static void fetch_stored(void *context, uint32_t row, uint32_t first_column, uint32_t count, float *out)
{
    kh_row from = source_row(context, row, first_column, count);

    kh_row_stored(&from, out);
}

/* Value * weight and weight beside each other, the weight 0 for padding and 1 for the rest. */
static void fetch_weighted(void *context, uint32_t row, uint32_t first_column, uint32_t count, float *out)
{
    const render_job *job = context;
    const kh_image_info *info = job->source->info;
    float *stored = (float *)(void *)job->renderer->row.bytes;
    float low = (float)info->padding_low, high = (float)info->padding_high;
    kh_row from = source_row(job, row, first_column, count);

    kh_row_stored(&from, stored);
    for (uint32_t i = 0; i < count; i++) {
        float weight = stored[i] >= low && stored[i] <= high ? 0.0f : 1.0f;

        out[2 * (size_t)i] = stored[i] * weight;
        out[2 * (size_t)i + 1] = weight;
    }
}

static void fetch_positions(void *context, uint32_t row, uint32_t first_column, uint32_t count, float *out)
{
    const render_job *job = context;
    kh_row from = source_row(job, row, first_column, count);

    kh_row_positions(&from, job->source->info, &job->modality, &job->voi, out);
}

static void fetch_rgb(void *context, uint32_t row, uint32_t first_column, uint32_t count, float *out)
{
    const render_job *job = context;
    uint8_t *rgb = job->renderer->row.bytes;
    kh_row from = source_row(job, row, first_column, count);

    row_to_rgb(job, &from, rgb);
    for (size_t i = 0; i < (size_t)3 * count; i++)
        out[i] = rgb[i];
}

static void put_stored(void *context, uint32_t out_row, const float *values)
{
    const render_job *job = context;

    kh_lut_apply_float(&job->renderer->lut, values, picture_row(job, out_row), job->view.crop_width);
}

static void put_weighted(void *context, uint32_t out_row, const float *values)
{
    const render_job *job = context;

    kh_lut_apply_weighted(&job->renderer->lut, values, picture_row(job, out_row), job->view.crop_width);
}

static void put_positions(void *context, uint32_t out_row, const float *values)
{
    const render_job *job = context;
    uint8_t *out = picture_row(job, out_row);

    for (uint32_t i = 0; i < job->view.crop_width; i++)
        out[i] = finish_grey(job, kh_voi_at_position(&job->voi, values[i]), values[i] < KH_POSITION_BACKGROUND);
}

static void put_rgb(void *context, uint32_t out_row, const float *values)
{
    const render_job *job = context;
    uint8_t *out = picture_row(job, out_row);
    size_t count = (size_t)3 * job->view.crop_width;

    for (size_t i = 0; i < count; i++)
        out[i] = values[i] <= 0.0f ? 0 : values[i] >= 255.0f ? 255 : (uint8_t)(values[i] + 0.5f);
    if (job->view.invert)
        negate(out, count);
}

static kh_status draw_scaled(render_job *job, kh_error *err)
{
    const kh_render_view *view = &job->view;
    kh_scale_job scale = {.source_width = view->width, .source_height = view->height, .out_width = view->out_width,
                          .out_height = view->out_height, .crop_x = view->crop_x, .crop_y = view->crop_y,
                          .crop_width = view->crop_width, .crop_height = view->crop_height, .channels = 1, .context = job};

    if (job->channels == 3) {
        scale.channels = 3;
        scale.fetch = fetch_rgb;
        scale.put = put_rgb;
    } else if (!kh_is_tabled(job->source->format)) {
        scale.fetch = fetch_positions;
        scale.put = put_positions;
    } else if (job->source->info->has_padding) {
        scale.channels = 2;
        scale.fetch = fetch_weighted;
        scale.put = put_weighted;
    } else {
        scale.fetch = fetch_stored;
        scale.put = put_stored;
    }
    return kh_scale(&job->renderer->scaler, &scale, err);
}

static bool is_scaled(const kh_render_view *view)
{
    return view->out_width != view->width || view->out_height != view->height;
}

static kh_status draw_rows(render_job *job, kh_error *err)
{
    const kh_render_view *view = &job->view;

    if (is_scaled(view))
        return draw_scaled(job, err);
    for (uint32_t row = 0; row < view->crop_height; row++)
        draw_row(job, row, picture_row(job, row));
    return KH_OK;
}

static kh_status draw(render_job *job, kh_error *err)
{
    const kh_render_view *view = &job->view;
    size_t bytes = (size_t)view->crop_width * view->crop_height * job->channels; /* sides were checked: under 2^28 */
    kh_status status;

    status = scratch_reserve(&job->renderer->picture, bytes, err);
    if (status == KH_OK)
        status = scratch_reserve(&job->renderer->row, (size_t)job->source->format->columns * 4, err);
    if (status == KH_OK)
        status = draw_rows(job, err);
    if (status == KH_OK && kh_marks_any(job->source))
        kh_marks_draw(job->renderer->picture.bytes, job->channels, job->source, view);
    return status;
}

/* Checks, window and table. */
static kh_status prepare(render_job *job, const kh_render_view *view, kh_rendered *used, kh_error *err)
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
static kh_status make_picture(render_job *job, const kh_render_view *view, kh_rendered *used, kh_error *err)
{
    kh_status status = prepare(job, view, used, err);

    return status == KH_OK ? draw(job, err) : status;
}

kh_status kh_render_pixels(kh_renderer *renderer, const kh_render_source *source, const kh_render_view *view, kh_buf *out,
                           unsigned *channels, kh_rendered *used, kh_error *err)
{
    render_job job = {.renderer = renderer, .source = source};
    kh_status status = make_picture(&job, view, used, err);

    *channels = job.channels;
    if (status == KH_OK)
        status = kh_buf_append(out, renderer->picture.bytes,
                               (size_t)job.view.crop_width * job.view.crop_height * job.channels, err);
    scratch_trim(&renderer->picture);
    return status;
}

/* A frame seldom is in a cache of the processor's: the rows after next are on their way while this stripe is encoded. */
static void prefetch_row(const render_job *job, uint32_t row)
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
static kh_status encode_stripes(render_job *job, kh_buf *out, kh_error *err)
{
    const kh_render_view *view = &job->view;
    size_t row_bytes = (size_t)view->crop_width * job->channels;
    kh_renderer *renderer = job->renderer;
    kh_status status = scratch_reserve(&renderer->picture, KH_JPEG_STRIPE * row_bytes, err);

    if (status == KH_OK)
        status = scratch_reserve(&renderer->row, (size_t)job->source->format->columns * 4, err);
    if (status == KH_OK)
        status = kh_jpeg_begin(&renderer->jpeg, view->crop_width, view->crop_height, job->channels, view->quality, out, err);
    for (uint32_t row = 0; status == KH_OK && row < view->crop_height; row += KH_JPEG_STRIPE) {
        for (uint32_t i = 0; i < KH_JPEG_STRIPE && row + i < view->crop_height; i++) {
            draw_row(job, row + i, renderer->picture.bytes + i * row_bytes);
            prefetch_row(job, row + i + KH_JPEG_STRIPE);
        }
        status = kh_jpeg_put(&renderer->jpeg, renderer->picture.bytes, err);
    }
    return status == KH_OK ? kh_jpeg_end(&renderer->jpeg, err) : status;
}

kh_status kh_render_jpeg(kh_renderer *renderer, const kh_render_source *source, const kh_render_view *view, kh_buf *out,
                         kh_rendered *used, kh_error *err)
{
    render_job job = {.renderer = renderer, .source = source};
    kh_status status;

    if (view->quality < 1 || view->quality > 100)
        return kh_error_set(err, KH_E_ARG, "quality %d, expected 1 to 100", view->quality);
    status = prepare(&job, view, used, err);
    if (status == KH_OK && !is_scaled(&job.view) && !kh_marks_any(source))
        return encode_stripes(&job, out, err);
    if (status == KH_OK)
        status = draw(&job, err);
    if (status == KH_OK)
        status = kh_jpeg_encode(&renderer->jpeg, renderer->picture.bytes, job.view.crop_width, job.view.crop_height,
                                job.channels, view->quality, out, err);
    scratch_trim(&renderer->picture);
    return status;
}

kh_status kh_render_png(kh_renderer *renderer, const kh_render_source *source, const kh_render_view *view, kh_buf *out,
                        kh_rendered *used, kh_error *err)
{
    render_job job = {.renderer = renderer, .source = source};
    kh_status status = make_picture(&job, view, used, err);

    if (status == KH_OK)
        status = kh_png_encode(renderer->picture.bytes, job.view.crop_width, job.view.crop_height, job.channels, out, err);
    scratch_trim(&renderer->picture);
    return status;
}
