/* Stomach and bowel with what is in them, and the tubes of the belly that are no vessels. */
#include <stdlib.h>
#include "phantom/gut.h"
#include "phantom/random.h"

#define HU_GAS (-985.0f)
#define LOOPS 128
#define LOOP_APART_MM 20.5f

#define CURVE(list, ...)                                                                                               \
    do {                                                                                                               \
        const float points[][4] = {__VA_ARGS__};                                                                       \
        kh_status curve_status = ph_add_curve(list, points, sizeof points / sizeof points[0], err);                    \
        if (curve_status != KH_OK)                                                                                     \
            return curve_status;                                                                                       \
    } while (0)

/* Loops of small bowel: points kept apart, each joined to the nearest one not yet visited. */
static kh_status build_small_bowel(ph_body *b, uint64_t seed, kh_error *err)
{
    float points[LOOPS][4], apart = LOOP_APART_MM;
    uint64_t random = seed ^ 0x626f77656cu;
    int found = 0;

    for (int tries = 0; found < LOOPS; tries++) {
        float x = ph_mix(-82, 90, ph_uniform(&random)), z = ph_mix(122, 330, ph_uniform(&random));
        float y = ph_mix(-66, 24, ph_uniform(&random));
        float room = ph_ellipsoid(x, y, z, (ph_vec){4, -30, 224}, (ph_vec){84, 50, 108});
        bool fits = room < 0 && y < ph_spine_y(z) - (fabsf(x) < 52 ? 36 : 8);

        for (int i = 0; fits && i < found; i++)
            fits = hypotf(hypotf(x - points[i][0], y - points[i][1]), z - points[i][2]) > apart;
        if (fits) {
            points[found][0] = x;
            points[found][1] = y;
            points[found][2] = z;
            points[found++][3] = ph_mix(9, 11.5f, ph_uniform(&random));
        }
        if (tries % 20000 == 19999)
            apart *= 0.95f;
    }
    for (int i = 1; i < LOOPS; i++) {
        int nearest = i;
        float best = 1e9f;

        for (int k = i; k < LOOPS; k++) {
            float d = hypotf(hypotf(points[k][0] - points[i - 1][0], points[k][1] - points[i - 1][1]),
                             points[k][2] - points[i - 1][2]);

            if (d < best) {
                best = d;
                nearest = k;
            }
        }
        for (int k = 0; k < 4; k++) {
            float swap = points[i][k];

            points[i][k] = points[nearest][k];
            points[nearest][k] = swap;
        }
    }
    return ph_add_curve(&b->small_bowel, (const float(*)[4])points, LOOPS, err);
}

static kh_status build_large_bowel(ph_body *b, kh_error *err)
{
    CURVE(&b->colon, {-82, 4, 188, 17}, {-85, 10, 205, 22}, {-89, 16, 235, 21}, {-91, 20, 268, 20}, {-90, 12, 298, 20},
          {-82, -8, 318, 19}, {-66, -40, 318, 18}, {-40, -58, 302, 17}, {0, -60, 290, 16.5f}, {40, -58, 304, 17},
          {70, -40, 338, 17}, {88, -14, 368, 17}, {97, 8, 382, 16}, {98, 28, 362, 15}, {96, 34, 325, 14.5f},
          {95, 32, 280, 14}, {92, 24, 238, 14}, {86, 6, 206, 14});
    CURVE(&b->sigmoid, {86, 6, 206, 14}, {74, -18, 184, 14}, {50, -30, 168, 14}, {24, -22, 174, 14}, {4, -2, 178, 14},
          {-14, 14, 162, 14}, {-10, 32, 142, 15}, {0, 42, 120, 16}, {2, 42, 92, 17}, {0, 38, 66, 13}, {0, 44, 48, 9},
          {0, 54, 30, 8});
    return KH_OK;
}

static kh_status build_upper(ph_body *b, kh_error *err)
{
    CURVE(&b->stomach, {54, 26, 440, 25}, {60, 18, 430, 31}, {60, -12, 400, 27}, {52, -38, 374, 22}, {30, -54, 352, 18},
          {4, -55, 344, 15}, {-16, -46, 350, 11}, {-27, -37, 356, 7});
    CURVE(&b->duodenum, {-27, -37, 356, 8}, {-44, -22, 354, 12}, {-54, -4, 336, 12}, {-50, 4, 312, 12},
          {-26, -14, 300, 10.5f}, {4, -29, 303, 8.5f}, {32, -22, 312, 10}, {38, -28, 334, 10.5f},
          {44, -40, 322, 10.5f});
    CURVE(&b->pancreas, {-36, -14, 332, 11}, {-32, -14, 350, 12.5f}, {-14, -24, 361, 9}, {8, -28, 371, 8},
          {34, -16, 384, 9.5f}, {60, 8, 398, 9.5f}, {78, 26, 406, 7.5f});
    for (float s = -1; s <= 1; s += 2) {
        float lean = s < 0 ? 0 : 10;

        CURVE(&b->psoas, {s * 24, 32, 372, 6}, {s * 32, 26, 332, 13}, {s * 40, 22, 290, 18}, {s * 47, 20, 252, 21},
              {s * 54, 10, 214, 21}, {s * 64, -12, 170, 18}, {s * 74, -32, 128, 16}, {s * 88, -34, 96, 14},
              {s * 112, -8, 64, 9});
        CURVE(&b->psoas, {s * 100, 0, 228, 8}, {s * 94, 8, 200, 15}, {s * 88, 4, 168, 17}, {s * 82, -20, 132, 14});
        CURVE(&b->psoas, {s * 22, 64, 140, 7}, {s * 50, 58, 122, 10}, {s * 84, 36, 104, 8}, {s * 120, 16, 92, 4});
        CURVE(&b->psoas, {s * 50, 50, 372, 8}, {s * 60, 54, 325, 12}, {s * 70, 56, 282, 13}, {s * 80, 54, 250, 11});
        CURVE(&b->psoas, {s * 9, 24, 470, 4}, {s * 12, 22, 430, 5.5f}, {s * 15, 16, 390, 5}, {s * 14, 14, 360, 3});
        CURVE(&b->adrenals, {s * 28, 20, 398 + lean, 2.6f}, {s * 36, 34, 402 + lean, 2.0f},
              {s * 42, 46, 404 + lean, 1.6f});
        CURVE(&b->adrenals, {s * 28, 20, 398 + lean, 2.6f}, {s * 30, 34, 400 + lean, 2.0f},
              {s * 31, 46, 402 + lean, 1.6f});
        CURVE(&b->ureters, {s * 52, 32, 340, 4}, {s * 44, 24, 318, 2.2f}, {s * 42, -2, 270, 2}, {s * 44, -12, 225, 2},
              {s * 50, 10, 180, 2}, {s * 46, 22, 140, 2}, {s * 30, 6, 104, 2});
        CURVE(&b->neck, {s * 15, -4, 645, 3}, {s * 17, -6, 660, 8}, {s * 18, -7, 690, 10});
    }
    return KH_OK;
}

kh_status ph_build_gut(ph_body *b, uint64_t seed, kh_error *err)
{
    kh_status status = build_upper(b, err);

    if (status == KH_OK)
        status = build_large_bowel(b, err);
    return status == KH_OK ? build_small_bowel(b, seed, err) : status;
}

/* Gas rises: above this y (towards the front) a loop holds gas. The patient lies on his back. */
static float level_y(float z, float base, float swing, uint32_t salt)
{
    return base + swing * ph_noise3(z / 42, 0.5f, 0.5f, salt);
}

static float shade_stomach(const void *context, const ph_canvas *c, size_t i, float depth)
{
    float food = 26 + 12 * c->medium[i] + (c->broad[i] > 0.15f ? 16 * c->fine[i] : 0);
    float content = ph_mix(HU_GAS, food, ph_step(-25.6f, -24.4f, c->y[i]));

    (void)context;
    return ph_mix(82, content, ph_step(2.8f, 4.2f, depth - 1.6f * c->medium[i]));
}

static float shade_small_bowel(const void *context, const ph_canvas *c, size_t i, float depth)
{
    float folds = ph_step(0.2f, 0.7f, c->fine[i]) * ph_step(6, 3, depth) * 45;
    float gas = ph_step(0.32f, 0.4f, c->broad[i]) * ph_step(-50, -51.2f, c->y[i]);
    float content = ph_mix(22 + folds, HU_GAS, gas);

    (void)context;
    return ph_mix(98, content, ph_step(1.6f, 2.8f, depth));
}

/* Faeces mottled with gas, gas above. */
static float shade_colon(const void *context, const ph_canvas *c, size_t i, float depth)
{
    float mottled = ph_step(0.35f, 0.9f, c->medium[i] + 0.8f * c->fine[i]);
    float level = level_y(c->z, -46, 22, 77);
    float content = ph_mix(HU_GAS, 34 + 16 * c->fine[i] - 520 * mottled, ph_step(level - 0.7f, level + 0.7f, c->y[i]));

    (void)context;
    return ph_mix(78, content, ph_step(1.5f, 2.7f, depth));
}

static float shade_sigmoid(const void *context, const ph_canvas *c, size_t i, float depth)
{
    float mottled = ph_step(0.6f, 1.1f, c->medium[i] + 0.8f * c->fine[i]);
    float level = c->z < 75 ? -200 : c->z < 150 ? 34 : -18;
    float content = ph_mix(HU_GAS, 36 - 350 * mottled, ph_step(level - 0.7f, level + 0.7f, c->y[i]));

    (void)context;
    return ph_mix(66, content, ph_step(2.6f, 3.8f, depth));
}

void ph_paint_gut(const ph_level *v, ph_canvas *c)
{
    static const float mesenteric = 150;

    ph_paint_segments(c, &v->body->mesenteric, 0, 0, ph_flat, &mesenteric);
    ph_paint_segments(c, &v->body->small_bowel, 0, 1.2f, shade_small_bowel, NULL);
    ph_paint_segments(c, &v->body->duodenum, 0, 1.2f, shade_small_bowel, NULL);
    ph_paint_segments(c, &v->body->sigmoid, 0, 1.6f, shade_sigmoid, NULL);
    ph_paint_segments(c, &v->body->colon, 0, 3.0f, shade_colon, NULL);
    ph_paint_segments(c, &v->body->stomach, 0, 1.5f, shade_stomach, NULL);
}
