/* Bones: ribs, sternum, shoulder girdle, spine, sacrum, pelvis and hips. */
#include "phantom/body.h"

#define PI_F 3.14159265f
#define RIBS 12
#define CORTEX_MM 1.5f
#define IN_SLICE_STEPS 8

/* From the vertebra to the front: where it starts, where its bone ends (radians from the back, mm of height), and where
 * its cartilage meets the breastbone (0: it does not). */
static const struct rib {
    float z_start, angle_end, z_end, z_sternum;
} ribs[RIBS] = {{657, 2.75f, 612, 600}, {637, 2.62f, 579, 575}, {616, 2.52f, 553, 557}, {594, 2.45f, 527, 541},
                {571, 2.40f, 499, 527}, {548, 2.32f, 471, 513}, {524, 2.22f, 443, 503}, {499, 2.10f, 416, 497},
                {474, 1.98f, 394, 490}, {447, 1.86f, 374, 484}, {420, 1.38f, 376, 0},   {392, 0.95f, 362, 0}};

/* Edges between vertebral bodies: bottom of L5 first, each with the disc above it counted to the upper one. */
static const float vertebra_bottom[] = {207, 243, 277, 311, 344, 376, 405, 433, 460, 486,
                                        511, 535, 558, 580, 602, 623, 644, 664, 684};
#define VERTEBRAE (sizeof vertebra_bottom / sizeof vertebra_bottom[0] - 1)

typedef struct bone_shade {
    float trabecular, cortical, cortex_mm;
} bone_shade;

static float shade_bone(const void *context, const ph_canvas *c, size_t i, float depth)
{
    const bone_shade *b = context;
    float spongy = b->trabecular + 45 * c->fine[i] + 25 * c->medium[i];

    return ph_mix(b->cortical, spongy, ph_step(b->cortex_mm - 0.5f, b->cortex_mm + 0.9f, depth));
}

static const bone_shade rib_bone = {220, 860, 1.3f};
static const bone_shade vertebra_bone = {KH_PHANTOM_HU_TRABECULAR - 20, 620, 1.1f};
static const bone_shade long_bone = {KH_PHANTOM_HU_TRABECULAR, KH_PHANTOM_HU_CORTICAL, 2.2f};
static const bone_shade flat_bone = {230, KH_PHANTOM_HU_CORTICAL - 100, CORTEX_MM};

static kh_status build_rib(ph_body *body, const struct rib *rib, float side, kh_error *err)
{
    enum { STEPS = 22 };
    ph_vec last = {side * 17, ph_spine_y(rib->z_start) + 11, rib->z_start};
    float r = 5.0f, spine = ph_spine_y(rib->z_start);
    ph_vec tip = {side * 30, spine + 27, rib->z_start + 3};
    kh_status status = ph_add_segment(&body->ribs, (ph_segment){last, tip, 4.2f, 4.2f}, err);

    last = tip;
    for (int i = 0; status == KH_OK && i <= STEPS; i++) {
        float t = (float)i / STEPS, angle = ph_mix(0.48f, rib->angle_end, t);
        float z = ph_mix(rib->z_start + 2, rib->z_end, powf(t, 1.15f));
        ph_vec now = ph_wall_point(z, angle, side, 5.5f);

        status = ph_add_segment(&body->ribs, (ph_segment){last, now, r, r}, err);
        last = now;
    }
    for (int i = 1; status == KH_OK && rib->z_sternum > 0 && i <= STEPS; i++) {
        float t = (float)i / STEPS, angle = ph_mix(rib->angle_end, 2.93f, t);
        ph_vec now = ph_wall_point(ph_mix(rib->z_end, rib->z_sternum, t * t * (3 - 2 * t)), angle, side, 5.0f);

        status = ph_add_segment(&body->cartilage, (ph_segment){last, now, 5.2f, 5.2f}, err);
        last = now;
    }
    return status;
}

static kh_status build_limbs(ph_body *body, float s, kh_error *err)
{
    const float collarbone[][4] = {{s * 18, -58, 606, 8},
                                   {s * 50, -52, 618, 6},
                                   {s * 92, -22, 634, 5.5f},
                                   {s * 128, 8, 650, 6},
                                   {s * 146, 14, 656, 7}};
    const float acromion[][4] = {
        {s * 70, 82, 622, 3}, {s * 105, 74, 634, 4}, {s * 138, 52, 650, 6}, {s * 150, 26, 660, 7}};
    const float humerus[][4] = {
        {s * 158, 22, 634, 22}, {s * 160, 20, 640, 20}, {s * 166, 10, 662, 14}, {s * 172, 0, 690, 12}};
    const float coracoid[][4] = {{s * 122, 30, 634, 6}, {s * 122, 8, 641, 5}, {s * 128, -4, 632, 5}};
    const float femur[][4] = {
        {s * 93, 2, 88, 14}, {s * 112, 6, 76, 14}, {s * 128, 12, 66, 19}, {s * 131, 10, 40, 16}, {s * 130, 8, 0, 14}};
    const float trochanter[][4] = {{s * 128, 14, 66, 16}, {s * 134, 20, 88, 11}};
    const float pubis_up[][4] = {{s * 76, -22, 92, 11}, {s * 45, -46, 80, 8}, {s * 14, -58, 66, 10}};
    const float pubis_down[][4] = {{s * 11, -54, 60, 9}, {s * 24, -40, 44, 6}, {s * 46, 2, 34, 8}};
    const float ischium[][4] = {{s * 78, 30, 92, 15}, {s * 70, 42, 64, 13}, {s * 60, 34, 38, 14}, {s * 50, 12, 32, 10}};
    kh_status status = ph_add_curve(&body->collarbones, collarbone, 5, err);

    if (status == KH_OK)
        status = ph_add_curve(&body->collarbones, acromion, 4, err);
    if (status == KH_OK)
        status = ph_add_curve(&body->collarbones, coracoid, 3, err);
    if (status == KH_OK)
        status = ph_add_curve(&body->upper_limbs, humerus, 4, err);
    if (status == KH_OK)
        status = ph_add_curve(&body->upper_limbs, femur, 5, err);
    if (status == KH_OK)
        status = ph_add_curve(&body->upper_limbs, trochanter, 2, err);
    if (status == KH_OK)
        status = ph_add_segment(&body->upper_limbs, (ph_segment){{s * 90, 0, 87}, {s * 91, 0, 87}, 23.5f, 23.5f}, err);
    if (status == KH_OK)
        status = ph_add_curve(&body->hips, pubis_up, 3, err);
    if (status == KH_OK)
        status = ph_add_curve(&body->hips, pubis_down, 3, err);
    if (status == KH_OK)
        status = ph_add_curve(&body->hips, ischium, 4, err);
    return status;
}

kh_status ph_build_bones(ph_body *body, kh_error *err)
{
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < 2 * RIBS; i++)
        status = build_rib(body, &ribs[i / 2], i % 2 ? 1.0f : -1.0f, err);
    body->ribs.z_squash = body->cartilage.z_squash = 0.68f;
    if (status == KH_OK)
        status = build_limbs(body, -1, err);
    if (status == KH_OK)
        status = build_limbs(body, 1, err);
    return status;
}

typedef struct vertebra {
    const ph_level *level;
    float middle, half_height; /* mm */
    float rx, ry;              /* of the body */
    float thoracic;            /* 0 lumbar to 1 thoracic */
} vertebra;

static float processes_sdf(const vertebra *v, float ax, float y, float z)
{
    float t = v->thoracic, k = v->rx / 24, back = v->ry;
    ph_segment pedicle = {{12 * k + 3, back - 4, 4}, {15 * k + 3, back + 10, 3}, 4.6f, 4.6f};
    ph_segment lamina = {{15 * k + 2, back + 13, 1}, {0, back + 23, -5}, 3.8f, 3.6f};
    ph_segment spinous = {
        {0, back + 22, -5}, {0, back + ph_mix(44, 38, t), ph_mix(-11, -25, t)}, 3.4f, ph_mix(4.6f, 3.2f, t)};
    ph_segment transverse = {{15 * k + 3, back + 10, 3}, {ph_mix(42, 33, t), back + ph_mix(13, 20, t), 5}, 4.2f, 3.8f};
    ph_segment facet = {{16 * k + 2, back + 15, -v->half_height - 6}, {16 * k + 1, back + 13, 8}, 5.4f, 4.4f};
    ph_vec p = {ax, y, z};
    float d = ph_union(ph_capsule(p, &pedicle), ph_capsule(p, &lamina), 4);

    p.z *= 0.55f;
    spinous.a.z *= 0.55f;
    spinous.b.z *= 0.55f;
    d = ph_union(d, ph_capsule(p, &spinous), 4);
    p.z = z;
    d = ph_union(d, ph_capsule(p, &transverse), 4);
    return ph_union(d, ph_capsule(p, &facet), 3);
}

static float vertebra_sdf(const void *context, const ph_point *p)
{
    const vertebra *v = context;
    float z = p->z - v->middle, y = p->y - v->level->spine_y, h = z / v->half_height;
    float waist = 1 - 0.09f * fmaxf(1 - h * h, 0);
    float around = ph_ellipse(p->x, y, v->rx * waist, v->ry * waist);
    float notch = ph_ellipse(p->x, y - v->ry - 6, 13, 8.5f);
    float body = ph_both(ph_both(around, -notch, 4), fabsf(z) - v->half_height, 3);
    float canal = ph_ellipse(p->x, y - v->ry - 8, 10.5f - v->thoracic, 8);

    return ph_both(ph_union(body, processes_sdf(v, fabsf(p->x), y, z), 3), -canal, 1.5f);
}

static float shade_vertebra(const void *context, const ph_canvas *c, size_t i, float depth)
{
    const vertebra *v = context;
    float end = v->half_height - fabsf(c->z - v->middle);

    return shade_bone(&vertebra_bone, c, i, depth < end || end < 0 ? depth : end);
}

static float disc_sdf(const void *context, const ph_point *p)
{
    const vertebra *v = context;
    float y = p->y - v->level->spine_y;

    return ph_both(ph_ellipse(p->x, y, v->rx * 1.02f, v->ry * 1.02f), -ph_ellipse(p->x, y - v->ry - 7, 13, 8.5f), 4);
}

static float shade_disc(const void *context, const ph_canvas *c, size_t i, float depth)
{
    (void)context;
    return ph_mix(105, 78, ph_step(3, 7, depth)) + 4 * c->medium[i];
}

static float canal_sdf(const void *context, const ph_point *p)
{
    const vertebra *v = context;

    return ph_ellipse(p->x, p->y - v->level->spine_y - v->ry - 8, 10.2f, 7.6f);
}

/* Fat, sac and cord; below the cord's end at L1 only roots. */
static float shade_canal(const void *context, const ph_canvas *c, size_t i, float depth)
{
    const vertebra *v = context;
    float cord = ph_step(340, 365, c->z) *
                 ph_step(0.6f, -0.6f, ph_ellipse(c->x[i], c->y[i] - v->level->spine_y - v->ry - 8, 5.2f, 4));
    float sac = ph_mix(-70, 18, ph_step(0.8f, 1.8f, depth));

    return ph_mix(sac, 44, cord);
}

static void paint_spine(const ph_level *v, ph_canvas *c)
{
    float y = v->spine_y;
    ph_box box = {-52, 52, y - 26, y + 74, v->z, v->z};
    vertebra here = {.level = v, .half_height = 0};

    if (v->z < vertebra_bottom[0] - 8)
        return;
    for (size_t i = VERTEBRAE; i-- > 0;) {
        float low = vertebra_bottom[i], high = vertebra_bottom[i + 1], disc = (high - low) * 0.2f,
              lumbar = ph_step(470, 350, low);
        vertebra one = {.level = v,
                        .middle = (low + high - disc) / 2,
                        .half_height = (high - low - disc) / 2,
                        .rx = ph_mix(ph_mix(14.5f, 16, ph_step(520, 640, low)), 24, lumbar),
                        .ry = ph_mix(ph_mix(14, 10, ph_step(560, 660, low)), 17, lumbar),
                        .thoracic = 1 - lumbar};

        if (v->z >= low - disc / 2 && v->z < high)
            here = one;
        if (v->z > low - 50 && v->z < high + 20)
            ph_paint(c, &box, 2, vertebra_sdf, &one, shade_vertebra, &one);
    }
    if (here.half_height > 0 && fabsf(v->z - here.middle) > here.half_height)
        ph_paint(c, &box, 2, disc_sdf, &here, shade_disc, NULL);
    ph_paint(c, &box, 2, canal_sdf, &here, shade_canal, &here);
}

static float sacrum_sdf(const void *context, const ph_point *p)
{
    const ph_level *v = context;
    static const ph_knot width[] = {{70, 7}, {95, 14}, {120, 34}, {150, 47}, {185, 55}, {205, 50}, {212, 40}};
    static const ph_knot depth[] = {{70, 5}, {95, 7}, {120, 10}, {150, 14}, {185, 20}, {212, 20}};
    float ax = fabsf(p->x), y = p->y - v->spine_y - 0.010f * ax * ax + 4;
    float d = ph_ellipse(p->x, y, PH_PROFILE(width, v->z), PH_PROFILE(depth, v->z)) + 0.8f * p->medium;
    float hole_z = fmodf(v->z - 100, 26) - 13;
    float hole = sqrtf((ax - 21) * (ax - 21) + hole_z * hole_z) - 4.8f;
    float canal = ph_ellipse(p->x, y - 10, 10, 5) + 30 * ph_step(130, 115, v->z);

    d = ph_both(d, v->z - 209, 4);
    d = ph_both(d, -hole, 2);
    return ph_both(d, -canal, 2);
}

/* A thin curved bone cut by this slice: a quadratic curve through three points whose places change with height. */
typedef struct blade {
    ph_knot x[3][6], y[3][6], half[6]; /* back, middle and front point; half thickness */
    float low, high;
} blade;

static const blade ilium = {
    .x = {{{100, 66}, {118, 64}, {140, 56}, {170, 47}, {205, 44}, {246, 66}},
          {{100, 84}, {118, 80}, {140, 76}, {170, 74}, {205, 88}, {246, 98}},
          {{100, 98}, {118, 104}, {140, 112}, {170, 124}, {205, 128}, {246, 108}}},
    .y = {{{100, 38}, {118, 42}, {140, 60}, {170, 74}, {205, 72}, {246, 52}},
          {{100, 14}, {118, 14}, {140, 20}, {170, 24}, {205, 48}, {246, 36}},
          {{100, -14}, {118, -24}, {140, -34}, {170, -40}, {205, -30}, {246, 6}}},
    .half = {{100, 9}, {118, 8}, {140, 6}, {170, 4.6f}, {205, 4.6f}, {240, 6}},
    .low = 98,
    .high = 246,
};

static const blade scapula = {
    .x = {{{500, 98}, {530, 88}, {560, 81}, {590, 76}, {620, 74}, {645, 88}},
          {{500, 102}, {530, 104}, {560, 102}, {590, 100}, {620, 98}, {645, 100}},
          {{500, 106}, {530, 119}, {560, 125}, {590, 129}, {620, 135}, {645, 112}}},
    .y = {{{500, 92}, {530, 94}, {560, 96}, {590, 96}, {620, 90}, {645, 78}},
          {{500, 90}, {530, 88}, {560, 86}, {590, 84}, {620, 76}, {645, 66}},
          {{500, 86}, {530, 76}, {560, 66}, {590, 54}, {620, 38}, {645, 52}}},
    .half = {{500, 2.4f}, {530, 2.2f}, {560, 2.2f}, {590, 2.4f}, {620, 3.2f}, {645, 2.4f}},
    .low = 498,
    .high = 647,
};

static void paint_blade(const ph_level *v, ph_canvas *c, const blade *b, float side, float thick_front,
                        const bone_shade *shade)
{
    ph_segment items[IN_SLICE_STEPS];
    ph_segments list = {items, IN_SLICE_STEPS, IN_SLICE_STEPS, 1};
    float crest = fminf(ph_step(b->high, b->high - 12, v->z), ph_step(b->low, b->low + 8, v->z)), px[3], py[3];
    float half = PH_PROFILE(b->half, v->z) * sqrtf(crest);
    ph_vec last = {0, 0, v->z};

    if (crest <= 0)
        return;
    for (int k = 0; k < 3; k++) {
        px[k] = PH_PROFILE(b->x[k], v->z) * side;
        py[k] = PH_PROFILE(b->y[k], v->z);
    }
    for (int i = 0; i <= IN_SLICE_STEPS; i++) {
        float t = (float)i / IN_SLICE_STEPS, u = 1 - t;
        ph_vec now = {u * u * px[0] + 2 * u * t * px[1] + t * t * px[2],
                      u * u * py[0] + 2 * u * t * py[1] + t * t * py[2], v->z};
        float r = half * (1 + thick_front * (t > 0.6f ? (t - 0.6f) * 2 : 0)),
              before = half * (1 + thick_front * (t > 0.725f ? (t - 0.725f) * 2 : 0));

        if (i > 0)
            items[i - 1] = (ph_segment){last, now, before, r};
        last = now;
    }
    ph_paint_segments(c, &list, 0, 0.5f, shade_bone, shade);
}

static float socket_sdf(const void *context, const ph_point *p)
{
    float ax = fabsf(p->x);
    float cup = ph_ellipsoid(ax, p->y, p->z, (ph_vec){86, 2, 90}, (ph_vec){32, 36, 34});
    float hole = ph_ellipsoid(ax, p->y, p->z, (ph_vec){93, 0, 86}, (ph_vec){28, 27.5f, 27.5f});
    float open = (ax - 98) * 0.85f + (86 - p->z) * 0.5f; /* it looks outwards and down */

    (void)context;
    return ph_both(ph_both(cup, -hole, 2), open, 4);
}

static float sternum_sdf(const void *context, const ph_point *p)
{
    const ph_level *v = context;
    static const ph_knot width[] = {{468, 3},  {484, 7},  {495, 14}, {520, 17}, {560, 15},
                                    {572, 14}, {578, 19}, {600, 26}, {609, 18}};
    float y = p->y - (v->cavity_front - 6.5f);

    return ph_both(ph_ellipse(p->x, y, PH_PROFILE(width, v->z), 6.6f), fabsf(v->z - 538) - 71, 3);
}

void ph_paint_bones(const ph_level *v, ph_canvas *c)
{
    static const float cartilage = 105, joint = 60;
    ph_box sternum = {-30, 30, v->cavity_front - 16, v->cavity_front + 4, 466, 610};
    ph_box sacrum = {-58, 58, v->spine_y - 26, v->spine_y + 62, 66, 212};
    ph_box socket = {-122, 122, -38, 42, 54, 126};

    ph_paint_segments(c, &v->body->cartilage, 0, 0.6f, ph_flat, &cartilage);
    ph_paint_segments(c, &v->body->ribs, 0, 0.4f, shade_bone, &rib_bone);
    ph_paint(c, &sternum, 2, sternum_sdf, v, shade_bone, &rib_bone);
    paint_blade(v, c, &scapula, -1, 1.8f, &flat_bone);
    paint_blade(v, c, &scapula, 1, 1.8f, &flat_bone);
    ph_paint_segments(c, &v->body->collarbones, 0, 0.4f, shade_bone, &long_bone);
    paint_blade(v, c, &ilium, -1, 0.4f, &flat_bone);
    paint_blade(v, c, &ilium, 1, 0.4f, &flat_bone);
    ph_paint(c, &sacrum, 2, sacrum_sdf, v, shade_bone, &flat_bone);
    ph_paint(c, &socket, 2, socket_sdf, v, shade_bone, &flat_bone);
    ph_paint_segments(c, &v->body->hips, 0, 0.6f, shade_bone, &flat_bone);
    ph_paint_segments(c, &v->body->upper_limbs, 2.2f, 0, ph_flat, &joint);
    ph_paint_segments(c, &v->body->upper_limbs, 0, 0.4f, shade_bone, &long_bone);
    paint_spine(v, c);
}
