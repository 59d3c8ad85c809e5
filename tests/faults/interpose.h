/* interpose.h - calls of the C library that change files, taken over by this program (its own symbols come before the C
 * library's, for SQLite too), so that a test can write them down, let one fail or end the process inside it.
 *
 * Only calls on files below the watched folder are looked at. One watch per process; forked children inherit it. */
#ifndef KH_TESTS_FAULTS_INTERPOSE_H
#define KH_TESTS_FAULTS_INTERPOSE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum fault_kind {
    FAULT_OPEN,
    FAULT_WRITE,    /* write, pwrite, io_submit */
    FAULT_DIRECT,   /* what becomes of an io_submit, as io_getevents tells */
    FAULT_TRUNCATE, /* ftruncate, fallocate */
    FAULT_SYNC, /* fsync, fdatasync */
    FAULT_RENAME,
    FAULT_UNLINK,
    FAULT_MKDIR,
    FAULT_MEMORY, /* malloc, calloc, realloc: in programs with interpose_memory.c, wherever called from */
    FAULT_KINDS
} fault_kind;

/* As errno_value of FAULT_DIRECT: the disk took half of it, and says so. No disk has it of its own. */
#define FAULT_HALF_TAKEN EDOM

/* Files below dir from now on; a sync then costs nothing and does nothing: no test here turns the power off. */
void faults_watch(const char *dir);

/* Count the calls of a kind from now on whose path below dir begins with `part`; the nth (from 1; 0: none) fails with
 * errno_value; when that is negative, so do all after it. With 0 as errno_value the process is killed there instead: after half of
 * a write, before anything else. */
void faults_arm(fault_kind kind, const char *part, int nth, int errno_value);
/* None fails any more; returns how many calls were counted. */
int faults_disarm(void);
/* For the parts of this interposer: is this the call that fails? errno is set. */
bool faults_hit(fault_kind kind);

/* What becomes of a sync in the journal. */
typedef enum journal_drop { DROP_NOTHING, DROP_OBJECT_SYNCS, DROP_DIRECTORY_SYNCS, DROP_INDEX_SYNCS } journal_drop;

typedef enum journal_op {
    JOURNAL_CREATE,   /* name, inode */
    JOURNAL_WRITE,    /* inode, offset, size bytes of data */
    JOURNAL_TRUNCATE, /* inode, offset is the new size */
    JOURNAL_SYNC,     /* inode */
    JOURNAL_SYNC_DIR, /* name */
    JOURNAL_RENAME,   /* name, data is the new name */
    JOURNAL_UNLINK,   /* name */
    JOURNAL_MKDIR,    /* name */
    JOURNAL_MARK      /* offset is the test's number */
} journal_op;

/* One record; name_size bytes of name and size bytes of data follow. Names are below dir, "" is dir itself. */
typedef struct journal_record {
    uint32_t op, name_size;
    uint64_t inode, offset, size;
} journal_record;

/* Write every change below dir into a file, in the order in which they were made. Directory syncs take up to 2 ms, as on a disk. */
void faults_journal(const char *path, journal_drop drop);
/* The test's own line in the journal: an acknowledgement. */
void faults_journal_mark(uint64_t number);

#endif
