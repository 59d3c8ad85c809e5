/* tiles.h - tiles by key: tile cache, single flight, a bounded render pool, look-ahead.
 * A level halves the picture: level 0 is full size, level n has ceil(size / 2^n) pixels a side, to the level that fits one tile.
 * Tiles are KH_TILE_SIZE pixels a side; those at the right and lower edge are smaller. Threads: any. */
#ifndef KH_VIEWER_TILES_TILES_H
#define KH_VIEWER_TILES_TILES_H

#include "base/blobcache.h"
#include "cache/frames.h"

#define KH_TILE_SIZE 512

typedef struct kh_tiles kh_tiles;

typedef struct kh_tiles_options {
    unsigned thread_count;    /* render threads */
    size_t queue_max;         /* tiles waiting; more is KH_E_BUSY */
    uint64_t cache_bytes_max;
} kh_tiles_options;

typedef struct kh_tile_key {
    int64_t series_id, object_id;
    uint32_t frame;
    uint32_t level, column, row;
    bool window_given;
    double window_center, window_width;
    bool invert;
    int quality; /* 1 to 100 */
} kh_tile_key;

/* Called once per request, on a render thread or, when the tile was cached, before kh_tiles_get() returns. tile is NULL when
 * error says why not; else pinned until kh_tiles_release(). */
typedef void kh_tile_done(void *context, const kh_blob *tile, const kh_error *error);

KH_MUST_USE kh_status kh_tiles_create(kh_tiles **out, kh_cache *cache, kh_codec *codec, const kh_tiles_options *options,
                                      kh_error *err);
/* All requests have been answered by then. */
void kh_tiles_free(kh_tiles *tiles);
/* KH_E_BUSY: the queue is full and done is not called. */
KH_MUST_USE kh_status kh_tiles_get(kh_tiles *tiles, const kh_tile_key *key, kh_tile_done *done, void *context, kh_error *err);
void kh_tiles_release(kh_tiles *tiles, const kh_blob *tile);
/* Identifies the bytes a key gives: object content, parameters, renderer version. NUL-terminated, without quotes, < 40 bytes. */
KH_MUST_USE kh_status kh_tiles_etag(kh_tiles *tiles, const kh_tile_key *key, char out[40], kh_error *err);

typedef struct kh_tiles_stats {
    kh_blobcache_stats cache;
    uint64_t rendered, failed, refused_busy;
    size_t waiting;
} kh_tiles_stats;
void kh_tiles_get_stats(kh_tiles *tiles, kh_tiles_stats *out);

#endif
