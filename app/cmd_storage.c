#include <inttypes.h>
#include <stdio.h>
#include "app/command.h"
#include "app/progress.h"
#include "app/session.h"
#include "base/clock.h"
#include "cache/scrub.h"
#include "cache/storage.h"

static void line(const char *name, int64_t bytes, const char *rest)
{
    char text[16];

    kh_format_bytes(text, sizeof text, bytes);
    printf("%-14s %10s%s%s\n", name, text, rest[0] ? "  " : "", rest);
}

static void limit(const char *name, int64_t bytes)
{
    if (bytes > 0)
        line(name, bytes, "");
    else
        printf("%-14s %10s\n", name, "none");
}

static void sum(const char *name, const kh_storage_sum *of, const char *noun)
{
    char rest[64];

    snprintf(rest, sizeof rest, "%" PRId64 " %s", of->studies, noun);
    line(name, of->bytes, rest);
}

static void print(const kh_storage *s)
{
    char when[KH_CLOCK_TEXT_SIZE] = "-";

    line("used", s->used_bytes, "");
    limit("quota", s->quota_bytes);
    line("disk free", s->disk_free_bytes, "");
    limit("keep free", s->keep_free_bytes);
    limit("reserve", s->reserve_bytes);
    sum("here", &s->here, "studies");
    sum("evictable", &s->evictable, "studies would go now if room were needed");
    sum("pinned", &s->pinned, "studies");
    sum("stay", &s->without_return, "studies that no node gives back");
    sum("at hospitals", &s->away, "studies, of which some or all");
    sum("quarantine", &s->quarantine, "files");
    if (s->oldest_used_ms > 0)
        kh_clock_format(when, s->oldest_used_ms);
    printf("%-14s %s\n", "oldest use", when);
    if (s->leaving > 0)
        printf("%-14s %" PRId64 " files\n", "being removed", s->leaving);
}

static void print_scrub(const kh_scrub_state *s)
{
    char when[KH_CLOCK_TEXT_SIZE] = "-";

    kh_clock_format(when, s->began_ms ? s->began_ms : s->ended_ms);
    if (s->began_ms == 0 && s->ended_ms == 0)
        printf("%-14s not yet\n", "read again");
    else
        printf("%-14s %" PRId64 " objects, %" PRId64 " bad, %s %s\n", "read again", s->objects, s->bad,
               s->began_ms ? "going on since" : "ended", when);
}

static int run(const kh_command *self, int argc, char **argv)
{
    kh_error err = KH_ERROR_INIT;
    kh_cache *cache = NULL;
    kh_storage storage;
    kh_scrub_state scrub;
    kh_status status;
    kh_args args;
    int exit_status = kh_command_begin(self, &args, argc, argv, NULL, 0);

    if (exit_status != KH_COMMAND_GO)
        return exit_status;
    if (args.word_count != 0)
        return kh_command_usage(self, "\"%.64s\" is not expected", args.words[0]);
    if (kh_session_read(&cache, &args.settings, &err) != KH_OK)
        return kh_command_failed(self, &err);
    status = kh_storage_get(cache, &storage, &err);
    if (status == KH_OK)
        status = kh_scrub_get_state(cache, &scrub, &err);
    kh_cache_close(cache);
    if (status != KH_OK)
        return kh_command_failed(self, &err);
    print(&storage);
    print_scrub(&scrub);
    return KH_EXIT_OK;
}

const kh_command kh_command_storage = {
    .name = "storage",
    .summary = "show what room is used, and what could go",
    .help = "NAME\n"
            "  kakehashi storage - show what room is used, and what could go\n\n"
            "SYNOPSIS\n"
            "  kakehashi storage [OPTIONS]\n\n"
            "DESCRIPTION\n"
            "  Used bytes beside the quota, the free bytes of the disk beside [storage] keep_free and reserve; how much of it would go\n"
            "  back to its hospitals now if room were needed, how much is pinned, how much stays because no node gives it back, what\n"
            "  is at the hospitals already, what lies in quarantine, and when the least recently used study was used. Changes nothing,\n"
            "  and may run beside the service.\n\n"
            "OPTIONS\n" KH_ARGS_COMMON_HELP "\n"
            "EXAMPLES\n"
            "  kakehashi storage\n\n"
            "EXIT STATUS\n"
            "  0 shown, 1 it could not be read, 2 not understood\n",
    .run = run,
};
