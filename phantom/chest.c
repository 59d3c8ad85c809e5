/* The chest: diaphragm, lungs with fissures and vessels, airways, heart, the nodule. */
#include "phantom/body.h"

#define HU_VENOUS 172.0f
#define PLEURA_MM 2.5f

static const ph_vec lv_axis = {0.72f, -0.52f, -0.459f}; /* from the base of the heart to its apex */
static const ph_vec lv_centre = {30, -24, 508};
static const ph_vec nodule = {-76, 12, 598};

float ph_diaphragm_sdf(float x, float y, float z)
{
    const ph_vec right = {-60, -4, 378}, left = {64, -2, 372};
    float on_right = ph_ellipsoid(x, y, fmaxf(z, right.z), right, (ph_vec){78, 92, 108});
    float on_left = ph_ellipsoid(x, y, fmaxf(z, left.z), left, (ph_vec){76, 92, 101});

    return ph_union(on_right, on_left, 26);
}

/* Distance to an ellipsoid of revolution about the heart's axis. */
static float about_axis(float x, float y, float z, float shift, float along, float across)
{
    ph_vec d = {x - lv_centre.x - lv_axis.x * shift, y - lv_centre.y - lv_axis.y * shift,
                z - lv_centre.z - lv_axis.z * shift};
    float t = ph_dot(d, lv_axis), radial = sqrtf(fmaxf(ph_dot(d, d) - t * t, 0));

    return ph_ellipse(t, radial, along, across);
}

static float right_ventricle(float x, float y, float z)
{
    float d = ph_ellipsoid(x, y, z, (ph_vec){8, -50, 504}, (ph_vec){38, 25, 38});

    return ph_union(d, ph_ellipsoid(x, y, z, (ph_vec){14, -40, 536}, (ph_vec){17, 15, 20}), 10);
}

static float right_atrium(float x, float y, float z)
{
    return ph_ellipsoid(x, y, z, (ph_vec){-34, -18, 514}, (ph_vec){23, 28, 31});
}

static float left_atrium(float x, float y, float z)
{
    return ph_ellipsoid(x, y, z, (ph_vec){3, 13, 539}, (ph_vec){33, 17, 22});
}

float ph_heart_hull_sdf(float x, float y, float z)
{
    float d = ph_union(about_axis(x, y, z, 0, 52, 34), right_ventricle(x, y, z), 18);

    return ph_union(ph_union(d, right_atrium(x, y, z), 18), left_atrium(x, y, z), 14) - 2.2f;
}

static float mediastinum_sdf(const ph_level *v, const ph_point *p)
{
    float x = p->x, y = p->y, z = v->z;
    float d = ph_ellipse(x - 1, y - 2, v->mediastinum, 44);
    float spine = ph_ellipse(x, y - v->spine_y - 6, 21 + 6 * ph_step(480, 400, z), 25);
    float front = fminf(fmaxf(fabsf(x - 3) - 2, y - 10),
                        ph_ellipse(x - 3, y - v->cavity_front, ph_mix(88, 2, ph_step(415, 512, z)), 62));
    float aorta = hypotf(x - ph_mix(10, 24, ph_step(400, 490, z)),
                         y - ph_mix(v->spine_y - 26, v->spine_y - 10, ph_step(400, 490, z))) -
                  15;
    float cava = hypotf(x + 29, y + 10) - 12 + 40 * (1 - ph_step(520, 535, z));
    float hilum = fminf(ph_ellipsoid(fabsf(x), y, z, (ph_vec){38, 20, 560}, (ph_vec){18, 17, 24}),
                        ph_ellipsoid(x, y, z, (ph_vec){20, 2, 604}, (ph_vec){20, 42, 18}));

    d = ph_union(d, fminf(spine, fmaxf(fabsf(x) - 22, v->spine_y - y)), 10);
    d = ph_union(d, front, 8);
    d = ph_union(d, aorta + 60 * ph_step(606, 616, z), 6);
    d = ph_union(d, cava, 6);
    d = ph_union(d, hilum, 8);
    return ph_union(d, ph_heart_hull_sdf(x, y, z) - 2.5f, 8);
}

float ph_lung_sdf(const ph_level *v, const ph_point *p)
{
    float d = ph_cavity_sdf(v, p->x, p->y) + PLEURA_MM;

    if (d > 30)
        return d;
    d = ph_both(d, -mediastinum_sdf(v, p), 9);
    return ph_both(d, 2 - ph_diaphragm_sdf(p->x, p->y, v->z) + 1.5f * p->broad, 5);
}

static float lung_sdf(const void *context, const ph_point *p)
{
    return ph_lung_sdf(context, p);
}

/* The oblique fissure of both sides and the horizontal one of the right, as sheets half a millimetre thick. */
static float fissures(float x, float y, float z, float broad)
{
    float oblique = (z - 528 - 0.8f * y) * 0.78f + 4 * broad, level = z - 536 - 0.12f * (x + 70) + 4 * broad;
    float d = fabsf(oblique);

    if (x < 0 && oblique > 0)
        d = fminf(d, fabsf(level));
    return ph_step(1.5f, 0.2f, d);
}

static float shade_lung(const void *context, const ph_canvas *c, size_t i, float depth)
{
    float hu = KH_PHANTOM_HU_LUNG + 0.22f * c->y[i] + 13 * c->fine[i] + 12 * c->medium[i];

    (void)context;
    (void)depth;
    return hu + 95 * fissures(c->x[i], c->y[i], c->z, c->broad[i]);
}

/* The belly under the domes: fat, and the muscle that covers it. */
static float dome_sdf(const void *context, const ph_point *p)
{
    const ph_level *v = context;

    return ph_both(ph_diaphragm_sdf(p->x, p->y, v->z) - 2.0f, ph_cavity_sdf(v, p->x, p->y) + 0.5f, 2);
}

static float shade_dome(const void *context, const ph_canvas *c, size_t i, float depth)
{
    (void)context;
    return ph_mix(52, -101 + 4 * c->medium[i], ph_step(2.2f, 3.4f, depth));
}

typedef struct chamber {
    float (*sdf)(float x, float y, float z);
    float wall_mm, wall, blood;
} chamber;

static float chamber_sdf(const void *context, const ph_point *p)
{
    const chamber *ch = context;

    return ch->sdf(p->x, p->y, p->z) + 0.8f * p->medium + p->broad;
}

static float atrium_lumen_sdf(const void *context, const ph_point *p)
{
    return chamber_sdf(context, p) + 2.4f;
}

static float shade_chamber(const void *context, const ph_canvas *c, size_t i, float depth)
{
    const chamber *ch = context;

    (void)i;
    (void)c;
    return ph_mix(ch->wall, ch->blood, ph_step(ch->wall_mm - 0.7f, ch->wall_mm + 0.7f, depth));
}

static float left_ventricle(float x, float y, float z)
{
    return about_axis(x, y, z, 0, 52, 34);
}

static float left_cavity(float x, float y, float z)
{
    return about_axis(x, y, z, -8, 44, 22);
}

/* Blood with the two papillary muscles in it, ragged at the wall. */
static float shade_left_cavity(const void *context, const ph_canvas *c, size_t i, float depth)
{
    ph_vec d = {c->x[i] - lv_centre.x, c->y[i] - lv_centre.y, c->z - lv_centre.z};
    float t = ph_dot(d, lv_axis), papillary;
    ph_vec across = {d.x - lv_axis.x * t, d.y - lv_axis.y * t, d.z - lv_axis.z * t};

    (void)context;
    papillary = fminf(hypotf(across.x - 9, across.z - 9), hypotf(across.x - 4, across.z + 12)) - 4.2f;
    papillary = fmaxf(papillary, fabsf(t - 6) - 17);
    papillary = fminf(papillary, depth - 1.2f - 1.8f * c->fine[i]);
    return ph_mix(112, KH_PHANTOM_HU_BLOOD, ph_step(-0.6f, 0.6f, papillary));
}

static float hull_sdf(const void *context, const ph_point *p)
{
    (void)context;
    return ph_heart_hull_sdf(p->x, p->y, p->z) - 1.5f + 1.5f * p->broad;
}

static float shade_pericardium(const void *context, const ph_canvas *c, size_t i, float depth)
{
    (void)context;
    return ph_mix(-10, -98 + 4 * c->medium[i], ph_step(0.7f, 1.3f, depth));
}

/* From right to left: each lies over those before. */
static const chamber chambers[] = {
    {right_atrium, 2.0f, 80, HU_VENOUS},
    {right_ventricle, 3.6f, 105, HU_VENOUS + 4},
    {left_atrium, 2.0f, 90, KH_PHANTOM_HU_BLOOD - 4},
    {left_ventricle, 60, 114, 114},
};
static const ph_box heart_box = {-62, 92, -86, 42, 455, 575};

/* The veins end in the atria: their walls do not go on inside. */
void ph_paint_atria(ph_canvas *c)
{
    static const chamber right = {right_atrium, 0, HU_VENOUS, HU_VENOUS};
    static const chamber left = {left_atrium, 0, KH_PHANTOM_HU_BLOOD - 4, KH_PHANTOM_HU_BLOOD - 4};

    ph_paint(c, &heart_box, 4, atrium_lumen_sdf, &right, ph_flat, &right.blood);
    ph_paint(c, &heart_box, 4, atrium_lumen_sdf, &left, ph_flat, &left.blood);
}

static void paint_heart(ph_canvas *c)
{
    const ph_box box = heart_box;

    if (c->z < box.bottom || c->z > box.top)
        return;
    ph_paint(c, &box, 4, hull_sdf, NULL, shade_pericardium, NULL);
    for (size_t i = 0; i < sizeof chambers / sizeof chambers[0]; i++)
        ph_paint(c, &box, 4, chamber_sdf, &chambers[i], shade_chamber, &chambers[i]);
    ph_paint(c, &box, 4, chamber_sdf, &(chamber){left_cavity, 0, 0, 0}, shade_left_cavity, NULL);
}

static float nodule_sdf(const void *context, const ph_point *p)
{
    const ph_level *v = context;
    float r = v->body->nodule_radius_mm;

    return ph_ellipsoid(p->x, p->y, p->z, nodule, (ph_vec){r, r * 0.9f, r}) + 0.7f * p->medium;
}

void ph_paint_chest(const ph_level *v, ph_canvas *c)
{
    static const float vessel = 60, wall = 25, air = -985, blood = HU_VENOUS, nodule_hu = 48;
    ph_box lungs = {-v->cavity_half_width, v->cavity_half_width, v->cavity_front, v->cavity_back, 340, 664};
    ph_box dome = {-v->cavity_half_width, v->cavity_half_width, v->cavity_front, v->cavity_back, 340, 490};
    ph_box round = {nodule.x - 16, nodule.x + 16, nodule.y - 16, nodule.y + 16, nodule.z - 14, nodule.z + 14};

    ph_paint(c, &dome, 4, dome_sdf, v, shade_dome, NULL);
    ph_paint(c, &lungs, 4, lung_sdf, v, shade_lung, NULL);
    ph_paint_segments(c, &v->body->lung_vessels, 0, 0, ph_flat, &vessel);
    ph_paint(c, &round, 1, nodule_sdf, v, ph_flat, &nodule_hu);
    paint_heart(c);
    ph_paint_segments(c, &v->body->heart_vessels, 0.9f, 0, ph_flat, &wall);
    ph_paint_segments(c, &v->body->heart_vessels, 0, 0, ph_flat, &blood);
    ph_paint_segments(c, &v->body->oesophagus, 0, 0.8f, ph_flat, &wall);
    ph_paint_segments(c, &v->body->airways, 1.5f, 0, ph_flat, &wall);
    ph_paint_segments(c, &v->body->airways, 0, 0, ph_flat, &air);
}
