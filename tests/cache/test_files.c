/* Every real file: stored and clean, or refused with a word about the attribute; nothing is left half-way. */
#include "support.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include "cache/frames.h"
#include "cache/stack.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_real_file)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
