#include "pacs-bridge/control.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "pacs-bridge/control_ops.h"
#include "pacs-bridge/control_socket.h"
#include "store/file.h"

#define BETWEEN_LINES_MS 60000
#define LINE_MS 10000 /* for the rest of a line that has begun, and for an answer */

struct kh_control {
    kh_control_server server;
    kh_stop *stop;
    int listen_fd;
    pthread_t threads[KH_CONTROL_CLIENTS_MAX];
    unsigned thread_count;
};

/* Only our own user and root may ask, whatever became of the file's mode. */
static bool is_allowed(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && (peer.uid == geteuid() || peer.uid == 0);
}

static kh_status read_line(const kh_control *control, int fd, kh_buf *pending, kh_buf *line, kh_error *err)
{
    while (!kh_control_take_line(pending, line)) {
        int64_t wait_ms = pending->size > 0 ? LINE_MS : BETWEEN_LINES_MS;
        kh_status status = kh_control_read(fd, pending, control->stop, kh_clock_monotonic_ms() + wait_ms, err);

        if (status != KH_OK)
            return status;
    }
    return KH_OK;
}

static void serve_client(kh_control *control, int fd)
{
    kh_buf pending, line, answer;
    kh_status status = KH_OK;

    kh_buf_init(&pending, KH_CONTROL_LINE_MAX + 1);
    kh_buf_init(&line, KH_CONTROL_LINE_MAX + 1);
    kh_buf_init(&answer, KH_CONTROL_LINE_MAX);
    while (status == KH_OK) {
        kh_error err = KH_ERROR_INIT;
        status = read_line(control, fd, &pending, &line, &err);
        if (status == KH_E_LIMIT)
            kh_log(KH_LOG_WARN, "control", "a line over %d bytes", KH_CONTROL_LINE_MAX);
        if (status != KH_OK)
            break;
        kh_buf_clear(&answer);
        kh_control_answer(&control->server, kh_buf_text(&line), line.size, &answer);
        status = kh_control_write(fd, kh_buf_text(&answer), answer.size, control->stop, kh_clock_monotonic_ms() + LINE_MS, &err);
    }
    kh_buf_release(&answer);
    kh_buf_release(&line);
    kh_buf_release(&pending);
}

/* Each thread takes the next client; when all have one, further clients wait in the socket's backlog. */
static void *client_main(void *argument)
{
    kh_control *control = argument;

    while (kh_stop_wait(control->stop, true, control->listen_fd, POLLIN, kh_clock_monotonic_ms() + BETWEEN_LINES_MS, NULL) !=
           KH_E_CANCELLED) {
        int fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue; /* another thread was quicker, or the time was up */
        if (is_allowed(fd))
            serve_client(control, fd);
        close(fd);
    }
    return NULL;
}

static kh_status open_socket(kh_control *control, const char *dir, kh_error *err)
{
    struct sockaddr_un address;
    char run_dir[4096];
    int dir_fd = -1;
    kh_status status;

    snprintf(run_dir, sizeof(run_dir), "%s/run", dir);
    status = kh_dir_ensure(run_dir, err);
    if (status == KH_OK)
        status = kh_control_address(&address, &dir_fd, dir, err);
    if (status != KH_OK)
        return status;
    control->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(address.sun_path); /* we own DIR: nobody else serves it */
    if (control->listen_fd < 0 || bind(control->listen_fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        chmod(address.sun_path, 0600) != 0 || listen(control->listen_fd, 64) != 0)
        status = kh_error_errno(err, errno, "control socket in %s", run_dir);
    if (dir_fd >= 0)
        close(dir_fd);
    return status;
}

kh_status kh_control_start(kh_control **out, kh_cache *cache, const char *facility_default, const kh_control_pulls *pulls,
                           kh_error *err)
{
    kh_control *control = calloc(1, sizeof(*control));
    kh_status status;
    int failed = 0;

    *out = NULL;
    if (!control)
        return kh_error_set(err, KH_E_MEMORY, "out of memory");
    control->listen_fd = -1;
    control->server.cache = cache;
    snprintf(control->server.facility_default, sizeof(control->server.facility_default), "%s", facility_default);
    if (pulls)
        control->server.pulls = *pulls;
    control->server.audit = pulls ? pulls->audit : NULL;
    status = kh_stop_create(&control->stop, err);
    if (status == KH_OK)
        status = open_socket(control, kh_cache_dir(cache), err);
    while (status == KH_OK && !failed && control->thread_count < KH_CONTROL_CLIENTS_MAX) {
        failed = pthread_create(&control->threads[control->thread_count], NULL, client_main, control);
        if (failed)
            status = kh_error_errno(err, failed, "starting the control threads");
        else
            control->thread_count++;
    }
    if (status != KH_OK) {
        kh_control_stop(control);
        return status;
    }
    *out = control;
    return KH_OK;
}

void kh_control_stop(kh_control *control)
{
    struct sockaddr_un address;
    int dir_fd = -1;

    if (!control)
        return;
    if (control->stop)
        kh_stop_soft(control->stop);
    for (unsigned i = 0; i < control->thread_count; i++)
        pthread_join(control->threads[i], NULL);
    if (control->listen_fd >= 0) {
        close(control->listen_fd);
        if (kh_control_address(&address, &dir_fd, kh_cache_dir(control->server.cache), NULL) == KH_OK)
            unlink(address.sun_path);
        if (dir_fd >= 0)
            close(dir_fd);
    }
    kh_stop_free(control->stop);
    free(control);
}
