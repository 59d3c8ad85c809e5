#include "tests/bridge/hospital.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "dicom/dataset.h"
#include "dicom/shim/user.h"
#include "pacs-bridge/identifier.h"
#include "tests/bridge/support.h"

#define PIXEL_BYTES 4096

static bool faulty(hospital *pacs, hospital_fault fault)
{
    return atomic_load(&pacs->fault) == (int)fault && atomic_load(&pacs->fault_moves) > 0;
}

static kh_status answer(kh_assoc *assoc, uint8_t id, const kh_dimse *request, uint16_t status)
{
    kh_dimse response;

    kh_dimse_respond(&response, request, status);
    return kh_assoc_send(assoc, id, &response, NULL);
}

static void note_title(hospital *pacs, char out[17], const char *title)
{
    pthread_mutex_lock(&pacs->lock);
    snprintf(out, 17, "%s", title);
    pthread_mutex_unlock(&pacs->lock);
}

/* --- C-FIND --- */

static kh_status send_match(kh_assoc *assoc, uint8_t id, const kh_dimse *request, const kh_key *keys, size_t count)
{
    kh_dimse response;
    kh_buf identifier;
    kh_status status;

    kh_buf_init(&identifier, 65536);
    kh_dimse_respond(&response, request, KH_DIMSE_PENDING);
    response.has_data = true;
    if (kh_identifier_build(&identifier, kh_assoc_context(assoc, id)->transfer_syntax, "", keys, count, NULL) != KH_OK)
        abort();
    status = kh_assoc_send(assoc, id, &response, NULL);
    if (status == KH_OK)
        status = kh_assoc_send_data(assoc, id, identifier.data, identifier.size, true, NULL);
    kh_buf_release(&identifier);
    return status;
}

static kh_status match_study(hospital *pacs, kh_assoc *assoc, uint8_t id, const kh_dimse *request)
{
    bool counting = !faulty(pacs, FAULT_NOT_COUNTING);
    unsigned objects = pacs->objects + (faulty(pacs, FAULT_COUNT_HIGH) || faulty(pacs, FAULT_COUNTS_HIGH));
    char count[16];
    const kh_key keys[] = {{KH_TAG_QUERY_RETRIEVE_LEVEL, KH_VR('C', 'S'), "STUDY"},
                           {KH_TAG_PATIENT_NAME, KH_VR('P', 'N'), "Test^Bridge"},
                           {KH_TAG_STUDY_INSTANCE_UID, KH_VR('U', 'I'), SUPPORT_STUDY_UID},
                           {KH_TAG_NUMBER_OF_STUDY_RELATED_SERIES, KH_VR('I', 'S'), faulty(pacs, FAULT_SERIES_HIGH) ? "3" : "2"},
                           {KH_TAG_NUMBER_OF_STUDY_RELATED_INSTANCES, KH_VR('I', 'S'), count}};

    snprintf(count, sizeof(count), "%u", faulty(pacs, FAULT_COUNT_LOW) ? objects / 2 : objects);
    return send_match(assoc, id, request, keys, counting ? 5 : 3);
}

static kh_status match_series(hospital *pacs, kh_assoc *assoc, uint8_t id, const kh_dimse *request)
{
    bool counting = !faulty(pacs, FAULT_NOT_COUNTING);
    kh_status status = KH_OK;

    for (unsigned i = 0; status == KH_OK && i < 2; i++) {
        char uid[65], count[16];
        const kh_key keys[] = {{KH_TAG_QUERY_RETRIEVE_LEVEL, KH_VR('C', 'S'), "SERIES"},
                               {KH_TAG_STUDY_INSTANCE_UID, KH_VR('U', 'I'), SUPPORT_STUDY_UID},
                               {KH_TAG_SERIES_INSTANCE_UID, KH_VR('U', 'I'), uid},
                               {KH_TAG_NUMBER_OF_SERIES_RELATED_INSTANCES, KH_VR('I', 'S'), count}};
        support_series_uid(uid, i);
        snprintf(count, sizeof(count), "%u", i ? (pacs->objects + 1) / 2 + faulty(pacs, FAULT_COUNTS_HIGH) : pacs->objects / 2);
        status = send_match(assoc, id, request, keys, counting ? 4 : 3);
    }
    return status;
}

static kh_status match_instances(hospital *pacs, kh_assoc *assoc, uint8_t id, const kh_dimse *request, const char *series)
{
    unsigned last = faulty(pacs, FAULT_CUT_LIST) ? 4 : pacs->objects;
    kh_status status = KH_OK;

    for (unsigned i = 1; status == KH_OK && i <= last; i++) {
        char uid[65], series_uid[65];
        const kh_key keys[] = {{KH_TAG_SOP_INSTANCE_UID, KH_VR('U', 'I'), uid},
                               {KH_TAG_QUERY_RETRIEVE_LEVEL, KH_VR('C', 'S'), "IMAGE"},
                               {KH_TAG_SERIES_INSTANCE_UID, KH_VR('U', 'I'), series_uid}};
        support_object_uid(uid, i);
        support_series_uid(series_uid, i);
        if (strcmp(series_uid, series) == 0)
            status = send_match(assoc, id, request, keys, 3);
    }
    return status;
}

/* --- C-FIND of an archive of many --- */

static kh_status match_listed_study(kh_assoc *assoc, uint8_t id, const kh_dimse *request, const hospital_study *study)
{
    char count[16];
    const kh_key keys[] = {{KH_TAG_QUERY_RETRIEVE_LEVEL, KH_VR('C', 'S'), "STUDY"},
                           {KH_TAG_PATIENT_ID, KH_VR('L', 'O'), study->patient_id},
                           {KH_TAG_STUDY_INSTANCE_UID, KH_VR('U', 'I'), study->study_uid},
                           {KH_TAG_NUMBER_OF_STUDY_RELATED_INSTANCES, KH_VR('I', 'S'), count}};

    snprintf(count, sizeof(count), "%u", study->instances);
    return send_match(assoc, id, request, keys, 4);
}

static kh_status match_listed_series(kh_assoc *assoc, uint8_t id, const kh_dimse *request, const hospital_study *study)
{
    char uid[70];
    const kh_key keys[] = {{KH_TAG_QUERY_RETRIEVE_LEVEL, KH_VR('C', 'S'), "SERIES"}, {KH_TAG_SERIES_INSTANCE_UID, KH_VR('U', 'I'), uid}};

    snprintf(uid, sizeof(uid), "%s.1", study->study_uid);
    return send_match(assoc, id, request, keys, 2);
}

static kh_status match_listed_instances(kh_assoc *assoc, uint8_t id, const kh_dimse *request, const hospital_study *study)
{
    kh_status status = KH_OK;

    for (unsigned i = 1; status == KH_OK && i <= study->instances; i++) {
        char uid[80];
        const kh_key keys[] = {{KH_TAG_SOP_INSTANCE_UID, KH_VR('U', 'I'), uid}, {KH_TAG_QUERY_RETRIEVE_LEVEL, KH_VR('C', 'S'), "IMAGE"}};
        snprintf(uid, sizeof(uid), "%s.1.%u", study->study_uid, i);
        status = send_match(assoc, id, request, keys, 2);
    }
    return status;
}

static kh_status serve_listed(hospital *pacs, kh_assoc *assoc, uint8_t id, const kh_dimse *request, const kh_item *query, const char *level)
{
    char study_uid[65] = "";
    kh_status status = KH_OK;

    (void)kh_item_string(query, KH_TAG_STUDY_INSTANCE_UID, 0, study_uid, sizeof(study_uid));
    for (unsigned i = 0; status == KH_OK && i < HOSPITAL_STUDIES_MAX; i++) {
        hospital_study study;
        pthread_mutex_lock(&pacs->lock);
        study = pacs->studies[i];
        pthread_mutex_unlock(&pacs->lock);
        if (study.instances == 0 || strcmp(study.study_uid, study_uid) != 0)
            continue;
        if (strcmp(level, "STUDY") == 0)
            status = match_listed_study(assoc, id, request, &study);
        else if (strcmp(level, "SERIES") == 0)
            status = match_listed_series(assoc, id, request, &study);
        else
            status = match_listed_instances(assoc, id, request, &study);
    }
    return status == KH_OK ? answer(assoc, id, request, KH_DIMSE_SUCCESS) : status;
}

void hospital_set_study(hospital *pacs, const char *study_uid, const char *patient_id, unsigned instances)
{
    hospital_study *study = NULL;

    pthread_mutex_lock(&pacs->lock);
    for (unsigned i = 0; i < pacs->study_count && !study; i++)
        if (strcmp(pacs->studies[i].study_uid, study_uid) == 0)
            study = &pacs->studies[i];
    if (!study && pacs->study_count == HOSPITAL_STUDIES_MAX)
        abort();
    if (!study)
        study = &pacs->studies[pacs->study_count++];
    snprintf(study->study_uid, sizeof(study->study_uid), "%s", study_uid);
    snprintf(study->patient_id, sizeof(study->patient_id), "%s", patient_id);
    study->instances = instances;
    pthread_mutex_unlock(&pacs->lock);
}

static bool lists_studies(hospital *pacs)
{
    bool does;

    pthread_mutex_lock(&pacs->lock);
    does = pacs->study_count > 0;
    pthread_mutex_unlock(&pacs->lock);
    return does;
}

static kh_status serve_find(hospital *pacs, kh_assoc *assoc, uint8_t id, const kh_dimse *request, const kh_item *query)
{
    char level[17] = "", series[65] = "";
    kh_status status = KH_OK;

    (void)kh_item_string(query, KH_TAG_QUERY_RETRIEVE_LEVEL, 0, level, sizeof(level));
    (void)kh_item_string(query, KH_TAG_SERIES_INSTANCE_UID, 0, series, sizeof(series));
    atomic_fetch_add(&pacs->finds, 1);
    if (faulty(pacs, FAULT_SILENT_FIND)) {
        (void)!kh_assoc_wait(assoc, pacs->silence_ms, NULL);
        return KH_E_CANCELLED;
    }
    if (faulty(pacs, FAULT_FIND_FAILS))
        return answer(assoc, id, request, KH_DIMSE_OUT_OF_RESOURCES);
    if (faulty(pacs, FAULT_NO_STUDY))
        return answer(assoc, id, request, KH_DIMSE_SUCCESS);
    if (lists_studies(pacs))
        return serve_listed(pacs, assoc, id, request, query, level);
    if (strcmp(level, "STUDY") == 0)
        status = match_study(pacs, assoc, id, request);
    else if (strcmp(level, "SERIES") == 0)
        status = match_series(pacs, assoc, id, request);
    else
        status = match_instances(pacs, assoc, id, request, series);
    return status == KH_OK ? answer(assoc, id, request, KH_DIMSE_SUCCESS) : status;
}

/* --- C-MOVE --- */

/* Is the object wanted by this request? */
static bool is_wanted(const kh_item *query, unsigned number)
{
    char uid[65], series_uid[65], value[65];
    uint32_t count = kh_item_value_count(query, KH_TAG_SOP_INSTANCE_UID);

    support_object_uid(uid, number);
    support_series_uid(series_uid, number);
    if (kh_item_string(query, KH_TAG_SERIES_INSTANCE_UID, 0, value, sizeof(value)) && strcmp(value, series_uid) != 0)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (kh_item_string(query, KH_TAG_SOP_INSTANCE_UID, i, value, sizeof(value)) && strcmp(value, uid) == 0)
            return true;
    return count == 0;
}

static kh_assoc *connect_target(const hospital *pacs, const char *destination)
{
    static const char *const syntaxes[] = {KH_TS_EXPLICIT_LE};
    const kh_proposal proposal = {KH_SOP_CT_IMAGE, syntaxes, 1, false};
    kh_assoc *assoc = NULL;

    return kh_assoc_connect(&assoc, "127.0.0.1", pacs->target_port, "HOSPITAL", destination, &proposal, 1, NULL, NULL, NULL) == KH_OK
               ? assoc
               : NULL;
}

static bool send_object(hospital *pacs, kh_assoc *to, unsigned number, const kh_dimse *move)
{
    const kh_context *with = kh_assoc_context_find(to, KH_SOP_CT_IMAGE, NULL);
    size_t size;
    uint8_t *bytes = support_make_dataset(number, PIXEL_BYTES, &size);
    kh_dimse store, response;
    uint8_t id;
    bool sent;

    kh_dimse_init(&store, KH_C_STORE_RQ);
    store.message_id = kh_assoc_next_message_id();
    store.has_data = true;
    strcpy(store.sop_class_uid, KH_SOP_CT_IMAGE);
    support_object_uid(store.sop_instance_uid, number);
    strcpy(store.move_originator, "KAKEHASHI");
    store.move_originator_id = move->message_id;
    sent = kh_assoc_send(to, with->id, &store, NULL) == KH_OK;
    if (sent && faulty(pacs, FAULT_CUT_OBJECT)) {
        sent = kh_assoc_send_data(to, with->id, bytes, size / 2 & ~(size_t)1, false, NULL) == KH_OK;
        kh_assoc_abort(to);
        sent = false;
    }
    if (sent)
        sent = kh_assoc_send_data(to, with->id, bytes, size, true, NULL) == KH_OK &&
               kh_assoc_receive(to, &id, &response, 0, NULL) == KH_OK && response.status == KH_DIMSE_SUCCESS;
    free(bytes);
    atomic_fetch_add(&pacs->sent, 1);
    return sent;
}

static kh_status send_pending(hospital *pacs, kh_assoc *assoc, uint8_t id, const kh_dimse *request, unsigned left, unsigned done)
{
    kh_dimse response;

    if (faulty(pacs, FAULT_NO_PENDING))
        return KH_OK;
    kh_dimse_respond(&response, request, KH_DIMSE_PENDING);
    if (!faulty(pacs, FAULT_NO_COUNTS)) {
        response.remaining = (int32_t)left;
        response.completed = (int32_t)done;
        response.failed = response.warning = 0;
    }
    return kh_assoc_send(assoc, id, &response, NULL);
}

/* What goes wrong after half of the objects; KH_OK: nothing. */
static kh_status break_half_way(hospital *pacs, kh_assoc *assoc)
{
    if (faulty(pacs, FAULT_RESET))
        return KH_E_CANCELLED; /* closed without a word */
    if (faulty(pacs, FAULT_ABORT))
        return KH_E_PEER;
    if (faulty(pacs, FAULT_SILENCE)) {
        atomic_store(&pacs->silent, true);
        (void)!kh_assoc_wait(assoc, pacs->silence_ms, NULL);
        return KH_E_CANCELLED;
    }
    return KH_OK;
}

static kh_status send_final(hospital *pacs, kh_assoc *assoc, uint8_t id, const kh_dimse *request, unsigned wanted, unsigned done)
{
    bool honest = faulty(pacs, FAULT_HALF_FAILED) || faulty(pacs, FAULT_CUT_OBJECT);
    kh_dimse response;

    kh_dimse_respond(&response, request, done < wanted && honest ? KH_DIMSE_SUBOPERATIONS_FAILED : KH_DIMSE_SUCCESS);
    if (faulty(pacs, FAULT_ANSWERS_OTHER_MESSAGE))
        response.responded_id++;
    if (!faulty(pacs, FAULT_NO_COUNTS)) {
        response.completed = (int32_t)done;
        response.failed = honest ? (int32_t)(wanted - done) : 0;
        response.warning = 0;
    }
    return kh_assoc_send(assoc, id, &response, NULL);
}

/* How many of the wanted it tries to send. */
static unsigned move_limit(hospital *pacs, unsigned wanted, uint32_t uids)
{
    bool half = faulty(pacs, FAULT_RESET) || faulty(pacs, FAULT_ABORT) || faulty(pacs, FAULT_SILENCE) || faulty(pacs, FAULT_HALF_SUCCESS) ||
                faulty(pacs, FAULT_HALF_FAILED) || (faulty(pacs, FAULT_COUNT_LOW) && uids == 0) ||
                (faulty(pacs, FAULT_CUT_LIST) && atomic_load(&pacs->moves) == 1);

    if (faulty(pacs, FAULT_NOTHING))
        return 0;
    if (faulty(pacs, FAULT_FIRST_OF_LIST))
        return 1;
    return half ? wanted / 2 : wanted;
}

/* The answer to a request that is not tried at all; 0: it is. */
static uint16_t refusal(hospital *pacs, const kh_item *query)
{
    uint32_t uids = kh_item_value_count(query, KH_TAG_SOP_INSTANCE_UID);
    bool by_list = faulty(pacs, FAULT_FIRST_OF_LIST) || faulty(pacs, FAULT_NO_LISTS);

    if (faulty(pacs, FAULT_UNKNOWN_US))
        return KH_DIMSE_DESTINATION_UNKNOWN;
    if (faulty(pacs, FAULT_OUT_OF_RESOURCES))
        return 0xa702;
    if ((by_list && uids == 0) || (faulty(pacs, FAULT_BROKEN_FAILS) && is_wanted(query, HOSPITAL_BROKEN)))
        return 0xc000;
    return faulty(pacs, FAULT_NO_LISTS) && uids > 1 ? 0xa900 : 0;
}

static kh_status run_move(hospital *pacs, kh_assoc *assoc, uint8_t id, const kh_dimse *request, const kh_item *query)
{
    uint32_t uids = kh_item_value_count(query, KH_TAG_SOP_INSTANCE_UID);
    unsigned wanted = 0, done = 0, times = faulty(pacs, FAULT_TWICE) ? 2 : 1, limit;
    bool other = faulty(pacs, FAULT_OTHER_OBJECT) && uids == 0;
    kh_assoc *to = connect_target(pacs, request->move_destination);
    kh_status status = KH_OK;

    if (!to)
        return answer(assoc, id, request, 0xa702);
    for (unsigned i = 1; i <= pacs->objects; i++)
        wanted += is_wanted(query, i);
    limit = move_limit(pacs, wanted, uids);
    for (unsigned i = 1; status == KH_OK && done < limit && i <= pacs->objects; i++) {
        if (!is_wanted(query, i))
            continue;
        for (unsigned t = 0; t < times && status == KH_OK; t++)
            status = send_object(pacs, to, other && i == pacs->objects ? i + 1 : i, request) ? KH_OK : KH_E_IO;
        if (status == KH_OK) {
            done++;
            status = send_pending(pacs, assoc, id, request, wanted - done, done);
        }
    }
    if (status == KH_E_IO)
        status = KH_OK; /* told as failed */
    (void)!kh_assoc_release(to, NULL);
    kh_assoc_free(to);
    if (status == KH_OK)
        status = break_half_way(pacs, assoc);
    return status == KH_OK ? send_final(pacs, assoc, id, request, wanted, done) : status;
}

static kh_status serve_move(hospital *pacs, kh_assoc *assoc, uint8_t id, const kh_dimse *request, const kh_item *query)
{
    uint16_t refused = refusal(pacs, query);
    kh_status status;

    note_title(pacs, pacs->destination, request->move_destination);
    atomic_fetch_add(&pacs->moves, 1);
    atomic_fetch_add(&pacs->asked_instances, kh_item_value_count(query, KH_TAG_SOP_INSTANCE_UID));
    atomic_fetch_add(&pacs->study_moves, kh_item_value_count(query, KH_TAG_SERIES_INSTANCE_UID) == 0);
    if (refused)
        status = answer(assoc, id, request, refused);
    else if (faulty(pacs, FAULT_BROKEN_ABORTS) && is_wanted(query, HOSPITAL_BROKEN))
        status = KH_E_PEER;
    else
        status = run_move(pacs, assoc, id, request, query);
    if (atomic_load(&pacs->fault_moves) > 0)
        atomic_fetch_sub(&pacs->fault_moves, 1);
    return status;
}

/* --- the association --- */

static kh_status serve_query(hospital *pacs, kh_assoc *assoc, uint8_t id, const kh_dimse *request)
{
    kh_dataset *dataset = NULL;
    kh_status status, sink_status;
    kh_source source;
    kh_buf identifier;

    kh_buf_init(&identifier, 65536);
    status = kh_assoc_receive_data(assoc, id, kh_data_sink_buf, &identifier, &sink_status, NULL, NULL);
    if (status == KH_OK) {
        kh_source_init_memory(&source, identifier.data, identifier.size);
        status = kh_dataset_read(&dataset, &source, kh_assoc_context(assoc, id)->transfer_syntax, &kh_dataset_limits_default, NULL);
    }
    if (status == KH_OK)
        status = request->field == KH_C_FIND_RQ ? serve_find(pacs, assoc, id, request, kh_dataset_main(dataset))
                                                : serve_move(pacs, assoc, id, request, kh_dataset_main(dataset));
    kh_dataset_free(dataset);
    kh_buf_release(&identifier);
    return status;
}

static void note_at_once(hospital *pacs)
{
    unsigned now = atomic_fetch_add(&pacs->at_once, 1) + 1, most = atomic_load(&pacs->most_at_once);

    while (now > most && !atomic_compare_exchange_weak(&pacs->most_at_once, &most, now))
        ;
}

static void serve(void *context, kh_assoc *assoc, const kh_assoc_request *request, uint64_t number)
{
    hospital *pacs = context;
    kh_status status = KH_OK;

    (void)request;
    (void)number;
    atomic_fetch_add(&pacs->associations, 1);
    note_at_once(pacs);
    while (status == KH_OK) {
        kh_dimse command;
        uint8_t id;
        status = kh_assoc_receive(assoc, &id, &command, 0, NULL);
        if (status != KH_OK || command.field == 0)
            break;
        if (command.field == KH_C_ECHO_RQ)
            status = answer(assoc, id, &command, KH_DIMSE_SUCCESS);
        else if (command.field != KH_C_CANCEL_RQ)
            status = serve_query(pacs, assoc, id, &command);
        if (status != KH_OK && status != KH_E_CANCELLED)
            kh_assoc_abort(assoc);
    }
    atomic_fetch_sub(&pacs->at_once, 1);
}

static kh_reject accept_caller(void *context, kh_assoc_request *request)
{
    hospital *pacs = context;

    note_title(pacs, pacs->caller, request->calling);
    if (faulty(pacs, FAULT_REJECTS)) {
        atomic_fetch_sub(&pacs->fault_moves, 1);
        return KH_REJECT_CALLING_AE;
    }
    return strcmp(request->called, "HOSPITAL") == 0 ? KH_REJECT_NOT : KH_REJECT_CALLED_AE;
}

static int choose_any(void *context, const kh_assoc_request *request, const char *abstract_syntax, const char *const *transfer_syntaxes,
                      size_t count, bool as_scp)
{
    (void)request;
    (void)context;
    (void)as_scp;
    (void)abstract_syntax;
    (void)transfer_syntaxes;
    return count > 0 ? 0 : -2;
}

void hospital_start(hospital *pacs, unsigned objects, uint16_t target_port)
{
    kh_acceptor_options options = {.associations_max = 4,
                                   .waiting_max = 16,
                                   .limits = kh_net_limits_default,
                                   .accept = accept_caller,
                                   .choose = choose_any,
                                   .serve = serve,
                                   .context = pacs};

    memset(pacs, 0, sizeof(*pacs));
    pthread_mutex_init(&pacs->lock, NULL);
    pacs->objects = objects;
    pacs->silence_ms = 120000;
    pacs->target_port = target_port;
    pacs->listen_fd = support_listen(&pacs->port);
    if (kh_stop_create(&pacs->stop, NULL) != KH_OK)
        abort();
    options.listen_fd = pacs->listen_fd;
    options.stop = pacs->stop;
    if (kh_acceptor_start(&pacs->acceptor, &options, NULL) != KH_OK)
        abort();
}

void hospital_stop(hospital *pacs)
{
    kh_acceptor_drain(pacs->acceptor, 0);
    kh_stop_free(pacs->stop);
    close(pacs->listen_fd);
    pthread_mutex_destroy(&pacs->lock);
}
