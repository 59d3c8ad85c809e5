#include "phantom/canvas.h"

#include <stdlib.h>
#include "phantom/random.h"

#define FAR 1e6f
#define EDGE_MM 1.0f /* over which a surface fades, as a soft kernel's point spread does */
#define CURVE_STEPS 5

kh_status ph_canvas_init(ph_canvas *canvas, int size, float spacing, float x0, float y0, kh_error *err)
{
    size_t pixels = (size_t)size * (size_t)size;
    float *memory = calloc(pixels * 7, sizeof *memory);

    if (!memory)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a slice of %d x %d", size, size);
    *canvas = (ph_canvas){.size = size, .spacing = spacing, .x0 = x0, .y0 = y0, .memory = memory};
    canvas->value = memory;
    canvas->x = memory + pixels;
    canvas->y = memory + pixels * 2;
    canvas->broad = memory + pixels * 3;
    canvas->medium = memory + pixels * 4;
    canvas->fine = memory + pixels * 5;
    canvas->field = memory + pixels * 6;
    return KH_OK;
}

void ph_canvas_release(ph_canvas *canvas)
{
    free(canvas->memory);
    *canvas = (ph_canvas){0};
}

/* Nodes stand on every step-th pixel and on the last one; what lies between is interpolated. */
static void interpolate_row(float *row, int left, int right, int step)
{
    for (int x = left; x < right - 1; x += step) {
        int next = x + step < right - 1 ? x + step : right - 1;
        float slope = (row[next] - row[x]) / (float)(next - x);

        for (int k = x + 1; k < next; k++)
            row[k] = row[x] + slope * (float)(k - x);
    }
}

static void interpolate(float *image, int size, ph_rect r, int step)
{
    for (int y = r.top; y < r.bottom; y += step)
        interpolate_row(image + (size_t)y * (size_t)size, r.left, r.right, step);
    if ((r.bottom - 1 - r.top) % step)
        interpolate_row(image + (size_t)(r.bottom - 1) * (size_t)size, r.left, r.right, step);
    for (int y = r.top; y < r.bottom - 1; y += step) {
        int next = y + step < r.bottom - 1 ? y + step : r.bottom - 1;
        const float *above = image + (size_t)y * (size_t)size, *below = image + (size_t)next * (size_t)size;

        for (int k = y + 1; k < next; k++) {
            float t = (float)(k - y) / (float)(next - y), *row = image + (size_t)k * (size_t)size;

            for (int x = r.left; x < r.right; x++)
                row[x] = above[x] + (below[x] - above[x]) * t;
        }
    }
}

/* The nodes of a rect, the last row and column included. */
#define FOR_NODES(v, first, last, step)                                                                                \
    for (int v = (first); v < (last); v = v == (last)-1 ? (last) : v + (step) < (last)-1 ? v + (step) : (last)-1)

static void noise_field(ph_canvas *c, float *out, float scale_mm, float amplitude, int step, uint32_t salt)
{
    ph_rect all = {0, 0, c->size, c->size};

    FOR_NODES (y, 0, c->size, step)
        FOR_NODES (x, 0, c->size, step)
            out[(size_t)y * (size_t)c->size + (size_t)x] =
                amplitude * ph_noise3((c->x0 + (float)x * c->spacing) / scale_mm,
                                      (c->y0 + (float)y * c->spacing) / scale_mm, c->z / scale_mm, salt);
    interpolate(out, c->size, all, step);
}

void ph_canvas_begin(ph_canvas *c, float z, uint32_t salt, float background)
{
    size_t pixels = (size_t)c->size * (size_t)c->size;

    c->z = z;
    noise_field(c, c->x, 55, PH_WARP_MM, 8, salt + 1);
    noise_field(c, c->y, 55, PH_WARP_MM, 8, salt + 2);
    noise_field(c, c->broad, 28, 1, 8, salt + 3);
    noise_field(c, c->medium, 9, 1, 4, salt + 4);
    noise_field(c, c->fine, 3.2f, 1, 2, salt + 5);
    for (size_t i = 0; i < pixels; i++) {
        c->x[i] += c->x0 + (float)(i % (size_t)c->size) * c->spacing;
        c->y[i] += c->y0 + (float)(i / (size_t)c->size) * c->spacing;
        c->value[i] = background;
    }
}

bool ph_canvas_rect(const ph_canvas *c, const ph_box *box, ph_rect *rect)
{
    float margin = PH_WARP_MM + 2 * c->spacing, most = (float)c->size;

    if (c->z < box->bottom || c->z > box->top)
        return false;
    rect->left = (int)ph_clamp(floorf((box->left - margin - c->x0) / c->spacing), 0, most);
    rect->right = (int)ph_clamp(ceilf((box->right + margin - c->x0) / c->spacing) + 1, 0, most);
    rect->top = (int)ph_clamp(floorf((box->front - margin - c->y0) / c->spacing), 0, most);
    rect->bottom = (int)ph_clamp(ceilf((box->back + margin - c->y0) / c->spacing) + 1, 0, most);
    return rect->left < rect->right && rect->top < rect->bottom;
}

void ph_measure(ph_canvas *c, ph_rect rect, int step, ph_sdf *sdf, const void *shape)
{
    FOR_NODES (y, rect.top, rect.bottom, step) {
        FOR_NODES (x, rect.left, rect.right, step) {
            size_t i = (size_t)y * (size_t)c->size + (size_t)x;
            ph_point p = {c->x[i], c->y[i], c->z, c->broad[i], c->medium[i]};

            c->field[i] = sdf(shape, &p);
        }
    }
    if (step > 1)
        interpolate(c->field, c->size, rect, step);
}

void ph_fill(ph_canvas *c, ph_rect rect, ph_shade *shade, const void *context)
{
    for (int y = rect.top; y < rect.bottom; y++) {
        for (int x = rect.left; x < rect.right; x++) {
            size_t i = (size_t)y * (size_t)c->size + (size_t)x;
            float cover = 0.5f - c->field[i] / EDGE_MM;

            if (cover <= 0)
                continue;
            c->value[i] += (shade(context, c, i, -c->field[i]) - c->value[i]) * fminf(cover, 1);
        }
    }
}

void ph_paint(ph_canvas *c, const ph_box *box, int step, ph_sdf *sdf, const void *shape, ph_shade *shade,
              const void *context)
{
    ph_rect rect;

    if (!ph_canvas_rect(c, box, &rect))
        return;
    ph_measure(c, rect, step, sdf, shape);
    ph_fill(c, rect, shade, context);
}

static bool segment_rect(const ph_canvas *c, const ph_segments *list, const ph_segment *s, float grow, ph_rect *rect)
{
    float reach = fmaxf(s->ra, s->rb) + grow + EDGE_MM, reach_z = reach / list->z_squash;
    ph_box box = {fminf(s->a.x, s->b.x) - reach, fmaxf(s->a.x, s->b.x) + reach,   fminf(s->a.y, s->b.y) - reach,
                  fmaxf(s->a.y, s->b.y) + reach, fminf(s->a.z, s->b.z) - reach_z, fmaxf(s->a.z, s->b.z) + reach_z};

    return reach > 0 && ph_canvas_rect(c, &box, rect);
}

static void measure_segment(ph_canvas *c, ph_rect rect, const ph_segment *s, float z_squash, float grow, float rough)
{
    ph_segment flat = *s;

    flat.a.z = (s->a.z - c->z) * z_squash;
    flat.b.z = (s->b.z - c->z) * z_squash;
    for (int y = rect.top; y < rect.bottom; y++) {
        for (int x = rect.left; x < rect.right; x++) {
            size_t i = (size_t)y * (size_t)c->size + (size_t)x;
            float d = ph_capsule((ph_vec){c->x[i], c->y[i], 0}, &flat) - grow + rough * c->medium[i];

            if (d < c->field[i])
                c->field[i] = d;
        }
    }
}

void ph_paint_segments(ph_canvas *c, const ph_segments *list, float grow, float rough, ph_shade *shade,
                       const void *context)
{
    ph_rect all = {c->size, c->size, 0, 0}, rect;

    for (size_t k = 0; k < list->count; k++) {
        if (!segment_rect(c, list, &list->items[k], grow + rough, &rect))
            continue;
        all.left = rect.left < all.left ? rect.left : all.left;
        all.top = rect.top < all.top ? rect.top : all.top;
        all.right = rect.right > all.right ? rect.right : all.right;
        all.bottom = rect.bottom > all.bottom ? rect.bottom : all.bottom;
    }
    for (int y = all.top; y < all.bottom; y++)
        for (int x = all.left; x < all.right; x++)
            c->field[(size_t)y * (size_t)c->size + (size_t)x] = FAR;
    for (size_t k = 0; k < list->count; k++)
        if (segment_rect(c, list, &list->items[k], grow + rough, &rect))
            measure_segment(c, rect, &list->items[k], list->z_squash, grow, rough);
    ph_fill(c, all, shade, context);
}

float ph_flat(const void *context, const ph_canvas *canvas, size_t i, float depth)
{
    (void)canvas;
    (void)i;
    (void)depth;
    return *(const float *)context;
}

kh_status ph_add_segment(ph_segments *list, ph_segment segment, kh_error *err)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 32;
        ph_segment *items = realloc(list->items, capacity * sizeof *items);

        if (!items)
            return kh_error_set(err, KH_E_MEMORY, "no memory for %zu tube segments", capacity);
        list->items = items;
        list->capacity = capacity;
    }
    if (list->z_squash <= 0)
        list->z_squash = 1;
    list->items[list->count++] = segment;
    return KH_OK;
}

static float catmull_rom(float a, float b, float c, float d, float t)
{
    return b + 0.5f * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}

kh_status ph_add_curve(ph_segments *list, const float (*p)[4], size_t count, kh_error *err)
{
    kh_status status = KH_OK;
    float last[4], now[4];

    for (int k = 0; k < 4; k++)
        last[k] = p[0][k];
    for (size_t i = 0; i + 1 < count; i++) {
        const float *before = p[i > 0 ? i - 1 : 0], *after = p[i + 2 < count ? i + 2 : count - 1];

        for (int s = 1; s <= CURVE_STEPS; s++) {
            for (int k = 0; k < 4; k++)
                now[k] = catmull_rom(before[k], p[i][k], p[i + 1][k], after[k], (float)s / CURVE_STEPS);
            status = ph_add_segment(
                list, (ph_segment){{last[0], last[1], last[2]}, {now[0], now[1], now[2]}, last[3], now[3]}, err);
            if (status != KH_OK)
                return status;
            for (int k = 0; k < 4; k++)
                last[k] = now[k];
        }
    }
    return status;
}

void ph_segments_release(ph_segments *list)
{
    free(list->items);
    *list = (ph_segments){0};
}
