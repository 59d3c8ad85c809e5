/* grant_tables.h - what consents open, as a table: for evidence, and to bring what was ended in one house to another [AZ-22].
 * Threads: one at a time. */
#ifndef KH_APP_GRANT_TABLES_H
#define KH_APP_GRANT_TABLES_H

#include "access/consents.h"
#include "app/rights_command.h"

/* To standard output. */
KH_MUST_USE kh_status kh_grant_export(kh_rights_command *c, const kh_grant_query *query, kh_error *err);
/* Each row must be opened by a sheet that is here (`consent import` before): a grant is never made by a table. One that has ended there and
 * stands here is ended. Row by row; stops at the first that no sheet opens, or that has ended here and stands there. */
KH_MUST_USE kh_status kh_grant_import(kh_rights_command *c, const char *path, kh_error *err);

#endif
