/* file.h - files that survive a power cut: written whole, synced, renamed, their directory synced.
 * Paths are made from ids of ours; names from outside never reach this floor. Threads: any. */
#ifndef KH_STORE_FILE_H
#define KH_STORE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/* Make the directory and its parents, mode 0700, each synced into its parent. An existing one is fine, and taken as synced. */
KH_MUST_USE kh_status kh_dir_ensure(const char *path, kh_error *err);
/* One directory whose parent is there. The parent is synced even when the directory exists: whoever made it, another thread or a
 * process that was killed, may not have come to that. */
KH_MUST_USE kh_status kh_dir_make(const char *path, kh_error *err);
KH_MUST_USE kh_status kh_dir_sync(const char *path, kh_error *err);
/* All of size bytes by write(2), going on after short writes and EINTR. */
KH_MUST_USE kh_status kh_write_all(int fd, const void *bytes, size_t size, kh_error *err);
/* The same by pwrite(2), at offset. */
KH_MUST_USE kh_status kh_write_all_at(int fd, const void *bytes, size_t size, uint64_t offset, kh_error *err);
/* All of size bytes at offset by pread(2); KH_E_FORMAT when the file ends before. */
KH_MUST_USE kh_status kh_read_all_at(int fd, void *bytes, size_t size, uint64_t offset, kh_error *err);
/* A small file, replaced as a whole: temporary name, fsync, rename, directory fsync. */
KH_MUST_USE kh_status kh_file_replace(const char *path, const void *bytes, size_t size, kh_error *err);
/* Bytes free for us on the file system of path. */
KH_MUST_USE kh_status kh_disk_free(uint64_t *bytes, const char *path, kh_error *err);
/* An exclusive lock on the file (made if need be), held until closed or the process ends: KH_E_BUSY when another process has it. */
KH_MUST_USE kh_status kh_lock_acquire(int *fd, const char *path, kh_error *err);
void kh_lock_release(int fd);

#endif
