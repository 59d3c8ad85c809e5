/* Accept and accept, as viewers in the field and the standard's examples write them. */
#include <stdio.h>
#include <string.h>
#include "tests/cmocka_all.h"
#include "viewer/dicomweb/accept.h"

#define J2K "1.2.840.10008.1.2.4.90"

/* An instance that is stored in JPEG 2000: as multipart and single, as stored and in explicit VR little endian. */
static const kh_offer instance[] = {
    {"application/dicom", true, J2K, false, false},
    {"application/dicom", true, KH_TS_EXPLICIT_LE, true, true},
    {"application/dicom", false, J2K, false, false},
    {"application/dicom", false, KH_TS_EXPLICIT_LE, true, false},
};
/* A frame of it. */
static const kh_offer frame[] = {
    {"image/jp2", true, J2K, true, false},
    {"application/octet-stream", true, KH_TS_EXPLICIT_LE, true, true},
    {"image/jp2", false, J2K, true, false},
    {"application/octet-stream", false, KH_TS_EXPLICIT_LE, true, false},
};
static const kh_offer metadata[] = {
    {"application/dicom+json", false, NULL, false, true},
    {"application/dicom+xml", true, NULL, false, false},
    {"application/json", false, NULL, false, false},
};

#define NONE (-1)
#define REFUSED (-2)

typedef struct accept_case {
    const char *name;
    const kh_offer *offers;
    size_t count;
    const char *query, *header;
    int expected; /* index, NONE or REFUSED */
} accept_case;

#define OF(offers) offers, KH_COUNT(offers)
#define MULTI "multipart/related; type=\"application/dicom\""

static const accept_case cases[] = {
    {"no header: the category's default", OF(instance), NULL, NULL, 1},
    {"empty header", OF(instance), NULL, "", 1},
    {"*/*", OF(instance), NULL, "*/*", 1},
    {"*/* for frames", OF(frame), NULL, "*/*", 1},
    {"*/* for metadata", OF(metadata), NULL, "*/*", 0},
    {"type quoted", OF(instance), NULL, MULTI, 1},
    {"type not quoted", OF(instance), NULL, "multipart/related; type=application/dicom", 1},
    {"names in any case", OF(instance), NULL, "Multipart/RELATED; Type=\"Application/DICOM\"", 1},
    {"no space, boundary passed over", OF(instance), NULL, "multipart/related;type=application/dicom;boundary=abc", 1},
    {"any syntax: as stored", OF(instance), NULL, MULTI "; transfer-syntax=*", 0},
    {"any syntax, quoted", OF(instance), NULL, MULTI "; transfer-syntax=\"*\"", 0},
    {"the stored one", OF(instance), NULL, MULTI "; transfer-syntax=" J2K, 0},
    {"the stored one, quoted, before the type", OF(instance), NULL,
     "multipart/related; transfer-syntax=\"" J2K "\"; type=\"application/dicom\"", 0},
    {"inside the quotes of type", OF(instance), NULL, "multipart/related; type=\"application/dicom; transfer-syntax=" J2K "\"", 0},
    {"a syntax that is not there", OF(instance), NULL, MULTI "; transfer-syntax=1.2.840.10008.1.2.4.80", NONE},
    {"two syntaxes, the second is there", OF(instance), NULL,
     MULTI "; transfer-syntax=1.2.840.10008.1.2.4.80," MULTI "; transfer-syntax=" J2K, 0},
    {"single part", OF(instance), NULL, "application/dicom", 3},
    {"single part as stored", OF(instance), NULL, "application/dicom; transfer-syntax=*", 2},
    {"client's order among equals", OF(instance), NULL, "application/dicom; transfer-syntax=*, " MULTI, 2},
    {"weight before order", OF(instance), NULL, "application/dicom; transfer-syntax=*; q=0.5, " MULTI "; q=0.9", 1},
    {"weight of the least", OF(instance), NULL, "application/dicom;q=0.001", 3},
    {"weight 0 refuses", OF(instance), NULL, "application/dicom;q=0", NONE},
    {"weight 0 takes one out of a wildcard", OF(frame), NULL, "*/*, multipart/related;type=application/octet-stream;q=0", 0},
    {"the exact syntax decides over any", OF(instance), NULL, MULTI ";transfer-syntax=" J2K ";q=0, " MULTI ";transfer-syntax=*;q=0.3", 1},
    {"named before wildcard", OF(frame), NULL, "*/*, image/jp2", 2},
    {"heavier wildcard", OF(frame), NULL, "*/*, image/jp2;q=0.9", 1},
    {"image/*", OF(frame), NULL, "image/*", 2},
    {"multipart of image/*", OF(frame), NULL, "multipart/related; type=\"image/*\"", 0},
    {"multipart/*", OF(frame), NULL, "multipart/*", 1},
    {"multipart of anything", OF(frame), NULL, "multipart/related", 1},
    {"multipart of */*", OF(frame), NULL, "multipart/related; type=\"*/*\"", 1},
    {"compressed type alone", OF(frame), NULL, "multipart/related; type=\"image/jp2\"", 0},
    {"a browser's list", OF(metadata), NULL, "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", 0},
    {"json", OF(metadata), NULL, "application/json", 2},
    {"a syntax where there is none", OF(metadata), NULL, "application/dicom+json; transfer-syntax=*", 0},
    {"xml", OF(metadata), NULL, "multipart/related; type=\"application/dicom+xml\"", 1},
    {"xml not multipart", OF(metadata), NULL, "application/dicom+xml", NONE},
    {"charset", OF(metadata), NULL, "application/dicom+json; charset=utf-8", 0},
    {"nothing that is served", OF(metadata), NULL, "video/mp4", NONE},
    {"empty elements", OF(metadata), NULL, ", ,application/dicom+json,,", 0},
    {"extension without a value", OF(metadata), NULL, "application/dicom+json;level;q=0.5;x=\"a,b\\\"c\"", 0},
    {"parameter before the header", OF(metadata), "multipart/related; type=\"application/dicom+xml\"", "*/*", 1},
    {"parameter with + as a space", OF(metadata), "application/dicom json", "multipart/related;type=application/dicom+xml", 0},
    {"parameter's type with + as a space", OF(metadata), "multipart/related;type=application/dicom xml", "*/*", 1},
    {"parameter's type in quotes with + as a space", OF(metadata), "multipart/related;type=\"application/dicom xml\"", "*/*", 1},
    {"parameter that is not served: the header", OF(metadata), "video/mp4", "application/json", 2},
    {"wildcard in the parameter", OF(metadata), "*/*", "*/*", REFUSED},
    {"subtype wildcard in the parameter", OF(metadata), "application/*", "*/*", REFUSED},
    {"multipart of anything in the parameter", OF(metadata), "multipart/related", "*/*", REFUSED},
    {"no slash", OF(metadata), NULL, "json", REFUSED},
    {"no subtype", OF(metadata), NULL, "application/", REFUSED},
    {"no type", OF(metadata), NULL, "/json", REFUSED},
    {"two slashes", OF(metadata), NULL, "a/b/c", REFUSED},
    {"*/json", OF(metadata), NULL, "*/json", REFUSED},
    {"no comma", OF(metadata), NULL, "a/b c/d", REFUSED},
    {"quote without end", OF(metadata), NULL, "a/b; x=\"c", REFUSED},
    {"escape at the end", OF(metadata), NULL, "a/b; x=\"c\\", REFUSED},
    {"weight 1.000", OF(metadata), NULL, "application/json;q=1.000", 2},
    {"weight 1.001", OF(metadata), NULL, "application/json;q=1.001", REFUSED},
    {"weight of four decimals", OF(metadata), NULL, "application/json;q=0.1234", REFUSED},
    {"weight 2", OF(metadata), NULL, "application/json;q=2", REFUSED},
    {"weight -1", OF(metadata), NULL, "application/json;q=-1", REFUSED},
    {"weight empty", OF(metadata), NULL, "application/json;q=", REFUSED},
    {"syntax that is no UID", OF(instance), NULL, MULTI ";transfer-syntax=../etc", REFUSED},
    {"syntax empty", OF(instance), NULL, MULTI ";transfer-syntax=\"\"", REFUSED},
    {"two types in the quotes", OF(instance), NULL, "multipart/related;type=\"a/b;c=d,e/f\"", REFUSED},
};

static void test_cases(void **state)
{
    kh_accept accept;

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        const accept_case *c = &cases[i];
        kh_error err = KH_ERROR_INIT;
        int got = REFUSED;

        if (kh_accept_parse(&accept, c->query, c->header, &err) == KH_OK) {
            size_t index = kh_accept_choose(&accept, c->offers, c->count);

            got = index == c->count ? NONE : (int)index;
        } else {
            assert_int_equal(err.status, KH_E_ARG);
            assert_true(strncmp(err.message, c->query ? "accept" : "Accept", 6) == 0);
        }
        if (got != c->expected)
            fail_msg("%s: %d, expected %d (%s)", c->name, got, c->expected, err.message);
    }
}

static void repeat(char *out, const char *piece, size_t count)
{
    for (size_t i = 0; i < count; i++, out += strlen(piece))
        memcpy(out, piece, strlen(piece) + 1);
}

static void test_limits(void **state)
{
    char text[4096];
    kh_accept accept;

    (void)state;
    repeat(text, "a/b,", KH_ACCEPT_RANGES_MAX);
    assert_int_equal(kh_accept_parse(&accept, NULL, text, NULL), KH_OK);
    assert_int_equal(accept.header_count, KH_ACCEPT_RANGES_MAX);
    assert_false(accept.header_missing);
    repeat(text, "a/b,", KH_ACCEPT_RANGES_MAX + 1);
    assert_int_equal(kh_accept_parse(&accept, NULL, text, NULL), KH_E_ARG);

    memcpy(text, "a/", 3);
    repeat(text + 2, "x", KH_ACCEPT_TYPE_SIZE - 3);
    assert_int_equal(kh_accept_parse(&accept, NULL, text, NULL), KH_OK);
    repeat(text + 2, "x", KH_ACCEPT_TYPE_SIZE - 2);
    assert_int_equal(kh_accept_parse(&accept, NULL, text, NULL), KH_E_ARG);

    memcpy(text, "a/b;n=\"", 8);
    repeat(text + 7, "x", 255);
    strcat(text, "\"");
    assert_int_equal(kh_accept_parse(&accept, NULL, text, NULL), KH_OK);
    repeat(text + 7, "x", 256);
    strcat(text, "\"");
    assert_int_equal(kh_accept_parse(&accept, NULL, text, NULL), KH_E_ARG);
}

static void test_names(void **state)
{
    kh_accept accept;

    (void)state;
    assert_int_equal(kh_accept_parse(&accept, "image/png", "image/*, application/dicom, text/html;q=0", NULL), KH_OK);
    assert_true(kh_accept_names(&accept, "image/png"));
    assert_true(kh_accept_names(&accept, "application/dicom"));
    assert_false(kh_accept_names(&accept, "image/jpeg"));
    assert_false(kh_accept_names(&accept, "text/html"));
    assert_int_equal(kh_accept_parse(&accept, NULL, NULL, NULL), KH_OK);
    assert_true(accept.header_missing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_limits), cmocka_unit_test(test_names)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
