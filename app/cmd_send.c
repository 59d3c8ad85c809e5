#include <inttypes.h>
#include <stdio.h>
#include "app/command.h"
#include "app/decoders.h"
#include "app/progress.h"
#include "app/session.h"
#include "cache/nodes.h"
#include "pacs-bridge/sender.h"

typedef struct send_run {
    kh_cache *cache;
    kh_decoders *decoders;
    kh_node node;
    kh_scu scu;
    kh_object_list list;
    int64_t taken, warnings, failed, bytes;
    kh_error first_failure;
} send_run;

static void send_one(send_run *run, kh_sender *sender, const kh_listed_object *object)
{
    kh_error why = KH_ERROR_INIT;
    uint16_t dimse;

    if (kh_sender_send(sender, object, &dimse, &why) == KH_OK) {
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
                        .codec = kh_decoders_codec(run->decoders)};
    kh_progress progress;

    kh_progress_begin(&progress, stdout, "images", (int64_t)run->list.count, 0);
    for (size_t i = 0; i < run->list.count; i++) {
        send_one(run, &sender, kh_object_list_at(&run->list, i));
        kh_progress_update(&progress, run->taken, (int64_t)run->list.count, run->bytes);
    }
    kh_progress_end(&progress);
    kh_sender_close(&sender);
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
    kh_scu_init(&run->scu, args->settings.dicom_ae_title);
    if (status == KH_OK)
        status = kh_object_list_fill(&run->list, run->cache, keys, key_count, err);
    if (status == KH_OK && run->list.count == 0)
        status = kh_error_set(err, KH_E_NOT_FOUND, "nothing of that is here");
    return status;
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

static int run(const kh_command *self, int argc, char **argv)
{
    const char *study = NULL, *series = NULL, *patient = NULL;
    const kh_option options[] = {{"--study", &study, NULL}, {"--series", &series, NULL}, {"--patient", &patient, NULL}};
    kh_search_key keys[3];
    send_run it = {.first_failure = KH_ERROR_INIT};
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
    keys[count++] = (kh_search_key){KH_TAG_STUDY_INSTANCE_UID, study};
    if (series)
        keys[count++] = (kh_search_key){KH_TAG_SERIES_INSTANCE_UID, series};
    if (patient)
        keys[count++] = (kh_search_key){KH_TAG_PATIENT_ID, patient};
    if (prepare(&it, &args, keys, count, &err) == KH_OK) {
        send_all(&it);
        status = report(self, &it);
    } else {
        status = kh_command_failed(self, &err);
    }
    kh_object_list_release(&it.list);
    kh_cache_close(it.cache);
    kh_decoders_stop(it.decoders);
    return status;
}

const kh_command kh_command_send = {
    .name = "send",
    .summary = "send a study to a node",
    .help = "NAME\n"
            "  kakehashi send - send a study to a node\n\n"
            "SYNOPSIS\n"
            "  kakehashi send NODE --study UID [OPTIONS]\n\n"
            "DESCRIPTION\n"
            "  Sends every object of the study to the node by C-STORE, byte for byte as it is held, each in its own transfer syntax. Only\n"
            "  where the node takes nothing else an object is written anew in explicit or implicit VR little endian, compressed pixels\n"
            "  decoded; nothing is ever compressed. What the node takes in no form is counted as failed. Works beside a running service and without one: it only reads.\n\n"
            "OPTIONS\n"
            "  --study UID             Study Instance UID; several with backslashes between them\n"
            "  --series UID            only this series of it\n"
            "  --patient ID            only of the patient with this ID, when several share the study's UID\n" KH_ARGS_COMMON_HELP "\n"
            "EXAMPLES\n"
            "  kakehashi send city-pacs --study 1.2.392.200036.9116.2.5.1\n\n"
            "EXIT STATUS\n"
            "  0 all were taken, 1 some were not, or nothing is here, 2 not understood\n",
    .run = run,
};
