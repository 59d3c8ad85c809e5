#include "cache/browse.h"

#include <string.h>
#include "cache/internal.h"
#include "cache/use.h"

#define SERIES_SELECT                                                                                                          \
    "SELECT id, study_ref, series_uid, modality, description, body_part, protocol, laterality, number, object_count,"          \
    " image_count, frame_count, revision, away_count, department FROM series"
#define OBJECT_SELECT                                                                                                          \
    "SELECT id, series_ref, sop_class_uid, sop_uid, transfer_syntax_uid, instance_number, bytes, frame_count, sha256, file_id IS 0"     \
    " FROM object"

static void read_series(kh_sql_row *row, kh_series *out)
{
    memset(out, 0, sizeof *out);
    out->id = kh_sql_int(row, 0);
    out->study_id = kh_sql_int(row, 1);
    KH_COPY(out->series_uid, kh_sql_text(row, 2));
    KH_COPY(out->modality, kh_sql_text(row, 3));
    KH_COPY(out->description, kh_sql_text(row, 4));
    KH_COPY(out->body_part, kh_sql_text(row, 5));
    KH_COPY(out->protocol, kh_sql_text(row, 6));
    KH_COPY(out->laterality, kh_sql_text(row, 7));
    out->number = kh_sql_is_null(row, 8) ? INT64_MIN : kh_sql_int(row, 8);
    out->object_count = kh_sql_int(row, 9);
    out->image_count = kh_sql_int(row, 10);
    out->frame_count = kh_sql_int(row, 11);
    out->revision = kh_sql_int(row, 12);
    out->away_count = kh_sql_int(row, 13);
    KH_COPY(out->department, kh_sql_text(row, 14));
}

static void read_object(kh_sql_row *row, kh_object *out)
{
    const void *sum;
    size_t size;

    memset(out, 0, sizeof *out);
    out->id = kh_sql_int(row, 0);
    out->series_id = kh_sql_int(row, 1);
    KH_COPY(out->sop_class_uid, kh_sql_text(row, 2));
    KH_COPY(out->sop_instance_uid, kh_sql_text(row, 3));
    KH_COPY(out->transfer_syntax_uid, kh_sql_text(row, 4));
    out->instance_number = kh_sql_is_null(row, 5) ? INT64_MIN : kh_sql_int(row, 5);
    out->bytes = kh_sql_int(row, 6);
    out->frame_count = kh_sql_int(row, 7);
    out->away = kh_sql_int(row, 9) != 0;
    sum = kh_sql_blob(row, 8, &size);
    if (size == sizeof out->sha256)
        memcpy(out->sha256, sum, size);
}

/* What is called for each row of a query with one value. */
typedef struct visitor {
    kh_status (*row)(const struct visitor *visitor, kh_sql_row *row);
    kh_series_visit *series;
    kh_object_visit *object;
    kh_uid_visit *uid;
    kh_series_count_visit *series_count;
    void *context;
} visitor;

static kh_status on_series(const visitor *v, kh_sql_row *row)
{
    kh_series series;

    read_series(row, &series);
    return v->series(v->context, &series);
}

static kh_status on_object(const visitor *v, kh_sql_row *row)
{
    kh_object object;

    read_object(row, &object);
    return v->object(v->context, &object);
}

static kh_status on_uid(const visitor *v, kh_sql_row *row)
{
    return v->uid(v->context, kh_sql_text(row, 0));
}

static kh_status on_series_count(const visitor *v, kh_sql_row *row)
{
    return v->series_count(v->context, kh_sql_text(row, 0), kh_sql_int(row, 1));
}

static kh_status visit_rows(kh_cache *cache, const char *query, const kh_sql_value *values, size_t count, const visitor *v,
                            kh_error *err)
{
    kh_sql *sql = NULL;
    kh_sql_row *row = NULL;
    bool has_row;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    if (status == KH_OK)
        status = kh_sql_query(&row, sql, query, values, count, err);
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row)
        status = v->row(v, row);
    kh_sql_end(row);
    kh_reader_release(cache->readers, sql);
    return status;
}

kh_status kh_browse_series_of(kh_cache *cache, int64_t study_id, kh_series_visit *visit, void *context, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(study_id);
    const visitor v = {.row = on_series, .series = visit, .context = context};

    return visit_rows(cache, SERIES_SELECT " WHERE study_ref = ?1 AND object_count > 0 ORDER BY number IS NULL, number, id", &value, 1, &v,
                      err);
}

static kh_status keep_series(void *context, const kh_series *series)
{
    *(kh_series *)context = *series;
    return KH_OK;
}

kh_status kh_browse_series(kh_cache *cache, int64_t series_id, kh_series *out, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(series_id);
    const visitor v = {.row = on_series, .series = keep_series, .context = out};
    kh_status status;

    memset(out, 0, sizeof *out);
    status = visit_rows(cache, SERIES_SELECT " WHERE id = ?1", &value, 1, &v, err);
    if (status == KH_OK && out->id == 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "no series %lld", (long long)series_id);
    return status;
}

kh_status kh_browse_objects_of(kh_cache *cache, int64_t series_id, kh_object_visit *visit, void *context, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(series_id);
    const visitor v = {.row = on_object, .object = visit, .context = context};

    return visit_rows(cache, OBJECT_SELECT " WHERE series_ref = ?1 AND hidden = 0 ORDER BY instance_number IS NULL, instance_number, id",
                      &value, 1, &v, err);
}

static kh_status keep_object(void *context, const kh_object *object)
{
    *(kh_object *)context = *object;
    return KH_OK;
}

kh_status kh_browse_object(kh_cache *cache, int64_t object_id, kh_object *out, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(object_id);
    const visitor v = {.row = on_object, .object = keep_object, .context = out};
    kh_status status;

    memset(out, 0, sizeof *out);
    status = visit_rows(cache, OBJECT_SELECT " WHERE id = ?1 AND hidden = 0", &value, 1, &v, err);
    if (status == KH_OK && out->id == 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "no object %lld", (long long)object_id);
    return status;
}

kh_status kh_browse_object_uids(kh_cache *cache, const char *facility, const char *study_uid, kh_uid_visit *visit, void *context,
                                kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_T(facility), KH_SQL_T(study_uid)};
    const visitor v = {.row = on_uid, .uid = visit, .context = context};

    return visit_rows(cache,
                      "SELECT o.sop_uid FROM study s JOIN patient p ON p.id = s.patient_ref"
                      " JOIN facility f ON f.id = p.facility_id JOIN series r ON r.study_ref = s.id"
                      " JOIN object o ON o.series_ref = r.id WHERE s.study_uid = ?2 AND f.name = ?1 AND o.file_id IS NOT 0",
                      values, 2, &v, err);
}

kh_status kh_browse_series_counts(kh_cache *cache, const char *facility, const char *study_uid, kh_series_count_visit *visit,
                                  void *context, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_T(facility), KH_SQL_T(study_uid)};
    const visitor v = {.row = on_series_count, .series_count = visit, .context = context};

    return visit_rows(cache,
                      "SELECT r.series_uid, count(*) FROM study s JOIN patient p ON p.id = s.patient_ref"
                      " JOIN facility f ON f.id = p.facility_id JOIN series r ON r.study_ref = s.id"
                      " JOIN object o ON o.series_ref = r.id WHERE s.study_uid = ?2 AND f.name = ?1 AND o.file_id IS NOT 0"
                      " GROUP BY r.series_uid",
                      values, 2, &v, err);
}

static kh_status note_any(const visitor *v, kh_sql_row *row)
{
    (void)row;
    *(bool *)v->context = true;
    return KH_OK;
}

kh_status kh_browse_has_object(kh_cache *cache, const char *facility, const char *sop_instance_uid, bool *out, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_T(facility), KH_SQL_T(sop_instance_uid)};
    const visitor v = {.row = note_any, .context = out};

    *out = false;
    return visit_rows(cache,
                      "SELECT 1 FROM facility f JOIN object o ON o.facility_id = f.id"
                      " WHERE f.name = ?1 AND o.sop_uid = ?2 AND o.file_id IS NOT 0",
                      values, 2, &v, err);
}

typedef struct place {
    int64_t origin_id, file_id, series_id;
} place;

static kh_status keep_place(const visitor *v, kh_sql_row *row)
{
    *(place *)v->context = (place){.origin_id = kh_sql_int(row, 0), .file_id = kh_sql_int(row, 1), .series_id = kh_sql_int(row, 2)};
    return KH_OK;
}

kh_status kh_object_open(kh_cache *cache, int64_t object_id, int *fd, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(object_id);
    place at = {0};
    const visitor v = {.row = keep_place, .context = &at};
    kh_status status =
        visit_rows(cache, "SELECT origin_id, ifnull(file_id, id), series_ref FROM object WHERE id = ?1 AND hidden = 0", &value, 1, &v, err);

    *fd = -1;
    if (status == KH_OK && at.origin_id == 0)
        return kh_error_set(err, KH_E_NOT_FOUND, "no object %lld", (long long)object_id);
    if (status != KH_OK)
        return status;
    kh_use_note(cache, at.series_id);
    status = kh_object_open_file(fd, &cache->paths, at.file_id, at.origin_id, err);
    if (status != KH_OK && err)
        kh_error_prefix(err, "object %lld", (long long)object_id);
    return status;
}

kh_status kh_object_open_at(kh_cache *cache, const kh_object_place *at, int *fd, kh_error *err)
{
    kh_error ignored = KH_ERROR_INIT;

    if (at->file_id > 0 && kh_object_open_file(fd, &cache->paths, at->file_id, at->origin_id, &ignored) == KH_OK) {
        kh_use_note(cache, at->series_id);
        return KH_OK;
    }
    return kh_object_open(cache, at->object_id, fd, err);
}
