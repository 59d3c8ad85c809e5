/* lossy.c - by how much a stored picture had lost already. */
#include "cache/stack.h"

static double frame_ratio(const kh_stack_object *object, uint32_t frame)
{
    uint64_t stored = frame < object->frames.frame_count ? kh_frame_table_bytes(&object->frames, frame) : 0;
    size_t native = 0;

    if (stored == 0 || !kh_pixel_format_frame_bytes(&object->info.format, &native))
        return 0;
    return (double)native / (double)stored;
}

double kh_stack_object_source_ratio(const kh_stack_object *object, uint32_t frame, bool stream_is_lossy)
{
    const kh_transfer_syntax *syntax = kh_transfer_syntax_find(object->transfer_syntax_uid);

    if (object->info.lossy_ratio > 0)
        return object->info.lossy_ratio;
    return stream_is_lossy || (syntax && syntax->lossy) ? frame_ratio(object, frame) : 0;
}
