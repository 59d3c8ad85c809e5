/* References to what they name: the examples of RFC 3986 5.4 that concern us, and limits. */
#include "tests/cmocka_all.h"

#include <string.h>
#include "viewer/dicomweb/location.h"

static void resolved(void **state)
{
    static const struct {
        const char *base, *reference, *expected; /* NULL: refused */
    } rows[] = {
        {"http://a/b/c/d", "g:h", "g:h"},
        {"http://a/b/c/d", "g", "http://a/b/c/g"},
        {"http://a/b/c/d", "./g", "http://a/b/c/g"},
        {"http://a/b/c/d", "g/", "http://a/b/c/g/"},
        {"http://a/b/c/d", "/g", "http://a/g"},
        {"http://a/b/c/d", "//g", "http://g"},
        {"http://a/b/c/d", "g?y", "http://a/b/c/g?y"},
        {"http://a/b/c/d", ".", "http://a/b/c/"},
        {"http://a/b/c/d", "..", "http://a/b/"},
        {"http://a/b/c/d", "../g", "http://a/b/g"},
        {"http://a/b/c/d", "../..", "http://a/"},
        {"http://a/b/c/d", "../../g", "http://a/g"},
        {"http://a/b/c/d", "../../../g", "http://a/g"},
        {"http://a/b/c/d", "/./g", "http://a/g"},
        {"http://a/b/c/d", "g.", "http://a/b/c/g."},
        {"http://a/b/c/d", "..g", "http://a/b/c/..g"},
        {"http://a/b/c/d", "./g/.", "http://a/b/c/g/"},
        {"http://a/b/c/d", "g/../h", "http://a/b/c/h"},
        {"http://a/b/c/d", "g?y/../x", "http://a/b/c/g?y/../x"},
        {"http://a", "g", "http://a/g"},
        {"http://a/b", "HTTP://A/B", "http://a/B"},
        {"http://a/b", "urn:uuid:0A", "urn:uuid:0A"},
        {"http://a/b", "", NULL},
        {"http://a/b", "a b", NULL},
        {"http://a/b", "a\nb", NULL},
    };
    char out[KH_LOCATION_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        kh_status status = kh_location_resolve(out, rows[i].base, rows[i].reference, NULL);

        if ((status == KH_OK) != (rows[i].expected != NULL))
            fail_msg("%s: status %d", rows[i].reference, status);
        if (status == KH_OK && strcmp(out, rows[i].expected) != 0)
            fail_msg("%s: %s, expected %s", rows[i].reference, out, rows[i].expected);
    }
}

static void sizes(void **state)
{
    char reference[KH_LOCATION_TEXT_MAX + 2], base[1001], out[KH_LOCATION_SIZE];

    (void)state;
    memset(reference, 'g', sizeof reference);
    memset(base, 'b', sizeof base);
    memcpy(base, "http://a/", 9);
    reference[KH_LOCATION_TEXT_MAX + 1] = base[999] = '\0';
    assert_int_equal(kh_location_resolve(out, base, reference, NULL), KH_E_LIMIT);
    reference[KH_LOCATION_TEXT_MAX] = '\0';
    assert_int_equal(kh_location_resolve(out, base, reference, NULL), KH_OK);
    assert_int_equal(strlen(out), 9 + KH_LOCATION_TEXT_MAX);
    base[999] = 'b';
    base[1000] = '\0';
    assert_int_equal(kh_location_resolve(out, base, "g", NULL), KH_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(resolved), cmocka_unit_test(sizes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
