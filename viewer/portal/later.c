/* Reading the index can take a while, and the bridge may take seconds to answer; HTTP threads do not wait for either. */
#include <stdlib.h>
#include "viewer/portal/internal.h"

typedef struct task {
    kh_portal *portal;
    kh_http_request *request;
    kh_portal_work *work;
} task;

static void run_task(void *argument, unsigned thread_index)
{
    task taken = *(task *)argument;
    kh_error err = KH_ERROR_INIT;

    (void)thread_index;
    free(argument);
    if (kh_http_client_gone(taken.request)) {
        kh_error_set(&err, KH_E_CANCELLED, "the client has gone");
        kh_http_answer_error(taken.request, &err);
        return;
    }
    taken.work(taken.portal, taken.request);
}

static void submit(kh_portal *portal, kh_pool *pool, kh_http_request *request, kh_portal_work *work)
{
    kh_error err = KH_ERROR_INIT;
    task *t = malloc(sizeof *t);

    kh_http_suspend(request);
    if (!t) {
        kh_error_set(&err, KH_E_MEMORY, "no memory for a request");
    } else {
        *t = (task){.portal = portal, .request = request, .work = work};
        if (kh_pool_submit(pool, run_task, t, &err) == KH_OK)
            return;
    }
    free(t);
    kh_http_answer_error(request, &err);
}

void kh_portal_later(kh_portal *portal, kh_http_request *request, kh_portal_work *work)
{
    submit(portal, portal->workers, request, work);
}

void kh_portal_ask_later(kh_portal *portal, kh_http_request *request, kh_portal_work *work)
{
    submit(portal, portal->askers, request, work);
}
