#include "app/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"

/* However often a role that was up is killed, it is back within 100 ms; this keeps it from spinning. */
#define LEAST_LIFE_MS 50
/* A role that dies before it was up: so many are started again at once; then the wait doubles from the first to the longest. */
#define IMMEDIATE_RESTARTS 3
#define BACKOFF_FIRST_MS 100
#define BACKOFF_LONGEST_MS 5000
#define MEMORY_CHECK_MS 5000

typedef struct role_seat {
    pid_t pid;              /* 0: not running */
    int64_t started_ms;     /* monotonic */
    int64_t due_ms;         /* monotonic: when to start it again */
    unsigned short_lives;   /* in a row: died before it was up */
    bool up, up_once;       /* this process, any process of the role */
    bool told;              /* SIGTERM was sent to this process */
    int64_t told_ms;        /* monotonic */
} role_seat;

typedef struct supervisor {
    const kh_supervisor_options *options;
    role_seat seats[KH_PAGE_ROLES_MAX];
    int signal_fd, ready_read_fd, ready_write_fd;
    sigset_t old_mask;
    bool announced;         /* ready() was called */
    bool draining, killed;
    int64_t drain_deadline_ms, memory_due_ms;
    kh_status failure;
    kh_error *err;
} supervisor;

void kh_role_ready(const kh_role_life *life)
{
    uint8_t slot = (uint8_t)life->slot;

    while (write(life->ready_fd, &slot, 1) < 0 && errno == EINTR)
        continue;
}

static _Noreturn void run_role(supervisor *s, unsigned slot, pid_t parent)
{
    const kh_role *role = &s->options->roles[slot];
    kh_role_life life = {.ready_fd = s->ready_write_fd, .slot = slot};
    char name[16];
    sigset_t mask = s->old_mask;

    /* A supervisor that is killed takes its roles along: the next one must find ports and locks free. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(1);
    snprintf(name, sizeof name, "kh-%.10s", role->name);
    prctl(PR_SET_NAME, name);
    kh_log_set_role(role->name);
    close(s->signal_fd);
    close(s->ready_read_fd);
    signal(SIGINT, SIG_IGN); /* a terminal sends it to the whole group; the supervisor decides */
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    sigaddset(&mask, SIGTERM);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    exit(role->run(role->context, role->index, &life));
}

static void start(supervisor *s, unsigned slot)
{
    const kh_role *role = &s->options->roles[slot];
    role_seat *seat = &s->seats[slot];
    pid_t parent = getpid();
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0)
        run_role(s, slot, parent);
    seat->started_ms = kh_clock_monotonic_ms();
    seat->told = seat->up = false;
    if (pid < 0) {
        kh_log(KH_LOG_ERROR, "supervisor", "%s %u: fork: %s", role->name, role->index, strerror(errno));
        seat->due_ms = seat->started_ms + BACKOFF_LONGEST_MS;
        return;
    }
    seat->pid = pid;
    atomic_store(&s->options->page->roles[slot].started_ms, kh_clock_wall_ms());
    atomic_fetch_add(&s->options->page->roles[slot].starts, 1);
    atomic_store(&s->options->page->roles[slot].pid, pid);
    kh_log(KH_LOG_DEBUG, "supervisor", "%s %u: started as process %d", role->name, role->index, (int)pid);
}

static void tell(role_seat *seat, int number)
{
    seat->told = true;
    seat->told_ms = kh_clock_monotonic_ms();
    kill(seat->pid, number);
}

static void signal_stage(supervisor *s, unsigned stage, int number)
{
    for (size_t i = 0; i < s->options->role_count; i++) {
        role_seat *seat = &s->seats[i];

        if (seat->pid == 0 || s->options->roles[i].stage != stage || (number == SIGTERM && seat->told))
            continue;
        tell(seat, number);
    }
}

static size_t running(const supervisor *s, bool stage_0_only)
{
    size_t count = 0;

    for (size_t i = 0; i < s->options->role_count; i++)
        count += s->seats[i].pid != 0 && (!stage_0_only || s->options->roles[i].stage == 0);
    return count;
}

static void drain(supervisor *s)
{
    if (s->draining)
        return;
    s->draining = true;
    s->drain_deadline_ms = kh_clock_monotonic_ms() + s->options->drain_ms;
    atomic_store(&s->options->page->draining, 1);
    kh_log(KH_LOG_INFO, "supervisor", "draining: work under way has %lld s to end", (long long)(s->options->drain_ms / 1000));
    if (s->options->draining)
        s->options->draining(s->options->context);
    signal_stage(s, 0, SIGTERM);
}

static void kill_all(supervisor *s, const char *why)
{
    if (s->killed)
        return;
    s->killed = true;
    kh_log(KH_LOG_WARN, "supervisor", "%s: %zu roles are killed", why, running(s, false));
    s->failure = kh_error_set(s->err, KH_E_TIMEOUT, "%s", why);
    signal_stage(s, 0, SIGKILL);
    signal_stage(s, 1, SIGKILL);
}

static void log_end(const kh_role *role, pid_t pid, int wait_status)
{
    if (WIFSIGNALED(wait_status))
        kh_log(KH_LOG_WARN, "supervisor", "%s %u: process %d died of signal %d", role->name, role->index, (int)pid,
               WTERMSIG(wait_status));
    else
        kh_log(KH_LOG_WARN, "supervisor", "%s %u: process %d left with status %d", role->name, role->index, (int)pid,
               WEXITSTATUS(wait_status));
}

static int64_t restart_delay_ms(role_seat *seat, int64_t now_ms)
{
    int64_t delay_ms = BACKOFF_FIRST_MS;

    seat->short_lives = seat->up ? 0 : seat->short_lives + 1;
    if (seat->up)
        return now_ms - seat->started_ms < LEAST_LIFE_MS ? LEAST_LIFE_MS : 0;
    if (seat->short_lives <= IMMEDIATE_RESTARTS)
        return 0;
    for (unsigned i = IMMEDIATE_RESTARTS + 1; i < seat->short_lives && delay_ms < BACKOFF_LONGEST_MS; i++)
        delay_ms *= 2;
    return delay_ms < BACKOFF_LONGEST_MS ? delay_ms : BACKOFF_LONGEST_MS;
}

static void role_ended(supervisor *s, unsigned slot, int wait_status)
{
    const kh_role *role = &s->options->roles[slot];
    role_seat *seat = &s->seats[slot];
    pid_t pid = seat->pid;
    int64_t now_ms = kh_clock_monotonic_ms();
    bool reopen = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == KH_ROLE_EXIT_REOPEN;

    seat->pid = 0;
    atomic_store(&s->options->page->roles[slot].pid, 0);
    if (role->ended)
        role->ended(role->context, role->index);
    if (s->draining)
        return;
    if (reopen && role->reopen) {
        role->reopen(role->context);
        start(s, slot);
        return;
    }
    if (!seat->told)
        log_end(role, pid, wait_status);
    if (!seat->up_once && WIFEXITED(wait_status) && WEXITSTATUS(wait_status) != 0) {
        s->failure = kh_error_set(s->err, KH_E_PEER, "the %s role could not start; its log line says why", role->name);
        drain(s);
        return;
    }
    seat->due_ms = now_ms + restart_delay_ms(seat, now_ms);
    if (seat->due_ms <= now_ms)
        start(s, slot);
    else if (!seat->up)
        kh_log(KH_LOG_WARN, "supervisor", "%s %u: dies at its start, next try in %lld ms", role->name, role->index,
               (long long)(seat->due_ms - now_ms));
}

static void reap(supervisor *s)
{
    for (unsigned i = 0; i < s->options->role_count; i++) {
        int wait_status = 0;

        if (s->seats[i].pid != 0 && waitpid(s->seats[i].pid, &wait_status, WNOHANG) == s->seats[i].pid)
            role_ended(s, i, wait_status);
    }
    if (s->draining && running(s, true) == 0)
        signal_stage(s, 1, SIGTERM);
}

static void read_signals(supervisor *s)
{
    struct signalfd_siginfo info;

    while (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGINT && s->draining)
            kill_all(s, "interrupted again while draining");
        else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            drain(s);
        else if (info.ssi_signo == SIGHUP)
            atomic_fetch_add(&s->options->page->reloads, 1);
    }
    /* Several deaths may stand behind one SIGCHLD. */
    reap(s);
}

static void read_ready(supervisor *s)
{
    uint8_t slot;
    bool all_up = true;

    while (read(s->ready_read_fd, &slot, 1) == 1)
        if (slot < s->options->role_count)
            s->seats[slot].up = s->seats[slot].up_once = true;
    for (size_t i = 0; i < s->options->role_count; i++)
        all_up = all_up && s->seats[i].up_once;
    if (!all_up || s->announced || s->draining)
        return;
    s->announced = true;
    if (s->options->ready)
        s->options->ready(s->options->context);
}

/* Resident bytes of a process; 0 when it cannot be told. */
static uint64_t resident_bytes(pid_t pid)
{
    char path[64];
    unsigned long long total_pages, resident_pages = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    file = fopen(path, "re");
    if (!file)
        return 0;
    if (fscanf(file, "%llu %llu", &total_pages, &resident_pages) != 2)
        resident_pages = 0;
    fclose(file);
    return resident_pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* DCMTK loses a little memory with each association: a role that has grown too much is replaced, politely. */
static void check_memory(supervisor *s)
{
    for (size_t i = 0; i < s->options->role_count; i++) {
        const kh_role *role = &s->options->roles[i];
        role_seat *seat = &s->seats[i];
        uint64_t bytes;

        if (seat->pid == 0 || role->memory_bytes_max == 0)
            continue;
        if (seat->told) {
            if (kh_clock_monotonic_ms() - seat->told_ms > s->options->drain_ms)
                tell(seat, SIGKILL);
            continue;
        }
        bytes = resident_bytes(seat->pid);
        if (bytes <= role->memory_bytes_max)
            continue;
        kh_log(KH_LOG_WARN, "supervisor", "%s %u: holds %llu MiB, is drained and started again", role->name, role->index,
               (unsigned long long)(bytes >> 20));
        tell(seat, SIGTERM);
    }
}

static void do_what_is_due(supervisor *s)
{
    int64_t now_ms = kh_clock_monotonic_ms();

    if (s->draining) {
        if (now_ms >= s->drain_deadline_ms)
            kill_all(s, "the time to drain is over");
        return;
    }
    for (unsigned i = 0; i < s->options->role_count; i++)
        if (s->seats[i].pid == 0 && s->seats[i].due_ms <= now_ms)
            start(s, i);
    if (now_ms >= s->memory_due_ms) {
        check_memory(s);
        s->memory_due_ms = now_ms + MEMORY_CHECK_MS;
    }
}

static int wait_ms(const supervisor *s)
{
    int64_t now_ms = kh_clock_monotonic_ms();
    int64_t due_ms = s->draining ? s->drain_deadline_ms : s->memory_due_ms;

    if (s->killed)
        return 1000;
    for (size_t i = 0; !s->draining && i < s->options->role_count; i++)
        if (s->seats[i].pid == 0 && s->seats[i].due_ms < due_ms)
            due_ms = s->seats[i].due_ms;
    return due_ms <= now_ms ? 0 : (int)(due_ms - now_ms);
}

static void loop(supervisor *s)
{
    struct pollfd fds[2] = {{.fd = s->signal_fd, .events = POLLIN}, {.fd = s->ready_read_fd, .events = POLLIN}};

    for (unsigned i = 0; i < s->options->role_count; i++)
        start(s, i);
    while (!s->draining || running(s, false) > 0) {
        if (poll(fds, 2, wait_ms(s)) < 0 && errno != EINTR)
            kh_log(KH_LOG_ERROR, "supervisor", "poll: %s", strerror(errno));
        read_ready(s);
        read_signals(s);
        do_what_is_due(s);
    }
}

static kh_status open_channels(supervisor *s, const sigset_t *mask, kh_error *err)
{
    int fds[2];

    s->signal_fd = signalfd(-1, mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->signal_fd < 0)
        return kh_error_errno(err, errno, "signalfd");
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
        return kh_error_errno(err, errno, "pipe");
    s->ready_read_fd = fds[0];
    s->ready_write_fd = fds[1];
    return KH_OK;
}

kh_status kh_supervisor_run(const kh_supervisor_options *options, kh_error *err)
{
    supervisor s = {.options = options, .signal_fd = -1, .ready_read_fd = -1, .ready_write_fd = -1, .err = err};
    sigset_t mask;
    kh_status status;

    if (options->role_count == 0 || options->role_count > KH_PAGE_ROLES_MAX)
        return kh_error_set(err, KH_E_INTERNAL, "%zu roles, expected 1 to %d", options->role_count, KH_PAGE_ROLES_MAX);
    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGHUP);
    sigprocmask(SIG_BLOCK, &mask, &s.old_mask);
    s.memory_due_ms = kh_clock_monotonic_ms() + MEMORY_CHECK_MS;
    status = open_channels(&s, &mask, err);
    if (status == KH_OK) {
        loop(&s);
        status = s.failure;
    }
    if (s.signal_fd >= 0)
        close(s.signal_fd);
    if (s.ready_read_fd >= 0) {
        close(s.ready_read_fd);
        close(s.ready_write_fd);
    }
    sigprocmask(SIG_SETMASK, &s.old_mask, NULL);
    return status;
}
