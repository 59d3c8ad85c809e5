/* What must fit together in [http] before a port is opened (AZ-34, guideline v6: encrypted beyond this machine). */
#include <string.h>
#include "app/listener.h"
#include "app/settings.h"
#include "base/nets.h"

static kh_status check_names(const char *names, kh_error *err)
{
    static const char host[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.-[]:, ";

    if (names[strspn(names, host)] == '\0')
        return KH_OK;
    return kh_error_set(err, KH_E_ARG, "[http] names: expected host names without scheme and port, separated by commas");
}

static kh_status check_tls(const kh_settings *settings, kh_error *err)
{
    const bool tls = settings->http_tls_certificate[0] != '\0';

    if (tls && !settings->http_tls_key[0])
        return kh_error_set(err, KH_E_ARG, "[http] tls_certificate: tls_key is missing beside it");
    if (!tls && (settings->http_tls_key[0] || settings->http_tls_client_ca[0]))
        return kh_error_set(err, KH_E_ARG, "[http] %s: tls_certificate is missing beside it",
                            settings->http_tls_key[0] ? "tls_key" : "tls_client_ca");
    if (settings->http_tls_revoked[0] && !settings->http_tls_client_ca[0])
        return kh_error_set(err, KH_E_ARG, "[http] tls_revoked: tls_client_ca is missing beside it");
    if (strcmp(settings->http_client_certificates, "required") != 0 && strcmp(settings->http_client_certificates, "optional") != 0)
        return kh_error_set(err, KH_E_ARG, "[http] client_certificates: \"%s\", expected required or optional",
                            settings->http_client_certificates);
    return KH_OK;
}

/* Beyond this machine. */
static kh_status check_open(const kh_settings *settings, kh_error *err)
{
    if (!settings->http_tls_certificate[0] && !settings->http_proxies[0])
        return kh_error_set(err, KH_E_DENIED,
                            "[http] address: %s is not a loopback address, and plain HTTP stays on this machine: set tls_certificate and "
                            "tls_key for HTTPS, or proxies to the address of the proxy in front",
                            settings->http_address);
    if (!settings->http_names[0])
        return kh_error_set(err, KH_E_ARG,
                            "[http] names: expected the host names that browsers call, since address is not a loopback address");
    return KH_OK;
}

kh_status kh_settings_check_http(const kh_settings *settings, kh_error *err)
{
    uint32_t address = 0;
    kh_status status;

    if (kh_address_parse(&address, settings->http_address, err) != KH_OK)
        return kh_error_prefix(err, "[http] address");
    status = check_names(settings->http_names, err);
    if (status == KH_OK)
        status = check_tls(settings, err);
    if (status == KH_OK && kh_nets_check(settings->http_proxies, err) != KH_OK)
        status = kh_error_prefix(err, "[http] proxies");
    return status == KH_OK && !kh_address_is_loopback(address) ? check_open(settings, err) : status;
}
