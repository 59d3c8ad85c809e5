#include "pacs-bridge/pull_job.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "cache/browse.h"
#include "cache/evict.h"
#include "pacs-bridge/dimse_status.h"
#include "pacs-bridge/pull_truth.h"
#include "pacs-bridge/service.h"
#include "pacs-bridge/told_work.h"
#include "pacs-bridge/uid_set.h"

#define FATES_MAX 3       /* different ones told in the reason */
#define MISSING_LOGGED 20 /* instances */

typedef struct job {
    kh_pull_queue *queue;
    const kh_pull_queue_options *options;
    kh_pull *pull;
    kh_node node;
    const char *facility;
    kh_query query;
    kh_uid_set here;           /* instances of the study that we hold */
    kh_pull_truth truth;       /* what the hospital has */
    bool differs;              /* in counts, from what is here */
    bool told;                 /* recorded that it is asked for */
    bool moved;                /* the moves went to their end */
    bool in_vain;              /* an earlier attempt reached the hospital, and nothing has come since */
    int64_t here_before;
    uint16_t move_status;      /* the worst final status of the moves */
    int64_t refused_there;     /* failed sub-operations, less those that we refused ourselves */
} job;

int64_t kh_pull_backoff_ms(int64_t first_ms, int64_t longest_ms, int32_t attempt, unsigned jitter)
{
    int64_t delay_ms = first_ms;

    for (int32_t i = 1; i < attempt && delay_ms < longest_ms; i++)
        delay_ms *= 2;
    if (delay_ms > longest_ms)
        delay_ms = longest_ms;
    return delay_ms - delay_ms / 4 * (jitter % 1024) / 1024;
}

/* --- what is where --- */

static kh_status note_here(void *context, const char *uid)
{
    return kh_uid_set_add(context, uid, NULL);
}

static kh_status look_here(job *of, kh_error *err)
{
    kh_status status;

    kh_uid_set_release(&of->here);
    status = kh_browse_object_uids(of->options->cache, of->facility, of->pull->study_uid, note_here, &of->here, err);
    of->pull->received = (int64_t)of->here.count;
    return status;
}

static bool is_missing(const job *of, size_t at)
{
    return !kh_uid_set_has(&of->here, kh_pull_truth_there(&of->truth)[at].sop_instance_uid);
}

static size_t count_missing(const job *of)
{
    size_t missing = 0;

    for (size_t i = 0; i < kh_pull_truth_there_count(&of->truth); i++)
        missing += is_missing(of, i);
    return missing;
}

static bool has_as_many(const job *of)
{
    return of->pull->expected >= 0 && (int64_t)of->here.count >= of->pull->expected;
}

static bool is_complete(const job *of)
{
    return of->truth.listed ? count_missing(of) == 0 : has_as_many(of) && !of->differs;
}

/* Instance by instance. A hospital that does not answer this is no failure. */
static kh_status list_there(job *of, kh_error *err)
{
    kh_error why = KH_ERROR_INIT;
    kh_status status = kh_pull_truth_list(&of->truth, &of->query, &why);

    of->pull->expected = kh_pull_truth_expected(&of->truth);
    if (of->query.broken)
        return kh_error_set(err, status, "%s", why.message);
    if (status != KH_OK)
        kh_log(KH_LOG_WARN, "pull", "pull %lld: which instances %s has is not known: %s", (long long)of->pull->id, of->node.name,
               why.message);
    return KH_OK;
}

/* How many there are at the hospital: by its counts, as long as they agree, else by counting. One that cannot be asked is no failure: the
 * move will show. */
static kh_status ask_truth(job *of, kh_error *err)
{
    kh_status status = kh_pull_truth_ask(&of->truth, &of->query, err);

    of->pull->expected = kh_pull_truth_expected(&of->truth);
    if (status != KH_OK || !of->truth.found)
        return status;
    if (of->here.count > 0 || of->in_vain || kh_pull_truth_is_doubtful(&of->truth))
        status = list_there(of, err);
    if (status == KH_OK && of->here.count > 0 && !of->truth.listed)
        status = kh_pull_truth_differs(&of->truth, of->options->cache, of->facility, &of->differs, err);
    return status;
}

/* --- how it stands --- */

static kh_status move_what_is_missing(job *of, const kh_scu *scu, bool again, kh_error *err)
{
    kh_pull_truth *truth = &of->truth;
    kh_pull_move move = {.queue = of->queue, .pull = of->pull, .node = &of->node, .facility = of->facility, .scu = scu, .query = &of->query,
                         .here = &of->here, .there = kh_pull_truth_there(truth), .there_count = kh_pull_truth_there_count(truth),
                         .series = kh_pull_truth_series(truth), .series_count = kh_pull_truth_series_count(truth), .again = again,
                         .in_vain = of->in_vain};
    kh_status status = kh_pull_move_run(&move, err);

    of->moved = status == KH_OK;
    of->move_status = move.final_status;
    of->refused_there = move.refused_there;
    return status;
}

/* What came is compared. What did not come with the rest of its series is asked for at once; where nothing came, or we refused some,
 * there is time until the next attempt. */
static kh_status settle(job *of, const kh_scu *scu, kh_error *err)
{
    kh_arrivals arrivals;
    kh_status status = look_here(of, err);

    if (status == KH_OK && of->truth.found && !of->truth.listed)
        status = kh_pull_truth_differs(&of->truth, of->options->cache, of->facility, &of->differs, err);
    if (status == KH_OK && of->truth.found && !is_complete(of))
        status = list_there(of, err);
    kh_pull_queue_arrivals(of->queue, of->pull->id, &arrivals);
    if (status != KH_OK || !of->truth.listed || is_complete(of) || (int64_t)of->here.count == of->here_before || arrivals.refused > 0)
        return status;
    return move_what_is_missing(of, scu, true, err);
}

static kh_status attempt(job *of, kh_error *err)
{
    kh_status status = look_here(of, err);
    kh_scu scu;

    of->here_before = (int64_t)of->here.count;
    of->in_vain = of->pull->attempts > 1 && of->pull->expected >= 0;
    if (status != KH_OK)
        return status;
    kh_service_scu(of->options->service, &scu);
    scu.urgent = of->pull->priority == KH_PULL_URGENT;
    if (!scu.urgent) /* its worker has other nodes to ask */
        scu.wait_ms = 0;
    status = kh_query_open(&of->query, &scu, &of->node, err);
    if (status == KH_OK)
        status = ask_truth(of, err);
    if (status == KH_OK && of->truth.asked && !of->truth.found)
        status = kh_error_set(err, KH_E_NOT_FOUND, "the hospital has no such study");
    if (status == KH_OK && of->pull->compare && of->pull->expected < 0)
        status = kh_error_set(err, KH_E_PEER, "the hospital could not be asked whether it has more");
    if (status == KH_OK && !is_complete(of)) {
        (void)!kh_pull_update(of->options->cache, of->pull, NULL); /* the count, for those who look; it comes again */
        status = kh_told_pulling(of->options->service, of->pull, &of->node, err);
        of->told = status == KH_OK;
    }
    if (status == KH_OK && of->told) {
        status = move_what_is_missing(of, &scu, false, err);
        if (status == KH_OK)
            status = settle(of, &scu, err);
    }
    kh_query_close(&of->query, status);
    return status;
}

/* One more piece of the reason; what does not fit is cut. */
static void add_reason(kh_pull *pull, const char *format, ...) KH_PRINTF(2, 3);
static void add_reason(kh_pull *pull, const char *format, ...)
{
    size_t used = strlen(pull->reason);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(pull->reason + used, sizeof(pull->reason) - used, format, arguments);
    va_end(arguments);
}

/* --- why something is missing --- */

typedef struct fate_count {
    kh_pull_fate fate;
    uint16_t answer;
    int64_t count;
} fate_count;

/* What was in none of the requests by UID went as the series or study did. */
static fate_count fate_of(const job *of, size_t at)
{
    const kh_pull_instance *one = &kh_pull_truth_there(&of->truth)[at];

    if (one->fate == KH_PULL_NOT_ASKED && of->moved)
        return (fate_count){KH_PULL_ANSWERED, of->move_status, 1};
    return (fate_count){one->fate, one->answer, 1};
}

/* How many of each, FATES_MAX kinds and the last for all others; how many kinds. */
static size_t count_fates(const job *of, fate_count out[FATES_MAX + 1])
{
    size_t kinds = 0;

    for (size_t i = 0; i < kh_pull_truth_there_count(&of->truth); i++) {
        fate_count one = fate_of(of, i);
        size_t k = 0;
        if (!is_missing(of, i))
            continue;
        while (k < kinds && k < FATES_MAX && (out[k].fate != one.fate || out[k].answer != one.answer))
            k++;
        if (k == kinds)
            out[kinds++] = one;
        else
            out[k].count++;
    }
    return kinds;
}

static void describe_fate(const fate_count *of, char *out, size_t out_size)
{
    switch (of->fate) {
    case KH_PULL_ABORTED:
        snprintf(out, out_size, "the association ended with it");
        break;
    case KH_PULL_SILENT:
        snprintf(out, out_size, "the hospital said nothing more");
        break;
    case KH_PULL_ANSWERED:
        if (of->answer == KH_DIMSE_SUCCESS)
            snprintf(out, out_size, "not sent, though the hospital answers with success");
        else
            snprintf(out, out_size, "refused by the hospital (%04X, %s)", of->answer, kh_dimse_status_text(of->answer));
        break;
    default:
        snprintf(out, out_size, "not asked for yet");
    }
}

/* The missing ones by their reasons; those that we refused ourselves are told apart from what the hospital calls failed. */
static void say_missing(job *of, const kh_arrivals *arrivals)
{
    fate_count fates[FATES_MAX + 1];
    size_t kinds = count_fates(of, fates);
    int64_t ours = (int64_t)arrivals->refused, failed = 0;

    for (size_t k = 0; k < kinds; k++) {
        char words[100];
        if (fates[k].fate == KH_PULL_ANSWERED && fates[k].answer != KH_DIMSE_SUCCESS) {
            int64_t less = ours < fates[k].count ? ours : fates[k].count;
            fates[k].count -= less;
            ours -= less;
            failed += fates[k].count;
        }
        describe_fate(&fates[k], words, sizeof(words));
        if (fates[k].count > 0)
            add_reason(of->pull, "; %lld %s", (long long)fates[k].count, k < FATES_MAX ? words : "for other reasons");
    }
    of->pull->failed = failed;
}

static void log_missing(const job *of)
{
    size_t logged = 0;

    for (size_t i = 0; i < kh_pull_truth_there_count(&of->truth) && logged < MISSING_LOGGED; i++) {
        fate_count one = fate_of(of, i);
        char words[100];
        if (!is_missing(of, i))
            continue;
        describe_fate(&one, words, sizeof(words));
        kh_log(KH_LOG_WARN, "pull", "pull %lld: instance %s is missing: %s", (long long)of->pull->id,
               kh_pull_truth_there(&of->truth)[i].sop_instance_uid, words);
        logged++;
    }
}

/* It counts more than it lists, and a move of the whole study has brought nothing new. */
static bool counts_too_many(const job *of)
{
    return of->truth.cut && of->moved && (int64_t)of->here.count == of->here_before;
}

static void say(job *of, kh_status status, const kh_error *err, const kh_arrivals *arrivals)
{
    kh_pull *pull = of->pull;

    pull->reason[0] = '\0';
    if (pull->expected >= 0)
        add_reason(pull, "%lld of %lld", (long long)pull->received, (long long)pull->expected);
    else
        add_reason(pull, "%lld here, how many there are is not known", (long long)pull->received);
    if (of->truth.listed)
        say_missing(of, arrivals);
    else if (of->refused_there > 0)
        add_reason(pull, "; %lld refused by the hospital (%04X)", (long long)of->refused_there, of->move_status);
    if (arrivals->refused > 0)
        add_reason(pull, "; %llu not stored here (%s)", (unsigned long long)arrivals->refused, kh_status_text(arrivals->refused_status));
    if (counts_too_many(of))
        add_reason(pull, "; it counts more than it lists and sends");
    if (has_as_many(of) && of->differs)
        add_reason(pull, "; it counts other series than are here, and lists no instances");
    if (status != KH_OK)
        add_reason(pull, "; %s", err->message);
    else if (of->move_status && !of->refused_there && !of->truth.listed)
        add_reason(pull, "; the hospital answers %04X, %s", of->move_status, kh_dimse_status_text(of->move_status));
}

/* Trying again cannot help until somebody changes something. */
static bool is_final(const job *of, kh_status status)
{
    return status == KH_E_NOT_FOUND || status == KH_E_ARG || status == KH_E_UNSUPPORTED ||
           of->move_status == KH_DIMSE_DESTINATION_UNKNOWN;
}

static void retry_or_end(job *of, kh_status status)
{
    const kh_pull_queue_options *options = of->options;
    kh_pull *pull = of->pull;

    if (pull->received > of->here_before)
        pull->attempts = 0; /* only those without a new arrival count */
    if (is_final(of, status) || pull->attempts >= (int32_t)options->attempts_max) {
        pull->state = pull->received > 0 ? KH_PULL_PARTIAL : KH_PULL_FAILED;
        return;
    }
    pull->state = KH_PULL_WAITING;
    pull->not_before_ms =
        kh_clock_wall_ms() + kh_pull_backoff_ms(options->retry_first_ms, options->retry_longest_ms, pull->attempts > 0 ? pull->attempts : 1,
                                                (unsigned)kh_clock_monotonic_us());
}

static void conclude(job *of, kh_status status, const kh_error *err)
{
    kh_pull *pull = of->pull;
    kh_arrivals arrivals;

    kh_pull_queue_arrivals(of->queue, pull->id, &arrivals);
    pull->failed = of->refused_there;
    pull->bytes += (int64_t)arrivals.bytes;
    say(of, status, err, &arrivals);
    if (is_complete(of) && status != KH_E_NOT_FOUND) {
        pull->state = KH_PULL_COMPLETE;
        pull->failed = 0;
        pull->reason[0] = '\0';
    } else if (arrivals.cancelled) {
        pull->state = KH_PULL_CANCELLED;
    } else if (status == KH_E_CANCELLED) { /* we stop, or made way: it goes on later */
        pull->state = KH_PULL_WAITING;
        pull->not_before_ms = kh_clock_wall_ms();
        pull->attempts--;
    } else if (status == KH_E_BUSY) {
        kh_pull_queue_note_busy(of->queue, of->node.id);
        pull->state = KH_PULL_WAITING;
        pull->not_before_ms = kh_clock_wall_ms() + of->options->retry_first_ms;
        pull->attempts--;
    } else if (status == KH_OK && (pull->expected < 0 || (has_as_many(of) && !of->truth.listed) || counts_too_many(of)) &&
               of->move_status == KH_DIMSE_SUCCESS && of->refused_there == 0 && arrivals.refused == 0) {
        pull->state = KH_PULL_UNVERIFIED;
    } else {
        retry_or_end(of, status);
        /* What was here before the comparison is still here; nothing says that it is not all. */
        if (pull->compare && pull->expected < 0 && (pull->state == KH_PULL_PARTIAL || pull->state == KH_PULL_FAILED))
            pull->state = KH_PULL_UNVERIFIED;
    }
}

/* Does the hospital list every object that we hold, those that others sent included? Then all of it can come again. */
static void note_known(job *of)
{
    kh_error err = KH_ERROR_INIT;
    kh_status status = KH_OK;
    kh_uid_set both;

    if (of->pull->state != KH_PULL_COMPLETE || !of->truth.listed)
        return;
    kh_uid_set_init(&both, KH_PULL_INSTANCES_MAX);
    for (size_t i = 0; i < kh_pull_truth_there_count(&of->truth) && status == KH_OK; i++)
        if (!is_missing(of, i))
            status = kh_uid_set_add(&both, kh_pull_truth_there(&of->truth)[i].sop_instance_uid, &err);
    if (status == KH_OK && both.count == of->here.count)
        status = kh_evict_note_known(of->options->cache, of->facility, of->pull->study_uid, of->node.id, &err);
    if (status != KH_OK)
        kh_log(KH_LOG_WARN, "pull", "pull %lld: that the hospital has all is not noted: %s", (long long)of->pull->id, err.message);
    kh_uid_set_release(&both);
}

static void log_attempt(const job *of, int32_t number, int64_t took_ms, const kh_arrivals *arrivals)
{
    const kh_pull *pull = of->pull;

    kh_log(pull->state == KH_PULL_COMPLETE ? KH_LOG_INFO : KH_LOG_WARN, "pull",
           "pull %lld, study %s from %s: %lld of %lld here, %llu new, %llu bytes, %lld ms, attempt %d: %s%s%s", (long long)pull->id,
           pull->study_uid, of->node.name, (long long)pull->received, (long long)pull->expected, (unsigned long long)arrivals->kept,
           (unsigned long long)arrivals->bytes, (long long)took_ms, (int)number, kh_pull_state_text(pull->state),
           pull->reason[0] ? ", " : "", pull->reason);
}

void kh_pull_job_run(kh_pull_queue *queue, kh_pull *pull)
{
    job of = {.queue = queue, .options = kh_pull_queue_get_options(queue), .pull = pull};
    int64_t begin_ms = kh_clock_monotonic_ms();
    kh_error err = KH_ERROR_INIT, update_err = KH_ERROR_INIT;
    int32_t number = ++pull->attempts;
    kh_arrivals arrivals;
    kh_status status;

    kh_uid_set_init(&of.here, KH_PULL_INSTANCES_MAX);
    kh_pull_truth_init(&of.truth, pull->study_uid);
    status = kh_node_by_id(of.options->cache, pull->node_id, &of.node, &err);
    of.facility = of.node.facility[0] ? of.node.facility : of.options->facility_default;
    if (status == KH_OK) {
        status = attempt(&of, &err);
        (void)!look_here(&of, NULL); /* what the last good look said stands otherwise */
    }
    conclude(&of, status, &err);
    note_known(&of);
    kh_pull_queue_arrivals(queue, pull->id, &arrivals);
    log_attempt(&of, number, kh_clock_monotonic_ms() - begin_ms, &arrivals);
    if (kh_pull_update(of.options->cache, pull, &update_err) != KH_OK)
        kh_log(KH_LOG_ERROR, "pull", "pull %lld: its state is not stored: %s", (long long)pull->id, update_err.message);
    if (of.told)
        kh_told_pulled(of.options->service, pull, &of.node);
    if (pull->state == KH_PULL_PARTIAL)
        log_missing(&of);
    kh_pull_truth_release(&of.truth);
    kh_uid_set_release(&of.here);
}
