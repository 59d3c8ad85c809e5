/* The door in front of every route: what is not named here as open or as a page takes somebody who is signed in. A route that nobody thought of is
 * shut. */
#include <stdlib.h>
#include <string.h>
#include "viewer/portal/internal.h"

struct kh_portal_guarded {
    kh_portal *portal;
    kh_http_handler *handler;
    void *context;
};

/* Nobody has to be signed in for these; pages that hold nothing look by themselves (pages.c). */
static const char *const open_patterns[] = {"/sign-in", "/welcome/{code}", "/web/{path*}", "/health", "/", "/studies", "/studies/{id}", "/patients/{id}",
                                            "/account", "/admin", "/admin/{section}"};

static bool is_open(const kh_http_route *route)
{
    for (size_t i = 0; i < sizeof open_patterns / sizeof open_patterns[0]; i++)
        if (strcmp(route->method, "GET") == 0 && strcmp(route->pattern, open_patterns[i]) == 0)
            return true;
    return strcmp(route->method, "OPTIONS") == 0; /* a browser's question before a request, which brings nobody's name */
}

static void guard_then(kh_http_request *request, void *context)
{
    const kh_portal_guarded *entry = context;
    const kh_guarded about = {.verb = KH_VERB_FIND, .kind = KH_KIND_STUDY, .listing = true, .at_once = true};

    kh_guard_then(entry->portal->options.guard, request, &about, entry->handler, entry->context);
}

kh_status kh_portal_guard_routes(kh_portal *portal, kh_http_route *routes, size_t count, kh_error *err)
{
    if (!portal->options.guard)
        return KH_OK;
    portal->guarded = calloc(count, sizeof *portal->guarded);
    if (!portal->guarded)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the routes");
    for (size_t i = 0; i < count; i++) {
        if (is_open(&routes[i]))
            continue;
        portal->guarded[i] = (kh_portal_guarded){.portal = portal, .handler = routes[i].handler, .context = routes[i].context};
        routes[i].handler = guard_then;
        routes[i].context = &portal->guarded[i];
    }
    return KH_OK;
}
