/* Lists of frames, the types of frames, and the text between parts. */
#include <stdio.h>
#include <string.h>
#include "tests/cmocka_all.h"
#include "viewer/dicomweb/frame_list.h"
#include "viewer/dicomweb/multipart.h"

typedef struct list_case {
    const char *name, *text;
    size_t count; /* 0: refused */
    uint32_t last;
} list_case;

static const list_case lists[] = {
    {"one", "1", 1, 1},
    {"several", "1,2,7", 3, 7},
    {"leading zeros", "01,0002", 2, 2},
    {"the largest", "4294967295", 1, UINT32_MAX},
    {"one more", "4294967296", 0, 0},
    {"eleven digits", "00000000001", 0, 0},
    {"zero", "0", 0, 0},
    {"negative", "-1", 0, 0},
    {"twice", "3,3", 0, 0},
    {"descending", "3,2", 0, 0},
    {"empty", "", 0, 0},
    {"nothing between", "1,,2", 0, 0},
    {"comma at the end", "1,", 0, 0},
    {"comma first", ",1", 0, 0},
    {"space", "1, 2", 0, 0},
    {"letters", "1a", 0, 0},
    {"range", "1-3", 0, 0},
};

static void test_lists(void **state)
{
    static uint32_t numbers[KH_FRAME_LIST_MAX];

    (void)state;
    for (size_t i = 0; i < KH_COUNT(lists); i++) {
        const list_case *c = &lists[i];
        kh_error err = KH_ERROR_INIT;
        size_t count = 0;
        kh_status status = kh_frame_list_parse(numbers, &count, c->text, &err);

        if ((status == KH_OK) != (c->count > 0) || (status == KH_OK && (count != c->count || numbers[count - 1] != c->last)))
            fail_msg("%s: %zu numbers, %s", c->name, count, err.message);
        if (status != KH_OK)
            assert_int_equal(status, KH_E_ARG);
    }
}

static void test_longest_list(void **state)
{
    static uint32_t numbers[KH_FRAME_LIST_MAX];
    static char text[KH_FRAME_LIST_MAX * 6 + 16];
    size_t at = 0, count;

    (void)state;
    for (unsigned i = 1; i <= KH_FRAME_LIST_MAX; i++)
        at += (size_t)sprintf(text + at, "%s%u", i > 1 ? "," : "", i);
    assert_int_equal(kh_frame_list_parse(numbers, &count, text, NULL), KH_OK);
    assert_int_equal(count, KH_FRAME_LIST_MAX);
    sprintf(text + at, ",%u", KH_FRAME_LIST_MAX + 1);
    assert_int_equal(kh_frame_list_parse(numbers, &count, text, NULL), KH_E_ARG);
}

/* PS3.18 table 8.7.3-5. */
typedef struct type_case {
    const char *syntax, *accept;
    const char *expected; /* the transfer syntax of what is given; NULL: nothing */
} type_case;

#define J2K "1.2.840.10008.1.2.4.90"
static const type_case types[] = {
    {KH_TS_EXPLICIT_LE, "multipart/related;type=application/octet-stream", KH_TS_EXPLICIT_LE},
    {KH_TS_IMPLICIT_LE, "*/*", KH_TS_EXPLICIT_LE},
    {KH_TS_EXPLICIT_BE, "*/*;transfer-syntax=*", KH_TS_EXPLICIT_LE},
    {KH_TS_EXPLICIT_LE, "image/jpeg", NULL},
    {KH_TS_JPEG_BASELINE, "image/jpeg", KH_TS_JPEG_BASELINE},
    {KH_TS_JPEG_EXTENDED, "multipart/related;type=image/jpeg", KH_TS_JPEG_EXTENDED},
    {KH_TS_JPEG_LOSSLESS, "image/jpeg;transfer-syntax=" KH_TS_JPEG_LOSSLESS, KH_TS_JPEG_LOSSLESS},
    {KH_TS_JPEG_LOSSLESS_SV1, "image/jpeg;transfer-syntax=" KH_TS_JPEG_BASELINE, NULL},
    {KH_TS_RLE, "image/dicom-rle", KH_TS_RLE},
    {KH_TS_RLE, "image/x-dicom-rle", KH_TS_RLE},
    {"1.2.840.10008.1.2.4.80", "image/jls", "1.2.840.10008.1.2.4.80"},
    {"1.2.840.10008.1.2.4.81", "image/x-jls", "1.2.840.10008.1.2.4.81"},
    {J2K, "image/jp2", J2K},
    {J2K, "multipart/related;type=application/octet-stream", KH_TS_EXPLICIT_LE},
    {J2K, "multipart/related;type=application/octet-stream;transfer-syntax=*", J2K},
    {J2K, "multipart/related;type=application/octet-stream;transfer-syntax=" KH_TS_EXPLICIT_LE, KH_TS_EXPLICIT_LE},
    {J2K, "image/jphc", NULL},
    {"1.2.840.10008.1.2.4.201", "image/jphc", "1.2.840.10008.1.2.4.201"},
    {"1.2.840.10008.1.2.4.203", "image/jphc", "1.2.840.10008.1.2.4.203"},
    {"1.2.840.10008.1.2.4.110", "image/jxl", "1.2.840.10008.1.2.4.110"},
    {J2K, "*/*", KH_TS_EXPLICIT_LE},
};

static void test_types(void **state)
{
    kh_offer offers[KH_FRAME_OFFERS_MAX];
    kh_accept accept;

    (void)state;
    for (size_t i = 0; i < KH_COUNT(types); i++) {
        const type_case *c = &types[i];
        size_t count = kh_frame_offers(offers, c->syntax, true, true), chosen;
        const char *got;

        assert_true(count <= KH_FRAME_OFFERS_MAX);
        assert_int_equal(kh_accept_parse(&accept, NULL, c->accept, NULL), KH_OK);
        chosen = kh_accept_choose(&accept, offers, count);
        got = chosen < count ? offers[chosen].transfer_syntax : NULL;
        if (!got != !c->expected || (got && strcmp(got, c->expected) != 0))
            fail_msg("%s as %s: %s, expected %s", c->syntax, c->accept, got ? got : "nothing", c->expected ? c->expected : "nothing");
    }
    assert_int_equal(kh_frame_offers(offers, J2K, false, false), 2); /* what cannot be decoded is given as it is */
    assert_int_equal(kh_frame_offers(offers, J2K, true, false), 3);
}

static void test_multipart(void **state)
{
    kh_multipart first, second;
    char text[KH_MULTIPART_HEAD_SIZE], expected[KH_MULTIPART_HEAD_SIZE], longest[KH_MULTIPART_HEAD_SIZE];
    size_t size;

    (void)state;
    assert_int_equal(kh_multipart_init(&first, NULL), KH_OK);
    assert_int_equal(kh_multipart_init(&second, NULL), KH_OK);
    assert_string_not_equal(first.boundary, second.boundary);
    assert_int_equal(strspn(first.boundary, "0123456789abcdefkh"), KH_MULTIPART_BOUNDARY_SIZE - 1);
    snprintf(expected, sizeof expected, "--%s\r\nContent-Type: a/b\r\nContent-Length: 0\r\n\r\n", first.boundary);
    assert_int_equal(kh_multipart_head(&first, 0, "a/b", NULL, NULL, 0, text), strlen(expected));
    assert_string_equal(text, expected);
    snprintf(expected, sizeof expected,
             "\r\n--%s\r\nContent-Type: a/b; transfer-syntax=1.2\r\nContent-Length: 17\r\nContent-Location: /x\r\n\r\n", first.boundary);
    assert_int_equal(kh_multipart_head(&first, 1, "a/b", "1.2", "/x", 17, text), strlen(expected));
    assert_string_equal(text, expected);
    size = strlen(expected);
    memset(longest, 'x', sizeof longest);
    longest[KH_MULTIPART_HEAD_SIZE - 1 - (size - 2)] = '\0'; /* in the place of "/x" */
    assert_int_equal(kh_multipart_head(&first, 1, "a/b", "1.2", longest, 17, text), KH_MULTIPART_HEAD_SIZE - 1);
    longest[KH_MULTIPART_HEAD_SIZE - 1 - (size - 2)] = 'x';
    longest[KH_MULTIPART_HEAD_SIZE - (size - 2)] = '\0';
    assert_int_equal(kh_multipart_head(&first, 1, "a/b", "1.2", longest, 17, text), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lists), cmocka_unit_test(test_longest_list), cmocka_unit_test(test_types),
                                       cmocka_unit_test(test_multipart)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
