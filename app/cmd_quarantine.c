#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "app/command.h"
#include "app/progress.h"
#include "app/session.h"
#include "base/clock.h"
#include "cache/quarantine.h"

typedef struct listing {
    int64_t count, bytes;
} listing;

static kh_status print_line(void *context, const kh_quarantined *one)
{
    listing *sum = context;
    char bytes[16];

    kh_format_bytes(bytes, sizeof bytes, one->bytes);
    printf("%s  %-10s %10s  %s\n", one->name, kh_quarantine_kind_text(one->kind), bytes, one->reason);
    sum->count++;
    sum->bytes += one->bytes;
    return KH_OK;
}

static kh_status list(kh_cache *cache, kh_error *err)
{
    listing sum = {0};
    char bytes[16];
    kh_status status = kh_quarantine_list(cache, print_line, &sum, err);

    kh_format_bytes(bytes, sizeof bytes, sum.bytes);
    if (status == KH_OK)
        printf("%" PRId64 " %s, %s\n", sum.count, sum.count == 1 ? "file" : "files", bytes);
    return status;
}

static kh_status show(kh_cache *cache, const char *name, kh_error *err)
{
    char when[KH_CLOCK_TEXT_SIZE];
    kh_quarantined one;
    kh_status status = kh_quarantine_find(cache, name, &one, err);

    if (status != KH_OK)
        return status;
    kh_clock_format(when, one.when_ms);
    printf("file      quarantine/%s\nkind      %s\nsince     %s\nbytes     %" PRId64 "\n", one.name, kh_quarantine_kind_text(one.kind),
           when, one.bytes);
    printf("reason    %s\nSOP UID   %s\nobject    %" PRId64 "\nfacility  %s\nsource    %s\n", one.reason[0] ? one.reason : "not known",
           one.sop_instance_uid[0] ? one.sop_instance_uid : "-", one.object_id, one.facility[0] ? one.facility : "-",
           one.source[0] ? one.source : "-");
    return KH_OK;
}

static kh_status look(const kh_settings *settings, const char *name, kh_error *err)
{
    kh_cache *cache = NULL;
    kh_status status = kh_session_read(&cache, settings, err);

    if (status == KH_OK)
        status = name ? show(cache, name, err) : list(cache, err);
    kh_cache_close(cache);
    return status;
}

static kh_status decide(const kh_settings *settings, const char *name, bool accept, kh_error *err)
{
    kh_session *session = NULL;
    int64_t object_id = 0;
    kh_status status = kh_session_open(&session, settings, err);

    if (status == KH_OK)
        status = kh_session_quarantine(session, name, accept, &object_id, err);
    kh_session_close(session);
    if (status == KH_OK && accept)
        printf("object %" PRId64 "\n", object_id);
    return status;
}

static int run(const kh_command *self, int argc, char **argv)
{
    kh_error err = KH_ERROR_INIT;
    kh_status status;
    kh_args args;
    int exit_status = kh_command_begin(self, &args, argc, argv, NULL, 0);
    const char *verb, *name;

    if (exit_status != KH_COMMAND_GO)
        return exit_status;
    verb = args.word_count > 0 ? args.words[0] : "list";
    name = args.word_count > 1 ? args.words[1] : NULL;
    if (args.word_count > 2 || (strcmp(verb, "list") == 0) != (name == NULL))
        return kh_command_usage(self, "expected list, or show, accept or discard and a name");
    if (strcmp(verb, "list") == 0 || strcmp(verb, "show") == 0)
        status = look(&args.settings, name, &err);
    else if (strcmp(verb, "accept") == 0 || strcmp(verb, "discard") == 0)
        status = decide(&args.settings, name, verb[0] == 'a', &err);
    else
        return kh_command_usage(self, "\"%.64s\", expected list, show, accept or discard", verb);
    return status == KH_OK ? KH_EXIT_OK : kh_command_failed(self, &err);
}

const kh_command kh_command_quarantine = {
    .name = "quarantine",
    .summary = "see and decide what was kept beside",
    .help =
        "NAME\n"
        "  kakehashi quarantine - see and decide what was kept beside\n\n"
        "SYNOPSIS\n"
        "  kakehashi quarantine [list]\n"
        "  kakehashi quarantine show NAME\n"
        "  kakehashi quarantine accept NAME\n"
        "  kakehashi quarantine discard NAME\n\n"
        "DESCRIPTION\n"
        "  When an object comes with the identifier of another one of the same hospital but other bytes, one of the two is kept beside\n"
        "  ([storage] conflict says which). `accept` makes the file the object, and keeps what was it beside in its stead; `discard`\n"
        "  removes the file for good. Kinds: second, it came later; first, it was the object before; unreadable, found at a start\n"
        "  and cannot be indexed; unknown, nothing is noted of it. Both decisions are logged.\n\n"
        "OPTIONS\n" KH_ARGS_COMMON_HELP "\n"
        "EXAMPLES\n"
        "  kakehashi quarantine accept 000000000000002a-9f86d081884c7d659a2feaa0c55ad015.dcm\n\n"
        "EXIT STATUS\n"
        "  0 done, 1 it could not be done, 2 not understood\n",
    .run = run,
};
