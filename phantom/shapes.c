#include "phantom/shapes.h"

float ph_superellipse(float x, float y, float rx, float ry, float n)
{
    float qx = fabsf(x) / rx, qy = fabsf(y) / ry;
    float px, py, sum, k, gx, gy, slope;

    if (qx + qy < 0.05f)
        return -fminf(rx, ry) * (1 - (qx + qy));
    px = powf(qx, n - 1);
    py = powf(qy, n - 1);
    sum = px * qx + py * qy;
    k = powf(sum, 1 / n);
    gx = px / rx * k / sum;
    gy = py / ry * k / sum;
    slope = sqrtf(gx * gx + gy * gy);
    return (k - 1) / slope;
}

float ph_superellipse_radius(float dx, float dy, float rx, float ry, float n)
{
    return powf(powf(fabsf(dx) / rx, n) + powf(fabsf(dy) / ry, n), -1 / n);
}

/* Cubic Hermite with slopes by finite differences (Catmull-Rom for uneven knots). */
float ph_profile(const ph_knot *knots, size_t count, float z)
{
    size_t i = 0;
    float h, t, slope0, slope1;

    if (z <= knots[0].z)
        return knots[0].value;
    if (z >= knots[count - 1].z)
        return knots[count - 1].value;
    while (z > knots[i + 1].z)
        i++;
    h = knots[i + 1].z - knots[i].z;
    t = (z - knots[i].z) / h;
    slope0 = i > 0 ? (knots[i + 1].value - knots[i - 1].value) / (knots[i + 1].z - knots[i - 1].z) : 0;
    slope1 = i + 2 < count ? (knots[i + 2].value - knots[i].value) / (knots[i + 2].z - knots[i].z) : 0;
    return knots[i].value * (1 + 2 * t) * (1 - t) * (1 - t) + knots[i + 1].value * t * t * (3 - 2 * t) +
           h * (slope0 * t * (1 - t) * (1 - t) - slope1 * t * t * (1 - t));
}
