#include <libdeflate.h>
#include <stdlib.h>
#include "viewer/http/http.h"

#define LEVEL_ONCE 1 /* 5 times smaller already, at a third of the time of level 6 */
#define LEVEL_KEPT 6 /* beyond it the time grows, the size hardly falls */

kh_status kh_http_gzip(uint8_t **out, size_t *out_size, const void *bytes, size_t size, bool kept, kh_error *err)
{
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(kept ? LEVEL_KEPT : LEVEL_ONCE);
    size_t bound = compressor ? libdeflate_gzip_compress_bound(compressor, size) : 0;
    uint8_t *fitting;

    *out = compressor ? malloc(bound) : NULL;
    *out_size = *out ? libdeflate_gzip_compress(compressor, bytes, size, *out, bound) : 0;
    libdeflate_free_compressor(compressor);
    if (*out_size == 0) {
        free(*out);
        *out = NULL;
        return kh_error_set(err, KH_E_MEMORY, "no memory to compress %zu bytes", size);
    }
    fitting = realloc(*out, *out_size);
    *out = fitting ? fitting : *out;
    return KH_OK;
}
