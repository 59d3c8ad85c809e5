/* log.h - one line per event on standard error: time, level, role, area, text.
 * No patient data belongs in a log line: ids of ours, UIDs, AE titles, counts. Control characters and bytes over 0x7E are
 * escaped (\xNN), a line is cut at 2,048 bytes, so that no peer can forge or flood a line.
 * Threads: any; a line is written whole by one write(2). */
#ifndef KH_BASE_LOG_H
#define KH_BASE_LOG_H

#include "base/error.h"

typedef enum kh_log_level { KH_LOG_ERROR, KH_LOG_WARN, KH_LOG_INFO, KH_LOG_DEBUG } kh_log_level;

/* What is below level is dropped. Default: KH_LOG_INFO. */
void kh_log_set_level(kh_log_level level);
/* "error", "warn", "info", "debug". KH_E_ARG otherwise. */
KH_MUST_USE kh_status kh_log_level_parse(kh_log_level *out, const char *text, kh_error *err);
/* The role's name in every line of this process, "main" until set. Copied, at most 15 bytes. */
void kh_log_set_role(const char *role);

void kh_log(kh_log_level level, const char *area, const char *format, ...) KH_PRINTF(3, 4);

#endif
