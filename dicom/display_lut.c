/* display_lut.c - descriptors and entries of tables; those of Modality and VOI LUTs. */
#include <stdlib.h>
#include <string.h>
#include "dicom/dictionary.h"
#include "dicom/display_internal.h"

#define DESCRIPTOR_TAG KH_TAG(0x0028, 0x3002)
#define DATA_TAG KH_TAG(0x0028, 0x3006)
#define TABLE_MAX 65536u

uint16_t kh_lut_word(const uint8_t *bytes, size_t index, bool big_endian)
{
    unsigned first = bytes[2 * index], second = bytes[2 * index + 1];

    return (uint16_t)(big_endian ? first << 8 | second : second << 8 | first);
}

kh_status kh_lut_fault(kh_error *err, kh_tag tag, const char *what)
{
    return kh_error_set(err, KH_E_FORMAT, "%s (%04X,%04X) %s", kh_dictionary_keyword(tag), KH_TAG_ARGS(tag), what);
}

kh_status kh_lut_descriptor_read(kh_lut_descriptor *out, const kh_item *item, kh_tag tag, bool is_signed, bool big_endian,
                                 kh_error *err)
{
    const kh_element *element = kh_item_find(item, tag);

    if (!element || !element->value || element->length < 6)
        return kh_lut_fault(err, tag, "absent or too short, expected 3 numbers");
    out->count = kh_lut_word(element->value, 0, big_endian);
    out->count = out->count ? out->count : TABLE_MAX;
    out->first = kh_lut_word(element->value, 1, big_endian);
    if (is_signed && out->first > INT16_MAX)
        out->first -= 65536;
    out->bits = kh_lut_word(element->value, 2, big_endian);
    if (out->bits < 1 || out->bits > 16)
        return kh_error_set(err, KH_E_FORMAT, "%s (%04X,%04X) entries of %u bits, expected 1 to 16", kh_dictionary_keyword(tag),
                            KH_TAG_ARGS(tag), (unsigned)out->bits);
    return KH_OK;
}

/* The byte at index of a value that may be a row of big-endian words. */
uint8_t kh_lut_byte(const kh_element *element, size_t index, bool big_endian)
{
    bool swapped = big_endian && element->vr != KH_VR('O', 'B') && (index ^ 1) < element->length;

    return element->value[swapped ? index ^ 1 : index];
}

kh_status kh_lut_data_read(uint16_t *values, const kh_lut_descriptor *descriptor, const kh_item *item, kh_tag tag,
                           bool big_endian, kh_error *err)
{
    const kh_element *element = kh_item_find(item, tag);
    size_t count = descriptor->count, length = element && element->value ? (size_t)element->length : 0;
    bool packed = descriptor->bits <= 8 && length < 2 * count;

    if (length < (packed ? count : 2 * count))
        return kh_error_set(err, KH_E_FORMAT, "%s (%04X,%04X) %zu bytes, expected %zu", kh_dictionary_keyword(tag),
                            KH_TAG_ARGS(tag), length, packed ? count : 2 * count);
    for (size_t i = 0; i < count; i++)
        values[i] = packed ? kh_lut_byte(element, i, big_endian) : kh_lut_word(element->value, i, big_endian);
    return KH_OK;
}

/* Writers that say fewer bits than they use mean those they use. */
static uint16_t bits_used(const uint16_t *values, size_t count, uint16_t bits)
{
    for (size_t i = 0; i < count; i++)
        while (bits < 16 && values[i] >> bits)
            bits++;
    return bits;
}

bool kh_lut_is_whole(const kh_item *item, bool big_endian)
{
    const kh_element *data = kh_item_find(item, DATA_TAG);
    kh_lut_descriptor descriptor;

    return data && kh_lut_descriptor_read(&descriptor, item, DESCRIPTOR_TAG, false, big_endian, NULL) == KH_OK &&
           data->length >= (descriptor.bits <= 8 ? descriptor.count : 2 * (uint64_t)descriptor.count);
}

kh_status kh_lookup_read(kh_lookup *out, uint16_t **values, const kh_item *item, bool is_signed, bool big_endian, kh_error *err)
{
    kh_lut_descriptor descriptor;
    uint16_t *entries;
    kh_status status = kh_lut_descriptor_read(&descriptor, item, DESCRIPTOR_TAG, is_signed, big_endian, err);

    *values = NULL;
    if (status != KH_OK)
        return status;
    entries = malloc(descriptor.count * sizeof entries[0]);
    if (!entries)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a table of %u entries", (unsigned)descriptor.count);
    status = kh_lut_data_read(entries, &descriptor, item, DATA_TAG, big_endian, err);
    if (status != KH_OK) {
        free(entries);
        return status;
    }
    *out = (kh_lookup){.first = descriptor.first,
                       .count = descriptor.count,
                       .bits = bits_used(entries, descriptor.count, descriptor.bits),
                       .values = entries};
    *values = entries;
    return KH_OK;
}

kh_status kh_draft_lookup(kh_lookup *out, size_t *at, kh_display_draft *draft, const kh_item *item, bool is_signed, kh_error *err)
{
    uint16_t *values;
    kh_lookup lookup;
    kh_status status = kh_lookup_read(&lookup, &values, item, is_signed, draft->big_endian, err);

    if (status == KH_OK)
        status = kh_draft_append(draft, values, lookup.count * sizeof values[0], at, err);
    if (status == KH_OK)
        *out = lookup;
    free(values);
    return status;
}

void kh_lookup_rise(const kh_lookup *lookup, double *center, double *width)
{
    uint32_t low = 0, high = lookup->count - 1;

    while (low < high && lookup->values[low + 1] == lookup->values[0])
        low++;
    while (high > low && lookup->values[high - 1] == lookup->values[lookup->count - 1])
        high--;
    *width = (double)(high - low) + 1.0;
    *center = (double)lookup->first + low + *width / 2.0;
}
