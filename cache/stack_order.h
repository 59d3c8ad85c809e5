/* stack_order.h - in which order the slices of a series are scrolled. A pure function.
 *
 * Slices that tell position and orientation are grouped by orientation (rows and columns each within 2.6 degrees: dot product
 * 0.999). The largest group is ordered along its normal, row x column (PS3.3 C.7.6.2.1.1): in the direction in which the
 * Instance Numbers mostly rise, so that "slice 45" of a report is near the 45th here, and a CT numbered from the head begins at
 * the head; ascending when they do not tell. Where several slices share a
 * position (phases, echoes, a dynamic run) the stack makes one pass through all positions after the other, so that scrolling moves
 * steadily: a pass is one (acquisition number, echo time) when these tell the slices of a position apart, else the first, second,
 * ... slice of each position. The rest follows, one group after the other, by instance number; slices without geometry last. */
#ifndef KH_CACHE_STACK_ORDER_H
#define KH_CACHE_STACK_ORDER_H

#include "cache/stack.h"

typedef struct kh_order_slice {
    /* In: */
    uint32_t object_index, frame;
    int64_t object_id;
    bool has_geometry;      /* both of the next are given */
    double position_mm[3], orientation[6];
    int32_t acquisition_number, instance_number; /* INT32_MIN when not told: those come last */
    double echo_time_ms;
    /* Out: */
    double location_mm;     /* along the normal, of slices of the ordered group; else 0 */
    uint32_t section;       /* 0: the ordered group */
    uint32_t pass, place;   /* of section 0: which pass, which position */
} kh_order_slice;

typedef struct kh_order_result {
    kh_stack_order order;
    bool even_spacing;
    double spacing_mm;
} kh_order_result;

/* Sort slices in place. KH_E_MEMORY. */
KH_MUST_USE kh_status kh_stack_sort(kh_order_slice *slices, size_t count, kh_order_result *out, kh_error *err);

#endif
