#include "store/digest.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <xxhash.h>
#include "store/file.h"

#define READ_BLOCK 131072

struct kh_sha256 {
    gnutls_hash_hd_t hash; /* NULL after finish */
};

struct kh_xxh3 {
    XXH3_state_t *state;
};

kh_status kh_sha256_create(kh_sha256 **out, kh_error *err)
{
    kh_sha256 *sha = calloc(1, sizeof *sha);
    int code;

    *out = NULL;
    if (!sha)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a checksum");
    code = gnutls_hash_init(&sha->hash, GNUTLS_DIG_SHA256);
    if (code < 0) {
        free(sha);
        return kh_error_set(err, KH_E_INTERNAL, "SHA-256: %s", gnutls_strerror(code));
    }
    *out = sha;
    return KH_OK;
}

kh_status kh_sha256_add(kh_sha256 *sha, const void *bytes, size_t size, kh_error *err)
{
    int code = gnutls_hash(sha->hash, bytes, size);

    return code < 0 ? kh_error_set(err, KH_E_INTERNAL, "SHA-256: %s", gnutls_strerror(code)) : KH_OK;
}

void kh_sha256_finish(kh_sha256 *sha, uint8_t out[KH_SHA256_SIZE])
{
    gnutls_hash_deinit(sha->hash, out);
    sha->hash = NULL;
}

void kh_sha256_free(kh_sha256 *sha)
{
    if (!sha)
        return;
    if (sha->hash)
        gnutls_hash_deinit(sha->hash, NULL);
    free(sha);
}

kh_status kh_sha256_of(uint8_t out[KH_SHA256_SIZE], const void *bytes, size_t size, kh_error *err)
{
    int code = gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes, size, out);

    return code < 0 ? kh_error_set(err, KH_E_INTERNAL, "SHA-256: %s", gnutls_strerror(code)) : KH_OK;
}

kh_status kh_sha256_of_file(uint8_t out[KH_SHA256_SIZE], int fd, uint64_t size, kh_error *err)
{
    uint8_t block[READ_BLOCK];
    kh_sha256 *sha;
    kh_status status = kh_sha256_create(&sha, err);

    for (uint64_t done = 0; done < size && status == KH_OK;) {
        size_t count = size - done < READ_BLOCK ? (size_t)(size - done) : READ_BLOCK;

        status = kh_read_all_at(fd, block, count, done, err);
        if (status == KH_OK)
            status = kh_sha256_add(sha, block, count, err);
        done += count;
    }
    if (status == KH_OK)
        kh_sha256_finish(sha, out);
    kh_sha256_free(sha);
    return status;
}

kh_status kh_xxh3_create(kh_xxh3 **out, kh_error *err)
{
    kh_xxh3 *sum = calloc(1, sizeof *sum);

    *out = NULL;
    if (sum)
        sum->state = XXH3_createState(); /* aligned as XXH3 wants it */
    if (!sum || !sum->state) {
        free(sum);
        return kh_error_set(err, KH_E_MEMORY, "no memory for a checksum");
    }
    kh_xxh3_reset(sum);
    *out = sum;
    return KH_OK;
}

void kh_xxh3_reset(kh_xxh3 *sum)
{
    XXH3_64bits_reset(sum->state);
}

void kh_xxh3_add(kh_xxh3 *sum, const void *bytes, size_t size)
{
    XXH3_64bits_update(sum->state, bytes, size);
}

uint64_t kh_xxh3_value(const kh_xxh3 *sum)
{
    return XXH3_64bits_digest(sum->state);
}

void kh_xxh3_free(kh_xxh3 *sum)
{
    if (!sum)
        return;
    XXH3_freeState(sum->state);
    free(sum);
}

uint64_t kh_xxh3_of(const void *bytes, size_t size)
{
    return XXH3_64bits(bytes, size);
}
