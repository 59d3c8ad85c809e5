/* oracle.h - oracle.txt read into cells. Knows words only: nothing of access/, on purpose.
 * Threads: one at a time. Errors: the program ends with the line that cannot be read. */
#ifndef KH_TESTS_ACCESS_ORACLE_H
#define KH_TESTS_ACCESS_ORACLE_H

#include <stdbool.h>
#include <stddef.h>

/* The department stands beside the matrix: oracle_next() leaves it alone. */
enum {
    ORACLE_ROLE,
    ORACLE_RELATION,
    ORACLE_STATE,
    ORACLE_KIND,
    ORACLE_VERB,
    ORACLE_SWITCH,
    ORACLE_AXES,
    ORACLE_DEPARTMENT = ORACLE_AXES,
    ORACLE_LISTS
};
#define ORACLE_WORDS_MAX 8
#define ORACLE_RULES_MAX 64

typedef struct oracle_axis {
    char words[ORACLE_WORDS_MAX][16];
    unsigned count;
} oracle_axis;

typedef struct oracle_rule {
    unsigned masks[ORACLE_LISTS]; /* bit i: word i of the axis; of the switches: those that must be on */
    char ids[200];
    unsigned line;
} oracle_rule;

typedef struct oracle {
    oracle_axis axes[ORACLE_LISTS];
    oracle_rule rules[ORACLE_RULES_MAX];   /* allow */
    oracle_rule narrows[ORACLE_RULES_MAX]; /* what takes away from them */
    unsigned rule_count, narrow_count;
} oracle;

/* One place in the matrix: a word of each axis by its index, the switches that are on as bits. */
typedef struct oracle_cell {
    unsigned at[ORACLE_LISTS];
} oracle_cell;

void oracle_read(oracle *table, const char *path);
/* The first rule that allows it, when none narrows it; NULL: refused. */
const oracle_rule *oracle_allows(const oracle *table, const oracle_cell *cell);
/* The next cell, the verb moving fastest; false after the last. Begin with all zero. */
bool oracle_next(const oracle *table, oracle_cell *cell);
const char *oracle_word(const oracle *table, const oracle_cell *cell, unsigned axis);
/* Index of a word; the program ends when there is none such. */
unsigned oracle_index(const oracle *table, unsigned axis, const char *word);

#endif
