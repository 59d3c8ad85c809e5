/* GET /tiles/..., tiles, small pictures and lossless slices: a cached tile is answered at once, on the HTTP thread; others by the render thread that made them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cache/use.h"
#include "viewer/portal/internal.h"

#define DEFAULT_QUALITY 80
#define LEVEL_MAX 16
#define THUMB_MIN 16
#define THUMB_MAX 512
#define THUMB_DEFAULT 128
#define READER_LENGTH_MAX 64
#define WINDOW_CENTER_MAX 1e9
#define WINDOW_WIDTH_MIN 1e-6
#define WINDOW_WIDTH_MAX 1e9
#define CACHE_CONTROL "private, no-cache"
#define PREPARED_BYTES 2048 /* about: eleven header lines of the library's */

typedef struct sent {
    kh_tiles *tiles;
    kh_tile tile;
} sent;

typedef struct tile_request {
    kh_portal *portal;
    kh_http_request *request;
} tile_request;

static kh_status read_window(const kh_http_request *request, kh_tile_key *key, kh_error *err)
{
    bool center_given = kh_http_query(request, "c") != NULL;
    int64_t lut = 0;
    kh_status status;

    key->window_given = kh_http_query(request, "w") != NULL;
    key->lut_given = kh_http_query(request, "lut") != NULL;
    if (center_given != key->window_given)
        return kh_error_set(err, KH_E_ARG, "c and w, expected both or neither");
    if (key->lut_given && key->window_given)
        return kh_error_set(err, KH_E_ARG, "lut beside c and w, expected one or the other");
    status = kh_http_query_int(request, "lut", 0, KH_VOI_LUTS_MAX - 1, 0, &lut, err);
    key->lut = (uint32_t)lut;
    if (status == KH_OK)
        status = kh_http_query_double(request, "c", -WINDOW_CENTER_MAX, WINDOW_CENTER_MAX, 0, &key->window_center, err);
    if (status == KH_OK)
        status = kh_http_query_double(request, "w", WINDOW_WIDTH_MIN, WINDOW_WIDTH_MAX, 0, &key->window_width, err);
    return status;
}

/* What the address says; whether there is such a tile is found when it is made. */
static kh_status read_place(const kh_http_request *request, kh_tile_key *key, kh_error *err)
{
    static const struct {
        const char *name;
        int64_t min, max;
    } parts[6] = {{"series", 1, INT64_MAX}, {"object", 1, INT64_MAX}, {"frame", 0, UINT32_MAX},
                  {"level", 0, LEVEL_MAX},  {"column", 0, UINT16_MAX}, {"row", 0, UINT16_MAX}};
    bool whole = kh_http_segment(request, "level") == NULL; /* the other addresses, which have no more than the frame */
    const char *last = strrchr(kh_http_path(request), '/');
    int64_t values[6] = {0}, size = 0;
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < (whole ? 3 : 6); i++)
        status = kh_http_segment_int(request, parts[i].name, parts[i].min, parts[i].max, &values[i], err);
    if (status == KH_OK && whole && strcmp(last, "/lossless") != 0)
        status = kh_http_query_int(request, "size", THUMB_MIN, THUMB_MAX, THUMB_DEFAULT, &size, err);
    *key = (kh_tile_key){.series_id = values[0],
                         .object_id = values[1],
                         .frame = (uint32_t)values[2],
                         .level = (uint32_t)values[3],
                         .column = (uint32_t)values[4],
                         .row = (uint32_t)values[5],
                         .quality = DEFAULT_QUALITY,
                         .lossless = whole && size == 0,
                         .thumb_px = (uint16_t)size};
    return status;
}

static kh_status read_key(const kh_portal *portal, const kh_http_request *request, kh_tile_key *key, kh_error *err)
{
    int64_t quality = DEFAULT_QUALITY, invert = 0;
    kh_status status = read_place(request, key, err);

    key->epoch = (uint32_t)atomic_load(&kh_cache_page(portal->cache)->hide_epoch);
    if (status != KH_OK || key->lossless)
        return status;
    status = kh_http_query_int(request, "q", 1, 100, DEFAULT_QUALITY, &quality, err);
    if (status == KH_OK)
        status = kh_http_query_int(request, "invert", 0, 1, 0, &invert, err);
    if (status == KH_OK)
        status = read_window(request, key, err);
    key->quality = (int)quality;
    key->invert = invert != 0;
    return status;
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

    if (!s) {
        kh_tiles_release(portal->tiles, tile);
        kh_error_set(&err, KH_E_MEMORY, "no memory for an answer");
        kh_http_answer_error(request, &err);
        return;
    }
    *s = (sent){.tiles = portal->tiles, .tile = *tile};
    kh_http_set_header(request, "Cache-Control", CACHE_CONTROL);
    if (kh_http_answer_not_modified(request, tile->etag)) {
        release_sent(s);
        return;
    }
    kh_http_set_header(request, "X-Kakehashi-Window", tile->window);
    if (tile->lossless)
        kh_http_set_header(request, "Content-Encoding", "gzip");
    kh_http_set_header(request, "X-Kakehashi-Lossy", tile->lossy);
    kh_http_answer_borrowed(request, 200, content_type(tile), tile->jpeg, tile->size, release_sent, s);
}

static void destroy_prepared(void *prepared)
{
    kh_http_prepared_free(prepared);
}

/* The answer that a cached tile is given with; made when it is first asked for again. NULL when there is no memory. */
static const kh_http_prepared *prepared_answer(kh_portal *portal, const kh_tile *tile)
{
    kh_http_prepared *prepared = kh_tile_companion(tile);
    char etag[KH_TILE_ETAG_SIZE + 2];
    const char *headers[][2] = {{"Cache-Control", CACHE_CONTROL},
                                {"ETag", etag},
                                {"X-Kakehashi-Window", tile->window},
                                {"X-Kakehashi-Lossy", tile->lossy},
                                {"Content-Type", content_type(tile)},
                                {"Content-Encoding", "gzip"}};
    size_t count = sizeof headers / sizeof headers[0] - (tile->lossless ? 0 : 1);

    if (prepared)
        return prepared;
    snprintf(etag, sizeof etag, "\"%s\"", tile->etag);
    prepared = kh_http_prepare((const char *const(*)[2])headers, count, tile->jpeg, tile->size);
    if (!prepared || kh_tiles_attach(portal->tiles, tile, prepared, PREPARED_BYTES, destroy_prepared))
        return prepared;
    kh_http_prepared_free(prepared);
    return kh_tile_companion(tile);
}

static void release_cached(void *tiles, const void *blob)
{
    kh_tiles_release(tiles, &(kh_tile){.blob = blob});
}

/* On the HTTP thread. Takes the tile over. */
static void answer_cached(kh_portal *portal, kh_http_request *request, const kh_tile *tile)
{
    const kh_http_prepared *prepared = kh_http_header(request, "If-None-Match") ? NULL : prepared_answer(portal, tile);

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

static void tile_done(void *context, const kh_tile *tile, const kh_error *error)
{
    tile_request *t = context;

    if (tile)
        answer_tile(t->portal, t->request, tile);
    else
        answer_failure(t->request, error);
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
        *t = (tile_request){.portal = portal, .request = request};
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
    char etag[KH_TILE_ETAG_SIZE];

    if (read_key(portal, request, &key, &err) != KH_OK || kh_tiles_etag(portal->tiles, &key, etag, &err) != KH_OK) {
        answer_failure(request, &err);
        return;
    }
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

    if (read_key(portal, request, &key, &err) != KH_OK) {
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
