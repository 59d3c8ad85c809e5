/* send_attempt.c - one attempt to send a study, and how it stands then. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "cache/node_hours.h"
#include "pacs-bridge/pull_job.h"
#include "pacs-bridge/scp_rights.h"
#include "pacs-bridge/send_table.h"
#include "pacs-bridge/sender.h"
#include "pacs-bridge/told_work.h"

#define BUSY_REST_MS 1000
#define BATCH 500       /* objects listed at once */
#define TICK_OFF 50     /* objects noted at once as taken, */
#define TICK_OFF_MS 300 /* or after this long */

/* One attempt. */
typedef struct attempt {
    kh_send_queue *queue;
    kh_send *send;
    kh_node node;
    kh_scu scu;
    int64_t taken_ids[TICK_OFF];
    size_t taken_count;
    int64_t taken, refused, hopeless; /* hopeless: of the refused, those that would be refused again */
    int64_t ticked_ms;
    bool told;                         /* recorded that it sends */
    kh_search_key study_key;
    kh_taking taking;                  /* what of the study the node may take */
    const kh_listed_object *now;       /* that is being sent */
    bool refused_told;
    bool stopped, unreachable, closed; /* closed: outside the node's hours */
    bool full, made_way;               /* it has as many associations of ours as it may; another goes first */
    uint16_t dimse;                    /* of the newest refusal */
    kh_error why;                      /* the first failure */
} attempt;

/* --- objects --- */

static kh_status tick_off(attempt *of, kh_error *err)
{
    kh_status status = kh_send_tick_off(of->queue->options.cache, of->send, of->taken_ids, of->taken_count, err);

    of->taken_count = 0;
    of->ticked_ms = kh_clock_monotonic_ms();
    return status;
}

static void note_failure(attempt *of, kh_status status, uint16_t dimse, const kh_error *why)
{
    of->refused++;
    of->hopeless += status == KH_E_UNSUPPORTED || status == KH_E_NOT_FOUND || status == KH_E_CORRUPT || status == KH_E_ARG;
    of->dimse = dimse ? dimse : of->dimse;
    if (!of->why.message[0])
        of->why = *why;
}

static bool may_go_on(void *context)
{
    attempt *of = context;
    kh_verdict verdict;

    return kh_taking_still(&of->taking, of->now, &verdict, NULL) == KH_OK && verdict.allowed;
}

/* KH_E_UNSUPPORTED: trying again helps only when somebody opens it. */
static kh_status look_whether_it_may(attempt *of, const kh_listed_object *object, kh_error *why)
{
    kh_verdict verdict;
    kh_status status = kh_taking_still(&of->taking, object, &verdict, why);

    of->now = object;
    if (status != KH_OK || verdict.allowed)
        return status;
    if (!of->refused_told)
        kh_told_not_sent(of->queue->options.service, of->send, &of->node, &verdict);
    of->refused_told = true;
    return kh_error_set(why, KH_E_UNSUPPORTED, "not open to the facility of node %s", of->node.name);
}

static kh_status send_one(attempt *of, kh_sender *sender, const kh_listed_object *object, kh_error *err)
{
    kh_error why = KH_ERROR_INIT;
    uint16_t dimse = 0;
    kh_status status = look_whether_it_may(of, object, &why);

    if (status == KH_OK)
        status = kh_sender_send(sender, object, &dimse, &why);
    if (status == KH_E_CANCELLED) {
        of->stopped = true;
        return KH_OK;
    }
    if (status != KH_OK && sender->full) {
        of->full = true;
        of->why = why;
        return KH_OK;
    }
    if (status != KH_OK) {
        note_failure(of, status, dimse, &why);
        of->unreachable = sender->breaks >= KH_SENDER_BREAKS_MAX;
        return KH_OK;
    }
    of->taken++;
    of->taken_ids[of->taken_count++] = object->object_id;
    return of->taken_count == TICK_OFF || kh_clock_monotonic_ms() - of->ticked_ms >= TICK_OFF_MS ? tick_off(of, err) : KH_OK;
}

static bool has_ended(const attempt *of)
{
    return of->stopped || of->unreachable || of->closed || of->full || of->made_way || kh_send_is_cancelled(of->queue, of->send->id);
}

static bool must_end(attempt *of)
{
    of->stopped = of->stopped || kh_stop_raised(of->queue->options.stop);
    if (of->send->priority != KH_PULL_URGENT && of->scu.use && !of->made_way)
        of->made_way = kh_node_use_make_way(of->scu.use, of->node.id);
    return has_ended(of);
}

/* Recorded, or put off like one whose node is full. */
static void tell_first(attempt *of)
{
    if (of->told)
        return;
    of->told = kh_told_sending_on(of->queue->options.service, of->send, &of->node, &of->why) == KH_OK;
    of->full = !of->told;
}

/* The objects after after_id; *after_id moves on, and stays when there are no more. */
static kh_status send_batch(attempt *of, int64_t *after_id, bool *more, kh_error *err)
{
    kh_object_list list;
    kh_sender sender = {.cache = of->queue->options.cache,
                        .scu = &of->scu,
                        .node = &of->node,
                        .list = &list,
                        .codec = of->queue->options.codec,
                        .may_go_on = may_go_on,
                        .go_on_context = of,
                        .originator = ""};
    kh_status status;

    kh_object_list_init(&list);
    status = kh_send_items(of->queue->options.cache, of->send->id, *after_id, BATCH, kh_object_list_add, &list, err);
    *more = list.count == BATCH;
    if (status == KH_OK && list.count > 0)
        tell_first(of);
    for (size_t i = 0; status == KH_OK && i < list.count && !must_end(of); i++) {
        status = send_one(of, &sender, kh_object_list_at(&list, i), err);
        *after_id = kh_object_list_at(&list, i)->object_id;
    }
    kh_sender_close(&sender);
    if (status == KH_OK)
        status = tick_off(of, err);
    kh_object_list_release(&list);
    return status;
}

static kh_status begin_taking(attempt *of, kh_error *err)
{
    kh_object_list list;
    kh_status status;

    of->study_key = (kh_search_key){.tag = KH_TAG_STUDY_INSTANCE_UID, .value = of->send->study_uid};
    status = kh_taking_begin(&of->taking, of->queue->options.service, KH_VERB_TAKE, NULL, &of->node, &of->study_key, 1, err);
    if (status != KH_OK || !of->queue->options.service->rights)
        return status;
    status = kh_taking_list(&of->taking, &list, err);
    kh_object_list_release(&list);
    return status;
}

static kh_status send_all(attempt *of, kh_error *err)
{
    int64_t after_id = 0;
    bool more = true;
    kh_status status = kh_node_by_id(of->queue->options.cache, of->send->node_id, &of->node, err);

    kh_service_scu(of->queue->options.service, &of->scu);
    of->scu.urgent = of->send->priority == KH_PULL_URGENT;
    if (!of->scu.urgent) /* its worker has other nodes to send to */
        of->scu.wait_ms = 0;
    of->ticked_ms = kh_clock_monotonic_ms();
    of->closed = status == KH_OK && !kh_node_open_now(&of->node, kh_clock_wall_ms());
    if (status == KH_OK)
        status = begin_taking(of, err);
    while (status == KH_OK && more && !must_end(of))
        status = send_batch(of, &after_id, &more, err);
    kh_taking_end(&of->taking);
    return status;
}

/* --- how it stands --- */

static void add_reason(kh_send *send, const char *format, ...) KH_PRINTF(2, 3);
static void add_reason(kh_send *send, const char *format, ...)
{
    size_t used = strlen(send->reason);
    va_list list;

    va_start(list, format);
    vsnprintf(send->reason + used, sizeof(send->reason) - used, format, list);
    va_end(list);
}

/* Nothing was wrong with it: it goes on later. Other sends to a node that is not sent to now do not try before. */
static void put_off(attempt *of, int64_t delay_ms)
{
    of->send->state = KH_SEND_WAITING;
    of->send->not_before_ms = kh_clock_wall_ms() + delay_ms;
    if (of->full)
        kh_node_gate_rest(&of->queue->gate, of->send->node_id, delay_ms);
}

static void retry_or_end(attempt *of, bool hopeless)
{
    const kh_send_queue_options *options = &of->queue->options;
    kh_send *send = of->send;
    int64_t delay_ms;

    send->attempts = of->taken > 0 ? 1 : send->attempts + 1;
    if (hopeless || send->attempts >= (int32_t)options->attempts_max) {
        send->state = send->sent > 0 ? KH_SEND_PARTIAL : KH_SEND_FAILED;
        return;
    }
    delay_ms = kh_pull_backoff_ms(options->retry_first_ms, options->retry_longest_ms, send->attempts, (unsigned)kh_clock_monotonic_us());
    send->state = KH_SEND_WAITING;
    send->not_before_ms = kh_clock_wall_ms() + delay_ms;
    if (of->unreachable)
        kh_node_gate_rest(&of->queue->gate, send->node_id, delay_ms);
}

static void conclude(attempt *of, kh_status status, const kh_error *err)
{
    kh_send *send = of->send;
    bool hopeless = status == KH_E_NOT_FOUND || (of->refused > 0 && of->hopeless == of->refused && !of->unreachable);

    send->reason[0] = '\0';
    send->failed = of->refused;
    if (status == KH_OK && of->refused == 0 && !has_ended(of)) {
        send->state = KH_SEND_COMPLETE; /* unless something came meanwhile: kh_send_update() sees it */
        return;
    }
    add_reason(send, "%lld of %lld", (long long)send->sent, (long long)send->total);
    if (of->refused > 0)
        add_reason(send, "; %lld not taken: %s", (long long)of->refused, of->why.message);
    if (status != KH_OK)
        add_reason(send, "; %s", err->message);
    if (kh_send_is_cancelled(of->queue, send->id)) {
        send->state = KH_SEND_CANCELLED;
    } else if (of->stopped || of->made_way) { /* the next owner goes on, or we do */
        put_off(of, 0);
    } else if (of->closed) {
        add_reason(send, "; outside the hours of the node");
        put_off(of, of->queue->options.retry_longest_ms);
    } else if (of->full) {
        add_reason(send, "; %s", of->why.message);
        put_off(of, BUSY_REST_MS);
    } else {
        retry_or_end(of, hopeless);
    }
}

void kh_send_attempt(kh_send_queue *queue, kh_send *send)
{
    attempt of = {.queue = queue, .send = send, .why = KH_ERROR_INIT};
    kh_error err = KH_ERROR_INIT, update_err = KH_ERROR_INIT;
    int64_t begin_ms = kh_clock_monotonic_ms();
    kh_status status = send_all(&of, &err);

    conclude(&of, status, &err);
    if (of.taken > 0)
        kh_node_gate_rest(&queue->gate, send->node_id, 0);
    if (kh_send_update(queue->options.cache, send, &update_err) != KH_OK)
        kh_log(KH_LOG_ERROR, "send", "send %lld: its state is not stored: %s", (long long)send->id, update_err.message);
    if (of.told)
        kh_told_sent_on(queue->options.service, send, &of.node, of.taken, of.refused);
    kh_log(send->state == KH_SEND_COMPLETE ? KH_LOG_INFO : KH_LOG_WARN, "send",
           "send %lld, study %s to %s: %lld of %lld there, %lld now, %lld ms: %s%s%s", (long long)send->id, send->study_uid, of.node.name,
           (long long)send->sent, (long long)send->total, (long long)of.taken, (long long)(kh_clock_monotonic_ms() - begin_ms),
           kh_send_state_text(send->state), send->reason[0] ? ", " : "", send->reason);
}
