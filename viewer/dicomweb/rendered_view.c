/* Which pixels become the picture: the region cut out of the frame, made to fit the viewport with its sides' ratio kept
 * (PS3.18 8.3.5.1.3). */
#include <math.h>
#include "viewer/dicomweb/rendered.h"

typedef struct span {
    uint32_t first, count;
    bool mirrored;
} span;

/* Pixels first .. first + length of an axis of size pixels, rounded to whole ones; length 0: to the edge. What reaches over it is cut. */
static bool choose_span(span *out, double first, double length, uint32_t size)
{
    double last = length == 0 ? size : first + fabs(length);
    double begin = floor(first + 0.5), end = floor(fmin(last, size) + 0.5);

    if (begin < 0 || begin >= size)
        return false;
    if (end <= begin) /* less than a pixel is one */
        end = begin + 1;
    *out = (span){.first = (uint32_t)begin, .count = (uint32_t)(end - begin), .mirrored = length < 0};
    return true;
}

static uint32_t to_side(double side)
{
    return side < 1 ? 1 : (uint32_t)floor(side + 0.5);
}

static kh_status choose_region(span *across, span *down, const kh_rendered_wish *wish, uint32_t rows, uint32_t columns, kh_error *err)
{
    double unit_x = wish->region_relative ? columns : 1, unit_y = wish->region_relative ? rows : 1;

    *across = (span){.count = columns};
    *down = (span){.count = rows};
    if (!wish->region_given)
        return KH_OK;
    if (!choose_span(across, wish->x * unit_x, wish->width * unit_x, columns) ||
        !choose_span(down, wish->y * unit_y, wish->height * unit_y, rows))
        return kh_error_set(err, KH_E_ARG, "%s: the region is outside of the picture of %u x %u",
                            wish->region_relative ? "region" : "viewport", columns, rows);
    return KH_OK;
}

kh_status kh_rendered_choose_view(kh_rendered_view *out, const kh_rendered_wish *wish, uint32_t rows, uint32_t columns, double aspect,
                                  kh_error *err)
{
    span across, down;
    double width, height, scale = 1;
    kh_status status = choose_region(&across, &down, wish, rows, columns, err);

    if (status != KH_OK)
        return status;
    width = across.count * (aspect < 1 ? 1 / aspect : 1); /* stretched, never squeezed: nothing is lost */
    height = down.count * (aspect > 1 ? aspect : 1);
    if (wish->viewport_width > 0)
        scale = wish->viewport_width / width;
    if (wish->viewport_height > 0)
        scale = fmin(wish->viewport_width > 0 ? scale : INFINITY, wish->viewport_height / height);
    if (wish->viewport_width == 0 && wish->viewport_height == 0) /* what is larger than may be gets smaller */
        scale = fmin(fmin(1, KH_RENDER_SIDE_MAX / fmax(width, height)), sqrt(KH_RENDERED_PIXELS_MAX / (width * height)));
    if (fmax(width, height) * scale > KH_RENDER_SIDE_MAX + 0.5 || width * scale * (height * scale) > KH_RENDERED_PIXELS_MAX * 1.001)
        return kh_error_set(err, KH_E_ARG, "a picture of %.0f x %.0f, expected sides to %d and %u pixels", width * scale, height * scale,
                            KH_RENDER_SIDE_MAX, KH_RENDERED_PIXELS_MAX);
    *out = (kh_rendered_view){.render = {.x = across.first,
                                         .y = down.first,
                                         .width = across.count,
                                         .height = down.count,
                                         .out_width = to_side(fmin(width * scale, KH_RENDER_SIDE_MAX)),
                                         .out_height = to_side(fmin(height * scale, KH_RENDER_SIDE_MAX)),
                                         .window_given = wish->window_given,
                                         .window_center = wish->window_center,
                                         .window_width = wish->window_width,
                                         .function_given = wish->function_given,
                                         .function = wish->function,
                                         .quality = wish->quality},
                              .mirror_x = across.mirrored,
                              .mirror_y = down.mirrored};
    return KH_OK;
}
