/* args.h - the words after a command's name: options in any order, then what is left. A value follows as the next word or
 * after `=`; `--` ends the options. Known everywhere: --config FILE, --data-dir DIR, --set SECTION.KEY=VALUE, --help.
 * Threads: one at a time. Ownership: all texts are borrowed from argv. */
#ifndef KH_APP_ARGS_H
#define KH_APP_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include "app/settings.h"

typedef struct kh_option {
    const char *name;   /* "--study" */
    const char **value; /* takes a value, stored here; NULL for a flag */
    bool *flag;
} kh_option;

typedef struct kh_args {
    char **words;          /* what is no option, in order */
    size_t word_count;
    bool help;
    kh_settings settings;  /* read and checked */
} kh_args;

/* Reads argv[1..argc). Settings come from --config, else $KAKEHASHI_CONFIG, else /etc/kakehashi.conf when it is there, else
 * the defaults; --data-dir and --set go over them. KH_E_ARG for what is not understood. argv is reordered. */
KH_MUST_USE kh_status kh_args_parse(kh_args *out, int argc, char **argv, const kh_option *options, size_t option_count,
                                    kh_error *err);
/* A whole number within min..max. KH_E_ARG names the option. */
KH_MUST_USE kh_status kh_args_number(long long *out, const char *option, const char *text, long long min, long long max,
                                     kh_error *err);

/* The part of each command's help that is about the options known everywhere. */
#define KH_ARGS_COMMON_HELP \
    "  --config FILE           settings; else $KAKEHASHI_CONFIG, else /etc/kakehashi.conf\n" \
    "  --data-dir DIR          where everything is kept, over [service] data_dir\n" \
    "  --set SECTION.KEY=VALUE one setting over the file's; may be given several times\n" \
    "  --help                  this text\n"

#endif
