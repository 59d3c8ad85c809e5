/* Metadata of series: made on demand, prepared, stale, damaged, away. What is compared with is inflated by zlib's gzip reader. */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include "base/clock.h"
#include "cache/arrivals.h"
#include "cache/changes.h"
#include "cache/metadata_answer.h"
#include "cache/metadata_prepare.h"
#include "cache/removal.h"

#define BASE "http://host:8042/dicomweb"
static const kh_change_author author = {"a reason", "tester"};

static kh_ingest_result put_one(kh_cache *cache, int n)
{
    char sop_uid[40];
    const sample one = {.patient_id = "P1",
                        .patient_name = "Yamada^Taro",
                        .study_uid = "1.2.1",
                        .series_uid = "1.2.1.1",
                        .sop_uid = sop_uid,
                        .study_date = "20261103",
                        .description = "CHEST \"a\\b\"",
                        .modality = "CT",
                        .instance = n,
                        .z_mm = n};
    kh_ingest_result result;

    snprintf(sop_uid, sizeof sop_uid, "1.2.1.1.%d", n);
    assert_ok(ingest_sample(cache, &one, &result, err));
    return result;
}

static void tell(kh_buf *out, kh_metadata_answer *answer, kh_cache *cache, int64_t series_id, bool gzip)
{
    kh_buf_init(out, 1 << 20);
    assert_ok(kh_metadata_answer_begin(answer, out, BASE, gzip, err));
    assert_ok(kh_metadata_answer_series(answer, cache, series_id, 0, err));
    assert_ok(kh_metadata_answer_end(answer, err));
}

/* One gzip member, whose sums zlib compares. */
static void gunzip(kh_buf *plain, const kh_buf *packed)
{
    z_stream z = {.next_in = packed->data, .avail_in = (uInt)packed->size};

    kh_buf_init(plain, 1 << 20);
    assert_int_equal(kh_buf_reserve(plain, (1 << 20) - 1, NULL), KH_OK);
    z.next_out = plain->data;
    z.avail_out = (1 << 20) - 1;
    assert_int_equal(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    plain->size = (size_t)(z.next_out - plain->data);
    plain->data[plain->size] = '\0';
    assert_int_equal(inflateEnd(&z), Z_OK);
}

static unsigned count_of(const kh_buf *buf, const char *text)
{
    unsigned count = 0;

    for (const char *at = kh_buf_text(buf); (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

/* The series as it is told, packed and plain being the same; checks how many objects, and how many of them prepared. */
static void expect(kh_buf *plain, kh_cache *cache, int64_t series_id, size_t count, size_t prepared, size_t left_out)
{
    kh_metadata_answer answer;
    kh_buf packed, unpacked;

    tell(plain, &answer, cache, series_id, false);
    assert_int_equal(answer.count, count);
    assert_int_equal(answer.prepared, prepared);
    assert_int_equal(answer.left_out, left_out);
    tell(&packed, &answer, cache, series_id, true);
    gunzip(&unpacked, &packed);
    assert_string_equal(kh_buf_text(&unpacked), kh_buf_text(plain));
    assert_int_equal(count_of(plain, "\"BulkDataURI\":\"" BASE "/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1."), count);
    assert_int_equal(count_of(plain, "\"00081030\":{\"vr\":\"LO\",\"Value\":[\"CHEST \\\"a\",\"b\\\"\"]}"), count);
    kh_buf_release(&packed);
    kh_buf_release(&unpacked);
}

/* The series' file is there. */
static bool is_prepared(const fixture *f, int64_t series_id)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/metadata/%02x/%016llx.meta", f->dir.path, (unsigned)series_id & 0xff, (unsigned long long)series_id);
    return access(path, R_OK) == 0;
}

static size_t prepare(kh_cache *cache, int64_t series_id)
{
    size_t made;

    assert_ok(kh_metadata_prepare(cache, series_id, NULL, &made, err));
    return made;
}

static void on_demand_and_prepared(void **state)
{
    kh_cache *cache = ((fixture *)*state)->cache;
    int64_t series_id = put_one(cache, 2).series_id;
    kh_buf made, ready;

    put_one(cache, 1);
    expect(&made, cache, series_id, 2, 0, 0);
    assert_true(strstr(kh_buf_text(&made), "1.2.1.1.1/bulk") < strstr(kh_buf_text(&made), "1.2.1.1.2/bulk")); /* by instance number */
    assert_int_equal(prepare(cache, series_id), 2);
    expect(&ready, cache, series_id, 2, 2, 0);
    assert_string_equal(kh_buf_text(&made), kh_buf_text(&ready));
    assert_int_equal(prepare(cache, series_id), 0);
    kh_buf_release(&made);
    kh_buf_release(&ready);
    put_one(cache, 3); /* only the new one is made */
    expect(&ready, cache, series_id, 3, 2, 0);
    assert_int_equal(prepare(cache, series_id), 1);
    kh_buf_release(&ready);
    expect(&ready, cache, series_id, 3, 3, 0);
    kh_buf_release(&ready);
}

static void corrected_and_hidden(void **state)
{
    const kh_patient_values values = {.name_alphabetic = "Suzuki^Hanako"};
    kh_cache *cache = ((fixture *)*state)->cache;
    kh_ingest_result one = put_one(cache, 1);
    int64_t id, hidden;
    kh_buf told;

    put_one(cache, 2);
    assert_int_equal(prepare(cache, one.series_id), 2);
    assert_ok(kh_change_patient(cache, "north", "P1", &values, &author, &id, err));
    expect(&told, cache, one.series_id, 2, 0, 0);
    assert_int_equal(count_of(&told, "\"00100010\":{\"vr\":\"PN\",\"Value\":[{\"Alphabetic\":\"Suzuki^Hanako\"}]}"), 2);
    kh_buf_release(&told);
    assert_int_equal(prepare(cache, one.series_id), 2);
    expect(&told, cache, one.series_id, 2, 2, 0);
    assert_int_equal(count_of(&told, "{\"Alphabetic\":\"Suzuki^Hanako\"}"), 2);
    kh_buf_release(&told);
    assert_ok(kh_change_undo(cache, id, "tester", err));
    expect(&told, cache, one.series_id, 2, 0, 0);
    assert_int_equal(count_of(&told, "Suzuki"), 0);
    kh_buf_release(&told);
    assert_int_equal(prepare(cache, one.series_id), 2);
    assert_ok(kh_change_delete(cache, one.study_id, one.series_id, one.object_id, &author, &hidden, err));
    expect(&told, cache, one.series_id, 1, 1, 0);
    assert_int_equal(count_of(&told, "1.2.1.1.1/bulk"), 0);
    kh_buf_release(&told);
    assert_ok(kh_change_delete(cache, one.study_id, 0, 0, &author, &hidden, err));
    assert_int_equal(prepare(cache, one.series_id), 0);
    assert_false(is_prepared(*state, one.series_id)); /* nothing of it stays */
    assert_ok(kh_change_undo(cache, hidden, "tester", err));
    expect(&told, cache, one.series_id, 1, 0, 0);
    kh_buf_release(&told);
}

static kh_status let_go(kh_write *write, void *context, kh_error *err)
{
    return kh_removal_object_file(write, *(const int64_t *)context, err);
}

static void at_its_hospital(void **state)
{
    kh_cache *cache = ((fixture *)*state)->cache;
    kh_ingest_result one = put_one(cache, 1), two;
    kh_buf told;

    assert_int_equal(prepare(cache, one.series_id), 1);
    two = put_one(cache, 2);
    assert_ok(kh_removal_run(cache, let_go, &one.object_id, err));
    assert_ok(kh_removal_run(cache, let_go, &two.object_id, err));
    expect(&told, cache, one.series_id, 1, 1, 1); /* the second was never prepared */
    kh_buf_release(&told);
    assert_int_equal(prepare(cache, one.series_id), 0);
    expect(&told, cache, one.series_id, 1, 1, 1); /* the first is kept */
    kh_buf_release(&told);
}

/* Any byte changed, or the end cut: as if there were none. */
static void damaged(void **state)
{
    fixture *f = *state;
    int64_t series_id = put_one(f->cache, 1).series_id;
    char path[PATH_MAX];
    uint8_t bytes[65536];
    ssize_t size;
    kh_buf told;
    int fd;

    assert_int_equal(prepare(f->cache, series_id), 1);
    snprintf(path, sizeof path, "%s/metadata/%02x/%016llx.meta", f->dir.path, (unsigned)series_id & 0xff, (unsigned long long)series_id);
    fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    size = read(fd, bytes, sizeof bytes);
    assert_true(size > 100);
    for (ssize_t at = 0; at < size; at += at < 160 ? 1 : 37) {
        uint8_t other = bytes[at] ^ 0x40;

        assert_int_equal(pwrite(fd, &other, 1, at), 1);
        expect(&told, f->cache, series_id, 1, 0, 0);
        kh_buf_release(&told);
        assert_int_equal(pwrite(fd, &bytes[at], 1, at), 1);
    }
    expect(&told, f->cache, series_id, 1, 1, 0);
    kh_buf_release(&told);
    for (ssize_t cut = 0; cut < size; cut += 61) {
        assert_int_equal(ftruncate(fd, cut), 0);
        expect(&told, f->cache, series_id, 1, 0, 0);
        kh_buf_release(&told);
    }
    close(fd);
}

static void limits(void **state)
{
    kh_cache *cache = ((fixture *)*state)->cache;
    int64_t series_id = put_one(cache, 1).series_id;
    char base[252];
    kh_metadata_answer answer;
    kh_buf out;

    memset(base, 'a', sizeof base);
    base[251] = '\0';
    kh_buf_init(&out, 200);
    assert_int_equal(kh_metadata_answer_begin(&answer, &out, base, false, NULL), KH_E_ARG);
    base[250] = '\0';
    assert_ok(kh_metadata_answer_begin(&answer, &out, base, false, err));
    assert_int_equal(kh_metadata_answer_series(&answer, cache, series_id, 0, NULL), KH_E_LIMIT);
    kh_buf_clear(&out);
    assert_ok(kh_metadata_answer_begin(&answer, &out, base, false, err));
    assert_int_equal(kh_metadata_answer_series(&answer, cache, series_id + 1, 0, NULL), KH_E_NOT_FOUND);
    assert_ok(kh_metadata_answer_end(&answer, err));
    assert_string_equal(kh_buf_text(&out), "[]");
    kh_buf_release(&out);
}

/* What has arrived is prepared by itself; what arrives waits. */
static void by_itself(void **state)
{
    fixture *f = *state;
    kh_ingest_result one = put_one(f->cache, 1);
    kh_metadata_preparer *preparer;
    int64_t until_ms = kh_clock_monotonic_ms() + 20000;
    kh_study study;

    assert_ok(kh_metadata_preparer_start(&preparer, f->cache, err));
    kh_clock_sleep_ms(50);
    assert_false(is_prepared(f, one.series_id));
    assert_ok(kh_browse_study(f->cache, one.study_id, &study, err));
    assert_ok(kh_arriving_settle(f->cache, one.study_id, study.revision, err));
    while (!is_prepared(f, one.series_id) && kh_clock_monotonic_ms() < until_ms)
        kh_clock_sleep_ms(10);
    kh_metadata_preparer_stop(preparer);
    assert_true(is_prepared(f, one.series_id));
    assert_int_equal(prepare(f->cache, one.series_id), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(on_demand_and_prepared, cache_set_up, cache_tear_down),
        cmocka_unit_test_setup_teardown(corrected_and_hidden, cache_set_up, cache_tear_down),
        cmocka_unit_test_setup_teardown(at_its_hospital, cache_set_up, cache_tear_down),
        cmocka_unit_test_setup_teardown(damaged, cache_set_up, cache_tear_down),
        cmocka_unit_test_setup_teardown(limits, cache_set_up, cache_tear_down),
        cmocka_unit_test_setup_teardown(by_itself, cache_set_up, cache_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
