/* oracle.c - oracle.txt read into cells. */
#include "tests/access/oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const axis_names[ORACLE_LISTS] = {"role", "relation", "state", "kind", "verb", "switch", "department"};

typedef struct word_set {
    char name[16];
    char words[200];
} word_set;

typedef struct reading {
    oracle *table;
    word_set sets[16];
    unsigned set_count, line;
} reading;

static _Noreturn void stop(const reading *at, const char *why, const char *what)
{
    fprintf(stderr, "oracle.txt:%u: %s: \"%s\"\n", at->line, why, what);
    exit(2);
}

static void copy(const reading *at, char *to, size_t size, const char *text)
{
    if (snprintf(to, size, "%s", text) >= (int)size)
        stop(at, "too long", text);
}

static int find_word(const oracle_axis *axis, const char *word)
{
    for (unsigned i = 0; i < axis->count; i++)
        if (strcmp(axis->words[i], word) == 0)
            return (int)i;
    return -1;
}

static unsigned all_of(const oracle_axis *axis)
{
    return (1u << axis->count) - 1;
}

static unsigned mask_of(const reading *at, unsigned axis_index, const char *text);

static unsigned mask_of_word(const reading *at, unsigned axis_index, const char *word)
{
    const oracle_axis *axis = &at->table->axes[axis_index];
    int found = find_word(axis, word);

    if (strcmp(word, "*") == 0)
        return all_of(axis);
    if (found >= 0)
        return 1u << found;
    for (unsigned i = 0; i < at->set_count; i++)
        if (strcmp(at->sets[i].name, word) == 0)
            return mask_of(at, axis_index, at->sets[i].words);
    stop(at, "no such word", word);
}

static unsigned mask_of(const reading *at, unsigned axis_index, const char *text)
{
    char words[200], *rest = NULL;
    unsigned mask = 0;

    copy(at, words, sizeof words, text);
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        if (strcmp(word, "-") != 0)
            mask |= mask_of_word(at, axis_index, word);
    return mask;
}

static void read_axis(reading *at, char *text)
{
    char *rest = NULL, *name = strtok_r(text, " ", &rest);
    unsigned i = 0;
    oracle_axis *axis;

    while (i < ORACLE_LISTS && (!name || strcmp(axis_names[i], name) != 0))
        i++;
    if (i == ORACLE_LISTS)
        stop(at, "no such axis", name ? name : "");
    axis = &at->table->axes[i];
    for (char *word = strtok_r(NULL, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        if (axis->count == ORACLE_WORDS_MAX)
            stop(at, "more words than there is room for", word);
        copy(at, axis->words[axis->count++], sizeof axis->words[0], word);
    }
}

static void read_set(reading *at, char *text)
{
    char *rest = NULL, *name = strtok_r(text, " ", &rest);
    word_set *set;

    if (!name || at->set_count == sizeof at->sets / sizeof at->sets[0])
        stop(at, "a set too many, or without a name", text);
    set = &at->sets[at->set_count++];
    copy(at, set->name, sizeof set->name, name);
    copy(at, set->words, sizeof set->words, rest);
}

/* The columns of a rule are words of these lists. */
static void read_rule(reading *at, char *text, oracle_rule *rules, unsigned *count, const unsigned *lists, size_t list_count)
{
    char *rest = text;
    oracle_rule *rule;

    if (*count == ORACLE_RULES_MAX)
        stop(at, "a rule too many", text);
    rule = &rules[(*count)++];
    rule->line = at->line;
    for (size_t i = 0; i < list_count; i++) {
        char *column = strsep(&rest, "|");

        if (!rest)
            stop(at, "a column is missing", column);
        rule->masks[lists[i]] = mask_of(at, lists[i], column);
        if (rule->masks[lists[i]] == 0 && lists[i] != ORACLE_SWITCH)
            stop(at, "a column that names nothing", column);
    }
    if (!strchr(rest, ':') || strcspn(rest, "0123456789") > strcspn(rest, ":"))
        stop(at, "a rule that cites no id", rest);
    copy(at, rule->ids, sizeof rule->ids, rest + strspn(rest, " "));
}

static void read_allow(reading *at, char *text)
{
    static const unsigned lists[] = {ORACLE_ROLE, ORACLE_RELATION, ORACLE_STATE, ORACLE_KIND, ORACLE_VERB, ORACLE_SWITCH};

    read_rule(at, text, at->table->rules, &at->table->rule_count, lists, sizeof lists / sizeof lists[0]);
}

static void read_narrow(reading *at, char *text)
{
    static const unsigned lists[] = {ORACLE_DEPARTMENT, ORACLE_RELATION, ORACLE_STATE, ORACLE_KIND};

    read_rule(at, text, at->table->narrows, &at->table->narrow_count, lists, sizeof lists / sizeof lists[0]);
}

void oracle_read(oracle *table, const char *path)
{
    reading at = {.table = table};
    FILE *file = fopen(path, "r");
    char line[400];

    memset(table, 0, sizeof *table);
    if (!file)
        stop(&at, "cannot be opened", path);
    while (fgets(line, sizeof line, file)) {
        at.line++;
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "axis ", 5) == 0)
            read_axis(&at, line + 5);
        else if (strncmp(line, "set ", 4) == 0)
            read_set(&at, line + 4);
        else if (strncmp(line, "allow ", 6) == 0)
            read_allow(&at, line + 6);
        else if (strncmp(line, "narrow ", 7) == 0)
            read_narrow(&at, line + 7);
        else if (line[0] != '\0' && line[0] != '#')
            stop(&at, "not understood", line);
    }
    fclose(file);
}

static bool is_narrowed(const oracle *table, const oracle_cell *cell)
{
    static const unsigned lists[] = {ORACLE_DEPARTMENT, ORACLE_RELATION, ORACLE_STATE, ORACLE_KIND};
    bool meant = false;

    for (unsigned r = 0; r < table->narrow_count && !meant; r++) {
        meant = true;
        for (size_t i = 0; meant && i < sizeof lists / sizeof lists[0]; i++)
            meant = table->narrows[r].masks[lists[i]] >> cell->at[lists[i]] & 1u;
    }
    return meant;
}

const oracle_rule *oracle_allows(const oracle *table, const oracle_cell *cell)
{
    for (unsigned r = 0; r < table->rule_count && !is_narrowed(table, cell); r++) {
        const oracle_rule *rule = &table->rules[r];
        bool meant = (rule->masks[ORACLE_SWITCH] & ~cell->at[ORACLE_SWITCH]) == 0;

        for (unsigned axis = 0; meant && axis < ORACLE_SWITCH; axis++)
            meant = rule->masks[axis] >> cell->at[axis] & 1u;
        if (meant)
            return rule;
    }
    return NULL;
}

bool oracle_next(const oracle *table, oracle_cell *cell)
{
    for (unsigned axis = ORACLE_SWITCH; axis-- > 0;) {
        if (++cell->at[axis] < table->axes[axis].count)
            return true;
        cell->at[axis] = 0;
    }
    return ++cell->at[ORACLE_SWITCH] <= all_of(&table->axes[ORACLE_SWITCH]);
}

const char *oracle_word(const oracle *table, const oracle_cell *cell, unsigned axis)
{
    return table->axes[axis].words[cell->at[axis]];
}

unsigned oracle_index(const oracle *table, unsigned axis, const char *word)
{
    int found = find_word(&table->axes[axis], word);

    if (found < 0) {
        fprintf(stderr, "oracle.txt: %s has no word \"%s\"\n", axis_names[axis], word);
        exit(2);
    }
    return (unsigned)found;
}
