#include "cache/judging.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "cache/facts.h"
#include "cache/internal.h"
#include "cache/issuers.h"
#include "cache/refresh.h"
#include "cache/rows.h"

#define FILES_MAX 500 /* read in one step, before the study that comes next */

/* ---- where the pass stands ---- */

typedef struct stored_pass {
    kh_judging at;
    char rules[KH_ISSUERS_SIZE];
} stored_pass;

static void take_pass(kh_sql_row *row, void *context)
{
    stored_pass *out = context;

    out->at = (kh_judging){.began_ms = kh_sql_int(row, 0),
                           .ended_ms = kh_sql_int(row, 1),
                           .position = kh_sql_int(row, 2),
                           .studies = kh_sql_int(row, 3),
                           .apart = kh_sql_int(row, 4),
                           .back = kh_sql_int(row, 5),
                           .left = kh_sql_int(row, 6),
                           .away = kh_sql_int(row, 7)};
    KH_COPY(out->rules, kh_sql_text(row, 8));
}

kh_status kh_judging_get(kh_cache *cache, kh_judging *out, kh_error *err)
{
    stored_pass pass = {.rules = ""};
    kh_status status = kh_cache_first(
        cache, "SELECT began_ms, ended_ms, position, studies, apart, back, \"left\", away, rules FROM judging WHERE id = 1", NULL, 0,
        take_pass, &pass, err);

    *out = pass.at;
    out->other_rules = strcmp(pass.rules, cache->options.issuers) != 0;
    return status == KH_E_NOT_FOUND ? KH_OK : status;
}

typedef struct storing {
    const kh_judging *at;
    const char *rules; /* NULL: as they are */
} storing;

static kh_status store(kh_write *write, void *context, kh_error *err)
{
    const storing *s = context;
    const kh_judging *at = s->at;
    const kh_sql_value values[] = {KH_SQL_I(at->began_ms ? at->began_ms : kh_write_now_ms(write)),
                                   KH_SQL_I(at->ended_ms < 0 ? kh_write_now_ms(write) : at->ended_ms),
                                   KH_SQL_I(at->position),
                                   KH_SQL_I(at->studies),
                                   KH_SQL_I(at->apart),
                                   KH_SQL_I(at->back),
                                   KH_SQL_I(at->left),
                                   KH_SQL_I(at->away),
                                   s->rules ? KH_SQL_T(s->rules) : KH_SQL_N};

    return kh_sql_run(kh_write_sql(write),
                      "INSERT INTO judging (id, began_ms, ended_ms, position, studies, apart, back, \"left\", away, rules)"
                      " VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ifnull(?9, '')) ON CONFLICT DO UPDATE SET began_ms = ?1, ended_ms = ?2,"
                      " position = ?3, studies = ?4, apart = ?5, back = ?6, \"left\" = ?7, away = ?8, rules = ifnull(?9, rules)",
                      values, 9, NULL, err);
}

kh_status kh_judging_begin(kh_cache *cache, const char *rules, kh_error *err)
{
    const kh_judging begin = {.position = 0};
    storing s = {&begin, cache->options.issuers};
    kh_judging at;
    kh_status status;

    if (strcmp(rules, cache->options.issuers) != 0)
        return kh_error_set(err, KH_E_CONFLICT, "the service has other [storage] issuers than the configuration: start it anew first");
    status = kh_judging_get(cache, &at, err);
    if (status != KH_OK || (at.began_ms != 0 && at.ended_ms == 0 && !at.other_rules))
        return status;
    return kh_cache_write(cache, store, &s, err);
}

/* ---- what the files of a study tell ---- */

typedef struct judged_study {
    int64_t id, facility_id, patient_ref;
    char facility[65];
    bool foreign; /* it stands apart as another issuer's */
    bool moved;   /* a person has said whose it is */
} judged_study;

typedef struct hearing {
    kh_cache *cache;
    const judged_study *study;
    kh_facts *facts; /* of one object that was read */
    int64_t own, foreign, unread;
} hearing;

/* What is wrong with a file is its own matter; what is wrong with us ends the step. */
static kh_status hear_one(hearing *h, int64_t file_id, int64_t origin_id, kh_error *err)
{
    kh_error why = KH_ERROR_INIT;
    kh_facts facts;
    int fd = -1;
    kh_status status = kh_object_open_file(&fd, &h->cache->paths, file_id, origin_id, &why);

    if (status != KH_OK && status != KH_E_CORRUPT)
        return kh_error_set(err, status, "%s", why.message);
    if (status == KH_E_CORRUPT) { /* it is gone */
        h->unread++;
        return KH_OK;
    }
    status = kh_facts_read_texts(&facts, fd, &why);
    close(fd);
    if (status != KH_OK) {
        kh_facts_release(&facts);
        h->unread++;
        return status == KH_E_MEMORY ? kh_error_set(err, status, "%s", why.message) : KH_OK;
    }
    kh_issuers_judge(h->cache->options.issuers, h->study->facility, &facts);
    h->foreign += facts.foreign;
    h->own += !facts.foreign;
    kh_facts_release(h->facts);
    *h->facts = facts;
    return KH_OK;
}

static kh_status hear_series(kh_sql_row *row, void *context, kh_error *err)
{
    return hear_one(context, kh_sql_int(row, 0), kh_sql_int(row, 1), err);
}

/* One object of each series. */
static kh_status hear(hearing *h, kh_error *err)
{
    const kh_sql_value id = KH_SQL_I(h->study->id);

    return kh_cache_each(h->cache,
                         "SELECT ifnull(o.file_id, o.id), o.origin_id FROM series r JOIN object o ON o.id = (SELECT min(f.id) FROM object f"
                         " WHERE f.series_ref = r.id AND f.file_id IS NOT 0) WHERE r.study_ref = ?1",
                         &id, 1, hear_series, h, err);
}

/* ---- whose it becomes ---- */

typedef struct moving {
    const judged_study *study;
    const kh_facts *facts;
} moving;

static kh_status move(kh_write *write, void *context, kh_error *err)
{
    const moving *m = context;
    int64_t patient_ref = 0, moved = 0;
    kh_status status = kh_rows_patient(write, m->study->facility_id, m->facts, &patient_ref, err);
    const kh_sql_value values[] = {KH_SQL_I(m->study->id), KH_SQL_I(m->study->patient_ref), KH_SQL_I(patient_ref),
                                   KH_SQL_I(m->facts->foreign)};

    if (status == KH_OK) /* unless somebody was faster */
        status = kh_sql_run(kh_write_sql(write),
                            "UPDATE study SET patient_ref = ?3, foreign_id = ?4 WHERE id = ?1 AND patient_ref = ?2", values, 4, &moved, err);
    if (status == KH_OK && moved == 0)
        return kh_error_set(err, KH_E_CONFLICT, "it was moved meanwhile");
    return status == KH_OK ? kh_refresh_study(write, m->study->id, err) : status;
}

static kh_status settle(hearing *h, kh_judging *at, kh_error *err)
{
    const judged_study *study = h->study;
    moving m = {study, h->facts};
    kh_error why = KH_ERROR_INIT;
    bool foreign = h->foreign > 0;
    kh_status status;

    if (h->own + h->foreign == 0 && h->unread == 0) {
        at->away++;
        return KH_OK;
    }
    if (h->unread > 0 || (h->own > 0 && h->foreign > 0)) {
        at->left++;
        kh_log(KH_LOG_WARN, "issuers", "study %lld stays as it is: %s", (long long)study->id,
               h->unread > 0 ? "not all of its series can be read" : "its series name different issuers");
        return KH_OK;
    }
    if (foreign == study->foreign)
        return KH_OK;
    status = kh_cache_write(h->cache, move, &m, &why);
    if (status != KH_OK && status != KH_E_CONFLICT)
        return kh_error_set(err, status, "%s", why.message);
    at->left += status != KH_OK;
    at->apart += status == KH_OK && foreign;
    at->back += status == KH_OK && !foreign;
    if (status == KH_OK)
        kh_log(KH_LOG_WARN, "issuers", "study %lld: %s", (long long)study->id,
               foreign ? "its patient ID was given by an issuer that is none of its hospital's; it is no patient's until somebody says whose"
                       : "its patient ID is no longer taken for another issuer's; it is its hospital's own patient's");
    else
        kh_log(KH_LOG_WARN, "issuers", "study %lld stays as it is: the patient has one with its UID, or it was moved meanwhile",
               (long long)study->id);
    return KH_OK;
}

static kh_status judge(kh_cache *cache, const judged_study *study, kh_judging *at, int64_t *files, kh_error *err)
{
    kh_facts facts = {.foreign = false};
    hearing h = {.cache = cache, .study = study, .facts = &facts};
    kh_status status = KH_OK;

    if (!study->moved && (study->foreign || kh_issuers_name(cache->options.issuers, study->facility))) {
        status = hear(&h, err);
        *files += h.own + h.foreign + h.unread;
        if (status == KH_OK)
            status = settle(&h, at, err);
    }
    kh_facts_release(&facts);
    at->studies += status == KH_OK;
    at->position = status == KH_OK ? study->id : at->position;
    return status;
}

/* ---- a step ---- */

typedef struct batch {
    judged_study *studies;
    size_t count;
} batch;

static kh_status take_study(kh_sql_row *row, void *context, kh_error *err)
{
    batch *b = context;
    judged_study *study = &b->studies[b->count++];

    (void)err;
    study->id = kh_sql_int(row, 0);
    study->facility_id = kh_sql_int(row, 1);
    KH_COPY(study->facility, kh_sql_text(row, 2));
    study->patient_ref = kh_sql_int(row, 3);
    study->foreign = kh_sql_int(row, 4) != 0;
    study->moved = kh_sql_int(row, 5) != 0;
    return KH_OK;
}

/* A person has said whose a study is by moving it, or, of one that stood apart, by giving it an ID. */
static kh_status next_studies(kh_cache *cache, int64_t after, batch *b, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(after), KH_SQL_I(KH_JUDGING_STUDIES_MAX)};

    return kh_cache_each(cache,
                         "SELECT s.id, f.id, f.name, s.patient_ref, s.foreign_id, (s.foreign_id = 1 AND p.patient_id <> '') OR EXISTS"
                         " (SELECT 1 FROM moved m JOIN change c ON c.id = m.change_id WHERE m.study_ref = s.id AND c.undone_ms = 0)"
                         " FROM study s CROSS JOIN patient p ON p.id = s.patient_ref CROSS JOIN facility f ON f.id = p.facility_id"
                         " WHERE s.id > ?1 ORDER BY s.id LIMIT ?2", /* CROSS: in this order, along the studies */
                         values, 2, take_study, b, err);
}

static void tell_end(const kh_judging *at)
{
    kh_log(KH_LOG_INFO, "issuers",
           "%lld studies were judged by the issuers of their patient IDs: %lld stand apart now, %lld no longer, %lld stay as they are, "
           "%lld are at their hospitals",
           (long long)at->studies, (long long)at->apart, (long long)at->back, (long long)at->left, (long long)at->away);
}

kh_status kh_judging_step(kh_cache *cache, kh_error *err)
{
    batch b = {.studies = NULL};
    kh_error write_err = KH_ERROR_INIT;
    int64_t files = 0;
    kh_judging at;
    storing s = {&at, NULL};
    kh_status status = kh_judging_get(cache, &at, err), written;

    if (status != KH_OK || at.began_ms == 0 || at.ended_ms != 0)
        return status;
    if (at.other_rules)
        return kh_error_set(err, KH_E_CONFLICT, "[storage] issuers has changed since this began: begin anew");
    b.studies = calloc(KH_JUDGING_STUDIES_MAX, sizeof *b.studies);
    if (!b.studies)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a list of studies");
    status = next_studies(cache, at.position, &b, err);
    for (size_t i = 0; i < b.count && status == KH_OK && files < FILES_MAX; i++)
        status = judge(cache, &b.studies[i], &at, &files, err);
    if (status == KH_OK && b.count == 0)
        at.ended_ms = -1; /* now, by the writer's clock */
    free(b.studies);
    written = kh_cache_write(cache, store, &s, &write_err); /* also of those before the one that failed */
    if (status == KH_OK && written != KH_OK)
        return kh_error_set(err, written, "%s", write_err.message);
    if (status == KH_OK && b.count == 0)
        tell_end(&at);
    return status;
}
