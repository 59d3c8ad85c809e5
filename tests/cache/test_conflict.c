/* The same SOP Instance UID with other bytes: each rule, what is kept beside and why, and what a person decides about it. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cache/browse.h"
#include "cache/quarantine.h"
#include "cache/storage.h"

typedef struct place {
    temp_dir dir;
    kh_cache *cache;
    kh_cache_options options;
} place;

static void place_open(place *p, kh_conflict_rule rule, uint64_t quarantine_bytes)
{
    kh_error refused = KH_ERROR_INIT;

    kh_cache_close(p->cache);
    p->options = kh_cache_options_default;
    p->options.dir = p->dir.path;
    p->options.owner = true;
    p->options.reserve_bytes = 0;
    p->options.conflict = rule;
    p->options.quarantine_bytes = quarantine_bytes;
    if (kh_cache_open(&p->cache, &p->options, &refused) != KH_OK)
        fail_msg("cache does not open: %s", refused.message);
}

static int set_up(void **state)
{
    place *p = calloc(1, sizeof *p);

    temp_dir_make(&p->dir);
    place_open(p, KH_CONFLICT_KEEP_FIRST, 1 << 30);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    place *p = *state;

    kh_cache_close(p->cache);
    temp_dir_remove(&p->dir);
    free(p);
    return 0;
}

static kh_status store(place *p, unsigned seed, kh_ingest_result *result, kh_error *err)
{
    const sample s = {.study_uid = "1.2", .series_uid = "1.2.1", .sop_uid = "1.2.1.1", .instance = 1, .seed = seed};

    return ingest_sample(p->cache, &s, result, err);
}

/* Of which seed are the pixels of the object with the UID? The last bytes of the file are the last pixels. */
static unsigned seed_of(place *p, int64_t object_id)
{
    int fd;
    uint8_t last[2];

    assert_ok(kh_object_open(p->cache, object_id, &fd, err));
    assert_true(lseek(fd, -2, SEEK_END) > 0);
    assert_int_equal(read(fd, last, 2), 2);
    close(fd);
    for (unsigned seed = 0; seed < 10; seed++) {
        const sample s = {.seed = seed};

        if (sample_pixel(&s, 0, 255) == (last[0] | last[1] << 8))
            return seed;
    }
    return 99;
}

static kh_status keep_one(void *context, const kh_quarantined *one)
{
    *(kh_quarantined *)context = *one;
    return KH_OK;
}

static kh_quarantined only_one(place *p)
{
    kh_quarantined one = {.bytes = -1};

    assert_int_equal(temp_dir_count(&p->dir, "quarantine"), 1);
    assert_ok(kh_quarantine_list(p->cache, keep_one, &one, err));
    assert_string_equal(one.sop_instance_uid, "1.2.1.1");
    assert_string_equal(one.facility, "north");
    assert_string_equal(one.source, "TEST");
    assert_true(one.reason[0] != '\0');
    return one;
}

static void rules(void **state)
{
    static const struct {
        const char *name;
        kh_conflict_rule rule;
        kh_status status;
        unsigned stays;
        kh_quarantine_kind kind;
    } cases[] = {
        {"keep-first", KH_CONFLICT_KEEP_FIRST, KH_OK, 1, KH_QUARANTINE_SECOND},
        {"keep-last", KH_CONFLICT_KEEP_LAST, KH_OK, 2, KH_QUARANTINE_FIRST},
        {"refuse", KH_CONFLICT_REFUSE, KH_E_CONFLICT, 1, KH_QUARANTINE_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_ingest_result first, second = {0}, again;
        void *fresh = NULL;
        kh_study study;
        place *p;

        set_up(&fresh);
        p = fresh;
        place_open(p, cases[i].rule, 1 << 30);
        assert_ok(store(p, 1, &first, err));
        if (store(p, 2, &second, NULL) != cases[i].status)
            fail_msg("%s: another status", cases[i].name);
        assert_int_equal(second.conflict, cases[i].status == KH_OK);
        assert_int_equal(seed_of(p, cases[i].stays == 2 ? second.object_id : first.object_id), cases[i].stays);
        assert_int_equal(temp_dir_count(&p->dir, "quarantine"), cases[i].kind != KH_QUARANTINE_UNKNOWN);
        if (cases[i].kind != KH_QUARANTINE_UNKNOWN)
            assert_int_equal(only_one(p).kind, cases[i].kind);
        assert_ok(store(p, cases[i].stays, &again, err)); /* the same again is no conflict */
        assert_true(again.duplicate);
        assert_ok(kh_browse_study(p->cache, first.study_id, &study, err));
        assert_int_equal(study.object_count, 1);
        assert_int_equal(study.frame_count, 1);
        assert_clean(p->cache, 1);
        place_open(p, cases[i].rule, 1 << 30);
        assert_clean(p->cache, 1);
        tear_down(&fresh);
    }
}

static void accepted_and_discarded(void **state)
{
    place *p = *state;
    kh_ingest_result first, second;
    kh_quarantined one;
    char name[KH_QUARANTINE_NAME_SIZE];

    assert_ok(store(p, 1, &first, err));
    assert_ok(store(p, 2, &second, err));
    one = only_one(p);
    assert_ok(kh_quarantine_accept(p->cache, one.name, &second, err));
    assert_int_equal(seed_of(p, second.object_id), 2);
    memcpy(name, one.name, sizeof name);
    one = only_one(p); /* the first, in its stead */
    assert_int_equal(one.kind, KH_QUARANTINE_FIRST);
    assert_string_not_equal(one.name, name);
    assert_ok(kh_quarantine_accept(p->cache, one.name, &first, err));
    assert_int_equal(seed_of(p, first.object_id), 1);
    one = only_one(p);
    assert_ok(kh_quarantine_discard(p->cache, one.name, err));
    assert_int_equal(temp_dir_count(&p->dir, "quarantine"), 0);
    assert_int_equal(kh_quarantine_discard(p->cache, one.name, NULL), KH_E_NOT_FOUND);
    assert_int_equal(kh_quarantine_discard(p->cache, "../index.db", NULL), KH_E_ARG);
    assert_int_equal(kh_quarantine_discard(p->cache, ".hidden", NULL), KH_E_ARG);
    assert_clean(p->cache, 1);
}

static void bounded(void **state)
{
    place *p = *state;
    kh_ingest_result result;
    kh_storage storage;
    uint64_t size;

    assert_ok(store(p, 1, &result, err));
    assert_ok(store(p, 2, &result, err));
    assert_ok(kh_storage_get(p->cache, &storage, err));
    size = (uint64_t)storage.quarantine.bytes;
    place_open(p, KH_CONFLICT_KEEP_FIRST, 2 * size - 1);
    assert_int_equal(store(p, 3, &result, NULL), KH_E_FULL);
    assert_ok(store(p, 2, &result, err)); /* what lies there takes no more room */
    assert_int_equal(temp_dir_count(&p->dir, "quarantine"), 1);
    assert_int_equal(temp_dir_count(&p->dir, "incoming"), 0);
    place_open(p, KH_CONFLICT_KEEP_FIRST, 2 * size);
    assert_ok(store(p, 3, &result, err));
    assert_int_equal(temp_dir_count(&p->dir, "quarantine"), 2);
    assert_clean(p->cache, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules),
        cmocka_unit_test_setup_teardown(accepted_and_discarded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bounded, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
