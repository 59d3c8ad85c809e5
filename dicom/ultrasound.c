#include "dicom/ultrasound.h"

#include <math.h>
#include <stdlib.h>

#define PLACE_MAX 1000000 /* of a region's edge or reference pixel, either side */

/* ---- reading ---- */

static bool read_edge(uint32_t *out, const kh_item *item, kh_tag tag)
{
    int64_t value;

    if (!kh_item_int(item, tag, 0, &value) || value < 0 || value > PLACE_MAX)
        return false;
    *out = (uint32_t)value;
    return true;
}

static double read_double(const kh_item *item, kh_tag tag)
{
    double value;

    return kh_item_double(item, tag, 0, &value) && isfinite(value) ? value : NAN;
}

/* step: 0 for x, 2 for y; edge: where the region begins, which reference pixels count from (C.8.5.5.1.7). */
static kh_us_axis read_axis(const kh_item *item, uint16_t step, uint32_t edge)
{
    int64_t unit = 0, reference = 0;
    kh_us_axis axis = {.delta = read_double(item, KH_TAG(0x0018, (uint16_t)(0x602c + step))), .reference = NAN,
                       .value = read_double(item, KH_TAG(0x0018, (uint16_t)(0x6028 + step)))};

    if (!kh_item_int(item, KH_TAG(0x0018, (uint16_t)(0x6024 + step)), 0, &unit) || unit < 1 || unit > KH_US_UNIT_LAST ||
        !(fabs(axis.delta) > 0))
        return (kh_us_axis){.unit = 0, .reference = NAN, .value = NAN};
    axis.unit = (uint16_t)unit;
    if (kh_item_int(item, KH_TAG(0x0018, (uint16_t)(0x6020 + step)), 0, &reference) && reference >= -PLACE_MAX && reference <= PLACE_MAX)
        axis.reference = (double)edge + (double)reference;
    return axis;
}

/* False of one that does not say where it is. */
static bool read_region(kh_us_region *out, const kh_item *item)
{
    int64_t flags = 0;

    *out = (kh_us_region){.x0 = 0};
    if (!read_edge(&out->x0, item, KH_TAG(0x0018, 0x6018)) || !read_edge(&out->y0, item, KH_TAG(0x0018, 0x601a)) ||
        !read_edge(&out->x1, item, KH_TAG(0x0018, 0x601c)) || !read_edge(&out->y1, item, KH_TAG(0x0018, 0x601e)) || out->x1 < out->x0 ||
        out->y1 < out->y0)
        return false;
    (void)kh_item_int(item, KH_TAG(0x0018, 0x6016), 0, &flags);
    out->low_priority = flags & 1;
    out->x = read_axis(item, 0, out->x0);
    out->y = read_axis(item, 2, out->y0);
    return true;
}

kh_status kh_us_regions_read(kh_us_region **out, uint32_t *count, const kh_item *main, kh_error *err)
{
    const kh_element *sequence = kh_item_find(main, KH_TAG(0x0018, 0x6011));
    uint32_t told = sequence ? sequence->item_count : 0;

    *out = NULL;
    *count = 0;
    if (told == 0)
        return KH_OK;
    *out = calloc(told > KH_US_REGIONS_MAX ? 1 : told, sizeof **out);
    if (!*out)
        return kh_error_set(err, KH_E_MEMORY, "no memory for %u ultrasound regions", (unsigned)told);
    if (told > KH_US_REGIONS_MAX) { /* everywhere, and without units */
        (*out)[0] = (kh_us_region){.x1 = UINT16_MAX, .y1 = UINT16_MAX};
        *count = 1;
        return KH_OK;
    }
    for (uint32_t i = 0; i < told; i++)
        if (read_region(&(*out)[*count], kh_element_item(sequence, i)))
            (*count)++;
    if (*count == 0) {
        free(*out);
        *out = NULL;
    }
    return KH_OK;
}

/* ---- where a mark lies ---- */

typedef struct box { /* of the frame's plane, where pixel n reaches from n to n + 1 */
    double left, top, right, bottom;
} box;

static box box_of(const kh_us_region *region)
{
    return (box){region->x0, region->y0, region->x1 + 1.0, region->y1 + 1.0};
}

static box bounds_of(const kh_point *points, size_t count)
{
    box b = {points[0].x, points[0].y, points[0].x, points[0].y};

    for (size_t i = 1; i < count; i++)
        b = (box){fmin(b.left, points[i].x), fmin(b.top, points[i].y), fmax(b.right, points[i].x), fmax(b.bottom, points[i].y)};
    return b;
}

/* Cut the part of a line from 0 to 1 that is below the limit at the beginning + part * by; false when nothing is left. */
static bool cut(double *low, double *high, double from, double by, double limit)
{
    double at;

    if (by == 0)
        return from < limit;
    at = (limit - from) / by;
    if (by > 0)
        *high = fmin(*high, at);
    else
        *low = fmax(*low, at);
    return *low < *high;
}

/* Does the line run inside the box, not only along its edge? (Liang and Barsky) */
static bool line_enters(const box *b, const kh_point *from, const kh_point *to)
{
    double low = 0, high = 1, dx = to->x - from->x, dy = to->y - from->y;

    return cut(&low, &high, -from->x, -dx, -b->left) && cut(&low, &high, from->x, dx, b->right) &&
           cut(&low, &high, -from->y, -dy, -b->top) && cut(&low, &high, from->y, dy, b->bottom);
}

static bool enters(const kh_us_region *region, kh_mark_kind kind, const kh_point *points, size_t count)
{
    const box b = box_of(region), mark = bounds_of(points, count);
    size_t step = kind == KH_MARK_ANGLE ? 1 : 2;

    if (count < 2)
        return points[0].x > b.left && points[0].x < b.right && points[0].y > b.top && points[0].y < b.bottom;
    if (kind == KH_MARK_RECTANGLE || kind == KH_MARK_ELLIPSE || kind == KH_MARK_FREEHAND)
        return mark.left < b.right && mark.right > b.left && mark.top < b.bottom && mark.bottom > b.top;
    for (size_t i = 0; i + 1 < count; i += step)
        if (line_enters(&b, &points[i], &points[i + 1]))
            return true;
    return false;
}

static bool has_all(const kh_us_region *region, const kh_point *points, size_t count)
{
    const box b = box_of(region), mark = bounds_of(points, count);

    return mark.left >= b.left && mark.right <= b.right && mark.top >= b.top && mark.bottom <= b.bottom;
}

static bool tells_units(const kh_us_region *region)
{
    return region->x.unit != 0 || region->y.unit != 0;
}

static bool same_axis(const kh_us_axis *a, const kh_us_axis *b)
{
    return a->unit == b->unit && (a->unit == 0 || fabs(a->delta - b->delta) <= 1e-9 * fabs(a->delta));
}

/* Of two that hold a mark, the one whose pixels they are. */
static bool goes_before(const kh_us_region *a, const kh_us_region *b)
{
    return a->low_priority != b->low_priority ? b->low_priority : tells_units(a) && !tells_units(b);
}

static bool contradicts(const kh_us_region *other, const kh_us_region *region)
{
    if (other->low_priority != region->low_priority)
        return region->low_priority;
    return tells_units(other) && !(same_axis(&other->x, &region->x) && same_axis(&other->y, &region->y));
}

static kh_us_place find(const kh_us_region **out, const kh_us_region *regions, uint32_t count, kh_mark_kind kind, const kh_point *points,
                        size_t point_count)
{
    const kh_us_region *best = NULL;
    bool touched = false;

    for (uint32_t i = 0; i < count; i++)
        if (has_all(&regions[i], points, point_count) && (!best || goes_before(&regions[i], best)))
            best = &regions[i];
    for (uint32_t i = 0; i < count; i++) {
        if (&regions[i] == best || !enters(&regions[i], kind, points, point_count))
            continue;
        touched = true;
        if (best && contradicts(&regions[i], best))
            return KH_US_ACROSS;
    }
    *out = best;
    return best ? KH_US_INSIDE : touched ? KH_US_ACROSS : KH_US_OUTSIDE;
}

kh_us_place kh_us_find(const kh_us_region **out, const kh_us_region *regions, uint32_t count, uint32_t columns, uint32_t rows,
                       kh_mark_kind kind, const kh_point *points, size_t point_count)
{
    kh_point middle;

    *out = NULL;
    for (uint32_t i = 0; i < count; i++)
        if (regions[i].x1 > columns || regions[i].y1 > rows)
            return KH_US_UNFIT;
    if (kind != KH_MARK_PROBE)
        return point_count == 0 ? KH_US_OUTSIDE : find(out, regions, count, kind, points, point_count);
    middle = (kh_point){fmin(floor(points[0].x), columns - 1.0) + 0.5, fmin(floor(points[0].y), rows - 1.0) + 0.5}; /* a pixel is in one as a whole */
    return find(out, regions, count, kind, &middle, 1);
}

bool kh_us_is_spatial(const kh_us_region *region)
{
    return region->x.unit == KH_US_UNIT_CM && region->y.unit == KH_US_UNIT_CM;
}

const char *kh_us_unit_text(uint16_t unit)
{
    static const char *const texts[KH_US_UNIT_LAST + 1] = {"",     "%",   "dB",    "cm",  "s",     "Hz", "dB/s",
                                                           "cm/s", "cm²", "cm²/s", "cm³", "cm³/s", "°"};

    return texts[unit <= KH_US_UNIT_LAST ? unit : 0];
}
