/* What of the queue becomes records, and what the service records of itself. */
#include <inttypes.h>
#include <stdio.h>
#include "audit/audit_internal.h"
#include "base/clock.h"
#include "base/log.h"

_Static_assert((KH_AUDIT_COMMIT_RECORDS + 5) * KH_AUDIT_LINE_MAX <= KH_AUDIT_PENDING_MAX, "a commit fits");

static kh_status add_own(kh_audit *audit, kh_audit_action action, kh_audit_result result, const char *text, kh_error *err)
{
    kh_audit_event event = KH_AUDIT_EVENT_INIT;
    char record[KH_AUDIT_RECORD_MAX];
    size_t size;

    event.action = action;
    event.result = result;
    event.who = audit->options.role;
    event.by = "service";
    event.text = text;
    size = kh_audit_event_write(record, &event, kh_clock_wall_ms());
    if (size == 0)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a record");
    return kh_audit_chain_add(audit->chain, record, size, err);
}

static kh_status add_checkpoint(kh_audit *audit, char statement[KH_AUDIT_STATEMENT_SIZE], kh_error *err)
{
    char signature[KH_AUDIT_SIGNATURE_HEX];

    kh_audit_statement(statement, audit->options.role, kh_audit_chain_seq(audit->chain), kh_audit_chain_hash(audit->chain));
    kh_audit_sign(signature, kh_audit_chain_key(audit->chain), statement);
    return add_own(audit, KH_AUDIT_CHECKPOINT, KH_AUDIT_DONE, signature, err);
}

static kh_status add_opening(kh_audit *audit, kh_error *err)
{
    const char *finding = kh_audit_chain_finding(audit->chain);
    char hex[KH_AUDIT_HEX_SIZE];
    kh_status status = KH_OK;

    kh_audit_hex(hex, kh_audit_chain_key(audit->chain)->public_half);
    if (kh_audit_chain_seq(audit->chain) == 0)
        status = add_own(audit, KH_AUDIT_BEGIN, KH_AUDIT_DONE, hex, err);
    if (status == KH_OK && finding[0]) {
        kh_log(KH_LOG_ERROR, "audit", "%s: %s; `kakehashi audit verify` tells more", audit->options.role, finding);
        status = add_own(audit, KH_AUDIT_BROKEN, KH_AUDIT_FAILED, finding, err);
    }
    return status == KH_OK ? add_own(audit, KH_AUDIT_START, KH_AUDIT_DONE, NULL, err) : status;
}

kh_status kh_audit_open_chain(kh_audit *audit, kh_error *err)
{
    const kh_audit_chain_options options = {.dir = audit->options.dir, .role = audit->options.role, .roll_bytes = audit->options.roll_bytes,
                                            .reserve_bytes = audit->options.reserve_bytes};
    kh_status status = kh_audit_chain_open(&audit->chain, &options, err);

    if (status == KH_OK)
        status = add_opening(audit, err);
    if (status == KH_OK)
        status = kh_audit_chain_commit(audit->chain, err);
    if (status != KH_OK) {
        kh_audit_chain_close(audit->chain);
        audit->chain = NULL;
    }
    return status;
}

static kh_status add_items(kh_audit *audit, const kh_audit_item *items, size_t *count, kh_error *err)
{
    kh_status status = KH_OK;
    char text[80];

    *count = 0;
    if (items && audit->refused_since > 0) {
        snprintf(text, sizeof text, "%" PRIu64 " events before this could not be recorded and were refused", audit->refused_since);
        status = add_own(audit, KH_AUDIT_OPERATE, KH_AUDIT_FAILED, text, err);
    }
    for (; status == KH_OK && items; items = items->next, (*count)++)
        status = kh_audit_chain_add(audit->chain, items->record, items->size, err);
    return status;
}

kh_status kh_audit_commit(kh_audit *audit, const kh_audit_item *items, bool sign, kh_error *err)
{
    char statement[KH_AUDIT_STATEMENT_SIZE] = "";
    size_t count = 0;
    kh_status status = audit->chain ? KH_OK : kh_audit_open_chain(audit, err);

    if (status != KH_OK)
        return status;
    status = add_items(audit, items, &count, err);
    sign = sign || audit->unsigned_count + count >= audit->options.checkpoint_records;
    if (status == KH_OK && sign)
        status = add_checkpoint(audit, statement, err);
    if (status == KH_OK)
        status = kh_audit_chain_commit(audit->chain, err);
    else
        kh_audit_chain_drop(audit->chain);
    if (status != KH_OK)
        return status;
    audit->unsigned_count = sign ? 0 : audit->unsigned_count + count;
    if (audit->unsigned_count == count || sign)
        audit->signed_ms = kh_clock_monotonic_ms();
    if (sign)
        kh_log(KH_LOG_INFO, "audit", "checkpoint: %s", statement);
    return KH_OK;
}

kh_status kh_audit_add_stop(kh_audit *audit)
{
    return audit->chain ? add_own(audit, KH_AUDIT_STOP, KH_AUDIT_DONE, NULL, NULL) : KH_E_NOT_FOUND;
}
