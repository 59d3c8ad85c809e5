/* pull_truth.h - what a hospital says of a study that is pulled: how many series and instances it counts (0020,1206, 1208 and 1209), and
 * which instances it lists. Counts are believed as long as they agree with each other and with what has come; a difference is settled at
 * instance level. Threads: one at a time. Limits: 10,000 series, 200,000 instances. */
#ifndef KH_PACS_BRIDGE_PULL_TRUTH_H
#define KH_PACS_BRIDGE_PULL_TRUTH_H

#include "pacs-bridge/pull_move.h"

#define KH_PULL_INSTANCES_MAX 200000

typedef struct kh_pull_truth {
    const char *study_uid;     /* borrowed */
    bool asked, found, listed; /* the hospital answered; it has the study; `there` is whole */
    int64_t series_told, instances_told; /* of the study, -1: it does not tell */
    int64_t series_sum;        /* of the counts of all series; -1 when one is not told */
    kh_buf series;             /* of kh_found_series */
    kh_buf there;              /* of kh_pull_instance */
    int64_t count;             /* of instances, while they are listed */
    bool cut;                  /* its list of instances is shorter than both its counts say */
} kh_pull_truth;

void kh_pull_truth_init(kh_pull_truth *truth, const char *study_uid);
void kh_pull_truth_release(kh_pull_truth *truth);
/* At study level, then at series level. What it does not answer is not known; errors are those that broke the query. */
KH_MUST_USE kh_status kh_pull_truth_ask(kh_pull_truth *truth, kh_query *query, kh_error *err);
/* At instance level, once. KH_OK without `listed`: it lists none, or visibly not all. */
KH_MUST_USE kh_status kh_pull_truth_list(kh_pull_truth *truth, kh_query *query, kh_error *err);
/* Do its own counts contradict each other, or are there none? */
bool kh_pull_truth_is_doubtful(const kh_pull_truth *truth);
/* How many instances there are; -1: not known. */
int64_t kh_pull_truth_expected(const kh_pull_truth *truth);
/* Has the study of this facility other series here, or other numbers of instances in them, than the hospital counts? */
KH_MUST_USE kh_status kh_pull_truth_differs(const kh_pull_truth *truth, kh_cache *cache, const char *facility, bool *out, kh_error *err);

size_t kh_pull_truth_there_count(const kh_pull_truth *truth);
kh_pull_instance *kh_pull_truth_there(const kh_pull_truth *truth); /* the first */
size_t kh_pull_truth_series_count(const kh_pull_truth *truth);
const kh_found_series *kh_pull_truth_series(const kh_pull_truth *truth);

#endif
