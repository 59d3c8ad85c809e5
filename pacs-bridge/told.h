/* told.h - what the bridge records of who does what (audit/audit.h): queries and retrievals before they are answered, objects that came
 * when their association ends, callers that were turned away, changes by request. service->audit NULL: nothing is.
 * Threads: an association's own; those of the control socket. */
#ifndef KH_PACS_BRIDGE_TOLD_H
#define KH_PACS_BRIDGE_TOLD_H

#include "audit/audit.h"
#include "base/json.h"
#include "pacs-bridge/asked.h"
#include "pacs-bridge/object_list.h"
#include "pacs-bridge/scp.h"

/* A query about to be answered: nothing of the answer may leave before kh_audit_write_end() of it. way: "C-FIND". */
KH_MUST_USE kh_status kh_told_asked(const kh_scp *of, const char *way, const kh_asked *asked, kh_audit_wait **out, kh_error *err);
/* How it ended; nobody waits. count, failed: answers or objects, below 0: not told. */
void kh_told_ended(const kh_scp *of, const char *way, uint16_t dimse, int64_t count, int64_t failed, const char *why);
/* The objects of a retrieval about to be sent, study by study: durable when it returns KH_OK. to: AE title. */
KH_MUST_USE kh_status kh_told_sending(const kh_scp *of, const char *way, const kh_object_list *list, const char *to, kh_error *err);

/* A study that was asked for and is not shown to who asks; nobody waits. */
void kh_told_refused(const kh_scp *of, const char *way, const kh_study *study, const kh_verdict *verdict);

/* Can what comes be recorded? KH_E_BUSY while it cannot: objects are refused. */
KH_MUST_USE kh_status kh_told_ready(const kh_scp *of, kh_error *err);
/* One object of a study came in, or was refused (study_id 0). Told together when the association ends, or more studies came than are
 * counted. */
void kh_told_stored(kh_scp *of, int64_t study_id);
void kh_told_stored_end(kh_scp *of);

/* A caller that was not let in; the same again is told every ten seconds. */
void kh_told_turned_away(const kh_service_scp *service, const kh_assoc_request *request, const char *why);

/* A request of the control socket, or of a command that acts itself: durable before it is done, when it changes what is shown (deletions,
 * corrections, evictions, what is fetched and sent by request). Others pass. */
KH_MUST_USE kh_status kh_told_change(kh_audit *audit, kh_cache *cache, const char *op, const kh_json *request, kh_error *err);
/* How it ended; nobody waits. */
void kh_told_changed(kh_audit *audit, kh_cache *cache, const char *op, const kh_json *request, kh_status status, const char *why);

#endif
