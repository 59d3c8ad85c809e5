/* size.h - arithmetic on sizes that cannot wrap. Each returns false, leaving *out alone, when the result does not fit. */
#ifndef KH_BASE_SIZE_H
#define KH_BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool kh_size_add(size_t *out, size_t a, size_t b)
{
    size_t result;

    if (__builtin_add_overflow(a, b, &result))
        return false;
    *out = result;
    return true;
}

static inline bool kh_size_mul(size_t *out, size_t a, size_t b)
{
    size_t result;

    if (__builtin_mul_overflow(a, b, &result))
        return false;
    *out = result;
    return true;
}

static inline bool kh_u64_add(uint64_t *out, uint64_t a, uint64_t b)
{
    uint64_t result;

    if (__builtin_add_overflow(a, b, &result))
        return false;
    *out = result;
    return true;
}

static inline bool kh_u64_mul(uint64_t *out, uint64_t a, uint64_t b)
{
    uint64_t result;

    if (__builtin_mul_overflow(a, b, &result))
        return false;
    *out = result;
    return true;
}

#endif
