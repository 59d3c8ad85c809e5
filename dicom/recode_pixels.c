/* recode_pixels.c - encapsulated pixel data made native, frame by frame. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/recode_internal.h"

#define LENGTH_MAX 0xfffffffeU
#define PIXEL_TEXT "PixelData (7FE0,0010): "

/* --- what changes --- */

static void add_change(kh_recode *recode, kh_tag tag, kh_vr vr, const void *value, size_t size)
{
    kh_recode_change *change = &recode->changes[recode->change_count++];

    *change = (kh_recode_change){.tag = tag, .vr = vr, .size = (uint8_t)(size + (size & 1))};
    memset(change->value, vr == KH_VR('C', 'S') ? ' ' : 0, sizeof(change->value));
    memcpy(change->value, value, size);
}

static void want_us(kh_recode *recode, kh_tag tag, unsigned wanted)
{
    const uint8_t value[2] = {(uint8_t)wanted, (uint8_t)(wanted >> 8)};
    int64_t there;

    if (!kh_item_int(kh_dataset_main(recode->dataset), tag, 0, &there) || there != wanted)
        add_change(recode, tag, KH_VR('U', 'S'), value, sizeof(value));
}

static void want_cs(kh_recode *recode, kh_tag tag, const char *wanted)
{
    char there[32];

    if (!kh_item_string(kh_dataset_main(recode->dataset), tag, 0, there, sizeof(there)) || strcmp(there, wanted) != 0)
        add_change(recode, tag, KH_VR('C', 'S'), wanted, strlen(wanted));
}

/* PS3.3 C.7.6.1.1.5: once lossy, always told. Where a syntax may hold either, what the object says of itself holds. */
static void keep_lossy_history(kh_recode *recode)
{
    const kh_transfer_syntax *syntax = kh_transfer_syntax_find(kh_dataset_transfer_syntax(recode->dataset));
    char there[32];
    bool told = kh_item_string(kh_dataset_main(recode->dataset), KH_TAG_LOSSY_IMAGE_COMPRESSION, 0, there, sizeof(there));

    if (syntax->lossy && (syntax->codec == KH_CODEC_JPEG || !told))
        want_cs(recode, KH_TAG_LOSSY_IMAGE_COMPRESSION, "01");
}

/* In the order of their tags; those that are right already stay as they are. */
static void note_changes(kh_recode *recode)
{
    const kh_pixel_format *format = &recode->format;

    want_us(recode, KH_TAG_SAMPLES_PER_PIXEL, format->samples);
    if (format->photometric != KH_PHOTOMETRIC_OTHER && format->photometric != recode->info.format.photometric)
        want_cs(recode, KH_TAG_PHOTOMETRIC_INTERPRETATION, kh_photometric_text(format->photometric));
    if (format->samples > 1)
        want_us(recode, KH_TAG_PLANAR_CONFIGURATION, format->planar);
    want_us(recode, KH_TAG_BITS_ALLOCATED, format->bits_allocated);
    want_us(recode, KH_TAG_BITS_STORED, format->bits_stored);
    want_us(recode, KH_TAG_HIGH_BIT, format->high_bit);
    want_us(recode, KH_TAG_PIXEL_REPRESENTATION, format->is_signed);
    keep_lossy_history(recode);
}

/* --- frames --- */

static kh_status read_codestream(uint8_t **out, size_t *size, const kh_recode *recode, uint32_t frame, kh_error *err)
{
    const kh_frame_table *table = &recode->frames;
    uint64_t bytes = kh_frame_table_bytes(table, frame), at = 0;
    kh_status status = KH_OK;
    uint8_t *block;

    *out = NULL;
    if (bytes == 0)
        return kh_error_set(err, KH_E_CORRUPT, PIXEL_TEXT "ends before frame %" PRIu32 " of %" PRIu32, frame + 1, table->frame_count);
    if (bytes > recode->options.codestream_bytes_max)
        return kh_error_set(err, KH_E_LIMIT, PIXEL_TEXT "frame %" PRIu32 " of %" PRIu64 " bytes, limit %" PRIu64, frame + 1, bytes,
                            recode->options.codestream_bytes_max);
    block = malloc((size_t)bytes);
    if (!block)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a frame of %" PRIu64 " bytes", bytes);
    for (uint32_t i = table->first_extent[frame]; status == KH_OK && i < table->first_extent[frame + 1]; i++) {
        status = recode->source->read_at(recode->source, table->extents[i].offset, block + at, (size_t)table->extents[i].length, err);
        at += table->extents[i].length;
    }
    if (status != KH_OK) {
        free(block);
        return status;
    }
    *out = block;
    *size = (size_t)bytes;
    return KH_OK;
}

static kh_status decode_frame(uint8_t **pixels, size_t *size, kh_pixel_format *format, const kh_recode *recode, uint32_t frame,
                              kh_error *err)
{
    uint8_t *codestream;
    size_t codestream_size = 0;
    kh_status status = read_codestream(&codestream, &codestream_size, recode, frame, err);

    *pixels = NULL;
    if (status != KH_OK)
        return status;
    *format = recode->info.format;
    status = recode->options.decode(recode->options.context, pixels, size, kh_dataset_transfer_syntax(recode->dataset), format,
                                    codestream, codestream_size, err);
    free(codestream);
    if (status != KH_OK)
        kh_error_prefix(err, "frame %" PRIu32, frame + 1);
    return status;
}

static bool same_form(const kh_pixel_format *a, const kh_pixel_format *b)
{
    return a->rows == b->rows && a->columns == b->columns && a->samples == b->samples && a->bits_allocated == b->bits_allocated &&
           a->bits_stored == b->bits_stored && a->high_bit == b->high_bit && a->is_signed == b->is_signed && a->planar == b->planar &&
           a->photometric == b->photometric;
}

/* Bits of one frame; frames of single bits follow each other without a gap (PS3.5 8.1.1). */
static uint64_t frame_bits(const kh_recode *recode)
{
    if (recode->format.bits_allocated == 1)
        return (uint64_t)recode->format.rows * recode->format.columns * recode->format.samples;
    return (uint64_t)recode->frame_bytes * 8;
}

/* The elements behind the fragments, which the reader does not read; bytes that are none are dropped, as it does. */
static kh_status read_tail(kh_recode *recode, kh_error *err)
{
    static const uint8_t delimiter[8] = {0xfe, 0xff, 0xdd, 0xe0};
    const kh_extent *last = &recode->frames.extents[recode->frames.extent_count - 1];
    kh_parse_options options = {
        .begin = last->offset + last->length + sizeof(delimiter), .end = recode->source->size, .explicit_vr = true,
        .limits = kh_dataset_limits_default};
    kh_block_reader reader;
    uint8_t there[8];
    uint64_t stopped;
    kh_status status;

    if (last->length == 0 || options.begin >= options.end)
        return KH_OK;
    status = recode->source->read_at(recode->source, options.begin - sizeof(there), there, sizeof(there), err);
    if (status != KH_OK || memcmp(there, delimiter, sizeof(there)) != 0)
        return status;
    status = kh_block_reader_init(&reader, recode->source, err);
    if (status != KH_OK)
        return status;
    if (kh_parse_elements(&recode->tail, &stopped, recode->dataset, &reader, &options, NULL) != KH_OK)
        memset(&recode->tail, 0, sizeof(recode->tail));
    kh_block_reader_release(&reader);
    return KH_OK;
}

kh_status kh_recode_pixels_open(kh_recode *recode, kh_error *err)
{
    const kh_source *source = recode->source;
    kh_status status;

    if (!recode->options.decode)
        return kh_error_set(err, KH_E_UNSUPPORTED, PIXEL_TEXT "compressed, and nothing here decodes it");
    status = kh_image_info_read(&recode->info, recode->dataset, err);
    if (status == KH_OK)
        status = kh_frame_table_read(&recode->frames, recode->dataset, &recode->info, source, err);
    if (status == KH_OK)
        status = read_tail(recode, err);
    if (status == KH_OK)
        status = decode_frame(&recode->first, &recode->frame_bytes, &recode->format, recode, 0, err);
    if (status != KH_OK)
        return status;
    recode->pixel_bytes = (frame_bits(recode) * recode->frames.frame_count + 7) / 8; /* 2^20 frames of under 2^42 bits */
    if (recode->pixel_bytes > LENGTH_MAX)
        return kh_error_set(err, KH_E_LIMIT, PIXEL_TEXT "%" PRIu64 " bytes when decoded, more than a length can say",
                            recode->pixel_bytes);
    note_changes(recode);
    return KH_OK;
}

/* --- writing --- */

/* Bits that do not fill a byte wait for the next frame's. */
typedef struct bit_store {
    unsigned count; /* 0 to 7 */
    uint8_t bits;   /* least significant first */
} bit_store;

/* pixels: the frame's bits from its first byte on; becomes the whole bytes that can be written, *size of them: never more than came. */
static void pack_bits(uint8_t *pixels, size_t *size, uint64_t bits, bit_store *store)
{
    uint64_t total = store->count + bits;
    unsigned shift = store->count;
    uint8_t carry = store->bits;
    size_t whole = (size_t)(total / 8), have = *size;

    for (size_t i = 0; i < have; i++) {
        uint8_t byte = pixels[i];
        unsigned valid = (uint64_t)(i + 1) * 8 <= bits ? 8 : (unsigned)(bits - (uint64_t)i * 8);

        byte = (uint8_t)(byte & (0xffu >> (8 - valid)));
        pixels[i] = (uint8_t)(carry | (unsigned)byte << shift);
        carry = (uint8_t)(shift ? (unsigned)byte >> (8 - shift) : 0);
    }
    store->count = (unsigned)(total % 8);
    store->bits = whole < have ? pixels[whole] : carry;
    *size = whole;
}

static kh_status put_frame(kh_recode *recode, uint8_t *pixels, size_t size, bit_store *store, kh_error *err)
{
    if (recode->format.bits_allocated == 1)
        pack_bits(pixels, &size, frame_bits(recode), store);
    return recode->sink(recode->sink_context, pixels, size, err);
}

static kh_status write_frame(kh_recode *recode, uint32_t frame, bit_store *store, kh_error *err)
{
    kh_pixel_format format = recode->format;
    uint8_t *pixels = NULL;
    size_t size = recode->frame_bytes;
    kh_status status = KH_OK;

    if (frame == 0) {
        pixels = recode->first;
        recode->first = NULL;
    } else {
        status = decode_frame(&pixels, &size, &format, recode, frame, err);
    }
    if (status == KH_OK && (size != recode->frame_bytes || !same_form(&format, &recode->format)))
        status = kh_error_set(err, KH_E_FORMAT, "frame %" PRIu32 " has another form than the first", frame + 1);
    if (status == KH_OK)
        status = put_frame(recode, pixels, size, store, err);
    free(pixels);
    return status;
}

kh_status kh_recode_pixels_write(kh_recode *recode, kh_error *err)
{
    uint32_t length = (uint32_t)(recode->pixel_bytes + (recode->pixel_bytes & 1));
    bit_store store = {0};
    kh_status status = kh_recode_header(recode, KH_TAG_PIXEL_DATA, KH_VR('O', 'W'), length, err);

    if (status == KH_OK && !recode->first)
        status = kh_error_set(err, KH_E_INTERNAL, "a data set is written anew once only");
    for (uint32_t frame = 0; status == KH_OK && frame < recode->frames.frame_count; frame++)
        status = write_frame(recode, frame, &store, err);
    if (status == KH_OK && store.count > 0)
        status = recode->sink(recode->sink_context, &store.bits, 1, err);
    if (status == KH_OK && recode->pixel_bytes & 1)
        status = recode->sink(recode->sink_context, (const uint8_t *)"", 1, err);
    return status;
}
