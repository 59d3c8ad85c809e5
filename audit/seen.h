/* seen.h - who was recorded lately for what, so that 200 tiles of a series are one record. Asking takes no lock and no memory; a table of
 * fixed size, whose oldest entries make room: what is forgotten is recorded once more. Keys are 64-bit keyed hashes (SipHash), so that
 * nobody outside can make two of them meet. Threads: any. */
#ifndef KH_AUDIT_SEEN_H
#define KH_AUDIT_SEEN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

#define KH_AUDIT_SEEN_SLOTS 65536u /* of 16 bytes */

typedef struct kh_audit_seen kh_audit_seen;

KH_MUST_USE kh_status kh_audit_seen_create(kh_audit_seen **out, kh_error *err);
void kh_audit_seen_free(kh_audit_seen *seen);
/* Of who, what kind of access, and to which thing of ours. Never 0. */
uint64_t kh_audit_seen_key(const kh_audit_seen *seen, const char *who, unsigned kind, int64_t id, const char *text);
bool kh_audit_seen_has(const kh_audit_seen *seen, uint64_t key);
void kh_audit_seen_add(kh_audit_seen *seen, uint64_t key, int64_t for_ms);

#endif
