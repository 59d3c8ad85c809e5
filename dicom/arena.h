/* arena.h - memory that is given out piece by piece and freed in one go, up to a limit.
 * Threads: one at a time. Errors: KH_E_LIMIT past the limit, KH_E_MEMORY. */
#ifndef KH_DICOM_ARENA_H
#define KH_DICOM_ARENA_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

typedef struct kh_arena {
    struct kh_arena_block *blocks; /* newest first */
    uint8_t *next;                 /* free bytes of the newest block */
    size_t left;
    uint64_t given; /* bytes handed out */
    uint64_t limit;
} kh_arena;

void kh_arena_init(kh_arena *arena, uint64_t limit);
void kh_arena_release(kh_arena *arena);
/* size bytes, aligned for any of our types, not cleared. */
KH_MUST_USE kh_status kh_arena_take(void **out, kh_arena *arena, size_t size, kh_error *err);

#endif
