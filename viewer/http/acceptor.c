#include "viewer/http/acceptor.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"

#define EXHAUSTED_WAIT_MS 20 /* no descriptor or memory: those who hold them need a moment */

struct kh_http_acceptor {
    struct MHD_Daemon *daemon;
    int listen_fd, stop_fd;
    pthread_t thread;
};

/* False when nobody waits any more. */
static bool take_one(kh_http_acceptor *acceptor)
{
    struct sockaddr_storage address;
    socklen_t address_size = sizeof address;
    int fd = accept4(acceptor->listen_fd, (struct sockaddr *)&address, &address_size, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0) {
        const int now = 1;

        /* A handshake is written in several pieces: the second waited for a round trip until the first was acknowledged. */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &now, sizeof now);
        /* the library closes what it refuses: too many connections, in all or from one address */
        (void)MHD_add_connection(acceptor->daemon, fd, (const struct sockaddr *)&address, address_size);
        return true;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return false;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        kh_log(KH_LOG_WARN, "http", "a connection cannot be taken: %s", strerrordesc_np(errno));
        kh_clock_sleep_ms(EXHAUSTED_WAIT_MS);
        return false;
    }
    return true; /* this one went away while it waited */
}

static void *run(void *context)
{
    kh_http_acceptor *acceptor = context;
    struct pollfd fds[2] = {{.fd = acceptor->listen_fd, .events = POLLIN}, {.fd = acceptor->stop_fd, .events = POLLIN}};

    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            kh_clock_sleep_ms(EXHAUSTED_WAIT_MS);
        if (fds[1].revents)
            return NULL;
        while (fds[0].revents && take_one(acceptor)) {
            if (poll(&fds[1], 1, 0) > 0)
                return NULL;
        }
    }
}

kh_status kh_http_acceptor_create(kh_http_acceptor **out, struct MHD_Daemon *daemon, int listen_fd, kh_error *err)
{
    kh_http_acceptor *acceptor = calloc(1, sizeof *acceptor);

    *out = NULL;
    if (!acceptor)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the HTTP acceptor");
    acceptor->daemon = daemon;
    acceptor->listen_fd = listen_fd;
    acceptor->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (acceptor->stop_fd < 0 || pthread_create(&acceptor->thread, NULL, run, acceptor) != 0) {
        if (acceptor->stop_fd >= 0)
            close(acceptor->stop_fd);
        free(acceptor);
        return kh_error_set(err, KH_E_MEMORY, "the HTTP acceptor cannot start");
    }
    pthread_setname_np(acceptor->thread, "http-accept");
    *out = acceptor;
    return KH_OK;
}

void kh_http_acceptor_stop(kh_http_acceptor *acceptor)
{
    const uint64_t one = 1;
    ssize_t written;

    if (!acceptor)
        return;
    written = write(acceptor->stop_fd, &one, sizeof one);
    (void)written; /* an eventfd that was never written to takes it */
    pthread_join(acceptor->thread, NULL);
    close(acceptor->stop_fd);
    close(acceptor->listen_fd);
    free(acceptor);
}
