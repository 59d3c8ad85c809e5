/* uid_set.h - a set of UIDs, for telling what is missing. Bounded when made. One thread at a time. */
#ifndef KH_PACS_BRIDGE_UID_SET_H
#define KH_PACS_BRIDGE_UID_SET_H

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"

typedef struct kh_uid_set {
    char **slots;    /* open addressing; each malloc'ed */
    size_t capacity; /* a power of two, 0 before the first */
    size_t count, count_max;
} kh_uid_set;

void kh_uid_set_init(kh_uid_set *set, size_t count_max);
void kh_uid_set_release(kh_uid_set *set);
/* Adding one that is there is fine. KH_E_LIMIT past count_max. */
KH_MUST_USE kh_status kh_uid_set_add(kh_uid_set *set, const char *uid, kh_error *err);
bool kh_uid_set_has(const kh_uid_set *set, const char *uid);

#endif
