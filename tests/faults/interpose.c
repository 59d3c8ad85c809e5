#include "tests/faults/interpose.h"

#include <errno.h>
#include <fcntl.h>
#include <libaio.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FDS 1024
#define NAME_SIZE 96 /* of a path below the watched folder */

typedef struct watched_fd {
    bool used, is_dir;
    uint64_t inode;
    char name[NAME_SIZE];
} watched_fd;

static char root[PATH_MAX];
static size_t root_length;
static watched_fd fds[FDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* held over a call and its record, so that their order is the same */

static struct {
    _Atomic bool on;
    fault_kind kind;
    const char *part;
    int nth, errno_value;
    _Atomic int count;
} armed;

static int journal_fd = -1;
static journal_drop dropped;
static _Atomic unsigned sleeps;

static long raw_write(int fd, const void *bytes, size_t size)
{
    return syscall(SYS_write, fd, bytes, size);
}

void faults_watch(const char *dir)
{
    snprintf(root, sizeof root, "%s", dir);
    root_length = strlen(root);
}

void faults_arm(fault_kind kind, const char *part, int nth, int errno_value)
{
    armed.kind = kind;
    armed.part = part;
    armed.nth = nth;
    armed.errno_value = errno_value;
    armed.count = 0;
    armed.on = true;
}

int faults_disarm(void)
{
    armed.on = false;
    return armed.count;
}

bool faults_hit(fault_kind kind)
{
    int count;

    if (!armed.on || armed.kind != kind)
        return false;
    count = atomic_fetch_add(&armed.count, 1) + 1;
    if (count != armed.nth && !(armed.errno_value < 0 && armed.nth > 0 && count > armed.nth))
        return false;
    if (armed.errno_value == 0)
        raise(SIGKILL);
    errno = abs(armed.errno_value);
    return true;
}

static bool hit(fault_kind kind, const char *name)
{
    return armed.on && armed.kind == kind && strncmp(name, armed.part, strlen(armed.part)) == 0 && faults_hit(kind);
}

/* The path below the folder, or NULL: it lies elsewhere. */
static const char *below(const char *path)
{
    if (root_length == 0 || strncmp(path, root, root_length) != 0)
        return NULL;
    if (path[root_length] == '\0')
        return "";
    return path[root_length] == '/' ? path + root_length + 1 : NULL;
}

static watched_fd *watched(int fd)
{
    return fd >= 0 && fd < FDS && fds[fd].used ? &fds[fd] : NULL;
}

static void record(journal_op op, const char *name, uint64_t inode, uint64_t offset, const void *data, size_t size)
{
    journal_record r = {.op = op, .name_size = (uint32_t)strlen(name), .inode = inode, .offset = offset, .size = size};

    if (journal_fd < 0 || strstr(name, "-shm"))
        return;
    if (raw_write(journal_fd, &r, sizeof r) != sizeof r || raw_write(journal_fd, name, r.name_size) != (long)r.name_size ||
        (size > 0 && raw_write(journal_fd, data, size) != (long)size))
        abort();
}

void faults_journal(const char *path, journal_drop drop)
{
    dropped = drop;
    journal_fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (journal_fd < 0)
        abort();
}

void faults_journal_mark(uint64_t number)
{
    pthread_mutex_lock(&lock);
    record(JOURNAL_MARK, "", 0, number, NULL, 0);
    pthread_mutex_unlock(&lock);
}

/* The names that this program gives to the C library's functions. */
int taken_open(const char *path, int flags, ...) __asm__("open");
int taken_open64(const char *path, int flags, ...) __asm__("open64");
int taken_close(int fd) __asm__("close");
ssize_t taken_write(int fd, const void *bytes, size_t size) __asm__("write");
ssize_t taken_pwrite(int fd, const void *bytes, size_t size, off_t offset) __asm__("pwrite");
ssize_t taken_pwrite64(int fd, const void *bytes, size_t size, off_t offset) __asm__("pwrite64");
int taken_ftruncate(int fd, off_t size) __asm__("ftruncate");
int taken_ftruncate64(int fd, off_t size) __asm__("ftruncate64");
int taken_fallocate(int fd, int mode, off_t offset, off_t size) __asm__("fallocate");
int taken_fallocate64(int fd, int mode, off_t offset, off_t size) __asm__("fallocate64");
int taken_io_submit(io_context_t context, long count, struct iocb *requests[]) __asm__("io_submit");
int taken_io_getevents(io_context_t context, long least, long most, struct io_event *events, struct timespec *wait) __asm__("io_getevents");
int taken_fsync(int fd) __asm__("fsync");
int taken_fdatasync(int fd) __asm__("fdatasync");
int taken_rename(const char *from, const char *to) __asm__("rename");
int taken_unlink(const char *path) __asm__("unlink");
int taken_unlinkat(int dir, const char *path, int flags) __asm__("unlinkat");
int taken_mkdir(const char *path, mode_t mode) __asm__("mkdir");

static int open_watched(const char *path, const char *name, int flags, mode_t mode)
{
    struct stat st;
    bool is_new;
    int fd;

    if (hit(FAULT_OPEN, name))
        return -1;
    pthread_mutex_lock(&lock);
    is_new = (flags & O_CREAT) && syscall(SYS_faccessat, AT_FDCWD, path, F_OK) != 0;
    fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (fd >= 0 && fd < FDS && fstat(fd, &st) == 0) {
        fds[fd] = (watched_fd){.used = true, .is_dir = S_ISDIR(st.st_mode), .inode = st.st_ino};
        snprintf(fds[fd].name, NAME_SIZE, "%s", name);
        if (is_new)
            record(JOURNAL_CREATE, name, st.st_ino, 0, NULL, 0);
        else if (flags & O_TRUNC)
            record(JOURNAL_TRUNCATE, "", st.st_ino, 0, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

static int open_any(const char *path, int flags, mode_t mode)
{
    const char *name = below(path);

    return name ? open_watched(path, name, flags, mode) : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int taken_open(const char *path, int flags, ...)
{
    mode_t mode;
    va_list args;

    va_start(args, flags);
    mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return open_any(path, flags, mode);
}

int taken_open64(const char *path, int flags, ...)
{
    mode_t mode;
    va_list args;

    va_start(args, flags);
    mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return open_any(path, flags, mode);
}

int taken_close(int fd)
{
    if (fd >= 0 && fd < FDS)
        fds[fd].used = false;
    return (int)syscall(SYS_close, fd);
}

/* offset -1: where the file stands. */
static ssize_t write_watched(int fd, watched_fd *file, const void *bytes, size_t size, off_t offset)
{
    bool is_last = armed.on && armed.errno_value == 0 && armed.count + 1 == armed.nth;
    off_t at;
    ssize_t done;

    pthread_mutex_lock(&lock);
    at = offset >= 0 ? offset : (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR);
    if (is_last && armed.kind == FAULT_WRITE && strncmp(file->name, armed.part, strlen(armed.part)) == 0 &&
        syscall(SYS_pwrite64, fd, bytes, size / 2, at) < 0)
        abort();
    if (hit(FAULT_WRITE, file->name)) {
        pthread_mutex_unlock(&lock);
        return -1;
    }
    done = offset >= 0 ? syscall(SYS_pwrite64, fd, bytes, size, offset) : raw_write(fd, bytes, size);
    if (done > 0 && !strstr(file->name, "-shm"))
        record(JOURNAL_WRITE, "", file->inode, (uint64_t)at, bytes, (size_t)done);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t taken_write(int fd, const void *bytes, size_t size)
{
    watched_fd *file = watched(fd);

    return file ? write_watched(fd, file, bytes, size, -1) : raw_write(fd, bytes, size);
}

ssize_t taken_pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    watched_fd *file = watched(fd);

    return file ? write_watched(fd, file, bytes, size, offset) : syscall(SYS_pwrite64, fd, bytes, size, offset);
}

ssize_t taken_pwrite64(int fd, const void *bytes, size_t size, off_t offset)
{
    return taken_pwrite(fd, bytes, size, offset);
}

int taken_ftruncate(int fd, off_t size)
{
    watched_fd *file = watched(fd);
    int code;

    if (!file)
        return (int)syscall(SYS_ftruncate, fd, size);
    if (hit(FAULT_TRUNCATE, file->name))
        return -1;
    pthread_mutex_lock(&lock);
    code = (int)syscall(SYS_ftruncate, fd, size);
    if (code == 0 && !strstr(file->name, "-shm"))
        record(JOURNAL_TRUNCATE, "", file->inode, (uint64_t)size, NULL, 0);
    pthread_mutex_unlock(&lock);
    return code;
}

int taken_ftruncate64(int fd, off_t size)
{
    return taken_ftruncate(fd, size);
}

/* Only the form that makes a file longer. */
int taken_fallocate(int fd, int mode, off_t offset, off_t size)
{
    watched_fd *file = watched(fd);
    struct stat st;
    int code;

    if (!file)
        return (int)syscall(SYS_fallocate, fd, mode, offset, size);
    if (hit(FAULT_TRUNCATE, file->name))
        return -1;
    pthread_mutex_lock(&lock);
    if (fstat(fd, &st) != 0)
        abort();
    code = (int)syscall(SYS_fallocate, fd, mode, offset, size);
    if (code == 0 && offset + size > st.st_size)
        record(JOURNAL_TRUNCATE, "", file->inode, (uint64_t)(offset + size), NULL, 0);
    pthread_mutex_unlock(&lock);
    return code;
}

int taken_fallocate64(int fd, int mode, off_t offset, off_t size)
{
    return taken_fallocate(fd, mode, offset, size);
}

/* Of one request, as all of ours are. */
int taken_io_submit(io_context_t context, long count, struct iocb *requests[])
{
    const struct iocb *r = requests[0];
    watched_fd *file = watched(r->aio_fildes);
    bool is_last = armed.on && armed.errno_value == 0 && armed.count + 1 == armed.nth;
    size_t half = r->u.c.nbytes / 2 / 4096 * 4096;
    long code;

    if (file && is_last && armed.kind == FAULT_WRITE && strncmp(file->name, armed.part, strlen(armed.part)) == 0 &&
        syscall(SYS_pwrite64, r->aio_fildes, r->u.c.buf, half, r->u.c.offset) < 0)
        abort();
    if (file && hit(FAULT_WRITE, file->name))
        return -errno;
    code = syscall(SYS_io_submit, context, count, requests);
    return code < 0 ? -errno : (int)code;
}

/* What it says it has not taken is not there. */
static void leave_half(struct io_event *event)
{
    const struct iocb *r = event->obj;
    size_t half = r->u.c.nbytes / 2;
    char *junk = malloc(r->u.c.nbytes - half);

    if (!junk)
        abort();
    memset(junk, 0xa5, r->u.c.nbytes - half);
    if (syscall(SYS_pwrite64, r->aio_fildes, junk, r->u.c.nbytes - half, r->u.c.offset + (long long)half) < 0)
        abort();
    free(junk);
    event->res = half;
}

/* Written is what was waited for: a sync before that says nothing about it. */
int taken_io_getevents(io_context_t context, long least, long most, struct io_event *events, struct timespec *wait)
{
    long code;

    pthread_mutex_lock(&lock);
    code = syscall(SYS_io_getevents, context, least, most, events, wait);
    for (long i = 0; i < code; i++) {
        const struct iocb *r = events[i].obj;
        watched_fd *file = watched(r->aio_fildes);

        if (file && hit(FAULT_DIRECT, file->name)) {
            if (errno == FAULT_HALF_TAKEN)
                leave_half(&events[i]);
            else
                events[i].res = (unsigned long)-(long)errno;
        } else if (file && (long)events[i].res > 0)
            record(JOURNAL_WRITE, "", file->inode, (uint64_t)r->u.c.offset, r->u.c.buf, events[i].res);
    }
    pthread_mutex_unlock(&lock);
    return code < 0 ? -errno : (int)code;
}

static bool is_dropped(const watched_fd *file)
{
    if (file->is_dir)
        return dropped == DROP_DIRECTORY_SYNCS;
    if (strncmp(file->name, "index.db", 8) == 0 || strncmp(file->name, "reading.db", 10) == 0)
        return dropped == DROP_INDEX_SYNCS;
    return dropped == DROP_OBJECT_SYNCS && strncmp(file->name, "incoming/", 9) == 0; /* synced before they are moved */
}

static int sync_watched(const watched_fd *file)
{
    if (hit(FAULT_SYNC, file->name))
        return -1;
    if (journal_fd >= 0 && file->is_dir) {
        const struct timespec time = {.tv_nsec = (long)((atomic_fetch_add(&sleeps, 1) * 2654435761u) % 2000000)};

        nanosleep(&time, NULL);
    }
    pthread_mutex_lock(&lock);
    if (!is_dropped(file))
        record(file->is_dir ? JOURNAL_SYNC_DIR : JOURNAL_SYNC, file->is_dir ? file->name : "", file->inode, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return 0;
}

int taken_fsync(int fd)
{
    const watched_fd *file = watched(fd);

    return file ? sync_watched(file) : (int)syscall(SYS_fsync, fd);
}

int taken_fdatasync(int fd)
{
    const watched_fd *file = watched(fd);

    return file ? sync_watched(file) : (int)syscall(SYS_fdatasync, fd);
}

int taken_rename(const char *from, const char *to)
{
    const char *from_name = below(from), *to_name = below(to);
    int code;

    if (from_name && hit(FAULT_RENAME, from_name))
        return -1;
    pthread_mutex_lock(&lock);
    code = (int)syscall(SYS_rename, from, to);
    if (code == 0 && from_name && to_name)
        record(JOURNAL_RENAME, from_name, 0, 0, to_name, strlen(to_name));
    pthread_mutex_unlock(&lock);
    return code;
}

int taken_unlink(const char *path)
{
    const char *name = below(path);
    int code;

    if (name && hit(FAULT_UNLINK, name))
        return -1;
    pthread_mutex_lock(&lock);
    code = (int)syscall(SYS_unlink, path);
    if (code == 0 && name)
        record(JOURNAL_UNLINK, name, 0, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return code;
}

int taken_unlinkat(int dir, const char *path, int flags)
{
    char link[64], whole[PATH_MAX];
    ssize_t length;

    if (flags != 0 || dir == AT_FDCWD || path[0] == '/')
        return (int)syscall(SYS_unlinkat, dir, path, flags);
    snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
    length = readlink(link, whole, sizeof whole - 1);
    if (length < 0 || (size_t)length + strlen(path) + 2 > sizeof whole)
        return -1;
    snprintf(whole + length, sizeof whole - (size_t)length, "/%s", path);
    return taken_unlink(whole);
}

int taken_mkdir(const char *path, mode_t mode)
{
    const char *name = below(path);
    int code;

    if (name && hit(FAULT_MKDIR, name))
        return -1;
    pthread_mutex_lock(&lock);
    code = (int)syscall(SYS_mkdir, path, mode);
    if (code == 0 && name)
        record(JOURNAL_MKDIR, name, 0, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return code;
}
