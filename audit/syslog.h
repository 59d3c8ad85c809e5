/* syslog.h - the record of access for somebody else's eyes: each record as a DICOM audit message (dicom_event.h) to a syslog server (RFC
 * 5424 over RFC 5425), from the chains themselves, by one thread that nobody waits for. What was delivered stands in DIR/syslog.place, so
 * that a server that is away, and a kill of ours, lose nothing: at least once; the number and hash in each message tell what came twice. A
 * message counts as delivered when the other machine has acknowledged its bytes and the connection held KH_SYSLOG_HELD_MS longer.
 * Threads: one opens and closes. */
#ifndef KH_AUDIT_SYSLOG_H
#define KH_AUDIT_SYSLOG_H

#include "audit/syslog_tls.h"

#define KH_SYSLOG_HELD_MS 1000
#define KH_SYSLOG_RETRY_FIRST_MS 1000
#define KH_SYSLOG_RETRY_LONGEST_MS 60000

typedef struct kh_syslog kh_syslog;

typedef struct kh_syslog_options {
    const char *dir; /* of the chains; copied, as all of server's texts */
    kh_syslog_server server;
} kh_syslog_options;

KH_MUST_USE kh_status kh_syslog_open(kh_syslog **out, const kh_syslog_options *options, kh_error *err);
/* Sends what is there when the server is, and ends. NULL is welcome. */
void kh_syslog_end(kh_syslog *syslog);

#endif
