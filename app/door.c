#include "app/door.h"

#include <string.h>
#include "app/listener.h"
#include "tls/store.h"
#include "viewer/install/install.h"

/* False when there is to be no TLS. */
static bool files_of(kh_tls_files *out, const kh_settings *settings)
{
    *out = (kh_tls_files){.certificate = settings->http_tls_certificate,
                          .key = settings->http_tls_key,
                          .client_ca = settings->http_tls_client_ca,
                          .peer_ca = "",
                          .revoked = settings->http_tls_revoked,
                          .tls_1_2 = settings->http_tls_1_2};
    return settings->http_tls_certificate[0] != '\0';
}

bool kh_door_is_local(const kh_settings *settings)
{
    uint32_t address = 0;

    return kh_address_parse(&address, settings->http_address, NULL) == KH_OK && kh_address_is_loopback(address);
}

kh_status kh_door_check(const kh_settings *settings, kh_error *err)
{
    kh_tls_credentials *credentials = NULL;
    kh_tls_files files;

    if (!files_of(&files, settings))
        return KH_OK;
    if (kh_tls_credentials_create(&credentials, &files, err) != KH_OK)
        return kh_error_prefix(err, "[http] TLS");
    kh_tls_credentials_unref(credentials);
    return KH_OK;
}

kh_status kh_door_open(kh_http_door *out, const kh_settings *settings, kh_error *err)
{
    bool certified = settings->http_tls_client_ca[0] || settings->http_proxies[0];
    kh_tls_files files;
    bool tls = files_of(&files, settings);

    *out = (kh_http_door){.names = settings->http_names,
                          .certificate_required = certified && strcmp(settings->http_client_certificates, "required") == 0,
                          .open_without = KH_INSTALL_PATH,
                          .proxies = settings->http_proxies,
                          .proxies_only = !tls && !kh_door_is_local(settings)};
    return tls ? kh_tls_store_create(&out->tls, &files, err) : KH_OK;
}

void kh_door_close(kh_http_door *door)
{
    kh_tls_store_free(door->tls);
    door->tls = NULL;
}

void kh_door_look(const kh_http_door *door, bool now)
{
    if (door->tls)
        kh_tls_store_look(door->tls, now);
}
