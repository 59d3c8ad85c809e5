#include "pacs-bridge/pull_move.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "base/log.h"
#include "pacs-bridge/dimse_status.h"
#include "pacs-bridge/scp.h"

#define UIDS_PER_MOVE 50
#define SHOW_MS 300 /* between two notes of progress in the index */
#define LOOK_MS 100 /* between two looks at what the others have moved */
#define OPEN_WAIT_MS 1000 /* for all associations to be served before the first move */
#define SERIES_MAX 10000
/* Peers that refuse finer moves: from these attempts without success on, whole series, then the whole study is asked for. */
#define ATTEMPTS_TO_SERIES 3
#define ATTEMPTS_TO_STUDY 5

/* What one move or a few ask for: a series, whole or what is missing among there[begin..end). */
typedef struct task {
    char series_uid[KH_UID_SIZE]; /* "": the whole study */
    size_t begin, end;
} task;

typedef struct mover {
    kh_pull_move *move;
    const kh_pull_queue_options *options;
    kh_buf tasks;              /* of task */
    _Atomic size_t next;       /* task that nobody has taken */
    _Atomic bool ended;        /* one association failed or was told to end: the others end too */
    int64_t here_before, shown_ms;
    pthread_mutex_t lock;      /* for the two below */
    pthread_cond_t changed;
    unsigned opening;          /* lanes whose association is not served yet */
    unsigned working;          /* lanes that move, or will */
} mover;

/* One association. */
typedef struct lane {
    mover *of;
    unsigned index;            /* 0: the worker's */
    bool shows;                /* it notes the progress itself */
    kh_query *query;
    kh_query own;              /* of a lane but the first */
    kh_assoc_request calling;  /* for what comes by C-GET */
    kh_scp incoming;
    uint64_t seen;             /* bytes and objects at the last tick */
    uint16_t final_status;
    int64_t failed;            /* sub-operations, as told */
    kh_status status;
    kh_error error;
    pthread_t thread;
} lane;

static size_t task_count(const mover *of)
{
    return of->tasks.size / sizeof(task);
}

/* --- one move --- */

static kh_status show_progress(mover *of, const kh_arrivals *arrivals, kh_error *err)
{
    int64_t now_ms = kh_clock_monotonic_ms(), received = of->here_before + (int64_t)arrivals->kept;
    kh_pull *pull = of->move->pull;

    if (received == pull->received || now_ms - of->shown_ms < SHOW_MS)
        return KH_OK;
    pull->received = received;
    of->shown_ms = now_ms;
    return kh_pull_update(of->options->cache, pull, err);
}

static kh_status on_progress(void *context, const kh_dimse *response, bool *alive, kh_error *err)
{
    lane *on = context;
    const kh_pull_move *move = on->of->move;
    kh_arrivals arrivals;
    uint64_t seen;

    (void)response; /* the counts of pending responses are often wrong; what has arrived is not */
    kh_pull_queue_arrivals(move->queue, move->pull->id, &arrivals);
    seen = arrivals.bytes + arrivals.kept + arrivals.duplicates + arrivals.refused;
    *alive = seen != on->seen;
    on->seen = seen;
    if (arrivals.cancelled)
        return kh_error_set(err, KH_E_CANCELLED, "cancelled");
    if (atomic_load(&on->of->ended))
        return kh_error_set(err, KH_E_CANCELLED, "ended with another move");
    if (kh_pull_queue_must_yield(move->queue, move->pull->id))
        return kh_error_set(err, KH_E_CANCELLED, "made way for a more urgent study");
    return on->shows ? show_progress(on->of, &arrivals, err) : KH_OK;
}

/* An object that comes by C-GET is taken in as if it had been pushed. */
static kh_status take_object(void *context, uint8_t context_id, const kh_dimse *request, kh_error *err)
{
    lane *on = context;

    return kh_scp_store(&on->incoming, context_id, request, err);
}

static kh_status retrieve(lane *on, const kh_context *with, uint16_t message_id, const kh_buf *identifier, kh_dimse *final, kh_error *err)
{
    const kh_pull_move *move = on->of->move;
    const kh_pull_queue_options *options = on->of->options;
    char ours[KH_AE_TITLE_SIZE]; /* as the node knows it */

    kh_scu_title(move->scu, move->node, ours);
    if (!move->node->retrieve_by_get)
        return kh_user_move(on->query->assoc, with, message_id, ours, identifier->data, identifier->size, on_progress, on, final, NULL,
                            err);
    memcpy(on->calling.calling, move->node->ae_title, sizeof(on->calling.calling));
    on->incoming = (kh_scp){.service = options->service, .place = -1, .assoc = on->query->assoc, .request = &on->calling,
                            .node = *move->node, .facility = move->facility, .pull_id = move->pull->id};
    return kh_user_get(on->query->assoc, with, message_id, identifier->data, identifier->size, take_object, on_progress, on, final, NULL,
                       err);
}

static kh_status move_keys(lane *on, const kh_key *keys, size_t key_count, kh_error *err)
{
    const kh_pull_move *move = on->of->move;
    const kh_context *with = move->node->retrieve_by_get ? on->query->get : on->query->move;
    uint16_t message_id = kh_assoc_next_message_id();
    kh_buf identifier;
    kh_dimse final;
    kh_status status;

    if (!with)
        return kh_error_set(err, KH_E_UNSUPPORTED, "node %s accepts no Study Root %s", move->node->name,
                            move->node->retrieve_by_get ? "C-GET" : "C-MOVE");
    kh_buf_init(&identifier, 65536);
    kh_pull_queue_expect(move->queue, move->pull->id, on->index, message_id);
    status = kh_identifier_build(&identifier, with->transfer_syntax, "", keys, key_count, err);
    if (status == KH_OK)
        status = retrieve(on, with, message_id, &identifier, &final, err);
    if (status == KH_OK) {
        on->failed += final.failed > 0 ? final.failed : 0;
        if (final.status != KH_DIMSE_SUCCESS)
            on->final_status = final.status;
    }
    kh_buf_release(&identifier);
    return status;
}

static kh_status move_study(lane *on, kh_error *err)
{
    const kh_key keys[] = {{KH_TAG_QUERY_RETRIEVE_LEVEL, KH_VR('C', 'S'), "STUDY"},
                           {KH_TAG_STUDY_INSTANCE_UID, KH_VR('U', 'I'), on->of->move->pull->study_uid}};

    return move_keys(on, keys, 2, err);
}

static kh_status move_series(lane *on, const char *series_uid, kh_error *err)
{
    const kh_key keys[] = {{KH_TAG_QUERY_RETRIEVE_LEVEL, KH_VR('C', 'S'), "SERIES"},
                           {KH_TAG_STUDY_INSTANCE_UID, KH_VR('U', 'I'), on->of->move->pull->study_uid},
                           {KH_TAG_SERIES_INSTANCE_UID, KH_VR('U', 'I'), series_uid}};

    return move_keys(on, keys, 3, err);
}

static kh_status move_instances(lane *on, const char *series_uid, const char *uids, kh_error *err)
{
    const kh_key keys[] = {{KH_TAG_SOP_INSTANCE_UID, KH_VR('U', 'I'), uids},
                           {KH_TAG_QUERY_RETRIEVE_LEVEL, KH_VR('C', 'S'), "IMAGE"},
                           {KH_TAG_STUDY_INSTANCE_UID, KH_VR('U', 'I'), on->of->move->pull->study_uid},
                           {KH_TAG_SERIES_INSTANCE_UID, KH_VR('U', 'I'), series_uid}};

    return move_keys(on, keys, 4, err);
}

/* The missing ones among there[begin..end), by their UIDs. */
static kh_status move_missing_instances(lane *on, const task *what, kh_error *err)
{
    const kh_pull_move *move = on->of->move;
    char uids[UIDS_PER_MOVE * KH_UID_SIZE];
    size_t used = 0, count = 0;
    kh_status status = KH_OK;

    for (size_t i = what->begin; status == KH_OK && i < what->end; i++) {
        const char *uid = move->there[i].sop_instance_uid;
        if (kh_uid_set_has(move->here, uid))
            continue;
        used += (size_t)snprintf(uids + used, sizeof(uids) - used, "%s%s", count ? "\\" : "", uid);
        if (++count == UIDS_PER_MOVE) {
            status = move_instances(on, what->series_uid, uids, err);
            used = count = 0;
        }
    }
    return status == KH_OK && count > 0 ? move_instances(on, what->series_uid, uids, err) : status;
}

static kh_status do_task(lane *on, const task *what, kh_error *err)
{
    if (!what->series_uid[0])
        return move_study(on, err);
    return what->begin == what->end ? move_series(on, what->series_uid, err) : move_missing_instances(on, what, err);
}

/* --- what is to be moved --- */

static kh_status add_task(mover *of, const char *series_uid, size_t begin, size_t end, kh_error *err)
{
    task one = {.begin = begin, .end = end};

    snprintf(one.series_uid, sizeof(one.series_uid), "%s", series_uid);
    return kh_buf_append(&of->tasks, &one, sizeof(one), err);
}

static kh_status plan_missing(mover *of, kh_error *err)
{
    const kh_pull_move *move = of->move;
    size_t begin = 0;
    kh_status status = KH_OK;

    while (status == KH_OK && begin < move->there_count) {
        const char *series_uid = move->there[begin].series_uid;
        size_t end = begin, missing = 0;
        while (end < move->there_count && strcmp(move->there[end].series_uid, series_uid) == 0)
            missing += !kh_uid_set_has(move->here, move->there[end++].sop_instance_uid);
        if (missing > 0 && (missing == end - begin || move->pull->attempts >= ATTEMPTS_TO_SERIES))
            status = add_task(of, series_uid, 0, 0, err);
        else if (missing > 0)
            status = add_task(of, series_uid, begin, end, err);
        begin = end;
    }
    return status;
}

static kh_status plan_series(void *context, const char *series_uid)
{
    return add_task(context, series_uid, 0, 0, NULL);
}

/* Nothing is here yet: its series, when several are to come at a time and the hospital lists them. */
static kh_status plan_all(mover *of, kh_error *err)
{
    kh_error why = KH_ERROR_INIT;
    kh_status status = KH_OK;

    if (of->options->series_parallel > 1)
        status = kh_query_series(of->move->query, of->move->pull->study_uid, plan_series, of, &why);
    if (of->move->query->broken)
        return kh_error_set(err, status, "%s", why.message);
    if (status == KH_OK && task_count(of) > 1)
        return KH_OK;
    kh_buf_clear(&of->tasks);
    return add_task(of, "", 0, 0, err);
}

static kh_status plan(mover *of, kh_error *err)
{
    const kh_pull_move *move = of->move;

    if (move->pull->attempts >= ATTEMPTS_TO_STUDY || (move->there_count == 0 && move->here->count > 0))
        return add_task(of, "", 0, 0, err);
    return move->here->count == 0 ? plan_all(of, err) : plan_missing(of, err);
}

/* --- several at a time --- */

static void work(lane *on)
{
    mover *of = on->of;
    size_t at;

    while (on->status == KH_OK && !atomic_load(&of->ended) && (at = atomic_fetch_add(&of->next, 1)) < task_count(of)) {
        task what;

        memcpy(&what, of->tasks.data + at * sizeof(what), sizeof(what));
        on->status = do_task(on, &what, &on->error);
    }
    if (on->status != KH_OK)
        atomic_store(&of->ended, true);
}

static struct timespec in_ms(int64_t ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return until;
}

/* A PACS may lock its index while it begins to serve an association and while it moves, as dcmqrscp does: a move that begins before all
 * are served keeps the rest waiting for its end. */
static void wait_for_others(mover *of)
{
    const struct timespec until = in_ms(OPEN_WAIT_MS);
    int late = 0;

    pthread_mutex_lock(&of->lock);
    of->opening--;
    pthread_cond_broadcast(&of->changed);
    while (of->opening > 0 && !late)
        late = pthread_cond_timedwait(&of->changed, &of->lock, &until);
    pthread_mutex_unlock(&of->lock);
}

static kh_status open_lane(lane *on, kh_error *err)
{
    kh_status status = kh_query_open(&on->own, on->of->move->scu, on->of->move->node, err);

    return status == KH_OK ? kh_query_await(&on->own, err) : status;
}

static void *lane_main(void *argument)
{
    lane *on = argument;
    mover *of = on->of;
    kh_error why = KH_ERROR_INIT;
    bool open = on->index == 0 || open_lane(on, &why) == KH_OK;

    wait_for_others(of);
    if (open)
        work(on);
    else /* it takes no more of them: the others move all */
        kh_log(KH_LOG_INFO, "pull", "pull %lld: no further association: %s", (long long)of->move->pull->id, why.message);
    if (on->index > 0)
        kh_query_close(&on->own, open ? on->status : KH_E_PEER);
    pthread_mutex_lock(&of->lock);
    of->working--;
    pthread_cond_broadcast(&of->changed);
    pthread_mutex_unlock(&of->lock);
    return NULL;
}

/* Notes the progress until all are done. */
static void watch(mover *of)
{
    bool done = false;

    while (!done) {
        const struct timespec until = in_ms(LOOK_MS);
        kh_arrivals arrivals;

        pthread_mutex_lock(&of->lock);
        if (of->working > 0)
            pthread_cond_timedwait(&of->changed, &of->lock, &until);
        done = of->working == 0;
        pthread_mutex_unlock(&of->lock);
        kh_pull_queue_arrivals(of->move->queue, of->move->pull->id, &arrivals);
        if (!done)
            (void)!show_progress(of, &arrivals, NULL); /* it comes again */
    }
}

static void run_lanes(mover *of, lane *lanes, unsigned count)
{
    unsigned started = 0;

    of->working = of->opening = count;
    while (started < count && pthread_create(&lanes[started].thread, NULL, lane_main, &lanes[started]) == 0)
        started++;
    pthread_mutex_lock(&of->lock);
    of->working -= count - started;
    of->opening -= count - started;
    pthread_cond_broadcast(&of->changed);
    pthread_mutex_unlock(&of->lock);
    if (started > 0)
        watch(of);
    else
        work(&lanes[0]);
    for (unsigned i = 0; i < started; i++)
        pthread_join(lanes[i].thread, NULL);
}

/* The first that failed tells why; those that ended with it do not. */
static kh_status gather(mover *of, const lane *lanes, unsigned count, uint64_t refused_here, kh_error *err)
{
    kh_pull_move *move = of->move;
    const lane *failed = NULL;
    int64_t refused = 0;

    for (unsigned i = 0; i < count; i++) {
        refused += lanes[i].failed;
        if (lanes[i].final_status)
            move->final_status = lanes[i].final_status;
        if (lanes[i].status != KH_OK && (!failed || failed->status == KH_E_CANCELLED))
            failed = &lanes[i];
    }
    move->refused_there = refused > (int64_t)refused_here ? refused - (int64_t)refused_here : 0;
    return failed ? kh_error_set(err, failed->status, "%s", failed->error.message) : KH_OK;
}

static kh_status run_tasks(mover *of, kh_error *err)
{
    const kh_pull_move *move = of->move;
    size_t tasks = task_count(of);
    unsigned most = of->options->series_parallel, count = tasks < most ? (unsigned)tasks : most;
    lane lanes[KH_PULL_LANES_MAX] = {0};
    kh_arrivals before, after;

    if (count < 1)
        count = 1;
    for (unsigned i = 0; i < count; i++) {
        lanes[i].of = of;
        lanes[i].index = i;
        lanes[i].shows = count == 1;
        lanes[i].query = i == 0 ? move->query : &lanes[i].own;
    }
    kh_pull_queue_arrivals(move->queue, move->pull->id, &before);
    if (count == 1)
        work(&lanes[0]);
    else
        run_lanes(of, lanes, count);
    kh_pull_queue_arrivals(move->queue, move->pull->id, &after);
    return gather(of, lanes, count, after.refused - before.refused, err);
}

kh_status kh_pull_move_run(kh_pull_move *move, kh_error *err)
{
    mover of = {.move = move, .options = kh_pull_queue_get_options(move->queue), .here_before = (int64_t)move->here->count};
    pthread_condattr_t attributes;
    kh_status status;

    move->final_status = 0;
    move->refused_there = 0;
    kh_buf_init(&of.tasks, SERIES_MAX * sizeof(task));
    pthread_mutex_init(&of.lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&of.changed, &attributes);
    pthread_condattr_destroy(&attributes);
    status = plan(&of, err);
    if (status == KH_OK)
        status = run_tasks(&of, err);
    pthread_cond_destroy(&of.changed);
    pthread_mutex_destroy(&of.lock);
    kh_buf_release(&of.tasks);
    return status;
}
