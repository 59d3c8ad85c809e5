#include "cache/metadata_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "store/digest.h"
#include "store/file.h"

#define MAGIC UINT64_C(0x314154454d48414b) /* "KAHMETA1" */
#define SUMMED_FROM (2 * sizeof(uint64_t))

/* 256 folders. */
void kh_path_metadata(char out[], const kh_paths *paths, int64_t series_id)
{
    snprintf(out, PATH_MAX, "%s/metadata/%02x/%016" PRIx64 ".meta", paths->dir, (unsigned)series_id & 0xff, (uint64_t)series_id);
}

static int open_file(const kh_paths *paths, int64_t series_id)
{
    char path[PATH_MAX];

    kh_path_metadata(path, paths, series_id);
    return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

/* Everything in it lies where it says. */
static bool is_sound(const kh_metadata_file *file, size_t size, int64_t series_id)
{
    const kh_metadata_head *head = file->head;
    uint64_t at;
    uint32_t part = 0;

    if (head->magic != MAGIC || head->series_id != series_id || head->size != size ||
        head->sum != kh_xxh3_of(file->bytes + SUMMED_FROM, size - SUMMED_FROM))
        return false;
    at =
        sizeof *head + (uint64_t)head->entry_count * sizeof(kh_metadata_entry) + (uint64_t)head->part_count * sizeof(kh_metadata_file_part);
    if (at > size)
        return false;
    for (uint32_t i = 0; i < head->entry_count; i++) {
        const kh_metadata_entry *entry = &file->entries[i];

        if (entry->offset != at || entry->part_first != part || entry->part_count == 0 || entry->part_count > KH_METADATA_PARTS_MAX ||
            entry->part_count > head->part_count - part || (i > 0 && entry->object_id <= entry[-1].object_id))
            return false;
        for (uint32_t k = 0; k < entry->part_count; k++)
            at += file->parts[part++].size;
    }
    return part == head->part_count && at == size;
}

void kh_metadata_file_read(kh_metadata_file *out, const kh_paths *paths, int64_t series_id)
{
    int fd = open_file(paths, series_id);
    struct stat st;
    bool read = false;

    memset(out, 0, sizeof *out);
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && st.st_size >= (off_t)sizeof(kh_metadata_head) && (uint64_t)st.st_size <= KH_METADATA_FILE_MAX)
        out->bytes = malloc((size_t)st.st_size);
    if (out->bytes) {
        out->head = (const kh_metadata_head *)(const void *)out->bytes;
        out->entries = (const kh_metadata_entry *)(const void *)(out->bytes + sizeof(kh_metadata_head));
        read = kh_read_all_at(fd, out->bytes, (size_t)st.st_size, 0, NULL) == KH_OK &&
               (uint64_t)out->head->entry_count * sizeof(kh_metadata_entry) <= (uint64_t)st.st_size - sizeof(kh_metadata_head);
        if (read)
            out->parts = (const kh_metadata_file_part *)(const void *)(out->entries + out->head->entry_count);
    }
    close(fd);
    if (!read || !is_sound(out, (size_t)st.st_size, series_id))
        kh_metadata_file_release(out);
}

void kh_metadata_file_release(kh_metadata_file *file)
{
    free(file->bytes);
    memset(file, 0, sizeof *file);
}

bool kh_metadata_file_head(kh_metadata_head *out, const kh_paths *paths, int64_t series_id)
{
    int fd = open_file(paths, series_id);
    bool read = fd >= 0 && kh_read_all_at(fd, out, sizeof *out, 0, NULL) == KH_OK && out->magic == MAGIC && out->series_id == series_id;

    if (fd >= 0)
        close(fd);
    return read;
}

const kh_metadata_entry *kh_metadata_file_find(const kh_metadata_file *file, int64_t object_id)
{
    size_t low = 0, high = file->bytes ? file->head->entry_count : 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (file->entries[middle].object_id == object_id)
            return &file->entries[middle];
        if (file->entries[middle].object_id < object_id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

void kh_metadata_file_parts(kh_metadata_part *parts, const kh_metadata_file *file, const kh_metadata_entry *entry)
{
    const uint8_t *bytes = file->bytes + entry->offset;

    for (uint32_t i = 0; i < entry->part_count; i++) {
        const kh_metadata_file_part *part = &file->parts[entry->part_first + i];

        parts[i] = (kh_metadata_part){bytes, part->size, part->plain_size, part->crc};
        bytes += part->size;
    }
}

/* ---- building one ---- */

void kh_metadata_draft_init(kh_metadata_draft *draft)
{
    memset(draft, 0, sizeof *draft);
    kh_buf_init(&draft->entries, KH_METADATA_FILE_MAX);
    kh_buf_init(&draft->parts, KH_METADATA_FILE_MAX);
    kh_buf_init(&draft->bytes, KH_METADATA_FILE_MAX);
}

void kh_metadata_draft_release(kh_metadata_draft *draft)
{
    kh_buf_release(&draft->entries);
    kh_buf_release(&draft->parts);
    kh_buf_release(&draft->bytes);
}

kh_status kh_metadata_draft_add(kh_metadata_draft *draft, const kh_metadata *metadata, int64_t file_id, uint64_t outgoing, kh_error *err)
{
    const kh_metadata_entry entry = {.object_id = metadata->object_id,
                                     .file_id = file_id,
                                     .outgoing = outgoing,
                                     .offset = draft->bytes.size, /* from their beginning, until it is written */
                                     .part_first = draft->head.part_count,
                                     .part_count = metadata->part_count};
    kh_status status = kh_buf_append(&draft->entries, &entry, sizeof entry, err);

    for (uint32_t i = 0; status == KH_OK && i < metadata->part_count; i++) {
        const kh_metadata_part *part = &metadata->parts[i];
        const kh_metadata_file_part kept = {.size = part->size, .plain_size = part->plain_size, .crc = part->crc};

        status = kh_buf_append(&draft->parts, &kept, sizeof kept, err);
        if (status == KH_OK)
            status = kh_buf_append(&draft->bytes, part->bytes, part->size, err);
    }
    draft->head.entry_count++;
    draft->head.part_count += metadata->part_count;
    return status;
}

static kh_status make_folder(const char *path, kh_error *err)
{
    char folder[PATH_MAX];
    size_t size = (size_t)(strrchr(path, '/') - path);

    memcpy(folder, path, size);
    folder[size] = '\0';
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return kh_error_errno(err, errno, "mkdir for metadata");
    return KH_OK;
}

kh_status kh_metadata_draft_write(kh_metadata_draft *draft, const kh_paths *paths, kh_error *err)
{
    size_t front = sizeof draft->head + draft->entries.size + draft->parts.size;
    kh_metadata_entry *entries = (kh_metadata_entry *)(void *)draft->entries.data; /* malloc'ed */
    char path[PATH_MAX];
    kh_buf all;
    kh_status status;

    kh_buf_init(&all, KH_METADATA_FILE_MAX);
    for (uint32_t i = 0; i < draft->head.entry_count; i++)
        entries[i].offset += front;
    draft->head.magic = MAGIC;
    draft->head.size = front + draft->bytes.size;
    status = kh_buf_append(&all, &draft->head, sizeof draft->head, err);
    if (status == KH_OK && draft->entries.size > 0)
        status = kh_buf_append(&all, draft->entries.data, draft->entries.size, err);
    if (status == KH_OK && draft->parts.size > 0)
        status = kh_buf_append(&all, draft->parts.data, draft->parts.size, err);
    if (status == KH_OK && draft->bytes.size > 0)
        status = kh_buf_append(&all, draft->bytes.data, draft->bytes.size, err);
    if (status == KH_OK) {
        uint64_t sum = kh_xxh3_of(all.data + SUMMED_FROM, all.size - SUMMED_FROM);

        memcpy(all.data + sizeof(uint64_t), &sum, sizeof sum);
        kh_path_metadata(path, paths, draft->head.series_id);
        status = make_folder(path, err);
    }
    if (status == KH_OK)
        status = kh_file_replace(path, all.data, all.size, err);
    kh_buf_release(&all);
    return status;
}
