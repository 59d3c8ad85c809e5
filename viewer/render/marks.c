#include "viewer/render/marks.h"

#include <string.h>

#include "viewer/render/simd.h"

bool kh_marks_any(const kh_render_source *source)
{
    return source->display && (source->display->overlay_count > 0 || source->display->shutter.shapes != 0);
}

/* Where a picture pixel lies along one axis of the frame. */
typedef struct axis {
    uint32_t first, source_size, out_size; /* of the region: its first pixel, its size, what it is scaled to */
} axis;

static double center_of(const axis *a, uint32_t out)
{
    return a->first + (out + 0.5) * a->source_size / a->out_size;
}

/* The frame's pixels under one of the picture: at least one. */
static void span_of(const axis *a, uint32_t out, uint32_t *begin, uint32_t *end)
{
    uint64_t low = (uint64_t)out * a->source_size / a->out_size;
    uint64_t high = (((uint64_t)out + 1) * a->source_size + a->out_size - 1) / a->out_size;

    *begin = a->first + (uint32_t)low;
    *end = a->first + (uint32_t)(high > low ? high : low + 1);
}

/* Even-odd rule; x and y in columns and rows counted from 1. */
static bool in_polygon(const kh_shutter *shutter, double x, double y)
{
    const int32_t *v = shutter->vertices;
    bool inside = false;

    for (uint32_t i = 0, k = shutter->vertex_count - 1; i < shutter->vertex_count; k = i++) {
        double row = v[2 * i], column = v[2 * i + 1], row_before = v[2 * k], column_before = v[2 * k + 1];

        if ((row > y) != (row_before > y) && x < (column_before - column) * (y - row) / (row_before - row) + column)
            inside = !inside;
    }
    return inside;
}

/* x and y: columns and rows counted from 1, the first pixel's centre being 1. aspect: height of a pixel over its width; a radius is
 * in pixels along a row. */
static bool is_seen(const kh_shutter *shutter, double x, double y, double aspect)
{
    double dx = x - shutter->center_column, dy = (y - shutter->center_row) * aspect, radius = shutter->radius;

    if (shutter->shapes & KH_SHUTTER_RECTANGULAR &&
        (x < shutter->left - 0.5 || x > shutter->right + 0.5 || y < shutter->upper - 0.5 || y > shutter->lower + 0.5))
        return false;
    if (shutter->shapes & KH_SHUTTER_CIRCULAR && dx * dx + dy * dy > radius * radius)
        return false;
    return !(shutter->shapes & KH_SHUTTER_POLYGONAL) || in_polygon(shutter, x, y);
}

static void draw_shutter(uint8_t *picture, unsigned channels, const kh_render_source *source, const kh_render_view *view,
                         const axis *across, const axis *down)
{
    const kh_shutter *shutter = &source->display->shutter;
    double aspect = source->info->pixel_aspect > 0 ? source->info->pixel_aspect : 1;
    uint8_t grey = (uint8_t)(shutter->value >> 8);

    grey = view->invert ? (uint8_t)(255 - grey) : grey;
    for (uint32_t row = 0; row < view->crop_height; row++) {
        double y = center_of(down, view->crop_y + row) + 0.5;

        for (uint32_t column = 0; column < view->crop_width; column++, picture += channels)
            if (!is_seen(shutter, center_of(across, view->crop_x + column) + 0.5, y, aspect))
                memset(picture, grey, channels);
    }
}

/* Is the overlay set at a pixel of the frame? plane: the bit at which its frame begins. */
static bool is_set(const kh_overlay *overlay, const kh_render_source *source, uint64_t plane, uint32_t row, uint32_t column)
{
    int64_t y = (int64_t)row - overlay->row, x = (int64_t)column - overlay->column;
    size_t pixel = (size_t)row * source->format->columns + column;
    uint64_t bit;

    if (y < 0 || x < 0 || y >= overlay->rows || x >= overlay->columns)
        return false;
    if (overlay->bit >= 0) {
        unsigned word = source->format->bits_allocated == 16 ? ((const kh_u16_any *)(const void *)source->pixels)[pixel]
                                                             : source->pixels[pixel];

        return word >> overlay->bit & 1;
    }
    bit = plane + (uint64_t)y * overlay->columns + (uint64_t)x;
    return overlay->bits[bit / 8] >> bit % 8 & 1;
}

static bool is_any_set(const kh_overlay *overlay, const kh_render_source *source, uint64_t plane, const uint32_t rows[2],
                       const uint32_t columns[2])
{
    for (uint32_t row = rows[0]; row < rows[1]; row++)
        for (uint32_t column = columns[0]; column < columns[1]; column++)
            if (is_set(overlay, source, plane, row, column))
                return true;
    return false;
}

static void draw_overlay(uint8_t *picture, unsigned channels, const kh_overlay *overlay, const kh_render_source *source,
                         const kh_render_view *view, const axis *across, const axis *down)
{
    uint32_t frame = overlay->frame_count ? source->frame - overlay->frame_first : 0;
    uint64_t plane = (uint64_t)frame * overlay->rows * overlay->columns;

    if (overlay->frame_count && (source->frame < overlay->frame_first || frame >= overlay->frame_count))
        return;
    for (uint32_t row = 0; row < view->crop_height; row++) {
        uint32_t rows[2], columns[2];

        span_of(down, view->crop_y + row, &rows[0], &rows[1]);
        for (uint32_t column = 0; column < view->crop_width; column++, picture += channels) {
            span_of(across, view->crop_x + column, &columns[0], &columns[1]);
            if (is_any_set(overlay, source, plane, rows, columns))
                memset(picture, view->invert ? 0 : 255, channels);
        }
    }
}

/* Embedded planes are bits of this frame's words, which only formats of one sample have. */
static bool can_draw(const kh_overlay *overlay, const kh_pixel_format *format)
{
    return overlay->bit < 0 ||
           (format->samples == 1 && overlay->bit < format->bits_allocated && (format->bits_allocated == 8 || format->bits_allocated == 16));
}

void kh_marks_draw(uint8_t *picture, unsigned channels, const kh_render_source *source, const kh_render_view *view)
{
    const kh_display *display = source->display;
    const axis across = {view->x, view->width, view->out_width}, down = {view->y, view->height, view->out_height};

    if (display->shutter.shapes)
        draw_shutter(picture, channels, source, view, &across, &down);
    for (uint32_t i = 0; i < display->overlay_count; i++)
        if (can_draw(&display->overlays[i], source->format))
            draw_overlay(picture, channels, &display->overlays[i], source, view, &across, &down);
}
