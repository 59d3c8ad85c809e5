#include <stdlib.h>
#include <string.h>
#include "viewer/dicomweb/assembly_internal.h"
#include "viewer/dicomweb/location.h"

void kh_values_release(kh_values *values)
{
    free(values->values);
    free(values->pieces);
    free(values->slots);
    memset(values, 0, sizeof *values);
}

static kh_status key_of(uint8_t key[KH_SHA256_SIZE], const char *base, const char *uri, kh_error *err)
{
    char absolute[KH_LOCATION_SIZE];
    kh_status status = kh_location_resolve(absolute, base, uri, err);

    return status == KH_OK ? kh_sha256_of(key, absolute, strlen(absolute), err) : status;
}

/* The slot that holds the key, or would. */
static uint32_t *slot_of(const kh_values *values, const uint8_t key[KH_SHA256_SIZE])
{
    size_t at;

    memcpy(&at, key, sizeof at);
    for (at &= values->slot_count - 1; values->slots[at] != 0; at = (at + 1) & (values->slot_count - 1))
        if (memcmp(values->values[values->slots[at] - 1].key, key, KH_SHA256_SIZE) == 0)
            break;
    return &values->slots[at];
}

kh_status kh_values_find(kh_value **out, const kh_values *values, const char *base, const char *uri, kh_error *err)
{
    uint8_t key[KH_SHA256_SIZE];
    kh_status status = key_of(key, base, uri, err);
    const uint32_t *slot = status == KH_OK && values->slot_count > 0 ? slot_of(values, key) : NULL;

    *out = slot && *slot ? &values->values[*slot - 1] : NULL;
    return status;
}

/* At most half of the slots are taken. */
static kh_status make_room(kh_values *values, kh_error *err)
{
    size_t capacity = values->value_capacity ? 2 * values->value_capacity : 64;
    kh_value *moved;
    uint32_t *slots;

    if (values->value_count < values->value_capacity)
        return KH_OK;
    moved = realloc(values->values, capacity * sizeof *moved);
    if (moved)
        values->values = moved;
    slots = moved ? calloc(2 * capacity, sizeof *slots) : NULL;
    if (!slots)
        return kh_error_set(err, KH_E_MEMORY, "no memory for %zu values", capacity);
    free(values->slots);
    values->slots = slots;
    values->slot_count = 2 * capacity;
    values->value_capacity = capacity;
    for (size_t i = 0; i < values->value_count; i++)
        *slot_of(values, values->values[i].key) = (uint32_t)i + 1;
    return KH_OK;
}

kh_status kh_values_add(kh_values *values, size_t max, const char *base, const char *uri, kh_error *err)
{
    uint8_t key[KH_SHA256_SIZE];
    uint32_t *slot;
    kh_status status = key_of(key, base, uri, err);

    if (status == KH_OK)
        status = make_room(values, err);
    if (status != KH_OK)
        return status;
    slot = slot_of(values, key);
    if (*slot)
        return KH_OK;
    if (values->value_count == max)
        return kh_error_set(err, KH_E_LIMIT, "more than %zu values with a BulkDataURI", max);
    values->values[values->value_count] = (kh_value){.status = KH_OK, .first = KH_NO_PIECE, .last = KH_NO_PIECE};
    memcpy(values->values[values->value_count].key, key, sizeof key);
    *slot = (uint32_t)++values->value_count;
    return KH_OK;
}

kh_status kh_values_add_piece(kh_values *values, kh_value *value, uint64_t offset, uint64_t size, kh_error *err)
{
    uint32_t number = (uint32_t)values->piece_count;

    if (values->piece_count == values->piece_capacity) {
        size_t capacity = values->piece_capacity ? 2 * values->piece_capacity : 64;
        kh_value_piece *moved = realloc(values->pieces, capacity * sizeof *moved);

        if (!moved)
            return kh_error_set(err, KH_E_MEMORY, "no memory for %zu parts", capacity);
        values->pieces = moved;
        values->piece_capacity = capacity;
    }
    values->pieces[values->piece_count++] = (kh_value_piece){offset, size, KH_NO_PIECE};
    if (value->count++ == 0)
        value->first = number;
    else
        values->pieces[value->last].next = number;
    value->last = number;
    value->size += size;
    return KH_OK;
}
