/* match_moment.c - days and times as keys and values write them. */
#include <string.h>
#include "cache/match_internal.h"

/* YYYYMMDD, or YYYY.MM.DD of old. */
bool kh_match_read_day(char out[KH_MATCH_MOMENT_SIZE], const char *text, size_t size)
{
    size_t count = 0;

    for (size_t i = 0; i < size; i++) {
        if (text[i] == '.' && size == 10 && (i == 4 || i == 7))
            continue;
        if (text[i] < '0' || text[i] > '9' || count == 8)
            return false;
        out[count++] = text[i];
    }
    out[count] = '\0';
    return count == 8;
}

/* HH, HHMM, HHMMSS, HHMMSS.F to .FFFFFF, or with colons as of old; without a fraction what is left open is filled from rest. */
bool kh_match_read_moment(char out[KH_MATCH_MOMENT_SIZE], const char *text, size_t size, const char *rest)
{
    size_t count = 0;
    bool point = false;

    for (size_t i = 0; i < size; i++) {
        if (text[i] == ':' && !point && (i == 2 || i == 5))
            continue;
        if (text[i] == '.' && count == 6 && !point) {
            point = true;
            continue;
        }
        if (text[i] < '0' || text[i] > '9' || count == KH_MATCH_MOMENT_SIZE - 1 || (count == 6 && !point))
            return false;
        out[count++] = text[i];
    }
    if (count < 2 || (count < 6 && count % 2 != 0))
        return false;
    memcpy(out + count, (point ? "000000000000" : rest) + count, KH_MATCH_MOMENT_SIZE - count);
    return true;
}
