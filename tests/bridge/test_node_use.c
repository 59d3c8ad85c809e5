/* Places for our associations with a node: so many, who is urgent first, a wait with an end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "pacs-bridge/node_use.h"

#define LONG_MS 60000

typedef struct caller {
    kh_node_use *use;
    const kh_node *node;
    kh_node_call call;
    void *place;
    kh_status status;
    _Atomic bool done;
    pthread_t thread;
} caller;

static void *call_main(void *argument)
{
    caller *one = argument;

    one->status = kh_node_use_call(one->use, one->node, &one->call, &one->place, NULL);
    atomic_store(&one->done, true);
    return NULL;
}

static void call(caller *one, kh_node_use *use, const kh_node *node, bool urgent)
{
    *one = (caller){.use = use, .node = node, .call = {.urgent = urgent, .wait_ms = LONG_MS}};
    assert_int_equal(pthread_create(&one->thread, NULL, call_main, one), 0);
}

static void *place_of(kh_node_use *use, const kh_node *node, bool urgent)
{
    const kh_node_call at_once = {.urgent = urgent};
    void *place = NULL;

    assert_int_equal(kh_node_use_call(use, node, &at_once, &place, NULL), KH_OK);
    return place;
}

static void so_many_and_no_more(void **state)
{
    static const struct {
        const char *name;
        uint16_t associations;
        unsigned taken;
    } rows[] = {{"no limit", 0, 40}, {"one", 1, 1}, {"three", 3, 3}};
    const kh_node_call at_once = {.urgent = true};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        kh_node node = {.id = 7, .name = "north", .associations = rows[i].associations}, other = {.id = 8, .associations = 1};
        kh_error err = KH_ERROR_INIT;
        kh_node_use *use;
        void *place, *first = NULL;

        assert_int_equal(kh_node_use_create(&use, NULL), KH_OK);
        for (unsigned k = 0; k < rows[i].taken; k++)
            first = place_of(use, &node, false);
        if (rows[i].associations) {
            if (kh_node_use_call(use, &node, &at_once, &place, &err) != KH_E_BUSY || !strstr(err.message, "node north has its"))
                fail_msg("%s: \"%s\"", rows[i].name, err.message);
            assert_null(place);
            kh_node_use_hang_up(first);
            first = place_of(use, &node, false);
        }
        (void)place_of(use, &other, false); /* its own */
        assert_int_equal(kh_node_use_enter(use, &node, NULL), KH_OK); /* the node's own associations are counted apart */
        kh_node_use_leave(use, node.id);
        kh_node_use_hang_up(first);
        kh_node_use_free(use);
    }
}

static void urgent_goes_first(void **state)
{
    const kh_node node = {.id = 7, .name = "north", .associations = 1};
    caller soon, urgent;
    kh_node_use *use;
    void *held;

    (void)state;
    assert_int_equal(kh_node_use_create(&use, NULL), KH_OK);
    held = place_of(use, &node, false);
    assert_false(kh_node_use_make_way(use, node.id)); /* nobody urgent waits */
    call(&soon, use, &node, false);
    kh_clock_sleep_ms(20);
    assert_false(kh_node_use_make_way(use, node.id));
    call(&urgent, use, &node, true);
    while (!kh_node_use_make_way(use, node.id))
        kh_clock_sleep_ms(1);
    assert_false(kh_node_use_make_way(use, node.id)); /* one is enough */
    kh_node_use_hang_up(held);
    pthread_join(urgent.thread, NULL);
    assert_int_equal(urgent.status, KH_OK);
    assert_false(atomic_load(&soon.done));
    kh_node_use_hang_up(urgent.place);
    pthread_join(soon.thread, NULL);
    assert_int_equal(soon.status, KH_OK);
    kh_node_use_hang_up(soon.place);
    kh_node_use_free(use);
}

/* The clock is moved over the wait; a stop ends another. */
static void a_wait_has_an_end(void **state)
{
    const kh_node node = {.id = 7, .name = "north", .associations = 1};
    caller first, second;
    kh_node_use *use;
    kh_stop *stop;

    (void)state;
    assert_int_equal(kh_stop_create(&stop, NULL), KH_OK);
    assert_int_equal(kh_node_use_create(&use, NULL), KH_OK);
    (void)place_of(use, &node, false);
    call(&first, use, &node, true);
    kh_clock_sleep_ms(20);
    assert_false(atomic_load(&first.done));
    do { /* it may begin to wait only now */
        kh_clock_shift_for_test(LONG_MS, 0);
        kh_clock_sleep_ms(10);
    } while (!atomic_load(&first.done));
    pthread_join(first.thread, NULL);
    assert_int_equal(first.status, KH_E_BUSY);
    assert_false(kh_node_use_make_way(use, node.id)); /* nobody waits any more */
    second = (caller){.use = use, .node = &node, .call = {.wait_ms = LONG_MS, .stop = stop}};
    assert_int_equal(pthread_create(&second.thread, NULL, call_main, &second), 0);
    kh_stop_hard(stop);
    pthread_join(second.thread, NULL);
    assert_int_equal(second.status, KH_E_CANCELLED);
    kh_node_use_free(use);
    kh_stop_free(stop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(so_many_and_no_more), cmocka_unit_test(urgent_goes_first),
                                       cmocka_unit_test(a_wait_has_an_end)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
