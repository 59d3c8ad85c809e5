#include <string.h>
#include "viewer/tiles/ahead_internal.h"

kh_ahead_decoded *kh_ahead_find_decoded(kh_ahead *ahead, int64_t object_id, uint32_t frame)
{
    for (unsigned i = 0; i < ahead->waiting_count; i++)
        if (ahead->waiting[i].object_id == object_id && ahead->waiting[i].frame == frame)
            return &ahead->waiting[i];
    return NULL;
}

void kh_ahead_remove_decoded(kh_ahead *ahead, kh_ahead_decoded *d, atomic_ullong *counter)
{
    size_t after = (size_t)(ahead->waiting + ahead->waiting_count - (d + 1));

    atomic_fetch_sub(&ahead->bytes, d->bytes);
    atomic_fetch_add(counter, 1);
    memmove(d, d + 1, after * sizeof *d);
    ahead->waiting_count--;
}

bool kh_ahead_has_failed(const kh_ahead *ahead, int64_t object_id, uint32_t frame)
{
    for (unsigned i = 0; i < ahead->failure_count; i++)
        if (ahead->failures[i].object_id == object_id && ahead->failures[i].frame == frame)
            return true;
    return false;
}

void kh_ahead_remember_failure(kh_ahead *ahead, int64_t object_id, uint32_t frame)
{
    ahead->failures[ahead->failure_next] = (kh_ahead_failure){object_id, frame};
    ahead->failure_next = (ahead->failure_next + 1) % KH_AHEAD_FRAMES_MAX;
    if (ahead->failure_count < KH_AHEAD_FRAMES_MAX)
        ahead->failure_count++;
}

bool kh_ahead_make_room(kh_ahead *ahead, uint64_t bytes)
{
    unsigned i = 0;

    while (atomic_load(&ahead->bytes) + bytes > ahead->bytes_max || ahead->waiting_count == KH_AHEAD_FRAMES_MAX) {
        while (i < ahead->waiting_count && ahead->waiting[i].wanted)
            i++;
        if (i == ahead->waiting_count)
            return false;
        ahead->means.forget(ahead->means.context, ahead->waiting[i].object_id, ahead->waiting[i].frame);
        kh_ahead_remove_decoded(ahead, &ahead->waiting[i], &ahead->thrown);
    }
    return true;
}
