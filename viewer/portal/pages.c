/* The page and its files, built into the program (viewer/web/assets.h). */
#include "viewer/portal/internal.h"
#include "viewer/web/assets.h"

static void answer_asset(kh_http_request *request, const char *path)
{
    const kh_asset *asset = kh_asset_find(path);
    kh_error err = KH_ERROR_INIT;
    bool gzip;

    if (!asset) {
        kh_error_set(&err, KH_E_NOT_FOUND, "no such file");
        kh_http_answer_error(request, &err);
        return;
    }
    gzip = asset->gzip_bytes && kh_http_accepts_gzip(request);
    kh_http_set_header(request, "Cache-Control", "no-cache");
    kh_http_set_header(request, "Vary", "Accept-Encoding");
    if (kh_http_answer_not_modified(request, asset->etag))
        return;
    if (gzip)
        kh_http_set_header(request, "Content-Encoding", "gzip");
    kh_http_answer_constant(request, 200, asset->content_type, gzip ? asset->gzip_bytes : asset->bytes,
                            gzip ? asset->gzip_size : asset->size);
}

/* The shell of every page: it holds nothing of anybody. Who is not signed in is led to where that is done by the guard. */
void kh_portal_page(kh_http_request *request, void *context)
{
    (void)context;
    answer_asset(request, "index.html");
}

void kh_portal_asset(kh_http_request *request, void *context)
{
    (void)context;
    answer_asset(request, kh_http_segment(request, "path"));
}
