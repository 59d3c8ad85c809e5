/* simd.h - how the inner loops of the renderer are compiled: plain C that vectorises, and with GCC on x86-64 a second copy for AVX2
 * chosen at load time. The sanitizers cannot run code as early as that choice is made, and clang does without. */
#ifndef KH_VIEWER_RENDER_SIMD_H
#define KH_VIEWER_RENDER_SIMD_H

#include <stdint.h>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(KH_SANITIZED)
#define KH_SIMD __attribute__((target_clones("avx2", "default")))
#else
#define KH_SIMD
#endif

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "frames are held in little endian and read as such"
#endif

/* Frames begin at any byte of their file, so their values at any address. */
typedef uint16_t __attribute__((aligned(1), may_alias)) kh_u16_any;
typedef uint32_t __attribute__((aligned(1), may_alias)) kh_u32_any;
typedef float __attribute__((aligned(1), may_alias)) kh_f32_any;
typedef double __attribute__((aligned(1), may_alias)) kh_f64_any;

#endif
