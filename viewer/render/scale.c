#include "viewer/render/scale.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "viewer/render/simd.h"

#define NO_ROW UINT64_MAX
#define CUBIC_TAPS 4 /* weights of a result pixel, used or not, where a picture grows */

void kh_scaler_release(kh_scaler *scaler)
{
    kh_scale_axis *axes[] = {&scaler->across, &scaler->down};

    for (size_t i = 0; i < sizeof axes / sizeof axes[0]; i++) {
        free(axes[i]->taps);
        free(axes[i]->weights);
    }
    free(scaler->memory);
    *scaler = (kh_scaler){0};
}

/* Room for count things of size bytes at *memory, whose content may go. */
static kh_status grow(void **memory, size_t *capacity, size_t count, size_t size, kh_error *err)
{
    size_t bytes;

    if (count <= *capacity)
        return KH_OK;
    free(*memory);
    *capacity = 0;
    *memory = kh_size_mul(&bytes, count, size) ? malloc(bytes) : NULL;
    if (!*memory)
        return kh_error_set(err, KH_E_MEMORY, "no memory for scaling");
    *capacity = count;
    return KH_OK;
}

/* Source pixels per result pixel at most. */
static size_t taps_max(uint32_t source_size, uint32_t out_size)
{
    return out_size > source_size ? CUBIC_TAPS : (size_t)(source_size / out_size) + 2;
}

/* Result pixel i covers [i * source, (i + 1) * source) where source pixel j covers [j * out, (j + 1) * out): all in integers. */
static void tap_area(kh_scale_tap *tap, float *weights, uint32_t source_size, uint32_t out_size, uint32_t i)
{
    uint64_t from = (uint64_t)i * source_size, to = from + source_size;

    tap->first = (uint32_t)(from / out_size);
    tap->count = (uint32_t)((to + out_size - 1) / out_size) - tap->first;
    for (uint32_t k = 0; k < tap->count; k++) {
        uint64_t left = (uint64_t)(tap->first + k) * out_size, right = left + out_size;
        uint64_t overlap = (right < to ? right : to) - (left > from ? left : from);

        weights[k] = (float)((double)overlap / source_size);
    }
}

static double catmull_rom(double distance)
{
    double d = fabs(distance);

    if (d < 1.0)
        return (1.5 * d - 2.5) * d * d + 1.0;
    return d < 2.0 ? ((-0.5 * d + 2.5) * d - 4.0) * d + 2.0 : 0.0;
}

/* Outside the picture its edge pixel goes on: the weights that fall there are added to the edge's. */
static void tap_cubic(kh_scale_tap *tap, float *weights, uint32_t source_size, uint32_t out_size, uint32_t i)
{
    double at = ((double)i + 0.5) * source_size / out_size - 0.5;
    int64_t base = (int64_t)floor(at), last = (int64_t)source_size - 1;
    int64_t first = base - 1 < 0 ? 0 : base - 1, end = base + 2 > last ? last : base + 2;
    double sums[CUBIC_TAPS] = {0};

    for (int64_t j = base - 1; j <= base + 2; j++) {
        int64_t inside = j < first ? first : j > end ? end : j;

        sums[inside - first] += catmull_rom(at - (double)j);
    }
    tap->first = (uint32_t)first;
    tap->count = (uint32_t)(end - first + 1);
    for (uint32_t k = 0; k < tap->count; k++)
        weights[k] = (float)sums[k];
}

static kh_status axis_prepare(kh_scale_axis *axis, uint32_t source_size, uint32_t out_size, uint32_t crop_first,
                              uint32_t crop_count, kh_error *err)
{
    size_t each = taps_max(source_size, out_size);
    kh_status status;

    if (axis->source_size == source_size && axis->out_size == out_size && axis->crop_first == crop_first
        && axis->crop_count == crop_count)
        return KH_OK;
    axis->source_size = 0;
    status = grow((void **)&axis->taps, &axis->tap_capacity, crop_count, sizeof *axis->taps, err);
    if (status == KH_OK)
        status = grow((void **)&axis->weights, &axis->weight_capacity, crop_count * each, sizeof *axis->weights, err);
    if (status != KH_OK)
        return status;
    axis->source_first = source_size;
    axis->source_end = 0;
    for (uint32_t i = 0; i < crop_count; i++) {
        kh_scale_tap *tap = &axis->taps[i];

        tap->weight = i * each;
        if (out_size > source_size)
            tap_cubic(tap, axis->weights + tap->weight, source_size, out_size, crop_first + i);
        else
            tap_area(tap, axis->weights + tap->weight, source_size, out_size, crop_first + i);
        axis->source_first = tap->first < axis->source_first ? tap->first : axis->source_first;
        axis->source_end = tap->first + tap->count > axis->source_end ? tap->first + tap->count : axis->source_end;
    }
    *axis = (kh_scale_axis){source_size, out_size, crop_first, crop_count, axis->source_first, axis->source_end,
                            axis->taps, axis->weights, axis->tap_capacity, axis->weight_capacity};
    return KH_OK;
}

KH_SIMD static void row_weigh(float *restrict sum, const float *restrict row, float weight, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum[i] = weight * row[i];
}

KH_SIMD static void row_add(float *restrict sum, const float *restrict row, float weight, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += weight * row[i];
}

/* The halving of a picture that most levels of a pyramid are. */
KH_SIMD static void pairs_mean(float *restrict out, const float *restrict row, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = 0.5f * row[2 * i] + 0.5f * row[2 * i + 1];
}

/* One channel, and as nearly always in a cubic four taps. */
static void row_across_cubic(const kh_scale_axis *axis, const float *row, float *out)
{
    const float *weights = axis->weights;

    for (uint32_t i = 0; i < axis->crop_count; i++, weights += CUBIC_TAPS) {
        const kh_scale_tap *tap = &axis->taps[i];
        const float *from = row + (tap->first - axis->source_first);
        float sum = weights[0] * from[0];

        if (tap->count == CUBIC_TAPS)
            sum = sum + weights[1] * from[1] + weights[2] * from[2] + weights[3] * from[3];
        else
            for (uint32_t k = 1; k < tap->count; k++)
                sum += weights[k] * from[k];
        out[i] = sum;
    }
}

/* The sum of the loop at its end: the counts down to a quarter are written out, as those loops are over before they run well. */
static inline float weigh(const float *w, const float *from, uint32_t count)
{
    float sum = 0.0f;

    switch (count) {
    case 2: return w[0] * from[0] + w[1] * from[1];
    case 3: return w[0] * from[0] + w[1] * from[1] + w[2] * from[2];
    case 4: return w[0] * from[0] + w[1] * from[1] + w[2] * from[2] + w[3] * from[3];
    case 5: return w[0] * from[0] + w[1] * from[1] + w[2] * from[2] + w[3] * from[3] + w[4] * from[4];
    default: break;
    }
    for (uint32_t k = 0; k < count; k++)
        sum += w[k] * from[k];
    return sum;
}

static void row_across_grey(const kh_scale_axis *axis, const float *row, float *out)
{
    for (uint32_t i = 0; i < axis->crop_count; i++) {
        const kh_scale_tap *tap = &axis->taps[i];

        out[i] = weigh(axis->weights + tap->weight, row + (tap->first - axis->source_first), tap->count);
    }
}

static void row_across(const kh_scale_axis *axis, const float *row, uint32_t channels, float *out)
{
    for (uint32_t i = 0; i < axis->crop_count; i++) {
        const kh_scale_tap *tap = &axis->taps[i];
        const float *weights = axis->weights + tap->weight;
        const float *from = row + (size_t)(tap->first - axis->source_first) * channels;

        for (uint32_t channel = 0; channel < channels; channel++) {
            float sum = 0.0f;

            for (uint32_t k = 0; k < tap->count; k++)
                sum += weights[k] * from[(size_t)k * channels + channel];
            out[(size_t)i * channels + channel] = sum;
        }
    }
}

static size_t row_floats_of(const kh_scaler *scaler, const kh_scale_job *job)
{
    return (size_t)(scaler->across.source_end - scaler->across.source_first) * job->channels;
}

static const float *source_row(kh_scaler *scaler, const kh_scale_job *job, uint32_t row, size_t row_floats)
{
    size_t slot = row % KH_SCALE_ROWS;
    float *held = scaler->memory + slot * row_floats;

    if (scaler->row_held[slot] != row) {
        job->fetch(job->context, row, scaler->across.source_first, scaler->across.source_end - scaler->across.source_first, held);
        scaler->row_held[slot] = row;
    }
    return held;
}

void kh_scale_rows(kh_scaler *scaler, const kh_scale_job *job, uint32_t source_rows)
{
    const kh_scale_axis *across = &scaler->across, *down = &scaler->down;
    size_t row_floats = row_floats_of(scaler, job);
    float *sum = scaler->memory + KH_SCALE_ROWS * row_floats, *result = sum + row_floats;
    bool same = across->source_size == across->out_size;
    bool cubic = job->channels == 1 && across->out_size > across->source_size;
    bool half = job->channels == 1 && across->source_size == 2 * (uint64_t)across->out_size;

    for (; scaler->next < job->crop_height; scaler->next++) {
        const kh_scale_tap *tap = &down->taps[scaler->next];
        const float *weights = down->weights + tap->weight;

        if (tap->first + tap->count > source_rows)
            return;
        for (uint32_t k = 0; k < tap->count; k++) {
            const float *row = source_row(scaler, job, tap->first + k, row_floats);

            if (k == 0)
                row_weigh(sum, row, weights[k], row_floats);
            else
                row_add(sum, row, weights[k], row_floats);
        }
        if (half)
            pairs_mean(result, sum, job->crop_width);
        else if (cubic)
            row_across_cubic(across, sum, result);
        else if (!same && job->channels == 1)
            row_across_grey(across, sum, result);
        else if (!same)
            row_across(across, sum, job->channels, result);
        job->put(job->context, scaler->next, same ? sum : result);
    }
}

kh_status kh_scale_begin(kh_scaler *scaler, const kh_scale_job *job, kh_error *err)
{
    size_t row_floats, floats;
    kh_status status;

    status = axis_prepare(&scaler->across, job->source_width, job->out_width, job->crop_x, job->crop_width, err);
    if (status == KH_OK)
        status = axis_prepare(&scaler->down, job->source_height, job->out_height, job->crop_y, job->crop_height, err);
    if (status != KH_OK)
        return status;
    row_floats = row_floats_of(scaler, job);
    floats = (KH_SCALE_ROWS + 1) * row_floats + (size_t)job->crop_width * job->channels;
    status = grow((void **)&scaler->memory, &scaler->memory_floats, floats, sizeof *scaler->memory, err);
    if (status != KH_OK)
        return status;
    for (size_t i = 0; i < KH_SCALE_ROWS; i++)
        scaler->row_held[i] = NO_ROW;
    scaler->next = 0;
    return KH_OK;
}

kh_status kh_scale(kh_scaler *scaler, const kh_scale_job *job, kh_error *err)
{
    kh_status status = kh_scale_begin(scaler, job, err);

    if (status == KH_OK)
        kh_scale_rows(scaler, job, job->source_height);
    return status;
}
