/* compare_ask.c - which studies a round asks for, and what of them is held. */
#include "cache/compares.h"

#include "cache/compare_rows.h"

#define LOOKED_AT_ONCE 2000 /* studies, in one read transaction */

/* A pull that was complete, or brought something: the node had the study. One that ended because it had not leaves nothing of that. */
#define PULLED_COUNT                                                                                                           \
    "(SELECT count(*) FROM series r JOIN object o ON o.series_ref = r.id JOIN origin g ON g.id = o.origin_id"                  \
    " JOIN pull q ON q.id = g.pull_id WHERE r.study_ref = s.id AND o.hidden = 0 AND q.node_id = ?1)"
#define IS_HIDDEN_AS_GONE                                                                                                      \
    "EXISTS (SELECT 1 FROM finding d JOIN change c ON c.id = d.change_id WHERE d.study_ref = s.id AND d.node_id = ?1"          \
    " AND d.kind = 1 AND d.state = 1 AND c.undone_ms = 0)"
/* Objects of the study that are hidden as missing at this node; of one of which nothing is shown any more they count as long as nobody
 * has hidden the rest. */
#define HIDDEN_COUNT                                                                                                           \
    "(SELECT count(*) FROM compare_hidden h JOIN object o ON o.hidden = h.change_id AND o.hidden > 0"                          \
    " WHERE h.study_ref = s.id AND h.node_id = ?1)"
#define IS_HIDDEN_BY_PARTS "(" HIDDEN_COUNT " > 0 AND NOT " KH_HIDDEN_OTHERWISE("s.id") ")"
#define IS_ITS                                                                                                                 \
    "f.name = ?2 AND (s.object_count > 0 OR " IS_HIDDEN_AS_GONE " OR " IS_HIDDEN_BY_PARTS ")"                                  \
    " AND NOT EXISTS (SELECT 1 FROM arrival a WHERE a.study_ref = s.id)"                                                       \
    " AND (s.known_node = ?1 OR s.back_node = ?1 OR EXISTS (SELECT 1 FROM pull q WHERE q.study_uid = s.study_uid"              \
    " AND q.node_id = ?1 AND (q.state = 2 OR q.bytes > 0)))"
_Static_assert(KH_FINDING_GONE == 1 && KH_FINDING_OVER == 3, "kinds and states stand in the index by their numbers");

kh_status kh_compare_next(kh_cache *cache, int64_t node_id, const char *facility, int64_t *position, kh_compare_study *out, size_t max,
                          size_t *count, bool *end, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(node_id), KH_SQL_T(facility), KH_SQL_I(*position), KH_SQL_I(LOOKED_AT_ONCE)};
    int64_t looked = 0;
    kh_sql *sql = NULL;
    kh_sql_row *row = NULL;
    bool has_row = false;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    *count = 0;
    if (status == KH_OK)
        status = kh_sql_query(&row, sql,
                              "SELECT s.id, s.study_uid, iif(" IS_ITS ", " PULLED_COUNT ", -1), " IS_HIDDEN_AS_GONE ", " HIDDEN_COUNT
                              ", s.object_count > 0 FROM study s"
                              " CROSS JOIN patient p ON p.id = s.patient_ref CROSS JOIN facility f ON f.id = p.facility_id"
                              " WHERE s.id > ?3 ORDER BY s.id LIMIT ?4", /* CROSS: in this order, along the studies */
                              values, 4, err);
    while (status == KH_OK && *count < max && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        kh_compare_study *study = &out[*count];

        looked++;
        *position = study->study_id = kh_sql_int(row, 0);
        KH_COPY(study->study_uid, kh_sql_text(row, 1));
        study->pulled = kh_sql_int(row, 2);
        study->hidden = kh_sql_int(row, 3) != 0;
        study->missing = kh_sql_int(row, 4);
        study->shown = kh_sql_int(row, 5) != 0;
        *count += study->pulled >= 0;
    }
    *end = !has_row && looked < LOOKED_AT_ONCE;
    kh_sql_end(row);
    kh_reader_release(cache->readers, sql);
    return status;
}

kh_status kh_compare_one(kh_cache *cache, int64_t node_id, const char *facility, int64_t study_id, kh_compare_study *out, kh_error *err)
{
    int64_t position = study_id - 1;
    size_t found = 0;
    bool end;
    kh_status status = kh_compare_next(cache, node_id, facility, &position, out, 1, &found, &end, err);

    if (status == KH_OK && (found == 0 || out->study_id != study_id))
        status = kh_error_set(err, KH_E_NOT_FOUND, "the study is arriving, or hidden, or this node did not give it");
    return status;
}

static void take_nothing(kh_sql_row *row, void *context)
{
    (void)row;
    (void)context;
}

kh_status kh_compare_same_patient(kh_cache *cache, int64_t study_id, const char *patient_id, bool *same, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(study_id), KH_SQL_T(patient_id)};
    /* An ID that was corrected after the hospital's word is no longer the hospital's. */
    kh_status status = kh_cache_first(
        cache,
        "SELECT 1 FROM study s JOIN patient p ON p.id = s.patient_ref WHERE s.id = ?1 AND (p.patient_id = ?2 OR s.foreign_id = 1"
        " OR EXISTS (SELECT 1 FROM alias a WHERE a.facility_id = p.facility_id AND a.patient_id = ?2"
        " AND a.study_uid IN (s.study_uid, '') AND a.patient_ref = p.id"
        " AND NOT EXISTS (SELECT 1 FROM finding d WHERE d.change_id = a.change_id)))",
        values, 2, take_nothing, NULL, err);

    *same = status == KH_OK;
    return status == KH_E_NOT_FOUND ? KH_OK : status;
}

typedef struct uid_visit {
    kh_uid_visit *visit;
    void *context;
} uid_visit;

static kh_status visit_uid(kh_sql_row *row, void *context, kh_error *err)
{
    const uid_visit *v = context;

    (void)err;
    return v->visit(v->context, kh_sql_text(row, 0));
}

kh_status kh_compare_pulled(kh_cache *cache, int64_t study_id, int64_t node_id, kh_uid_visit *visit, void *context, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(study_id), KH_SQL_I(node_id)};
    uid_visit v = {visit, context};

    return kh_cache_each(cache,
                         "SELECT o.sop_uid FROM series r JOIN object o ON o.series_ref = r.id JOIN origin g ON g.id = o.origin_id"
                         " JOIN pull q ON q.id = g.pull_id WHERE r.study_ref = ?1 AND o.hidden = 0 AND q.node_id = ?2",
                         values, 2, visit_uid, &v, err);
}

kh_status kh_compare_missing(kh_cache *cache, int64_t study_id, int64_t node_id, kh_uid_visit *visit, void *context, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(study_id), KH_SQL_I(node_id)};
    uid_visit v = {visit, context};

    return kh_cache_each(cache,
                         "SELECT o.sop_uid FROM compare_hidden h JOIN object o ON o.hidden = h.change_id AND o.hidden > 0"
                         " WHERE h.study_ref = ?1 AND h.node_id = ?2",
                         values, 2, visit_uid, &v, err);
}
