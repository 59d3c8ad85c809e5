#include "access/totp.h"

#include <liboath/oath.h>
#include <string.h>

#define DIGITS 6

bool kh_totp_check(int64_t *step, const uint8_t *secret, size_t size, int64_t wall_ms, int64_t last_step, const char *code)
{
    int64_t now = wall_ms / 1000 / KH_TOTP_STEP_S;
    char digits[DIGITS + 1];
    bool good = false;
    size_t length = 0;

    for (; *code; code++) {
        if (*code == ' ')
            continue;
        if (*code < '0' || *code > '9' || length == DIGITS)
            return false;
        digits[length++] = *code;
    }
    digits[length] = '\0';
    if (length != DIGITS || wall_ms < KH_TOTP_STEP_S * 2000)
        return false;
    for (int64_t at = now - 1; at <= now + 1; at++) { /* each of them, whichever it is: all tries cost the same */
        char expected[DIGITS + 1];
        unsigned differs = 0;

        if (oath_totp_generate((const char *)secret, size, (time_t)(at * KH_TOTP_STEP_S), KH_TOTP_STEP_S, 0, DIGITS, expected) != OATH_OK)
            return false;
        for (size_t i = 0; i < DIGITS; i++)
            differs |= (unsigned)(expected[i] ^ digits[i]);
        if (differs == 0 && at > last_step && !good) {
            *step = at;
            good = true;
        }
    }
    return good;
}
