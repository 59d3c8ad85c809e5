/* random.h - numbers that look random and are the same for the same seed, everywhere. Threads: pure, or one state each.
 */
#ifndef KH_PHANTOM_RANDOM_H
#define KH_PHANTOM_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* splitmix64 (Steele, Lea, Flood 2014). */
static inline uint64_t ph_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* 0 to 1. */
static inline float ph_uniform(uint64_t *state)
{
    return (float)(ph_random(state) >> 40) * 0x1p-24f;
}

/* Mean 0, SD 1: half the bits of a word are set, give or take 4 (a binomial of 64 is normal enough before filtering).
 */
static inline float ph_normal(uint64_t *state)
{
    return ((float)__builtin_popcountll(ph_random(state)) - 32) * 0.25f;
}

/* Smooth noise, -1 to 1, features about 1 wide; another field for every salt. */
float ph_noise3(float x, float y, float z, uint32_t salt);

/* How detector noise is filtered: weights of a Gaussian of sigma pixels, their squares summing to 1. */
#define PH_KERNEL_REACH 4
typedef struct ph_kernel {
    float weights[2 * PH_KERNEL_REACH + 1];
} ph_kernel;
void ph_kernel_init(ph_kernel *kernel, float sigma_px);
/* Fill out (columns x rows) with normal noise of SD 1, filtered along rows and columns: its autocorrelation is that of
 * the kernel in each direction. scratch holds (columns + 8) x (rows + 8) floats twice. */
void ph_noise_image(float *out, size_t columns, size_t rows, const ph_kernel *kernel, uint64_t seed, float *scratch);

#endif
