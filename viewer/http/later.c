/* Work that may take a while, or waits for somebody, is not done on an HTTP thread. */
#include <stdlib.h>
#include "viewer/http/http.h"

typedef struct task {
    void *context;
    kh_http_request *request;
    kh_http_work *work;
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
    taken.work(taken.context, taken.request);
}

void kh_http_later(kh_http_request *request, kh_pool *pool, kh_http_work *work, void *context)
{
    kh_error err = KH_ERROR_INIT;
    task *t = malloc(sizeof *t);

    kh_http_suspend(request);
    if (!t) {
        kh_error_set(&err, KH_E_MEMORY, "no memory for a request");
    } else {
        *t = (task){.context = context, .request = request, .work = work};
        if (kh_pool_submit(pool, run_task, t, &err) == KH_OK)
            return;
    }
    free(t);
    kh_http_answer_error(request, &err);
}
