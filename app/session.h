/* session.h - how a command comes to the index: for reading beside a running service; for changing it as its owner while no service
 * runs, else by asking the owner over its control socket (pacs-bridge/control.h). The command does not notice which.
 * Threads: a session may be used by several at once. */
#ifndef KH_APP_SESSION_H
#define KH_APP_SESSION_H

#include <stdbool.h>
#include "app/settings.h"
#include "cache/cache.h"
#include "cache/ingest.h"
#include "cache/nodes.h"
#include "pacs-bridge/scu.h"

typedef struct kh_session kh_session;

/* What the settings say of the cache. The result borrows from settings. */
kh_cache_options kh_session_cache_options(const kh_settings *settings);

#define KH_SESSION_PATH_SIZE 1100
/* The lock a running service holds. */
void kh_session_lock_path(char out[KH_SESSION_PATH_SIZE], const kh_settings *settings);
bool kh_session_service_runs(const kh_settings *settings);

/* A reader. KH_E_NOT_FOUND when nothing was ever stored there. */
KH_MUST_USE kh_status kh_session_read(kh_cache **out, const kh_settings *settings, kh_error *err);

/* What the settings say of TLS; false when there is to be none. Borrows from settings. */
bool kh_session_tls_files(kh_tls_files *out, const kh_settings *settings);
/* How commands ask nodes: cache for the titles of facilities (NULL: the service's own title always). Limits of a node hold for the command
 * by itself, it does not know what a service beside it does. Borrows all; to be released. */
KH_MUST_USE kh_status kh_session_scu(kh_scu *out, const kh_settings *settings, kh_cache *cache, kh_error *err);
void kh_session_scu_release(kh_scu *scu);
/* KH_E_DENIED outside the node's hours, unless now: a person says that it has to be. */
KH_MUST_USE kh_status kh_session_hours(const kh_node *node, bool now, kh_error *err);
#define KH_SESSION_NOW_HELP "  --now                   also outside the hours of the node\n"

/* settings are borrowed until close. Waits a little for a bridge that is being started again, or for another command. KH_E_BUSY after
 * that. */
KH_MUST_USE kh_status kh_session_open(kh_session **out, const kh_settings *settings, kh_error *err);
void kh_session_close(kh_session *session);
/* path: copied in. */
KH_MUST_USE kh_status kh_session_import(kh_session *session, const char *path, const kh_origin *origin, kh_ingest_result *result,
                                        kh_error *err);
/* node->id is set. */
KH_MUST_USE kh_status kh_session_node_add(kh_session *session, kh_node *node, kh_error *err);
KH_MUST_USE kh_status kh_session_node_set(kh_session *session, kh_node *node, kh_error *err);
KH_MUST_USE kh_status kh_session_title_add(kh_session *session, const char *ae_title, const char *facility, kh_error *err);
KH_MUST_USE kh_status kh_session_title_remove(kh_session *session, const char *ae_title, kh_error *err);
KH_MUST_USE kh_status kh_session_node_remove(kh_session *session, const char *name, kh_error *err);

/* KH_E_NOT_FOUND when no service runs: nobody would fulfil it. */
KH_MUST_USE kh_status kh_session_pull_file(kh_session *session, const char *node, const char *study_uid, int32_t priority,
                                           int64_t *pull_id, kh_error *err);

/* A request as in pacs-bridge/control.h whose answer holds nothing of interest. */
KH_MUST_USE kh_status kh_session_ask(kh_session *session, const char *request, kh_error *err);

/* Ask a node to promise to keep what is here of a study; series_uid and patient_id may be NULL. KH_E_NOT_FOUND when no service runs. */
KH_MUST_USE kh_status kh_session_commit_ask(kh_session *session, const char *node, const char *study_uid, const char *series_uid,
                                            const char *patient_id, int64_t *id, kh_error *err);

/* See cache/evict.h and cache/pins.h. */
KH_MUST_USE kh_status kh_session_study_evict(kh_session *session, int64_t study_id, int64_t *objects, int64_t *bytes, kh_error *err);
KH_MUST_USE kh_status kh_session_study_pin(kh_session *session, int64_t study_id, const char *owner, bool pin, kh_error *err);

/* See cache/quarantine.h. object_id is set when it is accepted. */
KH_MUST_USE kh_status kh_session_quarantine(kh_session *session, const char *name, bool accept, int64_t *object_id, kh_error *err);

/* Who asks for a change: this one, else (NULL or "") who is logged in. Borrowed from the environment. */
const char *kh_session_asked_by(const char *by);

/* 1 to 64 of [A-Za-z0-9_.-]: names of nodes and facilities. */
bool kh_session_name_valid(const char *name);

#endif
