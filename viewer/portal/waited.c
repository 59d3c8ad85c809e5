/* POST /api/waits: a reader's page tells how long its pictures took. Nothing is recorded: it names nobody. */
#include "viewer/guard/guard.h"
#include "viewer/portal/internal.h"
#include "viewer/portal/waits.h"

#define BODY_BYTES_MAX 1024

void kh_portal_waited(kh_http_request *request, void *context)
{
    kh_portal *portal = context;
    const kh_subject *subject = kh_guard_subject(request);
    kh_error err = KH_ERROR_INIT;
    kh_json *told = NULL;
    size_t size;
    const void *bytes = kh_http_body(request, &size);

    if (kh_json_parse_object(&told, bytes, size, BODY_BYTES_MAX, &err) == KH_OK) {
        const kh_wait wait = {.first_ms = kh_json_get_int(told, "first_ms", -1),
                              .last_ms = kh_json_get_int(told, "last_ms", -1),
                              .slices = kh_json_get_int(told, "slices", -1),
                              .kbit_s = kh_json_get_int(told, "kbit_s", 0)};

        err.status = kh_waits_add(portal->waits, subject ? subject->facility : "", &wait, &err);
    }
    kh_json_free(told);
    if (err.status != KH_OK)
        kh_http_answer_error(request, &err);
    else
        kh_http_answer(request, 200, "application/json; charset=utf-8", "{}", 2);
}
