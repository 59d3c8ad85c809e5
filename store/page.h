/* page.h - one page of shared memory that every role of a running service sees: the newest event number, the grant epoch,
 * heartbeats. It is made before the roles are forked and is inherited; a process that runs alone has a private one.
 * Everything in it is atomic; a role that dies leaves no lock behind. Threads and processes: any. */
#ifndef KH_STORE_PAGE_H
#define KH_STORE_PAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"

#define KH_PAGE_ROLES_MAX 16
#define KH_PAGE_USES 1024

typedef struct kh_page {
    _Atomic uint64_t event_seq;   /* of the newest committed event */
    _Atomic uint32_t event_futex; /* its low half, to wait on */
    _Atomic uint64_t grant_epoch; /* moves when anybody's rights change */
    _Atomic uint64_t access_epoch; /* of access.db, as far as grant_epoch was told of it */
    _Atomic uint64_t hide_epoch;  /* moves when objects that were shown are hidden, see cache/changes.h */
    _Atomic uint32_t draining;    /* not 0: no new work is taken */
    _Atomic uint32_t uses_next;   /* the place of the next use; see cache/use.h */
    _Atomic int64_t uses[KH_PAGE_USES]; /* series that were looked at, 0: taken note of; the oldest are written over */
    _Atomic uint32_t reloads;     /* counts what SIGHUP asked for: read again what is read from files */
    struct {
        _Atomic int32_t pid;            /* 0: not running */
        _Atomic uint32_t starts;        /* times started */
        _Atomic int64_t started_ms;     /* wall clock */
    } roles[KH_PAGE_ROLES_MAX];
} kh_page;

KH_MUST_USE kh_status kh_page_create(kh_page **out, kh_error *err);
void kh_page_free(kh_page *page);
/* Say that event seq is committed, and wake those who wait. Never moves back. */
void kh_page_publish_event(kh_page *page, uint64_t seq);
/* Wait until an event after seq is published, at most timeout_ms. Returns the newest. */
uint64_t kh_page_wait_event(kh_page *page, uint64_t seq, int64_t timeout_ms);

#endif
