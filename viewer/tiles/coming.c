#include "viewer/tiles/coming.h"

/* What was drawn is of no frame any more. */
static void forget(kh_coming *coming)
{
    if (coming->tried)
        kh_shown_as_release(&coming->as, coming->cache);
    if (coming->encoded)
        coming->out->size = coming->out_begin;
    coming->tried = coming->drawn = coming->encoded = false;
}

static bool begin(kh_coming *coming, const kh_pixel_format *format, const uint8_t *pixels, size_t size)
{
    kh_error ignored = KH_ERROR_INIT;
    kh_render_source source;

    coming->frame = (kh_frame){.pixels = pixels, .size = size, .format = *format};
    return kh_shown_as_acquire(&coming->as, &source, coming->cache, coming->key, coming->object, &coming->frame, &ignored) == KH_OK &&
           kh_render_coming_begin(coming->renderer, &source, coming->view);
}

/* Nobody is told why it failed: it then fails again when the frame is there. */
static void encode(kh_coming *coming)
{
    kh_error ignored = KH_ERROR_INIT;

    coming->out_begin = coming->out->size;
    coming->encoded = true;
    if (kh_render_coming_encode(coming->renderer, coming->out, &coming->used, &ignored) == KH_OK)
        return;
    coming->out->size = coming->out_begin;
    coming->drawn = coming->encoded = false;
}

void kh_coming_told(void *context, const kh_pixel_format *format, const uint8_t *pixels, size_t size, size_t finished)
{
    kh_coming *coming = context;

    if (finished == 0) {
        forget(coming);
        return;
    }
    if (!coming->tried) {
        coming->tried = true;
        coming->drawn = begin(coming, format, pixels, size);
    }
    if (coming->drawn && !coming->encoded && kh_render_coming_rows(coming->renderer, finished))
        encode(coming);
}

kh_status kh_coming_finish(kh_coming *coming, const kh_frame *frame, bool *done, kh_rendered *used, kh_error *err)
{
    kh_status status = KH_OK;

    *done = coming->drawn && coming->frame.pixels == frame->pixels;
    if (!*done) {
        forget(coming);
        return KH_OK;
    }
    if (!coming->encoded) {
        (void)kh_render_coming_rows(coming->renderer, frame->size);
        status = kh_render_coming_encode(coming->renderer, coming->out, &coming->used, err);
    }
    *used = coming->used;
    return status;
}

void kh_coming_release(kh_coming *coming)
{
    if (coming->tried)
        kh_shown_as_release(&coming->as, coming->cache);
    coming->tried = false;
}
