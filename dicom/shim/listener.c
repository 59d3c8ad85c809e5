#include "dicom/shim/listener.h"

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
#include "dicom/shim/associate_check.h"

#define REJECTERS 2
#define ACCEPT_PAUSE_MS 50 /* when the process has no descriptor left */

/* A connection on its way to an association. */
typedef struct arrival {
    int fd;
    int64_t deadline_ms;
    uint8_t head[KH_PDU_HEAD_BYTES];
    uint8_t *pdu;   /* malloc'ed once the length is known and believed */
    size_t size;    /* bytes of the PDU, head included; 0 while not known */
    size_t got;
    char address[INET_ADDRSTRLEN];
} arrival;

struct kh_listener {
    kh_listener_options options;
    kh_queue *ready; /* of arrival */
    pthread_t acceptor;
    bool has_acceptor;
    pthread_t *workers;
    unsigned worker_count;
    arrival **waiting; /* the acceptor's, oldest first */
    unsigned waiting_count;
    struct pollfd *polled;
    _Atomic uint64_t numbers, accepted, rejected, broken;
    _Atomic unsigned active;
};

static void arrival_free(arrival *one)
{
    if (!one)
        return;
    if (one->fd >= 0)
        close(one->fd);
    free(one->pdu);
    free(one);
}

/* --- the acceptor's thread --- */

static void forget_waiting(kh_listener *listener, unsigned index)
{
    listener->waiting_count--;
    memmove(listener->waiting + index, listener->waiting + index + 1,
            (listener->waiting_count - index) * sizeof(*listener->waiting));
}

static void drop_waiting(kh_listener *listener, unsigned index, const char *why)
{
    arrival *one = listener->waiting[index];

    kh_log(KH_LOG_WARN, "dicom", "connection from %s closed: %s", one->address, why);
    atomic_fetch_add(&listener->broken, 1);
    arrival_free(one);
    forget_waiting(listener, index);
}

static void accept_one(kh_listener *listener)
{
    struct sockaddr_in from;
    socklen_t size = sizeof(from);
    int fd = accept4(listener->options.listen_fd, (struct sockaddr *)&from, &size, SOCK_CLOEXEC);
    arrival *one;

    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            kh_clock_sleep_ms(ACCEPT_PAUSE_MS);
        return;
    }
    one = calloc(1, sizeof(*one));
    if (!one) {
        close(fd);
        return;
    }
    one->fd = fd;
    one->deadline_ms = kh_clock_monotonic_ms() + listener->options.limits.associate_ms;
    if (from.sin_family != AF_INET || !inet_ntop(AF_INET, &from.sin_addr, one->address, sizeof(one->address)))
        memcpy(one->address, "?", 2);
    if (listener->waiting_count == listener->options.waiting_max)
        drop_waiting(listener, 0, "too many connections wait; this one has been silent longest");
    listener->waiting[listener->waiting_count++] = one;
}

/* The head is there: believe its length or not. */
static kh_status take_head(arrival *one, kh_error *err)
{
    size_t length = (size_t)one->head[2] << 24 | (size_t)one->head[3] << 16 | (size_t)one->head[4] << 8 | one->head[5];

    if (one->head[0] != 0x01)
        return kh_error_set(err, KH_E_FORMAT, "PDU type %02X, expected 01 (A-ASSOCIATE-RQ)", one->head[0]);
    if (length > KH_ASSOCIATE_BYTES_MAX)
        return kh_error_set(err, KH_E_LIMIT, "A-ASSOCIATE-RQ of %zu bytes, limit %d", length, KH_ASSOCIATE_BYTES_MAX);
    one->pdu = malloc(KH_PDU_HEAD_BYTES + length);
    if (!one->pdu)
        return kh_error_set(err, KH_E_MEMORY, "out of memory");
    memcpy(one->pdu, one->head, KH_PDU_HEAD_BYTES);
    one->size = KH_PDU_HEAD_BYTES + length;
    return KH_OK;
}

/* Read what is there; KH_E_BUSY while more has to come. */
static kh_status read_some(arrival *one, kh_error *err)
{
    for (;;) {
        size_t want = (one->size ? one->size : KH_PDU_HEAD_BYTES) - one->got;
        uint8_t *to = (one->size ? one->pdu : one->head) + one->got;
        ssize_t got = want ? recv(one->fd, to, want, MSG_DONTWAIT) : 0;
        kh_status status;

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return KH_E_BUSY;
        if (got <= 0 && want)
            return kh_error_set(err, KH_E_PEER, "closed by the peer before it asked for an association");
        one->got += (size_t)got;
        if (!one->size && one->got == KH_PDU_HEAD_BYTES) {
            status = take_head(one, err);
            if (status != KH_OK)
                return status;
        }
        if (one->size && one->got == one->size)
            return kh_associate_check(one->pdu, one->size, err);
    }
}

/* True when waiting[index] is gone from the list. */
static bool advance(kh_listener *listener, unsigned index)
{
    static const uint8_t abort_pdu[10] = {0x07, 0, 0, 0, 0, 4, 0, 0, 2, 6}; /* provider, invalid PDU parameter value */
    arrival *one = listener->waiting[index];
    kh_error err = KH_ERROR_INIT;
    kh_status status = read_some(one, &err);

    if (status == KH_E_BUSY) {
        if (kh_clock_monotonic_ms() < one->deadline_ms)
            return false;
        drop_waiting(listener, index, "no association was asked for in time");
        return true;
    }
    if (status == KH_OK)
        status = kh_queue_push(listener->ready, one, &err);
    if (status == KH_OK) {
        forget_waiting(listener, index);
        return true;
    }
    if (one->got > 0)
        (void)!send(one->fd, abort_pdu, sizeof(abort_pdu), MSG_DONTWAIT | MSG_NOSIGNAL);
    drop_waiting(listener, index, err.message);
    return true;
}

static int poll_timeout_ms(const kh_listener *listener)
{
    int64_t left_ms;

    if (listener->waiting_count == 0)
        return -1;
    left_ms = listener->waiting[0]->deadline_ms - kh_clock_monotonic_ms(); /* the oldest has the first deadline */
    return left_ms < 0 ? 0 : left_ms > 1000 ? 1000 : (int)left_ms + 1;
}

static void *acceptor_main(void *argument)
{
    kh_listener *listener = argument;
    struct pollfd *polled = listener->polled;

    while (!kh_stop_raised(listener->options.stop)) {
        unsigned count = listener->waiting_count;

        polled[0] = (struct pollfd){.fd = kh_stop_fd(listener->options.stop), .events = POLLIN};
        polled[1] = (struct pollfd){.fd = listener->options.listen_fd, .events = POLLIN};
        for (unsigned i = 0; i < count; i++)
            polled[2 + i] = (struct pollfd){.fd = listener->waiting[i]->fd, .events = POLLIN};
        if (poll(polled, 2 + count, poll_timeout_ms(listener)) < 0)
            continue;
        for (unsigned i = count; i-- > 0;) /* downwards: those that go do not move the ones still to come */
            if (polled[2 + i].revents || listener->waiting[i]->deadline_ms <= kh_clock_monotonic_ms())
                (void)advance(listener, i);
        if (polled[1].revents)
            accept_one(listener);
    }
    while (listener->waiting_count > 0)
        drop_waiting(listener, 0, "stopping");
    kh_queue_close(listener->ready);
    return NULL;
}

/* --- the threads that serve --- */

typedef struct deciding {
    kh_listener *listener;
    bool counted; /* in active */
} deciding;

static kh_reject decide(void *context, const kh_assoc_request *request)
{
    deciding *with = context;
    kh_listener *listener = with->listener;

    if (kh_stop_raised(listener->options.stop))
        return KH_REJECT_CONGESTION;
    with->counted = true;
    if (atomic_fetch_add(&listener->active, 1) >= listener->options.associations_max)
        return KH_REJECT_LOCAL_LIMIT;
    return listener->options.accept(listener->options.context, request);
}

static int choose(void *context, const char *abstract_syntax, const char *const *transfer_syntaxes, size_t count)
{
    deciding *with = context;

    return with->listener->options.choose(with->listener->options.context, abstract_syntax, transfer_syntaxes, count);
}

static void serve_arrival(kh_listener *listener, arrival *one)
{
    uint64_t number = atomic_fetch_add(&listener->numbers, 1) + 1;
    deciding with = {listener, false};
    kh_assoc_request request;
    kh_error err = KH_ERROR_INIT;
    kh_assoc *assoc = NULL;
    int fd = one->fd;
    kh_status status;

    one->fd = -1;
    status = kh_assoc_accept_fd(&assoc, fd, one->pdu, one->size, &listener->options.limits, listener->options.stop, decide,
                                choose, &with, &request, &err);
    if (status == KH_OK) {
        atomic_fetch_add(&listener->accepted, 1);
        free(one->pdu); /* not needed for the life of the association */
        one->pdu = NULL;
        listener->options.serve(listener->options.context, assoc, &request, number);
        kh_assoc_free(assoc);
    } else {
        atomic_fetch_add(status == KH_E_DENIED ? &listener->rejected : &listener->broken, 1);
        kh_log(KH_LOG_WARN, "dicom", "association %llu from %s, %s to %s: %s", (unsigned long long)number, one->address,
               request.calling, request.called, err.message);
    }
    if (with.counted)
        atomic_fetch_sub(&listener->active, 1);
}

static void *worker_main(void *argument)
{
    kh_listener *listener = argument;
    arrival *one;

    while ((one = kh_queue_pop(listener->ready, -1)) != NULL) {
        serve_arrival(listener, one);
        arrival_free(one);
    }
    return NULL;
}

/* --- start and stop --- */

static void listener_free(kh_listener *listener)
{
    kh_queue_free(listener->ready);
    free(listener->workers);
    free(listener->waiting);
    free(listener->polled);
    free(listener);
}

static kh_status start_threads(kh_listener *listener, kh_error *err)
{
    unsigned wanted = listener->options.associations_max + REJECTERS;
    int failed = 0;

    while (!failed && listener->worker_count < wanted) {
        failed = pthread_create(&listener->workers[listener->worker_count], NULL, worker_main, listener);
        if (!failed)
            listener->worker_count++;
    }
    if (!failed) {
        failed = pthread_create(&listener->acceptor, NULL, acceptor_main, listener);
        listener->has_acceptor = !failed;
    }
    return failed ? kh_error_errno(err, failed, "starting the association threads") : KH_OK;
}

static kh_status check_options(const kh_listener_options *options, kh_error *err)
{
    if (options->associations_max < 1 || options->associations_max > 254)
        return kh_error_set(err, KH_E_ARG, "associations_max %u, expected 1 to 254", options->associations_max);
    if (options->waiting_max < 1 || options->waiting_max > 4096)
        return kh_error_set(err, KH_E_ARG, "waiting_max %u, expected 1 to 4096", options->waiting_max);
    if (fcntl(options->listen_fd, F_SETFL, fcntl(options->listen_fd, F_GETFL) | O_NONBLOCK) != 0)
        return kh_error_errno(err, errno, "listening socket");
    return KH_OK;
}

kh_status kh_listener_start(kh_listener **out, const kh_listener_options *options, kh_error *err)
{
    kh_listener *listener = NULL;
    kh_status status = check_options(options, err);

    *out = NULL;
    if (status == KH_OK)
        status = kh_net_init(err);
    if (status != KH_OK)
        return status;
    listener = calloc(1, sizeof(*listener));
    if (!listener)
        return kh_error_set(err, KH_E_MEMORY, "out of memory");
    listener->options = *options;
    listener->workers = calloc(options->associations_max + REJECTERS, sizeof(*listener->workers));
    listener->waiting = calloc(options->waiting_max, sizeof(*listener->waiting));
    listener->polled = calloc(options->waiting_max + 2, sizeof(*listener->polled));
    if (!listener->workers || !listener->waiting || !listener->polled)
        status = kh_error_set(err, KH_E_MEMORY, "out of memory");
    if (status == KH_OK)
        status = kh_queue_create(&listener->ready, options->waiting_max, err);
    if (status != KH_OK) {
        listener_free(listener);
        return status;
    }
    status = start_threads(listener, err);
    if (status != KH_OK) {
        kh_listener_drain(listener, 0);
        return status;
    }
    *out = listener;
    return KH_OK;
}

void kh_listener_get_stats(kh_listener *listener, kh_listener_stats *out)
{
    out->accepted = atomic_load(&listener->accepted);
    out->rejected = atomic_load(&listener->rejected);
    out->broken = atomic_load(&listener->broken);
    out->active = atomic_load(&listener->active);
}

void kh_listener_drain(kh_listener *listener, int64_t drain_ms)
{
    int64_t deadline_ms = kh_clock_monotonic_ms() + drain_ms;

    if (!listener)
        return;
    kh_stop_soft(listener->options.stop);
    if (listener->has_acceptor)
        pthread_join(listener->acceptor, NULL);
    else
        kh_queue_close(listener->ready);
    while (atomic_load(&listener->active) > 0 && kh_clock_monotonic_ms() < deadline_ms)
        kh_clock_sleep_ms(10);
    kh_stop_hard(listener->options.stop);
    for (unsigned i = 0; i < listener->worker_count; i++)
        pthread_join(listener->workers[i], NULL);
    listener_free(listener);
}
