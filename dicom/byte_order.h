/* byte_order.h - values of big endian data sets made little endian (PS3.5 7.3). Threads: pure functions. */
#ifndef KH_DICOM_BYTE_ORDER_H
#define KH_DICOM_BYTE_ORDER_H

#include <stddef.h>
#include <stdint.h>
#include "dicom/tag.h"

/* Bytes of what is swapped as one in a value of this VR: 1, 2, 4 or 8; 1 for text and OB. UN is little endian everywhere: 1. */
size_t kh_vr_swap_unit(kh_vr vr);
/* In place; what is left behind the last whole unit stays. */
void kh_swap_bytes(uint8_t *bytes, size_t size, size_t unit);

#endif
