/* install.h - the page /install, where a terminal gets its certificate (AZ-5): what to do on Windows, macOS and iPad in Japanese and
 * English, the authority's certificate, and the terminal's own by a link that is good once (access/install_links.h). Served without a
 * certificate and without signing in; under our strict policy: no script at all.
 * Threads: any; what reads or changes access.db runs on a thread of its own. */
#ifndef KH_VIEWER_INSTALL_INSTALL_H
#define KH_VIEWER_INSTALL_INSTALL_H

#include "access/access.h"
#include "viewer/http/http.h"
#include "viewer/record/record.h"

#define KH_INSTALL_PATH "/install"

typedef struct kh_install kh_install;

typedef struct kh_install_options {
    kh_access *access;     /* borrowed until free */
    kh_recorder *recorder; /* likewise; NULL: nothing is recorded */
    const char *data_dir;  /* where the authority is; copied */
} kh_install_options;

KH_MUST_USE kh_status kh_install_create(kh_install **out, const kh_install_options *options, kh_error *err);
/* After the server has stopped, before the recorder ends. NULL is welcome. */
void kh_install_free(kh_install *install);
/* Borrowed until free. */
const kh_http_route *kh_install_routes(const kh_install *install, size_t *count);

#endif
