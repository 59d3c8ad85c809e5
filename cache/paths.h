/* paths.h - where things lie below DIR. Made of our own numbers only.
 * An object's file name holds a number and that of its origin, so that recovery knows whose it is without the index. The number is the
 * object's id, or one of the same sequence when the object was away and has come back: a file's name is never used again. */
#ifndef KH_CACHE_PATHS_H
#define KH_CACHE_PATHS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"

typedef struct kh_paths {
    char dir[PATH_MAX - 128];
} kh_paths;

#define KH_LEAF_COUNT 65536 /* directories objects/aa/bb */
#define KH_LEAF_IDS 256     /* so many in a row share one */

KH_MUST_USE kh_status kh_paths_init(kh_paths *paths, const char *dir, kh_error *err);
/* DIR/name */
void kh_path_of(char out[PATH_MAX], const kh_paths *paths, const char *name);
/* The number of the directory of a file, 0 to KH_LEAF_COUNT - 1. */
uint32_t kh_path_leaf(int64_t file_id);
void kh_path_leaf_dir(char out[PATH_MAX], const kh_paths *paths, uint32_t leaf);
void kh_path_object(char out[PATH_MAX], const kh_paths *paths, int64_t file_id, int64_t origin_id);
void kh_path_incoming(char out[PATH_MAX], const kh_paths *paths, uint64_t number);
/* The object's file opened for reading; KH_E_CORRUPT when it is not there, KH_E_BUSY when the object has none (file_id 0): it is at the
 * hospital. */
KH_MUST_USE kh_status kh_object_open_file(int *fd, const kh_paths *paths, int64_t file_id, int64_t origin_id, kh_error *err);
/* Of a second object with the SOP Instance UID of object_id: named by its content, so that the same one again takes no more room. */
void kh_path_quarantine(char out[PATH_MAX], const kh_paths *paths, int64_t object_id, const uint8_t sha256[32]);
/* The numbers in a file name of objects/; false when it is not one of ours. */
bool kh_path_parse_object(const char *name, int64_t *file_id, int64_t *origin_id);

#endif
