/* pull_job.h - one attempt at a pull job: ask the hospital how many there are, move what is missing, compare, say truthfully how it stands.
 * Threads: the worker's. */
#ifndef KH_PACS_BRIDGE_PULL_JOB_H
#define KH_PACS_BRIDGE_PULL_JOB_H

#include "pacs-bridge/pull_queue.h"

/* pull is running; afterwards its state, counts, attempts, not_before_ms and reason say how it goes on, and stand in the index. */
void kh_pull_job_run(kh_pull_queue *queue, kh_pull *pull);

/* Milliseconds before try number `attempt` (1, 2, ...) is repeated: first, doubled each time, at most longest, less up to a quarter by
 * jitter (0 to 1,023). */
int64_t kh_pull_backoff_ms(int64_t first_ms, int64_t longest_ms, int32_t attempt, unsigned jitter);

#endif
