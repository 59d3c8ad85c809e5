#include "viewer/tiles/key.h"

#include <stdio.h>
#include <string.h>
#include "viewer/tiles/thumb.h"

/* Moves when the same key would give other bytes than before. */
#define RENDERER_VERSION 3

_Static_assert(KH_TILE_KEY_BYTES <= KH_BLOBCACHE_KEY_MAX, "a tile key fits a cache key");

static uint8_t *put(uint8_t *p, const void *value, size_t size)
{
    memcpy(p, value, size);
    return p + size;
}

void kh_tile_key_pack(uint8_t out[KH_TILE_KEY_BYTES], const kh_tile_key *key)
{
    /* + 0.0 makes one zero of the two */
    double center = key->window_given ? key->window_center + 0.0 : 0;
    double width = key->window_given ? key->window_width + 0.0 : 0;
    uint32_t lut = key->lut_given ? key->lut : 0;
    uint8_t *p = out;

    p = put(p, &key->series_id, sizeof key->series_id);
    p = put(p, &key->object_id, sizeof key->object_id);
    p = put(p, &key->frame, sizeof key->frame);
    p = put(p, &key->epoch, sizeof key->epoch);
    p = put(p, &key->level, sizeof key->level);
    p = put(p, &key->column, sizeof key->column);
    p = put(p, &key->row, sizeof key->row);
    p = put(p, &center, sizeof center);
    p = put(p, &width, sizeof width);
    p = put(p, &lut, sizeof lut);
    p = put(p, &key->state_series_id, sizeof key->state_series_id);
    p = put(p, &key->state_id, sizeof key->state_id);
    *p++ = (uint8_t)(key->window_given | key->invert << 1 | key->lossless << 2 | key->lut_given << 3 | key->no_overlays << 4);
    *p++ = (uint8_t)key->quality;
    put(p, &key->thumb_px, sizeof key->thumb_px);
}

void kh_tile_etag(char out[KH_TILE_ETAG_SIZE], uint64_t content_hash, const kh_tile_key *key)
{
    uint8_t packed[KH_TILE_KEY_BYTES];
    uint64_t hash = 14695981039346656037u; /* FNV-1a */

    kh_tile_key_pack(packed, key);
    for (size_t i = 0; i < sizeof packed; i++)
        hash = (hash ^ packed[i]) * 1099511628211u;
    snprintf(out, KH_TILE_ETAG_SIZE, "%d-%016llx-%016llx", RENDERER_VERSION, (unsigned long long)content_hash,
             (unsigned long long)hash);
}

static uint32_t level_size(uint32_t size, uint32_t level)
{
    return (uint32_t)(((uint64_t)size + (1u << level) - 1) >> level);
}

uint32_t kh_tiles_last_level(uint32_t rows, uint32_t columns)
{
    uint32_t longer = rows > columns ? rows : columns;
    uint32_t level = 0;

    while (level_size(longer, level) > KH_TILE_SMALLEST)
        level++;
    return level;
}

/* One axis: where the tile lies in its level. */
static bool axis(uint32_t level_pixels, uint32_t index, uint32_t *start, uint32_t *length)
{
    uint64_t first = (uint64_t)index * KH_TILE_SIZE;

    if (first >= level_pixels)
        return false;
    *start = (uint32_t)first;
    *length = level_pixels - *start < KH_TILE_SIZE ? level_pixels - *start : KH_TILE_SIZE;
    return true;
}

kh_status kh_tile_view(kh_render_view *out, const kh_tile_key *key, uint32_t rows, uint32_t columns, kh_error *err)
{
    uint32_t last = kh_tiles_last_level(rows, columns);

    *out = (kh_render_view){.lut_given = key->lut_given,
                            .lut = key->lut,
                            .window_given = key->window_given,
                            .window_center = key->window_center,
                            .window_width = key->window_width,
                            .invert = key->invert,
                            .quality = key->quality};
    if (key->thumb_px > 0) {
        kh_thumb_size(&out->out_width, &out->out_height, rows, columns, key->thumb_px);
        return KH_OK;
    }
    if (key->level > last)
        return kh_error_set(err, KH_E_NOT_FOUND, "level %u, expected 0 to %u", key->level, last);
    out->out_width = level_size(columns, key->level);
    out->out_height = level_size(rows, key->level);
    if (!axis(out->out_width, key->column, &out->crop_x, &out->crop_width))
        return kh_error_set(err, KH_E_NOT_FOUND, "column %u, expected 0 to %u", key->column,
                            (out->out_width - 1) / KH_TILE_SIZE);
    if (!axis(out->out_height, key->row, &out->crop_y, &out->crop_height))
        return kh_error_set(err, KH_E_NOT_FOUND, "row %u, expected 0 to %u", key->row, (out->out_height - 1) / KH_TILE_SIZE);
    return KH_OK;
}
