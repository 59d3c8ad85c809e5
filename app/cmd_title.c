#include <stdio.h>
#include <string.h>
#include "app/command.h"
#include "app/session.h"
#include "cache/nodes.h"

static kh_status print_title(void *context, const char *ae_title, const char *facility)
{
    bool *header = context;

    if (!*header)
        printf("%-16s %s\n", "AE TITLE", "FACILITY");
    *header = true;
    printf("%-16s %s\n", ae_title, facility);
    return KH_OK;
}

static int list(const kh_command *self, const kh_args *args)
{
    kh_error err = KH_ERROR_INIT;
    kh_cache *cache = NULL;
    bool header = false;
    kh_status status = kh_session_read(&cache, &args->settings, &err);

    if (status == KH_OK)
        status = kh_title_list(cache, print_title, &header, &err);
    kh_cache_close(cache);
    if (status != KH_OK && status != KH_E_NOT_FOUND)
        return kh_command_failed(self, &err);
    if (!header)
        printf("no titles of facilities: all call %s\n", args->settings.dicom_ae_title);
    return KH_EXIT_OK;
}

static int change(const kh_command *self, const kh_args *args, const char *title, const char *facility)
{
    kh_error err = KH_ERROR_INIT;
    kh_session *session = NULL;
    kh_status status = kh_session_open(&session, &args->settings, &err);

    if (status == KH_OK)
        status = facility ? kh_session_title_add(session, title, facility, &err) : kh_session_title_remove(session, title, &err);
    kh_session_close(session);
    if (status != KH_OK)
        return kh_command_failed(self, &err);
    printf("title %s %s\n", title, facility ? "added" : "removed");
    return KH_EXIT_OK;
}

static int run(const kh_command *self, int argc, char **argv)
{
    const char *facility = NULL;
    const kh_option options[] = {{"--facility", &facility, NULL}};
    kh_args args;
    const char *verb;
    int status = kh_command_begin(self, &args, argc, argv, options, sizeof options / sizeof options[0]);

    if (status != KH_COMMAND_GO)
        return status;
    verb = args.word_count > 0 ? args.words[0] : "";
    if (args.word_count > 2)
        return kh_command_usage(self, "\"%.64s\" is not expected", args.words[2]);
    if (strcmp(verb, "list") == 0)
        return list(self, &args);
    if (strcmp(verb, "add") != 0 && strcmp(verb, "remove") != 0)
        return kh_command_usage(self, "\"%.64s\", expected add, list or remove", verb);
    if (args.word_count < 2)
        return kh_command_usage(self, "the AE title is missing");
    if (strcmp(verb, "remove") == 0)
        return change(self, &args, args.words[1], NULL);
    if (!facility)
        return kh_command_usage(self, "--facility is missing");
    if (strcmp(args.words[1], args.settings.dicom_ae_title) == 0)
        return kh_command_usage(self, "%s is the service's own title, which all may call", args.words[1]);
    return change(self, &args, args.words[1], facility);
}

const kh_command kh_command_title = {
    .name = "title",
    .summary = "AE titles by which one hospital calls us: add, list, remove",
    .help = "NAME\n"
            "  kakehashi title - AE titles by which one hospital calls us: add, list, remove\n\n"
            "SYNOPSIS\n"
            "  kakehashi title add TITLE --facility NAME\n"
            "  kakehashi title list\n"
            "  kakehashi title remove TITLE\n\n"
            "DESCRIPTION\n"
            "  All nodes may call the service by its own AE title ([dicom] ae_title). A hospital may have one of its own beside it: who\n"
            "  calls that title must be a node of that facility, and what is sent to it belongs to that facility. Two hospitals whose\n"
            "  scanners have the same AE title are told apart in this way. When we call a node of such a facility, to ask, to fetch or to\n"
            "  send, we call ourselves by the facility's first title. Calls to any other title are refused.\n\n"
            "OPTIONS\n"
            "  --facility NAME         the hospital that calls so; as in `kakehashi node`\n" KH_ARGS_COMMON_HELP "\n"
            "EXAMPLES\n"
            "  kakehashi title add KAKEHASHI_CITY --facility city-hospital\n\n"
            "EXIT STATUS\n"
            "  0 done, 1 it did not work, 2 not understood\n",
    .run = run,
};
