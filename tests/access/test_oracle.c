/* The oracle itself: the matrix is as large as promised, every rule decides something, and what must never be is not in it. */
#include "tests/cmocka_all.h"
#include "tests/access/oracle.h"

#include <string.h>

static oracle table;

static bool is(const oracle_cell *cell, unsigned axis, const char *word)
{
    return strcmp(oracle_word(&table, cell, axis), word) == 0;
}

static void test_size(void **state)
{
    oracle_cell cell = {0};
    unsigned cells = 0;

    (void)state;
    do
        cells++;
    while (oracle_next(&table, &cell));
    assert_int_equal(cells, 4 * 8 * 4 * 6 * 8 * 4); /* RELIABILITY S1 asks for 4,608 */
}

static void test_every_rule_decides(void **state)
{
    unsigned decided[ORACLE_RULES_MAX] = {0};
    oracle_cell cell = {0};

    (void)state;
    do {
        const oracle_rule *rule = oracle_allows(&table, &cell);

        if (rule)
            decided[rule - table.rules]++;
    } while (oracle_next(&table, &cell));
    for (unsigned i = 0; i < table.rule_count; i++)
        if (decided[i] == 0)
            fail_msg("oracle.txt:%u decides no cell", table.rules[i].line);
}

static bool care(const oracle_cell *cell)
{
    return !is(cell, ORACLE_KIND, "patient") && !is(cell, ORACLE_KIND, "audit");
}

static bool reads(const oracle_cell *cell)
{
    return is(cell, ORACLE_ROLE, "doctor") || is(cell, ORACLE_ROLE, "radiologist") || is(cell, ORACLE_ROLE, "nurse") ||
           is(cell, ORACLE_ROLE, "radiographer");
}

/* A discloser's choice takes from others by consent, and from nobody else [AZ-26, AZ-27]. */
static void test_departments(void **state)
{
    unsigned narrowed = 0, other = oracle_index(&table, ORACLE_DEPARTMENT, "other"),
             opened = oracle_index(&table, ORACLE_DEPARTMENT, "opened");
    oracle_cell cell = {0};

    (void)state;
    do {
        oracle_cell shut = cell, open = cell;

        shut.at[ORACLE_DEPARTMENT] = other;
        open.at[ORACLE_DEPARTMENT] = opened;
        assert_ptr_equal(oracle_allows(&table, &open), oracle_allows(&table, &cell));
        if (oracle_allows(&table, &shut) == oracle_allows(&table, &cell))
            continue;
        narrowed++;
        assert_true(is(&cell, ORACLE_RELATION, "named") && is(&cell, ORACLE_STATE, "granted") && care(&cell));
    } while (oracle_next(&table, &cell));
    assert_true(narrowed > 0);
}

/* What no rule may ever allow, whoever writes it. */
static const char *never(const oracle_cell *cell)
{
    bool own = is(cell, ORACLE_RELATION, "own"), change = is(cell, ORACLE_VERB, "change"), take = is(cell, ORACLE_VERB, "take");
    bool open = is(cell, ORACLE_STATE, "granted") || is(cell, ORACLE_STATE, "emergency");

    if (is(cell, ORACLE_RELATION, "left"))
        return "KN-3 AZ-10: left or suspended";
    if (care(cell) && !reads(cell))
        return "AZ-9: no clinical view";
    if (care(cell) && !own && change)
        return "AZ-27: nothing editable";
    if (care(cell) && !own && !open)
        return "AZ-17: default deny";
    if (care(cell) && take && is(cell, ORACLE_STATE, "emergency") && !own)
        return "R11: nothing is taken in an emergency";
    if (is(cell, ORACLE_KIND, "audit") && change)
        return "AZ-33: append-only";
    return NULL;
}

static void test_never(void **state)
{
    oracle_cell cell = {0};

    (void)state;
    do {
        const oracle_rule *rule = oracle_allows(&table, &cell);

        if (rule && never(&cell))
            fail_msg("oracle.txt:%u allows %s %s", rule->line, never(&cell), oracle_word(&table, &cell, ORACLE_KIND));
    } while (oracle_next(&table, &cell));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_every_rule_decides),
        cmocka_unit_test(test_departments),
        cmocka_unit_test(test_never),
    };

    oracle_read(&table, ORACLE_FILE);
    return cmocka_run_group_tests_name("oracle", tests, NULL, NULL);
}
