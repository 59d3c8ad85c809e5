/* desk.h - how commands come to access.db: beside a running service or without one. What a command changes is recorded first, in the chain
 * `command`, which one command at a time writes: the others wait a little.
 * Threads: one at a time. */
#ifndef KH_APP_DESK_H
#define KH_APP_DESK_H

#include "access/accounts.h"
#include "app/command.h"
#include "audit/audit.h"

typedef struct kh_desk {
    kh_access *access;
    kh_accounts *accounts; /* NULL unless asked for */
    kh_audit *audit;       /* NULL: it changes nothing */
} kh_desk;

typedef enum kh_desk_use { KH_DESK_LOOKS, KH_DESK_CHANGES } kh_desk_use;

KH_MUST_USE kh_status kh_desk_open(kh_desk *out, const kh_settings *settings, kh_desk_use use, bool accounts, kh_error *err);
void kh_desk_close(kh_desk *desk);
/* Records what is about to be done: nothing is done unless KH_OK is returned. facility may be NULL. No names of people but logins. */
KH_MUST_USE kh_status kh_desk_record(kh_desk *desk, kh_error *err, const char *facility, const char *format, ...) KH_PRINTF(4, 5);
/* Then records that it went wrong, when it did. Returns status. */
KH_MUST_USE kh_status kh_desk_record_end(kh_desk *desk, const char *facility, kh_status status);

/* "2026-12-01" or "20261201", the end of that day in local time; "2026-12-01T13:00" that minute. */
KH_MUST_USE kh_status kh_desk_until(int64_t *wall_ms, const char *text, kh_error *err);
/* Local time to the minute; "" for 0. */
#define KH_DESK_TIME_SIZE 20
void kh_desk_time(char out[KH_DESK_TIME_SIZE], int64_t wall_ms);

#endif
