/* verdicts.h - what was decided lately, so that asking again costs one look. A table of fixed size: entries of 64 bytes in sets of four,
 * each guarded by a sequence number that is odd while it is written (a reader who meets that, or a change under his hands, has found
 * nothing; a writer who meets another lets it be). An entry counts for its epoch only, until its own time, and KH_VERDICT_KEPT_MS at most:
 * what the index says of a study (whose it is, its date, its modalities) may be corrected without anybody's rights changing. No lock, no
 * memory. Threads: any. */
#ifndef KH_ACCESS_VERDICTS_H
#define KH_ACCESS_VERDICTS_H

#include "access/decide.h"
#include "base/error.h"

#define KH_VERDICT_SETS 16384u /* of four entries: 4 MiB */
#define KH_VERDICT_KEPT_MS 1000

typedef struct kh_verdicts kh_verdicts;

typedef struct kh_verdict_key {
    int64_t who;  /* person; below 0: the nodes of a facility; 0: not to be kept */
    int64_t what; /* as kh_matter.key; 0: not to be kept */
    kh_person_role role;
    unsigned scopes;
    kh_verb verb;
    kh_kind kind;
} kh_verdict_key;

KH_MUST_USE kh_status kh_verdicts_create(kh_verdicts **out, kh_error *err);
void kh_verdicts_free(kh_verdicts *verdicts);
bool kh_verdicts_get(kh_verdicts *verdicts, const kh_verdict_key *key, uint64_t epoch, kh_verdict *out);
/* epoch: as it was before the first fact was read. */
void kh_verdicts_put(kh_verdicts *verdicts, const kh_verdict_key *key, uint64_t epoch, const kh_verdict *verdict);

#endif
