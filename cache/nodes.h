/* nodes.h - the DICOM application entities we talk with, kept in the index, and the AE titles by which hospitals call us.
 * Unknown callers are refused.
 * Writes: the owner only (KH_E_DENIED otherwise). */
#ifndef KH_CACHE_NODES_H
#define KH_CACHE_NODES_H

#include "cache/cache.h"

#define KH_AE_TITLE_SIZE 17 /* 16 characters and NUL (PS3.5 6.2 AE) */
#define KH_FINGERPRINT_SIZE 65 /* SHA-256 in hexadecimal, and NUL */
#define KH_NODE_BYTES_PER_S_MIN 1024LL
#define KH_NODE_BYTES_PER_S_MAX (100LL << 30)

typedef struct kh_node {
    int64_t id;
    char name[65];                  /* unique, 1 to 64 of [A-Za-z0-9_.-] */
    char ae_title[KH_AE_TITLE_SIZE];
    char host[254];                 /* name or address; may be "" for a node that only sends */
    uint16_t port;                  /* 1 to 65,535; 0 when host is "" */
    char facility[65];              /* the hospital it belongs to */
    char charset[128];              /* Specific Character Set of keys we send; "" for the default */
    bool may_store;                 /* what it may do as a caller: C-STORE */
    bool may_query;                 /* C-FIND */
    bool may_retrieve;              /* C-MOVE, C-GET */
    bool retrieve_by_get;           /* studies are fetched by C-GET; else by C-MOVE */
    bool tls;                       /* both ways over TLS and never without */
    char certificates[4 * KH_FINGERPRINT_SIZE]; /* SHA-256 of those it may show when it calls: 64 of [0-9a-f], separated by commas */
    char source[256];               /* IPv4 addresses and nets it calls from, separated by commas; "": any */
    char syntaxes[512];             /* UIDs of transfer syntaxes it is to use, best first, separated by commas; "": our own order */
    uint16_t associations;          /* it may have so many at once, and we with it; 0: as many as anybody, as many as we need */
    int64_t bytes_per_s;            /* both directions together; 0: no limit */
    char hours[256];                /* when we may ask it and send to it, see node_hours.h; "": always */
    char hours_in[256];             /* when it may call; "": always */
} kh_node;

typedef kh_status kh_node_visit(void *context, const kh_node *node);

/* KH_E_ARG with the field; KH_E_CONFLICT when the name is taken. node->id is set. */
KH_MUST_USE kh_status kh_node_add(kh_cache *cache, kh_node *node, kh_error *err);
/* All fields of the node of that name. KH_E_NOT_FOUND; KH_E_ARG with the field. node->id is set. */
KH_MUST_USE kh_status kh_node_set(kh_cache *cache, kh_node *node, kh_error *err);
KH_MUST_USE kh_status kh_node_remove(kh_cache *cache, const char *name, kh_error *err);
KH_MUST_USE kh_status kh_node_find(kh_cache *cache, const char *name, kh_node *out, kh_error *err);
KH_MUST_USE kh_status kh_node_by_id(kh_cache *cache, int64_t id, kh_node *out, kh_error *err);
/* Who calls. */
typedef struct kh_caller {
    const char *ae_title;
    const char *facility;    /* the one whose title was called, "" when it was the service's own */
    const char *address;     /* numeric; NULL: not to be looked at */
    bool tls;
    const char *certificate; /* its fingerprint, "" without TLS */
} kh_caller;
/* The node that calls so: the title, the facility, the net it calls from, TLS or not, and the certificate must all be the node's.
 * When several fit, the one whose host is the address wins. KH_E_NOT_FOUND when no node has the title (of that facility), KH_E_DENIED
 * with what does not fit when one has. */
KH_MUST_USE kh_status kh_node_by_caller(kh_cache *cache, const kh_caller *caller, kh_node *out, kh_error *err);
/* The node with an address that has this AE title, the oldest when several have; KH_E_NOT_FOUND. */
KH_MUST_USE kh_status kh_node_destination(kh_cache *cache, const char *ae_title, kh_node *out, kh_error *err);
KH_MUST_USE kh_status kh_node_list(kh_cache *cache, kh_node_visit *visit, void *context, kh_error *err);
/* Moves with every change of a node or title made by this process, which is all of them where it owns the index; never 0. One atomic
 * load. */
uint64_t kh_nodes_moved(const kh_cache *cache);
/* True once any node may call: until then the bridge listens on loopback only. */
KH_MUST_USE kh_status kh_node_any(kh_cache *cache, bool *out, kh_error *err);

/* --- AE titles by which a hospital calls us, besides the service's own: what is sent to such a title belongs to its facility --- */

/* KH_E_CONFLICT when the title is taken. */
KH_MUST_USE kh_status kh_title_add(kh_cache *cache, const char *ae_title, const char *facility, kh_error *err);
KH_MUST_USE kh_status kh_title_remove(kh_cache *cache, const char *ae_title, kh_error *err);
/* KH_E_NOT_FOUND when it is nobody's. */
KH_MUST_USE kh_status kh_title_facility(kh_cache *cache, const char *ae_title, char facility[65], kh_error *err);
/* How we call ourselves to nodes of a facility: its first title, KH_E_NOT_FOUND when it has none. */
KH_MUST_USE kh_status kh_title_of_facility(kh_cache *cache, const char *facility, char ae_title[KH_AE_TITLE_SIZE], kh_error *err);
typedef kh_status kh_title_visit(void *context, const char *ae_title, const char *facility);
KH_MUST_USE kh_status kh_title_list(kh_cache *cache, kh_title_visit *visit, void *context, kh_error *err);

#endif
