#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "access/ca_internal.h"

#define DAY_S 86400
#define HOST_SIZE 254

kh_status kh_ca_password(char out[KH_CA_PASSWORD_SIZE], kh_error *err)
{
    static const char signs[] = "abcdefghijkmnpqrstuvwxyz23456789"; /* 32, none like another */
    uint8_t random[20];
    size_t at = 0;
    int failed = gnutls_rnd(GNUTLS_RND_KEY, random, sizeof random);

    if (failed < 0)
        return kh_ca_fail(err, "password", failed);
    for (size_t i = 0; i < sizeof random; i++) {
        if (i > 0 && i % 5 == 0)
            out[at++] = '-';
        out[at++] = signs[random[i] % 32];
    }
    out[at] = '\0';
    return KH_OK;
}

/* No later than the authority itself. */
static kh_status end_of(const kh_ca *ca, int days, int64_t *until_s, kh_error *err)
{
    int64_t last = (int64_t)gnutls_x509_crt_get_expiration_time(ca->certificate), now = (int64_t)time(NULL);

    if (days < 1 || days > KH_CA_DAYS_MAX)
        return kh_error_set(err, KH_E_ARG, "days %d, expected 1 to %d", days, KH_CA_DAYS_MAX);
    *until_s = now + (int64_t)days * DAY_S;
    if (*until_s > last)
        *until_s = last;
    return last > now ? KH_OK : kh_error_set(err, KH_E_DENIED, "the authority's own certificate has run out");
}

kh_status kh_ca_issue_terminal(kh_ca *ca, const char *facility, const char *name, int days, const char *password, bool aes, kh_buf *pkcs12,
                               kh_ca_issued *issued, kh_error *err)
{
    gnutls_x509_privkey_t key = NULL;
    gnutls_x509_crt_t certificate = NULL;
    char label[160];
    int64_t until_s = 0;
    kh_status status = end_of(ca, days, &until_s, err);
    int failed;

    if (status != KH_OK)
        return status;
    failed = kh_ca_make_key(&key);
    if (failed >= 0)
        failed = kh_ca_begin_certificate(&certificate, key, name, until_s);
    if (failed >= 0)
        failed = gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_ORGANIZATION_NAME, 0, facility, (unsigned)strlen(facility));
    if (failed >= 0)
        failed = gnutls_x509_crt_set_key_purpose_oid(certificate, GNUTLS_KP_TLS_WWW_CLIENT, 0);
    snprintf(label, sizeof label, "%s / %s", facility, name);
    status = failed < 0 ? kh_ca_fail(err, "certificate", failed) : kh_ca_finish_certificate(ca, certificate, issued, err);
    if (status == KH_OK)
        status = kh_ca_pkcs12(ca, certificate, key, label, password, aes, pkcs12, err);
    if (certificate)
        gnutls_x509_crt_deinit(certificate);
    if (key)
        gnutls_x509_privkey_deinit(key);
    return status;
}

static bool is_host(const char *name)
{
    static const char host[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.-";

    return name[0] != '\0' && name[0] != '.' && name[0] != '-' && strlen(name) < HOST_SIZE && name[strspn(name, host)] == '\0';
}

static kh_status add_name(gnutls_x509_crt_t certificate, const char *name, kh_error *err)
{
    struct in6_addr address;
    int failed;

    if (inet_pton(AF_INET, name, &address) == 1)
        failed = gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS, &address, sizeof(struct in_addr),
                                                      GNUTLS_FSAN_APPEND);
    else if (inet_pton(AF_INET6, name, &address) == 1)
        failed = gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS, &address, sizeof address, GNUTLS_FSAN_APPEND);
    else if (is_host(name))
        failed = gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name), GNUTLS_FSAN_APPEND);
    else
        return kh_error_set(err, KH_E_ARG, "\"%.64s\", expected a host name or an address", name);
    return failed < 0 ? kh_ca_fail(err, "certificate", failed) : KH_OK;
}

static kh_status export_pem(gnutls_x509_crt_t certificate, gnutls_x509_privkey_t key, kh_buf *certificate_out, kh_buf *key_out,
                            kh_error *err)
{
    gnutls_datum_t pem = {0}, secret = {0};
    int failed = gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &pem);
    kh_status status;

    if (failed >= 0)
        failed = gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &secret);
    status = failed < 0 ? kh_ca_fail(err, "certificate", failed) : kh_buf_append(certificate_out, pem.data, pem.size, err);
    if (status == KH_OK)
        status = kh_buf_append(key_out, secret.data, secret.size, err);
    gnutls_free(pem.data);
    if (secret.data)
        gnutls_memset(secret.data, 0, secret.size);
    gnutls_free(secret.data);
    return status;
}

kh_status kh_ca_issue_server(kh_ca *ca, const char *const *names, size_t count, int days, kh_buf *certificate_out, kh_buf *key_out,
                             kh_ca_issued *issued, kh_error *err)
{
    gnutls_x509_privkey_t key = NULL;
    gnutls_x509_crt_t certificate = NULL;
    int64_t until_s = 0;
    kh_status status = end_of(ca, days, &until_s, err);
    int failed;

    if (status == KH_OK && (count < 1 || names[0][0] == '\0' || strlen(names[0]) > 64))
        status = kh_error_set(err, KH_E_ARG, "expected host names or addresses, the first one of at most 64 letters");
    if (status != KH_OK)
        return status;
    failed = kh_ca_make_key(&key);
    if (failed >= 0)
        failed = kh_ca_begin_certificate(&certificate, key, names[0], until_s);
    if (failed >= 0)
        failed = gnutls_x509_crt_set_key_purpose_oid(certificate, GNUTLS_KP_TLS_WWW_SERVER, 0);
    status = failed < 0 ? kh_ca_fail(err, "certificate", failed) : KH_OK;
    for (size_t i = 0; i < count && status == KH_OK; i++)
        status = add_name(certificate, names[i], err);
    if (status == KH_OK)
        status = kh_ca_finish_certificate(ca, certificate, issued, err);
    if (status == KH_OK)
        status = export_pem(certificate, key, certificate_out, key_out, err);
    if (certificate)
        gnutls_x509_crt_deinit(certificate);
    if (key)
        gnutls_x509_privkey_deinit(key);
    return status;
}
