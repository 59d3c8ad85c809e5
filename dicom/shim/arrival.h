/* arrival.h - a connection on its way to an association: TLS if it is to be, then the A-ASSOCIATE-RQ PDU. Nothing here waits.
 * Threads: one at a time. */
#ifndef KH_DICOM_SHIM_ARRIVAL_H
#define KH_DICOM_SHIM_ARRIVAL_H

#include <netinet/in.h>
#include "dicom/shim/associate_check.h"
#include "dicom/shim/tls.h"

typedef struct kh_arrival {
    int fd;
    int64_t deadline_ms; /* monotonic, for all of it */
    kh_tls *tls;         /* NULL: plain */
    bool shaken;         /* hands, if TLS */
    uint8_t head[KH_PDU_HEAD_BYTES];
    uint8_t *pdu;        /* malloc'ed once the length is known and believed */
    size_t size;         /* bytes of the PDU, head included; 0 while not known */
    size_t got;
    char address[INET_ADDRSTRLEN];
} kh_arrival;

/* fd belongs to it from here on, and is closed on failure. credentials NULL: plain. */
KH_MUST_USE kh_status kh_arrival_create(kh_arrival **out, int fd, const struct sockaddr_in *from, kh_tls_credentials *credentials,
                                        kh_error *err);
/* Closes what is still its own. NULL is welcome. */
void kh_arrival_free(kh_arrival *one);
/* Read what is there: KH_OK once the PDU is whole and well-formed, KH_E_BUSY while more has to come. */
KH_MUST_USE kh_status kh_arrival_read(kh_arrival *one, kh_error *err);
/* What to poll for. */
short kh_arrival_events(const kh_arrival *one);
/* A-ABORT, if anything of a PDU had come. */
void kh_arrival_abort(kh_arrival *one);

#endif
