#include <inttypes.h>
#include <stdio.h>
#include "app/command.h"
#include "app/progress.h"
#include "app/session.h"
#include "cache/check.h"
#include "reading/check.h"

static void show_problem(void *context, const char *line)
{
    kh_progress_clear(context);
    puts(line);
}

static void show_progress(void *context, int64_t done, int64_t total)
{
    kh_progress_update(context, done, total, -1);
}

static void print_report(const kh_check_report *report)
{
    char bytes[16];

    kh_format_bytes(bytes, sizeof bytes, report->bytes);
    printf("%" PRId64 " objects, %s\n", report->objects, bytes);
    printf("missing %" PRId64 ", damaged %" PRId64 ", without a row %" PRId64 ", left half received %" PRId64
           ", in quarantine %" PRId64 ", index %s\n",
           report->missing, report->damaged, report->unindexed, report->incoming_left, report->quarantined,
           report->index_sound ? "sound" : "damaged");
}

static bool print_reading(const kh_reading_report *report)
{
    printf("%" PRId64 " marks, %" PRId64 " deleted, %" PRId64 " versions before, settings of %" PRId64 ", not whole %" PRId64
           ", reading.db %s\n",
           report->marks, report->deleted, report->versions, report->settings, report->unsound, report->sound ? "sound" : "damaged");
    return report->sound && report->unsound == 0;
}

static int run(const kh_command *self, int argc, char **argv)
{
    kh_check_report report = {0};
    kh_reading_report reading = {.sound = true};
    bool clean;
    kh_error err = KH_ERROR_INIT;
    kh_progress progress;
    kh_cache *cache = NULL;
    kh_status checked;
    kh_args args;
    int status = kh_command_begin(self, &args, argc, argv, NULL, 0);

    if (status != KH_COMMAND_GO)
        return status;
    if (args.word_count != 0)
        return kh_command_usage(self, "\"%.64s\" is not expected", args.words[0]);
    if (kh_session_read(&cache, &args.settings, &err) != KH_OK)
        return kh_command_failed(self, &err);
    kh_progress_begin(&progress, stdout, "objects", -1, 0);
    checked = kh_cache_check(cache, &report, show_problem, show_progress, &progress, &err);
    kh_progress_clear(&progress);
    kh_cache_close(cache);
    if (checked == KH_OK)
        checked = kh_reading_check(args.settings.data_dir, &reading, show_problem, &progress, &err);
    if (checked != KH_OK)
        return kh_command_failed(self, &err);
    print_report(&report);
    clean = print_reading(&reading) && kh_check_clean(&report);
    puts(clean ? "clean" : "not clean");
    return clean ? KH_EXIT_OK : KH_EXIT_FAILED;
}

const kh_command kh_command_check = {
    .name = "check",
    .summary = "see whether every object is there and readable",
    .help =
        "NAME\n"
        "  kakehashi check - see whether every object is there and readable\n\n"
        "SYNOPSIS\n"
        "  kakehashi check [OPTIONS]\n\n"
        "DESCRIPTION\n"
        "  Compares index and disk: every row has its file, of the right size and with the right checksums, and can be read;\n"
        "  every file has its row; index and reading.db (marks, settings) are sound. Changes nothing, and may run beside the service. Prints one line\n"
        "  for each finding, then the counts, then `clean` or `not clean`.\n\n"
        "OPTIONS\n" KH_ARGS_COMMON_HELP "\n"
        "EXAMPLES\n"
        "  kakehashi check --config /etc/kakehashi.conf\n\n"
        "EXIT STATUS\n"
        "  0 clean, 1 something was found or the check could not run, 2 not understood\n",
    .run = run,
};
