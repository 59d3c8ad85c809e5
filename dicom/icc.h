/* icc.h - the ICC profile of colours that tell none: an input profile of sRGB (IEC 61966-2-1) in the three-component matrix form of
 * ICC.1:2001-04, as PS3.3 C.11.15.1.1 wants one. Threads: pure. */
#ifndef KH_DICOM_ICC_H
#define KH_DICOM_ICC_H

#include <stdint.h>

#define KH_ICC_SRGB_SIZE 1024

/* As large as the header says, zeros behind its last tag. */
void kh_icc_srgb(uint8_t out[KH_ICC_SRGB_SIZE]);

#endif
