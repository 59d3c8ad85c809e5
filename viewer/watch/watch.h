/* watch.h - answers under way whose reader may lose the right to them [AZ-23]: batches of tiles, objects, frames. RELIABILITY.md S3.
 * One thread looks every KH_WATCH_LOOK_MS whether rights have moved or the session is over, and then asks each answer anew; one that is
 * shut sends nothing more (kh_http_producer.goes_on). With accounts off there is no watch: NULL. Threads: any. */
#ifndef KH_VIEWER_WATCH_WATCH_H
#define KH_VIEWER_WATCH_WATCH_H

#include "access/rights.h"
#include "base/error.h"
#include "viewer/http/http.h"

#define KH_WATCH_LOOK_MS 100

typedef struct kh_watch kh_watch;

typedef struct kh_watch_options {
    kh_page *page; /* its grant_epoch says that rights have moved; borrowed until free */
    /* May the session go on? NULL: it is not asked. */
    bool (*session_goes_on)(void *context, const kh_subject *subject);
    void *context;
} kh_watch_options;

KH_MUST_USE kh_status kh_watch_create(kh_watch **out, const kh_watch_options *options, kh_error *err);
/* After the last answer has gone. NULL is welcome. */
void kh_watch_free(kh_watch *watch);

/* Of who was let in: may its session go on? */
bool kh_watch_session_goes_on(const kh_watch *watch, const kh_subject *subject);

typedef struct kh_watched kh_watched;

/* What may be sent, asked anew. On the watch's thread; false, and what fails, shuts the answer. */
typedef bool kh_watch_decide(void *context, const kh_subject *subject);

/* context is dropped once, on any thread, at the latest when the watch is freed. NULL: no memory; context was dropped then. */
kh_watched *kh_watch_begin(kh_watch *watch, const kh_subject *subject, kh_watch_decide *decide, void *context, void (*drop)(void *context));
/* One atomic load. */
bool kh_watched_goes_on(const kh_watched *watched);
/* NULL is welcome. Does not wait. */
void kh_watch_end(kh_watched *watched);

/* kh_http_answer_pieces() of an answer that is watched; watched is ended with it. NULL: it is not. */
void kh_watch_answer_pieces(kh_watched *watched, kh_http_request *request, unsigned code, const char *content_type, uint64_t size,
                            kh_pool *pool, const kh_http_producer *producer, void *context);

#endif
