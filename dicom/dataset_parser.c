#include "dicom/dataset_parser.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/dictionary.h"

kh_status kh_parser_name_tag(kh_status status, kh_tag tag, kh_error *err)
{
    const char *keyword = kh_dictionary_keyword(tag);

    kh_error_prefix(err, "%s%s(%04X,%04X)", keyword, *keyword ? " " : "", KH_TAG_ARGS(tag));
    return status;
}

static kh_status grow(void **array, size_t *capacity, size_t count, size_t size, kh_error *err)
{
    size_t more = *capacity ? *capacity * 2 : 64;
    void *bigger;

    if (count < *capacity)
        return KH_OK;
    bigger = realloc(*array, more * size);
    if (!bigger)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the elements of a data set");
    *array = bigger;
    *capacity = more;
    return KH_OK;
}

kh_status kh_parser_count_one(kh_parser *parser, kh_error *err)
{
    if (++parser->counted > parser->limits.elements)
        return kh_error_set(err, KH_E_LIMIT, "more than %" PRIu32 " elements", parser->limits.elements);
    return KH_OK;
}

kh_status kh_parser_push_element(kh_parser *parser, const kh_element_header *header, kh_error *err)
{
    kh_status status = kh_parser_count_one(parser, err);

    if (status == KH_OK)
        status =
            grow((void **)&parser->elements, &parser->element_capacity, parser->element_count, sizeof(kh_element), err);
    if (status != KH_OK)
        return status;
    parser->elements[parser->element_count++] = (kh_element){
        .tag = header->tag,
        .vr = header->vr,
        .undefined_length = header->length == KH_LENGTH_UNDEFINED,
        .offset = parser->position + header->size,
        .length = header->length,
    };
    return KH_OK;
}

void kh_parser_open_level(kh_parser *parser, const kh_level *parent, bool is_sequence, uint32_t length, kh_tag tag)
{
    kh_level *opened = &parser->levels[++parser->depth];

    *opened = (kh_level){
        .end = length == KH_LENGTH_UNDEFINED ? parent->end : parser->position + length,
        .is_sequence = is_sequence,
        .delimited = length == KH_LENGTH_UNDEFINED,
        .explicit_vr = parent->explicit_vr,
        .big_endian = parent->big_endian,
        .sorted = true,
        .last_tag = tag,
        .first_element = parser->element_count,
        .first_item = parser->item_count,
        .charset = parent->charset,
    };
}

kh_status kh_parser_finish_item(kh_item *item, kh_parser *parser, const kh_level *level, kh_error *err)
{
    size_t count = parser->element_count - level->first_element;
    void *elements = NULL;
    kh_status status;

    if (count > 0) {
        status = kh_arena_take(&elements, &parser->dataset->arena, count * sizeof(kh_element), err);
        if (status != KH_OK)
            return status;
        memcpy(elements, parser->elements + level->first_element, count * sizeof(kh_element));
    }
    parser->element_count = level->first_element;
    *item = (kh_item){
        .elements = elements,
        .charset = level->charset,
        .element_count = (uint32_t)count,
        .sorted = level->sorted,
        .big_endian = level->big_endian,
    };
    return KH_OK;
}

kh_status kh_parser_close_item(kh_parser *parser, kh_error *err)
{
    kh_status status = grow((void **)&parser->items, &parser->item_capacity, parser->item_count, sizeof(kh_item), err);

    if (status == KH_OK)
        status = kh_parser_finish_item(&parser->items[parser->item_count], parser, &parser->levels[parser->depth], err);
    if (status != KH_OK)
        return status;
    parser->item_count++;
    parser->depth--;
    return KH_OK;
}

kh_status kh_parser_close_sequence(kh_parser *parser, uint64_t value_end, kh_error *err)
{
    const kh_level *sequence = &parser->levels[parser->depth];
    kh_element *element = &parser->elements[sequence->first_element - 1];
    size_t count = parser->item_count - sequence->first_item;
    void *items = NULL;
    kh_status status;

    if (count > 0) {
        status = kh_arena_take(&items, &parser->dataset->arena, count * sizeof(kh_item), err);
        if (status != KH_OK)
            return kh_parser_name_tag(status, element->tag, err);
        memcpy(items, parser->items + sequence->first_item, count * sizeof(kh_item));
    }
    parser->item_count = sequence->first_item;
    element->items = items;
    element->item_count = (uint32_t)count;
    element->length = value_end - element->offset;
    parser->depth--;
    return KH_OK;
}

kh_status kh_parser_open_sequence(kh_parser *parser, const kh_element_header *header, kh_error *err)
{
    const kh_level *parent = &parser->levels[parser->depth];
    kh_status status;

    if (parser->depth / 2 >= parser->limits.depth)
        return kh_parser_name_tag(kh_error_set(err, KH_E_LIMIT, "nested deeper than %" PRIu32 " sequences", parser->limits.depth),
                        header->tag, err);
    status = kh_parser_push_element(parser, header, err);
    if (status != KH_OK)
        return status;
    parser->position += header->size;
    kh_parser_open_level(parser, parent, true, header->length, header->tag);
    if (header->vr == KH_VR('U', 'N')) { /* PS3.5 6.2.2: implicit little endian inside, whatever is outside */
        parser->levels[parser->depth].explicit_vr = false;
        parser->levels[parser->depth].big_endian = false;
    }
    return KH_OK;
}
