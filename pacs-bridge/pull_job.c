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
#include "pacs-bridge/pull_move.h"
#include "pacs-bridge/query.h"
#include "pacs-bridge/service.h"
#include "pacs-bridge/uid_set.h"

#define INSTANCES_MAX 200000 /* of one study */

typedef struct job {
    kh_pull_queue *queue;
    const kh_pull_queue_options *options;
    kh_pull *pull;
    kh_node node;
    const char *facility;
    kh_query query;
    kh_uid_set here;           /* instances of the study that we hold */
    kh_buf there;              /* of kh_pull_instance: what the hospital lists */
    bool asked, found, listed; /* C-FIND answered; it has the study; `there` is whole */
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

static kh_status note_study(void *context, const kh_found_study *study)
{
    job *of = context;

    if (strcmp(study->study_uid, of->pull->study_uid) != 0)
        return KH_OK;
    of->found = true;
    if (study->instances > 0) /* 0 is what some answer that do not count */
        of->pull->expected = study->instances;
    return KH_OK;
}

static kh_status note_there(void *context, const char *series_uid, const char *sop_instance_uid)
{
    job *of = context;
    kh_pull_instance one;

    snprintf(one.series_uid, sizeof(one.series_uid), "%s", series_uid);
    snprintf(one.sop_instance_uid, sizeof(one.sop_instance_uid), "%s", sop_instance_uid);
    return kh_buf_append(&of->there, &one, sizeof(one), NULL);
}

static size_t there_count(const job *of)
{
    return of->there.size / sizeof(kh_pull_instance);
}

static const kh_pull_instance *there_at(const job *of, size_t index)
{
    return (const kh_pull_instance *)(const void *)of->there.data + index; /* malloc'ed: aligned for char arrays */
}

static kh_status list_there(job *of, kh_error *err)
{
    kh_status status;

    if (of->listed)
        return KH_OK;
    kh_buf_clear(&of->there);
    status = kh_query_instances(&of->query, of->pull->study_uid, INSTANCES_MAX, note_there, of, err);
    of->listed = status == KH_OK && there_count(of) > 0;
    if (of->listed)
        of->pull->expected = (int64_t)there_count(of);
    return status;
}

/* How many there are at the hospital: by count, else by counting. A hospital that cannot be asked is no failure: the move will show. */
static kh_status ask_truth(job *of, kh_error *err)
{
    const kh_find_filter filter = {.study_uid = of->pull->study_uid};
    kh_error why = KH_ERROR_INIT;
    kh_status status;

    of->pull->expected = -1;
    status = kh_query_studies(&of->query, &filter, note_study, of, &why);
    of->asked = status == KH_OK;
    if (of->asked && of->found && (of->pull->expected < 0 || of->here.count > 0)) {
        status = list_there(of, &why);
        of->asked = of->listed || of->pull->expected >= 0;
    }
    if (of->query.broken)
        return kh_error_set(err, status, "%s", why.message);
    if (status != KH_OK)
        kh_log(KH_LOG_WARN, "pull", "pull %lld: how many there are at %s is not known: %s", (long long)of->pull->id, of->node.name,
               why.message);
    return KH_OK;
}

static size_t count_missing(const job *of)
{
    size_t missing = 0;

    for (size_t i = 0; i < there_count(of); i++)
        missing += !kh_uid_set_has(&of->here, there_at(of, i)->sop_instance_uid);
    return missing;
}

static bool is_complete(const job *of)
{
    if (of->listed)
        return count_missing(of) == 0;
    return of->pull->expected >= 0 && (int64_t)of->here.count >= of->pull->expected;
}

/* --- how it stands --- */

static kh_status move_what_is_missing(job *of, const kh_scu *scu, kh_error *err)
{
    kh_pull_move move = {.queue = of->queue, .pull = of->pull, .node = &of->node, .facility = of->facility, .scu = scu, .query = &of->query,
                         .here = &of->here, .there = of->listed ? there_at(of, 0) : NULL, .there_count = of->listed ? there_count(of) : 0};
    kh_status status = kh_pull_move_run(&move, err);

    of->move_status = move.final_status;
    of->refused_there = move.refused_there;
    return status;
}

static kh_status attempt(job *of, kh_error *err)
{
    kh_status status = look_here(of, err);
    kh_scu scu;

    of->here_before = (int64_t)of->here.count;
    if (status != KH_OK)
        return status;
    kh_service_scu(of->options->service, &scu);
    status = kh_query_open(&of->query, &scu, &of->node, err);
    if (status == KH_OK)
        status = ask_truth(of, err);
    if (status == KH_OK && of->asked && !of->found)
        status = kh_error_set(err, KH_E_NOT_FOUND, "the hospital has no such study");
    if (status == KH_OK && of->pull->compare && !of->asked)
        status = kh_error_set(err, KH_E_PEER, "the hospital could not be asked whether it has more");
    if (status == KH_OK && !is_complete(of)) {
        (void)!kh_pull_update(of->options->cache, of->pull, NULL); /* the count, for those who look; it comes again */
        status = move_what_is_missing(of, &scu, err);
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

static void say(job *of, kh_status status, const kh_error *err, const kh_arrivals *arrivals)
{
    kh_pull *pull = of->pull;

    pull->reason[0] = '\0';
    if (pull->expected >= 0)
        add_reason(pull, "%lld of %lld", (long long)pull->received, (long long)pull->expected);
    else
        add_reason(pull, "%lld here, how many there are is not known", (long long)pull->received);
    if (of->refused_there > 0)
        add_reason(pull, "; %lld refused by the hospital (%04X)", (long long)of->refused_there, of->move_status);
    if (arrivals->refused > 0)
        add_reason(pull, "; %llu not stored here (%s)", (unsigned long long)arrivals->refused, kh_status_text(arrivals->refused_status));
    if (status != KH_OK)
        add_reason(pull, "; %s", err->message);
    else if (of->move_status && !of->refused_there)
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
    pull->not_before_ms = kh_clock_wall_ms() + kh_pull_backoff_ms(options->retry_first_ms, options->retry_longest_ms,
                                                                  pull->attempts > 0 ? pull->attempts : 1, (unsigned)kh_clock_monotonic_us());
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
    } else if (status == KH_OK && pull->expected < 0 && of->move_status == KH_DIMSE_SUCCESS && of->refused_there == 0 &&
               arrivals.refused == 0) {
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

    if (of->pull->state != KH_PULL_COMPLETE || !of->listed)
        return;
    kh_uid_set_init(&both, INSTANCES_MAX);
    for (size_t i = 0; i < there_count(of) && status == KH_OK; i++)
        if (kh_uid_set_has(&of->here, there_at(of, i)->sop_instance_uid))
            status = kh_uid_set_add(&both, there_at(of, i)->sop_instance_uid, &err);
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

    kh_uid_set_init(&of.here, INSTANCES_MAX);
    kh_buf_init(&of.there, INSTANCES_MAX * sizeof(kh_pull_instance));
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
    kh_buf_release(&of.there);
    kh_uid_set_release(&of.here);
}
