/* What a field from outside may be. */
#include "access/internal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "base/utf8.h"

kh_status kh_access_check_text(const char *field, const char *text, size_t size, bool demanded, kh_error *err)
{
    size_t length = strnlen(text, size);

    if (length >= size)
        return kh_error_set(err, KH_E_ARG, "%s has %zu bytes or more, expected at most %zu", field, size, size - 1);
    if (demanded && length == 0)
        return kh_error_set(err, KH_E_ARG, "%s is empty", field);
    for (size_t at = 0, step; at < length; at += step) {
        step = kh_utf8_printed_size((const uint8_t *)text + at);
        if (step == 0)
            return kh_error_set(err, KH_E_ARG, "%s: byte %zu is not of printable UTF-8", field, at + 1);
    }
    return KH_OK;
}

kh_status kh_access_check_day(const char *field, const char *text, bool demanded, kh_error *err)
{
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day;

    if (text[0] == '\0' && !demanded)
        return KH_OK;
    if (strlen(text) != 8 || strspn(text, "0123456789") != 8 || sscanf(text, "%4d%2d%2d", &year, &month, &day) != 3 || year < 1800 ||
        month < 1 || month > 12 || day < 1 || day > days[month - 1] ||
        (month == 2 && day == 29 && (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0))))
        return kh_error_set(err, KH_E_ARG, "%s is no day, expected YYYYMMDD", field);
    return KH_OK;
}

int64_t kh_access_day_begins(const char *day)
{
    struct tm local = {.tm_isdst = -1};
    time_t seconds;

    if (sscanf(day, "%4d%2d%2d", &local.tm_year, &local.tm_mon, &local.tm_mday) != 3)
        return 0;
    local.tm_year -= 1900;
    local.tm_mon -= 1;
    seconds = mktime(&local);
    return seconds > 0 ? (int64_t)seconds * 1000 : 0;
}

void kh_access_today(char out[9])
{
    time_t now = (time_t)(kh_clock_wall_ms() / 1000);
    struct tm local;

    if (!localtime_r(&now, &local) || strftime(out, 9, "%Y%m%d", &local) != 8)
        memcpy(out, "00000000", 9);
}
