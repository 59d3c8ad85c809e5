#include "access/patients.h"

#include <stdlib.h>
#include <string.h>
#include "access/internal.h"
#include "access/lookup.h"
#include "base/clock.h"
#include "cache/fold.h"

#define KEY_MAX 2048
#define FOUND_MAX 200
#define COLUMNS                                                                                                                             \
    "p.id, f.code, p.number, p.name_alphabetic, p.name_ideographic, p.name_phonetic, p.birth_date, p.sex, p.address, p.card, p.made_ms, p.by_whom" \
    " FROM patient p JOIN facility f ON f.id = p.facility_ref"

/* Folded, without spaces: how people write a name or an address does not matter. */
static kh_status make_key(kh_buf *out, const char *text, kh_error *err)
{
    kh_status status;
    size_t kept = 0;

    kh_buf_init(out, KEY_MAX);
    status = kh_fold_append(out, text, err);
    for (size_t i = 0; status == KH_OK && i < out->size; i++)
        if (out->data[i] != ' ')
            out->data[kept++] = out->data[i];
    if (status == KH_OK && out->data) {
        out->size = kept;
        out->data[kept] = '\0';
    }
    return status;
}

static kh_status check(const kh_registered *p, kh_error *err)
{
    kh_status status = kh_access_check_text("patient ID", p->number, sizeof p->number, true, err);

    if (status == KH_OK && strchr(p->number, '\\'))
        status = kh_error_set(err, KH_E_ARG, "patient ID holds a backslash, which separates values in DICOM");
    if (status == KH_OK)
        status = kh_access_check_text("alphabetic name", p->name_alphabetic, sizeof p->name_alphabetic, false, err);
    if (status == KH_OK)
        status = kh_access_check_text("ideographic name", p->name_ideographic, sizeof p->name_ideographic, false, err);
    if (status == KH_OK)
        status = kh_access_check_text("kana name", p->name_phonetic, sizeof p->name_phonetic, false, err);
    if (status == KH_OK)
        status = kh_access_check_day("birth date", p->birth_date, false, err);
    if (status == KH_OK && p->sex[0] && (!strchr("MFO", p->sex[0]) || p->sex[1]))
        status = kh_error_set(err, KH_E_ARG, "sex: expected M, F, O or nothing");
    if (status == KH_OK)
        status = kh_access_check_text("address", p->address, sizeof p->address, false, err);
    return status == KH_OK ? kh_access_check_text("card", p->card, sizeof p->card, false, err) : status;
}

static void take(kh_sql_row *row, void *context)
{
    kh_registered *out = context;

    memset(out, 0, sizeof *out);
    out->id = kh_sql_int(row, 0);
    KH_COPY(out->facility, kh_sql_text(row, 1));
    KH_COPY(out->number, kh_sql_text(row, 2));
    KH_COPY(out->name_alphabetic, kh_sql_text(row, 3));
    KH_COPY(out->name_ideographic, kh_sql_text(row, 4));
    KH_COPY(out->name_phonetic, kh_sql_text(row, 5));
    KH_COPY(out->birth_date, kh_sql_text(row, 6));
    KH_COPY(out->sex, kh_sql_text(row, 7));
    KH_COPY(out->address, kh_sql_text(row, 8));
    KH_COPY(out->card, kh_sql_text(row, 9));
    out->made_ms = kh_sql_int(row, 10);
    KH_COPY(out->by, kh_sql_text(row, 11));
}

typedef struct writing {
    kh_registered *patient;
    const kh_registered *values;
    const char *by;
    bool another;
    kh_buf kana_key, address_key;
} writing;

static kh_status prepare(writing *w, const kh_registered *patient, const char *by, kh_error *err)
{
    kh_status status = check(patient, err);

    w->values = patient;
    w->by = by;
    if (status == KH_OK)
        status = kh_access_check_text("who does it", by, 65, true, err);
    if (status == KH_OK)
        status = make_key(&w->kana_key, patient->name_phonetic, err);
    return status == KH_OK ? make_key(&w->address_key, patient->address, err) : status;
}

static void release(writing *w)
{
    kh_buf_release(&w->kana_key);
    kh_buf_release(&w->address_key);
}

/* [TB-4] Only what is told can be the same. */
static kh_status refuse_same(writing *w, kh_sql *sql, int64_t facility_id, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(facility_id), KH_SQL_T(kh_buf_text(&w->kana_key)), KH_SQL_T(w->values->birth_date),
                                   KH_SQL_T(w->values->sex), KH_SQL_T(kh_buf_text(&w->address_key))};
    int64_t found = 0;
    kh_status status =
        kh_lookup_int(sql,
                      "SELECT id FROM patient WHERE kana_key = ?2 AND kana_key <> '' AND birth_date = ?3 AND birth_date <> ''"
                      " AND facility_ref = ?1 AND sex = ?4 AND address_key = ?5 LIMIT 1",
                      values, 5, &found, err);

    if (status == KH_OK && found != 0)
        return kh_error_set(err, KH_E_CONFLICT, "a patient of the same kana, birth date, sex and address is there under another number");
    return status;
}

static kh_status insert(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    writing *w = context;
    const kh_registered *p = w->values;
    kh_error why = KH_ERROR_INIT;
    int64_t facility_id, now_ms = kh_clock_wall_ms();
    kh_status status = kh_lookup_facility(sql, p->facility, &facility_id, NULL, err);
    const kh_sql_value values[] = {KH_SQL_I(status == KH_OK ? facility_id : 0),
                                   KH_SQL_T(p->number),
                                   KH_SQL_T(p->name_alphabetic),
                                   KH_SQL_T(p->name_ideographic),
                                   KH_SQL_T(p->name_phonetic),
                                   KH_SQL_T(kh_buf_text(&w->kana_key)),
                                   KH_SQL_T(p->birth_date),
                                   KH_SQL_T(p->sex),
                                   KH_SQL_T(p->address),
                                   KH_SQL_T(kh_buf_text(&w->address_key)),
                                   KH_SQL_T(p->card),
                                   KH_SQL_I(now_ms),
                                   KH_SQL_T(w->by)};

    if (status == KH_OK && !w->another)
        status = refuse_same(w, sql, facility_id, err);
    if (status != KH_OK)
        return status;
    status =
        kh_sql_run(sql,
                   "INSERT INTO patient (facility_ref, number, name_alphabetic, name_ideographic, name_phonetic, kana_key, birth_date, sex,"
                   " address, address_key, card, made_ms, by_whom) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
                   KH_ACCESS_VALUES(values), NULL, &why);
    if (status == KH_E_CONFLICT)
        return kh_error_set(err, status, "the number is another patient's at that facility already");
    if (status != KH_OK)
        return kh_error_set(err, status, "%s", why.message);
    w->patient->id = kh_sql_last_id(sql);
    w->patient->made_ms = now_ms;
    return kh_access_moved(access, sql, err);
}

kh_status kh_registered_add(kh_access *access, kh_registered *patient, const char *by, bool another, kh_error *err)
{
    writing w = {.patient = patient, .another = another};
    kh_status status = prepare(&w, patient, by, err);

    if (status == KH_OK)
        status = kh_access_change(access, insert, &w, err);
    release(&w);
    return status;
}

static kh_status update(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    writing *w = context;
    const kh_registered *p = w->values;
    int64_t id;
    kh_status status = kh_lookup_patient(sql, p->facility, p->number, &id, NULL, err);
    const kh_sql_value values[] = {KH_SQL_I(status == KH_OK ? id : 0),
                                   KH_SQL_T(p->name_alphabetic),
                                   KH_SQL_T(p->name_ideographic),
                                   KH_SQL_T(p->name_phonetic),
                                   KH_SQL_T(kh_buf_text(&w->kana_key)),
                                   KH_SQL_T(p->birth_date),
                                   KH_SQL_T(p->sex),
                                   KH_SQL_T(p->address),
                                   KH_SQL_T(kh_buf_text(&w->address_key)),
                                   KH_SQL_T(p->card),
                                   KH_SQL_T(w->by)};

    (void)access;
    if (status != KH_OK)
        return status;
    return kh_sql_run(
        sql,
        "UPDATE patient SET name_alphabetic = ?2, name_ideographic = ?3, name_phonetic = ?4, kana_key = ?5, birth_date = ?6, sex = ?7,"
        " address = ?8, address_key = ?9, card = ?10, by_whom = ?11 WHERE id = ?1",
        KH_ACCESS_VALUES(values), NULL, err);
}

kh_status kh_registered_set(kh_access *access, const kh_registered *patient, const char *by, kh_error *err)
{
    writing w = {0};
    kh_status status = prepare(&w, patient, by, err);

    if (status == KH_OK)
        status = kh_access_change(access, update, &w, err);
    release(&w);
    return status;
}

/* --- looking --- */

typedef struct reading {
    const char *statement;
    const kh_sql_value *values;
    size_t count;
    kh_registered_visit *visit;
    void *context;
} reading;

static kh_status read_rows(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    reading *r = context;
    kh_registered patient;
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(&row, sql, r->statement, r->values, r->count, err);

    (void)access;
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        take(row, &patient);
        status = r->visit(r->context, &patient);
    }
    kh_sql_end(row);
    return status;
}

typedef struct getting {
    const char *facility, *number;
    kh_registered *out;
} getting;

static kh_status read_one(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    getting *g = context;
    const kh_sql_value values[] = {KH_SQL_T(g->facility), KH_SQL_T(g->number)};

    (void)access;
    return kh_access_one(sql, "SELECT " COLUMNS " WHERE f.code = ?1 AND p.number = ?2", values, 2, take, g->out, "patient at that facility",
                         err);
}

kh_status kh_registered_get(kh_access *access, const char *facility, const char *number, kh_registered *out, kh_error *err)
{
    getting g = {facility, number, out};

    return kh_access_read(access, read_one, &g, err);
}

typedef struct getting_by_id {
    int64_t id;
    kh_registered *out;
} getting_by_id;

static kh_status read_by_id(kh_access *access, kh_sql *sql, void *context, kh_error *err)
{
    getting_by_id *g = context;

    (void)access;
    return kh_access_one(sql, "SELECT " COLUMNS " WHERE p.id = ?1", &KH_SQL_I(g->id), 1, take, g->out, "patient", err);
}

kh_status kh_registered_by_id(kh_access *access, int64_t id, kh_registered *out, kh_error *err)
{
    return kh_access_read(access, read_by_id, &(getting_by_id){id, out}, err);
}

static bool given(const char *text)
{
    return text && text[0];
}

kh_status kh_registered_find(kh_access *access, const kh_registered_query *query, kh_registered_visit *visit, void *context, kh_error *err)
{
    bool by_name = given(query->kana) || given(query->birth_date);
    kh_sql_value values[] = {KH_SQL_T(given(query->facility) ? query->facility : NULL), KH_SQL_T(query->number), KH_SQL_N,
                             KH_SQL_I(FOUND_MAX)};
    reading r = {NULL, values, 4, visit, context};
    kh_buf key;
    kh_status status;

    if (given(query->card) + given(query->number) + by_name != 1)
        return kh_error_set(err, KH_E_ARG, "expected a card, a number at a facility, or kana and birth date");
    if (by_name && (!given(query->kana) || !given(query->birth_date)))
        return kh_error_set(err, KH_E_ARG, "kana and birth date are asked for together");
    if (given(query->number) && !given(query->facility))
        return kh_error_set(err, KH_E_ARG, "a number is one of a facility");
    status = make_key(&key, by_name ? query->kana : "", err);
    if (status == KH_OK && by_name && key.size == 0)
        status = kh_error_set(err, KH_E_ARG, "kana holds no letter");
    if (given(query->card)) {
        r.statement =
            "SELECT " COLUMNS " WHERE p.card = ?2 AND p.card <> '' AND (?1 IS NULL OR f.code = ?1) ORDER BY f.code, p.number LIMIT ?4";
        values[1] = KH_SQL_T(query->card);
    } else if (by_name) {
        r.statement = "SELECT " COLUMNS " WHERE p.kana_key = ?2 AND p.kana_key <> '' AND p.birth_date = ?3 AND (?1 IS NULL OR f.code = ?1)"
                      " ORDER BY f.code, p.number LIMIT ?4";
        values[1] = KH_SQL_T(kh_buf_text(&key));
        values[2] = KH_SQL_T(query->birth_date);
    } else {
        r.statement = "SELECT " COLUMNS " WHERE f.code = ?1 AND p.number = ?2 LIMIT ?4";
    }
    if (status == KH_OK)
        status = kh_access_read(access, read_rows, &r, err);
    kh_buf_release(&key);
    return status;
}

kh_status kh_registered_list(kh_access *access, const char *facility, kh_registered_visit *visit, void *context, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_T(given(facility) ? facility : NULL)};
    reading r = {"SELECT " COLUMNS " WHERE ?1 IS NULL OR f.code = ?1 ORDER BY f.code, p.number", values, 1, visit, context};

    return kh_access_read(access, read_rows, &r, err);
}

kh_status kh_registered_alike(kh_access *access, const kh_registered *patient, kh_registered_visit *visit, void *context, kh_error *err)
{
    kh_sql_value values[] = {KH_SQL_I(patient->id), KH_SQL_N, KH_SQL_T(patient->birth_date), KH_SQL_T(patient->sex), KH_SQL_I(FOUND_MAX)};
    reading r = {"SELECT " COLUMNS
                 " WHERE p.kana_key = ?2 AND p.kana_key <> '' AND p.birth_date = ?3 AND p.birth_date <> '' AND p.sex = ?4 AND p.id <> ?1"
                 " ORDER BY f.code, p.number LIMIT ?5",
                 values, 5, visit, context};
    kh_buf key;
    kh_status status = make_key(&key, patient->name_phonetic, err);

    values[1] = KH_SQL_T(kh_buf_text(&key));
    if (status == KH_OK)
        status = kh_access_read(access, read_rows, &r, err);
    kh_buf_release(&key);
    return status;
}
