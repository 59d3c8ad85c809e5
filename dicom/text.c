/* text.c - text attributes as UTF-8. */
#include "dicom/text.h"

#include <string.h>
#include "dicom/dataset_internal.h"
#include "dicom/dictionary.h"

const char *kh_item_charset(const kh_item *item)
{
    return item->charset;
}

static bool is_text(kh_vr vr)
{
    switch (vr) {
    case KH_VR('A', 'T'):
    case KH_VR('F', 'D'):
    case KH_VR('F', 'L'):
    case KH_VR('S', 'L'):
    case KH_VR('S', 'Q'):
    case KH_VR('S', 'S'):
    case KH_VR('S', 'V'):
    case KH_VR('U', 'L'):
    case KH_VR('U', 'S'):
    case KH_VR('U', 'V'):
        return false;
    default:
        return vr >> 8 != 'O';
    }
}

static bool is_outer(char character)
{
    return character == ' ' || character == '\0';
}

/* text[0..size) trimmed, cut at a character when out is too small. Bytes behind an inner NUL do not show. */
static void copy_trimmed(char *out, size_t out_size, const char *text, size_t size)
{
    while (size > 0 && is_outer(text[0])) {
        text++;
        size--;
    }
    while (size > 0 && is_outer(text[size - 1]))
        size--;
    if (size >= out_size) {
        size = out_size - 1;
        while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
            size--;
    }
    if (size > 0)
        memcpy(out, text, size);
    out[size] = '\0';
}

/* Value number index between backslashes; decoded text has none that are part of a character. */
static void copy_value(char *out, size_t out_size, const char *text, size_t size, uint32_t index, bool single)
{
    const char *end;

    for (;;) {
        end = single || size == 0 ? NULL : memchr(text, '\\', size);
        if (index == 0)
            break;
        if (!end)
            return;
        size -= (size_t)(end + 1 - text);
        text = end + 1;
        index--;
    }
    copy_trimmed(out, out_size, text, end ? (size_t)(end - text) : size);
}

void kh_item_text(const kh_item *item, kh_tag tag, uint32_t index, char *out, size_t out_size)
{
    const kh_element *element = kh_item_find(item, tag);
    kh_vr vr;
    bool single;
    kh_buf text;

    out[0] = '\0';
    if (!element || !element->value)
        return;
    vr = element->vr == KH_VR('U', 'N') ? kh_dictionary_vr(tag) : element->vr;
    if (!is_text(vr))
        return;
    single = vr == KH_VR('L', 'T') || vr == KH_VR('S', 'T') || vr == KH_VR('U', 'R') || vr == KH_VR('U', 'T');
    kh_buf_init(&text, (size_t)element->length * 4 + 16);
    if (kh_text_to_utf8(&text, element->value, (size_t)element->length, item->charset, vr == KH_VR('P', 'N'), NULL) ==
        KH_OK)
        copy_value(out, out_size, kh_buf_text(&text), text.size, index, single);
    kh_buf_release(&text);
}
