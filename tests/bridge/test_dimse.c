/* Command sets: to bytes and back, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "dicom/shim/dimse.h"

/* C-ECHO-RQ by hand from PS3.7 9.3.5.1 and E.1. */
static const uint8_t echo_rq[] = {
    0, 0, 0x00, 0x00, 4, 0, 0, 0, 56, 0, 0, 0,                                                           /* group length */
    0, 0, 0x02, 0x00, 18, 0, 0, 0, '1', '.', '2', '.', '8', '4', '0', '.', '1', '0', '0', '0', '8', '.', '1', '.', '1', 0,
    0, 0, 0x00, 0x01, 2, 0, 0, 0, 0x30, 0x00,                                                            /* Command Field */
    0, 0, 0x10, 0x01, 2, 0, 0, 0, 0x07, 0x00,                                                            /* Message ID */
    0, 0, 0x00, 0x08, 2, 0, 0, 0, 0x01, 0x01,                                                            /* no data set */
};

static void encodes_echo(void **state)
{
    kh_dimse command;
    kh_buf out;

    (void)state;
    kh_buf_init(&out, 1024);
    kh_dimse_init(&command, KH_C_ECHO_RQ);
    strcpy(command.sop_class_uid, KH_SOP_VERIFICATION);
    command.message_id = 7;
    assert_int_equal(kh_dimse_encode(&out, &command, NULL), KH_OK);
    assert_int_equal(out.size, sizeof(echo_rq));
    assert_memory_equal(out.data, echo_rq, sizeof(echo_rq));
    kh_buf_release(&out);
}

static void there_and_back(void **state)
{
    kh_dimse command, back;
    kh_buf out;

    (void)state;
    kh_buf_init(&out, 1024);
    kh_dimse_init(&command, KH_C_MOVE_RSP);
    strcpy(command.sop_class_uid, KH_SOP_STUDY_ROOT_MOVE);
    command.responded_id = 65535;
    command.status = KH_DIMSE_PENDING;
    command.remaining = 12;
    command.completed = 0;
    command.failed = 65535;
    command.has_data = true;
    strcpy(command.comment, "odd");
    assert_int_equal(kh_dimse_encode(&out, &command, NULL), KH_OK);
    assert_int_equal(out.size % 2, 0);
    assert_int_equal(kh_dimse_decode(&back, out.data, out.size, NULL), KH_OK);
    assert_string_equal(back.sop_class_uid, KH_SOP_STUDY_ROOT_MOVE);
    assert_string_equal(back.comment, "odd");
    assert_int_equal(back.responded_id, 65535);
    assert_int_equal(back.status, KH_DIMSE_PENDING);
    assert_int_equal(back.remaining, 12);
    assert_int_equal(back.completed, 0);
    assert_int_equal(back.failed, 65535);
    assert_int_equal(back.warning, -1);
    assert_true(back.has_data);
    kh_buf_release(&out);
}

typedef struct mutation {
    const char *name;
    size_t size;       /* bytes taken of echo_rq */
    size_t at;         /* byte changed, or 0xffff */
    uint8_t to;
    kh_status expected;
} mutation;

static void refuses(void **state)
{
    static const mutation rows[] = {
        {"whole", sizeof(echo_rq), 0xffff, 0, KH_OK},
        {"empty", 0, 0xffff, 0, KH_E_FORMAT},
        {"cut in a value", sizeof(echo_rq) - 1, 0xffff, 0, KH_E_FORMAT},
        {"cut in a head", sizeof(echo_rq) - 3, 0xffff, 0, KH_E_FORMAT},
        {"cut before the data set type", sizeof(echo_rq) - 10, 0xffff, 0, KH_E_FORMAT},
        {"length one too long", sizeof(echo_rq), sizeof(echo_rq) - 6, 3, KH_E_FORMAT},
        {"length of 4 GB", sizeof(echo_rq), sizeof(echo_rq) - 3, 0xff, KH_E_FORMAT},
        {"group 0008", sizeof(echo_rq), 12, 8, KH_E_FORMAT},
        {"command field 0", sizeof(echo_rq), 46, 0, KH_E_FORMAT},
        {"a response without status", sizeof(echo_rq), 47, 0x80, KH_E_FORMAT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t bytes[sizeof(echo_rq)];
        kh_dimse command;
        kh_status status;
        memcpy(bytes, echo_rq, sizeof(bytes));
        if (rows[i].at != 0xffff)
            bytes[rows[i].at] = rows[i].to;
        status = kh_dimse_decode(&command, bytes, rows[i].size, NULL);
        if (status != rows[i].expected)
            fail_msg("%s: got %s, expected %s", rows[i].name, kh_status_text(status), kh_status_text(rows[i].expected));
    }
}

/* A UID of n characters: 64 fit, 65 become "". */
static void long_uid(size_t length, size_t expected)
{
    uint8_t bytes[200] = {0, 0, 0x00, 0x01, 2, 0, 0, 0, 1, 0, 0, 0, 0x00, 0x08, 2, 0, 0, 0, 1, 0, 0, 0, 0x00, 0x10};
    kh_dimse command;

    bytes[24] = (uint8_t)length;
    memset(bytes + 28, '1', length);
    assert_int_equal(kh_dimse_decode(&command, bytes, 28 + length, NULL), KH_OK);
    assert_int_equal(strlen(command.sop_instance_uid), expected);
}

static void long_uids(void **state)
{
    (void)state;
    long_uid(64, 64);
    long_uid(65, 0);
}

static void response_drops_a_path(void **state)
{
    kh_dimse request, response;

    (void)state;
    kh_dimse_init(&request, KH_C_STORE_RQ);
    strcpy(request.sop_class_uid, KH_SOP_CT_IMAGE);
    strcpy(request.sop_instance_uid, "../../etc/passwd");
    request.message_id = 3;
    kh_dimse_respond(&response, &request, KH_DIMSE_INVALID_INSTANCE);
    assert_int_equal(response.field, KH_C_STORE_RSP);
    assert_int_equal(response.responded_id, 3);
    assert_string_equal(response.sop_class_uid, KH_SOP_CT_IMAGE);
    assert_string_equal(response.sop_instance_uid, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_echo), cmocka_unit_test(there_and_back), cmocka_unit_test(refuses),
        cmocka_unit_test(long_uids),    cmocka_unit_test(response_drops_a_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
