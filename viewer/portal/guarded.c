/* What each of the portal's addresses is about, for the one decision (docs/decisions/015): each request comes through here, in front of the
 * recorder. An address that is not in the table is refused while accounts are on. */
#include <stdlib.h>
#include <string.h>
#include "viewer/portal/internal.h"

#define ADMIN(what) {"GET", "/api/admin/" what, KH_PORTAL_OPERATION, KH_VERB_VIEW, KH_KIND_OPERATION, NULL}

static const kh_portal_guarded guarded[] = {
    {"GET", "/tiles/{series}/{object}-{frame}/{level}/{column}/{row}.jpg", KH_PORTAL_SERIES, KH_VERB_VIEW, KH_KIND_FRAME, "series"},
    {"GET", "/tiles/{series}/{object}-{frame}/lossless", KH_PORTAL_SERIES, KH_VERB_VIEW, KH_KIND_FRAME, "series"},
    {"GET", "/tiles/{series}/{object}-{frame}/thumb.jpg", KH_PORTAL_SERIES, KH_VERB_VIEW, KH_KIND_THUMBNAIL, "series"},
    {"GET", "/tiles/{series}/batch", KH_PORTAL_SERIES, KH_VERB_VIEW, KH_KIND_FRAME, "series"},
    {"GET", "/api/series/{id}/states", KH_PORTAL_SERIES, KH_VERB_VIEW, KH_KIND_SERIES, "id"},
    {"GET", "/api/series/{id}/stack", KH_PORTAL_SERIES, KH_VERB_VIEW, KH_KIND_SERIES, "id"},
    {"GET", "/api/series/{series}/{object}-{frame}/values", KH_PORTAL_SERIES, KH_VERB_VIEW, KH_KIND_FRAME, "series"},
    {"POST", "/api/series/{series}/{object}-{frame}/values", KH_PORTAL_SERIES, KH_VERB_VIEW, KH_KIND_FRAME, "series"},
    {"POST", "/api/series/{series}/{object}-{frame}/picture", KH_PORTAL_SERIES, KH_VERB_TAKE, KH_KIND_FRAME, "series"},
    {"GET", "/api/studies/{id}", KH_PORTAL_STUDY, KH_VERB_VIEW, KH_KIND_STUDY, "id"},
    {"GET", "/api/studies/{id}/marks", KH_PORTAL_STUDY, KH_VERB_VIEW, KH_KIND_STUDY, "id"},
    {"GET", "/api/studies/{id}/marks/{mark}", KH_PORTAL_STUDY, KH_VERB_VIEW, KH_KIND_STUDY, "id"},
    {"POST", "/api/studies/{id}/marks/export", KH_PORTAL_STUDY, KH_VERB_VIEW, KH_KIND_STUDY, "id"},
    {"POST", "/api/studies/{id}/marks/{mark}", KH_PORTAL_STUDY, KH_VERB_VIEW, KH_KIND_STUDY, "id"},
    {"POST", "/api/studies/{id}/marks/{mark}/delete", KH_PORTAL_STUDY, KH_VERB_VIEW, KH_KIND_STUDY, "id"},
    {"GET", "/api/settings", KH_PORTAL_ROWS, KH_VERB_FIND, KH_KIND_STUDY, NULL},
    {"POST", "/api/settings", KH_PORTAL_ROWS, KH_VERB_FIND, KH_KIND_STUDY, NULL},
    {"POST", "/api/studies/{id}/recall", KH_PORTAL_STUDY, KH_VERB_VIEW, KH_KIND_STUDY, "id"},
    {"GET", "/api/studies/{id}/priors", KH_PORTAL_STUDY, KH_VERB_VIEW, KH_KIND_STUDY, "id"},
    {"GET", "/api/studies", KH_PORTAL_ROWS, KH_VERB_FIND, KH_KIND_STUDY, NULL},
    {"GET", "/api/emergency", KH_PORTAL_ROWS, KH_VERB_FIND, KH_KIND_PATIENT, NULL},
    {"POST", "/api/emergency", KH_PORTAL_ROWS, KH_VERB_FIND, KH_KIND_PATIENT, NULL},
    {"GET", "/api/patients", KH_PORTAL_ROWS, KH_VERB_FIND, KH_KIND_PATIENT, NULL},
    {"GET", "/api/patients/{id}", KH_PORTAL_ROWS, KH_VERB_FIND, KH_KIND_PATIENT, NULL},
    {"GET", "/IHEInvokeImageDisplay", KH_PORTAL_ROWS, KH_VERB_FIND, KH_KIND_STUDY, NULL},
    {"GET", "/api/invoke", KH_PORTAL_ROWS, KH_VERB_FIND, KH_KIND_STUDY, NULL},
    {"POST", "/api/waits", KH_PORTAL_ROWS, KH_VERB_FIND, KH_KIND_STUDY, NULL},
    {"GET", "/api/events", KH_PORTAL_ROWS, KH_VERB_FIND, KH_KIND_STUDY, NULL},
    {"GET", "/api/pulls", KH_PORTAL_OPERATION, KH_VERB_VIEW, KH_KIND_OPERATION, NULL},
    ADMIN("nodes"), ADMIN("queue"), ADMIN("failures"), ADMIN("arrivals"), ADMIN("changes"), ADMIN("findings"), ADMIN("contacts"),
    ADMIN("associations"), ADMIN("refusals"),
    {"POST", "/api/admin/{kind}/{which}/{action}", KH_PORTAL_OPERATION, KH_VERB_CHANGE, KH_KIND_OPERATION, NULL},
    {"GET", "/health", KH_PORTAL_LOCAL, KH_VERB_VIEW, KH_KIND_OPERATION, NULL},
    {"GET", "/metrics", KH_PORTAL_LOCAL, KH_VERB_VIEW, KH_KIND_OPERATION, NULL},
    /* the shells of pages: nothing of anybody is in them */
    {"GET", "/", KH_PORTAL_PAGE, KH_VERB_FIND, KH_KIND_STUDY, NULL},
    {"GET", "/studies", KH_PORTAL_PAGE, KH_VERB_FIND, KH_KIND_STUDY, NULL},
    {"GET", "/patients", KH_PORTAL_PAGE, KH_VERB_FIND, KH_KIND_STUDY, NULL},
    {"GET", "/patients/{id}", KH_PORTAL_PAGE, KH_VERB_FIND, KH_KIND_STUDY, NULL},
    {"GET", "/studies/{id}", KH_PORTAL_PAGE, KH_VERB_FIND, KH_KIND_STUDY, NULL},
    {"GET", "/admin", KH_PORTAL_PAGE, KH_VERB_FIND, KH_KIND_STUDY, NULL},
    {"GET", "/admin/{section}", KH_PORTAL_PAGE, KH_VERB_FIND, KH_KIND_STUDY, NULL},
    {"GET", "/display", KH_PORTAL_PAGE, KH_VERB_FIND, KH_KIND_STUDY, NULL},
    {"GET", "/account", KH_PORTAL_PAGE, KH_VERB_FIND, KH_KIND_STUDY, NULL},
    /* before anybody is signed in; and the files of the program, which they need */
    {"GET", "/sign-in", KH_PORTAL_OPEN, KH_VERB_FIND, KH_KIND_OPERATION, NULL},
    {"GET", "/welcome/{code}", KH_PORTAL_OPEN, KH_VERB_FIND, KH_KIND_OPERATION, NULL},
    {"GET", "/api/demo", KH_PORTAL_OPEN, KH_VERB_FIND, KH_KIND_OPERATION, NULL},
    {"GET", "/web/{path*}", KH_PORTAL_OPEN, KH_VERB_FIND, KH_KIND_OPERATION, NULL},
};
#define GUARDED_COUNT (sizeof guarded / sizeof guarded[0])

struct kh_portal_door {
    kh_portal *portal;
    const kh_portal_guarded *about; /* NULL: refused */
    kh_http_handler *handler;
    void *context;
};

const kh_portal_guarded *kh_portal_guarded_find(const char *method, const char *pattern)
{
    for (size_t i = 0; i < GUARDED_COUNT; i++)
        if (strcmp(guarded[i].method, method) == 0 && strcmp(guarded[i].pattern, pattern) == 0)
            return &guarded[i];
    return NULL;
}

/* The machine's own monitor; what a proxy on this machine passes on comes from elsewhere. */
static bool is_local(const kh_http_request *request)
{
    const char *peer = kh_http_peer(request);

    return (strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0 || strncmp(peer, "::ffff:127.", 11) == 0) &&
           !kh_http_header(request, "X-Forwarded-For") && !kh_http_header(request, "Forwarded");
}

/* A number of ours in the address; 0 when it is none. */
static int64_t id_of(const kh_http_request *request, const char *name)
{
    int64_t id = 0;

    return kh_http_segment_int(request, name, 1, INT64_MAX, &id, NULL) == KH_OK ? id : 0;
}

static void enter(kh_http_request *request, void *context)
{
    const kh_portal_door *door = context;
    const kh_portal_guarded *entry = door->about;
    kh_guarded about = {0};
    int64_t id;

    if (!entry) {
        kh_http_answer_code(request, 404, "there is nothing at this address");
        return;
    }
    if (entry->about == KH_PORTAL_OPEN || (entry->about == KH_PORTAL_LOCAL && is_local(request))) {
        door->handler(request, door->context);
        return;
    }
    if (entry->about == KH_PORTAL_PAGE) {
        kh_guard_page_then(door->portal->options.guard, request, door->handler, door->context);
        return;
    }
    about.verb = entry->verb;
    about.kind = entry->kind;
    about.listing = entry->about == KH_PORTAL_ROWS;
    about.at_once = door->handler == kh_portal_events; /* a stream begins on the server's thread */
    if (entry->segment) {
        id = id_of(request, entry->segment);
        about.listing = id == 0; /* what is no number is nobody's: the handler says what it expects */
        about.series_id = entry->about == KH_PORTAL_SERIES ? id : 0;
        about.study_id = entry->about == KH_PORTAL_STUDY ? id : 0;
    }
    if (about.series_id > 0 && kh_portal_tile_state(request, &about.also_series_id, &id, NULL) != KH_OK)
        about.also_series_id = 0; /* the handler says what it expects */
    kh_guard_then(door->portal->options.guard, request, &about, door->handler, door->context);
}

kh_status kh_portal_guard_routes(kh_portal *portal, kh_http_route *routes, size_t count, kh_error *err)
{
    if (!portal->options.guard)
        return KH_OK;
    portal->doors = calloc(count, sizeof *portal->doors);
    if (!portal->doors)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the routes");
    for (size_t i = 0; i < count; i++) {
        portal->doors[i] = (kh_portal_door){.portal = portal, .about = kh_portal_guarded_find(routes[i].method, routes[i].pattern),
                                            .handler = routes[i].handler, .context = routes[i].context};
        routes[i].handler = enter;
        routes[i].context = &portal->doors[i];
    }
    return KH_OK;
}

kh_status kh_portal_reach(kh_portal *portal, const kh_http_request *request, kh_verb verb, kh_reach_kind kind, kh_reach **out,
                          kh_error *err)
{
    return kh_reach_open(out, portal->options.rights, kh_guard_subject(request), verb, kind, err);
}

/* --- later --- */

/* A decision on a series, from what the index says of it now. */
static kh_status decide_series(kh_portal *portal, const kh_subject *subject, int64_t series_id, bool *allowed, kh_error *err)
{
    kh_study *study = malloc(sizeof *study);
    kh_verdict verdict = {0};
    kh_series series;
    kh_status status =
        study ? kh_browse_series(portal->cache, series_id, &series, err) : kh_error_set(err, KH_E_MEMORY, "no memory for a study");

    if (status == KH_OK)
        status = kh_browse_study(portal->cache, series.study_id, study, err);
    if (status == KH_OK)
        status = kh_reach_decide(portal->options.rights, subject, KH_VERB_VIEW, study, &series, &verdict, err);
    *allowed = status == KH_OK && verdict.allowed;
    free(study);
    return status;
}

typedef struct watched_series {
    kh_portal *portal;
    int64_t series_id;
} watched_series;

static bool still_allowed(void *context, const kh_subject *subject)
{
    const watched_series *of = context;
    kh_error err = KH_ERROR_INIT;
    bool allowed = false;

    return decide_series(of->portal, subject, of->series_id, &allowed, &err) == KH_OK && allowed;
}

kh_status kh_portal_watch_series(kh_portal *portal, const kh_http_request *request, int64_t series_id, kh_watched **out, kh_error *err)
{
    const kh_subject *subject = kh_guard_subject(request);
    watched_series *of;

    *out = NULL;
    if (!portal->options.watch)
        return KH_OK;
    of = subject ? malloc(sizeof *of) : NULL;
    if (!of)
        return kh_error_set(err, subject ? KH_E_MEMORY : KH_E_DENIED, "no memory for an answer, or nobody to give it to");
    *of = (watched_series){.portal = portal, .series_id = series_id};
    *out = kh_watch_begin(portal->options.watch, subject, still_allowed, of, free);
    return *out ? KH_OK : kh_error_set(err, KH_E_MEMORY, "no memory for an answer");
}

uint64_t kh_portal_epoch(const kh_portal *portal)
{
    return portal->options.rights ? atomic_load(&kh_cache_page(portal->cache)->grant_epoch) : 0;
}

bool kh_portal_still(kh_portal *portal, const kh_http_request *request, int64_t series_id, uint64_t epoch)
{
    const kh_subject *subject = kh_guard_subject(request);
    kh_error err = KH_ERROR_INIT;
    bool allowed = false;

    if (!portal->options.rights || epoch == kh_portal_epoch(portal))
        return true;
    return subject && decide_series(portal, subject, series_id, &allowed, &err) == KH_OK && allowed;
}
