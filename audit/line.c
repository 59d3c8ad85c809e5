#include "audit/line.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

void kh_audit_hash(uint8_t out[KH_AUDIT_HASH_SIZE], const uint8_t previous[KH_AUDIT_HASH_SIZE], uint64_t seq, const char *record,
                   size_t record_size)
{
    crypto_hash_sha256_state state;
    uint8_t number[8];

    for (int i = 0; i < 8; i++)
        number[i] = (uint8_t)(seq >> (56 - 8 * i));
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, previous, KH_AUDIT_HASH_SIZE);
    crypto_hash_sha256_update(&state, number, sizeof number);
    crypto_hash_sha256_update(&state, (const unsigned char *)record, record_size);
    crypto_hash_sha256_final(&state, out);
}

void kh_audit_hex(char out[KH_AUDIT_HEX_SIZE], const uint8_t hash[KH_AUDIT_HASH_SIZE])
{
    sodium_bin2hex(out, KH_AUDIT_HEX_SIZE, hash, KH_AUDIT_HASH_SIZE);
}

bool kh_audit_unhex(uint8_t *out, size_t size, const char *text)
{
    for (size_t i = 0; i < 2 * size; i++) {
        char c = text[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

        if (digit < 0)
            return false;
        out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] | digit : digit << 4);
    }
    return true;
}

bool kh_audit_number(uint64_t *out, const char **text, const char *end)
{
    const char *p = *text;
    uint64_t value = 0;

    if (p == end || *p < '1' || *p > '9')
        return false;
    for (; p < end && *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(value, 10u, &value) || __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
            return false;
    *text = p;
    *out = value;
    return true;
}

bool kh_audit_line_parse(kh_audit_line *out, const char *text, size_t size)
{
    const char *p = text, *end = text + size;

    if (!kh_audit_number(&out->seq, &p, end) || (size_t)(end - p) < 1 + 2 * (size_t)KH_AUDIT_HASH_SIZE + 1 + 2 || p[0] != ' ' ||
        !kh_audit_unhex(out->hash, KH_AUDIT_HASH_SIZE, p + 1))
        return false;
    p += 1 + 2 * KH_AUDIT_HASH_SIZE;
    if (p[0] != ' ' || p[1] != '{' || end[-1] != '}')
        return false;
    out->record = p + 1;
    out->record_size = (size_t)(end - out->record);
    if (out->record_size > KH_AUDIT_RECORD_MAX)
        return false;
    for (size_t i = 0; i < out->record_size; i++)
        if (out->record[i] < 0x20 || out->record[i] > 0x7e)
            return false;
    return true;
}

size_t kh_audit_line_format(char out[KH_AUDIT_LINE_MAX], const kh_audit_line *line)
{
    char hex[KH_AUDIT_HEX_SIZE];
    size_t head;

    kh_audit_hex(hex, line->hash);
    head = (size_t)snprintf(out, KH_AUDIT_LINE_MAX, "%" PRIu64 " %s ", line->seq, hex);
    memcpy(out + head, line->record, line->record_size);
    out[head + line->record_size] = '\n';
    return head + line->record_size + 1;
}
