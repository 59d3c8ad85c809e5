/* How an object comes in: what is stored, what is refused and why, what is the same again, and many at once. */
#include "support.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cache/browse.h"
#include "cache/events.h"
#include "cache/stack.h"
#include "dicom/writer.h"
#include "store/digest.h"

static const sample plain = {.patient_id = "P1", .patient_name = "Yamada^Taro", .study_uid = "1.2.3", .series_uid = "1.2.3.4",
                             .sop_uid = "1.2.3.4.5", .study_date = "20261120", .description = "CHEST", .instance = 1};

static kh_status keep_event(void *context, const kh_event *event)
{
    *(kh_event *)context = *event;
    return KH_OK;
}

static void stored_whole(void **state)
{
    fixture *f = *state;
    kh_ingest_result result;
    kh_event event = {0};
    kh_object object;
    kh_series series;
    kh_study study;
    kh_buf bytes;
    uint8_t sum[KH_SHA256_SIZE], *back;
    struct stat st;
    bool gap;
    int fd;

    kh_buf_init(&bytes, 1 << 20);
    sample_write(&bytes, &plain);
    assert_ok(ingest_bytes(f->cache, &bytes, &origin_north, &result, err));
    assert_false(result.duplicate || result.conflict);
    assert_string_equal(result.sop_instance_uid, "1.2.3.4.5");
    assert_ok(kh_browse_object(f->cache, result.object_id, &object, err));
    assert_int_equal(object.bytes, bytes.size);
    assert_int_equal(object.frame_count, 1);
    assert_ok(kh_sha256_of(sum, bytes.data, bytes.size, err));
    assert_memory_equal(object.sha256, sum, sizeof sum);
    assert_ok(kh_object_open(f->cache, result.object_id, &fd, err));
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, bytes.size);
    back = malloc(bytes.size);
    assert_int_equal(read(fd, back, bytes.size), bytes.size);
    assert_memory_equal(back, bytes.data, bytes.size);
    close(fd);
    free(back);
    assert_ok(kh_browse_study(f->cache, result.study_id, &study, err));
    assert_string_equal(study.patient.facility, "north");
    assert_string_equal(study.patient.patient_id, "P1");
    assert_string_equal(study.patient.name.alphabetic, "Yamada^Taro");
    assert_string_equal(study.modalities, "CT");
    assert_string_equal(study.date, "20261120");
    assert_int_equal(study.series_count, 1);
    assert_int_equal(study.object_count, 1);
    assert_int_equal(study.image_count, 1);
    assert_int_equal(study.frame_count, 1);
    assert_int_equal(study.bytes, bytes.size);
    assert_int_equal(study.pull_id, 0);
    assert_ok(kh_browse_series(f->cache, result.series_id, &series, err));
    assert_int_equal(series.study_id, study.id);
    assert_int_equal(series.number, INT64_MIN);
    assert_ok(kh_events_after(f->cache, 0, 10, keep_event, &event, &gap, err));
    assert_int_equal(event.kind, KH_EVENT_STUDY);
    assert_int_equal(event.id, study.id);
    assert_int_equal(temp_dir_count(&f->dir, "incoming"), 0);
    assert_clean(f->cache, 1);
    kh_buf_release(&bytes);
}

/* Refusals: the status, a word of the message, and nothing left. */
static void refusals_name_the_attribute(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *name;
        sample s;
        kh_status expected;
        const char *word;
    } cases[] = {
        {"no study UID", {.series_uid = "1.2", .sop_uid = "1.3", .skip = "study"}, KH_E_FORMAT, "StudyInstanceUID"},
        {"empty study UID", {.study_uid = "", .series_uid = "1.2", .sop_uid = "1.3"}, KH_E_FORMAT, "StudyInstanceUID"},
        {"no series UID", {.study_uid = "1.1", .sop_uid = "1.3", .skip = "series"}, KH_E_FORMAT, "SeriesInstanceUID"},
        {"no SOP UID", {.study_uid = "1.1", .series_uid = "1.2", .skip = "sop"}, KH_E_FORMAT, "SOPInstanceUID"},
        {"no SOP class", {.study_uid = "1.1", .series_uid = "1.2", .sop_uid = "1.3", .skip = "class"}, KH_E_FORMAT, "SOPClassUID"},
        {"a path as UID", {.study_uid = "../../etc", .series_uid = "1.2", .sop_uid = "1.3"}, KH_E_FORMAT, "StudyInstanceUID"},
        {"UID of 65",
         {.study_uid = "1.1", .series_uid = "1.2", .sop_uid = "1.2.3456789012345678901234567890123456789012345678901234567890123"},
         KH_E_FORMAT,
         "SOPInstanceUID"},
        {"not a storage class",
         {.study_uid = "1.1", .series_uid = "1.2", .sop_uid = "1.3", .sop_class = KH_SOP_VERIFICATION},
         KH_E_UNSUPPORTED,
         "SOPClassUID"},
        {"DICOMDIR",
         {.study_uid = "1.1", .series_uid = "1.2", .sop_uid = "1.3", .sop_class = KH_SOP_DICOMDIR},
         KH_E_UNSUPPORTED,
         "DICOMDIR"},
    };

    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_error err = KH_ERROR_INIT;
        kh_ingest_result result;
        kh_status status = ingest_sample(f->cache, &cases[i].s, &result, &err);

        if (status != cases[i].expected || !strstr(err.message, cases[i].word))
            fail_msg("%s: %s: %s", cases[i].name, kh_status_text(status), err.message);
    }
    assert_int_equal(temp_dir_count(&f->dir, "incoming"), 0);
    assert_int_equal(temp_dir_count(&f->dir, "quarantine"), 0);
    assert_clean(f->cache, 0);
}

static void a_uid_of_64_and_a_private_class_pass(void **state)
{
    fixture *f = *state;
    sample s = plain;
    kh_ingest_result result;

    s.sop_uid = "1.2.345678901234567890123456789012345678901234567890123456789012";
    assert_int_equal(strlen(s.sop_uid), 64);
    s.sop_class = "1.3.12.2.1107.5.9.1";
    assert_ok(ingest_sample(f->cache, &s, &result, err));
    assert_string_equal(result.sop_instance_uid, s.sop_uid);
}

static void announced_must_be_what_comes(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *name;
        kh_expected expected;
        kh_status status;
    } cases[] = {
        {"other class", {"1.2.840.10008.5.1.4.1.1.4", "1.2.3.4.5"}, KH_E_CONFLICT},
        {"other instance", {KH_SOP_CT_IMAGE, "1.2.3.4.6"}, KH_E_CONFLICT},
        {"both right", {KH_SOP_CT_IMAGE, "1.2.3.4.5"}, KH_OK},
        {"nothing announced", {NULL, NULL}, KH_OK},
    };

    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_incoming *incoming;
        kh_ingest_result result;
        kh_buf bytes;

        kh_buf_init(&bytes, 1 << 20);
        sample_write(&bytes, &plain);
        assert_ok(kh_ingest_begin(&incoming, f->cache, 0, err));
        assert_ok(kh_ingest_write(incoming, bytes.data, bytes.size, err));
        if (kh_ingest_commit(incoming, &origin_north, &cases[i].expected, &result, NULL) != cases[i].status)
            fail_msg("%s", cases[i].name);
        kh_buf_release(&bytes);
    }
    assert_int_equal(temp_dir_count(&f->dir, "incoming"), 0);
    assert_clean(f->cache, 1);
}

static void bad_origins_are_our_callers_mistake(void **state)
{
    fixture *f = *state;
    static const kh_origin origins[] = {
        {"", "S", 0}, {"a/b", "S", 0}, {NULL, "S", 0}, {"north", "", 0}, {"north", NULL, 0}, {"north", "S", -1}};

    for (size_t i = 0; i < KH_COUNT(origins); i++) {
        kh_ingest_result result;
        kh_buf bytes;

        kh_buf_init(&bytes, 1 << 20);
        sample_write(&bytes, &plain);
        assert_int_equal(ingest_bytes(f->cache, &bytes, &origins[i], &result, NULL), KH_E_ARG);
        kh_buf_release(&bytes);
    }
    assert_clean(f->cache, 0);
}

/* Until the last UID is whole nothing can be stored; what is cut between two later elements cannot be told from whole. */
static void cut_objects_are_refused(void **state)
{
    static const uint8_t series_tag[] = {0x20, 0x00, 0x0e, 0x00, 'U', 'I'};
    fixture *f = *state;
    size_t end;
    kh_buf bytes;

    kh_buf_init(&bytes, 1 << 20);
    sample_write(&bytes, &plain);
    end = (size_t)((uint8_t *)memmem(bytes.data, bytes.size, series_tag, sizeof series_tag) - bytes.data);
    for (size_t size = 0; size < end + 8 + strlen(plain.series_uid); size++) {
        kh_buf cut = {.data = bytes.data, .size = size};
        kh_ingest_result result;
        kh_error why = KH_ERROR_INIT;

        if (ingest_bytes(f->cache, &cut, &origin_north, &result, &why) == KH_OK)
            fail_msg("%zu of %zu bytes are taken", size, bytes.size);
        assert_true(why.message[0] != '\0');
    }
    assert_int_equal(temp_dir_count(&f->dir, "incoming"), 0);
    assert_clean(f->cache, 0);
    kh_buf_release(&bytes);
}

/* What ails the pixels alone does not keep the object out. */
static void odd_pixels_are_kept_with_a_reason(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *name;
        sample s;
        int64_t images, frames;
        bool problem;
    } cases[] = {
        {"no pixels", {.skip = "pixels", .sop_uid = "1.1"}, 0, 0, false},
        {"no rows", {.skip = "rows", .sop_uid = "1.2"}, 0, 1, true},
        {"whole", {.sop_uid = "1.3"}, 1, 1, false},
        {"last frame short", {.frames = 3, .pixel_bytes_short = 2, .sop_uid = "1.4"}, 1, 3, false},
    };

    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        sample s = cases[i].s;
        char series_uid[16];
        kh_ingest_result result;
        kh_series series;
        const kh_stack *stack;

        snprintf(series_uid, sizeof series_uid, "1.9.%zu", i);
        s.study_uid = "1.9";
        s.series_uid = series_uid;
        assert_ok(ingest_sample(f->cache, &s, &result, err));
        assert_ok(kh_browse_series(f->cache, result.series_id, &series, err));
        if (series.object_count != 1 || series.image_count != cases[i].images || series.frame_count != cases[i].frames)
            fail_msg("%s: %lld objects, %lld images, %lld frames", cases[i].name, (long long)series.object_count,
                     (long long)series.image_count, (long long)series.frame_count);
        assert_ok(kh_stack_acquire(&stack, f->cache, result.series_id, err));
        assert_int_equal(stack->slice_count, cases[i].frames);
        if (stack->slice_count > 0 && (stack->objects[0].problem[0] != '\0') != cases[i].problem)
            fail_msg("%s: problem \"%s\"", cases[i].name, stack->objects[0].problem);
        kh_stack_release(f->cache, stack);
    }
    assert_clean(f->cache, KH_COUNT(cases));
}

/* The same again, and other bytes */

static void same_again(void **state)
{
    fixture *f = *state;
    kh_ingest_result first, second;
    kh_study study;

    assert_ok(ingest_sample(f->cache, &plain, &first, err));
    assert_ok(ingest_sample(f->cache, &plain, &second, err));
    assert_true(second.duplicate && !second.conflict);
    assert_int_equal(second.object_id, first.object_id);
    assert_int_equal(second.series_id, first.series_id);
    assert_int_equal(second.study_id, first.study_id);
    assert_ok(kh_browse_study(f->cache, first.study_id, &study, err));
    assert_int_equal(study.object_count, 1);
    assert_int_equal(temp_dir_count(&f->dir, "quarantine"), 0);
    assert_clean(f->cache, 1);
}

/* The header before the data set is the sender's; the data set decides. */
static void same_data_set_behind_another_header(void **state)
{
    fixture *f = *state;
    kh_ingest_result first, second;
    kh_buf bytes, other;
    size_t header;

    kh_buf_init(&bytes, 1 << 20);
    kh_buf_init(&other, 1 << 20);
    sample_write(&bytes, &plain);
    assert_ok(kh_part10_header(&other, KH_SOP_CT_IMAGE, "1.2.3.4.5", KH_TS_EXPLICIT_LE, "TEST", err));
    header = other.size;
    kh_buf_clear(&other);
    assert_ok(kh_part10_header(&other, KH_SOP_CT_IMAGE, "1.2.3.4.5", KH_TS_EXPLICIT_LE, "ANOTHER_TITLE", err));
    assert_ok(kh_buf_append(&other, bytes.data + header, bytes.size - header, err));
    assert_ok(ingest_bytes(f->cache, &bytes, &origin_north, &first, err));
    assert_ok(ingest_bytes(f->cache, &other, &origin_north, &second, err));
    assert_true(second.duplicate);
    other.data[other.size - 1] ^= 1;
    assert_ok(ingest_bytes(f->cache, &other, &origin_north, &second, err));
    assert_true(second.conflict && !second.duplicate);
    assert_clean(f->cache, 1);
    kh_buf_release(&bytes);
    kh_buf_release(&other);
}

static void other_bytes_go_to_quarantine(void **state)
{
    fixture *f = *state;
    kh_ingest_result first, second;
    sample other = plain;

    assert_ok(ingest_sample(f->cache, &plain, &first, err));
    other.seed = 9;
    for (int i = 0; i < 3; i++) { /* the same other bytes take room once */
        assert_ok(ingest_sample(f->cache, &other, &second, err));
        assert_true(second.conflict);
        assert_int_equal(second.object_id, first.object_id);
        assert_int_equal(temp_dir_count(&f->dir, "quarantine"), 1);
    }
    other.seed = 10;
    assert_ok(ingest_sample(f->cache, &other, &second, err));
    assert_int_equal(temp_dir_count(&f->dir, "quarantine"), 2);
    assert_int_equal(temp_dir_count(&f->dir, "incoming"), 0);
    assert_clean(f->cache, 1);
}

static void second_transfer_heals_a_lost_file(void **state)
{
    fixture *f = *state;
    kh_ingest_result first, second;
    char path[700];

    assert_ok(ingest_sample(f->cache, &plain, &first, err));
    snprintf(path, sizeof path, "%s/objects/00/00/%016llx-1.dcm", f->dir.path, (unsigned long long)first.object_id);
    assert_int_equal(unlink(path), 0);
    assert_ok(ingest_sample(f->cache, &plain, &second, err));
    assert_true(second.duplicate);
    assert_clean(f->cache, 1);
    snprintf(path, sizeof path, "%s/objects/00/00/%016llx-1.dcm", f->dir.path, (unsigned long long)first.object_id + 1); /* a new name */
    assert_int_equal(truncate(path, 100), 0);
    assert_ok(ingest_sample(f->cache, &plain, &second, err));
    assert_clean(f->cache, 1);
}

static void facilities_are_apart(void **state)
{
    fixture *f = *state;
    static const kh_origin south = {"south", "TEST", 0};
    kh_ingest_result north, other;
    kh_buf bytes;

    kh_buf_init(&bytes, 1 << 20);
    sample_write(&bytes, &plain);
    assert_ok(ingest_bytes(f->cache, &bytes, &origin_north, &north, err));
    assert_ok(ingest_bytes(f->cache, &bytes, &south, &other, err));
    assert_false(other.duplicate);
    assert_true(other.study_id != north.study_id);
    assert_clean(f->cache, 2);
    kh_buf_release(&bytes);
}

static void patients_without_an_id_are_apart(void **state)
{
    fixture *f = *state;
    sample a = plain, b = plain, c = plain;
    kh_ingest_result first, second, third;
    kh_study study;

    a.patient_id = b.patient_id = c.patient_id = "";
    a.patient_name = "Sato^A";
    b.patient_name = "Suzuki^B";
    b.study_uid = "1.2.4";
    b.series_uid = "1.2.4.1";
    b.sop_uid = "1.2.4.1.1";
    c.sop_uid = "1.2.3.4.6";
    assert_ok(ingest_sample(f->cache, &a, &first, err));
    assert_ok(ingest_sample(f->cache, &b, &second, err));
    assert_ok(ingest_sample(f->cache, &c, &third, err));
    assert_int_equal(third.study_id, first.study_id);
    assert_ok(kh_browse_study(f->cache, first.study_id, &study, err));
    assert_string_equal(study.patient.patient_id, "");
    assert_string_equal(study.patient.name.alphabetic, "Sato^A");
    assert_ok(kh_browse_study(f->cache, second.study_id, &study, err));
    assert_string_equal(study.patient.name.alphabetic, "Suzuki^B");
}

/* The same Study Instance UID under two patients is two studies, and neither shows the other's images. */
static void one_study_uid_two_patients(void **state)
{
    fixture *f = *state;
    sample other = plain;
    kh_ingest_result first, second;

    other.patient_id = "P2";
    other.sop_uid = "1.2.3.4.6";
    assert_ok(ingest_sample(f->cache, &plain, &first, err));
    assert_ok(ingest_sample(f->cache, &other, &second, err));
    assert_true(first.study_id != second.study_id && first.series_id != second.series_id);
}

static kh_status keep_study(void *context, const kh_study *study)
{
    *(kh_study *)context = *study;
    return KH_OK;
}

static void later_objects_fill_what_was_empty(void **state)
{
    fixture *f = *state;
    const kh_study_filter wanted = {.text = "HANAKO yamada chest", .limit = 10};
    sample bare = plain, full = plain;
    kh_ingest_result result;
    kh_study study, found = {0};
    int64_t total = 0;

    bare.patient_name = bare.description = bare.study_date = "";
    full.patient_name = "Yamada^Hanako";
    full.sop_uid = "1.2.3.4.6";
    full.modality = "SR";
    full.series_uid = "1.2.3.5";
    assert_ok(ingest_sample(f->cache, &bare, &result, err));
    assert_ok(ingest_sample(f->cache, &full, &result, err));
    assert_ok(kh_browse_study(f->cache, result.study_id, &study, err));
    assert_string_equal(study.patient.name.alphabetic, "Yamada^Hanako");
    assert_string_equal(study.description, "CHEST");
    assert_string_equal(study.date, "20261120");
    assert_string_equal(study.modalities, "CT,SR");
    assert_int_equal(study.series_count, 2);
    assert_true(study.revision >= 2);
    bare.patient_name = "Other^Name"; /* what is there stays */
    bare.sop_uid = "1.2.3.4.7";
    assert_ok(ingest_sample(f->cache, &bare, &result, err));
    assert_ok(kh_browse_study(f->cache, result.study_id, &study, err));
    assert_string_equal(study.patient.name.alphabetic, "Yamada^Hanako");
    assert_ok(kh_browse_studies(f->cache, &wanted, keep_study, &found, &total, err));
    assert_int_equal(total, 1);
    assert_int_equal(found.id, study.id);
}

/* Limits */

static void sizes_have_limits(void **state)
{
    kh_cache_options options = kh_cache_options_default;
    kh_incoming *incoming;
    kh_ingest_result result;
    kh_cache *cache;
    temp_dir dir;
    uint8_t block[1000] = {0};

    (void)state;
    temp_dir_make(&dir);
    options.dir = dir.path;
    options.owner = true;
    options.reserve_bytes = 0;
    options.object_bytes_max = 2000;
    assert_ok(kh_cache_open(&cache, &options, err));
    assert_int_equal(kh_ingest_begin(&incoming, cache, 2001, NULL), KH_E_LIMIT);
    assert_ok(kh_ingest_begin(&incoming, cache, 2000, err));
    assert_ok(kh_ingest_write(incoming, block, 1000, err));
    assert_ok(kh_ingest_write(incoming, block, 1000, err));
    assert_int_equal(kh_ingest_write(incoming, block, 1, NULL), KH_E_LIMIT);
    assert_int_equal(kh_ingest_write(incoming, block, 0, NULL), KH_E_LIMIT); /* it stays refused */
    assert_int_equal(kh_ingest_commit(incoming, &origin_north, NULL, &result, NULL), KH_E_LIMIT);
    assert_int_equal(temp_dir_count(&dir, "incoming"), 0);
    kh_ingest_abort(NULL);
    assert_ok(kh_ingest_begin(&incoming, cache, 0, err));
    assert_int_equal(temp_dir_count(&dir, "incoming"), 1);
    kh_ingest_abort(incoming);
    assert_int_equal(temp_dir_count(&dir, "incoming"), 0);
    kh_cache_close(cache);
    options.reserve_bytes = UINT64_MAX / 2; /* more than any disk has */
    assert_ok(kh_cache_open(&cache, &options, err));
    assert_int_equal(kh_ingest_begin(&incoming, cache, 0, NULL), KH_E_FULL);
    assert_null(incoming);
    kh_cache_close(cache);
    temp_dir_remove(&dir);
}

/* What was begun ahead has taken no room, so it is asked again. */
static void begun_ahead_is_looked_at_again(void **state)
{
    kh_cache_options options = kh_cache_options_default;
    kh_incoming *ahead, *other;
    kh_cache *cache;
    temp_dir dir;
    uint8_t block[2000] = {0};

    (void)state;
    temp_dir_make(&dir);
    options.dir = dir.path;
    options.owner = true;
    options.reserve_bytes = 0;
    options.object_bytes_max = 2500;
    options.quota_bytes = 3000;
    assert_ok(kh_cache_open(&cache, &options, err));
    assert_ok(kh_ingest_begin(&ahead, cache, 0, err));
    assert_ok(kh_ingest_begin(&other, cache, 0, err));
    assert_ok(kh_ingest_still(ahead, 2500, err));
    assert_int_equal(kh_ingest_still(ahead, 2501, NULL), KH_E_LIMIT);
    assert_ok(kh_ingest_write(other, block, sizeof block, err));
    assert_ok(kh_ingest_still(ahead, 1000, err));
    assert_int_equal(kh_ingest_still(ahead, 1001, NULL), KH_E_FULL);
    kh_ingest_abort(other);
    assert_ok(kh_ingest_still(ahead, 2500, err));
    assert_ok(kh_ingest_write(ahead, block, sizeof block, err)); /* refused or not, it is as it was */
    kh_ingest_abort(ahead);
    assert_int_equal(temp_dir_count(&dir, "incoming"), 0);
    kh_cache_close(cache);
    temp_dir_remove(&dir);
}

static void only_the_owner_takes_objects(void **state)
{
    fixture *f = *state;
    kh_cache *reader = cache_open_reader(&f->dir, NULL);
    kh_incoming *incoming;

    assert_int_equal(kh_ingest_begin(&incoming, reader, 0, NULL), KH_E_DENIED);
    kh_cache_close(reader);
}

static void files_that_are_no_files(void **state)
{
    fixture *f = *state;
    kh_ingest_result result;
    char path[700];

    assert_int_equal(kh_ingest_file(f->cache, "/nonexistent/x", &origin_north, &result, NULL), KH_E_NOT_FOUND);
    assert_int_equal(kh_ingest_file(f->cache, f->dir.path, &origin_north, &result, NULL), KH_E_ARG);
    snprintf(path, sizeof path, "%s/pipe", f->dir.path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(kh_ingest_file(f->cache, path, &origin_north, &result, NULL), KH_E_ARG);
    assert_int_equal(temp_dir_count(&f->dir, "incoming"), 0);
}

/* Many at once */

#define THREADS 8

typedef struct sender {
    kh_cache *cache;
    int index, count, own; /* own: every sender has objects of its own */
    int64_t stored, duplicates, conflicts;
    bool odd_bytes; /* this one sends other bytes under the same UIDs */
} sender;

static void *send_all(void *argument)
{
    sender *s = argument;

    for (int i = 0; i < s->count; i++) {
        int number = s->own ? s->index * s->count + i : (i * 7 + s->index) % s->count;
        char sop_uid[32], series_uid[32];
        sample object = plain;
        kh_ingest_result result;
        kh_error err = KH_ERROR_INIT;

        snprintf(series_uid, sizeof series_uid, "1.2.3.%d", number % 5 + 10);
        snprintf(sop_uid, sizeof sop_uid, "1.2.3.9.%d", number + 1);
        object.series_uid = series_uid;
        object.sop_uid = sop_uid;
        object.instance = number + 1;
        object.seed = s->odd_bytes ? 77 : 0;
        if (ingest_sample(s->cache, &object, &result, &err) != KH_OK) {
            print_error("%s\n", err.message);
            return argument;
        }
        s->duplicates += result.duplicate;
        s->conflicts += result.conflict;
        s->stored += !result.duplicate && !result.conflict;
    }
    return NULL;
}

static void send_from_all(kh_cache *cache, sender senders[THREADS], int count, int own, bool odd)
{
    pthread_t threads[THREADS];
    void *failed;

    for (int i = 0; i < THREADS; i++) {
        senders[i] = (sender){.cache = cache, .index = i, .count = count, .own = own, .odd_bytes = odd && i % 2};
        assert_int_equal(pthread_create(&threads[i], NULL, send_all, &senders[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

static void eight_senders_share_commits(void **state)
{
    fixture *f = *state;
    sender senders[THREADS];
    kh_cache_stats stats;

    send_from_all(f->cache, senders, 40, 1, false);
    assert_ok(kh_cache_get_stats(f->cache, &stats, err));
    assert_int_equal(stats.objects, 40 * THREADS);
    assert_int_equal(stats.studies, 1);
    assert_int_equal(stats.series, 5);
    assert_true(stats.rows_committed >= 40 * THREADS);
    assert_true(stats.group_commits < stats.rows_committed);
    assert_clean(f->cache, 40 * THREADS);
}

/* R9: one file and one row for each object, whoever was first. */
static void eight_senders_of_the_same_objects(void **state)
{
    fixture *f = *state;
    sender senders[THREADS];
    int64_t stored = 0, duplicates = 0;

    send_from_all(f->cache, senders, 100, 0, false);
    for (int i = 0; i < THREADS; i++) {
        stored += senders[i].stored;
        duplicates += senders[i].duplicates;
        assert_int_equal(senders[i].conflicts, 0);
    }
    assert_int_equal(stored, 100);
    assert_int_equal(duplicates, 100 * (THREADS - 1));
    assert_int_equal(temp_dir_count(&f->dir, "incoming"), 0);
    assert_int_equal(temp_dir_count(&f->dir, "quarantine"), 0);
    assert_clean(f->cache, 100);
}

static void eight_senders_of_conflicting_objects(void **state)
{
    fixture *f = *state;
    sender senders[THREADS];
    int64_t stored = 0, conflicts = 0, duplicates = 0;

    send_from_all(f->cache, senders, 25, 0, true);
    for (int i = 0; i < THREADS; i++) {
        stored += senders[i].stored;
        conflicts += senders[i].conflicts;
        duplicates += senders[i].duplicates;
    }
    assert_int_equal(stored, 25);
    assert_int_equal(conflicts, 25 * THREADS / 2);
    assert_int_equal(duplicates, 25 * THREADS / 2 - 25);
    assert_int_equal(temp_dir_count(&f->dir, "quarantine"), 25);
    assert_clean(f->cache, 25);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, cache_set_up, cache_tear_down)
    const struct CMUnitTest tests[] = {
        T(stored_whole),
        T(refusals_name_the_attribute),
        T(a_uid_of_64_and_a_private_class_pass),
        T(announced_must_be_what_comes),
        T(bad_origins_are_our_callers_mistake),
        T(cut_objects_are_refused),
        T(odd_pixels_are_kept_with_a_reason),
        T(same_again),
        T(same_data_set_behind_another_header),
        T(other_bytes_go_to_quarantine),
        T(second_transfer_heals_a_lost_file),
        T(facilities_are_apart),
        T(patients_without_an_id_are_apart),
        T(one_study_uid_two_patients),
        T(later_objects_fill_what_was_empty),
        cmocka_unit_test(sizes_have_limits),
        cmocka_unit_test(begun_ahead_is_looked_at_again),
        T(only_the_owner_takes_objects),
        T(files_that_are_no_files),
        T(eight_senders_share_commits),
        T(eight_senders_of_the_same_objects),
        T(eight_senders_of_conflicting_objects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
