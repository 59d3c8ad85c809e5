/* Which objects an address names. */
#include <string.h>
#include "cache/changes.h"
#include "store/digest.h"
#include "viewer/dicomweb/retrieve.h"

static kh_status read_uid(char out[KH_UID_SIZE], const kh_http_request *request, const char *name, kh_error *err)
{
    const char *text = kh_http_segment(request, name);

    out[0] = '\0';
    if (!text)
        return KH_OK;
    if (!kh_uid_plausible(text))
        return kh_error_set(err, KH_E_ARG, "%s: expected a UID, 1 to 64 of 0-9 and dots", name);
    memcpy(out, text, strlen(text) + 1);
    return KH_OK;
}

kh_status kh_retrieve_read_uids(kh_retrieve_uids *out, const kh_http_request *request, kh_error *err)
{
    kh_status status = read_uid(out->study, request, "study", err);

    if (status == KH_OK)
        status = read_uid(out->series, request, "series", err);
    if (status == KH_OK)
        status = read_uid(out->instance, request, "instance", err);
    return status;
}

kh_status kh_retrieve_read_accept(kh_accept *out, const kh_http_request *request, kh_error *err)
{
    return kh_accept_parse(out, kh_http_query(request, "accept"), kh_http_header(request, "Accept"), err);
}

static kh_status syntax_index(kh_retrieve_list *list, const char *syntax, unsigned *out, kh_error *err)
{
    for (*out = 0; *out < list->syntax_count; ++*out)
        if (strcmp(list->syntaxes[*out], syntax) == 0)
            return KH_OK;
    if (list->syntax_count == KH_RETRIEVE_SYNTAXES_MAX)
        return kh_error_set(err, KH_E_LIMIT, "objects in more than %d transfer syntaxes", KH_RETRIEVE_SYNTAXES_MAX);
    memcpy(list->syntaxes[list->syntax_count++], syntax, strlen(syntax) + 1);
    return KH_OK;
}

static kh_status add(void *context, const kh_search_row *row, kh_error *err)
{
    kh_retrieve_list *list = context;
    kh_retrieve_object object = {.id = row->object.id, .study_id = row->study.id, .series_id = row->series.id, .bytes = row->object.bytes,
                                 .away = row->object.away, .place = row->place};
    kh_status status = syntax_index(list, row->object.transfer_syntax_uid, &object.syntax, err);

    if (status != KH_OK)
        return status;
    memcpy(object.series_uid, row->series.series_uid, KH_UID_SIZE);
    memcpy(object.instance_uid, row->object.sop_instance_uid, KH_UID_SIZE);
    list->count++;
    if (object.away) {
        list->away_count++;
        list->away_study = object.study_id;
    }
    return kh_buf_append(&list->objects, &object, sizeof object, err);
}

/* Objects of one study stand together nearly always. */
static kh_status sum_up(kh_retrieve_list *list, kh_cache *cache, kh_error *err)
{
    kh_outgoing outgoing;
    kh_xxh3 *sum = NULL;
    int64_t study_id = 0;
    kh_status status = kh_xxh3_create(&sum, err);

    for (size_t i = 0; status == KH_OK && i < list->count; i++) {
        const kh_retrieve_object *object = kh_retrieve_list_at(list, i);

        kh_xxh3_add(sum, &object->id, sizeof object->id);
        kh_xxh3_add(sum, &object->away, sizeof object->away);
        if (object->study_id == study_id)
            continue;
        study_id = object->study_id;
        status = kh_change_outgoing(cache, study_id, &outgoing, err);
        if (status != KH_OK || outgoing.count == 0)
            continue;
        list->corrected = true;
        kh_xxh3_add(sum, outgoing.datetime, sizeof outgoing.datetime);
        for (size_t k = 0; k < outgoing.count; k++)
            kh_xxh3_add(sum, outgoing.amendments[k].utf8, strlen(outgoing.amendments[k].utf8) + 1);
    }
    if (status == KH_OK)
        list->state = kh_xxh3_value(sum);
    kh_xxh3_free(sum);
    return status;
}

static kh_status fill(kh_retrieve_list *out, kh_cache *cache, const kh_scope *scope, const kh_retrieve_uids *uids, kh_error *err)
{
    const kh_search_key keys[] = {{KH_TAG_STUDY_INSTANCE_UID, uids->study},
                                  {KH_TAG_SERIES_INSTANCE_UID, uids->series},
                                  {KH_TAG_SOP_INSTANCE_UID, uids->instance}};
    size_t key_count = uids->instance[0] ? 3 : uids->series[0] ? 2 : 1;
    kh_search *search = NULL;
    kh_status status;

    out->event = kh_page_wait_event(kh_cache_page(cache), UINT64_MAX, 0);
    status = kh_search_open(&search, cache, KH_LEVEL_IMAGE, keys, key_count, err);
    if (status == KH_OK)
        kh_search_within(search, scope);
    if (status == KH_OK)
        status = kh_search_all(search, KH_RETRIEVE_OBJECTS_MAX, add, out, err);
    kh_search_free(search);
    if (status == KH_OK && out->count == 0)
        status = kh_error_set(err, KH_E_NOT_FOUND, "no such %s", key_count == 3 ? "instance" : key_count == 2 ? "series" : "study");
    return status == KH_OK ? sum_up(out, cache, err) : status;
}

kh_status kh_retrieve_list_fill(kh_retrieve_list *out, kh_dicomweb *dicomweb, const kh_http_request *request, kh_verb verb,
                                const kh_retrieve_uids *uids, kh_error *err)
{
    kh_reach *reach = NULL;
    kh_status status;

    memset(out, 0, sizeof *out);
    kh_buf_init(&out->objects, KH_RETRIEVE_OBJECTS_MAX * sizeof(kh_retrieve_object));
    status = kh_dicomweb_reach(dicomweb, request, verb, KH_REACH_NAMED, &reach, err);
    if (status == KH_OK)
        status = fill(out, dicomweb->cache, kh_reach_scope(reach), uids, err);
    kh_reach_close(reach);
    return status;
}

void kh_retrieve_list_release(kh_retrieve_list *list)
{
    kh_buf_release(&list->objects);
    list->count = 0;
}

const kh_retrieve_object *kh_retrieve_list_at(const kh_retrieve_list *list, size_t index)
{
    return (const kh_retrieve_object *)(const void *)list->objects.data + index; /* malloc'ed */
}
