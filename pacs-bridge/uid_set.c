#include "pacs-bridge/uid_set.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 64

void kh_uid_set_init(kh_uid_set *set, size_t count_max)
{
    *set = (kh_uid_set){.count_max = count_max};
}

void kh_uid_set_release(kh_uid_set *set)
{
    for (size_t i = 0; i < set->capacity; i++)
        free(set->slots[i]);
    free(set->slots);
    *set = (kh_uid_set){.count_max = set->count_max};
}

/* FNV-1a. A peer that chooses UIDs to collide makes its own pull slow, bounded by count_max. */
static size_t hash_of(const char *uid)
{
    uint64_t hash = 14695981039346656037u;

    for (; *uid; uid++)
        hash = (hash ^ (uint8_t)*uid) * 1099511628211u;
    return (size_t)(hash ^ hash >> 32);
}

/* The slot that holds uid, or the free one where it would go. There is always a free one. */
static size_t slot_of(char *const *slots, size_t capacity, const char *uid)
{
    size_t at = hash_of(uid) & (capacity - 1);

    while (slots[at] && strcmp(slots[at], uid) != 0)
        at = (at + 1) & (capacity - 1);
    return at;
}

static kh_status grow(kh_uid_set *set, kh_error *err)
{
    size_t capacity = set->capacity ? set->capacity * 2 : FIRST_CAPACITY;
    char **slots = calloc(capacity, sizeof(*slots));

    if (!slots)
        return kh_error_set(err, KH_E_MEMORY, "out of memory for %zu UIDs", capacity);
    for (size_t i = 0; i < set->capacity; i++)
        if (set->slots[i])
            slots[slot_of(slots, capacity, set->slots[i])] = set->slots[i];
    free(set->slots);
    set->slots = slots;
    set->capacity = capacity;
    return KH_OK;
}

kh_status kh_uid_set_add(kh_uid_set *set, const char *uid, kh_error *err)
{
    size_t at;

    if (set->count * 4 >= set->capacity * 3 && grow(set, err) != KH_OK)
        return KH_E_MEMORY;
    at = slot_of(set->slots, set->capacity, uid);
    if (set->slots[at])
        return KH_OK;
    if (set->count == set->count_max)
        return kh_error_set(err, KH_E_LIMIT, "more than %zu UIDs", set->count_max);
    set->slots[at] = strdup(uid);
    if (!set->slots[at])
        return kh_error_set(err, KH_E_MEMORY, "out of memory");
    set->count++;
    return KH_OK;
}

bool kh_uid_set_has(const kh_uid_set *set, const char *uid)
{
    return set->capacity > 0 && set->slots[slot_of(set->slots, set->capacity, uid)] != NULL;
}
