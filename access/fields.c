/* What a field from outside may be. */
#include "access/internal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"

/* Bytes of the character at text: 0 when it is none (RFC 3629) or one that is not printed. */
static size_t character_size(const uint8_t *text)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = text[0] < 0x80 ? 1 : (text[0] & 0xe0) == 0xc0 ? 2 : (text[0] & 0xf0) == 0xe0 ? 3 : (text[0] & 0xf8) == 0xf0 ? 4 : 0;
    uint32_t code = size == 1 ? text[0] : size == 0 ? 0 : text[0] & (0xffu >> (size + 1));

    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3f);
    }
    if (size == 0 || code < least[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    return code < 0x20 || (code >= 0x7f && code < 0xa0) ? 0 : size;
}

kh_status kh_access_check_text(const char *field, const char *text, size_t size, bool demanded, kh_error *err)
{
    size_t length = strnlen(text, size);

    if (length >= size)
        return kh_error_set(err, KH_E_ARG, "%s has %zu bytes or more, expected at most %zu", field, size, size - 1);
    if (demanded && length == 0)
        return kh_error_set(err, KH_E_ARG, "%s is empty", field);
    for (size_t at = 0, step; at < length; at += step) {
        step = character_size((const uint8_t *)text + at);
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

void kh_access_today(char out[9])
{
    time_t now = (time_t)(kh_clock_wall_ms() / 1000);
    struct tm local;

    if (!localtime_r(&now, &local) || strftime(out, 9, "%Y%m%d", &local) != 8)
        memcpy(out, "00000000", 9);
}
