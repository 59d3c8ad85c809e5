/* rule_options.h - the options of `kakehashi rule add`. Threads: one at a time. */
#ifndef KH_APP_RULE_OPTIONS_H
#define KH_APP_RULE_OPTIONS_H

#include "app/args.h"
#include "cache/rules.h"

#define KH_RULE_OPTIONS_MAX 16

typedef struct kh_rule_options {
    const char *node, *source, *facility, *modality, *body_part, *description, *prior_modality, *prior_body_part, *priors, *age_days;
    const char *date_from, *date_to, *studies_per_hour, *bytes_per_hour;
    bool at_once;
} kh_rule_options;

/* out holds KH_RULE_OPTIONS_MAX; how many there are. */
size_t kh_rule_options_table(kh_rule_options *options, kh_option *out);
/* KH_E_ARG for an option that does not belong to the kind, and for what does not fit its field; what makes no sense the index tells. */
KH_MUST_USE kh_status kh_rule_options_fill(kh_rule *out, const char *kind, const char *name, const kh_rule_options *options,
                                           kh_error *err);

#endif
