/* A tile drawn while its frame is decoded is the tile of the frame; of pixels that were taken back nothing is left. */
#include <string.h>
#include "tests/cmocka_all.h"
#include "tests/tiles/samples.h"
#include "viewer/tiles/coming.h"
#include "viewer/tiles/key.h"

#define LEAD "before"

typedef struct fixture {
    samples samples;
    const kh_stack *stack;
    const kh_stack_object *object;
    kh_frame frame;
    kh_renderer *renderer;
    kh_tile_key key;
    kh_render_view view;
    kh_buf expected, out;
    kh_coming coming;
} fixture;

static void open_fixture(fixture *f)
{
    const sample_image image = {.study = 1, .series = 1, .instance = 1, .rows = 300, .columns = 400, .value = 10};
    kh_error err = KH_ERROR_INIT;
    kh_render_source source;
    kh_ingest_result got;
    kh_shown_as as;

    memset(f, 0, sizeof *f);
    samples_open(&f->samples);
    got = samples_add(&f->samples, &image);
    assert_int_equal(kh_stack_acquire(&f->stack, f->samples.cache, got.series_id, &err), KH_OK);
    f->object = kh_stack_find_object(f->stack, got.object_id);
    assert_int_equal(kh_frame_acquire(&f->frame, f->samples.cache, f->object, 0, NULL, &err), KH_OK);
    f->key = (kh_tile_key){.series_id = got.series_id, .object_id = got.object_id, .level = 1, .quality = 80};
    assert_int_equal(kh_tile_view(&f->view, &f->key, 300, 400, &err), KH_OK);
    assert_int_equal(kh_renderer_create(&f->renderer, &err), KH_OK);
    kh_buf_init(&f->expected, 1u << 20);
    kh_buf_init(&f->out, 1u << 20);
    assert_int_equal(kh_buf_append(&f->expected, LEAD, strlen(LEAD), &err), KH_OK);
    assert_int_equal(kh_buf_append(&f->out, LEAD, strlen(LEAD), &err), KH_OK);
    assert_int_equal(kh_shown_as_acquire(&as, &source, f->samples.cache, &f->key, f->object, &f->frame, &err), KH_OK);
    assert_int_equal(kh_render_jpeg(f->renderer, &source, &f->view, &f->expected, NULL, &err), KH_OK);
    kh_shown_as_release(&as, f->samples.cache);
    f->coming = (kh_coming){.cache = f->samples.cache, .renderer = f->renderer, .key = &f->key, .object = f->object, .view = &f->view,
                            .out = &f->out};
}

static void close_fixture(fixture *f)
{
    kh_coming_release(&f->coming);
    kh_buf_release(&f->expected);
    kh_buf_release(&f->out);
    kh_renderer_free(f->renderer);
    kh_frame_release(f->samples.cache, &f->frame);
    kh_stack_release(f->samples.cache, f->stack);
    samples_close(&f->samples);
}

static void tell(fixture *f, const uint8_t *pixels, size_t finished)
{
    kh_coming_told(&f->coming, &f->frame.format, pixels, f->frame.size, finished);
}

static bool finish(fixture *f)
{
    kh_error err = KH_ERROR_INIT;
    kh_rendered used;
    bool done;

    assert_int_equal(kh_coming_finish(&f->coming, &f->frame, &done, &used, &err), KH_OK);
    return done;
}

static void expect_tile(const fixture *f)
{
    assert_int_equal(f->out.size, f->expected.size);
    assert_memory_equal(f->out.data, f->expected.data, f->expected.size);
}

static void expect_nothing(const fixture *f)
{
    assert_int_equal(f->out.size, strlen(LEAD));
    assert_memory_equal(f->out.data, LEAD, strlen(LEAD));
}

static void drawn_as_it_came(void **state)
{
    fixture f;

    (void)state;
    open_fixture(&f);
    for (size_t finished = 1; finished < f.frame.size; finished += 7001)
        tell(&f, f.frame.pixels, finished);
    assert_true(finish(&f));
    expect_tile(&f);
    close_fixture(&f);
}

static void whole_before_the_end(void **state)
{
    fixture f;

    (void)state;
    open_fixture(&f);
    tell(&f, f.frame.pixels, f.frame.size);
    expect_tile(&f);
    assert_true(finish(&f));
    expect_tile(&f);
    close_fixture(&f);
}

static void taken_back(void **state)
{
    static uint8_t wrong[400 * 300 * 2];
    fixture f;

    (void)state;
    open_fixture(&f);
    tell(&f, wrong, sizeof wrong / 2);
    tell(&f, wrong, 0);
    assert_false(finish(&f));
    expect_nothing(&f);
    tell(&f, wrong, sizeof wrong); /* encoded */
    tell(&f, wrong, 0);
    expect_nothing(&f);
    tell(&f, f.frame.pixels, f.frame.size / 3); /* made anew */
    assert_true(finish(&f));
    expect_tile(&f);
    close_fixture(&f);
}

/* Somebody else's decoding has given it after all. */
static void another_frame(void **state)
{
    static uint8_t wrong[400 * 300 * 2];
    fixture f;

    (void)state;
    open_fixture(&f);
    tell(&f, wrong, sizeof wrong);
    assert_false(finish(&f));
    expect_nothing(&f);
    close_fixture(&f);
}

static void never_told(void **state)
{
    fixture f;

    (void)state;
    open_fixture(&f);
    assert_false(finish(&f));
    expect_nothing(&f);
    f.view.out_width = 400; /* not scaled: it waits for the frame */
    f.view.out_height = 300;
    f.view.crop_width = 0;
    tell(&f, f.frame.pixels, f.frame.size);
    assert_false(finish(&f));
    expect_nothing(&f);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drawn_as_it_came), cmocka_unit_test(whole_before_the_end), cmocka_unit_test(taken_back),
        cmocka_unit_test(another_frame),    cmocka_unit_test(never_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
