/* What results and metadata take in memory, together. */
#include <stdlib.h>
#include "viewer/dicomweb/internal.h"

kh_status kh_dicomweb_count(kh_dicomweb *dicomweb, size_t size, kh_error *err)
{
    uint64_t most = dicomweb->options.memory_max;

    if (size <= most) {
        if (atomic_fetch_add(&dicomweb->held_bytes, size) + size <= most)
            return KH_OK;
        kh_dicomweb_uncount(dicomweb, size);
    }
    return kh_error_set(err, KH_E_BUSY, "the answers under way take all the memory that they may, try again");
}

void kh_dicomweb_uncount(kh_dicomweb *dicomweb, size_t size)
{
    atomic_fetch_sub(&dicomweb->held_bytes, size);
}

kh_dicomweb_held *kh_dicomweb_hold(kh_dicomweb *dicomweb, uint8_t *bytes, size_t size, size_t counted)
{
    kh_dicomweb_held *held = malloc(sizeof *held);

    if (held)
        *held = (kh_dicomweb_held){.dicomweb = dicomweb, .bytes = bytes, .size = size, .counted = counted};
    return held;
}

void kh_dicomweb_let_go(void *context)
{
    kh_dicomweb_held *held = context;

    kh_dicomweb_uncount(held->dicomweb, held->counted);
    free(held->bytes);
    free(held);
}
