#include "app/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"

static const kh_command *const commands[] = {
    &kh_command_serve,   &kh_command_import,  &kh_command_node,    &kh_command_terminal,   &kh_command_title,     &kh_command_find,
    &kh_command_pull,    &kh_command_send,    &kh_command_queue,   &kh_command_commitment, &kh_command_rule,      &kh_command_check,
    &kh_command_audit,   &kh_command_storage, &kh_command_evict,   &kh_command_pin,        &kh_command_unpin,     &kh_command_quarantine,
    &kh_command_patient, &kh_command_consent, &kh_command_grant,   &kh_command_policy,     &kh_command_emergency, &kh_command_change,
    &kh_command_compare, &kh_command_finding, &kh_command_issuers, &kh_command_facility,   &kh_command_person,    &kh_command_network,
    &kh_command_ban,     &kh_command_token,   &kh_command_phantom, &kh_command_demo,       &kh_command_config,    &kh_command_conformance,
    &kh_command_version,
};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

const kh_command *const *kh_commands(size_t *count)
{
    *count = COMMAND_COUNT;
    return commands;
}

static const kh_command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static void print_overview(FILE *out)
{
    fputs("kakehashi - brings images out of hospital PACS into a browser\n\nusage: kakehashi COMMAND [OPTIONS] [WORDS]\n\n", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n`kakehashi COMMAND --help` tells more about one.\n", out);
}

static int help(int argc, char **argv)
{
    const kh_command *command;

    if (argc < 3) {
        print_overview(stdout);
        return KH_EXIT_OK;
    }
    command = find_command(argv[2]);
    if (!command) {
        fprintf(stderr, "kakehashi: no command \"%.64s\"\n", argv[2]);
        return KH_EXIT_USAGE;
    }
    fputs(command->help, stdout);
    return KH_EXIT_OK;
}

int kh_commands_main(int argc, char **argv)
{
    const kh_command *command;

    if (argc < 2) {
        print_overview(stderr);
        return KH_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
        return help(argc, argv);
    command = find_command(strcmp(argv[1], "--version") == 0 ? "version" : argv[1]);
    if (!command) {
        fprintf(stderr, "kakehashi: no command \"%.64s\"; see kakehashi help\n", argv[1]);
        return KH_EXIT_USAGE;
    }
    return command->run(command, argc - 1, argv + 1);
}

int kh_command_begin(const kh_command *self, kh_args *args, int argc, char **argv, const kh_option *options, size_t option_count)
{
    kh_error err = KH_ERROR_INIT;
    kh_log_level level = KH_LOG_INFO;

    if (kh_args_parse(args, argc, argv, options, option_count, &err) != KH_OK)
        return kh_command_usage(self, "%s", err.message);
    if (args->help) {
        fputs(self->help, stdout);
        return KH_EXIT_OK;
    }
    if (kh_log_level_parse(&level, args->settings.log_level, &err) != KH_OK)
        return kh_command_usage(self, "%s", err.message);
    kh_log_set_level(level);
    return KH_COMMAND_GO;
}

int kh_command_usage(const kh_command *self, const char *format, ...)
{
    va_list list;

    fprintf(stderr, "kakehashi %s: ", self->name);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fprintf(stderr, "\nsee kakehashi %s --help\n", self->name);
    return KH_EXIT_USAGE;
}

int kh_command_failed(const kh_command *self, const kh_error *err)
{
    fprintf(stderr, "kakehashi %s: %s\n", self->name, err->message[0] ? err->message : kh_status_text(err->status));
    return KH_EXIT_FAILED;
}

static const kh_command_verb *entry(const void *table, size_t entry_bytes, size_t i)
{
    return (const kh_command_verb *)(const void *)((const char *)table + i * entry_bytes);
}

static void join_verbs(char *out, size_t size, const void *table, size_t count, size_t entry_bytes)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < count && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%s",
                                 i == 0          ? ""
                                 : i + 1 < count ? ", "
                                                 : " or ",
                                 entry(table, entry_bytes, i)->name);
}

const void *kh_command_verb_of(const kh_command *self, const kh_args *args, const void *table, size_t count, size_t entry_bytes,
                               int *answer)
{
    const char *word = args->word_count > 0 ? args->words[0] : "";
    const kh_command_verb *verb = NULL;
    char known[400];

    for (size_t i = 0; i < count && !verb; i++)
        if (strcmp(entry(table, entry_bytes, i)->name, word) == 0)
            verb = entry(table, entry_bytes, i);
    *answer = KH_COMMAND_GO;
    if (!verb) {
        join_verbs(known, sizeof known, table, count, entry_bytes);
        *answer = kh_command_usage(self, "\"%.64s\", expected %s", word, known);
    } else if (args->word_count > verb->most) {
        *answer = kh_command_usage(self, "\"%.64s\" is not expected", args->words[verb->most]);
    } else if (args->word_count < verb->least) {
        *answer = kh_command_usage(self, "%s: %zu words, expected %zu: see --help", word, args->word_count - 1, verb->least - 1);
    }
    return *answer == KH_COMMAND_GO ? verb : NULL;
}

int kh_command_verbs(const kh_command *self, const kh_args *args, const kh_command_verb *verbs, size_t count)
{
    int answer;

    (void)kh_command_verb_of(self, args, verbs, count, sizeof *verbs, &answer);
    return answer;
}
