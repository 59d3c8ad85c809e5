/* get_contexts.h - what we are ready to take when we fetch by C-GET: an association has room for 128 presentation contexts, so these are
 * the storage classes that hospitals use most, pictures in the usual compressed syntaxes too, each in a context of its own so that what
 * is compressed there comes as it is. Threads: constant. */
#ifndef KH_PACS_BRIDGE_GET_CONTEXTS_H
#define KH_PACS_BRIDGE_GET_CONTEXTS_H

#include "dicom/shim/assoc.h"

#define KH_GET_CONTEXTS_MAX 126

/* How many were written to out, which has room for KH_GET_CONTEXTS_MAX. */
size_t kh_get_contexts(kh_proposal *out);

#endif
