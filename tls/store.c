#include "tls/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/log.h"

#define PATH_MAX_BYTES 1024
#define FILES 5

/* By which a file is seen to be another, or changed. */
typedef struct mark {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
} mark;

struct kh_tls_store {
    char paths[FILES][PATH_MAX_BYTES];
    kh_tls_files files; /* points into paths */
    mark marks[FILES];  /* of the looking thread */
    pthread_mutex_t lock;
    kh_tls_credentials *current; /* guarded by lock */
    atomic_uint generation;
};

static void look_at(const kh_tls_store *store, mark marks[FILES])
{
    memset(marks, 0, FILES * sizeof(*marks));
    for (size_t i = 0; i < FILES; i++) {
        struct stat info;

        if (store->paths[i][0] && stat(store->paths[i], &info) == 0)
            marks[i] = (mark){info.st_dev, info.st_ino, info.st_size, info.st_mtim};
    }
}

static bool same(const mark *a, const mark *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec;
}

static kh_status copy_paths(kh_tls_store *store, const kh_tls_files *files, kh_error *err)
{
    const char *from[FILES] = {files->certificate, files->key, files->client_ca, files->peer_ca, files->revoked};

    for (size_t i = 0; i < FILES; i++) {
        if (strlen(from[i]) >= PATH_MAX_BYTES)
            return kh_error_set(err, KH_E_LIMIT, "path of %zu bytes", strlen(from[i]));
        memcpy(store->paths[i], from[i], strlen(from[i]) + 1);
    }
    store->files = *files;
    store->files.certificate = store->paths[0];
    store->files.key = store->paths[1];
    store->files.client_ca = store->paths[2];
    store->files.peer_ca = store->paths[3];
    store->files.revoked = store->paths[4];
    return KH_OK;
}

kh_status kh_tls_store_create(kh_tls_store **out, const kh_tls_files *files, kh_error *err)
{
    kh_tls_store *store = calloc(1, sizeof(*store));
    kh_error why = KH_ERROR_INIT;
    kh_status status;

    *out = NULL;
    if (!store)
        return kh_error_set(err, KH_E_MEMORY, "out of memory");
    pthread_mutex_init(&store->lock, NULL);
    status = copy_paths(store, files, err);
    if (status != KH_OK) {
        kh_tls_store_free(store);
        return status;
    }
    look_at(store, store->marks); /* before they are read: what changes meanwhile is read once more */
    if (kh_tls_credentials_create(&store->current, &store->files, &why) != KH_OK)
        kh_log(KH_LOG_ERROR, "tls", "no TLS: %s", why.message);
    *out = store;
    return KH_OK;
}

void kh_tls_store_free(kh_tls_store *store)
{
    if (!store)
        return;
    kh_tls_credentials_unref(store->current);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

kh_tls_credentials *kh_tls_store_get(kh_tls_store *store)
{
    kh_tls_credentials *current;

    pthread_mutex_lock(&store->lock);
    current = store->current ? kh_tls_credentials_ref(store->current) : NULL;
    pthread_mutex_unlock(&store->lock);
    return current;
}

unsigned kh_tls_store_generation(const kh_tls_store *store)
{
    return atomic_load(&store->generation);
}

void kh_tls_store_look(kh_tls_store *store, bool now)
{
    kh_error err = KH_ERROR_INIT;
    kh_tls_credentials *fresh = NULL, *before;
    mark marks[FILES];
    bool changed = now;

    look_at(store, marks);
    for (size_t i = 0; i < FILES; i++)
        changed = changed || !same(&marks[i], &store->marks[i]);
    if (!changed)
        return;
    memcpy(store->marks, marks, sizeof(marks));
    if (kh_tls_credentials_create(&fresh, &store->files, &err) != KH_OK) {
        kh_log(KH_LOG_ERROR, "tls", "the certificates before stay in use: %s", err.message);
        return;
    }
    pthread_mutex_lock(&store->lock);
    before = store->current;
    store->current = fresh;
    atomic_fetch_add(&store->generation, 1);
    pthread_mutex_unlock(&store->lock);
    kh_tls_credentials_unref(before);
    kh_log(KH_LOG_INFO, "tls", "certificates and revocation lists were read anew");
}
