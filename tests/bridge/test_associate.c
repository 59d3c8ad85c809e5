/* A-ASSOCIATE-RQ PDUs before the toolkit sees them: one good one, and one thing broken at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/shim/associate_check.h"
#include "tests/bridge/support.h"

#define FIRST_ITEM 74        /* application context: 4 + 21 bytes */
#define FIRST_CONTEXT (74 + 25)

typedef struct mutation {
    const char *name;
    size_t at;
    uint8_t to;
    kh_status expected;
} mutation;

static const mutation rows[] = {
    {"none", 0, 0x01, KH_OK},
    {"another PDU type", 0, 0x02, KH_E_FORMAT},
    {"length one short", 5, 0, KH_E_FORMAT},
    {"length of 16 MB", 2, 1, KH_E_FORMAT},
    {"control character in the called title", 10, '\n', KH_E_FORMAT},
    {"backslash in the calling title", 26, '\\', KH_E_FORMAT},
    {"8-bit byte in the calling title", 41, 0xe9, KH_E_FORMAT},
    {"unknown item", FIRST_ITEM, 0x11, KH_E_FORMAT},
    {"item past the end", FIRST_ITEM + 2, 0xff, KH_E_FORMAT},
    {"letter in the application context", FIRST_ITEM + 4, 'x', KH_E_FORMAT},
    {"no application context, two contexts more", FIRST_ITEM, 0x20, KH_E_FORMAT},
    {"even context ID", FIRST_CONTEXT + 4, 2, KH_E_FORMAT},
    {"the same context ID twice", FIRST_CONTEXT + 4, 3, KH_E_FORMAT},
    {"no abstract syntax", FIRST_CONTEXT + 8, 0x40, KH_E_FORMAT},
    {"unknown sub-item", FIRST_CONTEXT + 8, 0x41, KH_E_FORMAT},
    {"sub-item past its parent", FIRST_CONTEXT + 11, 0xff, KH_E_FORMAT},
};

static void one_thing_broken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t pdu[1024];
        size_t size = support_associate_rq(pdu, "TESTER", "KAKEHASHI");
        kh_status status;
        if (strcmp(rows[i].name, "length one short") == 0)
            pdu[5]--;
        else
            pdu[rows[i].at] = rows[i].to;
        status = kh_associate_check(pdu, size, NULL);
        if (status != rows[i].expected)
            fail_msg("%s: got %s, expected %s", rows[i].name, kh_status_text(status), kh_status_text(rows[i].expected));
    }
}

/* Every cut, with the length made to fit again: never accepted, never read past (exact allocation, for ASan). */
static void cut_everywhere(void **state)
{
    uint8_t pdu[1024];
    size_t size = support_associate_rq(pdu, "TESTER", "KAKEHASHI");

    (void)state;
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *part = malloc(cut ? cut : 1);
        memcpy(part, pdu, cut);
        if (cut >= 6)
            for (unsigned i = 0; i < 4; i++)
                part[2 + i] = (uint8_t)((cut - 6) >> (24 - 8 * i));
        assert_int_not_equal(kh_associate_check(part, cut, NULL), KH_OK);
        free(part);
    }
}

/* Any one byte changed to any of some values: an answer, no crash. */
static void any_byte(void **state)
{
    static const uint8_t values[] = {0x00, 0x01, 0x10, 0x20, 0x50, 0x51, 0x54, 0x58, 0x7f, 0xff};
    uint8_t pdu[1024];
    size_t size = support_associate_rq(pdu, "TESTER", "KAKEHASHI");

    (void)state;
    for (size_t at = 0; at < size; at++)
        for (size_t v = 0; v < sizeof(values); v++) {
            uint8_t *copy = malloc(size);
            kh_error err = KH_ERROR_INIT;
            memcpy(copy, pdu, size);
            copy[at] = values[v];
            if (kh_associate_check(copy, size, &err) != KH_OK)
                assert_true(strlen(err.message) > 0);
            free(copy);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thing_broken), cmocka_unit_test(cut_everywhere), cmocka_unit_test(any_byte)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
