/* The blob cache: LRU by bytes, pins, single flight, failures. */
#include "tests/cmocka_all.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/blobcache.h"
#include "base/clock.h"

static atomic_int loads;

typedef struct request {
    size_t size;
    kh_status status;
    int64_t sleep_ms;
} request;

static kh_status load(uint8_t **data, size_t *size, void *context, kh_error *err)
{
    const request *r = context;

    atomic_fetch_add(&loads, 1);
    kh_clock_sleep_ms(r->sleep_ms);
    if (r->status != KH_OK)
        return kh_error_set(err, r->status, "told to fail");
    *data = malloc(r->size);
    assert_non_null(*data);
    memset(*data, 'd', r->size);
    *size = r->size;
    return KH_OK;
}

static const kh_blob *get(kh_blobcache *cache, const char *key, size_t size)
{
    request r = {.size = size};
    const kh_blob *blob;

    assert_int_equal(kh_blobcache_acquire(&blob, cache, key, strlen(key), load, &r, NULL), KH_OK);
    assert_int_equal(blob->size, size);
    return blob;
}

static void touch(kh_blobcache *cache, const char *key, size_t size)
{
    kh_blobcache_release(cache, get(cache, key, size));
}

static bool is_here(kh_blobcache *cache, const char *key)
{
    const kh_blob *blob = kh_blobcache_peek(cache, key, strlen(key));

    kh_blobcache_release(cache, blob);
    return blob != NULL;
}

static void least_recently_used_goes_first(void **state)
{
    kh_blobcache *cache;
    kh_blobcache_stats stats;

    (void)state;
    assert_int_equal(kh_blobcache_create(&cache, 300000, NULL), KH_OK);
    touch(cache, "a", 99000);
    touch(cache, "b", 99000);
    touch(cache, "c", 99000);
    touch(cache, "a", 99000);
    touch(cache, "d", 99000);
    assert_true(is_here(cache, "a"));
    assert_false(is_here(cache, "b"));
    assert_true(is_here(cache, "c"));
    assert_true(is_here(cache, "d"));
    kh_blobcache_get_stats(cache, &stats);
    assert_int_equal(stats.evictions, 1);
    assert_int_equal(stats.count, 3);
    assert_true(stats.bytes <= 300000);
    assert_int_equal(stats.bytes_pinned, 0);
    kh_blobcache_clear(cache);
    kh_blobcache_get_stats(cache, &stats);
    assert_int_equal(stats.count + stats.bytes, 0);
    kh_blobcache_free(cache);
}

static void pinned_blobs_stay(void **state)
{
    kh_blobcache *cache;
    const kh_blob *pinned;
    kh_blobcache_stats stats;

    (void)state;
    assert_int_equal(kh_blobcache_create(&cache, 200000, NULL), KH_OK);
    pinned = get(cache, "pinned", 150000);
    touch(cache, "x", 150000);
    assert_int_equal(pinned->data[149999], 'd');
    assert_true(is_here(cache, "pinned"));
    assert_false(is_here(cache, "x"));
    kh_blobcache_clear(cache);
    assert_int_equal(pinned->data[0], 'd');
    assert_false(is_here(cache, "pinned"));
    kh_blobcache_release(cache, pinned);
    kh_blobcache_get_stats(cache, &stats);
    assert_int_equal(stats.bytes, 0);
    kh_blobcache_free(cache);
}

static void too_large_is_handed_out_not_kept(void **state)
{
    kh_blobcache *cache;
    const kh_blob *blob;

    (void)state;
    assert_int_equal(kh_blobcache_create(&cache, 1000, NULL), KH_OK);
    blob = get(cache, "big", 5000);
    kh_blobcache_release(cache, blob);
    assert_false(is_here(cache, "big"));
    kh_blobcache_free(cache);
}

static void failures_are_told_and_forgotten(void **state)
{
    kh_blobcache *cache;
    const kh_blob *blob;
    request failing = {.status = KH_E_CORRUPT};
    kh_error err = KH_ERROR_INIT;

    (void)state;
    assert_int_equal(kh_blobcache_create(&cache, 10000, NULL), KH_OK);
    assert_int_equal(kh_blobcache_acquire(&blob, cache, "k", 1, load, &failing, &err), KH_E_CORRUPT);
    assert_null(blob);
    assert_string_equal(err.message, "told to fail");
    touch(cache, "k", 10);
    assert_true(is_here(cache, "k"));
    kh_blobcache_free(cache);
}

static void keys_have_a_size(void **state)
{
    kh_blobcache *cache;
    const kh_blob *blob;
    request r = {.size = 1};
    char key[KH_BLOBCACHE_KEY_MAX + 1] = {0};

    (void)state;
    assert_int_equal(kh_blobcache_create(&cache, 10000, NULL), KH_OK);
    assert_int_equal(kh_blobcache_acquire(&blob, cache, key, 0, load, &r, NULL), KH_E_INTERNAL);
    assert_int_equal(kh_blobcache_acquire(&blob, cache, key, KH_BLOBCACHE_KEY_MAX + 1, load, &r, NULL), KH_E_INTERNAL);
    assert_int_equal(kh_blobcache_acquire(&blob, cache, key, KH_BLOBCACHE_KEY_MAX, load, &r, NULL), KH_OK);
    kh_blobcache_release(cache, blob);
    kh_blobcache_free(cache);
}

typedef struct asker {
    kh_blobcache *cache;
    pthread_t thread;
    kh_status status, expected;
} asker;

static void *ask(void *argument)
{
    asker *a = argument;
    request r = {.size = 100, .sleep_ms = 50, .status = a->expected};
    const kh_blob *blob;

    a->status = kh_blobcache_acquire(&blob, a->cache, "same", 4, load, &r, NULL);
    kh_blobcache_release(a->cache, blob);
    return NULL;
}

static void many_ask_one_loads(void **state)
{
    static const kh_status outcomes[] = {KH_OK, KH_E_FORMAT};

    (void)state;
    for (size_t o = 0; o < KH_COUNT(outcomes); o++) {
        asker askers[8];
        kh_blobcache *cache;

        assert_int_equal(kh_blobcache_create(&cache, 10000, NULL), KH_OK);
        atomic_store(&loads, 0);
        for (size_t i = 0; i < KH_COUNT(askers); i++) {
            askers[i] = (asker){.cache = cache, .expected = outcomes[o]};
            pthread_create(&askers[i].thread, NULL, ask, &askers[i]);
        }
        for (size_t i = 0; i < KH_COUNT(askers); i++) {
            pthread_join(askers[i].thread, NULL);
            assert_int_equal(askers[i].status, outcomes[o]);
        }
        if (outcomes[o] == KH_OK)
            assert_int_equal(atomic_load(&loads), 1);
        kh_blobcache_free(cache);
    }
}

static void *churn(void *argument)
{
    kh_blobcache *cache = argument;
    unsigned seed = 1;

    for (int i = 0; i < 3000; i++) {
        char key[8] = "k000";
        size_t number;

        seed = seed * 1103515245u + 12345u;
        number = seed >> 16 & 127;
        key[1] = (char)('0' + number / 100);
        key[2] = (char)('0' + number / 10 % 10);
        key[3] = (char)('0' + number % 10);
        if (i % 500 == 0)
            kh_blobcache_clear(cache);
        touch(cache, key, number * 10 + 1);
    }
    return NULL;
}

static void one_blob_is_forgotten(void **state)
{
    kh_blobcache *cache;
    const kh_blob *held;
    kh_blobcache_stats stats;

    (void)state;
    assert_int_equal(kh_blobcache_create(&cache, 200000, NULL), KH_OK);
    touch(cache, "a", 1000);
    touch(cache, "b", 1000);
    held = get(cache, "held", 1000);
    assert_true(kh_blobcache_knows(cache, "a", 1));
    assert_false(kh_blobcache_knows(cache, "c", 1));
    kh_blobcache_drop(cache, "a", 1);
    kh_blobcache_drop(cache, "c", 1);
    kh_blobcache_drop(cache, "held", 4);
    assert_false(kh_blobcache_knows(cache, "a", 1));
    assert_true(is_here(cache, "b"));
    assert_true(kh_blobcache_knows(cache, "held", 4));
    assert_int_equal(held->data[999], 'd');
    kh_blobcache_release(cache, held);
    kh_blobcache_drop(cache, "held", 4);
    kh_blobcache_get_stats(cache, &stats);
    assert_int_equal(stats.count, 1);
    assert_int_equal(stats.evictions, 0);
    kh_blobcache_free(cache);
}

static void churn_keeps_the_books(void **state)
{
    kh_blobcache *cache;
    kh_blobcache_stats stats;
    pthread_t threads[4];

    (void)state;
    assert_int_equal(kh_blobcache_create(&cache, 20000, NULL), KH_OK);
    for (size_t i = 0; i < KH_COUNT(threads); i++)
        pthread_create(&threads[i], NULL, churn, cache);
    for (size_t i = 0; i < KH_COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    kh_blobcache_get_stats(cache, &stats);
    assert_true(stats.bytes <= 20000);
    assert_int_equal(stats.bytes_pinned, 0);
    kh_blobcache_clear(cache);
    kh_blobcache_get_stats(cache, &stats);
    assert_int_equal(stats.bytes, 0);
    kh_blobcache_free(cache);
}

static void count_destroyed(void *companion)
{
    (*(int *)companion)++;
}

/* It counts as the blob's, there is one only, and it goes when the blob goes. */
static void a_companion_shares_the_blobs_fate(void **state)
{
    kh_blobcache *cache;
    kh_blobcache_stats before, after;
    const kh_blob *blob;
    int first = 0, second = 0;

    (void)state;
    assert_int_equal(kh_blobcache_create(&cache, 10000, NULL), KH_OK);
    blob = get(cache, "one", 1000);
    assert_null(kh_blob_companion(blob));
    kh_blobcache_get_stats(cache, &before);
    assert_true(kh_blobcache_attach(cache, blob, &first, 500, count_destroyed));
    assert_false(kh_blobcache_attach(cache, blob, &second, 500, count_destroyed));
    assert_ptr_equal(kh_blob_companion(blob), &first);
    kh_blobcache_get_stats(cache, &after);
    assert_int_equal(after.bytes, before.bytes + 500);
    assert_int_equal(after.bytes_pinned, before.bytes_pinned + 500);
    kh_blobcache_release(cache, blob);
    kh_blobcache_get_stats(cache, &after);
    assert_int_equal(after.bytes_pinned, 0);
    assert_int_equal(first, 0);
    for (int i = 0; i < 4; i++)
        touch(cache, (char[]){'k', (char)('0' + i), '\0'}, 2500); /* drives it out */
    assert_int_equal(first, 1);
    assert_int_equal(second, 0);
    /* one that makes its blob too large for the cache goes with it at the release, and the books stay right */
    blob = get(cache, "two", 1000);
    assert_true(kh_blobcache_attach(cache, blob, &second, 20000, count_destroyed));
    assert_int_equal(second, 0);
    kh_blobcache_release(cache, blob);
    assert_int_equal(second, 1);
    kh_blobcache_clear(cache);
    kh_blobcache_get_stats(cache, &after);
    assert_int_equal(after.bytes, 0);
    kh_blobcache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(least_recently_used_goes_first), cmocka_unit_test(pinned_blobs_stay),
        cmocka_unit_test(too_large_is_handed_out_not_kept), cmocka_unit_test(failures_are_told_and_forgotten),
        cmocka_unit_test(keys_have_a_size), cmocka_unit_test(many_ask_one_loads), cmocka_unit_test(churn_keeps_the_books),
        cmocka_unit_test(one_blob_is_forgotten),
        cmocka_unit_test(a_companion_shares_the_blobs_fate),
    };
    return cmocka_run_group_tests_name("base blobcache", tests, NULL, NULL);
}
