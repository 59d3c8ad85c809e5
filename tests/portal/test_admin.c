/* What operators are told and may do; the bridge is played by the test. */
#include "tests/portal/fixture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cache/changes.h"
#include "cache/compares.h"
#include "cache/nodes.h"

#define FROM_OURS "Sec-Fetch-Site: same-origin\r\nContent-Type: application/json\r\n"

typedef struct bridge {
    char asked[512]; /* the last request */
    const char *answer;
    kh_status status;
} bridge;

static kh_status play(void *context, const char *request, kh_buf *answer, int64_t timeout_ms, kh_error *err)
{
    bridge *b = context;

    assert_true(timeout_ms > 0);
    snprintf(b->asked, sizeof b->asked, "%s", request);
    if (b->status != KH_OK)
        return kh_error_set(err, b->status, "no service runs on a path nobody should read");
    return kh_buf_append_text(answer, b->answer, err);
}

static void with_bridge(fixture *f, bridge *b)
{
    f->options.ask = play;
    f->options.ask_context = b;
    fixture_restart(f);
}

static client_answer post(fixture *f, const char *target, const char *headers, const char *body)
{
    int fd = client_connect(f->port, 10000);
    client_answer answer;
    char text[8192];

    snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n%s", target,
             strlen(body), headers, body);
    assert_true(fd >= 0 && client_send(fd, text, strlen(text)));
    answer = client_receive(fd, true);
    close(fd);
    return answer;
}

static const struct {
    const char *name, *target, *headers, *bridge_says; /* NULL: it does not answer */
    unsigned code;
    const char *asked; /* "": nothing may have been */
} changes[] = {
    {"echo", "/api/admin/nodes/city-pacs/echo", FROM_OURS, "{\"ok\":true,\"answers\":true,\"took_us\":1200,\"reason\":\"\"}", 200,
     "{\"op\":\"node.echo\",\"name\":\"city-pacs\"}"},
    {"a name with a quote", "/api/admin/nodes/a%22b/echo", FROM_OURS, "{\"ok\":true}", 200, "{\"op\":\"node.echo\",\"name\":\"a\\\"b\"}"},
    {"retry", "/api/admin/pulls/7/retry", FROM_OURS, "{\"ok\":true}", 200, "{\"op\":\"pull.retry\",\"id\":7}"},
    {"cancel", "/api/admin/pulls/7/cancel", FROM_OURS, "{\"ok\":true}", 200, "{\"op\":\"pull.cancel\",\"id\":7}"},
    {"retry a send", "/api/admin/sends/8/retry", FROM_OURS, "{\"ok\":true}", 200, "{\"op\":\"send.retry\",\"id\":8}"},
    {"cancel a send", "/api/admin/sends/8/cancel", FROM_OURS, "{\"ok\":true}", 200, "{\"op\":\"send.cancel\",\"id\":8}"},
    {"retry a rule", "/api/admin/rules/old/retry", FROM_OURS, "{\"ok\":true}", 200, "{\"op\":\"rule.retry\",\"name\":\"old\"}"},
    {"cancel a back-fill", "/api/admin/rules/old/cancel", FROM_OURS, "{\"ok\":true}", 200, "{\"op\":\"backfill.cancel\",\"name\":\"old\"}"},
    {"it may not now", "/api/admin/pulls/7/retry", FROM_OURS, "{\"ok\":false,\"status\":6,\"message\":\"it runs\"}", 409,
     "{\"op\":\"pull.retry\",\"id\":7}"},
    {"no such job", "/api/admin/pulls/7/retry", FROM_OURS, "{\"ok\":false,\"status\":5,\"message\":\"no pull 7\"}", 404,
     "{\"op\":\"pull.retry\",\"id\":7}"},
    {"a status nobody knows", "/api/admin/pulls/7/retry", FROM_OURS, "{\"ok\":false,\"status\":999,\"message\":\"\"}", 500,
     "{\"op\":\"pull.retry\",\"id\":7}"},
    {"an answer that is none", "/api/admin/pulls/7/retry", FROM_OURS, "{\"ok\":", 500, "{\"op\":\"pull.retry\",\"id\":7}"},
    {"no bridge", "/api/admin/pulls/7/retry", FROM_OURS, NULL, 503, "{\"op\":\"pull.retry\",\"id\":7}"},
    {"number 0", "/api/admin/pulls/0/retry", FROM_OURS, "{\"ok\":true}", 400, ""},
    {"no number", "/api/admin/pulls/x/retry", FROM_OURS, "{\"ok\":true}", 400, ""},
    {"no such action", "/api/admin/pulls/7/remove", FROM_OURS, "{\"ok\":true}", 404, ""},
    {"no such kind", "/api/admin/studies/7/cancel", FROM_OURS, "{\"ok\":true}", 404, ""},
    {"from elsewhere", "/api/admin/pulls/7/cancel",
     "Origin: http://evil.example\r\nContent-Type: application/json\r\n", "{\"ok\":true}", 403, ""},
    {"no word of where from", "/api/admin/pulls/7/cancel", "Content-Type: application/json\r\n", "{\"ok\":true}", 403, ""},
    {"a form", "/api/admin/pulls/7/cancel", "Origin: http://localhost\r\nContent-Type: text/plain\r\n", "{\"ok\":true}", 415, ""},
};

static void changes_go_to_the_bridge(void **state)
{
    fixture *f = *state;
    bridge b = {.answer = ""};

    with_bridge(f, &b);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        client_answer answer;

        b = (bridge){.answer = changes[i].bridge_says, .status = changes[i].bridge_says ? KH_OK : KH_E_NOT_FOUND};
        answer = post(f, changes[i].target, changes[i].headers, "{}");
        if (answer.code != changes[i].code || strcmp(b.asked, changes[i].asked) != 0)
            fail_msg("%s: %u, asked %s", changes[i].name, answer.code, b.asked);
        if (answer.code == 200)
            assert_string_equal(answer.body, changes[i].bridge_says);
        else
            assert_null(strstr((char *)answer.body, "a path nobody should read"));
        client_answer_free(&answer);
    }
    assert_int_equal(get_code(f, "/api/admin/pulls/7/cancel"), 405);
}

static const struct {
    const char *name, *target, *body;
    unsigned code;
    const char *asked;
} bodies[] = {
    {"undo", "/api/admin/changes/3/undo", "{\"asked_by\":\"A\"}", 200, "{\"op\":\"change.undo\",\"id\":3,\"asked_by\":\"A\"}"},
    {"undo without a name: the bridge says so", "/api/admin/changes/3/undo", "", 200, "{\"op\":\"change.undo\",\"id\":3}"},
    {"delete", "/api/admin/studies/12/delete", "{\"reason\":\"twice\",\"asked_by\":\"A\"}", 200,
     "{\"op\":\"change.delete\",\"study\":12,\"reason\":\"twice\",\"asked_by\":\"A\"}"},
    {"only what it takes goes on", "/api/admin/studies/12/delete",
     "{\"op\":\"node.remove\",\"series\":1,\"study\":9,\"reason\":\"r\",\"asked_by\":\"A\"}",
     200, "{\"op\":\"change.delete\",\"study\":12,\"reason\":\"r\",\"asked_by\":\"A\"}"},
    {"a number is no text", "/api/admin/studies/12/delete", "{\"reason\":7,\"asked_by\":\"A\"}", 200,
     "{\"op\":\"change.delete\",\"study\":12,\"asked_by\":\"A\"}"},
    {"a patient", "/api/admin/patients/city/correct",
     "{\"patient_id\":\"1\",\"new_id\":\"2\",\"sex\":\"\",\"reason\":\"r\",\"asked_by\":\"A\"}", 200,
     "{\"op\":\"change.patient\",\"facility\":\"city\",\"patient_id\":\"1\",\"new_id\":\"2\","
     "\"sex\":\"\",\"reason\":\"r\",\"asked_by\":\"A\"}"},
    {"apply", "/api/admin/findings/4/apply", "{\"reason\":\"r\",\"asked_by\":\"A\",\"here\":\"x\"}", 200,
     "{\"op\":\"finding.apply\",\"id\":4,\"reason\":\"r\",\"asked_by\":\"A\"}"},
    {"dismiss", "/api/admin/findings/4/dismiss", "{\"reason\":\"r\",\"asked_by\":\"A\"}", 200,
     "{\"op\":\"finding.dismiss\",\"id\":4,\"asked_by\":\"A\"}"},
    {"compare", "/api/admin/nodes/pacs/compare", "", 200, "{\"op\":\"compare.now\",\"node\":\"pacs\"}"},
    {"a retry takes nothing", "/api/admin/pulls/7/retry", "{\"asked_by\":\"A\"}", 200, "{\"op\":\"pull.retry\",\"id\":7}"},
    {"no object", "/api/admin/changes/3/undo", "[1]", 422, ""},
    {"a body that breaks off", "/api/admin/changes/3/undo", "{\"asked_by\":", 422, ""},
    {"a name twice", "/api/admin/changes/3/undo", "{\"asked_by\":\"A\",\"asked_by\":\"B\"}", 422, ""},
    {"no number", "/api/admin/studies/x/delete", "{}", 400, ""},
};

/* Of a body the bridge is told what the action takes, and nothing else. */
static void bodies_are_sifted(void **state)
{
    fixture *f = *state;
    bridge b = {.answer = ""};

    with_bridge(f, &b);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        client_answer answer;

        b = (bridge){.answer = "{\"ok\":true}"};
        answer = post(f, bodies[i].target, FROM_OURS, bodies[i].body);
        if (answer.code != bodies[i].code || strcmp(b.asked, bodies[i].asked) != 0)
            fail_msg("%s: %u, asked %s", bodies[i].name, answer.code, b.asked);
        client_answer_free(&answer);
    }
}

/* The longest body that is read, and one byte more. */
static void long_bodies(void **state)
{
    fixture *f = *state;
    bridge b = {.answer = "{\"ok\":true}"};
    char body[4098];
    client_answer answer;

    with_bridge(f, &b);
    memset(body, ' ', sizeof body);
    body[4097] = '\0';
    memcpy(body, "{}", 2);
    answer = post(f, "/api/admin/changes/3/undo", FROM_OURS, body);
    assert_int_equal(answer.code, 413);
    client_answer_free(&answer);
    body[4096] = '\0';
    answer = post(f, "/api/admin/changes/3/undo", FROM_OURS, body);
    assert_int_equal(answer.code, 200);
    client_answer_free(&answer);
}

static void associations_are_the_bridge_s(void **state)
{
    fixture *f = *state;
    bridge b = {.answer = "{\"ok\":true,\"associations\":[],\"active\":0}"};
    json_t *json;

    assert_int_equal(get_code(f, "/api/admin/associations"), 503); /* nobody to be asked */
    with_bridge(f, &b);
    json = get_json(f, "/api/admin/associations");
    assert_true(json_is_array(json_object_get(json, "associations")));
    assert_string_equal(b.asked, "{\"op\":\"association.list\"}");
    json_decref(json);
    json_decref(get_json(f, "/api/admin/refusals"));
    assert_string_equal(b.asked, "{\"op\":\"refusal.list\"}");
    json_decref(get_json(f, "/api/admin/contacts"));
    assert_string_equal(b.asked, "{\"op\":\"node.contacts\"}");
}

static int64_t integer(json_t *json, const char *key)
{
    json_t *value = json_object_get(json, key);

    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static const char *text(json_t *json, const char *key)
{
    const char *value = json_string_value(json_object_get(json, key));

    assert_non_null(value);
    return value;
}

/* What the fixture took in, counted to the hour it came and to whom it came from. */
static void arrivals_are_counted(void **state)
{
    json_t *json = get_json(*state, "/api/admin/arrivals"), *row;
    int64_t objects = 0, bytes = 0;
    size_t i;

    assert_int_equal(integer(json, "to_hour") - integer(json, "from_hour"), 47);
    json_array_foreach(json_object_get(json, "arrivals"), i, row) {
        objects += integer(row, "objects");
        bytes += integer(row, "bytes");
        assert_in_range(integer(row, "hour"), integer(json, "to_hour") - 1, integer(json, "to_hour"));
    }
    assert_int_equal(objects, SLICES + 3);
    assert_true(bytes > (int64_t)SLICES * 512 * 512 * 2);
    json_decref(json);
}

static int64_t file_pull(fixture *f, int64_t node, const char *study_uid, kh_pull_state become)
{
    kh_pull pull;
    int64_t id;

    assert_int_equal(kh_pull_file(f->samples.cache, node, study_uid, 1, "test", &id, NULL), KH_OK);
    assert_int_equal(kh_pull_find(f->samples.cache, id, &pull, NULL), KH_OK);
    pull.state = become;
    strcpy(pull.reason, become == KH_PULL_FAILED ? "not reached" : "");
    assert_int_equal(kh_pull_update(f->samples.cache, &pull, NULL), KH_OK);
    return id;
}

/* A study that is here is told of with the pull of it, but not when another hospital's is pulled. */
static void about_is_of_the_hospital(fixture *f)
{
    kh_node there = {.name = "there", .ae_title = "THERE", .host = "127.0.0.1", .port = 104},
            elsewhere = {.name = "elsewhere", .ae_title = "ELSE", .host = "127.0.0.1", .port = 104, .facility = "elsewhere"};
    int64_t ids[2];
    kh_study study;
    json_t *json, *about;

    assert_int_equal(kh_browse_study(f->samples.cache, f->other.study_id, &study, NULL), KH_OK);
    strcpy(there.facility, study.patient.facility);
    assert_int_equal(kh_node_add(f->samples.cache, &there, NULL), KH_OK);
    assert_int_equal(kh_node_add(f->samples.cache, &elsewhere, NULL), KH_OK);
    ids[0] = file_pull(f, there.id, study.study_uid, KH_PULL_WAITING);
    ids[1] = file_pull(f, elsewhere.id, study.study_uid, KH_PULL_WAITING);
    json = get_json(f, "/api/admin/queue?limit=2");
    assert_true(json_is_null(json_object_get(json_array_get(json_object_get(json, "pulls"), 0), "about")));
    about = json_object_get(json_array_get(json_object_get(json, "pulls"), 1), "about");
    assert_int_equal(integer(about, "id"), study.id);
    assert_string_equal(text(json_object_get(about, "patient"), "id"), study.patient.patient_id);
    json_decref(json);
    for (int i = 0; i < 2; i++) {
        kh_pull pull;

        assert_int_equal(kh_pull_find(f->samples.cache, ids[i], &pull, NULL), KH_OK);
        pull.state = KH_PULL_COMPLETE;
        assert_int_equal(kh_pull_update(f->samples.cache, &pull, NULL), KH_OK);
    }
}

static void queue_and_failures(void **state)
{
    fixture *f = *state;
    kh_node node = {.name = "city-pacs", .ae_title = "CITYPACS", .host = "127.0.0.1", .port = 104, .facility = "city"};
    json_t *json, *row;
    int64_t open[3], failed;
    char target[64];

    assert_int_equal(kh_node_add(f->samples.cache, &node, NULL), KH_OK);
    failed = file_pull(f, node.id, "1.2.3.9", KH_PULL_FAILED);
    for (int i = 0; i < 3; i++)
        open[i] = file_pull(f, node.id, (const char *[]){"1.2.3.1", "1.2.3.2", "1.2.3.3"}[i], KH_PULL_WAITING);
    json = get_json(f, "/api/admin/nodes");
    row = json_array_get(json_object_get(json, "nodes"), 0);
    assert_string_equal(json_string_value(json_object_get(row, "name")), "city-pacs");
    assert_string_equal(json_string_value(json_object_get(row, "retrieve")), "move");
    json_decref(json);
    json = get_json(f, "/api/admin/queue?limit=1");
    assert_true(json_is_null(json_object_get(json_array_get(json_object_get(json, "pulls"), 0), "about")));
    json_decref(json);
    about_is_of_the_hospital(f);
    json = get_json(f, "/api/admin/queue?limit=2");
    assert_int_equal(json_array_size(json_object_get(json, "pulls")), 2);
    assert_int_equal(integer(json_array_get(json_object_get(json, "pulls"), 0), "pull"), open[2]);
    assert_true(json_is_true(json_object_get(json, "more_pulls")));
    assert_true(json_is_false(json_object_get(json, "more_sends")));
    json_decref(json);
    snprintf(target, sizeof target, "/api/admin/queue?limit=2&pulls_before=%lld", (long long)open[1]);
    json = get_json(f, target);
    assert_int_equal(json_array_size(json_object_get(json, "pulls")), 1);
    assert_true(json_is_false(json_object_get(json, "more_pulls")));
    json_decref(json);
    json = get_json(f, "/api/admin/failures");
    assert_int_equal(json_array_size(json_object_get(json, "pulls")), 1);
    row = json_array_get(json_object_get(json, "pulls"), 0);
    assert_int_equal(integer(row, "pull"), failed);
    assert_string_equal(json_string_value(json_object_get(row, "reason")), "not reached");
    json_decref(json);
    assert_int_equal(get_code(f, "/api/admin/queue?limit=100"), 200);
    assert_int_equal(get_code(f, "/api/admin/queue?limit=101"), 400);
    assert_int_equal(get_code(f, "/api/admin/queue?limit=0"), 400);
    assert_int_equal(get_code(f, "/api/admin/queue?pulls_before=0"), 400);
    assert_int_equal(get_code(f, "/api/admin/failures?sends_before=x"), 400);
}

static void findings_are_listed(void **state)
{
    fixture *f = *state;
    kh_node node = {.name = "archive", .ae_title = "ARCHIVE", .host = "127.0.0.1", .port = 104, .facility = "city"};
    kh_compare compare;
    kh_compared answer = {.study_id = f->other.study_id, .told = KH_FINDING_PATIENT, .there = "P-NEW"};
    kh_cache *cache = f->samples.cache;
    json_t *json, *row;

    json = get_json(f, "/api/admin/findings");
    assert_int_equal(json_array_size(json_object_get(json, "findings")), 0);
    assert_int_equal(json_array_size(json_object_get(json, "compares")), 0);
    json_decref(json);
    assert_int_equal(kh_node_add(cache, &node, NULL), KH_OK);
    compare = (kh_compare){.node_id = node.id};
    assert_int_equal(kh_compare_begin(cache, &compare, NULL), KH_OK);
    assert_int_equal(kh_compare_note(cache, &compare, &answer, 1, NULL), KH_OK);
    assert_int_equal(kh_compare_end(cache, &compare, true, 1, NULL), KH_OK);
    json = get_json(f, "/api/admin/findings");
    assert_int_equal(integer(json, "open"), 1);
    assert_true(json_is_false(json_object_get(json, "more")));
    row = json_array_get(json_object_get(json, "findings"), 0);
    assert_string_equal(text(row, "kind"), "patient");
    assert_string_equal(text(row, "state"), "open");
    assert_int_equal(integer(row, "node"), node.id);
    assert_string_equal(text(row, "there"), "P-NEW");
    assert_string_equal(text(row, "here"), text(json_object_get(json_object_get(row, "study"), "patient"), "id"));
    assert_int_equal(integer(json_object_get(row, "study"), "id"), f->other.study_id);
    assert_true(json_is_null(json_object_get(row, "ended")));
    assert_int_equal(kh_finding_dismiss(cache, integer(row, "finding"), "somebody", NULL), KH_OK);
    row = json_array_get(json_object_get(json, "compares"), 0);
    assert_int_equal(integer(row, "node"), node.id);
    assert_int_equal(integer(row, "asked"), 1);
    assert_true(json_is_true(json_object_get(row, "believed")));
    assert_true(json_is_string(json_object_get(row, "ended")));
    json_decref(json);
    json = get_json(f, "/api/admin/findings");
    assert_int_equal(json_array_size(json_object_get(json, "findings")), 0);
    json_decref(json);
    json = get_json(f, "/api/admin/findings?all=1");
    row = json_array_get(json_object_get(json, "findings"), 0);
    assert_string_equal(text(row, "state"), "dismissed");
    assert_string_equal(text(row, "ended_by"), "somebody");
    json_decref(json);
    assert_int_equal(get_code(f, "/api/admin/findings?limit=500"), 200);
    assert_int_equal(get_code(f, "/api/admin/findings?limit=501"), 400);
    assert_int_equal(get_code(f, "/api/admin/findings?before=0"), 400);
    assert_int_equal(get_code(f, "/api/admin/findings?all=2"), 400);
}

static void changes_are_listed(void **state)
{
    fixture *f = *state;
    const kh_change_author author = {"sent twice", "somebody"}, other = {"mistyped", "another"};
    const kh_patient_values values = {.name_alphabetic = "New^Name", .sex = ""};
    json_t *json, *row, *value;
    int64_t deleted, corrected;
    kh_study study;

    json = get_json(f, "/api/admin/changes");
    assert_int_equal(json_array_size(json_object_get(json, "changes")), 0);
    assert_true(json_is_false(json_object_get(json, "more")));
    json_decref(json);
    assert_int_equal(kh_browse_study(f->samples.cache, f->other.study_id, &study, NULL), KH_OK);
    assert_int_equal(kh_change_delete(f->samples.cache, study.id, 0, 0, &author, &deleted, NULL), KH_OK);
    assert_int_equal(kh_change_patient(f->samples.cache, study.patient.facility, study.patient.patient_id, &values, &other, &corrected,
                                       NULL), KH_OK);
    json = get_json(f, "/api/admin/changes");
    assert_int_equal(json_array_size(json_object_get(json, "changes")), 2);
    row = json_array_get(json_object_get(json, "changes"), 0);
    assert_int_equal(integer(row, "change"), corrected);
    assert_string_equal(text(row, "kind"), "patient");
    assert_true(json_is_null(json_object_get(row, "study")));
    value = json_array_get(json_object_get(row, "values"), 0);
    assert_string_equal(text(value, "value"), "name_alphabetic");
    assert_string_equal(text(value, "was"), study.patient.name.alphabetic);
    assert_string_equal(text(value, "becomes"), "New^Name");
    row = json_array_get(json_object_get(json, "changes"), 1);
    assert_string_equal(text(row, "kind"), "deleted");
    assert_string_equal(text(row, "reason"), "sent twice");
    assert_string_equal(text(row, "asked_by"), "somebody");
    assert_true(json_is_null(json_object_get(row, "undone")));
    assert_int_equal(integer(json_object_get(row, "study"), "id"), study.id);
    assert_int_equal(integer(json_object_get(row, "study"), "objects"), 0);
    assert_string_equal(text(json_object_get(json_object_get(row, "study"), "patient"), "id"), study.patient.patient_id);
    json_decref(json);
    assert_int_equal(kh_change_undo(f->samples.cache, deleted, "a third", NULL), KH_OK);
    json = get_json(f, "/api/admin/changes?limit=1");
    assert_int_equal(json_array_size(json_object_get(json, "changes")), 1);
    assert_true(json_is_true(json_object_get(json, "more")));
    json_decref(json);
    json = get_json(f, "/api/admin/changes?study=999");
    assert_int_equal(json_array_size(json_object_get(json, "changes")), 0);
    json_decref(json);
    json = get_json(f, "/api/admin/changes?limit=2");
    assert_true(json_is_false(json_object_get(json, "more")));
    row = json_array_get(json_object_get(json, "changes"), 1);
    assert_string_equal(text(row, "undone_by"), "a third");
    assert_true(json_is_string(json_object_get(row, "undone")));
    json_decref(json);
    assert_int_equal(get_code(f, "/api/admin/changes?limit=500"), 200);
    assert_int_equal(get_code(f, "/api/admin/changes?limit=501"), 400);
    assert_int_equal(get_code(f, "/api/admin/changes?limit=0"), 400);
    assert_int_equal(get_code(f, "/api/admin/changes?study=0"), 400);
}

/* Every section has an address of its own, and the page at it. */
static void the_page_is_there(void **state)
{
    assert_int_equal(get_code(*state, "/admin"), 200);
    assert_int_equal(get_code(*state, "/admin/queue"), 200);
    assert_int_equal(get_code(*state, "/admin/queue/7"), 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(changes_go_to_the_bridge, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(bodies_are_sifted, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(long_bodies, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(changes_are_listed, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(findings_are_listed, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(the_page_is_there, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(associations_are_the_bridge_s, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(arrivals_are_counted, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(queue_and_failures, fixture_open, fixture_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
