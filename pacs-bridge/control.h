/* control.h - how other processes ask the owner of the cache to change it: DIR/run/bridge.sock (mode 0600), one JSON object per line in,
 * one per line out. Requests: {"op": ...} and its members; answers: {"ok": true, ...} or {"ok": false, "status": 4, "message": "..."}.
 *
 *   ping                                                        -> pid
 *   node.add     the fields of kh_node by their names           -> id
 *   node.set     likewise, all of them                          -> id
 *   node.remove  name
 *   title.add    ae_title facility
 *   title.remove ae_title
 *   pull.file    node study_uid priority asked_by               -> id
 *   pull.cancel  id
 *   pull.retry   id                                             (try again now)
 *   pull.priority id priority
 *   commit.ask   node study_uid series_uid patient_id           -> id   (ask the node for storage commitment of what is here)
 *   commit.list  which before limit                             -> commitments more   (which: open, failed, all, as pull.list)
 *   commit.retry id                                             (one that waits or was given up: now)
 *   queue.kick                                                  (whoever waits for work looks now)
 *   pull.list    which before limit                             -> pulls more
 *   send.list    which before limit                             -> sends more
 *                (which: open, failed, all; newest first, ids below before; limit 1 to 25; the members of a row are those of
 * control_queue.c)   send.file    node study priority asked_by                   -> id added     (study: our id of it)
 *   send.cancel  id
 *   send.retry   id
 *   send.priority id priority
 *   rule.add     kind name node ... (the members of a kh_rule)  -> id
 *   rule.remove  name
 *   rule.enable  name enabled
 *   node.echo    name                                           -> answers took_us reason   (C-ECHO; answers false: why in reason)
 *   node.contacts                                               -> contacts   (when nodes called and were reached last, since the bridge
 * started)   association.list                                            -> associations active      (those that others have with us,
 * newest first)   refusal.list                                                -> refusals turned_away     (associations of which objects
 * were refused; callers that were not let in)   rule.list    after                                          -> rules more   (by id, 10 at a
 * time; a back-fill with where it stands)   backfill.cancel name
 *   rule.retry   name                                           (of a back-fill or a prefetch: what failed, and what waits)
 *   study.evict  id                                             -> objects bytes
 *   study.recall id asked_by                                    -> pull (0: all of it is here)
 *   study.pin    id owner
 *   study.unpin  id owner
 *   change.delete  study series object reason asked_by          -> id   (our ids; series and object 0: all of the study)
 *   change.patient facility patient_id new_id name_alphabetic name_ideographic name_phonetic birth_date sex reason asked_by  -> id
 *   change.study   study accession description study_id patient_id reason asked_by  -> id
 *                  (members that are absent stay as they are)
 *   change.undo    id asked_by
 *   compare.now    node                                         -> nodes   (a round begins at once; without node: of each that has an
 * address)   finding.list   which before limit                           -> findings more   (which: open, all; as pull.list)
 *   finding.apply  id reason asked_by                           -> change
 *   finding.dismiss id asked_by
 *   finding.ask    id asked_by                                  -> state   (its node is asked about its study, now)
 *   quarantine.accept  name                                     -> object_id
 *   quarantine.discard name
 *   object.adopt name facility source                           -> object_id series_id study_id duplicate conflict sop_instance_uid
 *                (a file somebody put whole into DIR/incoming/: taken in like a received one, then removed from there)
 *
 * Limits: 8 clients, a line of 64 KiB, 60 s between lines; a ninth client waits until one goes.
 * Threads: the server has one per client; the client functions may be called by any thread. */
#ifndef KH_PACS_BRIDGE_CONTROL_H
#define KH_PACS_BRIDGE_CONTROL_H

#include "audit/audit.h"
#include "base/buf.h"
#include "cache/cache.h"
#include "cache/ingest.h"
#include "cache/nodes.h"
#include "cache/search.h"
#include "pacs-bridge/associations.h"
#include "pacs-bridge/node_use.h"

#define KH_CONTROL_LINE_MAX 65536
#define KH_CONTROL_CLIENTS_MAX 8
#define KH_CONTROL_LIST_MAX 25  /* rows of one answer: each fits, whatever its texts hold */
#define KH_CONTROL_RULES_MAX 10

/* --- the owner's side --- */

typedef struct kh_control kh_control;

/* Who runs the queues. Called by the threads of the server. */
typedef struct kh_control_pulls {
    void (*filed)(void *context);
    kh_status (*cancel)(void *context, int64_t pull_id, kh_error *err);
    kh_status (*retry)(void *context, int64_t pull_id, kh_error *err);
    kh_status (*cancel_send)(void *context, int64_t send_id, kh_error *err);
    /* Ask a node to promise to keep these objects; *id is the transaction's. */
    kh_status (*commit)(void *context, const kh_node *node, const kh_search_key *keys, size_t key_count, int64_t *id, kh_error *err);
    kh_status (*retry_commit)(void *context, int64_t id, kh_error *err);
    /* C-ECHO; KH_E_BUSY when too many wait already. */
    kh_status (*echo)(void *context, const kh_node *node, int64_t *took_us, kh_error *err);
    /* Ask the node about one study: see kh_compare_study_now(). */
    kh_status (*compare)(void *context, const kh_node *node, int64_t study_id, kh_error *err);
    kh_associations *associations;
    kh_node_use *use;
    kh_audit *audit; /* NULL: nothing is recorded */
    void *context;
} kh_control_pulls;

/* A socket file that a dead owner left is replaced. facility_default is copied. pulls (may be NULL: jobs are filed, not cancelled) is
 * copied. */
KH_MUST_USE kh_status kh_control_start(kh_control **out, kh_cache *cache, const char *facility_default,
                                       const kh_control_pulls *pulls, kh_error *err);
/* The request under way is answered. NULL is welcome. */
void kh_control_stop(kh_control *control);

/* --- the others' side: each call connects, asks, and waits at most timeout_ms (0: 70 s) ---
 * KH_E_NOT_FOUND with "no service runs on DIR" when nobody serves the socket; otherwise what the owner answered. */

/* True when an owner answers. */
bool kh_control_running(const char *dir);
/* One line in, one line out (without the line end). The answer is parsed by the caller: kh_json_parse_object(). */
KH_MUST_USE kh_status kh_control_call(const char *dir, const char *request, kh_buf *answer, int64_t timeout_ms, kh_error *err);
/* node->id is set. */
KH_MUST_USE kh_status kh_control_node_add(const char *dir, kh_node *node, kh_error *err);
KH_MUST_USE kh_status kh_control_node_set(const char *dir, kh_node *node, kh_error *err);
KH_MUST_USE kh_status kh_control_title_add(const char *dir, const char *ae_title, const char *facility, kh_error *err);
KH_MUST_USE kh_status kh_control_title_remove(const char *dir, const char *ae_title, kh_error *err);
KH_MUST_USE kh_status kh_control_node_remove(const char *dir, const char *name, kh_error *err);
KH_MUST_USE kh_status kh_control_pull_file(const char *dir, const char *node_name, const char *study_uid, int32_t priority,
                                           const char *asked_by, int64_t *pull_id, kh_error *err);
KH_MUST_USE kh_status kh_control_pull_cancel(const char *dir, int64_t pull_id, kh_error *err);
KH_MUST_USE kh_status kh_control_pull_retry(const char *dir, int64_t pull_id, kh_error *err);
KH_MUST_USE kh_status kh_control_pull_priority(const char *dir, int64_t pull_id, int32_t priority, kh_error *err);
/* series_uid and patient_id may be NULL: all of the study. */
KH_MUST_USE kh_status kh_control_commit_ask(const char *dir, const char *node_name, const char *study_uid, const char *series_uid,
                                            const char *patient_id, int64_t *id, kh_error *err);
/* See cache/evict.h and cache/pins.h. */
KH_MUST_USE kh_status kh_control_study_evict(const char *dir, int64_t study_id, int64_t *objects, int64_t *bytes, kh_error *err);
KH_MUST_USE kh_status kh_control_study_recall(const char *dir, int64_t study_id, const char *asked_by, int64_t *pull_id, kh_error *err);
KH_MUST_USE kh_status kh_control_study_pin(const char *dir, int64_t study_id, const char *owner, bool pin, kh_error *err);
/* See cache/quarantine.h. object_id may be NULL; it is 0 after a discard. */
KH_MUST_USE kh_status kh_control_quarantine(const char *dir, const char *name, bool accept, int64_t *object_id, kh_error *err);
/* name: of the file in DIR/incoming/, without directory; 1 to 64 of [A-Za-z0-9_.-], beginning with a letter. origin->pull_id is not
 * used. */
KH_MUST_USE kh_status kh_control_object_adopt(const char *dir, const char *name, const kh_origin *origin, kh_ingest_result *result,
                                              kh_error *err);

#endif
