/* draw.c - the rows of a picture, one by one: from the frame's samples through window and colour to bytes, at their own size or by way of
 * the scaler. */
#include "viewer/render/render_internal.h"
#include "viewer/render/rows.h"
#include "viewer/render/supplement.h"

static kh_row source_row(const kh_render_job *job, uint32_t row, uint32_t column, uint32_t count)
{
    return (kh_row){job->source->pixels, job->source->format, job->view.y + row, job->view.x + column, count};
}

/* R G B of a row of any colour format. */
static void row_to_rgb(const kh_render_job *job, const kh_row *from, uint8_t *out)
{
    if (from->format->photometric == KH_PHOTOMETRIC_PALETTE)
        kh_row_palette(from, &job->source->display->palette, out);
    else if (job->supplemental)
        kh_supplement_row(from, &job->source->display->palette, &job->renderer->lut, out);
    else
        kh_row_rgb(from, out);
}

uint8_t *kh_render_picture_row(const kh_render_job *job, uint32_t row)
{
    return job->renderer->picture.bytes + (size_t)row * job->view.crop_width * job->channels;
}

static void negate(uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(255 - bytes[i]);
}

/* Formats too deep for a table: from y of the window to grey. */
static uint8_t finish_grey(const kh_render_job *job, double y, bool background)
{
    uint8_t grey = background ? 0 : kh_voi_gray(kh_voi_output(job->output, y));

    if (job->inverse && !background)
        grey = (uint8_t)(255 - grey);
    return job->view.invert ? (uint8_t)(255 - grey) : grey;
}

static void deep_row_to_grey(const kh_render_job *job, const kh_row *from, uint8_t *out)
{
    for (uint32_t i = 0; i < from->count; i++) {
        double stored = kh_row_value(from, i);

        out[i] = finish_grey(job, kh_voi_value(&job->voi, kh_modality_value(&job->modality, stored)),
                             kh_is_background(job->source->info, stored));
    }
}

/* One row at its own size. */
void kh_render_draw_row(const kh_render_job *job, uint32_t row, uint8_t *out)
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
    const kh_render_job *job = context;
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
    const kh_render_job *job = context;
    kh_row from = source_row(job, row, first_column, count);

    kh_row_positions(&from, job->source->info, &job->modality, &job->voi, out);
}

static void fetch_rgb(void *context, uint32_t row, uint32_t first_column, uint32_t count, float *out)
{
    const kh_render_job *job = context;
    uint8_t *rgb = job->renderer->row.bytes;
    kh_row from = source_row(job, row, first_column, count);

    row_to_rgb(job, &from, rgb);
    for (size_t i = 0; i < (size_t)3 * count; i++)
        out[i] = rgb[i];
}

static void put_stored(void *context, uint32_t out_row, const float *values)
{
    const kh_render_job *job = context;

    kh_lut_apply_float(&job->renderer->lut, values, kh_render_picture_row(job, out_row), job->view.crop_width);
}

static void put_weighted(void *context, uint32_t out_row, const float *values)
{
    const kh_render_job *job = context;

    kh_lut_apply_weighted(&job->renderer->lut, values, kh_render_picture_row(job, out_row), job->view.crop_width);
}

static void put_positions(void *context, uint32_t out_row, const float *values)
{
    const kh_render_job *job = context;
    uint8_t *out = kh_render_picture_row(job, out_row);

    for (uint32_t i = 0; i < job->view.crop_width; i++)
        out[i] = finish_grey(job, kh_voi_at_position(&job->voi, values[i]), values[i] < KH_POSITION_BACKGROUND);
}

static void put_rgb(void *context, uint32_t out_row, const float *values)
{
    const kh_render_job *job = context;
    uint8_t *out = kh_render_picture_row(job, out_row);
    size_t count = (size_t)3 * job->view.crop_width;

    for (size_t i = 0; i < count; i++)
        out[i] = values[i] <= 0.0f ? 0 : values[i] >= 255.0f ? 255 : (uint8_t)(values[i] + 0.5f);
    if (job->view.invert)
        negate(out, count);
}

kh_scale_job kh_render_scale_job(kh_render_job *job)
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
    return scale;
}
