#include "access/horizons.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"

struct kh_horizons {
    pthread_mutex_t lock; /* guards the rest */
    struct kh_horizon_kept *kept[KH_HORIZONS_MAX];
    size_t rows;
};

kh_status kh_horizons_create(kh_horizons **out, kh_error *err)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return kh_error_set(err, KH_E_MEMORY, "no memory for horizons");
    pthread_mutex_init(&(*out)->lock, NULL);
    return KH_OK;
}

void kh_horizon_unuse(struct kh_horizon_kept *kept)
{
    if (!kept || atomic_fetch_sub(&kept->uses, 1) != 1)
        return;
    kh_horizon_grants_release(&kept->grants);
    free(kept->patients);
    free(kept);
}

static int compare(const void *a, const void *b)
{
    const kh_scope_patient *x = a, *y = b;
    int order = strcmp(x->facility, y->facility);

    return order ? order : strcmp(x->patient_id, y->patient_id);
}

bool kh_horizon_facts(const struct kh_horizon_kept *kept, const char *facility, const char *number, kh_gathered *out)
{
    const kh_scope_patient *found;
    kh_scope_patient key;

    if (kept->grants.patients == 0 || strlen(facility) >= sizeof key.facility || strlen(number) >= sizeof key.patient_id)
        return false;
    memcpy(key.facility, facility, strlen(facility) + 1);
    memcpy(key.patient_id, number, strlen(number) + 1);
    found = bsearch(&key, kept->patients, kept->count, sizeof key, compare);
    return found && kh_horizon_grants_get(&kept->grants, (size_t)(found - kept->patients), out);
}

void kh_horizons_free(kh_horizons *horizons)
{
    if (!horizons)
        return;
    for (size_t i = 0; i < KH_HORIZONS_MAX; i++)
        kh_horizon_unuse(horizons->kept[i]);
    pthread_mutex_destroy(&horizons->lock);
    free(horizons);
}

static bool is_of(const struct kh_horizon_kept *kept, const kh_subject *subject)
{
    return kept->person_id == subject->person_id && kept->facility_id == subject->facility_id && kept->role == subject->role &&
           kept->scopes == subject->scopes;
}

static size_t rows_of(const struct kh_horizon_kept *kept)
{
    return kept->count + kept->grants.count;
}

static void drop_locked(kh_horizons *horizons, size_t at)
{
    horizons->rows -= rows_of(horizons->kept[at]);
    kh_horizon_unuse(horizons->kept[at]);
    horizons->kept[at] = NULL;
}

struct kh_horizon_kept *kh_horizons_get(kh_horizons *horizons, const kh_subject *subject, uint64_t epoch)
{
    int64_t now_ms = kh_clock_monotonic_ms();
    struct kh_horizon_kept *found = NULL;

    pthread_mutex_lock(&horizons->lock);
    for (size_t i = 0; i < KH_HORIZONS_MAX && !found; i++) {
        struct kh_horizon_kept *kept = horizons->kept[i];

        if (kept && kept->epoch == epoch && is_of(kept, subject) && now_ms - kept->read_ms < KH_HORIZON_KEPT_MS) {
            kept->used_ms = now_ms;
            atomic_fetch_add(&kept->uses, 1);
            found = kept;
        }
    }
    pthread_mutex_unlock(&horizons->lock);
    return found;
}

/* The place for it: its own of before, an empty one, else that which was not used the longest. */
static size_t place_locked(const kh_horizons *horizons, const kh_subject *subject)
{
    size_t oldest = 0;

    for (size_t i = 0; i < KH_HORIZONS_MAX; i++)
        if (horizons->kept[i] && is_of(horizons->kept[i], subject))
            return i;
    for (size_t i = 0; i < KH_HORIZONS_MAX; i++) {
        if (!horizons->kept[i])
            return i;
        if (horizons->kept[i]->used_ms < horizons->kept[oldest]->used_ms)
            oldest = i;
    }
    return oldest;
}

static void make_room_locked(kh_horizons *horizons, size_t rows)
{
    while (horizons->rows + rows > KH_HORIZONS_ROWS_MAX) {
        size_t oldest = KH_HORIZONS_MAX;

        for (size_t i = 0; i < KH_HORIZONS_MAX; i++)
            if (horizons->kept[i] && (oldest == KH_HORIZONS_MAX || horizons->kept[i]->used_ms < horizons->kept[oldest]->used_ms))
                oldest = i;
        drop_locked(horizons, oldest);
    }
}

void kh_horizons_put(kh_horizons *horizons, struct kh_horizon_kept *kept)
{
    const kh_subject subject = {.person_id = kept->person_id, .facility_id = kept->facility_id, .role = kept->role, .scopes = kept->scopes};
    size_t at;

    if (rows_of(kept) > KH_HORIZONS_ROWS_MAX / 2)
        return;
    pthread_mutex_lock(&horizons->lock);
    at = place_locked(horizons, &subject);
    if (horizons->kept[at])
        drop_locked(horizons, at);
    make_room_locked(horizons, rows_of(kept));
    kept->used_ms = kept->read_ms;
    atomic_fetch_add(&kept->uses, 1);
    horizons->kept[at] = kept;
    horizons->rows += rows_of(kept);
    pthread_mutex_unlock(&horizons->lock);
}
