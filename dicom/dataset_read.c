/* dataset_read.c - elements, sequences and items into a tree, without recursion: see dataset_parser.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/dataset_parser.h"
#include "dicom/text.h"

#define VR_SQ KH_VR('S', 'Q')

enum { WARN_LETTERS = 1, WARN_NOT_EXPLICIT = 2, WARN_ODD = 4, WARN_ORDER = 8, WARN_STRAY = 16 };

static void warn_once(kh_parser *parser, uint32_t kind, const char *what, kh_tag tag)
{
    if (parser->warned & kind)
        return;
    parser->warned |= kind;
    kh_dataset_warn(parser->dataset, "(%04X,%04X): %s", KH_TAG_ARGS(tag), what);
}

/* Over the fragments of encapsulated pixel data that is not the object's own: an icon's. */
static kh_status skip_fragments(kh_parser *parser, const kh_level *level, kh_element *element, kh_error *err)
{
    uint64_t position = element->offset;
    kh_element_header header;
    kh_status status;

    for (;;) {
        status = kh_element_header_read(&header, parser->reader, position, level->end - position, true,
                                        level->big_endian, err);
        if (status == KH_OK)
            status = kh_parser_count_one(parser, err);
        if (status != KH_OK)
            return status;
        if (header.tag == KH_TAG_SEQUENCE_DELIMITATION)
            break;
        if (header.tag != KH_TAG_ITEM || header.length > level->end - position - header.size)
            return kh_error_set(err, KH_E_FORMAT,
                                "got (%04X,%04X) of %" PRIu32 " bytes, expected a fragment of at most %" PRIu64,
                                KH_TAG_ARGS(header.tag), header.length, level->end - position - header.size);
        position += header.size + header.length;
    }
    element->length = position - element->offset;
    parser->position = position + header.size;
    return KH_OK;
}

static bool is_pixel_data(kh_tag tag)
{
    return tag == KH_TAG_PIXEL_DATA || tag == KH_TAG_FLOAT_PIXEL_DATA || tag == KH_TAG_DOUBLE_FLOAT_PIXEL_DATA;
}

static kh_status take_undefined(kh_parser *parser, const kh_level *level, const kh_element_header *header,
                                kh_error *err)
{
    kh_element *element;
    kh_status status = kh_parser_push_element(parser, header, err);

    if (status != KH_OK)
        return status;
    element = &parser->elements[parser->element_count - 1];
    if (parser->depth > 0 || !is_pixel_data(header->tag)) {
        status = skip_fragments(parser, level, element, err);
        return status == KH_OK ? KH_OK : kh_parser_name_tag(status, header->tag, err);
    }
    /* The object's own pixel data: kh_frame_table_read() walks the fragments. What is behind is not read. */
    element->length = level->end - element->offset;
    parser->position = level->end;
    parser->stop = true;
    return KH_OK;
}

/* The charset that holds from here on, as text without its padding. */
static kh_status take_charset(kh_parser *parser, kh_level *level, const kh_element *element, kh_error *err)
{
    size_t size = element->value ? (size_t)element->length : 0;
    void *text;
    kh_status status;

    while (size > 0 && (element->value[size - 1] == ' ' || element->value[size - 1] == '\0'))
        size--;
    if (size >= KH_CHARSET_SIZE)
        size = KH_CHARSET_SIZE - 1;
    status = kh_arena_take(&text, &parser->dataset->arena, size + 1, err);
    if (status != KH_OK)
        return status;
    if (size > 0)
        memcpy(text, element->value, size);
    ((char *)text)[size] = '\0';
    level->charset = text;
    return KH_OK;
}

static kh_status hold_value(kh_parser *parser, kh_element *element, kh_error *err)
{
    void *value;
    kh_status status;

    if (element->length == 0 || element->length > parser->limits.value_bytes || is_pixel_data(element->tag))
        return KH_OK;
    status = kh_arena_take(&value, &parser->dataset->arena, (size_t)element->length, err);
    if (status == KH_OK)
        status = kh_block_reader_copy(parser->reader, element->offset, value, (size_t)element->length, err);
    if (status == KH_OK)
        element->value = value;
    return status;
}

static kh_status take_value(kh_parser *parser, kh_level *level, const kh_element_header *header, kh_error *err)
{
    uint64_t left = level->end - parser->position - header->size;
    kh_element *element;
    kh_status status = kh_parser_push_element(parser, header, err);

    if (status != KH_OK)
        return status;
    element = &parser->elements[parser->element_count - 1];
    if (header->length > left) {
        if (parser->depth > 0 || !is_pixel_data(header->tag))
            return kh_parser_name_tag(
                kh_error_set(err, KH_E_FORMAT, "length %" PRIu32 ", expected at most %" PRIu64, header->length, left),
                header->tag, err);
        element->length = left;
        kh_dataset_warn(parser->dataset, "PixelData (%04X,%04X): %" PRIu64 " bytes, expected %" PRIu32,
                        KH_TAG_ARGS(header->tag), left, header->length);
    }
    if (element->length & 1)
        warn_once(parser, WARN_ODD, "odd length", header->tag);
    parser->position = element->offset + element->length;
    status = hold_value(parser, element, err);
    if (status == KH_OK && header->tag == KH_TAG_SPECIFIC_CHARACTER_SET)
        status = take_charset(parser, level, element, err);
    return status == KH_OK ? KH_OK : kh_parser_name_tag(status, header->tag, err);
}

static bool opens_sequence(const kh_element_header *header, const kh_level *level)
{
    if (header->vr == VR_SQ)
        return true;
    if (header->length != KH_LENGTH_UNDEFINED || is_pixel_data(header->tag))
        return false;
    return header->vr == KH_VR('U', 'N') || !level->explicit_vr || header->origin != KH_VR_AS_DECLARED;
}

/* Undefined length is for sequences, UN, and the encapsulated OB and OW. */
static bool may_be_undefined(const kh_element_header *header)
{
    return header->vr == KH_VR('O', 'B') || header->vr == KH_VR('O', 'W') || is_pixel_data(header->tag);
}

static kh_status take_element(kh_parser *parser, kh_level *level, const kh_element_header *header, kh_error *err)
{
    if (header->tag <= level->last_tag && parser->element_count > level->first_element) {
        level->sorted = false;
        warn_once(parser, WARN_ORDER, "tags do not ascend", header->tag);
    }
    level->last_tag = header->tag;
    if (header->origin == KH_VR_UNKNOWN_LETTERS)
        warn_once(parser, WARN_LETTERS, "unknown VR", header->tag);
    else if (header->origin == KH_VR_NOT_EXPLICIT)
        warn_once(parser, WARN_NOT_EXPLICIT, "an element without VR in an explicit data set", header->tag);
    if (parser->depth == 0 && is_pixel_data(header->tag))
        parser->pixels_seen = true;
    if (opens_sequence(header, level)) {
        if (header->length != KH_LENGTH_UNDEFINED && header->length > level->end - parser->position - header->size)
            return kh_parser_name_tag(kh_error_set(err, KH_E_FORMAT, "length %" PRIu32 ", expected at most %" PRIu64,
                                         header->length, level->end - parser->position - header->size),
                            header->tag, err);
        return kh_parser_open_sequence(parser, header, err);
    }
    if (header->length != KH_LENGTH_UNDEFINED)
        return take_value(parser, level, header, err);
    if (!may_be_undefined(header))
        return kh_parser_name_tag(
            kh_error_set(err, KH_E_FORMAT, "undefined length with VR %c%c", header->vr >> 8, header->vr & 0xff),
            header->tag, err);
    return take_undefined(parser, level, header, err);
}

/* An item tag or a delimiter where an attribute belongs. */
static kh_status item_tag_in_item(kh_parser *parser, const kh_level *level, const kh_element_header *header,
                                  kh_error *err)
{
    if (header->tag == KH_TAG_ITEM_DELIMITATION && level->delimited) {
        parser->position += header->size;
        return kh_parser_close_item(parser, err);
    }
    if (header->tag == KH_TAG_SEQUENCE_DELIMITATION && level->delimited && parser->depth > 0) {
        warn_once(parser, WARN_STRAY, "an item without its delimiter", parser->levels[parser->depth - 1].last_tag);
        return kh_parser_close_item(parser, err); /* the sequence takes the delimiter */
    }
    if (header->tag == KH_TAG_ITEM || header->length != 0)
        return kh_parser_name_tag(kh_error_set(err, KH_E_FORMAT,
                                     "followed by (%04X,%04X) at byte %" PRIu64 ", expected an attribute",
                                     KH_TAG_ARGS(header->tag), parser->position),
                        level->last_tag, err);
    warn_once(parser, WARN_STRAY, "a delimiter that ends nothing", header->tag);
    parser->position += header->size;
    return KH_OK;
}

/* Zeros, or behind the pixel data anything, that is no element: tolerated. */
static bool is_trailing(kh_parser *parser, const kh_level *level, const kh_element_header *header,
                        kh_status header_status)
{
    uint64_t left = level->end - parser->position;
    bool no_element = header_status != KH_OK || header->tag == 0 || header->tag <= level->last_tag ||
                      header->origin != KH_VR_AS_DECLARED || KH_TAG_GROUP(header->tag) == 0xfffe ||
                      (header->length != KH_LENGTH_UNDEFINED && header->length > left - header->size);
    uint64_t begin = parser->position;

    if (parser->depth > 0 || parser->element_count == 0 || !no_element)
        return false;
    if (parser->pixels_seen)
        return true;
    /* each run of zeros is read once, however many empty elements of tag 0 stand in it */
    if (begin <= parser->not_zero_at && parser->not_zero_at - begin < KH_BLOCK_READER_AT_MAX)
        return false;
    for (uint64_t at = begin; at < level->end && at - begin < KH_BLOCK_READER_AT_MAX; at++) {
        const uint8_t *byte;
        if (kh_block_reader_at(&byte, parser->reader, at, 1, NULL) != KH_OK)
            return false;
        if (*byte != 0) {
            parser->not_zero_at = at;
            return false;
        }
    }
    return true;
}

static kh_status step_in_item(kh_parser *parser, kh_level *level, kh_error *err)
{
    uint64_t left = level->end - parser->position;
    kh_element_header header;
    kh_status status;

    if (left == 0 && !level->delimited) {
        if (parser->depth > 0)
            return kh_parser_close_item(parser, err);
        parser->stop = true;
        return KH_OK;
    }
    /* The message is made below, for the one in a million that needs it. */
    status = kh_element_header_read(&header, parser->reader, parser->position, left, level->explicit_vr,
                                    level->big_endian, NULL);
    if (parser->meta_only && (status != KH_OK || KH_TAG_GROUP(header.tag) != 0x0002)) {
        parser->stop = true;
        return KH_OK;
    }
    if (is_trailing(parser, level, &header, status)) {
        kh_dataset_warn(parser->dataset, "%" PRIu64 " trailing bytes that are no element", left);
        parser->stop = true;
        return KH_OK;
    }
    if (status != KH_OK) {
        status = kh_element_header_read(&header, parser->reader, parser->position, left, level->explicit_vr,
                                        level->big_endian, err);
        return kh_parser_name_tag(status, level->last_tag, err);
    }
    if (KH_TAG_GROUP(header.tag) == 0xfffe)
        return item_tag_in_item(parser, level, &header, err);
    return take_element(parser, level, &header, err);
}

static kh_status open_item(kh_parser *parser, const kh_level *sequence, const kh_element_header *header, kh_error *err)
{
    uint64_t left = sequence->end - parser->position - header->size;
    kh_status status = kh_parser_count_one(parser, err);

    if (status != KH_OK)
        return status;
    if (header->length != KH_LENGTH_UNDEFINED && header->length > left)
        return kh_parser_name_tag(kh_error_set(err, KH_E_FORMAT, "an item of %" PRIu32 " bytes, expected at most %" PRIu64,
                                     header->length, left),
                        sequence->last_tag, err);
    parser->position += header->size;
    kh_parser_open_level(parser, sequence, false, header->length, 0);
    return KH_OK;
}

static kh_status step_in_sequence(kh_parser *parser, const kh_level *level, kh_error *err)
{
    uint64_t left = level->end - parser->position;
    kh_element_header header;
    kh_status status;

    if (left == 0 && !level->delimited)
        return kh_parser_close_sequence(parser, parser->position, err);
    status = kh_element_header_read(&header, parser->reader, parser->position, left, level->explicit_vr,
                                    level->big_endian, err);
    if (status != KH_OK)
        return kh_parser_name_tag(status, level->last_tag, err);
    if (header.tag == KH_TAG_ITEM)
        return open_item(parser, level, &header, err);
    if (header.tag == KH_TAG_SEQUENCE_DELIMITATION && level->delimited) {
        uint64_t value_end = parser->position;
        parser->position += header.size;
        return kh_parser_close_sequence(parser, value_end, err);
    }
    if (header.vr == 0 && header.length == 0) {
        warn_once(parser, WARN_STRAY, "a delimiter that ends nothing", level->last_tag);
        parser->position += header.size;
        return KH_OK;
    }
    return kh_parser_name_tag(kh_error_set(err, KH_E_FORMAT, "got (%04X,%04X) at byte %" PRIu64 ", expected an item",
                                 KH_TAG_ARGS(header.tag), parser->position),
                    level->last_tag, err);
}

static kh_status parse(kh_item *item, kh_parser *parser, kh_error *err)
{
    while (!parser->stop) {
        kh_level *level = &parser->levels[parser->depth];
        kh_status status = level->is_sequence ? step_in_sequence(parser, level, err) : step_in_item(parser, level, err);
        if (status != KH_OK)
            return status;
    }
    return kh_parser_finish_item(item, parser, &parser->levels[0], err);
}

kh_status kh_parse_elements(kh_item *item, uint64_t *stopped_at, kh_dataset *dataset, kh_block_reader *reader,
                            const kh_parse_options *options, kh_error *err)
{
    kh_parser parser = {
        .dataset = dataset,
        .reader = reader,
        .limits = options->limits,
        .meta_only = options->meta_only,
        .position = options->begin,
    };
    kh_status status;

    if (options->limits.depth < 1 || options->limits.depth > KH_PARSER_DEPTH_MAX)
        return kh_error_set(err, KH_E_ARG, "depth limit %" PRIu32 ", expected 1 to %d", options->limits.depth,
                            KH_PARSER_DEPTH_MAX);
    parser.levels[0] = (kh_level){
        .end = options->end,
        .explicit_vr = options->explicit_vr,
        .big_endian = options->big_endian,
        .sorted = true,
        .charset = "",
    };
    status = parse(item, &parser, err);
    *stopped_at = parser.position;
    free(parser.elements);
    free(parser.items);
    return status;
}
