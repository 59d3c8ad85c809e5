#include "pacs-bridge/sender.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include "cache/corrected.h"
#include "dicom/recode.h"
#include "pacs-bridge/dimse_status.h"
#include "pacs-bridge/syntax_list.h"

#define CODESTREAM_BYTES_MAX (UINT64_C(1) << 31) /* of one frame; the codec has its own, smaller limit */

bool kh_sender_is_taken(uint16_t dimse)
{
    return dimse == KH_DIMSE_SUCCESS || (dimse & 0xf000) == 0xb000 || dimse == 0x0001 || dimse == 0x0107 || dimse == 0x0116;
}

/* --- one object --- */

const kh_context *kh_sender_context(const kh_assoc *assoc, const kh_object_kind *kind, bool as_scp)
{
    const char *const syntaxes[] = {kind->transfer_syntax_uid, KH_TS_EXPLICIT_LE, KH_TS_IMPLICIT_LE};

    for (size_t i = 0; i < sizeof(syntaxes) / sizeof(syntaxes[0]); i++) {
        const kh_context *with = kh_assoc_context_find(assoc, kind->sop_class_uid, syntaxes[i]);

        if (with && (!as_scp || with->requestor_is_scp))
            return with;
    }
    return NULL;
}

static kh_status produce(void *context, kh_data_sink *put, void *into, kh_error *err)
{
    return kh_recode_write(context, put, into, err);
}

/* Only what ends with a value of odd length is odd itself, and cannot be sent so (PS3.8 annex E). syntax: of the source. */
static bool goes_as_it_is(const kh_sender_way *way, const kh_user_object *request, const char *syntax)
{
    if (strcmp(way->with->transfer_syntax, syntax) != 0)
        return false;
    return ((request->source->size - request->offset) & 1) == 0 || !kh_syntax_is_native(syntax);
}

/* The object as it is, or written anew where the context has another transfer syntax. */
static kh_status prepare(kh_recode **recode, const kh_sender_way *way, kh_user_object *request, const char *syntax, kh_error *err)
{
    const kh_recode_options options = {.explicit_vr = strcmp(way->with->transfer_syntax, KH_TS_EXPLICIT_LE) == 0,
                                       .codestream_bytes_max = CODESTREAM_BYTES_MAX,
                                       .decode = way->codec ? kh_codec_decode_patiently : NULL,
                                       .context = way->codec};
    kh_status status;

    if (goes_as_it_is(way, request, syntax))
        return KH_OK;
    status = kh_recode_open(recode, request->source, &options, err);
    if (status != KH_OK)
        return kh_error_prefix(err, "not taken in transfer syntax %s, and not to be changed", way->kind->transfer_syntax_uid);
    request->produce = produce;
    request->produce_context = *recode;
    return KH_OK;
}

/* With corrected values; a deflated object is no longer one then and needs another context. */
static kh_status correct(kh_amended **amended, kh_sender_way *way, const kh_listed_object *object, kh_user_object *request, kh_error *err)
{
    kh_object_kind kind = *way->kind;
    kh_status status = kh_corrected_open(amended, way->cache, object->study_id, request->source, err);

    if (status != KH_OK || !*amended)
        return status;
    request->source = kh_amended_source(*amended);
    request->offset = kh_amended_main_offset(*amended);
    if (strcmp(kh_amended_transfer_syntax(*amended), kind.transfer_syntax_uid) == 0)
        return KH_OK;
    memcpy(kind.transfer_syntax_uid, KH_TS_EXPLICIT_LE, sizeof(KH_TS_EXPLICIT_LE));
    way->with = kh_sender_context(way->assoc, &kind, way->with->requestor_is_scp);
    return way->with
               ? KH_OK
               : kh_error_set(err, KH_E_UNSUPPORTED, "corrected values cannot go in transfer syntax %s", way->kind->transfer_syntax_uid);
}

static kh_status store_file(kh_sender_way *way, int fd, const kh_listed_object *object, kh_user_object *request, uint16_t *dimse,
                            kh_error *err)
{
    kh_recode *recode = NULL;
    kh_amended *amended = NULL;
    kh_source source;
    kh_status status = kh_source_init_fd(&source, fd, err);

    if (status == KH_OK && source.size != (uint64_t)object->bytes)
        status = kh_error_set(err, KH_E_CORRUPT, "object %lld: %llu bytes, expected %lld", (long long)object->object_id,
                              (unsigned long long)source.size, (long long)object->bytes);
    if (status != KH_OK)
        return status;
    request->sop_class_uid = way->with->abstract_syntax;
    request->sop_instance_uid = object->sop_instance_uid;
    request->source = &source;
    request->offset = (uint64_t)object->main_offset;
    status = correct(&amended, way, object, request, err);
    if (status == KH_OK)
        status = prepare(&recode, way, request, amended ? kh_amended_transfer_syntax(amended) : way->kind->transfer_syntax_uid, err);
    if (status == KH_OK) {
        status = kh_user_store_object(way->assoc, way->with, request, dimse, err);
        way->broken = status != KH_OK;
    }
    kh_recode_free(recode);
    kh_amended_free(amended);
    return status;
}

kh_status kh_sender_store(kh_sender_way *way, const kh_listed_object *object, kh_user_object *request, uint16_t *dimse, kh_error *err)
{
    int fd = -1;
    kh_status status = kh_object_open(way->cache, object->object_id, &fd, err);

    *dimse = 0;
    way->broken = false;
    if (status == KH_OK)
        status = store_file(way, fd, object, request, dimse, err);
    if (way->broken)
        kh_assoc_abort(way->assoc);
    if (fd >= 0)
        close(fd);
    if (status == KH_OK && !kh_sender_is_taken(*dimse))
        return kh_error_set(err, KH_E_PEER, "answered with %04X, %s", *dimse, kh_dimse_status_text(*dimse));
    return status;
}

/* --- many --- */

typedef struct proposing {
    kh_proposal proposals[KH_OBJECT_KINDS_MAX + 2];
    const char *syntaxes[KH_OBJECT_KINDS_MAX]; /* of each kind's own context */
    size_t count;
    const char *fallback[2];
    size_t fallback_count;
} proposing;

/* Is this the first kind of its class? */
static bool is_first_of_class(const kh_object_list *list, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(list->kinds[i].sop_class_uid, list->kinds[index].sop_class_uid) == 0)
            return false;
    return true;
}

/* One context for each kind, in the syntax it has, so that the node takes it so if it can and is to; then one for each class in what
 * every object can be written in, as far as there is room. */
static void propose(proposing *to, const kh_object_list *list, const kh_node *node)
{
    to->count = 0;
    to->fallback_count = kh_syntax_list_native(node->syntaxes, to->fallback);
    for (size_t i = 0; i < list->kind_count; i++) {
        if (node->syntaxes[0] && kh_syntax_list_place(node->syntaxes, list->kinds[i].transfer_syntax_uid) == SIZE_MAX)
            continue;
        to->syntaxes[i] = list->kinds[i].transfer_syntax_uid;
        to->proposals[to->count++] = (kh_proposal){list->kinds[i].sop_class_uid, &to->syntaxes[i], 1, false};
    }
    for (size_t i = 0; i < list->kind_count && to->count < sizeof(to->proposals) / sizeof(to->proposals[0]); i++)
        if (is_first_of_class(list, i))
            to->proposals[to->count++] = (kh_proposal){list->kinds[i].sop_class_uid, to->fallback, to->fallback_count, false};
}

static kh_status open_association(kh_sender *sender, kh_error *err)
{
    proposing to;
    kh_status status;

    if (sender->breaks >= KH_SENDER_BREAKS_MAX)
        return kh_error_set(err, KH_E_PEER, "the association broke %u times", sender->breaks);
    propose(&to, sender->list, sender->node);
    status = kh_scu_connect(&sender->assoc, sender->scu, sender->node, to.proposals, to.count, err);
    sender->full = status == KH_E_BUSY;
    if (status == KH_OK)
        sender->reached = true;
    else
        sender->breaks = KH_SENDER_BREAKS_MAX; /* who cannot be reached is not asked for every object */
    return status;
}

/* An object that could not be read or decoded in its middle is not the node's fault. */
static bool is_peers_fault(kh_status status)
{
    return status == KH_E_PEER || status == KH_E_TIMEOUT || status == KH_E_CANCELLED;
}

kh_status kh_sender_send(kh_sender *sender, const kh_listed_object *object, uint16_t *dimse, kh_error *err)
{
    kh_user_object request = {.originator = sender->originator, .originator_id = sender->originator_id,
                              .may_go_on = sender->may_go_on, .go_on_context = sender->go_on_context};
    const kh_object_kind *kind = &sender->list->kinds[object->kind];
    kh_sender_way way = {.cache = sender->cache, .codec = sender->codec, .kind = kind};
    kh_status status;

    *dimse = 0;
    if (object->kind >= sender->list->kind_count)
        return kh_error_set(err, KH_E_LIMIT, "more than %d kinds of objects at once", KH_OBJECT_KINDS_MAX);
    if (!sender->assoc) {
        status = open_association(sender, err);
        if (status != KH_OK)
            return status;
    }
    way.assoc = sender->assoc;
    way.with = kh_sender_context(sender->assoc, kind, false);
    if (!way.with)
        return kh_error_set(err, KH_E_UNSUPPORTED, "node %s does not take class %s in transfer syntax %s", sender->node->name,
                            kind->sop_class_uid, kind->transfer_syntax_uid);
    status = kh_sender_store(&way, object, &request, dimse, err);
    if (way.broken) {
        kh_assoc_free(sender->assoc);
        sender->assoc = NULL;
        sender->breaks += is_peers_fault(status);
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
