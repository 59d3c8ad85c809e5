/* Every real file: stored and clean, or refused with a word about the attribute; nothing is left half-way. */
#include "support.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cache/frames.h"
#include "cache/stack.h"
#include "store/digest.h"

static struct {
    kh_cache *cache;
    int64_t stored, refused, again, conflicts;
} run;

static int take_file(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    kh_ingest_result result;
    kh_error err = KH_ERROR_INIT;
    kh_status status;

    (void)st;
    (void)walk;
    if (type != FTW_F)
        return 0;
    status = kh_ingest_file(run.cache, path, &origin_north, &result, &err);
    if (status == KH_OK) {
        run.stored += !result.duplicate && !result.conflict;
        run.again += result.duplicate;
        run.conflicts += result.conflict;
        assert_true(result.object_id > 0 && result.series_id > 0 && result.study_id > 0);
        return 0;
    }
    run.refused++;
    if (status != KH_E_FORMAT && status != KH_E_UNSUPPORTED && status != KH_E_LIMIT)
        fail_msg("%s: %s: %s", path, kh_status_text(status), err.message);
    if (strlen(err.message) < 10)
        fail_msg("%s is refused without a reason: %s", path, err.message);
    return 0;
}

static kh_status load_series(void *context, const kh_series *series)
{
    int64_t *ids = context;

    assert_true(ids[0] < 1000);
    ids[++ids[0]] = series->id;
    return KH_OK;
}

static kh_status list_study(void *context, const kh_study *study)
{
    int64_t *ids = context;

    ids[++ids[0]] = study->id;
    return KH_OK;
}

/* Every stack loads, and its native frames are there or say why not. */
static void read_all(kh_cache *cache)
{
    const kh_study_filter all = {.limit = 1000};
    static int64_t studies[1001], series[1001];
    int64_t total, frames = 0, natives = 0;

    studies[0] = series[0] = 0;
    assert_ok(kh_browse_studies(cache, &all, list_study, studies, &total, err));
    assert_int_equal(total, studies[0]);
    for (int64_t i = 1; i <= studies[0]; i++)
        assert_ok(kh_browse_series_of(cache, studies[i], load_series, series, err));
    for (int64_t i = 1; i <= series[0]; i++) {
        const kh_stack *stack;

        assert_ok(kh_stack_acquire(&stack, cache, series[i], err));
        for (uint32_t s = 0; s < stack->slice_count; s++) {
            const kh_stack_object *object = &stack->objects[stack->slices[s].object_index];
            kh_error err = KH_ERROR_INIT;
            kh_frame frame;
            kh_status status = kh_frame_acquire(&frame, cache, object, stack->slices[s].frame, NULL, &err);

            frames++;
            natives += status == KH_OK;
            if (status == KH_OK)
                kh_frame_release(cache, &frame);
            else if (status != KH_E_UNSUPPORTED && status != KH_E_FORMAT)
                fail_msg("object %lld: %s", (long long)object->object_id, err.message);
        }
        kh_stack_release(cache, stack);
    }
    print_message("%lld studies, %lld series, %lld frames, %lld native\n", (long long)studies[0], (long long)series[0],
                  (long long)frames, (long long)natives);
}

static void every_real_file(void **state)
{
    const char *data = data_dir();
    temp_dir dir;

    (void)state;
    if (!data)
        skip();
    temp_dir_make(&dir);
    run.cache = cache_open(&dir);
    assert_int_equal(nftw(data, take_file, 16, FTW_PHYS), 0);
    print_message("stored %lld, the same again %lld, other bytes %lld, refused %lld\n", (long long)run.stored,
                  (long long)run.again, (long long)run.conflicts, (long long)run.refused);
    assert_true(run.stored > 100);
    assert_int_equal(temp_dir_count(&dir, "incoming"), 0);
    assert_clean(run.cache, run.stored);
    read_all(run.cache);
    kh_cache_close(run.cache);
    temp_dir_remove(&dir);
}

/* expected.tsv: the samples of frame 0 as other decoders give them, hashed in the form its README describes: bits stored alone,
 * sign-extended, colour by pixel, one byte for a one-bit sample. */

static uint64_t sample_at(const kh_frame *frame, size_t plane_size, size_t i)
{
    const kh_pixel_format *f = &frame->format;
    size_t at = f->planar ? i % f->samples * plane_size + i / f->samples : i, bytes = f->bits_allocated / 8u;
    uint64_t value = 0;

    if (f->bits_allocated == 1)
        return frame->pixels[at / 8] >> at % 8 & 1;
    for (size_t k = 0; k < bytes; k++)
        value |= (uint64_t)frame->pixels[at * bytes + k] << 8 * k;
    if (f->is_float || f->bits_stored >= 64)
        return value;
    value = value >> (f->high_bit + 1 - f->bits_stored) & ((1ull << f->bits_stored) - 1);
    if (f->is_signed && value >> (f->bits_stored - 1))
        value |= ~0ull << f->bits_stored;
    return value;
}

static void sum_samples(const kh_frame *frame, char out[65])
{
    const kh_pixel_format *f = &frame->format;
    size_t plane = (size_t)f->rows * f->columns, count = plane * f->samples, bytes = f->bits_allocated < 8 ? 1 : f->bits_allocated / 8u;
    uint8_t sum[KH_SHA256_SIZE], *samples = malloc(count * bytes);

    if (f->photometric == KH_PHOTOMETRIC_YBR_FULL_422 && frame->size == plane * 2) {
        assert_ok(kh_sha256_of(sum, frame->pixels, frame->size, err));
    } else {
        for (size_t i = 0; i < count; i++) {
            uint64_t value = sample_at(frame, plane, i);

            for (size_t k = 0; k < bytes; k++)
                samples[i * bytes + k] = (uint8_t)(value >> 8 * k);
        }
        assert_ok(kh_sha256_of(sum, samples, count * bytes, err));
    }
    for (size_t i = 0; i < sizeof sum; i++)
        snprintf(out + 2 * i, 3, "%02x", sum[i]);
    free(samples);
}

/* False when the file is refused, or frame 0 is not native or cannot be shown. */
static bool sum_of_file(const char *path, char out[65])
{
    kh_ingest_result result;
    const kh_stack *stack = NULL;
    kh_frame frame;
    temp_dir dir;
    bool shown = false;

    temp_dir_make(&dir);
    run.cache = cache_open(&dir);
    if (kh_ingest_file(run.cache, path, &origin_north, &result, NULL) == KH_OK &&
        kh_stack_acquire(&stack, run.cache, result.series_id, NULL) == KH_OK && stack->object_count > 0 &&
        kh_frame_acquire(&frame, run.cache, &stack->objects[0], 0, NULL, NULL) == KH_OK) {
        sum_samples(&frame, out);
        kh_frame_release(run.cache, &frame);
        shown = true;
    }
    kh_stack_release(run.cache, stack);
    kh_cache_close(run.cache);
    temp_dir_remove(&dir);
    return shown;
}

static void native_frames_are_what_others_read(void **state)
{
    const char *data = data_dir();
    char path[1024], line[4096];
    int compared = 0, not_shown = 0, differ = 0;
    FILE *table;

    (void)state;
    if (!data)
        skip();
    snprintf(path, sizeof path, "%s/expected.tsv", data);
    table = fopen(path, "r");
    if (!table)
        skip();
    while (fgets(line, sizeof line, table)) {
        char *fields[20] = {0}, *rest = line, sum[65] = "";
        const kh_transfer_syntax *syntax;

        for (size_t i = 0; i < KH_COUNT(fields) && rest; i++)
            fields[i] = strsep(&rest, "\t");
        syntax = fields[1] ? kh_transfer_syntax_find(fields[1]) : NULL;
        if (!syntax || syntax->codec != KH_CODEC_NATIVE || !fields[18] || strncmp(fields[18], "agree", 5) != 0 ||
            strlen(fields[16]) != 64 || strncmp(fields[0], "ct-philips", 10) == 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", data, fields[0]);
        if (!sum_of_file(path, sum)) {
            not_shown++;
            print_message("not shown: %s\n", fields[0]);
        } else if (strcmp(sum, fields[16]) != 0) {
            differ++;
            print_error("%s: samples differ\n", fields[0]);
        } else {
            compared++;
        }
    }
    fclose(table);
    print_message("%d native frames are as other readers give them, %d are not shown\n", compared, not_shown);
    assert_int_equal(differ, 0);
    assert_true(compared > 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_real_file),
        cmocka_unit_test(native_frames_are_what_others_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
