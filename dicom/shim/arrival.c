#include "dicom/shim/arrival.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

kh_status kh_arrival_create(kh_arrival **out, int fd, const struct sockaddr_in *from, kh_tls_credentials *credentials, kh_error *err)
{
    kh_arrival *one = calloc(1, sizeof(*one));
    kh_status status = KH_OK;

    *out = NULL;
    if (!one) {
        close(fd);
        return kh_error_set(err, KH_E_MEMORY, "out of memory");
    }
    one->fd = fd;
    if (from->sin_family != AF_INET || !inet_ntop(AF_INET, &from->sin_addr, one->address, sizeof(one->address)))
        memcpy(one->address, "?", 2);
    if (credentials)
        status = kh_tls_create(&one->tls, credentials, fd, NULL, err);
    if (status != KH_OK) {
        kh_arrival_free(one);
        return status;
    }
    *out = one;
    return KH_OK;
}

void kh_arrival_free(kh_arrival *one)
{
    if (!one)
        return;
    kh_tls_free(one->tls);
    if (one->fd >= 0)
        close(one->fd);
    free(one->pdu);
    free(one);
}

/* The head is there: believe its length or not. */
static kh_status take_head(kh_arrival *one, kh_error *err)
{
    size_t length = (size_t)one->head[2] << 24 | (size_t)one->head[3] << 16 | (size_t)one->head[4] << 8 | one->head[5];

    if (one->head[0] == 0x16 && !one->tls)
        return kh_error_set(err, KH_E_FORMAT, "a TLS handshake on the port without TLS");
    if (one->head[0] != 0x01)
        return kh_error_set(err, KH_E_FORMAT, "PDU type %02X, expected 01 (A-ASSOCIATE-RQ)", one->head[0]);
    if (length > KH_ASSOCIATE_BYTES_MAX)
        return kh_error_set(err, KH_E_LIMIT, "A-ASSOCIATE-RQ of %zu bytes, limit %d", length, KH_ASSOCIATE_BYTES_MAX);
    one->pdu = malloc(KH_PDU_HEAD_BYTES + length);
    if (!one->pdu)
        return kh_error_set(err, KH_E_MEMORY, "out of memory");
    memcpy(one->pdu, one->head, KH_PDU_HEAD_BYTES);
    one->size = KH_PDU_HEAD_BYTES + length;
    return KH_OK;
}

/* Some bytes, at least one. */
static kh_status read_bytes(kh_arrival *one, void *to, size_t size, size_t *got, kh_error *err)
{
    kh_status status = KH_OK;
    ssize_t received = 0;

    if (one->tls) {
        status = kh_tls_read(one->tls, to, size, got, err);
    } else {
        do
            received = recv(one->fd, to, size, MSG_DONTWAIT);
        while (received < 0 && errno == EINTR);
        if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return KH_E_BUSY;
        *got = received > 0 ? (size_t)received : 0;
    }
    if (status == KH_OK && *got == 0)
        return kh_error_set(err, KH_E_PEER, "closed by the peer before it asked for an association");
    return status;
}

kh_status kh_arrival_read(kh_arrival *one, kh_error *err)
{
    if (one->tls && !one->shaken) {
        kh_status status = kh_tls_handshake(one->tls, err);
        if (status != KH_OK)
            return status;
        one->shaken = true;
    }
    for (;;) {
        size_t want = (one->size ? one->size : KH_PDU_HEAD_BYTES) - one->got, got = 0;
        kh_status status = want ? read_bytes(one, (one->size ? one->pdu : one->head) + one->got, want, &got, err) : KH_OK;

        if (status != KH_OK)
            return status;
        one->got += got;
        if (!one->size && one->got == KH_PDU_HEAD_BYTES) {
            status = take_head(one, err);
            if (status != KH_OK)
                return status;
        }
        if (one->size && one->got == one->size)
            return kh_associate_check(one->pdu, one->size, err);
    }
}

short kh_arrival_events(const kh_arrival *one)
{
    return one->tls ? kh_tls_events(one->tls) : POLLIN;
}

void kh_arrival_abort(kh_arrival *one)
{
    static const uint8_t abort_pdu[10] = {0x07, 0, 0, 0, 0, 4, 0, 0, 2, 6}; /* provider, invalid PDU parameter value */
    size_t sent;

    if (one->got == 0)
        return;
    if (one->tls)
        (void)!kh_tls_write(one->tls, abort_pdu, sizeof(abort_pdu), false, &sent, NULL);
    else
        (void)!send(one->fd, abort_pdu, sizeof(abort_pdu), MSG_DONTWAIT | MSG_NOSIGNAL);
}
