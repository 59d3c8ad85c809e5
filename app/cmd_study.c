/* evict, pin and unpin: each does one thing to every study with a Study Instance UID, of whichever facility. */
#include <inttypes.h>
#include <stdio.h>
#include "app/command.h"
#include "app/progress.h"
#include "app/session.h"
#include "cache/browse.h"

#define STUDIES_MAX 64
#define OWNER "person"

typedef struct found {
    size_t count;
    int64_t ids[STUDIES_MAX];
} found;

static kh_status note_study(void *context, const kh_study *study)
{
    found *f = context;

    if (f->count < STUDIES_MAX)
        f->ids[f->count++] = study->id;
    return KH_OK;
}

static kh_status find(found *f, const kh_settings *settings, const char *study_uid, kh_error *err)
{
    kh_cache *cache = NULL;
    kh_status status = kh_session_read(&cache, settings, err);

    if (status == KH_OK)
        status = kh_browse_study_uid(cache, study_uid, note_study, f, err);
    kh_cache_close(cache);
    if (status == KH_OK && f->count == 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "no study %s here", study_uid);
    return status;
}

typedef kh_status study_action(kh_session *session, int64_t study_id, kh_error *err);

static kh_status evict(kh_session *session, int64_t study_id, kh_error *err)
{
    int64_t objects = 0, bytes = 0;
    char text[16];
    kh_status status = kh_session_study_evict(session, study_id, &objects, &bytes, err);

    if (status != KH_OK)
        return status;
    kh_format_bytes(text, sizeof text, bytes);
    if (objects > 0)
        printf("%" PRId64 " objects, %s: at the hospital now\n", objects, text);
    else
        puts("nothing of it was here");
    return KH_OK;
}

static kh_status pin(kh_session *session, int64_t study_id, kh_error *err)
{
    return kh_session_study_pin(session, study_id, OWNER, true, err);
}

static kh_status unpin(kh_session *session, int64_t study_id, kh_error *err)
{
    return kh_session_study_pin(session, study_id, OWNER, false, err);
}

static int run(const kh_command *self, int argc, char **argv, study_action *action)
{
    kh_error err = KH_ERROR_INIT;
    kh_session *session = NULL;
    found f = {.count = 0};
    kh_status status;
    kh_args args;
    int exit_status = kh_command_begin(self, &args, argc, argv, NULL, 0);

    if (exit_status != KH_COMMAND_GO)
        return exit_status;
    if (args.word_count != 1 || !kh_uid_plausible(args.words[0]))
        return kh_command_usage(self, "expected one Study Instance UID, 1 to 64 of 0-9 and .");
    status = find(&f, &args.settings, args.words[0], &err);
    if (status == KH_OK)
        status = kh_session_open(&session, &args.settings, &err);
    for (size_t i = 0; i < f.count && status == KH_OK; i++)
        status = action(session, f.ids[i], &err);
    kh_session_close(session);
    return status == KH_OK ? KH_EXIT_OK : kh_command_failed(self, &err);
}

static int run_evict(const kh_command *self, int argc, char **argv)
{
    return run(self, argc, argv, evict);
}

static int run_pin(const kh_command *self, int argc, char **argv)
{
    return run(self, argc, argv, pin);
}

static int run_unpin(const kh_command *self, int argc, char **argv)
{
    return run(self, argc, argv, unpin);
}

#define TAIL                                                                                                                   \
    "OPTIONS\n" KH_ARGS_COMMON_HELP "\n"                                                                                       \
    "EXAMPLES\n"

const kh_command kh_command_evict = {
    .name = "evict",
    .summary = "let a study go back to its hospital",
    .help = "NAME\n"
            "  kakehashi evict - let a study go back to its hospital\n\n"
            "SYNOPSIS\n"
            "  kakehashi evict STUDY_UID\n\n"
            "DESCRIPTION\n"
            "  Removes the files of the study and keeps its rows: it stays in the list as \"at the hospital\" and is fetched again when\n"
            "  somebody opens it. Refused, with the reason, for a study that is pinned, being pulled, or that no node is known to give\n"
            "  back ([storage] evict_pushed allows those). The service does the same by itself when room is needed.\n\n" TAIL
            "  kakehashi evict 1.2.392.200036.9116.2.6.1.48\n\n"
            "EXIT STATUS\n"
            "  0 it is at the hospital, 1 it stays, 2 not understood\n",
    .run = run_evict,
};

const kh_command kh_command_pin = {
    .name = "pin",
    .summary = "keep a study here",
    .help =
        "NAME\n"
        "  kakehashi pin - keep a study here\n\n"
        "SYNOPSIS\n"
        "  kakehashi pin STUDY_UID\n\n"
        "DESCRIPTION\n"
        "  A pinned study is not evicted, until `kakehashi unpin`. Pins of others, such as a storage commitment, are not touched.\n\n" TAIL
        "  kakehashi pin 1.2.392.200036.9116.2.6.1.48\n\n"
        "EXIT STATUS\n"
        "  0 pinned, 1 no such study, 2 not understood\n",
    .run = run_pin,
};

const kh_command kh_command_unpin = {
    .name = "unpin",
    .summary = "take back a pin",
    .help = "NAME\n"
            "  kakehashi unpin - take back a pin\n\n"
            "SYNOPSIS\n"
            "  kakehashi unpin STUDY_UID\n\n"
            "DESCRIPTION\n"
            "  Takes back what `kakehashi pin` did. Pins of others stay.\n\n" TAIL
            "  kakehashi unpin 1.2.392.200036.9116.2.6.1.48\n\n"
            "EXIT STATUS\n"
            "  0 not pinned any more by hand, 1 no such study, 2 not understood\n",
    .run = run_unpin,
};
