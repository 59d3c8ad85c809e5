/* get_contexts.h - what we are ready to take when we fetch by C-GET: an association has room for 128 presentation contexts, so these are
 * the storage classes that hospitals use most, pictures in compressed syntaxes too, each in a context of its own so that what is
 * compressed there comes as it is. A node with syntaxes of its own (kh_node.syntaxes) is offered those, and what every object can be
 * written in, and no others. Threads: one at a time. */
#ifndef KH_PACS_BRIDGE_GET_CONTEXTS_H
#define KH_PACS_BRIDGE_GET_CONTEXTS_H

#include "dicom/shim/assoc.h"

#define KH_GET_CONTEXTS_MAX 126
#define KH_GET_COMPRESSED_MAX 5 /* of one class */

/* Its proposals point into it: it stays where it is. */
typedef struct kh_get_contexts {
    kh_proposal proposals[KH_GET_CONTEXTS_MAX];
    size_t count;
    const char *native[2]; /* borrowed or constant, as all below */
    size_t native_count;
    char uids[KH_GET_COMPRESSED_MAX][KH_UID_SIZE];
    const char *compressed[KH_GET_COMPRESSED_MAX];
    size_t compressed_count;
} kh_get_contexts;

/* syntaxes: of the node, "" for our own choice. Of more than KH_GET_COMPRESSED_MAX compressed ones the first are offered. */
void kh_get_contexts_init(kh_get_contexts *out, const char *syntaxes);

#endif
