/* policy_tables.h - what facilities open and hide, as a table that says it again elsewhere [AZ-26, AZ-22]. Threads: one at a time. */
#ifndef KH_APP_POLICY_TABLES_H
#define KH_APP_POLICY_TABLES_H

#include "access/policies.h"
#include "app/rights_command.h"

typedef struct kh_policy_words {
    const char *items, *modalities, *body_parts, *departments, *delay_hours, *look_back; /* as the options of `policy set`; NULL: as it is */
} kh_policy_words;
/* KH_E_ARG with the word. */
KH_MUST_USE kh_status kh_policy_fill(kh_policy *policy, const kh_policy_words *words, kh_error *err);

/* To standard output: of each facility its policy, where one was set, and what it hides; facility NULL: of all. */
KH_MUST_USE kh_status kh_policy_export(kh_rights_command *c, const char *facility, kh_error *err);
/* Row by row; stops at the first that is refused. */
KH_MUST_USE kh_status kh_policy_import(kh_rights_command *c, const char *path, kh_error *err);

#endif
