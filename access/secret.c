#include "access/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "store/file.h"

#define KEY_NAME "accounts.key"
#define PLAIN_MAX 64

kh_status kh_secret_prepare(kh_error *err)
{
    return sodium_init() >= 0 ? KH_OK : kh_error_set(err, KH_E_INTERNAL, "libsodium does not start");
}

static void to_text(char out[KH_SECRET_SIZE], const uint8_t bytes[32])
{
    sodium_bin2base64(out, KH_SECRET_SIZE, bytes, 32, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

void kh_secret_make(char out[KH_SECRET_SIZE])
{
    uint8_t bytes[32];

    randombytes_buf(bytes, sizeof bytes);
    to_text(out, bytes);
    sodium_memzero(bytes, sizeof bytes);
}

bool kh_secret_sha(uint8_t out[KH_SHA_SIZE], const char *secret)
{
    if (!secret || strnlen(secret, KH_SECRET_SIZE) != KH_SECRET_SIZE - 1)
        return false;
    crypto_hash_sha256(out, (const uint8_t *)secret, KH_SECRET_SIZE - 1);
    return true;
}

void kh_secret_token(char out[KH_SECRET_SIZE], const char *secret)
{
    static const uint8_t what[] = "token of changes";
    uint8_t bytes[32];

    crypto_generichash(bytes, sizeof bytes, what, sizeof what, (const uint8_t *)secret, strnlen(secret, KH_SECRET_SIZE - 1));
    to_text(out, bytes);
}

void kh_secret_words(char *out, size_t size, size_t group)
{
    static const char letters[] = "23456789abcdefghijkmnpqrstuvwxyz";

    _Static_assert(sizeof letters == 33, "five bits a letter");
    for (size_t i = 0; i + 1 < size; i++)
        out[i] = i % (group + 1) == group ? '-' : letters[randombytes_uniform(32)];
    out[size - 1] = '\0';
}

static kh_status read_key(uint8_t out[KH_KEY_SIZE], const char *path, kh_error *err)
{
    kh_status status = KH_OK;
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return errno == ENOENT ? kh_error_set(err, KH_E_NOT_FOUND, "%s does not exist", path) : kh_error_errno(err, errno, "open %s", path);
    if (fstat(fd, &st) != 0)
        status = kh_error_errno(err, errno, "%s", path);
    else if ((st.st_mode & 077) != 0)
        status = kh_error_set(err, KH_E_DENIED, "%s: others may read it (mode %03o), expected 600", path, (unsigned)st.st_mode & 0777);
    else if (st.st_size != KH_KEY_SIZE)
        status = kh_error_set(err, KH_E_CORRUPT, "%s has %lld bytes, expected %d", path, (long long)st.st_size, KH_KEY_SIZE);
    else
        status = kh_read_all_at(fd, out, KH_KEY_SIZE, 0, err);
    close(fd);
    return status;
}

/* Whole before it has its name: two that make one at once both use that of the first. */
static kh_status make_key(const char *dir, const char *path, kh_error *err)
{
    char other[PATH_MAX + 64];
    uint8_t key[KH_KEY_SIZE];
    kh_status status;
    int fd;

    snprintf(other, sizeof other, "%s.%d", path, (int)getpid());
    fd = open(other, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return kh_error_errno(err, errno, "create %s", other);
    randombytes_buf(key, sizeof key);
    status = kh_write_all(fd, key, sizeof key, err);
    if (status == KH_OK && fsync(fd) != 0)
        status = kh_error_errno(err, errno, "sync %s", other);
    close(fd);
    if (status == KH_OK && link(other, path) != 0 && errno != EEXIST)
        status = kh_error_errno(err, errno, "name %s", path);
    unlink(other);
    sodium_memzero(key, sizeof key);
    return status == KH_OK ? kh_dir_sync(dir, err) : status;
}

kh_status kh_secret_key(uint8_t out[KH_KEY_SIZE], const char *dir, kh_error *err)
{
    kh_error ignored = KH_ERROR_INIT;
    char path[PATH_MAX + 32];
    kh_status status;

    snprintf(path, sizeof path, "%s/" KEY_NAME, dir);
    status = read_key(out, path, &ignored);
    if (status == KH_E_NOT_FOUND) {
        status = make_key(dir, path, err);
        return status == KH_OK ? read_key(out, path, err) : status;
    }
    return status == KH_OK ? KH_OK : kh_error_set(err, status, "%s", ignored.message);
}

void kh_secret_mark(uint8_t out[KH_SHA_SIZE], const uint8_t key[KH_KEY_SIZE], int64_t person_id, const char *text)
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, key, KH_KEY_SIZE, KH_SHA_SIZE);
    crypto_generichash_update(&state, (const uint8_t *)&person_id, sizeof person_id);
    crypto_generichash_update(&state, (const uint8_t *)text, strlen(text));
    crypto_generichash_final(&state, out, KH_SHA_SIZE);
}

/* nonce, then the box of: whose it is, the bytes. */
void kh_secret_seal(uint8_t out[KH_SEALED_MAX], size_t *out_size, const uint8_t key[KH_KEY_SIZE], int64_t person_id, const void *bytes,
                    size_t size)
{
    uint8_t plain[sizeof person_id + PLAIN_MAX];

    _Static_assert(KH_SEALED_MAX >= crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + sizeof plain, "room for the longest");
    memcpy(plain, &person_id, sizeof person_id);
    memcpy(plain + sizeof person_id, bytes, size);
    randombytes_buf(out, crypto_secretbox_NONCEBYTES);
    crypto_secretbox_easy(out + crypto_secretbox_NONCEBYTES, plain, sizeof person_id + size, out, key);
    *out_size = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + sizeof person_id + size;
    sodium_memzero(plain, sizeof plain);
}

kh_status kh_secret_unseal(void *out, size_t size, const uint8_t key[KH_KEY_SIZE], int64_t person_id, const void *sealed,
                           size_t sealed_size, kh_error *err)
{
    uint8_t plain[sizeof person_id + PLAIN_MAX];
    const uint8_t *box = sealed;
    kh_status status = KH_OK;

    if (size > PLAIN_MAX || sealed_size != crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + sizeof person_id + size ||
        crypto_secretbox_open_easy(plain, box + crypto_secretbox_NONCEBYTES, sealed_size - crypto_secretbox_NONCEBYTES, box, key) != 0 ||
        memcmp(plain, &person_id, sizeof person_id) != 0)
        status = kh_error_set(err, KH_E_CORRUPT, "a secret was not sealed by " KEY_NAME " of this data folder");
    else
        memcpy(out, plain + sizeof person_id, size);
    sodium_memzero(plain, sizeof plain);
    return status;
}
