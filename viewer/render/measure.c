#include "viewer/render/measure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "viewer/render/check.h"
#include "viewer/render/modality.h"
#include "viewer/render/rows.h"

#define ALONG_COSINE 0.42261826174069944 /* of 65 degrees, between a line's normal and the connection of two lines */

/* ---- lines ---- */

/* From one point to another, in stored pixels scaled by the size of one. */
typedef struct vector {
    double x, y;
} vector;

static vector from_to(const kh_point *a, const kh_point *b, double x_scale, double y_scale)
{
    return (vector){(b->x - a->x) * x_scale, (b->y - a->y) * y_scale};
}

static double length_of(vector v)
{
    return hypot(v.x, v.y);
}

static double degrees_between(vector a, vector b)
{
    if (length_of(a) == 0 || length_of(b) == 0)
        return NAN;
    return fabs(atan2(a.x * b.y - a.y * b.x, a.x * b.x + a.y * b.y)) * 180 / M_PI;
}

/* NAN where there are no millimetres: they make every length one. */
static double length_mm(const kh_measured *m, const kh_point *a, const kh_point *b)
{
    return length_of(from_to(a, b, m->column_spacing_mm, m->row_spacing_mm));
}

static double length_px(const kh_point *a, const kh_point *b)
{
    return length_of(from_to(a, b, 1, 1));
}

/* The normal on the side of the connection; false when the line runs nearly along it. */
static bool turn_to(vector *normal, vector line, vector connection)
{
    double along;

    *normal = (vector){-line.y, line.x};
    along = (normal->x * connection.x + normal->y * connection.y) / (length_of(*normal) * length_of(connection));
    if (along < 0)
        *normal = (vector){line.y, -line.x};
    return fabs(along) >= ALONG_COSINE; /* not of a connection or line without length: that is NAN */
}

static double cobb_degrees(const kh_point *p, double y_scale)
{
    vector one = from_to(&p[0], &p[1], 1, y_scale), two = from_to(&p[2], &p[3], 1, y_scale), normal_one, normal_two;
    const kh_point middle[2] = {{(p[0].x + p[1].x) / 2, (p[0].y + p[1].y) / 2}, {(p[2].x + p[3].x) / 2, (p[2].y + p[3].y) / 2}};
    vector connection = from_to(&middle[0], &middle[1], 1, y_scale);
    bool sided = turn_to(&normal_one, one, connection);
    double between;

    sided = turn_to(&normal_two, two, connection) && sided;
    between = degrees_between(normal_one, normal_two);
    return !sided && between > 90 ? 180 - between : between;
}

static void measure_lines(kh_measured *m, const kh_render_source *source, const kh_point *p)
{
    double aspect = isnan(m->row_spacing_mm) ? source->info->pixel_aspect : m->row_spacing_mm / m->column_spacing_mm;

    switch (m->kind) {
    case KH_MARK_BIDIRECTIONAL:
        m->short_px = length_px(&p[2], &p[3]);
        m->short_mm = length_mm(m, &p[2], &p[3]);
        m->length_px = length_px(&p[0], &p[1]);
        m->length_mm = length_mm(m, &p[0], &p[1]);
        break;
    case KH_MARK_LENGTH:
        m->length_px = length_px(&p[0], &p[1]);
        m->length_mm = length_mm(m, &p[0], &p[1]);
        break;
    case KH_MARK_ANGLE:
        m->degrees = degrees_between(from_to(&p[1], &p[0], 1, aspect), from_to(&p[1], &p[2], 1, aspect));
        break;
    case KH_MARK_COBB:
        m->degrees = cobb_degrees(p, aspect);
        break;
    default:
        break;
    }
}

/* ---- values ---- */

typedef struct counting {
    kh_measured *measured;
    const kh_render_source *source;
    kh_modality modality;
    double squares; /* of distances from the mean so far (Welford) */
} counting;

static void count_value(counting *c, double value)
{
    kh_measured *m = c->measured;
    double away;

    if (m->count++ == 0) {
        m->mean = m->min = m->max = value;
        return;
    }
    away = value - m->mean;
    m->mean += away / (double)m->count;
    c->squares += away * (value - m->mean);
    m->min = fmin(m->min, value);
    m->max = fmax(m->max, value);
}

static void count_pixels(void *context, uint32_t row, uint32_t column, uint32_t count)
{
    counting *c = context;
    const kh_row at = {.pixels = c->source->pixels, .format = c->source->format, .row = row, .column = column, .count = count};

    for (uint32_t i = 0; i < count; i++) {
        double stored = kh_row_value(&at, i);

        if (kh_is_background(c->source->info, stored))
            c->measured->padding++;
        else
            count_value(c, kh_modality_value(&c->modality, stored));
    }
}

static bool is_grey(const kh_pixel_format *format)
{
    return format->photometric == KH_PHOTOMETRIC_MONOCHROME1 || format->photometric == KH_PHOTOMETRIC_MONOCHROME2;
}

/* A unit is of values behind the transform; of stored ones none is told. */
static void tell_unit(kh_measured *m, const kh_render_source *source, const kh_modality *modality)
{
    const kh_image_info *info = source->info;

    m->stored_values = kh_window_is_on_stored_values(info) ||
                       (!modality->lookup && modality->slope == 1 && modality->intercept == 0 && !info->rescale_type[0]);
    if (!m->stored_values && strcmp(info->rescale_type, "US") != 0)
        snprintf(m->unit, sizeof m->unit, "%s", info->rescale_type);
}

static kh_status measure_region(counting *c, const kh_region *region, kh_error *err)
{
    kh_measured *m = c->measured;
    const kh_pixel_format *format = c->source->format;
    kh_status status = kh_region_area(&m->area_px, region, err);

    m->area_mm2 = m->area_px * m->row_spacing_mm * m->column_spacing_mm;
    if (status != KH_OK || !is_grey(format))
        return status;
    status = kh_region_pixels(region, format->columns, format->rows, count_pixels, c, err);
    if (m->count > 0)
        m->sd = sqrt(c->squares / (double)m->count);
    return status;
}

/* On the right and the lower edge of the frame, the last pixel. */
static uint32_t index_of(double place, uint32_t count)
{
    return place >= count ? count - 1 : (uint32_t)place;
}

static void measure_probe(counting *c, const kh_point *point)
{
    const kh_pixel_format *format = c->source->format;
    const kh_row at = {.pixels = c->source->pixels, .format = format, .row = index_of(point->y, format->rows),
                       .column = index_of(point->x, format->columns), .count = 1};
    kh_measured *m = c->measured;
    uint8_t rgb[3];

    if (is_grey(format)) {
        m->stored = kh_row_value(&at, 0);
        count_pixels(c, at.row, at.column, 1);
        m->value = m->mean;
        m->sd = m->count > 0 ? 0 : NAN;
        return;
    }
    if (format->photometric == KH_PHOTOMETRIC_PALETTE) {
        m->stored = kh_row_value(&at, 0);
        kh_row_palette(&at, &c->source->display->palette, rgb);
    } else {
        kh_row_rgb(&at, rgb);
    }
    for (size_t i = 0; i < 3; i++)
        m->rgb[i] = rgb[i];
}

static void init_measured(kh_measured *m, const kh_slice_info *slice, kh_mark_kind kind)
{
    bool told = slice->spacing_source != KH_SPACING_NONE;

    *m = (kh_measured){.kind = kind,
                       .mean = NAN,
                       .sd = NAN,
                       .min = NAN,
                       .max = NAN,
                       .value = NAN,
                       .stored = NAN,
                       .rgb = {-1, -1, -1},
                       .length_px = NAN,
                       .length_mm = NAN,
                       .short_px = NAN,
                       .short_mm = NAN,
                       .degrees = NAN,
                       .area_px = NAN,
                       .area_mm2 = NAN,
                       .spacing_source = slice->spacing_source,
                       .axis_x = NAN,
                       .axis_y = NAN,
                       .axis_x_unit = "",
                       .axis_y_unit = "",
                       .row_spacing_mm = told ? slice->row_spacing_mm : NAN,
                       .column_spacing_mm = told ? slice->column_spacing_mm : NAN};
}

/* ---- ultrasound ---- */

static double along(const kh_us_axis *axis, kh_mark_kind kind, double from, double to)
{
    if (axis->unit == 0)
        return NAN;
    return kind == KH_MARK_PROBE ? axis->value + (from - axis->reference) * axis->delta : fabs((to - from) * axis->delta);
}

static void measure_axes(kh_measured *m, const kh_render_source *source, const kh_us_region *region, const kh_point *p)
{
    const kh_pixel_format *format = source->format;
    bool probe = m->kind == KH_MARK_PROBE;

    if (!probe && m->kind != KH_MARK_LENGTH)
        return;
    m->axis_x = along(&region->x, m->kind, probe ? index_of(p[0].x, format->columns) : p[0].x, p[1 - probe].x);
    m->axis_y = along(&region->y, m->kind, probe ? index_of(p[0].y, format->rows) : p[0].y, p[1 - probe].y);
    m->axis_x_unit = isnan(m->axis_x) ? "" : kh_us_unit_text(region->x.unit);
    m->axis_y_unit = isnan(m->axis_y) ? "" : kh_us_unit_text(region->y.unit);
}

/* Regions are what the image says of its pixels' size: a spacing beside them, which can be of a part only, does not count. */
static void find_region(kh_measured *m, const kh_render_source *source, const kh_point *points, size_t count)
{
    static const kh_spacing_source elsewhere[] = {[KH_US_INSIDE] = KH_SPACING_ULTRASOUND_OTHER,
                                                  [KH_US_OUTSIDE] = KH_SPACING_ULTRASOUND_OUTSIDE,
                                                  [KH_US_ACROSS] = KH_SPACING_ULTRASOUND_ACROSS,
                                                  [KH_US_UNFIT] = KH_SPACING_ULTRASOUND_UNFIT};
    const kh_image_info *info = source->info;
    const kh_us_region *region;

    if (info->us_region_count == 0)
        return;
    m->row_spacing_mm = m->column_spacing_mm = NAN;
    m->spacing_source = elsewhere[kh_us_find(&region, info->us_regions, info->us_region_count, source->format->columns,
                                             source->format->rows, m->kind, points, count)];
    if (region && kh_us_is_spatial(region)) {
        m->spacing_source = KH_SPACING_ULTRASOUND;
        m->row_spacing_mm = fabs(region->y.delta) * 10;
        m->column_spacing_mm = fabs(region->x.delta) * 10;
    } else if (region) {
        measure_axes(m, source, region, points);
    }
}

kh_status kh_measure(kh_measured *out, const kh_render_source *source, kh_mark_kind kind, const kh_point *points, size_t count,
                     kh_error *err)
{
    kh_region region = {.points = points, .count = count};
    counting c = {.measured = out, .source = source, .modality = kh_modality_of(source->info, source->slice, source->display)};
    kh_status status = kh_check_source(source, err);

    init_measured(out, source->slice, kind);
    if (status == KH_OK && c.modality.lookup && (source->format->is_float || source->format->bits_stored > 16))
        status = kh_error_set(err, KH_E_UNSUPPORTED, "ModalityLUTSequence (0028,3000) for values of %u bits, expected up to 16",
                              (unsigned)source->format->bits_stored);
    if (status == KH_OK)
        status = kh_mark_check(kind, points, count, source->format->columns, source->format->rows, err);
    if (status != KH_OK)
        return status;
    find_region(out, source, points, count);
    tell_unit(out, source, &c.modality);
    measure_lines(out, source, points);
    if (kind == KH_MARK_PROBE)
        measure_probe(&c, points);
    if (kind != KH_MARK_RECTANGLE && kind != KH_MARK_ELLIPSE && kind != KH_MARK_FREEHAND)
        return KH_OK;
    region.shape = kind == KH_MARK_RECTANGLE ? KH_SHAPE_RECTANGLE : kind == KH_MARK_ELLIPSE ? KH_SHAPE_ELLIPSE : KH_SHAPE_POLYGON;
    return measure_region(&c, &region, err);
}
