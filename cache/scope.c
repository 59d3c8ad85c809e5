#include "cache/scope.h"

#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "cache/internal.h"
#include "cache/scope_internal.h"

#define NAMES_BYTES_MAX ((size_t)32 << 20) /* facility and ID of each patient, as JSON */

bool kh_scope_is_foreign(const kh_scope *scope, const kh_study *study)
{
    return scope && (!scope->own_facility[0] || strcmp(scope->own_facility, study->patient.facility) != 0);
}

static int compare(const void *a, const void *b)
{
    const kh_scope_patient *x = a, *y = b;
    int order = strcmp(x->facility, y->facility);

    return order ? order : strcmp(x->patient_id, y->patient_id);
}

/* One without an ID is nobody whom a consent can name. */
static bool is_named(const kh_scope *scope, const kh_patient *patient)
{
    kh_scope_patient key;

    if (!patient->patient_id[0] || (scope->patient_count == 0 && !scope->any_patient))
        return false;
    if (scope->any_patient)
        return true;
    KH_COPY(key.facility, patient->facility);
    KH_COPY(key.patient_id, patient->patient_id);
    return bsearch(&key, scope->patients, scope->patient_count, sizeof key, compare) != NULL;
}

/* A list that does not fit ends with what does: nothing is opened by a part that is not told. */
static kh_status read_body_parts(kh_sql *sql, kh_study *study, kh_error *err)
{
    const kh_sql_value id = KH_SQL_I(study->id);
    bool has_row = true;
    size_t used = 0;
    kh_sql_row *row;
    kh_status status = kh_sql_query(
        &row, sql, "SELECT DISTINCT body_part FROM series WHERE study_ref = ?1 AND object_count > 0 AND body_part <> '' ORDER BY body_part", &id, 1, err);

    study->body_parts[0] = '\0';
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        const char *part = kh_sql_text(row, 0);
        size_t size = strlen(part);

        if (strchr(part, ',') || used + size + 2 > sizeof study->body_parts)
            continue;
        if (used > 0)
            study->body_parts[used++] = ',';
        memcpy(study->body_parts + used, part, size + 1);
        used += size;
    }
    kh_sql_end(row);
    return status;
}

kh_status kh_scope_decide(kh_sql *sql, const kh_scope *scope, kh_study *study, bool *allowed, kh_error *err)
{
    kh_status status;

    *allowed = !kh_scope_is_foreign(scope, study);
    if (*allowed || !is_named(scope, &study->patient))
        return KH_OK;
    status = read_body_parts(sql, study, err);
    return status == KH_OK ? scope->allows(scope->context, study, NULL, allowed, err) : status;
}

kh_status kh_scope_read_body_parts(kh_cache *cache, kh_study *study, kh_error *err)
{
    kh_sql *sql = NULL;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    if (status == KH_OK)
        status = read_body_parts(sql, study, err);
    kh_reader_release(cache->readers, sql);
    return status;
}

kh_status kh_scope_series(const kh_scope *scope, const kh_study *study, const kh_series *series, bool *allowed, kh_error *err)
{
    *allowed = !kh_scope_is_foreign(scope, study);
    if (*allowed || !is_named(scope, &study->patient))
        return KH_OK;
    return scope->allows(scope->context, study, series, allowed, err);
}

/* --- the counts of a study --- */

static void add_modality(kh_study *study, const char *modality)
{
    size_t used = strlen(study->modalities), size = strlen(modality);
    const char *at = study->modalities;

    if (size == 0 || used + size + 2 > sizeof study->modalities)
        return;
    for (; *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ','))
        if (strcspn(at, ",") == size && strncmp(at, modality, size) == 0)
            return;
    if (used > 0)
        study->modalities[used++] = ',';
    memcpy(study->modalities + used, modality, size + 1);
}

/* In the order of the codes, as a study has them. */
#define SERIES_OF                                                                                                              \
    "SELECT id, series_uid, modality, body_part, object_count, image_count, frame_count, away_count FROM series"               \
    " WHERE study_ref = ?1 AND object_count > 0 ORDER BY modality"

static kh_status count_bytes(kh_sql *sql, int64_t series_id, int64_t *bytes, kh_error *err)
{
    const kh_sql_value id = KH_SQL_I(series_id);
    bool has_row = false;
    kh_sql_row *row;
    kh_status status = kh_sql_query(&row, sql, "SELECT coalesce(sum(bytes), 0) FROM object WHERE series_ref = ?1 AND hidden = 0", &id, 1, err);

    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    *bytes = status == KH_OK && has_row ? kh_sql_int(row, 0) : 0;
    kh_sql_end(row);
    return status;
}

static void take_off(int64_t *from, int64_t count)
{
    *from = *from > count ? *from - count : 0; /* a row may not tell all of its counts */
}

static kh_status trim_one(kh_sql *sql, kh_sql_row *row, const kh_scope *scope, const kh_study *whole, kh_study *left, kh_error *err)
{
    kh_series series = {.id = kh_sql_int(row, 0), .study_id = whole->id};
    int64_t bytes = 0;
    bool allowed = false;
    kh_status status;

    KH_COPY(series.series_uid, kh_sql_text(row, 1));
    KH_COPY(series.modality, kh_sql_text(row, 2));
    KH_COPY(series.body_part, kh_sql_text(row, 3));
    status = kh_scope_series(scope, whole, &series, &allowed, err);
    if (status == KH_OK && allowed)
        add_modality(left, series.modality);
    if (status != KH_OK || allowed)
        return status;
    status = count_bytes(sql, series.id, &bytes, err);
    take_off(&left->series_count, 1);
    take_off(&left->object_count, kh_sql_int(row, 4));
    take_off(&left->image_count, kh_sql_int(row, 5));
    take_off(&left->frame_count, kh_sql_int(row, 6));
    take_off(&left->away_count, kh_sql_int(row, 7));
    take_off(&left->bytes, bytes);
    return status;
}

kh_status kh_scope_trim(kh_sql *sql, const kh_scope *scope, kh_study *study, kh_error *err)
{
    const kh_sql_value id = KH_SQL_I(study->id);
    kh_study *left;
    bool has_row = true;
    kh_sql_row *row = NULL;
    kh_status status;

    if (!kh_scope_is_foreign(scope, study))
        return KH_OK;
    left = malloc(sizeof *left);
    if (!left)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a study");
    *left = *study;
    left->modalities[0] = '\0';
    status = kh_sql_query(&row, sql, SERIES_OF, &id, 1, err);
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row)
        status = trim_one(sql, row, scope, study, left, err);
    kh_sql_end(row);
    if (status == KH_OK && left->series_count != study->series_count)
        *study = *left; /* of one that is whole, the row's own values stand */
    free(left);
    return status;
}

kh_status kh_scope_study(kh_cache *cache, const kh_scope *scope, kh_study *study, bool *allowed, kh_error *err)
{
    kh_sql *sql = NULL;
    kh_status status;

    *allowed = !kh_scope_is_foreign(scope, study);
    if (*allowed)
        return KH_OK;
    status = kh_reader_acquire(&sql, cache->readers, err);
    if (status == KH_OK)
        status = kh_scope_decide(sql, scope, study, allowed, err);
    if (status == KH_OK && *allowed)
        status = kh_scope_trim(sql, scope, study, err);
    kh_reader_release(cache->readers, sql);
    return status;
}

/* --- the rows of its patients --- */

static kh_status write_names(const kh_scope *scope, kh_buf *names, kh_error *err)
{
    kh_json_writer json;

    kh_json_writer_init(&json, names);
    kh_json_array_begin(&json);
    for (size_t i = 0; i < scope->patient_count; i++) {
        kh_json_array_begin(&json);
        kh_json_text(&json, scope->patients[i].facility);
        kh_json_text(&json, scope->patients[i].patient_id);
        kh_json_array_end(&json);
    }
    kh_json_array_end(&json);
    return kh_json_writer_status(&json, err);
}

static kh_status add_refs(kh_sql *sql, const char *query, const kh_sql_value *values, size_t value_count, int64_t most, kh_buf *refs, int64_t *count,
                          kh_error *err)
{
    bool has_row = true;
    kh_sql_row *row;
    kh_status status = kh_sql_query(&row, sql, query, values, value_count, err);

    while (status == KH_OK && *count <= most && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        if (++*count <= most)
            status = kh_buf_appendf(refs, err, "%s%lld", *count > 1 ? "," : "", (long long)kh_sql_int(row, 0));
    }
    kh_sql_end(row);
    return status;
}

kh_status kh_scope_refs(kh_sql *sql, const kh_scope *scope, bool with_own, int64_t most, kh_buf *refs, bool *few, kh_error *err)
{
    kh_sql_value values[] = {KH_SQL_T(scope->own_facility), KH_SQL_I(most + 1)};
    int64_t count = 0;
    kh_status status = kh_buf_append(refs, "[", 1, err);
    kh_buf names;

    kh_buf_init(&names, NAMES_BYTES_MAX);
    if (status == KH_OK && with_own && scope->own_facility[0])
        status = add_refs(sql, "SELECT p.id FROM facility f CROSS JOIN patient p ON p.facility_id = f.id WHERE f.name = ?1 LIMIT ?2", values, 2,
                          most, refs, &count, err);
    if (status == KH_OK && count <= most && scope->patient_count > 0) {
        status = write_names(scope, &names, err);
        values[0] = KH_SQL_T(kh_buf_text(&names));
        if (status == KH_OK)
            status = add_refs(sql,
                              "SELECT p.id FROM json_each(?1) j CROSS JOIN facility f ON f.name = json_extract(j.value, '$[0]')"
                              " CROSS JOIN patient p ON p.facility_id = f.id AND p.patient_id = json_extract(j.value, '$[1]')"
                              " WHERE p.patient_id <> '' LIMIT ?2",
                              values, 2, most, refs, &count, err);
    }
    *few = status == KH_OK && count <= most && !scope->any_patient;
    if (status == KH_OK)
        status = kh_buf_append(refs, "]", 1, err);
    kh_buf_release(&names);
    return status;
}
