/* lossy.h - what X-Kakehashi-Lossy says of an answer (docs/http-api.md). Pure functions. */
#ifndef KH_VIEWER_TILES_LOSSY_H
#define KH_VIEWER_TILES_LOSSY_H

#include "viewer/tiles/tiles.h"

/* source: was the stored picture lossy; source_ratio, our_ratio: bytes of pixels over bytes of the stream, 0 when unknown; quality 0:
 * nothing is lost by us. */
typedef struct kh_lossy_facts {
    int quality;
    double our_ratio;
    bool source;
    double source_ratio;
    const char *source_method; /* (0028,2114) as stored */
} kh_lossy_facts;

void kh_lossy_text(char out[KH_TILE_LOSSY_SIZE], const kh_lossy_facts *facts);

#endif
