#include "dicom/shim/acceptor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/queue.h"
#include "dicom/shim/arrival.h"

#define REJECTERS 2
#define FIRST 3 /* polled before it: stop and the two listening sockets */
#define ACCEPT_PAUSE_MS 50 /* when the process has no descriptor left */

struct kh_acceptor {
    kh_acceptor_options options;
    kh_queue *ready; /* of kh_arrival */
    pthread_t acceptor;
    bool has_acceptor;
    pthread_t *workers;
    unsigned worker_count;
    kh_arrival **waiting; /* the acceptor's, oldest first */
    unsigned waiting_count;
    struct pollfd *polled;
    _Atomic uint64_t numbers, accepted, rejected, broken;
    _Atomic unsigned active;
    pthread_mutex_t lock;
    char (*addresses)[INET_ADDRSTRLEN]; /* of the active associations, "" is a free place; guarded by lock */
};

/* --- the acceptor's thread --- */

static void forget_waiting(kh_acceptor *acceptor, unsigned index)
{
    acceptor->waiting_count--;
    memmove(acceptor->waiting + index, acceptor->waiting + index + 1,
            (acceptor->waiting_count - index) * sizeof(*acceptor->waiting));
}

static void drop_waiting(kh_acceptor *acceptor, unsigned index, const char *why)
{
    kh_arrival *one = acceptor->waiting[index];

    kh_log(KH_LOG_WARN, "dicom", "connection from %s closed: %s", one->address, why);
    atomic_fetch_add(&acceptor->broken, 1);
    kh_arrival_free(one);
    forget_waiting(acceptor, index);
}

static void accept_one(kh_acceptor *acceptor, bool tls)
{
    struct sockaddr_in from;
    socklen_t size = sizeof(from);
    int fd = accept4(tls ? acceptor->options.tls_listen_fd : acceptor->options.listen_fd, (struct sockaddr *)&from, &size, SOCK_CLOEXEC);
    unsigned generation = tls ? kh_tls_store_generation(acceptor->options.tls) : 0;
    kh_tls_credentials *credentials = NULL;
    kh_error err = KH_ERROR_INIT;
    kh_arrival *one = NULL;

    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            kh_clock_sleep_ms(ACCEPT_PAUSE_MS);
        return;
    }
    if (tls && !(credentials = kh_tls_store_get(acceptor->options.tls))) {
        kh_log(KH_LOG_WARN, "dicom", "connection by TLS closed: there is no good certificate of ours");
        close(fd);
        return;
    }
    if (kh_arrival_create(&one, fd, &from, credentials, &err) != KH_OK)
        kh_log(KH_LOG_WARN, "dicom", "connection closed: %s", err.message);
    kh_tls_credentials_unref(credentials);
    if (!one)
        return;
    if (tls)
        kh_tls_follow(one->tls, acceptor->options.tls, generation);
    one->deadline_ms = kh_clock_monotonic_ms() + acceptor->options.limits.associate_ms;
    if (acceptor->waiting_count == acceptor->options.waiting_max)
        drop_waiting(acceptor, 0, "too many connections wait; this one has been silent longest");
    acceptor->waiting[acceptor->waiting_count++] = one;
}

/* True when waiting[index] is gone from the list. */
static bool advance(kh_acceptor *acceptor, unsigned index)
{
    kh_arrival *one = acceptor->waiting[index];
    kh_error err = KH_ERROR_INIT;
    kh_status status = kh_arrival_read(one, &err);

    if (status == KH_E_BUSY) {
        if (kh_clock_monotonic_ms() < one->deadline_ms)
            return false;
        drop_waiting(acceptor, index, one->tls && !one->shaken ? "no TLS handshake in time" : "no association was asked for in time");
        return true;
    }
    if (status == KH_OK)
        status = kh_queue_push(acceptor->ready, one, &err);
    if (status == KH_OK) {
        forget_waiting(acceptor, index);
        return true;
    }
    kh_arrival_abort(one);
    drop_waiting(acceptor, index, err.message);
    return true;
}

static int poll_timeout_ms(const kh_acceptor *acceptor)
{
    int64_t left_ms;

    if (acceptor->waiting_count == 0)
        return -1;
    left_ms = acceptor->waiting[0]->deadline_ms - kh_clock_monotonic_ms(); /* the oldest has the first deadline */
    return left_ms < 0 ? 0 : left_ms > 1000 ? 1000 : (int)left_ms + 1;
}

static void *acceptor_main(void *argument)
{
    kh_acceptor *acceptor = argument;
    struct pollfd *polled = acceptor->polled;

    while (!kh_stop_raised(acceptor->options.stop)) {
        unsigned count = acceptor->waiting_count;

        polled[0] = (struct pollfd){.fd = kh_stop_fd(acceptor->options.stop), .events = POLLIN};
        polled[1] = (struct pollfd){.fd = acceptor->options.listen_fd, .events = POLLIN};
        polled[2] = (struct pollfd){.fd = acceptor->options.tls_listen_fd, .events = POLLIN}; /* -1 is passed over */
        for (unsigned i = 0; i < count; i++)
            polled[FIRST + i] = (struct pollfd){.fd = acceptor->waiting[i]->fd, .events = kh_arrival_events(acceptor->waiting[i])};
        if (poll(polled, FIRST + count, poll_timeout_ms(acceptor)) < 0)
            continue;
        for (unsigned i = count; i-- > 0;) /* downwards: those that go do not move the ones still to come */
            if (polled[FIRST + i].revents || acceptor->waiting[i]->deadline_ms <= kh_clock_monotonic_ms())
                (void)advance(acceptor, i);
        if (polled[1].revents)
            accept_one(acceptor, false);
        if (polled[2].revents)
            accept_one(acceptor, true);
    }
    while (acceptor->waiting_count > 0)
        drop_waiting(acceptor, 0, "stopping");
    kh_queue_close(acceptor->ready);
    return NULL;
}

/* --- the threads that serve --- */

typedef struct deciding {
    kh_acceptor *acceptor;
    const char *address;
    char *place;  /* in addresses, NULL while not counted there */
    bool counted; /* in active */
    bool accepted;
} deciding;

/* Note the address among the active ones; false when it has as many as it may. */
static bool take_place(deciding *with)
{
    kh_acceptor *acceptor = with->acceptor;
    unsigned limit = acceptor->options.per_address_max, same = 0;
    char *unused = NULL;

    pthread_mutex_lock(&acceptor->lock);
    for (unsigned i = 0; i < acceptor->worker_count; i++) {
        if (!acceptor->addresses[i][0])
            unused = acceptor->addresses[i];
        else if (strcmp(acceptor->addresses[i], with->address) == 0)
            same++;
    }
    if (unused && (limit == 0 || same < limit)) {
        memcpy(unused, with->address, strlen(with->address) + 1);
        with->place = unused;
    }
    pthread_mutex_unlock(&acceptor->lock);
    return with->place != NULL;
}

static void leave_place(deciding *with)
{
    if (!with->place)
        return;
    pthread_mutex_lock(&with->acceptor->lock);
    with->place[0] = '\0';
    pthread_mutex_unlock(&with->acceptor->lock);
}

static kh_reject decide(void *context, kh_assoc_request *request)
{
    deciding *with = context;
    kh_acceptor *acceptor = with->acceptor;
    kh_reject reject;

    if (kh_stop_raised(acceptor->options.stop))
        return KH_REJECT_CONGESTION;
    with->counted = true;
    if (atomic_fetch_add(&acceptor->active, 1) >= acceptor->options.associations_max)
        return KH_REJECT_LOCAL_LIMIT;
    if (!take_place(with))
        return KH_REJECT_LOCAL_LIMIT;
    reject = acceptor->options.accept(acceptor->options.context, request);
    with->accepted = reject == KH_REJECT_NOT;
    return reject;
}

static int choose(void *context, const kh_assoc_request *request, const char *abstract_syntax, const char *const *transfer_syntaxes,
                  size_t count, bool as_scp)
{
    deciding *with = context;

    return with->acceptor->options.choose(with->acceptor->options.context, request, abstract_syntax, transfer_syntaxes, count,
                                          as_scp);
}

static void serve_arrival(kh_acceptor *acceptor, kh_arrival *one)
{
    uint64_t number = atomic_fetch_add(&acceptor->numbers, 1) + 1;
    deciding with = {.acceptor = acceptor, .address = one->address};
    kh_assoc_request request;
    kh_error err = KH_ERROR_INIT;
    kh_assoc *assoc = NULL;
    kh_tls *tls = one->tls;
    int fd = one->fd;
    kh_status status;

    one->fd = -1;
    one->tls = NULL;
    status = kh_assoc_accept_fd(&assoc, fd, tls, one->pdu, one->size, &acceptor->options.limits, acceptor->options.stop, decide,
                                choose, &with, &request, &err);
    if (status == KH_OK) {
        atomic_fetch_add(&acceptor->accepted, 1);
        free(one->pdu); /* not needed for the life of the association */
        one->pdu = NULL;
        acceptor->options.serve(acceptor->options.context, assoc, &request, number);
        kh_assoc_free(assoc);
    } else {
        atomic_fetch_add(status == KH_E_DENIED ? &acceptor->rejected : &acceptor->broken, 1);
        kh_log(KH_LOG_WARN, "dicom", "association %llu from %s, %s to %s: %s", (unsigned long long)number, one->address,
               request.calling, request.called, err.message);
    }
    if (with.accepted && acceptor->options.left)
        acceptor->options.left(acceptor->options.context, &request);
    leave_place(&with);
    if (with.counted)
        atomic_fetch_sub(&acceptor->active, 1);
}

static void *worker_main(void *argument)
{
    kh_acceptor *acceptor = argument;
    kh_arrival *one;

    while ((one = kh_queue_pop(acceptor->ready, -1)) != NULL) {
        serve_arrival(acceptor, one);
        kh_arrival_free(one);
    }
    return NULL;
}

/* --- start and stop --- */

static void acceptor_free(kh_acceptor *acceptor)
{
    kh_queue_free(acceptor->ready);
    pthread_mutex_destroy(&acceptor->lock);
    free(acceptor->addresses);
    free(acceptor->workers);
    free(acceptor->waiting);
    free(acceptor->polled);
    free(acceptor);
}

static kh_status start_threads(kh_acceptor *acceptor, kh_error *err)
{
    unsigned wanted = acceptor->options.associations_max + REJECTERS;
    int failed = 0;

    while (!failed && acceptor->worker_count < wanted) {
        failed = pthread_create(&acceptor->workers[acceptor->worker_count], NULL, worker_main, acceptor);
        if (!failed)
            acceptor->worker_count++;
    }
    if (!failed) {
        failed = pthread_create(&acceptor->acceptor, NULL, acceptor_main, acceptor);
        acceptor->has_acceptor = !failed;
    }
    return failed ? kh_error_errno(err, failed, "starting the association threads") : KH_OK;
}

static kh_status check_options(const kh_acceptor_options *options, kh_error *err)
{
    if (options->associations_max < 1 || options->associations_max > 254)
        return kh_error_set(err, KH_E_ARG, "associations_max %u, expected 1 to 254", options->associations_max);
    if (options->waiting_max < 1 || options->waiting_max > 4096)
        return kh_error_set(err, KH_E_ARG, "waiting_max %u, expected 1 to 4096", options->waiting_max);
    if (options->tls && options->tls_listen_fd >= 0 &&
        fcntl(options->tls_listen_fd, F_SETFL, fcntl(options->tls_listen_fd, F_GETFL) | O_NONBLOCK) != 0)
        return kh_error_errno(err, errno, "listening socket for TLS");
    if (fcntl(options->listen_fd, F_SETFL, fcntl(options->listen_fd, F_GETFL) | O_NONBLOCK) != 0)
        return kh_error_errno(err, errno, "listening socket");
    return KH_OK;
}

kh_status kh_acceptor_start(kh_acceptor **out, const kh_acceptor_options *options, kh_error *err)
{
    kh_acceptor *acceptor = NULL;
    kh_status status = check_options(options, err);

    *out = NULL;
    if (status == KH_OK)
        status = kh_net_init(err);
    if (status != KH_OK)
        return status;
    acceptor = calloc(1, sizeof(*acceptor));
    if (!acceptor)
        return kh_error_set(err, KH_E_MEMORY, "out of memory");
    acceptor->options = *options;
    if (!options->tls)
        acceptor->options.tls_listen_fd = -1;
    pthread_mutex_init(&acceptor->lock, NULL);
    acceptor->addresses = calloc(options->associations_max + REJECTERS, sizeof(*acceptor->addresses));
    acceptor->workers = calloc(options->associations_max + REJECTERS, sizeof(*acceptor->workers));
    acceptor->waiting = calloc(options->waiting_max, sizeof(*acceptor->waiting));
    acceptor->polled = calloc(options->waiting_max + FIRST, sizeof(*acceptor->polled));
    if (!acceptor->addresses || !acceptor->workers || !acceptor->waiting || !acceptor->polled)
        status = kh_error_set(err, KH_E_MEMORY, "out of memory");
    if (status == KH_OK)
        status = kh_queue_create(&acceptor->ready, options->waiting_max, err);
    if (status != KH_OK) {
        acceptor_free(acceptor);
        return status;
    }
    status = start_threads(acceptor, err);
    if (status != KH_OK) {
        kh_acceptor_drain(acceptor, 0);
        return status;
    }
    *out = acceptor;
    return KH_OK;
}

void kh_acceptor_get_stats(kh_acceptor *acceptor, kh_acceptor_stats *out)
{
    out->accepted = atomic_load(&acceptor->accepted);
    out->rejected = atomic_load(&acceptor->rejected);
    out->broken = atomic_load(&acceptor->broken);
    out->active = atomic_load(&acceptor->active);
}

static void close_listeners(const kh_acceptor *acceptor)
{
    if (!acceptor->options.closes_listeners)
        return;
    close(acceptor->options.listen_fd);
    if (acceptor->options.tls_listen_fd >= 0)
        close(acceptor->options.tls_listen_fd);
}

void kh_acceptor_drain(kh_acceptor *acceptor, int64_t drain_ms)
{
    int64_t deadline_ms = kh_clock_monotonic_ms() + drain_ms;

    if (!acceptor)
        return;
    kh_stop_soft(acceptor->options.stop);
    if (acceptor->has_acceptor)
        pthread_join(acceptor->acceptor, NULL);
    else
        kh_queue_close(acceptor->ready);
    close_listeners(acceptor);
    while (atomic_load(&acceptor->active) > 0 && kh_clock_monotonic_ms() < deadline_ms)
        kh_clock_sleep_ms(10);
    kh_stop_hard(acceptor->options.stop);
    for (unsigned i = 0; i < acceptor->worker_count; i++)
        pthread_join(acceptor->workers[i], NULL);
    acceptor_free(acceptor);
}
