#include "pacs-bridge/pull_move.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/log.h"
#include "pacs-bridge/pull_lane.h"

#define LOOK_MS 100 /* between two looks at what the others have moved */
#define OPEN_WAIT_MS 1000 /* for all associations to be served before the first move */
#define SERIES_MAX 10000
/* What did not come with its series or study is asked for by UID. For peers that refuse that, in these attempts without success the whole
 * series, then the whole study is asked for once more. */
#define ATTEMPT_BY_SERIES 3
#define ATTEMPT_BY_STUDY 5

/* What one move or a few ask for: a series, whole or what is missing among there[begin..end). */
typedef struct task {
    char series_uid[KH_UID_SIZE]; /* "": the whole study */
    size_t begin, end;
    bool by_uid;
} task;

typedef struct mover {
    kh_pull_lanes shared;
    kh_buf tasks;              /* of task */
    _Atomic size_t next;       /* task that nobody has taken */
    pthread_mutex_t lock;      /* for the two below */
    pthread_cond_t changed;
    unsigned opening;          /* lanes whose association is not served yet */
    unsigned working;          /* lanes that move, or will */
} mover;

/* One association. */
typedef struct lane {
    mover *of;
    kh_pull_lane on;
    kh_status status;
    kh_error error;
    pthread_t thread;
} lane;

static size_t task_count(const mover *of)
{
    return of->tasks.size / sizeof(task);
}

static kh_status do_task(lane *of, const task *what, kh_error *err)
{
    if (!what->series_uid[0])
        return kh_pull_lane_study(&of->on, err);
    return what->by_uid ? kh_pull_lane_missing(&of->on, what->begin, what->end, err)
                        : kh_pull_lane_series(&of->on, what->series_uid, what->begin, what->end, err);
}

/* --- what is to be moved --- */

static kh_status add_task(mover *of, const task *what, kh_error *err)
{
    return kh_buf_append(&of->tasks, what, sizeof(*what), err);
}

static kh_status add_study(mover *of, kh_error *err)
{
    const task study = {.begin = 0};

    return add_task(of, &study, err);
}

static kh_status plan_missing(mover *of, kh_error *err)
{
    const kh_pull_move *move = of->shared.move;
    kh_status status = KH_OK;
    task one = {.begin = 0};

    while (status == KH_OK && one.end < move->there_count) {
        size_t missing = 0;
        one.begin = one.end;
        memcpy(one.series_uid, move->there[one.begin].series_uid, sizeof(one.series_uid));
        while (one.end < move->there_count && strcmp(move->there[one.end].series_uid, one.series_uid) == 0)
            missing += !kh_uid_set_has(move->here, move->there[one.end++].sop_instance_uid);
        one.by_uid = move->again || (move->pull->attempts != ATTEMPT_BY_SERIES && (missing < one.end - one.begin || move->in_vain));
        if (missing > 0)
            status = add_task(of, &one, err);
    }
    return status;
}

/* Nothing is here yet: its series, when several are to come at a time and the hospital lists them. */
static kh_status plan_all(mover *of, kh_error *err)
{
    const kh_pull_move *move = of->shared.move;
    kh_status status = KH_OK;

    if (of->shared.options->series_parallel < 2 || move->series_count < 2)
        return add_study(of, err);
    if (move->there_count > 0)
        return plan_missing(of, err);
    for (size_t i = 0; status == KH_OK && i < move->series_count; i++) {
        task one = {.begin = 0};
        memcpy(one.series_uid, move->series[i].series_uid, sizeof(one.series_uid));
        status = add_task(of, &one, err);
    }
    return status;
}

static kh_status plan(mover *of, kh_error *err)
{
    const kh_pull_move *move = of->shared.move;
    bool listed = move->there_count > 0;

    if (move->again)
        return plan_missing(of, err);
    if (move->pull->attempts == ATTEMPT_BY_STUDY || (!listed && move->here->count > 0))
        return add_study(of, err);
    return move->here->count == 0 && !(move->in_vain && listed) ? plan_all(of, err) : plan_missing(of, err);
}

/* --- several at a time --- */

static void work(lane *of)
{
    mover *all = of->of;
    size_t at;

    while (of->status == KH_OK && !atomic_load(&all->shared.ended) && (at = atomic_fetch_add(&all->next, 1)) < task_count(all)) {
        task what;

        memcpy(&what, all->tasks.data + at * sizeof(what), sizeof(what));
        of->status = do_task(of, &what, &of->error);
    }
    if (of->status != KH_OK)
        atomic_store(&all->shared.ended, true);
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

static kh_status open_lane(kh_pull_lane *on, kh_error *err)
{
    kh_scu scu = *on->of->move->scu;
    kh_status status;

    scu.wait_ms = 0; /* there is one already */
    status = kh_query_open(&on->own, &scu, on->of->move->node, err);
    return status == KH_OK ? kh_query_await(&on->own, err) : status;
}

static void *lane_main(void *argument)
{
    lane *self = argument;
    mover *of = self->of;
    kh_error why = KH_ERROR_INIT;
    bool open = self->on.index == 0 || open_lane(&self->on, &why) == KH_OK;

    wait_for_others(of);
    if (open)
        work(self);
    else /* it takes no more of them: the others move all */
        kh_log(KH_LOG_INFO, "pull", "pull %lld: no further association: %s", (long long)of->shared.move->pull->id, why.message);
    if (self->on.index > 0)
        kh_query_close(&self->on.own, open ? self->status : KH_E_PEER);
    pthread_mutex_lock(&of->lock);
    of->working--;
    pthread_cond_broadcast(&of->changed);
    pthread_mutex_unlock(&of->lock);
    return NULL;
}

/* Notes the progress until all are done. */
static void watch(mover *of)
{
    const kh_pull_move *move = of->shared.move;
    bool done = false;

    while (!done) {
        const struct timespec until = in_ms(LOOK_MS);
        kh_arrivals arrivals;

        pthread_mutex_lock(&of->lock);
        if (of->working > 0)
            pthread_cond_timedwait(&of->changed, &of->lock, &until);
        done = of->working == 0;
        pthread_mutex_unlock(&of->lock);
        kh_pull_queue_arrivals(move->queue, move->pull->id, &arrivals);
        if (!done)
            (void)!kh_pull_lanes_show(&of->shared, &arrivals, NULL); /* it comes again */
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
    kh_pull_move *move = of->shared.move;
    const lane *failed = NULL;
    int64_t refused = 0;

    for (unsigned i = 0; i < count; i++) {
        refused += lanes[i].on.failed;
        if (lanes[i].on.final_status)
            move->final_status = lanes[i].on.final_status;
        if (lanes[i].status != KH_OK && (!failed || failed->status == KH_E_CANCELLED))
            failed = &lanes[i];
    }
    move->refused_there = refused > (int64_t)refused_here ? refused - (int64_t)refused_here : 0;
    return failed ? kh_error_set(err, failed->status, "%s", failed->error.message) : KH_OK;
}

static kh_status run_tasks(mover *of, kh_error *err)
{
    const kh_pull_move *move = of->shared.move;
    size_t tasks = task_count(of);
    unsigned most = of->shared.options->series_parallel, count = tasks < most ? (unsigned)tasks : most;
    lane lanes[KH_PULL_LANES_MAX] = {0};
    kh_arrivals before, after;

    if (count < 1)
        count = 1;
    for (unsigned i = 0; i < count; i++) {
        lanes[i].of = of;
        lanes[i].on.of = &of->shared;
        lanes[i].on.index = i;
        lanes[i].on.shows = count == 1;
        lanes[i].on.query = i == 0 ? move->query : &lanes[i].on.own;
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
    mover of = {.shared = {.move = move, .options = kh_pull_queue_get_options(move->queue), .here_before = (int64_t)move->here->count}};
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
