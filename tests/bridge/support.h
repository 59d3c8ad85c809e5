/* support.h - what the tests of the bridge share: sockets, outside programs, a generated object. */
#ifndef KH_TESTS_BRIDGE_SUPPORT_H
#define KH_TESTS_BRIDGE_SUPPORT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A listening socket on 127.0.0.1 and a free port. */
int support_listen(uint16_t *port);
/* A connected socket to 127.0.0.1:port. */
int support_connect(uint16_t port);
/* Run a program to its end, output to a file when output is not NULL, else dropped; its exit status, 127 when it is not there. */
int support_run(const char *output, const char *const *argv);
/* Start one; its process id. */
pid_t support_spawn(const char *output, const char *const *argv);
int support_wait(pid_t pid);
/* A new directory for this test, removed by support_remove_dir(). */
void support_make_dir(char out[64]);
void support_remove_dir(const char *dir);
/* A whole file in memory, malloc'ed. */
uint8_t *support_read_file(const char *path, size_t *size);
/* A Part 10 file: CT class, made-up patient, pixel_bytes of pixel data (even). number goes into the SOP Instance UID. The data set alone is
 * given back too when dataset is not NULL (malloc'ed). */
void support_write_object(const char *path, unsigned number, size_t pixel_bytes, uint8_t **dataset, size_t *dataset_size);
void support_object_uid(char out[65], unsigned number);
/* The data set alone, malloc'ed. Study SUPPORT_STUDY_UID; odd and even numbers are two series. */
#define SUPPORT_STUDY_UID "1.2.826.0.1.3680043.10.2.1"
void support_series_uid(char out[65], unsigned number);
uint8_t *support_make_dataset(unsigned number, size_t pixel_bytes, size_t *size);
/* Entries of a directory, and of those below, that are no directories. */
unsigned support_count_files(const char *dir);
/* PDUs by hand. An A-ASSOCIATE-RQ for Verification and CT storage, explicit and implicit little endian; its size. */
size_t support_associate_rq(uint8_t out[1024], const char *calling, const char *called);
/* Read until count bytes are there or the peer closes; how many. Waits at most timeout_ms. */
size_t support_read(int fd, void *bytes, size_t count, int timeout_ms);

#endif
