/* tiles.h - tiles by key: tile cache, single flight, a bounded render pool.
 * A level halves the picture: level 0 is full size, level n has ceil(size / 2^n) pixels a side, down to the level whose longer
 * side has at most KH_TILE_SMALLEST pixels. Tiles are KH_TILE_SIZE pixels a side; those at the right and lower edge are
 * smaller. Threads: any. */
#ifndef KH_VIEWER_TILES_TILES_H
#define KH_VIEWER_TILES_TILES_H

#include "base/blobcache.h"
#include "cache/frames.h"

#define KH_TILE_SIZE 512
#define KH_TILE_SMALLEST 64
#define KH_TILE_ETAG_SIZE 40
#define KH_TILE_WINDOW_SIZE 40
#define KH_TILE_LOSSY_SIZE 160

typedef struct kh_tiles kh_tiles;

typedef struct kh_tiles_options {
    unsigned thread_count;    /* render threads */
    size_t queue_max;         /* tiles waiting; more is KH_E_BUSY */
    uint64_t cache_bytes_max;
} kh_tiles_options;

typedef struct kh_tile_key {
    int64_t series_id, object_id;
    uint32_t frame;
    uint32_t epoch; /* kh_page.hide_epoch when it was asked for: what was made before something was hidden is not answered any more */
    uint32_t level, column, row;
    bool lut_given;
    uint32_t lut; /* VOI LUT number of the frame, from 0; instead of a window */
    bool window_given;
    double window_center, window_width; /* modality units */
    bool invert;
    bool no_overlays; /* those of the image, 60xx */
    int64_t state_series_id, state_id; /* a presentation state that takes the place of how the image says it is shown; 0: none */
    int quality; /* 1 to 100 */
    bool lossless; /* not a tile but all stored values of the frame (viewer/render/lossless.h); all from level on is 0 */
    uint16_t thumb_px; /* not a tile but a small picture of the whole frame (thumb.h), its longer side at most this; level, column and row 0 */
} kh_tile_key;

/* A tile, pinned until kh_tiles_release(); its pointers live as long. */
typedef struct kh_tile {
    const uint8_t *jpeg; /* of a lossless slice: gzip */
    size_t size;
    const char *window;  /* "center,width" as used, in modality units; "0,0" for colour */
    const char *etag;    /* as kh_tiles_etag() says */
    const char *lossy;   /* what compression took away, ours and the source's: the value of X-Kakehashi-Lossy */
    bool lossless;       /* a lossless slice */
    const kh_blob *blob; /* private */
} kh_tile;

/* Who waits for a tile. */
typedef struct kh_tile_waiter {
    /* Called once, on a render thread. tile is NULL when error says why not; else copy it, and release the copy. A tile that
     * nobody waits for any more is not rendered: KH_E_CANCELLED. */
    void (*done)(void *context, const kh_tile *tile, const kh_error *error);
    bool (*gone)(void *context); /* asked before rendering: does nobody want it any more? NULL: wanted */
    void *context;
} kh_tile_waiter;

KH_MUST_USE kh_status kh_tiles_create(kh_tiles **out, kh_cache *cache, kh_codec *codec, const kh_tiles_options *options,
                                      kh_error *err);
/* What waits is answered with KH_E_CANCELLED. No tile may be held any more. */
void kh_tiles_free(kh_tiles *tiles);
/* The tile if it is in the cache; never waits. */
bool kh_tiles_peek(kh_tiles *tiles, const kh_tile_key *key, kh_tile *out);
/* Have the tile made, or wait for the one being made; never waits itself. KH_E_BUSY: the queue is full and done is not called.
 * Errors told to done: KH_E_NOT_FOUND (series, object, frame, level, column, row), KH_E_UNSUPPORTED with the reason when the
 * object cannot be shown, and what kh_frame_acquire() and kh_render_jpeg() say. */
KH_MUST_USE kh_status kh_tiles_get(kh_tiles *tiles, const kh_tile_key *key, const kh_tile_waiter *waiter, kh_error *err);
/* Give back what peek or done gave. */
void kh_tiles_release(kh_tiles *tiles, const kh_tile *tile);
/* See kh_blobcache_attach(): what is made of a held tile once and destroyed with it. */
void *kh_tile_companion(const kh_tile *tile);
bool kh_tiles_attach(kh_tiles *tiles, const kh_tile *tile, void *companion, size_t bytes, void (*destroy)(void *companion));
/* Identifies the bytes a key gives: object content, parameters, renderer version. NUL-terminated, without quotes. Reads the
 * index; the same errors for keys that do not exist. */
KH_MUST_USE kh_status kh_tiles_etag(kh_tiles *tiles, const kh_tile_key *key, char out[KH_TILE_ETAG_SIZE], kh_error *err);
/* The smallest level there is of a picture. */
uint32_t kh_tiles_last_level(uint32_t rows, uint32_t columns);

typedef struct kh_tiles_stats {
    kh_blobcache_stats cache;
    uint64_t rendered, failed, refused_busy;
    uint64_t shared;  /* askers that joined a tile already under way */
    uint64_t dropped; /* not rendered because every asker had gone */
    uint64_t reduced; /* small pictures made of a frame that was decoded smaller */
    size_t waiting;
} kh_tiles_stats;
void kh_tiles_get_stats(kh_tiles *tiles, kh_tiles_stats *out);

#endif
