/* roles.h - the roles of `kakehashi serve`: bridge, web and the decoders, and what they inherit from the supervisor.
 * Threads: made, and its sockets changed, in the supervisor only; a role has a copy. */
#ifndef KH_APP_ROLES_H
#define KH_APP_ROLES_H

#include "app/settings.h"
#include "app/supervisor.h"
#include "dicom/codec/codec.h"
#include "store/page.h"

/* Slots of the shared page. */
#define KH_SLOT_BRIDGE 0
#define KH_SLOT_WEB 1
#define KH_SLOT_DECODE 2

typedef struct kh_service {
    const kh_settings *settings; /* borrowed */
    kh_page *page;
    kh_codec_channels *channels;    /* of the web role */
    kh_codec_channels *transcoders; /* of the bridge */
    int lock_fd;                 /* says to commands that a service runs */
    int http_fd, dicom_fd;       /* listening; -1 when closed */
    int dicom_tls_fd;            /* likewise; -1 without TLS */
    uint16_t http_port, dicom_port, dicom_tls_port;
    bool dicom_open;             /* on the configured address, not on loopback for want of nodes */
    kh_role roles[KH_PAGE_ROLES_MAX];
    size_t role_count;
} kh_service;

/* Data folder, page, channels, sockets, the table of roles. settings must outlive it. */
KH_MUST_USE kh_status kh_service_init(kh_service *service, const kh_settings *settings, kh_error *err);
void kh_service_release(kh_service *service);
/* No new connections from here on. */
void kh_service_close_sockets(kh_service *service);

#endif
