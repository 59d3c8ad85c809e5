#include "viewer/tiles/shown_as.h"

#include "cache/display.h"
#include "cache/presentation.h"

static kh_status apply(kh_shown_as *out, kh_render_source *source, kh_cache *cache, const kh_tile_key *key, const kh_stack_object *object,
                       kh_error *err)
{
    const kh_presentation *state;
    kh_presented *presented = &out->presented;
    kh_status status = kh_presentation_acquire(&state, &out->state, cache, key->state_series_id, key->state_id, err);

    if (status == KH_OK)
        status = kh_presentation_apply(presented, state, object->sop_instance_uid, key->frame, source->info, source->format,
                                       source->display, err);
    if (status != KH_OK)
        return status;
    out->applied = state;
    source->format = &presented->format;
    source->info = &presented->info;
    source->slice = &presented->slice;
    source->display = &presented->display;
    return KH_OK;
}

kh_status kh_shown_as_acquire(kh_shown_as *out, kh_render_source *source, kh_cache *cache, const kh_tile_key *key,
                              const kh_stack_object *object, const kh_frame *frame, kh_error *err)
{
    kh_status status;

    out->tables = out->state = NULL;
    out->applied = NULL;
    *source = (kh_render_source){.pixels = frame->pixels,
                                 .size = frame->size,
                                 .format = &frame->format,
                                 .info = &object->info,
                                 .slice = kh_image_info_slice(&object->info, key->frame),
                                 .frame = key->frame};
    status = kh_object_display_acquire(&source->display, &out->tables, cache, object, err);
    if (status == KH_OK && key->state_id > 0)
        status = apply(out, source, cache, key, object, err);
    if (status == KH_OK && key->no_overlays && source->display) {
        if (source->display != &out->presented.display)
            out->presented.display = *source->display;
        out->presented.display.overlay_count = 0;
        source->display = &out->presented.display;
    }
    return status;
}

void kh_shown_as_release(kh_shown_as *as, kh_cache *cache)
{
    kh_presentation_release(cache, as->state);
    kh_object_display_release(cache, as->tables);
}
