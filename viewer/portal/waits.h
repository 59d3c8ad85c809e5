/* waits.h - how long readers waited for pictures, by the site they sit at: what their pages tell, for /metrics. Counts only; nothing of a
 * patient, a study or a person is kept. In memory, from 0 with each start.
 * Threads: all functions from any. */
#ifndef KH_VIEWER_PORTAL_WAITS_H
#define KH_VIEWER_PORTAL_WAITS_H

#include "base/buf.h"

#define KH_WAIT_SITES_MAX 32       /* told apart; those that come later are counted together as "other" */
#define KH_WAIT_MS_MAX 3600000     /* an hour; a page that says more says nothing */
#define KH_WAIT_SLICES_MAX 100000
#define KH_WAIT_KBIT_MAX 100000000 /* 100 Gbit/s */

typedef struct kh_waits kh_waits;

typedef struct kh_wait {
    int64_t first_ms; /* from the click to the first full picture */
    int64_t last_ms;  /* to that of the last slice; -1: the reader left before */
    int64_t slices;   /* of the stack */
    int64_t kbit_s;   /* of the line, as the page measured it; 0: not known */
} kh_wait;

/* NULL when there is no memory. */
kh_waits *kh_waits_create(void);
void kh_waits_free(kh_waits *waits);
/* site: code of the reader's facility, "" when there are no accounts. KH_E_ARG names the member that is out of its range. */
KH_MUST_USE kh_status kh_waits_add(kh_waits *waits, const char *site, const kh_wait *wait, kh_error *err);
/* As Prometheus text: a histogram of each of the first two, the mean line of the last stack. */
KH_MUST_USE kh_status kh_waits_put(kh_waits *waits, kh_buf *out);

#endif
