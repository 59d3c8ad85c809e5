#include "dicom/byte_order.h"

size_t kh_vr_swap_unit(kh_vr vr)
{
    switch (vr) {
    case KH_VR('U', 'S'):
    case KH_VR('S', 'S'):
    case KH_VR('O', 'W'):
    case KH_VR('A', 'T'):
        return 2;
    case KH_VR('U', 'L'):
    case KH_VR('S', 'L'):
    case KH_VR('F', 'L'):
    case KH_VR('O', 'L'):
    case KH_VR('O', 'F'):
        return 4;
    case KH_VR('F', 'D'):
    case KH_VR('O', 'D'):
    case KH_VR('O', 'V'):
    case KH_VR('S', 'V'):
    case KH_VR('U', 'V'):
        return 8;
    default:
        return 1;
    }
}

void kh_swap_bytes(uint8_t *bytes, size_t size, size_t unit)
{
    for (size_t at = 0; at + unit <= size; at += unit)
        for (size_t i = 0; i < unit / 2; i++) {
            uint8_t byte = bytes[at + i];

            bytes[at + i] = bytes[at + unit - 1 - i];
            bytes[at + unit - 1 - i] = byte;
        }
}
