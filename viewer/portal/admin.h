/* admin.h - what the files of the operators' page share. */
#ifndef KH_VIEWER_PORTAL_ADMIN_H
#define KH_VIEWER_PORTAL_ADMIN_H

#include "cache/nodes.h"
#include "viewer/portal/internal.h"

/* Handlers that read the index (admin.c, admin_queue.c, admin_changes.c, admin_findings.c), and those that ask the bridge (admin_ask.c).
 * Context is the portal. */
kh_http_handler kh_portal_admin_nodes, kh_portal_admin_arrivals, kh_portal_admin_queue, kh_portal_admin_failures,
    kh_portal_admin_changes, kh_portal_admin_findings;
kh_http_handler kh_portal_admin_associations, kh_portal_admin_refusals, kh_portal_admin_contacts, kh_portal_admin_change;

/* admin_study.c: the member key with id, uid, date, description, objects and patient of a study, null when there is none; the study of this
 * UID at the hospital of a node, 0: none is here. No list of the cache may be open. */
KH_MUST_USE kh_status kh_portal_put_about(kh_portal *portal, kh_json_writer *json, const char *key, int64_t study_id, kh_error *err);
KH_MUST_USE kh_status kh_portal_study_of_node(kh_portal *portal, int64_t node_id, const char *study_uid, int64_t *study_id, kh_error *err);

#endif
