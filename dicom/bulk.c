#include "dicom/bulk.h"

#include <stdlib.h>
#include <string.h>
#include "dicom/byte_order.h"
#include "dicom/dataset_internal.h"
#include "dicom/dictionary.h"

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

/* Eight upper hex digits. */
static bool take_tag(kh_tag *tag, const char **text)
{
    char digits[9];

    if (strspn(*text, "0123456789ABCDEF") != 8)
        return false;
    memcpy(digits, *text, 8);
    digits[8] = '\0';
    *tag = (kh_tag)strtoul(digits, NULL, 16);
    *text += 8;
    return true;
}

/* ".N." */
static bool take_number(uint32_t *number, const char **text)
{
    char *end;
    unsigned long value;

    if ((*text)[0] != '.' || (*text)[1] < '1' || (*text)[1] > '9')
        return false;
    value = strtoul(*text + 1, &end, 10);
    if (*end != '.' || end - *text > 11 || value > UINT32_MAX)
        return false;
    *number = (uint32_t)value;
    *text = end + 1;
    return true;
}

static void fill(kh_bulk *out, const kh_dataset *dataset, const kh_item *item, const kh_element *element)
{
    bool swapped = item->big_endian && element->vr != KH_VR('U', 'N');

    out->vr = kh_element_model_vr(dataset, element);
    out->encapsulated = element->undefined_length;
    out->swap_unit = swapped && !element->undefined_length ? kh_vr_swap_unit(out->vr) : 1;
    out->offset = element->offset;
    out->length = element->length;
    out->element = element;
}

kh_status kh_bulk_find(kh_bulk *out, const kh_dataset *dataset, const char *path, kh_error *err)
{
    const kh_item *item = &dataset->main;
    const char *rest = path;

    memset(out, 0, sizeof *out);
    for (;;) {
        const kh_element *element;
        uint32_t number;
        kh_tag tag;

        if (strlen(path) >= KH_BULK_PATH_SIZE || !take_tag(&tag, &rest))
            return kh_error_set(err, KH_E_ARG, "bulk data path: expected tags of 8 upper hex digits with item numbers between them");
        element = kh_item_find(item, tag);
        if (*rest == '\0') {
            if (!element || kh_element_model_vr(dataset, element) == KH_VR('S', 'Q'))
                return kh_error_set(err, KH_E_NOT_FOUND, "no bulk data at this path");
            fill(out, dataset, item, element);
            return KH_OK;
        }
        if (!take_number(&number, &rest))
            return kh_error_set(err, KH_E_ARG, "bulk data path: expected the number of an item behind (%04X,%04X)", KH_TAG_ARGS(tag));
        if (!element || number > element->item_count)
            return kh_error_set(err, KH_E_NOT_FOUND, "no bulk data at this path");
        item = kh_element_item(element, number - 1);
    }
}
