#include "pacs-bridge/compare.h"

#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "cache/node_hours.h"
#include "pacs-bridge/pull_job.h"
#include "pacs-bridge/query.h"
#include "pacs-bridge/uid_set.h"

#define INSTANCES_MAX 200000 /* of one study */
#define IDS_MAX 8            /* patients a node tells for one study */
#define PASS_OVER_AFTER 3    /* failed answers about one study, from a node that answers */
#define BATCH_S 10           /* an association asks what may be asked in so many seconds */

typedef struct asking {
    const kh_compare_work *work;
    const kh_node *node;
    const char *facility;
    kh_query query;
    kh_compare_study studies[KH_COMPARE_BATCH_MAX];
    kh_compared answers[KH_COMPARE_BATCH_MAX];
    kh_buf missing[KH_COMPARE_BATCH_MAX]; /* UIDs that answers point to */
    kh_buf reappeared[KH_COMPARE_BATCH_MAX]; /* likewise */
    size_t count, answered, questions;
} asking;

/* --- one study --- */

typedef struct match {
    const char *study_uid;
    bool found, others;
    char ids[IDS_MAX][65];
    size_t id_count;
    int64_t instances;
} match;

static kh_status note_match(void *context, const kh_found_study *study)
{
    match *m = context;

    if (strcmp(study->study_uid, m->study_uid) != 0) {
        m->others = true;
        return KH_OK;
    }
    m->found = true;
    if (study->instances > m->instances)
        m->instances = study->instances;
    if (study->patient_id[0] && m->id_count < IDS_MAX)
        memcpy(m->ids[m->id_count++], study->patient_id, sizeof(m->ids[0]));
    return KH_OK;
}

static kh_status compare_patient(const asking *of, const match *m, kh_compared *answer, kh_error *err)
{
    kh_status status = KH_OK;
    bool same = m->id_count == 0; /* a node that does not tell says nothing */

    for (size_t i = 0; i < m->id_count && !same && status == KH_OK; i++)
        status = kh_compare_same_patient(of->work->cache, answer->study_id, m->ids[i], &same, err);
    if (status == KH_OK && !same) {
        answer->told = KH_FINDING_PATIENT;
        memcpy(answer->there, m->ids[0], sizeof(answer->there));
    }
    return status;
}

static kh_status note_there(void *context, const char *series_uid, const char *sop_instance_uid)
{
    (void)series_uid;
    return kh_uid_set_add(context, sop_instance_uid, NULL);
}

typedef struct ticking {
    const kh_uid_set *there;
    bool wanted;  /* those that are there, or those that are not */
    kh_buf *uids; /* KH_UID_SIZE bytes each */
} ticking;

static kh_status tick_off(void *context, const char *uid)
{
    const ticking *t = context;
    char padded[KH_UID_SIZE] = "";

    if (kh_uid_set_has(t->there, uid) != t->wanted)
        return KH_OK;
    snprintf(padded, sizeof(padded), "%s", uid);
    return kh_buf_append(t->uids, padded, sizeof(padded), NULL);
}

static kh_status note_missing(asking *of, const kh_compare_study *study, const kh_uid_set *there, kh_compared *answer, kh_error *err)
{
    ticking t = {there, false, &of->missing[of->answered]};
    kh_status status;

    kh_buf_clear(t.uids);
    status = kh_compare_pulled(of->work->cache, study->study_id, of->node->id, tick_off, &t, err);
    if (status == KH_OK && t.uids->size > 0) {
        answer->told = KH_FINDING_INSTANCES;
        answer->missing = (int64_t)(t.uids->size / KH_UID_SIZE);
        answer->missing_uids = kh_buf_text(t.uids);
    }
    return status;
}

static kh_status note_reappeared(asking *of, const kh_compare_study *study, const kh_uid_set *there, kh_compared *answer, kh_error *err)
{
    ticking t = {there, true, &of->reappeared[of->answered]};
    kh_status status;

    kh_buf_clear(t.uids);
    status = kh_compare_missing(of->work->cache, study->study_id, of->node->id, tick_off, &t, err);
    answer->reappeared = (int64_t)(t.uids->size / KH_UID_SIZE);
    answer->reappeared_uids = kh_buf_text(t.uids);
    return status;
}

/* The node counts fewer than we have of it, or some are hidden as missing there: which ones it lists decides, and a list shorter than its
 * own count says nothing of what is missing. */
static kh_status compare_instances(asking *of, const kh_compare_study *study, int64_t told, kh_compared *answer, kh_error *err)
{
    bool fewer = answer->told == 0 && told > 0 && study->pulled > told;
    kh_uid_set there;
    kh_status status;

    if (!fewer && study->missing == 0)
        return KH_OK;
    kh_uid_set_init(&there, INSTANCES_MAX);
    of->questions++;
    status = kh_query_instances(&of->query, study->study_uid, INSTANCES_MAX, note_there, &there, err);
    if (status == KH_OK && fewer && (int64_t)there.count >= told)
        status = note_missing(of, study, &there, answer, err);
    if (status == KH_OK && study->missing > 0)
        status = note_reappeared(of, study, &there, answer, err);
    kh_uid_set_release(&there);
    return status;
}

static kh_status ask_study(asking *of, const kh_compare_study *study, kh_compared *answer, kh_error *err)
{
    const kh_find_filter filter = {.study_uid = study->study_uid};
    match m = {.study_uid = study->study_uid};
    kh_status status;

    *answer = (kh_compared){.study_id = study->study_id};
    of->questions++;
    status = kh_query_studies(&of->query, &filter, note_match, &m, err);
    if (status != KH_OK)
        return status;
    if (!m.found && m.others)
        return kh_error_set(err, KH_E_PEER, "node %s answers with other studies than the one asked for", of->node->name);
    if (!m.found) {
        answer->told = study->shown || study->hidden ? KH_FINDING_GONE : 0; /* all of it is hidden, object by object: known */
        return KH_OK;
    }
    if (study->hidden) {
        answer->told = KH_FINDING_RETURNED;
        return KH_OK;
    }
    status = compare_patient(of, &m, answer, err);
    return status == KH_OK ? compare_instances(of, study, m.instances, answer, err) : status;
}

/* Until all are answered, or somebody urgent wants the association's place. */
static kh_status ask(asking *of, kh_error *err)
{
    kh_node_use *use = of->work->scu->use;
    kh_status status = kh_query_open(&of->query, of->work->scu, of->node, err);

    while (status == KH_OK && of->answered < of->count && !(use && kh_node_use_make_way(use, of->node->id))) {
        status = ask_study(of, &of->studies[of->answered], &of->answers[of->answered], err);
        of->answered += status == KH_OK;
    }
    kh_query_close(&of->query, status);
    return status;
}

static void begin_asking(asking *of)
{
    for (size_t i = 0; i < KH_COMPARE_BATCH_MAX; i++) {
        kh_buf_init(&of->missing[i], (size_t)INSTANCES_MAX * KH_UID_SIZE);
        kh_buf_init(&of->reappeared[i], (size_t)INSTANCES_MAX * KH_UID_SIZE);
    }
}

static void end_asking(asking *of)
{
    for (size_t i = 0; i < KH_COMPARE_BATCH_MAX; i++) {
        kh_buf_release(&of->missing[i]);
        kh_buf_release(&of->reappeared[i]);
    }
}

kh_status kh_compare_study_now(const kh_compare_work *work, const kh_node *node, int64_t study_id, kh_error *err)
{
    asking of = {.work = work, .node = node, .facility = node->facility[0] ? node->facility : work->facility_default, .count = 1};
    kh_status status = kh_compare_one(work->cache, node->id, of.facility, study_id, &of.studies[0], err);

    begin_asking(&of);
    if (status == KH_OK)
        status = ask(&of, err);
    if (status == KH_OK && of.answered == 0)
        status = kh_error_set(err, KH_E_BUSY, "node %s is needed for something urgent", node->name);
    if (status == KH_OK)
        status = kh_compare_note_one(work->cache, node->id, &of.answers[0], err);
    end_asking(&of);
    return status;
}

/* --- a round --- */

static kh_status say(const kh_compare_work *work, kh_compare *at, const char *reason, kh_error *err)
{
    if (strcmp(at->reason, reason) == 0)
        return KH_OK; /* told already */
    snprintf(at->reason, sizeof(at->reason), "%s", reason);
    return kh_compare_update(work->cache, at, err);
}

static kh_status end_unbelieved(const asking *of, kh_compare *at, const char *reason, kh_error *err)
{
    snprintf(at->reason, sizeof(at->reason), "%s", reason);
    kh_log(KH_LOG_WARN, "compare", "node %s: nothing of this round is believed, after %lld studies: %s", of->node->name,
           (long long)at->asked, reason);
    return kh_compare_end(of->work->cache, at, false, of->work->limits->apart_ms, err);
}

static kh_status try_later(const asking *of, kh_compare *at, kh_status status, const kh_error *why, kh_error *err)
{
    const kh_compare_work *work = of->work;

    if (status == KH_E_UNSUPPORTED || status == KH_E_ARG) /* until somebody changes something */
        return end_unbelieved(of, at, why->message, err);
    if (status == KH_E_BUSY) /* it has as many of our associations as it may: no failure of its */
        return say(work, at, why->message, err);
    if (!of->query.broken && status == KH_E_PEER && of->count > 0 && of->answered < of->count && at->attempts >= PASS_OVER_AFTER) {
        kh_log(KH_LOG_WARN, "compare", "node %s: study %s is passed over: %s", of->node->name, of->studies[of->answered].study_uid,
               why->message);
        at->position = of->studies[of->answered].study_id;
        at->attempts = 0;
        return kh_compare_update(work->cache, at, err);
    }
    if (at->attempts == 0)
        kh_log(KH_LOG_WARN, "compare", "node %s: the comparison waits: %s", of->node->name, why->message);
    at->attempts += at->attempts < INT32_MAX;
    at->not_before_ms = kh_clock_wall_ms() +
                        kh_pull_backoff_ms(work->retry_first_ms, work->retry_longest_ms, at->attempts, (unsigned)kh_clock_monotonic_us());
    snprintf(at->reason, sizeof(at->reason), "%s", why->message);
    return kh_compare_update(work->cache, at, err);
}

/* What the configuration says is to be followed is; what cannot be waits for a person. */
static void follow(const asking *of, kh_finding_kind kind)
{
    static const kh_change_author author = {NULL, "compare"};
    kh_finding finding = {.id = 0};
    kh_error err = KH_ERROR_INIT;
    int64_t change_id;

    while (kh_finding_next(of->work->cache, of->node->id, kind, finding.id, &finding, &err) == KH_OK) {
        kh_error why = KH_ERROR_INIT;

        if (kh_finding_apply(of->work->cache, finding.id, &author, &change_id, &why) != KH_OK)
            kh_log(KH_LOG_WARN, "compare", "finding %lld is left to a person: %s", (long long)finding.id, why.message);
    }
    if (err.message[0])
        kh_log(KH_LOG_ERROR, "compare", "findings cannot be read: %s", err.message);
}

static kh_status end_round(const asking *of, kh_compare *at, kh_error *err)
{
    const kh_compare_limits *limits = of->work->limits;
    bool lives = at->same + at->patient + at->instances > 0; /* an archive that has something of what it gave */
    char reason[sizeof(at->reason)];
    kh_status status;

    if (at->gone > 1 && !lives) {
        snprintf(reason, sizeof(reason), "not one of %lld studies is there", (long long)at->asked);
        return end_unbelieved(of, at, reason, err);
    }
    at->reason[0] = '\0';
    status = kh_compare_end(of->work->cache, at, true, limits->apart_ms, err);
    if (status != KH_OK)
        return status;
    if (at->asked > 0)
        kh_log(KH_LOG_INFO, "compare",
               "node %s: %lld studies, %lld as here, %lld known to differ, %lld not there, %lld of another patient, %lld with fewer "
               "objects; %lld findings",
               of->node->name, (long long)at->asked, (long long)at->same, (long long)at->known, (long long)at->gone, (long long)at->patient,
               (long long)at->instances, (long long)at->findings);
    if (limits->hide_gone && lives)
        follow(of, KH_FINDING_GONE);
    if (limits->hide_gone)
        follow(of, KH_FINDING_RETURNED);
    if (limits->follow_merged)
        follow(of, KH_FINDING_PATIENT);
    return KH_OK;
}

/* What was answered, however it ended. */
static kh_status note_answers(const asking *of, kh_compare *at, int64_t position, kh_error *err)
{
    if (of->answered == of->count)
        at->position = position;
    else if (of->answered > 0)
        at->position = of->studies[of->answered - 1].study_id;
    if (of->answered > 0) {
        at->attempts = 0;
        at->not_before_ms = 0;
        at->reason[0] = '\0';
    }
    return kh_compare_note(of->work->cache, at, of->answers, of->answered, err);
}

static kh_status walk_on(asking *of, kh_compare *at, bool *more, kh_error *err)
{
    const kh_compare_limits *limits = of->work->limits;
    int64_t position = at->position, batch = limits->studies_per_hour * BATCH_S / 3600;
    char reason[sizeof(at->reason)];
    kh_error why = KH_ERROR_INIT;
    kh_status asked = KH_OK, status;
    bool end = false;

    batch = batch < 1 ? 1 : batch > KH_COMPARE_BATCH_MAX ? KH_COMPARE_BATCH_MAX : batch;
    status = kh_compare_next(of->work->cache, of->node->id, of->facility, &position, of->studies, (size_t)batch, &of->count, &end, err);
    if (status != KH_OK)
        return status;
    if (of->count > 0)
        asked = ask(of, &why);
    status = note_answers(of, at, position, err);
    if (status != KH_OK || asked == KH_E_CANCELLED) /* we stop: it goes on from here */
        return status;
    if (at->gone + at->patient + at->instances > limits->differences_max) {
        snprintf(reason, sizeof(reason), "more than %lld differences", (long long)limits->differences_max);
        return end_unbelieved(of, at, reason, err);
    }
    if (asked != KH_OK)
        return try_later(of, at, asked, &why, err);
    end = end && of->answered == of->count;
    *more = !end;
    return end ? end_round(of, at, err) : KH_OK;
}

static bool is_due(const kh_compare_work *work, const kh_compare *at, bool known)
{
    int64_t now_ms = kh_clock_wall_ms(), every_ms = work->limits->every_ms;

    if (!known)
        return every_ms > 0;
    if (at->ended_ms == 0)
        return at->not_before_ms <= now_ms || at->not_before_ms > now_ms + work->retry_longest_ms; /* see kh_pull_choice */
    return every_ms > 0 && (now_ms - at->began_ms >= every_ms || at->began_ms > now_ms);
}

kh_status kh_compare_step(const kh_compare_work *work, const kh_node *node, size_t *asked, bool *more, kh_error *err)
{
    asking of = {.work = work, .node = node, .facility = node->facility[0] ? node->facility : work->facility_default};
    kh_compare at;
    kh_status status = kh_compare_find(work->cache, node->id, &at, err);
    bool known = status == KH_OK;

    *asked = 0;
    *more = false;
    if ((!known && status != KH_E_NOT_FOUND) || !node->host[0] || !is_due(work, &at, known))
        return !known && status != KH_E_NOT_FOUND ? status : KH_OK;
    status = KH_OK;
    if (!kh_node_open_now(node, kh_clock_wall_ms()))
        return known && at.ended_ms == 0 ? say(work, &at, "outside the hours of the node", err) : KH_OK;
    if (!known || at.ended_ms > 0 || at.began_ms == 0)
        status = kh_compare_begin(work->cache, &at, err);
    begin_asking(&of);
    if (status == KH_OK)
        status = walk_on(&of, &at, more, err);
    end_asking(&of);
    *asked = of.questions;
    return status;
}
