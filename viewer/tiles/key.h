/* key.h - a tile key as bytes, its entity tag, and the part of the picture it stands for. Pure functions. */
#ifndef KH_VIEWER_TILES_KEY_H
#define KH_VIEWER_TILES_KEY_H

#include "viewer/render/render.h"
#include "viewer/tiles/tiles.h"

#define KH_TILE_KEY_BYTES 76

/* Keys that give the same tile give the same bytes: window values do not count unless given. */
void kh_tile_key_pack(uint8_t out[KH_TILE_KEY_BYTES], const kh_tile_key *key);
void kh_tile_etag(char out[KH_TILE_ETAG_SIZE], uint64_t content_hash, const kh_tile_key *key);
/* The tile as a crop of its level, or the whole frame made small; KH_E_NOT_FOUND when the picture has no such level, column or row. */
KH_MUST_USE kh_status kh_tile_view(kh_render_view *out, const kh_tile_key *key, uint32_t rows, uint32_t columns, kh_error *err);

#endif
