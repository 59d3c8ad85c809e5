#include "pacs-bridge/sender.h"

#include <string.h>
#include <unistd.h>
#include "pacs-bridge/dimse_status.h"

bool kh_sender_is_taken(uint16_t dimse)
{
    return dimse == KH_DIMSE_SUCCESS || (dimse & 0xf000) == 0xb000 || dimse == 0x0001 || dimse == 0x0107 || dimse == 0x0116;
}

kh_status kh_sender_store(kh_cache *cache, kh_assoc *assoc, const kh_context *with, const kh_listed_object *object,
                          kh_user_object *request, uint16_t *dimse, kh_error *err)
{
    kh_source source;
    int fd = -1;
    kh_status status = kh_object_open(cache, object->object_id, &fd, err);

    *dimse = 0;
    if (status == KH_OK)
        status = kh_source_init_fd(&source, fd, err);
    if (status == KH_OK && source.size != (uint64_t)object->bytes)
        status = kh_error_set(err, KH_E_CORRUPT, "object %lld: %llu bytes, expected %lld", (long long)object->object_id,
                              (unsigned long long)source.size, (long long)object->bytes);
    if (status == KH_OK) {
        request->sop_class_uid = with->abstract_syntax;
        request->sop_instance_uid = object->sop_instance_uid;
        request->source = &source;
        request->offset = (uint64_t)object->main_offset;
        status = kh_user_store_object(assoc, with, request, dimse, err);
        if (status != KH_OK)
            kh_assoc_abort(assoc);
    }
    if (fd >= 0)
        close(fd);
    if (status == KH_OK && !kh_sender_is_taken(*dimse))
        return kh_error_set(err, KH_E_PEER, "answered with %04X, %s", *dimse, kh_dimse_status_text(*dimse));
    return status;
}

/* One context for each kind, in the syntax it has. */
static kh_status open_association(kh_sender *sender, kh_error *err)
{
    const kh_object_list *list = sender->list;
    kh_proposal proposals[KH_OBJECT_KINDS_MAX];
    const char *syntaxes[KH_OBJECT_KINDS_MAX];
    kh_status status;

    if (sender->breaks >= KH_SENDER_BREAKS_MAX)
        return kh_error_set(err, KH_E_PEER, "the association broke %u times", sender->breaks);
    for (size_t i = 0; i < list->kind_count; i++) {
        syntaxes[i] = list->kinds[i].transfer_syntax_uid;
        proposals[i] = (kh_proposal){list->kinds[i].sop_class_uid, &syntaxes[i], 1, false};
    }
    status = kh_scu_connect(&sender->assoc, sender->scu, sender->node, proposals, list->kind_count, err);
    if (status == KH_OK)
        sender->reached = true;
    else
        sender->breaks = KH_SENDER_BREAKS_MAX; /* who cannot be reached is not asked for every object */
    return status;
}

kh_status kh_sender_send(kh_sender *sender, const kh_listed_object *object, uint16_t *dimse, kh_error *err)
{
    kh_user_object request = {.originator = sender->originator, .originator_id = sender->originator_id};
    const kh_object_kind *kind = &sender->list->kinds[object->kind];
    const kh_context *with;
    kh_status status;

    *dimse = 0;
    if (object->kind >= sender->list->kind_count)
        return kh_error_set(err, KH_E_LIMIT, "more than %d kinds of objects at once", KH_OBJECT_KINDS_MAX);
    if (!sender->assoc) {
        status = open_association(sender, err);
        if (status != KH_OK)
            return status;
    }
    with = kh_assoc_context_find(sender->assoc, kind->sop_class_uid, kind->transfer_syntax_uid);
    if (!with)
        return kh_error_set(err, KH_E_UNSUPPORTED, "node %s does not take class %s in transfer syntax %s", sender->node->name,
                            kind->sop_class_uid, kind->transfer_syntax_uid);
    status = kh_sender_store(sender->cache, sender->assoc, with, object, &request, dimse, err);
    if (status != KH_OK && *dimse == 0) {
        kh_assoc_free(sender->assoc);
        sender->assoc = NULL;
        sender->breaks++;
    }
    return status;
}

void kh_sender_close(kh_sender *sender)
{
    if (sender->assoc && kh_assoc_release(sender->assoc, NULL) != KH_OK)
        kh_assoc_abort(sender->assoc);
    kh_assoc_free(sender->assoc);
    sender->assoc = NULL;
}
