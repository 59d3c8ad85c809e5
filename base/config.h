/* config.h - reading `[section]` and `key = value` lines by a table of what is allowed.
 * A value carries its unit as the table says: sizes "64 MiB" (B, KiB, MiB, GiB, TiB), durations "30 s" (ms, s, min, h),
 * counts, yes/no, text. A line that begins with # is a comment. An unknown key, a missing unit, a value outside its range or
 * a key given twice is KH_E_ARG with file and line. Threads: one at a time. */
#ifndef KH_BASE_CONFIG_H
#define KH_BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

typedef enum kh_config_type {
    KH_CONFIG_TEXT,     /* char[text_size] */
    KH_CONFIG_COUNT,    /* int64_t */
    KH_CONFIG_SIZE,     /* int64_t, bytes */
    KH_CONFIG_DURATION, /* int64_t, milliseconds */
    KH_CONFIG_BOOL      /* bool */
} kh_config_type;

typedef struct kh_config_key {
    const char *section;
    const char *key;
    kh_config_type type;
    size_t offset;    /* of the field in the settings struct */
    size_t text_size; /* KH_CONFIG_TEXT: bytes of the field, NUL included */
    int64_t min, max; /* inclusive, in the unit of the field; unused for text and bool */
} kh_config_key;

/* Read the file at path into the struct at settings, which already holds the defaults. */
KH_MUST_USE kh_status kh_config_read(void *settings, const kh_config_key *keys, size_t key_count, const char *path,
                                     kh_error *err);
/* Set one key from text as it stands behind the `=`, for options on the command line. */
KH_MUST_USE kh_status kh_config_set(void *settings, const kh_config_key *keys, size_t key_count, const char *section,
                                    const char *key, const char *value, kh_error *err);

#endif
