#include "dicom/shim/stop.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "base/clock.h"

struct kh_stop {
    int soft_fd, hard_fd; /* readable for ever once raised: nobody reads them */
};

kh_status kh_stop_create(kh_stop **out, kh_error *err)
{
    kh_stop *stop = malloc(sizeof(*stop));

    *out = NULL;
    if (!stop)
        return kh_error_set(err, KH_E_MEMORY, "out of memory");
    stop->soft_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    stop->hard_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (stop->soft_fd < 0 || stop->hard_fd < 0) {
        kh_status status = kh_error_errno(err, errno, "eventfd");
        kh_stop_free(stop);
        return status;
    }
    *out = stop;
    return KH_OK;
}

void kh_stop_free(kh_stop *stop)
{
    if (!stop)
        return;
    if (stop->soft_fd >= 0)
        close(stop->soft_fd);
    if (stop->hard_fd >= 0)
        close(stop->hard_fd);
    free(stop);
}

static void raise_fd(int fd)
{
    uint64_t one = 1;
    int saved = errno;
    ssize_t written = write(fd, &one, sizeof(one)); /* fails only when it is raised already */

    (void)written;
    errno = saved;
}

void kh_stop_soft(kh_stop *stop)
{
    raise_fd(stop->soft_fd);
}

void kh_stop_hard(kh_stop *stop)
{
    raise_fd(stop->soft_fd);
    raise_fd(stop->hard_fd);
}

bool kh_stop_raised(const kh_stop *stop)
{
    struct pollfd waiting = {.fd = stop->soft_fd, .events = POLLIN};

    return poll(&waiting, 1, 0) > 0;
}

int kh_stop_fd(const kh_stop *stop)
{
    return stop->soft_fd;
}

kh_status kh_stop_wait(const kh_stop *stop, bool soft, int fd, short events, long long deadline_ms, kh_error *err)
{
    for (;;) {
        struct pollfd waiting[2] = {{.fd = fd, .events = events}, {.fd = -1, .events = POLLIN}};
        int64_t left_ms = deadline_ms - kh_clock_monotonic_ms();
        int found;

        if (stop)
            waiting[1].fd = soft ? stop->soft_fd : stop->hard_fd;
        if (left_ms < 0)
            left_ms = 0;
        found = poll(waiting, 2, left_ms > INT_MAX ? INT_MAX : (int)left_ms);
        if (found < 0 && errno != EINTR)
            return kh_error_errno(err, errno, "poll");
        if (found > 0 && waiting[1].revents)
            return kh_error_set(err, KH_E_CANCELLED, "stopping");
        if (found > 0 && waiting[0].revents)
            return KH_OK;
        if (deadline_ms <= kh_clock_monotonic_ms())
            return kh_error_set(err, KH_E_TIMEOUT, "deadline passed");
    }
}
