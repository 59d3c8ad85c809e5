#include "cache/display.h"

#include <unistd.h>
#include "cache/internal.h"
#include "cache/stack_load.h"

typedef struct request {
    kh_cache *cache;
    const kh_stack_object *object;
} request;

/* A kh_blobcache_load. */
static kh_status load_display(uint8_t **data, size_t *size, void *context, kh_error *err)
{
    const request *r = context;
    kh_dataset *dataset = NULL;
    kh_display *display = NULL;
    kh_source source;
    kh_error why = KH_ERROR_INIT;
    int fd = -1;
    kh_status status = kh_stack_object_open(&fd, r->cache, r->object, &why);

    if (status == KH_OK)
        status = kh_source_init_fd(&source, fd, &why);
    if (status == KH_OK)
        status = kh_dataset_read_file(&dataset, &source, &kh_display_limits, &why);
    if (status == KH_E_FORMAT)
        status = KH_E_CORRUPT; /* it could be read when it came */
    if (status == KH_OK)
        status = kh_display_read(&display, size, dataset, &r->object->info, &why);
    kh_dataset_free(dataset);
    if (fd >= 0)
        close(fd);
    if (status != KH_OK)
        return kh_error_set(err, status, "object %lld: %s", (long long)r->object->object_id, why.message);
    *data = (uint8_t *)display;
    return KH_OK;
}

kh_status kh_object_display_acquire(const kh_display **out, const kh_blob **hold, kh_cache *cache, const kh_stack_object *object,
                                    kh_error *err)
{
    request r = {.cache = cache, .object = object};
    kh_status status;

    *out = NULL;
    *hold = NULL;
    if (object->info.display == 0)
        return KH_OK;
    status = kh_blobcache_acquire(hold, cache->displays, &object->object_id, sizeof object->object_id, load_display, &r, err);
    if (status == KH_OK)
        *out = (const kh_display *)(const void *)(*hold)->data;
    return status;
}

void kh_object_display_release(kh_cache *cache, const kh_blob *hold)
{
    kh_blobcache_release(cache->displays, hold);
}
