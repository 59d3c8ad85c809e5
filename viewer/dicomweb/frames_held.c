/* Frames of one object: which, in which form, and the bytes of each. */
#include "viewer/dicomweb/frames_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOCATION_SIZE (KH_DICOMWEB_ADDRESS_SIZE + 300)

void kh_frames_free(kh_frames *f)
{
    if (f && f->stack)
        kh_stack_release(f->dicomweb->cache, f->stack);
    free(f);
}

void kh_held_frame_free(void *context)
{
    kh_held_frame *frame = context;

    if (frame->native.blob)
        kh_frame_release(frame->cache, &frame->native);
    kh_stored_frame_release(&frame->stored);
    kh_frames_free(frame->owner);
    free(frame);
}

bool kh_frames_are_native(const kh_frames *f)
{
    return strcmp(f->offer.transfer_syntax, KH_TS_EXPLICIT_LE) == 0;
}

uint32_t kh_frames_number_at(const kh_frames *f, size_t index)
{
    return f->all ? (uint32_t)index + 1 : f->numbers[index];
}

size_t kh_frames_part_head(const kh_frames *f, size_t part, size_t index, size_t size, char out[KH_MULTIPART_HEAD_SIZE])
{
    char location[LOCATION_SIZE];
    int used = snprintf(location, sizeof location, "%s/studies/%s/series/%s/instances/%s/", f->address, f->uids.study, f->uids.series,
                        f->uids.instance);

    if (f->joined)
        snprintf(location + used, sizeof location - (size_t)used, "bulkdata/7FE00010");
    else
        snprintf(location + used, sizeof location - (size_t)used, "frames/%" PRIu32, kh_frames_number_at(f, index));
    return kh_multipart_head(&f->multipart, part, f->offer.type, f->offer.transfer_syntax, location, size, out);
}

kh_status kh_held_frame_make(kh_held_frame **out, const kh_frames *f, size_t index, kh_error *err)
{
    kh_held_frame *frame = calloc(1, sizeof *frame);
    uint32_t number = kh_frames_number_at(f, index) - 1;
    kh_status status;

    if (!frame)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a frame");
    frame->cache = f->dicomweb->cache;
    if (kh_frames_are_native(f)) {
        status = kh_frame_acquire(&frame->native, frame->cache, f->object, number, f->dicomweb->options.codec, err);
        frame->bytes = frame->native.pixels;
        frame->size = frame->native.size;
    } else {
        status = kh_stored_frame_read(&frame->stored, frame->cache, f->object, number, err);
        frame->bytes = frame->stored.bytes;
        frame->size = frame->stored.size;
    }
    if (status != KH_OK) {
        kh_held_frame_free(frame);
        return status;
    }
    *out = frame;
    return KH_OK;
}

kh_status kh_frames_check_numbers(kh_frames *f, kh_error *err)
{
    uint32_t held = f->object->frames.frame_count;

    if (f->object->problem[0])
        return kh_error_set(err, KH_E_UNSUPPORTED, "%s", f->object->problem);
    if (f->all)
        f->count = held;
    if (f->count == 0 || kh_frames_number_at(f, f->count - 1) > held)
        return kh_error_set(err, KH_E_NOT_FOUND, "frame %" PRIu32 ", the instance has %" PRIu32,
                            f->count ? kh_frames_number_at(f, f->count - 1) : 0, held);
    return KH_OK;
}

/* Does each frame end with a byte? */
static bool aligned(const kh_pixel_format *format)
{
    return format->bits_allocated != 1 || (uint64_t)format->rows * format->columns * format->samples % 8 == 0;
}

bool kh_frames_choose(kh_frames *f, const kh_accept *accept)
{
    const char *stored = f->object->transfer_syntax_uid;
    bool decodable = f->dicomweb->options.codec && kh_codec_supports(stored);
    kh_offer offers[KH_FRAME_OFFERS_MAX];
    bool native = !kh_frame_is_compressed(f->object) && aligned(&f->object->info.format);
    size_t count = kh_frame_offers(offers, stored, decodable, !f->parts_only && (f->count == 1 || (f->bulk && native))),
           chosen = kh_accept_choose(accept, offers, count);

    if (chosen == count)
        return false;
    f->offer = offers[chosen];
    f->joined = f->bulk && native && f->count > 1;
    return true;
}
