/* A rate shared by several: by the clock it is given, to the microsecond. */
#include "tests/cmocka_all.h"

#include <stdint.h>
#include "base/rate.h"

#define SECOND 1000000

static void used_up_and_filled(void **state)
{
    kh_rate *rate;

    (void)state;
    assert_int_equal(kh_rate_create(&rate, 4096, NULL), KH_OK);
    assert_int_equal(kh_rate_use(rate, 1024, SECOND), 0); /* a quarter of a second's worth at once */
    assert_int_equal(kh_rate_use(rate, 1024, SECOND), SECOND / 4);
    assert_int_equal(kh_rate_use(rate, 1024, SECOND), SECOND / 2); /* whoever comes next waits for both */
    assert_int_equal(kh_rate_use(rate, 0, SECOND + SECOND / 2), 0);
    assert_int_equal(kh_rate_use(rate, 2048, 100 * (int64_t)SECOND), SECOND / 4); /* idle time is not saved up */
    assert_int_equal(kh_rate_use(rate, 0, 1), SECOND / 4);                         /* a clock read earlier by another thread */
    kh_rate_free(rate);
}

static void no_limit_and_another_one(void **state)
{
    kh_rate *rate;

    (void)state;
    assert_int_equal(kh_rate_create(&rate, 0, NULL), KH_OK);
    assert_int_equal(kh_rate_use(rate, SIZE_MAX / 2, SECOND), 0);
    assert_true(kh_rate_part(rate) == SIZE_MAX);
    kh_rate_set(rate, 80000);
    assert_int_equal(kh_rate_part(rate), 10000);
    assert_int_equal(kh_rate_use(rate, 100000, SECOND), SECOND);
    kh_rate_set(rate, 1024);
    assert_int_equal(kh_rate_part(rate), 1024);
    assert_int_equal(kh_rate_use(rate, 0, SECOND), 0); /* the debt of another rate is not asked for */
    kh_rate_free(rate);
    kh_rate_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(used_up_and_filled), cmocka_unit_test(no_limit_and_another_one)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
