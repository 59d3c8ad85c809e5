#include "access/ca.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "access/ca_internal.h"
#include "base/clock.h"
#include "store/file.h"

#define LOCK_WAIT_MS 5000
#define LOCK_LOOK_MS 20
#define YEARS_S(n) ((int64_t)(n) * 31557600)
#define CA_YEARS 10
#define PATH_ROOM 16 /* for "/revoked.pem" */

kh_status kh_ca_fail(kh_error *err, const char *what, int failed)
{
    return kh_error_set(err, failed == GNUTLS_E_MEMORY_ERROR ? KH_E_MEMORY : KH_E_INTERNAL, "%s: %s", what, gnutls_strerror(failed));
}

int kh_ca_make_key(gnutls_x509_privkey_t *out)
{
    int failed = gnutls_x509_privkey_init(out);

    return failed < 0 ? failed : gnutls_x509_privkey_generate(*out, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
}

int kh_ca_begin_certificate(gnutls_x509_crt_t *out, gnutls_x509_privkey_t key, const char *name, int64_t until_s)
{
    uint8_t serial[KH_CA_SERIAL_BYTES], id[64];
    size_t id_size = sizeof id;
    int failed = gnutls_x509_crt_init(out);

    if (failed >= 0)
        failed = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial);
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40); /* RFC 5280 4.1.2.2: positive; and always as long */
    if (failed >= 0)
        failed = gnutls_x509_crt_set_version(*out, 3);
    if (failed >= 0)
        failed = gnutls_x509_crt_set_serial(*out, serial, sizeof serial);
    if (failed >= 0)
        failed = gnutls_x509_crt_set_activation_time(*out, time(NULL) - KH_CA_EARLY_S);
    if (failed >= 0)
        failed = gnutls_x509_crt_set_expiration_time(*out, (time_t)until_s);
    if (failed >= 0)
        failed = gnutls_x509_crt_set_dn_by_oid(*out, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)strlen(name));
    if (failed >= 0)
        failed = gnutls_x509_crt_set_key(*out, key);
    if (failed >= 0)
        failed = gnutls_x509_crt_get_key_id(*out, 0, id, &id_size);
    return failed < 0 ? failed : gnutls_x509_crt_set_subject_key_id(*out, id, id_size);
}

kh_status kh_ca_describe(gnutls_x509_crt_t certificate, kh_ca_issued *out, kh_error *err)
{
    uint8_t serial[KH_CA_SERIAL_BYTES];
    size_t size = sizeof serial;
    gnutls_datum_t der = {0};
    kh_status status;
    int failed = gnutls_x509_crt_get_serial(certificate, serial, &size);

    for (size_t i = 0; failed >= 0 && i < size; i++)
        snprintf(out->serial + 2 * i, 3, "%02x", serial[i]);
    if (failed >= 0)
        failed = gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_DER, &der);
    if (failed < 0)
        return kh_ca_fail(err, "certificate", failed);
    status = kh_certificate_digest(out->fingerprint, der.data, der.size, err);
    gnutls_free(der.data);
    out->issued_ms = kh_clock_wall_ms();
    out->not_after_ms = (int64_t)gnutls_x509_crt_get_expiration_time(certificate) * 1000;
    return status;
}

kh_status kh_ca_finish_certificate(kh_ca *ca, gnutls_x509_crt_t certificate, kh_ca_issued *issued, kh_error *err)
{
    uint8_t id[64];
    size_t id_size = sizeof id;
    int failed = gnutls_x509_crt_get_subject_key_id(ca->certificate, id, &id_size, NULL);

    if (failed >= 0)
        failed = gnutls_x509_crt_set_authority_key_id(certificate, id, id_size);
    if (failed >= 0)
        failed = gnutls_x509_crt_set_basic_constraints(certificate, 0, -1);
    if (failed >= 0)
        failed = gnutls_x509_crt_set_key_usage(certificate, GNUTLS_KEY_DIGITAL_SIGNATURE);
    if (failed >= 0)
        failed = gnutls_x509_crt_sign2(certificate, ca->certificate, ca->key, GNUTLS_DIG_SHA256, 0);
    return failed < 0 ? kh_ca_fail(err, "certificate", failed) : kh_ca_describe(certificate, issued, err);
}

static void path_of(char out[PATH_MAX + PATH_ROOM], const kh_ca *ca, const char *name)
{
    snprintf(out, PATH_MAX + PATH_ROOM, "%s/%s", ca->dir, name);
}

static kh_status wait_for_lock(kh_ca *ca, kh_error *err)
{
    int64_t deadline_ms = kh_clock_monotonic_ms() + LOCK_WAIT_MS;
    char path[PATH_MAX + PATH_ROOM];
    kh_error why = KH_ERROR_INIT;
    kh_status status;

    path_of(path, ca, "lock");
    while ((status = kh_lock_acquire(&ca->lock_fd, path, &why)) == KH_E_BUSY && kh_clock_monotonic_ms() < deadline_ms) {
        kh_error_clear(&why);
        kh_clock_sleep_ms(LOCK_LOOK_MS);
    }
    return status == KH_OK ? KH_OK : kh_error_set(err, status, "%s", why.message);
}

static int make_own_certificate(kh_ca *ca)
{
    char name[32];
    uint8_t sign[3];
    int failed = gnutls_rnd(GNUTLS_RND_NONCE, sign, sizeof sign);

    /* several networks may be trusted by one terminal: each has a name of its own */
    snprintf(name, sizeof name, "Kakehashi CA %02x%02x%02x", sign[0], sign[1], sign[2]);
    if (failed >= 0)
        failed = kh_ca_make_key(&ca->key);
    if (failed >= 0)
        failed = kh_ca_begin_certificate(&ca->certificate, ca->key, name, (int64_t)time(NULL) + YEARS_S(CA_YEARS));
    if (failed >= 0)
        failed = gnutls_x509_crt_set_basic_constraints(ca->certificate, 1, 0);
    if (failed >= 0)
        failed = gnutls_x509_crt_set_key_usage(ca->certificate, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
    if (failed >= 0)
        failed = gnutls_x509_crt_sign2(ca->certificate, ca->certificate, ca->key, GNUTLS_DIG_SHA256, 0);
    return failed < 0 ? failed : gnutls_x509_crt_export2(ca->certificate, GNUTLS_X509_FMT_PEM, &ca->pem);
}

/* The certificate last: without it there is no authority yet, and a key that was left by a power cut is replaced. */
static kh_status make(kh_ca *ca, const char *key_path, const char *certificate_path, kh_error *err)
{
    gnutls_datum_t key = {0};
    int failed = make_own_certificate(ca);
    kh_status status;

    if (failed >= 0)
        failed = gnutls_x509_privkey_export2_pkcs8(ca->key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &key);
    if (failed < 0)
        return kh_ca_fail(err, "the authority cannot be made", failed);
    status = kh_file_replace(key_path, key.data, key.size, err);
    gnutls_memset(key.data, 0, key.size);
    gnutls_free(key.data);
    if (status == KH_OK)
        status = kh_ca_write_list(ca, NULL, 0, err);
    return status == KH_OK ? kh_file_replace(certificate_path, ca->pem.data, ca->pem.size, err) : status;
}

static kh_status load(kh_ca *ca, const char *key_path, const char *certificate_path, kh_error *err)
{
    gnutls_datum_t key = {0};
    uint8_t ids[2][64];
    size_t sizes[2] = {sizeof ids[0], sizeof ids[1]};
    int failed = gnutls_load_file(certificate_path, &ca->pem);

    if (failed >= 0)
        failed = gnutls_load_file(key_path, &key);
    if (failed >= 0)
        failed = gnutls_x509_crt_init(&ca->certificate);
    if (failed >= 0)
        failed = gnutls_x509_crt_import(ca->certificate, &ca->pem, GNUTLS_X509_FMT_PEM);
    if (failed >= 0)
        failed = gnutls_x509_privkey_init(&ca->key);
    if (failed >= 0)
        failed = gnutls_x509_privkey_import(ca->key, &key, GNUTLS_X509_FMT_PEM);
    if (failed >= 0)
        failed = gnutls_x509_crt_get_key_id(ca->certificate, 0, ids[0], &sizes[0]);
    if (failed >= 0)
        failed = gnutls_x509_privkey_get_key_id(ca->key, 0, ids[1], &sizes[1]);
    if (key.data)
        gnutls_memset(key.data, 0, key.size);
    gnutls_free(key.data);
    if (failed < 0)
        return kh_error_set(err, KH_E_CORRUPT, "%s and its key cannot be read: %s", certificate_path, gnutls_strerror(failed));
    if (sizes[0] != sizes[1] || memcmp(ids[0], ids[1], sizes[0]) != 0)
        return kh_error_set(err, KH_E_CORRUPT, "%s and its key do not belong together", certificate_path);
    return KH_OK;
}

static kh_status open_files(kh_ca *ca, kh_error *err)
{
    char key[PATH_MAX + PATH_ROOM], certificate[PATH_MAX + PATH_ROOM];

    path_of(key, ca, "ca.key");
    path_of(certificate, ca, "ca.pem");
    return access(certificate, F_OK) == 0 ? load(ca, key, certificate, err) : make(ca, key, certificate, err);
}

kh_status kh_ca_open(kh_ca **out, const char *data_dir, kh_error *err)
{
    kh_ca *ca = calloc(1, sizeof *ca);
    kh_status status;

    *out = NULL;
    if (!ca)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the authority");
    ca->lock_fd = -1;
    if (snprintf(ca->dir, sizeof ca->dir, "%s/" KH_CA_FOLDER, data_dir) >= (int)sizeof ca->dir)
        status = kh_error_set(err, KH_E_ARG, "the data folder's path is too long");
    else
        status = kh_dir_ensure(ca->dir, err);
    if (status == KH_OK)
        status = wait_for_lock(ca, err);
    if (status == KH_OK)
        status = open_files(ca, err);
    if (status != KH_OK)
        kh_ca_close(ca);
    else
        *out = ca;
    return status == KH_OK ? KH_OK : kh_error_prefix(err, "the authority of terminals");
}

void kh_ca_close(kh_ca *ca)
{
    if (!ca)
        return;
    if (ca->key)
        gnutls_x509_privkey_deinit(ca->key);
    if (ca->certificate)
        gnutls_x509_crt_deinit(ca->certificate);
    gnutls_free(ca->pem.data);
    if (ca->lock_fd >= 0)
        kh_lock_release(ca->lock_fd);
    free(ca);
}

const char *kh_ca_pem(const kh_ca *ca, size_t *size)
{
    *size = ca->pem.size;
    return (const char *)ca->pem.data;
}

void kh_ca_self(const kh_ca *ca, kh_ca_issued *out)
{
    memset(out, 0, sizeof *out);
    (void)!kh_ca_describe(ca->certificate, out, NULL);
    out->issued_ms = ((int64_t)gnutls_x509_crt_get_activation_time(ca->certificate) + KH_CA_EARLY_S) * 1000;
}

kh_status kh_ca_write_list(kh_ca *ca, const kh_ca_revoked *revoked, size_t count, kh_error *err)
{
    time_t now = time(NULL);
    uint8_t number[8];
    gnutls_x509_crl_t list = NULL;
    gnutls_datum_t pem = {0};
    char path[PATH_MAX + PATH_ROOM];
    kh_status status;
    int failed = gnutls_x509_crl_init(&list);

    for (size_t i = 0; i < sizeof number; i++)
        number[i] = (uint8_t)((uint64_t)kh_clock_wall_ms() >> (8 * (sizeof number - 1 - i)));
    if (failed >= 0)
        failed = gnutls_x509_crl_set_version(list, 2);
    if (failed >= 0)
        failed = gnutls_x509_crl_set_number(list, number, sizeof number);
    if (failed >= 0)
        failed = gnutls_x509_crl_set_this_update(list, now - KH_CA_EARLY_S);
    if (failed >= 0)
        failed = gnutls_x509_crl_set_next_update(list, gnutls_x509_crt_get_expiration_time(ca->certificate));
    for (size_t i = 0; i < count && failed >= 0; i++) {
        uint8_t serial[KH_CA_SERIAL_BYTES];
        size_t size = sizeof serial;
        gnutls_datum_t hex = {.data = (unsigned char *)(uintptr_t)revoked[i].serial, .size = (unsigned)strlen(revoked[i].serial)};

        failed = gnutls_hex_decode(&hex, serial, &size);
        if (failed >= 0)
            failed = gnutls_x509_crl_set_crt_serial(list, serial, size, (time_t)(revoked[i].revoked_ms / 1000));
    }
    if (failed >= 0)
        failed = gnutls_x509_crl_sign2(list, ca->certificate, ca->key, GNUTLS_DIG_SHA256, 0);
    if (failed >= 0)
        failed = gnutls_x509_crl_export2(list, GNUTLS_X509_FMT_PEM, &pem);
    path_of(path, ca, "revoked.pem");
    status = failed < 0 ? kh_ca_fail(err, "revocation list", failed) : kh_file_replace(path, pem.data, pem.size, err);
    gnutls_free(pem.data);
    if (list)
        gnutls_x509_crl_deinit(list);
    return status;
}
