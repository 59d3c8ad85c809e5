#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include "base/clock.h"
#include "viewer/tiles/ahead_internal.h"

#define SEAT_WAIT_MS 20 /* for an idle worker, before the plan is looked at again */
#define BUSY_PAUSE_MS 5

/* ---- the usual means ---- */

static bool frame_is_compressed(void *context, const kh_stack_object *object)
{
    (void)context;
    return kh_frame_is_compressed(object);
}

static bool frame_is_known(void *context, int64_t object_id, uint32_t frame)
{
    return kh_frame_is_known(((kh_ahead *)context)->cache, object_id, frame);
}

static kh_status frame_decode(void *context, uint64_t *bytes, const kh_stack_object *object, uint32_t frame, kh_error *err)
{
    kh_ahead *ahead = context;
    unsigned seat;
    kh_status status;

    if (!kh_codec_seat_take(&seat, ahead->codec, SEAT_WAIT_MS))
        return kh_error_set(err, KH_E_BUSY, "no decode worker is idle");
    status = kh_frame_decode_ahead(bytes, ahead->cache, object, frame, ahead->codec, seat, err);
    kh_codec_seat_give(ahead->codec, seat);
    return status;
}

static void frame_forget(void *context, int64_t object_id, uint32_t frame)
{
    kh_frame_forget(((kh_ahead *)context)->cache, object_id, frame);
}

static int64_t monotonic_ms(void *context)
{
    (void)context;
    return kh_clock_monotonic_ms();
}

/* ---- plans ---- */

typedef struct pick {
    kh_ahead_reader *reader;
    const kh_stack_object *object;
    uint32_t frame;
    uint64_t bytes; /* as its header has it */
} pick;

/* One pass over all plans, nearest slices first. */
typedef struct pass {
    kh_ahead *ahead;
    const kh_stack *stacks[KH_AHEAD_READERS_MAX]; /* of each reader; NULL: its plan is at its end */
    uint64_t left[KH_AHEAD_READERS_MAX];          /* of each reader's share of the budget, bytes */
    pick first;                                   /* what to decode next; object NULL: nothing */
} pass;

static void look_at(pass *p, unsigned index, unsigned step)
{
    kh_ahead *ahead = p->ahead;
    kh_ahead_reader *r = &ahead->readers[index];
    const kh_stack *stack = p->stacks[index];
    const kh_stack_object *object;
    uint32_t slice, frame;
    kh_ahead_decoded *waiting;
    size_t bytes;

    if (!stack || p->left[index] == 0 || !kh_ahead_slice(&slice, step, r->position, r->direction, stack->slice_count))
        return;
    object = &stack->objects[stack->slices[slice].object_index];
    frame = stack->slices[slice].frame;
    if (!ahead->means.is_compressed(ahead->means.context, object) || kh_ahead_has_failed(ahead, object->object_id, frame) ||
        !kh_pixel_format_frame_bytes(&object->info.format, &bytes))
        return;
    if (bytes > p->left[index]) {
        p->left[index] = 0; /* what lies further out is not taken before what is nearer */
        return;
    }
    p->left[index] -= bytes;
    waiting = kh_ahead_find_decoded(ahead, object->object_id, frame);
    if (waiting)
        waiting->wanted = true;
    else if (!p->first.object && !r->stopped && !ahead->means.is_known(ahead->means.context, object->object_id, frame))
        p->first = (pick){r, object, frame, bytes};
}

static void begin_pass(pass *p, kh_ahead *ahead)
{
    kh_error err = KH_ERROR_INIT;

    *p = (pass){.ahead = ahead};
    for (unsigned i = 0; i < ahead->waiting_count; i++)
        ahead->waiting[i].wanted = false;
    for (unsigned i = 0; i < ahead->reader_count; i++) {
        const kh_ahead_spot *last = &ahead->readers[i].last;

        kh_error_clear(&err);
        if (kh_stack_acquire_with(&p->stacks[i], ahead->cache, last->series_id, last->object_id, &err) != KH_OK)
            p->stacks[i] = NULL;
        p->left[i] = ahead->bytes_max / ahead->reader_count;
    }
    for (unsigned step = 0; step < KH_AHEAD_STEPS; step++)
        for (unsigned i = 0; i < ahead->reader_count; i++)
            look_at(p, i, step);
}

static void end_pass(pass *p)
{
    for (unsigned i = 0; i < KH_AHEAD_READERS_MAX; i++)
        kh_stack_release(p->ahead->cache, p->stacks[i]);
}

static kh_status decode_pick(kh_ahead *ahead, const pick *what)
{
    kh_error err = KH_ERROR_INIT;
    uint64_t bytes = 0;
    kh_status status = ahead->means.decode(ahead->means.context, &bytes, what->object, what->frame, &err);

    if (status == KH_E_BUSY)
        return status;
    if (status != KH_OK) {
        kh_ahead_remember_failure(ahead, what->object->object_id, what->frame);
        what->reader->stopped = true;
        return status;
    }
    ahead->waiting[ahead->waiting_count++] =
        (kh_ahead_decoded){.object_id = what->object->object_id, .frame = what->frame, .bytes = bytes};
    atomic_fetch_add(&ahead->bytes, bytes);
    atomic_fetch_add(&ahead->decoded_count, 1);
    return KH_OK;
}

/* Decode the next frame. KH_E_NOT_FOUND: there is none, or no room for it. */
static kh_status step_on(kh_ahead *ahead)
{
    kh_status status = KH_E_NOT_FOUND;
    pass p;

    begin_pass(&p, ahead);
    if (p.first.object && kh_ahead_make_room(ahead, p.first.bytes))
        status = decode_pick(ahead, &p.first);
    end_pass(&p);
    return status;
}

/* ---- the thread ---- */

static int64_t now_ms(const kh_ahead *ahead)
{
    return ahead->means.now_ms(ahead->means.context);
}

static void follow(kh_ahead *ahead, const kh_ahead_spot *n)
{
    kh_ahead_decoded *asked_for = kh_ahead_find_decoded(ahead, n->object_id, n->frame);
    kh_error err = KH_ERROR_INIT;
    const kh_stack *stack;

    if (asked_for)
        kh_ahead_remove_decoded(ahead, asked_for, &ahead->used);
    if (kh_stack_acquire_with(&stack, ahead->cache, n->series_id, n->object_id, &err) != KH_OK)
        return; /* who asked hears why */
    kh_ahead_move_reader(ahead, n, stack, now_ms(ahead));
    kh_stack_release(ahead->cache, stack);
}

static void wait_locked(kh_ahead *ahead, int64_t wait_ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += wait_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (ahead->note_count == 0 && !ahead->stopping)
        if (pthread_cond_timedwait(&ahead->changed, &ahead->lock, &until) == ETIMEDOUT)
            return;
}

/* The next note, waited for so long; false when none came. */
static bool next_note(kh_ahead *ahead, kh_ahead_spot *out, int64_t wait_ms, bool *stopping)
{
    bool got;

    pthread_mutex_lock(&ahead->lock);
    if (wait_ms > 0)
        wait_locked(ahead, wait_ms);
    got = ahead->note_count > 0;
    if (got) {
        *out = ahead->notes[ahead->note_first];
        ahead->note_first = (ahead->note_first + 1) % KH_AHEAD_NOTES_MAX;
        ahead->note_count--;
    }
    *stopping = ahead->stopping;
    pthread_mutex_unlock(&ahead->lock);
    return got;
}

static void *run(void *argument)
{
    kh_ahead *ahead = argument;
    int64_t wait_ms = KH_AHEAD_LEFT_MS;
    bool stopping = false;
    kh_ahead_spot n;

    while (!stopping) {
        kh_status status;

        for (bool got = next_note(ahead, &n, wait_ms, &stopping); got; got = next_note(ahead, &n, 0, &stopping))
            follow(ahead, &n);
        kh_ahead_drop_those_who_left(ahead, now_ms(ahead));
        if (stopping)
            break;
        status = step_on(ahead);
        wait_ms = status == KH_E_NOT_FOUND ? KH_AHEAD_LEFT_MS : status == KH_E_BUSY ? BUSY_PAUSE_MS : 0;
    }
    return NULL;
}

void kh_ahead_note(kh_ahead *ahead, uint64_t reader_id, int64_t series_id, int64_t object_id, uint32_t frame)
{
    if (!ahead)
        return;
    pthread_mutex_lock(&ahead->lock);
    if (ahead->note_count == KH_AHEAD_NOTES_MAX) {
        ahead->note_first = (ahead->note_first + 1) % KH_AHEAD_NOTES_MAX;
        ahead->note_count--;
    }
    ahead->notes[(ahead->note_first + ahead->note_count++) % KH_AHEAD_NOTES_MAX] = (kh_ahead_spot){reader_id, series_id, object_id, frame};
    pthread_cond_signal(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
}

kh_status kh_ahead_create(kh_ahead **out, kh_cache *cache, kh_codec *codec, uint64_t bytes_max, const kh_ahead_means *means,
                          kh_error *err)
{
    kh_ahead *ahead = calloc(1, sizeof *ahead);
    pthread_condattr_t attributes;

    *out = NULL;
    if (!ahead)
        return kh_error_set(err, KH_E_MEMORY, "no memory for looking ahead");
    ahead->cache = cache;
    ahead->codec = codec;
    ahead->bytes_max = bytes_max;
    ahead->means = means ? *means
                         : (kh_ahead_means){frame_is_compressed, frame_is_known, frame_decode, frame_forget, monotonic_ms, ahead};
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&ahead->lock, NULL);
    pthread_cond_init(&ahead->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&ahead->thread, NULL, run, ahead) != 0) {
        pthread_cond_destroy(&ahead->changed);
        pthread_mutex_destroy(&ahead->lock);
        free(ahead);
        return kh_error_set(err, KH_E_MEMORY, "no thread for looking ahead");
    }
    *out = ahead;
    return KH_OK;
}

void kh_ahead_free(kh_ahead *ahead)
{
    if (!ahead)
        return;
    pthread_mutex_lock(&ahead->lock);
    ahead->stopping = true;
    pthread_cond_signal(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
    pthread_join(ahead->thread, NULL);
    pthread_cond_destroy(&ahead->changed);
    pthread_mutex_destroy(&ahead->lock);
    free(ahead);
}

void kh_ahead_get_stats(kh_ahead *ahead, kh_ahead_stats *out)
{
    *out = (kh_ahead_stats){0};
    if (!ahead)
        return;
    *out = (kh_ahead_stats){
        .decoded = atomic_load(&ahead->decoded_count),
        .used = atomic_load(&ahead->used),
        .thrown = atomic_load(&ahead->thrown),
        .bytes = atomic_load(&ahead->bytes),
    };
}
