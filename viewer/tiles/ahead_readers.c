#include "viewer/tiles/ahead_internal.h"

bool kh_ahead_slice(uint32_t *out, unsigned step, uint32_t position, int direction, uint32_t count)
{
    unsigned first = direction ? KH_AHEAD_FIRST : 0;
    int64_t forward = direction < 0 ? -1 : 1, offset, index;

    if (step < first)
        offset = forward * ((int64_t)step + 1);
    else if (direction) /* behind and ahead by turns */
        offset = (step - first) % 2 == 0 ? -forward * ((int64_t)(step - first) / 2 + 1)
                                         : forward * ((int64_t)first + (step - first) / 2 + 1);
    else
        offset = step % 2 == 0 ? (int64_t)step / 2 + 1 : -((int64_t)step / 2 + 1);
    index = (int64_t)position + offset;
    *out = (uint32_t)index;
    return index >= 0 && index < (int64_t)count;
}

static void drop_reader(kh_ahead *ahead, unsigned index)
{
    ahead->readers[index] = ahead->readers[--ahead->reader_count];
}

/* The reader's place, made for a new one. */
static kh_ahead_reader *place_of(kh_ahead *ahead, const kh_ahead_spot *n)
{
    unsigned stillest = 0;

    for (unsigned i = 0; i < ahead->reader_count; i++) {
        if (ahead->readers[i].last.reader == n->reader)
            return &ahead->readers[i];
        if (ahead->readers[i].seen_ms < ahead->readers[stillest].seen_ms)
            stillest = i;
    }
    if (ahead->reader_count == KH_AHEAD_READERS_MAX)
        drop_reader(ahead, stillest);
    ahead->readers[ahead->reader_count] = (kh_ahead_reader){.last = {.series_id = 0}};
    return &ahead->readers[ahead->reader_count++];
}

/* Where the frame stands in the stack; readers go to neighbours, so the search goes outward from where they were. */
static bool find_slice(uint32_t *out, const kh_stack *stack, const kh_ahead_spot *n, uint32_t near)
{
    if (near >= stack->slice_count)
        near = 0;
    for (uint32_t distance = 0; distance < stack->slice_count; distance++) {
        const uint32_t places[2] = {near + distance, near - distance}; /* of those that wrap none is below the count */

        for (unsigned side = 0; side < 2; side++) {
            const kh_stack_slice *slice = places[side] < stack->slice_count ? &stack->slices[places[side]] : NULL;

            if (slice && slice->frame == n->frame && stack->objects[slice->object_index].object_id == n->object_id) {
                *out = places[side];
                return true;
            }
        }
    }
    return false;
}

static void move_to(kh_ahead_reader *r, const kh_ahead_spot *n, uint32_t position, int64_t now_ms)
{
    bool same_series = r->last.series_id == n->series_id;
    int64_t moved = same_series ? (int64_t)position - (int64_t)r->position : 0;

    if (!same_series || moved > KH_AHEAD_JUMP || moved < -KH_AHEAD_JUMP)
        r->direction = 0;
    else if (moved != 0)
        r->direction = moved > 0 ? 1 : -1;
    r->last = *n;
    r->position = position;
    r->seen_ms = now_ms;
    r->stopped = false;
}

void kh_ahead_move_reader(kh_ahead *ahead, const kh_ahead_spot *n, const kh_stack *stack, int64_t now_ms)
{
    kh_ahead_reader *r = place_of(ahead, n);
    uint32_t position;

    if (find_slice(&position, stack, n, r->position))
        move_to(r, n, position, now_ms);
    else
        drop_reader(ahead, (unsigned)(r - ahead->readers));
}

void kh_ahead_drop_those_who_left(kh_ahead *ahead, int64_t now_ms)
{
    for (unsigned i = ahead->reader_count; i > 0; i--)
        if (now_ms - ahead->readers[i - 1].seen_ms > KH_AHEAD_LEFT_MS)
            drop_reader(ahead, i - 1);
}
