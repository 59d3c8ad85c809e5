/* What we answer when asked (C-FIND as provider): levels, hierarchy, matching, character sets, limits, cancel; stock findscu and our own
 * user side as peers, and identifiers that are not well-formed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "cache/ingest.h"
#include "dicom/dataset.h"
#include "dicom/shim/user.h"
#include "dicom/text.h"
#include "dicom/writer.h"
#include "pacs-bridge/identifier.h"
#include "tests/bridge/support.h"
#include "tests/bridge/world.h"

#define KANJI "\\ISO 2022 IR 87"
#define UTF8 "ISO_IR 192"

static const struct {
    const char *patient_id, *name, *charset, *study, *date, *time, *accession, *series[2], *modality[2];
} studies[] = {
    {"P1", "Yamada^Taro=山田^太郎=やまだ^たろう", KANJI, "1.2.1", "20260102", "101112", "A1", {"1.2.1.1", "1.2.1.2"}, {"CT", "SR"}},
    {"P1", "Yamada^Taro=山田^太郎=やまだ^たろう", KANJI, "1.2.2", "20260203", "0930", "A2", {"1.2.2.1", NULL}, {"CT", NULL}},
    {"P2", "Sato^Hanako=佐藤^花子", KANJI, "1.2.3", "20260203", "", "A3", {"1.2.3.1", NULL}, {"MR", NULL}},
    {"P3", "Müller^Eva", UTF8, "1.2.4", "", "", "", {"1.2.4.1", NULL}, {"US", NULL}},
};
#define STUDIES (sizeof(studies) / sizeof(studies[0]))

static void write_object(kh_buf *out, size_t study, unsigned series, const char *uid)
{
    kh_writer *writer = NULL;

    assert_int_equal(kh_writer_create(&writer, out, true, studies[study].charset, NULL), KH_OK);
    kh_writer_text(writer, KH_TAG_SPECIFIC_CHARACTER_SET, KH_VR('C', 'S'), studies[study].charset);
    kh_writer_text(writer, KH_TAG_SOP_CLASS_UID, KH_VR('U', 'I'), "1.2.840.10008.5.1.4.1.1.88.11");
    kh_writer_text(writer, KH_TAG_SOP_INSTANCE_UID, KH_VR('U', 'I'), uid);
    kh_writer_text(writer, KH_TAG_STUDY_DATE, KH_VR('D', 'A'), studies[study].date);
    kh_writer_text(writer, KH_TAG_STUDY_TIME, KH_VR('T', 'M'), studies[study].time);
    kh_writer_text(writer, KH_TAG_ACCESSION_NUMBER, KH_VR('S', 'H'), studies[study].accession);
    kh_writer_text(writer, KH_TAG_MODALITY, KH_VR('C', 'S'), studies[study].modality[series]);
    kh_writer_text(writer, KH_TAG_PATIENT_NAME, KH_VR('P', 'N'), studies[study].name);
    kh_writer_text(writer, KH_TAG_PATIENT_ID, KH_VR('L', 'O'), studies[study].patient_id);
    kh_writer_text(writer, KH_TAG_STUDY_INSTANCE_UID, KH_VR('U', 'I'), studies[study].study);
    kh_writer_text(writer, KH_TAG_SERIES_INSTANCE_UID, KH_VR('U', 'I'), studies[study].series[series]);
    kh_writer_is(writer, KH_TAG_SERIES_NUMBER, series + 1);
    assert_int_equal(kh_writer_finish(writer, NULL), KH_OK);
    kh_writer_free(writer);
}

static void take_in(kh_cache *cache, size_t study, unsigned series, unsigned number)
{
    const kh_origin origin = {.facility = "north", .source = "test"};
    kh_ingest_result result;
    kh_incoming *incoming;
    char uid[40];
    kh_buf bytes;

    snprintf(uid, sizeof(uid), "%s.%u", studies[study].series[series], number);
    kh_buf_init(&bytes, 65536);
    assert_int_equal(kh_part10_header(&bytes, "1.2.840.10008.5.1.4.1.1.88.11", uid, KH_TS_EXPLICIT_LE, "TEST", NULL), KH_OK);
    write_object(&bytes, study, series, uid);
    assert_int_equal(kh_ingest_begin(&incoming, cache, 0, NULL), KH_OK);
    assert_int_equal(kh_ingest_write(incoming, bytes.data, bytes.size, NULL), KH_OK);
    assert_int_equal(kh_ingest_commit(incoming, &origin, NULL, &result, NULL), KH_OK);
    kh_buf_release(&bytes);
}

static int start(void **state)
{
    world *it = malloc(sizeof(*it));

    world_make(it);
    it->options.find_answers_max = 50;
    (void)world_add_node(it, "tester", "TESTER", 0, true);
    (void)world_add_node(it, "findscu", "FINDSCU", 0, false);
    for (size_t i = 0; i < STUDIES; i++)
        for (unsigned series = 0; series < 2 && studies[i].series[series]; series++)
            for (unsigned n = 0; n < 2; n++)
                take_in(it->cache, i, series, n);
    world_start_bridge(it);
    *state = it;
    return 0;
}

static int stop(void **state)
{
    world_free(*state);
    free(*state);
    return 0;
}

/* --- asking --- */

typedef struct answers {
    unsigned count;
    char uids[1024];    /* study, series or image UIDs, each with a space behind */
    char charset[64];   /* of the last */
    kh_person_name name;
    int64_t numbers[3]; /* 1206, 1208, 1209 */
    char modalities[64], retrieve[20], level[20];
    uint16_t final;
    char comment[65];
} answers;

static kh_status note_answer(void *context, const uint8_t *bytes, size_t size, const char *syntax, kh_error *err)
{
    static const kh_tag counts[] = {KH_TAG_NUMBER_OF_STUDY_RELATED_SERIES, KH_TAG_NUMBER_OF_STUDY_RELATED_INSTANCES,
                                    KH_TAG_NUMBER_OF_SERIES_RELATED_INSTANCES};
    static const kh_tag uid_tags[] = {KH_TAG_SOP_INSTANCE_UID, KH_TAG_SERIES_INSTANCE_UID, KH_TAG_STUDY_INSTANCE_UID, KH_TAG_PATIENT_ID};
    answers *to = context;
    kh_dataset *dataset;
    kh_source source;
    const kh_item *item;
    char uid[65] = "";

    kh_source_init_memory(&source, bytes, size);
    if (kh_dataset_read(&dataset, &source, syntax, &kh_dataset_limits_default, err) != KH_OK)
        return KH_E_FORMAT;
    item = kh_dataset_main(dataset);
    for (size_t i = 0; i < 4 && !kh_item_string(item, uid_tags[i], 0, uid, sizeof(uid)); i++)
        ;
    if (strlen(to->uids) + strlen(uid) + 2 < sizeof(to->uids))
        strcat(strcat(to->uids, uid), " ");
    snprintf(to->charset, sizeof(to->charset), "%s", kh_item_charset(item));
    kh_item_person_name(item, KH_TAG_PATIENT_NAME, &to->name);
    for (size_t i = 0; i < 3; i++)
        if (!kh_item_int(item, counts[i], 0, &to->numbers[i]))
            to->numbers[i] = -1;
    snprintf(to->modalities, sizeof(to->modalities), "%u:", kh_item_value_count(item, KH_TAG_MODALITIES_IN_STUDY));
    (void)kh_item_string(item, KH_TAG_MODALITIES_IN_STUDY, 0, to->modalities + 2, sizeof(to->modalities) - 2);
    (void)kh_item_string(item, KH_TAG(0x0008, 0x0054), 0, to->retrieve, sizeof(to->retrieve));
    (void)kh_item_string(item, KH_TAG_QUERY_RETRIEVE_LEVEL, 0, to->level, sizeof(to->level));
    kh_dataset_free(dataset);
    to->count++;
    return KH_OK;
}

static kh_assoc *connect_to(const world *it, const char *model, const char *syntax)
{
    const char *const syntaxes[] = {syntax};
    const kh_proposal proposal = {model, syntaxes, 1, false};
    kh_error err = KH_ERROR_INIT;
    kh_assoc *assoc;

    if (kh_assoc_connect(&assoc, "127.0.0.1", it->port, "TESTER", "KAKEHASHI", &proposal, 1, NULL, NULL, &err) != KH_OK)
        fail_msg("%s", err.message);
    return assoc;
}

static answers ask_on(kh_assoc *assoc, const char *model, const char *charset, const kh_key *keys, size_t key_count)
{
    const kh_context *context = kh_assoc_context_find(assoc, model, NULL);
    answers found = {0};
    kh_error err = KH_ERROR_INIT;
    kh_dimse final;
    kh_buf identifier;

    assert_non_null(context);
    kh_buf_init(&identifier, 65536);
    if (kh_identifier_build(&identifier, context->transfer_syntax, charset, keys, key_count, &err) != KH_OK ||
        kh_user_find(assoc, context, identifier.data, identifier.size, note_answer, &found, &final, &err) != KH_OK)
        fail_msg("%s", err.message);
    kh_buf_release(&identifier);
    found.final = final.status;
    memcpy(found.comment, final.comment, sizeof(found.comment));
    return found;
}

static answers ask(const world *it, const char *model, const char *charset, const kh_key *keys, size_t key_count)
{
    kh_assoc *assoc = connect_to(it, model, KH_TS_EXPLICIT_LE);
    answers found = ask_on(assoc, model, charset, keys, key_count);

    assert_int_equal(kh_assoc_release(assoc, NULL), KH_OK);
    kh_assoc_free(assoc);
    return found;
}

#define LEVEL(text) {KH_TAG_QUERY_RETRIEVE_LEVEL, KH_VR('C', 'S'), text}
#define UID(tag, text) {KH_TAG_##tag##_INSTANCE_UID, KH_VR('U', 'I'), text}
#define PATIENT_ID(text) {KH_TAG_PATIENT_ID, KH_VR('L', 'O'), text}

/* --- tests --- */

/* One key of a study level query, and the last digits of the studies that match it, newest first. */
static void study_keys(void **state)
{
    static const struct {
        const char *name;
        kh_key key;
        const char *expected;
    } rows[] = {
        {"all, newest first", {KH_TAG_STUDY_TIME, KH_VR('T', 'M'), ""}, "2 3 1 4 "},
        {"day", {KH_TAG_STUDY_DATE, KH_VR('D', 'A'), "20260203"}, "2 3 "},
        {"days", {KH_TAG_STUDY_DATE, KH_VR('D', 'A'), "20260101-20260202"}, "1 "},
        {"days from", {KH_TAG_STUDY_DATE, KH_VR('D', 'A'), "20260103-"}, "2 3 "},
        {"days until", {KH_TAG_STUDY_DATE, KH_VR('D', 'A'), "-20260202"}, "1 "},
        {"time", {KH_TAG_STUDY_TIME, KH_VR('T', 'M'), "0900-1000"}, "2 "},
        {"accession", {KH_TAG_ACCESSION_NUMBER, KH_VR('S', 'H'), "A3"}, "3 "},
        {"accession, wild", {KH_TAG_ACCESSION_NUMBER, KH_VR('S', 'H'), "A?"}, "2 3 1 "},
        {"modality", {KH_TAG_MODALITIES_IN_STUDY, KH_VR('C', 'S'), "SR"}, "1 "},
        {"name", {KH_TAG_PATIENT_NAME, KH_VR('P', 'N'), "yamada*"}, "2 1 "},
        {"kanji name", {KH_TAG_PATIENT_NAME, KH_VR('P', 'N'), "山田*"}, "2 1 "},
        {"kanji name in its group", {KH_TAG_PATIENT_NAME, KH_VR('P', 'N'), "=佐藤^花子"}, "3 "},
        {"patient", {KH_TAG_PATIENT_ID, KH_VR('L', 'O'), "P1"}, "2 1 "},
        {"patient, wild", {KH_TAG_PATIENT_ID, KH_VR('L', 'O'), "P*"}, "2 3 1 4 "},
        {"patient, none", {KH_TAG_PATIENT_ID, KH_VR('L', 'O'), "p1"}, ""},
        {"hospital", {KH_TAG_ISSUER_OF_PATIENT_ID, KH_VR('L', 'O'), "north"}, "2 3 1 4 "},
        {"another hospital", {KH_TAG_ISSUER_OF_PATIENT_ID, KH_VR('L', 'O'), "south"}, ""},
        {"UIDs", UID(STUDY, "1.2.4\\1.2.1\\1.2.99"), "1 4 "},
        {"count", {KH_TAG_NUMBER_OF_STUDY_RELATED_INSTANCES, KH_VR('I', 'S'), "4"}, "1 "},
    };
    const world *it = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        kh_key keys[] = {LEVEL("STUDY"), UID(STUDY, ""), rows[i].key};
        size_t count = rows[i].key.tag == KH_TAG_STUDY_INSTANCE_UID ? 2 : 3;
        char digits[64] = "";
        answers found;

        if (count == 2)
            keys[1] = rows[i].key;
        else /* ascending */
            for (size_t k = 2; k > 0 && keys[k].tag < keys[k - 1].tag; k--) {
                kh_key moved = keys[k];
                keys[k] = keys[k - 1];
                keys[k - 1] = moved;
            }
        found = ask(it, KH_SOP_STUDY_ROOT_FIND, KANJI, keys, count);
        for (const char *at = found.uids; *at; at += strcspn(at, " ") + 1)
            strncat(digits, at + 4, 2);
        if (found.final != 0 || strcmp(digits, rows[i].expected) != 0)
            fail_msg("%s: %s, expected %s; status %04X %s", rows[i].name, digits, rows[i].expected, found.final, found.comment);
    }
}

static void computed_values(void **state)
{
    const kh_key study[] = {LEVEL("STUDY"),
                            {KH_TAG(0x0008, 0x0054), KH_VR('A', 'E'), ""},
                            {KH_TAG_MODALITIES_IN_STUDY, KH_VR('C', 'S'), ""},
                            {KH_TAG_PATIENT_NAME, KH_VR('P', 'N'), ""},
                            UID(STUDY, "1.2.1"),
                            {KH_TAG_NUMBER_OF_STUDY_RELATED_SERIES, KH_VR('I', 'S'), ""},
                            {KH_TAG_NUMBER_OF_STUDY_RELATED_INSTANCES, KH_VR('I', 'S'), ""}};
    const kh_key series[] = {
        LEVEL("SERIES"), UID(STUDY, "1.2.1"), UID(SERIES, ""), {KH_TAG_NUMBER_OF_SERIES_RELATED_INSTANCES, KH_VR('I', 'S'), ""}};
    answers found = ask(*state, KH_SOP_STUDY_ROOT_FIND, KANJI, study, 7);

    assert_int_equal(found.count, 1);
    assert_string_equal(found.charset, KANJI);
    assert_string_equal(found.name.alphabetic, "Yamada^Taro");
    assert_string_equal(found.name.ideographic, "山田^太郎");
    assert_string_equal(found.name.phonetic, "やまだ^たろう");
    assert_int_equal(found.numbers[0], 2);
    assert_int_equal(found.numbers[1], 4);
    assert_string_equal(found.modalities, "2:CT");
    assert_string_equal(found.retrieve, "KAKEHASHI");
    assert_string_equal(found.level, "STUDY");
    found = ask(*state, KH_SOP_STUDY_ROOT_FIND, "", series, 4);
    assert_string_equal(found.uids, "1.2.1.1 1.2.1.2 ");
    assert_int_equal(found.numbers[2], 2);
}

/* In the character set that was asked in when the name can be written in it, else in Unicode. */
static void charset_of_answers(void **state)
{
    static const struct {
        const char *name, *asked, *patient_id, *charset, *alphabetic, *ideographic;
    } rows[] = {
        {"kanji in IR 87", KANJI, "P2", KANJI, "Sato^Hanako", "佐藤^花子"},
        {"kanji in UTF-8", UTF8, "P2", UTF8, "Sato^Hanako", "佐藤^花子"},
        {"kanji, none asked", "", "P2", UTF8, "Sato^Hanako", "佐藤^花子"},
        {"kanji, Latin 1 asked", "ISO_IR 100", "P2", UTF8, "Sato^Hanako", "佐藤^花子"},
        {"umlaut in Latin 1", "ISO_IR 100", "P3", "ISO_IR 100", "Müller^Eva", ""},
        {"umlaut, kanji asked", KANJI, "P3", UTF8, "Müller^Eva", ""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const kh_key keys[] = {LEVEL("PATIENT"), {KH_TAG_PATIENT_NAME, KH_VR('P', 'N'), ""}, PATIENT_ID(rows[i].patient_id)};
        answers found = ask(*state, KH_SOP_PATIENT_ROOT_FIND, rows[i].asked, keys, 3);

        if (found.count != 1 || strcmp(found.charset, rows[i].charset) != 0 || strcmp(found.name.alphabetic, rows[i].alphabetic) != 0 ||
            strcmp(found.name.ideographic, rows[i].ideographic) != 0)
            fail_msg("%s: %u answers, charset %s, %s %s", rows[i].name, found.count, found.charset, found.name.alphabetic,
                     found.name.ideographic);
    }
}

static void hierarchy(void **state)
{
    static const struct {
        const char *name, *model;
        kh_key keys[5];
        size_t count;
        uint16_t status;
        const char *expected;
    } rows[] = {
        {"patients", KH_SOP_PATIENT_ROOT_FIND, {LEVEL("PATIENT"), PATIENT_ID("")}, 2, 0, "P3 P2 P1 "},
        {"patients in study root", KH_SOP_STUDY_ROOT_FIND, {LEVEL("PATIENT"), PATIENT_ID("")}, 2, 0xa900, ""},
        {"studies of a patient", KH_SOP_PATIENT_ROOT_FIND, {LEVEL("STUDY"), PATIENT_ID("P1"), UID(STUDY, "")}, 3, 0, "1.2.2 1.2.1 "},
        {"studies of no patient", KH_SOP_PATIENT_ROOT_FIND, {LEVEL("STUDY"), UID(STUDY, "")}, 2, 0xa900, ""},
        {"studies of wild patients", KH_SOP_PATIENT_ROOT_FIND, {LEVEL("STUDY"), PATIENT_ID("P*"), UID(STUDY, "")}, 3, 0xa900, ""},
        {"series",
         KH_SOP_PATIENT_ROOT_FIND,
         {LEVEL("SERIES"), PATIENT_ID("P1"), UID(STUDY, "1.2.1"), UID(SERIES, "")},
         4,
         0,
         "1.2.1.1 1.2.1.2 "},
        {"series of another patient",
         KH_SOP_PATIENT_ROOT_FIND,
         {LEVEL("SERIES"), PATIENT_ID("P2"), UID(STUDY, "1.2.1"), UID(SERIES, "")},
         4,
         0,
         ""},
        {"series of two studies", KH_SOP_STUDY_ROOT_FIND, {LEVEL("SERIES"), UID(STUDY, "1.2.1\\1.2.2"), UID(SERIES, "")}, 3, 0xa900, ""},
        {"series of any study", KH_SOP_STUDY_ROOT_FIND, {LEVEL("SERIES"), UID(STUDY, ""), UID(SERIES, "")}, 3, 0xa900, ""},
        {"images",
         KH_SOP_STUDY_ROOT_FIND,
         {UID(SOP, ""), LEVEL("IMAGE"), UID(STUDY, "1.2.1"), UID(SERIES, "1.2.1.2")},
         4,
         0,
         "1.2.1.2.0 1.2.1.2.1 "},
        {"image by its UID",
         KH_SOP_STUDY_ROOT_FIND,
         {UID(SOP, "1.2.1.2.1"), LEVEL("IMAGE"), UID(STUDY, "1.2.1"), UID(SERIES, "1.2.1.2")},
         4,
         0,
         "1.2.1.2.1 "},
        {"image of another series",
         KH_SOP_STUDY_ROOT_FIND,
         {UID(SOP, "1.2.1.2.1"), LEVEL("IMAGE"), UID(STUDY, "1.2.1"), UID(SERIES, "1.2.1.1")},
         4,
         0,
         ""},
        {"images of any series", KH_SOP_STUDY_ROOT_FIND, {UID(SOP, ""), LEVEL("IMAGE"), UID(STUDY, "1.2.1")}, 3, 0xa900, ""},
        {"no level", KH_SOP_STUDY_ROOT_FIND, {UID(STUDY, "")}, 1, 0xa900, ""},
        {"wrong level", KH_SOP_STUDY_ROOT_FIND, {LEVEL("FRAME"), UID(STUDY, "")}, 2, 0xa900, ""},
        {"bad day",
         KH_SOP_STUDY_ROOT_FIND,
         {{KH_TAG_STUDY_DATE, KH_VR('D', 'A'), "yesterday"}, LEVEL("STUDY"), UID(STUDY, "")},
         3,
         0xa900,
         ""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        answers found = ask(*state, rows[i].model, "", rows[i].keys, rows[i].count);

        if (found.final != rows[i].status || strcmp(found.uids, rows[i].expected) != 0)
            fail_msg("%s: %04X %s, %s", rows[i].name, found.final, found.uids, found.comment);
        assert_int_equal(found.final == 0xa900, found.comment[0] != '\0');
    }
}

static void implicit_syntax_and_two_on_one(void **state)
{
    const kh_key keys[] = {LEVEL("STUDY"), {KH_TAG_PATIENT_NAME, KH_VR('P', 'N'), "佐藤*"}, UID(STUDY, "")};
    kh_assoc *assoc = connect_to(*state, KH_SOP_STUDY_ROOT_FIND, KH_TS_IMPLICIT_LE);

    for (unsigned i = 0; i < 2; i++) {
        answers found = ask_on(assoc, KH_SOP_STUDY_ROOT_FIND, UTF8, keys, 3);
        assert_string_equal(found.uids, "1.2.3 ");
        assert_string_equal(found.name.ideographic, "佐藤^花子");
    }
    assert_int_equal(kh_assoc_release(assoc, NULL), KH_OK);
    kh_assoc_free(assoc);
}

static void those_who_may_not(void **state)
{
    const world *it = *state;
    const kh_key keys[] = {LEVEL("STUDY"), UID(STUDY, "")};
    kh_node node = {.name = "scanner", .ae_title = "SCANNER", .facility = "north", .may_store = true};
    static const char *const syntaxes[] = {KH_TS_IMPLICIT_LE};
    const kh_proposal proposal = {KH_SOP_STUDY_ROOT_FIND, syntaxes, 1, false};
    kh_assoc *assoc;
    answers found;

    assert_int_equal(kh_node_add(it->cache, &node, NULL), KH_OK);
    assert_int_equal(kh_assoc_connect(&assoc, "127.0.0.1", it->port, "SCANNER", "KAKEHASHI", &proposal, 1, NULL, NULL, NULL), KH_OK);
    found = ask_on(assoc, KH_SOP_STUDY_ROOT_FIND, "", keys, 2);
    assert_int_equal(found.final, KH_DIMSE_NOT_AUTHORISED);
    assert_int_equal(found.count, 0);
    kh_assoc_free(assoc);
}

/* Ask, and say at once that it is not wanted any more. Returns the final status; *pending counts the answers before it. */
static uint16_t ask_and_cancel(kh_assoc *assoc, const kh_key *keys, size_t key_count, unsigned *pending)
{
    kh_dimse command;
    kh_buf identifier;
    uint8_t context_id;

    kh_buf_init(&identifier, 65536);
    assert_int_equal(kh_identifier_build(&identifier, KH_TS_EXPLICIT_LE, "", keys, key_count, NULL), KH_OK);
    kh_dimse_init(&command, KH_C_FIND_RQ);
    memcpy(command.sop_class_uid, KH_SOP_STUDY_ROOT_FIND, sizeof(KH_SOP_STUDY_ROOT_FIND));
    command.message_id = 7;
    command.has_data = true;
    assert_int_equal(kh_assoc_send(assoc, 1, &command, NULL), KH_OK);
    assert_int_equal(kh_assoc_send_data(assoc, 1, identifier.data, identifier.size, true, NULL), KH_OK);
    kh_dimse_init(&command, KH_C_CANCEL_RQ);
    command.responded_id = 7;
    assert_int_equal(kh_assoc_send(assoc, 1, &command, NULL), KH_OK);
    kh_buf_release(&identifier);
    for (*pending = 0;; ++*pending) {
        kh_status sink_status;

        assert_int_equal(kh_assoc_receive(assoc, &context_id, &command, 0, NULL), KH_OK);
        if (!kh_dimse_pending(command.status))
            return command.status;
        kh_buf_init(&identifier, 65536);
        assert_int_equal(kh_assoc_receive_data(assoc, 1, kh_data_sink_buf, &identifier, &sink_status, NULL, NULL), KH_OK);
        kh_buf_release(&identifier);
    }
}

/* 60 more images in one series, past the limit of 50 answers. */
static void limit_and_cancel(void **state)
{
    const world *it = *state;
    const kh_key keys[] = {UID(SOP, ""), LEVEL("IMAGE"), UID(STUDY, "1.2.3"), UID(SERIES, "1.2.3.1")};
    uint16_t final = 0;
    unsigned pending = 0;
    kh_assoc *assoc;
    answers found;

    for (unsigned n = 10; n < 70; n++)
        take_in(it->cache, 2, 0, n);
    found = ask(it, KH_SOP_STUDY_ROOT_FIND, "", keys, 4);
    assert_int_equal(found.count, 50);
    assert_int_equal(found.final, KH_DIMSE_OUT_OF_RESOURCES);
    assert_non_null(strstr(found.comment, "more than 50"));

    assoc = connect_to(it, KH_SOP_STUDY_ROOT_FIND, KH_TS_EXPLICIT_LE);
    /* 50 answers may all be on their way before the cancel is: then it is asked again, on the same association */
    for (unsigned i = 0; i < 50 && final != KH_DIMSE_CANCELLED; i++) {
        final = ask_and_cancel(assoc, keys, 4, &pending);
        assert_true(final == KH_DIMSE_CANCELLED ? pending <= 50 : final == KH_DIMSE_OUT_OF_RESOURCES && pending == 50);
    }
    assert_int_equal(final, KH_DIMSE_CANCELLED);
    found = ask_on(assoc, KH_SOP_STUDY_ROOT_FIND, "", keys, 4); /* the association goes on */
    assert_int_equal(found.count, 50);
    kh_assoc_free(assoc);
}

/* One byte of a good identifier changed, cut, or made up: always an answer, never the end of the service. */
static void hostile_identifiers(void **state)
{
    const world *it = *state;
    const kh_key keys[] = {LEVEL("STUDY"), {KH_TAG_PATIENT_NAME, KH_VR('P', 'N'), "a*"}, UID(STUDY, "1.2.1")};
    const kh_context *context;
    answers found = {0};
    kh_assoc *assoc = connect_to(it, KH_SOP_STUDY_ROOT_FIND, KH_TS_EXPLICIT_LE);
    kh_buf identifier;
    kh_dimse final;

    kh_log_set_level(KH_LOG_ERROR);
    context = kh_assoc_context_find(assoc, KH_SOP_STUDY_ROOT_FIND, NULL);
    kh_buf_init(&identifier, KH_IDENTIFIER_BYTES_MAX + 16);
    assert_int_equal(kh_identifier_build(&identifier, KH_TS_EXPLICIT_LE, KANJI, keys, 3, NULL), KH_OK);
    for (size_t i = 0; i < identifier.size; i++)
        for (unsigned bit = 0; bit < 8; bit += 7) {
            identifier.data[i] ^= (uint8_t)(1 << bit);
            assert_int_equal(kh_user_find(assoc, context, identifier.data, identifier.size, note_answer, &found, &final, NULL), KH_OK);
            identifier.data[i] ^= (uint8_t)(1 << bit);
        }
    for (size_t size = 1; size < identifier.size; size++)
        assert_int_equal(kh_user_find(assoc, context, identifier.data, size, note_answer, &found, &final, NULL), KH_OK);
    kh_buf_clear(&identifier); /* items in items */
    for (unsigned depth = 0; depth < 20000; depth++)
        assert_int_equal(kh_buf_append(&identifier, "\x08\x00\x10\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff", 20, NULL),
                         KH_OK);
    assert_int_equal(kh_user_find(assoc, context, identifier.data, identifier.size, note_answer, &found, &final, NULL), KH_OK);
    assert_int_not_equal(final.status, KH_DIMSE_SUCCESS);
    kh_buf_clear(&identifier); /* more than an identifier may have */
    while (identifier.size <= KH_IDENTIFIER_BYTES_MAX)
        assert_int_equal(kh_buf_append(&identifier, "\x10\x00\x20\x00LO\x04\x00""ABCD", 12, NULL), KH_OK);
    assert_int_equal(kh_user_find(assoc, context, identifier.data, identifier.size, note_answer, &found, &final, NULL), KH_OK);
    assert_int_equal(final.status, KH_DIMSE_CANNOT_UNDERSTAND);
    kh_buf_release(&identifier);
    assert_int_equal(kh_assoc_release(assoc, NULL), KH_OK);
    kh_assoc_free(assoc);
    kh_log_set_level(KH_LOG_INFO);
}

/* --- relational queries, by PDUs of our own: few programs negotiate them --- */

static size_t put_item(uint8_t *out, uint8_t type, const void *body, size_t size)
{
    out[0] = type;
    out[1] = 0;
    out[2] = (uint8_t)(size >> 8);
    out[3] = (uint8_t)size;
    memmove(out + 4, body, size);
    return 4 + size;
}

static void put_length(uint8_t *pdu, size_t size)
{
    for (unsigned i = 0; i < 4; i++)
        pdu[2 + i] = (uint8_t)((size - 6) >> (24 - 8 * i));
}

/* An A-ASSOCIATE-RQ for Study Root FIND; relational: the first byte of its application information (PS3.4 C.5.1.1.1). */
static size_t make_associate(uint8_t pdu[1024], const uint8_t *relational, size_t relational_size)
{
    uint8_t body[512] = {1, 0, 0, 0}, user[256], extended[128] = {0, sizeof(KH_SOP_STUDY_ROOT_FIND) - 1};
    size_t at = 6 + 68, size = 4, user_size = 0;

    memset(pdu, 0, 1024);
    pdu[0] = 1;
    pdu[7] = 1;
    memset(pdu + 10, ' ', 32);
    memcpy(pdu + 10, "KAKEHASHI", 9);
    memcpy(pdu + 26, "TESTER", 6);
    at += put_item(pdu + at, 0x10, "1.2.840.10008.3.1.1.1", 21);
    size += put_item(body + size, 0x30, KH_SOP_STUDY_ROOT_FIND, strlen(KH_SOP_STUDY_ROOT_FIND));
    size += put_item(body + size, 0x40, KH_TS_IMPLICIT_LE, strlen(KH_TS_IMPLICIT_LE));
    at += put_item(pdu + at, 0x20, body, size);
    user_size += put_item(user + user_size, 0x51, (uint8_t[4]){0, 0, 0x40, 0}, 4);
    user_size += put_item(user + user_size, 0x52, "1.2.3", 5);
    memcpy(extended + 2, KH_SOP_STUDY_ROOT_FIND, extended[1]);
    if (relational_size > 0)
        memcpy(extended + 2 + extended[1], relational, relational_size);
    user_size += put_item(user + user_size, 0x56, extended, 2 + (size_t)extended[1] + relational_size);
    at += put_item(pdu + at, 0x50, user, user_size);
    put_length(pdu, at);
    return at;
}

static size_t read_pdu(int fd, uint8_t *pdu, size_t pdu_size)
{
    size_t size;

    assert_int_equal(support_read(fd, pdu, 6, 5000), 6);
    size = (size_t)pdu[4] << 8 | pdu[5];
    assert_true(size + 6 <= pdu_size);
    assert_int_equal(support_read(fd, pdu + 6, size, 5000), size);
    return size + 6;
}

static void send_pdv(int fd, uint8_t flags, const kh_buf *bytes)
{
    uint8_t pdu[2048] = {4};
    size_t size = 12 + bytes->size;

    assert_true(size <= sizeof(pdu));
    memcpy(pdu + 12, bytes->data, bytes->size);
    put_length(pdu, size);
    pdu[8] = (uint8_t)((bytes->size + 2) >> 8);
    pdu[9] = (uint8_t)(bytes->size + 2);
    pdu[10] = 1;
    pdu[11] = flags;
    assert_int_equal(write(fd, pdu, size), (ssize_t)size);
}

/* Series of any study: the number of answers, and the final status. */
static unsigned ask_for_series(int fd, uint16_t *status)
{
    const kh_key keys[] = {LEVEL("SERIES"), UID(SERIES, "1.2.1.2\\1.2.3.1")};
    uint8_t pdu[8192];
    unsigned matched = 0;
    kh_dimse command;
    kh_buf bytes;

    kh_buf_init(&bytes, 2000);
    kh_dimse_init(&command, KH_C_FIND_RQ);
    memcpy(command.sop_class_uid, KH_SOP_STUDY_ROOT_FIND, sizeof(KH_SOP_STUDY_ROOT_FIND));
    command.message_id = 3;
    command.has_data = true;
    assert_int_equal(kh_dimse_encode(&bytes, &command, NULL), KH_OK);
    send_pdv(fd, 3, &bytes);
    kh_buf_clear(&bytes);
    assert_int_equal(kh_identifier_build(&bytes, KH_TS_IMPLICIT_LE, "", keys, 2, NULL), KH_OK);
    send_pdv(fd, 2, &bytes);
    kh_buf_release(&bytes);
    for (;;) {
        size_t size = read_pdu(fd, pdu, sizeof(pdu));
        assert_int_equal(pdu[0], 4);
        if (!(pdu[11] & 1)) /* an identifier */
            continue;
        assert_int_equal(kh_dimse_decode(&command, pdu + 12, size - 12, NULL), KH_OK);
        *status = command.status;
        if (!kh_dimse_pending(command.status))
            return matched;
        matched++;
    }
}

static void relational(void **state)
{
    static const struct {
        const char *name;
        uint8_t info[6];
        size_t size;
        bool granted;
    } rows[] = {{"relational", {1}, 1, true},          {"not relational", {0}, 1, false}, {"empty", {0}, 0, false},
                {"relational and all else", {1, 1, 1, 1, 1}, 5, true}, {"an unknown value", {2}, 1, false}};
    const world *it = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t pdu[8192];
        int fd = support_connect(it->port);
        size_t size = make_associate(pdu, rows[i].info, rows[i].size), found = 0;
        uint16_t status = 0;
        unsigned matched;

        assert_int_equal(write(fd, pdu, size), (ssize_t)size);
        size = read_pdu(fd, pdu, sizeof(pdu));
        assert_int_equal(pdu[0], 2);
        for (size_t at = 74; at + 4 < size; at++) /* the item's head and its UID */
            if (pdu[at] == 0x56 && memcmp(pdu + at + 6, KH_SOP_STUDY_ROOT_FIND, strlen(KH_SOP_STUDY_ROOT_FIND)) == 0)
                found = at;
        if ((found > 0) != rows[i].granted)
            fail_msg("%s", rows[i].name);
        if (found > 0) {
            assert_int_equal(pdu[found + 3], 2 + strlen(KH_SOP_STUDY_ROOT_FIND) + 1);
            assert_int_equal(pdu[found + 6 + strlen(KH_SOP_STUDY_ROOT_FIND)], 1);
        }
        matched = ask_for_series(fd, &status);
        assert_int_equal(matched, rows[i].granted ? 2 : 0);
        assert_int_equal(status, rows[i].granted ? KH_DIMSE_SUCCESS : KH_DIMSE_CLASS_MISMATCH);
        close(fd);
    }
}

/* Stock findscu: what it prints of each answer. */
static void stock_findscu(void **state)
{
    const world *it = *state;
    char output[100];
    const char *argv[] = {"findscu", "-S", "-aec", "KAKEHASHI", "-k", "0008,0052=STUDY", "-k", "0010,0010=SATO*", "-k", "0020,000d",
                          "-k", "0020,1208", "-k", "0040,0275", "127.0.0.1", it->port_text, NULL};
    uint8_t *text;
    size_t size;

    snprintf(output, sizeof(output), "%s/findscu.txt", it->dir);
    assert_int_equal(support_run(output, argv), 0);
    text = support_read_file(output, &size);
    assert_non_null(strstr((char *)text, "1.2.3"));
    assert_null(strstr((char *)text, "1.2.1"));
    assert_non_null(strstr((char *)text, "ISO_IR 192"));
    assert_non_null(strstr((char *)text, "(Pending: Warning")); /* the sequence is no key of ours */
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(study_keys),         cmocka_unit_test(computed_values),
        cmocka_unit_test(charset_of_answers), cmocka_unit_test(hierarchy),
        cmocka_unit_test(implicit_syntax_and_two_on_one), cmocka_unit_test(those_who_may_not),
        cmocka_unit_test(relational),         cmocka_unit_test(stock_findscu),      cmocka_unit_test(hostile_identifiers),
        cmocka_unit_test(limit_and_cancel),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
