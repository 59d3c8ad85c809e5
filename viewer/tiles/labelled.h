/* labelled.h - a frame to be taken along: a PNG with the picture as it is shown, whole, and a band of words below it, which hides nothing.
 * Threads: any; reads index and files and may decode: not on an HTTP thread. */
#ifndef KH_VIEWER_TILES_LABELLED_H
#define KH_VIEWER_TILES_LABELLED_H

#include "base/buf.h"
#include "cache/frames.h"
#include "viewer/tiles/tiles.h"

#define KH_LABEL_LINES 8
#define KH_LABEL_SIZE 480 /* bytes of a line, with its end; what is too wide for the picture goes on in the next line of the band */
#define KH_LABELLED_SIDE_MAX 4096 /* pixels of the picture; a larger frame is made smaller */
#define KH_LABELLED_SIDE_MIN 768  /* of the longer side: a smaller frame is grown, so that the words can be read */

typedef struct kh_label_facts {
    const kh_image_info *info;            /* of the object */
    char window[KH_TILE_WINDOW_SIZE];     /* "center,width" as used; "0,0" for colour */
    char state[KH_LABEL_SIZE / 2];        /* of the presentation state that is applied: label, whose it is; "": none */
    char lossy[KH_TILE_LOSSY_SIZE];       /* what compression took away before us, as X-Kakehashi-Lossy: the PNG itself loses nothing */
} kh_label_facts;

/* Fills lines, UTF-8; returns how many. */
typedef unsigned kh_label_words(void *context, const kh_label_facts *facts, char lines[KH_LABEL_LINES][KH_LABEL_SIZE]);

/* key: which frame, window, LUT, inversion, presentation state and overlays; the rest of it is not looked at. Appends to out.
 * KH_E_UNSUPPORTED also when font_file is no font: a picture without its words is not given. Else the errors of kh_shown_object_acquire(),
 * kh_frame_acquire(), kh_shown_as_acquire() and kh_render_pixels(). */
KH_MUST_USE kh_status kh_labelled_png(kh_buf *out, kh_cache *cache, kh_codec *codec, const kh_tile_key *key, const char *font_file,
                                      kh_label_words *words, void *context, kh_error *err);

#endif
