#include "access/verdicts.h"

#include <stdatomic.h>
#include <stdlib.h>
#include "base/clock.h"

#define WAYS 4

/* All of it atomic. A reader takes each word with acquire, so that its second look at the sequence comes after them and sees the odd number
 * that the writer of any newer word put there before. */
typedef struct entry {
    _Atomic uint64_t sequence;
    _Atomic int64_t who, what;
    _Atomic uint64_t asked; /* asked_word(), with the answer above */
    _Atomic uint64_t epoch;
    _Atomic int64_t until_ms, kept_ms; /* wall clock; monotonic */
    _Atomic int64_t grant_id;
} entry;

#define ALLOWED_BIT ((uint64_t)1 << 40)
#define REASON_SHIFT 41
#define ASKED_MASK (ALLOWED_BIT - 1)

struct kh_verdicts {
    entry entries[KH_VERDICT_SETS][WAYS];
};

kh_status kh_verdicts_create(kh_verdicts **out, kh_error *err)
{
    *out = calloc(1, sizeof **out);
    return *out ? KH_OK : kh_error_set(err, KH_E_MEMORY, "no memory for %zu bytes of verdicts", sizeof **out);
}

void kh_verdicts_free(kh_verdicts *verdicts)
{
    free(verdicts);
}

static uint64_t asked_word(const kh_verdict_key *key)
{
    return (uint64_t)(key->verb & 0xffu) | (uint64_t)(key->kind & 0xffu) << 8 | (uint64_t)(key->role & 0xffu) << 16 |
           (uint64_t)(key->scopes & 0xffu) << 24;
}

static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static entry *set_of(kh_verdicts *verdicts, const kh_verdict_key *key, uint64_t asked)
{
    return verdicts->entries[mix(mix((uint64_t)key->who) ^ mix((uint64_t)key->what + asked)) % KH_VERDICT_SETS];
}

#define LOAD(field) atomic_load_explicit(&(field), memory_order_acquire)
#define STORE(field, value) atomic_store_explicit(&(field), (value), memory_order_release)

static bool read_entry(entry *e, const kh_verdict_key *key, uint64_t asked, uint64_t epoch, int64_t now_ms, kh_verdict *out)
{
    uint64_t sequence = LOAD(e->sequence), answer;
    int64_t kept_ms;

    if (sequence & 1 || LOAD(e->who) != key->who || LOAD(e->what) != key->what || LOAD(e->epoch) != epoch)
        return false;
    answer = LOAD(e->asked);
    kept_ms = LOAD(e->kept_ms);
    out->until_ms = LOAD(e->until_ms);
    out->grant_id = LOAD(e->grant_id);
    if (atomic_load_explicit(&e->sequence, memory_order_relaxed) != sequence || (answer & ASKED_MASK) != asked)
        return false;
    out->allowed = (answer & ALLOWED_BIT) != 0;
    out->reason = (kh_reason)(answer >> REASON_SHIFT);
    return kept_ms > now_ms;
}

bool kh_verdicts_get(kh_verdicts *verdicts, const kh_verdict_key *key, uint64_t epoch, kh_verdict *out)
{
    uint64_t asked = asked_word(key);
    int64_t now_ms = kh_clock_monotonic_ms();
    entry *set;

    if (key->who == 0 || key->what == 0)
        return false;
    set = set_of(verdicts, key, asked);
    for (int i = 0; i < WAYS; i++)
        if (read_entry(&set[i], key, asked, epoch, now_ms, out))
            return out->until_ms > kh_clock_wall_ms();
    return false;
}

/* The place of the same question, else the one that ends to count first. */
static entry *place_for(entry *set, const kh_verdict_key *key, uint64_t asked)
{
    entry *oldest = &set[0];

    for (int i = 0; i < WAYS; i++) {
        if (LOAD(set[i].who) == key->who && LOAD(set[i].what) == key->what && (LOAD(set[i].asked) & ASKED_MASK) == asked)
            return &set[i];
        if (LOAD(set[i].kept_ms) < LOAD(oldest->kept_ms))
            oldest = &set[i];
    }
    return oldest;
}

void kh_verdicts_put(kh_verdicts *verdicts, const kh_verdict_key *key, uint64_t epoch, const kh_verdict *verdict)
{
    uint64_t asked = asked_word(key), sequence;
    entry *e;

    if (key->who == 0 || key->what == 0)
        return;
    e = place_for(set_of(verdicts, key, asked), key, asked);
    sequence = LOAD(e->sequence);
    if (sequence & 1 || !atomic_compare_exchange_strong(&e->sequence, &sequence, sequence + 1))
        return;
    STORE(e->who, key->who);
    STORE(e->what, key->what);
    STORE(e->asked, asked | (verdict->allowed ? ALLOWED_BIT : 0) | (uint64_t)verdict->reason << REASON_SHIFT);
    STORE(e->epoch, epoch);
    STORE(e->until_ms, verdict->until_ms);
    STORE(e->kept_ms, kh_clock_monotonic_ms() + KH_VERDICT_KEPT_MS);
    STORE(e->grant_id, verdict->grant_id);
    STORE(e->sequence, sequence + 2);
}
