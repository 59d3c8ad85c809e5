/* retrieve_scp.c - C-MOVE and C-GET as provider (PS3.4 C.4.2, C.4.3): what is held is sent as it is held (or as sender.h says),
 * to a known node or back on the association of the request. */
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "cache/evict.h"
#include "dicom/writer.h"
#include "cache/node_hours.h"
#include "pacs-bridge/asked.h"
#include "pacs-bridge/identifier.h"
#include "pacs-bridge/scp.h"
#include "pacs-bridge/scp_rights.h"
#include "pacs-bridge/sender.h"
#include "pacs-bridge/told.h"

#define TAG_FAILED_SOP_INSTANCE_UID_LIST KH_TAG(0x0008, 0x0058)
#define RECALLS_MAX 64 /* studies of one retrieval that are fetched back first; more are told as failed */
#define RECALL_LOOK_MS 50
#define RECALL_TELL_MS 5000
#define SHUT_MS 700 /* with KH_ACCESS_LOOK_MS less than a second */
#define FAILED_BYTES_MAX 65000 /* a UI of explicit VR has a length of 16 bits */

/* One retrieval under way. */
typedef struct retrieving {
    kh_scp *of;
    const kh_context *context;
    const kh_dimse *request;
    kh_asked asked;
    kh_search_key keys[4];  /* that select */
    kh_taking taking;       /* what of it may go to whom */
    kh_object_list list;
    kh_node destination;    /* of C-MOVE */
    kh_scu scu;
    kh_sender sender;
    int32_t remaining, completed, failed, warning;
    bool cancelled;
    const kh_listed_object *now; /* that is being sent */
    int64_t shut_ms;        /* monotonic: when it was seen that it may not go any more; 0 */
    int64_t refused_study;  /* told last as taken back */
    kh_buf failed_uids;     /* separated by backslashes; those that fit */
    char first_failure[200];
} retrieving;

bool kh_scp_is_move(const char *sop_class_uid)
{
    return strcmp(sop_class_uid, KH_SOP_PATIENT_ROOT_MOVE) == 0 || strcmp(sop_class_uid, KH_SOP_STUDY_ROOT_MOVE) == 0;
}

bool kh_scp_is_get(const char *sop_class_uid)
{
    return strcmp(sop_class_uid, KH_SOP_PATIENT_ROOT_GET) == 0 || strcmp(sop_class_uid, KH_SOP_STUDY_ROOT_GET) == 0;
}

static bool is_move(const retrieving *get)
{
    return get->request->field == KH_C_MOVE_RQ;
}

/* --- before the first object --- */

static kh_status check_request(retrieving *get, uint16_t *final, kh_error *why)
{
    const kh_scp *of = get->of;
    const char *model = get->context->abstract_syntax;

    if (strcmp(get->request->sop_class_uid, model) != 0 || !(is_move(get) ? kh_scp_is_move(model) : kh_scp_is_get(model))) {
        *final = KH_DIMSE_CLASS_NOT_SUPPORTED;
        return kh_error_set(why, KH_E_UNSUPPORTED, "a retrieval of another class than the context's");
    }
    if (!of->node.may_retrieve) {
        *final = KH_DIMSE_NOT_AUTHORISED;
        return kh_error_set(why, KH_E_DENIED, "node %s may not retrieve", of->node.name);
    }
    if (is_move(get) && kh_node_destination(of->service->cache, get->request->move_destination, &get->destination, why) != KH_OK) {
        *final = KH_DIMSE_DESTINATION_UNKNOWN;
        return KH_E_NOT_FOUND;
    }
    if (is_move(get) && !kh_node_open_now(&get->destination, kh_clock_wall_ms())) {
        *final = KH_DIMSE_CANNOT_PERFORM;
        return kh_error_set(why, KH_E_DENIED, "node %s is not sent to at this hour", get->destination.name);
    }
    return KH_OK;
}

/* PS3.4 C.4.2.1.4: the unique key of the level says what is wanted; nothing said must not mean everything. */
static kh_status check_keys(const retrieving *get, kh_error *why)
{
    const kh_search_attribute *unique = kh_search_unique(get->asked.level);

    for (size_t i = 0; i < get->asked.key_count; i++)
        if (get->asked.keys[i].tag == unique->tag && get->asked.keys[i].value[0] &&
            (unique->level != KH_LEVEL_PATIENT || kh_search_is_single(unique, get->asked.keys[i].value)))
            return KH_OK;
    return kh_error_set(why, KH_E_FORMAT, "the unique key of the level (%04X,%04X) is missing", KH_TAG_ARGS(unique->tag));
}

/* Only unique keys select (PS3.4 C.4.2.2.1). */
static kh_status list_objects(retrieving *get, uint16_t *final, kh_error *why)
{
    size_t count = 0;
    kh_status status = check_keys(get, why);

    *final = KH_DIMSE_CLASS_MISMATCH;
    if (status != KH_OK)
        return status;
    kh_object_list_release(&get->list);
    for (size_t i = 0; i < get->asked.key_count; i++)
        if (kh_search_attribute_find(get->asked.keys[i].tag)->unique)
            get->keys[count++] = get->asked.keys[i];
    kh_taking_end(&get->taking);
    status = kh_taking_begin(&get->taking, get->of->service, KH_VERB_TAKE, &get->of->node, is_move(get) ? &get->destination : NULL,
                             get->keys, count, why);
    if (status == KH_OK)
        status = kh_taking_list(&get->taking, &get->list, why);
    if (status != KH_OK && status != KH_E_ARG)
        *final = KH_DIMSE_CANNOT_COUNT;
    else if (status == KH_OK)
        *final = 0;
    return status;
}

/* --- sub-operations --- */

/* May this object go? What may not any more is told once for its study. */
static kh_status look_whether_it_may(retrieving *get, const kh_listed_object *object, kh_error *why)
{
    kh_verdict verdict;
    kh_status status = kh_taking_still(&get->taking, object, &verdict, why);

    if (status != KH_OK || verdict.allowed)
        return status;
    if (get->refused_study != object->study_id)
        kh_told_refused(get->of, is_move(get) ? "C-MOVE" : "C-GET", &get->taking.study, &verdict);
    get->refused_study = object->study_id;
    return kh_error_set(why, KH_E_DENIED, "no longer available");
}

/* Between the parts of an object, too: one that is nearly there is ended, so that the association lives and the rest can be told as failed;
 * one that takes longer breaks off. */
static bool may_go_on(void *context)
{
    retrieving *get = context;
    kh_error why = KH_ERROR_INIT;

    if (look_whether_it_may(get, get->now, &why) == KH_OK)
        get->shut_ms = 0;
    else if (get->shut_ms == 0)
        get->shut_ms = kh_clock_monotonic_ms();
    return get->shut_ms == 0 || kh_clock_monotonic_ms() - get->shut_ms < SHUT_MS;
}

static kh_status get_one(retrieving *get, const kh_listed_object *object, uint16_t *dimse, kh_error *why)
{
    kh_user_object request = {.originator = "", .cancel_id = get->request->message_id, .cancelled = &get->cancelled,
                              .may_go_on = may_go_on, .go_on_context = get};
    const kh_object_kind *kind = &get->list.kinds[object->kind];
    kh_sender_way way = {
        .cache = get->of->service->cache, .codec = get->of->service->codec, .assoc = get->of->assoc, .kind = kind};

    *dimse = 0;
    if (object->kind >= get->list.kind_count)
        return kh_error_set(why, KH_E_LIMIT, "more than %d kinds of objects at once", KH_OBJECT_KINDS_MAX);
    way.with = kh_sender_context(get->of->assoc, kind, true);
    if (!way.with)
        return kh_error_set(why, KH_E_UNSUPPORTED, "no context in which the requestor takes class %s in transfer syntax %s",
                            kind->sop_class_uid, kind->transfer_syntax_uid);
    return kh_sender_store(&way, object, &request, dimse, why);
}

static void note_failure(retrieving *get, const kh_listed_object *object, const kh_error *why)
{
    size_t length = strlen(object->sop_instance_uid);

    if (get->failed++ == 0)
        snprintf(get->first_failure, sizeof(get->first_failure), "%s", why->message);
    if (get->failed_uids.size + 1 + length > FAILED_BYTES_MAX)
        return;
    if (get->failed_uids.size > 0 && kh_buf_append(&get->failed_uids, "\\", 1, NULL) != KH_OK)
        return;
    (void)!kh_buf_append(&get->failed_uids, object->sop_instance_uid, length, NULL);
}

static void put_counts(const retrieving *get, kh_dimse *response, bool with_remaining)
{
    response->remaining = with_remaining ? get->remaining : -1;
    response->completed = get->completed;
    response->failed = get->failed;
    response->warning = get->warning;
}

static kh_status send_pending(retrieving *get, kh_error *err)
{
    kh_dimse response;

    kh_dimse_respond(&response, get->request, KH_DIMSE_PENDING);
    put_counts(get, &response, true);
    return kh_assoc_send(get->of->assoc, get->context->id, &response, err);
}

static kh_status send_one(retrieving *get, const kh_listed_object *object, kh_error *err)
{
    kh_error why = KH_ERROR_INIT;
    uint16_t dimse = 0;
    kh_status status = look_whether_it_may(get, object, &why); /* a consent may have ended since the list was made */

    get->now = object;
    get->shut_ms = 0;
    if (status == KH_OK)
        status = is_move(get) ? kh_sender_send(&get->sender, object, &dimse, &why) : get_one(get, object, &dimse, &why);

    get->remaining--;
    if (status != KH_OK)
        note_failure(get, object, &why);
    else if (dimse != KH_DIMSE_SUCCESS)
        get->warning++;
    else
        get->completed++;
    if (status == KH_E_CANCELLED)
        return kh_error_set(err, status, "stopping");
    return send_pending(get, err);
}

/* --- what is at its hospital --- */

/* Ask for every study of the list that is away, once each. */
static void recall(retrieving *get, int64_t pulls[RECALLS_MAX], size_t *pull_count)
{
    kh_service_scp *service = get->of->service;
    int64_t last = 0;

    for (size_t i = 0; i < get->list.count && *pull_count < RECALLS_MAX; i++) {
        const kh_listed_object *object = kh_object_list_at(&get->list, i);
        kh_error why = KH_ERROR_INIT;
        int64_t pull_id;

        if (!object->away || object->study_id == last) /* the objects of a study follow each other */
            continue;
        last = object->study_id;
        if (kh_evict_recall(service->cache, last, get->of->node.name, &pull_id, &why) != KH_OK)
            kh_log(KH_LOG_WARN, "dicom", "%s", why.message);
        else if (pull_id != 0)
            pulls[(*pull_count)++] = pull_id;
    }
    if (service->pulls && *pull_count > 0)
        kh_pull_queue_kick(service->pulls);
}

static bool any_open(kh_cache *cache, const int64_t *pulls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        kh_pull pull;

        if (kh_pull_find(cache, pulls[i], &pull, NULL) == KH_OK && (pull.state == KH_PULL_WAITING || pull.state == KH_PULL_RUNNING))
            return true;
    }
    return false;
}

/* Pending responses go on meanwhile, so that the requestor knows that we work; a cancel is heeded. */
static kh_status wait_for_pulls(retrieving *get, const int64_t *pulls, size_t count, kh_error *err)
{
    int64_t until_ms = kh_clock_monotonic_ms() + get->of->service->recall_ms, told_ms = kh_clock_monotonic_ms();
    kh_status status = KH_OK;

    while (status == KH_OK && !get->cancelled && kh_clock_monotonic_ms() < until_ms && any_open(get->of->service->cache, pulls, count)) {
        if (kh_stop_raised(get->of->service->stop))
            return kh_error_set(err, KH_E_CANCELLED, "stopping");
        kh_clock_sleep_ms(RECALL_LOOK_MS);
        status = kh_scp_poll_cancel(get->of, get->request, 0, &get->cancelled, err);
        if (status == KH_OK && kh_clock_monotonic_ms() - told_ms >= RECALL_TELL_MS) {
            status = send_pending(get, err);
            told_ms = kh_clock_monotonic_ms();
        }
    }
    return status;
}

static kh_status fetch_back(retrieving *get, uint16_t *final, kh_error *why, kh_error *err)
{
    int64_t pulls[RECALLS_MAX];
    size_t count = 0;
    kh_status status;

    if (get->list.away_count == 0)
        return KH_OK;
    get->remaining = (int32_t)get->list.count;
    recall(get, pulls, &count);
    status = wait_for_pulls(get, pulls, count, err);
    if (status == KH_OK && !get->cancelled)
        (void)!list_objects(get, final, why); /* what came back may have other ids and lengths */
    return status;
}

static kh_status send_all(retrieving *get, kh_error *err)
{
    kh_status status = KH_OK;

    get->remaining = (int32_t)get->list.count;
    for (size_t i = 0; status == KH_OK && i < get->list.count; i++) {
        status = kh_scp_poll_cancel(get->of, get->request, 0, &get->cancelled, err);
        if (status != KH_OK || get->cancelled)
            break;
        status = send_one(get, kh_object_list_at(&get->list, i), err);
    }
    kh_sender_close(&get->sender);
    return status;
}

/* --- the end --- */

static uint16_t final_status(const retrieving *get)
{
    if (get->cancelled)
        return KH_DIMSE_CANCELLED;
    if (get->failed > 0 && get->completed + get->warning == 0)
        return KH_DIMSE_CANNOT_PERFORM;
    return get->failed > 0 || get->warning > 0 ? KH_DIMSE_SUBOPERATIONS_FAILED : KH_DIMSE_SUCCESS;
}

static kh_status send_final(retrieving *get, uint16_t final, const char *comment, kh_error *err)
{
    const kh_key failed = {TAG_FAILED_SOP_INSTANCE_UID_LIST, KH_VR('U', 'I'), kh_buf_text(&get->failed_uids)};
    kh_dimse response;
    kh_buf identifier;
    kh_status status = KH_OK;

    kh_dimse_respond(&response, get->request, final);
    put_counts(get, &response, final == KH_DIMSE_CANCELLED);
    snprintf(response.comment, sizeof(response.comment), "%.64s", comment);
    kh_buf_init(&identifier, KH_IDENTIFIER_BYTES_MAX);
    response.has_data = get->failed > 0;
    if (response.has_data)
        status = kh_identifier_build(&identifier, get->context->transfer_syntax, "", &failed, 1, err);
    if (status == KH_OK)
        status = kh_assoc_send(get->of->assoc, get->context->id, &response, err);
    if (status == KH_OK && response.has_data)
        status = kh_assoc_send_data(get->of->assoc, get->context->id, identifier.data, identifier.size, true, err);
    kh_buf_release(&identifier);
    return status;
}

static void log_retrieval(const retrieving *get, uint16_t final, int64_t took_ms, const char *why)
{
    kh_log(final == KH_DIMSE_SUCCESS || final == KH_DIMSE_CANCELLED ? KH_LOG_INFO : KH_LOG_WARN, "dicom",
           "%s of %s%s%s, level %s: %zu objects, %d sent, %d failed, %d with a warning, %lld ms, status %04X%s%s",
           is_move(get) ? "move" : "get", get->of->node.name, is_move(get) ? " to " : "", get->destination.name,
           kh_asked_level_text(&get->asked), get->list.count, get->completed, get->failed, get->warning, (long long)took_ms, final,
           why[0] ? ", " : "", why);
}

static void prepare_sender(retrieving *get)
{
    kh_service_scu(get->of->service, &get->scu);
    get->sender = (kh_sender){.cache = get->of->service->cache,
                              .scu = &get->scu,
                              .node = &get->destination,
                              .list = &get->list,
                              .codec = get->of->service->codec,
                              .may_go_on = may_go_on,
                              .go_on_context = get,
                              .originator = get->of->request->calling,
                              .originator_id = get->request->message_id};
}

static void tell_refused(void *context, const kh_study *study, const kh_verdict *verdict)
{
    const retrieving *get = context;

    kh_told_refused(get->of, is_move(get) ? "C-MOVE" : "C-GET", study, verdict);
}

/* Recorded before the first object leaves. */
static kh_status tell(retrieving *get, kh_error *why)
{
    bool move = is_move(get);

    if (kh_taking_each_refused(&get->taking, tell_refused, get, why) != KH_OK)
        return why->status;
    return kh_told_sending(get->of, move ? "C-MOVE" : "C-GET", &get->list,
                           move ? get->request->move_destination : get->of->request->calling, why);
}

kh_status kh_scp_retrieve(kh_scp *of, uint8_t context_id, const kh_dimse *request, kh_error *err)
{
    retrieving get = {.of = of, .context = kh_assoc_context(of->assoc, context_id), .request = request};
    int64_t begin_ms = kh_clock_monotonic_ms();
    kh_error why = KH_ERROR_INIT;
    uint16_t final = 0;
    kh_status status = KH_OK, dropped;

    of->retrievals++;
    kh_buf_init(&get.failed_uids, FAILED_BYTES_MAX);
    if (!request->has_data)
        final = KH_DIMSE_CLASS_MISMATCH;
    else if (check_request(&get, &final, &why) != KH_OK)
        status = kh_assoc_receive_data(of->assoc, context_id, kh_scp_drop, NULL, &dropped, NULL, err);
    else
        status = kh_asked_receive(&get.asked, of->assoc, get.context, &final, &why, err);
    if (status == KH_OK && final == 0 && list_objects(&get, &final, &why) == KH_OK) {
        status = fetch_back(&get, &final, &why, err);
        prepare_sender(&get);
        if (status == KH_OK && final == 0 && tell(&get, &why) != KH_OK)
            final = KH_DIMSE_OUT_OF_RESOURCES;
        if (status == KH_OK && final == 0) {
            status = send_all(&get, err);
            final = final_status(&get);
        }
    }
    if (status == KH_OK)
        status = send_final(&get, final, why.message[0] ? why.message : get.first_failure, err);
    log_retrieval(&get, final, kh_clock_monotonic_ms() - begin_ms, why.message[0] ? why.message : get.first_failure);
    kh_told_ended(of, is_move(&get) ? "C-MOVE" : "C-GET", final, get.completed + get.warning, get.failed,
                  why.message[0] ? why.message : get.first_failure);
    of->moved += (uint64_t)(get.completed + get.warning);
    of->failed += (uint64_t)get.failed;
    kh_object_list_release(&get.list);
    kh_taking_end(&get.taking);
    kh_asked_release(&get.asked);
    kh_buf_release(&get.failed_uids);
    return status;
}
