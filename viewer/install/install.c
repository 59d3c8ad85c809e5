#include "viewer/install/install.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "access/install_links.h"
#include "base/log.h"
#include "viewer/web/assets.h"

#define QUEUE 64
#define ROUTES 5
#define PAGE_BYTES_MAX 65536
#define PEM_BYTES_MAX 16384

/* In install.html: the part that is there only with a link that is good, and in it the link. */
#define OFFER_BEGIN "<!-- offer -->"
#define OFFER_END "<!-- /offer -->"
#define LINK_MARK "@secret@"

struct kh_install {
    kh_access *access;
    kh_recorder *recorder;
    kh_pool *pool;
    kh_http_route routes[ROUTES];
    char authority[PATH_MAX];
};

/* The page with or without the offer; secret is of base64url, which needs no escaping. */
static kh_status build(kh_buf *out, const char *secret, kh_error *err)
{
    const kh_asset *page = kh_asset_find("install.html");
    const char *text = page ? (const char *)page->bytes : NULL, *begin, *end, *at;
    size_t size = page ? page->size : 0;
    kh_status status;

    begin = text ? memmem(text, size, OFFER_BEGIN, sizeof OFFER_BEGIN - 1) : NULL;
    end = begin ? memmem(begin, size - (size_t)(begin - text), OFFER_END, sizeof OFFER_END - 1) : NULL;
    if (!end)
        return kh_error_set(err, KH_E_INTERNAL, "install.html has no place for the offer");
    status = kh_buf_append(out, text, (size_t)(begin - text), err);
    for (const char *p = begin; secret && p < end && status == KH_OK; p = at) {
        at = memmem(p, (size_t)(end - p), LINK_MARK, sizeof LINK_MARK - 1);
        status = kh_buf_append(out, p, (size_t)((at ? at : end) - p), err);
        if (at && status == KH_OK)
            status = kh_buf_append_text(out, secret, err);
        at = at ? at + sizeof LINK_MARK - 1 : end;
    }
    return status == KH_OK ? kh_buf_append(out, end, size - (size_t)(end - text), err) : status;
}

static void answer_page(kh_http_request *request, unsigned code, const char *secret)
{
    kh_error err = KH_ERROR_INIT;
    kh_buf page;

    kh_buf_init(&page, PAGE_BYTES_MAX);
    kh_http_set_header(request, "Cache-Control", "no-store");
    if (build(&page, secret, &err) == KH_OK)
        kh_http_answer(request, code, "text/html; charset=utf-8", page.data, page.size);
    else
        kh_http_answer_error(request, &err);
    kh_buf_release(&page);
}

/* Whoever comes late is told what to do. */
static void no_such(kh_install *install, kh_http_request *request)
{
    kh_record_refused(install->recorder, request, "HTTP", 404);
    answer_page(request, 404, NULL);
}

static void plain_page(kh_http_request *request, void *context)
{
    (void)context;
    answer_page(request, 200, NULL);
}

static void style(kh_http_request *request, void *context)
{
    const kh_asset *asset = kh_asset_find("install.css");

    (void)context;
    kh_http_set_header(request, "Cache-Control", "no-cache");
    if (kh_http_answer_not_modified(request, asset ? asset->etag : "none"))
        return;
    kh_http_answer_constant(request, asset ? 200 : 404, "text/css; charset=utf-8", asset ? asset->bytes : NULL, asset ? asset->size : 0);
}

static void look(void *context, kh_http_request *request)
{
    kh_install *install = context;
    const char *secret = kh_http_segment(request, "secret");
    kh_error err = KH_ERROR_INIT;
    kh_terminal terminal;
    kh_status status = kh_install_look(install->access, secret, &terminal, &err);

    if (status == KH_OK)
        answer_page(request, 200, secret);
    else if (status == KH_E_NOT_FOUND)
        no_such(install, request);
    else
        kh_http_answer_error(request, &err);
}

static kh_status record(kh_install *install, const kh_terminal *terminal, const char *peer, kh_error *err)
{
    char text[200];
    const kh_record_account what = {.action = KH_AUDIT_RIGHTS, .result = KH_AUDIT_ALLOWED, .peer = peer, .text = text};

    snprintf(text, sizeof text, "the certificate of terminal %.64s / %.64s is fetched", terminal->facility, terminal->name);
    return install->recorder ? kh_record_of_account(install->recorder, &what, err) : KH_OK;
}

/* Recorded first: what cannot be is not handed out, and the link stays good. */
static void fetch(void *context, kh_http_request *request)
{
    kh_install *install = context;
    const char *secret = kh_http_segment(request, "secret");
    kh_error err = KH_ERROR_INIT;
    kh_terminal terminal;
    kh_buf file;
    kh_status status = kh_install_look(install->access, secret, &terminal, &err);

    kh_buf_init(&file, KH_INSTALL_FILE_MAX);
    if (status == KH_OK)
        status = record(install, &terminal, kh_http_peer(request), &err);
    if (status == KH_OK)
        status = kh_install_fetch(install->access, secret, &terminal, &file, &err);
    kh_http_set_header(request, "Cache-Control", "no-store");
    if (status == KH_OK) {
        kh_http_set_header(request, "Content-Disposition", "attachment; filename=\"terminal.p12\"");
        kh_log(KH_LOG_INFO, "install", "the certificate of terminal %lld is fetched by %s", (long long)terminal.id, kh_http_peer(request));
        kh_http_answer(request, 200, "application/x-pkcs12", file.data, file.size);
    } else if (status == KH_E_NOT_FOUND) {
        no_such(install, request);
    } else {
        kh_http_answer_error(request, &err);
    }
    kh_buf_release(&file);
}

static void authority(void *context, kh_http_request *request)
{
    kh_install *install = context;
    char bytes[PEM_BYTES_MAX];
    FILE *file = fopen(install->authority, "rbe");
    size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;

    if (file)
        fclose(file);
    if (size == 0 || size == sizeof bytes) {
        no_such(install, request);
        return;
    }
    kh_http_set_header(request, "Content-Disposition", "attachment; filename=\"kakehashi-ca.crt\"");
    kh_http_answer(request, 200, "application/x-x509-ca-cert", bytes, size);
}

static void look_later(kh_http_request *request, void *context)
{
    kh_http_later(request, ((kh_install *)context)->pool, look, context);
}

/* HEAD must not use the link up. */
static void fetch_later(kh_http_request *request, void *context)
{
    kh_http_later(request, ((kh_install *)context)->pool, kh_http_is_head(request) ? look : fetch, context);
}

static void authority_later(kh_http_request *request, void *context)
{
    kh_http_later(request, ((kh_install *)context)->pool, authority, context);
}

kh_status kh_install_create(kh_install **out, const kh_install_options *options, kh_error *err)
{
    kh_install *install = calloc(1, sizeof *install);
    kh_status status;

    *out = NULL;
    if (!install)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the page of certificates");
    install->access = options->access;
    install->recorder = options->recorder;
    if (snprintf(install->authority, sizeof install->authority, "%s/" KH_CA_FOLDER "/ca.pem", options->data_dir) >=
        (int)sizeof install->authority)
        status = kh_error_set(err, KH_E_ARG, "the data folder's path is too long");
    else
        status = kh_pool_create(&install->pool, "install", 1, QUEUE, err);
    if (status != KH_OK) {
        free(install);
        return status;
    }
    const kh_http_route routes[ROUTES] = {
        {"GET", KH_INSTALL_PATH, plain_page, install},
        {"GET", KH_INSTALL_PATH "/style.css", style, install},
        {"GET", KH_INSTALL_PATH "/kakehashi-ca.crt", authority_later, install},
        {"GET", KH_INSTALL_PATH "/{secret}", look_later, install},
        {"GET", KH_INSTALL_PATH "/{secret}/terminal.p12", fetch_later, install},
    };
    memcpy(install->routes, routes, sizeof routes);
    *out = install;
    return KH_OK;
}

void kh_install_free(kh_install *install)
{
    if (!install)
        return;
    kh_pool_stop(install->pool);
    free(install);
}

const kh_http_route *kh_install_routes(const kh_install *install, size_t *count)
{
    *count = ROUTES;
    return install->routes;
}
