/* json_model.c - attributes, items and sequences. Recursion is as deep as the reader's limit of sequences. */
#include "dicom/json_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/byte_order.h"
#include "dicom/dictionary.h"
#include "dicom/json_internal.h"

#define TEXT_BYTES_MAX ((size_t)4 << 20) /* of one attribute as UTF-8: more than what the reader holds of one can become */
#define TAG_TRAILING_PADDING KH_TAG(0xfffc, 0xfffc)
#define VR_SQ KH_VR('S', 'Q')

const kh_json_model_options kh_json_model_options_default = {.inline_bytes_max = 1024, .value_bytes_max = 32768};

static kh_status write_item(kh_json_model *model, const kh_item *item, const char *path, kh_error *err);

static bool is_signed(const kh_dataset *dataset)
{
    int64_t representation;

    return kh_item_int(&dataset->main, KH_TAG_PIXEL_REPRESENTATION, 0, &representation) && representation == 1;
}

kh_vr kh_element_model_vr(const kh_dataset *dataset, const kh_element *element)
{
    bool told = strcmp(dataset->transfer_syntax, KH_TS_IMPLICIT_LE) != 0;
    kh_vr vr = element->vr;

    if (vr == KH_VR('U', 'N') && (element->item_count > 0 || element->undefined_length))
        return KH_VR('S', 'Q');
    if (vr == KH_VR('U', 'N')) {
        vr = kh_dictionary_vr(element->tag);
        told = false;
    }
    if (vr == KH_VR('U', 'S') && !told && kh_dictionary_follows_sign(element->tag) && is_signed(dataset))
        return KH_VR('S', 'S');
    return vr;
}

static bool is_bytes(kh_vr vr)
{
    return vr == KH_VR('U', 'N') || vr >> 8 == 'O';
}

static bool is_pixel_data(kh_tag tag)
{
    return tag == KH_TAG_PIXEL_DATA || tag == KH_TAG_FLOAT_PIXEL_DATA || tag == KH_TAG_DOUBLE_FLOAT_PIXEL_DATA;
}

static bool needs_uri(const kh_json_model *model, const kh_element *element, kh_vr vr)
{
    if (element->undefined_length || is_pixel_data(element->tag))
        return true;
    if (element->length == 0)
        return false;
    if (!element->value)
        return true;
    if (is_bytes(vr))
        return element->length > model->options->inline_bytes_max;
    return kh_vr_number_bytes(vr) > 0 && element->length > model->options->value_bytes_max;
}

/* --- one attribute --- */

static kh_status write_uri(kh_json_model *model, const char *path, kh_error *err)
{
    kh_status status;

    kh_buf_clear(&model->text);
    status = model->options->uri(model->options->context, &model->text, path, err);
    if (status == KH_OK)
        kh_json_put_text(&model->json, "BulkDataURI", kh_buf_text(&model->text));
    return status;
}

static kh_status write_inline(kh_json_model *model, const kh_element *element, kh_vr vr, bool big_endian, kh_error *err)
{
    size_t unit = big_endian ? kh_vr_swap_unit(vr) : 1;
    kh_status status;

    kh_buf_clear(&model->text);
    status = kh_buf_append(&model->text, element->value, (size_t)element->length, err);
    if (status != KH_OK)
        return status;
    kh_swap_bytes(model->text.data, model->text.size, unit);
    kh_json_key(&model->json, "InlineBinary");
    kh_json_base64(&model->json, model->text.data, model->text.size);
    return KH_OK;
}

static kh_status write_items(kh_json_model *model, const kh_element *element, const char *path, kh_error *err)
{
    char inner[KH_BULK_PATH_SIZE];
    kh_status status = KH_OK;

    if (element->item_count == 0)
        return KH_OK;
    kh_json_key(&model->json, "Value");
    kh_json_array_begin(&model->json);
    for (uint32_t i = 0; status == KH_OK && i < element->item_count; i++) {
        if (snprintf(inner, sizeof inner, "%s.%u.", path, (unsigned)i + 1) >= (int)sizeof inner)
            return kh_error_set(err, KH_E_LIMIT, "(%04X,%04X): nested too deep for an address", KH_TAG_ARGS(element->tag));
        status = write_item(model, kh_element_item(element, i), inner, err);
    }
    kh_json_array_end(&model->json);
    return status;
}

/* --- a sequence inside a value of VR UN: implicit VR little endian (PS3.5 6.2.2) --- */

static void put_header(uint8_t out[8], kh_tag tag, uint32_t length)
{
    const uint16_t words[4] = {KH_TAG_GROUP(tag), KH_TAG_ELEMENT(tag), (uint16_t)(length & 0xffff), (uint16_t)(length >> 16)};

    for (size_t i = 0; i < 4; i++) {
        out[2 * i] = (uint8_t)words[i];
        out[2 * i + 1] = (uint8_t)(words[i] >> 8);
    }
}

/* The value as an element of a data set of its own, with the character set that holds where it stands. NULL when it is no sequence. */
static kh_dataset *read_hidden(const kh_element *element, const char *charset, uint32_t depth_left)
{
    kh_dataset_limits limits = kh_dataset_limits_default;
    kh_dataset *dataset = NULL;
    kh_source source;
    uint8_t header[8];
    kh_status status;
    kh_buf bytes;

    limits.depth = depth_left;
    kh_buf_init(&bytes, (size_t)element->length + strlen(charset) + 2 * sizeof header);
    put_header(header, KH_TAG_SPECIFIC_CHARACTER_SET, (uint32_t)strlen(charset));
    status = kh_buf_append(&bytes, header, sizeof header, NULL);
    if (status == KH_OK)
        status = kh_buf_append_text(&bytes, charset, NULL);
    put_header(header, element->tag, (uint32_t)element->length);
    if (status == KH_OK)
        status = kh_buf_append(&bytes, header, sizeof header, NULL);
    if (status == KH_OK)
        status = kh_buf_append(&bytes, element->value, (size_t)element->length, NULL);
    if (status == KH_OK) {
        kh_source_init_memory(&source, bytes.data, bytes.size);
        if (kh_dataset_read(&dataset, &source, KH_TS_IMPLICIT_LE, &limits, NULL) != KH_OK)
            dataset = NULL;
    }
    kh_buf_release(&bytes);
    return dataset;
}

/* Something in it has no place but behind a URI, or is a hidden sequence again. */
static bool holds_bulk(const kh_json_model *model, const kh_item *item)
{
    for (size_t i = 0; i < kh_item_element_count(item); i++) {
        const kh_element *element = kh_item_element(item, i);
        kh_vr vr = kh_element_model_vr(model->dataset, element);

        if (vr != VR_SQ ? needs_uri(model, element, vr) : element->length > 0 && element->item_count == 0)
            return true;
        for (uint32_t k = 0; k < element->item_count; k++)
            if (holds_bulk(model, kh_element_item(element, k)))
                return true;
    }
    return false;
}

/* *done is false when the value is to be told as bytes. */
static kh_status write_hidden(bool *done, kh_json_model *model, const kh_element *element, const char *charset, const char *path,
                              kh_error *err)
{
    const kh_element *sequence;
    kh_dataset *hidden = NULL;
    kh_status status = KH_OK;

    *done = false;
    if (!element->value || model->depth >= kh_dataset_limits_default.depth || element->tag <= KH_TAG_SPECIFIC_CHARACTER_SET)
        return KH_OK;
    hidden = read_hidden(element, charset, kh_dataset_limits_default.depth - model->depth);
    sequence = hidden ? kh_item_find(&hidden->main, element->tag) : NULL;
    if (sequence && sequence->item_count > 0 && !holds_bulk(model, &hidden->main)) {
        kh_json_put_text(&model->json, "vr", "SQ");
        status = write_items(model, sequence, path, err);
        *done = true;
    }
    kh_dataset_free(hidden);
    return status;
}

/* --- one attribute --- */

static kh_status write_value(kh_json_model *model, const kh_item *item, const kh_element *element, kh_vr vr, const char *path,
                             kh_error *err)
{
    const char letters[3] = {(char)(vr >> 8), (char)(vr & 0xff), '\0'};
    bool big_endian = item->big_endian && element->vr != KH_VR('U', 'N');

    kh_json_put_text(&model->json, "vr", letters);
    if (vr == VR_SQ)
        return write_items(model, element, path, err);
    if (needs_uri(model, element, vr))
        return write_uri(model, path, err);
    if (element->length == 0)
        return KH_OK;
    if (is_bytes(vr))
        return write_inline(model, element, vr, big_endian, err);
    if (element->tag == KH_TAG_SPECIFIC_CHARACTER_SET) { /* that of what is written here */
        kh_json_key(&model->json, "Value");
        kh_json_array_begin(&model->json);
        kh_json_text(&model->json, "ISO_IR 192");
        kh_json_array_end(&model->json);
        return KH_OK;
    }
    return kh_json_values(model, element, vr, item->charset, big_endian, err);
}

static bool is_left_out(const kh_json_model *model, const kh_element *element, kh_vr vr)
{
    uint16_t group = KH_TAG_GROUP(element->tag);

    return KH_TAG_ELEMENT(element->tag) == 0 || group == 0x0002 || element->tag == TAG_TRAILING_PADDING ||
           (!model->options->uri && vr != VR_SQ && needs_uri(model, element, vr));
}

static kh_status write_element(kh_json_model *model, const kh_item *item, const kh_element *element, const char *prefix, kh_error *err)
{
    kh_vr vr = kh_element_model_vr(model->dataset, element);
    char path[KH_BULK_PATH_SIZE], key[9];
    bool hidden = vr == VR_SQ && element->vr != VR_SQ && !element->undefined_length && element->item_count == 0 && element->length > 0;
    bool done = false;
    kh_status status = KH_OK;

    snprintf(key, sizeof key, "%08X", (unsigned)element->tag);
    if (snprintf(path, sizeof path, "%s%s", prefix, key) >= (int)sizeof path)
        return kh_error_set(err, KH_E_LIMIT, "(%04X,%04X): nested too deep for an address", KH_TAG_ARGS(element->tag));
    if (is_left_out(model, element, hidden ? KH_VR('U', 'N') : vr))
        return KH_OK;
    kh_json_key(&model->json, key);
    kh_json_object_begin(&model->json);
    if (hidden)
        status = write_hidden(&done, model, element, item->charset, path, err);
    if (status == KH_OK && !done)
        status = write_value(model, item, element, hidden ? KH_VR('U', 'N') : vr, path, err);
    kh_json_object_end(&model->json);
    return status;
}

/* --- items --- */

static int by_tag(const void *a, const void *b)
{
    const kh_element *first = *(const kh_element *const *)a, *second = *(const kh_element *const *)b;

    if (first->tag != second->tag)
        return first->tag < second->tag ? -1 : 1;
    return first < second ? -1 : first > second;
}

/* Elements that do not ascend in the file; of several with one tag the first. */
static kh_status write_unsorted(kh_json_model *model, const kh_item *item, const char *prefix, kh_error *err)
{
    size_t count = kh_item_element_count(item);
    const kh_element **order = malloc(count * sizeof *order);
    kh_status status = KH_OK;

    if (!order)
        return kh_error_set(err, KH_E_MEMORY, "no memory to sort %zu attributes", count);
    for (size_t i = 0; i < count; i++)
        order[i] = kh_item_element(item, i);
    qsort(order, count, sizeof *order, by_tag);
    for (size_t i = 0; status == KH_OK && i < count; i++)
        if (i == 0 || order[i]->tag != order[i - 1]->tag)
            status = write_element(model, item, order[i], prefix, err);
    free(order);
    return status;
}

static kh_status write_item(kh_json_model *model, const kh_item *item, const char *prefix, kh_error *err)
{
    kh_status status = KH_OK;

    kh_json_object_begin(&model->json);
    model->depth++;
    if (!item->sorted)
        status = write_unsorted(model, item, prefix, err);
    else
        for (size_t i = 0; status == KH_OK && i < kh_item_element_count(item); i++)
            status = write_element(model, item, kh_item_element(item, i), prefix, err);
    model->depth--;
    kh_json_object_end(&model->json);
    return status == KH_OK ? kh_json_writer_status(&model->json, err) : status;
}

kh_status kh_json_model_write(kh_buf *out, const kh_dataset *dataset, const kh_json_model_options *options, kh_error *err)
{
    kh_json_model model = {.options = options, .dataset = dataset};
    kh_status status;

    kh_json_writer_init(&model.json, out);
    kh_buf_init(&model.text, TEXT_BYTES_MAX);
    status = write_item(&model, kh_dataset_main(dataset), "", err);
    kh_buf_release(&model.text);
    return status;
}
