/* All frames of one object as parts of an answer of several. */
#include "viewer/dicomweb/frames_internal.h"

#include <stdio.h>
#include <stdlib.h>

/* The codestreams as they are. */
static void choose_stored(kh_frames *f)
{
    f->offer = (kh_offer){.type = "application/octet-stream", .multipart = true, .transfer_syntax = f->object->transfer_syntax_uid};
}

static kh_status open_frames(kh_frames *f, const kh_retrieve_object *object, const kh_accept *accept, kh_error *err)
{
    kh_status status = kh_stack_acquire_with(&f->stack, f->dicomweb->cache, object->series_id, object->id, err);

    if (status == KH_OK)
        f->object = kh_stack_find_object(f->stack, object->id);
    if (status != KH_OK || !f->object)
        return status;
    status = kh_frames_check_numbers(f, err);
    if (status == KH_OK && !kh_frames_choose(f, accept)) {
        if (!f->bulk || !kh_frame_is_compressed(f->object))
            return kh_error_set(err, KH_E_UNSUPPORTED, "its frames cannot be given in a type that is taken");
        choose_stored(f);
    }
    return status;
}

kh_status kh_frames_open(kh_frames **out, kh_dicomweb *dicomweb, const kh_retrieve_object *object, const char *study_uid,
                         const char *address, bool as_value, const kh_accept *accept, const kh_multipart *multipart, kh_error *err)
{
    kh_frames *f = calloc(1, sizeof *f);
    kh_status status;

    *out = NULL;
    if (!f)
        return kh_error_set(err, KH_E_MEMORY, "no memory for an answer");
    f->dicomweb = dicomweb;
    f->all = f->parts_only = true;
    f->bulk = as_value;
    f->multipart = *multipart;
    snprintf(f->uids.study, sizeof f->uids.study, "%s", study_uid);
    snprintf(f->uids.series, sizeof f->uids.series, "%s", object->series_uid);
    snprintf(f->uids.instance, sizeof f->uids.instance, "%s", object->instance_uid);
    snprintf(f->address, sizeof f->address, "%s", address);
    status = open_frames(f, object, accept, err);
    if (status == KH_OK && f->object)
        *out = f;
    else
        kh_frames_free(f);
    return status;
}

const char *kh_frames_type(const kh_frames *f)
{
    return f->offer.type;
}

/* Would the same decoder ever make something else of it? */
static bool is_of_the_frame(kh_status status)
{
    return status == KH_E_FORMAT || status == KH_E_UNSUPPORTED || status == KH_E_CORRUPT || status == KH_E_LIMIT || status == KH_E_TIMEOUT;
}

kh_status kh_frames_part(kh_frames *f, size_t *parts, kh_http_piece *piece, kh_error *err)
{
    kh_held_frame *frame = NULL;
    kh_status status;

    if (f->index == f->count)
        return KH_OK;
    status = kh_held_frame_make(&frame, f, f->index, err);
    if (is_of_the_frame(status) && kh_frames_are_native(f) && kh_frame_is_compressed(f->object)) {
        kh_error_clear(err);
        choose_stored(f); /* from here on: the part says so, and the codestream is there for who can read it */
        status = kh_held_frame_make(&frame, f, f->index, err);
    }
    if (status != KH_OK)
        return status;
    if (!f->joined || f->index == 0) {
        piece->head_size = kh_frames_part_head(f, *parts, f->index, f->joined ? frame->size * f->count : frame->size, piece->head);
        *parts += 1;
    }
    f->index++;
    piece->bytes = frame->bytes;
    piece->size = frame->size;
    piece->release = kh_held_frame_free;
    piece->held = frame;
    return KH_OK;
}
