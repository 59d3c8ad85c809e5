/* One budget for what is on its way: both sides of it, and what is let go of. */
#include "tests/cmocka_all.h"

#include <stdlib.h>
#include "viewer/dicomweb/internal.h"

static void both_sides(void **state)
{
    static const struct {
        const char *label;
        size_t first, second;
        bool taken;
    } cases[] = {
        {"all at once", 100, 0, true},  {"one too many", 101, 0, false},   {"to the last byte", 60, 40, true},
        {"a byte beyond", 60, 41, false}, {"nothing on top", 100, 0, true}, {"no wrapping", 100, SIZE_MAX, false},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_dicomweb dicomweb = {.options = {.memory_max = 100}};
        kh_error err = KH_ERROR_INIT;
        bool first = kh_dicomweb_count(&dicomweb, cases[i].first, &err) == KH_OK;
        bool taken = first && kh_dicomweb_count(&dicomweb, cases[i].second, &err) == KH_OK;

        if (taken != cases[i].taken)
            fail_msg("%s: %s", cases[i].label, taken ? "taken" : "refused");
        if (!taken)
            assert_int_equal(err.status, KH_E_BUSY);
        assert_int_equal(atomic_load(&dicomweb.held_bytes), (first ? cases[i].first : 0) + (taken ? cases[i].second : 0));
    }
}

static void let_go(void **state)
{
    kh_dicomweb dicomweb = {.options = {.memory_max = 100}};
    kh_dicomweb_held *held;

    (void)state;
    assert_int_equal(kh_dicomweb_count(&dicomweb, 100, NULL), KH_OK);
    held = kh_dicomweb_hold(&dicomweb, malloc(10), 10, 100);
    assert_non_null(held);
    assert_int_equal(kh_dicomweb_count(&dicomweb, 1, NULL), KH_E_BUSY);
    kh_dicomweb_let_go(held);
    assert_int_equal(kh_dicomweb_count(&dicomweb, 100, NULL), KH_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(both_sides), cmocka_unit_test(let_go)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
