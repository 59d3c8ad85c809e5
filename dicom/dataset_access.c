/* dataset_access.c - reading from a parsed data set. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/dataset_internal.h"
#include "dicom/dictionary.h"

#define NUMBER_TEXT_MAX 64 /* a DS has 16 characters, an IS 12; some writers exceed them */

const kh_item *kh_dataset_main(const kh_dataset *dataset)
{
    return &dataset->main;
}

const kh_item *kh_dataset_meta(const kh_dataset *dataset)
{
    return &dataset->meta;
}

const char *kh_dataset_transfer_syntax(const kh_dataset *dataset)
{
    return dataset->transfer_syntax;
}

uint64_t kh_dataset_main_offset(const kh_dataset *dataset)
{
    return dataset->main_offset;
}

const char *kh_dataset_warnings(const kh_dataset *dataset)
{
    return kh_buf_text(&dataset->warnings);
}

const uint8_t *kh_dataset_inflated(const kh_dataset *dataset, size_t *size)
{
    *size = dataset->inflated_size;
    return dataset->inflated;
}

size_t kh_item_element_count(const kh_item *item)
{
    return item->element_count;
}

const kh_element *kh_item_element(const kh_item *item, size_t index)
{
    return &item->elements[index];
}

static const kh_element *find_sorted(const kh_item *item, kh_tag tag)
{
    size_t low = 0, high = item->element_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (item->elements[middle].tag == tag)
            return &item->elements[middle];
        if (item->elements[middle].tag < tag)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const kh_element *kh_item_find(const kh_item *item, kh_tag tag)
{
    if (item->sorted)
        return find_sorted(item, tag);
    for (size_t i = 0; i < item->element_count; i++) {
        if (item->elements[i].tag == tag)
            return &item->elements[i];
    }
    return NULL;
}

const kh_item *kh_element_item(const kh_element *element, uint32_t index)
{
    return &element->items[index];
}

const kh_item *kh_item_first(const kh_item *item, kh_tag tag)
{
    const kh_element *element = kh_item_find(item, tag);

    return element && element->item_count > 0 ? element->items : NULL;
}

/* UN of a standard attribute: what the dictionary says, little endian (PS3.5 6.2.2). */
static kh_vr effective_vr(const kh_element *element)
{
    return element->vr == KH_VR('U', 'N') ? kh_dictionary_vr(element->tag) : element->vr;
}

static bool is_bytes(kh_vr vr)
{
    return vr == KH_VR('S', 'Q') || vr == KH_VR('U', 'N') || vr >> 8 == 'O';
}

/* LT, ST, UR and UT hold one value, backslashes and all (PS3.5 6.2). */
static bool is_single_text(kh_vr vr)
{
    return vr == KH_VR('L', 'T') || vr == KH_VR('S', 'T') || vr == KH_VR('U', 'R') || vr == KH_VR('U', 'T');
}

static bool is_outer(uint8_t byte)
{
    return byte == ' ' || byte == '\0';
}

/* Value number index of a text element, trimmed. */
static bool text_value(const uint8_t **out, size_t *out_size, const kh_element *element, uint32_t index)
{
    const uint8_t *begin = element->value, *end, *stop;

    if (!begin)
        return false;
    stop = begin + element->length;
    for (;;) {
        end = is_single_text(effective_vr(element)) ? NULL : memchr(begin, '\\', (size_t)(stop - begin));
        if (index == 0)
            break;
        if (!end)
            return false;
        begin = end + 1;
        index--;
    }
    if (!end)
        end = stop;
    while (begin < end && is_outer(*begin))
        begin++;
    while (begin < end && is_outer(end[-1]))
        end--;
    *out = begin;
    *out_size = (size_t)(end - begin);
    return begin < end;
}

bool kh_item_string(const kh_item *item, kh_tag tag, uint32_t index, char *out, size_t out_size)
{
    const kh_element *element = kh_item_find(item, tag);
    const uint8_t *text;
    size_t size;

    out[0] = '\0';
    if (!element || kh_vr_number_bytes(element->vr) || element->vr == KH_VR('S', 'Q') ||
        !text_value(&text, &size, element, index) || size >= out_size)
        return false;
    if (memchr(text, '\0', size))
        return false;
    memcpy(out, text, size);
    out[size] = '\0';
    return true;
}

uint32_t kh_item_value_count(const kh_item *item, kh_tag tag)
{
    const kh_element *element = kh_item_find(item, tag);
    uint32_t count = 1;
    kh_vr vr;

    if (!element)
        return 0;
    if (element->item_count > 0)
        return element->item_count;
    vr = effective_vr(element);
    if (kh_vr_number_bytes(vr))
        return (uint32_t)(element->length / kh_vr_number_bytes(vr));
    if (element->length == 0)
        return 0;
    if (is_bytes(vr) || is_single_text(vr) || !element->value)
        return 1;
    for (uint64_t i = 0; i < element->length; i++)
        count += element->value[i] == '\\';
    return count;
}

/* Value number index of a text element as a C string of number characters. */
static bool number_text(char out[NUMBER_TEXT_MAX], const kh_element *element, uint32_t index)
{
    const uint8_t *text;
    size_t size;

    if (!text_value(&text, &size, element, index) || size >= NUMBER_TEXT_MAX)
        return false;
    memcpy(out, text, size);
    out[size] = '\0';
    return strspn(out, "0123456789+-.eE") == size; /* no "inf", "nan", "0x1" */
}

static bool binary_value(const uint8_t **out, const kh_element *element, size_t size, uint32_t index)
{
    if (!element->value || index >= element->length / size)
        return false;
    *out = element->value + (size_t)index * size;
    return true;
}

static double load_float(const uint8_t *bytes, size_t size, bool big_endian)
{
    uint32_t bits32;
    uint64_t bits64;
    float narrow;
    double wide;

    if (size == 4) {
        bits32 = kh_load_u32(bytes, big_endian);
        memcpy(&narrow, &bits32, sizeof(narrow));
        return (double)narrow;
    }
    bits64 = kh_load_u64(bytes, big_endian);
    memcpy(&wide, &bits64, sizeof(wide));
    return wide;
}

/* Integers of every binary VR; UV above INT64_MAX does not fit. */
static bool load_int(int64_t *out, const uint8_t *bytes, kh_vr vr, bool big_endian)
{
    uint64_t wide;

    switch (vr) {
    case KH_VR('U', 'S'):
        *out = kh_load_u16(bytes, big_endian);
        return true;
    case KH_VR('S', 'S'):
        *out = (int16_t)kh_load_u16(bytes, big_endian);
        return true;
    case KH_VR('U', 'L'):
        *out = kh_load_u32(bytes, big_endian);
        return true;
    case KH_VR('S', 'L'):
        *out = (int32_t)kh_load_u32(bytes, big_endian);
        return true;
    case KH_VR('A', 'T'): /* two 16-bit numbers, group first */
        *out = (int64_t)KH_TAG(kh_load_u16(bytes, big_endian), kh_load_u16(bytes + 2, big_endian));
        return true;
    case KH_VR('S', 'V'):
    case KH_VR('U', 'V'):
        wide = kh_load_u64(bytes, big_endian);
        *out = (int64_t)wide;
        return vr == KH_VR('S', 'V') || wide <= INT64_MAX;
    default:
        return false;
    }
}

bool kh_item_double(const kh_item *item, kh_tag tag, uint32_t index, double *out)
{
    const kh_element *element = kh_item_find(item, tag);
    kh_vr vr = element ? effective_vr(element) : 0;
    size_t size = kh_vr_number_bytes(vr);
    const uint8_t *bytes;
    char text[NUMBER_TEXT_MAX];
    char *end;
    int64_t whole;

    if (!element || is_bytes(vr))
        return false;
    if (size > 0) {
        if (!binary_value(&bytes, element, size, index))
            return false;
        if (vr == KH_VR('F', 'L') || vr == KH_VR('F', 'D')) {
            *out = load_float(bytes, size, item->big_endian);
            return isfinite(*out);
        }
        if (!load_int(&whole, bytes, vr, item->big_endian))
            return false;
        *out = (double)whole;
        return true;
    }
    if (!number_text(text, element, index))
        return false;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*out);
}

bool kh_item_int(const kh_item *item, kh_tag tag, uint32_t index, int64_t *out)
{
    const kh_element *element = kh_item_find(item, tag);
    kh_vr vr = element ? effective_vr(element) : 0;
    size_t size = kh_vr_number_bytes(vr);
    const uint8_t *bytes;
    double value;

    if (!element || is_bytes(vr))
        return false;
    if (size > 0 && vr != KH_VR('F', 'L') && vr != KH_VR('F', 'D'))
        return binary_value(&bytes, element, size, index) && load_int(out, bytes, vr, item->big_endian);
    /* IS has 12 characters at most, so a double is exact; "5.0" is met in IS. */
    if (!kh_item_double(item, tag, index, &value) || value != trunc(value) || fabs(value) > 9007199254740992.0)
        return false;
    *out = (int64_t)value;
    return true;
}
