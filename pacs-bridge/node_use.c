#include "pacs-bridge/node_use.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include "base/clock.h"
#include "base/log.h"

#define TICK_MS 50   /* between two looks whether we stop */
#define TOLD_MS 1000 /* a wait this long has its line in the log */

/* Of a node that was ever met: there are few, and a rate must outlive who uses it. */
typedef struct seat {
    struct seat *next;
    kh_node_use *use;
    int64_t node_id;
    unsigned associations;
    unsigned calls;       /* associations that we have made, or are making */
    unsigned urgent;      /* that wait for a place */
    unsigned making_way;  /* that have been told to end for one of those */
    int64_t called_ms, reached_ms;
    kh_rate *rate;
} seat;

struct kh_node_use {
    pthread_mutex_t lock;
    pthread_cond_t left;  /* a place has become free */
    seat *seats; /* guarded by lock, but rates are threads' own matter */
};

kh_status kh_node_use_create(kh_node_use **out, kh_error *err)
{
    pthread_condattr_t attributes;

    *out = calloc(1, sizeof(**out));
    if (!*out)
        return kh_error_set(err, KH_E_MEMORY, "out of memory");
    pthread_mutex_init(&(*out)->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&(*out)->left, &attributes);
    pthread_condattr_destroy(&attributes);
    return KH_OK;
}

void kh_node_use_free(kh_node_use *use)
{
    if (!use)
        return;
    while (use->seats) {
        seat *gone = use->seats;
        use->seats = gone->next;
        kh_rate_free(gone->rate);
        free(gone);
    }
    pthread_cond_destroy(&use->left);
    pthread_mutex_destroy(&use->lock);
    free(use);
}

static seat *find_locked(kh_node_use *use, int64_t node_id)
{
    seat *at = use->seats;

    while (at && at->node_id != node_id)
        at = at->next;
    return at;
}

static seat *find_or_add_locked(kh_node_use *use, const kh_node *node)
{
    seat *found = find_locked(use, node->id);

    if (found)
        return found;
    found = calloc(1, sizeof(*found));
    if (!found || kh_rate_create(&found->rate, node->bytes_per_s, NULL) != KH_OK) {
        free(found);
        return NULL;
    }
    found->use = use;
    found->node_id = node->id;
    found->next = use->seats;
    use->seats = found;
    return found;
}

kh_status kh_node_use_enter(kh_node_use *use, const kh_node *node, kh_error *err)
{
    kh_status status = KH_OK;
    seat *of;

    pthread_mutex_lock(&use->lock);
    of = find_or_add_locked(use, node);
    if (!of)
        status = kh_error_set(err, KH_E_MEMORY, "out of memory");
    else if (node->associations && of->associations >= node->associations)
        status = kh_error_set(err, KH_E_LIMIT, "node %s has its %u associations already", node->name, (unsigned)node->associations);
    else
        of->associations++, of->called_ms = kh_clock_wall_ms();
    pthread_mutex_unlock(&use->lock);
    return status;
}

void kh_node_use_leave(kh_node_use *use, int64_t node_id)
{
    pthread_mutex_lock(&use->lock);
    find_locked(use, node_id)->associations--;
    pthread_mutex_unlock(&use->lock);
}

/* --- associations of ours --- */

static bool has_place(const seat *of, const kh_node *node, bool urgent)
{
    return !node->associations || (of->calls < node->associations && (urgent || of->urgent == 0));
}

static void wait_a_tick(kh_node_use *use)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += TICK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&use->left, &use->lock, &until);
}

static kh_status wait_for_place_locked(seat *of, const kh_node *node, const kh_node_call *call, kh_error *err)
{
    int64_t deadline_ms = kh_clock_monotonic_ms() + call->wait_ms;
    kh_status status = KH_OK;

    of->urgent += call->urgent;
    while (status == KH_OK && !has_place(of, node, call->urgent)) {
        if (call->stop && kh_stop_raised(call->stop))
            status = kh_error_set(err, KH_E_CANCELLED, "stopping");
        else if (kh_clock_monotonic_ms() >= deadline_ms)
            status =
                kh_error_set(err, KH_E_BUSY, "node %s has its %u associations with us already", node->name, (unsigned)node->associations);
        else
            wait_a_tick(of->use);
    }
    of->urgent -= call->urgent;
    if (of->making_way > of->urgent)
        of->making_way = of->urgent;
    of->calls += status == KH_OK;
    return status;
}

kh_status kh_node_use_call(kh_node_use *use, const kh_node *node, const kh_node_call *call, void **place, kh_error *err)
{
    int64_t begin_ms = kh_clock_monotonic_ms();
    kh_status status;
    seat *of;

    pthread_mutex_lock(&use->lock);
    of = find_or_add_locked(use, node);
    status = of ? wait_for_place_locked(of, node, call, err) : kh_error_set(err, KH_E_MEMORY, "out of memory");
    pthread_mutex_unlock(&use->lock);
    *place = status == KH_OK ? of : NULL;
    begin_ms = kh_clock_monotonic_ms() - begin_ms;
    if (begin_ms >= TOLD_MS)
        kh_log(KH_LOG_INFO, "dicom", "node %s has %u associations: %s after %lld ms", node->name, (unsigned)node->associations,
               status == KH_OK ? "one of ours begins" : "one of ours is not made", (long long)begin_ms);
    return status;
}

void kh_node_use_hang_up(void *place)
{
    seat *of = place;
    kh_node_use *use = of->use;

    pthread_mutex_lock(&use->lock);
    of->calls--;
    pthread_cond_broadcast(&use->left);
    pthread_mutex_unlock(&use->lock);
}

bool kh_node_use_make_way(kh_node_use *use, int64_t node_id)
{
    bool told = false;
    seat *of;

    pthread_mutex_lock(&use->lock);
    of = find_locked(use, node_id);
    if (of && of->making_way < of->urgent)
        told = ++of->making_way > 0;
    pthread_mutex_unlock(&use->lock);
    return told;
}

void kh_node_use_reached(kh_node_use *use, const kh_node *node)
{
    seat *of;

    pthread_mutex_lock(&use->lock);
    of = find_or_add_locked(use, node);
    if (of)
        of->reached_ms = kh_clock_wall_ms();
    pthread_mutex_unlock(&use->lock);
}

size_t kh_node_use_contacts(kh_node_use *use, kh_node_contact *out, size_t max)
{
    size_t count = 0;

    pthread_mutex_lock(&use->lock);
    for (const seat *at = use->seats; at && count < max; at = at->next)
        out[count++] = (kh_node_contact){at->node_id, at->called_ms, at->reached_ms};
    pthread_mutex_unlock(&use->lock);
    return count;
}

kh_rate *kh_node_use_rate(kh_node_use *use, const kh_node *node)
{
    seat *of;

    pthread_mutex_lock(&use->lock);
    of = find_or_add_locked(use, node);
    pthread_mutex_unlock(&use->lock);
    if (!of)
        return NULL;
    kh_rate_set(of->rate, node->bytes_per_s);
    return of->rate;
}
