#include "pacs-bridge/object_list.h"

#include <stdlib.h>
#include <string.h>

static size_t kind_of(kh_object_list *list, const kh_object *object)
{
    size_t i = 0;

    while (i < list->kind_count && (strcmp(list->kinds[i].sop_class_uid, object->sop_class_uid) != 0 ||
                                    strcmp(list->kinds[i].transfer_syntax_uid, object->transfer_syntax_uid) != 0))
        i++;
    if (i == list->kind_count && i < KH_OBJECT_KINDS_MAX) {
        memcpy(list->kinds[i].sop_class_uid, object->sop_class_uid, KH_UID_SIZE);
        memcpy(list->kinds[i].transfer_syntax_uid, object->transfer_syntax_uid, KH_UID_SIZE);
        list->kind_count++;
    }
    return i;
}

kh_status kh_object_list_add(void *context, const kh_search_row *row, kh_error *err)
{
    kh_object_list *list = context;
    kh_listed_object object = {.object_id = row->object.id, .bytes = row->object.bytes, .main_offset = row->main_offset,
                               .study_id = row->study.id, .away = row->object.away};

    object.kind = kind_of(list, &row->object);
    memcpy(object.sop_instance_uid, row->object.sop_instance_uid, KH_UID_SIZE);
    list->count++;
    list->away_count += object.away;
    return kh_buf_append(&list->objects, &object, sizeof(object), err);
}

void kh_object_list_init(kh_object_list *out)
{
    memset(out, 0, sizeof(*out));
    kh_buf_init(&out->objects, KH_OBJECT_LIST_MAX * sizeof(kh_listed_object));
}

kh_status kh_object_list_fill_within(kh_object_list *out, kh_cache *cache, const kh_scope *scope, const kh_search_key *keys,
                                     size_t key_count, kh_error *err)
{
    kh_search *search = NULL;
    kh_status status;

    kh_object_list_init(out);
    status = kh_search_open(&search, cache, KH_LEVEL_IMAGE, keys, key_count, err);
    if (status == KH_OK) {
        kh_search_within(search, scope);
        status = kh_search_all(search, KH_OBJECT_LIST_MAX, kh_object_list_add, out, err);
    }
    kh_search_free(search);
    return status;
}

kh_status kh_object_list_fill(kh_object_list *out, kh_cache *cache, const kh_search_key *keys, size_t key_count, kh_error *err)
{
    return kh_object_list_fill_within(out, cache, NULL, keys, key_count, err);
}

static int compare_ids(const void *a, const void *b)
{
    const int64_t *one = a, *two = b;

    return *one < *two ? -1 : *one > *two;
}

void kh_object_list_keep(kh_object_list *list, const int64_t *ids, size_t id_count)
{
    kh_listed_object *objects = (kh_listed_object *)(void *)list->objects.data; /* malloc'ed */
    size_t kept = 0;

    list->away_count = 0;
    for (size_t i = 0; i < list->count; i++)
        if (bsearch(&objects[i].object_id, ids, id_count, sizeof(*ids), compare_ids)) {
            objects[kept++] = objects[i];
            list->away_count += objects[i].away;
        }
    list->count = kept;
    list->objects.size = kept * sizeof(kh_listed_object);
}

void kh_object_list_release(kh_object_list *list)
{
    kh_buf_release(&list->objects);
    list->count = 0;
}

const kh_listed_object *kh_object_list_at(const kh_object_list *list, size_t index)
{
    return (const kh_listed_object *)(const void *)list->objects.data + index; /* malloc'ed */
}
