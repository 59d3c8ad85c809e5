/* Who is connected, who had objects refused, who was turned away: places, rings, order, and many threads at once. */
#include "tests/cmocka_all.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cache/nodes.h"
#include "pacs-bridge/associations.h"
#include "pacs-bridge/node_use.h"

static int open_table(void **state)
{
    return kh_associations_create((kh_associations **)state, NULL) == KH_OK ? 0 : -1;
}

static int close_table(void **state)
{
    kh_associations_free(*state);
    return 0;
}

static int enter(kh_associations *table, uint64_t number)
{
    kh_association it = {.number = number, .since_ms = 1000};

    snprintf(it.peer, sizeof it.peer, "node-%u", (unsigned)number);
    return kh_associations_enter(table, &it);
}

static void every_place_and_one_more(void **state)
{
    static kh_association out[KH_ASSOCIATIONS_MAX + 1];
    unsigned active;

    for (int i = 0; i < KH_ASSOCIATIONS_MAX; i++)
        assert_int_equal(enter(*state, (uint64_t)i + 1), i);
    assert_int_equal(enter(*state, 999), -1);
    kh_associations_note(*state, -1, &(kh_association_counts){.stored = 1});
    kh_associations_leave(*state, -1, 0, "");
    assert_int_equal(kh_associations_list(*state, out, KH_ASSOCIATIONS_MAX + 1, &active), KH_ASSOCIATIONS_MAX);
    assert_int_equal(active, KH_ASSOCIATIONS_MAX);
    assert_int_equal(out[0].number, KH_ASSOCIATIONS_MAX);
    assert_int_equal(out[KH_ASSOCIATIONS_MAX - 1].number, 1);
    assert_int_equal(kh_associations_list(*state, out, 2, &active), 2);
    assert_int_equal(active, KH_ASSOCIATIONS_MAX);
    assert_int_equal(out[0].number, KH_ASSOCIATIONS_MAX);
    kh_associations_leave(*state, 7, 0, "");
    assert_int_equal(enter(*state, 1000), 7);
    kh_associations_note(*state, 7, &(kh_association_counts){.stored = 3, .bytes = 12});
    assert_int_equal(kh_associations_list(*state, out, 1, &active), 1);
    assert_int_equal(out[0].number, 1000);
    assert_int_equal(out[0].counts.stored, 3);
    assert_int_equal(out[0].counts.bytes, 12);
}

/* One that refused nothing is not kept; of those kept the oldest goes. */
static void refusals_are_a_ring(void **state)
{
    static kh_association out[KH_REFUSALS_KEPT + 1];

    for (unsigned i = 1; i <= KH_REFUSALS_KEPT + 1; i++) {
        int place = enter(*state, i);

        kh_associations_note(*state, place, &(kh_association_counts){.refused = i});
        kh_associations_leave(*state, place, 0xa700, "no room");
    }
    kh_associations_leave(*state, enter(*state, 500), 0, "");
    assert_int_equal(kh_associations_refusals(*state, out, KH_REFUSALS_KEPT + 1), KH_REFUSALS_KEPT);
    assert_int_equal(out[0].number, KH_REFUSALS_KEPT + 1);
    assert_int_equal(out[KH_REFUSALS_KEPT - 1].number, 2);
    assert_int_equal(out[0].refused_status, 0xa700);
    assert_string_equal(out[0].refused_words, "no room");
    assert_true(out[0].ended_ms > 0);
    assert_int_equal(kh_associations_refusals(*state, out, 3), 3);
}

static void turn_away(kh_associations *table, const char *calling, const char *words)
{
    kh_turned_away who = {.address = "10.0.0.1", .called = "KAKEHASHI", .last_ms = 77, .times = 88};

    snprintf(who.calling, sizeof who.calling, "%s", calling);
    snprintf(who.words, sizeof who.words, "%s", words);
    kh_associations_turn_away(table, &who);
}

static void the_same_call_is_one_entry(void **state)
{
    kh_turned_away out[KH_TURNED_AWAY_KEPT + 1];

    assert_int_equal(kh_associations_turned_away(*state, out, 5), 0);
    for (int i = 0; i < 3; i++)
        turn_away(*state, "ALICE", "unknown");
    usleep(2000); /* another millisecond */
    turn_away(*state, "ALICE", "wrong address");
    assert_int_equal(kh_associations_turned_away(*state, out, 5), 2);
    assert_string_equal(out[0].words, "wrong address");
    assert_int_equal(out[0].times, 1);
    assert_int_equal(out[1].times, 3);
    assert_true(out[1].last_ms > 88);
    usleep(2000);
    turn_away(*state, "ALICE", "unknown");
    assert_int_equal(kh_associations_turned_away(*state, out, 1), 1);
    assert_int_equal(out[0].times, 4);
}

static void whoever_called_longest_ago_makes_room(void **state)
{
    kh_turned_away out[KH_TURNED_AWAY_KEPT + 1];
    char calling[17];

    turn_away(*state, "FIRST", "unknown");
    usleep(2000);
    for (int i = 1; i < KH_TURNED_AWAY_KEPT; i++) {
        snprintf(calling, sizeof calling, "CALLER%d", i);
        turn_away(*state, calling, "unknown");
    }
    assert_int_equal(kh_associations_turned_away(*state, out, KH_TURNED_AWAY_KEPT + 1), KH_TURNED_AWAY_KEPT);
    assert_string_equal(out[KH_TURNED_AWAY_KEPT - 1].calling, "FIRST");
    usleep(2000);
    turn_away(*state, "LAST", "unknown");
    assert_int_equal(kh_associations_turned_away(*state, out, KH_TURNED_AWAY_KEPT + 1), KH_TURNED_AWAY_KEPT);
    assert_string_equal(out[0].calling, "LAST");
    for (int i = 0; i < KH_TURNED_AWAY_KEPT; i++)
        assert_string_not_equal(out[i].calling, "FIRST");
}

static void without_a_table(void **state)
{
    kh_turned_away away;
    kh_association it;
    unsigned active = 9;

    (void)state;
    assert_int_equal(enter(NULL, 1), -1);
    kh_associations_turn_away(NULL, &(kh_turned_away){.words = "x"});
    assert_int_equal(kh_associations_list(NULL, &it, 1, &active), 0);
    assert_int_equal(active, 0);
    assert_int_equal(kh_associations_refusals(NULL, &it, 1), 0);
    assert_int_equal(kh_associations_turned_away(NULL, &away, 1), 0);
    kh_associations_free(NULL);
}

#define THREADS 4
#define ROUNDS 300

static void *come_and_go(void *argument)
{
    kh_associations *table = argument;
    kh_association out[8];
    kh_turned_away away[8];
    unsigned active;

    for (unsigned i = 1; i <= ROUNDS; i++) {
        int place = enter(table, i);

        kh_associations_note(table, place, &(kh_association_counts){.refused = i % 3});
        if (kh_associations_list(table, out, 8, &active) > 8 || active > THREADS)
            return table; /* too many */
        turn_away(table, i % 2 ? "ODD" : "EVEN", "unknown");
        kh_associations_leave(table, place, 0xa700, "no room");
        if (kh_associations_refusals(table, out, 8) > 8 || kh_associations_turned_away(table, away, 8) > 2)
            return table;
    }
    return NULL;
}

static void many_threads(void **state)
{
    pthread_t threads[THREADS];
    kh_turned_away away[3];
    kh_association out;
    unsigned active;

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, *state), 0);
    for (int i = 0; i < THREADS; i++) {
        void *problem = NULL;

        pthread_join(threads[i], &problem);
        assert_null(problem);
    }
    assert_int_equal(kh_associations_list(*state, &out, 1, &active), 0);
    assert_int_equal(active, 0);
    assert_int_equal(kh_associations_turned_away(*state, away, 3), 2);
    assert_int_equal(away[0].times + away[1].times, THREADS * ROUNDS);
}

/* A call that was let in, an association that we made: two times of one node. */
static void contacts_of_nodes(void **state)
{
    kh_node one = {.id = 1, .name = "one", .associations = 1}, two = {.id = 2, .name = "two"};
    kh_node_contact out[3];
    kh_node_use *use;

    (void)state;
    assert_int_equal(kh_node_use_create(&use, NULL), KH_OK);
    assert_int_equal(kh_node_use_contacts(use, out, 3), 0);
    assert_int_equal(kh_node_use_enter(use, &one, NULL), KH_OK);
    kh_node_use_reached(use, &two);
    assert_int_equal(kh_node_use_contacts(use, out, 3), 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(out[i].called_ms > 0, out[i].node_id == 1);
        assert_int_equal(out[i].reached_ms > 0, out[i].node_id == 2);
    }
    assert_int_equal(kh_node_use_contacts(use, out, 1), 1);
    kh_node_use_leave(use, 1);
    kh_node_use_free(use);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, open_table, close_table)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_place_and_one_more), TEST(refusals_are_a_ring), TEST(the_same_call_is_one_entry),
        TEST(whoever_called_longest_ago_makes_room), TEST(many_threads), cmocka_unit_test(without_a_table),
        cmocka_unit_test(contacts_of_nodes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
