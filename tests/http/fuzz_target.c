/* libFuzzer target: any bytes as a request target, then the router. */
#include <stdlib.h>
#include <string.h>
#include "viewer/http/router.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const kh_http_route routes[] = {
        {"GET", "/tiles/{series}/{object}-{frame}/{level}/{column}/{row}.jpg", NULL, NULL},
        {"GET", "/api/studies/{id}", NULL, NULL},
        {"GET", "/web/{path*}", NULL, NULL},
    };
    kh_target target;
    kh_route_match match;

    if (kh_target_parse(&target, (const char *)data, size, NULL) != KH_OK)
        return 0;
    for (size_t i = 0; i < target.segment_count; i++)
        if (strcmp(target.segments[i], "..") == 0 || strpbrk(target.segments[i], "/\\\n\r"))
            abort();
    for (size_t i = 0; i < target.parameter_count; i++)
        if (strpbrk(target.parameters[i].value, "\r\n"))
            abort();
    (void)kh_router_match(&match, routes, 3, "GET", &target);
    kh_target_release(&target);
    return 0;
}
