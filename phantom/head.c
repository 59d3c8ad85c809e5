#include "phantom/head.h"

#include <stdbool.h>
#include "phantom/random.h"

#define EDGE_MM 1.0f

typedef enum tissue {
    AIR,
    SKIN,
    FAT,
    MUSCLE,
    BONE,
    MARROW,
    CSF,
    GREY,
    WHITE,
    NUCLEUS,
    THALAMUS,
    VITREOUS,
    LENS,
    MUCOSA,
    VESSEL,
    DISC,
    TISSUES
} tissue;

/* Signal by weighting: fluid is dark in T1 and bright in T2, white matter is brighter than grey in T1 only. */
static const float signals[2][TISSUES] = {
    [PH_T1] = {[AIR] = 0.005f,
               [SKIN] = 0.52f,
               [FAT] = 0.95f,
               [MUSCLE] = 0.36f,
               [BONE] = 0.05f,
               [MARROW] = 0.62f,
               [CSF] = 0.13f,
               [GREY] = 0.43f,
               [WHITE] = 0.61f,
               [NUCLEUS] = 0.47f,
               [THALAMUS] = 0.52f,
               [VITREOUS] = 0.15f,
               [LENS] = 0.4f,
               [MUCOSA] = 0.38f,
               [VESSEL] = 0.08f,
               [DISC] = 0.3f},
    [PH_T2] = {[AIR] = 0.005f,
               [SKIN] = 0.38f,
               [FAT] = 0.62f,
               [MUSCLE] = 0.2f,
               [BONE] = 0.04f,
               [MARROW] = 0.36f,
               [CSF] = 0.95f,
               [GREY] = 0.53f,
               [WHITE] = 0.38f,
               [NUCLEUS] = 0.45f,
               [THALAMUS] = 0.45f,
               [VITREOUS] = 0.98f,
               [LENS] = 0.15f,
               [MUCOSA] = 0.75f,
               [VESSEL] = 0.05f,
               [DISC] = 0.25f},
};

typedef struct probe {
    ph_vec p;   /* warped a little, so that the two halves differ */
    float ax;   /* distance from the midline */
    float fine; /* noise of 4 mm, -1 to 1 */
    const float *signal;
    float value;
    uint32_t salt;
} probe;

static void lay(probe *q, float d, tissue t)
{
    q->value = ph_mix(q->value, q->signal[t], ph_clamp(0.5f - d / EDGE_MM, 0, 1));
}

static float ball(const probe *q, float x, float y, float z, float rx, float ry, float rz)
{
    return ph_ellipsoid(q->ax, q->p.y, q->p.z, (ph_vec){x, y, z}, (ph_vec){rx, ry, rz});
}

static float rod(const probe *q, float x0, float y0, float z0, float r0, float x1, float y1, float z1, float r1)
{
    ph_segment s = {{x0, y0, z0}, {x1, y1, z1}, r0, r1};

    return ph_capsule((ph_vec){q->ax, q->p.y, q->p.z}, &s);
}

static float outside_sdf(const probe *q)
{
    float d = ball(q, 0, 1, 9, 82, 101, 93);
    float face = ball(q, 0, -42, -62, 58, 60, 64), nose = rod(q, 0, -96, -28, 5, 0, -109, -50, 9);
    float neck = ph_ellipse(q->ax, q->p.y - 14, 58, 58);

    d = ph_union(d, face, 22);
    d = ph_union(d, fmaxf(neck, q->p.z + 66), 26);
    d = ph_union(d, nose, 8);
    d = ph_union(d, ball(q, 0, -88, -78, 22, 18, 22), 14);
    return fminf(d, ball(q, 79, 10, -34, 4, 15, 26));
}

/* The inside of the skull. */
static float vault_sdf(const probe *q)
{
    float y = q->p.y, z = q->p.z;
    float dome = ball(q, 0, 0, 12, 70.5f, 88.5f, 76);
    float floor = -(z + 12 + 0.14f * (y + 60));
    float fossa = ball(q, 0, 46, -34, 56, 42, 35), temporal = ball(q, 42, -16, -22, 25, 36, 22);
    float canal = fmaxf(ph_ellipse(q->ax, y - 37, 12, 10), z + 40);

    dome = ph_both(dome, floor, 10);
    dome = ph_union(dome, fossa, 14);
    return ph_union(ph_union(dome, temporal, 10), canal, 6);
}

static float cerebellum_sdf(const probe *q)
{
    return ph_union(ball(q, 25, 52, -37, 29, 30, 23), ball(q, 0, 56, -33, 11, 23, 23), 8);
}

static float cerebrum_sdf(const probe *q, float vault)
{
    float tent =
        ph_both(q->p.z + 11 + 0.2f * q->ax, 14 - q->p.y + 0.15f * q->ax, 14); /* negative below the tentorium */
    float cistern = ball(q, 0, 4, -26, 21, 25, 21);
    float d = ph_both(vault + 2.4f, 1.5f - tent, 5);

    d = ph_both(d, -cistern, 6);
    return ph_both(d, 3.5f - cerebellum_sdf(q), 4);
}

/* Noise that hardly changes along the radius; where it is zero there is a furrow. */
static float furrow_noise(ph_vec p, float scale_mm, uint32_t salt)
{
    ph_vec c = {p.x, p.y, (p.z - 4) * 1.12f};
    float r = fmaxf(ph_length(c), 1), k = 72 / r / scale_mm, slow = r * 0.35f / scale_mm;

    return ph_noise3(c.x * k + slow, c.y * k - slow, c.z * k + slow * 0.5f, salt);
}

/* Distance to the sheets of the furrows: the noise over its slope. Where it is flat a furrow must not become a lake. */
static float furrow(const probe *q, float scale_mm, uint32_t salt)
{
    const float step = 0.7f;
    ph_vec p = {q->p.x + 1.3f * q->fine, q->p.y - 1.1f * q->fine, q->p.z};
    float n = furrow_noise(p, scale_mm, salt);
    ph_vec slope = {furrow_noise((ph_vec){p.x + step, p.y, p.z}, scale_mm, salt) - n,
                    furrow_noise((ph_vec){p.x, p.y + step, p.z}, scale_mm, salt) - n,
                    furrow_noise((ph_vec){p.x, p.y, p.z + step}, scale_mm, salt) - n};

    return fabsf(n) / fmaxf(ph_length(slope) / step, 0.45f / scale_mm);
}

/* The side fissure: a sheet that runs in from the side above the temporal lobe. */
static float sylvian(const probe *q)
{
    float sheet = fabsf(q->p.z + 3 - 0.28f * (q->p.y + 5) + 2 * q->fine) - 1.1f;
    float island = fabsf(q->ax - 40 + 0.006f * q->p.y * q->p.y - 2.5f * q->fine) - 0.9f;

    sheet = fmaxf(sheet, fmaxf(37 - q->ax, fabsf(q->p.y + 4) - 34));
    island = fmaxf(island, fmaxf(fabsf(q->p.z - 4) - 13, fabsf(q->p.y + 4) - 22));
    return fminf(sheet, island);
}

static void lay_cerebrum(probe *q, float vault)
{
    float d = cerebrum_sdf(q, vault), deep = -ball(q, 0, 0, 12, 70.5f, 88.5f, 76), depth;
    float callosum = ph_ellipse(q->p.y - 2, q->p.z - 4, 42, 24), mid, sheets, small, grey;

    if (d > 1)
        return;
    /* Furrows enter from the outside, and from the midline above the callosum. */
    depth = fminf(deep, fmaxf(q->ax + 13, 27 - callosum));
    sheets = fmaxf(furrow(q, 14, q->salt + 11) - 0.75f, depth - 20 - 5 * q->fine);
    small = fmaxf(furrow(q, 10, q->salt + 12) - 0.55f, deep - 10 - 3 * q->fine);
    mid = fmaxf(q->ax - 1.0f - 0.3f * q->fine, -(callosum + 1));
    sheets = fminf(fminf(sheets, small), fminf(sylvian(q), mid));
    grey = fmaxf(d + 2.6f, 2.3f - sheets);
    lay(q, d, GREY);
    lay(q, grey, WHITE);
    lay(q, fmaxf(sheets, d - 1), CSF);
}

static void lay_deep(probe *q)
{
    float horn = rod(q, 6, -32, 12, 4, 9, -4, 21, 4.4f), back = rod(q, 9, -4, 21, 4.4f, 20, 34, 14, 6.5f);
    float occipital = rod(q, 20, 34, 14, 6, 21, 56, 8, 2.4f), temporal = rod(q, 22, 34, 10, 5, 33, 4, -14, 2.6f);
    float third = ball(q, 0, 2, -2, 2.6f, 15, 10), ventricles;

    lay(q, ball(q, 11.5f, 7, 5, 9.5f, 15, 9.5f), THALAMUS);
    lay(q, rod(q, 12, -24, 9, 6, 16, 2, 18, 3.4f), NUCLEUS);
    lay(q, ball(q, 26, -6, 3, 5.8f, 17, 11), NUCLEUS);
    lay(q, ball(q, 19, -3, 1, 3.6f, 9, 7), GREY);
    ventricles = fminf(ph_union(ph_union(horn, back, 4), occipital, 4), ph_union(back, temporal, 4));
    ventricles = fmaxf(ventricles, 0.9f - q->ax);
    lay(q, fminf(ventricles, third), CSF);
    lay(q, fmaxf(ball(q, 17, 32, 15, 3, 6, 3.5f), -ventricles - 30), NUCLEUS);
}

/* Leaves of the cerebellum, white inside; the stem of the brain and what lies on it. */
static void lay_hindbrain(probe *q)
{
    float d = cerebellum_sdf(q), stem;
    float rx = q->ax - 12, ry = q->p.y - 44, rz = (q->p.z + 36) * 1.25f;
    float r = sqrtf(0.35f * rx * rx + ry * ry + rz * rz) + 1.2f * q->fine + 0.15f * rx;
    float tree = atan2f(q->p.z + 36, q->p.y - 34) * 15, shells = ph_step(4, 16, q->ax); /* the worm's leaves fan out */
    float leaf = 0.5f + 0.5f * sinf(ph_mix(tree + q->fine, r * 1.9f, shells)), depth = -d;

    lay(q, d, GREY);
    lay(q, d + 6.5f + 4 * q->fine + 3.5f * leaf, WHITE);
    lay(q, fmaxf(fmaxf(0.86f - leaf, (depth - 9 - 4 * q->fine) * 0.2f) * 2, d), CSF);
    lay(q, ball(q, 14, 45, -38, 5, 6, 5), NUCLEUS);
    stem = ph_union(ball(q, 0, 18, -34, 16, 13, 14), rod(q, 6, 12, -14, 8, 4, 14, -24, 9), 8);
    stem = ph_union(stem, rod(q, 0, 24, -44, 8, 0, 36, -84, 6.2f), 8);
    stem = ph_union(stem, rod(q, 12, 22, -34, 7, 24, 42, -38, 6), 6);
    stem = fminf(stem, rod(q, 0, 36, -84, 6, 0, 38, -150, 5.6f));
    lay(q, stem, WHITE);
    lay(q, ball(q, 0, 26, -12, 8, 3, 6), GREY);
    lay(q, ph_union(ball(q, 0, 37, -37, 7, 5, 11), rod(q, 0, 22, -8, 1.2f, 0, 30, -26, 1.4f), 2), CSF);
    lay(q, rod(q, 0, 4, -32, 1.8f, 0, 6, -18, 1.6f), VESSEL);
    lay(q, rod(q, 12, -8, -16, 2.2f, 10, -4, -26, 2.2f), VESSEL);
    lay(q, ball(q, 0, -8, -20, 5.5f, 4.5f, 3.5f), GREY);
}

static void lay_skull(probe *q, float vault)
{
    float diploe = 0.3f + 0.25f * q->fine + 0.2f * ph_step(-20, 40, q->p.z);

    lay(q, vault - 6.2f - 0.8f * q->fine, BONE);
    lay(q, fabsf(vault - 3.4f) - 1.0f - diploe, MARROW);
    lay(q, vault - 1.0f, BONE);
    lay(q, vault, CSF);
    /* The sagittal and transverse sinuses run in the dura. */
    lay(q, fmaxf(ph_ellipse(q->ax, vault + 3.2f, 4, 3), fmaxf(-q->p.z - 5, -40 - q->p.y)), VESSEL);
}

static void lay_eyes(probe *q)
{
    float globe = ball(q, 32, -74, -23, 12, 12, 12);

    lay(q, ball(q, 31, -60, -23, 19, 26, 18), FAT);
    lay(q, rod(q, 43, -72, -23, 2, 22, -38, -18, 2.2f), MUSCLE);
    lay(q, rod(q, 20, -72, -23, 2, 17, -38, -18, 2.2f), MUSCLE);
    lay(q, rod(q, 31, -70, -10, 1.8f, 20, -38, -16, 2.2f), MUSCLE);
    lay(q, rod(q, 31, -70, -36, 1.8f, 20, -38, -22, 2.2f), MUSCLE);
    lay(q, rod(q, 30, -62, -23, 2.4f, 10, -24, -16, 2.2f), WHITE);
    lay(q, globe, MUSCLE);
    lay(q, globe + 1.2f, VITREOUS);
    lay(q, ball(q, 32, -83, -23, 4.6f, 2.2f, 4.6f), LENS);
}

static void lay_airways(probe *q)
{
    float cells = fabsf(q->fine) < 0.12f ? 1.0f : 0;
    float ethmoid = ball(q, 6, -60, -25, 8, 22, 12) + cells,
          maxillary = ball(q, 28, -58, -52, 14, 18, 17) + 0.08f * (q->ax - 28) * (q->p.z + 52) / 4;
    float nose = ball(q, 0, -72, -52, 13, 30, 20), shell = sinf((q->p.z + 0.5f * q->ax) * 0.52f) * 2.4f;

    lay(q, ball(q, 9, -82, 4, 9, 5, 10) - 1.2f, BONE);
    lay(q, ball(q, 9, -82, 4, 8, 4.5f, 9), AIR);
    lay(q, ball(q, 0, -32, -26, 13, 13, 10) - 1.2f, BONE);
    lay(q, fmaxf(ball(q, 0, -32, -26, 13, 13, 10), 0.8f - q->ax), AIR);
    lay(q, ethmoid - 1, MUCOSA);
    lay(q, ethmoid, AIR);
    lay(q, maxillary - 2, BONE);
    lay(q, maxillary - 0.8f, MUCOSA);
    lay(q, maxillary + 0.6f, AIR);
    lay(q, nose, MUCOSA);
    lay(q, fmaxf(nose + 1.5f, 1.2f + shell - fabsf(q->ax - 5) * 0.5f), AIR);
    lay(q, fmaxf(q->ax - 0.9f, nose), MUCOSA);
    lay(q, ball(q, 54, 26, -40, 10, 14, 16) + 3 * cells, BONE);
    lay(q, ball(q, 54, 26, -40, 8, 12, 14) + 5 * cells, AIR);
    lay(q, rod(q, 57, 6, -30, 2.5f, 78, 8, -31, 3), AIR);
}

/* Palate, tongue, jaw, throat, and the spine of the neck. */
static void lay_throat(probe *q)
{
    float y = q->p.y, z = q->p.z;
    float body = fmaxf(ph_ellipse(q->ax, y - 17, 12, 9), z + 62), disc = fabsf(fmodf(z + 200, 19) - 9.5f) - 2.2f;

    lay(q, ball(q, 0, -60, -76, 30, 34, 6), BONE);
    lay(q, ball(q, 0, -48, -92, 25, 34, 20), MUSCLE);
    lay(q, ball(q, 0, -44, -97, 12, 24, 10), FAT);
    lay(q, rod(q, 26, -72, -106, 6, 46, -18, -84, 5), BONE);
    lay(q, rod(q, 26, -72, -106, 3.5f, 46, -18, -84, 2.5f), MARROW);
    lay(q, rod(q, 0, -84, -106, 7, 26, -72, -106, 6), BONE);
    lay(q, rod(q, 0, -84, -106, 4, 26, -72, -106, 3.5f), MARROW);
    lay(q, rod(q, 46, -18, -84, 5, 50, -8, -46, 4.5f), BONE);
    lay(q, rod(q, 46, -18, -84, 2.5f, 50, -8, -46, 2), MARROW);
    lay(q, fmaxf(ph_ellipse(q->ax, y + 8, 11, 5.5f), fmaxf(-140 - z, z + 44)), AIR);
    lay(q, rod(q, 0, -12, -78, 3.5f, 0, -16, -90, 3), MUCOSA);
    lay(q, rod(q, 27, 8, -150, 4, 25, 2, -50, 3.4f), VESSEL);
    lay(q, body - 1, BONE);
    lay(q, body, MARROW);
    lay(q, fmaxf(fmaxf(body, disc), z + 82), DISC);
    lay(q, fmaxf(rod(q, 0, 52, -150, 5, 0, 50, -86, 4), 4 - fabsf(fmodf(z + 200, 19) - 9.5f)), MARROW);
}

/* Everything between the skin and the skull. */
static void lay_soft(probe *q, float outside)
{
    float fat = 5.2f + 1.6f * ph_noise3(q->p.x / 30, q->p.y / 30, q->p.z / 30, q->salt + 5);
    float planes = ph_step(0.16f, 0.05f, fabsf(ph_noise3(q->p.x / 15, q->p.y / 15, q->p.z / 26, q->salt + 6)));

    lay(q, outside, SKIN);
    lay(q, outside + 2.0f, FAT);
    lay(q, outside + 2 + fat, MUSCLE);
    if (outside < -(2 + fat) && planes > 0)
        q->value = ph_mix(q->value, q->signal[FAT], planes * 0.85f);
    lay(q, fmaxf(ball(q, 66, -26, -14, 11, 26, 38), outside + 5), MUSCLE);
    lay(q, rod(q, 50, -26, -46, 9, 50, -34, -90, 9), MUSCLE);
    lay(q, ball(q, 55, 0, -64, 9, 14, 22), SKIN);
    lay(q, ball(q, 42, -56, -66, 9, 12, 16), FAT);
}

float ph_head_signal(ph_vec at, ph_weighting weighting, uint32_t salt)
{
    probe q = {.p = at, .signal = signals[weighting], .salt = salt, .value = signals[weighting][AIR]};
    float outside, vault, bias;

    q.p.x += 1.6f * ph_noise3(at.x / 34, at.y / 34, at.z / 34, salt + 1);
    q.p.y += 1.6f * ph_noise3(at.x / 34, at.y / 34, at.z / 34, salt + 2);
    q.p.z += 1.6f * ph_noise3(at.x / 34, at.y / 34, at.z / 34, salt + 3);
    q.ax = fabsf(q.p.x);
    outside = outside_sdf(&q);
    if (outside > EDGE_MM)
        return q.value;
    q.fine = ph_noise3(at.x / 4.5f, at.y / 4.5f, at.z / 4.5f, salt + 4);
    vault = vault_sdf(&q);
    if (vault > 3) {
        lay_soft(&q, outside);
        if (q.p.z < 20) {
            lay_airways(&q);
            lay_eyes(&q);
        }
        if (q.p.z < -40)
            lay_throat(&q);
    }
    if (vault < 8)
        lay_skull(&q, vault);
    if (vault < 1) {
        lay_cerebrum(&q, vault);
        lay_deep(&q);
        lay_hindbrain(&q);
    }
    if (outside > -8) /* the skin lies over all of it */
        q.value = ph_mix(q.value, q.signal[AIR], ph_clamp(0.5f + outside / EDGE_MM, 0, 1));
    bias = 1 - 0.05f * at.x / 80 - 0.06f * ph_noise3(at.x / 90, at.y / 90, at.z / 90, salt + 7);
    return q.value * bias * ph_step(-165, -88, at.z);
}
