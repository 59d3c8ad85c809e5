#include "app/rights_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "app/auditing.h"
#include "app/deciding.h"
#include "app/session.h"
#include "base/clock.h"

#define OUT_MAX ((size_t)256 << 20)

kh_status kh_rights_command_open(kh_rights_command *c, const kh_command *self, const kh_settings *settings, const char *by, bool json,
                                 kh_error *err)
{
    memset(c, 0, sizeof *c);
    c->self = self;
    c->settings = settings;
    c->by = kh_session_asked_by(by);
    c->json = json;
    kh_buf_init(&c->out, OUT_MAX);
    kh_json_writer_init(&c->writer, &c->out);
    if (json)
        kh_json_array_begin(&c->writer);
    return kh_deciding_access(&c->access, settings, NULL, err);
}

int kh_rights_command_close(kh_rights_command *c, kh_status status, const kh_error *err)
{
    kh_error why = KH_ERROR_INIT;

    kh_access_close(c->access);
    kh_audit_close(c->audit);
    if (status == KH_OK && c->json) {
        kh_json_array_end(&c->writer);
        status = kh_json_writer_status(&c->writer, &why);
        err = &why;
        if (status == KH_OK)
            puts(kh_buf_text(&c->out));
    }
    kh_buf_release(&c->out);
    return status == KH_OK ? KH_EXIT_OK : kh_command_failed(c->self, err);
}

static kh_status record(kh_rights_command *c, kh_audit_result result, const char *facility, const char *patient, const char *words,
                        kh_error *err)
{
    return kh_auditing_command(c->audit, &(kh_auditing_change){.who = c->by, .facility = facility, .patient = patient, .text = words},
                               result, err);
}

kh_status kh_rights_command_begin(kh_rights_command *c, const char *facility, const char *patient, const char *words, kh_error *err)
{
    kh_status status = c->audit ? KH_OK : kh_auditing_open(&c->audit, c->settings, "command", err);

    return status == KH_OK ? record(c, KH_AUDIT_ALLOWED, facility, patient, words, err) : status;
}

kh_status kh_rights_command_end(kh_rights_command *c, const char *facility, const char *patient, const char *words, kh_status status,
                                kh_error *err)
{
    kh_status recorded =
        record(c, status == KH_OK ? KH_AUDIT_DONE : KH_AUDIT_FAILED, facility, patient, words, status == KH_OK ? err : NULL);

    return status != KH_OK ? status : recorded;
}

/* --- rows --- */

void kh_rights_row_begin(kh_rights_command *c)
{
    if (c->json)
        kh_json_object_begin(&c->writer);
}

void kh_rights_row_end(kh_rights_command *c)
{
    if (c->json)
        kh_json_object_end(&c->writer);
    else
        puts("");
}

void kh_rights_text(kh_rights_command *c, const char *key, const char *value)
{
    if (c->json)
        kh_json_put_text(&c->writer, key, value);
    else if (value[0])
        printf("%s=%s  ", key, value);
}

void kh_rights_int(kh_rights_command *c, const char *key, int64_t value)
{
    if (c->json)
        kh_json_put_int(&c->writer, key, value);
    else
        printf("%s=%lld  ", key, (long long)value);
}

void kh_rights_bool(kh_rights_command *c, const char *key, bool value)
{
    if (c->json)
        kh_json_put_bool(&c->writer, key, value);
    else
        printf("%s=%s  ", key, value ? "yes" : "no");
}

void kh_rights_time(kh_rights_command *c, const char *key, int64_t wall_ms)
{
    char text[KH_CLOCK_TEXT_SIZE] = "";

    if (wall_ms != 0 && wall_ms != INT64_MAX)
        kh_clock_format(text, wall_ms);
    kh_rights_text(c, key, text);
}

/* --- words --- */

kh_status kh_rights_place_parse(kh_rights_place *out, const char *text, bool demanded, kh_error *err)
{
    size_t size = strcspn(text, ":");
    const char *number = text[size] ? text + size + 1 : "";

    memset(out, 0, sizeof *out);
    if (size == 0 || size >= sizeof out->facility || strlen(number) >= sizeof out->number || (demanded && !number[0]))
        return kh_error_set(err, KH_E_ARG, "expected %s", demanded ? "FACILITY:NUMBER" : "FACILITY or FACILITY:NUMBER");
    memcpy(out->facility, text, size);
    memcpy(out->number, number, strlen(number) + 1);
    return KH_OK;
}

kh_status kh_rights_time_parse(int64_t *out, const char *field, const char *text, kh_error *err)
{
    struct tm local = {.tm_isdst = -1};
    size_t size = text ? strlen(text) : 0;
    time_t seconds;

    *out = 0;
    if (size == 0)
        return KH_OK;
    if ((size != 8 && size != 12) || strspn(text, "0123456789") != size ||
        sscanf(text, "%4d%2d%2d%2d%2d", &local.tm_year, &local.tm_mon, &local.tm_mday, &local.tm_hour, &local.tm_min) < (size == 8 ? 3 : 5))
        return kh_error_set(err, KH_E_ARG, "%s: expected YYYYMMDD or YYYYMMDDHHMM", field);
    local.tm_year -= 1900;
    local.tm_mon -= 1;
    struct tm asked = local;
    seconds = mktime(&local);
    if (seconds <= 0 || local.tm_mday != asked.tm_mday || local.tm_mon != asked.tm_mon || local.tm_min != asked.tm_min)
        return kh_error_set(err, KH_E_ARG, "%s: no such time", field);
    *out = (int64_t)seconds * 1000;
    return KH_OK;
}

void kh_rights_time_text(char out[KH_RIGHTS_TIME_SIZE], int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm local;

    if (wall_ms == 0 || wall_ms == INT64_MAX || !localtime_r(&seconds, &local) ||
        strftime(out, KH_RIGHTS_TIME_SIZE, "%Y%m%d%H%M", &local) == 0)
        out[0] = '\0';
}

kh_status kh_rights_id_parse(int64_t *out, const char *text, kh_error *err)
{
    long long value;
    kh_status status = kh_args_number(&value, "number", text, 1, INT64_MAX, err);

    *out = status == KH_OK ? value : 0;
    return status;
}
