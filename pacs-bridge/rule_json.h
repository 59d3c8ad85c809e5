/* rule_json.h - rules as JSON: in the requests and answers of the control socket. Threads: pure but for the index. */
#ifndef KH_PACS_BRIDGE_RULE_JSON_H
#define KH_PACS_BRIDGE_RULE_JSON_H

#include "base/json.h"
#include "cache/lookups.h"

/* KH_E_ARG with the member; what is absent is as kh_rule_init() has it. */
KH_MUST_USE kh_status kh_rule_from_json(kh_rule *out, const kh_json *json, kh_error *err);
/* The members of an object; the caller opens and closes it. */
void kh_rule_to_json(kh_json_writer *json, const kh_rule *rule);
/* "backfill": where it stands. */
KH_MUST_USE kh_status kh_backfill_to_json(kh_json_writer *json, kh_cache *cache, const kh_rule *rule, kh_error *err);
/* "lookups": how those of a prefetch rule stand. */
KH_MUST_USE kh_status kh_lookups_to_json(kh_json_writer *json, kh_cache *cache, const kh_rule *rule, kh_error *err);
/* Days of the back-fill that are done, in percent. */
int kh_backfill_percent(const kh_rule *rule, const kh_backfill *backfill);

#endif
