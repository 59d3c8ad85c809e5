/* identity.h - is DIR the folder that it was? DIR/kakehashi.id and the index hold the same id, made at the first start. When one
 * is there without the other, or objects are there without an index, a disk is not mounted or a copy is not whole; writing would
 * then make a second, empty archive or overwrite objects, so the owner does not open. A folder in which nothing is cannot be told from a
 * first start, unless the id is known from elsewhere: [service] archive. */
#ifndef KH_CACHE_IDENTITY_H
#define KH_CACHE_IDENTITY_H

#include <stdbool.h>
#include "cache/paths.h"
#include "store/sql.h"

typedef struct kh_identity {
    bool has_file;
    char id[33]; /* of the file, 32 hexadecimal digits */
} kh_identity;

/* Is DIR the folder of this archive? KH_E_CONFLICT when its kakehashi.id says another id or is not there; nothing is made. expected NULL or
 * "": any. */
KH_MUST_USE kh_status kh_identity_expect(const kh_paths *paths, const char *expected, kh_error *err);
/* Before anything is made in DIR: KH_E_CONFLICT when it is not what is expected, or when something of a Kakehashi is there, but no
 * index. */
KH_MUST_USE kh_status kh_identity_look(kh_identity *found, const kh_paths *paths, const char *expected, kh_error *err);
bool kh_identity_id_valid(const char *id);
/* With the index migrated, before recovery. `reserved` as in kh_ids_read(). Makes the id at the first start: the file is durable
 * before the row, so that a first start which broke off is told from a file that is missing. KH_E_CONFLICT as above. */
KH_MUST_USE kh_status kh_identity_settle(kh_identity *found, kh_sql *sql, int64_t reserved, const kh_paths *paths, kh_error *err);

#endif
