#include "access/install_links.h"

#include <gnutls/crypto.h>
#include <string.h>
#include "access/internal.h"
#include "access/terminals_internal.h"
#include "base/clock.h"

#define SECRET_BYTES 32
#define SHA_BYTES 32
#define HOUR_MS 3600000

typedef struct link_use {
    uint8_t sha[SHA_BYTES];
    const kh_terminal_issued *issued;
    int64_t expires_ms;
    kh_terminal *terminal;
    kh_buf *pkcs12;
} link_use;

/* base64url without padding (RFC 4648 5): 43 signs for 32 bytes. */
static void write_secret(char out[KH_INSTALL_SECRET_SIZE], const uint8_t bytes[SECRET_BYTES])
{
    static const char signs[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    for (size_t i = 0; i < KH_INSTALL_SECRET_SIZE - 1; i++) {
        size_t bit = i * 6;
        unsigned pair = (unsigned)bytes[bit / 8] << 8 | (bit / 8 + 1 < SECRET_BYTES ? bytes[bit / 8 + 1] : 0u);
        out[i] = signs[pair >> (10 - bit % 8) & 63];
    }
    out[KH_INSTALL_SECRET_SIZE - 1] = '\0';
}

static kh_status hash(uint8_t out[SHA_BYTES], const char *secret, kh_error *err)
{
    if (strnlen(secret, KH_INSTALL_SECRET_SIZE) != KH_INSTALL_SECRET_SIZE - 1)
        return kh_error_set(err, KH_E_NOT_FOUND, "no such link");
    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, secret, KH_INSTALL_SECRET_SIZE - 1, out) < 0)
        return kh_error_set(err, KH_E_INTERNAL, "SHA-256 fails");
    return KH_OK;
}

static kh_status write_link(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    const link_use *use = context;
    const kh_sql_value values[] = {KH_SQL_B(use->sha, SHA_BYTES), KH_SQL_I(use->issued->certificate_id), KH_SQL_I(use->expires_ms),
                                   KH_SQL_B(use->issued->pkcs12.data, use->issued->pkcs12.size)};
    kh_status status = kh_sql_run(sql, "DELETE FROM install_link WHERE expires_ms <= ?1", &KH_SQL_I(kh_clock_wall_ms()), 1, NULL, err);

    (void)access;
    if (status == KH_OK)
        status = kh_sql_run(sql, "INSERT INTO install_link (sha, certificate_ref, expires_ms, pkcs12) VALUES (?1, ?2, ?3, ?4)",
                            KH_ACCESS_VALUES(values), NULL, err);
    return status;
}

kh_status kh_install_offer(kh_access *access, const kh_terminal_issued *issued, int hours, char secret[KH_INSTALL_SECRET_SIZE],
                           kh_error *err)
{
    link_use use = {.issued = issued, .expires_ms = kh_clock_wall_ms() + (int64_t)hours * HOUR_MS};
    uint8_t bytes[SECRET_BYTES];
    kh_status status;

    secret[0] = '\0';
    if (hours < 1 || hours > KH_INSTALL_HOURS_MAX)
        return kh_error_set(err, KH_E_ARG, "hours %d, expected 1 to %d", hours, KH_INSTALL_HOURS_MAX);
    if (gnutls_rnd(GNUTLS_RND_KEY, bytes, sizeof bytes) < 0)
        return kh_error_set(err, KH_E_INTERNAL, "no random numbers");
    write_secret(secret, bytes);
    status = hash(use.sha, secret, err);
    return status == KH_OK ? kh_access_change(access, write_link, &use, err) : status;
}

static kh_status read_link(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    const link_use *use = context;
    const kh_sql_value values[] = {KH_SQL_B(use->sha, SHA_BYTES), KH_SQL_I(kh_clock_wall_ms())};

    (void)access;
    return kh_access_one(sql,
                         KH_TERMINAL_SELECT KH_TERMINAL_ANY_CERTIFICATE
                         " JOIN install_link l ON l.certificate_ref = c.id WHERE l.sha = ?1 AND l.expires_ms > ?2 AND c.revoked_ms = 0",
                         KH_ACCESS_VALUES(values), kh_terminal_take, use->terminal, "link", err);
}

kh_status kh_install_look(kh_access *access, const char *secret, kh_terminal *out, kh_error *err)
{
    link_use use = {.terminal = out};
    kh_status status = hash(use.sha, secret, err);

    return status == KH_OK ? kh_access_read(access, read_link, &use, err) : status;
}

static kh_status use_up(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    link_use *use = context;
    kh_status status = read_link(access, sql, use, err);
    kh_sql_row *row;
    bool has_row = false;

    if (status != KH_OK)
        return status;
    status = kh_sql_query(&row, sql, "DELETE FROM install_link WHERE sha = ?1 RETURNING pkcs12", &KH_SQL_B(use->sha, SHA_BYTES), 1, err);
    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && has_row) {
        size_t size = 0;
        const void *bytes = kh_sql_blob(row, 0, &size);
        status = kh_buf_append(use->pkcs12, bytes, size, err);
    }
    if (status == KH_OK) /* to the end: only then the row is gone */
        status = kh_sql_next(row, &has_row, err);
    kh_sql_end(row);
    return status;
}

kh_status kh_install_fetch(kh_access *access, const char *secret, kh_terminal *out, kh_buf *pkcs12, kh_error *err)
{
    link_use use = {.terminal = out, .pkcs12 = pkcs12};
    kh_status status = hash(use.sha, secret, err);

    return status == KH_OK ? kh_access_change(access, use_up, &use, err) : status;
}
