/* What is pushed to the bridge: kept byte for byte, or refused with the right status and nothing left of it; the control socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "cache/browse.h"
#include "dicom/shim/user.h"
#include "dicom/writer.h"
#include "pacs-bridge/control.h"
#include "tests/bridge/support.h"
#include "tests/bridge/world.h"

static int start(void **state)
{
    world *it = malloc(sizeof(*it));

    world_make(it);
    (void)world_add_node(it, "tester", "TESTER", 0, true);
    (void)world_add_node(it, "reader", "READER", 0, false);
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

static kh_status connect_as(kh_assoc **out, const world *it, const char *calling, const char *called, kh_error *err)
{
    static const char *const syntaxes[] = {KH_TS_EXPLICIT_LE};
    const kh_proposal proposals[] = {
        {KH_SOP_CT_IMAGE, syntaxes, 1, false}, {KH_SOP_VERIFICATION, syntaxes, 1, false}, {KH_SOP_MR_IMAGE, syntaxes, 1, false}};

    return kh_assoc_connect(out, "127.0.0.1", it->port, calling, called, proposals, 3, NULL, NULL, err);
}

static kh_status keep_id(void *context, const kh_object *object)
{
    *(int64_t *)context = object->id;
    return KH_OK;
}

/* The data set part of the one object that is held. */
static uint8_t *read_only_object(world *it, size_t *size)
{
    int64_t object_id = 0;
    struct stat info;
    uint8_t *bytes;
    int fd;

    assert_int_equal(kh_browse_objects_of(it->cache, 1, keep_id, &object_id, NULL), KH_OK);
    assert_int_equal(kh_object_open(it->cache, object_id, &fd, NULL), KH_OK);
    assert_int_equal(fstat(fd, &info), 0);
    *size = (size_t)info.st_size;
    bytes = malloc(*size);
    assert_int_equal(read(fd, bytes, *size), info.st_size);
    close(fd);
    return bytes;
}

static void stock_push_is_kept(void **state)
{
    world *it = *state;
    char path[100];
    const char *argv[] = {"storescu", "-aet", "TESTER", "-aec", "KAKEHASHI", "-xe", "127.0.0.1", it->port_text, path, NULL};
    uint8_t *dataset = NULL, *kept;
    size_t size, kept_size;

    snprintf(path, sizeof(path), "%s/one.dcm", it->dir);
    support_write_object(path, 1, 512 * 1024, &dataset, &size);
    assert_int_equal(support_run(NULL, argv), 0);
    assert_int_equal(support_run(NULL, argv), 0); /* again: nothing is kept twice */
    assert_int_equal(world_count_objects(it), 1);
    kept = read_only_object(it, &kept_size);
    assert_true(kept_size > size);
    assert_memory_equal(kept + kept_size - size, dataset, size);
    free(kept);
    free(dataset);
    world_assert_nothing_incoming(it);
}

static void strangers_are_rejected(void **state)
{
    static const struct {
        const char *calling, *called, *words;
    } rows[] = {{"STRANGER", "KAKEHASHI", "calling AE title not recognised"},
                {"TESTER", "KAKEHASHI2", "called AE title not recognised"},
                {"tester", "KAKEHASHI", "calling AE title not recognised"}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        kh_error err = KH_ERROR_INIT;
        kh_assoc *assoc;
        assert_int_equal(connect_as(&assoc, *state, rows[i].calling, rows[i].called, &err), KH_E_PEER);
        assert_non_null(strstr(err.message, rows[i].words));
    }
}

typedef struct refusal {
    const char *name;
    const char *calling, *sop_class, *sop_instance; /* of the command */
    const char *context;                            /* class of the context it is sent in */
    bool cut;                                       /* only half of the data set */
    uint16_t status;
} refusal;

/* A C-STORE with a command of our own making; the status answered. */
static uint16_t store_with(kh_assoc *assoc, const refusal *row, const uint8_t *bytes, size_t size)
{
    const kh_context *with = kh_assoc_context_find(assoc, row->context, NULL);
    kh_dimse request, response;
    uint8_t id;

    kh_dimse_init(&request, KH_C_STORE_RQ);
    request.message_id = kh_assoc_next_message_id();
    request.has_data = size > 0;
    snprintf(request.sop_class_uid, sizeof(request.sop_class_uid), "%s", row->sop_class);
    snprintf(request.sop_instance_uid, sizeof(request.sop_instance_uid), "%s", row->sop_instance);
    assert_int_equal(kh_assoc_send(assoc, with->id, &request, NULL), KH_OK);
    if (size > 0)
        assert_int_equal(kh_assoc_send_data(assoc, with->id, bytes, size, true, NULL), KH_OK);
    assert_int_equal(kh_assoc_receive(assoc, &id, &response, 5000, NULL), KH_OK);
    assert_int_equal(response.responded_id, request.message_id);
    return response.status;
}

static void refusals_leave_nothing(void **state)
{
    static const refusal rows[] = {
        {"a path as UID", "TESTER", KH_SOP_CT_IMAGE, "../../../../tmp/x", KH_SOP_CT_IMAGE, false, 0x0117},
        {"no UID", "TESTER", KH_SOP_CT_IMAGE, "", KH_SOP_CT_IMAGE, false, 0x0117},
        {"control characters in the UID", "TESTER", KH_SOP_CT_IMAGE, "1.2\n3", KH_SOP_CT_IMAGE, false, 0x0117},
        {"class of another context", "TESTER", KH_SOP_MR_IMAGE, "1.2.3", KH_SOP_CT_IMAGE, false, 0xa900},
        {"class unlike the data set's", "TESTER", KH_SOP_MR_IMAGE, "1.2.826.0.1.3680043.10.1.1", KH_SOP_MR_IMAGE, false, 0xa900},
        {"instance unlike the data set's", "TESTER", KH_SOP_CT_IMAGE, "1.2.3", KH_SOP_CT_IMAGE, false, 0xa900},
        {"garbage", "TESTER", KH_SOP_CT_IMAGE, "1.2.826.0.1.3680043.10.1.1", KH_SOP_CT_IMAGE, true, 0xc000},
        {"a node that may not store", "READER", KH_SOP_CT_IMAGE, "1.2.826.0.1.3680043.10.1.1", KH_SOP_CT_IMAGE, false, 0x0124},
    };
    world *it = *state;
    size_t size;
    uint8_t *bytes = support_make_dataset(1, 4096, &size);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint16_t status, echo = 1;
        kh_assoc *assoc;
        assert_int_equal(connect_as(&assoc, it, rows[i].calling, "KAKEHASHI", NULL), KH_OK);
        status = store_with(assoc, &rows[i], bytes + (rows[i].cut ? 3 : 0), rows[i].cut ? size - 103 : size);
        if (status != rows[i].status)
            fail_msg("%s: %04X, expected %04X", rows[i].name, status, rows[i].status);
        assert_int_equal(kh_user_echo(assoc, &echo, NULL), KH_OK); /* the association goes on */
        assert_int_equal(echo, 0);
        assert_int_equal(kh_assoc_release(assoc, NULL), KH_OK);
        kh_assoc_free(assoc);
    }
    assert_int_equal(world_count_objects(it), 0);
    world_assert_nothing_incoming(it);
    free(bytes);
}

static void abort_in_the_middle(void **state)
{
    world *it = *state;
    size_t size;
    uint8_t *bytes = support_make_dataset(1, 64 * 1024, &size);
    kh_dimse request;
    kh_assoc *assoc;

    assert_int_equal(connect_as(&assoc, it, "TESTER", "KAKEHASHI", NULL), KH_OK);
    kh_dimse_init(&request, KH_C_STORE_RQ);
    request.message_id = 1;
    request.has_data = true;
    strcpy(request.sop_class_uid, KH_SOP_CT_IMAGE);
    support_object_uid(request.sop_instance_uid, 1);
    assert_int_equal(kh_assoc_send(assoc, 1, &request, NULL), KH_OK);
    assert_int_equal(kh_assoc_send_data(assoc, 1, bytes, 32 * 1024, false, NULL), KH_OK);
    kh_assoc_abort(assoc);
    kh_assoc_free(assoc);
    kh_clock_sleep_ms(50);
    world_assert_nothing_incoming(it);
    assert_int_equal(world_count_objects(it), 0);
    free(bytes);
}

static unsigned incoming_count(const world *it)
{
    char path[100];

    snprintf(path, sizeof(path), "%s/incoming", it->data_dir);
    return support_count_files(path);
}

/* After the answer, so it is waited for. */
static void assert_made_ahead(const world *it, unsigned count)
{
    for (unsigned i = 0; i < 200 && incoming_count(it) != count; i++)
        kh_clock_sleep_ms(10);
    assert_int_equal(incoming_count(it), count);
}

static uint16_t store_number(kh_assoc *assoc, unsigned number)
{
    refusal row = {.sop_class = KH_SOP_CT_IMAGE, .context = KH_SOP_CT_IMAGE};
    char uid[KH_UID_SIZE];
    size_t size;
    uint8_t *bytes = support_make_dataset(number, 4096, &size);
    uint16_t status;

    support_object_uid(uid, number);
    row.sop_instance = uid;
    status = store_with(assoc, &row, bytes, size);
    free(bytes);
    return status;
}

/* Who has sent one object may be done; for who has sent two the file of the next is made while he prepares it. It goes with any other
 * request, and with the association however that ends. */
static void next_file_is_made_ahead(void **state)
{
    static const refusal unlike = {.sop_class = KH_SOP_CT_IMAGE, .sop_instance = "1.2.3", .context = KH_SOP_CT_IMAGE};
    world *it = *state;
    size_t size;
    uint8_t *bytes = support_make_dataset(9, 4096, &size);

    for (int aborted = 0; aborted < 2; aborted++) {
        unsigned first = aborted ? 11 : 1;
        uint16_t echo = 1;
        kh_assoc *assoc;

        assert_int_equal(connect_as(&assoc, it, "TESTER", "KAKEHASHI", NULL), KH_OK);
        assert_int_equal(store_number(assoc, first), 0);
        assert_int_equal(kh_user_echo(assoc, &echo, NULL), KH_OK); /* served after all of the object's */
        assert_int_equal(incoming_count(it), 0);
        assert_int_equal(store_number(assoc, first + 1), 0);
        assert_made_ahead(it, 1);
        assert_int_equal(kh_user_echo(assoc, &echo, NULL), KH_OK);
        assert_int_equal(incoming_count(it), 0);
        assert_int_equal(store_number(assoc, first + 2), 0);
        assert_made_ahead(it, 1);
        assert_int_equal(store_with(assoc, &unlike, bytes, size), 0xa900); /* took it, and it is gone */
        assert_made_ahead(it, 0);
        assert_int_equal(store_number(assoc, first + 3), 0);
        assert_made_ahead(it, 1);
        if (aborted)
            kh_assoc_abort(assoc);
        else
            assert_int_equal(kh_assoc_release(assoc, NULL), KH_OK);
        kh_assoc_free(assoc);
        world_assert_nothing_incoming(it);
    }
    assert_int_equal(world_count_objects(it), 8);
    free(bytes);
}

/* --- the control socket --- */

static void node_over_the_socket(void **state)
{
    world *it = *state;
    kh_node node = {.name = "new", .ae_title = "NEW", .facility = "south", .may_store = true}, back;
    kh_error err = KH_ERROR_INIT;
    kh_assoc *assoc;

    assert_true(kh_control_running(it->data_dir));
    assert_int_equal(kh_control_node_add(it->data_dir, &node, &err), KH_OK);
    assert_int_equal(kh_node_find(it->cache, "new", &back, NULL), KH_OK);
    assert_int_equal(back.id, node.id);
    assert_true(back.may_store);
    assert_false(back.may_query);
    assert_int_equal(connect_as(&assoc, it, "NEW", "KAKEHASHI", NULL), KH_OK);
    assert_int_equal(kh_assoc_release(assoc, NULL), KH_OK);
    kh_assoc_free(assoc);
    assert_int_equal(kh_control_node_add(it->data_dir, &node, &err), KH_E_CONFLICT);
    assert_true(strlen(err.message) > 0);
    assert_int_equal(kh_control_node_remove(it->data_dir, "new", NULL), KH_OK);
    assert_int_equal(kh_control_node_remove(it->data_dir, "new", NULL), KH_E_NOT_FOUND);
    assert_int_equal(connect_as(&assoc, it, "NEW", "KAKEHASHI", NULL), KH_E_PEER);
}

static void adopted_over_the_socket(void **state)
{
    const kh_origin origin = {.facility = "south", .source = "import"};
    world *it = *state;
    kh_ingest_result result;
    char path[120];

    snprintf(path, sizeof(path), "%s/incoming/upload-1", it->data_dir);
    support_write_object(path, 7, 4096, NULL, NULL);
    assert_int_equal(kh_control_object_adopt(it->data_dir, "upload-1", &origin, &result, NULL), KH_OK);
    assert_string_equal(result.sop_instance_uid, "1.2.826.0.1.3680043.10.1.7");
    assert_int_equal(world_count_objects(it), 1);
    world_assert_nothing_incoming(it);
    assert_int_equal(kh_control_object_adopt(it->data_dir, "upload-1", &origin, &result, NULL), KH_E_NOT_FOUND);
    assert_int_equal(kh_control_object_adopt(it->data_dir, "../index.db", &origin, &result, NULL), KH_E_ARG);
    assert_int_equal(kh_control_object_adopt(it->data_dir, "1", &origin, &result, NULL), KH_E_ARG);
    assert_int_equal(kh_control_object_adopt(it->data_dir, "", &origin, &result, NULL), KH_E_ARG);
}

static void bad_requests_are_answered(void **state)
{
    static const char *const rows[] = {"",  "{}", "[]", "nonsense", "{\"op\":\"\"}", "{\"op\":\"unknown\"}", "{\"op\":7}",
                                       "{\"op\":\"ping\",\"op\":\"ping\"}", "{\"op\":\"pull.file\"}",
                                       "{\"op\":\"node.add\",\"name\":\"a\",\"port\":70000}", "{\"op\":\"object.adopt\"}"};
    world *it = *state;
    kh_buf answer;

    kh_buf_init(&answer, KH_CONTROL_LINE_MAX + 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(kh_control_call(it->data_dir, rows[i], &answer, 5000, NULL), KH_OK);
        if (!strstr(kh_buf_text(&answer), "\"ok\":false"))
            fail_msg("%s: %s", rows[i], kh_buf_text(&answer));
    }
    assert_int_equal(kh_control_call(it->data_dir, "{\"op\":\"ping\"}", &answer, 5000, NULL), KH_OK);
    assert_non_null(strstr(kh_buf_text(&answer), "\"ok\":true"));
    kh_buf_release(&answer);
}

static void long_lines_are_cut(void **state)
{
    world *it = *state;
    char *line = malloc(KH_CONTROL_LINE_MAX + 100);
    kh_buf answer;

    memset(line, 'x', KH_CONTROL_LINE_MAX + 99);
    line[KH_CONTROL_LINE_MAX + 99] = '\0';
    kh_buf_init(&answer, KH_CONTROL_LINE_MAX + 1);
    assert_int_equal(kh_control_call(it->data_dir, line, &answer, 5000, NULL), KH_E_PEER);
    assert_true(kh_control_running(it->data_dir));
    kh_buf_release(&answer);
    free(line);
}

static void nobody_serves(void **state)
{
    kh_node node = {.name = "x", .ae_title = "X", .facility = "y"};
    char dir[64], deep[300];

    (void)state;
    support_make_dir(dir);
    assert_false(kh_control_running(dir));
    assert_int_equal(kh_control_node_add(dir, &node, NULL), KH_E_NOT_FOUND);
    /* A path longer than a socket address. */
    snprintf(deep, sizeof(deep), "%s/%0120d", dir, 0);
    assert_int_equal(mkdir(deep, 0700), 0);
    assert_false(kh_control_running(deep));
    assert_int_equal(kh_control_node_add(deep, &node, NULL), KH_E_NOT_FOUND);
    support_remove_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(stock_push_is_kept, start, stop),
        cmocka_unit_test_setup_teardown(strangers_are_rejected, start, stop),
        cmocka_unit_test_setup_teardown(refusals_leave_nothing, start, stop),
        cmocka_unit_test_setup_teardown(abort_in_the_middle, start, stop),
        cmocka_unit_test_setup_teardown(next_file_is_made_ahead, start, stop),
        cmocka_unit_test_setup_teardown(node_over_the_socket, start, stop),
        cmocka_unit_test_setup_teardown(adopted_over_the_socket, start, stop),
        cmocka_unit_test_setup_teardown(bad_requests_are_answered, start, stop),
        cmocka_unit_test_setup_teardown(long_lines_are_cut, start, stop),
        cmocka_unit_test(nobody_serves),
    };

    signal(SIGPIPE, SIG_IGN);
    kh_log_set_level(getenv("KH_TEST_LOG") ? KH_LOG_INFO : KH_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
