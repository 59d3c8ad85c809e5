/* sender.h - sends listed objects to a node by C-STORE, each as it is held: in its own transfer syntax, byte for byte, unless somebody
 * corrected it (corrected.h). Only where the node takes nothing else is the data set written anew in explicit or implicit VR little endian
 * (dicom/recode.h), compressed pixel data decoded by the sandboxed workers. A node with syntaxes of its own (kh_node.syntaxes) is offered
 * those and no others. The association is made with the first object, and again when it breaks; after KH_SENDER_BREAKS_MAX breaks the
 * rest is given up.
 * Threads: one at a time. */
#ifndef KH_PACS_BRIDGE_SENDER_H
#define KH_PACS_BRIDGE_SENDER_H

#include "dicom/codec/codec.h"
#include "dicom/shim/user.h"
#include "pacs-bridge/object_list.h"
#include "pacs-bridge/scu.h"

#define KH_SENDER_BREAKS_MAX 3

typedef struct kh_sender {
    kh_cache *cache;            /* all borrowed */
    const kh_scu *scu;
    const kh_node *node;
    const kh_object_list *list;
    kh_codec *codec;            /* NULL: compressed objects go as they are or not at all */
    const char *originator;     /* AE title of who asked for it, "" for ourselves */
    uint16_t originator_id;
    bool (*may_go_on)(void *context); /* as in kh_user_object; NULL: it may */
    void *go_on_context;
    kh_assoc *assoc;            /* NULL until the first object, and after a break */
    unsigned breaks;
    bool reached;               /* there was an association */
    bool full;                  /* the node has as many of ours as it may: nothing was tried */
} kh_sender;

/* How an object went. *dimse is the node's answer when it gave one, else 0. KH_OK: taken, with a warning when *dimse is Bxxx.
 * KH_E_UNSUPPORTED: the node does not take it in any way it can be sent; KH_E_CANCELLED: we stop. */
KH_MUST_USE kh_status kh_sender_send(kh_sender *sender, const kh_listed_object *object, uint16_t *dimse, kh_error *err);
/* Releases the association. */
void kh_sender_close(kh_sender *sender);

/* How one object goes on an association that is there. */
typedef struct kh_sender_way {
    kh_cache *cache;
    kh_codec *codec;           /* as in kh_sender */
    kh_assoc *assoc;
    const kh_context *with;    /* from kh_sender_context() */
    const kh_object_kind *kind;
    bool broken;               /* out: the association was aborted */
} kh_sender_way;

/* The context for objects of this kind: their own syntax, else explicit, else implicit VR little endian; NULL when there is none.
 * as_scp: only those in which the requestor of the association takes objects (C-GET). */
const kh_context *kh_sender_context(const kh_assoc *assoc, const kh_object_kind *kind, bool as_scp);
/* The file of a listed object; other members of request are the caller's. */
KH_MUST_USE kh_status kh_sender_store(kh_sender_way *way, const kh_listed_object *object, kh_user_object *request, uint16_t *dimse,
                                      kh_error *err);
/* "taken" by its status: success or a warning. */
bool kh_sender_is_taken(uint16_t dimse);

#endif
