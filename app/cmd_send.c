#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "app/command.h"
#include "app/decoders.h"
#include "app/progress.h"
#include "app/sending.h"
#include "app/session.h"
#include "base/clock.h"
#include "cache/commitments.h"
#include "cache/nodes.h"
#include "pacs-bridge/commit_data.h"
#include "pacs-bridge/sender.h"

#define COMMIT_LOOK_MS 100

typedef struct send_run {
    kh_cache *cache;
    kh_decoders *decoders;
    kh_node node;
    kh_scu scu;
    kh_sending sending;
    kh_object_list list;
    bool *went; /* of the list, one each */
    int64_t taken, warnings, failed, bytes;
    kh_error first_failure;
    bool now; /* also outside the node's hours */
} send_run;

typedef struct commit_wish {
    const char *study, *series, *patient;
    int64_t wait_ms;
    bool list; /* every object, not only those that were not committed */
} commit_wish;

static void send_one(send_run *run, kh_sender *sender, size_t index)
{
    const kh_listed_object *object = kh_object_list_at(&run->list, index);
    kh_error why = KH_ERROR_INIT;
    uint16_t dimse;

    if (kh_sending_may(&run->sending, object, &why) == KH_OK && kh_sender_send(sender, object, &dimse, &why) == KH_OK) {
        run->went[index] = true;
        run->taken++;
        run->warnings += dimse != KH_DIMSE_SUCCESS;
        run->bytes += object->bytes;
    } else if (run->failed++ == 0) {
        run->first_failure = why;
    }
}

static void send_all(send_run *run)
{
    kh_sender sender = {.cache = run->cache, .scu = &run->scu, .node = &run->node, .list = &run->list, .originator = "",
                        .codec = kh_decoders_codec(run->decoders), .may_go_on = kh_sending_goes_on, .go_on_context = &run->sending};
    kh_progress progress;

    kh_progress_begin(&progress, stdout, "images", (int64_t)run->list.count, 0);
    for (size_t i = 0; i < run->list.count; i++) {
        send_one(run, &sender, i);
        kh_progress_update(&progress, run->taken, (int64_t)run->list.count, run->bytes);
    }
    kh_progress_end(&progress);
    kh_sender_close(&sender);
    kh_sending_end(&run->sending, &run->list, run->went);
}

static kh_status prepare(send_run *run, const kh_args *args, const kh_search_key *keys, size_t key_count, kh_error *err)
{
    kh_status status = kh_decoders_start(&run->decoders, &args->settings, err);

    if (status == KH_OK)
        status = kh_session_read(&run->cache, &args->settings, err);
    if (status == KH_OK)
        status = kh_node_find(run->cache, args->words[0], &run->node, err);
    if (status == KH_OK && !run->node.host[0])
        status = kh_error_set(err, KH_E_ARG, "node %s has no host: it only sends", run->node.name);
    if (status == KH_OK)
        status = kh_session_hours(&run->node, run->now, err);
    if (status == KH_OK)
        status = kh_session_scu(&run->scu, &args->settings, run->cache, err);
    if (status == KH_OK)
        status = kh_sending_open(&run->sending, &args->settings, run->cache, &run->node, kh_session_asked_by(NULL), keys, key_count, err);
    if (status == KH_OK)
        status = kh_sending_list(&run->sending, &run->list, err);
    if (status == KH_OK && !(run->went = calloc(run->list.count, sizeof *run->went)))
        status = kh_error_set(err, KH_E_MEMORY, "no memory for %zu objects", run->list.count);
    return status == KH_OK ? kh_sending_begin(&run->sending, &run->list, err) : status;
}

static int report(const kh_command *self, const send_run *run)
{
    char bytes[16];

    kh_format_bytes(bytes, sizeof bytes, run->bytes);
    printf("%" PRId64 " of %zu sent, %s", run->taken, run->list.count, bytes);
    if (run->warnings)
        printf(", %" PRId64 " taken with a warning", run->warnings);
    if (run->failed)
        printf(", %" PRId64 " failed", run->failed);
    putchar('\n');
    return run->failed ? kh_command_failed(self, &run->first_failure) : KH_EXIT_OK;
}

/* --- storage commitment: the service asks and hears the answer, which may take its time --- */

static void print_refs(kh_cache *cache, int64_t id, bool all)
{
    kh_commitment_ref *refs = NULL;
    size_t count = 0;

    if (kh_commitment_refs(cache, id, &refs, &count, NULL) != KH_OK)
        return;
    for (size_t i = 0; i < count; i++)
        if (all || refs[i].result != 0)
            printf("  %s %s (%04X)\n", refs[i].sop_instance_uid, kh_commit_result_text(refs[i].result), refs[i].result);
    free(refs);
}

static kh_status await_commitment(kh_cache *cache, int64_t id, int64_t wait_ms, kh_commitment *out, kh_error *err)
{
    int64_t deadline_ms = kh_clock_monotonic_ms() + wait_ms;
    kh_status status;

    while ((status = kh_commitment_find(cache, id, out, err)) == KH_OK && out->state < KH_COMMITMENT_DONE &&
           kh_clock_monotonic_ms() < deadline_ms)
        kh_clock_sleep_ms(COMMIT_LOOK_MS);
    return status;
}

static int commit(const kh_command *self, const kh_settings *settings, send_run *run, const commit_wish *wish)
{
    kh_session *session = NULL;
    kh_error err = KH_ERROR_INIT;
    kh_commitment end;
    int64_t id = 0;
    kh_status status = kh_session_open(&session, settings, &err);

    if (status == KH_OK)
        status = kh_session_commit_ask(session, run->node.name, wish->study, wish->series, wish->patient, &id, &err);
    kh_session_close(session);
    if (status == KH_OK)
        status = await_commitment(run->cache, id, wish->wait_ms, &end, &err);
    if (status != KH_OK)
        return kh_command_failed(self, &err);
    if (end.state == KH_COMMITMENT_DONE) {
        printf("%" PRId64 " of %" PRId64 " committed by %s\n", end.committed, end.count, run->node.name);
        print_refs(run->cache, id, wish->list);
        return end.committed == end.count ? KH_EXIT_OK : KH_EXIT_FAILED;
    }
    if (end.reason[0])
        (void)!kh_error_set(&err, KH_E_PEER, "not committed: %s", end.reason);
    else
        (void)!kh_error_set(&err, KH_E_TIMEOUT, "%s: the service goes on waiting for the report",
                            end.state == KH_COMMITMENT_ASKED ? "asked, not reported yet" : "not asked yet");
    return kh_command_failed(self, &err);
}

/* Whole seconds, up to a day. */
static bool read_wait(const char *text, int64_t *ms)
{
    char *rest;
    long seconds = strtol(text, &rest, 10);

    if (rest == text || *rest || seconds < 0 || seconds > 86400)
        return false;
    *ms = seconds * 1000;
    return true;
}

static int run(const kh_command *self, int argc, char **argv)
{
    const char *study = NULL, *series = NULL, *patient = NULL, *wait = NULL;
    bool wants_commitment = false;
    commit_wish wish = {.wait_ms = 60000};
    send_run it = {.first_failure = KH_ERROR_INIT};
    const kh_option options[] = {{"--study", &study, NULL}, {"--series", &series, NULL},           {"--patient", &patient, NULL},
                                 {"--wait", &wait, NULL},   {"--commit", NULL, &wants_commitment}, {"--list", NULL, &wish.list},
                                 {"--now", NULL, &it.now}};
    kh_search_key keys[3];
    kh_error err = KH_ERROR_INIT;
    size_t count = 0;
    kh_args args;
    int status = kh_command_begin(self, &args, argc, argv, options, sizeof options / sizeof options[0]);

    if (status != KH_COMMAND_GO)
        return status;
    if (args.word_count != 1)
        return kh_command_usage(self, "%zu words, expected the name of one node", args.word_count);
    if (!study || !study[0])
        return kh_command_usage(self, "--study is missing");
    if (wait && !read_wait(wait, &wish.wait_ms))
        return kh_command_usage(self, "--wait %.20s, expected seconds from 0 to 86400", wait);
    keys[count++] = (kh_search_key){KH_TAG_STUDY_INSTANCE_UID, study};
    if (series)
        keys[count++] = (kh_search_key){KH_TAG_SERIES_INSTANCE_UID, series};
    if (patient)
        keys[count++] = (kh_search_key){KH_TAG_PATIENT_ID, patient};
    if (prepare(&it, &args, keys, count, &err) == KH_OK) {
        send_all(&it);
        status = report(self, &it);
        wish.study = study;
        wish.series = series;
        wish.patient = patient;
        if (wants_commitment && it.taken > 0) {
            int committed = commit(self, &args.settings, &it, &wish);
            status = status == KH_EXIT_OK ? committed : status;
        }
    } else {
        status = kh_command_failed(self, &err);
    }
    kh_sending_close(&it.sending);
    free(it.went);
    kh_session_scu_release(&it.scu);
    kh_object_list_release(&it.list);
    kh_cache_close(it.cache);
    kh_decoders_stop(it.decoders);
    return status;
}

const kh_command kh_command_send = {
    .name = "send",
    .summary = "send a study to a node",
    .help =
        "NAME\n"
        "  kakehashi send - send a study to a node\n\n"
        "SYNOPSIS\n"
        "  kakehashi send NODE --study UID [OPTIONS]\n\n"
        "DESCRIPTION\n"
        "  Sends every object of the study to the node by C-STORE, byte for byte as it is held, each in its own transfer syntax. Only\n"
        "  where the node takes nothing else an object is written anew in explicit or implicit VR little endian, compressed pixels\n"
        "  decoded; nothing is ever compressed. What the node takes in no form is counted as failed. Works beside a running service\n"
        "  and without one: it only reads, and has the node's bandwidth for itself. With [access] accounts = on only what the facility of\n"
        "  the node may take is sent, and a withdrawal ends what is under way. With --commit the running service then asks the node to\n"
        "  promise to keep the objects (storage commitment), and the result is shown: those that the node did not promise, each with its\n"
        "  reason.\n\n"
        "OPTIONS\n"
        "  --study UID             Study Instance UID; several with backslashes between them\n"
        "  --series UID            only this series of it\n"
        "  --patient ID            only of the patient with this ID, when several share the study's UID\n"
        "  --commit                ask for storage commitment afterwards\n"
        "  --wait SECONDS          for its report, 60 when not given; the service goes on waiting when the command has ended\n"
        "  --list                  show every object's result\n" KH_SESSION_NOW_HELP KH_ARGS_COMMON_HELP "\n"
        "EXAMPLES\n"
        "  kakehashi send city-pacs --study 1.2.392.200036.9116.2.5.1\n\n"
        "EXIT STATUS\n"
        "  0 all were taken (and promised), 1 some were not, or nothing is here, 2 not understood\n",
    .run = run,
};
