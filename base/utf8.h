/* utf8.h - characters of texts from outside. Pure; threads: any. */
#ifndef KH_BASE_UTF8_H
#define KH_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the character that begins at text, which ends with a NUL: 1 to 4; 0 when it is none (RFC 3629) or a control character. */
size_t kh_utf8_printed_size(const uint8_t *text);

#endif
