/* auditing.h - the record of access as the settings have it.
 * Threads: any. */
#ifndef KH_APP_AUDITING_H
#define KH_APP_AUDITING_H

#include "app/settings.h"
#include "audit/audit.h"
#include "audit/syslog.h"

#define KH_AUDITING_DIR_SIZE 1100
void kh_auditing_dir(char out[KH_AUDITING_DIR_SIZE], const kh_settings *settings);

/* role: "bridge", "web" or "command". Waits a little for a process of the role that is ending. */
KH_MUST_USE kh_status kh_auditing_open(kh_audit **out, const kh_settings *settings, const char *role, kh_error *err);

/* What an operator's command is about to change, or how that ended, in the chain "command": durable when it returns KH_OK. who: as
 * kh_session_asked_by() has it; facility, patient: whose, or NULL; text: what is done, no names of people but logins. */
typedef struct kh_auditing_change {
    const char *who, *facility, *patient, *text;
} kh_auditing_change;
KH_MUST_USE kh_status kh_auditing_command(kh_audit *audit, const kh_auditing_change *change, kh_audit_result result, kh_error *err);

/* The record on its way to a syslog server; *out is NULL when the settings name none. */
KH_MUST_USE kh_status kh_auditing_syslog(kh_syslog **out, const kh_settings *settings, kh_error *err);

#endif
