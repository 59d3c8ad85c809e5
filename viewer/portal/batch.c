/* GET /tiles/{series}/batch?tiles=...: many tiles in one answer, in the order asked, each as soon as it and those before it are there. On a
 * line of long round trips single tiles wait for each other; here one request fills the line. A line of JSON stands before the bytes of
 * each tile.
 * A few tiles are asked for ahead of the one that goes out; a client that leaves ends the rest. With like=1 a tile begins where it is no
 * longer as the one before it: the tables of a JPEG are a seventh of a small picture. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cache/use.h"
#include "viewer/http/http_status.h"
#include "viewer/portal/internal.h"

#define TILES_MAX 256
#define AHEAD 4 /* tiles asked for at once: two cores have something to do while one goes out */
#define LIKE_MAX 1024 /* bytes of a tile's beginning; the tables of a grey JPEG are 328, of one in colour 623 */
#define LOOK_MS 50 /* between two looks whether the client is still there */

typedef struct place {
    struct batch *batch;
    bool ready;     /* batch->lock */
    kh_tile tile;   /* when error says nothing */
    kh_error error;
} place;

typedef struct batch {
    kh_portal *portal;
    kh_tile_key keys[TILES_MAX];
    size_t count, asked, sent; /* of the producer's calls, which do not meet, as are the next two */
    bool like;
    struct { uint8_t bytes[LIKE_MAX]; size_t size; } before; /* how the last tile that went out begins */
    atomic_uint holders;       /* the answer, and tiles under way */
    atomic_bool gone;
    pthread_mutex_t lock;
    pthread_cond_t tile_ready; /* with lock, on the monotonic clock */
    place places[AHEAD];       /* of tile i: i % AHEAD */
} batch;

static void let_go(batch *b)
{
    if (atomic_fetch_sub_explicit(&b->holders, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = b->sent; i < b->asked; i++) {
        place *p = &b->places[i % AHEAD];

        if (p->ready && p->error.status == KH_OK)
            kh_tiles_release(b->portal->tiles, &p->tile);
    }
    pthread_mutex_destroy(&b->lock);
    pthread_cond_destroy(&b->tile_ready);
    free(b);
}

static void settle(place *p, const kh_tile *tile, const kh_error *error)
{
    batch *b = p->batch;

    pthread_mutex_lock(&b->lock);
    if (tile)
        p->tile = *tile;
    else
        p->error = *error;
    p->ready = true;
    pthread_cond_signal(&b->tile_ready);
    pthread_mutex_unlock(&b->lock);
}

static void tile_done(void *context, const kh_tile *tile, const kh_error *error)
{
    place *p = context;
    batch *b = p->batch;

    settle(p, tile, error);
    let_go(b);
}

static bool is_gone(void *context)
{
    return atomic_load(&((place *)context)->batch->gone);
}

static void ask_for(batch *b, size_t index)
{
    place *p = &b->places[index % AHEAD];
    kh_tile_waiter waiter = {.done = tile_done, .gone = is_gone, .context = p};
    kh_error err = KH_ERROR_INIT;
    kh_tile tile;

    *p = (place){.batch = b, .error = KH_ERROR_INIT};
    if (kh_tiles_peek(b->portal->tiles, &b->keys[index], &tile)) {
        settle(p, &tile, NULL);
        return;
    }
    atomic_fetch_add_explicit(&b->holders, 1, memory_order_relaxed);
    if (kh_tiles_get(b->portal->tiles, &b->keys[index], &waiter, &err) == KH_OK)
        return;
    atomic_fetch_sub_explicit(&b->holders, 1, memory_order_relaxed);
    settle(p, NULL, &err);
}

static kh_status await(batch *b, place *p, const atomic_bool *cancelled, kh_error *err)
{
    kh_status status = KH_OK;

    pthread_mutex_lock(&b->lock);
    while (!p->ready && status == KH_OK) {
        struct timespec until;

        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&b->tile_ready, &b->lock, &until);
        if (atomic_load(cancelled))
            status = kh_error_set(err, KH_E_CANCELLED, "the client has gone");
    }
    pthread_mutex_unlock(&b->lock);
    return status;
}

typedef struct held_tile {
    kh_tiles *tiles;
    kh_tile tile;
} held_tile;

static void release_held(void *context)
{
    held_tile *held = context;

    kh_tiles_release(held->tiles, &held->tile);
    free(held);
}

/* So many bytes begin this tile as the one before it; of an answer whose client puts them there. */
static size_t count_like(batch *b, const kh_tile *tile)
{
    size_t most = tile->size < LIKE_MAX ? tile->size : LIKE_MAX, like = 0;

    if (!b->like)
        return 0;
    while (like < most && like < b->before.size && tile->jpeg[like] == b->before.bytes[like])
        like++;
    memcpy(b->before.bytes + like, tile->jpeg + like, most - like);
    b->before.size = most;
    return like;
}

/* The line before a tile, or in place of one. like: bytes of it that stay away. */
static kh_status put_head(kh_http_piece *piece, const place *p, size_t like, kh_error *err)
{
    kh_error shown = p->error;
    kh_json_writer json;
    kh_status status;
    kh_buf line;

    kh_buf_init(&line, sizeof piece->head - 1);
    kh_json_writer_init(&json, &line);
    kh_json_object_begin(&json);
    if (shown.status == KH_OK) {
        kh_json_put_int(&json, "code", 200);
        kh_json_put_int(&json, "size", (int64_t)(p->tile.size - like));
        if (like > 0)
            kh_json_put_int(&json, "like", (int64_t)like);
        kh_json_put_text(&json, "window", p->tile.window);
        kh_json_put_text(&json, "lossy", p->tile.lossy);
    } else {
        if (shown.status == KH_E_LIMIT) /* as for a single tile: a picture over a limit of ours is the object's matter */
            shown.status = KH_E_UNSUPPORTED;
        kh_json_put_int(&json, "code", kh_http_code(shown.status));
        kh_json_put_int(&json, "size", 0);
        kh_json_put_text(&json, "message", kh_http_status_is_public(shown.status) ? shown.message : "");
    }
    kh_json_object_end(&json);
    status = kh_json_writer_status(&json, err);
    if (status == KH_OK) {
        memcpy(piece->head, line.data, line.size);
        piece->head[line.size] = '\n';
        piece->head_size = line.size + 1;
    }
    kh_buf_release(&line);
    return status;
}

static kh_status put_tile(batch *b, kh_http_piece *piece, place *p, kh_error *err)
{
    held_tile *held;
    size_t like = p->error.status == KH_OK ? count_like(b, &p->tile) : 0;
    kh_status status = put_head(piece, p, like, err);

    if (status != KH_OK || p->error.status != KH_OK)
        return status;
    held = malloc(sizeof *held);
    if (!held)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a tile");
    *held = (held_tile){.tiles = b->portal->tiles, .tile = p->tile};
    piece->bytes = p->tile.jpeg + like;
    piece->size = p->tile.size - like;
    piece->release = release_held;
    piece->held = held;
    return KH_OK;
}

static kh_status next_tile(void *context, kh_http_piece *piece, const atomic_bool *cancelled, kh_error *err)
{
    batch *b = context;
    place *p = &b->places[b->sent % AHEAD];
    kh_status status;

    if (b->sent == b->count)
        return KH_OK;
    for (; b->asked < b->count && b->asked < b->sent + AHEAD; b->asked++)
        ask_for(b, b->asked);
    status = await(b, p, cancelled, err);
    if (status == KH_OK)
        status = put_tile(b, piece, p, err);
    if (status == KH_OK)
        b->sent++;
    return status;
}

static void drop(void *context)
{
    batch *b = context;

    atomic_store(&b->gone, true);
    let_go(b);
}

static const kh_http_producer producer = {.next = next_tile, .drop = drop};

static kh_status read_list(const kh_http_request *request, kh_portal *portal, batch *b, kh_error *err)
{
    const char *text = kh_http_query(request, "tiles"), *like = kh_http_query(request, "like");
    kh_tile_key common = {.series_id = 0};
    int64_t series = 0;
    kh_status status = kh_http_segment_int(request, "series", 1, INT64_MAX, &series, err);

    if (status == KH_OK)
        status = kh_portal_tile_view(portal, request, &common, err);
    if (status != KH_OK)
        return status;
    if (like && strcmp(like, "1") != 0)
        return kh_error_set(err, KH_E_ARG, "like: expected 1");
    b->like = like != NULL;
    common.series_id = series;
    for (bool more = true; more; b->count++) {
        if (b->count == TILES_MAX)
            return kh_error_set(err, KH_E_ARG, "tiles: more than %d", TILES_MAX);
        b->keys[b->count] = common;
        if (!text || !kh_portal_tile_place(&text, &b->keys[b->count]) || (*text != ',' && *text != '\0'))
            return kh_error_set(err, KH_E_ARG, "tiles: number %zu, expected object-frame/level/column/row", b->count + 1);
        more = *text == ',';
        text += more ? 1 : 0;
    }
    return KH_OK;
}

static batch *make(kh_portal *portal)
{
    batch *b = calloc(1, sizeof *b);
    pthread_condattr_t attributes;

    if (!b)
        return NULL;
    b->portal = portal;
    atomic_init(&b->holders, 1);
    pthread_mutex_init(&b->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&b->tile_ready, &attributes);
    pthread_condattr_destroy(&attributes);
    return b;
}

void kh_portal_batch(kh_http_request *request, void *context)
{
    kh_portal *portal = context;
    batch *b = make(portal);
    kh_watched *watched = NULL;
    kh_error err = KH_ERROR_INIT;

    if (!b)
        kh_error_set(&err, KH_E_MEMORY, "no memory for a batch of tiles");
    else if (read_list(request, portal, b, &err) != KH_OK ||
             kh_portal_watch_series(portal, request, b->keys[0].series_id, &watched, &err) != KH_OK)
        let_go(b);
    if (err.status != KH_OK) {
        kh_http_answer_error(request, &err);
        return;
    }
    kh_use_note(portal->cache, b->keys[0].series_id);
    kh_http_set_header(request, "Cache-Control", "no-store");
    kh_watch_answer_pieces(watched, request, 200, "application/vnd.kakehashi.tiles", KH_HTTP_SIZE_UNKNOWN, portal->batchers, &producer, b);
}
