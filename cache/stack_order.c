#include "cache/stack_order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SAME_DIRECTION 0.999
#define SAME_PLACE_MM 0.01
#define GROUPS_MAX 64 /* orientations told apart; radial acquisitions with more are not scrolled by position anyway */
#define NO_GEOMETRY UINT32_MAX

static double dot(const double *a, const double *b)
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static void cross(double out[3], const double *a, const double *b)
{
    out[0] = a[1] * b[2] - a[2] * b[1];
    out[1] = a[2] * b[0] - a[0] * b[2];
    out[2] = a[0] * b[1] - a[1] * b[0];
}

/* Two unit vectors at a right angle, as a scanner writes them, and a finite position. */
static bool usable(const kh_order_slice *slice)
{
    const double *row = slice->orientation, *column = slice->orientation + 3;
    double normal[3];

    if (!slice->has_geometry)
        return false;
    for (int i = 0; i < 3; i++)
        if (!isfinite(slice->position_mm[i]) || fabs(slice->position_mm[i]) > 1e6)
            return false;
    cross(normal, row, column);
    return fabs(dot(row, row) - 1) < 0.02 && fabs(dot(column, column) - 1) < 0.02 && dot(normal, normal) > 0.96;
}

static bool same_direction(const double *a, const double *b)
{
    return dot(a, b) > SAME_DIRECTION * sqrt(dot(a, a) * dot(b, b));
}

static bool same_orientation(const double *a, const double *b)
{
    return same_direction(a, b) && same_direction(a + 3, b + 3);
}

static int compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int64_t told(int32_t number)
{
    return number == INT32_MIN ? INT64_MAX : number;
}

/* By instance number: the order without geometry. */
static int by_instance(const void *left, const void *right)
{
    const kh_order_slice *a = left, *b = right;
    int order = compare_numbers(told(a->instance_number), told(b->instance_number));

    if (order == 0)
        order = compare_numbers(told(a->acquisition_number), told(b->acquisition_number));
    if (order == 0)
        order = compare_numbers(a->object_id, b->object_id);
    return order ? order : compare_numbers(a->frame, b->frame);
}

static int by_section(const void *left, const void *right)
{
    const kh_order_slice *a = left, *b = right;

    return a->section != b->section ? compare_numbers(a->section, b->section) : by_instance(left, right);
}

static int by_phase(const kh_order_slice *a, const kh_order_slice *b)
{
    int order = compare_numbers(told(a->acquisition_number), told(b->acquisition_number));

    return order ? order : (a->echo_time_ms > b->echo_time_ms) - (a->echo_time_ms < b->echo_time_ms);
}

static int by_location(const void *left, const void *right)
{
    const kh_order_slice *a = left, *b = right;

    return (a->location_mm > b->location_mm) - (a->location_mm < b->location_mm);
}

/* PS3.3 has no rule for slices of one place; acquisition, echo, instance and frame are the order in which they were made. */
static int by_place(const void *left, const void *right)
{
    const kh_order_slice *a = left, *b = right;
    int order = compare_numbers(a->place, b->place);

    if (order == 0)
        order = by_phase(a, b);
    return order ? order : by_instance(left, right);
}

static int by_pass(const void *left, const void *right)
{
    const kh_order_slice *a = left, *b = right;

    return a->pass != b->pass ? compare_numbers(a->pass, b->pass) : by_place(left, right);
}

static int phase_order(const void *left, const void *right)
{
    return by_phase(left, right);
}

/* Number the orientations and say which is the commonest; slices are in order of instance, so the first seen wins a tie. */
static uint32_t group_orientations(kh_order_slice *slices, size_t count, size_t *largest_count)
{
    size_t first[GROUPS_MAX], members[GROUPS_MAX] = {0}, groups = 0;
    uint32_t largest = 0;

    for (size_t i = 0; i < count; i++) {
        size_t group = 0;

        slices[i].section = NO_GEOMETRY;
        slices[i].location_mm = 0;
        slices[i].pass = slices[i].place = 0;
        if (!usable(&slices[i]))
            continue;
        while (group < groups && !same_orientation(slices[first[group]].orientation, slices[i].orientation))
            group++;
        if (group == GROUPS_MAX)
            continue;
        if (group == groups)
            first[groups++] = i;
        members[group]++;
        slices[i].section = (uint32_t)group;
    }
    for (size_t group = 1; group < groups; group++)
        if (members[group] > members[largest])
            largest = (uint32_t)group;
    *largest_count = groups > 0 ? members[largest] : 0;
    return largest;
}

/* Number the places of slices sorted by location. Returns how many there are. */
static uint32_t number_places(kh_order_slice *slices, size_t count)
{
    uint32_t place = 0;
    double begin_mm = slices[0].location_mm;

    for (size_t i = 0; i < count; i++) {
        if (slices[i].location_mm - begin_mm > SAME_PLACE_MM) {
            place++;
            begin_mm = slices[i].location_mm;
        }
        slices[i].place = place;
    }
    return place + 1;
}

/* Number the phases, (acquisition, echo). Returns how many. */
static uint32_t number_phases(kh_order_slice *slices, size_t count)
{
    uint32_t phase = 0;

    qsort(slices, count, sizeof slices[0], phase_order);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && by_phase(&slices[i - 1], &slices[i]) != 0)
            phase++;
        slices[i].pass = phase;
    }
    return phase + 1;
}

/* Do the phases tell the slices of each place apart, and are there about as many phases as slices at a place? An acquisition
 * number that counts on with every slice would make a pass of each. */
static bool phases_are_passes(const kh_order_slice *slices, size_t count, uint32_t phases, uint32_t places)
{
    if ((uint64_t)phases * places > (uint64_t)count + count / 2)
        return false;
    for (size_t i = 1; i < count; i++)
        if (slices[i].place == slices[i - 1].place && slices[i].pass == slices[i - 1].pass)
            return false;
    return true;
}

static void number_passes(kh_order_slice *slices, size_t count, uint32_t places)
{
    uint32_t phases = number_phases(slices, count);

    qsort(slices, count, sizeof slices[0], by_place);
    if (phases_are_passes(slices, count, phases, places))
        return;
    for (size_t i = 0; i < count; i++)
        slices[i].pass = i > 0 && slices[i].place == slices[i - 1].place ? slices[i - 1].pass + 1 : 0;
}

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

/* Median distance of neighbours of the same pass, and whether all are alike. */
static kh_status measure_spacing(const kh_order_slice *slices, size_t count, kh_order_result *out, kh_error *err)
{
    double *gaps_mm = malloc((count ? count : 1) * sizeof gaps_mm[0]);
    size_t gaps = 0;

    if (!gaps_mm)
        return kh_error_set(err, KH_E_MEMORY, "no memory to order %zu slices", count);
    for (size_t i = 1; i < count; i++)
        if (slices[i].pass == slices[i - 1].pass)
            gaps_mm[gaps++] = fabs(slices[i].location_mm - slices[i - 1].location_mm);
    if (gaps > 0) {
        double tolerance_mm;

        qsort(gaps_mm, gaps, sizeof gaps_mm[0], compare_doubles);
        out->spacing_mm = gaps % 2 ? gaps_mm[gaps / 2] : (gaps_mm[gaps / 2 - 1] + gaps_mm[gaps / 2]) / 2;
        tolerance_mm = fmax(0.01 * out->spacing_mm, SAME_PLACE_MM);
        out->even_spacing = gaps_mm[0] >= out->spacing_mm - tolerance_mm && gaps_mm[gaps - 1] <= out->spacing_mm + tolerance_mm;
    }
    free(gaps_mm);
    return KH_OK;
}

/* Do the numbers the hospital gave mostly fall along the normal? Slices are in order of pass and place. */
static bool numbered_backwards(const kh_order_slice *slices, size_t count)
{
    size_t rising = 0, falling = 0;

    for (size_t i = 1; i < count; i++) {
        const kh_order_slice *a = &slices[i - 1], *b = &slices[i];

        if (a->pass != b->pass || a->place == b->place || a->instance_number == INT32_MIN || b->instance_number == INT32_MIN)
            continue;
        rising += b->instance_number > a->instance_number;
        falling += b->instance_number < a->instance_number;
    }
    return falling > rising;
}

static kh_status order_group(kh_order_slice *slices, size_t count, kh_order_result *out, kh_error *err)
{
    double normal[3], length;
    uint32_t places;

    cross(normal, slices[0].orientation, slices[0].orientation + 3);
    length = sqrt(dot(normal, normal));
    for (size_t i = 0; i < count; i++)
        slices[i].location_mm = dot(slices[i].position_mm, normal) / length;
    qsort(slices, count, sizeof slices[0], by_location);
    places = number_places(slices, count);
    if (places < count)
        number_passes(slices, count, places);
    qsort(slices, count, sizeof slices[0], by_pass);
    if (numbered_backwards(slices, count)) {
        for (size_t i = 0; i < count; i++)
            slices[i].place = places - 1 - slices[i].place;
        qsort(slices, count, sizeof slices[0], by_pass);
    }
    return measure_spacing(slices, count, out, err);
}

kh_status kh_stack_sort(kh_order_slice *slices, size_t count, kh_order_result *out, kh_error *err)
{
    size_t largest_count = 0;
    uint32_t largest;

    *out = (kh_order_result){.order = KH_ORDER_INSTANCE};
    if (count == 0)
        return KH_OK;
    qsort(slices, count, sizeof slices[0], by_instance);
    largest = group_orientations(slices, count, &largest_count);
    if (largest_count == 0 || (largest_count == 1 && count > 1))
        return KH_OK; /* nothing to scroll along: no geometry, or a set of views in as many directions */
    for (size_t i = 0; i < count; i++)
        if (slices[i].section != NO_GEOMETRY)
            slices[i].section = slices[i].section == largest ? 0 : slices[i].section + 1;
    qsort(slices, count, sizeof slices[0], by_section);
    out->order = largest_count == count ? KH_ORDER_POSITION : KH_ORDER_MIXED;
    return order_group(slices, largest_count, out, err);
}
