/* The page and its files, built into the program (viewer/web/assets.h). A file's address holds the version of all of them,
 * /web/VERSION/main.js, and those that it imports are named from there: so a browser keeps them for a year, never asks for them anew, and
 * never has files of two versions in one page. The page itself is asked for each time. Of another version there is nothing: a page that is
 * open since before an upgrade finds that out when it needs a file, and is loaded anew (later.js). Without a version a file is what it is
 * now. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "viewer/portal/internal.h"
#include "viewer/web/assets.h"

#define ALWAYS "public, max-age=31536000, immutable"
#define ASKED "no-cache"

static void answer_asset(kh_http_request *request, const char *path, const char *kept)
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
    kh_http_set_header(request, "Cache-Control", kept);
    kh_http_set_header(request, "Vary", "Accept-Encoding");
    if (kh_http_answer_not_modified(request, asset->etag))
        return;
    if (gzip)
        kh_http_set_header(request, "Content-Encoding", "gzip");
    kh_http_answer_constant(request, 200, asset->content_type, gzip ? asset->gzip_bytes : asset->bytes,
                            gzip ? asset->gzip_size : asset->size);
}

/* The language that the page begins with, as far as the browser tells (i18n.js decides the same): the first of ours that it names; NULL
 * where it tells nothing, or the request waits. */
static const char *language(const kh_http_request *request)
{
    const char *text = kh_http_header(request, "Accept-Language");

    if (!text)
        return NULL;
    for (; *text; text += strcspn(text, ","), text += *text == ',') {
        text += strspn(text, " ");
        if (strncasecmp(text, "ja", 2) == 0 && strchr("-,; ", text[2])) /* the end of the text, too */
            return "ja";
        if (strncasecmp(text, "en", 2) == 0 && strchr("-,; ", text[2]))
            return "en";
    }
    return "en";
}

void kh_portal_answer_page(kh_http_request *request, const char *kept)
{
    const char *spoken = language(request);
    char words[100];

    if (spoken) { /* asked for with the page's other files, not when these have found out that they need it */
        snprintf(words, sizeof words, "</web/%s/lang/%s.js>; rel=modulepreload", kh_asset_version(), spoken);
        kh_http_set_header(request, "Link", words);
    }
    answer_asset(request, "index.html", kept);
}

/* The shell of every page: it holds nothing of anybody. Who is not signed in is led to where that is done by the guard. */
void kh_portal_page(kh_http_request *request, void *context)
{
    (void)context;
    kh_portal_answer_page(request, ASKED);
}

void kh_portal_asset(kh_http_request *request, void *context)
{
    const char *path = kh_http_segment(request, "path"), *version = kh_asset_version();
    size_t length = strlen(version);

    (void)context;
    if (strncmp(path, version, length) == 0 && path[length] == '/')
        answer_asset(request, path + length + 1, ALWAYS);
    else
        answer_asset(request, path, ASKED);
}
