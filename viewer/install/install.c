#include "viewer/install/install.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "access/install_links.h"
#include "base/log.h"
#include "viewer/web/assets.h"

#define QUEUE 64
#define ROUTES 5
#define PAGE_BYTES_MAX 65536
#define PEM_BYTES_MAX 16384

/* In install.html, once for each language: what is there only with a link that is good, and what is told to who comes late; in them and
 * around them the words that are filled in. */
#define OFFER_BEGIN "<!-- offer -->"
#define OFFER_END "<!-- /offer -->"
#define LATE_BEGIN "<!-- late -->"
#define LATE_END "<!-- /late -->"

/* A caller by the language that the page begins with. */
typedef struct caller {
    kh_install *install;
    const char *language;
} caller;
enum { JAPANESE, ENGLISH, LANGUAGES };

struct kh_install {
    kh_access *access;
    kh_recorder *recorder;
    kh_pool *pool;
    kh_http_route routes[ROUTES];
    caller callers[LANGUAGES];
    char authority[PATH_MAX];
};

static const char *find(const char *from, const char *to, const char *mark)
{
    return from ? memmem(from, (size_t)(to - from), mark, strlen(mark)) : NULL;
}

/* What a page is made of. secret and terminal NULL: there is nothing to offer. */
typedef struct page {
    const char *language, *secret; /* base64url, which needs no escaping */
    const kh_terminal *terminal;
    bool late; /* somebody came with a link that is no longer good */
} page;

static kh_status put_escaped(kh_buf *out, const char *text, kh_error *err)
{
    kh_status status = KH_OK;

    for (; *text && status == KH_OK; text++)
        status = strchr("<>&\"'", *text) ? kh_buf_appendf(out, err, "&#%d;", *text) : kh_buf_append(out, text, 1, err);
    return status;
}

/* *at: at an "@"; behind the word afterwards when it is one of ours. */
static kh_status put_word(kh_buf *out, const char **at, const char *to, const page *of, kh_error *err)
{
    static const char *const words[] = {"@language@", "@secret@", "@facility@", "@name@"};
    const char *values[] = {of->language, of->secret ? of->secret : "", of->terminal ? of->terminal->facility : "",
                            of->terminal ? of->terminal->name : ""};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if ((size_t)(to - *at) >= strlen(words[i]) && memcmp(*at, words[i], strlen(words[i])) == 0) {
            *at += strlen(words[i]);
            return put_escaped(out, values[i], err);
        }
    return kh_buf_append(out, (*at)++, 1, err);
}

static kh_status put_part(kh_buf *out, const char *from, const char *to, const page *of, kh_error *err)
{
    kh_status status = KH_OK;

    for (const char *p = from; p < to && status == KH_OK;) {
        const char *at = memchr(p, '@', (size_t)(to - p));

        status = kh_buf_append(out, p, (size_t)((at ? at : to) - p), err);
        p = at ? at : to;
        if (at && status == KH_OK)
            status = put_word(out, &p, to, of, err);
    }
    return status;
}

static kh_status build(kh_buf *out, const page *of, kh_error *err)
{
    const kh_asset *asset = kh_asset_find("install.html");
    const char *text = asset ? (const char *)asset->bytes : NULL, *end = asset ? text + asset->size : NULL;
    kh_status status = KH_OK;

    for (int i = 0; i < LANGUAGES && status == KH_OK; i++) {
        const char *offer = find(text, end, OFFER_BEGIN), *behind = find(offer, end, OFFER_END);
        const char *late = find(behind, end, LATE_BEGIN), *rest = find(late, end, LATE_END);

        if (!rest)
            return kh_error_set(err, KH_E_INTERNAL, "install.html has no place for the offer");
        status = put_part(out, text, offer, of, err);
        if (of->secret && status == KH_OK)
            status = put_part(out, offer, behind, of, err);
        if (of->late && status == KH_OK)
            status = put_part(out, late, rest, of, err);
        text = rest;
    }
    return status == KH_OK ? put_part(out, text, end, of, err) : status;
}

static void answer_page(kh_http_request *request, unsigned code, const page *of)
{
    kh_error err = KH_ERROR_INIT;
    kh_buf bytes;

    kh_buf_init(&bytes, PAGE_BYTES_MAX);
    kh_http_set_header(request, "Cache-Control", "no-store");
    if (build(&bytes, of, &err) == KH_OK)
        kh_http_answer(request, code, "text/html; charset=utf-8", bytes.data, bytes.size);
    else
        kh_http_answer_error(request, &err);
    kh_buf_release(&bytes);
}

/* The language that is asked for, else the first of ours that the browser names; Japanese when it names neither. On the HTTP thread. */
static caller *caller_of(kh_install *install, const kh_http_request *request)
{
    const char *asked = kh_http_query(request, "language"), *text = kh_http_header(request, "Accept-Language");

    if (asked)
        return &install->callers[strcmp(asked, "en") == 0 ? ENGLISH : JAPANESE];
    for (; text && *text; text += strcspn(text, ","), text += *text == ',') {
        text += strspn(text, " ");
        if (strncasecmp(text, "ja", 2) == 0 && strchr("-,; ", text[2])) /* the end of the text, too */
            break;
        if (strncasecmp(text, "en", 2) == 0 && strchr("-,; ", text[2]))
            return &install->callers[ENGLISH];
    }
    return &install->callers[JAPANESE];
}

/* Whoever comes late is told what to do. */
static void no_such(const caller *by, kh_http_request *request)
{
    kh_record_refused(by->install->recorder, request, "HTTP", 404);
    answer_page(request, 404, &(page){.language = by->language, .late = true});
}

static void plain_page(kh_http_request *request, void *context)
{
    answer_page(request, 200, &(page){.language = caller_of(context, request)->language});
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
    const caller *by = context;
    const char *secret = kh_http_segment(request, "secret");
    kh_error err = KH_ERROR_INIT;
    kh_terminal terminal;
    kh_status status = kh_install_look(by->install->access, secret, &terminal, &err);

    if (status == KH_OK)
        answer_page(request, 200, &(page){.language = by->language, .secret = secret, .terminal = &terminal});
    else if (status == KH_E_NOT_FOUND)
        no_such(by, request);
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
    const caller *by = context;
    kh_install *install = by->install;
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
        no_such(by, request);
    } else {
        kh_http_answer_error(request, &err);
    }
    kh_buf_release(&file);
}

static void authority(void *context, kh_http_request *request)
{
    const caller *by = context;
    char bytes[PEM_BYTES_MAX];
    FILE *file = fopen(by->install->authority, "rbe");
    size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;

    if (file)
        fclose(file);
    if (size == 0 || size == sizeof bytes) {
        no_such(by, request);
        return;
    }
    kh_http_set_header(request, "Content-Disposition", "attachment; filename=\"kakehashi-ca.crt\"");
    kh_http_answer(request, 200, "application/x-x509-ca-cert", bytes, size);
}

static void later(kh_http_request *request, kh_install *install, void (*answer)(void *context, kh_http_request *request))
{
    kh_http_later(request, install->pool, answer, caller_of(install, request));
}

static void look_later(kh_http_request *request, void *context)
{
    later(request, context, look);
}

/* HEAD must not use the link up. */
static void fetch_later(kh_http_request *request, void *context)
{
    later(request, context, kh_http_is_head(request) ? look : fetch);
}

static void authority_later(kh_http_request *request, void *context)
{
    later(request, context, authority);
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
    install->callers[JAPANESE] = (caller){install, "ja"};
    install->callers[ENGLISH] = (caller){install, "en"};
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
