/* Frames (PS3.18 10.4.1.1.6) and the pixel data of an instance, which are all of them: each as its codestream, as it came, or as native
 * samples in little endian. Every one is compared with the sum it came in with. A single frame is answered from memory, several go out one
 * by one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "store/digest.h"
#include "viewer/dicomweb/frames_internal.h"

/* --- what is asked for --- */

static kh_status find_object(kh_frames *f, const kh_http_request *request, int64_t *away_study, kh_error *err)
{
    kh_retrieve_list list;
    const kh_retrieve_object *found;
    kh_status status = kh_retrieve_list_fill(&list, f->dicomweb, request, KH_VERB_TAKE, &f->uids, err);

    *away_study = 0;
    if (status == KH_OK) {
        found = kh_retrieve_list_at(&list, 0);
        if (found->away)
            *away_study = found->study_id;
        else
            status = kh_stack_acquire_with(&f->stack, f->dicomweb->cache, found->series_id, found->id, err);
        if (status == KH_OK && f->stack)
            f->object = kh_stack_find_object(f->stack, found->id);
        if (status == KH_OK && f->stack && !f->object)
            status = kh_error_set(err, KH_E_NOT_FOUND, "the instance has no frames");
    }
    kh_retrieve_list_release(&list);
    return status;
}

static kh_status read_numbers(kh_frames *f, const kh_http_request *request, kh_error *err)
{
    const char *text = kh_http_segment(request, "frames");

    f->all = text == NULL;
    f->bulk = kh_http_segment(request, "path") != NULL;
    return text ? kh_frame_list_parse(f->numbers, &f->count, text, err) : KH_OK;
}

/* --- answers --- */

static uint64_t form_of(const kh_frames *f)
{
    kh_xxh3 *sum = NULL;
    uint64_t value = 0;

    if (kh_xxh3_create(&sum, NULL) != KH_OK)
        return 0;
    kh_xxh3_add(sum, f->offer.type, strlen(f->offer.type) + 1);
    kh_xxh3_add(sum, f->offer.transfer_syntax, strlen(f->offer.transfer_syntax) + 1);
    kh_xxh3_add(sum, &f->offer.multipart, sizeof f->offer.multipart);
    kh_xxh3_add(sum, &f->joined, sizeof f->joined);
    if (!f->all)
        kh_xxh3_add(sum, f->numbers, f->count * sizeof f->numbers[0]);
    value = kh_xxh3_value(sum);
    kh_xxh3_free(sum);
    return value;
}

static void answer_one(kh_frames *f, kh_held_frame *frame, kh_http_request *request, const char *type)
{
    kh_http_bytes bytes[3];

    frame->head_size = kh_frames_part_head(f, 0, 0, frame->size, frame->head);
    frame->tail_size = kh_multipart_tail(&f->multipart, frame->tail);
    frame->owner = f;
    bytes[0] = (kh_http_bytes){frame->head, frame->head_size};
    bytes[1] = (kh_http_bytes){frame->bytes, frame->size};
    bytes[2] = (kh_http_bytes){frame->tail, frame->tail_size};
    kh_http_answer_gathered(request, 200, type, bytes, 3, kh_held_frame_free, frame);
}

static void answer_single(kh_frames *f, kh_held_frame *frame, kh_http_request *request, const char *etag)
{
    char type[160];
    uint64_t first, count;
    unsigned code = kh_retrieve_range(request, etag, frame->size, &first, &count);

    frame->owner = f;
    if (code == 416) {
        kh_held_frame_free(frame);
        kh_retrieve_answer_text(request, 416, "range", "Range: beyond the end");
        return;
    }
    snprintf(type, sizeof type, "%s; transfer-syntax=%s", f->offer.type, f->offer.transfer_syntax);
    kh_http_answer_borrowed(request, code, type, (const uint8_t *)frame->bytes + first, (size_t)count, kh_held_frame_free, frame);
}

static kh_status next_frame(void *context, kh_http_piece *piece, const atomic_bool *cancelled, kh_error *err)
{
    kh_frames *f = context;
    kh_held_frame *frame = NULL;
    kh_status status;

    (void)cancelled;
    if (f->index > f->count)
        return KH_OK;
    if (f->index == f->count) {
        f->index++;
        if (f->offer.multipart)
            piece->head_size = kh_multipart_tail(&f->multipart, piece->head);
        return KH_OK;
    }
    status = kh_held_frame_make(&frame, f, f->index, err);
    if (status != KH_OK)
        return status;
    if (f->offer.multipart && (!f->joined || f->index == 0))
        piece->head_size = kh_frames_part_head(f, f->index, f->index, f->joined ? frame->size * f->count : frame->size, piece->head);
    f->index++;
    piece->bytes = frame->bytes;
    piece->size = frame->size;
    piece->release = kh_held_frame_free;
    piece->held = frame;
    return KH_OK;
}

static void drop_frames(void *context)
{
    kh_frames_free(context);
}

static const kh_http_producer one_by_one = {.next = next_frame, .drop = drop_frames};

/* Of codestreams as they are stored; decoded frames are what the decoder makes of them. */
static uint64_t size_of(const kh_frames *f)
{
    char text[KH_MULTIPART_HEAD_SIZE];
    uint64_t size = kh_multipart_tail(&f->multipart, text);

    if (kh_frames_are_native(f))
        return KH_HTTP_SIZE_UNKNOWN;
    for (size_t i = 0; i < f->count; i++) {
        uint64_t bytes = kh_frame_table_bytes(&f->object->frames, kh_frames_number_at(f, i) - 1);

        size += kh_frames_part_head(f, i, i, (size_t)bytes, text) + bytes;
    }
    return size;
}

/* f is taken over when this is KH_OK. */
static kh_status answer(kh_frames *f, kh_http_request *request, kh_error *err)
{
    char etag[KH_RETRIEVE_ETAG_SIZE], type[160];
    kh_held_frame *frame = NULL;
    kh_status status;

    kh_retrieve_etag(etag, f->object->content_hash, form_of(f));
    if (kh_retrieve_answer_unchanged(request, etag, !f->offer.multipart)) {
        kh_frames_free(f);
        return KH_OK;
    }
    status = kh_multipart_init(&f->multipart, err);
    if (status == KH_OK) /* of several the first: what cannot be done is said at once */
        status = kh_held_frame_make(&frame, f, 0, err);
    if (status != KH_OK)
        return status;
    kh_multipart_content_type(&f->multipart, f->offer.type, type, sizeof type);
    if (f->joined) {
        uint64_t bytes = (uint64_t)frame->size * f->count;

        kh_held_frame_free(frame);
        if (!f->offer.multipart)
            snprintf(type, sizeof type, "%s; transfer-syntax=%s", f->offer.type, f->offer.transfer_syntax);
        kh_dicomweb_answer_pieces(f->dicomweb, request, KH_VERB_TAKE, f->uids.study, f->uids.series, 200, type,
                                  f->offer.multipart ? KH_HTTP_SIZE_UNKNOWN : bytes, &one_by_one, f);
    } else if (!f->offer.multipart) {
        answer_single(f, frame, request, etag);
    } else if (f->count == 1) {
        answer_one(f, frame, request, type);
    } else {
        kh_held_frame_free(frame);
        kh_dicomweb_answer_pieces(f->dicomweb, request, KH_VERB_TAKE, f->uids.study, f->uids.series, 200, type, size_of(f), &one_by_one, f);
    }
    return KH_OK;
}

static bool is_video(const kh_frames *f)
{
    const kh_transfer_syntax *syntax = f->object ? kh_transfer_syntax_find(f->object->transfer_syntax_uid) : NULL;

    return syntax && syntax->codec == KH_CODEC_VIDEO;
}

static kh_status prepare(kh_frames *f, kh_accept *accept, kh_http_request *request, int64_t *away_study, kh_error *err)
{
    kh_status status = kh_retrieve_read_uids(&f->uids, request, err);

    kh_dicomweb_address(f->dicomweb, request, f->address);
    if (status == KH_OK)
        status = read_numbers(f, request, err);
    if (status == KH_OK)
        status = kh_retrieve_read_accept(accept, request, err);
    if (status == KH_OK)
        status = find_object(f, request, away_study, err);
    if (status == KH_OK && f->object)
        status = kh_frames_check_numbers(f, err);
    return status;
}

/* --- */

static void retrieve(void *context, kh_http_request *request)
{
    kh_dicomweb *dicomweb = context;
    kh_error err = KH_ERROR_INIT;
    kh_accept *accept = malloc(sizeof *accept);
    kh_frames *f = calloc(1, sizeof *f);
    int64_t away_study = 0;
    kh_status status = accept && f ? KH_OK : kh_error_set(&err, KH_E_MEMORY, "no memory for an answer");

    if (status == KH_OK) {
        f->dicomweb = dicomweb;
        status = prepare(f, accept, request, &away_study, &err);
    }
    if (status == KH_E_UNSUPPORTED && f->all && is_video(f)) { /* one stream, not kh_frames */
        kh_bulk_answer(dicomweb, request);
        status = KH_OK;
    } else if (status == KH_OK && away_study) {
        kh_retrieve_answer_away(dicomweb, request, away_study);
    } else if (status == KH_OK && !kh_frames_choose(f, accept)) {
        kh_retrieve_answer_text(
            request, 406, "not acceptable",
            "Accept: these frames can be given as multipart/related; type=\"application/octet-stream\" (native where they can be "
            "decoded, as they are with transfer-syntax=*) and in the type of their codestream");
    } else if (status == KH_OK) {
        status = answer(f, request, &err);
        f = status == KH_OK ? NULL : f;
    }
    if (status != KH_OK)
        kh_retrieve_answer_error(dicomweb, request, f ? &f->uids : NULL, &err);
    free(accept);
    kh_frames_free(f);
}

void kh_dicomweb_frames(kh_dicomweb *dicomweb, kh_http_request *request)
{
    kh_dicomweb_later(dicomweb, request, retrieve);
}
