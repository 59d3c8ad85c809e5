/* The command table: every command explains itself like a manual page and refuses what it does not know. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "app/command.h"
#include "tests/cmocka_all.h"

static const char *const headings[] = {"NAME\n", "SYNOPSIS\n", "DESCRIPTION\n", "OPTIONS\n", "EXAMPLES\n", "EXIT STATUS\n"};

static void test_every_help_has_every_part(void **state)
{
    size_t count;
    const kh_command *const *commands = kh_commands(&count);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        const char *at = commands[i]->help;
        char name[128];

        for (size_t j = 0; j < KH_COUNT(headings); j++) {
            const char *found = strstr(at, headings[j]);

            if (!found)
                fail_msg("%s: no %.*s in its place", commands[i]->name, (int)strlen(headings[j]) - 1, headings[j]);
            at = found;
        }
        snprintf(name, sizeof name, "  kakehashi %s - %s\n", commands[i]->name, commands[i]->summary);
        if (!strstr(commands[i]->help, name))
            fail_msg("%s: help does not begin with its summary", commands[i]->name);
        if (!strstr(commands[i]->help, KH_ARGS_COMMON_HELP))
            fail_msg("%s: the options known everywhere are missing", commands[i]->name);
    }
}

static void test_help_is_answered_and_nonsense_refused(void **state)
{
    size_t count;
    const kh_command *const *commands = kh_commands(&count);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        char program[] = "kakehashi", name[32], help[] = "--help", nonsense[] = "--no-such-option";
        char *ask[] = {program, name, help, NULL};
        char *wrong[] = {program, name, nonsense, NULL};

        snprintf(name, sizeof name, "%s", commands[i]->name);
        assert_int_equal(kh_commands_main(3, ask), KH_EXIT_OK);
        assert_int_equal(kh_commands_main(3, wrong), KH_EXIT_USAGE);
    }
}

static void test_unknown_command_is_refused(void **state)
{
    char program[] = "kakehashi", name[] = "pul";
    char *argv[] = {program, name, NULL};

    (void)state;
    assert_int_equal(kh_commands_main(2, argv), KH_EXIT_USAGE);
    assert_int_equal(kh_commands_main(1, argv), KH_EXIT_USAGE);
}

static void test_words_and_options_in_any_order(void **state)
{
    static const struct {
        const char *name;
        const char *words[8];
        kh_status status;
        const char *study; /* NULL: not given */
        bool wait;
        size_t word_count;
    } cases[] = {
        {"nothing", {NULL}, KH_OK, NULL, false, 0},
        {"value as next word", {"PACS", "--study", "1.2", NULL}, KH_OK, "1.2", false, 1},
        {"value after equals", {"--study=1.2", "PACS", NULL}, KH_OK, "1.2", false, 1},
        {"flag", {"--wait", "PACS", NULL}, KH_OK, NULL, true, 1},
        {"after the end of options", {"--", "--wait", NULL}, KH_OK, NULL, false, 1},
        {"a lone dash is a word", {"-", NULL}, KH_OK, NULL, false, 1},
        {"value missing", {"--study", NULL}, KH_E_ARG, NULL, false, 0},
        {"flag with a value", {"--wait=yes", NULL}, KH_E_ARG, NULL, false, 0},
        {"unknown", {"--studies", "1.2", NULL}, KH_E_ARG, NULL, false, 0},
        {"setting", {"--set", "http.port=9", NULL}, KH_OK, NULL, false, 0},
        {"setting that is none", {"--set", "http.prt=9", NULL}, KH_E_ARG, NULL, false, 0},
        {"HTTP for everybody", {"--set", "http.address=0.0.0.0", NULL}, KH_E_DENIED, NULL, false, 0},
        {"no such file", {"--config", "/nonexistent/kakehashi.conf", NULL}, KH_E_IO, NULL, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        const char *study = NULL;
        bool wait = false;
        const kh_option options[] = {{"--study", &study, NULL}, {"--wait", NULL, &wait}};
        char words[8][64] = {"pull"};
        char *argv[9] = {words[0]};
        int argc = 1;
        kh_args args;
        kh_error err = KH_ERROR_INIT;

        for (const char *const *word = cases[i].words; *word; word++, argc++) {
            snprintf(words[argc], sizeof words[argc], "%s", *word);
            argv[argc] = words[argc];
        }
        if (kh_args_parse(&args, argc, argv, options, 2, &err) != cases[i].status)
            fail_msg("%s: %s", cases[i].name, err.message);
        if (cases[i].status != KH_OK)
            continue;
        if (wait != cases[i].wait || args.word_count != cases[i].word_count || (study == NULL) != (cases[i].study == NULL))
            fail_msg("%s", cases[i].name);
        if (study)
            assert_string_equal(study, cases[i].study);
    }
}

static void test_numbers_of_options(void **state)
{
    static const struct {
        const char *text;
        kh_status status;
    } cases[] = {{"1", KH_OK}, {"9", KH_OK}, {"0", KH_E_ARG}, {"10", KH_E_ARG}, {"", KH_E_ARG}, {"5x", KH_E_ARG},
                 {"99999999999999999999", KH_E_ARG}};

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        long long number;

        if (kh_args_number(&number, "--limit", cases[i].text, 1, 9, NULL) != cases[i].status)
            fail_msg("\"%s\"", cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_help_has_every_part),
        cmocka_unit_test(test_help_is_answered_and_nonsense_refused),
        cmocka_unit_test(test_unknown_command_is_refused),
        cmocka_unit_test(test_words_and_options_in_any_order),
        cmocka_unit_test(test_numbers_of_options),
    };

    return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
