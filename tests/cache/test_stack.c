/* Stacks as they are shared and kept, and the frames of their objects. */
#include "support.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cache/frames.h"
#include "cache/internal.h"
#include "cache/stack.h"
#include "dicom/writer.h"

/* Slice `number` of one series at z = -3 mm * number: the first to come lies highest. */
static int64_t add_slice(kh_cache *cache, int number)
{
    char uid[32];
    sample s = {.study_uid = "1.2", .series_uid = "1.2.1", .sop_uid = uid, .instance = number, .z_mm = -3.0 * number,
                .seed = (unsigned)number};
    kh_ingest_result result;

    snprintf(uid, sizeof uid, "1.2.1.%d", number);
    assert_ok(ingest_sample(cache, &s, &result, err));
    return result.series_id;
}

static void ordered_and_measured(void **state)
{
    fixture *f = *state;
    const kh_stack *stack;
    int64_t series_id = 0;

    for (int i = 1; i <= 5; i++)
        series_id = add_slice(f->cache, i);
    assert_ok(kh_stack_acquire(&stack, f->cache, series_id, err));
    assert_int_equal(stack->series_id, series_id);
    assert_int_equal(stack->order, KH_ORDER_POSITION);
    assert_int_equal(stack->slice_count, 5);
    assert_int_equal(stack->object_count, 5);
    assert_true(stack->even_spacing);
    assert_true(stack->spacing_mm > 2.999 && stack->spacing_mm < 3.001);
    for (uint32_t i = 0; i < 5; i++) {
        const kh_stack_object *object = &stack->objects[stack->slices[i].object_index];

        assert_int_equal(object->info.instance_number, i + 1); /* head to feet, as numbered */
        assert_ptr_equal(kh_stack_find_object(stack, object->object_id), object);
        assert_true(object->content_hash != 0);
    }
    assert_null(kh_stack_find_object(stack, 9999));
    assert_null(kh_stack_find_object(stack, 0));
    kh_stack_release(f->cache, stack);
    kh_stack_release(f->cache, NULL);
    assert_int_equal(kh_stack_acquire(&stack, f->cache, 9999, NULL), KH_E_NOT_FOUND);
    assert_null(stack);
}

static void shared_until_it_changes(kh_cache *writer, kh_cache *reader)
{
    const kh_stack *first, *second, *third, *fourth;
    int64_t series_id = add_slice(writer, 1), other;

    assert_ok(kh_stack_acquire(&first, reader, series_id, err));
    assert_ok(kh_stack_acquire(&second, reader, series_id, err));
    assert_ptr_equal(first, second);
    {
        const sample s = {.study_uid = "1.3", .series_uid = "1.3.1", .sop_uid = "1.3.1.1"};
        kh_ingest_result result;

        assert_ok(ingest_sample(writer, &s, &result, err)); /* an event of another series changes nothing */
        other = result.object_id;
    }
    assert_ok(kh_stack_acquire(&third, reader, series_id, err));
    assert_ptr_equal(first, third);
    add_slice(writer, 2);
    assert_ok(kh_stack_acquire_with(&fourth, reader, series_id, first->objects[0].object_id, err));
    assert_ptr_equal(fourth, first); /* enough for a picture */
    kh_stack_release(reader, fourth);
    assert_ok(kh_stack_acquire_with(&fourth, reader, series_id, other + 1, err));
    assert_int_equal(fourth->slice_count, 2);
    assert_true(fourth->revision > first->revision);
    assert_int_equal(first->slice_count, 1); /* whoever holds the old one keeps it */
    kh_stack_release(reader, first);
    kh_stack_release(reader, second);
    kh_stack_release(reader, third);
    kh_stack_release(reader, fourth);
}

static void owner_sees_changes(void **state)
{
    fixture *f = *state;

    shared_until_it_changes(f->cache, f->cache);
}

static void reader_with_the_page_sees_changes(void **state)
{
    fixture *f = *state;
    kh_cache *reader = cache_open_reader(&f->dir, kh_cache_page(f->cache));

    shared_until_it_changes(f->cache, reader);
    kh_cache_close(reader);
}

static void reader_without_the_page_sees_changes(void **state)
{
    fixture *f = *state;
    kh_cache *reader = cache_open_reader(&f->dir, NULL);

    shared_until_it_changes(f->cache, reader);
    kh_cache_close(reader);
}

/* While one thread adds slices, others look: whoever asks after an arrival sees it. */
static struct {
    kh_cache *cache;
    int64_t series_id;
    _Atomic uint32_t stored;
} growing;

static void *look(void *argument)
{
    uint32_t seen = 0;

    while (seen < 60) {
        uint32_t before = atomic_load(&growing.stored);
        const kh_stack *stack;
        kh_frame frame;

        if (kh_stack_acquire(&stack, growing.cache, growing.series_id, NULL) != KH_OK || stack->slice_count < before)
            return argument;
        seen = stack->slice_count;
        if (kh_frame_acquire(&frame, growing.cache, &stack->objects[seen / 2], 0, NULL, NULL) != KH_OK)
            return argument;
        kh_frame_release(growing.cache, &frame);
        kh_stack_release(growing.cache, stack);
    }
    return NULL;
}

static void looking_while_it_grows(void **state)
{
    fixture *f = *state;
    pthread_t threads[6];
    void *failed;

    growing.cache = f->cache;
    growing.series_id = add_slice(f->cache, 1);
    atomic_store(&growing.stored, 1);
    for (size_t i = 0; i < KH_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look, threads), 0);
    for (int i = 2; i <= 60; i++) {
        add_slice(f->cache, i);
        atomic_fetch_add(&growing.stored, 1);
    }
    for (size_t i = 0; i < KH_COUNT(threads); i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

/* Frames */

static const kh_stack *stack_of(kh_cache *cache, const sample *s)
{
    const kh_stack *stack;
    kh_ingest_result result;

    assert_ok(ingest_sample(cache, s, &result, err));
    assert_ok(kh_stack_acquire(&stack, cache, result.series_id, err));
    return stack;
}

static void native_samples(void **state)
{
    fixture *f = *state;
    const sample s = {.study_uid = "1.2", .series_uid = "1.2.1", .sop_uid = "1.2.1.1", .frames = 3, .rows = 7, .columns = 5};
    const kh_stack *stack = stack_of(f->cache, &s);
    kh_blobcache_stats stats;

    assert_int_equal(stack->slice_count, 3);
    for (int round = 0; round < 2; round++)
        for (uint32_t frame = 0; frame < 3; frame++) {
            kh_frame got;

            assert_ok(kh_frame_acquire(&got, f->cache, &stack->objects[0], frame, NULL, err));
            assert_int_equal(got.size, 7 * 5 * 2);
            assert_int_equal(got.format.rows, 7);
            for (int i = 0; i < 35; i++)
                assert_int_equal(got.pixels[2 * i] | got.pixels[2 * i + 1] << 8, sample_pixel(&s, (int)frame, i));
            kh_frame_release(f->cache, &got);
        }
    kh_frames_get_stats(f->cache, &stats);
    assert_int_equal(stats.misses, 3);
    assert_int_equal(stats.hits, 3);
    kh_stack_release(f->cache, stack);
}

/* 5 x 5 one-bit frames: the second begins in the middle of byte 3. */
static void one_bit_frames_begin_at_a_byte(void **state)
{
    fixture *f = *state;
    const sample s = {.study_uid = "1.2", .series_uid = "1.2.1", .sop_uid = "1.2.1.1", .frames = 9, .rows = 5, .columns = 5,
                      .bits_allocated = 1, .sop_class = "1.2.840.10008.5.1.4.1.1.66.4", .modality = "SEG"};
    const kh_stack *stack = stack_of(f->cache, &s);

    assert_string_equal(stack->objects[0].problem, "");
    for (uint32_t frame = 0; frame < 9; frame++) {
        kh_frame got;

        assert_ok(kh_frame_acquire(&got, f->cache, &stack->objects[0], frame, NULL, err));
        assert_int_equal(got.size, 4);
        for (int i = 0; i < 25; i++)
            assert_int_equal(got.pixels[i / 8] >> i % 8 & 1, sample_pixel(&s, (int)frame, i) & 1);
        kh_frame_release(f->cache, &got);
    }
    kh_stack_release(f->cache, stack);
}

static void missing_frames_say_so(void **state)
{
    fixture *f = *state;
    const sample s = {.study_uid = "1.2", .series_uid = "1.2.1", .sop_uid = "1.2.1.1", .frames = 3, .pixel_bytes_short = 2};
    const kh_stack *stack = stack_of(f->cache, &s);
    kh_error why = KH_ERROR_INIT;
    kh_frame got;

    assert_ok(kh_frame_acquire(&got, f->cache, &stack->objects[0], 1, NULL, err));
    kh_frame_release(f->cache, &got);
    assert_int_equal(kh_frame_acquire(&got, f->cache, &stack->objects[0], 2, NULL, &why), KH_E_FORMAT);
    assert_non_null(strstr(why.message, "frame 3 of 3"));
    assert_int_equal(kh_frame_acquire(&got, f->cache, &stack->objects[0], 3, NULL, NULL), KH_E_NOT_FOUND);
    kh_stack_release(f->cache, stack);
}

static void problem_is_told(void **state)
{
    fixture *f = *state;
    const sample s = {.study_uid = "1.2", .series_uid = "1.2.1", .sop_uid = "1.2.1.1", .skip = "rows"};
    const kh_stack *stack = stack_of(f->cache, &s);
    kh_error why = KH_ERROR_INIT;
    kh_frame got;

    assert_int_equal(stack->slice_count, 1);
    assert_int_equal(kh_frame_acquire(&got, f->cache, &stack->objects[0], 0, NULL, &why), KH_E_UNSUPPORTED);
    assert_non_null(strstr(why.message, "0028,0010"));
    kh_stack_release(f->cache, stack);
}

/* R10: no bit of the pixels may change unseen, and the rest of the file does not matter to a frame. */
static void changed_bytes_are_never_shown(void **state)
{
    fixture *f = *state;
    const sample s = {.study_uid = "1.2", .series_uid = "1.2.1", .sop_uid = "1.2.1.1", .rows = 8, .columns = 8};
    const kh_stack *stack = stack_of(f->cache, &s);
    const kh_stack_object *object = &stack->objects[0];
    uint64_t begin = object->frames.extents[0].offset;
    char path[PATH_MAX];
    int fd;

    assert_int_equal(object->frames.extents[0].length, 128);
    kh_path_object(path, &f->cache->paths, object->object_id, object->origin_id);
    fd = open(path, O_RDWR);
    for (uint64_t at = begin; at < begin + 128; at++) {
        uint8_t byte, other;
        kh_frame got;

        assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
        other = (uint8_t)(byte ^ (1u << at % 8));
        assert_int_equal(pwrite(fd, &other, 1, (off_t)at), 1);
        assert_int_equal(kh_frame_acquire(&got, f->cache, object, 0, NULL, NULL), KH_E_CORRUPT);
        assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    }
    assert_int_equal(ftruncate(fd, (off_t)begin + 127), 0);
    {
        kh_frame got;

        assert_int_equal(kh_frame_acquire(&got, f->cache, object, 0, NULL, NULL), KH_E_CORRUPT);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(kh_frame_acquire(&got, f->cache, object, 0, NULL, NULL), KH_E_CORRUPT);
    }
    close(fd);
    kh_stack_release(f->cache, stack);
}

static void compressed_without_a_decoder(void **state)
{
    fixture *f = *state;
    const char *data = data_dir();
    kh_ingest_result result;
    const kh_stack *stack;
    kh_frame got;
    char path[1024];

    if (!data)
        skip();
    snprintf(path, sizeof path, "%s/transfer-syntax/CTImage.dcm_JPEGProcess14SV1TransferSyntax_1.2.840.10008.1.2.4.70.dcm", data);
    if (access(path, R_OK) != 0)
        skip();
    assert_ok(kh_ingest_file(f->cache, path, &origin_north, &result, err));
    assert_ok(kh_stack_acquire(&stack, f->cache, result.series_id, err));
    assert_int_equal(kh_frame_acquire(&got, f->cache, &stack->objects[0], 0, NULL, NULL), KH_E_UNSUPPORTED);
    kh_stack_release(f->cache, stack);
}

/* One CT in four native syntaxes, of which one is deflated and one big endian: the same samples. */
static void native_syntaxes_give_the_same_samples(void **state)
{
    static const char *const names[] = {
        "CTImage.dcm_LittleEndianImplicitTransferSyntax_1.2.840.10008.1.2.dcm",
        "CTImage.dcm_LittleEndianExplicitTransferSyntax_1.2.840.10008.1.2.1.dcm",
        "CTImage.dcm_DeflatedExplicitVRLittleEndianTransferSyntax_1.2.840.10008.1.2.1.99.dcm",
        "CTImage.dcm_BigEndianExplicitTransferSyntax_1.2.840.10008.1.2.2.dcm",
    };
    const char *data = data_dir();
    uint8_t *first = NULL;
    size_t first_size = 0, found = 0;

    (void)state;
    if (!data)
        skip();
    for (size_t i = 0; i < KH_COUNT(names); i++) {
        kh_ingest_result result;
        const kh_stack *stack;
        kh_frame got;
        char path[1024];
        fixture *f;

        snprintf(path, sizeof path, "%s/transfer-syntax/%s", data, names[i]);
        if (access(path, R_OK) != 0)
            continue;
        found++;
        cache_set_up((void **)&f);
        assert_ok(kh_ingest_file(f->cache, path, &origin_north, &result, err));
        assert_ok(kh_stack_acquire(&stack, f->cache, result.series_id, err));
        assert_ok(kh_frame_acquire(&got, f->cache, &stack->objects[0], 0, NULL, err));
        if (!first) {
            first_size = got.size;
            first = malloc(got.size);
            memcpy(first, got.pixels, got.size);
        }
        assert_int_equal(got.size, first_size);
        assert_memory_equal(got.pixels, first, first_size);
        kh_frame_release(f->cache, &got);
        kh_stack_release(f->cache, stack);
        assert_clean(f->cache, 1);
        cache_tear_down((void **)&f);
    }
    print_message("%zu native syntaxes compared\n", found);
    free(first);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, cache_set_up, cache_tear_down)
    const struct CMUnitTest tests[] = {
        T(ordered_and_measured),
        T(owner_sees_changes),
        T(reader_with_the_page_sees_changes),
        T(reader_without_the_page_sees_changes),
        T(looking_while_it_grows),
        T(native_samples),
        T(one_bit_frames_begin_at_a_byte),
        T(missing_frames_say_so),
        T(problem_is_told),
        T(changed_bytes_are_never_shown),
        T(compressed_without_a_decoder),
        cmocka_unit_test(native_syntaxes_give_the_same_samples),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
