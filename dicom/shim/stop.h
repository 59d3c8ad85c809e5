/* stop.h - how the threads that wait on sockets are told to end.
 * Soft: who waits for the next message gives up with KH_E_CANCELLED, a message under way is finished. Hard: every wait ends.
 * Threads: any; raising is safe in a signal handler. */
#ifndef KH_DICOM_SHIM_STOP_H
#define KH_DICOM_SHIM_STOP_H

#include <stdbool.h>
#include "base/error.h"

typedef struct kh_stop kh_stop;

KH_MUST_USE kh_status kh_stop_create(kh_stop **out, kh_error *err);
/* Nobody may wait on it any more. NULL is welcome. */
void kh_stop_free(kh_stop *stop);
void kh_stop_soft(kh_stop *stop);
/* Soft as well. */
void kh_stop_hard(kh_stop *stop);
bool kh_stop_raised(const kh_stop *stop);
/* Readable once soft is raised: for a poll of one's own, never to be read. */
int kh_stop_fd(const kh_stop *stop);

/* Wait until fd shows one of events (POLLIN, POLLOUT), until deadline_ms on the monotonic clock, or until stop is raised; soft
 * says whether a soft stop ends this wait. stop may be NULL; fd may be -1: then only time and stop end it.
 * KH_OK: the fd is ready, or broken so that the next call on it will tell. KH_E_TIMEOUT, KH_E_CANCELLED, KH_E_IO. */
KH_MUST_USE kh_status kh_stop_wait(const kh_stop *stop, bool soft, int fd, short events, long long deadline_ms, kh_error *err);

#endif
