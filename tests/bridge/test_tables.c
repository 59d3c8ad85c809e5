/* What needs no network: status codes, back-off, the set of UIDs, which syntaxes are chosen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dicom/shim/dimse.h"
#include "pacs-bridge/dimse_status.h"
#include "pacs-bridge/get_contexts.h"
#include "pacs-bridge/pull_job.h"
#include "pacs-bridge/service.h"
#include "pacs-bridge/uid_set.h"

static void store_status(void **state)
{
    static const struct {
        kh_status status;
        uint16_t dimse;
    } rows[] = {
        {KH_OK, 0x0000},         {KH_E_ARG, 0xc000},     {KH_E_FORMAT, 0xc000},    {KH_E_UNSUPPORTED, 0x0122}, {KH_E_LIMIT, 0xc001},
        {KH_E_NOT_FOUND, 0xc000}, {KH_E_CONFLICT, 0xa900}, {KH_E_BUSY, 0xa700},    {KH_E_FULL, 0xa700},        {KH_E_IO, 0xa700},
        {KH_E_MEMORY, 0xa700},   {KH_E_TIMEOUT, 0xa700}, {KH_E_PEER, 0xc000},      {KH_E_DENIED, 0x0124},      {KH_E_CANCELLED, 0xa700},
        {KH_E_CORRUPT, 0x0110},  {KH_E_INTERNAL, 0x0110},
    };

    (void)state;
    assert_int_equal(sizeof(rows) / sizeof(rows[0]), KH_E_INTERNAL + 1); /* every one */
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (kh_dimse_status_store(rows[i].status) != rows[i].dimse)
            fail_msg("%s: %04X, expected %04X", kh_status_text(rows[i].status), kh_dimse_status_store(rows[i].status), rows[i].dimse);
}

static void status_words(void **state)
{
    (void)state;
    assert_string_equal(kh_dimse_status_text(0x0000), "success");
    assert_string_equal(kh_dimse_status_text(0xa7ff), "out of resources");
    assert_string_equal(kh_dimse_status_text(0xa702), "out of resources: cannot perform sub-operations");
    assert_string_equal(kh_dimse_status_text(0xa801), "move destination unknown");
    assert_string_equal(kh_dimse_status_text(0xb000), "one or more sub-operations failed");
    assert_string_equal(kh_dimse_status_text(0xb007), "warning");
    assert_string_equal(kh_dimse_status_text(0xcfff), "cannot understand or process");
    assert_string_equal(kh_dimse_status_text(0xff01), "pending");
    assert_string_equal(kh_dimse_status_text(0x0001), "unknown status");
}

static void backoff(void **state)
{
    static const struct {
        int32_t attempt;
        unsigned jitter;
        int64_t expected_ms;
    } rows[] = {{1, 0, 1000},   {2, 0, 2000},    {3, 0, 4000},       {9, 0, 256000},     {10, 0, 300000},
                {100, 0, 300000}, {1, 1023, 751}, {1, 1024, 1000},    {2, 512, 1750},     {0, 0, 1000}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(kh_pull_backoff_ms(1000, 300000, rows[i].attempt, rows[i].jitter), rows[i].expected_ms);
}

static void uid_set(void **state)
{
    kh_uid_set set;
    char uid[40];

    (void)state;
    kh_uid_set_init(&set, 1000);
    assert_false(kh_uid_set_has(&set, "1.2"));
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(uid, sizeof(uid), "1.2.%u", i);
        assert_int_equal(kh_uid_set_add(&set, uid, NULL), KH_OK);
        assert_int_equal(kh_uid_set_add(&set, uid, NULL), KH_OK);
    }
    assert_int_equal(set.count, 1000);
    assert_int_equal(kh_uid_set_add(&set, "1.3", NULL), KH_E_LIMIT);
    assert_int_equal(kh_uid_set_add(&set, "1.2.999", NULL), KH_OK);
    for (unsigned i = 0; i < 1001; i++) {
        snprintf(uid, sizeof(uid), "1.2.%u", i);
        assert_int_equal(kh_uid_set_has(&set, uid), i < 1000);
    }
    kh_uid_set_release(&set);
}

static void chosen_syntax(void **state)
{
    static const struct {
        const char *name, *abstract_syntax, *syntaxes[3];
        size_t count;
        int expected;
        bool as_scp;
        const char *preferred; /* by the node; NULL: nothing */
    } rows[] = {
        {"CT, explicit second", KH_SOP_CT_IMAGE, {KH_TS_IMPLICIT_LE, KH_TS_EXPLICIT_LE}, 2, 1, false, NULL},
        {"CT, implicit only", KH_SOP_CT_IMAGE, {KH_TS_IMPLICIT_LE}, 1, 0, false, NULL},
        {"CT, big endian before implicit", KH_SOP_CT_IMAGE, {KH_TS_EXPLICIT_BE, KH_TS_IMPLICIT_LE}, 2, 0, false, NULL},
        {"CT, compressed", KH_SOP_CT_IMAGE, {KH_TS_JPEG_LOSSLESS_SV1, KH_TS_EXPLICIT_LE}, 2, 0, false, NULL},
        {"CT, unknown syntax", KH_SOP_CT_IMAGE, {"1.2.3.4"}, 1, -2, false, NULL},
        {"CT, unknown and known", KH_SOP_CT_IMAGE, {"1.2.3.4", KH_TS_RLE}, 2, 1, false, NULL},
        {"CT, the node's second choice",
         KH_SOP_CT_IMAGE,
         {KH_TS_EXPLICIT_LE, KH_TS_RLE},
         2,
         1,
         false,
         KH_TS_JPEG_LOSSLESS_SV1 "," KH_TS_RLE},
        {"CT, the node's first choice", KH_SOP_CT_IMAGE, {KH_TS_RLE, KH_TS_EXPLICIT_LE}, 2, 1, false, KH_TS_EXPLICIT_LE "," KH_TS_RLE},
        {"CT, none of the node's", KH_SOP_CT_IMAGE, {KH_TS_IMPLICIT_LE, KH_TS_EXPLICIT_LE}, 2, 1, false, KH_TS_RLE},
        {"CT, a part of a UID is another", KH_SOP_CT_IMAGE, {KH_TS_IMPLICIT_LE, KH_TS_EXPLICIT_LE}, 2, 1, false, KH_TS_DEFLATED_LE},
        {"Verification", KH_SOP_VERIFICATION, {KH_TS_IMPLICIT_LE}, 1, 0, false, NULL},
        {"CT, compressed, for C-GET", KH_SOP_CT_IMAGE, {KH_TS_JPEG_LOSSLESS_SV1, KH_TS_IMPLICIT_LE, KH_TS_EXPLICIT_LE}, 3, 2, true, NULL},
        {"CT, compressed and implicit, for C-GET", KH_SOP_CT_IMAGE, {KH_TS_JPEG_LOSSLESS_SV1, KH_TS_IMPLICIT_LE}, 2, 1, true, NULL},
        {"CT, compressed only, for C-GET", KH_SOP_CT_IMAGE, {KH_TS_JPEG_LOSSLESS_SV1}, 1, 0, true, NULL},
        {"private class", "1.3.12.2.1107.5.9.1", {KH_TS_EXPLICIT_LE}, 1, 0, false, NULL},
        {"private class that is not configured", "1.3.12.2.1107.5.9.2", {KH_TS_EXPLICIT_LE}, 1, -1, false, NULL},
        {"video", "1.2.840.10008.5.1.4.1.1.77.1.1.1", {"1.2.840.10008.1.2.4.107"}, 1, 0, false, NULL},
        {"uncompressed video in real time", "1.2.840.10008.5.1.4.1.1.77.1.1.1", {"1.2.840.10008.1.2.7.1"}, 1, -2, false, NULL},
        {"storage class not invented yet", "1.2.840.10008.5.1.4.1.1.999999", {KH_TS_EXPLICIT_LE}, 1, 0, false, NULL},
        {"query", KH_SOP_STUDY_ROOT_FIND, {KH_TS_IMPLICIT_LE, KH_TS_EXPLICIT_LE}, 2, 1, false, NULL},
        {"query, implicit only", KH_SOP_PATIENT_ROOT_FIND, {KH_TS_IMPLICIT_LE}, 1, 0, false, NULL},
        {"query in syntaxes we do not write", KH_SOP_STUDY_ROOT_FIND, {KH_TS_DEFLATED_LE, KH_TS_EXPLICIT_BE}, 2, -2, false, NULL},
        {"move", KH_SOP_STUDY_ROOT_MOVE, {KH_TS_IMPLICIT_LE}, 1, 0, false, NULL},
        {"get", KH_SOP_PATIENT_ROOT_GET, {KH_TS_EXPLICIT_LE}, 1, 0, false, NULL},
        {"worklist", "1.2.840.10008.5.1.4.31", {KH_TS_EXPLICIT_LE}, 1, -1, false, NULL},
        {"unknown of the standard", "1.2.840.10008.99", {KH_TS_EXPLICIT_LE}, 1, -1, false, NULL},
    };

    kh_service_scp *service = calloc(1, sizeof(*service));

    (void)state;
    assert_non_null(service);
    assert_int_equal(kh_service_private_classes(service, "1.3.12.2.1107.5.9.3, 1.3.12.2.1107.5.9.1", NULL), KH_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        kh_node node = {.name = "n"};
        const kh_assoc_request request = {.caller = &node};
        int chosen;

        snprintf(node.syntaxes, sizeof(node.syntaxes), "%s", rows[i].preferred ? rows[i].preferred : "");
        chosen = kh_service_choose(service, &request, rows[i].abstract_syntax, rows[i].syntaxes, rows[i].count,
                                       rows[i].as_scp);
        if (chosen != rows[i].expected)
            fail_msg("%s: %d, expected %d", rows[i].name, chosen, rows[i].expected);
    }
    free(service);
}

static void private_classes(void **state)
{
    static const struct {
        const char *list;
        kh_status status;
        unsigned count;
    } rows[] = {
        {"", KH_OK, 0},        {"  ", KH_OK, 0},         {"1.2.3", KH_OK, 1}, {" 1.2.3,1.2.4\t1.2.5 ", KH_OK, 3},
        {"1.2.x", KH_E_ARG, 0}, {"1..2", KH_E_ARG, 0}, {"CT", KH_E_ARG, 0}, {"1.2.3 1.02", KH_E_ARG, 1},
        {"1.2345678901234567890123456789012345678901234567890123456789012", KH_OK, 1},
        {"1.23456789012345678901234567890123456789012345678901234567890123", KH_OK, 1},
        {"1.234567890123456789012345678901234567890123456789012345678901234", KH_E_ARG, 0},
    };
    kh_service_scp *service = calloc(1, sizeof(*service));
    char many[(KH_PRIVATE_CLASSES_MAX + 1) * 4 + 1] = "";

    (void)state;
    assert_non_null(service);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        kh_status status = kh_service_private_classes(service, rows[i].list, NULL);
        if (status != rows[i].status || service->private_class_count != rows[i].count)
            fail_msg("\"%s\": %d, %u classes", rows[i].list, status, service->private_class_count);
    }
    for (unsigned i = 0; i < KH_PRIVATE_CLASSES_MAX; i++)
        strcat(many, "1.2 ");
    assert_int_equal(kh_service_private_classes(service, many, NULL), KH_OK);
    strcat(many, "1.2");
    assert_int_equal(kh_service_private_classes(service, many, NULL), KH_E_LIMIT);
    free(service);
}

/* What a node is offered by C-GET: never more than there is room for, each compressed syntax by itself, and always a way for the rest. */
static void contexts_of_a_get(void **state)
{
    static const struct {
        const char *name, *list;
        size_t ct_contexts, enhanced_contexts; /* of CT, a picture; of Enhanced CT, one of the others */
        const char *first_compressed, *native;
        size_t native_count;
    } rows[] = {
        {"our own choice", "", 6, 1, "1.2.840.10008.1.2.4.50", KH_TS_EXPLICIT_LE, 2},
        {"one compressed", "1.2.840.10008.1.2.4.90", 2, 2, "1.2.840.10008.1.2.4.90", KH_TS_EXPLICIT_LE, 2},
        {"its order", "1.2.840.10008.1.2.4.80,1.2.840.10008.1.2.4.90", 3, 3, "1.2.840.10008.1.2.4.80", KH_TS_EXPLICIT_LE, 2},
        {"none compressed", KH_TS_IMPLICIT_LE, 1, 1, NULL, KH_TS_IMPLICIT_LE, 1},
        {"both natives, implicit first", KH_TS_IMPLICIT_LE "," KH_TS_EXPLICIT_LE, 1, 1, NULL, KH_TS_IMPLICIT_LE, 2},
        {"native before compressed", KH_TS_EXPLICIT_LE ",1.2.840.10008.1.2.5", 2, 2, "1.2.840.10008.1.2.5", KH_TS_EXPLICIT_LE, 1},
        {"five", "1.2.1,1.2.2,1.2.3,1.2.4,1.2.5", 6, 1, "1.2.1", KH_TS_EXPLICIT_LE, 2},
        {"six, of which five", "1.2.1,1.2.2,1.2.3,1.2.4,1.2.5,1.2.6", 6, 1, "1.2.1", KH_TS_EXPLICIT_LE, 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        kh_get_contexts got;
        size_t ct = 0, enhanced = 0;
        const char *compressed = NULL;

        kh_get_contexts_init(&got, rows[i].list);
        assert_true(got.count <= KH_GET_CONTEXTS_MAX);
        for (size_t k = 0; k < got.count; k++) {
            const kh_proposal *one = &got.proposals[k];
            bool is_ct = strcmp(one->abstract_syntax, KH_SOP_CT_IMAGE) == 0;
            assert_true(one->as_scp);
            ct += is_ct;
            enhanced += strcmp(one->abstract_syntax, "1.2.840.10008.5.1.4.1.1.2.1") == 0;
            if (is_ct && ct == 1 && (strcmp(one->transfer_syntaxes[0], rows[i].native) != 0 ||
                                     one->transfer_syntax_count != rows[i].native_count))
                fail_msg("%s: %zu, first %s", rows[i].name, one->transfer_syntax_count, one->transfer_syntaxes[0]);
            if (is_ct && ct == 2)
                compressed = one->transfer_syntaxes[0];
        }
        if (ct != rows[i].ct_contexts || enhanced != rows[i].enhanced_contexts)
            fail_msg("%s: %zu and %zu contexts, expected %zu and %zu", rows[i].name, ct, enhanced, rows[i].ct_contexts,
                     rows[i].enhanced_contexts);
        if (!compressed != !rows[i].first_compressed || (compressed && strcmp(compressed, rows[i].first_compressed) != 0))
            fail_msg("%s: first compressed %s", rows[i].name, compressed ? compressed : "none");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(store_status), cmocka_unit_test(status_words), cmocka_unit_test(backoff),
                                       cmocka_unit_test(uid_set), cmocka_unit_test(chosen_syntax), cmocka_unit_test(private_classes),
                                       cmocka_unit_test(contexts_of_a_get)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
