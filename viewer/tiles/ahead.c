#include "viewer/tiles/ahead.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"

#define NOTES_MAX 64
#define FRAMES_MAX (KH_AHEAD_READERS_MAX * KH_AHEAD_STEPS) /* all that all plans can name */
#define SEAT_WAIT_MS 20 /* for an idle worker, before the plan is looked at again */
#define BUSY_PAUSE_MS 5

typedef struct note {
    uint64_t reader;
    int64_t series_id, object_id;
    uint32_t frame;
} note;

typedef struct reader {
    note last;
    uint32_t position; /* in the stack as it was then */
    int direction;
    int64_t seen_ms;
    bool stopped;      /* a frame of its plan failed */
} reader;

typedef struct decoded {
    int64_t object_id;
    uint32_t frame;
    bool wanted; /* by a plan, in the pass under way */
    uint64_t bytes;
} decoded;

typedef struct failure {
    int64_t object_id;
    uint32_t frame;
} failure;

struct kh_ahead {
    kh_cache *cache;
    kh_codec *codec;
    kh_ahead_means means;
    uint64_t bytes_max;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the notes and stopping */
    pthread_cond_t changed;
    note notes[NOTES_MAX]; /* a ring; the oldest give way */
    unsigned note_first, note_count;
    bool stopping;
    atomic_ullong decoded_count, used, thrown, bytes;
    /* the thread's own */
    reader readers[KH_AHEAD_READERS_MAX];
    unsigned reader_count;
    decoded waiting[FRAMES_MAX]; /* decoded, not yet asked for; the oldest first */
    unsigned waiting_count;
    failure failures[FRAMES_MAX]; /* a ring */
    unsigned failure_next, failure_count;
};

bool kh_ahead_slice(uint32_t *out, unsigned step, uint32_t position, int direction, uint32_t count)
{
    unsigned first = direction ? KH_AHEAD_FIRST : 0;
    int64_t forward = direction < 0 ? -1 : 1, offset, index;

    if (step < first)
        offset = forward * ((int64_t)step + 1);
    else if (direction) /* behind and ahead by turns */
        offset = (step - first) % 2 == 0 ? -forward * ((int64_t)(step - first) / 2 + 1)
                                         : forward * ((int64_t)first + (step - first) / 2 + 1);
    else
        offset = step % 2 == 0 ? (int64_t)step / 2 + 1 : -((int64_t)step / 2 + 1);
    index = (int64_t)position + offset;
    *out = (uint32_t)index;
    return index >= 0 && index < (int64_t)count;
}

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

/* ---- what is known of frames ---- */

static decoded *find_waiting(kh_ahead *ahead, int64_t object_id, uint32_t frame)
{
    for (unsigned i = 0; i < ahead->waiting_count; i++)
        if (ahead->waiting[i].object_id == object_id && ahead->waiting[i].frame == frame)
            return &ahead->waiting[i];
    return NULL;
}

static void remove_waiting(kh_ahead *ahead, decoded *d, atomic_ullong *counter)
{
    size_t after = (size_t)(ahead->waiting + ahead->waiting_count - (d + 1));

    atomic_fetch_sub(&ahead->bytes, d->bytes);
    atomic_fetch_add(counter, 1);
    memmove(d, d + 1, after * sizeof *d);
    ahead->waiting_count--;
}

static bool has_failed(const kh_ahead *ahead, int64_t object_id, uint32_t frame)
{
    for (unsigned i = 0; i < ahead->failure_count; i++)
        if (ahead->failures[i].object_id == object_id && ahead->failures[i].frame == frame)
            return true;
    return false;
}

static void remember_failure(kh_ahead *ahead, int64_t object_id, uint32_t frame)
{
    ahead->failures[ahead->failure_next] = (failure){object_id, frame};
    ahead->failure_next = (ahead->failure_next + 1) % FRAMES_MAX;
    if (ahead->failure_count < FRAMES_MAX)
        ahead->failure_count++;
}

/* Give up frames that no plan names any more, the oldest first, until one of `bytes` fits. */
static bool make_room(kh_ahead *ahead, uint64_t bytes)
{
    unsigned i = 0;

    while (atomic_load(&ahead->bytes) + bytes > ahead->bytes_max || ahead->waiting_count == FRAMES_MAX) {
        while (i < ahead->waiting_count && ahead->waiting[i].wanted)
            i++;
        if (i == ahead->waiting_count)
            return false;
        ahead->means.forget(ahead->means.context, ahead->waiting[i].object_id, ahead->waiting[i].frame);
        remove_waiting(ahead, &ahead->waiting[i], &ahead->thrown);
    }
    return true;
}

/* ---- readers ---- */

static void drop_reader(kh_ahead *ahead, unsigned index)
{
    ahead->readers[index] = ahead->readers[--ahead->reader_count];
}

/* The reader's place, made for a new one. */
static reader *place_of(kh_ahead *ahead, const note *n)
{
    unsigned stillest = 0;

    for (unsigned i = 0; i < ahead->reader_count; i++) {
        if (ahead->readers[i].last.reader == n->reader)
            return &ahead->readers[i];
        if (ahead->readers[i].seen_ms < ahead->readers[stillest].seen_ms)
            stillest = i;
    }
    if (ahead->reader_count == KH_AHEAD_READERS_MAX)
        drop_reader(ahead, stillest);
    ahead->readers[ahead->reader_count] = (reader){.last = {.series_id = 0}};
    return &ahead->readers[ahead->reader_count++];
}

/* Where the frame stands in the stack; readers go to neighbours, so the search goes outward from where they were. */
static bool find_slice(uint32_t *out, const kh_stack *stack, const note *n, uint32_t near)
{
    if (near >= stack->slice_count)
        near = 0;
    for (uint32_t distance = 0; distance < stack->slice_count; distance++) {
        const uint32_t places[2] = {near + distance, near - distance}; /* of those that wrap none is below the count */

        for (unsigned side = 0; side < 2; side++) {
            const kh_stack_slice *slice = places[side] < stack->slice_count ? &stack->slices[places[side]] : NULL;

            if (slice && slice->frame == n->frame && stack->objects[slice->object_index].object_id == n->object_id) {
                *out = places[side];
                return true;
            }
        }
    }
    return false;
}

static void move_reader(reader *r, const note *n, uint32_t position)
{
    bool same_series = r->last.series_id == n->series_id;
    int64_t moved = same_series ? (int64_t)position - (int64_t)r->position : 0;

    if (!same_series || moved > KH_AHEAD_JUMP || moved < -KH_AHEAD_JUMP)
        r->direction = 0;
    else if (moved != 0)
        r->direction = moved > 0 ? 1 : -1;
    r->last = *n;
    r->position = position;
    r->seen_ms = kh_clock_monotonic_ms();
    r->stopped = false;
}

static void follow(kh_ahead *ahead, const note *n)
{
    decoded *asked_for = find_waiting(ahead, n->object_id, n->frame);
    kh_error err = KH_ERROR_INIT;
    const kh_stack *stack;
    reader *r;
    uint32_t position;

    if (asked_for)
        remove_waiting(ahead, asked_for, &ahead->used);
    if (kh_stack_acquire_with(&stack, ahead->cache, n->series_id, n->object_id, &err) != KH_OK)
        return; /* who asked hears why */
    r = place_of(ahead, n);
    if (find_slice(&position, stack, n, r->position))
        move_reader(r, n, position);
    else
        drop_reader(ahead, (unsigned)(r - ahead->readers));
    kh_stack_release(ahead->cache, stack);
}

static void drop_those_who_left(kh_ahead *ahead)
{
    int64_t now_ms = kh_clock_monotonic_ms();

    for (unsigned i = ahead->reader_count; i > 0; i--)
        if (now_ms - ahead->readers[i - 1].seen_ms > KH_AHEAD_LEFT_MS)
            drop_reader(ahead, i - 1);
}

/* ---- plans ---- */

typedef struct pick {
    reader *reader;
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
    reader *r = &ahead->readers[index];
    const kh_stack *stack = p->stacks[index];
    const kh_stack_object *object;
    uint32_t slice, frame;
    decoded *waiting;
    size_t bytes;

    if (!stack || p->left[index] == 0 || !kh_ahead_slice(&slice, step, r->position, r->direction, stack->slice_count))
        return;
    object = &stack->objects[stack->slices[slice].object_index];
    frame = stack->slices[slice].frame;
    if (!ahead->means.is_compressed(ahead->means.context, object) || has_failed(ahead, object->object_id, frame) ||
        !kh_pixel_format_frame_bytes(&object->info.format, &bytes))
        return;
    if (bytes > p->left[index]) {
        p->left[index] = 0; /* what lies further out is not taken before what is nearer */
        return;
    }
    p->left[index] -= bytes;
    waiting = find_waiting(ahead, object->object_id, frame);
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
        const note *last = &ahead->readers[i].last;

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
        remember_failure(ahead, what->object->object_id, what->frame);
        what->reader->stopped = true;
        return status;
    }
    ahead->waiting[ahead->waiting_count++] =
        (decoded){.object_id = what->object->object_id, .frame = what->frame, .bytes = bytes};
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
    if (p.first.object && make_room(ahead, p.first.bytes))
        status = decode_pick(ahead, &p.first);
    end_pass(&p);
    return status;
}

/* ---- the thread ---- */

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
static bool next_note(kh_ahead *ahead, note *out, int64_t wait_ms, bool *stopping)
{
    bool got;

    pthread_mutex_lock(&ahead->lock);
    if (wait_ms > 0)
        wait_locked(ahead, wait_ms);
    got = ahead->note_count > 0;
    if (got) {
        *out = ahead->notes[ahead->note_first];
        ahead->note_first = (ahead->note_first + 1) % NOTES_MAX;
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
    note n;

    while (!stopping) {
        kh_status status;

        for (bool got = next_note(ahead, &n, wait_ms, &stopping); got; got = next_note(ahead, &n, 0, &stopping))
            follow(ahead, &n);
        drop_those_who_left(ahead);
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
    if (ahead->note_count == NOTES_MAX) {
        ahead->note_first = (ahead->note_first + 1) % NOTES_MAX;
        ahead->note_count--;
    }
    ahead->notes[(ahead->note_first + ahead->note_count++) % NOTES_MAX] = (note){reader_id, series_id, object_id, frame};
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
                         : (kh_ahead_means){frame_is_compressed, frame_is_known, frame_decode, frame_forget, ahead};
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
