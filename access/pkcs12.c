/* A key and its certificate in one file (RFC 7292), as Windows, macOS and iPads take them. */
#include <gnutls/pkcs12.h>
#include "access/ca_internal.h"

/* A bag with the certificates: the terminal's own, named and tied to its key, and the authority's. */
static int fill_certificates(gnutls_pkcs12_bag_t bag, const kh_ca *ca, gnutls_x509_crt_t certificate, const char *label,
                             const gnutls_datum_t *id, const char *password, unsigned how)
{
    int at = gnutls_pkcs12_bag_set_crt(bag, certificate), failed = at;

    if (failed >= 0)
        failed = gnutls_pkcs12_bag_set_friendly_name(bag, at, label);
    if (failed >= 0)
        failed = gnutls_pkcs12_bag_set_key_id(bag, at, id);
    if (failed >= 0)
        failed = gnutls_pkcs12_bag_set_crt(bag, ca->certificate);
    return failed < 0 ? failed : gnutls_pkcs12_bag_encrypt(bag, password, how);
}

static int fill_key(gnutls_pkcs12_bag_t bag, gnutls_x509_privkey_t key, const char *label, const gnutls_datum_t *id, const char *password,
                    unsigned how)
{
    gnutls_datum_t der = {0};
    int failed = gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_DER, password, how, &der), at = 0;

    if (failed >= 0)
        at = failed = gnutls_pkcs12_bag_set_data(bag, GNUTLS_BAG_PKCS8_ENCRYPTED_KEY, &der);
    if (failed >= 0)
        failed = gnutls_pkcs12_bag_set_friendly_name(bag, at, label);
    if (failed >= 0)
        failed = gnutls_pkcs12_bag_set_key_id(bag, at, id);
    gnutls_free(der.data);
    return failed;
}

kh_status kh_ca_pkcs12(kh_ca *ca, gnutls_x509_crt_t certificate, gnutls_x509_privkey_t key, const char *label, const char *password,
                       bool aes, kh_buf *out, kh_error *err)
{
    unsigned how = aes ? GNUTLS_PKCS_PBES2_AES_256 : GNUTLS_PKCS_PKCS12_3DES;
    gnutls_pkcs12_bag_t bags[2] = {NULL, NULL};
    gnutls_pkcs12_t file = NULL;
    gnutls_datum_t made = {0}, id;
    uint8_t id_bytes[64];
    size_t id_size = sizeof id_bytes;
    kh_status status;
    int failed = gnutls_x509_crt_get_key_id(certificate, 0, id_bytes, &id_size);

    id = (gnutls_datum_t){.data = id_bytes, .size = (unsigned)id_size};
    for (int i = 0; i < 2 && failed >= 0; i++)
        failed = gnutls_pkcs12_bag_init(&bags[i]);
    if (failed >= 0)
        failed = gnutls_pkcs12_init(&file);
    if (failed >= 0)
        failed = fill_certificates(bags[0], ca, certificate, label, &id, password, how);
    if (failed >= 0)
        failed = gnutls_pkcs12_set_bag(file, bags[0]);
    if (failed >= 0)
        failed = fill_key(bags[1], key, label, &id, password, how);
    if (failed >= 0)
        failed = gnutls_pkcs12_set_bag(file, bags[1]);
    if (failed >= 0)
        failed = gnutls_pkcs12_generate_mac2(file, aes ? GNUTLS_MAC_SHA256 : GNUTLS_MAC_SHA1, password);
    if (failed >= 0)
        failed = gnutls_pkcs12_export2(file, GNUTLS_X509_FMT_DER, &made);
    status = failed < 0 ? kh_ca_fail(err, "PKCS#12", failed) : kh_buf_append(out, made.data, made.size, err);
    gnutls_free(made.data);
    if (file)
        gnutls_pkcs12_deinit(file);
    for (int i = 0; i < 2; i++)
        if (bags[i])
            gnutls_pkcs12_bag_deinit(bags[i]);
    return status;
}
