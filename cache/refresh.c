#include "cache/refresh.h"

#include "cache/fold.h"
#include "cache/internal.h"

#define SEARCH_MAX 8192

kh_status kh_refresh_search(kh_write *write, int64_t study_id, kh_error *err)
{
    const kh_sql_value id = KH_SQL_I(study_id);
    kh_sql *sql = kh_write_sql(write);
    kh_sql_value values[] = {id, KH_SQL_N};
    kh_sql_row *row;
    bool has_row = false;
    kh_buf text;
    kh_status status = kh_sql_query(&row, sql,
                                    "SELECT p.patient_id, p.name_alphabetic, p.name_ideographic, p.name_phonetic, s.description,"
                                    " s.accession FROM study s JOIN patient p ON p.id = s.patient_ref WHERE s.id = ?1",
                                    &id, 1, err);

    kh_buf_init(&text, SEARCH_MAX);
    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    for (int column = 0; column < 6 && status == KH_OK && has_row; column++) {
        status = kh_fold_append(&text, kh_sql_text(row, column), err);
        if (status == KH_OK) /* no word spans two fields */
            status = kh_buf_append(&text, "\n", 1, err);
    }
    kh_sql_end(row);
    if (status == KH_OK) {
        values[1] = KH_SQL_T(kh_buf_text(&text));
        status = kh_sql_run(sql, "UPDATE study SET search = ?2 WHERE id = ?1", values, 2, NULL, err);
    }
    kh_buf_release(&text);
    return status;
}

/* Studies of a patient one after another: what is read is changed meanwhile. */
static kh_status next_study(kh_sql *sql, int64_t patient_ref, int64_t *study_id, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(patient_ref), KH_SQL_I(*study_id)};
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(&row, sql, "SELECT min(id) FROM study WHERE patient_ref = ?1 AND id > ?2", values, 2, err);

    *study_id = 0;
    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && has_row)
        *study_id = kh_sql_int(row, 0);
    kh_sql_end(row);
    return status;
}

static kh_status each_study(kh_write *write, int64_t patient_ref, kh_status (*refresh)(kh_write *write, int64_t study_id, kh_error *err),
                            kh_error *err)
{
    int64_t study_id = 0;
    kh_status status = next_study(kh_write_sql(write), patient_ref, &study_id, err);

    while (status == KH_OK && study_id != 0) {
        status = refresh(write, study_id, err);
        if (status == KH_OK)
            status = next_study(kh_write_sql(write), patient_ref, &study_id, err);
    }
    return status;
}

kh_status kh_refresh_search_of(kh_write *write, int64_t patient_ref, kh_error *err)
{
    return each_study(write, patient_ref, kh_refresh_search, err);
}

kh_status kh_refresh_study(kh_write *write, int64_t study_id, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(study_id);
    kh_status status = kh_refresh_search(write, study_id, err);

    if (status == KH_OK)
        status = kh_sql_run(kh_write_sql(write), "UPDATE study SET revision = revision + 1 WHERE id = ?1", &value, 1, NULL, err);
    if (status == KH_OK) /* their stacks tell the patient too */
        status = kh_sql_run(kh_write_sql(write), "UPDATE series SET revision = revision + 1 WHERE study_ref = ?1", &value, 1, NULL, err);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_STUDY, study_id, err) : status;
}

kh_status kh_refresh_patient(kh_write *write, int64_t patient_ref, kh_error *err)
{
    return each_study(write, patient_ref, kh_refresh_study, err);
}
