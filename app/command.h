/* command.h - the subcommands of the program. Each lives in a file of its own, cmd_NAME.c. */
#ifndef KH_APP_COMMAND_H
#define KH_APP_COMMAND_H

#include <stddef.h>
#include "app/args.h"

/* Exit statuses, said in every help text. */
#define KH_EXIT_OK 0
#define KH_EXIT_FAILED 1
#define KH_EXIT_USAGE 2

typedef struct kh_command {
    const char *name;
    const char *summary; /* one line */
    const char *help;    /* like a manual page: NAME, SYNOPSIS, DESCRIPTION, OPTIONS, EXAMPLES, EXIT STATUS */
    /* argv[0] is the command's name. Returns the exit status. */
    int (*run)(const struct kh_command *self, int argc, char **argv);
} kh_command;

extern const kh_command kh_command_serve, kh_command_import, kh_command_node, kh_command_title, kh_command_find, kh_command_pull,
    kh_command_send, kh_command_queue, kh_command_commitment, kh_command_rule, kh_command_check, kh_command_audit, kh_command_storage,
    kh_command_evict, kh_command_pin, kh_command_unpin, kh_command_quarantine, kh_command_patient, kh_command_consent, kh_command_grant,
    kh_command_policy, kh_command_emergency, kh_command_change, kh_command_compare, kh_command_finding, kh_command_issuers,
    kh_command_facility, kh_command_person, kh_command_network, kh_command_ban, kh_command_token, kh_command_terminal, kh_command_phantom,
    kh_command_demo, kh_command_config, kh_command_conformance, kh_command_version;

/* The table, in the order of the help. */
const kh_command *const *kh_commands(size_t *count);

/* The whole program: argv as main() has it. */
int kh_commands_main(int argc, char **argv);

/* For the commands: parse, and answer --help and errors. KH_COMMAND_GO: go on, else the exit status. Sets the log level. */
#define KH_COMMAND_GO (-1)
int kh_command_begin(const kh_command *self, kh_args *args, int argc, char **argv, const kh_option *options,
                     size_t option_count);
/* A verb of a command, and how many words it takes, itself one of them. */
typedef struct kh_command_verb {
    const char *name;
    size_t least, most;
} kh_command_verb;
/* Is the first word one of these, with as many words as it takes? KH_COMMAND_GO, else the exit status of a wrong call, which is told. */
int kh_command_verbs(const kh_command *self, const kh_args *args, const kh_command_verb *verbs, size_t count);
/* The same of a table whose entries, of so many bytes, begin with the verb and tell more of it: the entry; NULL, with *answer, else. */
const void *kh_command_verb_of(const kh_command *self, const kh_args *args, const void *table, size_t count, size_t entry_bytes,
                               int *answer);
/* "kakehashi NAME: words" on standard error. Returns the exit status of a wrong call, or of one that failed. */
int kh_command_usage(const kh_command *self, const char *format, ...) KH_PRINTF(2, 3);
int kh_command_failed(const kh_command *self, const kh_error *err);

#endif
