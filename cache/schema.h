/* schema.h - the index, numbered from 1: kh_schema_scripts[n - 1] leads from schema n - 1 to n. Never change one that was released. */
#ifndef KH_CACHE_SCHEMA_H
#define KH_CACHE_SCHEMA_H

#include <stddef.h>

#include "store/sql.h"

/* What the scripts and triggers call (kh_sql_add_function()): before kh_sql_migrate() and any change. */
KH_MUST_USE kh_status kh_schema_prepare(kh_sql *sql, kh_error *err);
extern const char *const kh_schema_scripts[];
extern const size_t kh_schema_count;

#endif
