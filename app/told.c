#include "app/told.h"

#include "base/log.h"

kh_status kh_told_begin(kh_told *out, const kh_settings *settings, const kh_auditing_change *change, kh_error *err)
{
    kh_status status;

    *out = (kh_told){.change = *change};
    status = kh_auditing_open(&out->audit, settings, "command", err);
    if (status == KH_OK)
        status = kh_auditing_command(out->audit, &out->change, KH_AUDIT_ALLOWED, err);
    if (status == KH_OK)
        return KH_OK;
    kh_audit_close(out->audit);
    out->audit = NULL;
    return kh_error_prefix(err, "it cannot be recorded, so it is not done");
}

void kh_told_end(kh_told *told, kh_status status)
{
    kh_error err = KH_ERROR_INIT;

    if (!told->audit)
        return;
    if (status != KH_OK && kh_auditing_command(told->audit, &told->change, KH_AUDIT_FAILED, &err) != KH_OK)
        kh_log(KH_LOG_ERROR, "audit", "%s", err.message);
    kh_audit_close(told->audit);
    told->audit = NULL;
}
