#include "app/auditing.h"

#include <stdio.h>
#include "base/clock.h"

#define TRIES 100
#define LOOK_MS 20

void kh_auditing_dir(char out[KH_AUDITING_DIR_SIZE], const kh_settings *settings)
{
    snprintf(out, KH_AUDITING_DIR_SIZE, "%s/" KH_AUDIT_FOLDER, settings->data_dir);
}

kh_status kh_auditing_open(kh_audit **out, const kh_settings *settings, const char *role, kh_error *err)
{
    kh_audit_options options = kh_audit_options_default;
    char dir[KH_AUDITING_DIR_SIZE];
    kh_status status = KH_E_BUSY;

    kh_auditing_dir(dir, settings);
    options.dir = dir;
    options.role = role;
    options.roll_bytes = (uint64_t)settings->audit_file_bytes;
    options.reserve_bytes = (uint64_t)settings->audit_reserve_bytes;
    options.group_ms = settings->audit_group_ms;
    options.checkpoint_ms = settings->audit_checkpoint_ms;
    options.checkpoint_records = (uint64_t)settings->audit_checkpoint_records;
    options.queue_max = (size_t)settings->audit_queue;
    for (int i = 0; i < TRIES && status == KH_E_BUSY; i++) {
        if (i > 0)
            kh_clock_sleep_ms(LOOK_MS);
        kh_error_clear(err);
        status = kh_audit_open(out, &options, err);
    }
    return status;
}

kh_status kh_auditing_command(kh_audit *audit, const kh_auditing_change *change, kh_audit_result result, kh_error *err)
{
    kh_audit_event event = KH_AUDIT_EVENT_INIT;

    event.action = KH_AUDIT_RIGHTS;
    event.result = result;
    event.who = change->who;
    event.by = "operator";
    event.way = "command";
    event.facility = change->facility;
    event.patient = change->patient;
    event.text = change->text;
    return kh_audit_write(audit, &event, err);
}

kh_status kh_auditing_syslog(kh_syslog **out, const kh_settings *settings, kh_error *err)
{
    char dir[KH_AUDITING_DIR_SIZE];
    const kh_syslog_options options = {.dir = dir,
                                       .server = {.host = settings->audit_syslog_host,
                                                  .port = (int)settings->audit_syslog_port,
                                                  .ca = settings->audit_syslog_ca,
                                                  .certificate = settings->audit_syslog_certificate,
                                                  .key = settings->audit_syslog_key}};

    *out = NULL;
    kh_auditing_dir(dir, settings);
    return settings->audit_syslog_host[0] ? kh_syslog_open(out, &options, err) : KH_OK;
}
