#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"

#define LINE_MAX_BYTES 2048

static atomic_int max_level = KH_LOG_INFO;
static char role_name[16] = "main";

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void kh_log_set_level(kh_log_level level)
{
    atomic_store_explicit(&max_level, (int)level, memory_order_relaxed);
}

kh_status kh_log_level_parse(kh_log_level *out, const char *text, kh_error *err)
{
    for (int i = 0; i < (int)(sizeof level_names / sizeof level_names[0]); i++)
        if (strcmp(text, level_names[i]) == 0) {
            *out = (kh_log_level)i;
            return KH_OK;
        }
    return kh_error_set(err, KH_E_ARG, "log level \"%.16s\", expected error, warn, info or debug", text);
}

void kh_log_set_role(const char *role)
{
    snprintf(role_name, sizeof role_name, "%s", role);
}

/* Copy text to out, what is not printable ASCII as \xNN; returns the bytes written, at most room. */
static size_t escape(char *out, size_t room, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    size_t used = 0;

    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p >= 0x20 && *p < 0x7f && *p != '\\') {
            if (used + 1 > room)
                break;
            out[used++] = (char)*p;
        } else {
            if (used + 4 > room)
                break;
            out[used++] = '\\';
            out[used++] = 'x';
            out[used++] = hex[*p >> 4];
            out[used++] = hex[*p & 15];
        }
    }
    return used;
}

void kh_log(kh_log_level level, const char *area, const char *format, ...)
{
    char text[LINE_MAX_BYTES];
    char line[LINE_MAX_BYTES];
    char when[KH_CLOCK_TEXT_SIZE];
    int head;
    size_t used;
    ssize_t written;
    va_list args;

    if ((int)level > atomic_load_explicit(&max_level, memory_order_relaxed))
        return;
    va_start(args, format);
    if (vsnprintf(text, sizeof text, format, args) < 0)
        text[0] = '\0';
    va_end(args);
    kh_clock_format(when, kh_clock_wall_ms());
    head = snprintf(line, sizeof line, "%s %-5s %s %s: ", when, level_names[level], role_name, area);
    if (head < 0 || (size_t)head >= sizeof line)
        return;
    used = (size_t)head + escape(line + head, sizeof line - (size_t)head - 1, text);
    line[used++] = '\n';
    written = write(STDERR_FILENO, line, used);
    (void)written; /* a log that cannot be written has nobody left to tell */
}
