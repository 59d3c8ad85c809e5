/* assets.h - the page's files, built into the program: every html, css, js, mjs, svg, png, ico, json and webmanifest file under
 * viewer/web/. Pure functions over constant data. */
#ifndef KH_VIEWER_WEB_ASSETS_H
#define KH_VIEWER_WEB_ASSETS_H

#include <stddef.h>
#include <stdint.h>

typedef struct kh_asset {
    const char *path;         /* from viewer/web: "index.html", "js/viewer.js" */
    const char *content_type;
    const char *etag;         /* changes with the content; without quotes */
    const uint8_t *bytes;
    size_t size;
    const uint8_t *gzip_bytes; /* the same, compressed; NULL when that is no smaller */
    size_t gzip_size;
} kh_asset;

/* NULL when there is none. */
const kh_asset *kh_asset_find(const char *path);
/* Of all of them together: 16 of [0-9a-f], which follow from what is in them. Their addresses on the page hold it. */
const char *kh_asset_version(void);
/* All of them, by path; count may be 0. */
const kh_asset *kh_asset_all(size_t *count);

#endif
