#include "viewer/render/shutter.h"

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

double kh_shutter_aspect(const kh_image_info *info)
{
    return info->pixel_aspect > 0 ? info->pixel_aspect : 1;
}

bool kh_shutter_shows(const kh_shutter *shutter, double x, double y, double aspect)
{
    double dx = x - shutter->center_column, dy = (y - shutter->center_row) * aspect, radius = shutter->radius;

    if (shutter->shapes & KH_SHUTTER_RECTANGULAR &&
        (x < shutter->left - 0.5 || x > shutter->right + 0.5 || y < shutter->upper - 0.5 || y > shutter->lower + 0.5))
        return false;
    if (shutter->shapes & KH_SHUTTER_CIRCULAR && dx * dx + dy * dy > radius * radius)
        return false;
    return !(shutter->shapes & KH_SHUTTER_POLYGONAL) || in_polygon(shutter, x, y);
}
