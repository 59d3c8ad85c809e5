#include "viewer/dicomweb/multipart.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

kh_status kh_multipart_init(kh_multipart *out, kh_error *err)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t random[16];
    size_t at = 0;

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return kh_error_errno(err, errno, "random bytes for a boundary");
    out->boundary[at++] = 'k';
    out->boundary[at++] = 'h';
    for (size_t i = 0; i < sizeof random; i++) {
        out->boundary[at++] = digits[random[i] >> 4];
        out->boundary[at++] = digits[random[i] & 15];
    }
    out->boundary[at] = '\0';
    return KH_OK;
}

void kh_multipart_content_type(const kh_multipart *multipart, const char *type, char *out, size_t size)
{
    snprintf(out, size, "multipart/related; type=\"%s\"; boundary=%s", type, multipart->boundary);
}

size_t kh_multipart_head(const kh_multipart *multipart, size_t index, const char *type, const char *transfer_syntax, const char *location,
                         uint64_t length, char out[KH_MULTIPART_HEAD_SIZE])
{
    int size = snprintf(out, KH_MULTIPART_HEAD_SIZE, "%s--%s\r\nContent-Type: %s%s%s\r\nContent-Length: %" PRIu64 "%s%s\r\n\r\n",
                        index > 0 ? "\r\n" : "", multipart->boundary, type, transfer_syntax ? "; transfer-syntax=" : "",
                        transfer_syntax ? transfer_syntax : "", length, location ? "\r\nContent-Location: " : "", location ? location : "");

    return size > 0 && size < KH_MULTIPART_HEAD_SIZE ? (size_t)size : 0;
}

size_t kh_multipart_tail(const kh_multipart *multipart, char out[KH_MULTIPART_HEAD_SIZE])
{
    return (size_t)snprintf(out, KH_MULTIPART_HEAD_SIZE, "\r\n--%s--\r\n", multipart->boundary);
}
