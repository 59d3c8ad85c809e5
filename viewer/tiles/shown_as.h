/* shown_as.h - how a key shows a frame, as a source for the renderer: the frame as its object says it is shown, or as a presentation state
 * has it, with or without the overlays of the image. Threads: any; may read files, not on an HTTP thread. */
#ifndef KH_VIEWER_TILES_SHOWN_AS_H
#define KH_VIEWER_TILES_SHOWN_AS_H

#include "cache/frames.h"
#include "dicom/presentation.h"
#include "viewer/render/render.h"
#include "viewer/tiles/tiles.h"

/* Stays where it is until the release: the source borrows from it. */
typedef struct kh_shown_as {
    const kh_blob *tables, *state;
    const kh_presentation *applied; /* NULL: none */
    kh_presented presented;
} kh_shown_as;

/* Fills *source. kh_shown_as_release() in any case. KH_E_NOT_FOUND when the state is not there or does not name
 * the frame, KH_E_UNSUPPORTED when it cannot be applied; else the errors of kh_object_display_acquire(). */
KH_MUST_USE kh_status kh_shown_as_acquire(kh_shown_as *out, kh_render_source *source, kh_cache *cache, const kh_tile_key *key,
                                          const kh_stack_object *object, const kh_frame *frame, kh_error *err);
void kh_shown_as_release(kh_shown_as *as, kh_cache *cache);

#endif
