#include "viewer/tiles/values.h"

#include "cache/display.h"
#include "viewer/tiles/shown.h"

static kh_status measure_frame(kh_measured *out, kh_cache *cache, const kh_stack_object *object, const kh_frame *frame, uint32_t number,
                               kh_mark_kind kind, const kh_point *points, size_t count, kh_error *err)
{
    kh_render_source source = {.pixels = frame->pixels, .size = frame->size, .format = &frame->format, .info = &object->info,
                               .slice = kh_image_info_slice(&object->info, number), .frame = number};
    const kh_blob *tables = NULL;
    kh_status status = kh_object_display_acquire(&source.display, &tables, cache, object, err);

    if (status == KH_OK)
        status = kh_measure(out, &source, kind, points, count, err);
    kh_object_display_release(cache, tables);
    return status;
}

kh_status kh_values_measure(kh_measured *out, kh_cache *cache, kh_codec *codec, const kh_frame_place *place, kh_mark_kind kind,
                            const kh_point *points, size_t count, kh_error *err)
{
    const kh_stack *stack = NULL;
    const kh_stack_object *object = NULL;
    kh_frame frame = {.pixels = NULL};
    kh_status status = kh_shown_object_acquire(&stack, &object, cache, place->series_id, place->object_id, place->frame, err);

    if (status != KH_OK)
        return status;
    /* before anything is decoded for it */
    status = kh_mark_check(kind, points, count, object->info.format.columns, object->info.format.rows, err);
    if (status == KH_OK)
        status = kh_frame_acquire(&frame, cache, object, place->frame, codec, err);
    if (status == KH_OK) {
        status = measure_frame(out, cache, object, &frame, place->frame, kind, points, count, err);
        kh_frame_release(cache, &frame);
    }
    kh_stack_release(cache, stack);
    return status;
}
