#include "viewer/render/window.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "viewer/render/modality.h"
#include "viewer/render/rows.h"
#include "viewer/render/shutter.h"
#include "viewer/render/supplement.h"

#define PERCENTILE_LOW 0.005
#define PERCENTILE_HIGH 0.995

typedef struct range {
    double low, high; /* stored values */
} range;

/* Every step-th row and column: no more than max pixels of the frame. */
static uint32_t grid_step(const kh_pixel_format *format, uint64_t max)
{
    uint32_t step = 1;

    while (((uint64_t)format->rows + step - 1) / step * (((uint64_t)format->columns + step - 1) / step) > max)
        step++;
    return step;
}

/* The rank of a percentile among count values, 0 to count - 1. */
static size_t rank_of(double percentile, size_t count)
{
    size_t rank = (size_t)ceil(percentile * (double)count);

    return rank == 0 ? 0 : rank - 1;
}

/* From the histogram the lowest and highest value and the percentiles; false when every pixel was padding. */
static bool range_of_histogram(range *out, const uint32_t *histogram, int32_t first, int32_t entries, size_t count)
{
    size_t low_rank = rank_of(PERCENTILE_LOW, count), high_rank = rank_of(PERCENTILE_HIGH, count), seen = 0;
    double lowest = 0, highest = 0, low = 0, high = 0;

    if (count == 0)
        return false;
    for (int32_t i = 0; i < entries; i++) {
        size_t before = seen;

        if (histogram[i] == 0)
            continue;
        seen += histogram[i];
        lowest = before == 0 ? first + i : lowest;
        highest = first + i;
        low = before <= low_rank && low_rank < seen ? first + i : low;
        high = before <= high_rank && high_rank < seen ? first + i : high;
    }
    *out = low < high ? (range){low, high} : (range){lowest, highest};
    return true;
}

/* Pixels that nobody sees say nothing of the window: padding, and what a shutter hides. */
typedef struct seen {
    const kh_image_info *info;
    const kh_shutter *shutter; /* NULL: there is none */
    const kh_palette *colours; /* NULL: there are none; values from its first on are shown in colour, without a window */
    double aspect;
    kh_shutter_row row; /* of the shutter, for the row looked at */
} seen;

static void see_source(seen *s, const kh_render_source *source)
{
    const kh_shutter *shutter = source->display ? kh_display_shutter(source->display, source->frame) : NULL;

    s->info = source->info;
    s->shutter = shutter && shutter->shapes ? shutter : NULL;
    s->colours = kh_has_supplemental(source) ? &source->display->palette : NULL;
    s->aspect = kh_shutter_aspect(source->info);
}

static void see_row(seen *s, uint32_t y)
{
    if (s->shutter)
        kh_shutter_row_begin(&s->row, s->shutter, y + 1.0, s->aspect);
}

/* In the row, from left to right. */
static bool counts(seen *s, double value, uint32_t x)
{
    return !kh_is_background(s->info, value) && (!s->colours || value < s->colours->first) &&
           (!s->shutter || kh_shutter_row_shows(&s->row, x + 1.0));
}

static bool range_of_integers(range *out, kh_window_scratch *scratch, const kh_render_source *source)
{
    const kh_pixel_format *format = source->format;
    int32_t entries = 1 << format->bits_stored, first = format->is_signed ? -(entries / 2) : 0;
    uint32_t step = grid_step(format, KH_WINDOW_GRID_MAX);
    size_t count = 0;
    seen s;

    memset(scratch->histogram, 0, (size_t)entries * sizeof scratch->histogram[0]);
    see_source(&s, source);
    for (uint32_t y = 0; y < format->rows; y += step) {
        kh_row row = {source->pixels, format, y, 0, format->columns};

        see_row(&s, y);
        for (uint32_t x = 0; x < format->columns; x += step) {
            double value = kh_row_value(&row, x);

            if (!counts(&s, value, x))
                continue;
            scratch->histogram[(int32_t)value - first]++;
            count++;
        }
    }
    return range_of_histogram(out, scratch->histogram, first, entries, count);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static bool range_of_sorted(range *out, kh_window_scratch *scratch, const kh_render_source *source)
{
    const kh_pixel_format *format = source->format;
    uint32_t step = grid_step(format, KH_WINDOW_SORTED_MAX);
    double *values = scratch->sorted;
    size_t count = 0;
    seen s;

    see_source(&s, source);
    for (uint32_t y = 0; y < format->rows; y += step) {
        kh_row row = {source->pixels, format, y, 0, format->columns};

        see_row(&s, y);
        for (uint32_t x = 0; x < format->columns; x += step) {
            double value = kh_row_value(&row, x);

            if (isfinite(value) && counts(&s, value, x))
                values[count++] = value;
        }
    }
    if (count == 0)
        return false;
    qsort(values, count, sizeof *values, compare_doubles);
    *out = (range){values[rank_of(PERCENTILE_LOW, count)], values[rank_of(PERCENTILE_HIGH, count)]};
    if (out->low == out->high)
        *out = (range){values[0], values[count - 1]};
    return true;
}

static range whole_range(const kh_pixel_format *format)
{
    double entries = (double)(UINT64_C(1) << format->bits_stored), first = format->is_signed ? -entries / 2 : 0.0;

    return (range){first, first + entries - 1};
}

/* The modality values of the stored ones from low to high. A table need not rise or fall throughout, so all of it is looked at. */
static range modality_range(const kh_modality *modality, range stored)
{
    double first = kh_modality_value(modality, stored.low), last = kh_modality_value(modality, stored.high);
    range out = {fmin(first, last), fmax(first, last)};

    for (double value = stored.low; modality->lookup && value <= stored.high; value++) {
        double entry = kh_modality_value(modality, value);

        out = (range){fmin(out.low, entry), fmax(out.high, entry)};
    }
    if (out.low == out.high)
        out.high += 1.0;
    return out;
}

static kh_status window_from_pixels(kh_voi *out, kh_window_scratch *scratch, const kh_render_source *source, kh_error *err)
{
    const kh_pixel_format *format = source->format;
    kh_modality modality = kh_modality_of(source->info, source->slice, source->display);
    kh_voi_function function = source->slice->voi_function;
    range stored = {0, 1}, shown;
    double low, high;

    if (!format->is_float && format->bits_stored <= 8)
        stored = whole_range(format);
    else if (!format->is_float && format->bits_stored <= 16)
        (void)range_of_integers(&stored, scratch, source); /* nothing but padding: any window shows it */
    else
        (void)range_of_sorted(&stored, scratch, source);
    if (stored.low == stored.high)
        stored.high += 1.0;
    shown = modality_range(&modality, stored);
    low = shown.low;
    high = shown.high;
    if (function == KH_VOI_LINEAR)
        return kh_voi_init(out, function, (low + high) / 2 + 0.5, high - low + 1.0, err);
    return kh_voi_init(out, function, (low + high) / 2, high - low, err);
}

/* Tables are for whole numbers of up to 16 bits. */
static const kh_lookup *lut_of(const kh_render_source *source, uint32_t index)
{
    if (!source->display || source->format->is_float || source->format->bits_stored > 16)
        return NULL;
    return kh_display_voi_lut(source->display, source->slice, index);
}

static kh_status choose_lut(kh_voi *out, const kh_render_source *source, uint32_t index, kh_error *err)
{
    const kh_lookup *lookup = lut_of(source, index);

    if (!lookup)
        return kh_error_set(err, KH_E_NOT_FOUND, "VOI LUT %u of this frame, which has %u that can be read", index,
                            source->display ? (unsigned)source->slice->voi_lut_count : 0u);
    kh_voi_init_lookup(out, lookup);
    return KH_OK;
}

kh_status kh_window_told(kh_voi *out, bool *told, const kh_render_source *source, const kh_render_view *view, kh_error *err)
{
    const kh_slice_info *slice = source->slice;

    *told = true;
    if (view->lut_given)
        return choose_lut(out, source, view->lut, err);
    if (view->window_given)
        return kh_voi_init(out, view->function_given ? view->function : slice->voi_function, view->window_center, view->window_width, err);
    for (uint32_t i = 0; i < slice->window_count && i < KH_WINDOWS_MAX; i++)
        if (kh_voi_usable(slice->voi_function, slice->windows[i].center, slice->windows[i].width))
            return kh_voi_init(out, slice->voi_function, slice->windows[i].center, slice->windows[i].width, err);
    for (uint32_t i = 0; i < slice->voi_lut_count; i++)
        if (lut_of(source, i)) {
            kh_voi_init_lookup(out, lut_of(source, i));
            return KH_OK;
        }
    *told = false;
    return KH_OK;
}

kh_status kh_window_choose(kh_voi *out, bool *from_pixels, kh_window_scratch *scratch, const kh_render_source *source,
                           const kh_render_view *view, kh_error *err)
{
    bool told;
    kh_status status = kh_window_told(out, &told, source, view, err);

    *from_pixels = !told;
    return told ? status : window_from_pixels(out, scratch, source, err);
}
