/* access.h - access.db: people, terminals, patients, consents, and what follows from them. Beside the index in the data folder.
 * Any process may change it, each change in a transaction of its own (BEGIN IMMEDIATE); one that touches anybody's rights ends with
 * kh_access_moved(), which raises the epoch in the same transaction. Each role that decides has a watcher (kh_access_watch()) that sees the
 * new epoch within KH_ACCESS_LOOK_MS, whoever made the change, and raises kh_page.grant_epoch of the page all roles share: from then on
 * no older verdict counts (rights.h).
 * Threads: any; a kh_access has one connection that writes, used by one at a time, and a few that read. */
#ifndef KH_ACCESS_ACCESS_H
#define KH_ACCESS_ACCESS_H

#include "base/error.h"
#include "store/page.h"

#define KH_ACCESS_LOOK_MS 100

typedef struct kh_access kh_access;

typedef struct kh_access_options {
    const char *dir; /* data folder; copied */
    kh_page *page;   /* borrowed until close; NULL: a private one */
} kh_access_options;

/* Makes the database when it is not there. */
KH_MUST_USE kh_status kh_access_open(kh_access **out, const kh_access_options *options, kh_error *err);
/* NULL is welcome. Ends the watcher. */
void kh_access_close(kh_access *access);
/* A thread that looks for changes of other processes, and for what begins or ends by time. */
KH_MUST_USE kh_status kh_access_watch(kh_access *access, kh_error *err);
/* Of the page: moves whenever anybody's rights may have changed. One atomic load. */
uint64_t kh_access_epoch(const kh_access *access);

#endif
