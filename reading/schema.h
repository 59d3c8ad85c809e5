/* schema.h - the numbered scripts of reading.db. A script that was released is never edited: a change is a new one at the end. */
#ifndef KH_READING_SCHEMA_H
#define KH_READING_SCHEMA_H

#include <stddef.h>

extern const char *const kh_reading_scripts[];
extern const size_t kh_reading_script_count;

#endif
