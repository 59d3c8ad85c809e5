#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/size.h"
#include "dicom/codec/codestream.h"
#include "dicom/image.h"
#include "store/file.h"
#include "viewer/dicomweb/assembly_internal.h"

#define CODESTREAM_BYTES_MAX (256u << 20) /* as the decoders take them */

/* ---- codestreams ---- */

/* malloc'ed. */
static kh_status read_piece(uint8_t **out, const kh_assembly *assembly, const kh_value_piece *piece, kh_error *err)
{
    kh_status status;

    *out = NULL;
    if (piece->size == 0 || piece->size > CODESTREAM_BYTES_MAX)
        return kh_error_set(err, KH_E_FORMAT, "frame of %" PRIu64 " bytes, expected 1 to %u", piece->size, CODESTREAM_BYTES_MAX);
    *out = malloc((size_t)piece->size);
    if (!*out)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a frame of %" PRIu64 " bytes", piece->size);
    status = kh_read_all_at(assembly->options.spool_fd, *out, (size_t)piece->size, piece->offset, err);
    if (status != KH_OK) {
        free(*out);
        *out = NULL;
    }
    return status;
}

/* *syntax becomes one that holds this frame as well as those before it. */
static kh_status join_syntax(const char **syntax, const kh_value_media *media, const uint8_t *bytes, size_t size, kh_error *err)
{
    kh_error problem = KH_ERROR_INIT;
    const char *found;
    kh_status status = kh_codestream_syntax(&found, media->codec, bytes, size, &problem);

    if (status == KH_E_UNSUPPORTED && media->named) /* nothing we could say against it */
        return KH_OK;
    if (status != KH_OK)
        return kh_error_set(err, status, "%s", problem.message);
    if (media->named && !kh_syntax_holds(media->named, found))
        return kh_error_set(err, KH_E_CONFLICT, "a codestream of transfer syntax %s, said to be %s", found, media->named);
    if (media->named || (*syntax && kh_syntax_holds(*syntax, found)))
        return KH_OK;
    if (*syntax && !kh_syntax_holds(found, *syntax))
        return kh_error_set(err, KH_E_CONFLICT, "frames of transfer syntaxes %s and %s", *syntax, found);
    *syntax = found;
    return KH_OK;
}

/* What codestreams do not tell, or not to us (image/jpx): the type, or the part, says it. */
static bool is_silent(const kh_value_media *media)
{
    kh_codec_kind codec = media->codec;

    return codec == KH_CODEC_VIDEO || codec == KH_CODEC_OTHER || codec == KH_CODEC_RLE || codec == KH_CODEC_DEFLATED_FRAME ||
           (!media->named && strcmp(media->usual, "1.2.840.10008.1.2.4.92") == 0);
}

kh_status kh_assembly_syntax(const char **out, const kh_assembly *assembly, const kh_value *value, kh_error *err)
{
    const char *syntax = value->media.named;
    kh_status status = KH_OK;

    *out = syntax ? syntax : value->media.usual;
    if (is_silent(&value->media))
        return KH_OK;
    for (uint32_t i = value->first; status == KH_OK && i != KH_NO_PIECE; i = assembly->values.pieces[i].next) {
        const kh_value_piece *piece = &assembly->values.pieces[i];
        uint8_t *bytes;

        status = read_piece(&bytes, assembly, piece, err);
        if (status == KH_OK)
            status = join_syntax(&syntax, &value->media, bytes, (size_t)piece->size, err);
        free(bytes);
    }
    if (status == KH_OK && syntax)
        *out = syntax;
    return status;
}

static kh_status check_frames(const kh_assembly *assembly, const kh_value *value, const char *syntax, const kh_image_info *info,
                              kh_error *err)
{
    kh_status status = KH_OK;

    if (value->media.codec == KH_CODEC_VIDEO)
        return value->count == 1 ? KH_OK : kh_error_set(err, KH_E_CONFLICT, "a video in %u parts, expected one", (unsigned)value->count);
    if (value->count != info->frame_count)
        return kh_error_set(err, KH_E_CONFLICT, "%u frames, expected %u (NumberOfFrames)", (unsigned)value->count,
                            (unsigned)info->frame_count);
    for (uint32_t i = value->first; status == KH_OK && i != KH_NO_PIECE; i = assembly->values.pieces[i].next) {
        const kh_value_piece *piece = &assembly->values.pieces[i];
        kh_error problem = KH_ERROR_INIT;
        uint8_t *bytes;

        status = read_piece(&bytes, assembly, piece, err);
        if (status == KH_OK)
            status = kh_codestream_fits(syntax, &info->format, bytes, (size_t)piece->size, &problem);
        if (status == KH_E_UNSUPPORTED) /* no decoder of ours: kept as it is, as an object that comes whole */
            status = KH_OK;
        else if (problem.status != KH_OK)
            status = kh_error_set(err, KH_E_CONFLICT, "%s", problem.message);
        free(bytes);
    }
    return status;
}

/* ---- native pixels ---- */

static kh_status check_native(const kh_element *pixels, const kh_image_info *info, kh_error *err)
{
    size_t frame_bytes = 0;
    uint64_t bytes, pixel_count = (uint64_t)info->format.rows * info->format.columns * info->format.samples;

    if (info->format.bits_allocated == 1)
        bytes = (pixel_count * info->frame_count + 7) / 8;
    else if (kh_pixel_format_frame_bytes(&info->format, &frame_bytes))
        bytes = (uint64_t)frame_bytes * info->frame_count;
    else
        return kh_error_set(err, KH_E_CONFLICT, "frames larger than memory");
    if (pixels->length == bytes + bytes % 2)
        return KH_OK;
    return kh_error_set(err, KH_E_CONFLICT, "%" PRIu64 " bytes of native pixel data, expected %" PRIu64, pixels->length, bytes + bytes % 2);
}

/* Pixel Data of an item, an icon nearly always. */
static kh_status check_inner(const kh_item *item, const kh_element *pixels, kh_error *err)
{
    static const kh_tag tags[] = {KH_TAG_ROWS, KH_TAG_COLUMNS, KH_TAG_BITS_ALLOCATED};
    int64_t number, bits = 1;

    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        if (!kh_item_int(item, tags[i], 0, &number) || number < 0 || number > UINT16_MAX)
            return KH_OK; /* nothing that could be held against it */
        bits *= number;
    }
    if (kh_item_int(item, KH_TAG_SAMPLES_PER_PIXEL, 0, &number) && number > 0 && number <= 4)
        bits *= number;
    if (pixels->length == (uint64_t)(bits + 7) / 8 + (uint64_t)((bits + 7) / 8) % 2)
        return KH_OK;
    return kh_error_set(err, KH_E_CONFLICT, "%" PRIu64 " bytes of pixel data inside a sequence, which are not native ones", pixels->length);
}

static kh_status check_items(const kh_item *item, bool is_main, kh_error *err)
{
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < kh_item_element_count(item); i++) {
        const kh_element *element = kh_item_element(item, i);

        if (element->tag == KH_TAG_PIXEL_DATA && !is_main)
            status = check_inner(item, element, err);
        for (uint32_t k = 0; status == KH_OK && k < element->item_count; k++)
            status = check_items(kh_element_item(element, k), false, err);
    }
    return status;
}

/* ---- the file ---- */

static const kh_element *find_pixels(const kh_item *main)
{
    static const kh_tag tags[] = {KH_TAG_PIXEL_DATA, KH_TAG_FLOAT_PIXEL_DATA, KH_TAG_DOUBLE_FLOAT_PIXEL_DATA};
    const kh_element *pixels = NULL;

    for (size_t i = 0; !pixels && i < sizeof tags / sizeof tags[0]; i++)
        pixels = kh_item_find(main, tags[i]);
    return pixels;
}

static kh_status check_dataset(const kh_assembly *assembly, const kh_dataset *dataset, const kh_value *value, const char *syntax,
                               kh_error *err)
{
    const kh_element *pixels = find_pixels(kh_dataset_main(dataset));
    kh_error problem = KH_ERROR_INIT;
    kh_image_info info;
    kh_status status = check_items(kh_dataset_main(dataset), true, err);

    if (status != KH_OK || !pixels)
        return status;
    status = kh_image_info_read(&info, dataset, &problem);
    if (status == KH_E_UNSUPPORTED || status == KH_E_MEMORY)
        return status == KH_E_MEMORY ? kh_error_set(err, status, "%s", problem.message) : KH_OK;
    if (status != KH_OK)
        return kh_error_set(err, KH_E_CONFLICT, "%s", problem.message);
    status = value ? check_frames(assembly, value, syntax, &info, err) : check_native(pixels, &info, err);
    kh_image_info_release(&info);
    return status;
}

kh_status kh_assembly_check(const kh_assembly *assembly, int fd, const kh_value *value, const char *syntax, kh_error *err)
{
    kh_dataset *dataset = NULL;
    kh_source source;
    kh_status status = kh_source_init_fd(&source, fd, err);

    if (status == KH_OK)
        status = kh_dataset_read_file(&dataset, &source, &kh_dataset_limits_default, err);
    if (status == KH_OK)
        status = check_dataset(assembly, dataset, value, syntax, err);
    kh_dataset_free(dataset);
    return status;
}
