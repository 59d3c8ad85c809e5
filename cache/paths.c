#include "cache/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

kh_status kh_paths_init(kh_paths *paths, const char *dir, kh_error *err)
{
    size_t length = dir ? strlen(dir) : 0;

    if (length < 1 || length >= sizeof paths->dir)
        return kh_error_set(err, KH_E_ARG, "cache directory of %zu bytes, expected 1 to %zu", length, sizeof paths->dir - 1);
    memcpy(paths->dir, dir, length + 1);
    return KH_OK;
}

void kh_path_of(char out[PATH_MAX], const kh_paths *paths, const char *name)
{
    snprintf(out, PATH_MAX, "%s/%.100s", paths->dir, name);
}

uint32_t kh_path_leaf(int64_t file_id)
{
    return (uint32_t)((uint64_t)file_id / KH_LEAF_IDS) & (KH_LEAF_COUNT - 1);
}

void kh_path_leaf_dir(char out[PATH_MAX], const kh_paths *paths, uint32_t leaf)
{
    snprintf(out, PATH_MAX, "%s/objects/%02x/%02x", paths->dir, (unsigned)(leaf >> 8) & 0xff, (unsigned)leaf & 0xff);
}

void kh_path_object(char out[PATH_MAX], const kh_paths *paths, int64_t file_id, int64_t origin_id)
{
    uint32_t leaf = kh_path_leaf(file_id);

    snprintf(out, PATH_MAX, "%s/objects/%02x/%02x/%016" PRIx64 "-%" PRIx64 ".dcm", paths->dir, (unsigned)(leaf >> 8) & 0xff,
             (unsigned)leaf & 0xff, (uint64_t)file_id, (uint64_t)origin_id);
}

kh_status kh_object_open_file(int *fd, const kh_paths *paths, int64_t file_id, int64_t origin_id, kh_error *err)
{
    char path[PATH_MAX];

    *fd = -1;
    if (file_id == 0)
        return kh_error_set(err, KH_E_BUSY, "at the hospital, not here");
    kh_path_object(path, paths, file_id, origin_id);
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (*fd >= 0)
        return KH_OK;
    if (errno == ENOENT)
        return kh_error_set(err, KH_E_CORRUPT, "file %lld is missing", (long long)file_id);
    return kh_error_errno(err, errno, "file %lld", (long long)file_id);
}

void kh_path_incoming(char out[PATH_MAX], const kh_paths *paths, uint64_t number)
{
    snprintf(out, PATH_MAX, "%s/incoming/%016" PRIx64 ".part", paths->dir, number);
}

void kh_path_quarantine(char out[PATH_MAX], const kh_paths *paths, int64_t object_id, const uint8_t sha256[32])
{
    char sum[33];

    for (size_t i = 0; i < 16; i++)
        snprintf(sum + 2 * i, 3, "%02x", sha256[i]);
    snprintf(out, PATH_MAX, "%s/quarantine/%016" PRIx64 "-%s.dcm", paths->dir, (uint64_t)object_id, sum);
}

/* Lower-case hexadecimal digits from *at on; false when there are none, more than most, or the number is not positive. */
static bool parse_hex(const char **at, size_t least, size_t most, int64_t *out)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t value = 0;
    size_t count = 0;

    for (const char *digit; **at && (digit = strchr(digits, **at)) != NULL; ++*at, count++) {
        if (count == most)
            return false;
        value = value << 4 | (uint64_t)(digit - digits);
    }
    *out = (int64_t)value;
    return count >= least && *out > 0;
}

bool kh_path_parse_object(const char *name, int64_t *file_id, int64_t *origin_id)
{
    const char *at = name;

    if (!parse_hex(&at, 16, 16, file_id) || *at++ != '-' || !parse_hex(&at, 1, 16, origin_id))
        return false;
    return strcmp(at, ".dcm") == 0;
}
