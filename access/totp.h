/* totp.h - one-time codes by RFC 6238 (liboath's home): SHA-1, 30 s, 6 digits. Inside this room. Threads: pure functions. */
#ifndef KH_ACCESS_TOTP_H
#define KH_ACCESS_TOTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KH_TOTP_SECRET_BYTES 20
#define KH_TOTP_STEP_S 30

/* Is it the code of a step after last_step, of now or one before or after? Then *step is that step. Spaces in the code are left out. */
bool kh_totp_check(int64_t *step, const uint8_t *secret, size_t size, int64_t wall_ms, int64_t last_step, const char *code);

#endif
