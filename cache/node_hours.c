#include "cache/node_hours.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#define WINDOWS_MAX 16
#define DAY_MINUTES 1440
#define MINUTE_MS 60000

typedef struct window {
    unsigned days;      /* bit 0 is Sunday, as in struct tm */
    int begin, end;     /* minutes of the day; end <= begin: it ends on the day after */
} window;

static const char *skip_spaces(const char *text)
{
    return text + strspn(text, " ");
}

/* A day's number and what stands behind its name, or -1. */
static int read_day(const char **text)
{
    static const char names[7][4] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

    for (int i = 0; i < 7; i++)
        if (strncasecmp(*text, names[i], 3) == 0) {
            *text += 3;
            return i;
        }
    return -1;
}

/* "mon", "mon-fri"; none: all days. */
static bool read_days(const char **text, unsigned *days)
{
    int first = read_day(text), last = first;

    *days = 0x7f;
    if (first < 0)
        return true;
    if (**text == '-') {
        (*text)++;
        last = read_day(text);
        if (last < 0)
            return false;
    }
    *days = 0;
    for (int day = first;; day = (day + 1) % 7) {
        *days |= 1u << day;
        if (day == last)
            return true;
    }
}

static bool read_digits(const char **text, int *out)
{
    const char *at = *text;

    if (at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9')
        return false;
    *out = (at[0] - '0') * 10 + at[1] - '0';
    *text += 2;
    return true;
}

static bool read_time(const char **text, int *minutes)
{
    int hour, minute;

    if (!read_digits(text, &hour) || *(*text)++ != ':' || !read_digits(text, &minute) || minute > 59)
        return false;
    *minutes = hour * 60 + minute;
    return *minutes <= DAY_MINUTES;
}

/* One window; *text is moved past it and its comma. */
static bool read_window(const char **text, window *out)
{
    const char *begin = skip_spaces(*text), *at = begin;
    bool whole_day;

    if (!read_days(&at, &out->days))
        return false;
    whole_day = at != begin;
    at = skip_spaces(at);
    if (whole_day && (*at == ',' || *at == '\0')) {
        out->begin = 0;
        out->end = DAY_MINUTES;
    } else if (!read_time(&at, &out->begin) || out->begin == DAY_MINUTES || *at++ != '-' || !read_time(&at, &out->end) ||
               out->begin == out->end) {
        return false;
    }
    at = skip_spaces(at);
    if (*at != ',' && *at != '\0')
        return false;
    *text = *at == ',' ? at + 1 : at;
    return *at != ',' || *skip_spaces(at + 1) != '\0';
}

static bool read_windows(const char *hours, window windows[WINDOWS_MAX], size_t *count)
{
    const char *at = hours;

    for (*count = 0; *at; (*count)++)
        if (*count == WINDOWS_MAX || !read_window(&at, &windows[*count]))
            return false;
    return true;
}

static bool in_window(const window *w, int day, int minute)
{
    int day_before = (day + 6) % 7;

    if (w->end > w->begin)
        return (w->days >> day & 1) && minute >= w->begin && minute < w->end;
    return ((w->days >> day & 1) && minute >= w->begin) || ((w->days >> day_before & 1) && minute < w->end);
}

static bool in_any(const window *windows, size_t count, int64_t when_ms)
{
    time_t seconds = (time_t)(when_ms / 1000);
    struct tm local;

    if (!localtime_r(&seconds, &local))
        return false;
    for (size_t i = 0; i < count; i++)
        if (in_window(&windows[i], local.tm_wday, local.tm_hour * 60 + local.tm_min))
            return true;
    return false;
}

kh_status kh_hours_check(const char *hours, kh_error *err)
{
    window windows[WINDOWS_MAX];
    size_t count;

    if (read_windows(hours, windows, &count))
        return KH_OK;
    if (count == WINDOWS_MAX)
        return kh_error_set(err, KH_E_ARG, "hours: more than %d windows", WINDOWS_MAX);
    return kh_error_set(err, KH_E_ARG, "hours: window %zu, expected such as 18:00-07:00 or mon-fri 18:00-07:00", count + 1);
}

bool kh_hours_open(const char *hours, int64_t when_ms)
{
    window windows[WINDOWS_MAX];
    size_t count;

    if (!read_windows(hours, windows, &count))
        return false;
    return count == 0 || in_any(windows, count, when_ms);
}

int64_t kh_hours_next_open_ms(const char *hours, int64_t when_ms)
{
    window windows[WINDOWS_MAX];
    size_t count;
    int64_t minute_ms = when_ms - when_ms % MINUTE_MS;

    if (!read_windows(hours, windows, &count))
        return -1;
    if (count == 0 || in_any(windows, count, when_ms))
        return when_ms;
    for (int i = 1; i <= 8 * DAY_MINUTES; i++) /* minute by minute: whatever summer time does to the clock is right this way */
        if (in_any(windows, count, minute_ms + (int64_t)i * MINUTE_MS))
            return minute_ms + (int64_t)i * MINUTE_MS;
    return -1;
}

bool kh_node_open_now(const kh_node *node, int64_t when_ms)
{
    return kh_hours_open(node->hours, when_ms);
}

int64_t kh_node_opens_ms(const kh_node *node, int64_t when_ms)
{
    return kh_hours_next_open_ms(node->hours, when_ms);
}
