/* Queue and pool with real threads. */
#include "tests/cmocka_all.h"

#include <pthread.h>
#include <stdatomic.h>
#include "base/clock.h"
#include "base/pool.h"
#include "base/queue.h"

static void queue_keeps_order_and_bound(void **state)
{
    kh_queue *queue;
    int items[3];

    (void)state;
    assert_int_equal(kh_queue_create(&queue, 0, NULL), KH_E_ARG);
    assert_int_equal(kh_queue_create(&queue, 1048577, NULL), KH_E_ARG);
    assert_int_equal(kh_queue_create(&queue, 2, NULL), KH_OK);
    assert_int_equal(kh_queue_push(queue, &items[0], NULL), KH_OK);
    assert_int_equal(kh_queue_push(queue, &items[1], NULL), KH_OK);
    assert_int_equal(kh_queue_push(queue, &items[2], NULL), KH_E_BUSY);
    assert_int_equal(kh_queue_count(queue), 2);
    assert_ptr_equal(kh_queue_pop(queue, 0), &items[0]);
    kh_queue_close(queue);
    assert_int_equal(kh_queue_push(queue, &items[2], NULL), KH_E_CANCELLED);
    assert_ptr_equal(kh_queue_pop(queue, -1), &items[1]);
    assert_null(kh_queue_pop(queue, -1));
    kh_queue_free(queue);
}

static void pop_gives_up_in_time(void **state)
{
    kh_queue *queue;
    int64_t start = kh_clock_monotonic_ms();

    (void)state;
    assert_int_equal(kh_queue_create(&queue, 2, NULL), KH_OK);
    assert_null(kh_queue_pop(queue, 30));
    assert_true(kh_clock_monotonic_ms() - start >= 29);
    kh_queue_free(queue);
}

static void *close_later(void *queue)
{
    kh_clock_sleep_ms(20);
    kh_queue_close(queue);
    return NULL;
}

static void close_wakes_who_waits(void **state)
{
    kh_queue *queue;
    pthread_t closer;

    (void)state;
    assert_int_equal(kh_queue_create(&queue, 2, NULL), KH_OK);
    pthread_create(&closer, NULL, close_later, queue);
    assert_null(kh_queue_pop(queue, -1));
    pthread_join(closer, NULL);
    kh_queue_free(queue);
}

static atomic_int jobs_run;
static atomic_uint threads_seen;

static void count_job(void *argument, unsigned thread_index)
{
    (void)argument;
    atomic_fetch_or(&threads_seen, 1u << thread_index);
    atomic_fetch_add(&jobs_run, 1);
    kh_clock_sleep_ms(1);
}

static void pool_runs_all_it_accepted(void **state)
{
    kh_pool *pool;
    int accepted = 0;

    (void)state;
    assert_int_equal(kh_pool_create(&pool, "test", 0, 1, NULL), KH_E_ARG);
    assert_int_equal(kh_pool_create(&pool, "test", 257, 1, NULL), KH_E_ARG);
    assert_int_equal(kh_pool_create(&pool, "test", 3, 64, NULL), KH_OK);
    for (int i = 0; i < 200; i++) {
        kh_status status = kh_pool_submit(pool, count_job, NULL, NULL);

        assert_true(status == KH_OK || status == KH_E_BUSY);
        accepted += status == KH_OK;
    }
    kh_pool_stop(pool);
    assert_int_equal(atomic_load(&jobs_run), accepted);
    assert_true(accepted >= 64);
    assert_true((atomic_load(&threads_seen) & ~7u) == 0);
    kh_pool_stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue_keeps_order_and_bound),
        cmocka_unit_test(pop_gives_up_in_time),
        cmocka_unit_test(close_wakes_who_waits),
        cmocka_unit_test(pool_runs_all_it_accepted),
    };
    return cmocka_run_group_tests_name("base threads", tests, NULL, NULL);
}
