/* line.h - one line of a chain: "SEQUENCE HASH RECORD\n". The hash is SHA-256 over the hash before, the sequence (8 bytes, big-endian) and
 * the record's bytes; the first record follows 32 zero bytes. A record is one JSON object in printable ASCII, so that no line can be
 * forged by what stands in it. There is one way only to write a line: what differs in a single byte is no line, or another hash.
 * Threads: pure functions. */
#ifndef KH_AUDIT_LINE_H
#define KH_AUDIT_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

#define KH_AUDIT_HASH_SIZE 32
#define KH_AUDIT_HEX_SIZE (2 * KH_AUDIT_HASH_SIZE + 1)
#define KH_AUDIT_RECORD_MAX 8192u
#define KH_AUDIT_LINE_MAX (KH_AUDIT_RECORD_MAX + 96u) /* with its line end */

typedef struct kh_audit_line {
    uint64_t seq; /* from 1 */
    uint8_t hash[KH_AUDIT_HASH_SIZE];
    const char *record; /* in the text that was parsed */
    size_t record_size;
} kh_audit_line;

/* text: without the line end. False when it is not exactly such a line. */
KH_MUST_USE bool kh_audit_line_parse(kh_audit_line *out, const char *text, size_t size);
void kh_audit_hash(uint8_t out[KH_AUDIT_HASH_SIZE], const uint8_t previous[KH_AUDIT_HASH_SIZE], uint64_t seq, const char *record,
                   size_t record_size);
/* With its line end. Returns its size. */
size_t kh_audit_line_format(char out[KH_AUDIT_LINE_MAX], const kh_audit_line *line);

void kh_audit_hex(char out[KH_AUDIT_HEX_SIZE], const uint8_t hash[KH_AUDIT_HASH_SIZE]);
/* size bytes from 2 * size lower-case digits. */
KH_MUST_USE bool kh_audit_unhex(uint8_t *out, size_t size, const char *text);
/* Decimal, from 1, without leading zeroes; *text goes on behind it. */
KH_MUST_USE bool kh_audit_number(uint64_t *out, const char **text, const char *end);

#endif
