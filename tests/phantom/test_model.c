/* The models against what phantom.h and anatomy say of them: HU, noise, closed organs, tissue signals. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "phantom/images.h"
#include "tests/cmocka_all.h"

#define NODULE_SMALL_MM 3.4f

static ph_body body, body_small;
static ph_worker worker;

static int set_up(void **state)
{
    kh_error err = KH_ERROR_INIT;

    (void)state;
    if (ph_body_build(&body, 7, 6, &err) != KH_OK || ph_body_build(&body_small, 7, NODULE_SMALL_MM, &err) != KH_OK ||
        ph_worker_init(&worker, &err) != KH_OK) {
        print_message("%s\n", err.message);
        return -1;
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ph_worker_release(&worker);
    ph_body_release(&body);
    ph_body_release(&body_small);
    return 0;
}

static int column_of(float x)
{
    return (int)lrintf((x - PH_CT_X0_MM) / PH_CT_SPACING_MM);
}

static int row_of(float y)
{
    return (int)lrintf((y - PH_CT_Y0_MM) / PH_CT_SPACING_MM);
}

static int compare_ints(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Median HU of the stored pixels within radius_mm of (x, y): a vessel that crosses the lung there does not count. */
static int median_hu(float x, float y, float radius_mm)
{
    int reach = (int)(radius_mm / PH_CT_SPACING_MM), count = 0, values[1024];

    for (int dy = -reach; dy <= reach; dy++)
        for (int dx = -reach; dx <= reach; dx++)
            if (dx * dx + dy * dy <= reach * reach && count < (int)KH_COUNT(values))
                values[count++] = worker.pixels[(row_of(y) + dy) * PH_CT_SIZE + column_of(x) + dx] + PH_CT_INTERCEPT;
    qsort(values, (size_t)count, sizeof values[0], compare_ints);
    return values[count / 2];
}

static const struct place {
    const char *name;
    float x, y, z, radius_mm; /* far enough from the surface for the warp of PH_WARP_MM */
    double expected, tolerance;
} places[] = {
    {"air beside the patient", -170, -150, 400, 10, KH_PHANTOM_HU_AIR, 5},
    {"air in the trachea", 1, 8, 640, 3, KH_PHANTOM_HU_AIR, 30},
    {"lung, right upper lobe", -84, -20, 585, 9, KH_PHANTOM_HU_LUNG, 45},
    {"lung, left lower lobe", 88, 40, 520, 9, KH_PHANTOM_HU_LUNG, 45},
    {"fat under the skin of the flank", 136, 0, 262, 3, KH_PHANTOM_HU_FAT, 12},
    {"water in the liver's cyst", -88, -22, 428, 3, KH_PHANTOM_HU_WATER, 6},
    {"water in the bladder", 0, -26, 98, 8, KH_PHANTOM_HU_WATER, 8},
    {"muscle: right psoas", -42, 21, 285, 6, KH_PHANTOM_HU_MUSCLE, 8},
    {"muscle: left psoas", 42, 21, 285, 6, KH_PHANTOM_HU_MUSCLE, 8},
    {"liver", -95, 25, 405, 5, KH_PHANTOM_HU_LIVER, 12},
    {"blood: descending aorta", 25, 42, 520, 5, KH_PHANTOM_HU_BLOOD, 6},
    {"blood: left ventricle", 24, -20, 512, 3, KH_PHANTOM_HU_BLOOD, 12},
    {"spongy bone: L3", 0, 18, 291, 7, KH_PHANTOM_HU_TRABECULAR, 40},
    {"spongy bone: head of the right femur", -92, 0, 86, 9, KH_PHANTOM_HU_TRABECULAR, 40},
};

static void test_hu(void **state)
{
    (void)state;
    for (size_t i = 0; i < KH_COUNT(places); i++) {
        const struct place *p = &places[i];
        int hu;

        ph_ct_pixels(&worker, &body, p->z, KH_PHANTOM_NOISE_SD_HU, 100 + i, NULL);
        hu = median_hu(p->x, p->y, p->radius_mm);
        if (fabs(hu - p->expected) > p->tolerance)
            fail_msg("%s: %d HU, expected %.0f give or take %.0f", p->name, hu, p->expected, p->tolerance);
    }
}

/* The shaft of the femur: its shell is as dense as cortical bone. */
static void test_cortical_bone(void **state)
{
    double densest = -2000;

    (void)state;
    ph_ct_pixels(&worker, &body, 36, 0, 1, NULL);
    for (int x = column_of(110); x < column_of(150); x++)
        densest = fmax(densest, worker.pixels[row_of(10) * PH_CT_SIZE + x] + PH_CT_INTERCEPT);
    assert_true(densest > KH_PHANTOM_HU_CORTICAL - 150 && densest < KH_PHANTOM_HU_CORTICAL + 100);
}

typedef struct moments {
    double count, sum_squares, pairs, right, below;
} moments;

/* Noise is what two exposures of the same slice differ in; only soft tissue is counted. */
static void add_noise(moments *m, const float *model, const uint16_t *a, const uint16_t *b)
{
    for (size_t i = 0; i < (size_t)PH_CT_SIZE * (PH_CT_SIZE - 1); i++) {
        double d = (double)a[i] - b[i];
        size_t right = i + 1, below = i + PH_CT_SIZE;

        if (model[i] < 30 || model[i] > 130)
            continue;
        m->count++;
        m->sum_squares += d * d;
        if (model[right] < 30 || model[right] > 130 || model[below] < 30 || model[below] > 130)
            continue;
        m->pairs++;
        m->right += d * ((double)a[right] - b[right]);
        m->below += d * ((double)a[below] - b[below]);
    }
}

static void test_noise(void **state)
{
    uint16_t *first = malloc(sizeof *first * PH_CT_SIZE * PH_CT_SIZE);
    moments m = {0};
    double variance, sd;

    (void)state;
    assert_non_null(first);
    for (int i = 0; i < 3; i++) {
        float z = 250 + 80 * (float)i;

        ph_ct_pixels(&worker, &body, z, KH_PHANTOM_NOISE_SD_HU, 10 + (uint64_t)i, NULL);
        memcpy(first, worker.pixels, sizeof *first * PH_CT_SIZE * PH_CT_SIZE);
        ph_ct_pixels(&worker, &body, z, KH_PHANTOM_NOISE_SD_HU, 20 + (uint64_t)i, NULL);
        add_noise(&m, worker.canvas.value, first, worker.pixels);
    }
    free(first);
    variance = m.sum_squares / m.count;
    sd = sqrt(variance / 2);
    print_message("noise: SD %.2f HU, lag 1 %.3f across, %.3f down, over %.0f pixels\n", sd,
                  m.right / m.pairs / variance, m.below / m.pairs / variance, m.count);
    assert_true(m.count > 50000);
    assert_true(fabs(sd - KH_PHANTOM_NOISE_SD_HU) < 0.03 * KH_PHANTOM_NOISE_SD_HU);
    assert_true(fabs(m.right / m.pairs / variance - KH_PHANTOM_NOISE_LAG1) < 0.03);
    assert_true(fabs(m.below / m.pairs / variance - KH_PHANTOM_NOISE_LAG1) < 0.03);
}

/* Neither neighbouring slices nor other seeds share noise. */
static void test_noise_is_independent(void **state)
{
    enum { SIZE = 128 };
    static float a[SIZE * SIZE], b[SIZE * SIZE], scratch[2 * (SIZE + 8) * (SIZE + 8)];
    ph_kernel kernel;
    double dot = 0, self = 0;

    (void)state;
    ph_kernel_init(&kernel, 0.6f);
    ph_noise_image(a, SIZE, SIZE, &kernel, 1, scratch);
    ph_noise_image(b, SIZE, SIZE, &kernel, 2, scratch);
    for (size_t i = 0; i < SIZE * SIZE; i++) {
        dot += (double)a[i] * b[i];
        self += (double)a[i] * a[i];
    }
    assert_true(fabs(dot / self) < 0.05);
}

typedef float organ_sdf(const ph_level *level, const ph_point *p);

static float left_kidney(const ph_level *level, const ph_point *p)
{
    (void)level;
    return ph_ellipsoid(p->x, p->y, p->z, (ph_vec){71, 40, 357}, (ph_vec){27, 25, 55});
}

static float heart(const ph_level *level, const ph_point *p)
{
    (void)level;
    return ph_heart_hull_sdf(p->x, p->y, p->z);
}

static const struct organ {
    const char *name;
    organ_sdf *sdf;
    float bottom, top; /* beyond both ends */
} organs[] = {
    {"liver", ph_liver_sdf, 262, 500},
    {"lungs", ph_lung_sdf, 362, 668},
    {"heart", heart, 440, 585},
    {"left kidney", left_kidney, 300, 414},
};

static double area_mm2(const struct organ *o, float z)
{
    const float step = 3;
    ph_level level;
    double area = 0;

    ph_level_at(&level, &body, z);
    for (float y = -110; y < 110; y += step)
        for (float x = -150; x < 150; x += step) {
            ph_point p = {x, y, z, 0, 0};

            area += o->sdf(&level, &p) < 0 ? step * step : 0;
        }
    return area;
}

/* Closed, and changing slowly from slice to slice. */
static void test_organs_are_closed(void **state)
{
    (void)state;
    for (size_t i = 0; i < KH_COUNT(organs); i++) {
        const struct organ *o = &organs[i];
        const int steps = 40;
        double last = 0, largest = 0, jump = 0;

        for (int k = 0; k <= steps; k++) {
            double area = area_mm2(o, ph_mix(o->bottom, o->top, (float)k / (float)steps));

            if ((k == 0 || k == steps) && area > 0)
                fail_msg("%s: %.0f mm2 at its end", o->name, area);
            jump = fmax(jump, fabs(area - last));
            largest = fmax(largest, area);
            last = area;
        }
        if (largest < 1500 || jump > 0.3 * largest)
            fail_msg("%s: up to %.0f mm2, jumps by %.0f", o->name, largest, jump);
    }
}

/* Pixels denser than -300 HU within 11 mm of the finding in the right upper lobe. */
static int nodule_pixels(const ph_body *of)
{
    int count = 0;

    ph_ct_pixels(&worker, of, 598, 0, 1, NULL);
    for (int y = row_of(1); y < row_of(23); y++)
        for (int x = column_of(-87); x < column_of(-65); x++)
            count += worker.pixels[y * PH_CT_SIZE + x] > -300 - PH_CT_INTERCEPT;
    return count;
}

static void test_nodule_grew(void **state)
{
    int now = nodule_pixels(&body), earlier = nodule_pixels(&body_small);

    (void)state;
    print_message("nodule: %d pixels, earlier %d\n", now, earlier);
    assert_true(earlier > 20);
    assert_true(now > 2 * earlier);
}

/* The patient's right is on the left of the picture: there the liver is, and the heart's tip on the other side. */
static void test_sides(void **state)
{
    (void)state;
    ph_ct_pixels(&worker, &body, 420, 0, 1, NULL);
    assert_true(worker.pixels[row_of(0) * PH_CT_SIZE + column_of(-95)] > 90 - PH_CT_INTERCEPT);
    assert_true(column_of(-95) < PH_CT_SIZE / 2);
    ph_ct_pixels(&worker, &body, 500, 0, 1, NULL);
    assert_true(worker.pixels[row_of(-40) * PH_CT_SIZE + column_of(50)] > 90 - PH_CT_INTERCEPT);
}

static double head_mean(ph_vec at, ph_weighting weighting)
{
    double sum = 0;

    for (int i = 0; i < 27; i++)
        sum += ph_head_signal(
            (ph_vec){at.x + (float)(i % 3) - 1, at.y + (float)(i / 3 % 3) - 1, at.z + (float)(i / 9) - 1}, weighting,
            5);
    return sum / 27;
}

static void test_head_signals(void **state)
{
    const ph_vec fluid = {7.5f, -18, 16.5f}, white = {26, 5, 34}, grey = {26, -6, 3}, eye = {32, -72, -23},
                 air = {0, -125, 40};

    (void)state;
    assert_true(head_mean(fluid, PH_T1) < 0.7 * head_mean(grey, PH_T1));
    assert_true(head_mean(grey, PH_T1) < 0.9 * head_mean(white, PH_T1));
    assert_true(head_mean(fluid, PH_T2) > 1.5 * head_mean(grey, PH_T2));
    assert_true(head_mean(grey, PH_T2) > 1.08 * head_mean(white, PH_T2));
    assert_true(head_mean(eye, PH_T1) < 0.25 && head_mean(eye, PH_T2) > 0.8);
    assert_true(head_mean(air, PH_T1) < 0.02);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hu),
        cmocka_unit_test(test_cortical_bone),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_noise_is_independent),
        cmocka_unit_test(test_organs_are_closed),
        cmocka_unit_test(test_nodule_grew),
        cmocka_unit_test(test_sides),
        cmocka_unit_test(test_head_signals),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
