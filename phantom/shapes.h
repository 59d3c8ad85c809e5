/* shapes.h - signed distances in millimetres (negative inside) of simple bodies, and ways to join them.
 * Model space is the patient's: x to the left, y to the back, z to the head. Threads: pure functions. */
#ifndef KH_PHANTOM_SHAPES_H
#define KH_PHANTOM_SHAPES_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ph_vec {
    float x, y, z;
} ph_vec;

/* A piece of a tube: a cone with round ends. */
typedef struct ph_segment {
    ph_vec a, b;
    float ra, rb; /* mm */
} ph_segment;

/* Values of z with smooth interpolation between, ends held. Knots ascend. */
typedef struct ph_knot {
    float z, value;
} ph_knot;

static inline float ph_clamp(float v, float low, float high)
{
    return v < low ? low : v > high ? high : v;
}

static inline float ph_mix(float a, float b, float t)
{
    return a + (b - a) * t;
}

/* 0 below low, 1 above high, smooth between. */
static inline float ph_step(float low, float high, float v)
{
    float t = ph_clamp((v - low) / (high - low), 0, 1);

    return t * t * (3 - 2 * t);
}

/* Union and intersection with edges rounded over k mm. */
static inline float ph_union(float a, float b, float k)
{
    float h = fmaxf(k - fabsf(a - b), 0);

    return fminf(a, b) - h * h / (4 * k);
}

static inline float ph_both(float a, float b, float k)
{
    return -ph_union(-a, -b, k);
}

static inline ph_vec ph_sub(ph_vec a, ph_vec b)
{
    return (ph_vec){a.x - b.x, a.y - b.y, a.z - b.z};
}

static inline ph_vec ph_along(ph_vec a, ph_vec b, float t)
{
    return (ph_vec){ph_mix(a.x, b.x, t), ph_mix(a.y, b.y, t), ph_mix(a.z, b.z, t)};
}

static inline float ph_dot(ph_vec a, ph_vec b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

static inline float ph_length(ph_vec a)
{
    return sqrtf(ph_dot(a, a));
}

/* Distance to an ellipsoid about the origin, first order: exact at the surface, right in sign. */
static inline float ph_ellipsoid_origin(ph_vec p, ph_vec r)
{
    ph_vec q = {p.x / r.x, p.y / r.y, p.z / r.z};
    ph_vec g = {q.x / r.x, q.y / r.y, q.z / r.z};
    float k = ph_length(q), slope = ph_length(g);

    return slope > 1e-6f ? k * (k - 1) / slope : -fminf(r.x, fminf(r.y, r.z));
}

static inline float ph_ellipsoid(float x, float y, float z, ph_vec c, ph_vec r)
{
    return ph_ellipsoid_origin((ph_vec){x - c.x, y - c.y, z - c.z}, r);
}

static inline float ph_ellipse(float x, float y, float rx, float ry)
{
    float qx = x / rx, qy = y / ry, gx = qx / rx, gy = qy / ry;
    float k = sqrtf(qx * qx + qy * qy), slope = sqrtf(gx * gx + gy * gy);

    return slope > 1e-6f ? k * (k - 1) / slope : -fminf(rx, ry);
}

/* |x/rx|^n + |y/ry|^n = 1, first order distance. */
float ph_superellipse(float x, float y, float rx, float ry, float n);
/* How far its edge is from the centre in direction (dx, dy) of length 1. */
float ph_superellipse_radius(float dx, float dy, float rx, float ry, float n);

static inline float ph_capsule(ph_vec p, const ph_segment *s)
{
    ph_vec ab = ph_sub(s->b, s->a), ap = ph_sub(p, s->a);
    float t = ph_clamp(ph_dot(ap, ab) / fmaxf(ph_dot(ab, ab), 1e-6f), 0, 1);
    ph_vec d = {ap.x - ab.x * t, ap.y - ab.y * t, ap.z - ab.z * t};

    return ph_length(d) - ph_mix(s->ra, s->rb, t);
}

float ph_profile(const ph_knot *knots, size_t count, float z);
#define PH_PROFILE(knots, z) ph_profile(knots, sizeof(knots) / sizeof(knots)[0], z)

/* Turn (x, y) by angle about the origin. */
static inline void ph_turn(float *x, float *y, float cosine, float sine)
{
    float tx = *x * cosine + *y * sine;

    *y = *y * cosine - *x * sine;
    *x = tx;
}

#endif
