/* workload.h - objects by number, stored by one process and looked for by another. */
#ifndef KH_TESTS_FAULTS_WORKLOAD_H
#define KH_TESTS_FAULTS_WORKLOAD_H

#include "tests/cache/support.h"

#define OBJECTS_MOST 512

/* Object `number`, from 1: UID, size and pixels follow from it. The same again with other pixels when `other`. */
void object_bytes(kh_buf *out, int number, bool other);
kh_status object_store(kh_cache *cache, int number, bool other, kh_ingest_result *result, kh_error *err);

/* The folder to work in: below /dev/shm where there is one, which spares the disk. */
void work_dir_make(temp_dir *dir);

/* Opens DIR as its owner and looks whether all in promised (by number) is there, byte for byte, the check finds nothing, and a new
 * object is taken. Returns false with the reason. Any thread, any process. */
bool promises_kept(const char *dir, const bool promised[OBJECTS_MOST], char why[512]);
/* The same in a process of its own, so that a crash is a finding too. */
bool promises_kept_apart(const char *dir, const bool promised[OBJECTS_MOST], char why[512]);

/* What is in the index: true by number. False when it cannot be read. */
bool objects_held(const char *dir, bool held[OBJECTS_MOST], char why[512]);

#endif
