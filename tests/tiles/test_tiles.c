/* Tiles of a real cache: hand-made slices of known values, and files of scanners. */
#include <libdeflate.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "tests/cmocka_all.h"
#include "tests/tiles/samples.h"
#include "viewer/render/lossless.h"
#include "viewer/tiles/tiles.h"

typedef struct fixture {
    samples samples;
    kh_ingest_result flat, broken, large;
    kh_tiles *tiles;
} fixture;

typedef struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int done; /* under the lock */
    kh_tiles *tiles;
    kh_tile tile;
    bool has_tile;
    kh_error error;
    atomic_bool gone;
} waiter;

static void waiter_init(waiter *w, kh_tiles *tiles)
{
    *w = (waiter){.tiles = tiles};
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
}

static void on_done(void *context, const kh_tile *tile, const kh_error *error)
{
    waiter *w = context;

    pthread_mutex_lock(&w->lock);
    w->done++;
    if (tile) {
        w->tile = *tile;
        w->has_tile = true;
    } else {
        w->error = *error;
    }
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static bool is_gone(void *context)
{
    return atomic_load(&((waiter *)context)->gone);
}

static void wait_done(waiter *w)
{
    pthread_mutex_lock(&w->lock);
    while (w->done == 0)
        pthread_cond_wait(&w->changed, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

static void waiter_release(waiter *w)
{
    if (w->has_tile)
        kh_tiles_release(w->tiles, &w->tile);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
}

static kh_status ask(fixture *f, const kh_tile_key *key, waiter *w)
{
    kh_tile_waiter asker = {.done = on_done, .gone = is_gone, .context = w};
    kh_error err = KH_ERROR_INIT;

    waiter_init(w, f->tiles);
    return kh_tiles_get(f->tiles, key, &asker, &err);
}

static void open_tiles(fixture *f, unsigned threads, size_t queue, uint64_t bytes)
{
    kh_tiles_options options = {.thread_count = threads, .queue_max = queue, .cache_bytes_max = bytes};

    assert_int_equal(kh_tiles_create(&f->tiles, f->samples.cache, NULL, &options, NULL), KH_OK);
}

static int set_up_group(void **state)
{
    fixture *f = calloc(1, sizeof *f);

    samples_open(&f->samples);
    f->flat = samples_add(&f->samples, &(sample_image){.study = 1, .series = 1, .instance = 1, .rows = 512, .columns = 512, .value = 100});
    f->broken =
        samples_add(&f->samples, &(sample_image){.study = 1, .series = 2, .instance = 1, .rows = 64, .columns = 64, .broken = true});
    f->large =
        samples_add(&f->samples, &(sample_image){.study = 1, .series = 3, .instance = 1, .rows = 700, .columns = 1300, .value = -50});
    *state = f;
    return 0;
}

static int tear_down_group(void **state)
{
    fixture *f = *state;

    samples_close(&f->samples);
    free(f);
    return 0;
}

static int set_up(void **state)
{
    open_tiles(*state, 2, 100, 16u << 20);
    return 0;
}

static int tear_down(void **state)
{
    kh_tiles_free(((fixture *)*state)->tiles);
    return 0;
}

static kh_tile_key key_of(const kh_ingest_result *object)
{
    return (kh_tile_key){.series_id = object->series_id, .object_id = object->object_id, .quality = 90};
}

static void check_tile(fixture *f, const kh_tile_key *key, int width, int height, int middle)
{
    waiter w;
    int got_width, got_height, got_middle;

    assert_int_equal(ask(f, key, &w), KH_OK);
    wait_done(&w);
    if (!w.has_tile)
        fail_msg("%s", w.error.message);
    assert_true(sample_jpeg_read(w.tile.jpeg, w.tile.size, &got_width, &got_height, &got_middle));
    assert_int_equal(got_width, width);
    assert_int_equal(got_height, height);
    assert_in_range(got_middle, middle < 3 ? 0 : middle - 3, middle + 3);
    waiter_release(&w);
}

static void test_pixels_and_sizes(void **state)
{
    fixture *f = *state;
    kh_tile_key key = key_of(&f->flat);

    check_tile(f, &key, 512, 512, sample_linear_window(104, 40, 400)); /* column 256: 100 + 256 / 64 */
    key.level = 2;
    check_tile(f, &key, 128, 128, sample_linear_window(104, 40, 400));
    key.level = 0;
    key.window_given = true;
    key.window_center = 100;
    key.window_width = 50;
    check_tile(f, &key, 512, 512, sample_linear_window(104, 100, 50));
    key.invert = true;
    check_tile(f, &key, 512, 512, 255 - sample_linear_window(104, 100, 50));
    key = key_of(&f->large);
    key.column = 2;
    key.row = 1;
    check_tile(f, &key, 276, 188, sample_linear_window(-50 + (1024 + 138) / 64, 40, 400));
    key.level = 1;
    key.column = 1;
    key.row = 0;
    check_tile(f, &key, 138, 350, sample_linear_window(-50 + 2 * (512 + 69) / 64, 40, 400));
}

static void test_second_asker_gets_the_cached_tile(void **state)
{
    fixture *f = *state;
    kh_tile_key key = key_of(&f->flat);
    kh_tiles_stats stats;
    kh_tile tile;
    char etag[KH_TILE_ETAG_SIZE];

    assert_false(kh_tiles_peek(f->tiles, &key, &tile));
    check_tile(f, &key, 512, 512, sample_linear_window(104, 40, 400));
    assert_true(kh_tiles_peek(f->tiles, &key, &tile));
    assert_string_equal(tile.window, "40,400");
    assert_int_equal(strncmp(tile.lossy, "jpeg;q=", 7), 0);
    assert_non_null(strstr(tile.lossy, ";ratio="));
    assert_null(strstr(tile.lossy, "source"));
    assert_int_equal(kh_tiles_etag(f->tiles, &key, etag, NULL), KH_OK);
    assert_string_equal(tile.etag, etag);
    kh_tiles_release(f->tiles, &tile);
    check_tile(f, &key, 512, 512, sample_linear_window(104, 40, 400));
    kh_tiles_get_stats(f->tiles, &stats);
    assert_int_equal(stats.rendered, 1);
}

static void test_errors(void **state)
{
    fixture *f = *state;
    kh_tile_key good = key_of(&f->flat), broken = key_of(&f->broken);
    struct {
        const char *name;
        kh_tile_key key;
        kh_status status;
    } table[] = {{"no such series", good, KH_E_NOT_FOUND},       {"no such object", good, KH_E_NOT_FOUND},
                 {"object of another series", good, KH_E_NOT_FOUND}, {"no such frame", good, KH_E_NOT_FOUND},
                 {"no such level", good, KH_E_NOT_FOUND},        {"no such column", good, KH_E_NOT_FOUND},
                 {"no such row", good, KH_E_NOT_FOUND},          {"object with a problem", broken, KH_E_UNSUPPORTED}};

    table[0].key.series_id = 99999;
    table[1].key.object_id = 99999;
    table[2].key.series_id = f->large.series_id;
    table[3].key.frame = 1;
    table[4].key.level = 4;
    table[5].key.column = 1;
    table[6].key.row = 1;
    for (size_t i = 0; i < KH_COUNT(table); i++) {
        waiter w;
        char etag[KH_TILE_ETAG_SIZE];

        assert_int_equal(ask(f, &table[i].key, &w), KH_OK);
        wait_done(&w);
        if (w.has_tile || w.error.status != table[i].status || w.error.message[0] == '\0')
            fail_msg("%s: %d %s", table[i].name, (int)w.error.status, w.error.message);
        if (kh_tiles_etag(f->tiles, &table[i].key, etag, NULL) != table[i].status)
            fail_msg("%s: another status for the tag", table[i].name);
        waiter_release(&w);
    }
}

#define ASKERS 24

/* Two threads, many askers of few tiles at once: each tile is rendered once, everybody gets the same bytes. */
static void test_single_flight(void **state)
{
    fixture *f = *state;
    waiter waiters[ASKERS];
    kh_tiles_stats stats;

    for (int i = 0; i < ASKERS; i++) {
        kh_tile_key key = key_of(&f->large);

        key.column = (uint32_t)i % 3;
        assert_int_equal(ask(f, &key, &waiters[i]), KH_OK);
    }
    for (int i = 0; i < ASKERS; i++)
        wait_done(&waiters[i]);
    kh_tiles_get_stats(f->tiles, &stats);
    assert_int_equal(stats.rendered, 3);
    for (int i = 0; i < ASKERS; i++) {
        assert_true(waiters[i].has_tile);
        assert_int_equal(waiters[i].done, 1);
        assert_int_equal(waiters[i].tile.size, waiters[i % 3].tile.size);
        assert_memory_equal(waiters[i].tile.jpeg, waiters[i % 3].tile.jpeg, waiters[i].tile.size);
    }
    for (int i = 0; i < ASKERS; i++)
        waiter_release(&waiters[i]);
}

static void test_cache_that_keeps_nothing(void **state)
{
    fixture *f = *state;
    waiter waiters[4];
    kh_tile_key key = key_of(&f->flat);
    kh_tile tile;

    kh_tiles_free(f->tiles);
    open_tiles(f, 1, 100, 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(ask(f, &key, &waiters[i]), KH_OK);
    for (int i = 0; i < 4; i++) {
        wait_done(&waiters[i]);
        assert_true(waiters[i].has_tile);
    }
    for (int i = 0; i < 4; i++)
        waiter_release(&waiters[i]);
    assert_false(kh_tiles_peek(f->tiles, &key, &tile));
}

/* One thread and room for two: what does not fit is refused at once, what was taken is answered. */
static void test_busy(void **state)
{
    fixture *f = *state;
    waiter waiters[40];
    bool taken[40];
    int busy = 0;
    kh_tiles_stats stats;

    kh_tiles_free(f->tiles);
    open_tiles(f, 1, 2, 16u << 20);
    for (int i = 0; i < 40; i++) {
        kh_tile_key key = key_of(&f->flat);

        key.quality = i + 1;
        taken[i] = ask(f, &key, &waiters[i]) == KH_OK;
        busy += !taken[i];
    }
    assert_in_range(busy, 1, 38);
    for (int i = 0; i < 40; i++) {
        if (taken[i])
            wait_done(&waiters[i]);
        assert_int_equal(waiters[i].has_tile, taken[i]);
        waiter_release(&waiters[i]);
    }
    kh_tiles_get_stats(f->tiles, &stats);
    assert_int_equal(stats.refused_busy, busy);
}

static void test_unwanted_is_not_rendered(void **state)
{
    fixture *f = *state;
    waiter first, second;
    kh_tile_key key = key_of(&f->flat);
    kh_tile_waiter asker = {.done = on_done, .gone = is_gone, .context = &first};
    kh_tiles_stats stats;

    waiter_init(&first, f->tiles);
    atomic_store(&first.gone, true);
    assert_int_equal(kh_tiles_get(f->tiles, &key, &asker, NULL), KH_OK);
    wait_done(&first);
    assert_false(first.has_tile);
    assert_int_equal(first.error.status, KH_E_CANCELLED);
    kh_tiles_get_stats(f->tiles, &stats);
    assert_int_equal(stats.rendered, 0);
    assert_int_equal(stats.dropped, 1);
    assert_int_equal(ask(f, &key, &second), KH_OK);
    wait_done(&second);
    assert_true(second.has_tile);
    waiter_release(&first);
    waiter_release(&second);
}

static void release_at_once(void *context, const kh_tile *tile, const kh_error *error)
{
    waiter *w = context;

    (void)error;
    if (tile)
        kh_tiles_release(w->tiles, tile);
    pthread_mutex_lock(&w->lock);
    w->done++;
    pthread_mutex_unlock(&w->lock);
}

static void test_free_answers_what_waits(void **state)
{
    fixture *f = *state;
    waiter w;
    kh_tile_waiter asker = {.done = release_at_once, .context = &w};

    waiter_init(&w, f->tiles);
    for (int i = 0; i < 50; i++) {
        kh_tile_key key = key_of(&f->flat);

        key.quality = i + 1;
        assert_int_equal(kh_tiles_get(f->tiles, &key, &asker, NULL), KH_OK);
    }
    kh_tiles_free(f->tiles);
    assert_int_equal(w.done, 50);
    waiter_release(&w);
    open_tiles(f, 2, 100, 16u << 20);
}

static void test_scanner_files(void **state)
{
    static const char *const folders[] = {"ct-philips-phantom", "mr-hitachi-spine/DCMDT"};
    fixture *f = *state;
    int tested = 0;

    for (size_t i = 0; i < KH_COUNT(folders); i++) {
        kh_ingest_result last;
        waiter w;
        int width, height, middle;

        if (!samples_add_folder(&f->samples, folders[i], 3, &last))
            continue;
        kh_tile_key key = key_of(&last);
        assert_int_equal(ask(f, &key, &w), KH_OK);
        wait_done(&w);
        if (!w.has_tile)
            fail_msg("%s: %s", folders[i], w.error.message);
        assert_true(sample_jpeg_read(w.tile.jpeg, w.tile.size, &width, &height, &middle));
        assert_in_range(width, 128, 512);
        waiter_release(&w);
        tested++;
    }
    if (tested == 0)
        skip();
}

/* Tables come out of the file with the picture: colour has no window, a VOI LUT tells the range over which it rises. */
static void test_display_tables(void **state)
{
    static const struct {
        const char *file, *window;
    } cases[] = {
        {"transfer-syntax/TestPattern_Palette.dcm", "0,0"},
        {"pydicom-data/gdcm-US-ALOKA-16.dcm", "0,0"},
        {"pydicom-data/vlut_04.dcm", "128,256"}, /* entries 0 to 255 rise throughout */
        {"pydicom/examples_overlay.dcm", "450,790"},
    };
    fixture *f = *state;
    int tested = 0;

    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_ingest_result last;
        waiter w;
        int width, height, middle;

        if (!samples_add_file(&f->samples, cases[i].file, &last))
            continue;
        kh_tile_key key = key_of(&last);
        assert_int_equal(ask(f, &key, &w), KH_OK);
        wait_done(&w);
        if (!w.has_tile)
            fail_msg("%s: %s", cases[i].file, w.error.message);
        assert_string_equal(w.tile.window, cases[i].window);
        assert_true(sample_jpeg_read(w.tile.jpeg, w.tile.size, &width, &height, &middle));
        waiter_release(&w);
        tested++;
    }
    if (tested == 0)
        skip();
}

/* A slice and a tile of one frame are two things, each kept. */
static void test_lossless_slice(void **state)
{
    fixture *f = *state;
    kh_ingest_result image =
        samples_add(&f->samples, &(sample_image){.study = 1, .series = 1, .instance = 1, .rows = 300, .columns = 700, .value = 40});
    kh_tile_key tile = key_of(&image);
    kh_tile_key slice = {.series_id = tile.series_id, .object_id = tile.object_id, .quality = 80, .lossless = true};
    uint8_t *head = malloc(1 << 20);
    struct libdeflate_decompressor *inflate = libdeflate_alloc_decompressor();
    char tile_tag[KH_TILE_ETAG_SIZE], slice_tag[KH_TILE_ETAG_SIZE];
    size_t size;
    waiter w;

    assert_int_equal(kh_tiles_etag(f->tiles, &tile, tile_tag, NULL), KH_OK);
    assert_int_equal(kh_tiles_etag(f->tiles, &slice, slice_tag, NULL), KH_OK);
    assert_string_not_equal(tile_tag, slice_tag);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ask(f, &slice, &w), KH_OK);
        wait_done(&w);
        assert_true(w.has_tile);
        assert_true(w.tile.lossless);
        assert_string_equal(w.tile.etag, slice_tag);
        assert_string_equal(w.tile.window, "40,400");
        assert_int_equal(libdeflate_gzip_decompress(inflate, w.tile.jpeg, w.tile.size, head, 1 << 20, &size), LIBDEFLATE_SUCCESS);
        assert_int_equal(size, KH_LOSSLESS_HEADER + 300 * 700 * 2);
        waiter_release(&w);
    }
    slice.frame = 1;
    assert_int_equal(ask(f, &slice, &w), KH_OK);
    wait_done(&w);
    assert_int_equal(w.error.status, KH_E_NOT_FOUND);
    waiter_release(&w);
    free(head);
    libdeflate_free_decompressor(inflate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pixels_and_sizes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_second_asker_gets_the_cached_tile, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_errors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_display_tables, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lossless_slice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_single_flight, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cache_that_keeps_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_busy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unwanted_is_not_rendered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_free_answers_what_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_scanner_files, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
