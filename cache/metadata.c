#include "cache/metadata.h"

#include <stdlib.h>
#include <string.h>
#include "cache/changes.h"
#include "cache/internal.h"
#include "cache/metadata_series.h"
#include "store/digest.h"

#define OBJECTS_MAX 1000000 /* of a series */

/* ---- what is there ---- */

static kh_status read_series(kh_metadata_series_list *list, char study_uid[65], char series_uid[65], kh_sql *sql, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(list->series_id);
    kh_sql_row *row;
    bool has_row = false;
    kh_status status = kh_sql_query(&row, sql, "SELECT e.study_ref, e.revision, t.study_uid, e.series_uid FROM series e"
                                               " JOIN study t ON t.id = e.study_ref WHERE e.id = ?1", &value, 1, err);

    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && !has_row)
        status = kh_error_set(err, KH_E_NOT_FOUND, "no series %lld", (long long)list->series_id);
    if (status == KH_OK) {
        list->study_id = kh_sql_int(row, 0);
        list->revision = kh_sql_int(row, 1);
        kh_copy_text(study_uid, 65, kh_sql_text(row, 2));
        kh_copy_text(series_uid, 65, kh_sql_text(row, 3));
    }
    kh_sql_end(row);
    return status;
}

static kh_status read_objects(kh_metadata_series_list *list, int64_t object_id, kh_sql *sql, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_I(list->series_id), KH_SQL_I(object_id)};
    kh_metadata_of of = {.study_id = 0};
    kh_sql_row *row = NULL;
    bool has_row;
    kh_status status = read_series(list, of.study_uid, of.series_uid, sql, err);

    of.study_id = list->study_id;
    if (status == KH_OK)
        status = kh_sql_query(&row, sql,
                              "SELECT id, ifnull(file_id, id), origin_id, sop_uid FROM object WHERE series_ref = ?1 AND hidden = 0"
                              " AND (?2 = 0 OR id = ?2) ORDER BY instance_number, id",
                              values, 2, err);
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        of.object_id = kh_sql_int(row, 0);
        of.file_id = kh_sql_int(row, 1);
        of.origin_id = kh_sql_int(row, 2);
        KH_COPY(of.instance_uid, kh_sql_text(row, 3));
        status = kh_buf_append(&list->objects, &of, sizeof of, err);
        list->count++;
    }
    if (row)
        kh_sql_end(row);
    return status;
}

static kh_status sum_outgoing(kh_metadata_series_list *list, kh_cache *cache, kh_error *err)
{
    kh_outgoing *outgoing = malloc(sizeof *outgoing);
    kh_xxh3 *sum = NULL;
    kh_status status = outgoing ? kh_change_outgoing(cache, list->study_id, outgoing, err)
                                : kh_error_set(err, KH_E_MEMORY, "no memory for corrected values");

    if (status == KH_OK && outgoing->count > 0)
        status = kh_xxh3_create(&sum, err);
    if (sum) {
        kh_xxh3_add(sum, outgoing->datetime, sizeof outgoing->datetime);
        for (size_t i = 0; i < outgoing->count; i++) {
            const kh_amendment *amendment = &outgoing->amendments[i];

            kh_xxh3_add(sum, &amendment->tag, sizeof amendment->tag);
            kh_xxh3_add(sum, &amendment->only_with, sizeof amendment->only_with);
            kh_xxh3_add(sum, amendment->utf8, strlen(amendment->utf8) + 1);
        }
        list->outgoing = kh_xxh3_value(sum);
    }
    kh_xxh3_free(sum);
    free(outgoing);
    return status;
}

kh_status kh_metadata_list_fill(kh_metadata_series_list *out, kh_cache *cache, int64_t series_id, int64_t object_id, kh_error *err)
{
    kh_sql *sql = NULL;
    kh_status status;

    memset(out, 0, sizeof *out);
    out->series_id = series_id;
    kh_buf_init(&out->objects, OBJECTS_MAX * sizeof(kh_metadata_of));
    status = kh_reader_acquire(&sql, cache->readers, err);
    if (status == KH_OK)
        status = read_objects(out, object_id, sql, err);
    kh_reader_release(cache->readers, sql);
    return status == KH_OK ? sum_outgoing(out, cache, err) : status;
}

void kh_metadata_list_release(kh_metadata_series_list *list)
{
    kh_buf_release(&list->objects);
}

const kh_metadata_entry *kh_metadata_prepared(const kh_metadata_file *file, const kh_metadata_series_list *list, const kh_metadata_of *of)
{
    const kh_metadata_entry *entry = kh_metadata_file_find(file, of->object_id);

    if (!entry || entry->outgoing != list->outgoing || (of->file_id != 0 && entry->file_id != of->file_id))
        return NULL;
    return entry;
}

/* ---- telling it ---- */

typedef struct telling {
    kh_cache *cache;
    kh_metadata_visit *visit;
    void *context;
    kh_metadata_file file;
    kh_metadata_maker maker;
    bool maker_ready;
    kh_buf parts;
    size_t left_out;
} telling;

static kh_status tell_prepared(telling *t, const kh_metadata_entry *entry, kh_error *err)
{
    kh_metadata metadata = {.object_id = entry->object_id, .part_count = entry->part_count, .prepared = true};
    size_t size = entry->part_count * sizeof(kh_metadata_part);
    kh_status status;

    kh_buf_clear(&t->parts);
    status = kh_buf_reserve(&t->parts, size, err);
    if (status != KH_OK)
        return status;
    kh_metadata_file_parts((kh_metadata_part *)(void *)t->parts.data, &t->file, entry); /* malloc'ed */
    metadata.parts = (const kh_metadata_part *)(const void *)t->parts.data;
    return t->visit(t->context, &metadata, err);
}

static kh_status tell_made(telling *t, const kh_metadata_of *of, kh_error *err)
{
    const kh_metadata *made = NULL;
    kh_status status = KH_OK;

    if (of->file_id != 0 && !t->maker_ready) {
        status = kh_metadata_maker_init(&t->maker, t->cache, err);
        t->maker_ready = true;
    }
    if (status != KH_OK)
        return status;
    if (of->file_id == 0 || kh_metadata_make(&made, &t->maker, of, NULL) != KH_OK) {
        t->left_out++;
        return KH_OK;
    }
    return t->visit(t->context, made, err);
}

kh_status kh_metadata_series(kh_cache *cache, int64_t series_id, int64_t object_id, kh_metadata_visit *visit, void *context,
                             size_t *left_out, kh_error *err)
{
    telling t = {.cache = cache, .visit = visit, .context = context};
    kh_metadata_series_list list;
    kh_status status = kh_metadata_list_fill(&list, cache, series_id, object_id, err);
    const kh_metadata_of *objects = (const kh_metadata_of *)(const void *)list.objects.data; /* malloc'ed */

    kh_buf_init(&t.parts, KH_METADATA_PARTS_MAX * sizeof(kh_metadata_part));
    if (status == KH_OK)
        kh_metadata_file_read(&t.file, &cache->paths, series_id);
    for (size_t i = 0; status == KH_OK && i < list.count; i++) {
        const kh_metadata_entry *entry = kh_metadata_prepared(&t.file, &list, &objects[i]);

        status = entry ? tell_prepared(&t, entry, err) : tell_made(&t, &objects[i], err);
    }
    *left_out = t.left_out;
    if (t.maker_ready)
        kh_metadata_maker_release(&t.maker);
    kh_metadata_file_release(&t.file);
    kh_buf_release(&t.parts);
    kh_metadata_list_release(&list);
    return status;
}
