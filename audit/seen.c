#include "audit/seen.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"

#define WAYS 4u

typedef struct slot {
    _Atomic uint64_t key;      /* 0: none */
    _Atomic int64_t until_ms;  /* monotonic; 0 while the key changes */
} slot;

struct kh_audit_seen {
    uint8_t secret[crypto_shorthash_KEYBYTES];
    pthread_mutex_t adding; /* nothing is done under it but adding */
    slot slots[KH_AUDIT_SEEN_SLOTS];
};

kh_status kh_audit_seen_create(kh_audit_seen **out, kh_error *err)
{
    kh_audit_seen *seen;

    *out = NULL;
    if (sodium_init() < 0)
        return kh_error_set(err, KH_E_INTERNAL, "libsodium cannot be used here");
    seen = calloc(1, sizeof *seen);
    if (!seen)
        return kh_error_set(err, KH_E_MEMORY, "no memory for what was recorded lately");
    randombytes_buf(seen->secret, sizeof seen->secret);
    pthread_mutex_init(&seen->adding, NULL);
    *out = seen;
    return KH_OK;
}

void kh_audit_seen_free(kh_audit_seen *seen)
{
    if (!seen)
        return;
    pthread_mutex_destroy(&seen->adding);
    free(seen);
}

static void hash(uint8_t out[crypto_shorthash_BYTES], const kh_audit_seen *seen, const char *text)
{
    crypto_shorthash(out, (const unsigned char *)(text ? text : ""), text ? strlen(text) : 0, seen->secret);
}

uint64_t kh_audit_seen_key(const kh_audit_seen *seen, const char *who, unsigned kind, int64_t id, const char *text)
{
    uint8_t bytes[sizeof kind + sizeof id + 2 * (size_t)crypto_shorthash_BYTES], out[crypto_shorthash_BYTES];
    uint64_t key;

    memcpy(bytes, &kind, sizeof kind);
    memcpy(bytes + sizeof kind, &id, sizeof id);
    hash(bytes + sizeof kind + sizeof id, seen, who);
    hash(bytes + sizeof kind + sizeof id + crypto_shorthash_BYTES, seen, text);
    crypto_shorthash(out, bytes, sizeof bytes, seen->secret);
    memcpy(&key, out, sizeof key);
    return key ? key : 1;
}

static const slot *ways_of(const kh_audit_seen *seen, uint64_t key)
{
    return &seen->slots[key % (KH_AUDIT_SEEN_SLOTS / WAYS) * WAYS];
}

/* A time that was read belongs to the key read before it: while another key takes the place the time is 0, and a time of the other
 * is only read after the other key can be. */
bool kh_audit_seen_has(const kh_audit_seen *seen, uint64_t key)
{
    const slot *ways = ways_of(seen, key);

    for (unsigned i = 0; i < WAYS; i++) {
        if (atomic_load(&ways[i].key) != key)
            continue;
        return atomic_load(&ways[i].until_ms) > kh_clock_monotonic_ms() && atomic_load(&ways[i].key) == key;
    }
    return false;
}

void kh_audit_seen_add(kh_audit_seen *seen, uint64_t key, int64_t for_ms)
{
    slot *ways = &seen->slots[key % (KH_AUDIT_SEEN_SLOTS / WAYS) * WAYS], *to = ways;

    pthread_mutex_lock(&seen->adding);
    for (unsigned i = 0; i < WAYS; i++) {
        if (atomic_load(&ways[i].key) == key) {
            to = &ways[i];
            break;
        }
        if (atomic_load(&ways[i].until_ms) < atomic_load(&to->until_ms))
            to = &ways[i];
    }
    atomic_store(&to->until_ms, 0);
    atomic_store(&to->key, key);
    atomic_store(&to->until_ms, kh_clock_monotonic_ms() + for_ms);
    pthread_mutex_unlock(&seen->adding);
}
