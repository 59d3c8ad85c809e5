#include "viewer/tiles/shown.h"

kh_status kh_shown_object_acquire(const kh_stack **stack, const kh_stack_object **object, kh_cache *cache, int64_t series_id,
                                  int64_t object_id, uint32_t frame, kh_error *err)
{
    kh_status status = kh_stack_acquire(stack, cache, series_id, err);

    if (status != KH_OK)
        return status;
    *object = kh_stack_find_object(*stack, object_id);
    if (!*object)
        status = kh_error_set(err, KH_E_NOT_FOUND, "series %lld has no object %lld", (long long)series_id, (long long)object_id);
    else if ((*object)->problem[0])
        status = kh_error_set(err, KH_E_UNSUPPORTED, "%s", (*object)->problem);
    else if (frame >= (*object)->info.frame_count)
        status = kh_error_set(err, KH_E_NOT_FOUND, "frame %u, the object has %u", frame, (*object)->info.frame_count);
    if (status != KH_OK) {
        kh_stack_release(cache, *stack);
        *stack = NULL;
    }
    return status;
}
