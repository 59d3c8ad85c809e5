#include <inttypes.h>
#include <stdio.h>
#include "app/command.h"
#include "app/session.h"
#include "cache/nodes.h"
#include "pacs-bridge/scu.h"

/* Text from elsewhere must not steer the terminal. */
static void print_text(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        putchar(*c < 0x20 || *c == 0x7F ? ' ' : *c);
}

static kh_status print_study(void *context, const kh_found_study *study)
{
    int64_t *count = context;
    char images[24] = "?";

    if ((*count)++ == 0)
        puts("DATE      MODALITY  IMAGES  PATIENT ID        STUDY UID  NAME  DESCRIPTION");
    if (study->instances >= 0)
        snprintf(images, sizeof images, "%" PRId64, study->instances);
    printf("%-8.8s  %-8s  %6s  ", study->date, study->modalities, images);
    print_text(study->patient_id);
    fputs("  ", stdout);
    print_text(study->study_uid);
    fputs("  ", stdout);
    print_text(study->patient_name.alphabetic);
    if (study->patient_name.ideographic[0])
        putchar(' ');
    print_text(study->patient_name.ideographic);
    fputs("  ", stdout);
    print_text(study->description);
    putchar('\n');
    return KH_OK;
}

static int run(const kh_command *self, int argc, char **argv)
{
    kh_find_filter filter = {0};
    bool now = false;
    const kh_option options[] = {
        {"--study", &filter.study_uid, NULL},   {"--patient", &filter.patient_id, NULL},   {"--name", &filter.patient_name, NULL},
        {"--date", &filter.study_date, NULL},   {"--accession", &filter.accession, NULL}, {"--modality", &filter.modality, NULL},
        {"--now", NULL, &now},
    };
    kh_error err = KH_ERROR_INIT;
    kh_cache *cache = NULL;
    int64_t count = 0;
    kh_status found;
    kh_args args;
    kh_node node;
    kh_scu scu = {0};
    int status = kh_command_begin(self, &args, argc, argv, options, sizeof options / sizeof options[0]);

    if (status != KH_COMMAND_GO)
        return status;
    if (args.word_count != 1)
        return kh_command_usage(self, "%zu words, expected the name of one node", args.word_count);
    found = kh_session_read(&cache, &args.settings, &err);
    if (found == KH_OK)
        found = kh_node_find(cache, args.words[0], &node, &err);
    if (found == KH_OK)
        found = kh_session_hours(&node, now, &err);
    if (found == KH_OK)
        found = kh_session_scu(&scu, &args.settings, cache, &err);
    if (found == KH_OK)
        found = kh_scu_find_studies(&scu, &node, &filter, print_study, &count, &err);
    kh_session_scu_release(&scu);
    kh_cache_close(cache);
    if (found != KH_OK)
        return kh_command_failed(self, &err);
    printf("%" PRId64 " %s\n", count, count == 1 ? "study" : "studies");
    return KH_EXIT_OK;
}

const kh_command kh_command_find = {
    .name = "find",
    .summary = "ask a node which studies it has",
    .help =
        "NAME\n"
        "  kakehashi find - ask a node which studies it has\n\n"
        "SYNOPSIS\n"
        "  kakehashi find [OPTIONS] NODE\n\n"
        "DESCRIPTION\n"
        "  Asks the node by C-FIND at study level and prints one line for each study. Keys may hold * and ? where the standard lets them.\n"
        "  Without a key asks for all, which some systems refuse.\n\n"
        "OPTIONS\n"
        "  --patient ID            patient ID\n"
        "  --name NAME             patient name, such as \"Yamada*\"\n"
        "  --date DATE             YYYYMMDD, or a range YYYYMMDD-YYYYMMDD, open at either end\n"
        "  --modality CODE         CT, MR, ...\n"
        "  --accession NUMBER      accession number\n"
        "  --study UID             Study Instance UID\n" KH_SESSION_NOW_HELP KH_ARGS_COMMON_HELP "\n"
        "EXAMPLES\n"
        "  kakehashi find city-pacs --date 20261101- --modality CT\n\n"
        "EXIT STATUS\n"
        "  0 the node answered, 1 it did not, or there is no such node, 2 not understood\n",
    .run = run,
};
