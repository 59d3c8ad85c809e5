/* A tile under way is a job in a small table; who asks for the same key meanwhile joins it, so that no render thread ever waits
 * for another. A finished tile is a blob: the meta below, then the JPEG. */
#include "viewer/tiles/tiles.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/pool.h"
#include "viewer/tiles/coming.h"
#include "viewer/tiles/key.h"
#include "viewer/tiles/lossy.h"
#include "viewer/tiles/shown.h"
#include "viewer/tiles/shown_as.h"
#include "viewer/tiles/thumb.h"

#define BUCKETS 256
#define TILE_BYTES_MAX (256u << 20)  /* a 512 x 512 colour JPEG is far below; a lossless slice of 8,192 x 8,192 may need half of it */
#define SCRATCH_KEEP_BYTES (4u << 20) /* of a tile larger than usual the memory is given back */

typedef struct tile_meta {
    char window[KH_TILE_WINDOW_SIZE];
    char etag[KH_TILE_ETAG_SIZE];
    char lossy[KH_TILE_LOSSY_SIZE];
    bool lossless;
} tile_meta;

typedef struct waiting {
    struct waiting *next;
    kh_tile_waiter waiter;
} waiting;

typedef struct job {
    struct job *next_in_bucket;
    kh_tiles *tiles;
    kh_tile_key key;
    uint8_t packed[KH_TILE_KEY_BYTES];
    waiting *waiters; /* tiles->lock */
} job;

typedef struct render_worker {
    kh_renderer *renderer;
    kh_buf scratch; /* meta and JPEG of the tile in hand */
} render_worker;

struct kh_tiles {
    kh_cache *cache;
    kh_codec *codec;
    kh_blobcache *blobs;
    kh_pool *pool;
    render_worker *workers;
    unsigned worker_count;
    pthread_mutex_t lock; /* guards jobs and their waiters */
    job *jobs[BUCKETS];
    atomic_bool stopping;
    atomic_ullong rendered, failed, refused_busy, shared, dropped, reduced;
};

static void tile_of_blob(kh_tile *out, const kh_blob *blob)
{
    const tile_meta *meta = (const tile_meta *)blob->data; /* bytes only: any address will do */

    *out = (kh_tile){.jpeg = blob->data + sizeof *meta,
                     .size = blob->size - sizeof *meta,
                     .window = meta->window,
                     .etag = meta->etag,
                     .lossy = meta->lossy,
                     .lossless = meta->lossless,
                     .blob = blob};
}

bool kh_tiles_peek(kh_tiles *tiles, const kh_tile_key *key, kh_tile *out)
{
    uint8_t packed[KH_TILE_KEY_BYTES];
    const kh_blob *blob;

    kh_tile_key_pack(packed, key);
    blob = kh_blobcache_peek(tiles->blobs, packed, sizeof packed);
    if (blob)
        tile_of_blob(out, blob);
    return blob != NULL;
}

void kh_tiles_release(kh_tiles *tiles, const kh_tile *tile)
{
    kh_blobcache_release(tiles->blobs, tile->blob);
}

void *kh_tile_companion(const kh_tile *tile)
{
    return kh_blob_companion(tile->blob);
}

bool kh_tiles_attach(kh_tiles *tiles, const kh_tile *tile, void *companion, size_t bytes, void (*destroy)(void *companion))
{
    return kh_blobcache_attach(tiles->blobs, tile->blob, companion, bytes, destroy);
}

static kh_status find_object(kh_tiles *tiles, const kh_tile_key *key, const kh_stack **stack, const kh_stack_object **object, kh_error *err)
{
    return kh_shown_object_acquire(stack, object, tiles->cache, key->series_id, key->object_id, key->frame, err);
}

kh_status kh_tiles_etag(kh_tiles *tiles, const kh_tile_key *key, char out[KH_TILE_ETAG_SIZE], kh_error *err)
{
    const kh_stack *stack = NULL;
    const kh_stack_object *object = NULL;
    kh_render_view view;
    kh_status status = find_object(tiles, key, &stack, &object, err);

    if (status != KH_OK)
        return status;
    status = kh_tile_view(&view, key, object->info.format.rows, object->info.format.columns, err);
    if (status == KH_OK)
        kh_tile_etag(out, object->content_hash, key);
    kh_stack_release(tiles->cache, stack);
    return status;
}

/* The codestream may be lossy where header and transfer syntax are silent. size: of what was made. */
static void tell_loss(tile_meta *meta, const kh_tile_key *key, const kh_stack_object *object, const kh_pixel_format *format,
                      const kh_rendered *used, size_t size)
{
    kh_lossy_facts facts = {.quality = key->lossless ? 0 : key->quality,
                            .source = object->info.lossy_source || format->lossy,
                            .source_method = object->info.lossy_method};

    if (facts.quality > 0)
        facts.our_ratio = (double)used->width * used->height * used->channels / (double)size;
    if (facts.source)
        facts.source_ratio = kh_stack_object_source_ratio(object, key->frame, format->lossy);
    kh_lossy_text(meta->lossy, &facts);
}

/* A frame that was there, or could not be drawn before it was. */
static kh_status render_whole(kh_tiles *tiles, render_worker *worker, const kh_tile_key *key, const kh_stack_object *object,
                              const kh_render_view *view, const kh_frame *frame, kh_rendered *used, kh_error *err)
{
    kh_render_source source;
    kh_shown_as as;
    kh_status status = kh_shown_as_acquire(&as, &source, tiles->cache, key, object, frame, err);

    if (status == KH_OK)
        status = key->lossless ? kh_render_lossless(worker->renderer, &source, &worker->scratch, used, err)
                               : kh_render_jpeg(worker->renderer, &source, view, &worker->scratch, used, err);
    kh_shown_as_release(&as, tiles->cache);
    return status;
}

/* Render the frame, its sides halved up to so many times, behind the meta in the scratch. *halved tells whether they were. */
static kh_status render_frame(kh_tiles *tiles, render_worker *worker, const kh_tile_key *key, const kh_stack_object *object,
                              const kh_render_view *view, unsigned halvings, tile_meta *meta, kh_rendered *used, bool *halved,
                              kh_error *err)
{
    kh_frame frame = {.pixels = NULL};
    kh_coming coming = {.cache = tiles->cache, .renderer = worker->renderer, .key = key, .object = object, .view = view,
                        .out = &worker->scratch};
    const kh_codec_listener listener = {kh_coming_told, &coming};
    bool done = false;
    kh_status status = kh_frame_acquire_coming(&frame, tiles->cache, object, key->frame, halvings, tiles->codec,
                                               key->lossless ? NULL : &listener, err);

    if (status == KH_OK)
        status = kh_coming_finish(&coming, &frame, &done, used, err);
    if (status == KH_OK && !done)
        status = render_whole(tiles, worker, key, object, view, &frame, used, err);
    if (status == KH_OK) {
        *halved = frame.format.rows != object->info.format.rows || frame.format.columns != object->info.format.columns;
        tell_loss(meta, key, object, &frame.format, used, worker->scratch.size - sizeof *meta);
    }
    kh_coming_release(&coming);
    kh_frame_release(tiles->cache, &frame);
    return status;
}

static kh_status render_object(kh_tiles *tiles, render_worker *worker, const kh_tile_key *key, const kh_stack_object *object,
                               const kh_render_view *view, kh_error *err)
{
    tile_meta meta = {.lossless = key->lossless};
    unsigned halvings = key->thumb_px > 0 && key->state_id == 0 ? kh_thumb_halvings(&object->info, key->thumb_px) : 0;
    kh_rendered used = {.window_center = 0};
    bool halved = false;
    kh_status status;

    kh_buf_clear(&worker->scratch);
    status = kh_buf_append(&worker->scratch, &meta, sizeof meta, err);
    if (status == KH_OK)
        status = render_frame(tiles, worker, key, object, view, halvings, &meta, &used, &halved, err);
    if (status == KH_OK && halved && used.window_from_pixels) { /* a window is made from the whole frame's, whatever its size */
        worker->scratch.size = sizeof meta;
        status = render_frame(tiles, worker, key, object, view, 0, &meta, &used, &halved, err);
    }
    if (status != KH_OK)
        return status;
    atomic_fetch_add_explicit(&tiles->reduced, halved, memory_order_relaxed);
    snprintf(meta.window, sizeof meta.window, "%.10g,%.10g", used.window_center, used.window_width);
    kh_tile_etag(meta.etag, object->content_hash, key);
    memcpy(worker->scratch.data, &meta, sizeof meta);
    return KH_OK;
}

static kh_status render(kh_tiles *tiles, render_worker *worker, const kh_tile_key *key, kh_error *err)
{
    const kh_stack *stack = NULL;
    const kh_stack_object *object = NULL;
    kh_render_view view;
    kh_status status = find_object(tiles, key, &stack, &object, err);

    if (status != KH_OK)
        return status;
    status = kh_tile_view(&view, key, object->info.format.rows, object->info.format.columns, err);
    if (status == KH_OK)
        status = render_object(tiles, worker, key, object, &view, err);
    kh_stack_release(tiles->cache, stack);
    return status;
}

static kh_status copy_scratch(uint8_t **data, size_t *size, void *context, kh_error *err)
{
    const kh_buf *scratch = context;

    *data = malloc(scratch->size);
    if (!*data)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a tile of %zu bytes", scratch->size);
    memcpy(*data, scratch->data, scratch->size);
    *size = scratch->size;
    return KH_OK;
}

static job **bucket_of(kh_tiles *tiles, const uint8_t packed[KH_TILE_KEY_BYTES])
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < KH_TILE_KEY_BYTES; i++)
        hash = (hash ^ packed[i]) * 16777619u;
    return &tiles->jobs[(hash ^ hash >> 16) % BUCKETS];
}

/* The place in its bucket that points at the job of the key, or at NULL. */
static job **find_job_locked(kh_tiles *tiles, const uint8_t packed[KH_TILE_KEY_BYTES])
{
    job **place = bucket_of(tiles, packed);

    while (*place && memcmp((*place)->packed, packed, KH_TILE_KEY_BYTES) != 0)
        place = &(*place)->next_in_bucket;
    return place;
}

/* From here on nobody joins any more. */
static waiting *end_job(kh_tiles *tiles, job *j)
{
    waiting *waiters;
    job **place;

    pthread_mutex_lock(&tiles->lock);
    place = find_job_locked(tiles, j->packed);
    *place = j->next_in_bucket;
    waiters = j->waiters;
    pthread_mutex_unlock(&tiles->lock);
    return waiters;
}

/* gone() is called under the lock: it asks the system about a socket and takes no lock of ours. */
static bool is_wanted(kh_tiles *tiles, const job *j)
{
    bool wanted = false;

    if (atomic_load(&tiles->stopping))
        return false;
    pthread_mutex_lock(&tiles->lock);
    for (const waiting *w = j->waiters; w && !wanted; w = w->next)
        wanted = !w->waiter.gone || !w->waiter.gone(w->waiter.context);
    pthread_mutex_unlock(&tiles->lock);
    return wanted;
}

static void tell(kh_tiles *tiles, render_worker *worker, const job *j, const kh_tile_waiter *waiter, const kh_error *failure)
{
    kh_error err = *failure;
    const kh_blob *blob = NULL;
    kh_tile tile;

    if (err.status == KH_OK)
        err.status = kh_blobcache_acquire(&blob, tiles->blobs, j->packed, sizeof j->packed, copy_scratch, &worker->scratch, &err);
    if (blob)
        tile_of_blob(&tile, blob);
    waiter->done(waiter->context, blob ? &tile : NULL, blob ? NULL : &err);
}

static void run_job(void *argument, unsigned thread_index)
{
    job *j = argument;
    kh_tiles *tiles = j->tiles;
    render_worker *worker = &tiles->workers[thread_index];
    kh_error err = KH_ERROR_INIT;
    /* it may have been finished between the asker's look and this job */
    const kh_blob *finished = kh_blobcache_peek(tiles->blobs, j->packed, sizeof j->packed);
    waiting *w;

    if (finished) {
        ;
    } else if (!is_wanted(tiles, j)) {
        kh_error_set(&err, KH_E_CANCELLED, "the tile is not wanted any more");
        atomic_fetch_add_explicit(&tiles->dropped, 1, memory_order_relaxed);
    } else {
        err.status = render(tiles, worker, &j->key, &err);
        atomic_fetch_add_explicit(err.status == KH_OK ? &tiles->rendered : &tiles->failed, 1, memory_order_relaxed);
    }
    w = end_job(tiles, j);
    while (w) {
        waiting *next = w->next;

        tell(tiles, worker, j, &w->waiter, &err);
        free(w);
        w = next;
    }
    kh_blobcache_release(tiles->blobs, finished);
    if (worker->scratch.capacity > SCRATCH_KEEP_BYTES)
        kh_buf_release(&worker->scratch);
    free(j);
}

static kh_status start_job_locked(kh_tiles *tiles, job **place, const kh_tile_key *key,
                                  const uint8_t packed[KH_TILE_KEY_BYTES], waiting *first, kh_error *err)
{
    job *j = calloc(1, sizeof *j);
    kh_status status;

    if (!j)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a tile job");
    *j = (job){.tiles = tiles, .key = *key, .waiters = first};
    memcpy(j->packed, packed, sizeof j->packed);
    status = kh_pool_submit(tiles->pool, run_job, j, err);
    if (status != KH_OK) {
        if (status == KH_E_BUSY)
            atomic_fetch_add_explicit(&tiles->refused_busy, 1, memory_order_relaxed);
        free(j);
        return status;
    }
    *place = j; /* the end of its chain; the render thread takes the lock before it looks */
    return KH_OK;
}

kh_status kh_tiles_get(kh_tiles *tiles, const kh_tile_key *key, const kh_tile_waiter *waiter, kh_error *err)
{
    uint8_t packed[KH_TILE_KEY_BYTES];
    waiting *w = malloc(sizeof *w);
    job **place;
    kh_status status = KH_OK;

    if (!w)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a tile's asker");
    *w = (waiting){.waiter = *waiter};
    kh_tile_key_pack(packed, key);
    pthread_mutex_lock(&tiles->lock);
    place = find_job_locked(tiles, packed);
    if (*place) {
        w->next = (*place)->waiters;
        (*place)->waiters = w;
        atomic_fetch_add_explicit(&tiles->shared, 1, memory_order_relaxed);
    } else {
        status = start_job_locked(tiles, place, key, packed, w, err);
    }
    pthread_mutex_unlock(&tiles->lock);
    if (status != KH_OK)
        free(w);
    return status;
}

static kh_status create_workers(kh_tiles *tiles, unsigned count, kh_error *err)
{
    kh_status status = KH_OK;

    tiles->workers = calloc(count, sizeof tiles->workers[0]);
    if (!tiles->workers)
        return kh_error_set(err, KH_E_MEMORY, "no memory for %u render threads", count);
    for (; status == KH_OK && tiles->worker_count < count; tiles->worker_count++) {
        kh_buf_init(&tiles->workers[tiles->worker_count].scratch, TILE_BYTES_MAX);
        status = kh_renderer_create(&tiles->workers[tiles->worker_count].renderer, err);
    }
    return status;
}

kh_status kh_tiles_create(kh_tiles **out, kh_cache *cache, kh_codec *codec, const kh_tiles_options *options, kh_error *err)
{
    kh_tiles *tiles = calloc(1, sizeof *tiles);
    kh_status status;

    *out = NULL;
    if (!tiles)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the tiles");
    tiles->cache = cache;
    tiles->codec = codec;
    pthread_mutex_init(&tiles->lock, NULL);
    status = create_workers(tiles, options->thread_count, err);
    if (status == KH_OK)
        status = kh_blobcache_create(&tiles->blobs, options->cache_bytes_max, err);
    if (status == KH_OK)
        status = kh_pool_create(&tiles->pool, "render", options->thread_count, options->queue_max, err);
    if (status != KH_OK) {
        kh_tiles_free(tiles);
        return status;
    }
    *out = tiles;
    return KH_OK;
}

void kh_tiles_free(kh_tiles *tiles)
{
    if (!tiles)
        return;
    atomic_store(&tiles->stopping, true);
    kh_pool_stop(tiles->pool);
    for (unsigned i = 0; i < tiles->worker_count; i++) {
        kh_renderer_free(tiles->workers[i].renderer);
        kh_buf_release(&tiles->workers[i].scratch);
    }
    free(tiles->workers);
    kh_blobcache_free(tiles->blobs);
    pthread_mutex_destroy(&tiles->lock);
    free(tiles);
}

void kh_tiles_get_stats(kh_tiles *tiles, kh_tiles_stats *out)
{
    *out = (kh_tiles_stats){
        .rendered = atomic_load(&tiles->rendered),
        .failed = atomic_load(&tiles->failed),
        .refused_busy = atomic_load(&tiles->refused_busy),
        .shared = atomic_load(&tiles->shared),
        .dropped = atomic_load(&tiles->dropped),
        .reduced = atomic_load(&tiles->reduced),
        .waiting = kh_pool_waiting(tiles->pool),
    };
    kh_blobcache_get_stats(tiles->blobs, &out->cache);
}
