/* compare_answers.c - what a node answered is noted: what it no longer has, what it has again, what no longer holds. */
#include "cache/compares.h"

#include "cache/compare_rows.h"

typedef struct noting {
    kh_compare *compare;
    const kh_compared *answers;
    size_t count;
} noting;

static void take_nothing(kh_sql_row *row, void *context)
{
    (void)row;
    (void)context;
}

/* Objects that are hidden here are not counted among those that are missing: what is missing after that is news. */
static kh_status is_known(kh_write *write, int64_t node_id, const kh_compared *answer, bool *known, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(answer->study_id), KH_SQL_I(node_id), KH_SQL_I(answer->told), KH_SQL_T(answer->there)};
    kh_status status = kh_sql_first(
        kh_write_sql(write),
        "SELECT 1 FROM finding d WHERE study_ref = ?1 AND node_id = ?2 AND kind = ?3 AND there = ?4 AND state <> 3"
        " AND NOT (kind = 3 AND " KH_IS_FOLLOWED("d") ")",
        values, 4, take_nothing, NULL, err);

    *known = status == KH_OK;
    return status == KH_E_NOT_FOUND ? KH_OK : status;
}

/* The hospital has the study: what was said of it otherwise no longer holds, unless it was followed here and hides something. When it has
 * not: that it returned. */
static kh_status end_others(kh_write *write, int64_t node_id, const kh_compared *answer, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(answer->study_id), KH_SQL_I(node_id), KH_SQL_I(answer->told), KH_SQL_T(answer->there),
                                   KH_SQL_I(kh_write_now_ms(write))};

    return kh_sql_run(
        kh_write_sql(write),
        "UPDATE finding SET state = 3, ended_ms = ?5, ended_by = '' WHERE study_ref = ?1 AND node_id = ?2"
        " AND kind <> 5 AND NOT (kind = ?3 AND there = ?4) AND (?3 <> 1 OR kind = 4) AND (state IN (0, 2) OR state = 1 AND (kind = 4"
        " OR EXISTS (SELECT 1 FROM change c WHERE c.id = finding.change_id AND c.undone_ms > 0) OR kind = 3 AND NOT EXISTS"
        " (SELECT 1 FROM object o WHERE o.hidden = finding.change_id AND o.hidden > 0)))",
        values, 5, NULL, err);
}

static kh_status note_study(kh_write *write, int64_t node_id, const kh_compared *answer, bool known, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(node_id),          KH_SQL_I(answer->study_id), KH_SQL_I(kh_write_now_ms(write)),
                                   KH_SQL_I(known ? 0 : answer->told), KH_SQL_T(answer->there), KH_SQL_I(answer->missing)};

    return kh_sql_run(
        kh_write_sql(write),
        "INSERT INTO compare_study (node_id, study_ref, when_ms, told, there, missing) SELECT ?1, id, ?3, ?4, ?5, ?6 FROM study"
        " WHERE id = ?2 ON CONFLICT DO UPDATE SET when_ms = ?3, told = ?4, there = ?5, missing = ?6, kind = iif(?4 > 0, kind, 0),"
        " since_ms = iif(?4 > 0, since_ms, 0)",
        values, 6, NULL, err);
}

/* Instead of those of the answer before. */
static kh_status note_missing(kh_write *write, int64_t node_id, const kh_compared *answer, kh_error *err)
{
    kh_sql_value values[] = {KH_SQL_I(node_id), KH_SQL_I(answer->study_id), KH_SQL_N};
    kh_sql *sql = kh_write_sql(write);
    kh_status status = kh_sql_run(sql, "DELETE FROM compare_missing WHERE node_id = ?1 AND study_ref = ?2", values, 2, NULL, err);

    for (int64_t i = 0; answer->told == KH_FINDING_INSTANCES && i < answer->missing && status == KH_OK; i++) {
        values[2] = KH_SQL_T(answer->missing_uids + i * KH_UID_SIZE);
        status = kh_sql_run(
            sql,
            "INSERT INTO compare_missing SELECT ?1, ?2, o.id FROM series r JOIN object o ON o.series_ref = r.id AND o.sop_uid = ?3"
            " WHERE r.study_ref = ?2 ON CONFLICT DO NOTHING",
            values, 3, NULL, err);
    }
    return status;
}

/* Which of those that are hidden here are there, instead of those of the answer before. When none is, that it was so is over. */
static kh_status note_reappeared(kh_write *write, int64_t node_id, const kh_compared *answer, kh_error *err)
{
    kh_sql_value values[] = {KH_SQL_I(node_id), KH_SQL_I(answer->study_id), KH_SQL_I(kh_write_now_ms(write))};
    kh_sql *sql = kh_write_sql(write);
    kh_status status = kh_sql_run(sql, "DELETE FROM compare_back WHERE node_id = ?1 AND study_ref = ?2", values, 2, NULL, err);

    if (status == KH_OK && answer->reappeared == 0)
        return kh_sql_run(sql,
                          "UPDATE finding SET state = 3, ended_ms = ?3, ended_by = '' WHERE study_ref = ?2 AND node_id = ?1 AND kind = 5"
                          " AND state <> 3",
                          values, 3, NULL, err);
    for (int64_t i = 0; i < answer->reappeared && status == KH_OK; i++) {
        values[2] = KH_SQL_T(answer->reappeared_uids + i * KH_UID_SIZE);
        status = kh_sql_run(
            sql,
            "INSERT INTO compare_back SELECT ?1, ?2, o.id FROM series r JOIN object o ON o.series_ref = r.id AND o.sop_uid = ?3"
            " WHERE r.study_ref = ?2 AND o.hidden IN (SELECT change_id FROM compare_hidden WHERE node_id = ?1 AND study_ref = ?2)"
            " ON CONFLICT DO NOTHING",
            values, 3, NULL, err);
    }
    return status;
}

static kh_status note_answer(kh_write *write, int64_t node_id, const kh_compared *answer, bool *known, kh_error *err)
{
    kh_status status = KH_OK;

    *known = false;
    if (answer->told != 0)
        status = is_known(write, node_id, answer, known, err);
    if (status == KH_OK)
        status = end_others(write, node_id, answer, err);
    if (status == KH_OK)
        status = note_study(write, node_id, answer, *known, err);
    if (status == KH_OK)
        status = note_missing(write, node_id, answer, err);
    return status == KH_OK ? note_reappeared(write, node_id, answer, err) : status;
}

static void count(kh_compare *c, const kh_compared *answer, bool known)
{
    c->asked++;
    c->same += answer->told == 0;
    c->known += known;
    if (!known) {
        c->gone += answer->told == KH_FINDING_GONE;
        c->patient += answer->told == KH_FINDING_PATIENT;
        c->instances += answer->told == KH_FINDING_INSTANCES;
    }
}

static kh_status note(kh_write *write, void *context, kh_error *err)
{
    noting *n = context;
    kh_status status = KH_OK;

    for (size_t i = 0; i < n->count && status == KH_OK; i++) {
        const kh_compared *answer = &n->answers[i];
        bool known;

        status = note_answer(write, n->compare->node_id, answer, &known, err);
        count(n->compare, answer, known);
    }
    return status == KH_OK ? kh_compare_store(write, n->compare, err) : status;
}

kh_status kh_compare_note(kh_cache *cache, kh_compare *compare, const kh_compared *answers, size_t answer_count, kh_error *err)
{
    kh_compare after = *compare; /* stays as it was when this fails */
    noting n = {&after, answers, answer_count};
    kh_status status = kh_cache_write(cache, note, &n, err);

    if (status == KH_OK)
        *compare = after;
    return status;
}

typedef struct noting_one {
    int64_t node_id;
    const kh_compared *answer;
} noting_one;

static kh_status note_one(kh_write *write, void *context, kh_error *err)
{
    const noting_one *n = context;
    bool known;
    kh_status status = note_answer(write, n->node_id, n->answer, &known, err);

    return status == KH_OK ? kh_write_event(write, KH_EVENT_FINDING, 0, err) : status;
}

kh_status kh_compare_note_one(kh_cache *cache, int64_t node_id, const kh_compared *answer, kh_error *err)
{
    noting_one n = {node_id, answer};

    return kh_cache_write(cache, note_one, &n, err);
}
