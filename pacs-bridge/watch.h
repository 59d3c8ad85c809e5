/* watch.h - watches the studies that are arriving: tells the rules of what is new, notices when a study has been quiet for the set time,
 * asks the hospital of a pulled one once more whether it has more by then, and only then takes the study as arrived. Silence is measured
 * with the monotonic clock; after a start it begins anew. Threads: one of its own; the functions of kh_watch_options are called on it.
 * Limits: KH_WATCH_STUDIES_MAX studies at once, further ones wait. */
#ifndef KH_PACS_BRIDGE_WATCH_H
#define KH_PACS_BRIDGE_WATCH_H

#include "cache/arrivals.h"
#include "dicom/shim/assoc.h"

#define KH_WATCH_STUDIES_MAX 10000

typedef struct kh_watch kh_watch;

typedef struct kh_watch_options {
    kh_cache *cache;
    kh_stop *stop;
    int64_t quiet_ms;             /* 1 or more */
    void (*filed)(void *context); /* a pull was filed */
    /* Objects have come. KH_OK, or it is asked again. */
    kh_status (*arrived)(void *context, const kh_arriving *study, kh_error *err);
    /* It has been quiet and is all there is. Before the study is taken as arrived: comes again after a crash in between. */
    kh_status (*settled)(void *context, const kh_arriving *study, kh_error *err);
    void *context;
} kh_watch_options;

KH_MUST_USE kh_status kh_watch_start(kh_watch **out, const kh_watch_options *options, kh_error *err);
/* stop must have been raised. NULL is welcome. */
void kh_watch_join(kh_watch *watch);

#endif
