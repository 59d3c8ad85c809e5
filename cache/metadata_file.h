/* metadata_file.h - the prepared metadata of one series, in DIR/metadata/: replaced as a whole, made anew when it is absent, and not
 * believed when a byte of it has changed (xxh3 of all). A series without objects has none.
 *
 * Layout, in this machine's byte order: kh_metadata_head, entries, parts of all entries, bytes of all parts. An entry holds for an object
 * with the same file (or one that is at its hospital by now) and the same corrected values. Threads: reading any; writing the owner, one at
 * a time. */
#ifndef KH_CACHE_METADATA_FILE_H
#define KH_CACHE_METADATA_FILE_H

#include "base/buf.h"
#include "cache/metadata.h"
#include "cache/paths.h"

typedef struct kh_metadata_head {
    uint64_t magic;
    uint64_t sum;      /* xxh3 of what follows this field */
    int64_t series_id;
    int64_t revision;  /* of the series when it was made */
    uint64_t outgoing; /* of the corrected values, see metadata.c */
    uint64_t size;     /* of the file */
    uint32_t entry_count, part_count;
} kh_metadata_head;

typedef struct kh_metadata_entry {
    int64_t object_id; /* ascending */
    int64_t file_id;
    uint64_t outgoing;
    uint64_t offset;   /* of the first part's bytes in the file */
    uint32_t part_first, part_count;
} kh_metadata_entry;

typedef struct kh_metadata_file_part {
    uint32_t size, plain_size, crc, unused;
} kh_metadata_file_part;

typedef struct kh_metadata_file {
    uint8_t *bytes; /* owned; NULL when there is none */
    const kh_metadata_head *head;
    const kh_metadata_entry *entries;
    const kh_metadata_file_part *parts;
} kh_metadata_file;

#define KH_METADATA_FILE_MAX ((size_t)512 << 20)
#define KH_METADATA_PARTS_MAX 65537 /* of one entry */

void kh_path_metadata(char out[], const kh_paths *paths, int64_t series_id);
/* Absent, cut and changed files are as none. Release in every case. */
void kh_metadata_file_read(kh_metadata_file *out, const kh_paths *paths, int64_t series_id);
void kh_metadata_file_release(kh_metadata_file *file);
/* Only its head; false when there is none. The sum is not compared. */
bool kh_metadata_file_head(kh_metadata_head *out, const kh_paths *paths, int64_t series_id);
/* NULL when it holds none of the object. */
const kh_metadata_entry *kh_metadata_file_find(const kh_metadata_file *file, int64_t object_id);
/* parts: room for entry->part_count. */
void kh_metadata_file_parts(kh_metadata_part *parts, const kh_metadata_file *file, const kh_metadata_entry *entry);

/* Building one: entries in ascending order of object. */
typedef struct kh_metadata_draft {
    kh_metadata_head head;
    kh_buf entries, parts, bytes;
} kh_metadata_draft;

void kh_metadata_draft_init(kh_metadata_draft *draft);
void kh_metadata_draft_release(kh_metadata_draft *draft);
KH_MUST_USE kh_status kh_metadata_draft_add(kh_metadata_draft *draft, const kh_metadata *metadata, int64_t file_id, uint64_t outgoing,
                                            kh_error *err);
/* Replaces the series' file. */
KH_MUST_USE kh_status kh_metadata_draft_write(kh_metadata_draft *draft, const kh_paths *paths, kh_error *err);

#endif
