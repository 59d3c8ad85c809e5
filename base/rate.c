#include "base/rate.h"

#include <pthread.h>
#include <stdlib.h>

#define PART_MIN 1024
#define SECOND_US 1000000

struct kh_rate {
    pthread_mutex_t lock;
    int64_t bytes_per_s; /* all guarded by lock */
    double left;         /* bytes that may be used now; below 0: in debt */
    int64_t filled_us;   /* monotonic, when left was true; 0: never */
};

kh_status kh_rate_create(kh_rate **out, int64_t bytes_per_s, kh_error *err)
{
    *out = calloc(1, sizeof(**out));
    if (!*out)
        return kh_error_set(err, KH_E_MEMORY, "out of memory");
    pthread_mutex_init(&(*out)->lock, NULL);
    (*out)->bytes_per_s = bytes_per_s;
    return KH_OK;
}

void kh_rate_free(kh_rate *rate)
{
    if (!rate)
        return;
    pthread_mutex_destroy(&rate->lock);
    free(rate);
}

void kh_rate_set(kh_rate *rate, int64_t bytes_per_s)
{
    pthread_mutex_lock(&rate->lock);
    if (rate->bytes_per_s != bytes_per_s)
        rate->left = 0; /* debts of another rate are not asked for at this one */
    rate->bytes_per_s = bytes_per_s;
    pthread_mutex_unlock(&rate->lock);
}

static void fill_locked(kh_rate *rate, int64_t now_us)
{
    double most = (double)rate->bytes_per_s / 4;

    if (rate->filled_us == 0)
        rate->left = most;
    else if (now_us > rate->filled_us)
        rate->left += (double)(now_us - rate->filled_us) * (double)rate->bytes_per_s / SECOND_US;
    if (rate->left > most)
        rate->left = most;
    if (now_us > rate->filled_us)
        rate->filled_us = now_us;
}

int64_t kh_rate_use(kh_rate *rate, size_t bytes, int64_t now_us)
{
    int64_t wait_us = 0;

    pthread_mutex_lock(&rate->lock);
    if (rate->bytes_per_s > 0) {
        fill_locked(rate, now_us);
        rate->left -= (double)bytes;
        if (rate->left < 0)
            wait_us = (int64_t)(-rate->left * SECOND_US / (double)rate->bytes_per_s);
    }
    pthread_mutex_unlock(&rate->lock);
    return wait_us;
}

size_t kh_rate_part(kh_rate *rate)
{
    int64_t bytes_per_s;

    pthread_mutex_lock(&rate->lock);
    bytes_per_s = rate->bytes_per_s;
    pthread_mutex_unlock(&rate->lock);
    if (bytes_per_s <= 0)
        return SIZE_MAX;
    return bytes_per_s / 8 < PART_MIN ? PART_MIN : (size_t)(bytes_per_s / 8);
}
