/* bench_disk.c - what the disk allows: objects written the durable way and nothing else.
 * Usage: bench_disk DIR COUNT BYTES. Prints objects per second: write, fsync, rename, fsync of the directory, one at a time. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "store/file.h"

static kh_status write_one(const char *dir, int number, const uint8_t *bytes, size_t size, kh_error *err)
{
    char incoming[600], final[600];
    kh_status status;
    int fd;

    snprintf(incoming, sizeof incoming, "%s/in-%d", dir, number);
    snprintf(final, sizeof final, "%s/%d", dir, number);
    fd = open(incoming, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return kh_error_set(err, KH_E_IO, "%s cannot be made", incoming);
    status = kh_write_all(fd, bytes, size, err);
    if (status == KH_OK && fsync(fd) != 0)
        status = kh_error_set(err, KH_E_IO, "fsync failed");
    close(fd);
    if (status == KH_OK && rename(incoming, final) != 0)
        status = kh_error_set(err, KH_E_IO, "rename failed");
    return status == KH_OK ? kh_dir_sync(dir, err) : status;
}

int main(int argc, char **argv)
{
    kh_error err = KH_ERROR_INIT;
    kh_status status = KH_OK;
    int count = argc == 4 ? atoi(argv[2]) : 0;
    size_t size = argc == 4 ? (size_t)atol(argv[3]) : 0;
    uint8_t *bytes;
    int64_t start;

    if (count < 1 || size < 1) {
        fprintf(stderr, "usage: bench_disk DIR COUNT BYTES\n");
        return 2;
    }
    bytes = malloc(size);
    if (!bytes)
        return 1;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    start = kh_clock_monotonic_us();
    for (int i = 0; i < count && status == KH_OK; i++)
        status = write_one(argv[1], i, bytes, size, &err);
    free(bytes);
    if (status != KH_OK) {
        fprintf(stderr, "bench_disk: %s\n", err.message);
        return 1;
    }
    printf("%.1f\n", count * 1e6 / (double)(kh_clock_monotonic_us() - start));
    return 0;
}
