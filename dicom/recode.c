/* recode.c - elements, items and sequences. Sequences get undefined lengths: what they hold changes its size. */
#include "dicom/recode.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/byte_order.h"
#include "dicom/dictionary.h"
#include "dicom/element_header.h"
#include "dicom/recode_internal.h"

#define SHORT_LENGTH_MAX 0xfffe /* largest even length of a VR with a 16 bit length */
#define LENGTH_MAX 0xfffffffeU
#define TAG_ICON_IMAGE_SEQUENCE KH_TAG(0x0088, 0x0200)
#define TAG_ENCAPSULATED_TOTAL_LENGTH KH_TAG(0x7fe0, 0x0003)

static kh_status put(kh_recode *recode, const void *bytes, size_t size, kh_error *err)
{
    return recode->sink(recode->sink_context, bytes, size, err);
}

static void put_u16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static void put_u32(uint8_t *at, uint32_t value)
{
    put_u16(at, value & 0xffff);
    put_u16(at + 2, value >> 16);
}

kh_status kh_recode_header(kh_recode *recode, kh_tag tag, kh_vr vr, uint32_t length, kh_error *err)
{
    uint8_t head[12] = {0};
    size_t size = 8;

    put_u16(head, KH_TAG_GROUP(tag));
    put_u16(head + 2, KH_TAG_ELEMENT(tag));
    if (!recode->options.explicit_vr || KH_TAG_GROUP(tag) == 0xfffe) {
        put_u32(head + 4, length);
    } else {
        if (!kh_vr_long_form(vr) && length > SHORT_LENGTH_MAX)
            vr = KH_VR('U', 'N'); /* PS3.5 6.2.2: its length has 32 bits */
        head[4] = (uint8_t)(vr >> 8);
        head[5] = (uint8_t)vr;
        if (kh_vr_long_form(vr)) {
            put_u32(head + 8, length);
            size = 12;
        } else {
            put_u16(head + 6, length);
        }
    }
    return put(recode, head, size, err);
}

/* --- values --- */

/* PS3.5 6.2: text ends with a space, the rest with NUL. */
static uint8_t padding_of(kh_vr vr)
{
    switch (vr) {
    case KH_VR('U', 'I'):
    case KH_VR('U', 'N'):
        return 0;
    default:
        return kh_vr_swap_unit(vr) > 1 || vr == KH_VR('O', 'B') ? 0 : ' ';
    }
}

/* In parts of whole units; a longer value comes from the source, a short one is held. */
static kh_status copy_value(kh_recode *recode, const kh_element *element, kh_vr vr, bool big_endian, kh_error *err)
{
    size_t unit = big_endian ? kh_vr_swap_unit(vr) : 1;
    uint8_t pad = padding_of(vr);
    kh_status status = KH_OK;

    for (uint64_t done = 0; status == KH_OK && done < element->length;) {
        uint64_t left = element->length - done;
        size_t part = left < KH_RECODE_PART ? (size_t)left : KH_RECODE_PART;

        if (element->value)
            memcpy(recode->buffer, element->value + done, part);
        else
            status = recode->source->read_at(recode->source, element->offset + done, recode->buffer, part, err);
        if (unit > 1)
            kh_swap_bytes(recode->buffer, part, unit);
        if (status == KH_OK)
            status = put(recode, recode->buffer, part, err);
        done += part;
    }
    if (status == KH_OK && element->length & 1)
        status = put(recode, &pad, 1, err);
    return status;
}

static kh_vr vr_of(const kh_recode *recode, const kh_element *element)
{
    const kh_transfer_syntax *syntax = kh_transfer_syntax_find(kh_dataset_transfer_syntax(recode->dataset));

    if (element->vr == KH_VR('U', 'S') && syntax && !syntax->explicit_vr && recode->is_signed && kh_dictionary_follows_sign(element->tag))
        return KH_VR('S', 'S');
    return element->vr;
}

static kh_status write_value(kh_recode *recode, const kh_element *element, bool big_endian, kh_error *err)
{
    uint64_t length = element->length + (element->length & 1);
    kh_vr vr = vr_of(recode, element);
    kh_status status;

    if (length > LENGTH_MAX)
        return kh_error_set(err, KH_E_LIMIT, "(%04X,%04X): %" PRIu64 " bytes, more than a length can say", KH_TAG_ARGS(element->tag),
                            length);
    status = kh_recode_header(recode, element->tag, vr, (uint32_t)length, err);
    return status == KH_OK ? copy_value(recode, element, vr, big_endian, err) : status;
}

/* --- items and sequences --- */

static bool is_sequence(const kh_element *element)
{
    return element->vr == KH_VR('S', 'Q') || element->item_count > 0 ||
           (element->undefined_length && element->vr == KH_VR('U', 'N'));
}

/* What belongs to the old encoding (PS3.5 7.2; PS3.3 C.7.6.3.1.8). */
static bool is_left_out(const kh_recode *recode, const kh_element *element)
{
    if (KH_TAG_ELEMENT(element->tag) == 0)
        return true;
    return recode->encapsulated && (element->tag == KH_TAG_EXTENDED_OFFSET_TABLE || element->tag == KH_TAG_EXTENDED_OFFSET_TABLE_LENGTHS ||
                                    element->tag == TAG_ENCAPSULATED_TOTAL_LENGTH);
}

/* Encapsulated pixel data somewhere below. */
static bool holds_fragments(const kh_element *element)
{
    for (uint32_t i = 0; i < element->item_count; i++) {
        const kh_item *item = kh_element_item(element, i);

        for (size_t k = 0; k < kh_item_element_count(item); k++) {
            const kh_element *inner = kh_item_element(item, k);

            if (is_sequence(inner) ? holds_fragments(inner) : inner->undefined_length)
                return true;
        }
    }
    return false;
}

static kh_status write_items(kh_recode *recode, const kh_element *element, kh_error *err);

static kh_status write_element(kh_recode *recode, const kh_element *element, bool big_endian, kh_error *err)
{
    if (is_left_out(recode, element))
        return KH_OK;
    if (is_sequence(element))
        return element->tag == TAG_ICON_IMAGE_SEQUENCE && holds_fragments(element) ? KH_OK : write_items(recode, element, err);
    if (element->undefined_length)
        return kh_error_set(err, KH_E_UNSUPPORTED, "(%04X,%04X): compressed inside a sequence", KH_TAG_ARGS(element->tag));
    return write_value(recode, element, big_endian, err);
}

static kh_status write_items(kh_recode *recode, const kh_element *element, kh_error *err)
{
    /* In implicit VR a private sequence without items is told from a value by its delimiter only. */
    bool delimited = element->item_count > 0 || !recode->options.explicit_vr;
    kh_status status = kh_recode_header(recode, element->tag, KH_VR('S', 'Q'), delimited ? KH_LENGTH_UNDEFINED : 0, err);

    for (uint32_t i = 0; status == KH_OK && i < element->item_count; i++) {
        const kh_item *item = kh_element_item(element, i);

        status = kh_recode_header(recode, KH_TAG_ITEM, 0, KH_LENGTH_UNDEFINED, err);
        for (size_t k = 0; status == KH_OK && k < kh_item_element_count(item); k++)
            status = write_element(recode, kh_item_element(item, k), item->big_endian, err);
        if (status == KH_OK)
            status = kh_recode_header(recode, KH_TAG_ITEM_DELIMITATION, 0, 0, err);
    }
    if (status == KH_OK && delimited)
        status = kh_recode_header(recode, KH_TAG_SEQUENCE_DELIMITATION, 0, 0, err);
    return status;
}

/* --- the main data set --- */

static kh_status write_change(kh_recode *recode, const kh_recode_change *change, kh_error *err)
{
    kh_status status = kh_recode_header(recode, change->tag, change->vr, change->size, err);

    return status == KH_OK ? put(recode, change->value, change->size, err) : status;
}

static kh_status write_main(kh_recode *recode, kh_error *err)
{
    const kh_item *main = kh_dataset_main(recode->dataset);
    unsigned next = 0;
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < kh_item_element_count(main); i++) {
        const kh_element *element = kh_item_element(main, i);
        bool replaced = false;

        while (status == KH_OK && next < recode->change_count && recode->changes[next].tag <= element->tag) {
            replaced = recode->changes[next].tag == element->tag;
            status = write_change(recode, &recode->changes[next++], err);
        }
        if (status != KH_OK || replaced)
            continue;
        if (recode->encapsulated && element->tag == KH_TAG_PIXEL_DATA)
            status = kh_recode_pixels_write(recode, err);
        else
            status = write_element(recode, element, main->big_endian, err);
    }
    for (size_t i = 0; status == KH_OK && i < kh_item_element_count(&recode->tail); i++)
        status = write_element(recode, kh_item_element(&recode->tail, i), recode->tail.big_endian, err);
    return status;
}

kh_status kh_recode_write(kh_recode *recode, kh_recode_sink *sink, void *context, kh_error *err)
{
    recode->sink = sink;
    recode->sink_context = context;
    return write_main(recode, err);
}

/* --- before --- */

/* Said now, not when half has been written. */
static kh_status check_items(const kh_item *item, kh_error *err)
{
    for (size_t i = 0; i < kh_item_element_count(item); i++) {
        const kh_element *element = kh_item_element(item, i);

        if (is_sequence(element) && element->tag != TAG_ICON_IMAGE_SEQUENCE && holds_fragments(element))
            return kh_error_set(err, KH_E_UNSUPPORTED, "(%04X,%04X): holds compressed pixel data", KH_TAG_ARGS(element->tag));
    }
    return KH_OK;
}

static kh_status open_pixels(kh_recode *recode, kh_error *err)
{
    const kh_transfer_syntax *syntax = kh_transfer_syntax_find(kh_dataset_transfer_syntax(recode->dataset));
    const kh_element *pixels = kh_item_find(kh_dataset_main(recode->dataset), KH_TAG_PIXEL_DATA);

    if (!syntax)
        return kh_error_set(err, KH_E_UNSUPPORTED, "transfer syntax %s is not known", kh_dataset_transfer_syntax(recode->dataset));
    if (!pixels || !pixels->undefined_length)
        return KH_OK;
    recode->encapsulated = true;
    return kh_recode_pixels_open(recode, err);
}

static kh_status open_all(kh_recode *recode, kh_error *err)
{
    int64_t representation;
    size_t inflated_size = 0;
    const uint8_t *inflated;
    kh_status status = kh_dataset_read_file(&recode->dataset, recode->source, &kh_dataset_limits_default, err);

    if (status != KH_OK)
        return status;
    inflated = kh_dataset_inflated(recode->dataset, &inflated_size);
    if (inflated) {
        kh_source_init_memory(&recode->inflated, inflated, inflated_size);
        recode->source = &recode->inflated;
    }
    recode->is_signed = kh_item_int(kh_dataset_main(recode->dataset), KH_TAG_PIXEL_REPRESENTATION, 0, &representation) &&
                        representation == 1;
    recode->buffer = malloc(KH_RECODE_PART);
    if (!recode->buffer)
        return kh_error_set(err, KH_E_MEMORY, "no memory to write a data set anew");
    status = check_items(kh_dataset_main(recode->dataset), err);
    if (status == KH_OK)
        status = open_pixels(recode, err);
    return status == KH_OK ? check_items(&recode->tail, err) : status;
}

kh_status kh_recode_open(kh_recode **out, const kh_source *source, const kh_recode_options *options, kh_error *err)
{
    kh_recode *recode = calloc(1, sizeof(*recode));
    kh_status status;

    *out = NULL;
    if (!recode)
        return kh_error_set(err, KH_E_MEMORY, "no memory to write a data set anew");
    recode->options = *options;
    recode->source = source;
    status = open_all(recode, err);
    if (status != KH_OK) {
        kh_recode_free(recode);
        return status;
    }
    *out = recode;
    return KH_OK;
}

void kh_recode_free(kh_recode *recode)
{
    if (!recode)
        return;
    kh_image_info_release(&recode->info);
    kh_frame_table_release(&recode->frames);
    kh_dataset_free(recode->dataset);
    free(recode->first);
    free(recode->buffer);
    free(recode);
}
