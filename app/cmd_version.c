#include <stdio.h>
#include "app/command.h"

static int run(const kh_command *self, int argc, char **argv)
{
    kh_args args;
    int status = kh_command_begin(self, &args, argc, argv, NULL, 0);

    if (status != KH_COMMAND_GO)
        return status;
    puts("kakehashi " KH_VERSION);
    return KH_EXIT_OK;
}

const kh_command kh_command_version = {
    .name = "version",
    .summary = "print the version",
    .help = "NAME\n"
            "  kakehashi version - print the version\n\n"
            "SYNOPSIS\n"
            "  kakehashi version\n\n"
            "DESCRIPTION\n"
            "  Prints the program's name and version on one line.\n\n"
            "OPTIONS\n" KH_ARGS_COMMON_HELP "\n"
            "EXAMPLES\n"
            "  kakehashi version\n\n"
            "EXIT STATUS\n"
            "  0 done, 2 not understood\n",
    .run = run,
};
