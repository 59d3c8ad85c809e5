/* issuers: who issued the patient IDs of what is stored, judged again. */
#include <inttypes.h>
#include <stdio.h>
#include "app/command.h"
#include "app/progress.h"
#include "app/session.h"
#include "base/clock.h"
#include "base/json.h"
#include "cache/judging.h"

#define REQUEST_MAX 8192 /* the rules, and what JSON makes of them */

static kh_status ask(kh_session *session, const char *op, const char *rules, kh_error *err)
{
    kh_json_writer json;
    kh_buf request;
    kh_status status;

    kh_buf_init(&request, REQUEST_MAX);
    kh_json_writer_init(&json, &request);
    kh_json_object_begin(&json);
    kh_json_put_text(&json, "op", op);
    kh_json_put_text(&json, "rules", rules);
    kh_json_put_text(&json, "asked_by", kh_session_asked_by(NULL));
    kh_json_object_end(&json);
    status = kh_json_writer_status(&json, err);
    if (status == KH_OK)
        status = kh_session_ask(session, kh_buf_text(&request), err);
    kh_buf_release(&request);
    return status;
}

static kh_status run_pass(kh_session *session, kh_cache *cache, const char *rules, kh_error *err)
{
    kh_progress progress;
    kh_cache_stats stats;
    kh_judging at;
    kh_status status = ask(session, "issuers.begin", rules, err);

    if (status == KH_OK)
        status = kh_cache_get_stats(cache, &stats, err);
    if (status == KH_OK)
        status = kh_judging_get(cache, &at, err);
    if (status != KH_OK)
        return status;
    kh_progress_begin(&progress, stderr, "studies", (int64_t)stats.studies, at.studies);
    while (status == KH_OK && at.ended_ms == 0) {
        status = ask(session, "issuers.step", rules, err);
        if (status == KH_OK)
            status = kh_judging_get(cache, &at, err);
        if (status == KH_OK)
            kh_progress_update(&progress, at.studies, at.studies > (int64_t)stats.studies ? at.studies : (int64_t)stats.studies, -1);
    }
    kh_progress_end(&progress);
    return status;
}

/* A reader beside the session: it sees what each step has left in the index. */
static kh_status judge(const kh_settings *settings, kh_error *err)
{
    kh_session *session = NULL;
    kh_cache *cache = NULL;
    kh_status status = kh_session_open(&session, settings, err);

    if (status == KH_OK)
        status = kh_session_read(&cache, settings, err);
    if (status == KH_OK)
        status = run_pass(session, cache, settings->issuers, err);
    kh_cache_close(cache);
    kh_session_close(session);
    return status;
}

static kh_status show(const kh_settings *settings, kh_error *err)
{
    char when[KH_CLOCK_TEXT_SIZE];
    kh_cache *cache = NULL;
    kh_judging at;
    kh_status status = kh_session_read(&cache, settings, err);

    if (status == KH_OK)
        status = kh_judging_get(cache, &at, err);
    kh_cache_close(cache);
    if (status != KH_OK)
        return status;
    if (at.began_ms == 0) {
        puts("what is stored was not judged again yet");
        return KH_OK;
    }
    kh_clock_format(when, at.ended_ms ? at.ended_ms : at.began_ms);
    printf("%-10s %s%s\n", at.ended_ms ? "ended" : "under way", when, at.other_rules ? ", by other [storage] issuers than now" : "");
    printf("%-10s %10" PRId64 "\n", "studies", at.studies);
    printf("%-10s %10" PRId64 "  another issuer's, they stand apart now\n", "apart", at.apart);
    printf("%-10s %10" PRId64 "  stood apart, they are their hospital's patients' now\n", "back", at.back);
    printf("%-10s %10" PRId64 "  cannot be judged, the log says why\n", "left", at.left);
    printf("%-10s %10" PRId64 "  only at their hospitals, to be judged when they were fetched\n", "away", at.away);
    return KH_OK;
}

static int run(const kh_command *self, int argc, char **argv)
{
    bool now = false;
    const kh_option options[] = {{"--judge", NULL, &now}};
    kh_error err = KH_ERROR_INIT;
    kh_status status = KH_OK;
    kh_args args;
    int exit_status = kh_command_begin(self, &args, argc, argv, options, 1);

    if (exit_status != KH_COMMAND_GO)
        return exit_status;
    if (args.word_count != 0)
        return kh_command_usage(self, "\"%.64s\" is not expected", args.words[0]);
    if (now)
        status = judge(&args.settings, &err);
    if (status == KH_OK)
        status = show(&args.settings, &err);
    return status == KH_OK ? KH_EXIT_OK : kh_command_failed(self, &err);
}

const kh_command kh_command_issuers = {
    .name = "issuers",
    .summary = "judge again who issued the patient IDs of what is stored",
    .help =
        "NAME\n"
        "  kakehashi issuers - judge again who issued the patient IDs of what is stored\n\n"
        "SYNOPSIS\n"
        "  kakehashi issuers [--judge]\n\n"
        "DESCRIPTION\n"
        "  [storage] issuers is looked at when an object comes. After it was changed, --judge looks at everything that is stored, one\n"
        "  object of each series: a study of another issuer leaves the patient of that number and is no patient's until somebody says\n"
        "  whose (kakehashi change study ID --to-patient NUMBER), and one that no longer is another issuer's becomes its hospital's\n"
        "  patient's. Each is in the log. What a person has moved stays, and so does a study whose series name several issuers. To take\n"
        "  it back, change the setting back and judge again.\n\n"
        "  A running service must have been started with the setting as it is now. The pass may be interrupted at any moment: --judge\n"
        "  goes on where it was. Without --judge the last pass is shown.\n\n"
        "OPTIONS\n"
        "  --judge                 begin a pass, or go on with the one that was interrupted\n" KH_ARGS_COMMON_HELP "\n"
        "EXAMPLES\n"
        "  kakehashi issuers --judge\n"
        "  kakehashi issuers\n\n"
        "EXIT STATUS\n"
        "  0 done, 1 not done and why, 2 not understood\n",
    .run = run,
};
