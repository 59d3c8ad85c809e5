#include "pacs-bridge/associations.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"

struct kh_associations {
    pthread_mutex_t lock; /* guards all that follows */
    kh_association places[KH_ASSOCIATIONS_MAX];
    bool taken[KH_ASSOCIATIONS_MAX];
    unsigned active;
    kh_association refusals[KH_REFUSALS_KEPT]; /* a ring */
    size_t refusal_count;                      /* ever */
    kh_turned_away away[KH_TURNED_AWAY_KEPT];  /* times 0: free */
};

kh_status kh_associations_create(kh_associations **out, kh_error *err)
{
    *out = calloc(1, sizeof(**out));
    if (!*out)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the table of associations");
    pthread_mutex_init(&(*out)->lock, NULL);
    return KH_OK;
}

void kh_associations_free(kh_associations *associations)
{
    if (!associations)
        return;
    pthread_mutex_destroy(&associations->lock);
    free(associations);
}

int kh_associations_enter(kh_associations *associations, const kh_association *association)
{
    int place = -1;

    if (!associations)
        return -1;
    pthread_mutex_lock(&associations->lock);
    for (int i = 0; i < KH_ASSOCIATIONS_MAX && place < 0; i++)
        if (!associations->taken[i])
            place = i;
    if (place >= 0) {
        associations->taken[place] = true;
        associations->places[place] = *association;
        associations->active++;
    }
    pthread_mutex_unlock(&associations->lock);
    return place;
}

void kh_associations_note(kh_associations *associations, int place, const kh_association_counts *counts)
{
    if (!associations || place < 0)
        return;
    pthread_mutex_lock(&associations->lock);
    associations->places[place].counts = *counts;
    pthread_mutex_unlock(&associations->lock);
}

void kh_associations_leave(kh_associations *associations, int place, uint16_t refused_status, const char *refused_words)
{
    if (!associations || place < 0)
        return;
    pthread_mutex_lock(&associations->lock);
    associations->taken[place] = false;
    associations->active--;
    if (associations->places[place].counts.refused > 0) {
        kh_association *kept = &associations->refusals[associations->refusal_count++ % KH_REFUSALS_KEPT];

        *kept = associations->places[place];
        kept->ended_ms = kh_clock_wall_ms();
        kept->refused_status = refused_status;
        snprintf(kept->refused_words, sizeof(kept->refused_words), "%s", refused_words);
    }
    pthread_mutex_unlock(&associations->lock);
}

static int newest_first(const void *a, const void *b)
{
    uint64_t left = ((const kh_association *)a)->number, right = ((const kh_association *)b)->number;

    return left < right ? 1 : left > right ? -1 : 0;
}

size_t kh_associations_list(kh_associations *associations, kh_association *out, size_t max, unsigned *active)
{
    kh_association *all = associations ? malloc(sizeof(associations->places)) : NULL;
    size_t count = 0;

    *active = 0;
    if (!all)
        return 0;
    pthread_mutex_lock(&associations->lock);
    *active = associations->active;
    for (size_t i = 0; i < KH_ASSOCIATIONS_MAX; i++)
        if (associations->taken[i])
            all[count++] = associations->places[i];
    pthread_mutex_unlock(&associations->lock);
    qsort(all, count, sizeof(*all), newest_first);
    count = count < max ? count : max;
    for (size_t i = 0; i < count; i++)
        out[i] = all[i];
    free(all);
    return count;
}

size_t kh_associations_refusals(kh_associations *associations, kh_association *out, size_t max)
{
    size_t count = 0;

    if (!associations)
        return 0;
    pthread_mutex_lock(&associations->lock);
    for (size_t i = associations->refusal_count; i > 0 && count < max && count < KH_REFUSALS_KEPT; i--)
        out[count++] = associations->refusals[(i - 1) % KH_REFUSALS_KEPT];
    pthread_mutex_unlock(&associations->lock);
    return count;
}

static bool same_call(const kh_turned_away *a, const kh_turned_away *b)
{
    return a->tls == b->tls && strcmp(a->address, b->address) == 0 && strcmp(a->calling, b->calling) == 0 &&
           strcmp(a->called, b->called) == 0 && strcmp(a->words, b->words) == 0;
}

/* A free place has last_ms 0 and so is the one that called longest ago. */
void kh_associations_turn_away(kh_associations *associations, const kh_turned_away *who)
{
    kh_turned_away *place;

    if (!associations)
        return;
    pthread_mutex_lock(&associations->lock);
    place = &associations->away[0];
    for (size_t i = 0; i < KH_TURNED_AWAY_KEPT; i++) {
        kh_turned_away *at = &associations->away[i];

        if (at->times > 0 && same_call(at, who)) {
            place = at;
            break;
        }
        if (at->last_ms < place->last_ms)
            place = at;
    }
    if (place->times == 0 || !same_call(place, who)) {
        *place = *who;
        place->times = 0;
    }
    place->times++;
    place->last_ms = kh_clock_wall_ms();
    pthread_mutex_unlock(&associations->lock);
}

static int last_first(const void *a, const void *b)
{
    int64_t left = ((const kh_turned_away *)a)->last_ms, right = ((const kh_turned_away *)b)->last_ms;

    return left < right ? 1 : left > right ? -1 : 0;
}

size_t kh_associations_turned_away(kh_associations *associations, kh_turned_away *out, size_t max)
{
    kh_turned_away *all = associations ? malloc(sizeof(associations->away)) : NULL;
    size_t count = 0;

    if (!all)
        return 0;
    pthread_mutex_lock(&associations->lock);
    for (size_t i = 0; i < KH_TURNED_AWAY_KEPT; i++)
        if (associations->away[i].times > 0)
            all[count++] = associations->away[i];
    pthread_mutex_unlock(&associations->lock);
    qsort(all, count, sizeof(*all), last_first);
    count = count < max ? count : max;
    for (size_t i = 0; i < count; i++)
        out[i] = all[i];
    free(all);
    return count;
}
