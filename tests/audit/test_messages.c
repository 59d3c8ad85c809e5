/* Records as DICOM audit messages: every action, way and result is valid by the schema (PS3.15 A.5.1) as xmllint reads it, whatever stands
 * in its fields, and has the event, the participants and the objects that A.5.3 wants of it. */
#include "tests/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "audit/dicom_event.h"
#include "audit/event.h"
#include "audit/follow.h"
#include "tests/audit/support.h"

#ifndef KH_SOURCE_DIR
#error "KH_SOURCE_DIR is the top of the tree"
#endif

static char xml_text[KH_AUDIT_XML_MAX];

/* Message index of a record, in xml_text; how many the record is. */
static size_t message_of(const kh_audit_event *event, const char *chain, size_t index)
{
    const kh_audit_source source = {.id = "host-1", .chain = chain, .seq = 12, .hash = "00ff"};
    char record[KH_AUDIT_RECORD_MAX + 1];
    size_t size = kh_audit_event_write(record, event, 1700000000123), count = 0;
    kh_json *json = NULL;
    bool failure;
    kh_buf xml;

    assert_true(size > 0);
    assert_int_equal(kh_json_parse_object(&json, record, size, KH_AUDIT_RECORD_MAX, NULL), KH_OK);
    kh_buf_init(&xml, KH_AUDIT_XML_MAX);
    assert_int_equal(kh_audit_dicom_event(&xml, json, &source, index, &count, &failure, NULL), KH_OK);
    assert_int_equal(failure, event->result != KH_AUDIT_ALLOWED && event->result != KH_AUDIT_DONE);
    assert_true(xml.size < sizeof xml_text);
    memcpy(xml_text, kh_buf_text(&xml), xml.size + 1);
    kh_buf_release(&xml);
    kh_json_free(json);
    return count;
}

static void keep_message(unsigned number)
{
    char path[700];
    FILE *file;

    snprintf(path, sizeof path, "%s/%u.xml", audit_dir, number);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(xml_text, file);
    assert_int_equal(fclose(file), 0);
}

/* How xmllint ends with all of them. */
static int lint(void)
{
    char command[1500];

    snprintf(command, sizeof command,
             "cd '%s' && ls *.xml | xargs xmllint --noout --relaxng '%s/tests/audit/dicom_audit.rng' > lint.txt 2>&1; r=$?; "
             "[ $r = 0 ] || grep -v ' validates$' lint.txt | head -5; exit $r",
             audit_dir, KH_SOURCE_DIR);
    return system(command);
}

static kh_audit_event full_event(kh_audit_action action, kh_audit_result result, const char *way)
{
    return (kh_audit_event){.action = action,
                            .result = result,
                            .who = "sato",
                            .by = "person",
                            .who_facility = "clinic-a",
                            .terminal = "desk-1",
                            .address = "192.0.2.7",
                            .ae_title = "READER",
                            .way = way,
                            .facility = "hospital-a",
                            .patient = "P-1",
                            .study = "1.2.3",
                            .series = "1.2.3.4",
                            .object = "1.2.3.4.5",
                            .to = "DEST",
                            .purpose = "care",
                            .reason = "no consent",
                            .text = "words",
                            .count = 3,
                            .failed = 1,
                            .code = 42752};
}

static void all_of_them_fit_the_schema(void **state)
{
    static const char *const ways[] = {"portal", "DICOMweb", "C-FIND", "C-FIND of ours", "C-GET", "C-MOVE", "pull", "send", "import", NULL};
    static const char *const chains[] = {"bridge", "web", "command"};
    unsigned number = 0;

    (void)state;
    if (system("xmllint --version > /dev/null 2>&1") != 0)
        skip();
    for (unsigned action = 0; action < KH_AUDIT_ACTIONS; action++)
        for (unsigned result = 0; result < KH_AUDIT_RESULTS; result++)
            for (size_t w = 0; w < KH_COUNT(ways); w++) {
                kh_audit_event full = full_event(action, result, ways[w]);
                const kh_audit_event bare = {.action = action, .result = result, .way = ways[w], .count = -1, .failed = -1};
                const char *chain = chains[number % 3];
                size_t count = message_of(&full, chain, 0);

                keep_message(number++);
                assert_int_equal(count, strcmp(chain, "bridge") == 0 && (action == KH_AUDIT_START || action == KH_AUDIT_STOP) ? 2 : 1);
                for (size_t i = 1; i < count; i++) {
                    message_of(&full, chain, i);
                    keep_message(number++);
                }
                message_of(&bare, chain, 0);
                keep_message(number++);
            }
    assert_int_equal(lint(), 0);
}

/* S14: nothing in a field makes a message that is none, or another one. */
static void nothing_in_a_field_breaks_one(void **state)
{
    static const struct {
        const char *name, *text, *said;
    } cases[] = {
        {"markup", "<a b=\"c\">&'", "&lt;a b=&quot;c&quot;&gt;&amp;&#39;"},
        {"end of it", "\"/></ActiveParticipant>", "&quot;/&gt;&lt;/ActiveParticipant&gt;"},
        {"line ends and tab", "a\r\nb\tc", "a&#13;&#10;b&#9;c"},
        {"controls", "\x01\x1b\x7f", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"UTF-8", "\xe5\xb1\xb1\xf0\xa0\xae\xb7", "\xe5\xb1\xb1\xf0\xa0\xae\xb7"},
        {"no character", "\xef\xbf\xbe\xef\xbf\xbf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"8-bit", "\xff\xb1", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"CDATA", "]]>", "]]&gt;"},
        {"entity", "&xxe;", "&amp;xxe;"},
    };

    (void)state;
    if (system("xmllint --version > /dev/null 2>&1") != 0)
        skip();
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        const char *t = cases[i].text;
        kh_audit_event event = {.action = KH_AUDIT_SEARCH,
                                .who = t,
                                .ae_title = t,
                                .address = t,
                                .way = t,
                                .facility = t,
                                .patient = t,
                                .study = t,
                                .text = t,
                                .terminal = t,
                                .who_facility = t,
                                .reason = t,
                                .purpose = t,
                                .count = -1,
                                .failed = -1};
        char expected[200];

        message_of(&event, "web", 0);
        keep_message((unsigned)i);
        snprintf(expected, sizeof expected, "AETITLES=%s\"", cases[i].said);
        if (!strstr(xml_text, expected))
            fail_msg("%s: no %s in %s", cases[i].name, expected, xml_text);
    }
    assert_int_equal(lint(), 0);
}

/* Texts as long as a record holds, of characters that are longest in XML. */
static void the_longest_fit(void **state)
{
    static char text[KH_AUDIT_TEXT_MAX * 2];
    const kh_audit_event event = {.action = KH_AUDIT_ALERT,
                                  .who = text,
                                  .by = text,
                                  .address = text,
                                  .ae_title = text,
                                  .way = text,
                                  .facility = text,
                                  .patient = text,
                                  .study = text,
                                  .series = text,
                                  .object = text,
                                  .to = text,
                                  .text = text,
                                  .terminal = text,
                                  .who_facility = text,
                                  .reason = text,
                                  .purpose = text,
                                  .count = INT64_MAX,
                                  .failed = INT64_MAX};

    (void)state;
    memset(text, '"', sizeof text - 1);
    assert_int_equal(message_of(&event, "web", 0), 1);
}

/* PS3.15 A.5.3 and PS3.16 CID 400, 401: which event a record is. */
static void each_record_is_its_event(void **state)
{
    static const struct {
        const char *name;
        kh_audit_action action;
        kh_audit_result result;
        const char *way, *chain, *event, *type, *code;
    } cases[] = {
        {"start", KH_AUDIT_START, KH_AUDIT_DONE, NULL, "web", "110100", "110120", "E"},
        {"stop", KH_AUDIT_STOP, KH_AUDIT_DONE, NULL, "web", "110100", "110121", "E"},
        {"checkpoint", KH_AUDIT_CHECKPOINT, KH_AUDIT_DONE, NULL, "web", "110101", NULL, "R"},
        {"query", KH_AUDIT_SEARCH, KH_AUDIT_ALLOWED, "C-FIND", "bridge", "110112", NULL, "E"},
        {"pictures", KH_AUDIT_VIEW, KH_AUDIT_ALLOWED, "portal", "web", "110103", NULL, "R"},
        {"C-MOVE begins", KH_AUDIT_SEND, KH_AUDIT_ALLOWED, "C-MOVE", "bridge", "110102", NULL, "E"},
        {"C-MOVE has ended", KH_AUDIT_SEND, KH_AUDIT_DONE, "C-MOVE", "bridge", "110104", NULL, "R"},
        {"C-STORE", KH_AUDIT_STORE, KH_AUDIT_DONE, "C-STORE", "bridge", "110104", NULL, "C"},
        {"a pull begins", KH_AUDIT_FETCH, KH_AUDIT_ALLOWED, "pull", "bridge", "110102", NULL, "E"},
        {"taken out by DICOMweb", KH_AUDIT_RETRIEVE, KH_AUDIT_ALLOWED, "DICOMweb", "web", "110106", NULL, "R"},
        {"imported", KH_AUDIT_STORE, KH_AUDIT_DONE, "import", "bridge", "110107", NULL, "C"},
        {"signed in", KH_AUDIT_SIGN_IN, KH_AUDIT_DONE, "portal", "web", "110114", "110122", "E"},
        {"not signed in", KH_AUDIT_SIGN_IN, KH_AUDIT_REFUSED, "portal", "web", "110114", "110122", "E"},
        {"signed out", KH_AUDIT_SIGN_OUT, KH_AUDIT_DONE, "portal", "web", "110114", "110123", "E"},
        {"turned away", KH_AUDIT_CONNECT, KH_AUDIT_REFUSED, "DICOM", "bridge", "110113", "110126", "E"},
        {"consent", KH_AUDIT_RIGHTS, KH_AUDIT_DONE, "command", "command", "110113", "110135", "E"},
        {"deleted", KH_AUDIT_DELETE, KH_AUDIT_DONE, "command", "bridge", "110105", NULL, "D"},
        {"corrected", KH_AUDIT_CORRECT, KH_AUDIT_DONE, "command", "bridge", "110103", NULL, "U"},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_audit_event event = full_event(cases[i].action, cases[i].result, cases[i].way);
        char expected[100];

        message_of(&event, cases[i].chain, 0);
        snprintf(expected, sizeof expected, "<EventID csd-code=\"%s\" codeSystemName=\"DCM\"", cases[i].event);
        if (!strstr(xml_text, expected))
            fail_msg("%s: no %s in %s", cases[i].name, expected, xml_text);
        snprintf(expected, sizeof expected, "EventActionCode=\"%s\"", cases[i].code);
        if (!strstr(xml_text, expected))
            fail_msg("%s: no %s in %s", cases[i].name, expected, xml_text);
        snprintf(expected, sizeof expected, "<EventTypeCode csd-code=\"%s\"", cases[i].type ? cases[i].type : "");
        assert_int_equal(strstr(xml_text, cases[i].type ? expected : "<EventTypeCode") != NULL, cases[i].type != NULL);
        assert_int_equal(strstr(xml_text, "EventOutcomeIndicator=\"8\"") != NULL, cases[i].result == KH_AUDIT_REFUSED);
        assert_non_null(strstr(xml_text, "ParticipantObjectID=\"P-1^^^hospital-a\""));
        assert_non_null(strstr(xml_text, "urn:kakehashi:audit:"));
    }
    message_of(&(kh_audit_event){.action = KH_AUDIT_START, .result = KH_AUDIT_DONE}, "bridge", 1);
    assert_non_null(strstr(xml_text, "<EventID csd-code=\"110108\""));
    assert_non_null(strstr(xml_text, "<EventTypeCode csd-code=\"110124\""));
}

/* --- following a chain --- */

static void a_follower_gives_every_record_once_and_goes_on_where_it_was(void **state)
{
    kh_audit_follower follower;
    kh_audit_place place;
    kh_audit_line line;
    uint64_t seq = 0;

    (void)state;
    kh_audit_follow(&follower, audit_dir, "web");
    assert_int_equal(kh_audit_follow_next(&follower, &line, NULL), KH_E_NOT_FOUND); /* nobody has written yet */
    for (int round = 0; round < 3; round++) {
        audit_fill("web", 60 * (uint64_t)(round + 1), 4000); /* over several files */
        for (int i = 0; i < 25; i++) {
            assert_int_equal(kh_audit_follow_next(&follower, &line, NULL), KH_OK);
            assert_int_equal(line.seq, ++seq);
        }
        place = follower.place; /* as after a start */
        kh_audit_follow_end(&follower);
        kh_audit_follow(&follower, audit_dir, "web");
        kh_audit_follow_from(&follower, &place);
        while (kh_audit_follow_next(&follower, &line, NULL) == KH_OK)
            assert_int_equal(line.seq, ++seq);
    }
    assert_int_equal(seq, 180);
    place = (kh_audit_place){.seq = seq + 1000, .first = 1, .offset = 1 << 20}; /* of a chain that was put back since: all comes again */
    kh_audit_follow_from(&follower, &place);
    assert_int_equal(kh_audit_follow_next(&follower, &line, NULL), KH_OK);
    assert_int_equal(line.seq, 1);
    kh_audit_follow_end(&follower);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, audit_set_up, audit_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(all_of_them_fit_the_schema),
        CASE(nothing_in_a_field_breaks_one),
        CASE(the_longest_fit),
        CASE(each_record_is_its_event),
        CASE(a_follower_gives_every_record_once_and_goes_on_where_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
