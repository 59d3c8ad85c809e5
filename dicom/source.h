/* source.h - where the bytes of a data set come from: a file descriptor read with pread(2), or memory.
 * Never a mapped file: one that is cut meanwhile is a SIGBUS. Threads: reads may run at once on one source. */
#ifndef KH_DICOM_SOURCE_H
#define KH_DICOM_SOURCE_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

typedef struct kh_source kh_source;
struct kh_source {
    uint64_t size; /* bytes */
    /* All of count bytes at offset, or an error; KH_E_FORMAT when they end before. */
    kh_status (*read_at)(const kh_source *source, uint64_t offset, void *bytes, size_t count, kh_error *err);
    const void *memory; /* kh_source_init_memory */
    int fd;             /* kh_source_init_fd; borrowed */
};

KH_MUST_USE kh_status kh_source_init_fd(kh_source *source, int fd, kh_error *err);
void kh_source_init_memory(kh_source *source, const void *bytes, size_t size);

#endif
