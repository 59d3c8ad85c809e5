/* sending.h - what `kakehashi send` may send and what is recorded of it: with [access] accounts = on what the facility of the node may
 * take, decided again before each object and between the parts of a large one (pacs-bridge/scp_rights.h); in the chain "command" before the
 * first object leaves and when it has ended, study by study. The chain is held for a moment each time: a long sending keeps no other
 * command waiting.
 * Threads: one at a time. */
#ifndef KH_APP_SENDING_H
#define KH_APP_SENDING_H

#include "app/settings.h"
#include "pacs-bridge/scp_rights.h"

typedef struct kh_sending {
    const kh_settings *settings;  /* all borrowed until kh_sending_close() */
    const kh_node *node;
    const char *who;
    kh_access *access;            /* both NULL: accounts are off */
    kh_rights *rights;
    kh_service_scp *service;
    kh_taking taking;
    const kh_listed_object *now;  /* asked for by kh_sending_goes_on() */
} kh_sending;

/* kh_sending_close() in every case. */
KH_MUST_USE kh_status kh_sending_open(kh_sending *out, const kh_settings *settings, kh_cache *cache, const kh_node *node, const char *who,
                                      const kh_search_key *keys, size_t key_count, kh_error *err);
void kh_sending_close(kh_sending *sending);

/* What may be sent of what the keys find; studies that may not are recorded as refused. KH_E_NOT_FOUND: nothing, KH_E_DENIED: nothing of
 * what is here.
 * kh_object_list_release() in every case. */
KH_MUST_USE kh_status kh_sending_list(kh_sending *sending, kh_object_list *out, kh_error *err);
/* Durable when it returns KH_OK. */
KH_MUST_USE kh_status kh_sending_begin(kh_sending *sending, const kh_object_list *list, kh_error *err);
/* May this one go still? KH_E_DENIED when not; it is what kh_sending_goes_on() asks for from now on. */
KH_MUST_USE kh_status kh_sending_may(kh_sending *sending, const kh_listed_object *object, kh_error *err);
/* For kh_sender; context is the kh_sending. */
bool kh_sending_goes_on(void *context);
/* taken: of the objects of the list, one each. What cannot be recorded stands in the log. */
void kh_sending_end(kh_sending *sending, const kh_object_list *list, const bool *taken);

#endif
