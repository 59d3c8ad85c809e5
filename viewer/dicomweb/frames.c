/* Frames (PS3.18 10.4.1.1.6) and the pixel data of an instance, which are all of them: each as its codestream, as it came, or as native
 * samples in little endian. Every one is compared with the sum it came in with. A single frame is answered from memory, several go out one
 * by one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cache/frames.h"
#include "store/digest.h"
#include "viewer/dicomweb/frame_list.h"
#include "viewer/dicomweb/retrieve.h"

#define LOCATION_SIZE (KH_DICOMWEB_ADDRESS_SIZE + 300)

/* One answer. */
struct kh_frames {
    kh_dicomweb *dicomweb;
    kh_retrieve_uids uids;
    char address[KH_DICOMWEB_ADDRESS_SIZE];
    const kh_stack *stack;
    const kh_stack_object *object;
    bool all;     /* numbers are 1 to count */
    bool bulk;    /* asked for as the value of Pixel Data */
    bool joined;  /* native frames one after the other as one part */
    size_t count;
    uint32_t numbers[KH_FRAME_LIST_MAX];
    kh_offer offer;
    kh_multipart multipart;
    size_t index; /* while it goes out */
    bool parts_only; /* of an answer of several: no form without multipart */
};
typedef struct kh_frames frames;

/* The bytes of one frame. */
typedef struct held_frame {
    kh_cache *cache;
    kh_frame native;
    kh_stored_frame stored;
    const void *bytes;
    size_t size;
    frames *owner; /* of an answer of this frame alone; NULL: none */
    size_t head_size, tail_size;
    char head[KH_MULTIPART_HEAD_SIZE], tail[KH_MULTIPART_HEAD_SIZE];
} held_frame;

static void frames_free(void *context)
{
    frames *f = context;

    if (f && f->stack)
        kh_stack_release(f->dicomweb->cache, f->stack);
    free(f);
}

static void frame_free(void *context)
{
    held_frame *frame = context;

    if (frame->native.blob)
        kh_frame_release(frame->cache, &frame->native);
    kh_stored_frame_release(&frame->stored);
    frames_free(frame->owner);
    free(frame);
}

static bool is_native(const frames *f)
{
    return strcmp(f->offer.transfer_syntax, KH_TS_EXPLICIT_LE) == 0;
}

static uint32_t number_at(const frames *f, size_t index)
{
    return f->all ? (uint32_t)index + 1 : f->numbers[index];
}

/* Of part number `part` of the answer. */
static size_t part_head(const frames *f, size_t part, size_t index, size_t size, char out[KH_MULTIPART_HEAD_SIZE])
{
    char location[LOCATION_SIZE];
    int used = snprintf(location, sizeof location, "%s/studies/%s/series/%s/instances/%s/", f->address, f->uids.study, f->uids.series,
                        f->uids.instance);

    if (f->joined)
        snprintf(location + used, sizeof location - (size_t)used, "bulkdata/7FE00010");
    else
        snprintf(location + used, sizeof location - (size_t)used, "frames/%" PRIu32, number_at(f, index));
    return kh_multipart_head(&f->multipart, part, f->offer.type, f->offer.transfer_syntax, location, size, out);
}

static size_t frame_head(const frames *f, size_t index, size_t size, char out[KH_MULTIPART_HEAD_SIZE])
{
    return part_head(f, index, index, size, out);
}

/* Native samples are kept decoded, as those of pictures are: who scrolls asks for them again. */
static kh_status hold_frame(held_frame **out, const frames *f, size_t index, kh_error *err)
{
    held_frame *frame = calloc(1, sizeof *frame);
    uint32_t number = number_at(f, index) - 1;
    kh_status status;

    if (!frame)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a frame");
    frame->cache = f->dicomweb->cache;
    if (is_native(f)) {
        status = kh_frame_acquire(&frame->native, frame->cache, f->object, number, f->dicomweb->options.codec, err);
        frame->bytes = frame->native.pixels;
        frame->size = frame->native.size;
    } else {
        status = kh_stored_frame_read(&frame->stored, frame->cache, f->object, number, err);
        frame->bytes = frame->stored.bytes;
        frame->size = frame->stored.size;
    }
    if (status != KH_OK) {
        frame_free(frame);
        return status;
    }
    *out = frame;
    return KH_OK;
}

/* --- what is asked for --- */

static kh_status find_object(frames *f, const kh_http_request *request, int64_t *away_study, kh_error *err)
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

static kh_status read_numbers(frames *f, const kh_http_request *request, kh_error *err)
{
    const char *text = kh_http_segment(request, "frames");

    f->all = text == NULL;
    f->bulk = kh_http_segment(request, "path") != NULL;
    return text ? kh_frame_list_parse(f->numbers, &f->count, text, err) : KH_OK;
}

static kh_status check_numbers(frames *f, kh_error *err)
{
    uint32_t held = f->object->frames.frame_count;

    if (f->object->problem[0])
        return kh_error_set(err, KH_E_UNSUPPORTED, "%s", f->object->problem);
    if (f->all)
        f->count = held;
    if (f->count == 0 || number_at(f, f->count - 1) > held)
        return kh_error_set(err, KH_E_NOT_FOUND, "frame %" PRIu32 ", the instance has %" PRIu32, f->count ? number_at(f, f->count - 1) : 0,
                            held);
    return KH_OK;
}

/* Does each frame end with a byte? */
static bool aligned(const kh_pixel_format *format)
{
    return format->bits_allocated != 1 || (uint64_t)format->rows * format->columns * format->samples % 8 == 0;
}

static bool choose(frames *f, const kh_accept *accept)
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

/* --- answers --- */

static uint64_t form_of(const frames *f)
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

static void answer_one(frames *f, held_frame *frame, kh_http_request *request, const char *type)
{
    kh_http_bytes bytes[3];

    frame->head_size = frame_head(f, 0, frame->size, frame->head);
    frame->tail_size = kh_multipart_tail(&f->multipart, frame->tail);
    frame->owner = f;
    bytes[0] = (kh_http_bytes){frame->head, frame->head_size};
    bytes[1] = (kh_http_bytes){frame->bytes, frame->size};
    bytes[2] = (kh_http_bytes){frame->tail, frame->tail_size};
    kh_http_answer_gathered(request, 200, type, bytes, 3, frame_free, frame);
}

static void answer_single(frames *f, held_frame *frame, kh_http_request *request, const char *etag)
{
    char type[160];
    uint64_t first, count;
    unsigned code = kh_retrieve_range(request, etag, frame->size, &first, &count);

    frame->owner = f;
    if (code == 416) {
        frame_free(frame);
        kh_retrieve_answer_text(request, 416, "range", "Range: beyond the end");
        return;
    }
    snprintf(type, sizeof type, "%s; transfer-syntax=%s", f->offer.type, f->offer.transfer_syntax);
    kh_http_answer_borrowed(request, code, type, (const uint8_t *)frame->bytes + first, (size_t)count, frame_free, frame);
}

static kh_status next_frame(void *context, kh_http_piece *piece, const atomic_bool *cancelled, kh_error *err)
{
    frames *f = context;
    held_frame *frame = NULL;
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
    status = hold_frame(&frame, f, f->index, err);
    if (status != KH_OK)
        return status;
    if (f->offer.multipart && (!f->joined || f->index == 0))
        piece->head_size = frame_head(f, f->index, f->joined ? frame->size * f->count : frame->size, piece->head);
    f->index++;
    piece->bytes = frame->bytes;
    piece->size = frame->size;
    piece->release = frame_free;
    piece->held = frame;
    return KH_OK;
}

static const kh_http_producer one_by_one = {.next = next_frame, .drop = frames_free};

/* Of codestreams as they are stored; decoded frames are what the decoder makes of them. */
static uint64_t size_of(const frames *f)
{
    char text[KH_MULTIPART_HEAD_SIZE];
    uint64_t size = kh_multipart_tail(&f->multipart, text);

    if (is_native(f))
        return KH_HTTP_SIZE_UNKNOWN;
    for (size_t i = 0; i < f->count; i++) {
        uint64_t bytes = kh_frame_table_bytes(&f->object->frames, number_at(f, i) - 1);

        size += frame_head(f, i, (size_t)bytes, text) + bytes;
    }
    return size;
}

/* f is taken over when this is KH_OK. */
static kh_status answer(frames *f, kh_http_request *request, kh_error *err)
{
    char etag[KH_RETRIEVE_ETAG_SIZE], type[160];
    held_frame *frame = NULL;
    kh_status status;

    kh_retrieve_etag(etag, f->object->content_hash, form_of(f));
    if (kh_retrieve_answer_unchanged(request, etag, !f->offer.multipart)) {
        frames_free(f);
        return KH_OK;
    }
    status = kh_multipart_init(&f->multipart, err);
    if (status == KH_OK) /* of several the first: what cannot be done is said at once */
        status = hold_frame(&frame, f, 0, err);
    if (status != KH_OK)
        return status;
    kh_multipart_content_type(&f->multipart, f->offer.type, type, sizeof type);
    if (f->joined) {
        uint64_t bytes = (uint64_t)frame->size * f->count;

        frame_free(frame);
        if (!f->offer.multipart)
            snprintf(type, sizeof type, "%s; transfer-syntax=%s", f->offer.type, f->offer.transfer_syntax);
        kh_dicomweb_answer_pieces(f->dicomweb, request, KH_VERB_TAKE, f->uids.study, f->uids.series, 200, type,
                                  f->offer.multipart ? KH_HTTP_SIZE_UNKNOWN : bytes, &one_by_one, f);
    } else if (!f->offer.multipart) {
        answer_single(f, frame, request, etag);
    } else if (f->count == 1) {
        answer_one(f, frame, request, type);
    } else {
        frame_free(frame);
        kh_dicomweb_answer_pieces(f->dicomweb, request, KH_VERB_TAKE, f->uids.study, f->uids.series, 200, type, size_of(f), &one_by_one, f);
    }
    return KH_OK;
}

static bool is_video(const frames *f)
{
    const kh_transfer_syntax *syntax = f->object ? kh_transfer_syntax_find(f->object->transfer_syntax_uid) : NULL;

    return syntax && syntax->codec == KH_CODEC_VIDEO;
}

static kh_status prepare(frames *f, kh_accept *accept, kh_http_request *request, int64_t *away_study, kh_error *err)
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
        status = check_numbers(f, err);
    return status;
}

/* --- as parts of an answer of several --- */

/* The codestreams as they are. */
static void choose_stored(frames *f)
{
    f->offer = (kh_offer){.type = "application/octet-stream", .multipart = true, .transfer_syntax = f->object->transfer_syntax_uid};
}

static kh_status open_frames(frames *f, const kh_retrieve_object *object, const kh_accept *accept, kh_error *err)
{
    kh_status status = kh_stack_acquire_with(&f->stack, f->dicomweb->cache, object->series_id, object->id, err);

    if (status == KH_OK)
        f->object = kh_stack_find_object(f->stack, object->id);
    if (status != KH_OK || !f->object)
        return status;
    status = check_numbers(f, err);
    if (status == KH_OK && !choose(f, accept)) {
        if (!f->bulk || !kh_frame_is_compressed(f->object))
            return kh_error_set(err, KH_E_UNSUPPORTED, "its frames cannot be given in a type that is taken");
        choose_stored(f);
    }
    return status;
}

kh_status kh_frames_open(kh_frames **out, kh_dicomweb *dicomweb, const kh_retrieve_object *object, const char *study_uid,
                         const char *address, bool as_value, const kh_accept *accept, const kh_multipart *multipart, kh_error *err)
{
    frames *f = calloc(1, sizeof *f);
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
        frames_free(f);
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
    held_frame *frame = NULL;
    kh_status status;

    if (f->index == f->count)
        return KH_OK;
    status = hold_frame(&frame, f, f->index, err);
    if (is_of_the_frame(status) && is_native(f) && kh_frame_is_compressed(f->object)) {
        kh_error_clear(err);
        choose_stored(f); /* from here on: the part says so, and the codestream is there for who can read it */
        status = hold_frame(&frame, f, f->index, err);
    }
    if (status != KH_OK)
        return status;
    if (!f->joined || f->index == 0) {
        piece->head_size = part_head(f, *parts, f->index, f->joined ? frame->size * f->count : frame->size, piece->head);
        *parts += 1;
    }
    f->index++;
    piece->bytes = frame->bytes;
    piece->size = frame->size;
    piece->release = frame_free;
    piece->held = frame;
    return KH_OK;
}

void kh_frames_free(kh_frames *f)
{
    frames_free(f);
}

/* --- */

static void retrieve(void *context, kh_http_request *request)
{
    kh_dicomweb *dicomweb = context;
    kh_error err = KH_ERROR_INIT;
    kh_accept *accept = malloc(sizeof *accept);
    frames *f = calloc(1, sizeof *f);
    int64_t away_study = 0;
    kh_status status = accept && f ? KH_OK : kh_error_set(&err, KH_E_MEMORY, "no memory for an answer");

    if (status == KH_OK) {
        f->dicomweb = dicomweb;
        status = prepare(f, accept, request, &away_study, &err);
    }
    if (status == KH_E_UNSUPPORTED && f->all && is_video(f)) { /* one stream, not frames */
        kh_bulk_answer(dicomweb, request);
        status = KH_OK;
    } else if (status == KH_OK && away_study) {
        kh_retrieve_answer_away(dicomweb, request, away_study);
    } else if (status == KH_OK && !choose(f, accept)) {
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
    frames_free(f);
}

void kh_dicomweb_frames(kh_dicomweb *dicomweb, kh_http_request *request)
{
    kh_dicomweb_later(dicomweb, request, retrieve);
}
