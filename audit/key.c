#include "audit/key.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "audit/line.h"
#include "store/file.h"

_Static_assert(KH_AUDIT_PUBLIC_SIZE == crypto_sign_PUBLICKEYBYTES && KH_AUDIT_SECRET_SIZE == crypto_sign_SECRETKEYBYTES &&
                   KH_AUDIT_SIGNATURE_SIZE == crypto_sign_BYTES,
               "Ed25519 sizes");

static kh_status open_and_check(int *fd, const char *path, kh_error *err)
{
    struct stat about;

    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (*fd < 0)
        return errno == ENOENT ? kh_error_set(err, KH_E_NOT_FOUND, "%s: no such file", path) : kh_error_errno(err, errno, "open %s", path);
    if (fstat(*fd, &about) != 0)
        return kh_error_errno(err, errno, "look at %s", path);
    if (!S_ISREG(about.st_mode) || (about.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return kh_error_set(err, KH_E_DENIED, "%s: others may read or change it, expected a file of mode 0600", path);
    return KH_OK;
}

static kh_status read_secret(kh_audit_key *out, const char *path, kh_error *err)
{
    int fd = -1;
    kh_status status = open_and_check(&fd, path, err);

    if (status == KH_OK)
        status = kh_read_all_at(fd, out->secret, sizeof out->secret, 0, err);
    if (status == KH_OK && crypto_sign_ed25519_sk_to_pk(out->public_half, out->secret) != 0)
        status = kh_error_set(err, KH_E_FORMAT, "%s is no key", path);
    if (fd >= 0)
        close(fd);
    return status;
}

static kh_status path_of(char out[PATH_MAX], const char *dir, const char *role, const char *ending, kh_error *err)
{
    if ((size_t)snprintf(out, PATH_MAX, "%s/%s.%s", dir, role, ending) >= PATH_MAX)
        return kh_error_set(err, KH_E_ARG, "path of %zu bytes, expected less", strlen(dir));
    return KH_OK;
}

kh_status kh_audit_key_take(kh_audit_key *out, bool *made, const char *dir, const char *role, kh_error *err)
{
    char path[PATH_MAX];
    kh_error why = KH_ERROR_INIT;
    kh_status status;

    *made = false;
    if (sodium_init() < 0)
        return kh_error_set(err, KH_E_INTERNAL, "libsodium cannot be used here");
    status = path_of(path, dir, role, "key", err);
    if (status != KH_OK)
        return status;
    status = read_secret(out, path, &why);
    if (status == KH_OK)
        return KH_OK;
    if (status != KH_E_NOT_FOUND)
        return kh_error_set(err, status, "%s", why.message);
    *made = true;
    crypto_sign_keypair(out->public_half, out->secret);
    return KH_OK;
}

kh_status kh_audit_key_keep(const kh_audit_key *key, const char *dir, const char *role, kh_error *err)
{
    char path[PATH_MAX], text[KH_AUDIT_HEX_SIZE];
    kh_status status = path_of(path, dir, role, "pub", err);

    kh_audit_hex(text, key->public_half);
    text[KH_AUDIT_HEX_SIZE - 1] = '\n';
    if (status == KH_OK)
        status = kh_file_replace(path, text, sizeof text, err);
    if (status == KH_OK)
        status = path_of(path, dir, role, "key", err);
    return status == KH_OK ? kh_file_replace(path, key->secret, sizeof key->secret, err) : status;
}

kh_status kh_audit_public_read(uint8_t out[KH_AUDIT_PUBLIC_SIZE], const char *dir, const char *role, kh_error *err)
{
    char path[PATH_MAX], text[KH_AUDIT_HEX_SIZE];
    kh_status status = path_of(path, dir, role, "pub", err);
    int fd;

    if (status != KH_OK)
        return status;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? kh_error_set(err, KH_E_NOT_FOUND, "%s: no such file", path) : kh_error_errno(err, errno, "open %s", path);
    status = kh_read_all_at(fd, text, sizeof text, 0, err);
    close(fd);
    if (status == KH_OK && !kh_audit_unhex(out, KH_AUDIT_PUBLIC_SIZE, text))
        status = kh_error_set(err, KH_E_FORMAT, "%s: expected 64 hexadecimal digits", path);
    return status;
}

void kh_audit_sign(char out[KH_AUDIT_SIGNATURE_HEX], const kh_audit_key *key, const char *text)
{
    uint8_t signature[KH_AUDIT_SIGNATURE_SIZE];

    crypto_sign_detached(signature, NULL, (const unsigned char *)text, strlen(text), key->secret);
    sodium_bin2hex(out, KH_AUDIT_SIGNATURE_HEX, signature, sizeof signature);
}

bool kh_audit_signed(const char *signature_hex, const uint8_t public_half[KH_AUDIT_PUBLIC_SIZE], const char *text)
{
    uint8_t signature[KH_AUDIT_SIGNATURE_SIZE];

    return strnlen(signature_hex, KH_AUDIT_SIGNATURE_HEX) == KH_AUDIT_SIGNATURE_HEX - 1 &&
           kh_audit_unhex(signature, sizeof signature, signature_hex) &&
           crypto_sign_verify_detached(signature, (const unsigned char *)text, strlen(text), public_half) == 0;
}

void kh_audit_statement(char out[KH_AUDIT_STATEMENT_SIZE], const char *role, uint64_t seq, const uint8_t *hash)
{
    char hex[KH_AUDIT_HEX_SIZE];

    kh_audit_hex(hex, hash);
    snprintf(out, KH_AUDIT_STATEMENT_SIZE, "kakehashi audit %.16s %" PRIu64 " %s", role, seq, hex);
}
