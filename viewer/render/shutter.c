#include "viewer/render/shutter.h"

#include <stdlib.h>

double kh_shutter_aspect(const kh_image_info *info)
{
    return info->pixel_aspect > 0 ? info->pixel_aspect : 1;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void find_crossings(kh_shutter_row *row)
{
    const int32_t *v = row->shutter->vertices;
    uint32_t count = row->shutter->vertex_count;

    for (uint32_t i = 0, k = count - 1; i < count; k = i++) {
        double at = v[2 * i], column = v[2 * i + 1], before = v[2 * k], column_before = v[2 * k + 1];

        if ((at > row->y) != (before > row->y))
            row->crossings[row->crossing_count++] = (column_before - column) * (row->y - at) / (before - at) + column;
    }
    qsort(row->crossings, row->crossing_count, sizeof row->crossings[0], compare_doubles);
}

void kh_shutter_row_begin(kh_shutter_row *row, const kh_shutter *shutter, double y, double aspect)
{
    row->shutter = shutter;
    row->y = y;
    row->aspect = aspect;
    row->crossing_count = row->passed = 0;
    if (shutter->shapes & KH_SHUTTER_POLYGONAL)
        find_crossings(row);
}

/* Even-odd rule: an odd number of edges lies to the right. */
static bool in_polygon(kh_shutter_row *row, double x)
{
    while (row->passed < row->crossing_count && row->crossings[row->passed] <= x)
        row->passed++;
    return (row->crossing_count - row->passed) % 2 != 0;
}

bool kh_shutter_row_shows(kh_shutter_row *row, double x)
{
    const kh_shutter *shutter = row->shutter;
    double dx = x - shutter->center_column, dy = (row->y - shutter->center_row) * row->aspect, radius = shutter->radius;

    if (shutter->shapes & KH_SHUTTER_RECTANGULAR &&
        (x < shutter->left - 0.5 || x > shutter->right + 0.5 || row->y < shutter->upper - 0.5 || row->y > shutter->lower + 0.5))
        return false;
    if (shutter->shapes & KH_SHUTTER_CIRCULAR && dx * dx + dy * dy > radius * radius)
        return false;
    return !(shutter->shapes & KH_SHUTTER_POLYGONAL) || in_polygon(row, x);
}
