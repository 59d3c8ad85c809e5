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

static bool is_in(const char *list, const char *part, size_t size)
{
    for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == size && memcmp(at, part, size) == 0)
            return true;
    return false;
}

/* A list that does not fit ends with what does: nothing is opened by a part that is not told. */
static void add_part(char *list, size_t list_size, const char *part)
{
    size_t used = strlen(list), size = strlen(part);

    if (size == 0 || strchr(part, ',') || used + size + 2 > list_size || is_in(list, part, size))
        return;
    if (used > 0)
        list[used++] = ',';
    memcpy(list + used, part, size + 1);
}

static kh_status read_parts(kh_sql *sql, kh_study *study, kh_error *err)
{
    const kh_sql_value id = KH_SQL_I(study->id);
    bool has_row = true;
    kh_sql_row *row;
    kh_status status = kh_sql_query(
        &row, sql, "SELECT body_part, department FROM series WHERE study_ref = ?1 AND object_count > 0 ORDER BY body_part, department", &id,
        1, err);

    study->body_parts[0] = study->departments[0] = '\0';
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        add_part(study->body_parts, sizeof study->body_parts, kh_sql_text(row, 0));
        add_part(study->departments, sizeof study->departments, kh_sql_text(row, 1));
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
    status = scope->no_parts ? KH_OK : read_parts(sql, study, err);
    return status == KH_OK ? scope->allows(scope->context, study, NULL, allowed, err) : status;
}

kh_status kh_scope_read_parts(kh_cache *cache, kh_study *study, kh_error *err)
{
    kh_sql *sql = NULL;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    if (status == KH_OK)
        status = read_parts(sql, study, err);
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
#define SERIES_OF                                                                                                                          \
    "SELECT id, series_uid, modality, body_part, object_count, image_count, frame_count, away_count, department FROM series"               \
    " WHERE study_ref = ?1 AND object_count > 0 ORDER BY modality"

static kh_status count_bytes(kh_sql *sql, int64_t series_id, int64_t *bytes, kh_error *err)
{
    const kh_sql_value id = KH_SQL_I(series_id);
    bool has_row = false;
    kh_sql_row *row;
    kh_status status =
        kh_sql_query(&row, sql, "SELECT coalesce(sum(bytes), 0) FROM object WHERE series_ref = ?1 AND hidden = 0", &id, 1, err);

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
    KH_COPY(series.department, kh_sql_text(row, 8));
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

void kh_scope_map_release(kh_scope_map *map)
{
    free(map->places);
    *map = (kh_scope_map){.places = NULL};
}

static kh_status add_place(kh_scope_map *map, int64_t patient_ref, int64_t which, kh_error *err)
{
    if (map->count == map->room) {
        size_t more = map->room ? 2 * map->room : 256;
        void *grown = reallocarray(map->places, more, sizeof *map->places);

        if (!grown)
            return kh_error_set(err, KH_E_MEMORY, "no memory for %zu patients", more);
        map->places = grown;
        map->room = more;
    }
    map->places[map->count].patient_ref = patient_ref;
    map->places[map->count++].which = which;
    return KH_OK;
}

static int compare_places(const void *a, const void *b)
{
    const struct kh_scope_place *x = a, *y = b;

    return (x->patient_ref > y->patient_ref) - (x->patient_ref < y->patient_ref);
}

bool kh_scope_map_find(const kh_scope_map *map, const kh_scope *scope, int64_t patient_ref, kh_patient *out)
{
    const struct kh_scope_place key = {.patient_ref = patient_ref};
    const struct kh_scope_place *found = map->count ? bsearch(&key, map->places, map->count, sizeof key, compare_places) : NULL;

    if (!found || found->which >= (int64_t)scope->patient_count)
        return false;
    KH_COPY(out->facility, found->which < 0 ? scope->own_facility : scope->patients[found->which].facility);
    KH_COPY(out->patient_id, found->which < 0 ? "" : scope->patients[found->which].patient_id);
    return true;
}

/* What the references are put into. */
typedef struct taking {
    kh_buf *refs;
    kh_scope_map *map;
    int64_t count, most;
} taking;

/* Columns: the row of a patient, and which of the scope's it is. */
static kh_status add_refs(taking *to, kh_sql *sql, const char *query, const kh_sql_value *values, kh_error *err)
{
    bool has_row = true;
    kh_sql_row *row;
    kh_status status = kh_sql_query(&row, sql, query, values, 2, err);

    while (status == KH_OK && to->count <= to->most && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        if (++to->count > to->most)
            continue;
        status = kh_buf_appendf(to->refs, err, "%s%lld", to->count > 1 ? "," : "", (long long)kh_sql_int(row, 0));
        if (status == KH_OK && to->map)
            status = add_place(to->map, kh_sql_int(row, 0), kh_sql_int(row, 1), err);
    }
    kh_sql_end(row);
    return status;
}

kh_status kh_scope_refs(kh_sql *sql, const kh_scope *scope, bool with_own, int64_t most, kh_buf *refs, kh_scope_map *map, bool *few,
                        kh_error *err)
{
    kh_sql_value values[] = {KH_SQL_T(scope->own_facility), KH_SQL_I(most + 1)};
    taking to = {.refs = refs, .map = map, .most = most};
    kh_status status = kh_buf_append(refs, "[", 1, err);
    kh_buf names;

    if (map)
        map->count = 0;
    kh_buf_init(&names, NAMES_BYTES_MAX);
    if (status == KH_OK && with_own && scope->own_facility[0])
        status =
            add_refs(&to, sql, "SELECT p.id, -1 FROM facility f CROSS JOIN patient p ON p.facility_id = f.id WHERE f.name = ?1 LIMIT ?2",
                     values, err);
    if (status == KH_OK && to.count <= most && scope->patient_count > 0) {
        status = write_names(scope, &names, err);
        values[0] = KH_SQL_T(kh_buf_text(&names));
        if (status == KH_OK)
            status = add_refs(&to, sql,
                              "SELECT p.id, j.key FROM json_each(?1) j CROSS JOIN facility f ON f.name = json_extract(j.value, '$[0]')"
                              " CROSS JOIN patient p ON p.facility_id = f.id AND p.patient_id = json_extract(j.value, '$[1]')"
                              " WHERE p.patient_id <> '' LIMIT ?2",
                              values, err);
    }
    if (map && map->count > 1)
        qsort(map->places, map->count, sizeof *map->places, compare_places);
    *few = status == KH_OK && to.count <= most && !scope->any_patient;
    if (status == KH_OK)
        status = kh_buf_append(refs, "]", 1, err);
    kh_buf_release(&names);
    return status;
}
