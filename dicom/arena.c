/* arena.c - blocks of 16 KiB and more: a plain CT header fits the first one. */
#include "dicom/arena.h"

#include <inttypes.h>
#include <stdlib.h>

#define BLOCK_FIRST ((size_t)16 << 10)
#define BLOCK_NEXT ((size_t)128 << 10)
#define ALIGNMENT 16

struct kh_arena_block {
    struct kh_arena_block *older;
    _Alignas(ALIGNMENT) uint8_t bytes[];
};

void kh_arena_init(kh_arena *arena, uint64_t limit)
{
    *arena = (kh_arena){.limit = limit};
}

void kh_arena_release(kh_arena *arena)
{
    while (arena->blocks) {
        struct kh_arena_block *older = arena->blocks->older;
        free(arena->blocks);
        arena->blocks = older;
    }
    arena->next = NULL;
    arena->left = 0;
}

static kh_status add_block(kh_arena *arena, size_t size, kh_error *err)
{
    size_t room = arena->blocks ? BLOCK_NEXT : BLOCK_FIRST;
    struct kh_arena_block *block;

    if (room < size)
        room = size;
    block = malloc(sizeof(*block) + room);
    if (!block)
        return kh_error_set(err, KH_E_MEMORY, "no memory for %zu bytes of a data set", room);
    block->older = arena->blocks;
    arena->blocks = block;
    arena->next = block->bytes;
    arena->left = room;
    return KH_OK;
}

kh_status kh_arena_take(void **out, kh_arena *arena, size_t size, kh_error *err)
{
    kh_status status;

    *out = NULL;
    if (size > arena->limit - arena->given)
        return kh_error_set(err, KH_E_LIMIT, "the data set holds more than %" PRIu64 " bytes", arena->limit);
    arena->given += size;
    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (size > arena->left) {
        status = add_block(arena, size, err);
        if (status != KH_OK)
            return status;
    }
    *out = arena->next;
    arena->next += size;
    arena->left -= size;
    return KH_OK;
}
