/* nodes.h - the DICOM application entities we talk with, kept in the index. Unknown callers are refused.
 * Writes: the owner only (KH_E_DENIED otherwise). */
#ifndef KH_CACHE_NODES_H
#define KH_CACHE_NODES_H

#include "cache/cache.h"

#define KH_AE_TITLE_SIZE 17 /* 16 characters and NUL (PS3.5 6.2 AE) */

typedef struct kh_node {
    int64_t id;
    char name[65];                  /* unique, 1 to 64 of [A-Za-z0-9_.-] */
    char ae_title[KH_AE_TITLE_SIZE];
    char host[254];                 /* name or address; may be "" for a node that only sends */
    uint16_t port;                  /* 1 to 65,535; 0 when host is "" */
    char facility[65];              /* the hospital it belongs to */
    char charset[128];              /* Specific Character Set of keys we send; "" for the default */
    bool may_store, may_query;      /* what it may do as a caller */
    bool retrieve_by_get;           /* studies are fetched by C-GET; else by C-MOVE */
} kh_node;

typedef kh_status kh_node_visit(void *context, const kh_node *node);

/* KH_E_ARG with the field; KH_E_CONFLICT when the name is taken. node->id is set. */
KH_MUST_USE kh_status kh_node_add(kh_cache *cache, kh_node *node, kh_error *err);
KH_MUST_USE kh_status kh_node_remove(kh_cache *cache, const char *name, kh_error *err);
KH_MUST_USE kh_status kh_node_find(kh_cache *cache, const char *name, kh_node *out, kh_error *err);
KH_MUST_USE kh_status kh_node_by_id(kh_cache *cache, int64_t id, kh_node *out, kh_error *err);
/* The node that calls with this AE title; KH_E_NOT_FOUND when unknown. When several share a title, the one whose host is address wins. */
KH_MUST_USE kh_status kh_node_by_caller(kh_cache *cache, const char *ae_title, const char *address, kh_node *out, kh_error *err);
/* The node with an address that has this AE title, the oldest when several have; KH_E_NOT_FOUND. */
KH_MUST_USE kh_status kh_node_destination(kh_cache *cache, const char *ae_title, kh_node *out, kh_error *err);
KH_MUST_USE kh_status kh_node_list(kh_cache *cache, kh_node_visit *visit, void *context, kh_error *err);
/* True once any node may call: until then the bridge listens on loopback only. */
KH_MUST_USE kh_status kh_node_any(kh_cache *cache, bool *out, kh_error *err);

#endif
