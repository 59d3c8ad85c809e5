/* admin.h - what the files of the operators' page share. */
#ifndef KH_VIEWER_PORTAL_ADMIN_H
#define KH_VIEWER_PORTAL_ADMIN_H

#include "viewer/portal/internal.h"

/* Handlers that read the index (admin.c, admin_queue.c, admin_changes.c), and those that ask the bridge (admin_ask.c). Context is the portal. */
kh_http_handler kh_portal_admin_nodes, kh_portal_admin_arrivals, kh_portal_admin_queue, kh_portal_admin_failures,
    kh_portal_admin_changes;
kh_http_handler kh_portal_admin_associations, kh_portal_admin_refusals, kh_portal_admin_contacts, kh_portal_admin_change;

#endif
