/* One object as it leaves. What has to be written anew goes into a file without a name, not into memory, and only so much of it at once. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cache/corrected.h"
#include "dicom/recode.h"
#include "dicom/writer.h"
#include "store/file.h"
#include "viewer/dicomweb/retrieve.h"

#define PART_BYTES 65536
#define HEADER_BYTES_MAX 4096
#define CODESTREAM_BYTES_MAX (UINT64_C(1) << 31) /* of one frame; the codec has its own, smaller limit */

/* A file that is being written, and then read once. Buffered: elements are small. */
typedef struct anew {
    kh_dicomweb *dicomweb;
    const atomic_bool *cancelled;
    int fd;
    uint64_t counted; /* of dicomweb->anew_bytes */
    uint64_t size;
    size_t waiting;
    uint8_t buffer[PART_BYTES];
} anew;

static void give_back(void *held)
{
    anew *a = held;

    atomic_fetch_sub(&a->dicomweb->anew_bytes, a->counted);
    free(a);
}

static void discard(anew *a)
{
    if (a && a->fd >= 0)
        close(a->fd);
    if (a)
        give_back(a);
}

static kh_status create(anew **out, kh_dicomweb *dicomweb, const atomic_bool *cancelled, kh_error *err)
{
    char path[PATH_MAX];
    anew *a = malloc(sizeof *a);

    if (!a)
        return kh_error_set(err, KH_E_MEMORY, "no memory to write an object anew");
    a->dicomweb = dicomweb;
    a->cancelled = cancelled;
    a->counted = a->size = 0;
    a->waiting = 0;
    snprintf(path, sizeof path, "%s/incoming", kh_cache_dir(dicomweb->cache));
    a->fd = open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (a->fd < 0) {
        free(a);
        return kh_error_errno(err, errno, "a file in incoming/");
    }
    *out = a;
    return KH_OK;
}

static kh_status flush(anew *a, const void *bytes, size_t size, kh_error *err)
{
    if (a->cancelled && atomic_load(a->cancelled))
        return kh_error_set(err, KH_E_CANCELLED, "the client has gone");
    a->counted += size;
    if (atomic_fetch_add(&a->dicomweb->anew_bytes, size) + size > a->dicomweb->options.anew_bytes_max)
        return kh_error_set(err, KH_E_BUSY, "too many objects are being written in another form, try again");
    return kh_write_all(a->fd, bytes, size, err);
}

/* A kh_recode_sink. */
static kh_status put(void *context, const uint8_t *bytes, size_t size, kh_error *err)
{
    anew *a = context;
    kh_status status = KH_OK;

    a->size += size;
    if (a->waiting + size > PART_BYTES) {
        status = flush(a, a->buffer, a->waiting, err);
        a->waiting = 0;
    }
    if (status != KH_OK)
        return status;
    if (size > PART_BYTES)
        return flush(a, bytes, size, err);
    memcpy(a->buffer + a->waiting, bytes, size);
    a->waiting += size;
    return KH_OK;
}

static kh_status copy_source(anew *a, const kh_source *source, kh_error *err)
{
    uint8_t part[PART_BYTES];
    kh_status status = KH_OK;

    for (uint64_t at = 0; status == KH_OK && at < source->size;) {
        size_t size = source->size - at < sizeof part ? (size_t)(source->size - at) : sizeof part;

        status = source->read_at(source, at, part, size, err);
        if (status == KH_OK)
            status = put(a, part, size, err);
        at += size;
    }
    return status;
}

/* The SOP class of the data set is what it is; the file meta information of a foreign file may say otherwise. */
static kh_status put_header(anew *a, const kh_source *source, const char *syntax, kh_error *err)
{
    char class_uid[KH_UID_SIZE] = "", instance_uid[KH_UID_SIZE] = "";
    kh_dataset *dataset = NULL;
    kh_buf header;
    kh_status status = kh_dataset_read_file(&dataset, source, &kh_dataset_limits_default, err);

    kh_buf_init(&header, HEADER_BYTES_MAX);
    if (status == KH_OK) {
        (void)kh_item_string(kh_dataset_main(dataset), KH_TAG_SOP_CLASS_UID, 0, class_uid, sizeof class_uid);
        (void)kh_item_string(kh_dataset_main(dataset), KH_TAG_SOP_INSTANCE_UID, 0, instance_uid, sizeof instance_uid);
        status = kh_part10_header(&header, class_uid, instance_uid, syntax, "", err);
    }
    if (status == KH_OK)
        status = put(a, header.data, header.size, err);
    kh_buf_release(&header);
    kh_dataset_free(dataset);
    return status;
}

static kh_status recode(anew *a, const kh_source *source, const char *syntax, kh_error *err)
{
    kh_codec *codec = a->dicomweb->options.codec;
    const kh_recode_options options = {.explicit_vr = strcmp(syntax, KH_TS_EXPLICIT_LE) == 0,
                                       .codestream_bytes_max = CODESTREAM_BYTES_MAX,
                                       .decode = codec ? kh_codec_decode_patiently : NULL,
                                       .context = codec};
    kh_recode *recoding = NULL;
    kh_status status = kh_recode_open(&recoding, source, &options, err);

    if (status == KH_OK)
        status = put_header(a, source, syntax, err);
    if (status == KH_OK)
        status = kh_recode_write(recoding, put, a, err);
    kh_recode_free(recoding);
    /* What is broken in the object's own pixels can still be given as it is. */
    if (status == KH_E_CORRUPT || status == KH_E_FORMAT || status == KH_E_LIMIT)
        status = err->status = KH_E_UNSUPPORTED;
    return status;
}

/* Corrected, in another transfer syntax, or both. */
static kh_status write_anew(kh_http_piece *piece, kh_dicomweb *dicomweb, const kh_source *source, const char *has_syntax,
                            const char *syntax, const atomic_bool *cancelled, kh_error *err)
{
    anew *a = NULL;
    kh_status status = create(&a, dicomweb, cancelled, err);

    if (status != KH_OK)
        return status;
    status = strcmp(has_syntax, syntax) == 0 ? copy_source(a, source, err) : recode(a, source, syntax, err);
    if (status == KH_OK)
        status = flush(a, a->buffer, a->waiting, err);
    if (status != KH_OK) {
        discard(a);
        return status;
    }
    piece->fd = a->fd;
    piece->offset = 0;
    piece->file_size = a->size;
    piece->release = give_back;
    piece->held = a;
    return KH_OK;
}

/* As the list says while nothing has changed since it was made; else the index is asked again, object by object: a long answer ends when
 * what it gives has been hidden. */
static kh_status open_source(int *fd, kh_source *source, kh_cache *cache, const kh_retrieve_object *object, bool unchanged, kh_error *err)
{
    kh_status status = unchanged ? kh_object_open_at(cache, &object->place, fd, err) : kh_object_open(cache, object->id, fd, err);

    if (status == KH_OK)
        status = kh_source_init_fd(source, *fd, err);
    if (status == KH_OK && source->size != (uint64_t)object->bytes)
        status = kh_error_set(err, KH_E_CORRUPT, "object %lld: %llu bytes, expected %lld", (long long)object->id,
                              (unsigned long long)source->size, (long long)object->bytes);
    return status;
}

kh_status kh_retrieve_open_object(kh_http_piece *piece, kh_dicomweb *dicomweb, const kh_retrieve_list *list,
                                  const kh_retrieve_object *object, const char *syntax, const atomic_bool *cancelled, kh_error *err)
{
    bool unchanged = kh_page_wait_event(kh_cache_page(dicomweb->cache), UINT64_MAX, 0) == list->event;
    const char *stored_syntax = list->syntaxes[object->syntax];
    kh_amended *amended = NULL;
    kh_source source;
    int fd = -1;
    kh_status status = open_source(&fd, &source, dicomweb->cache, object, unchanged, err);

    if (status == KH_OK && (list->corrected || !unchanged))
        status = kh_corrected_open(&amended, dicomweb->cache, object->study_id, &source, err);
    if (status == KH_OK && amended) {
        status = write_anew(piece, dicomweb, kh_amended_source(amended), kh_amended_transfer_syntax(amended), syntax, cancelled, err);
    } else if (status == KH_OK && strcmp(stored_syntax, syntax) != 0) {
        status = write_anew(piece, dicomweb, &source, stored_syntax, syntax, cancelled, err);
    } else if (status == KH_OK) {
        piece->fd = fd;
        piece->offset = 0;
        piece->file_size = source.size;
        fd = -1;
    }
    kh_amended_free(amended);
    if (fd >= 0)
        close(fd);
    return status;
}
