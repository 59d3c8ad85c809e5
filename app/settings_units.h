/* settings_units.h - in which sizes (bytes) and durations (milliseconds) are written, for the files of the settings. */
#ifndef KH_APP_SETTINGS_UNITS_H
#define KH_APP_SETTINGS_UNITS_H

#define KIB 1024LL
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)
#define SECOND 1000LL
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

#endif
