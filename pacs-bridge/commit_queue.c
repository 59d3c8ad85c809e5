#include "pacs-bridge/commit_queue.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "base/clock.h"
#include "base/log.h"
#include "pacs-bridge/commit_data.h"
#include "pacs-bridge/commit_work.h"
#include "pacs-bridge/pull_job.h"

#define TICK_MS 100
#define LOOK_LONGEST_MS 60000
#define EXPIRE_MS 3600000
#define BATCH 32

const kh_commit_limits kh_commit_limits_default = {.references_max = 10000,
                                                   .open_max = 1000,
                                                   .attempts_max = 20,
                                                   .retry_first_ms = 5000,
                                                   .retry_longest_ms = 1800000,
                                                   .stay_ms = 1000,
                                                   .patience_ms = 86400000,
                                                   .keep_ms = INT64_C(720) * 3600000};

const kh_commit_limits *kh_commit_queue_limits(const kh_commit_queue *queue)
{
    return &queue->options.limits;
}

/* --- held transactions --- */

static bool hold(kh_commit_queue *queue, int64_t id)
{
    bool room;

    pthread_mutex_lock(&queue->lock);
    room = queue->held_count < KH_COMMIT_HELD_MAX;
    if (room)
        queue->held[queue->held_count++] = id;
    pthread_mutex_unlock(&queue->lock);
    return room;
}

static bool is_held(kh_commit_queue *queue, int64_t id)
{
    bool found = false;

    pthread_mutex_lock(&queue->lock);
    for (size_t i = 0; i < queue->held_count; i++)
        found = found || queue->held[i] == id;
    pthread_mutex_unlock(&queue->lock);
    return found;
}

void kh_commit_queue_kick(kh_commit_queue *queue)
{
    if (queue)
        atomic_store(&queue->kicked, true);
}

void kh_commit_queue_release(kh_commit_queue *queue, int64_t id)
{
    pthread_mutex_lock(&queue->lock);
    for (size_t i = 0; i < queue->held_count; i++)
        if (queue->held[i] == id)
            queue->held[i--] = queue->held[--queue->held_count];
    pthread_mutex_unlock(&queue->lock);
    kh_commit_queue_kick(queue);
}

/* --- nodes that come back --- */

static void note_late(kh_commit_queue *queue, int64_t node_id, int64_t from_ms)
{
    size_t at = 0;

    pthread_mutex_lock(&queue->lock);
    while (at < queue->late_count && queue->late[at].node_id != node_id)
        at++;
    if (at < KH_COMMIT_LATE_MAX) {
        queue->late[at].node_id = node_id;
        queue->late[at].from_ms = from_ms;
        queue->late_count += at == queue->late_count;
    }
    pthread_mutex_unlock(&queue->lock);
}

/* True once; it is noted again when it takes nothing this time either. */
static bool take_late(kh_commit_queue *queue, int64_t node_id)
{
    bool taken = false;

    pthread_mutex_lock(&queue->lock);
    for (size_t i = 0; i < queue->late_count && !taken; i++)
        if (queue->late[i].node_id == node_id && kh_clock_monotonic_ms() >= queue->late[i].from_ms) {
            queue->late[i] = queue->late[--queue->late_count];
            taken = true;
        }
    pthread_mutex_unlock(&queue->lock);
    return taken;
}

size_t kh_commit_queue_is_there(kh_commit_queue *queue, const kh_node *node, int64_t *ids, size_t ids_max)
{
    const kh_commit_limits *limits = &queue->options.limits;
    const kh_commitment_hurry hurry = {node->id, limits->attempts_max, kh_clock_wall_ms() - limits->keep_ms, ids, ids_max};
    kh_error err = KH_ERROR_INIT;
    size_t count = 0, held = 0;

    if ((!ids && !node->host[0]) || !take_late(queue, node->id))
        return 0;
    pthread_mutex_lock(&queue->filing);
    if (kh_commitment_make_due(queue->options.cache, &hurry, &count, &err) != KH_OK) {
        kh_log(KH_LOG_WARN, "commit", "what %s has not taken is not tried yet: %s", node->name, err.message);
        note_late(queue, node->id, kh_clock_monotonic_ms() + limits->retry_first_ms);
    }
    for (size_t i = 0; i < count; i++)
        if (!is_held(queue, ids[i]) && hold(queue, ids[i]))
            ids[held++] = ids[i];
    pthread_mutex_unlock(&queue->filing);
    if (held > 0) /* of those reported here some may fail: then the next time */
        note_late(queue, node->id, kh_clock_monotonic_ms() + limits->retry_first_ms);
    kh_commit_queue_kick(queue);
    return held;
}

kh_status kh_commit_queue_retry(kh_commit_queue *queue, int64_t id, kh_error *err)
{
    kh_status status = kh_commitment_retry(queue->options.cache, id, err);

    kh_commit_queue_kick(queue);
    return status;
}

static void find_late(kh_commit_queue *queue)
{
    int64_t node_ids[KH_COMMIT_LATE_MAX];
    size_t count = KH_COMMIT_LATE_MAX;
    kh_error err = KH_ERROR_INIT;

    if (kh_commitment_late_nodes(queue->options.cache, node_ids, &count, &err) != KH_OK)
        kh_log(KH_LOG_WARN, "commit", "%s", err.message);
    for (size_t i = 0; i < count; i++)
        note_late(queue, node_ids[i], 0);
}

/* --- new ones --- */

kh_status kh_commit_queue_promise(kh_commit_queue *queue, const kh_node *node, const char *transaction_uid,
                                  const kh_commitment_ref *refs, size_t count, bool *held, int64_t *id, kh_error *err)
{
    kh_commitment commitment = {.side = KH_COMMITMENT_OURS, .node_id = node->id, .not_before_ms = kh_clock_wall_ms()};
    kh_status status;

    /* Nothing of it may begin before the association that asks can hold it. */
    pthread_mutex_lock(&queue->filing);
    snprintf(commitment.transaction_uid, sizeof(commitment.transaction_uid), "%s", transaction_uid);
    status = kh_commitment_file(queue->options.cache, &commitment, refs, count, queue->options.limits.open_max, err);
    *id = commitment.id;
    *held = status == KH_OK && hold(queue, commitment.id);
    pthread_mutex_unlock(&queue->filing);
    if (status == KH_OK)
        kh_log(KH_LOG_INFO, "commit", "transaction %" PRId64 ": %s asks us to keep %zu objects", commitment.id, node->name, count);
    kh_commit_queue_kick(queue);
    return status;
}

/* PS3.5 B.2: "2.25." and a number of 128 bits. */
static kh_status make_uid(char out[KH_UID_SIZE], kh_error *err)
{
    unsigned __int128 number;
    char digits[40];
    size_t at = sizeof(digits) - 1;

    if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
        return kh_error_set(err, KH_E_IO, "no random number for a UID");
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + (int)(number % 10));
        number /= 10;
    } while (number > 0 && at > 0);
    snprintf(out, KH_UID_SIZE, "2.25.%s", digits + at);
    return KH_OK;
}

kh_status kh_commit_queue_ask(kh_commit_queue *queue, const kh_node *node, const kh_commitment_ref *refs, size_t count, int64_t *id,
                              kh_error *err)
{
    kh_commitment commitment = {.side = KH_COMMITMENT_THEIRS, .node_id = node->id, .not_before_ms = kh_clock_wall_ms()};
    kh_status status = make_uid(commitment.transaction_uid, err);

    *id = 0;
    if (!node->host[0])
        return kh_error_set(err, KH_E_ARG, "node %s has no host: it only sends", node->name);
    if ((int64_t)count > queue->options.limits.references_max)
        return kh_error_set(err, KH_E_LIMIT, "%zu objects, expected at most %" PRId64, count, queue->options.limits.references_max);
    if (status == KH_OK)
        status = kh_commitment_file(queue->options.cache, &commitment, refs, count, queue->options.limits.open_max, err);
    *id = commitment.id;
    kh_commit_queue_kick(queue);
    return status;
}

/* --- the thread --- */

/* One that did not go: again later, or given up. */
static void put_back(kh_commit_queue *queue, kh_commitment *commitment, kh_status status, const char *why)
{
    const kh_commit_limits *limits = &queue->options.limits;
    kh_error err = KH_ERROR_INIT;
    int64_t delay_ms = kh_pull_backoff_ms(limits->retry_first_ms, limits->retry_longest_ms, (int32_t)commitment->attempts + 1,
                                          (unsigned)commitment->id * 2654435761u);

    commitment->attempts += status != KH_E_BUSY; /* it has as many associations as it may: that is no attempt */
    commitment->not_before_ms = kh_clock_wall_ms() + delay_ms;
    snprintf(commitment->reason, sizeof(commitment->reason), "%s", why);
    if (commitment->attempts >= limits->attempts_max)
        commitment->state = KH_COMMITMENT_FAILED;
    note_late(queue, commitment->node_id, kh_clock_monotonic_ms() + limits->retry_first_ms);
    kh_log(KH_LOG_WARN, "commit", "transaction %" PRId64 ": %s; %s", commitment->id, why,
           commitment->state == KH_COMMITMENT_FAILED ? "given up" : "tried again later");
    if (kh_commitment_update(queue->options.cache, commitment, NULL, 0, &err) == KH_OK && commitment->state != KH_COMMITMENT_FAILED)
        (void)!kh_commitment_postpone(queue->options.cache, commitment->node_id, commitment->not_before_ms, NULL);
    else if (err.message[0])
        kh_log(KH_LOG_WARN, "commit", "transaction %" PRId64 ": %s", commitment->id, err.message);
}

/* A time later than any delay allows: the clock was set back. */
static bool is_set_back(const kh_commit_queue *queue, const kh_commitment *commitment)
{
    const kh_commit_limits *limits = &queue->options.limits;
    int64_t longest_ms = commitment->state == KH_COMMITMENT_ASKED ? limits->patience_ms : limits->retry_longest_ms;

    return commitment->not_before_ms > kh_clock_wall_ms() + longest_ms;
}

/* That is no reason to give up on a node that still has time to report. */
static void wait_anew(kh_commit_queue *queue, kh_commitment *commitment)
{
    kh_error err = KH_ERROR_INIT;

    commitment->not_before_ms = kh_clock_wall_ms() + queue->options.limits.patience_ms;
    if (kh_commitment_update(queue->options.cache, commitment, NULL, 0, &err) != KH_OK)
        kh_log(KH_LOG_WARN, "commit", "transaction %" PRId64 ": %s", commitment->id, err.message);
}

static void work_on(kh_commit_queue *queue, kh_commitment *commitment)
{
    kh_error err = KH_ERROR_INIT;
    kh_status status;
    kh_node node;

    /* One that is being held was filed a moment ago. */
    pthread_mutex_lock(&queue->filing);
    pthread_mutex_unlock(&queue->filing);
    if (is_held(queue, commitment->id) || kh_commitment_find(queue->options.cache, commitment->id, commitment, &err) != KH_OK ||
        commitment->state >= KH_COMMITMENT_DONE)
        return;
    if (is_set_back(queue, commitment) && commitment->state == KH_COMMITMENT_ASKED) {
        wait_anew(queue, commitment);
        return;
    }
    if (commitment->not_before_ms > kh_clock_wall_ms() && !is_set_back(queue, commitment))
        return;
    status = kh_node_by_id(queue->options.cache, commitment->node_id, &node, &err);
    if (status == KH_E_NOT_FOUND)
        commitment->attempts = queue->options.limits.attempts_max;
    if (status == KH_OK && commitment->state == KH_COMMITMENT_ASKED)
        status = kh_error_set(&err, KH_E_TIMEOUT, "node %s has not reported in time", node.name);
    else if (status == KH_OK && commitment->side == KH_COMMITMENT_OURS)
        status = kh_commit_work_report(queue, commitment, &node, &err);
    else if (status == KH_OK)
        status = kh_commit_work_ask(queue, commitment, &node, &err);
    if (commitment->state == KH_COMMITMENT_ASKED && status == KH_E_TIMEOUT)
        commitment->attempts = queue->options.limits.attempts_max;
    if (status != KH_OK && status != KH_E_CANCELLED && status != KH_E_CONFLICT) /* conflict: the report came meanwhile */
        put_back(queue, commitment, status, err.message);
}

/* When to look again. */
static int64_t work(kh_commit_queue *queue)
{
    kh_commitment due[BATCH];
    int64_t now_ms = kh_clock_wall_ms(), next_ms = INT64_MAX;
    size_t count = BATCH;
    kh_error err = KH_ERROR_INIT;

    if (kh_commitment_due(queue->options.cache, now_ms, queue->options.limits.retry_longest_ms, queue->options.limits.patience_ms, due,
                          &count, &next_ms, &err) != KH_OK) {
        kh_log(KH_LOG_WARN, "commit", "%s", err.message);
        return 1000;
    }
    for (size_t i = 0; i < count && !kh_stop_raised(queue->options.stop); i++)
        work_on(queue, &due[i]);
    if (count > 0) /* what did not go has another time by now */
        return 0;
    /* A clock that was set back must not stretch a delay. */
    return next_ms == INT64_MAX || next_ms - now_ms > LOOK_LONGEST_MS ? LOOK_LONGEST_MS : next_ms - now_ms;
}

static void *run(void *context)
{
    kh_commit_queue *queue = context;
    int64_t look_ms = 0, expire_ms = 0;
    kh_clock_look expire_look = {.known = false};

    while (!kh_stop_raised(queue->options.stop)) {
        int64_t now_ms = kh_clock_monotonic_ms();

        if (now_ms >= expire_ms) {
            (void)!kh_commitment_expire(queue->options.cache, kh_clock_confirmed_ms(&expire_look) - queue->options.limits.keep_ms, NULL);
            expire_ms = now_ms + EXPIRE_MS;
        }
        if (atomic_exchange(&queue->kicked, false) || now_ms >= look_ms)
            look_ms = kh_clock_monotonic_ms() + work(queue);
        (void)!kh_stop_wait(queue->options.stop, true, -1, 0, kh_clock_monotonic_ms() + TICK_MS, NULL);
    }
    return NULL;
}

kh_status kh_commit_queue_start(kh_commit_queue **out, const kh_commit_queue_options *options, kh_error *err)
{
    kh_commit_queue *queue = calloc(1, sizeof(*queue));

    *out = NULL;
    if (!queue)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the commitment queue");
    queue->options = *options;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_mutex_init(&queue->filing, NULL);
    find_late(queue); /* before anybody can connect */
    if (pthread_create(&queue->thread, NULL, run, queue) != 0) {
        free(queue);
        return kh_error_set(err, KH_E_MEMORY, "no thread for the commitment queue");
    }
    *out = queue;
    return KH_OK;
}

void kh_commit_queue_join(kh_commit_queue *queue)
{
    if (!queue)
        return;
    pthread_join(queue->thread, NULL);
    pthread_mutex_destroy(&queue->lock);
    pthread_mutex_destroy(&queue->filing);
    free(queue);
}
