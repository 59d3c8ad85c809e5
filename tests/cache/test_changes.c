/* What is said of objects after they came: hidden and shown again, gone for good, taken back by the hospital, corrected, joined. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "cache/changes.h"
#include "cache/stack.h"
#include "dicom/writer.h"

static const kh_change_author author = {"sent under the wrong patient", "tester"};

/* Object n of series s of study t, of a patient at a facility. */
static kh_ingest_result put_as(kh_cache *cache, const char *facility, const char *patient_id, const char *name, int t, int s, int n)
{
    const kh_origin origin = {.facility = facility, .source = "TEST"};
    char study_uid[32], series_uid[32], sop_uid[40];
    sample one = {.patient_id = patient_id, .patient_name = name, .study_uid = study_uid, .series_uid = series_uid, .sop_uid = sop_uid,
                  .study_date = "20261103", .description = "CHEST", .modality = s == 1 ? "CT" : "MR", .instance = n, .z_mm = n};
    kh_ingest_result result;
    kh_buf bytes;

    snprintf(study_uid, sizeof study_uid, "1.2.%d", t);
    snprintf(series_uid, sizeof series_uid, "1.2.%d.%d", t, s);
    snprintf(sop_uid, sizeof sop_uid, "1.2.%d.%d.%d", t, s, n);
    kh_buf_init(&bytes, 1 << 20);
    sample_write(&bytes, &one);
    assert_ok(ingest_bytes(cache, &bytes, &origin, &result, err));
    kh_buf_release(&bytes);
    return result;
}

static kh_ingest_result put_one(kh_cache *cache, int t, int s, int n)
{
    return put_as(cache, "north", "P1", "Yamada^Taro", t, s, n);
}

/* ---- what there is to see ---- */

typedef struct seen {
    int studies;
    kh_study last;
} seen;

static kh_status see_study(void *context, const kh_study *study)
{
    seen *s = context;

    s->studies++;
    s->last = *study;
    return KH_OK;
}

static seen look(kh_cache *cache, const char *text)
{
    const kh_study_filter filter = {.text = text, .limit = 10};
    seen s = {0};
    int64_t total = -1;

    assert_ok(kh_browse_studies(cache, &filter, see_study, &s, &total, err));
    assert_int_equal(total, s.studies);
    return s;
}

static int slices(kh_cache *cache, int64_t series_id)
{
    const kh_stack *stack = NULL;
    int count = kh_stack_acquire(&stack, cache, series_id, NULL) == KH_OK ? (int)stack->slice_count : 0;

    kh_stack_release(cache, stack);
    return count;
}

static void assert_counts(kh_cache *cache, int studies, int64_t series, int64_t objects, const char *modalities)
{
    seen s = look(cache, NULL);

    assert_int_equal(s.studies, studies);
    if (studies == 0)
        return;
    assert_int_equal(s.last.series_count, series);
    assert_int_equal(s.last.object_count, objects);
    assert_int_equal(s.last.image_count, objects);
    assert_int_equal(s.last.frame_count, objects);
    assert_string_equal(s.last.modalities, modalities);
}

/* ---- hidden and shown ---- */

static void deleted_and_undone(void **state)
{
    kh_cache *cache = ((fixture *)*state)->cache;
    kh_ingest_result one = put_one(cache, 1, 1, 1), again;
    kh_change change;
    int64_t id, bytes;
    int fd;

    put_one(cache, 1, 1, 2);
    put_one(cache, 1, 2, 1);
    bytes = look(cache, NULL).last.bytes;
    assert_ok(kh_change_delete(cache, one.study_id, 0, 0, &author, &id, err));
    assert_counts(cache, 0, 0, 0, "");
    assert_int_equal(slices(cache, one.series_id), 0);
    assert_int_equal(kh_object_open(cache, one.object_id, &fd, NULL), KH_E_NOT_FOUND);
    again = put_one(cache, 1, 1, 1); /* sent again: taken, and still not shown */
    assert_true(again.duplicate);
    put_one(cache, 1, 1, 3); /* another one of the study is a new one */
    assert_counts(cache, 1, 1, 1, "CT");
    assert_clean(cache, 4);
    assert_ok(kh_change_find(cache, id, &change, err));
    assert_int_equal(change.kind, KH_CHANGE_DELETED);
    assert_int_equal(change.objects, 3);
    assert_string_equal(change.facility, "north");
    assert_string_equal(change.reason, author.reason);
    assert_string_equal(change.asked_by, author.asked_by);
    assert_ok(kh_change_undo(cache, id, "other", err));
    assert_counts(cache, 1, 2, 4, "CT,MR");
    assert_true(look(cache, NULL).last.bytes > bytes);
    assert_int_equal(slices(cache, one.series_id), 3);
    assert_int_equal(kh_change_undo(cache, id, "other", NULL), KH_E_CONFLICT);
    assert_ok(kh_change_find(cache, id, &change, err));
    assert_true(change.undone_ms > 0);
    assert_string_equal(change.undone_by, "other");
    assert_clean(cache, 4);
}

static void parts(void **state)
{
    kh_cache *cache = ((fixture *)*state)->cache;
    kh_ingest_result first = put_one(cache, 1, 1, 1), second = put_one(cache, 1, 1, 2), other = put_one(cache, 1, 2, 1);
    int64_t object, series, ignored;

    assert_ok(kh_change_delete(cache, first.study_id, 0, second.object_id, &author, &object, err));
    assert_counts(cache, 1, 2, 2, "CT,MR");
    assert_int_equal(slices(cache, first.series_id), 1);
    assert_ok(kh_change_delete(cache, first.study_id, other.series_id, 0, &author, &series, err));
    assert_counts(cache, 1, 1, 1, "CT");
    assert_int_equal(kh_change_delete(cache, first.study_id, other.series_id, 0, &author, &ignored, NULL), KH_E_NOT_FOUND);
    assert_int_equal(kh_change_delete(cache, first.study_id + 100, 0, 0, &author, &ignored, NULL), KH_E_NOT_FOUND);
    assert_ok(kh_change_undo(cache, object, "tester", err));
    assert_counts(cache, 1, 1, 2, "CT");
    assert_ok(kh_change_undo(cache, series, "tester", err));
    assert_counts(cache, 1, 2, 3, "CT,MR");
}

static void purged_after_a_while(void **state)
{
    const int64_t day_ms = 86400000;
    kh_cache *cache = ((fixture *)*state)->cache;
    kh_ingest_result one = put_one(cache, 1, 1, 1);
    int64_t id, gone_id, objects;
    kh_change change;

    put_one(cache, 1, 1, 2);
    put_one(cache, 2, 1, 1);
    assert_ok(kh_change_delete(cache, one.study_id, 0, 0, &author, &id, err));
    assert_ok(kh_change_gone(cache, look(cache, NULL).last.id, &author, &gone_id, err));
    assert_ok(kh_change_purge(cache, kh_clock_wall_ms() - day_ms, &objects, err));
    assert_int_equal(objects, 0);
    assert_ok(kh_change_purge(cache, kh_clock_wall_ms() + 1000, &objects, err));
    assert_int_equal(objects, 2); /* what the hospital took back stays */
    assert_clean(cache, 1);
    assert_ok(kh_change_find(cache, id, &change, err));
    assert_true(change.purged);
    assert_false(put_one(cache, 1, 1, 1).duplicate); /* it comes again, and is not wanted still */
    assert_counts(cache, 0, 0, 0, "");
    assert_ok(kh_change_undo(cache, id, "tester", err));
    assert_counts(cache, 1, 1, 1, "CT");
    assert_ok(kh_change_undo(cache, gone_id, "tester", err));
    assert_int_equal(look(cache, NULL).studies, 2);
    assert_clean(cache, 2);
}

/* ---- rejection notes ---- */

/* A key object selection with this title over objects 1 to count of series 1 of study 1. */
static void put_note(kh_cache *cache, const char *facility, const char *scheme, const char *code, int count)
{
    const kh_origin origin = {.facility = facility, .source = "TEST"};
    char sop_uid[40];
    kh_ingest_result result;
    kh_writer *w;
    kh_buf bytes;

    snprintf(sop_uid, sizeof sop_uid, "1.2.1.9.%s.%d", code, count);
    kh_buf_init(&bytes, 1 << 20);
    assert_ok(kh_part10_header(&bytes, "1.2.840.10008.5.1.4.1.1.88.59", sop_uid, KH_TS_EXPLICIT_LE, "TEST", err));
    assert_ok(kh_writer_create(&w, &bytes, true, "", err));
    kh_writer_text(w, KH_TAG_SOP_CLASS_UID, KH_VR('U', 'I'), "1.2.840.10008.5.1.4.1.1.88.59");
    kh_writer_text(w, KH_TAG_SOP_INSTANCE_UID, KH_VR('U', 'I'), sop_uid);
    kh_writer_text(w, KH_TAG_MODALITY, KH_VR('C', 'S'), "KO");
    kh_writer_text(w, KH_TAG_PATIENT_ID, KH_VR('L', 'O'), "P1");
    kh_writer_text(w, KH_TAG_STUDY_INSTANCE_UID, KH_VR('U', 'I'), "1.2.1");
    kh_writer_text(w, KH_TAG_SERIES_INSTANCE_UID, KH_VR('U', 'I'), "1.2.1.9");
    kh_writer_sequence_begin(w, KH_TAG(0x0040, 0xa043));
    kh_writer_item_begin(w);
    kh_writer_text(w, KH_TAG(0x0008, 0x0100), KH_VR('S', 'H'), code);
    kh_writer_text(w, KH_TAG(0x0008, 0x0102), KH_VR('S', 'H'), scheme);
    kh_writer_item_end(w);
    kh_writer_sequence_end(w);
    kh_writer_sequence_begin(w, KH_TAG(0x0040, 0xa375));
    kh_writer_item_begin(w);
    kh_writer_sequence_begin(w, KH_TAG(0x0008, 0x1115));
    kh_writer_item_begin(w);
    kh_writer_sequence_begin(w, KH_TAG(0x0008, 0x1199));
    for (int n = 1; n <= count; n++) {
        snprintf(sop_uid, sizeof sop_uid, "1.2.1.1.%d", n);
        kh_writer_item_begin(w);
        kh_writer_text(w, KH_TAG(0x0008, 0x1150), KH_VR('U', 'I'), KH_SOP_CT_IMAGE);
        kh_writer_text(w, KH_TAG(0x0008, 0x1155), KH_VR('U', 'I'), sop_uid);
        kh_writer_item_end(w);
    }
    kh_writer_sequence_end(w);
    kh_writer_item_end(w);
    kh_writer_sequence_end(w);
    kh_writer_item_end(w);
    kh_writer_sequence_end(w);
    assert_ok(kh_writer_finish(w, err));
    kh_writer_free(w);
    assert_ok(ingest_bytes(cache, &bytes, &origin, &result, err));
    kh_buf_release(&bytes);
}

static kh_status keep_change(void *context, const kh_change *change)
{
    *(kh_change *)context = *change;
    return KH_E_CANCELLED; /* the newest is enough */
}

static void rejections(void **state)
{
    static const struct {
        const char *name, *facility, *scheme, *code;
        int before, after; /* objects 1 and 2 that are shown with the note here; and 3, named by it, when it comes later */
    } rows[] = {
        {"quality", "north", "DCM", "113001", 0, 0},        {"patient safety", "north", "DCM", "113037", 0, 0},
        {"wrong worklist entry", "north", "DCM", "113038", 0, 0}, {"expired", "north", "DCM", "113039", 0, 1},
        {"another title", "north", "DCM", "113000", 2, 3},  {"another scheme", "north", "99XYZ", "113001", 2, 3},
        {"another hospital's", "south", "DCM", "113001", 2, 3},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        fixture *f;
        kh_change change = {0};
        int64_t series_id;

        assert_int_equal(cache_set_up((void **)&f), 0);
        series_id = put_one(f->cache, 1, 1, 1).series_id;
        put_one(f->cache, 1, 1, 2);
        put_note(f->cache, rows[i].facility, rows[i].scheme, rows[i].code, 3);
        if (slices(f->cache, series_id) != rows[i].before)
            fail_msg("%s: %d shown, expected %d", rows[i].name, slices(f->cache, series_id), rows[i].before);
        put_one(f->cache, 1, 1, 3);
        if (slices(f->cache, series_id) != rows[i].after)
            fail_msg("%s: %d shown later, expected %d", rows[i].name, slices(f->cache, series_id), rows[i].after);
        (void)!kh_change_list(f->cache, 0, 10, keep_change, &change, NULL);
        if (change.id != 0) {
            assert_int_equal(change.kind, KH_CHANGE_REJECTED);
            assert_ok(kh_change_undo(f->cache, change.id, "tester", err));
            assert_int_equal(slices(f->cache, series_id), 3);
        }
        assert_clean(f->cache, 4);
        cache_tear_down((void **)&f);
    }
}

/* ---- corrections ---- */

static const char *outgoing_text(const kh_outgoing *out, kh_tag tag)
{
    for (size_t i = 0; i < out->count; i++)
        if (out->amendments[i].tag == tag)
            return out->amendments[i].utf8;
    return NULL;
}

static void a_name_is_corrected(void **state)
{
    const kh_patient_values values = {.name_alphabetic = "Yamada^Hanako", .name_ideographic = "山田^花子", .sex = "F"};
    kh_cache *cache = ((fixture *)*state)->cache;
    kh_ingest_result one = put_one(cache, 1, 1, 1);
    kh_outgoing out;
    int64_t id;

    assert_ok(kh_change_outgoing(cache, one.study_id, &out, err));
    assert_int_equal(out.count, 0);
    assert_ok(kh_change_patient(cache, "north", "P1", &values, &author, &id, err));
    assert_int_equal(look(cache, "花子").studies, 1);
    assert_int_equal(look(cache, "taro").studies, 0);
    assert_string_equal(look(cache, NULL).last.patient.name.ideographic, "山田^花子");
    put_one(cache, 2, 1, 1); /* what comes later belongs to the corrected patient */
    assert_int_equal(look(cache, "花子").studies, 2);
    assert_ok(kh_change_outgoing(cache, one.study_id, &out, err));
    assert_int_equal(out.count, 2);
    assert_string_equal(outgoing_text(&out, KH_TAG_PATIENT_NAME), "Yamada^Hanako=山田^花子");
    assert_string_equal(outgoing_text(&out, KH_TAG_PATIENT_SEX), "F");
    assert_int_equal(strlen(out.datetime), 19);
    assert_ok(kh_change_undo(cache, id, "tester", err));
    assert_int_equal(look(cache, "taro").studies, 2);
    assert_ok(kh_change_outgoing(cache, one.study_id, &out, err));
    assert_int_equal(out.count, 0);
}

static void values_that_cannot_be(void **state)
{
    static const struct {
        const char *name;
        kh_patient_values values;
        kh_status status;
        const char *words;
    } rows[] = {
        {"a month 13", {.birth_date = "19701301"}, KH_E_ARG, "birth_date"},
        {"a day 0", {.birth_date = "19700100"}, KH_E_ARG, "birth_date"},
        {"a day 31", {.birth_date = "19700131"}, KH_OK, ""},
        {"no date", {.birth_date = ""}, KH_OK, ""},
        {"two letters", {.sex = "MM"}, KH_E_ARG, "sex"},
        {"another letter", {.sex = "X"}, KH_E_ARG, "sex"},
        {"an equals sign", {.name_alphabetic = "a=b"}, KH_E_ARG, "name_alphabetic"},
        {"a backslash", {.name_alphabetic = "a\\b"}, KH_E_ARG, "name_alphabetic"},
        {"a line end", {.patient_id = "1\n2"}, KH_E_ARG, "patient_id"},
        {"no ID", {.patient_id = ""}, KH_E_ARG, "patient_id"},
        {"64 characters", {.patient_id = "1234567890123456789012345678901234567890123456789012345678901234"}, KH_OK, ""},
        {"65 characters", {.patient_id = "12345678901234567890123456789012345678901234567890123456789012345"}, KH_E_ARG, "patient_id"},
    };
    kh_cache *cache = ((fixture *)*state)->cache;

    put_one(cache, 1, 1, 1);
    for (size_t i = 0; i < KH_COUNT(rows); i++) {
        kh_error why = KH_ERROR_INIT;
        int64_t id;

        if (kh_change_patient(cache, "north", "P1", &rows[i].values, &author, &id, &why) != rows[i].status ||
            !strstr(why.message, rows[i].words))
            fail_msg("%s: %s", rows[i].name, why.message);
        if (rows[i].status == KH_OK)
            assert_ok(kh_change_undo(cache, id, "tester", err));
    }
    assert_int_equal(kh_change_patient(cache, "north", "P2", &(kh_patient_values){.sex = "F"}, &author, &(int64_t){0}, NULL),
                     KH_E_NOT_FOUND);
    assert_int_equal(kh_change_patient(cache, "south", "P1", &(kh_patient_values){.sex = "F"}, &author, &(int64_t){0}, NULL),
                     KH_E_NOT_FOUND);
    assert_int_equal(
        kh_change_patient(cache, "north", "P1", &(kh_patient_values){.sex = "F"}, &(kh_change_author){"", "t"}, &(int64_t){0}, NULL),
        KH_E_ARG);
}

static void an_id_is_corrected(void **state)
{
    kh_cache *cache = ((fixture *)*state)->cache;
    kh_ingest_result one = put_one(cache, 1, 1, 1);
    kh_outgoing out;
    int64_t id;

    assert_ok(kh_change_patient(cache, "north", "P1", &(kh_patient_values){.patient_id = "0001"}, &author, &id, err));
    put_one(cache, 1, 1, 2);                                      /* the hospital goes on with the old one */
    put_as(cache, "north", "0001", "Yamada^Taro", 2, 1, 1);       /* or uses the new one */
    put_as(cache, "south", "P1", "Somebody^Else", 3, 1, 1);       /* another hospital's is another's */
    assert_int_equal(look(cache, "yamada").studies, 2);
    assert_string_equal(look(cache, "yamada").last.patient.patient_id, "0001");
    assert_string_equal(look(cache, "somebody").last.patient.patient_id, "P1");
    assert_ok(kh_change_outgoing(cache, one.study_id, &out, err));
    assert_string_equal(outgoing_text(&out, KH_TAG_PATIENT_ID), "0001");
    assert_ok(kh_change_undo(cache, id, "tester", err));
    assert_string_equal(look(cache, "yamada").last.patient.patient_id, "P1");
}

static void two_patients_are_one(void **state)
{
    kh_cache *cache = ((fixture *)*state)->cache;
    kh_ingest_result one = put_one(cache, 1, 1, 1), other = put_as(cache, "north", "P2", "Yamada^Tarou", 2, 1, 1);
    kh_outgoing out;
    int64_t id;

    assert_ok(kh_change_patient(cache, "north", "P1", &(kh_patient_values){.patient_id = "P2"}, &author, &id, err));
    assert_int_equal(look(cache, "tarou").studies, 2);
    put_one(cache, 3, 1, 1);
    assert_int_equal(look(cache, "tarou").studies, 3);
    assert_clean(cache, 3);
    assert_ok(kh_change_outgoing(cache, one.study_id, &out, err));
    assert_string_equal(outgoing_text(&out, KH_TAG_PATIENT_ID), "P2");
    assert_string_equal(outgoing_text(&out, KH_TAG_PATIENT_NAME), "Yamada^Tarou");
    for (size_t i = 0; i < out.count; i++)
        assert_int_equal(out.amendments[i].only_with, KH_TAG_PATIENT_ID); /* an object of P2 goes as it is */
    assert_ok(kh_change_undo(cache, id, "tester", err));
    assert_int_equal(look(cache, "tarou").studies, 2); /* the one that came meanwhile is where it came to be */
    assert_string_equal(look(cache, "1.2.1 nothing").last.study_uid, "");
    (void)other;
}

static void the_same_study_under_both(void **state)
{
    kh_cache *cache = ((fixture *)*state)->cache;
    kh_error err = KH_ERROR_INIT;
    int64_t id;

    put_one(cache, 1, 1, 1);
    put_as(cache, "north", "P2", "Yamada^Tarou", 1, 1, 7);
    assert_int_equal(kh_change_patient(cache, "north", "P1", &(kh_patient_values){.patient_id = "P2"}, &author, &id, &err), KH_E_CONFLICT);
    assert_non_null(strstr(err.message, "under both"));
    assert_int_equal(look(cache, "tarou").studies, 1); /* nothing was half done */
    put_one(cache, 2, 1, 1);
    assert_int_equal(look(cache, "tarou").studies, 1);
}

static void the_newest_is_undone_first(void **state)
{
    kh_cache *cache = ((fixture *)*state)->cache;
    kh_error why = KH_ERROR_INIT;
    int64_t first, second;
    char words[40];

    put_one(cache, 1, 1, 1);
    assert_ok(kh_change_patient(cache, "north", "P1", &(kh_patient_values){.name_alphabetic = "B"}, &author, &first, err));
    assert_ok(kh_change_patient(cache, "north", "P1", &(kh_patient_values){.name_alphabetic = "C"}, &author, &second, err));
    assert_int_equal(kh_change_undo(cache, first, "tester", &why), KH_E_CONFLICT);
    snprintf(words, sizeof words, "change %lld stands on this one", (long long)second);
    assert_non_null(strstr(why.message, words));
    assert_ok(kh_change_undo(cache, second, "tester", err));
    assert_string_equal(look(cache, NULL).last.patient.name.alphabetic, "B");
    assert_ok(kh_change_undo(cache, first, "tester", err));
    assert_string_equal(look(cache, NULL).last.patient.name.alphabetic, "Yamada^Taro");
}

static void a_study_of_another(void **state)
{
    kh_cache *cache = ((fixture *)*state)->cache;
    kh_ingest_result one = put_one(cache, 1, 1, 1);
    kh_outgoing out;
    int64_t id;

    put_as(cache, "north", "P2", "Sato^Jiro", 2, 1, 1);
    put_one(cache, 3, 1, 1);
    assert_int_equal(kh_change_study(cache, one.study_id, &(kh_study_values){.patient_id = "P9"}, &author, &id, NULL), KH_E_NOT_FOUND);
    assert_ok(kh_change_study(cache, one.study_id, &(kh_study_values){.patient_id = "P2", .accession = "A1", .description = "胸部"},
                              &author, &id, err));
    put_one(cache, 1, 1, 2); /* the rest of it comes under the wrong patient still */
    assert_int_equal(look(cache, "sato").studies, 2);
    assert_int_equal(look(cache, "yamada").studies, 1);
    assert_int_equal(look(cache, "胸部").last.object_count, 2);
    assert_ok(kh_change_outgoing(cache, one.study_id, &out, err));
    assert_string_equal(outgoing_text(&out, KH_TAG_PATIENT_ID), "P2");
    assert_string_equal(outgoing_text(&out, KH_TAG_ACCESSION_NUMBER), "A1");
    assert_string_equal(outgoing_text(&out, KH_TAG_STUDY_DESCRIPTION), "胸部");
    assert_ok(kh_change_undo(cache, id, "tester", err));
    assert_int_equal(look(cache, "sato").studies, 1);
    assert_int_equal(look(cache, "yamada").studies, 2);
    assert_int_equal(look(cache, "chest").studies, 3);
}

static void who_had_no_id(void **state)
{
    kh_cache *cache = ((fixture *)*state)->cache;
    kh_ingest_result one = put_as(cache, "north", "", "", 1, 1, 1);
    int64_t id;

    put_as(cache, "north", "", "", 2, 1, 1); /* somebody else without one */
    assert_ok(kh_change_study(cache, one.study_id, &(kh_study_values){.patient_id = "E7"}, &author, &id, err));
    put_as(cache, "north", "", "", 1, 1, 2);
    assert_int_equal(look(cache, "E7").studies, 1);
    assert_int_equal(look(cache, "E7").last.object_count, 2);
    assert_ok(kh_change_undo(cache, id, "tester", err));
    assert_int_equal(look(cache, "E7").studies, 0);
    put_as(cache, "north", "", "", 1, 1, 3);
    assert_int_equal(look(cache, NULL).studies, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, cache_set_up, cache_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(deleted_and_undone), TEST(parts),                     TEST(purged_after_a_while), cmocka_unit_test(rejections),
        TEST(a_name_is_corrected), TEST(values_that_cannot_be),    TEST(an_id_is_corrected),   TEST(two_patients_are_one),
        TEST(the_same_study_under_both), TEST(the_newest_is_undone_first), TEST(a_study_of_another), TEST(who_had_no_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
