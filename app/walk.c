#include "app/walk.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include "dicom/dataset.h"

#define PATH_BYTES 4096
/* PS3.10 8.5: a file ID has at most 8 components. */
#define COMPONENTS_MAX 8

bool kh_walk_is_dicomdir(const char *path)
{
    const char *slash = strrchr(path, '/');

    return strcasecmp(slash ? slash + 1 : path, "DICOMDIR") == 0;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static kh_status walk_entry(FTS *fts, FTSENT *entry, int64_t *files, kh_walk_visit *visit, kh_walk_complain *complain,
                            void *context, kh_error *err)
{
    switch (entry->fts_info) {
    case FTS_F:
        if (kh_walk_is_dicomdir(entry->fts_path))
            return KH_OK;
        if (++*files > KH_WALK_FILES_MAX)
            return kh_error_set(err, KH_E_LIMIT, "more than %d files", KH_WALK_FILES_MAX);
        return visit(context, entry->fts_path);
    case FTS_D:
        if (entry->fts_level > KH_WALK_DEPTH_MAX) {
            complain(context, entry->fts_path, "too many folders inside each other");
            fts_set(fts, entry, FTS_SKIP);
        }
        return KH_OK;
    case FTS_DC:
        complain(context, entry->fts_path, "a folder that contains itself");
        return KH_OK;
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        complain(context, entry->fts_path, strerror(entry->fts_errno));
        return KH_OK;
    case FTS_SLNONE:
        complain(context, entry->fts_path, "a link to nothing");
        return KH_OK;
    default: /* folders on the way out; sockets, pipes and devices, which hold no images */
        return KH_OK;
    }
}

kh_status kh_walk_folder(const char *path, kh_walk_visit *visit, kh_walk_complain *complain, void *context, kh_error *err)
{
    char root[PATH_BYTES];
    char *roots[] = {root, NULL};
    kh_status status = KH_OK;
    int64_t files = 0;
    FTSENT *entry;
    FTS *fts;

    if (snprintf(root, sizeof root, "%s", path) >= (int)sizeof root)
        return kh_error_set(err, KH_E_ARG, "a path of over %zu bytes", sizeof root - 1);
    fts = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, by_name);
    if (!fts)
        return kh_error_errno(err, errno, "%s", path);
    errno = 0;
    while (status == KH_OK && (entry = fts_read(fts)) != NULL)
        status = walk_entry(fts, entry, &files, visit, complain, context, err);
    if (status == KH_OK && errno != 0)
        status = kh_error_errno(err, errno, "%s", path);
    fts_close(fts);
    return status;
}

/* A component is a file name, never a way out of the medium. */
static bool component_valid(const char *component)
{
    if (component[0] == '\0' || component[0] == '.')
        return false;
    for (const char *c = component; *c; c++)
        if (*c == '/' || (unsigned char)*c < 0x20)
            return false;
    return true;
}

/* folder, then the components of the file ID; in lower case when asked. False when it is none. */
static bool file_path(char out[PATH_BYTES], const char *dicomdir, const kh_item *record, bool lower)
{
    const char *slash = strrchr(dicomdir, '/');
    int length = snprintf(out, PATH_BYTES, "%.*s", slash ? (int)(slash - dicomdir) : 1, slash ? dicomdir : ".");
    uint32_t count = kh_item_value_count(record, KH_TAG_REFERENCED_FILE_ID);

    if (count == 0 || count > COMPONENTS_MAX || length >= PATH_BYTES)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        char component[64];

        if (!kh_item_string(record, KH_TAG_REFERENCED_FILE_ID, i, component, sizeof component) || !component_valid(component))
            return false;
        for (char *c = component; lower && *c; c++)
            *c = (char)tolower((unsigned char)*c);
        length += snprintf(out + length, (size_t)(PATH_BYTES - length), "/%s", component);
        if (length >= PATH_BYTES)
            return false;
    }
    return true;
}

static kh_status walk_records(const char *path, const kh_item *main_item, kh_walk_visit *visit, kh_walk_complain *complain,
                              void *context, kh_error *err)
{
    const kh_element *records = kh_item_find(main_item, KH_TAG_DIRECTORY_RECORD_SEQUENCE);
    kh_status status = KH_OK;

    if (!records)
        return kh_error_set(err, KH_E_FORMAT, "no Directory Record Sequence (0004,1220)");
    for (uint32_t i = 0; status == KH_OK && i < records->item_count; i++) {
        const kh_item *record = kh_element_item(records, i);
        char file[PATH_BYTES];

        if (kh_item_value_count(record, KH_TAG_REFERENCED_FILE_ID) == 0)
            continue; /* a patient, a study or a series */
        if (!file_path(file, path, record, false)) {
            complain(context, path, "a Referenced File ID (0004,1500) that is no file ID");
            continue;
        }
        if (access(file, F_OK) != 0 && file_path(file, path, record, true) && access(file, F_OK) != 0) {
            (void)file_path(file, path, record, false);
            complain(context, file, "named by the DICOMDIR, but not there");
            continue;
        }
        status = visit(context, file);
    }
    return status;
}

kh_status kh_walk_dicomdir(const char *path, kh_walk_visit *visit, kh_walk_complain *complain, void *context, kh_error *err)
{
    kh_dataset *dataset = NULL;
    kh_source source;
    kh_status status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return kh_error_errno(err, errno, "%s", path);
    status = kh_source_init_fd(&source, fd, err);
    if (status == KH_OK)
        status = kh_dataset_read_file(&dataset, &source, &kh_dataset_limits_default, err);
    close(fd);
    if (status == KH_OK)
        status = walk_records(path, kh_dataset_main(dataset), visit, complain, context, err);
    kh_dataset_free(dataset);
    if (status != KH_OK)
        kh_error_prefix(err, "%s", path);
    return status;
}
