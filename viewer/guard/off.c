/* Without accounts nobody is asked who they are; the page asks all the same. */
#include "viewer/guard/guard.h"

static void answer(kh_http_request *request, void *context)
{
    static const char off[] = "{\"accounts\":false}";

    (void)context;
    kh_http_set_header(request, "Cache-Control", "no-store");
    kh_http_answer_constant(request, 200, "application/json; charset=utf-8", off, sizeof off - 1);
}

const kh_http_route kh_guard_off = {.method = "GET", .pattern = "/api/session", .handler = answer};
