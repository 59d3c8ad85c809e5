#include "audit/files.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "audit/line.h"

void kh_audit_file_name(char out[KH_AUDIT_NAME_SIZE], const char *role, uint64_t first)
{
    snprintf(out, KH_AUDIT_NAME_SIZE, "%.16s-%012" PRIu64 ".log", role, first);
}

kh_status kh_audit_file_path(char out[PATH_MAX], const char *dir, const char *role, uint64_t first, kh_error *err)
{
    char name[KH_AUDIT_NAME_SIZE];

    kh_audit_file_name(name, role, first);
    if ((size_t)snprintf(out, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
        return kh_error_set(err, KH_E_ARG, "path of %zu bytes, expected less", strlen(dir));
    return KH_OK;
}

/* The number in a name that is exactly one of ours; 0. */
static uint64_t first_of(const char *name, const char *role)
{
    char expected[KH_AUDIT_NAME_SIZE];
    size_t size = strlen(role);
    const char *p = name + size + 1;
    uint64_t first;

    if (strncmp(name, role, size) != 0 || name[size] != '-')
        return 0;
    p += strspn(p, "0");
    if (!kh_audit_number(&first, &p, name + strlen(name)))
        return 0;
    kh_audit_file_name(expected, role, first);
    return strcmp(expected, name) == 0 ? first : 0;
}

static kh_status add(kh_audit_files *files, size_t *room, uint64_t first, kh_error *err)
{
    uint64_t *more;

    if (files->count == KH_AUDIT_FILES_MAX)
        return kh_error_set(err, KH_E_LIMIT, "more than %d files", KH_AUDIT_FILES_MAX);
    if (files->count == *room) {
        *room = *room ? *room * 2 : 64;
        more = realloc(files->firsts, *room * sizeof *more);
        if (!more)
            return kh_error_set(err, KH_E_MEMORY, "no memory for a list of files");
        files->firsts = more;
    }
    files->firsts[files->count++] = first;
    return KH_OK;
}

static int compare(const void *a, const void *b)
{
    const uint64_t *one = a, *two = b;

    return *one < *two ? -1 : *one > *two;
}

kh_status kh_audit_files_list(kh_audit_files *out, const char *dir, const char *role, kh_error *err)
{
    DIR *folder = opendir(dir);
    const struct dirent *entry;
    kh_status status = KH_OK;
    size_t room = 0;

    *out = (kh_audit_files){0};
    if (!folder)
        return errno == ENOENT ? KH_OK : kh_error_errno(err, errno, "open %s", dir);
    while (status == KH_OK && (entry = readdir(folder))) {
        uint64_t first = first_of(entry->d_name, role);

        if (first > 0)
            status = add(out, &room, first, err);
    }
    closedir(folder);
    if (status != KH_OK)
        kh_audit_files_release(out);
    else if (out->count > 0)
        qsort(out->firsts, out->count, sizeof *out->firsts, compare);
    return status;
}

void kh_audit_files_release(kh_audit_files *files)
{
    free(files->firsts);
    *files = (kh_audit_files){0};
}
