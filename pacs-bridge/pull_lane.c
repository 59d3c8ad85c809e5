#include "pacs-bridge/pull_lane.h"

#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "cache/browse.h"
#include "pacs-bridge/dimse_status.h"

#define SHOW_MS 300 /* between two notes of progress in the index */
#define UIDS_PER_LIST 50
#define UIDS_PER_SHORT_LIST 7 /* about the square root: fewest requests for one that does not come */
#define BREAKS_MAX 8
#define FRUITLESS_MAX 40

/* --- one move --- */

kh_status kh_pull_lanes_show(kh_pull_lanes *of, const kh_arrivals *arrivals, kh_error *err)
{
    int64_t now_ms = kh_clock_monotonic_ms(), received = of->here_before + (int64_t)arrivals->kept;
    kh_pull *pull = of->move->pull;

    if (received == pull->received || now_ms - of->shown_ms < SHOW_MS)
        return KH_OK;
    pull->received = received;
    of->shown_ms = now_ms;
    return kh_pull_update(of->options->cache, pull, err);
}

static kh_status on_progress(void *context, const kh_dimse *response, bool *alive, kh_error *err)
{
    kh_pull_lane *lane = context;
    const kh_pull_move *move = lane->of->move;
    kh_arrivals arrivals;
    uint64_t seen;

    (void)response; /* the counts of pending responses are often wrong; what has arrived is not */
    kh_pull_queue_arrivals(move->queue, move->pull->id, &arrivals);
    seen = arrivals.bytes + arrivals.kept + arrivals.duplicates + arrivals.refused;
    *alive = seen != lane->seen;
    lane->seen = seen;
    if (arrivals.cancelled)
        return kh_error_set(err, KH_E_CANCELLED, "cancelled");
    if (atomic_load(&lane->of->ended))
        return kh_error_set(err, KH_E_CANCELLED, "ended with another move");
    if (kh_pull_queue_must_yield(move->queue, move->pull->id))
        return kh_error_set(err, KH_E_CANCELLED, "made way for a more urgent study");
    return lane->shows ? kh_pull_lanes_show(lane->of, &arrivals, err) : KH_OK;
}

/* An object that comes by C-GET is taken in as if it had been pushed. */
static kh_status take_object(void *context, uint8_t context_id, const kh_dimse *request, kh_error *err)
{
    kh_pull_lane *lane = context;

    return kh_scp_store(&lane->incoming, context_id, request, err);
}

static kh_status retrieve(kh_pull_lane *lane, const kh_context *with, uint16_t message_id, const kh_buf *identifier, kh_dimse *final,
                          kh_error *err)
{
    const kh_pull_move *move = lane->of->move;
    const kh_pull_queue_options *options = lane->of->options;
    char ours[KH_AE_TITLE_SIZE]; /* as the node knows it */
    kh_status status;

    kh_scu_title(move->scu, move->node, ours);
    if (!move->node->retrieve_by_get)
        return kh_user_move(lane->query->assoc, with, message_id, ours, identifier->data, identifier->size, on_progress, lane, final,
                            NULL, err);
    memcpy(lane->calling.calling, move->node->ae_title, sizeof(lane->calling.calling));
    lane->incoming = (kh_scp){.service = options->service, .place = -1, .assoc = lane->query->assoc, .request = &lane->calling,
                              .node = *move->node, .facility = move->facility, .pull_id = move->pull->id};
    status = kh_user_get(lane->query->assoc, with, message_id, identifier->data, identifier->size, take_object, on_progress, lane, final,
                         NULL, err);
    kh_scp_store_end(&lane->incoming);
    return status;
}

static kh_status move_keys(kh_pull_lane *lane, const kh_key *keys, size_t key_count, kh_error *err)
{
    const kh_pull_move *move = lane->of->move;
    const kh_context *with = move->node->retrieve_by_get ? lane->query->get : lane->query->move;
    uint16_t message_id = kh_assoc_next_message_id();
    kh_buf identifier;
    kh_dimse final;
    kh_status status;

    if (!with)
        return kh_error_set(err, KH_E_UNSUPPORTED, "node %s accepts no Study Root %s", move->node->name,
                            move->node->retrieve_by_get ? "C-GET" : "C-MOVE");
    kh_buf_init(&identifier, 65536);
    kh_pull_queue_expect(move->queue, move->pull->id, lane->index, message_id);
    status = kh_identifier_build(&identifier, with->transfer_syntax, "", keys, key_count, err);
    if (status == KH_OK)
        status = retrieve(lane, with, message_id, &identifier, &final, err);
    kh_buf_release(&identifier);
    lane->fate = status == KH_OK ? KH_PULL_ANSWERED : status == KH_E_TIMEOUT ? KH_PULL_SILENT : KH_PULL_ABORTED;
    lane->answer = status == KH_OK ? final.status : 0;
    if (status != KH_OK)
        return status;
    lane->failed += final.failed > 0 ? final.failed : 0;
    if (final.status != KH_DIMSE_SUCCESS)
        lane->final_status = final.status;
    return KH_OK;
}

/* Of those that have come nobody asks. */
static void note_fates(const kh_pull_lane *lane, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++) {
        lane->of->move->there[i].fate = lane->fate;
        lane->of->move->there[i].answer = lane->answer;
    }
}

kh_status kh_pull_lane_study(kh_pull_lane *lane, kh_error *err)
{
    const kh_key keys[] = {{KH_TAG_QUERY_RETRIEVE_LEVEL, KH_VR('C', 'S'), "STUDY"},
                           {KH_TAG_STUDY_INSTANCE_UID, KH_VR('U', 'I'), lane->of->move->pull->study_uid}};
    kh_status status = move_keys(lane, keys, 2, err);

    note_fates(lane, 0, lane->of->move->there_count);
    return status;
}

kh_status kh_pull_lane_series(kh_pull_lane *lane, const char *series_uid, size_t begin, size_t end, kh_error *err)
{
    const kh_key keys[] = {{KH_TAG_QUERY_RETRIEVE_LEVEL, KH_VR('C', 'S'), "SERIES"},
                           {KH_TAG_STUDY_INSTANCE_UID, KH_VR('U', 'I'), lane->of->move->pull->study_uid},
                           {KH_TAG_SERIES_INSTANCE_UID, KH_VR('U', 'I'), series_uid}};
    kh_status status = move_keys(lane, keys, 3, err);

    note_fates(lane, begin, end);
    return status;
}

/* --- by lists of UIDs --- */

/* `which` are places in move->there, of one series. */
static kh_status move_list(kh_pull_lane *lane, const size_t *which, size_t count, kh_error *err)
{
    const kh_pull_move *move = lane->of->move;
    char uids[UIDS_PER_LIST * KH_UID_SIZE];
    size_t used = 0;
    const kh_key keys[] = {{KH_TAG_SOP_INSTANCE_UID, KH_VR('U', 'I'), uids},
                           {KH_TAG_QUERY_RETRIEVE_LEVEL, KH_VR('C', 'S'), "IMAGE"},
                           {KH_TAG_STUDY_INSTANCE_UID, KH_VR('U', 'I'), move->pull->study_uid},
                           {KH_TAG_SERIES_INSTANCE_UID, KH_VR('U', 'I'), move->there[which[0]].series_uid}};
    kh_status status;

    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(uids + used, sizeof(uids) - used, "%s%s", i ? "\\" : "", move->there[which[i]].sop_instance_uid);
    status = move_keys(lane, keys, 4, err);
    for (size_t i = 0; i < count; i++)
        note_fates(lane, which[i], which[i] + 1);
    return status;
}

/* An association that a list has ended is made anew: the next list may go well. */
static kh_status mend(kh_pull_lane *lane, kh_status broken, const kh_error *why, kh_error *err)
{
    const kh_pull_move *move = lane->of->move;

    if ((broken != KH_E_PEER && broken != KH_E_TIMEOUT && broken != KH_E_IO) || ++lane->breaks >= BREAKS_MAX)
        return kh_error_set(err, broken, "%s", why->message);
    kh_log(KH_LOG_INFO, "pull", "pull %lld: %s; asked again for less", (long long)move->pull->id, why->message);
    kh_query_close(lane->query, broken);
    return kh_query_open(lane->query, move->scu, move->node, err);
}

/* Takes out those that have come; how many are left. */
static kh_status keep_missing(const kh_pull_lane *lane, size_t *which, size_t *count, kh_error *err)
{
    const kh_pull_move *move = lane->of->move;
    kh_status status = KH_OK;
    size_t left = 0;

    for (size_t i = 0; status == KH_OK && i < *count; i++) {
        bool here = false;
        status = kh_browse_has_object(lane->of->options->cache, move->facility, move->there[which[i]].sop_instance_uid, &here, err);
        if (!here)
            which[left++] = which[i];
    }
    *count = left;
    return status;
}

static uint64_t refused_here(const kh_pull_lane *lane)
{
    kh_arrivals arrivals;

    kh_pull_queue_arrivals(lane->of->move->queue, lane->of->move->pull->id, &arrivals);
    return arrivals.refused;
}

/* One request, its end, what is left of the list. *shorter: it is worth being asked for in shorter lists. */
static kh_status ask_for_list(kh_pull_lane *lane, size_t *which, size_t *count, bool *shorter, kh_error *err)
{
    uint64_t refused_before = refused_here(lane);
    size_t asked = *count;
    kh_error why = KH_ERROR_INIT;
    kh_status status = move_list(lane, which, asked, &why);

    if (status != KH_OK)
        status = mend(lane, status, &why, err);
    if (status == KH_OK)
        status = keep_missing(lane, which, count, err);
    if (status != KH_OK)
        return status;
    lane->fruitless = *count == asked ? lane->fruitless + 1 : 0;
    /* What we cannot store comes no better alone, and a hospital that does not know us sends nothing at all. */
    *shorter = asked > 1 && *count > 0 && lane->answer != KH_DIMSE_DESTINATION_UNKNOWN && refused_here(lane) == refused_before;
    return KH_OK;
}

static kh_status ask_for(kh_pull_lane *lane, size_t *which, size_t count, size_t per_list, kh_error *err)
{
    kh_status status = KH_OK;

    for (size_t at = 0; status == KH_OK && at < count && lane->fruitless < FRUITLESS_MAX; at += per_list) {
        size_t left = count - at < per_list ? count - at : per_list;
        bool shorter = false;
        status = ask_for_list(lane, which + at, &left, &shorter, err);
        if (status == KH_OK && shorter) /* each break costs an association: then one by one */
            status = ask_for(lane, which + at, left,
                             lane->fate == KH_PULL_ANSWERED && left > 2 * UIDS_PER_SHORT_LIST ? UIDS_PER_SHORT_LIST : 1, err);
    }
    return status;
}

/* Every other attempt from the end, so that many in a row that never come do not keep the rest from being asked for. */
static kh_status list_missing(const kh_pull_lane *lane, size_t begin, size_t end, kh_buf *which, kh_error *err)
{
    const kh_pull_move *move = lane->of->move;
    bool backwards = move->pull->attempts % 2 == 0;
    kh_status status = KH_OK;

    for (size_t i = begin; status == KH_OK && i < end; i++) {
        size_t at = backwards ? end - 1 - (i - begin) : i;
        if (!kh_uid_set_has(move->here, move->there[at].sop_instance_uid))
            status = kh_buf_append(which, &at, sizeof(at), err);
    }
    return status;
}

kh_status kh_pull_lane_missing(kh_pull_lane *lane, size_t begin, size_t end, kh_error *err)
{
    kh_buf which; /* of size_t: malloc'ed, so aligned */
    kh_status status;

    kh_buf_init(&which, (end - begin) * sizeof(size_t));
    status = list_missing(lane, begin, end, &which, err);
    if (status == KH_OK)
        status = ask_for(lane, (size_t *)(void *)which.data, which.size / sizeof(size_t), UIDS_PER_LIST, err);
    kh_buf_release(&which);
    return status;
}
