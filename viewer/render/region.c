#include "viewer/render/region.h"

#include <math.h>
#include <stdlib.h>

/* A side of the polygon where a line of constant y meets it. */
typedef struct strand {
    double x;
    int turn; /* 1 downwards, -1 upwards */
} strand;

typedef struct frame_size {
    uint32_t columns, rows;
} frame_size;

static double clamp(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

/* The first index whose centre lies at or beyond the place, within 0 .. end. */
static uint32_t first_from(double place, uint32_t end)
{
    return (uint32_t)clamp(ceil(place - 0.5), 0, end);
}

static void visit_between(uint32_t row, double left, double right, frame_size frame, kh_region_visit *visit, void *context)
{
    uint32_t first = first_from(left, frame.columns), end = first_from(right, frame.columns);

    if (end > first)
        visit(context, row, first, end - first);
}

static void rectangle_pixels(const kh_point *p, frame_size frame, kh_region_visit *visit, void *context)
{
    uint32_t last = first_from(fmax(p[0].y, p[1].y), frame.rows);

    for (uint32_t row = first_from(fmin(p[0].y, p[1].y), frame.rows); row < last; row++)
        visit_between(row, fmin(p[0].x, p[1].x), fmax(p[0].x, p[1].x), frame, visit, context);
}

static void ellipse_pixels(const kh_point *p, frame_size frame, kh_region_visit *visit, void *context)
{
    double x = (p[0].x + p[1].x) / 2, y = (p[0].y + p[1].y) / 2, a = fabs(p[1].x - p[0].x) / 2, b = fabs(p[1].y - p[0].y) / 2;
    uint32_t end = (uint32_t)clamp(floor(y + b - 0.5) + 1, 0, frame.rows);

    if (a <= 0 || b <= 0)
        return;
    for (uint32_t row = first_from(y - b, frame.rows); row < end; row++) {
        double down = (row + 0.5 - y) / b, half = a * sqrt(fmax(0, 1 - down * down));
        uint32_t first = first_from(x - half, frame.columns), last = (uint32_t)clamp(floor(x + half - 0.5) + 1, 0, frame.columns);

        if (last > first)
            visit(context, row, first, last - first);
    }
}

static int by_x(const void *a, const void *b)
{
    const strand *one = a, *two = b;

    return (one->x > two->x) - (one->x < two->x);
}

static int by_value(const void *a, const void *b)
{
    const double *one = a, *two = b;

    return (*one > *two) - (*one < *two);
}

/* The sides that a line at y meets, from the left. A side has its upper end and not its lower one. */
static size_t find_strands(strand *out, const kh_region *region, double y)
{
    size_t count = 0;

    for (size_t i = 0; i < region->count; i++) {
        const kh_point *a = &region->points[i], *b = &region->points[i + 1 < region->count ? i + 1 : 0];

        if ((a->y <= y) == (b->y <= y))
            continue;
        out[count++] = (strand){a->x + (y - a->y) / (b->y - a->y) * (b->x - a->x), a->y < b->y ? 1 : -1};
    }
    qsort(out, count, sizeof *out, by_x);
    return count;
}

static void polygon_pixels(const kh_region *region, strand *strands, frame_size frame, kh_region_visit *visit, void *context)
{
    double top = INFINITY, bottom = -INFINITY;
    uint32_t end;

    for (size_t i = 0; i < region->count; i++) {
        top = fmin(top, region->points[i].y);
        bottom = fmax(bottom, region->points[i].y);
    }
    end = first_from(bottom, frame.rows);
    for (uint32_t row = first_from(top, frame.rows); row < end; row++) {
        size_t count = find_strands(strands, region, row + 0.5);
        int winding = 0;

        for (size_t i = 0; i + 1 < count; i++) {
            winding += strands[i].turn;
            if (winding != 0)
                visit_between(row, strands[i].x, strands[i + 1].x, frame, visit, context);
        }
    }
}

kh_status kh_region_pixels(const kh_region *region, uint32_t columns, uint32_t rows, kh_region_visit *visit, void *context, kh_error *err)
{
    frame_size frame = {columns, rows};
    strand *strands;

    if (region->shape == KH_SHAPE_RECTANGLE) {
        rectangle_pixels(region->points, frame, visit, context);
        return KH_OK;
    }
    if (region->shape == KH_SHAPE_ELLIPSE) {
        ellipse_pixels(region->points, frame, visit, context);
        return KH_OK;
    }
    strands = calloc(region->count, sizeof *strands);
    if (!strands)
        return kh_error_set(err, KH_E_MEMORY, "no memory for an outline");
    polygon_pixels(region, strands, frame, visit, context);
    free(strands);
    return KH_OK;
}

/* ---- area of a polygon: between two neighbouring heights at which something happens no sides cross, so that each piece between two of
 * them is a trapezium, whose area is its width at half of its height times that ---- */

typedef struct sweep {
    double heights[KH_MARK_POINTS_MAX + KH_REGION_CROSSINGS_MAX];
    size_t height_count;
    strand strands[KH_MARK_POINTS_MAX];
} sweep;

static bool overlap(double a0, double a1, double b0, double b1)
{
    return fmax(fmin(a0, a1), fmin(b0, b1)) <= fmin(fmax(a0, a1), fmax(b0, b1));
}

/* Do the sides a and b cross, and at which height? Those that run along each other do nothing there that their ends do not tell. */
static bool find_crossing(double *y, const kh_point *a, const kh_point *a_end, const kh_point *b, const kh_point *b_end)
{
    double ax = a_end->x - a->x, ay = a_end->y - a->y, bx = b_end->x - b->x, by = b_end->y - b->y, across = ax * by - ay * bx, s, t;

    if (across == 0 || !overlap(a->x, a_end->x, b->x, b_end->x) || !overlap(a->y, a_end->y, b->y, b_end->y))
        return false;
    s = ((b->x - a->x) * by - (b->y - a->y) * bx) / across;
    t = ((b->x - a->x) * ay - (b->y - a->y) * ax) / across;
    *y = a->y + s * ay;
    return s > 0 && s < 1 && t > 0 && t < 1;
}

static kh_status find_heights(sweep *s, const kh_region *region, kh_error *err)
{
    const kh_point *p = region->points;
    size_t n = region->count;

    for (size_t i = 0; i < n; i++)
        s->heights[s->height_count++] = p[i].y;
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n; k++) {
            double y;

            if (!find_crossing(&y, &p[i], &p[(i + 1) % n], &p[k], &p[(k + 1) % n]))
                continue;
            if (s->height_count == n + KH_REGION_CROSSINGS_MAX)
                return kh_error_set(err, KH_E_ARG, "points: the outline crosses itself more than %d times", KH_REGION_CROSSINGS_MAX);
            s->heights[s->height_count++] = y;
        }
    qsort(s->heights, s->height_count, sizeof s->heights[0], by_value);
    return KH_OK;
}

static double width_at(sweep *s, const kh_region *region, double y)
{
    size_t count = find_strands(s->strands, region, y);
    double width = 0;
    int winding = 0;

    for (size_t i = 0; i + 1 < count; i++) {
        winding += s->strands[i].turn;
        if (winding != 0)
            width += s->strands[i + 1].x - s->strands[i].x;
    }
    return width;
}

static kh_status polygon_area(double *out, const kh_region *region, kh_error *err)
{
    sweep *s = calloc(1, sizeof *s);
    kh_status status = s ? find_heights(s, region, err) : kh_error_set(err, KH_E_MEMORY, "no memory for an outline");

    *out = 0;
    for (size_t i = 0; status == KH_OK && i + 1 < s->height_count; i++) {
        double above = s->heights[i], below = s->heights[i + 1];

        if (below > above)
            *out += width_at(s, region, above + (below - above) / 2) * (below - above);
    }
    free(s);
    return status;
}

kh_status kh_region_area(double *out, const kh_region *region, kh_error *err)
{
    const kh_point *p = region->points;
    double box = fabs(p[1].x - p[0].x) * fabs(p[1].y - p[0].y);

    if (region->shape == KH_SHAPE_POLYGON)
        return polygon_area(out, region, err);
    *out = region->shape == KH_SHAPE_ELLIPSE ? box * M_PI / 4 : box;
    return KH_OK;
}
