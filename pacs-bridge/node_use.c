#include "pacs-bridge/node_use.h"

#include <pthread.h>
#include <stdlib.h>
#include "base/clock.h"

/* Of a node that was ever met: there are few, and a rate must outlive who uses it. */
typedef struct seat {
    struct seat *next;
    int64_t node_id;
    unsigned associations;
    int64_t called_ms, reached_ms;
    kh_rate *rate;
} seat;

struct kh_node_use {
    pthread_mutex_t lock;
    seat *seats; /* guarded by lock, but rates are threads' own matter */
};

kh_status kh_node_use_create(kh_node_use **out, kh_error *err)
{
    *out = calloc(1, sizeof(**out));
    if (!*out)
        return kh_error_set(err, KH_E_MEMORY, "out of memory");
    pthread_mutex_init(&(*out)->lock, NULL);
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
