/* Liver, gallbladder, spleen, kidneys, adrenals, pancreas, the deep muscles, and the pelvis' organs. */
#include "phantom/body.h"

#define HU_SPLEEN 124.0f
#define HU_PANCREAS 96.0f
#define HU_CORTEX 188.0f
#define HU_MEDULLA 148.0f
#define HU_PORTAL 172.0f
#define HU_HEPATIC 164.0f
#define HU_BILE 10.0f

static const ph_vec cyst = {-88, -22, 428};
#define CYST_MM 9.0f

typedef struct kidney {
    float side, z;
} kidney;
static const kidney kidneys[] = {{-1, 345}, {1, 357}};

/* Into the kidney's own frame: leaning outwards and forwards at its lower pole. */
static ph_vec kidney_frame(const kidney *k, float x, float y, float z)
{
    float dz = z - k->z;

    return (ph_vec){k->side * x - 71 + 0.2f * dz, y - 40 - 0.16f * dz, dz};
}

static float kidney_at(const kidney *k, float x, float y, float z)
{
    ph_vec p = kidney_frame(k, x, y, z);
    float body = ph_ellipsoid_origin(p, (ph_vec){27, 25, 55});
    float hilum = ph_ellipsoid(p.x, p.y, p.z, (ph_vec){-27, -6, 0}, (ph_vec){17, 9, 22});

    return ph_both(body, -hilum, 5);
}

float ph_liver_sdf(const ph_level *v, const ph_point *p)
{
    float x = p->x, y = p->y, z = v->z;
    float right = ph_ellipsoid(x, y, z, (ph_vec){-70, -2, 400}, (ph_vec){68, 86, 92});
    float left = ph_ellipsoid(x, y, z, (ph_vec){-4, -48, 432}, (ph_vec){74, 36, 36});
    float tip = ph_ellipsoid(x, y, z, (ph_vec){-92, 8, 338}, (ph_vec){32, 52, 52});
    float caudate = ph_ellipsoid(x, y, z, (ph_vec){-12, -8, 418}, (ph_vec){18, 20, 30});
    float hilum = ph_ellipsoid(x, y, z, (ph_vec){-22, -16, 378}, (ph_vec){20, 22, 18});
    float fissure = fmaxf(fabsf(x + 10 + 0.1f * (y + 50)) - 2.5f, fmaxf(y + 28, z - 425));
    float spine = ph_ellipse(x - 6, y - v->spine_y + 4, 38, 36);
    float gallbladder = ph_ellipsoid(x, y, z, (ph_vec){-48, -44, 356}, (ph_vec){17, 25, 24});
    float d = ph_union(ph_union(right, left, 26), tip, 22);

    d = ph_both(d, -spine, 14);
    d = ph_union(d, caudate, 8);
    d = ph_both(d, -hilum, 10);
    d = ph_both(d, -fissure, 5);
    d = ph_both(d, -gallbladder, 6);
    d = ph_both(d, 6 - kidney_at(&kidneys[0], x, y, z), 8);
    d = ph_both(d, ph_cavity_sdf(v, x, y) + 3.2f, 6);
    return ph_both(d, ph_diaphragm_sdf(x, y, z) + 0.4f, 3) + 1.6f * p->broad;
}

static float liver_sdf(const void *context, const ph_point *p)
{
    return ph_liver_sdf(context, p);
}

static float shade_liver(const void *context, const ph_canvas *c, size_t i, float depth)
{
    (void)context;
    (void)depth;
    return KH_PHANTOM_HU_LIVER + 2.5f * c->medium[i] + 2 * c->fine[i];
}

static float gallbladder_sdf(const void *context, const ph_point *p)
{
    float neck = ph_ellipsoid(p->x, p->y, p->z, (ph_vec){-40, -28, 372}, (ph_vec){7, 8, 12});

    (void)context;
    return ph_union(ph_ellipsoid(p->x, p->y, p->z, (ph_vec){-48, -46, 354}, (ph_vec){14, 21, 21}), neck, 10);
}

static float shade_gallbladder(const void *context, const ph_canvas *c, size_t i, float depth)
{
    (void)context;
    (void)c;
    (void)i;
    return ph_mix(62, HU_BILE, ph_step(1.2f, 2.2f, depth));
}

static float spleen_sdf(const void *context, const ph_point *p)
{
    const ph_level *v = context;
    float x = p->x - 98, y = p->y - 40, d;

    ph_turn(&x, &y, 0.92f, -0.39f);
    d = ph_ellipsoid_origin((ph_vec){x, y, v->z - 416}, (ph_vec){27, 50, 50});
    d = ph_both(d, -ph_ellipsoid(p->x, p->y, p->z, (ph_vec){66, 14, 420}, (ph_vec){30, 34, 60}), 8);
    d = ph_both(d, ph_cavity_sdf(v, p->x, p->y) + 5, 6);
    return ph_both(d, ph_diaphragm_sdf(p->x, p->y, p->z) + 4, 6) + 1.8f * p->broad;
}

static float shade_spleen(const void *context, const ph_canvas *c, size_t i, float depth)
{
    (void)context;
    (void)depth;
    return HU_SPLEEN + 2.5f * c->medium[i];
}

static float kidney_sdf(const void *context, const ph_point *p)
{
    return kidney_at(context, p->x, p->y, p->z) + 1.4f * p->broad + 0.7f * p->medium;
}

/* Cortex with columns between pyramids; inside, fat with the pelvis in it. */
static float shade_kidney(const void *context, const ph_canvas *c, size_t i, float depth)
{
    const kidney *k = context;
    ph_vec p = kidney_frame(k, c->x[i], c->y[i], c->z);
    float sinus = ph_ellipsoid(p.x, p.y, p.z, (ph_vec){-12, -3, 0}, (ph_vec){14, 9, 30}) + 2.5f * c->medium[i];
    float pelvis = ph_ellipsoid(p.x, p.y, p.z, (ph_vec){-14, -3, -2}, (ph_vec){9, 5, 13}) + 1.5f * c->medium[i];
    float column = ph_step(0.55f, 0.8f, sinf(atan2f(p.z * 0.5f, p.x + 8) * 5 + p.y * 0.13f));
    float pyramid = ph_step(6.5f, 8, depth) * (1 - column);
    float hu = ph_mix(HU_CORTEX, HU_MEDULLA, pyramid);

    hu = ph_mix(hu, -82, ph_step(0.7f, -0.7f, sinus));
    return ph_mix(hu, 14, ph_step(0.6f, -0.6f, pelvis));
}

/* The fascia and fat that keep a kidney apart from its neighbours. */
static float kidney_bed_sdf(const void *context, const ph_point *p)
{
    return kidney_at(context, p->x, p->y, p->z) - 4;
}

/* The long muscles of the back, beside the spines. */
static float back_muscle_sdf(const void *context, const ph_point *p)
{
    const ph_level *v = context;
    float deep = ph_ellipse(fabsf(p->x) - 26, p->y - v->spine_y - 38, 26, ph_mix(20, 14, ph_step(330, 480, v->z)));

    return ph_both(deep, p->y - v->back + v->fat_back + 1, 4) + 60 * ph_step(170, 130, v->z) + 1.2f * p->broad;
}

static float shade_back_muscle(const void *context, const ph_canvas *c, size_t i, float depth)
{
    float streak = ph_step(0.3f, 0.9f, c->medium[i] + 0.6f * c->fine[i]) * 48;

    (void)context;
    return ph_mix(-55, KH_PHANTOM_HU_MUSCLE - streak, ph_step(0.4f, 1.6f, depth));
}

static float shade_deep_muscle(const void *context, const ph_canvas *c, size_t i, float depth)
{
    (void)context;
    (void)depth;
    return KH_PHANTOM_HU_MUSCLE - ph_step(0.5f, 1.0f, c->medium[i] + 0.6f * c->fine[i]) * 25;
}

static float cyst_sdf(const void *context, const ph_point *p)
{
    (void)context;
    return ph_ellipsoid(p->x, p->y, p->z, cyst, (ph_vec){CYST_MM, CYST_MM, CYST_MM});
}

static void paint_liver(const ph_level *v, ph_canvas *c)
{
    static const float portal = HU_PORTAL, hepatic = HU_HEPATIC, water = KH_PHANTOM_HU_WATER;
    ph_box liver = {-132, 74, -90, 90, 280, 492}, gallbladder = {-66, -30, -70, -18, 330, 386};
    ph_box round = {cyst.x - CYST_MM, cyst.x + CYST_MM, cyst.y - CYST_MM,
                    cyst.y + CYST_MM, cyst.z - CYST_MM, cyst.z + CYST_MM};

    ph_paint(c, &liver, 4, liver_sdf, v, shade_liver, NULL);
    ph_paint_segments(c, &v->body->hepatic, 0, 0, ph_flat, &hepatic);
    ph_paint_segments(c, &v->body->portal, 0, 0, ph_flat, &portal);
    ph_paint(c, &round, 2, cyst_sdf, NULL, ph_flat, &water);
    ph_paint(c, &gallbladder, 2, gallbladder_sdf, NULL, shade_gallbladder, NULL);
}

static void paint_kidneys(ph_canvas *c)
{
    static const float fat = -103;

    for (size_t i = 0; i < 2; i++) {
        const kidney *k = &kidneys[i];
        float low = fminf(k->side * 34, k->side * 116), high = fmaxf(k->side * 34, k->side * 116);
        ph_box box = {low, high, 0, 84, k->z - 62, k->z + 62};

        ph_paint(c, &box, 4, kidney_bed_sdf, k, ph_flat, &fat);
        ph_paint(c, &box, 2, kidney_sdf, k, shade_kidney, k);
    }
}

void ph_paint_abdomen(const ph_level *v, ph_canvas *c)
{
    static const float pancreas = HU_PANCREAS, gland = 78, ureter = 45;
    ph_box back = {-60, 60, v->spine_y, v->back, 130, 700}, spleen = {50, 132, -20, 92, 360, 472};

    ph_paint(c, &back, 4, back_muscle_sdf, v, shade_back_muscle, NULL);
    ph_paint_segments(c, &v->body->psoas, 0, 1.2f, shade_deep_muscle, NULL);
    paint_kidneys(c);
    paint_liver(v, c);
    ph_paint(c, &spleen, 4, spleen_sdf, v, shade_spleen, NULL);
    ph_paint_segments(c, &v->body->adrenals, 0, 0.5f, ph_flat, &gland);
    ph_paint_segments(c, &v->body->pancreas, 0, 2.6f, ph_flat, &pancreas);
    ph_paint_segments(c, &v->body->ureters, 0, 0, ph_flat, &ureter);
}

static float bladder_sdf(const void *context, const ph_point *p)
{
    const ph_level *v = context;
    float d = ph_ellipsoid(p->x, p->y, p->z, (ph_vec){0, -26, 98}, (ph_vec){38, 27, 29});

    return ph_both(d, ph_cavity_sdf(v, p->x, p->y) + 5, 8) + p->broad;
}

static float shade_bladder(const void *context, const ph_canvas *c, size_t i, float depth)
{
    (void)context;
    (void)c;
    (void)i;
    return ph_mix(42, 7, ph_step(2.6f, 3.8f, depth));
}

static float prostate_sdf(const void *context, const ph_point *p)
{
    float gland = ph_ellipsoid(p->x, p->y, p->z, (ph_vec){0, 2, 60}, (ph_vec){23, 17, 18});
    float vesicles = ph_ellipsoid(fabsf(p->x), p->y, p->z, (ph_vec){16, 14, 88}, (ph_vec){18, 6, 8});

    (void)context;
    return ph_union(gland, vesicles + 1.5f * p->medium, 4);
}

void ph_paint_pelvis(const ph_level *v, ph_canvas *c)
{
    static const float gland = 62;
    ph_box bladder = {-42, 42, -60, 8, 62, 132}, prostate = {-38, 38, -18, 24, 38, 100};

    ph_paint(c, &prostate, 2, prostate_sdf, NULL, ph_flat, &gland);
    ph_paint(c, &bladder, 4, bladder_sdf, v, shade_bladder, NULL);
}
