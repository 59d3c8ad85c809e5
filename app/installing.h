/* installing.h - the page on which terminals get their certificates, where one is asked for: with TLS, or behind a proxy.
 * Threads: one at a time. */
#ifndef KH_APP_INSTALLING_H
#define KH_APP_INSTALLING_H

#include "app/settings.h"
#include "store/page.h"
#include "viewer/install/install.h"

typedef struct kh_installing {
    kh_access *access;
    kh_install *install; /* NULL: there is no such page */
} kh_installing;

/* page and recorder are borrowed until close. */
KH_MUST_USE kh_status kh_installing_open(kh_installing *out, const kh_settings *settings, kh_page *page, kh_recorder *recorder,
                                         kh_error *err);
void kh_installing_close(kh_installing *installing);
/* Its routes behind others; *out is the caller's to free(). */
KH_MUST_USE kh_status kh_installing_routes(const kh_installing *installing, kh_http_route **out, const kh_http_route *others, size_t *count,
                                           kh_error *err);

#endif
