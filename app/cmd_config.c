#include <stdio.h>
#include <string.h>
#include "app/command.h"

static void print_effective(const kh_settings *settings)
{
    size_t count;
    const kh_config_key *keys = kh_settings_keys(&count);
    const char *section = "";
    char value[1100];

    for (size_t i = 0; i < count; i++) {
        if (strcmp(section, keys[i].section) != 0)
            printf("%s[%s]\n", i ? "\n" : "", keys[i].section);
        section = keys[i].section;
        kh_settings_format(value, sizeof value, settings, &keys[i]);
        printf("%s = %s\n", keys[i].key, value);
    }
}

static int check_file(const kh_command *self, const char *path)
{
    kh_settings settings;
    kh_error err = KH_ERROR_INIT;

    if (kh_settings_read(&settings, path, &err) != KH_OK || kh_settings_check(&settings, &err) != KH_OK)
        return kh_command_failed(self, &err);
    printf("%s: understood\n", path);
    return KH_EXIT_OK;
}

static int run(const kh_command *self, int argc, char **argv)
{
    const char *check = NULL;
    bool show = false;
    const kh_option options[] = {{"--check", &check, NULL}, {"--show", NULL, &show}};
    kh_args args;
    int status = kh_command_begin(self, &args, argc, argv, options, sizeof options / sizeof options[0]);

    if (status != KH_COMMAND_GO)
        return status;
    if (args.word_count != 0)
        return kh_command_usage(self, "\"%.64s\" is not expected", args.words[0]);
    if (check)
        return check_file(self, check);
    if (show)
        print_effective(&args.settings);
    else
        fputs(kh_settings_file_text, stdout);
    return KH_EXIT_OK;
}

const kh_command kh_command_config = {
    .name = "config",
    .summary = "print the commented settings file, check one, show what is in force",
    .help = "NAME\n"
            "  kakehashi config - print the commented settings file, check one, show what is in force\n\n"
            "SYNOPSIS\n"
            "  kakehashi config\n"
            "  kakehashi config --check FILE\n"
            "  kakehashi config --show\n\n"
            "DESCRIPTION\n"
            "  Without options prints the settings file with every setting, its limits and its default. With --check reads FILE as\n"
            "  the service would and names what is wrong with file and line. With --show prints the settings in force.\n\n"
            "OPTIONS\n"
            "  --check FILE            read FILE and say whether it is understood\n"
            "  --show                  the settings in force, without comments\n" KH_ARGS_COMMON_HELP "\n"
            "EXAMPLES\n"
            "  kakehashi config > kakehashi.conf\n"
            "  kakehashi config --check kakehashi.conf\n"
            "  kakehashi config --show --set http.port=9000\n\n"
            "EXIT STATUS\n"
            "  0 done, 1 the file is not right, 2 not understood\n",
    .run = run,
};
