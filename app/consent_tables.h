/* consent_tables.h - sheets entered by a command, and all of them as a table that enters them again elsewhere [AZ-22, TB-12].
 * Threads: one at a time. */
#ifndef KH_APP_CONSENT_TABLES_H
#define KH_APP_CONSENT_TABLES_H

#include "app/consent_options.h"
#include "app/csv_table.h"

/* By the network's settings, recorded. past: the row of a table that another house exported, or NULL: then what is over is taken, too, and
 * ends as it did. */
KH_MUST_USE kh_status kh_consent_enter(kh_rights_command *c, const kh_rights_place *at, const kh_consent_options *o, const kh_csv_row *past,
                                       int64_t *id, kh_error *err);
/* Row by row; stops at the first that is refused. */
KH_MUST_USE kh_status kh_consent_import(kh_rights_command *c, const char *path, kh_error *err);
/* To standard output, those that come before what continues them first; facility NULL: of every one. */
KH_MUST_USE kh_status kh_consent_export(kh_rights_command *c, const char *facility, kh_error *err);

#endif
