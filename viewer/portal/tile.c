/* GET /tiles/..., tiles, small pictures and lossless slices: a cached tile is answered at once, on the HTTP thread; others by the render
 * thread that made them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cache/use.h"
#include "viewer/portal/internal.h"

#define READER_LENGTH_MAX 64
#define CACHE_CONTROL "private, no-cache"
#define PREPARED_BYTES 2048 /* about: eleven header lines of the library's */
#define ETAG_SIZE (KH_TILE_ETAG_SIZE + 24)

typedef struct sent {
    kh_tiles *tiles;
    kh_tile tile;
} sent;

typedef struct tile_request {
    kh_portal *portal;
    kh_http_request *request;
    int64_t series_id, state_series_id; /* the latter 0 without a presentation state */
    uint64_t epoch; /* of rights, when it was asked for */
    kh_tile tile;   /* while it is decided anew */
} tile_request;

/* With accounts the epoch of rights is in it: what a browser keeps from before a change has to be asked for again. */
static void name_tile(char out[ETAG_SIZE], const kh_portal *portal, const char *etag)
{
    uint64_t epoch = kh_portal_epoch(portal);

    if (portal->options.rights)
        snprintf(out, ETAG_SIZE, "%s-%llx", etag, (unsigned long long)epoch);
    else
        snprintf(out, ETAG_SIZE, "%s", etag);
}

static void release_sent(void *context)
{
    sent *s = context;

    kh_tiles_release(s->tiles, &s->tile);
    free(s);
}

static const char *content_type(const kh_tile *tile)
{
    return tile->lossless ? "application/octet-stream" : "image/jpeg";
}

/* Takes the tile over. */
static void answer_tile(kh_portal *portal, kh_http_request *request, const kh_tile *tile)
{
    sent *s = malloc(sizeof *s);
    kh_error err = KH_ERROR_INIT;
    char etag[ETAG_SIZE];

    name_tile(etag, portal, tile->etag);
    if (!s) {
        kh_tiles_release(portal->tiles, tile);
        kh_error_set(&err, KH_E_MEMORY, "no memory for an answer");
        kh_http_answer_error(request, &err);
        return;
    }
    *s = (sent){.tiles = portal->tiles, .tile = *tile};
    kh_http_set_header(request, "Cache-Control", CACHE_CONTROL);
    if (kh_http_answer_not_modified(request, etag)) {
        release_sent(s);
        return;
    }
    kh_http_set_header(request, "X-Kakehashi-Window", tile->window);
    if (tile->lossless)
        kh_http_set_header(request, "Content-Encoding", "gzip");
    kh_http_set_header(request, "X-Kakehashi-Lossy", tile->lossy);
    kh_http_answer_borrowed(request, 200, content_type(tile), tile->jpeg, tile->size, release_sent, s);
}

typedef struct prepared_tile {
    kh_http_prepared *answer;
    uint64_t epoch; /* that its tag names */
} prepared_tile;

static void destroy_prepared(void *context)
{
    prepared_tile *prepared = context;

    kh_http_prepared_free(prepared->answer);
    free(prepared);
}

static prepared_tile *prepare(kh_portal *portal, const kh_tile *tile)
{
    prepared_tile *prepared = malloc(sizeof *prepared);
    char etag[ETAG_SIZE], quoted[ETAG_SIZE + 2];
    const char *headers[][2] = {{"Cache-Control", CACHE_CONTROL},
                                {"ETag", quoted},
                                {"X-Kakehashi-Window", tile->window},
                                {"X-Kakehashi-Lossy", tile->lossy},
                                {"Content-Type", content_type(tile)},
                                {"Content-Encoding", "gzip"}};
    size_t count = sizeof headers / sizeof headers[0] - (tile->lossless ? 0 : 1);

    if (!prepared)
        return NULL;
    prepared->epoch = kh_portal_epoch(portal);
    name_tile(etag, portal, tile->etag);
    snprintf(quoted, sizeof quoted, "\"%s\"", etag);
    prepared->answer = kh_http_prepare((const char *const(*)[2])headers, count, tile->jpeg, tile->size);
    if (prepared->answer)
        return prepared;
    free(prepared);
    return NULL;
}

/* The answer that a cached tile is given with; made when it is first asked for again. NULL when there is no memory, or its tag is of
 * another epoch:
 * others may be reading it, so that it stays until its tile goes. */
static const kh_http_prepared *prepared_answer(kh_portal *portal, const kh_tile *tile)
{
    prepared_tile *prepared = kh_tile_companion(tile);

    if (!prepared) {
        prepared = prepare(portal, tile);
        if (prepared && !kh_tiles_attach(portal->tiles, tile, prepared, PREPARED_BYTES, destroy_prepared)) {
            destroy_prepared(prepared);
            prepared = kh_tile_companion(tile);
        }
    }
    return prepared && prepared->epoch == kh_portal_epoch(portal) ? prepared->answer : NULL;
}

static void release_cached(void *tiles, const void *blob)
{
    kh_tiles_release(tiles, &(kh_tile){.blob = blob});
}

/* Takes the tile over. A request that waited for its record is answered as one whose tile had to be made. */
static void answer_cached(kh_portal *portal, kh_http_request *request, const kh_tile *tile)
{
    const kh_http_prepared *prepared = NULL;

    if (!kh_http_is_suspended(request) && !kh_http_header(request, "If-None-Match"))
        prepared = prepared_answer(portal, tile);
    if (prepared)
        kh_http_answer_prepared(request, prepared, release_cached, portal->tiles, tile->blob);
    else
        answer_tile(portal, request, tile);
}

/* A picture over a limit of ours cannot be shown: that is the object's fault, not the request's. */
static void answer_failure(kh_http_request *request, const kh_error *error)
{
    kh_error err = *error;

    if (err.status == KH_E_LIMIT)
        err.status = KH_E_UNSUPPORTED;
    kh_http_answer_error(request, &err);
}

/* Rights moved while it was made: its reader is asked about anew, where that may wait. */
static void decide_again(void *argument, unsigned thread_index)
{
    tile_request *t = argument;

    (void)thread_index;
    if (kh_portal_still(t->portal, t->request, t->series_id, t->epoch) &&
        (t->state_series_id == 0 || kh_portal_still(t->portal, t->request, t->state_series_id, t->epoch))) {
        answer_tile(t->portal, t->request, &t->tile);
    } else {
        kh_tiles_release(t->portal->tiles, &t->tile);
        kh_http_answer_code(t->request, 404, KH_PORTAL_ABSENT);
    }
    free(t);
}

static void tile_done(void *context, const kh_tile *tile, const kh_error *error)
{
    tile_request *t = context;

    if (tile && t->epoch != kh_portal_epoch(t->portal)) {
        kh_error err = KH_ERROR_INIT;

        t->tile = *tile;
        if (kh_pool_submit(t->portal->workers, decide_again, t, &err) == KH_OK)
            return;
        kh_tiles_release(t->portal->tiles, tile);
        answer_failure(t->request, &err);
    } else if (tile) {
        answer_tile(t->portal, t->request, tile);
    } else {
        answer_failure(t->request, error);
    }
    free(t);
}

static bool client_gone(void *context)
{
    return kh_http_client_gone(((tile_request *)context)->request);
}

/* The request is suspended. */
static void make_tile(kh_portal *portal, kh_http_request *request, const kh_tile_key *key)
{
    kh_error err = KH_ERROR_INIT;
    tile_request *t = malloc(sizeof *t);
    kh_tile_waiter waiter = {.done = tile_done, .gone = client_gone, .context = t};

    if (!t) {
        kh_error_set(&err, KH_E_MEMORY, "no memory for a tile");
    } else {
        *t = (tile_request){.portal = portal, .request = request, .series_id = key->series_id,
                            .state_series_id = key->state_series_id, .epoch = kh_portal_epoch(portal)};
        if (kh_tiles_get(portal->tiles, key, &waiter, &err) == KH_OK)
            return;
    }
    free(t);
    answer_failure(request, &err);
}

/* The browser has a copy, we have none: its tag is compared before anything is rendered. */
static void revalidate(void *context, kh_http_request *request)
{
    kh_portal *portal = context;
    kh_error err = KH_ERROR_INIT;
    kh_tile_key key;
    char content[KH_TILE_ETAG_SIZE], etag[ETAG_SIZE];

    if (kh_portal_tile_key(portal, request, &key, &err) != KH_OK || kh_tiles_etag(portal->tiles, &key, content, &err) != KH_OK) {
        answer_failure(request, &err);
        return;
    }
    name_tile(etag, portal, content);
    if (kh_http_etag_matches(request, etag)) {
        kh_http_set_header(request, "Cache-Control", CACHE_CONTROL);
        (void)kh_http_answer_not_modified(request, etag);
        return;
    }
    make_tile(portal, request, &key);
}

/* Only its own page says who reads: a number of its making, for the slice on the screen. */
static void note_reader(kh_portal *portal, const kh_http_request *request, const kh_tile_key *key)
{
    const char *reader = portal->ahead ? kh_http_header(request, "X-Kakehashi-Reader") : NULL;
    uint64_t hash = 14695981039346656037u; /* FNV-1a */

    if (!reader)
        return;
    for (size_t i = 0; reader[i] && i < READER_LENGTH_MAX; i++)
        hash = (hash ^ (uint8_t)reader[i]) * 1099511628211u;
    kh_ahead_note(portal->ahead, hash, key->series_id, key->object_id, key->frame);
}

void kh_portal_tile(kh_http_request *request, void *context)
{
    kh_portal *portal = context;
    kh_error err = KH_ERROR_INIT;
    kh_tile_key key;
    kh_tile tile;

    if (kh_portal_tile_key(portal, request, &key, &err) != KH_OK) {
        kh_http_answer_error(request, &err);
        return;
    }
    note_reader(portal, request, &key);
    if (kh_tiles_peek(portal->tiles, &key, &tile)) {
        kh_use_note(portal->cache, key.series_id); /* the others come to the stack, which notes it */
        answer_cached(portal, request, &tile);
    } else if (kh_http_header(request, "If-None-Match")) {
        kh_portal_later(portal, request, revalidate);
    } else {
        kh_http_suspend(request);
        make_tile(portal, request, &key);
    }
}
