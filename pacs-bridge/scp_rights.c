#include "pacs-bridge/scp_rights.h"

#include <stdlib.h>
#include <string.h>
#include "cache/scope.h"

#define REFUSED_MAX 1000 /* studies of one retrieval that are told */

kh_status kh_scp_subject(kh_subject *out, const kh_service_scp *service, const kh_node *node, kh_error *err)
{
    memset(out, 0, sizeof(*out));
    if (!service->rights)
        return KH_OK;
    return kh_rights_node(service->rights, node->name, node->facility[0] ? node->facility : service->facility_default, out, err);
}

static kh_status add_taker(kh_taking *taking, const kh_node *node, kh_error *err)
{
    kh_subject *one = &taking->takers[taking->taker_count];
    kh_status status = kh_scp_subject(one, taking->service, node, err);

    if (status == KH_OK && (taking->taker_count == 0 || strcmp(one->facility, taking->takers[0].facility) != 0))
        taking->taker_count++;
    return status;
}

kh_status kh_taking_begin(kh_taking *out, const kh_service_scp *service, kh_verb verb, const kh_node *caller, const kh_node *destination,
                          const kh_search_key *keys, size_t key_count, kh_error *err)
{
    kh_status status = KH_OK;

    *out = (kh_taking){.service = service, .verb = verb, .keys = keys, .key_count = key_count};
    if (!service->rights)
        return KH_OK;
    if (caller)
        status = add_taker(out, caller, err);
    if (status == KH_OK && destination)
        status = add_taker(out, destination, err);
    return status;
}

void kh_taking_end(kh_taking *taking)
{
    free(taking->allowed);
    taking->allowed = NULL;
    taking->allowed_count = 0;
}

/* --- the list --- */

static int compare_ids(const void *a, const void *b)
{
    const int64_t *one = a, *two = b;

    return *one < *two ? -1 : *one > *two;
}

static bool is_allowed(const kh_taking *taking, int64_t object_id)
{
    return bsearch(&object_id, taking->allowed, taking->allowed_count, sizeof(object_id), compare_ids) != NULL;
}

/* What of the list this taker may take, or, for the first, all that it may. */
static kh_status fill(kh_taking *taking, const kh_subject *taker, kh_object_list *out, kh_error *err)
{
    kh_reach *reach = NULL;
    kh_status status = kh_reach_open(&reach, taking->service->rights, taker, taking->verb, KH_REACH_NAMED, err);

    if (status == KH_OK)
        status = kh_object_list_fill_within(out, taking->service->cache, kh_reach_scope(reach), taking->keys, taking->key_count, err);
    kh_reach_close(reach);
    return status;
}

static kh_status keep_ids(kh_taking *taking, const kh_object_list *list, kh_error *err)
{
    int64_t *ids = calloc(list->count ? list->count : 1, sizeof(*ids));
    size_t count = 0;

    if (!ids)
        return kh_error_set(err, KH_E_MEMORY, "no memory for %zu objects", list->count);
    for (size_t i = 0; i < list->count; i++)
        ids[count++] = kh_object_list_at(list, i)->object_id;
    qsort(ids, count, sizeof(*ids), compare_ids);
    kh_taking_end(taking);
    taking->allowed = ids;
    taking->allowed_count = count;
    return KH_OK;
}

/* One taker after the other: each takes from what those before leave. epoch is read first: what moves meanwhile is seen later. */
static kh_status list_allowed(kh_taking *taking, kh_object_list *out, kh_error *err)
{
    uint64_t epoch = kh_access_epoch(taking->service->access);
    kh_status status = fill(taking, &taking->takers[0], out, err);

    if (status == KH_OK)
        status = keep_ids(taking, out, err);
    for (size_t i = 1; status == KH_OK && i < taking->taker_count; i++) {
        kh_object_list theirs;

        status = fill(taking, &taking->takers[i], &theirs, err);
        if (status == KH_OK)
            kh_object_list_keep(&theirs, taking->allowed, taking->allowed_count);
        if (status == KH_OK)
            status = keep_ids(taking, &theirs, err);
        kh_object_list_release(out);
        *out = theirs;
    }
    taking->epoch = epoch;
    return status;
}

kh_status kh_taking_list(kh_taking *taking, kh_object_list *out, kh_error *err)
{
    if (!taking->service->rights)
        return kh_object_list_fill(out, taking->service->cache, taking->keys, taking->key_count, err);
    return list_allowed(taking, out, err);
}

/* --- while it goes on --- */

static kh_status look_at_study(kh_taking *taking, int64_t study_id, kh_error *err)
{
    if (taking->study.id == study_id)
        return KH_OK;
    taking->study.id = 0;
    return kh_browse_study(taking->service->cache, study_id, &taking->study, err);
}

kh_status kh_taking_study(kh_taking *taking, int64_t study_id, kh_verdict *verdict, kh_error *err)
{
    kh_status status;

    *verdict = (kh_verdict){.allowed = true, .reason = KH_REASON_OWN, .until_ms = INT64_MAX};
    if (!taking->service->rights)
        return KH_OK;
    status = look_at_study(taking, study_id, err);
    for (size_t i = 0; status == KH_OK && i < taking->taker_count && verdict->allowed; i++)
        status = kh_reach_decide(taking->service->rights, &taking->takers[i], taking->verb, &taking->study, NULL, verdict, err);
    verdict->allowed = verdict->allowed && status == KH_OK;
    return status;
}

kh_status kh_taking_still(kh_taking *taking, const kh_listed_object *object, kh_verdict *verdict, kh_error *err)
{
    kh_object_list anew;
    kh_status status = KH_OK;

    *verdict = (kh_verdict){.allowed = true, .reason = KH_REASON_OWN, .until_ms = INT64_MAX};
    if (!taking->service->rights)
        return KH_OK;
    if (kh_access_epoch(taking->service->access) != taking->epoch) { /* series, too, may have been shut */
        status = list_allowed(taking, &anew, err);
        kh_object_list_release(&anew);
    }
    if (status == KH_OK)
        status = kh_taking_study(taking, object->study_id, verdict, err);
    if (verdict->allowed && !is_allowed(taking, object->object_id)) /* of a series that is shut */
        *verdict = (kh_verdict){.allowed = false, .reason = KH_REASON_HIDDEN};
    verdict->allowed = verdict->allowed && status == KH_OK;
    return status;
}

/* --- the record --- */

typedef struct refusing {
    kh_taking *taking;
    kh_buf ids; /* of studies that the keys find */
} refusing;

static kh_status keep_study(void *context, const kh_search_row *row, kh_error *err)
{
    return kh_buf_append(&((refusing *)context)->ids, &row->study.id, sizeof(row->study.id), err);
}

kh_status kh_taking_each_refused(kh_taking *taking, kh_taking_refused *tell, void *context, kh_error *err)
{
    refusing r = {.taking = taking};
    kh_search *search = NULL;
    kh_status status;

    if (!taking->service->rights)
        return KH_OK;
    kh_buf_init(&r.ids, REFUSED_MAX * sizeof(int64_t));
    status = kh_search_open(&search, taking->service->cache, KH_LEVEL_STUDY, taking->keys, taking->key_count, err);
    if (status == KH_OK)
        status = kh_search_all(search, REFUSED_MAX, keep_study, &r, err);
    kh_search_free(search);
    for (size_t i = 0; status == KH_OK && i < r.ids.size / sizeof(int64_t); i++) {
        kh_verdict verdict;

        status = kh_taking_study(taking, ((const int64_t *)(const void *)r.ids.data)[i], &verdict, err);
        if (status == KH_OK && !verdict.allowed)
            tell(context, &taking->study, &verdict);
    }
    kh_buf_release(&r.ids);
    return status == KH_E_LIMIT ? (kh_error_clear(err), KH_OK) : status;
}
