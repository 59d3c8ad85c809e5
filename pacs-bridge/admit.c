/* Who is let in as a caller, and what is taken from it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "cache/node_hours.h"
#include "pacs-bridge/scp.h"
#include "pacs-bridge/told.h"
#include "pacs-bridge/syntax_list.h"

#define STORAGE_ROOT "1.2.840.10008.5.1.4.1.1." /* of the standard's storage SOP classes, those to come included */

/* --- who calls --- */

kh_status kh_service_called(const kh_service_scp *service, const char *called, char facility[65], kh_error *err)
{
    kh_status status = kh_title_facility(service->cache, called, facility, err);

    return status == KH_E_NOT_FOUND && strcmp(called, service->ae_title) == 0 ? KH_OK : status;
}

static void note_turned_away(const kh_service_scp *service, const kh_assoc_request *request, const kh_error *err)
{
    kh_turned_away who = {.tls = request->tls[0] != '\0'};

    snprintf(who.address, sizeof(who.address), "%s", request->address);
    snprintf(who.calling, sizeof(who.calling), "%s", request->calling);
    snprintf(who.called, sizeof(who.called), "%s", request->called);
    snprintf(who.words, sizeof(who.words), "%.*s", (int)sizeof(who.words) - 1, err->message);
    kh_associations_turn_away(service->associations, &who);
    kh_told_turned_away(service, request, err->message);
}

static kh_reject refuse(const kh_service_scp *service, const kh_assoc_request *request, kh_status status, const kh_error *err,
                        kh_reject reject)
{
    bool is_theirs = status == KH_E_NOT_FOUND || status == KH_E_DENIED || status == KH_E_LIMIT;

    kh_log(is_theirs ? KH_LOG_WARN : KH_LOG_ERROR, "dicom", "%s from %s, %s to %s%s: %s",
           is_theirs ? "call" : "callers cannot be looked up: call", request->address, request->calling, request->called,
           request->tls[0] ? " by TLS" : "", err->message);
    note_turned_away(service, request, err);
    return is_theirs ? reject : KH_REJECT_CONGESTION;
}

kh_reject kh_service_accept(void *context, kh_assoc_request *request)
{
    kh_service_scp *service = context;
    char facility[65];
    const kh_caller who = {request->calling, facility, request->address, request->tls[0] != '\0', request->certificate};
    kh_error err = KH_ERROR_INIT, why = KH_ERROR_INIT;
    kh_node *from;
    kh_status status = kh_service_called(service, request->called, facility, &err);

    if (status != KH_OK)
        return refuse(service, request, status, &err, KH_REJECT_CALLED_AE);
    from = calloc(1, sizeof(*from));
    if (!from)
        return KH_REJECT_CONGESTION;
    status = kh_node_by_caller(service->cache, &who, from, &why);
    if (status != KH_OK) {
        free(from);
        return refuse(service, request, status, &why, KH_REJECT_CALLING_AE);
    }
    if (!kh_hours_open(from->hours_in, kh_clock_wall_ms()))
        status = kh_error_set(&why, KH_E_DENIED, "node %s may not call at this hour", from->name);
    if (status != KH_OK) {
        free(from);
        return refuse(service, request, status, &why, KH_REJECT_CONGESTION);
    }
    status = kh_node_use_enter(service->use, from, &why);
    if (status != KH_OK) {
        free(from);
        return refuse(service, request, status, &why, KH_REJECT_LOCAL_LIMIT);
    }
    request->caller = from;
    return KH_REJECT_NOT;
}

void kh_service_left(void *context, kh_assoc_request *request)
{
    kh_service_scp *service = context;
    kh_node *from = request->caller;

    kh_node_use_leave(service->use, from->id);
    free(from);
    request->caller = NULL;
}

const kh_node *kh_service_caller(const kh_assoc_request *request)
{
    return request->caller;
}

/* --- what is taken --- */

kh_status kh_service_private_classes(kh_service_scp *service, const char *list, kh_error *err)
{
    static const char separators[] = " ,\t";

    service->private_class_count = 0;
    for (list += strspn(list, separators); *list; list += strspn(list, separators)) {
        size_t length = strcspn(list, separators);
        char *uid = service->private_classes[service->private_class_count];

        if (service->private_class_count == KH_PRIVATE_CLASSES_MAX)
            return kh_error_set(err, KH_E_LIMIT, "more than %d SOP classes", KH_PRIVATE_CLASSES_MAX);
        snprintf(uid, KH_UID_SIZE, "%.*s", (int)(length < KH_UID_SIZE ? length : KH_UID_SIZE), list);
        if (length >= KH_UID_SIZE || !kh_uid_valid(uid))
            return kh_error_set(err, KH_E_ARG, "\"%.64s\" is no UID", uid);
        service->private_class_count++;
        list += length;
    }
    return KH_OK;
}

static bool is_stored(const kh_service_scp *service, const char *sop_class_uid)
{
    const kh_sop_class *known = kh_sop_class_find(sop_class_uid);

    if (known)
        return known->storage;
    for (unsigned i = 0; i < service->private_class_count; i++)
        if (strcmp(service->private_classes[i], sop_class_uid) == 0)
            return true;
    return strncmp(sop_class_uid, STORAGE_ROOT, strlen(STORAGE_ROOT)) == 0;
}

/* Those we also write. */
static int choose_identifier_syntax(const char *const *transfer_syntaxes, size_t count)
{
    int fallback = -2;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(transfer_syntaxes[i], KH_TS_EXPLICIT_LE) == 0)
            return (int)i;
        if (strcmp(transfer_syntaxes[i], KH_TS_IMPLICIT_LE) == 0)
            fallback = (int)i;
    }
    return fallback;
}

/* The one that the node is to use before others, if it offers any of these. */
static int choose_preferred(const kh_node *node, const char *const *transfer_syntaxes, size_t count)
{
    size_t best = SIZE_MAX;
    int chosen = -1;

    for (size_t i = 0; node->syntaxes[0] && i < count; i++) {
        size_t rank = kh_syntax_list_place(node->syntaxes, transfer_syntaxes[i]);
        if (rank < best) {
            best = rank;
            chosen = (int)i;
        }
    }
    return chosen;
}

/* As the node is set up; else the peer's first choice that we know; implicit and big endian only when there is nothing better, as they
 * say less of their elements. Where the peer takes objects from us, what every object can be written in comes before what only some are
 * held in. */
int kh_service_choose(void *context, const kh_assoc_request *request, const char *abstract_syntax, const char *const *transfer_syntaxes,
                      size_t count, bool as_scp)
{
    int fallback = -2, preferred = -2;

    if (kh_scp_is_find(abstract_syntax) || kh_scp_is_move(abstract_syntax) || kh_scp_is_get(abstract_syntax) ||
        strcmp(abstract_syntax, KH_SOP_COMMITMENT) == 0)
        return choose_identifier_syntax(transfer_syntaxes, count);
    if (strcmp(abstract_syntax, KH_SOP_VERIFICATION) != 0 && !is_stored(context, abstract_syntax))
        return -1;
    if (as_scp)
        preferred = choose_identifier_syntax(transfer_syntaxes, count);
    if (preferred < 0)
        preferred = choose_preferred(kh_service_caller(request), transfer_syntaxes, count);
    if (preferred >= 0)
        return preferred;
    for (size_t i = 0; i < count; i++) {
        const kh_transfer_syntax *known = kh_transfer_syntax_find(transfer_syntaxes[i]);
        if (known && known->explicit_vr && !known->big_endian)
            return (int)i;
        if (known && fallback < 0)
            fallback = (int)i;
    }
    return fallback;
}
