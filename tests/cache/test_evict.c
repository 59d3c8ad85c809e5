/* Quota, eviction and the way back: who goes, who stays, what is left at every moment, and that what comes back is what went. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "cache/arrivals.h"
#include "cache/browse.h"
#include "cache/check.h"
#include "cache/evict.h"
#include "cache/internal.h"
#include "cache/nodes.h"
#include "cache/pins.h"
#include "cache/pulls.h"
#include "cache/removal.h"
#include "cache/room.h"
#include "cache/stack.h"
#include "cache/storage.h"
#include "cache/use.h"

#define NOBODY_USES_MS 0

typedef struct place {
    temp_dir dir;
    kh_cache *cache;
    kh_cache_options options;
    kh_node node;
    int64_t pull_id;
} place;

static void place_open(place *p)
{
    kh_error err = KH_ERROR_INIT;

    p->options.dir = p->dir.path;
    if (kh_cache_open(&p->cache, &p->options, &err) != KH_OK)
        fail_msg("cache does not open: %s", err.message);
}

static int set_up(void **state)
{
    place *p = calloc(1, sizeof *p);

    temp_dir_make(&p->dir);
    p->options = kh_cache_options_default;
    p->options.owner = true;
    p->options.reserve_bytes = 0;
    p->options.evict_idle_ms = NOBODY_USES_MS;
    place_open(p);
    p->node = (kh_node){.name = "PACS", .ae_title = "PACS", .host = "127.0.0.1", .port = 104, .facility = "north", .may_store = true};
    assert_ok(kh_node_add(p->cache, &p->node, err));
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

static void place_reopen(place *p)
{
    kh_cache_close(p->cache);
    place_open(p);
}

/* A pull of the study that has ended complete: what it brings can come again. */
static int64_t pull_of(place *p, const char *study_uid, kh_pull_state state)
{
    kh_pull pull;
    int64_t id;

    assert_ok(kh_pull_file(p->cache, p->node.id, study_uid, 1, "test", &id, err));
    assert_ok(kh_pull_find(p->cache, id, &pull, err));
    pull.state = state;
    assert_ok(kh_pull_update(p->cache, &pull, err));
    return id;
}

static int64_t store(place *p, const char *study_uid, int count, int64_t pull_id, unsigned seed)
{
    const kh_origin origin = {.facility = "north", .source = "PACS", .pull_id = pull_id};
    kh_ingest_result result = {0};

    for (int i = 1; i <= count; i++) {
        char series[64], sop[64];
        sample s = {.study_uid = study_uid, .series_uid = series, .sop_uid = sop, .instance = i, .z_mm = i, .seed = seed};
        kh_buf bytes;

        snprintf(series, sizeof series, "%s.1", study_uid);
        snprintf(sop, sizeof sop, "%s.1.%d", study_uid, i);
        kh_buf_init(&bytes, 1 << 20);
        sample_write(&bytes, &s);
        assert_ok(ingest_bytes(p->cache, &bytes, &origin, &result, err));
        kh_buf_release(&bytes);
    }
    return result.study_id;
}

static int64_t pulled_study(place *p, const char *study_uid, int count)
{
    return store(p, study_uid, count, pull_of(p, study_uid, KH_PULL_COMPLETE), 0);
}

static int files_in(const place *p)
{
    char command[700], text[32] = "";
    FILE *pipe;

    snprintf(command, sizeof command, "find %s/objects -type f | wc -l", p->dir.path);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(text, sizeof text, pipe));
    pclose(pipe);
    return atoi(text);
}

static int64_t used(place *p)
{
    kh_storage storage;

    assert_ok(kh_storage_get(p->cache, &storage, err));
    assert_int_equal(storage.used_bytes, storage.here.bytes);
    return storage.used_bytes;
}

static kh_stack const *stack_of(place *p, int64_t study_id, const kh_stack **out)
{
    kh_sql *sql;
    kh_sql_row *row;
    bool found;
    int64_t series_id;
    const kh_sql_value value = KH_SQL_I(study_id);

    assert_ok(kh_reader_acquire(&sql, p->cache->readers, err));
    assert_ok(kh_sql_query(&row, sql, "SELECT id FROM series WHERE study_ref = ?1", &value, 1, err));
    assert_ok(kh_sql_next(row, &found, err));
    assert_true(found);
    series_id = kh_sql_int(row, 0);
    kh_sql_end(row);
    kh_reader_release(p->cache->readers, sql);
    assert_ok(kh_stack_acquire(out, p->cache, series_id, err));
    return *out;
}

static void goes_and_comes_back(void **state)
{
    place *p = *state;
    int64_t pull_id = pull_of(p, "1.2.1", KH_PULL_COMPLETE), recall, id = store(p, "1.2.1", 3, pull_id, 0), before = used(p);
    const kh_stack *stack;
    int64_t objects[3];
    kh_study study;
    kh_evicted out;
    int fd;

    stack_of(p, id, &stack);
    for (int i = 0; i < 3; i++)
        objects[i] = stack->objects[i].object_id;
    kh_stack_release(p->cache, stack);
    assert_ok(kh_object_open(p->cache, objects[0], &fd, err));
    assert_ok(kh_evict_study(p->cache, id, 0, "test", &out, err));
    assert_int_equal(out.objects, 3);
    assert_int_equal(out.bytes, before);
    assert_int_equal(used(p), 0);
    assert_int_equal(files_in(p), 0);
    assert_int_equal(lseek(fd, 0, SEEK_END), before / 3); /* who has it open reads on */
    close(fd);
    assert_int_equal(kh_object_open(p->cache, objects[0], &fd, NULL), KH_E_BUSY);
    assert_ok(kh_browse_study(p->cache, id, &study, err));
    assert_int_equal(study.away_count, 3);
    assert_int_equal(study.object_count, 3);
    assert_clean(p->cache, 3);
    place_reopen(p);
    assert_clean(p->cache, 3);

    assert_ok(kh_evict_recall(p->cache, id, "test", &recall, err));
    assert_true(recall > pull_id);
    assert_int_equal(store(p, "1.2.1", 3, recall, 0), id);
    assert_ok(kh_browse_study(p->cache, id, &study, err));
    assert_int_equal(study.away_count, 0);
    assert_int_equal(study.object_count, 3);
    assert_int_equal(used(p), before);
    stack_of(p, id, &stack);
    for (int i = 0; i < 3; i++) { /* the same ids */
        assert_int_equal(stack->objects[i].object_id, objects[i]);
        assert_ok(kh_object_open(p->cache, objects[i], &fd, err));
        close(fd);
    }
    kh_stack_release(p->cache, stack);
    assert_ok(kh_evict_recall(p->cache, id, "test", &recall, err));
    assert_int_equal(recall, 0);
    place_reopen(p);
    assert_clean(p->cache, 3);
    assert_int_equal(files_in(p), 3);
}

/* What comes back with other pixels is another object: an id never names two pictures. */
static void comes_back_changed(void **state)
{
    place *p = *state;
    int64_t pull_id = pull_of(p, "1.2.1", KH_PULL_COMPLETE), id = store(p, "1.2.1", 2, pull_id, 1);
    const kh_stack *stack;
    kh_study study;
    kh_evicted out;

    assert_ok(kh_evict_study(p->cache, id, 0, "test", &out, err));
    assert_int_equal(store(p, "1.2.1", 2, pull_id, 2), id);
    stack_of(p, id, &stack);
    assert_int_equal(stack->object_count, 2);
    assert_true(stack->objects[0].object_id > 2);
    kh_stack_release(p->cache, stack);
    assert_ok(kh_browse_study(p->cache, id, &study, err));
    assert_int_equal(study.object_count, 2);
    assert_int_equal(study.image_count, 2);
    assert_int_equal(study.frame_count, 2);
    assert_int_equal(study.away_count, 0);
    assert_clean(p->cache, 2);
    assert_int_equal(temp_dir_count(&p->dir, "quarantine"), 0);
    used(p);
}

typedef struct who {
    const char *name;
    void (*arrange)(place *p, int64_t study_id);
    int64_t idle_ms;
    bool pushed, may;
} who;

static void pin_it(place *p, int64_t id) { assert_ok(kh_pin(p->cache, id, "person", err)); }
static void pin_and_unpin(place *p, int64_t id)
{
    pin_it(p, id);
    assert_ok(kh_pin(p->cache, id, "reading:1", err));
    assert_ok(kh_unpin(p->cache, id, "person", err));
    assert_ok(kh_unpin_all(p->cache, "reading:1", err));
}
static void open_pull(place *p, int64_t id)
{
    int64_t pull;
    (void)id;
    assert_ok(kh_pull_file(p->cache, p->node.id, "1.2.7", 2, "", &pull, err));
}
static void lose_node(place *p, int64_t id) { (void)id; assert_ok(kh_node_remove(p->cache, "PACS", err)); }
static void push_one_more(place *p, int64_t id) { assert_int_equal(store(p, "1.2.7", 2, 0, 0), id); }
static void know_it(place *p, int64_t id) { (void)id; assert_ok(kh_evict_note_known(p->cache, "north", "1.2.7", p->node.id, err)); }
static void know_then_push(place *p, int64_t id) { know_it(p, id); push_one_more(p, id); }
static void allow_pushed(place *p, int64_t id) { (void)id; p->options.evict_pushed = true; place_reopen(p); }

static void who_goes(void **state)
{
    static const who cases[] = {
        {"pulled", NULL, 0, false, true},
        {"pinned", pin_it, 0, false, false},
        {"no longer pinned", pin_and_unpin, 0, false, true},
        {"being pulled", open_pull, 0, false, false},
        {"used just now", NULL, 60000, false, false},
        {"its node has gone", lose_node, 0, false, false},
        {"with a pushed object", push_one_more, 0, false, false},
        {"pushed", NULL, 0, true, false},
        {"pushed, and known at a node", know_it, 0, true, true},
        {"known at a node, then more was pushed", know_then_push, 0, true, false},
        {"pushed, and that is allowed", allow_pushed, 0, true, true},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        const who *c = &cases[i];
        kh_error err_of = KH_ERROR_INIT;
        kh_evictable look;
        kh_evicted out;
        kh_status status;
        void *fresh = NULL;
        place *p;
        int64_t id;

        set_up(&fresh);
        p = fresh;
        id = c->pushed ? store(p, "1.2.7", 1, 0, 0) : pulled_study(p, "1.2.7", 1);
        if (c->arrange)
            c->arrange(p, id);
        assert_ok(kh_evict_look(p->cache, id, c->idle_ms, &look, err));
        status = kh_evict_study(p->cache, id, c->idle_ms, "test", &out, &err_of);
        if (look.may != c->may || status != (c->may ? KH_OK : KH_E_CONFLICT))
            fail_msg("%s: may %d, status %d: %s%s", c->name, look.may, status, look.reason, err_of.message);
        assert_int_equal(files_in(p), c->may ? 0 : look.objects);
        tear_down(&fresh);
    }
}

/* The least recently used goes first, and no more than is needed. */
static void in_order_of_use(void **state)
{
    place *p = *state;
    int64_t ids[4], one;
    const kh_stack *stack;
    kh_study study;
    kh_evicted out;

    for (int i = 0; i < 4; i++) {
        char uid[32];

        snprintf(uid, sizeof uid, "1.2.%d", i + 1);
        ids[i] = pulled_study(p, uid, 1);
        kh_clock_sleep_ms(5);
    }
    one = used(p) / 4;
    stack_of(p, ids[0], &stack); /* looked at: now the third is */
    kh_stack_release(p->cache, stack);
    assert_ok(kh_evict_bytes(p->cache, one + 1, "test", &out, err));
    assert_int_equal(out.studies, 2);
    for (int i = 0; i < 4; i++) {
        assert_ok(kh_browse_study(p->cache, ids[i], &study, err));
        assert_int_equal(study.away_count, i == 1 || i == 2);
    }
    assert_ok(kh_evict_bytes(p->cache, 1000 * one, "test", &out, err));
    assert_int_equal(out.studies, 2);
    assert_int_equal(used(p), 0);
    assert_ok(kh_evict_bytes(p->cache, 1, "test", &out, err));
    assert_int_equal(out.studies, 0);
}

/* Pulled so many ms from now, as the wall clock says then, and arrived. */
static int64_t arrived_study(place *p, const char *study_uid, int64_t shift_ms)
{
    kh_study study;
    int64_t id;

    kh_clock_shift_for_test(0, shift_ms);
    id = pulled_study(p, study_uid, 1);
    kh_clock_shift_for_test(0, -shift_ms);
    assert_ok(kh_browse_study(p->cache, id, &study, err));
    assert_ok(kh_arriving_settle(p->cache, id, study.revision, err));
    return id;
}

/* R13: what was used while the clock was ahead is neither kept for years nor taken for what nobody used: it goes last. */
static void clock_set_back(void **state)
{
    static const int64_t ahead_ms[] = {3600000, INT64_C(86400000) * 3650};
    place *p = *state;

    p->options.evict_idle_ms = 600000;
    place_reopen(p);
    for (size_t i = 0; i < sizeof(ahead_ms) / sizeof(ahead_ms[0]); i++) {
        int64_t ids[3], one;
        const kh_stack *stack;
        kh_study study;
        kh_evicted out;
        char uid[32];

        for (int k = 0; k < 3; k++) { /* long ago, while the clock was ahead, now */
            snprintf(uid, sizeof uid, "1.2.%zu.%d", i + 1, k + 1);
            ids[k] = arrived_study(p, uid, k == 0 ? -3600000 : k == 1 ? ahead_ms[i] : 0);
        }
        one = used(p) / 3;
        assert_ok(kh_evict_bytes(p->cache, one, "test", &out, err));
        assert_int_equal(out.studies, 1);
        assert_ok(kh_browse_study(p->cache, ids[0], &study, err));
        assert_int_equal(study.away_count, 1);
        stack_of(p, ids[1], &stack); /* looked at now, so it stays */
        kh_stack_release(p->cache, stack);
        assert_ok(kh_evict_bytes(p->cache, 2 * one, "test", &out, err));
        assert_int_equal(out.studies, 0);
        kh_clock_shift_for_test(0, 7200000);
        assert_ok(kh_evict_bytes(p->cache, 2 * one, "test", &out, err));
        kh_clock_shift_for_test(0, -7200000);
        assert_int_equal(out.studies, 2);
    }
}

/* ... and without being looked at it makes room, when nothing else does. */
static void clock_set_back_and_nobody_looks(void **state)
{
    const int64_t ahead_ms = INT64_C(86400000) * 3650;
    place *p = *state;
    kh_evicted out;

    p->options.evict_idle_ms = 600000;
    place_reopen(p);
    arrived_study(p, "1.2.1", ahead_ms);
    arrived_study(p, "1.2.2", 0);
    assert_ok(kh_evict_bytes(p->cache, 2 * used(p), "test", &out, err));
    assert_int_equal(out.studies, 1);
    assert_clean(p->cache, 2);
}

static void quota_makes_room(void **state)
{
    place *p = *state;
    int64_t one = (pulled_study(p, "1.2.1", 1), used(p));

    p->options.quota_bytes = (uint64_t)(one * 10);
    place_reopen(p);
    for (int i = 2; i <= 40; i++) {
        char uid[32];

        snprintf(uid, sizeof uid, "1.2.%d", i);
        pulled_study(p, uid, 1);
        assert_true(used(p) <= one * 10);
    }
    assert_true(files_in(p) >= 7); /* in strides, not more */
    assert_clean(p->cache, 40);
}

static void quota_refuses(void **state)
{
    place *p = *state;
    int64_t one = (store(p, "1.2.1", 1, 0, 0), used(p));
    kh_error refused = KH_ERROR_INIT;
    kh_ingest_result result;
    sample s = {.study_uid = "1.2.9", .series_uid = "1.2.9.1", .sop_uid = "1.2.9.1.1"};

    p->options.quota_bytes = (uint64_t)one + 10;
    place_reopen(p);
    assert_int_equal(ingest_sample(p->cache, &s, &result, &refused), KH_E_FULL);
    assert_non_null(strstr(refused.message, "quota"));
    assert_int_equal(temp_dir_count(&p->dir, "incoming"), 0);
    assert_clean(p->cache, 1);
    p->options.quota_bytes = (uint64_t)one * 2 + 1000;
    place_reopen(p);
    assert_ok(ingest_sample(p->cache, &s, &result, err));
    assert_clean(p->cache, 2);
}

static kh_status note_only(kh_write *write, void *context, kh_error *err)
{
    int64_t objects, bytes;

    return kh_removal_study_files(write, *(int64_t *)context, 1, &objects, &bytes, err);
}

/* A kill between the index and the files: the next owner goes on. */
static void killed_before_the_files(void **state)
{
    place *p = *state;
    int64_t id = pulled_study(p, "1.2.1", 3);
    kh_check_report report;

    assert_ok(kh_cache_write(p->cache, note_only, &id, err));
    assert_int_equal(files_in(p), 3);
    assert_ok(kh_cache_check(p->cache, &report, NULL, NULL, NULL, err));
    assert_true(kh_check_clean(&report));
    assert_int_equal(report.away, 3);
    place_reopen(p);
    assert_int_equal(files_in(p), 0);
    assert_clean(p->cache, 3);
}

/* Objects come back while what went is still being removed, and a kill ends it anywhere. */
static void killed_anywhere(void **state)
{
    place *p = *state;
    int64_t pull_id = pull_of(p, "1.2.1", KH_PULL_COMPLETE), id = store(p, "1.2.1", 8, pull_id, 0);

    for (int round = 0; round < 20; round++) {
        int how;
        pid_t child;

        kh_cache_close(p->cache);
        child = fork();
        if (child == 0) {
            kh_evicted out;

            place_open(p);
            for (;;) {
                (void)!kh_evict_study(p->cache, id, 0, "test", &out, NULL);
                store(p, "1.2.1", 8, pull_id, 0);
            }
        }
        usleep((useconds_t)(2000 + round * 1700));
        kill(child, SIGKILL);
        waitpid(child, &how, 0);
        assert_true(WIFSIGNALED(how));
        place_open(p);
        assert_clean(p->cache, 8);
        store(p, "1.2.1", 8, pull_id, 0);
        assert_int_equal(files_in(p), 8);
        used(p);
    }
}

static void pins_are_idempotent(void **state)
{
    place *p = *state;
    int64_t id = store(p, "1.2.1", 1, 0, 0);
    bool pinned;

    for (int i = 0; i < 2; i++)
        assert_ok(kh_pin(p->cache, id, "person", err));
    place_reopen(p);
    assert_ok(kh_is_pinned(p->cache, id, NULL, &pinned, err));
    assert_true(pinned);
    assert_ok(kh_is_pinned(p->cache, id, "other", &pinned, err));
    assert_false(pinned);
    for (int i = 0; i < 2; i++)
        assert_ok(kh_unpin(p->cache, id, "person", err));
    assert_ok(kh_is_pinned(p->cache, id, NULL, &pinned, err));
    assert_false(pinned);
    assert_int_equal(kh_pin(p->cache, id + 1, "person", NULL), KH_E_NOT_FOUND);
    assert_int_equal(kh_pin(p->cache, id, "", NULL), KH_E_ARG);
    assert_int_equal(kh_pin(p->cache, id, "a b", NULL), KH_E_ARG);
}

static kh_status remove_object(kh_write *write, void *context, kh_error *err)
{
    return kh_removal_object(write, *(int64_t *)context, err);
}

static void an_object_goes_for_good(void **state)
{
    place *p = *state;
    int64_t id = store(p, "1.2.1", 2, 0, 0), object = 1, none = 99;
    kh_study study;

    assert_ok(kh_removal_run(p->cache, remove_object, &object, err));
    assert_ok(kh_browse_study(p->cache, id, &study, err));
    assert_int_equal(study.object_count, 1);
    assert_int_equal(study.frame_count, 1);
    assert_int_equal(files_in(p), 1);
    used(p);
    assert_clean(p->cache, 1);
    assert_int_equal(kh_removal_run(p->cache, remove_object, &none, NULL), KH_E_NOT_FOUND);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(goes_and_comes_back), T(comes_back_changed), cmocka_unit_test(who_goes), T(in_order_of_use), T(quota_makes_room),
        T(clock_set_back), T(clock_set_back_and_nobody_looks),
        T(quota_refuses), T(killed_before_the_files), T(killed_anywhere), T(pins_are_idempotent), T(an_object_goes_for_good),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
