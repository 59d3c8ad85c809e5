/* told.h - commands that change access.db themselves are recorded in the chain "command" before they do it, one command at a time (a
 * bounded wait): what cannot be recorded is not done.
 * Threads: one at a time. */
#ifndef KH_APP_TOLD_H
#define KH_APP_TOLD_H

#include "app/auditing.h"

typedef struct kh_told {
    kh_audit *audit;
    kh_auditing_change change;
} kh_told;

/* Records, durably, that it is about to be done. The texts of change live until kh_told_end(). KH_E_BUSY: another command does not end, or
 * the disk is full. */
KH_MUST_USE kh_status kh_told_begin(kh_told *out, const kh_settings *settings, const kh_auditing_change *change, kh_error *err);
/* status: what came of it; a failure is recorded, too. Nothing to end is welcome. */
void kh_told_end(kh_told *told, kh_status status);

#endif
