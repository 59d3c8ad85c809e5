#include "viewer/dicomweb/stow.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "dicom/dataset.h"
#include "dicom/source.h"
#include "store/file.h"

#define NAME_PREFIX "stow-"

static kh_status path_of(char path[PATH_MAX], const kh_dicomweb *dicomweb, const char *name, kh_error *err)
{
    int size = snprintf(path, PATH_MAX, "%s/incoming/%s", kh_cache_dir(dicomweb->cache), name);

    return size > 0 && size < PATH_MAX ? KH_OK : kh_error_set(err, KH_E_LIMIT, "path of %d bytes", size);
}

kh_status kh_stow_file_create(kh_stow_file *file, kh_dicomweb *dicomweb, kh_error *err)
{
    char path[PATH_MAX];
    kh_status status;

    snprintf(file->name, sizeof file->name, NAME_PREFIX "%ld-%llu", (long)getpid(),
             (unsigned long long)atomic_fetch_add(&dicomweb->upload_number, 1));
    status = path_of(path, dicomweb, file->name, err);
    if (status != KH_OK)
        return status;
    file->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return file->fd >= 0 ? KH_OK : kh_error_errno(err, errno, "create a file in incoming/");
}

kh_status kh_stow_file_write(kh_stow_file *file, const uint8_t *bytes, size_t size, kh_error *err)
{
    return kh_write_all(file->fd, bytes, size, err);
}

void kh_stow_file_drop(kh_stow_file *file, kh_dicomweb *dicomweb)
{
    char path[PATH_MAX];

    if (file->fd < 0)
        return;
    close(file->fd);
    file->fd = -1;
    if (path_of(path, dicomweb, file->name, NULL) == KH_OK)
        unlink(path);
}

unsigned kh_stow_reason(kh_status status)
{
    switch (status) {
    case KH_OK:
        return KH_STOW_STORED;
    case KH_E_ARG:
    case KH_E_FORMAT:
    case KH_E_NOT_FOUND:
    case KH_E_LIMIT:
    case KH_E_CORRUPT:
        return KH_STOW_NOT_UNDERSTOOD;
    case KH_E_UNSUPPORTED:
        return KH_STOW_CLASS_NOT_SUPPORTED;
    case KH_E_CONFLICT:
        return KH_STOW_MISMATCH;
    case KH_E_DENIED:
        return KH_STOW_NOT_AUTHORISED;
    case KH_E_BUSY:
    case KH_E_FULL:
    case KH_E_IO:
    case KH_E_MEMORY:
    case KH_E_TIMEOUT:
    case KH_E_CANCELLED:
        return KH_STOW_OUT_OF_RESOURCES;
    default:
        return KH_STOW_PROCESSING;
    }
}

static void read_uids(const kh_item *main, kh_stow_object *out)
{
    const struct {
        kh_tag tag;
        char *uid;
    } wanted[] = {{KH_TAG_SOP_CLASS_UID, out->sop_class_uid},
                  {KH_TAG_SOP_INSTANCE_UID, out->sop_instance_uid},
                  {KH_TAG_STUDY_INSTANCE_UID, out->study_uid},
                  {KH_TAG_SERIES_INSTANCE_UID, out->series_uid}};

    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (!kh_item_string(main, wanted[i].tag, 0, wanted[i].uid, KH_UID_SIZE) || !kh_uid_plausible(wanted[i].uid))
            wanted[i].uid[0] = '\0';
}

/* The owner reads the object again and is the judge; here it is only asked what it says it is. */
static kh_status look_at(const kh_stow_file *file, kh_stow_object *out, kh_error *err)
{
    kh_source source;
    kh_dataset *dataset = NULL;
    kh_status status = kh_source_init_fd(&source, file->fd, err);

    if (status != KH_OK)
        return status;
    status = kh_dataset_read_file(&dataset, &source, &kh_dataset_limits_default, err);
    if (status == KH_OK)
        read_uids(kh_dataset_main(dataset), out);
    kh_dataset_free(dataset);
    return status;
}

static kh_status give_to_owner(const kh_stow_file *file, kh_dicomweb *dicomweb, const char *facility, kh_stow_object *out, kh_error *err)
{
    kh_ingest_result result = {.object_id = 0};
    kh_status status = dicomweb->options.adopt(dicomweb->options.adopt_context, file->name, facility, &result, err);

    if (status == KH_OK && result.conflict)
        out->warning = KH_STOW_OTHER_BYTES;
    return status;
}

void kh_stow_file_keep(kh_stow_file *file, kh_dicomweb *dicomweb, const char *study_uid, const char *facility, kh_stow_object *out)
{
    kh_error err = KH_ERROR_INIT;
    kh_status status;

    memset(out, 0, sizeof *out);
    status = look_at(file, out, &err);
    if (status == KH_OK && study_uid[0] && strcmp(study_uid, out->study_uid) != 0) {
        out->failure = KH_STOW_OTHER_STUDY;
    } else {
        if (status == KH_OK)
            status = give_to_owner(file, dicomweb, facility, out, &err);
        out->failure = kh_stow_reason(status);
    }
    if (out->failure)
        kh_log(KH_LOG_WARN, "stow", "object %s refused, reason %04X: %s", out->sop_instance_uid[0] ? out->sop_instance_uid : "without UID",
               out->failure, err.status != KH_OK ? err.message : "it is not of the study it was sent to");
    kh_stow_file_drop(file, dicomweb);
}

void kh_stow_files_clear(kh_dicomweb *dicomweb)
{
    char path[PATH_MAX];
    struct dirent *entry;
    DIR *dir;

    if (path_of(path, dicomweb, "", NULL) != KH_OK || (dir = opendir(path)) == NULL)
        return;
    while ((entry = readdir(dir)) != NULL)
        if (strncmp(entry->d_name, NAME_PREFIX, sizeof NAME_PREFIX - 1) == 0)
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
}
