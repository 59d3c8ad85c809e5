#include "phantom/random.h"

#include <math.h>

static float lattice(int32_t x, int32_t y, int32_t z, uint32_t salt)
{
    uint32_t h = (uint32_t)x * 0x8da6b343u ^ (uint32_t)y * 0xd8163841u ^ (uint32_t)z * 0xcb1ab31fu ^ salt * 0x165667b1u;

    h = (h ^ (h >> 15)) * 0x2c1b3c6du;
    h = (h ^ (h >> 12)) * 0x297a2d39u;
    h ^= h >> 15;
    return (float)(h >> 8) * 0x1p-23f - 1;
}

static float blend(float a, float b, float t)
{
    return a + (b - a) * t;
}

float ph_noise3(float x, float y, float z, uint32_t salt)
{
    float fx = floorf(x), fy = floorf(y), fz = floorf(z), tx = x - fx, ty = y - fy, tz = z - fz, plane[2];
    int32_t ix = (int32_t)fx, iy = (int32_t)fy, iz = (int32_t)fz;

    tx = tx * tx * (3 - 2 * tx);
    ty = ty * ty * (3 - 2 * ty);
    tz = tz * tz * (3 - 2 * tz);
    for (int32_t k = 0; k < 2; k++)
        plane[k] = blend(blend(lattice(ix, iy, iz + k, salt), lattice(ix + 1, iy, iz + k, salt), tx),
                         blend(lattice(ix, iy + 1, iz + k, salt), lattice(ix + 1, iy + 1, iz + k, salt), tx), ty);
    return blend(plane[0], plane[1], tz);
}

void ph_kernel_init(ph_kernel *kernel, float sigma_px)
{
    float energy = 0;

    for (int i = -PH_KERNEL_REACH; i <= PH_KERNEL_REACH; i++) {
        float w = expf(-(float)(i * i) / (2 * sigma_px * sigma_px));

        kernel->weights[i + PH_KERNEL_REACH] = w;
        energy += w * w;
    }
    for (int i = 0; i <= 2 * PH_KERNEL_REACH; i++)
        kernel->weights[i] /= sqrtf(energy);
}

void ph_noise_image(float *out, size_t columns, size_t rows, const ph_kernel *kernel, uint64_t seed, float *scratch)
{
    size_t wide = columns + 2 * PH_KERNEL_REACH, high = rows + 2 * PH_KERNEL_REACH;
    float *white = scratch, *across = scratch + wide * high;
    const float *w = kernel->weights;

    for (size_t i = 0; i < wide * high; i++)
        white[i] = ph_normal(&seed);
    for (size_t y = 0; y < high; y++) {
        for (size_t x = 0; x < columns; x++)
            across[y * columns + x] = 0;
        for (size_t k = 0; k <= 2 * PH_KERNEL_REACH; k++)
            for (size_t x = 0; x < columns; x++)
                across[y * columns + x] += w[k] * white[y * wide + x + k];
    }
    for (size_t y = 0; y < rows; y++) {
        for (size_t x = 0; x < columns; x++)
            out[y * columns + x] = 0;
        for (size_t k = 0; k <= 2 * PH_KERNEL_REACH; k++)
            for (size_t x = 0; x < columns; x++)
                out[y * columns + x] += w[k] * across[(y + k) * columns + x];
    }
}
