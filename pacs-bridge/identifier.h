/* identifier.h - the data sets that queries and retrievals carry (PS3.4 C.1.1.3), from a table of keys. Threads: pure. */
#ifndef KH_PACS_BRIDGE_IDENTIFIER_H
#define KH_PACS_BRIDGE_IDENTIFIER_H

#include <stddef.h>
#include "base/buf.h"
#include "dicom/tag.h"

typedef struct kh_key {
    kh_tag tag;
    kh_vr vr;
    const char *value; /* UTF-8; NULL or "": asked for, matches all */
} kh_key;

/* Keys in ascending order. transfer_syntax_uid: implicit or explicit little endian. charset: as in a node. */
KH_MUST_USE kh_status kh_identifier_build(kh_buf *out, const char *transfer_syntax_uid, const char *charset, const kh_key *keys,
                                          size_t key_count, kh_error *err);

#endif
