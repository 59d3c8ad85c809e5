#include "app/desk.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include "app/auditing.h"
#include "app/deciding.h"
#include "app/session.h"
#include "base/log.h"

kh_status kh_desk_open(kh_desk *out, const kh_settings *settings, kh_desk_use use, bool accounts, kh_error *err)
{
    const kh_accounts_options of = kh_deciding_accounts(settings);
    kh_status status = KH_OK;

    *out = (kh_desk){0};
    if (use == KH_DESK_CHANGES)
        status = kh_auditing_open(&out->audit, settings, "command", err);
    if (status == KH_OK)
        status = kh_deciding_access(&out->access, settings, NULL, err);
    if (status == KH_OK && accounts)
        status = kh_accounts_create(&out->accounts, out->access, &of, err);
    if (status != KH_OK)
        kh_desk_close(out);
    return status;
}

void kh_desk_close(kh_desk *desk)
{
    kh_accounts_free(desk->accounts);
    kh_access_close(desk->access);
    kh_audit_close(desk->audit);
    *desk = (kh_desk){0};
}

static kh_status record(kh_desk *desk, const char *facility, kh_audit_result result, const char *text, kh_error *err)
{
    return kh_auditing_command(desk->audit, &(kh_auditing_change){.who = kh_session_asked_by(NULL), .facility = facility, .text = text},
                               result, err);
}

kh_status kh_desk_record(kh_desk *desk, kh_error *err, const char *facility, const char *format, ...)
{
    char text[512];
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return record(desk, facility, KH_AUDIT_ALLOWED, text, err);
}

kh_status kh_desk_record_end(kh_desk *desk, const char *facility, kh_status status)
{
    kh_error err = KH_ERROR_INIT;
    kh_audit_result result = status == KH_E_DENIED ? KH_AUDIT_REFUSED : KH_AUDIT_FAILED;

    /* That it was about to be done is recorded: this one may fail. */
    if (status != KH_OK && record(desk, facility, result, kh_status_text(status), &err) != KH_OK)
        kh_log(KH_LOG_ERROR, "audit", "%s", err.message);
    return status;
}

kh_status kh_desk_until(int64_t *wall_ms, const char *text, kh_error *err)
{
    struct tm local = {.tm_isdst = -1, .tm_hour = 24};
    int end = -1;
    time_t at;

    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d%n", &local.tm_year, &local.tm_mon, &local.tm_mday, &local.tm_hour, &local.tm_min, &end) != 5) {
        local.tm_hour = 24;
        local.tm_min = 0;
        if (sscanf(text, "%4d-%2d-%2d%n", &local.tm_year, &local.tm_mon, &local.tm_mday, &end) != 3 &&
            sscanf(text, "%4d%2d%2d%n", &local.tm_year, &local.tm_mon, &local.tm_mday, &end) != 3)
            end = -1;
    }
    if (end < 0 || text[end] != '\0' || local.tm_year < 1970 || local.tm_mon < 1 || local.tm_mon > 12 || local.tm_mday < 1 ||
        local.tm_mday > 31 || local.tm_hour > 24 || local.tm_min > 59)
        return kh_error_set(err, KH_E_ARG, "\"%.32s\" is no time, expected a day (2026-12-31) or a minute of one (2026-12-31T13:00)", text);
    local.tm_year -= 1900;
    local.tm_mon -= 1;
    at = mktime(&local);
    *wall_ms = (int64_t)at * 1000;
    return at > 0 ? KH_OK : kh_error_set(err, KH_E_ARG, "\"%.32s\" is no time that this machine knows", text);
}

void kh_desk_time(char out[KH_DESK_TIME_SIZE], int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm local;

    if (wall_ms == 0 || !localtime_r(&seconds, &local) || strftime(out, KH_DESK_TIME_SIZE, "%Y-%m-%dT%H:%M", &local) == 0)
        out[0] = '\0';
}
