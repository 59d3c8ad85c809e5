/* check.h - is reading.db sound? Beside the service or without it: reads only. */
#ifndef KH_READING_CHECK_H
#define KH_READING_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"

typedef struct kh_reading_report {
    int64_t marks, deleted, versions, settings;
    int64_t unsound; /* marks that are not what they say, with versions missing or bad members */
    bool sound;      /* of the file: SQLite's own check */
} kh_reading_report;

/* dir: the data folder. KH_OK with all 0 and sound when there is no reading.db: nobody has left anything yet. Each finding is a line. */
KH_MUST_USE kh_status kh_reading_check(const char *dir, kh_reading_report *report, void (*tell)(void *context, const char *line),
                                       void *context, kh_error *err);

#endif
