#include "cache/presentation.h"

#include <stdlib.h>
#include <unistd.h>
#include "cache/browse.h"
#include "cache/internal.h"

/* Longer than the key of a display, so that the two never meet. */
typedef struct key {
    int64_t object_id, series_id;
} key;

typedef struct request {
    kh_cache *cache;
    key of;
} request;

static kh_status check_object(const request *r, kh_error *err)
{
    kh_object *object = malloc(sizeof *object);
    kh_status status =
        object ? kh_browse_object(r->cache, r->of.object_id, object, err) : kh_error_set(err, KH_E_MEMORY, "no memory for an object");

    if (status == KH_OK && object->series_id != r->of.series_id)
        status =
            kh_error_set(err, KH_E_NOT_FOUND, "series %lld has no object %lld", (long long)r->of.series_id, (long long)r->of.object_id);
    if (status == KH_OK && !kh_is_presentation(object->sop_class_uid))
        status = kh_error_set(err, KH_E_UNSUPPORTED, "object %lld is no presentation state", (long long)r->of.object_id);
    free(object);
    return status;
}

/* A kh_blobcache_load. */
static kh_status load(uint8_t **data, size_t *size, void *context, kh_error *err)
{
    const request *r = context;
    kh_dataset *dataset = NULL;
    kh_presentation *state = NULL;
    kh_source source;
    kh_error why = KH_ERROR_INIT;
    int fd = -1;
    kh_status status = check_object(r, err);

    if (status != KH_OK)
        return status;
    status = kh_object_open(r->cache, r->of.object_id, &fd, &why);
    if (status == KH_OK)
        status = kh_source_init_fd(&source, fd, &why);
    if (status == KH_OK)
        status = kh_dataset_read_file(&dataset, &source, &kh_display_limits, &why);
    if (status == KH_OK)
        status = kh_presentation_read(&state, size, dataset, &why);
    kh_dataset_free(dataset);
    if (fd >= 0)
        close(fd);
    if (status == KH_E_FORMAT || status == KH_E_LIMIT) /* the state's fault, not the request's */
        status = KH_E_UNSUPPORTED;
    if (status != KH_OK)
        return kh_error_set(err, status, "presentation state %lld: %s", (long long)r->of.object_id, why.message);
    *data = (uint8_t *)state;
    return KH_OK;
}

kh_status kh_presentation_acquire(const kh_presentation **out, const kh_blob **hold, kh_cache *cache, int64_t series_id, int64_t object_id,
                                  kh_error *err)
{
    request r = {.cache = cache, .of = {.object_id = object_id, .series_id = series_id}};
    kh_status status;

    *out = NULL;
    *hold = NULL;
    status = kh_blobcache_acquire(hold, cache->displays, &r.of, sizeof r.of, load, &r, err);
    if (status == KH_OK)
        *out = (const kh_presentation *)(const void *)(*hold)->data;
    return status;
}

void kh_presentation_release(kh_cache *cache, const kh_blob *hold)
{
    kh_blobcache_release(cache->displays, hold);
}
