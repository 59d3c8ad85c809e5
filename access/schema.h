/* schema.h - the numbered scripts of access.db. A script that was released is never edited: a change is a new one at the end. */
#ifndef KH_ACCESS_SCHEMA_H
#define KH_ACCESS_SCHEMA_H

#include <stddef.h>

extern const char *const kh_access_scripts[];
extern const size_t kh_access_script_count;

#endif
