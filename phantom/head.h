/* head.h - the model of the MR patient's head. The origin lies between the thalami; millimetres, x left, y back, z up.
 * Threads: pure functions. */
#ifndef KH_PHANTOM_HEAD_H
#define KH_PHANTOM_HEAD_H

#include "phantom/shapes.h"

typedef enum ph_weighting { PH_T1, PH_T2 } ph_weighting;

/* The signal at a point, 0 to about 1, without noise. salt: another brain for every seed. */
float ph_head_signal(ph_vec at, ph_weighting weighting, uint32_t salt);

#endif
