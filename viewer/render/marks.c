#include "viewer/render/marks.h"

#include <string.h>

#include "viewer/render/shutter.h"
#include "viewer/render/simd.h"

bool kh_marks_any(const kh_render_source *source)
{
    return source->display && (source->display->overlay_count > 0 || kh_display_shutter(source->display, source->frame)->shapes != 0);
}

/* Where a picture pixel lies along one axis of the frame. */
typedef struct axis {
    uint32_t first, source_size, out_size; /* of the region: its first pixel, its size, what it is scaled to */
} axis;

static double center_of(const axis *a, uint32_t out)
{
    return a->first + (out + 0.5) * a->source_size / a->out_size;
}

/* The frame's pixels, from *begin to before *end, that lie under a stretch of the picture. */
static void frame_span(const axis *a, uint32_t out, uint32_t count, uint32_t *begin, uint32_t *end)
{
    *begin = a->first + (uint32_t)((uint64_t)out * a->source_size / a->out_size);
    *end = a->first + (uint32_t)((((uint64_t)out + count) * a->source_size + a->out_size - 1) / a->out_size);
}

/* The picture's pixels, counted in its crop, over one pixel of the frame; crop: its first and its count. */
static void picture_span(const axis *a, uint32_t pixel, uint32_t crop, uint32_t crop_count, uint32_t *begin, uint32_t *end)
{
    uint64_t low = (uint64_t)(pixel - a->first) * a->out_size / a->source_size;
    uint64_t high = ((uint64_t)(pixel - a->first + 1) * a->out_size + a->source_size - 1) / a->source_size;

    *begin = low > crop ? (uint32_t)(low - crop) : 0;
    *end = high <= crop ? 0 : high - crop < crop_count ? (uint32_t)(high - crop) : crop_count;
}

static void draw_shutter(uint8_t *picture, unsigned channels, const kh_render_source *source, const kh_render_view *view,
                         const axis *across, const axis *down)
{
    const kh_shutter *shutter = kh_display_shutter(source->display, source->frame);
    double aspect = kh_shutter_aspect(source->info);
    kh_shutter_row seen;
    uint8_t grey = (uint8_t)(shutter->value >> 8);

    grey = view->invert ? (uint8_t)(255 - grey) : grey;
    for (uint32_t row = 0; row < view->crop_height; row++) {
        kh_shutter_row_begin(&seen, shutter, center_of(down, view->crop_y + row) + 0.5, aspect);
        for (uint32_t column = 0; column < view->crop_width; column++, picture += channels)
            if (!kh_shutter_row_shows(&seen, center_of(across, view->crop_x + column) + 0.5))
                memset(picture, grey, channels);
    }
}

/* One overlay being drawn. */
typedef struct overlay_job {
    uint8_t *picture;
    unsigned channels;
    const kh_overlay *overlay;
    const kh_render_source *source;
    const kh_render_view *view;
    const axis *across, *down;
    uint64_t plane; /* the bit at which the overlay's frame begins */
} overlay_job;

/* White over one pixel of the frame; rows: of the crop. */
static void put_white(const overlay_job *job, const uint32_t rows[2], uint32_t column)
{
    uint32_t begin, end;

    picture_span(job->across, column, job->view->crop_x, job->view->crop_width, &begin, &end);
    for (uint32_t row = rows[0]; row < rows[1] && begin < end; row++)
        memset(job->picture + ((size_t)row * job->view->crop_width + begin) * job->channels, job->view->invert ? 0 : 255,
               (size_t)(end - begin) * job->channels);
}

/* Most of a plane is empty, so its bytes are skipped eight pixels at once. */
static void draw_plane_row(const overlay_job *job, uint32_t row, const uint32_t rows[2], const uint32_t columns[2])
{
    const kh_overlay *overlay = job->overlay;
    uint64_t first = job->plane + (uint64_t)((int64_t)row - overlay->row) * overlay->columns;

    for (uint32_t column = columns[0]; column < columns[1]; column++) {
        uint64_t bit = first + (uint64_t)((int64_t)column - overlay->column);
        uint8_t byte = overlay->bits[bit / 8];

        if (bit % 8 == 0 && byte == 0)
            column += 7;
        else if (byte >> bit % 8 & 1)
            put_white(job, rows, column);
    }
}

static void draw_embedded_row(const overlay_job *job, uint32_t row, const uint32_t rows[2], const uint32_t columns[2])
{
    const kh_pixel_format *format = job->source->format;
    size_t first = (size_t)row * format->columns;
    const kh_u16_any *words = (const kh_u16_any *)(const void *)job->source->pixels + first;
    const uint8_t *bytes = job->source->pixels + first;

    for (uint32_t column = columns[0]; column < columns[1]; column++)
        if ((format->bits_allocated == 16 ? words[column] : bytes[column]) >> job->overlay->bit & 1)
            put_white(job, rows, column);
}

/* Of the span, what lies in the overlay. */
static void clip(uint32_t span[2], int32_t first, uint32_t count)
{
    int64_t end = (int64_t)first + count;

    if ((int64_t)span[0] < first)
        span[0] = (uint32_t)first;
    if (span[1] > end)
        span[1] = end > 0 ? (uint32_t)end : 0;
}

static void draw_overlay(overlay_job *job)
{
    const kh_overlay *overlay = job->overlay;
    const kh_render_view *view = job->view;
    uint32_t frame = job->source->frame - overlay->frame_first, rows[2], columns[2];

    if (overlay->frame_count && (job->source->frame < overlay->frame_first || frame >= overlay->frame_count))
        return;
    job->plane = overlay->frame_count ? (uint64_t)frame * overlay->rows * overlay->columns : 0;
    frame_span(job->down, view->crop_y, view->crop_height, &rows[0], &rows[1]);
    frame_span(job->across, view->crop_x, view->crop_width, &columns[0], &columns[1]);
    clip(rows, overlay->row, overlay->rows);
    clip(columns, overlay->column, overlay->columns);
    for (uint32_t row = rows[0]; row < rows[1]; row++) {
        uint32_t over[2];

        picture_span(job->down, row, view->crop_y, view->crop_height, &over[0], &over[1]);
        if (overlay->bit >= 0)
            draw_embedded_row(job, row, over, columns);
        else
            draw_plane_row(job, row, over, columns);
    }
}

/* Embedded planes are bits of this frame's words, which only formats of one sample have and not every codestream carries. */
static bool can_draw(const kh_overlay *overlay, const kh_pixel_format *format)
{
    return overlay->bit < 0 ||
           (format->samples == 1 && overlay->bit < format->bits_allocated && (format->overlay_bits >> overlay->bit & 1) &&
            (format->bits_allocated == 8 || format->bits_allocated == 16));
}

void kh_marks_draw(uint8_t *picture, unsigned channels, const kh_render_source *source, const kh_render_view *view)
{
    const kh_display *display = source->display;
    const axis across = {view->x, view->width, view->out_width}, down = {view->y, view->height, view->out_height};

    if (kh_display_shutter(display, source->frame)->shapes)
        draw_shutter(picture, channels, source, view, &across, &down);
    for (uint32_t i = 0; i < display->overlay_count; i++) {
        overlay_job job = {picture, channels, &display->overlays[i], source, view, &across, &down, 0};

        if (can_draw(&display->overlays[i], source->format))
            draw_overlay(&job);
    }
}
