/* The layers of the trunk from outside to inside: couch, skin, fat, muscle, and the fat that fills the cavities. */
#include "phantom/body.h"

#define SKIN_MM 1.6f
#define HU_SKIN 15.0f
#define HU_CAVITY_FAT (-102.0f)
#define WALL_POWER 2.35f

static const ph_knot half_width[] = {{15, 168},  {60, 176},  {95, 178},  {140, 171}, {200, 158},
                                     {260, 146}, {330, 141}, {400, 145}, {470, 153}, {540, 163},
                                     {585, 172}, {620, 182}, {645, 183}, {672, 172}};
static const ph_knot skin_front[] = {{15, -86},   {60, -96},   {110, -98},  {170, -102}, {230, -108},
                                     {300, -108}, {370, -106}, {440, -109}, {500, -112}, {550, -109},
                                     {590, -97},  {620, -80},  {645, -62},  {672, -48}};
static const ph_knot skin_back[] = {{15, 104},  {60, 112},  {110, 115}, {160, 112}, {210, 104}, {260, 98}, {330, 99},
                                    {400, 103}, {480, 108}, {560, 110}, {610, 107}, {645, 98},  {672, 88}};
static const ph_knot fat_front[] = {{20, 16}, {90, 22}, {170, 23}, {260, 20}, {350, 17}, {440, 11}, {540, 9}, {640, 8}};
static const ph_knot fat_side[] = {{20, 20},  {80, 26},  {150, 24}, {220, 20}, {280, 18},
                                   {360, 14}, {450, 10}, {560, 10}, {650, 9}};
static const ph_knot fat_back[] = {{20, 26},  {90, 30},  {150, 26}, {220, 18},
                                   {300, 13}, {420, 10}, {560, 10}, {650, 12}};
static const ph_knot cavity_half_width[] = {{20, 38},   {60, 48},   {90, 56},   {130, 68},  {170, 92},  {210, 112},
                                            {250, 114}, {300, 111}, {350, 114}, {400, 121}, {450, 127}, {500, 129},
                                            {540, 125}, {575, 116}, {610, 95},  {635, 68},  {655, 40},  {668, 26}};
static const ph_knot cavity_front[] = {{20, -40},  {60, -52},  {90, -58},  {130, -62}, {180, -66}, {230, -72},
                                       {300, -77}, {370, -80}, {430, -86}, {490, -90}, {540, -86}, {575, -76},
                                       {605, -60}, {635, -34}, {655, -12}, {668, -4}};
static const ph_knot cavity_back[] = {{20, 46},  {60, 58},  {100, 64}, {150, 62}, {200, 58},
                                      {240, 62}, {300, 70}, {360, 77}, {420, 84}, {480, 89},
                                      {540, 90}, {590, 86}, {630, 78}, {655, 66}, {668, 52}};
static const ph_knot spine[] = {{60, 52},  {95, 64},  {140, 66}, {180, 50}, {208, 30}, {240, 20}, {290, 18},
                                {340, 24}, {400, 38}, {460, 50}, {520, 55}, {580, 52}, {630, 42}, {672, 30}};
static const ph_knot mediastinum[] = {{400, 24}, {470, 26}, {520, 28}, {560, 30},
                                      {590, 32}, {615, 34}, {640, 30}, {660, 26}};

float ph_spine_y(float z)
{
    return PH_PROFILE(spine, z);
}

void ph_level_at(ph_level *level, const ph_body *body, float z)
{
    *level = (ph_level){
        .body = body,
        .z = z,
        .half_width = PH_PROFILE(half_width, z),
        .front = PH_PROFILE(skin_front, z),
        .back = PH_PROFILE(skin_back, z),
        .fat_front = PH_PROFILE(fat_front, z),
        .fat_side = PH_PROFILE(fat_side, z),
        .fat_back = PH_PROFILE(fat_back, z),
        .cavity_half_width = PH_PROFILE(cavity_half_width, z),
        .cavity_front = PH_PROFILE(cavity_front, z),
        .cavity_back = PH_PROFILE(cavity_back, z),
        .spine_y = ph_spine_y(z),
        .mediastinum = PH_PROFILE(mediastinum, z),
    };
}

ph_vec ph_wall_point(float z, float angle, float side, float out)
{
    float front = PH_PROFILE(cavity_front, z), back = PH_PROFILE(cavity_back, z);
    float dx = side * sinf(angle), dy = cosf(angle);
    float r = ph_superellipse_radius(dx, dy, PH_PROFILE(cavity_half_width, z), (back - front) / 2, WALL_POWER) + out;

    return (ph_vec){dx * r, (back + front) / 2 + dy * r, z};
}

float ph_cavity_sdf(const ph_level *v, float x, float y)
{
    return ph_superellipse(x, y - (v->cavity_back + v->cavity_front) / 2, v->cavity_half_width,
                           (v->cavity_back - v->cavity_front) / 2, WALL_POWER);
}

static float skin_sdf(const void *context, const ph_point *p)
{
    const ph_level *v = context;
    float middle = (v->back + v->front) / 2;
    float trunk =
        ph_superellipse(p->x, p->y - middle, v->half_width, (v->back - v->front) / 2, p->y > middle ? 2.7f : 2.4f);
    float cleft = ph_ellipse(p->x, p->y - v->back - 8, 3.5f, 38 * ph_step(165, 90, v->z) + 5);
    float furrow = ph_ellipse(p->x, p->y - v->back - 5, 9, 9);
    float thighs = ph_ellipse(p->x, p->y + 10, 2.5f, 130) + 70 * ph_step(25, 45, v->z);

    trunk = ph_both(trunk, -furrow, 12);
    trunk = ph_both(trunk, -thighs, 14);
    return ph_both(trunk, -cleft, 10) + 1.2f * p->broad;
}

/* Where the fat ends and the muscle begins. */
static float muscle_sdf(const void *context, const ph_point *p)
{
    const ph_level *v = context;
    float y = p->y - (v->back + v->front) / 2, r2 = p->x * p->x + y * y + 1, up = y * y / r2;
    float fat = ph_mix(v->fat_side, y < 0 ? v->fat_front : v->fat_back, up) * (1 + 0.22f * p->broad);

    return skin_sdf(context, p) + fat;
}

static float shade_skin(const void *context, const ph_canvas *c, size_t i, float depth)
{
    float septa = fabsf(c->medium[i]) < 0.05f && c->broad[i] > 0.1f ? 30 : 0;

    (void)context;
    return ph_mix(HU_SKIN, KH_PHANTOM_HU_FAT + 5 * c->medium[i] + septa,
                  ph_step(SKIN_MM - 0.5f, SKIN_MM + 0.6f, depth));
}

/* A thin sheet of fat between two muscles, `at` mm deep. */
static float fat_plane(float depth, float at, float thickness)
{
    return 1 - ph_step(thickness * 0.5f, thickness, fabsf(depth - at));
}

/* The muscles of the wall, with the planes between them: pectorals in front of the chest, three flat muscles beside the
 * belly, the straight one before it, the gluteals behind the pelvis. */
static float shade_muscle(const void *context, const ph_canvas *c, size_t i, float depth)
{
    const ph_level *v = context;
    float x = c->x[i], y = c->y[i], ax = fabsf(x), z = v->z;
    float marbling = ph_step(0.35f, 0.9f, c->medium[i] + 0.5f * c->fine[i]) * 55, planes = 0;
    float flat = ph_step(235, 255, z) * ph_step(400, 370, z) * ph_step(70, 82, ax) * ph_step(60, 45, y);

    planes = fmaxf(
        planes, flat * fmaxf(fat_plane(depth, 4.5f + c->broad[i], 0.9f), fat_plane(depth, 8.5f + c->broad[i], 0.9f)));
    planes = fmaxf(planes,
                   ph_step(150, 180, z) * ph_step(470, 430, z) * (y < 0) * fat_plane(ax, 66 + 5 * c->broad[i], 2.5f));
    planes = fmaxf(planes, ph_step(90, 120, z) * ph_step(490, 470, z) * (y < -40) * fat_plane(ax, 0, 2.2f) * 0.7f);
    planes =
        fmaxf(planes, ph_step(520, 545, z) * (y < 0) * (ax > 30) * fat_plane(depth, 12 + 2.5f * c->broad[i], 1.6f));
    planes =
        fmaxf(planes, ph_step(500, 530, z) * (y > 30) * (ax > 45) * fat_plane(depth, 9 + 2.5f * c->broad[i], 1.4f));
    planes = fmaxf(planes, ph_step(215, 195, z) * (y > 0) * (ax > 35) * fat_plane(depth, 24 + 5 * c->broad[i], 2.6f));
    planes = fmaxf(planes, ph_step(150, 120, z) * (ax > 55) * fat_plane(y, -22 + 8 * c->broad[i], 2.4f));
    planes = fmaxf(planes, ph_step(110, 90, z) * (ax > 55) * fat_plane(ax, 112 + 9 * c->broad[i], 2.2f) * (y < 40));
    planes = fmaxf(planes, ph_step(75, 50, z) * (ax > 30) * fat_plane(ax, 62 + 9 * c->broad[i], 2.2f));
    /* Shoulder and buttock: septa that follow no wall. */
    planes = fmaxf(planes, fmaxf(ph_step(610, 630, z), ph_step(200, 180, z)) * ph_step(9, 14, depth) *
                               ph_step(0.075f, 0.03f, fabsf(c->broad[i])) * 0.75f);
    return ph_mix(KH_PHANTOM_HU_MUSCLE - marbling * 0.45f, -85, planes);
}

static float cavity_sdf(const void *context, const ph_point *p)
{
    const ph_level *v = context;

    return ph_cavity_sdf(v, p->x, p->y);
}

static float shade_cavity(const void *context, const ph_canvas *c, size_t i, float depth)
{
    (void)context;
    (void)depth;
    return HU_CAVITY_FAT + 4 * c->medium[i];
}

/* The fat of the armpit, between the muscles in front and behind, and that of the groin and the ischiorectal fossa. */
static float hollow_sdf(const void *context, const ph_point *p)
{
    const ph_level *v = context;
    float ax = fabsf(p->x);
    float armpit = ph_ellipsoid(ax, p->y, v->z, (ph_vec){139, 8, 592}, (ph_vec){17, 30, 46});
    float groin = ph_ellipsoid(ax, p->y, v->z, (ph_vec){62, -66, 80}, (ph_vec){21, 17, 62});
    float fossa = ph_ellipsoid(ax, p->y, v->z, (ph_vec){30, 66, 52}, (ph_vec){17, 30, 36});

    return fminf(armpit, fminf(groin, fossa)) + 3.5f * p->medium + 4 * p->broad;
}

static float shade_hollow(const void *context, const ph_canvas *c, size_t i, float depth)
{
    (void)context;
    (void)depth;
    return -100 + 6 * c->medium[i] + (c->fine[i] > 0.62f ? 60 : 0);
}

/* A carbon shell over foam, and a thin mat on it; it does not move with the patient's warp. */
static void paint_couch(ph_canvas *c)
{
    for (int row = 0; row < c->size; row++) {
        float y = c->y0 + (float)row * c->spacing;

        if (y < PH_COUCH_Y_MM - 22)
            continue;
        for (int column = 0; column < c->size; column++) {
            float x = c->x0 + (float)column * c->spacing;
            float top = y - (PH_COUCH_Y_MM - x * x * 0.00055f), bottom = PH_COUCH_Y_MM + 46 - x * x * 0.0011f - y;
            float inside = fminf(fminf(top, bottom), 192 - fabsf(x));
            float shell = ph_step(-0.6f, 0.6f, inside) - ph_step(1.8f, 3.0f, inside);
            float mat = ph_step(-9, -8, top) * ph_step(0.5f, -0.5f, top) * ph_step(186, 184, fabsf(x));
            float hu = ph_mix(-1000, -925, ph_step(2, 3, inside));

            hu = ph_mix(hu, -885, mat);
            c->value[(size_t)row * (size_t)c->size + (size_t)column] = ph_mix(hu, -60, shell);
        }
    }
}

void ph_paint_layers(const ph_level *v, ph_canvas *c)
{
    ph_box all = {-v->half_width - 4, v->half_width + 4, v->front - 4, v->back + 4, v->z, v->z};
    ph_box inside = {-v->cavity_half_width, v->cavity_half_width, v->cavity_front, v->cavity_back, v->z, v->z};

    paint_couch(c);
    ph_paint(c, &all, 4, skin_sdf, v, shade_skin, NULL);
    ph_paint(c, &all, 4, muscle_sdf, v, shade_muscle, v);
    ph_paint(c, &all, 4, hollow_sdf, v, shade_hollow, NULL);
    ph_paint(c, &inside, 4, cavity_sdf, v, shade_cavity, NULL);
}
