#include "cache/arrivals.h"

#include <string.h>
#include "cache/internal.h"

/* The newest pull is the one the study list shows, see browse_studies.c. */
#define ARRIVING                                                                                                                         \
    "SELECT a.study_ref, s.revision, s.object_count, a.compared, f.name, s.study_uid, a.looked, coalesce(p.id, 0),"                      \
    " coalesce(p.node_id, 0), coalesce(p.rule_id, 0), coalesce(p.state, 0), coalesce(p.priority, 0)"                                     \
    " FROM arrival a JOIN study s ON s.id = a.study_ref JOIN patient t ON t.id = s.patient_ref"                                          \
    " JOIN facility f ON f.id = t.facility_id LEFT JOIN pull p ON p.id ="                                                                \
    " (SELECT max(id) FROM pull WHERE pull.study_uid = s.study_uid AND pull.facility = f.name)"                                          \
    " ORDER BY a.study_ref LIMIT ?1"

static void arriving_of_row(kh_sql_row *row, kh_arriving *out)
{
    memset(out, 0, sizeof *out);
    out->study_id = kh_sql_int(row, 0);
    out->revision = kh_sql_int(row, 1);
    out->object_count = kh_sql_int(row, 2);
    out->compared = kh_sql_int(row, 3);
    KH_COPY(out->facility, kh_sql_text(row, 4));
    KH_COPY(out->study_uid, kh_sql_text(row, 5));
    KH_COPY(out->looked, kh_sql_text(row, 6));
    out->pull_id = kh_sql_int(row, 7);
    out->pull_node_id = kh_sql_int(row, 8);
    out->pull_rule_id = kh_sql_int(row, 9);
    out->pull_state = (kh_pull_state)kh_sql_int(row, 10);
    out->pull_priority = (int32_t)kh_sql_int(row, 11);
}

typedef struct telling {
    kh_arriving_visit *visit;
    void *context;
} telling;

static kh_status tell_arriving(kh_sql_row *row, void *context, kh_error *err)
{
    const telling *of = context;
    kh_arriving arriving;

    (void)err;
    arriving_of_row(row, &arriving);
    return of->visit(of->context, &arriving);
}

kh_status kh_arriving_list(kh_cache *cache, int64_t limit, kh_arriving_visit *visit, void *context, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(limit);
    telling of = {visit, context};

    if (limit < 1)
        return kh_error_set(err, KH_E_ARG, "limit %lld, expected 1 or more", (long long)limit);
    return kh_cache_each(cache, ARRIVING, &value, 1, tell_arriving, &of, err);
}

typedef struct note {
    int64_t study_id, number;
    const char *text;
} note;

static kh_status note_compared(kh_write *write, void *context, kh_error *err)
{
    const note *n = context;
    const kh_sql_value values[] = {KH_SQL_I(n->study_id), KH_SQL_I(n->number)};

    return kh_sql_run(kh_write_sql(write), "UPDATE arrival SET compared = ?2 WHERE study_ref = ?1", values, 2, NULL, err);
}

kh_status kh_arriving_note_compared(kh_cache *cache, int64_t study_id, int64_t object_count, kh_error *err)
{
    note n = {.study_id = study_id, .number = object_count};

    return kh_cache_write(cache, note_compared, &n, err);
}

static kh_status note_looked(kh_write *write, void *context, kh_error *err)
{
    const note *n = context;
    const kh_sql_value values[] = {KH_SQL_I(n->study_id), KH_SQL_T(n->text)};

    return kh_sql_run(kh_write_sql(write), "UPDATE arrival SET looked = ?2 WHERE study_ref = ?1", values, 2, NULL, err);
}

kh_status kh_arriving_note_looked(kh_cache *cache, int64_t study_id, const char *looked, kh_error *err)
{
    char text[sizeof((kh_arriving *)0)->looked];
    note n = {.study_id = study_id, .text = text};

    KH_COPY(text, looked);
    return kh_cache_write(cache, note_looked, &n, err);
}

static kh_status settle(kh_write *write, void *context, kh_error *err)
{
    const note *n = context;
    const kh_sql_value values[] = {KH_SQL_I(n->study_id), KH_SQL_I(n->number)};
    int64_t changed = 0;
    kh_status status = kh_sql_run(kh_write_sql(write),
                                  "DELETE FROM arrival WHERE study_ref = ?1"
                                  " AND NOT EXISTS (SELECT 1 FROM study WHERE id = ?1 AND revision <> ?2)",
                                  values, 2, &changed, err);

    if (status == KH_OK && changed == 0)
        return kh_error_set(err, KH_E_CONFLICT, "study %lld: another object came", (long long)n->study_id);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_STUDY, n->study_id, err) : status;
}

kh_status kh_arriving_settle(kh_cache *cache, int64_t study_id, int64_t revision, kh_error *err)
{
    note n = {.study_id = study_id, .number = revision};

    return kh_cache_write(cache, settle, &n, err);
}
