/* Small pictures: their sizes, and that those made of frames decoded smaller look like those made of whole ones. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>
#include "tests/cmocka_all.h"
#include "tests/codec/service.h"
#include "tests/tiles/samples.h"
#include "viewer/tiles/thumb.h"
#include "viewer/tiles/tiles.h"

#define MEAN_LEVELS 2.0

static void test_sizes(void **state)
{
    static const struct {
        uint32_t rows, columns, size_px, width, height;
    } cases[] = {
        {512, 512, 128, 128, 128},  {512, 512, 512, 512, 512},   {512, 512, 511, 511, 511}, {100, 50, 128, 50, 100},
        {2048, 2500, 128, 128, 105}, {2500, 2048, 128, 105, 128}, {1, 65535, 16, 16, 1},     {513, 257, 128, 64, 128},
        {65535, 65535, 512, 512, 512}, {1, 1, 16, 1, 1},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        uint32_t width, height;

        kh_thumb_size(&width, &height, cases[i].rows, cases[i].columns, cases[i].size_px);
        if (width != cases[i].width || height != cases[i].height)
            fail_msg("%u x %u to %u: %u x %u", cases[i].columns, cases[i].rows, cases[i].size_px, width, height);
    }
}

static void test_halvings(void **state)
{
    static const struct {
        const char *name;
        uint32_t rows, columns, size_px;
        uint8_t display;
        bool padding;
        kh_photometric photometric;
        unsigned halvings;
    } cases[] = {
        {"a quarter", 512, 512, 128, 0, false, KH_PHOTOMETRIC_MONOCHROME2, 2},
        {"a little less than a quarter", 512, 512, 129, 0, false, KH_PHOTOMETRIC_MONOCHROME2, 1},
        {"a little more than a quarter", 511, 511, 128, 0, false, KH_PHOTOMETRIC_MONOCHROME2, 1},
        {"half", 256, 200, 128, 0, false, KH_PHOTOMETRIC_MONOCHROME2, 1},
        {"no smaller", 128, 128, 128, 0, false, KH_PHOTOMETRIC_MONOCHROME2, 0},
        {"large", 2048, 2500, 128, 0, false, KH_PHOTOMETRIC_MONOCHROME1, 4},
        {"colour", 512, 512, 128, 0, false, KH_PHOTOMETRIC_RGB, 2},
        {"with a LUT", 512, 512, 128, KH_DISPLAY_MODALITY_LUT | KH_DISPLAY_VOI_LUT, false, KH_PHOTOMETRIC_MONOCHROME2, 2},
        {"with padding", 512, 512, 128, 0, true, KH_PHOTOMETRIC_MONOCHROME2, 0},
        {"with an overlay", 512, 512, 128, KH_DISPLAY_OVERLAY, false, KH_PHOTOMETRIC_MONOCHROME2, 0},
        {"with a shutter", 512, 512, 128, KH_DISPLAY_SHUTTER, false, KH_PHOTOMETRIC_MONOCHROME2, 0},
        {"nobody has looked", 512, 512, 128, KH_DISPLAY_ANY, false, KH_PHOTOMETRIC_MONOCHROME2, 0},
        {"palette", 512, 512, 128, 0, false, KH_PHOTOMETRIC_PALETTE, 0},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_image_info info = {.format = {.rows = cases[i].rows, .columns = cases[i].columns, .photometric = cases[i].photometric},
                              .display = cases[i].display, .has_padding = cases[i].padding};

        if (kh_thumb_halvings(&info, cases[i].size_px) != cases[i].halvings)
            fail_msg("%s: %u halvings", cases[i].name, kh_thumb_halvings(&info, cases[i].size_px));
    }
}

typedef struct fixture {
    test_service service;
    samples samples;
} fixture;

/* A finished picture, taken over from the tiles. */
typedef struct picture {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
    kh_tiles *tiles;
    kh_error error;
    char window[KH_TILE_WINDOW_SIZE];
    int width, height;
    uint8_t *rgb;
    kh_tiles_stats stats;
} picture;

static void on_done(void *context, const kh_tile *tile, const kh_error *error)
{
    picture *p = context;
    int sampling, space;

    pthread_mutex_lock(&p->lock);
    if (tile) {
        tjhandle decoder = tjInitDecompress();

        assert_int_equal(tjDecompressHeader3(decoder, tile->jpeg, tile->size, &p->width, &p->height, &sampling, &space), 0);
        p->rgb = malloc((size_t)p->width * (size_t)p->height * 3);
        assert_int_equal(tjDecompress2(decoder, tile->jpeg, tile->size, p->rgb, p->width, 0, p->height, TJPF_RGB, 0), 0);
        tjDestroy(decoder);
        strcpy(p->window, tile->window);
        kh_tiles_release(p->tiles, tile);
    } else {
        p->error = *error;
    }
    p->done = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

static void make(picture *p, fixture *f, const kh_tile_key *key)
{
    const kh_tiles_options options = {.thread_count = 1, .queue_max = 10, .cache_bytes_max = 1u << 20};
    const kh_tile_waiter waiter = {.done = on_done, .context = p};

    *p = (picture){.done = false};
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    assert_int_equal(kh_tiles_create(&p->tiles, f->samples.cache, f->service.codec, &options, NULL), KH_OK);
    assert_int_equal(kh_tiles_get(p->tiles, key, &waiter, NULL), KH_OK);
    pthread_mutex_lock(&p->lock);
    while (!p->done)
        pthread_cond_wait(&p->changed, &p->lock);
    pthread_mutex_unlock(&p->lock);
    kh_tiles_get_stats(p->tiles, &p->stats);
    kh_tiles_free(p->tiles);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
}

static double mean_difference(const picture *a, const picture *b)
{
    size_t count = (size_t)a->width * (size_t)a->height * 3;
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += a->rgb[i] - b->rgb[i];
    return sum / (double)count;
}

/* The whole frame brought into the cache first, and left there. */
static void decode_whole(fixture *f, const kh_ingest_result *object)
{
    const kh_stack *stack;
    kh_frame frame;
    kh_error err = KH_ERROR_INIT;

    assert_int_equal(kh_stack_acquire(&stack, f->samples.cache, object->series_id, &err), KH_OK);
    assert_int_equal(kh_frame_acquire(&frame, f->samples.cache, kh_stack_find_object(stack, object->object_id), 0, f->service.codec,
                                      &err),
                     KH_OK);
    assert_true(kh_frame_is_known(f->samples.cache, object->object_id, 0));
    kh_frame_release(f->samples.cache, &frame);
    kh_stack_release(f->samples.cache, stack);
}

static void test_real_files(void **state)
{
    static const struct {
        const char *name, *file;
        uint16_t size_px;
        bool given; /* a window with the request */
        unsigned reduced;
    } cases[] = {
        {"JPEG 2000 irreversible", "pydicom-data/MR2_J2KI.dcm", 128, false, 1},
        {"the same with another window", "pydicom-data/MR2_J2KI.dcm", 96, true, 1},
        {"HTJ2K in colour", "htj2k/US1_JPH", 128, true, 1},
        {"HTJ2K with padding", "htj2k/CT1_JPH", 128, true, 0},
        {"multi-frame JPEG 2000", "pydicom-data/emri_small_jpeg_2k_lossless.dcm", 16, true, 1},
        {"JPEG 2000 lossless", "fo-dicom/GH064.dcm", 64, true, 1},
        {"JPEG 2000 in colour", "pydicom/examples_jpeg2k.dcm", 64, false, 1},
        {"JPEG in colour", "transfer-syntax/TestPattern_JPEG-Baseline_YBR422.dcm", 128, false, 1},
        {"JPEG in grey", "multiframe/jpeg8bit.dcm", 100, true, 1},
        {"a window from the pixels", "multiframe/jpeg8bit.dcm", 90, false, 0},
        {"JPEG lossless", "pydicom-data/JPGLosslessP14SV1_1s_1f_8b.dcm", 128, false, 0},
        {"RLE", "pydicom/MR_small_RLE.dcm", 16, false, 0},
        {"uncompressed", "pydicom/CT_small.dcm", 16, false, 0},
    };
    fixture *f = *state;
    int tested = 0;

    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_ingest_result added;
        picture small, whole;
        kh_tile_key key;

        if (!samples_add_file(&f->samples, cases[i].file, &added))
            continue;
        key = (kh_tile_key){.series_id = added.series_id, .object_id = added.object_id, .quality = 95, .thumb_px = cases[i].size_px,
                            .window_given = cases[i].given, .window_center = 300, .window_width = 700};
        kh_frame_forget(f->samples.cache, added.object_id, 0);
        make(&small, f, &key);
        if (!small.rgb)
            fail_msg("%s: %s", cases[i].name, small.error.message);
        if (small.stats.reduced != cases[i].reduced)
            fail_msg("%s: %u made of a smaller frame, expected %u", cases[i].name, (unsigned)small.stats.reduced, cases[i].reduced);
        decode_whole(f, &added);
        make(&whole, f, &key);
        assert_int_equal(whole.stats.reduced, 0); /* the whole frame is here: nothing is decoded again */
        assert_int_equal(small.width, whole.width);
        assert_int_equal(small.height, whole.height);
        assert_string_equal(small.window, whole.window);
        if (mean_difference(&small, &whole) > MEAN_LEVELS || mean_difference(&small, &whole) < -MEAN_LEVELS)
            fail_msg("%s: %.2f levels apart", cases[i].name, mean_difference(&small, &whole));
        if (cases[i].reduced == 0)
            assert_memory_equal(small.rgb, whole.rgb, (size_t)small.width * (size_t)small.height * 3);
        free(small.rgb);
        free(whole.rgb);
        tested++;
    }
    if (tested == 0)
        skip();
}

/* A smaller frame in the cache is never taken for the whole one. */
static void test_keys_are_apart(void **state)
{
    fixture *f = *state;
    kh_error err = KH_ERROR_INIT;
    kh_ingest_result added;
    const kh_stack *stack;
    const kh_stack_object *object;
    kh_frame small, smaller, whole, again;

    if (!samples_add_file(&f->samples, "pydicom-data/MR2_J2KI.dcm", &added))
        skip();
    assert_int_equal(kh_stack_acquire(&stack, f->samples.cache, added.series_id, &err), KH_OK);
    object = kh_stack_find_object(stack, added.object_id);
    kh_frame_forget(f->samples.cache, added.object_id, 0);
    assert_int_equal(kh_frame_acquire_reduced(&small, f->samples.cache, object, 0, 2, f->service.codec, &err), KH_OK);
    assert_int_equal(kh_frame_acquire_reduced(&smaller, f->samples.cache, object, 0, 3, f->service.codec, &err), KH_OK);
    assert_false(kh_frame_is_known(f->samples.cache, added.object_id, 0));
    assert_int_equal(kh_frame_acquire(&whole, f->samples.cache, object, 0, f->service.codec, &err), KH_OK);
    assert_int_equal(kh_frame_acquire_reduced(&again, f->samples.cache, object, 0, 2, f->service.codec, &err), KH_OK);
    assert_int_equal(small.format.rows, (object->info.format.rows + 1) / 2);
    assert_int_equal(smaller.format.columns, (object->info.format.columns + 3) / 4);
    assert_int_equal(whole.format.rows, object->info.format.rows);
    assert_ptr_equal(again.pixels, whole.pixels);
    kh_frame_release(f->samples.cache, &small);
    kh_frame_release(f->samples.cache, &smaller);
    kh_frame_release(f->samples.cache, &whole);
    kh_frame_release(f->samples.cache, &again);
    kh_stack_release(f->samples.cache, stack);
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);

    test_service_start(&f->service, 2, 64u << 20, 20000); /* it forks: before there are threads */
    samples_open(&f->samples);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;

    samples_close(&f->samples);
    test_service_stop(&f->service);
    free(f);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_halvings),
        cmocka_unit_test(test_real_files),
        cmocka_unit_test(test_keys_are_apart),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
