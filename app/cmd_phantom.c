#include <stdio.h>
#include <unistd.h>
#include "app/command.h"
#include "app/progress.h"
#include "phantom/phantom.h"

static void show(void *context, uint32_t files_done, uint32_t files_total)
{
    kh_progress_update(context, files_done, files_total, -1);
}

static kh_status take_number(uint32_t *out, const char *option, const char *text, long long min, long long max, kh_error *err)
{
    long long number = *out;
    kh_status status = text ? kh_args_number(&number, option, text, min, max, err) : KH_OK;

    *out = (uint32_t)number;
    return status;
}

static uint32_t processors(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);

    return count < 1 ? 1 : count > KH_PHANTOM_THREADS_MAX ? KH_PHANTOM_THREADS_MAX : (uint32_t)count;
}

static int run(const kh_command *self, int argc, char **argv)
{
    const char *slices = NULL, *earlier = NULL, *mr = NULL, *seed = NULL;
    const kh_option options[] = {
        {"--ct-slices", &slices, NULL}, {"--earlier-slices", &earlier, NULL}, {"--mr-slices", &mr, NULL}, {"--seed", &seed, NULL}};
    kh_phantom_options phantom = kh_phantom_options_default;
    kh_error err = KH_ERROR_INIT;
    kh_progress progress;
    kh_args args;
    long long seed_number = (long long)phantom.seed;
    int status = kh_command_begin(self, &args, argc, argv, options, sizeof options / sizeof options[0]);

    if (status != KH_COMMAND_GO)
        return status;
    if (args.word_count != 1)
        return kh_command_usage(self, "%zu words, expected one folder", args.word_count);
    if (take_number(&phantom.ct_slices, "--ct-slices", slices, 1, KH_PHANTOM_CT_SLICES_MAX, &err) != KH_OK ||
        take_number(&phantom.ct_earlier_slices, "--earlier-slices", earlier, 0, KH_PHANTOM_CT_SLICES_MAX, &err) != KH_OK ||
        take_number(&phantom.mr_slices, "--mr-slices", mr, 0, KH_PHANTOM_MR_SLICES_MAX, &err) != KH_OK ||
        (seed && kh_args_number(&seed_number, "--seed", seed, 0, INT32_MAX, &err) != KH_OK))
        return kh_command_usage(self, "%s", err.message);
    phantom.seed = (uint64_t)seed_number;
    phantom.dir = args.words[0];
    phantom.threads = processors();
    phantom.progress = show;
    phantom.context = &progress;
    kh_progress_begin(&progress, stdout, "images", -1, 0);
    if (kh_phantom_generate(&phantom, &err) != KH_OK) {
        kh_progress_clear(&progress);
        return kh_command_failed(self, &err);
    }
    kh_progress_end(&progress);
    return KH_EXIT_OK;
}

const kh_command kh_command_phantom = {
    .name = "phantom",
    .summary = "make images of invented patients",
    .help = "NAME\n"
            "  kakehashi phantom - make images of invented patients\n\n"
            "SYNOPSIS\n"
            "  kakehashi phantom [OPTIONS] DIR\n\n"
            "DESCRIPTION\n"
            "  Writes DICOM files into DIR that are computed from a model of the body: two CTs of chest and abdomen of one patient,\n"
            "  taken at different times, and an MR of the head of another. Every person, number and institution in them is made up.\n"
            "  The same options give the same files, byte for byte.\n\n"
            "OPTIONS\n"
            "  --ct-slices N           slices of the CT, 1 to 1280 (320)\n"
            "  --earlier-slices N      slices of the earlier CT, 0 to 1280 (160); 0: none\n"
            "  --mr-slices N           slices of each MR series, 0 to 128 (26); 0: no MR\n"
            "  --seed N                of noise, numbers and finer anatomy, 0 to 2147483647 (1)\n" KH_ARGS_COMMON_HELP "\n"
            "EXAMPLES\n"
            "  kakehashi phantom images\n"
            "  kakehashi phantom --ct-slices 40 --earlier-slices 0 --mr-slices 0 small\n\n"
            "EXIT STATUS\n"
            "  0 done, 1 the files could not be written, 2 not understood\n",
    .run = run,
};
