/* error.h - one line of explanation that travels with a kh_status.
 * A kh_error lives on the caller's stack; failing never allocates. The first message wins, callers on the way up may put
 * words before it. Messages name the attribute or field, what was got and what was expected, and no patient data.
 * Threads: a kh_error belongs to one thread. err may be NULL everywhere: the message is then dropped. */
#ifndef KH_BASE_ERROR_H
#define KH_BASE_ERROR_H

#include "base/status.h"

typedef struct kh_error {
    kh_status status;
    char message[320];
} kh_error;

#define KH_ERROR_INIT {KH_OK, ""}

/* Record status and message unless err already holds one; returns status, so that `return kh_error_set(...)` reads well. */
kh_status kh_error_set(kh_error *err, kh_status status, const char *format, ...) KH_PRINTF(3, 4);

/* As kh_error_set() with ": " and the text of errno_value added; ENOSPC and EDQUOT become KH_E_FULL, ENOMEM KH_E_MEMORY, the rest
 * KH_E_IO. */
kh_status kh_error_errno(kh_error *err, int errno_value, const char *format, ...) KH_PRINTF(3, 4);

/* Put "words: " before the message held. Returns the status held. */
kh_status kh_error_prefix(kh_error *err, const char *format, ...) KH_PRINTF(2, 3);

/* Forget what is held, to use err again. */
void kh_error_clear(kh_error *err);

#endif
