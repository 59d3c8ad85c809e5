#include "access/accounts_internal.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "base/log.h"

#define GUIDELINE_LENGTH 13
#define SEEN_EVERY_S 10

const kh_accounts_options kh_accounts_options_default = {
    .rule = KH_PASSWORD_GUIDELINE,
    .length_min = 13,
    .days = 90,
    .warn_days = 14,
    .list = "/usr/share/john/password.lst",
    .second_factor = true,
    .idle_ms = 15 * 60 * 1000,
    .absolute_ms = 12 * 60 * 60 * 1000,
    .network = "Kakehashi",
};

static kh_status check(const kh_accounts_options *options, kh_error *err)
{
    if (options->rule != KH_PASSWORD_NETWORKS && options->rule != KH_PASSWORD_GUIDELINE)
        return kh_error_set(err, KH_E_ARG, "rule of passwords is none, expected networks or guideline");
    if (options->length_min < 8 || options->length_min > 64)
        return kh_error_set(err, KH_E_ARG, "length of passwords %u, expected 8 to 64", options->length_min);
    if (options->idle_ms < 1000 || options->absolute_ms < options->idle_ms)
        return kh_error_set(err, KH_E_ARG, "the idle time is longer than the time until the end, or less than a second");
    return KH_OK;
}

/* ---- who was seen is written down by a thread of its own: keys and pointers wait for no disk ---- */

typedef struct seen_list {
    kh_seen rows[KH_SEEN_MAX];
    size_t count;
} seen_list;

static kh_status write_seen(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    const seen_list *list = context;
    kh_status status = KH_OK;

    (void)access;
    for (size_t i = 0; i < list->count && status == KH_OK; i++) {
        const kh_sql_value values[] = {KH_SQL_I(list->rows[i].session_id), KH_SQL_I(list->rows[i].seen_ms)};

        status = kh_sql_run(sql, "UPDATE session SET seen_ms = ?2 WHERE id = ?1 AND seen_ms < ?2", KH_ACCESS_VALUES(values), NULL, err);
    }
    return status;
}

/* What cannot be written locks somebody a little early after a restart, no more. */
static void note_seen(kh_accounts *accounts)
{
    seen_list list;
    kh_error err = KH_ERROR_INIT;

    list.count = kh_seats_take_seen(accounts->seats, list.rows);
    if (list.count > 0 && kh_access_change(accounts->access, write_seen, &list, &err) != KH_OK)
        kh_log(KH_LOG_WARN, "access", "who was seen could not be written down: %s", err.message);
}

static void *run(void *argument)
{
    kh_accounts *accounts = argument;
    bool stop = false;

    while (!stop) {
        struct timespec until;

        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += SEEN_EVERY_S;
        pthread_mutex_lock(&accounts->lock);
        if (!accounts->stop)
            pthread_cond_timedwait(&accounts->stopping, &accounts->lock, &until);
        stop = accounts->stop;
        pthread_mutex_unlock(&accounts->lock);
        note_seen(accounts);
    }
    return NULL;
}

static kh_status start(kh_accounts *accounts, kh_error *err)
{
    int code = pthread_create(&accounts->thread, NULL, run, accounts);

    if (code != 0)
        return kh_error_errno(err, code, "the thread of the accounts");
    accounts->running = true;
    return KH_OK;
}

static kh_status copy_texts(kh_accounts *accounts, const kh_accounts_options *options, kh_error *err)
{
    accounts->list = strdup(options->list ? options->list : "");
    accounts->network = strdup(options->network && options->network[0] ? options->network : "Kakehashi");
    if (!accounts->list || !accounts->network)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the accounts");
    accounts->options.list = accounts->list;
    accounts->options.network = accounts->network;
    return KH_OK;
}

kh_status kh_accounts_create(kh_accounts **out, kh_access *access, const kh_accounts_options *options, kh_error *err)
{
    kh_accounts *accounts = NULL;
    pthread_condattr_t attributes;
    kh_status status = check(options, err);

    *out = NULL;
    if (status != KH_OK)
        return status;
    accounts = calloc(1, sizeof *accounts);
    if (!accounts)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the accounts");
    accounts->access = access;
    accounts->options = *options;
    if (options->rule == KH_PASSWORD_GUIDELINE) {
        accounts->options.second_factor = true;
        if (options->length_min < GUIDELINE_LENGTH)
            accounts->options.length_min = GUIDELINE_LENGTH;
    }
    pthread_mutex_init(&accounts->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&accounts->stopping, &attributes);
    pthread_condattr_destroy(&attributes);
    status = copy_texts(accounts, options, err);
    if (status == KH_OK)
        status = kh_secret_prepare(err);
    if (status == KH_OK)
        status = kh_secret_key(accounts->key, kh_access_dir(access), err);
    if (status == KH_OK)
        status = kh_words_load(&accounts->words, accounts->list, err);
    if (status == KH_OK)
        status = kh_hashing_create(&accounts->hashing, err);
    if (status == KH_OK)
        status = kh_seats_create(&accounts->seats, options->idle_ms, err);
    if (status == KH_OK)
        status = start(accounts, err);
    if (status != KH_OK)
        kh_accounts_free(accounts);
    else
        *out = accounts;
    return status;
}

void kh_accounts_free(kh_accounts *accounts)
{
    if (!accounts)
        return;
    if (accounts->running) {
        pthread_mutex_lock(&accounts->lock);
        accounts->stop = true;
        pthread_cond_signal(&accounts->stopping);
        pthread_mutex_unlock(&accounts->lock);
        pthread_join(accounts->thread, NULL);
    }
    kh_seats_free(accounts->seats);
    kh_hashing_free(accounts->hashing);
    kh_words_free(accounts->words);
    sodium_memzero(accounts->key, sizeof accounts->key);
    pthread_cond_destroy(&accounts->stopping);
    pthread_mutex_destroy(&accounts->lock);
    free(accounts->list);
    free(accounts->network);
    free(accounts);
}

const kh_accounts_options *kh_accounts_settings(const kh_accounts *accounts)
{
    return &accounts->options;
}

kh_access *kh_accounts_access(kh_accounts *accounts)
{
    return accounts->access;
}

bool kh_address_loopback(const char *address)
{
    struct in_addr four;
    struct in6_addr six;

    if (inet_pton(AF_INET, address, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, address, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

bool kh_second_demanded(const kh_accounts *accounts, const char *address, int64_t terminal_id)
{
    return accounts->options.second_factor || (terminal_id == 0 && !kh_address_loopback(address));
}

kh_session_stage kh_session_stage_due(const kh_accounts *accounts, const kh_admission *admission, const char *address, int64_t terminal_id)
{
    if (admission->one_time)
        return KH_SESSION_PASSWORD;
    return !admission->second && kh_second_demanded(accounts, address, terminal_id) ? KH_SESSION_ENROL : KH_SESSION_OPEN;
}
