/* Address and parameters of a search (PS3.18 8.3.4, 10.6.1), as they stand in a request line: what is read of them, or the 400 that names
 * the parameter. Both sides of each limit. */
#include "tests/cmocka_all.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "tests/http/client.h"
#include "viewer/dicomweb/qido.h"

#define RESULTS_MAX 1000

static uint16_t port;
static kh_http_server *server;

/* "2|00100020=A\B;|f-e-|50+10|x-name": level, keys, flags (fuzzy, empty, every), limit and offset, what is not applied. */
static kh_status dump(const kh_qido_query *query, kh_buf *out)
{
    kh_status status = kh_buf_appendf(out, NULL, "%d|", (int)query->level);

    for (size_t i = 0; status == KH_OK && i < query->key_count; i++)
        status = kh_buf_appendf(out, NULL, "%08X=%s;", (unsigned)query->keys[i].tag, query->keys[i].value);
    if (status != KH_OK)
        return status;
    return kh_buf_appendf(out, NULL, "|%s%s%s|%" PRId64 "+%" PRId64 "|%s", query->flags & KH_SEARCH_FUZZY ? "f" : "",
                          query->flags & KH_SEARCH_EMPTY ? "e" : "", query->flags & KH_SEARCH_EVERY ? "a" : "", query->limit, query->offset,
                          query->ignored);
}

static bool has_field(const kh_qido_query *query, kh_tag tag)
{
    for (size_t i = 0; i < query->field_count; i++)
        if (query->fields[i].tag == tag)
            return true;
    return false;
}

static void search(kh_http_request *request, void *context)
{
    kh_error err = KH_ERROR_INIT;
    kh_qido_query query;
    kh_buf text;

    (void)context;
    kh_buf_init(&text, 1 << 20);
    if (kh_qido_query_read(&query, request, RESULTS_MAX, &err) != KH_OK || dump(&query, &text) != KH_OK) {
        kh_http_answer_code(request, 400, err.message);
    } else {
        kh_http_set_header(request, "X-Body-Part", has_field(&query, KH_TAG_BODY_PART_EXAMINED) ? "yes" : "no");
        kh_http_set_header(request, "X-Patient", has_field(&query, KH_TAG_PATIENT_NAME) ? "yes" : "no");
        kh_http_answer(request, 200, "text/plain", text.data, text.size);
    }
    kh_buf_release(&text);
    kh_qido_query_release(&query);
}

static int start(void **state)
{
    static const kh_http_route routes[] = {
        {"GET", "/dicomweb/studies", search, NULL},
        {"GET", "/dicomweb/series", search, NULL},
        {"GET", "/dicomweb/instances", search, NULL},
        {"GET", "/dicomweb/studies/{study}/series", search, NULL},
        {"GET", "/dicomweb/studies/{study}/series/{series}/instances", search, NULL},
    };
    kh_http_options options = {.thread_count = 1, .connections_max = 64, .connections_per_address_max = 64, .open_below = "/dicomweb",
                               .idle_timeout_s = 60, .body_bytes_max = 1000, .loopback_hosts_only = true};

    (void)state;
    kh_log_set_level(KH_LOG_ERROR);
    options.listen_fd = client_listen(&port);
    return kh_http_server_start(&server, &options, routes, KH_COUNT(routes), NULL) == KH_OK ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    kh_http_server_stop(server, 1000);
    return 0;
}

static const struct {
    const char *label, *target, *expected;
} good[] = {
    {"nothing", "studies", "1|||1000+0|"},
    {"a keyword", "studies?PatientID=A", "1|00100020=A;||1000+0|"},
    {"a tag", "studies?00100020=A", "1|00100020=A;||1000+0|"},
    {"a tag in small letters", "studies?0020000d=1.2", "1|0020000D=1.2;||1000+0|"},
    {"percent everywhere", "studies?Patient%49D=A%2CB%5E%3F%2A", "1|00100020=A,B^?*;||1000+0|"},
    {"a plus is a space", "studies?PatientName=A+B", "1|00100010=A B;||1000+0|"},
    {"UTF-8", "studies?PatientName=%E5%B1%B1", "1|00100010=\xe5\xb1\xb1;||1000+0|"},
    {"UIDs by commas", "instances?SOPInstanceUID=1.2,1.3", "3|00080018=1.2\\1.3;||1000+0|"},
    {"UIDs by backslashes", "instances?SOPInstanceUID=1.2%5C1.3", "3|00080018=1.2\\1.3;||1000+0|"},
    {"UIDs one by one", "instances?SOPInstanceUID=1.2&SOPInstanceUID=1.3", "3|00080018=1.2\\1.3;||1000+0|"},
    {"codes by commas", "studies?ModalitiesInStudy=CT,MR", "1|00080061=CT\\MR;||1000+0|"},
    {"a comma in a text is its own", "studies?AccessionNumber=A,B", "1|00080050=A,B;||1000+0|"},
    {"an empty key is asked for only", "studies?PatientID=", "1|||1000+0|"},
    {"flags", "studies?fuzzymatching=true&emptyvaluematching=true&multiplevaluematching=true", "1||fea|1000+0|"},
    {"flags that say no", "studies?fuzzymatching=false&emptyvaluematching=false&multiplevaluematching=false", "1|||1000+0|"},
    {"limit and offset", "studies?limit=50&offset=10", "1|||50+10|"},
    {"no limit at all", "studies?limit=0", "1|||0+0|"},
    {"as many as there may be", "studies?limit=1000", "1|||1000+0|"},
    {"more than there may be", "studies?limit=1001", "1|||1000+0|"},
    {"as far as it goes", "studies?offset=10000000", "1|||1000+10000000|"},
    {"the address names the study", "studies/1.2/series?Modality=CT", "2|0020000D=1.2;00080060=CT;||1000+0|"},
    {"and the series", "studies/1.2/series/1.3/instances", "3|0020000D=1.2;0020000E=1.3;||1000+0|"},
    {"a sequence", "series?RequestAttributesSequence.ScheduledProcedureStepID=A", "2|00400009=A;||1000+0|"},
    {"a sequence in tags", "series?00400275.00401001=A", "2|00401001=A;||1000+0|"},
    {"a sequence that is not held", "series?ReferencedStudySequence.ReferencedSOPInstanceUID=1.2",
     "2|||1000+0|ReferencedStudySequence.ReferencedSOPInstanceUID"},
    {"an item's attribute beside the sequence", "series?ScheduledProcedureStepID=A", "2|||1000+0|ScheduledProcedureStepID"},
    {"below the level", "studies?Modality=CT", "1|||1000+0|Modality"},
    {"a sequence below the level", "studies?00400275.00400009=A", "1|||1000+0|00400275.00400009"},
    {"not indexed", "studies?PatientComments=x", "1|||1000+0|PatientComments"},
    {"what others know", "studies?x-trace=1&orderby=StudyDate", "1|||1000+0|x-trace, orderby"},
    {"counts of a patient", "studies?NumberOfPatientRelatedStudies=1", "1|||1000+0|NumberOfPatientRelatedStudies"},
};

static const struct {
    const char *label, *target, *names;
} bad[] = {
    {"no such name", "studies?NoSuchThing=1", "NoSuchThing"},
    {"a name that begins small", "studies?patientID=1", "patientID"},
    {"a sequence that begins small", "series?requestAttributesSequence.RequestedProcedureID=1", "requestAttributesSequence"},
    {"a name in the wrong letters", "studies?PATIENTID=1", "PATIENTID"},
    {"a digit too few", "studies?0010002=A", "0010002"},
    {"a digit too many", "studies?001000201=A", "001000201"},
    {"no name", "studies?=A", "parameter"},
    {"a dot at the end", "studies?RequestAttributesSequence.=A", "parameter"},
    {"a dot in front", "studies?.PatientID=A", "PatientID"},
    {"no sequence", "studies?PatientID.PatientName=A", "PatientID"},
    {"nine deep", "studies?00400275.00400275.00400275.00400275.00400275.00400275.00400275.00400275.00400009=A", "00400009"},
    {"a limit below 0", "studies?limit=-1", "limit"},
    {"a limit that is none", "studies?limit=ten", "limit"},
    {"a limit with a point", "studies?limit=1.0", "limit"},
    {"no limit", "studies?limit=", "limit"},
    {"too far", "studies?offset=10000001", "offset"},
    {"neither true nor false", "studies?fuzzymatching=1", "fuzzymatching"},
    {"True", "studies?emptyvaluematching=True", "emptyvaluematching"},
    {"twice", "studies?limit=1&limit=2", "limit"},
    {"a text twice", "studies?PatientID=1&PatientID=2", "PatientID"},
    {"a text twice, by name and tag", "studies?PatientID=1&00100020=2", "PatientID"},
    {"the address's study again", "studies/1.2/series?StudyInstanceUID=1.2", "StudyInstanceUID"},
    {"the address's series again", "studies/1.2/series/1.3/instances?0020000E=1.3", "SeriesInstanceUID"},
    {"no UID in the address", "studies/x/series", "study"},
    {"nothing is included", "studies?includefield=", "includefield"},
    {"includes what is not", "studies?includefield=PatientID,Nothing", "includefield"},
};

static client_answer ask(const char *target)
{
    char line[4200];

    snprintf(line, sizeof line, "/dicomweb/%s", target);
    return client_get(port, line, "");
}

static void read_rightly(void **state)
{
    (void)state;
    for (size_t i = 0; i < KH_COUNT(good); i++) {
        client_answer answer = ask(good[i].target);

        if (answer.code != 200 || strcmp((char *)answer.body, good[i].expected) != 0)
            fail_msg("%s: %u %s, expected %s", good[i].label, answer.code, (char *)answer.body, good[i].expected);
        client_answer_free(&answer);
    }
}

static void refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < KH_COUNT(bad); i++) {
        client_answer answer = ask(bad[i].target);

        if (answer.code != 400 || !strstr((char *)answer.body, bad[i].names))
            fail_msg("%s: %u %s, expected 400 with %s", bad[i].label, answer.code, answer.body ? (char *)answer.body : "", bad[i].names);
        client_answer_free(&answer);
    }
}

static void fields(void **state)
{
    static const struct {
        const char *target;
        bool body_part, patient;
    } cases[] = {
        {"series", false, true},
        {"studies/1.2/series", false, false},
        {"series?BodyPartExamined=", true, true},
        {"series?BodyPartExamined=CHEST", true, true},
        {"series?includefield=BodyPartExamined", true, true},
        {"series?includefield=00180015,PatientID", true, true},
        {"series?includefield=PatientID&includefield=00180015", true, true},
        {"studies/1.2/series?includefield=PatientName", false, true},
        {"studies/1.2/series?includefield=all", true, true},
        {"studies?includefield=BodyPartExamined", false, true}, /* below the level */
        {"studies?includefield=PixelData", false, true},        /* not held */
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        client_answer answer = ask(cases[i].target);
        char part[8], patient[8];

        assert_int_equal(answer.code, 200);
        assert_true(client_header(&answer, "X-Body-Part", part, sizeof part) &&
                    client_header(&answer, "X-Patient", patient, sizeof patient));
        if ((part[0] == 'y') != cases[i].body_part || (patient[0] == 'y') != cases[i].patient)
            fail_msg("%s: body part %s, patient %s", cases[i].target, part, patient);
        client_answer_free(&answer);
    }
}

/* Of UIDs as many as the target holds; of keys as many as a target has parameters. */
static void many(void **state)
{
    char target[4096] = "instances?SOPInstanceUID=1.2";
    client_answer answer;

    (void)state;
    while (strlen(target) < 3900)
        strcat(target, ",1.2.840.113619.2.55.3.604688119");
    answer = ask(target);
    assert_int_equal(answer.code, 200);
    client_answer_free(&answer);
    strcpy(target, "series?");
    for (int i = 0; i < 63; i++)
        strcat(target, "Modality=CT&");
    answer = ask(strcat(target, "Modality=MR"));
    assert_int_equal(answer.code, 200);
    client_answer_free(&answer);
    answer = ask(strcat(target, "&Modality=US"));
    assert_int_equal(answer.code / 100, 4);
    client_answer_free(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(read_rightly), cmocka_unit_test(refused_by_name), cmocka_unit_test(fields),
                                       cmocka_unit_test(many)};

    return cmocka_run_group_tests(tests, start, stop);
}
