/* corrections.c - each corrected value is a row of `correction` with what it was, the newest of a value last; whose studies are is in
 * `moved` and `alias`. Undoing puts back what the rows say. */
#include "cache/corrections.h"

#include <string.h>
#include "cache/internal.h"
#include "cache/refresh.h"

/* The values that can be corrected and where they stand. */
typedef enum value_of { OF_PATIENT, OF_STUDY } value_of;
typedef struct corrected_value {
    const char *name; /* for people, and in the index */
    value_of of;
    const char *read, *write; /* ?1 the row, ?2 the text */
    size_t bytes_max;
    kh_tag tag;               /* what goes out otherwise */
} corrected_value;

#define READ_WRITE(table, column) "SELECT " column " FROM " table " WHERE id = ?1", "UPDATE " table " SET " column " = ?2 WHERE id = ?1"
static const corrected_value corrected[] = {
    {"patient_id", OF_PATIENT, READ_WRITE("patient", "patient_id"), 64, KH_TAG_PATIENT_ID},
    {"name_alphabetic", OF_PATIENT, READ_WRITE("patient", "name_alphabetic"), 190, KH_TAG_PATIENT_NAME},
    {"name_ideographic", OF_PATIENT, READ_WRITE("patient", "name_ideographic"), 190, KH_TAG_PATIENT_NAME},
    {"name_phonetic", OF_PATIENT, READ_WRITE("patient", "name_phonetic"), 190, KH_TAG_PATIENT_NAME},
    {"birth_date", OF_PATIENT, READ_WRITE("patient", "birth_date"), 8, KH_TAG_PATIENT_BIRTH_DATE},
    {"sex", OF_PATIENT, READ_WRITE("patient", "sex"), 1, KH_TAG_PATIENT_SEX},
    {"apart", OF_PATIENT, READ_WRITE("patient", "apart"), 64, 0}, /* what keeps patients without an ID apart */
    {"accession", OF_STUDY, READ_WRITE("study", "accession"), 16, KH_TAG_ACCESSION_NUMBER},
    {"description", OF_STUDY, READ_WRITE("study", "description"), 190, KH_TAG_STUDY_DESCRIPTION},
    {"study_id", OF_STUDY, READ_WRITE("study", "study_id"), 16, KH_TAG_STUDY_ID},
};
#define CORRECTED_COUNT (sizeof corrected / sizeof corrected[0])

static const corrected_value *value_named(const char *name)
{
    for (size_t i = 0; i < CORRECTED_COUNT; i++)
        if (strcmp(corrected[i].name, name) == 0)
            return &corrected[i];
    return NULL;
}

/* ---- what a value may be ---- */

static bool is_date(const char *text)
{
    return strlen(text) == 8 && strspn(text, "0123456789") == 8 && memcmp(text + 4, "00", 2) > 0 && memcmp(text + 4, "12", 2) <= 0 &&
           memcmp(text + 6, "00", 2) > 0 && memcmp(text + 6, "31", 2) <= 0;
}

/* No control characters, and no backslash, which would be two values (PS3.5 6.2). A name's groups hold no equals sign. */
static kh_status check_value(const corrected_value *value, const char *text, kh_error *err)
{
    if (strlen(text) > value->bytes_max)
        return kh_error_set(err, KH_E_ARG, "%s of %zu bytes, expected at most %zu", value->name, strlen(text), value->bytes_max);
    for (const unsigned char *at = (const unsigned char *)text; *at; at++)
        if (*at < 0x20 || *at == 0x7f || *at == '\\' || (*at == '=' && value->tag == KH_TAG_PATIENT_NAME))
            return kh_error_set(err, KH_E_ARG, "%s must hold no control characters, backslashes or, in a name, equals signs", value->name);
    if (value->tag == KH_TAG_PATIENT_ID && !text[0])
        return kh_error_set(err, KH_E_ARG, "patient_id must not be empty");
    if (value->tag == KH_TAG_PATIENT_BIRTH_DATE && text[0] && !is_date(text))
        return kh_error_set(err, KH_E_ARG, "birth_date must be YYYYMMDD");
    if (value->tag == KH_TAG_PATIENT_SEX && text[0] && !strchr("MFO", text[0]))
        return kh_error_set(err, KH_E_ARG, "sex must be M, F or O");
    return KH_OK;
}

/* ---- one value ---- */

static kh_status read_text(kh_sql *sql, const char *query, const kh_sql_value *values, size_t count, char *out, size_t out_size,
                           bool *found, kh_error *err)
{
    kh_sql_row *row;
    kh_status status = kh_sql_query(&row, sql, query, values, count, err);

    *found = false;
    if (status == KH_OK)
        status = kh_sql_next(row, found, err);
    if (status == KH_OK && *found)
        kh_copy_text(out, out_size, kh_sql_text(row, 0));
    kh_sql_end(row);
    return status;
}

static void take_id(kh_sql_row *row, void *context)
{
    *(int64_t *)context = kh_sql_int(row, 0);
}

static kh_status read_id(kh_sql *sql, const char *query, const kh_sql_value *values, size_t count, int64_t *id, kh_error *err)
{
    kh_status status;

    *id = 0;
    status = kh_sql_first(sql, query, values, count, take_id, id, err);
    return status == KH_E_NOT_FOUND ? KH_OK : status;
}

static kh_status set_value(kh_write *write, int64_t change_id, const corrected_value *value, int64_t ref, const char *text, kh_error *err)
{
    const kh_sql_value key = KH_SQL_I(ref), update[] = {key, KH_SQL_T(text)};
    kh_sql *sql = kh_write_sql(write);
    char was[260] = "";
    bool found;
    kh_status status = check_value(value, text, err);

    if (status == KH_OK)
        status = read_text(sql, value->read, &key, 1, was, sizeof was, &found, err);
    if (status == KH_OK && !found)
        status = kh_error_set(err, KH_E_NOT_FOUND, "nothing to correct %s of", value->name);
    if (status != KH_OK || strcmp(was, text) == 0)
        return status;
    const kh_sql_value row[] = {KH_SQL_I(change_id), KH_SQL_T(value->name), KH_SQL_I(value->of == OF_PATIENT ? ref : 0),
                                KH_SQL_I(value->of == OF_STUDY ? ref : 0), KH_SQL_T(was), KH_SQL_T(text)};
    status =
        kh_sql_run(sql, "INSERT INTO correction (change_id, value, patient_ref, study_ref, was, becomes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                   row, 6, NULL, err);
    return status == KH_OK ? kh_sql_run(sql, value->write, update, 2, NULL, err) : status;
}

/* ---- whose a study is ---- */

kh_status kh_corrections_patient_of(kh_write *write, int64_t facility_id, const char *patient_id, const char *study_uid,
                                    int64_t *patient_ref, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(facility_id), KH_SQL_T(patient_id), KH_SQL_T(study_uid)};

    /* Two lookups in the key: of both together SQLite makes a table and sorts it, for every object that comes. */
    return read_id(kh_write_sql(write),
                   "SELECT whose FROM (SELECT coalesce("
                   "(SELECT patient_ref FROM alias WHERE facility_id = ?1 AND patient_id = ?2 AND study_uid = ?3"
                   " ORDER BY change_id DESC LIMIT 1),"
                   "(SELECT patient_ref FROM alias WHERE facility_id = ?1 AND patient_id = ?2 AND study_uid = ''"
                   " ORDER BY change_id DESC LIMIT 1)) AS whose) WHERE whose IS NOT NULL",
                   values, 3, patient_ref, err);
}

/* Objects that come later with this ID (of this study only, unless "") are the patient's as well. */
static kh_status add_alias(kh_write *write, int64_t change_id, int64_t of_patient_ref, const char *study_uid, int64_t to_patient_ref,
                           kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(of_patient_ref), KH_SQL_T(study_uid), KH_SQL_I(to_patient_ref), KH_SQL_I(change_id)};

    return kh_sql_run(kh_write_sql(write),
                      "INSERT INTO alias (facility_id, patient_id, study_uid, patient_ref, change_id)"
                      " SELECT facility_id, patient_id, ?2, ?3, ?4 FROM patient WHERE id = ?1",
                      values, 4, NULL, err);
}

static kh_status move_study(kh_write *write, int64_t change_id, int64_t study_id, int64_t to_patient_ref, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(study_id), KH_SQL_I(change_id), KH_SQL_I(to_patient_ref)};
    kh_sql *sql = kh_write_sql(write);
    kh_error why = KH_ERROR_INIT;
    kh_status status =
        kh_sql_run(sql, "INSERT INTO moved (change_id, study_ref, was_patient_ref) SELECT ?2, id, patient_ref FROM study WHERE id = ?1",
                   values, 2, NULL, err);

    if (status != KH_OK)
        return status;
    status = kh_sql_run(sql, "UPDATE study SET patient_ref = ?3, revision = revision + 1 WHERE id = ?1 AND ?2 = ?2", values, 3, NULL, &why);
    if (status == KH_E_CONFLICT)
        return kh_error_set(err, status, "study %lld is held under both patients: delete one of the two first", (long long)study_id);
    if (status != KH_OK)
        return kh_error_set(err, status, "%s", why.message);
    return kh_refresh_study(write, study_id, err);
}

/* Every study of one patient becomes another's. */
static kh_status join_patients(kh_write *write, int64_t change_id, int64_t of_patient_ref, int64_t to_patient_ref, kh_error *err)
{
    const kh_sql_value key = KH_SQL_I(of_patient_ref);
    kh_sql *sql = kh_write_sql(write);
    int64_t study_id;
    kh_status status = add_alias(write, change_id, of_patient_ref, "", to_patient_ref, err);

    while (status == KH_OK) {
        status = read_id(sql, "SELECT id FROM study WHERE patient_ref = ?1 LIMIT 1", &key, 1, &study_id, err);
        if (status != KH_OK || study_id == 0)
            break;
        status = move_study(write, change_id, study_id, to_patient_ref, err);
    }
    return status;
}

static kh_status patient_with_id(kh_write *write, int64_t like_patient_ref, const char *patient_id, int64_t *patient_ref, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(like_patient_ref), KH_SQL_T(patient_id)};

    return read_id(kh_write_sql(write),
                   "SELECT p.id FROM patient p JOIN patient q ON q.facility_id = p.facility_id"
                   " WHERE q.id = ?1 AND p.patient_id = ?2 AND p.apart = '' AND p.id <> ?1",
                   values, 2, patient_ref, err);
}

/* ---- the two corrections ---- */

/* Who had no ID gets one, and no longer stands apart. */
static kh_status give_first_id(kh_write *write, int64_t change_id, int64_t patient_ref, const char *study_uid, const char *patient_id,
                               kh_error *err)
{
    kh_status status = add_alias(write, change_id, patient_ref, study_uid, patient_ref, err);

    if (status == KH_OK)
        status = set_value(write, change_id, value_named("patient_id"), patient_ref, patient_id, err);
    if (status == KH_OK)
        status = set_value(write, change_id, value_named("apart"), patient_ref, "", err);
    return status == KH_OK ? kh_refresh_patient(write, patient_ref, err) : status;
}

static kh_status change_patient_id(kh_write *write, int64_t change_id, int64_t *patient_ref, const char *patient_id, kh_error *err)
{
    int64_t other = 0;
    kh_status status = patient_with_id(write, *patient_ref, patient_id, &other, err);

    if (status != KH_OK)
        return status;
    if (other != 0) {
        status = join_patients(write, change_id, *patient_ref, other, err);
        *patient_ref = other;
        return status;
    }
    status = add_alias(write, change_id, *patient_ref, "", *patient_ref, err);
    return status == KH_OK ? set_value(write, change_id, value_named("patient_id"), *patient_ref, patient_id, err) : status;
}

kh_status kh_correct_patient(kh_write *write, int64_t change_id, int64_t patient_ref, const kh_patient_values *values, kh_error *err)
{
    const struct {
        const char *name, *text;
    } given[] = {{"name_alphabetic", values->name_alphabetic}, {"name_ideographic", values->name_ideographic},
                 {"name_phonetic", values->name_phonetic},     {"birth_date", values->birth_date},
                 {"sex", values->sex}};
    int64_t ref = patient_ref;
    kh_status status = KH_OK;

    if (values->patient_id) {
        status = check_value(value_named("patient_id"), values->patient_id, err);
        if (status == KH_OK)
            status = change_patient_id(write, change_id, &ref, values->patient_id, err);
        if (status == KH_OK && ref != patient_ref)
            return KH_OK; /* joined: the other stays as he is */
    }
    for (size_t i = 0; i < sizeof given / sizeof given[0] && status == KH_OK; i++)
        if (given[i].text)
            status = set_value(write, change_id, value_named(given[i].name), ref, given[i].text, err);
    return status == KH_OK ? kh_refresh_patient(write, ref, err) : status;
}

static kh_status change_owner(kh_write *write, int64_t change_id, int64_t study_id, const char *patient_id, kh_error *err)
{
    const kh_sql_value key = KH_SQL_I(study_id);
    kh_sql *sql = kh_write_sql(write);
    int64_t now = 0, other = 0;
    char study_uid[KH_UID_SIZE] = "", present_id[260] = "";
    bool found;
    kh_status status = check_value(value_named("patient_id"), patient_id, err);

    if (status == KH_OK)
        status = read_id(sql, "SELECT patient_ref FROM study WHERE id = ?1", &key, 1, &now, err);
    if (status == KH_OK)
        status = patient_with_id(write, now, patient_id, &other, err);
    if (status == KH_OK)
        status = read_text(sql, "SELECT study_uid FROM study WHERE id = ?1", &key, 1, study_uid, sizeof study_uid, &found, err);
    if (status == KH_OK)
        status = read_text(sql, "SELECT p.patient_id FROM study s JOIN patient p ON p.id = s.patient_ref WHERE s.id = ?1", &key, 1,
                           present_id, sizeof present_id, &found, err);
    if (status == KH_OK && other == 0 && !present_id[0])
        return give_first_id(write, change_id, now, study_uid, patient_id, err);
    if (status == KH_OK && other == 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "no other patient with this ID is known at that hospital");
    if (status == KH_OK)
        status = add_alias(write, change_id, now, study_uid, other, err);
    return status == KH_OK ? move_study(write, change_id, study_id, other, err) : status;
}

kh_status kh_correct_study(kh_write *write, int64_t change_id, int64_t study_id, const kh_study_values *values, kh_error *err)
{
    const struct {
        const char *name, *text;
    } given[] = {{"accession", values->accession}, {"description", values->description}, {"study_id", values->study_id}};
    kh_status status = KH_OK;

    for (size_t i = 0; i < sizeof given / sizeof given[0] && status == KH_OK; i++)
        if (given[i].text)
            status = set_value(write, change_id, value_named(given[i].name), study_id, given[i].text, err);
    if (status == KH_OK && values->patient_id)
        status = change_owner(write, change_id, study_id, values->patient_id, err);
    return status == KH_OK ? kh_refresh_study(write, study_id, err) : status;
}

/* ---- undoing ---- */

/* A newer correction of the same value, or a newer move of the same study, stands on this one. */
static kh_status check_newest(kh_write *write, int64_t change_id, kh_error *err)
{
    const kh_sql_value key = KH_SQL_I(change_id);
    int64_t newer = 0;
    kh_status status =
        read_id(kh_write_sql(write),
                "SELECT n.change_id FROM correction o JOIN correction n ON n.value = o.value AND n.patient_ref = o.patient_ref"
                " AND n.study_ref = o.study_ref AND n.change_id > o.change_id WHERE o.change_id = ?1"
                " UNION ALL SELECT n.change_id FROM moved o JOIN moved n ON n.study_ref = o.study_ref"
                " AND n.change_id > o.change_id WHERE o.change_id = ?1 ORDER BY 1 DESC LIMIT 1",
                &key, 1, &newer, err);

    if (status == KH_OK && newer != 0)
        return kh_error_set(err, KH_E_CONFLICT, "change %lld stands on this one and has to be undone first", (long long)newer);
    return status;
}

typedef struct put_back {
    char value[20], was[260];
    int64_t ref, rowid;
} put_back;

static kh_status next_correction(kh_sql *sql, int64_t change_id, put_back *out, bool *found, kh_error *err)
{
    const kh_sql_value key = KH_SQL_I(change_id);
    kh_sql_row *row;
    kh_status status = kh_sql_query(
        &row, sql, "SELECT rowid, value, was, max(patient_ref, study_ref) FROM correction WHERE change_id = ?1 LIMIT 1", &key, 1, err);

    *found = false;
    if (status == KH_OK)
        status = kh_sql_next(row, found, err);
    if (status == KH_OK && *found) {
        out->rowid = kh_sql_int(row, 0);
        KH_COPY(out->value, kh_sql_text(row, 1));
        KH_COPY(out->was, kh_sql_text(row, 2));
        out->ref = kh_sql_int(row, 3);
    }
    kh_sql_end(row);
    return status;
}

static kh_status undo_values(kh_write *write, int64_t change_id, kh_error *err)
{
    kh_sql *sql = kh_write_sql(write);
    kh_status status = KH_OK;
    put_back one;
    bool found = true;

    while (status == KH_OK) {
        status = next_correction(sql, change_id, &one, &found, err);
        if (status != KH_OK || !found)
            break;
        const corrected_value *value = value_named(one.value);
        const kh_sql_value update[] = {KH_SQL_I(one.ref), KH_SQL_T(one.was)}, row = KH_SQL_I(one.rowid);

        if (!value)
            return kh_error_set(err, KH_E_CORRUPT, "correction of an unknown value");
        status = kh_sql_run(sql, value->write, update, 2, NULL, err);
        if (status == KH_OK)
            status = kh_sql_run(sql, "DELETE FROM correction WHERE rowid = ?1", &row, 1, NULL, err);
        if (status == KH_OK)
            status = value->of == OF_PATIENT ? kh_refresh_patient(write, one.ref, err) : kh_refresh_study(write, one.ref, err);
    }
    return status;
}

static kh_status undo_moves(kh_write *write, int64_t change_id, kh_error *err)
{
    const kh_sql_value key = KH_SQL_I(change_id);
    kh_sql *sql = kh_write_sql(write);
    kh_status status = KH_OK;
    int64_t study_id;

    while (status == KH_OK) {
        status = read_id(sql, "SELECT study_ref FROM moved WHERE change_id = ?1 LIMIT 1", &key, 1, &study_id, err);
        if (status != KH_OK || study_id == 0)
            break;
        const kh_sql_value values[] = {key, KH_SQL_I(study_id)};

        status = kh_sql_run(sql,
                            "UPDATE study SET revision = revision + 1, patient_ref ="
                            " (SELECT was_patient_ref FROM moved WHERE change_id = ?1 AND study_ref = ?2) WHERE id = ?2",
                            values, 2, NULL, err);
        if (status == KH_OK)
            status = kh_sql_run(sql, "DELETE FROM moved WHERE change_id = ?1 AND study_ref = ?2", values, 2, NULL, err);
        if (status == KH_OK)
            status = kh_refresh_study(write, study_id, err);
    }
    return status;
}

kh_status kh_corrections_undo(kh_write *write, int64_t change_id, kh_error *err)
{
    const kh_sql_value key = KH_SQL_I(change_id);
    kh_status status = check_newest(write, change_id, err);

    if (status == KH_OK)
        status = kh_sql_run(kh_write_sql(write), "DELETE FROM alias WHERE change_id = ?1", &key, 1, NULL, err);
    if (status == KH_OK)
        status = undo_values(write, change_id, err);
    return status == KH_OK ? undo_moves(write, change_id, err) : status;
}
