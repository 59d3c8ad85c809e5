/* sandbox.c - what is left to a process that decodes: its memory, one socket, standard error, and time. */
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "dicom/codec/channel.h"

#define CPU_SECONDS 3600 /* of a worker's whole life; a single frame's deadline is the asker's to keep */

static const int allowed_calls[] = {
    SCMP_SYS(read),          SCMP_SYS(recvfrom),       SCMP_SYS(recvmsg),         SCMP_SYS(write),
    SCMP_SYS(sendto),        SCMP_SYS(sendmsg),        SCMP_SYS(poll),            SCMP_SYS(ppoll),
    SCMP_SYS(futex),         SCMP_SYS(brk),            SCMP_SYS(munmap),          SCMP_SYS(mremap),
    SCMP_SYS(madvise),       SCMP_SYS(clock_gettime),  SCMP_SYS(gettimeofday),    SCMP_SYS(exit),
    SCMP_SYS(exit_group),    SCMP_SYS(rt_sigreturn),   SCMP_SYS(rt_sigprocmask),  SCMP_SYS(rt_sigaction),
    SCMP_SYS(sigaltstack),   SCMP_SYS(restart_syscall), SCMP_SYS(sched_yield),     SCMP_SYS(getcpu),
};

#ifdef KH_SANITIZED
/* The sanitizers need address space without bound, threads and files of their own: the door stays open, and the sandbox is tested
 * in the plain build. */
kh_status kh_sandbox_enter(int keep_fd, uint64_t address_space_bytes, kh_error *err)
{
    (void)keep_fd, (void)address_space_bytes, (void)err, (void)allowed_calls;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return KH_OK;
}
#else

static kh_status limit(int resource, rlim_t value, const char *name, kh_error *err)
{
    const struct rlimit limits = {value, value};

    if (setrlimit(resource, &limits) != 0)
        return kh_error_errno(err, errno, "limit %s of a decode worker", name);
    return KH_OK;
}

static kh_status set_limits(uint64_t address_space_bytes, kh_error *err)
{
    kh_status status = limit(RLIMIT_AS, (rlim_t)address_space_bytes, "AS", err);

    if (status == KH_OK)
        status = limit(RLIMIT_CPU, CPU_SECONDS, "CPU", err);
    if (status == KH_OK)
        status = limit(RLIMIT_CORE, 0, "CORE", err);
    if (status == KH_OK)
        status = limit(RLIMIT_FSIZE, 0, "FSIZE", err);
    if (status == KH_OK)
        status = limit(RLIMIT_NOFILE, 0, "NOFILE", err);
    return status;
}

/* Standard error and the socket stay. Whatever else a fork has brought along - listening sockets, databases - is closed. */
static kh_status close_the_rest(int keep_fd, kh_error *err)
{
    bool closed = close_range(0, 1, 0) == 0;

    if (keep_fd > 3)
        closed = closed && close_range(3, (unsigned)keep_fd - 1, 0) == 0;
    closed = closed && close_range((unsigned)keep_fd + 1, ~0u, 0) == 0;
    return closed ? KH_OK : kh_error_errno(err, errno, "closing what a decode worker does not need");
}

static kh_status filter_calls(kh_error *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int failed;

    if (!filter)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the filter of a decode worker");
    failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    for (size_t i = 0; i < sizeof allowed_calls / sizeof allowed_calls[0] && failed == 0; i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_calls[i], 0);
    if (failed == 0)
        failed = seccomp_load(filter);
    seccomp_release(filter);
    return failed == 0 ? KH_OK : kh_error_errno(err, -failed, "system call filter of a decode worker");
}

kh_status kh_sandbox_enter(int keep_fd, uint64_t address_space_bytes, kh_error *err)
{
    kh_status status;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0)
        return kh_error_errno(err, errno, "a decode worker's ties");
    status = close_the_rest(keep_fd, err);
    if (status == KH_OK)
        status = set_limits(address_space_bytes, err);
    if (status == KH_OK)
        status = filter_calls(err);
    return status;
}
#endif
