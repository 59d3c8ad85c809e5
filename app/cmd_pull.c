#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "app/command.h"
#include "app/progress.h"
#include "app/session.h"
#include "base/clock.h"
#include "cache/browse.h"
#include "cache/pulls.h"
#include "pacs-bridge/scu.h"

#define STUDIES_MAX 100000
/* Between two looks: of one study so that its end is told at once, of many so that looking costs little. */
#define LOOK_MS_MIN 10
#define LOOK_MS_MAX 100
/* Without any movement for so long, see whether there is still a service. */
#define STILL_MS 3000

typedef struct pulled {
    char study_uid[KH_UID_SIZE];
    int64_t pull_id;
    kh_pull pull;
    int64_t told;           /* images, by the node's first answer; -1 unknown */
    int64_t objects, bytes; /* here */
} pulled;

typedef struct pull_run {
    const kh_command *command;
    const kh_settings *settings;
    kh_node node;
    pulled *studies;
    size_t count, capacity;
    kh_cache *cache;
    bool now;
} pull_run;

static kh_status add_study(pull_run *run, const char *study_uid, int64_t told)
{
    if (run->count == run->capacity) {
        size_t capacity = run->capacity ? run->capacity * 2 : 64;
        pulled *studies = run->count < STUDIES_MAX ? realloc(run->studies, capacity * sizeof *studies) : NULL;

        if (!studies)
            return run->count < STUDIES_MAX ? KH_E_MEMORY : KH_E_LIMIT;
        run->studies = studies;
        run->capacity = capacity;
    }
    run->studies[run->count] = (pulled){.told = told};
    snprintf(run->studies[run->count].study_uid, KH_UID_SIZE, "%s", study_uid);
    run->count++;
    return KH_OK;
}

static kh_status found_study(void *context, const kh_found_study *study)
{
    return add_study(context, study->study_uid, study->instances);
}

static kh_status find_studies(pull_run *run, const char *patient, kh_error *err)
{
    kh_find_filter filter = {.patient_id = patient};
    kh_status status;
    kh_scu scu;

    status = kh_session_scu(&scu, run->settings, run->cache, err);
    if (status == KH_OK)
        status = kh_session_hours(&run->node, run->now, err);
    if (status == KH_OK)
        status = kh_scu_find_studies(&scu, &run->node, &filter, found_study, run, err);
    kh_session_scu_release(&scu);
    if (status == KH_E_LIMIT)
        return kh_error_set(err, status, "more than %d studies: pull them patient by patient", STUDIES_MAX);
    return status;
}

static kh_status file_all(pull_run *run, int32_t priority, kh_error *err)
{
    kh_session *session = NULL;
    kh_status status = kh_session_open(&session, run->settings, err);

    for (size_t i = 0; status == KH_OK && i < run->count; i++)
        status = kh_session_pull_file(session, run->node.name, run->studies[i].study_uid, priority, &run->studies[i].pull_id, err);
    kh_session_close(session);
    return status;
}

typedef struct held_here {
    const char *facility;
    int64_t objects, bytes;
} held_here;

static kh_status add_held(void *context, const kh_study *study)
{
    held_here *held = context;

    if (strcmp(study->patient.facility, held->facility) == 0) {
        held->objects += study->object_count;
        held->bytes += study->bytes;
    }
    return KH_OK;
}

static bool ended(kh_pull_state state)
{
    return state != KH_PULL_WAITING && state != KH_PULL_RUNNING;
}

static kh_status look(pull_run *run, pulled *study, kh_error *err)
{
    held_here held = {.facility = run->node.facility};
    kh_status status = KH_OK;

    if (study->pull_id != 0)
        status = kh_pull_find(run->cache, study->pull_id, &study->pull, err);
    if (status == KH_OK)
        status = kh_browse_study_uid(run->cache, study->study_uid, add_held, &held, err);
    study->objects = held.objects;
    study->bytes = held.bytes;
    return status;
}

typedef struct pull_sums {
    int64_t done, total, bytes;
    size_t open;
} pull_sums;

static pull_sums sum(const pull_run *run)
{
    pull_sums sums = {0};

    for (size_t i = 0; i < run->count; i++) {
        const pulled *study = &run->studies[i];
        int64_t expected = study->pull_id && study->pull.expected >= 0 ? study->pull.expected : study->told;

        sums.done += study->objects;
        sums.bytes += study->bytes;
        sums.open += !ended(study->pull.state);
        /* What is there may be more than the hospital counts. */
        sums.total += expected > study->objects ? expected : study->objects;
    }
    return sums;
}

static kh_status look_at_open(pull_run *run, kh_error *err)
{
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < run->count; i++)
        if (run->studies[i].pull_id == 0 || !ended(run->studies[i].pull.state))
            status = look(run, &run->studies[i], err);
    return status;
}

static kh_status wait_for_all(pull_run *run, kh_progress *progress, kh_error *err)
{
    int64_t moved_ms = kh_clock_monotonic_ms(), last_done = -1;

    for (;;) {
        kh_status status = look_at_open(run, err);
        pull_sums now = sum(run);

        if (status != KH_OK)
            return status;
        kh_progress_update(progress, now.done, now.total, now.bytes);
        if (now.open == 0)
            return KH_OK;
        if (now.done != last_done)
            moved_ms = kh_clock_monotonic_ms();
        last_done = now.done;
        if (kh_clock_monotonic_ms() - moved_ms > STILL_MS) {
            if (!kh_session_service_runs(run->settings))
                return kh_error_set(err, KH_E_NOT_FOUND, "the service has stopped; the pull goes on when it is started again");
            moved_ms = kh_clock_monotonic_ms();
        }
        kh_clock_sleep_ms(LOOK_MS_MIN + (now.open < LOOK_MS_MAX - LOOK_MS_MIN ? (int64_t)now.open : LOOK_MS_MAX - LOOK_MS_MIN));
    }
}

/* What did not come whole, in the hospital's words. */
static size_t print_ends(const pull_run *run)
{
    size_t incomplete = 0;

    for (size_t i = 0; i < run->count; i++) {
        const kh_pull *pull = &run->studies[i].pull;

        if (pull->state == KH_PULL_COMPLETE)
            continue;
        incomplete++;
        printf("study %s: %s, %" PRId64, run->studies[i].study_uid, kh_pull_state_text(pull->state), pull->received);
        if (pull->expected >= 0)
            printf(" of %" PRId64, pull->expected);
        printf(" images%s%s\n", pull->reason[0] ? ": " : "", pull->reason);
    }
    return incomplete;
}

static int pull_and_wait(pull_run *run, int32_t priority)
{
    kh_error err = KH_ERROR_INIT;
    kh_progress progress;
    kh_status status = look_at_open(run, &err); /* what is here before */
    pull_sums before = sum(run);
    size_t incomplete;

    if (status == KH_OK)
        status = file_all(run, priority, &err);
    if (status != KH_OK)
        return kh_command_failed(run->command, &err);
    kh_progress_begin(&progress, stdout, "images", before.total, before.done);
    status = wait_for_all(run, &progress, &err);
    kh_progress_end(&progress);
    if (status != KH_OK)
        return kh_command_failed(run->command, &err);
    incomplete = print_ends(run);
    printf("%zu %s, %zu complete; %" PRId64 " images were here before\n", run->count, run->count == 1 ? "study" : "studies",
           run->count - incomplete, before.done);
    return incomplete == 0 ? KH_EXIT_OK : KH_EXIT_FAILED;
}

static int pull_and_go(pull_run *run, int32_t priority)
{
    kh_error err = KH_ERROR_INIT;

    if (file_all(run, priority, &err) != KH_OK)
        return kh_command_failed(run->command, &err);
    printf("%zu %s asked for\n", run->count, run->count == 1 ? "study" : "studies");
    return KH_EXIT_OK;
}

static int execute(pull_run *run, const char *node, const char *study, const char *patient, bool wait, int32_t priority)
{
    kh_error err = KH_ERROR_INIT;
    kh_status status;

    if (!kh_session_service_runs(run->settings)) {
        kh_error_set(&err, KH_E_NOT_FOUND, "no service runs on %s: start `kakehashi serve` first", run->settings->data_dir);
        return kh_command_failed(run->command, &err);
    }
    status = kh_session_read(&run->cache, run->settings, &err);
    if (status == KH_OK)
        status = kh_node_find(run->cache, node, &run->node, &err);
    if (status == KH_OK)
        status = study ? add_study(run, study, -1) : find_studies(run, patient, &err);
    if (status != KH_OK)
        return kh_command_failed(run->command, &err);
    return wait ? pull_and_wait(run, priority) : pull_and_go(run, priority);
}

static int run_pull(const kh_command *self, int argc, char **argv)
{
    const char *study = NULL, *patient = NULL, *priority_text = "1";
    bool all = false, wait = false, now = false;
    const kh_option options[] = {{"--study", &study, NULL}, {"--patient", &patient, NULL}, {"--priority", &priority_text, NULL},
                                 {"--all", NULL, &all},     {"--wait", NULL, &wait},       {"--now", NULL, &now}};
    kh_error err = KH_ERROR_INIT;
    long long priority;
    kh_args args;
    pull_run run = {.command = self};
    int status = kh_command_begin(self, &args, argc, argv, options, sizeof options / sizeof options[0]);

    if (status != KH_COMMAND_GO)
        return status;
    if (args.word_count != 1)
        return kh_command_usage(self, "%zu words, expected the name of one node", args.word_count);
    if ((study != NULL) + (patient != NULL) + all != 1)
        return kh_command_usage(self, "expected one of --study, --patient and --all");
    if (study && !kh_uid_plausible(study))
        return kh_command_usage(self, "--study: expected a UID, 1 to 64 of 0-9 and .");
    if (kh_args_number(&priority, "--priority", priority_text, 0, 2, &err) != KH_OK)
        return kh_command_usage(self, "%s", err.message);
    run.settings = &args.settings;
    run.now = now;
    status = execute(&run, args.words[0], study, patient, wait, (int32_t)priority);
    kh_cache_close(run.cache);
    free(run.studies);
    return status;
}

const kh_command kh_command_pull = {
    .name = "pull",
    .summary = "fetch studies from a node",
    .help =
        "NAME\n"
        "  kakehashi pull - fetch studies from a node\n\n"
        "SYNOPSIS\n"
        "  kakehashi pull NODE --study UID [--wait]\n"
        "  kakehashi pull NODE --patient ID [--wait]\n"
        "  kakehashi pull NODE --all [--wait]\n\n"
        "DESCRIPTION\n"
        "  Files a job for each study with the running service, which asks the node how many images there are (C-FIND), lets it send them\n"
        "  (C-MOVE), compares, and asks again for what is missing. What is here already is not fetched again. Jobs survive a restart\n"
        "  of the service. With --wait shows the progress and ends when every job has ended. Hours, bandwidth and associations of the\n"
        "  node hold for every job, whatever its priority: outside the hours it waits.\n\n"
        "OPTIONS\n"
        "  --study UID             the study with this Study Instance UID\n"
        "  --patient ID            every study of this patient\n"
        "  --all                   every study the node tells of\n"
        "  --wait                  until all has come\n"
        "  --now                   ask which studies there are (--patient, --all) also outside the hours of the node\n"
        "  --priority N            0 a doctor waits, 1 soon (the default), 2 when nothing else is to do\n" KH_ARGS_COMMON_HELP "\n"
        "EXAMPLES\n"
        "  kakehashi pull city-pacs --patient 12345 --wait\n\n"
        "EXIT STATUS\n"
        "  0 filed, or with --wait: everything is here; 1 not everything came, or no service runs; 2 not understood\n",
    .run = run_pull,
};
