#include "access/hashing.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AT_ONCE 2
#define WAITING_MAX 16
#define WAIT_S 10
#define PASSES 2
#define MEMORY_BYTES ((size_t)64 << 20)

struct kh_hashing {
    pthread_mutex_t lock; /* guards the counts */
    pthread_cond_t left;
    unsigned inside, waiting;
    char nobody[KH_HASH_SIZE];
};

static kh_status hash(char out[KH_HASH_SIZE], const char *password, kh_error *err)
{
    _Static_assert(KH_HASH_SIZE >= crypto_pwhash_STRBYTES, "room for a hash");
    if (crypto_pwhash_str_alg(out, password, strlen(password), PASSES, MEMORY_BYTES, crypto_pwhash_ALG_ARGON2ID13) != 0)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the hash of a password");
    return KH_OK;
}

kh_status kh_hashing_create(kh_hashing **out, kh_error *err)
{
    kh_hashing *hashing = calloc(1, sizeof *hashing);
    pthread_condattr_t attributes;
    char secret[33];
    kh_status status;

    *out = NULL;
    if (!hashing)
        return kh_error_set(err, KH_E_MEMORY, "no memory for hashing");
    pthread_mutex_init(&hashing->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&hashing->left, &attributes);
    pthread_condattr_destroy(&attributes);
    for (size_t i = 0; i < 32; i++)
        secret[i] = (char)('a' + randombytes_uniform(26));
    secret[32] = '\0';
    status = hash(hashing->nobody, secret, err);
    sodium_memzero(secret, sizeof secret);
    if (status != KH_OK)
        kh_hashing_free(hashing);
    else
        *out = hashing;
    return status;
}

void kh_hashing_free(kh_hashing *hashing)
{
    if (!hashing)
        return;
    pthread_cond_destroy(&hashing->left);
    pthread_mutex_destroy(&hashing->lock);
    free(hashing);
}

static kh_status enter(kh_hashing *hashing, kh_error *err)
{
    struct timespec deadline;
    kh_status status = KH_OK;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += WAIT_S;
    pthread_mutex_lock(&hashing->lock);
    if (hashing->inside == AT_ONCE && hashing->waiting == WAITING_MAX)
        status = kh_error_set(err, KH_E_BUSY, "%d passwords wait to be looked at already", WAITING_MAX);
    hashing->waiting += status == KH_OK;
    while (status == KH_OK && hashing->inside == AT_ONCE)
        if (pthread_cond_timedwait(&hashing->left, &hashing->lock, &deadline) == ETIMEDOUT && hashing->inside == AT_ONCE) {
            hashing->waiting--;
            status = kh_error_set(err, KH_E_BUSY, "no password could be looked at within %d s", WAIT_S);
        }
    if (status == KH_OK) {
        hashing->waiting--;
        hashing->inside++;
    }
    pthread_mutex_unlock(&hashing->lock);
    return status;
}

static void leave(kh_hashing *hashing)
{
    pthread_mutex_lock(&hashing->lock);
    hashing->inside--;
    pthread_cond_signal(&hashing->left);
    pthread_mutex_unlock(&hashing->lock);
}

kh_status kh_hash_make(kh_hashing *hashing, char out[KH_HASH_SIZE], const char *password, kh_error *err)
{
    kh_status status = enter(hashing, err);

    if (status != KH_OK)
        return status;
    status = hash(out, password, err);
    leave(hashing);
    return status;
}

kh_status kh_hash_check(kh_hashing *hashing, bool *good, const char *of, const char *password, kh_error *err)
{
    bool there = of && of[0];
    kh_status status = enter(hashing, err);

    *good = false;
    if (status != KH_OK)
        return status;
    errno = 0;
    *good = crypto_pwhash_str_verify(there ? of : hashing->nobody, password, strlen(password)) == 0 && there;
    if (!*good && errno == ENOMEM)
        status = kh_error_set(err, KH_E_MEMORY, "no memory for the hash of a password");
    leave(hashing);
    return status;
}
