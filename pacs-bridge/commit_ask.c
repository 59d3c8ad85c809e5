#include "pacs-bridge/commit_ask.h"

#include <stdlib.h>
#include <string.h>
#include "pacs-bridge/object_list.h"

static kh_status refer_to(kh_commitment_ref *refs, const kh_object_list *list, kh_error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        const kh_listed_object *object = kh_object_list_at(list, i);

        if (object->kind >= list->kind_count)
            return kh_error_set(err, KH_E_LIMIT, "more than %d kinds of objects at once", KH_OBJECT_KINDS_MAX);
        refs[i].result = KH_COMMITMENT_UNKNOWN;
        memcpy(refs[i].sop_class_uid, list->kinds[object->kind].sop_class_uid, KH_UID_SIZE);
        memcpy(refs[i].sop_instance_uid, object->sop_instance_uid, KH_UID_SIZE);
    }
    return KH_OK;
}

kh_status kh_commit_ask(kh_commit_queue *queue, kh_cache *cache, const kh_node *node, const kh_search_key *keys, size_t key_count,
                        int64_t *id, kh_error *err)
{
    kh_commitment_ref *refs = NULL;
    kh_object_list list;
    kh_status status = kh_object_list_fill(&list, cache, keys, key_count, err);

    if (status == KH_OK && list.count == 0)
        status = kh_error_set(err, KH_E_NOT_FOUND, "nothing of that is here");
    if (status == KH_OK && !(refs = calloc(list.count, sizeof(*refs))))
        status = kh_error_set(err, KH_E_MEMORY, "no memory for %zu references", list.count);
    if (status == KH_OK)
        status = refer_to(refs, &list, err);
    if (status == KH_OK)
        status = kh_commit_queue_ask(queue, node, refs, list.count, id, err);
    free(refs);
    kh_object_list_release(&list);
    return status;
}
