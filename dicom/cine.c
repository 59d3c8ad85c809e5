#include "dicom/cine.h"

#include <math.h>
#include <stdlib.h>

static const kh_tag START_TRIM = KH_TAG(0x0008, 0x2142), STOP_TRIM = KH_TAG(0x0008, 0x2143), DISPLAY_RATE = KH_TAG(0x0008, 0x2144);
static const kh_tag CINE_RATE = KH_TAG(0x0018, 0x0040), FRAME_TIME = KH_TAG(0x0018, 0x1063), FRAME_TIME_VECTOR = KH_TAG(0x0018, 0x1065);
static const kh_tag PLAYBACK_SEQUENCING = KH_TAG(0x0018, 0x1244);

enum { DS_BYTES_MAX = 17 }; /* of a decimal string with its backslash */

static bool is_time(double ms)
{
    return isfinite(ms) && ms > 0 && ms <= KH_FRAME_TIME_MAX_MS;
}

/* A rate of 0 is a way of saying nothing. */
static double time_of_rate(const kh_item *item, kh_tag tag)
{
    double rate;

    return kh_item_double(item, tag, 0, &rate) && rate > 0 && is_time(1000 / rate) ? 1000 / rate : 0;
}

static void read_frame_time(kh_cine *cine, const kh_item *item)
{
    double ms;

    cine->frame_time_ms = time_of_rate(item, DISPLAY_RATE);
    if (cine->frame_time_ms == 0 && kh_item_double(item, FRAME_TIME, 0, &ms) && is_time(ms))
        cine->frame_time_ms = ms;
    if (cine->frame_time_ms == 0)
        cine->frame_time_ms = time_of_rate(item, CINE_RATE);
}

/* One value for each frame, in a value no longer than that many can be: reading one by one goes over it anew each time. */
static bool has_vector(const kh_item *item, uint32_t frame_count)
{
    const kh_element *element = kh_item_find(item, FRAME_TIME_VECTOR);

    return element && frame_count > 1 && frame_count <= KH_FRAME_TIMES_MAX && element->length <= (uint64_t)DS_BYTES_MAX * frame_count &&
           kh_item_value_count(item, FRAME_TIME_VECTOR) == frame_count;
}

/* The first value is 0 by the standard; whatever it is, no frame is before the first. */
static bool read_times(double *times, const kh_item *item, uint32_t count)
{
    times[0] = 0;
    for (uint32_t i = 1; i < count; i++)
        if (!kh_item_double(item, FRAME_TIME_VECTOR, i, &times[i]) || !is_time(times[i]))
            return false;
    return true;
}

static bool are_alike(const double *times, uint32_t count)
{
    for (uint32_t i = 2; i < count; i++)
        if (times[i] != times[1])
            return false;
    return true;
}

static kh_status read_vector(kh_cine *cine, const kh_item *item, uint32_t frame_count, kh_error *err)
{
    double *times, sum = 0;

    if (!has_vector(item, frame_count))
        return KH_OK;
    times = calloc(frame_count, sizeof times[0]);
    if (!times)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the times of %u frames", (unsigned)frame_count);
    if (!read_times(times, item, frame_count)) {
        free(times);
        return KH_OK;
    }
    for (uint32_t i = 1; i < frame_count; i++)
        sum += times[i];
    cine->frame_time_ms = sum / (frame_count - 1);
    if (are_alike(times, frame_count)) {
        cine->frame_time_ms = times[1];
        free(times);
        return KH_OK;
    }
    cine->frame_times_ms = times;
    cine->frame_time_count = frame_count;
    return KH_OK;
}

/* One of the two without the other leaves its end open. */
static void read_trim(kh_cine *cine, const kh_item *item, uint32_t frame_count)
{
    int64_t first = 1, last = frame_count;
    const bool has_first = kh_item_int(item, START_TRIM, 0, &first);
    const bool has_last = kh_item_int(item, STOP_TRIM, 0, &last);

    if ((!has_first && !has_last) || first < 1 || last > frame_count || first > last || (first == 1 && last == frame_count))
        return;
    cine->trim_first = (uint32_t)first;
    cine->trim_last = (uint32_t)last;
}

kh_status kh_cine_read(kh_cine *out, const kh_item *item, uint32_t frame_count, kh_error *err)
{
    int64_t sequencing;

    *out = (kh_cine){0};
    read_frame_time(out, item);
    read_trim(out, item, frame_count);
    if (kh_item_int(item, PLAYBACK_SEQUENCING, 0, &sequencing) && (sequencing == 0 || sequencing == 1))
        out->playback = sequencing == 0 ? KH_PLAYBACK_LOOP : KH_PLAYBACK_SWING;
    return read_vector(out, item, frame_count, err);
}

void kh_cine_release(kh_cine *cine)
{
    free(cine->frame_times_ms);
    *cine = (kh_cine){0};
}

double kh_cine_frame_ms(const kh_cine *cine, uint32_t frame)
{
    return cine->frame_time_count > 0 && frame + 1 < cine->frame_time_count ? cine->frame_times_ms[frame + 1] : cine->frame_time_ms;
}
