/* Bodies that are not held in memory. Two buffers of a fixed size: the connection's thread fills one while a worker empties the other;
 * when both are full the connection is paused, and TCP holds the sender back. A failed take() ends the work, not the reading: the
 * library answers only when the body is in, so what follows is thrown away until then. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "viewer/http/internal.h"

#define BUFFER_BYTES (256u * 1024)

struct kh_http_upload {
    kh_http_request *request; /* alive while the connection is paused, and after the end until it is answered */
    kh_pool *pool;
    const kh_http_receiver *receiver;
    void *context;
    uint64_t bytes_max, received; /* connection's thread */
    atomic_uint holders;          /* the connection, and the worker's job */
    uint8_t *working;             /* the job's, while busy */
    size_t working_size;

    pthread_mutex_t lock; /* guards the rest */
    uint8_t *filling;
    size_t filling_size;
    bool busy;   /* a job waits or runs */
    bool ended;  /* all of it came */
    bool gone;   /* the connection ended before */
    bool paused;
    kh_error failure; /* of take(): KH_OK while all is well */
};

static void let_go(kh_http_upload *upload)
{
    if (atomic_fetch_sub_explicit(&upload->holders, 1, memory_order_acq_rel) != 1)
        return;
    upload->receiver->drop(upload->context);
    pthread_mutex_destroy(&upload->lock);
    free(upload->working);
    free(upload->filling);
    free(upload);
}

static void swap_locked(kh_http_upload *upload)
{
    uint8_t *full = upload->filling;

    upload->filling = upload->working;
    upload->working = full;
    upload->working_size = upload->filling_size;
    upload->filling_size = 0;
}

static void answer(kh_http_upload *upload)
{
    if (upload->failure.status != KH_OK)
        kh_http_answer_error(upload->request, &upload->failure);
    else
        upload->receiver->finish(upload->context, upload->request);
}

typedef enum next_step { STEP_TAKE, STEP_ANSWER, STEP_REST } next_step;

/* What the job does after a buffer; *resume: the connection was paused and may go on. */
static next_step choose(kh_http_upload *upload, const kh_error *problem, bool *resume)
{
    next_step step = STEP_REST;

    pthread_mutex_lock(&upload->lock);
    if (problem->status != KH_OK && upload->failure.status == KH_OK)
        upload->failure = *problem;
    if (upload->failure.status != KH_OK)
        upload->filling_size = 0;
    if (!upload->gone && upload->filling_size > 0 && (upload->ended || upload->filling_size == BUFFER_BYTES)) {
        swap_locked(upload);
        step = STEP_TAKE;
    } else if (upload->ended && !upload->gone) {
        step = STEP_ANSWER;
    }
    *resume = upload->paused;
    upload->paused = false;
    if (step != STEP_TAKE)
        upload->busy = false;
    pthread_mutex_unlock(&upload->lock);
    return step;
}

static void run_job(void *argument, unsigned thread_index)
{
    kh_http_upload *upload = argument;
    next_step step;
    bool resume;

    (void)thread_index;
    do {
        kh_error err = KH_ERROR_INIT;

        if (upload->working_size > 0)
            (void)upload->receiver->take(upload->context, upload->working, upload->working_size, &err);
        step = choose(upload, &err, &resume);
        if (resume)
            kh_http_unpause(upload->request->server, upload->request->connection, upload->request->mhd, BUFFER_BYTES);
    } while (step == STEP_TAKE);
    if (step == STEP_ANSWER)
        answer(upload);
    let_go(upload);
}

/* Nobody works and there is something to do. Without a place in the pool the request fails as one does that finds it full. */
static void submit_locked(kh_http_upload *upload)
{
    swap_locked(upload);
    atomic_fetch_add_explicit(&upload->holders, 1, memory_order_relaxed);
    upload->busy = kh_pool_submit(upload->pool, run_job, upload, &upload->failure) == KH_OK;
    if (!upload->busy)
        atomic_fetch_sub_explicit(&upload->holders, 1, memory_order_relaxed);
}

/* Takes what there is room for; true when the buffer is full then. */
static bool fill_locked(kh_http_upload *upload, const char **bytes, size_t *size)
{
    size_t room = BUFFER_BYTES - upload->filling_size, taken = *size < room ? *size : room;

    if (upload->failure.status != KH_OK) {
        *size = 0;
        return false;
    }
    memcpy(upload->filling + upload->filling_size, *bytes, taken);
    upload->filling_size += taken;
    *bytes += taken;
    *size -= taken;
    return upload->filling_size == BUFFER_BYTES;
}

static bool pause_locked(kh_http_upload *upload)
{
    upload->paused = kh_http_pause(upload->request->server, upload->request->connection, upload->request->mhd, false);
    return upload->paused;
}

bool kh_http_upload_take(kh_http_upload *upload, const char *bytes, size_t *size)
{
    bool going_on = true;

    upload->received += *size;
    if (upload->received > upload->bytes_max)
        return false;
    pthread_mutex_lock(&upload->lock);
    if (upload->filling_size == 0)
        kh_http_connection_expect_read(upload->request->connection, BUFFER_BYTES);
    while (*size > 0 && fill_locked(upload, &bytes, size)) {
        if (!upload->busy) {
            submit_locked(upload);
            kh_http_connection_expect_read(upload->request->connection, BUFFER_BYTES);
        } else {
            if (*size > 0)
                going_on = pause_locked(upload);
            break;
        }
    }
    pthread_mutex_unlock(&upload->lock);
    upload->received -= *size; /* they come again */
    return going_on;
}

/* Suspended first: from here on whoever works for it may answer. */
void kh_http_upload_end(kh_http_upload *upload)
{
    kh_error failure = KH_ERROR_INIT;

    kh_http_connection_expect_nothing(upload->request->connection);
    kh_http_suspend(upload->request);
    pthread_mutex_lock(&upload->lock);
    upload->ended = true;
    if (!upload->busy) {
        submit_locked(upload);
        if (!upload->busy)
            failure = upload->failure;
    }
    pthread_mutex_unlock(&upload->lock);
    if (failure.status != KH_OK)
        kh_http_answer_error(upload->request, &failure);
}

void kh_http_upload_detach(kh_http_upload *upload)
{
    pthread_mutex_lock(&upload->lock);
    upload->gone = true;
    pthread_mutex_unlock(&upload->lock);
    let_go(upload);
}

void kh_http_receive(kh_http_request *request, kh_pool *pool, const kh_http_receiver *receiver, void *context, uint64_t bytes_max)
{
    kh_error err = KH_ERROR_INIT;
    kh_http_upload *upload = calloc(1, sizeof *upload);

    if (upload) {
        upload->filling = malloc(BUFFER_BYTES);
        upload->working = malloc(BUFFER_BYTES);
    }
    if (!upload || !upload->filling || !upload->working) {
        if (upload) {
            free(upload->filling);
            free(upload->working);
        }
        free(upload);
        receiver->drop(context);
        kh_error_set(&err, KH_E_MEMORY, "no memory for an upload");
        kh_http_answer_error(request, &err);
        return;
    }
    upload->request = request;
    upload->pool = pool;
    upload->receiver = receiver;
    upload->context = context;
    upload->bytes_max = bytes_max;
    atomic_init(&upload->holders, 1);
    upload->failure = (kh_error)KH_ERROR_INIT;
    pthread_mutex_init(&upload->lock, NULL);
    kh_http_connection_expect_read(request->connection, BUFFER_BYTES);
    request->upload = upload;
}
