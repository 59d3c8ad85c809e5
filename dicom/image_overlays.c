/* image_overlays.c - overlays in bits of the pixel words that the value does not use (PS3.3 C.9.2.1.1, retired but stored). */
#include "dicom/image_internal.h"

#define OVERLAY_GROUPS 16

/* The bit of an overlay group without data of its own; false when it cannot be one. */
bool kh_overlay_bit(int *out, const kh_item *main, unsigned group, const kh_pixel_format *format)
{
    const uint16_t number = (uint16_t)(0x6000 + 2 * group);
    int64_t bit = 0, allocated = 1;

    if (kh_item_find(main, KH_TAG(number, 0x3000)) || !kh_item_find(main, KH_TAG(number, 0x0010)))
        return false;
    (void)kh_item_int(main, KH_TAG(number, 0x0100), 0, &allocated);
    if (allocated != format->bits_allocated || format->is_float || format->samples != 1 || (allocated != 8 && allocated != 16) ||
        !kh_item_int(main, KH_TAG(number, 0x0102), 0, &bit) || bit < 0 || bit >= allocated)
        return false;
    if (bit > format->high_bit - format->bits_stored && bit <= format->high_bit)
        return false; /* a bit of the pixel value itself */
    *out = (int)bit;
    return true;
}

uint16_t kh_overlay_bits(const kh_item *main, const kh_pixel_format *format)
{
    uint16_t bits = 0;
    int bit;

    for (unsigned group = 0; group < OVERLAY_GROUPS; group++)
        if (kh_overlay_bit(&bit, main, group, format))
            bits = (uint16_t)(bits | 1u << bit);
    return bits;
}
