#include "app/installing.h"

#include <stdlib.h>
#include <string.h>

kh_status kh_installing_open(kh_installing *out, const kh_settings *settings, kh_page *page, kh_recorder *recorder, kh_error *err)
{
    const kh_access_options where = {.dir = settings->data_dir, .page = page};
    kh_install_options options = {.recorder = recorder, .data_dir = settings->data_dir};
    kh_status status;

    *out = (kh_installing){0};
    if (!settings->http_tls_certificate[0] && !settings->http_proxies[0])
        return KH_OK;
    status = kh_access_open(&out->access, &where, err);
    options.access = out->access;
    if (status == KH_OK)
        status = kh_install_create(&out->install, &options, err);
    if (status != KH_OK)
        kh_installing_close(out);
    return status;
}

void kh_installing_close(kh_installing *installing)
{
    kh_install_free(installing->install);
    kh_access_close(installing->access);
    *installing = (kh_installing){0};
}

kh_status kh_installing_routes(const kh_installing *installing, kh_http_route **out, const kh_http_route *others, size_t *count,
                               kh_error *err)
{
    size_t own_count = 0;
    const kh_http_route *own = installing->install ? kh_install_routes(installing->install, &own_count) : NULL;

    *out = calloc(*count + own_count + 1, sizeof **out);
    if (!*out)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the routes");
    if (*count > 0)
        memcpy(*out, others, *count * sizeof **out);
    if (own_count > 0)
        memcpy(*out + *count, own, own_count * sizeof **out);
    *count += own_count;
    return KH_OK;
}
