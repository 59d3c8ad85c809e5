/* A stack is valid for whoever came before the events that it has been compared with: each entry notes the newest event number
 * that stood in the page when its series' revision was last read, each caller the number at its arrival. With a page of its own
 * a reader sees no events, so it counts its callers instead, and every one of them compares. */
#include "cache/stack.h"

#include <stdlib.h>
#include <string.h>
#include "cache/internal.h"
#include "cache/stack_load.h"
#include "cache/use.h"

#define IDLE_BYTES_MAX ((size_t)64 << 20)
#define IDLE_COUNT_MAX 256

typedef struct entry {
    kh_stack stack; /* first: a kh_stack pointer is its entry's */
    int64_t series_id;
    uint64_t seq;   /* of the newest event it is known to be good for */
    uint64_t hide_epoch; /* nothing of it has been hidden up to then */
    size_t bytes;
    unsigned holders;
    bool loading, listed;
    kh_error failure;
    struct entry *next; /* most recently used first */
} entry;

struct kh_stack_cache {
    pthread_mutex_t lock; /* guards all below and every entry but a published stack; held for no query */
    pthread_cond_t loaded;
    entry *first;
    uint64_t callers;
};

kh_status kh_stack_cache_create(kh_stack_cache **out, kh_error *err)
{
    kh_stack_cache *stacks = calloc(1, sizeof *stacks);

    *out = NULL;
    if (!stacks)
        return kh_error_set(err, KH_E_MEMORY, "no memory for stacks");
    pthread_mutex_init(&stacks->lock, NULL);
    pthread_cond_init(&stacks->loaded, NULL);
    *out = stacks;
    return KH_OK;
}

static void entry_free(entry *e)
{
    kh_stack_clear(&e->stack);
    free(e);
}

void kh_stack_cache_free(kh_stack_cache *stacks)
{
    if (!stacks)
        return;
    while (stacks->first) {
        entry *e = stacks->first;

        stacks->first = e->next;
        entry_free(e);
    }
    pthread_cond_destroy(&stacks->loaded);
    pthread_mutex_destroy(&stacks->lock);
    free(stacks);
}

static void unlist_locked(kh_stack_cache *stacks, entry *e)
{
    entry **place = &stacks->first;

    if (!e->listed)
        return;
    while (*place != e)
        place = &(*place)->next;
    *place = e->next;
    e->listed = false;
}

static void list_first_locked(kh_stack_cache *stacks, entry *e)
{
    e->next = stacks->first;
    stacks->first = e;
    e->listed = true;
}

static entry *find_locked(kh_stack_cache *stacks, int64_t series_id)
{
    entry *e = stacks->first;

    while (e && e->series_id != series_id)
        e = e->next;
    return e;
}

static void drop_if_unused_locked(entry *e)
{
    if (e->holders == 0 && !e->listed)
        entry_free(e);
}

/* Keep the most recently used that nobody holds, up to the limits. */
static void evict_locked(kh_stack_cache *stacks)
{
    size_t bytes = 0, count = 0;

    for (entry *e = stacks->first, *next; e; e = next) {
        next = e->next;
        if (e->holders > 0)
            continue;
        bytes += e->bytes;
        count++;
        if (bytes > IDLE_BYTES_MAX || count > IDLE_COUNT_MAX) {
            unlist_locked(stacks, e);
            entry_free(e);
        }
    }
}

static void hold_locked(kh_stack_cache *stacks, entry *e)
{
    e->holders++;
    if (stacks->first != e && e->listed) {
        unlist_locked(stacks, e);
        list_first_locked(stacks, e);
    }
}

static void unhold_locked(kh_stack_cache *stacks, entry *e)
{
    e->holders--;
    drop_if_unused_locked(e);
    evict_locked(stacks);
}

/* Load anew into an entry that takes the place of `old` (may be NULL). The lock is given up meanwhile. On KH_OK *out is held. */
static kh_status load_locked(entry **out, kh_cache *cache, int64_t series_id, entry *old, uint64_t seq, kh_error *err)
{
    kh_stack_cache *stacks = cache->stacks;
    entry *e = calloc(1, sizeof *e);
    kh_status status;

    if (!e)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a stack");
    if (old) {
        unlist_locked(stacks, old);
        drop_if_unused_locked(old);
    }
    e->series_id = series_id;
    e->seq = seq;
    e->hide_epoch = atomic_load(&cache->page->hide_epoch);
    e->holders = 1;
    e->loading = true;
    list_first_locked(stacks, e);
    pthread_mutex_unlock(&stacks->lock);
    status = kh_stack_load(&e->stack, cache, series_id, &e->bytes, &e->failure);
    pthread_mutex_lock(&stacks->lock);
    e->loading = false;
    pthread_cond_broadcast(&stacks->loaded);
    if (status == KH_OK) {
        *out = e;
        evict_locked(stacks);
        return KH_OK;
    }
    kh_error_set(err, status, "%s", e->failure.message);
    e->failure.status = status;
    unlist_locked(stacks, e);
    unhold_locked(stacks, e);
    return status;
}

/* e is listed, loaded, but older than seq: is it still the newest? The lock is given up meanwhile; *fresh tells. */
static kh_status compare_locked(bool *fresh, kh_cache *cache, entry *e, uint64_t seq, kh_error *err)
{
    kh_stack_cache *stacks = cache->stacks;
    uint64_t epoch = atomic_load(&cache->page->hide_epoch);
    int64_t revision = 0;
    kh_status status;

    e->holders++;
    pthread_mutex_unlock(&stacks->lock);
    status = kh_stack_revision(cache, e->series_id, &revision, err);
    pthread_mutex_lock(&stacks->lock);
    *fresh = status == KH_OK && revision == e->stack.revision;
    if (*fresh && e->seq < seq)
        e->seq = seq;
    if (*fresh)
        e->hide_epoch = epoch;
    unhold_locked(stacks, e); /* it stays while it is listed; find it again */
    return status;
}

static kh_status acquire_locked(entry **out, kh_cache *cache, int64_t series_id, uint64_t seq, kh_error *err)
{
    kh_stack_cache *stacks = cache->stacks;

    for (;;) {
        entry *e = find_locked(stacks, series_id);
        bool fresh;
        kh_status status;

        if (!e)
            return load_locked(out, cache, series_id, NULL, seq, err);
        if (e->loading) {
            hold_locked(stacks, e);
            while (e->loading)
                pthread_cond_wait(&stacks->loaded, &stacks->lock);
            unhold_locked(stacks, e);
            continue;
        }
        if (e->seq >= seq) {
            hold_locked(stacks, e);
            *out = e;
            return KH_OK;
        }
        status = compare_locked(&fresh, cache, e, seq, err);
        if (status != KH_OK)
            return status;
        e = find_locked(stacks, series_id);
        if (!fresh && e && !e->loading && e->seq < seq)
            return load_locked(out, cache, series_id, e, seq, err);
    }
}

/* The newest event number this caller may know of. */
static uint64_t now_locked(kh_cache *cache)
{
    if (cache->page_owned && !cache->committer)
        return ++cache->stacks->callers;
    return atomic_load(&cache->page->event_seq);
}

kh_status kh_stack_acquire(const kh_stack **out, kh_cache *cache, int64_t series_id, kh_error *err)
{
    entry *e = NULL;
    kh_status status;

    *out = NULL;
    kh_use_note(cache, series_id);
    pthread_mutex_lock(&cache->stacks->lock);
    status = acquire_locked(&e, cache, series_id, now_locked(cache), err);
    pthread_mutex_unlock(&cache->stacks->lock);
    if (status == KH_OK)
        *out = &e->stack;
    return status;
}

kh_status kh_stack_acquire_with(const kh_stack **out, kh_cache *cache, int64_t series_id, int64_t object_id, kh_error *err)
{
    kh_stack_cache *stacks = cache->stacks;
    entry *e;

    *out = NULL;
    kh_use_note(cache, series_id);
    pthread_mutex_lock(&stacks->lock);
    e = find_locked(stacks, series_id);
    if (e && !e->loading && e->hide_epoch == atomic_load(&cache->page->hide_epoch) && kh_stack_find_object(&e->stack, object_id)) {
        hold_locked(stacks, e);
        *out = &e->stack;
    }
    pthread_mutex_unlock(&stacks->lock);
    return *out ? KH_OK : kh_stack_acquire(out, cache, series_id, err);
}

void kh_stack_release(kh_cache *cache, const kh_stack *stack)
{
    if (!stack)
        return;
    pthread_mutex_lock(&cache->stacks->lock);
    unhold_locked(cache->stacks, (entry *)(uintptr_t)stack);
    pthread_mutex_unlock(&cache->stacks->lock);
}

const kh_stack_object *kh_stack_find_object(const kh_stack *stack, int64_t object_id)
{
    uint32_t low = 0, high = stack->object_count; /* objects stand in order of id */

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (stack->objects[middle].object_id < object_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < stack->object_count && stack->objects[low].object_id == object_id ? &stack->objects[low] : NULL;
}
