/* Which of the portal's addresses show or change something, and what of that is recorded: each of their requests comes through here. The
 * pages themselves, health, metrics and events (which say that something came, in numbers of ours) are not among them. */
#include <stdlib.h>
#include <string.h>
#include "viewer/portal/internal.h"

typedef enum subject {
    SUBJECT_SERIES, /* {series} or {id} */
    SUBJECT_STUDY,  /* {id} */
    SUBJECT_LIST,   /* the parameters */
    SUBJECT_PICTURE, /* of a series, taken along for a purpose */
    SUBJECT_MARK,   /* {id}, and the address */
    SUBJECT_CHANGE, /* {kind}/{which}/{action} */
    SUBJECT_EMERGENCY /* in the body; access.db keeps whom and why */
} subject;

static const struct {
    const char *method, *pattern;
    kh_audit_action action;
    subject about;
} recorded[] = {
    {"GET", "/tiles/{series}/{object}-{frame}/{level}/{column}/{row}.jpg", KH_AUDIT_VIEW, SUBJECT_SERIES},
    {"GET", "/tiles/{series}/{object}-{frame}/lossless", KH_AUDIT_VIEW, SUBJECT_SERIES},
    {"GET", "/tiles/{series}/{object}-{frame}/thumb.jpg", KH_AUDIT_VIEW, SUBJECT_SERIES},
    {"GET", "/tiles/{series}/batch", KH_AUDIT_VIEW, SUBJECT_SERIES},
    {"GET", "/api/series/{series}/{object}-{frame}/values", KH_AUDIT_VIEW, SUBJECT_SERIES},
    {"POST", "/api/series/{series}/{object}-{frame}/values", KH_AUDIT_VIEW, SUBJECT_SERIES},
    {"GET", "/api/series/{id}/states", KH_AUDIT_OPEN, SUBJECT_SERIES},
    {"GET", "/api/series/{id}/stack", KH_AUDIT_OPEN, SUBJECT_SERIES},
    {"POST", "/api/series/{series}/{object}-{frame}/picture", KH_AUDIT_RETRIEVE, SUBJECT_PICTURE},
    {"GET", "/api/studies/{id}", KH_AUDIT_OPEN, SUBJECT_STUDY},
    {"GET", "/api/studies/{id}/marks", KH_AUDIT_OPEN, SUBJECT_STUDY},
    {"GET", "/api/studies/{id}/marks/{mark}", KH_AUDIT_OPEN, SUBJECT_STUDY},
    {"POST", "/api/studies/{id}/marks/export", KH_AUDIT_STORE, SUBJECT_MARK},
    {"POST", "/api/studies/{id}/marks/{mark}", KH_AUDIT_MARK, SUBJECT_MARK},
    {"POST", "/api/studies/{id}/marks/{mark}/delete", KH_AUDIT_MARK, SUBJECT_MARK},
    {"POST", "/api/studies/{id}/recall", KH_AUDIT_FETCH, SUBJECT_STUDY},
    {"GET", "/api/studies/{id}/priors", KH_AUDIT_OPEN, SUBJECT_STUDY},
    {"GET", "/api/studies", KH_AUDIT_SEARCH, SUBJECT_LIST},
    {"POST", "/api/emergency", KH_AUDIT_ALERT, SUBJECT_EMERGENCY},
    {"GET", "/api/patients", KH_AUDIT_SEARCH, SUBJECT_LIST},
    {"GET", "/api/patients/{id}", KH_AUDIT_OPEN, SUBJECT_LIST},
    {"GET", "/IHEInvokeImageDisplay", KH_AUDIT_SEARCH, SUBJECT_LIST},
    {"GET", "/api/invoke", KH_AUDIT_SEARCH, SUBJECT_LIST},
    {"GET", "/api/pulls", KH_AUDIT_OPERATE, SUBJECT_LIST},
    {"GET", "/api/admin/nodes", KH_AUDIT_OPERATE, SUBJECT_LIST},
    {"GET", "/api/admin/queue", KH_AUDIT_OPERATE, SUBJECT_LIST},
    {"GET", "/api/admin/failures", KH_AUDIT_OPERATE, SUBJECT_LIST},
    {"GET", "/api/admin/changes", KH_AUDIT_OPERATE, SUBJECT_LIST},
    {"GET", "/api/admin/findings", KH_AUDIT_OPERATE, SUBJECT_LIST},
    {"GET", "/api/admin/associations", KH_AUDIT_OPERATE, SUBJECT_LIST},
    {"GET", "/api/admin/refusals", KH_AUDIT_OPERATE, SUBJECT_LIST},
    {"POST", "/api/admin/{kind}/{which}/{action}", KH_AUDIT_OPERATE, SUBJECT_CHANGE},
};
#define RECORDED_COUNT (sizeof recorded / sizeof recorded[0])

struct kh_portal_recorded {
    kh_portal *portal;
    size_t which; /* of recorded */
    kh_http_handler *handler;
};

/* A number of ours in the address; 0 when it is none: the handler says so. */
static int64_t id_of(const kh_http_request *request, const char *name)
{
    int64_t id = 0;

    return kh_http_segment(request, name) && kh_http_segment_int(request, name, 1, INT64_MAX, &id, NULL) == KH_OK ? id : 0;
}

static void describe_change(kh_record *record, const kh_http_request *request)
{
    static const struct {
        const char *kind, *action;
        kh_audit_action what;
    } kinds[] = {{"studies", "delete", KH_AUDIT_DELETE}, {"patients", "correct", KH_AUDIT_CORRECT}, {"changes", "undo", KH_AUDIT_UNDO}};
    const char *kind = kh_http_segment(request, "kind"), *action = kh_http_segment(request, "action");

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kind, kinds[i].kind) == 0 && strcmp(action, kinds[i].action) == 0)
            record->action = kinds[i].what;
    record->study_id = record->action == KH_AUDIT_DELETE ? id_of(request, "which") : 0;
    record->with_path = true;
    record->once = false;
}

static void record_then(kh_http_request *request, void *context)
{
    const kh_portal_recorded *entry = context;
    kh_portal *portal = entry->portal;
    kh_record record = {.action = recorded[entry->which].action, .way = "portal", .once = recorded[entry->which].action != KH_AUDIT_FETCH};

    switch (recorded[entry->which].about) {
    case SUBJECT_SERIES:
        record.series_id = id_of(request, record.action == KH_AUDIT_OPEN ? "id" : "series");
        break;
    case SUBJECT_STUDY:
        record.study_id = id_of(request, "id");
        break;
    case SUBJECT_MARK:
        record.study_id = id_of(request, "id");
        record.with_path = true;
        record.once = false;
        break;
    case SUBJECT_LIST:
        record.with_path = record.with_query = true;
        break;
    case SUBJECT_PICTURE:
        record.series_id = id_of(request, "series");
        record.purpose = kh_portal_purpose(request);
        record.with_path = record.with_query = true;
        record.once = false;
        break;
    case SUBJECT_CHANGE:
        describe_change(&record, request);
        break;
    case SUBJECT_EMERGENCY:
        record.with_path = true;
        record.once = false;
        record.reason = kh_reason_text(KH_REASON_EMERGENCY);
        break;
    }
    kh_record_then(portal->options.recorder, request, &record, entry->handler, portal);
}

kh_status kh_portal_record_routes(kh_portal *portal, kh_http_route *routes, size_t count, kh_error *err)
{
    size_t used = 0;

    portal->recorded = calloc(RECORDED_COUNT, sizeof *portal->recorded);
    if (!portal->recorded)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the routes");
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < RECORDED_COUNT; k++) {
            if (strcmp(routes[i].method, recorded[k].method) != 0 || strcmp(routes[i].pattern, recorded[k].pattern) != 0)
                continue;
            portal->recorded[used] = (kh_portal_recorded){.portal = portal, .which = k, .handler = routes[i].handler};
            routes[i].handler = record_then;
            routes[i].context = &portal->recorded[used++];
        }
    return used == RECORDED_COUNT ? KH_OK : kh_error_set(err, KH_E_INTERNAL, "an address that is to be recorded has no route");
}
