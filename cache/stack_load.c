#include "cache/stack_load.h"

#include <stdlib.h>
#include <string.h>
#include "cache/image_record.h"
#include "cache/internal.h"
#include "cache/stack_order.h"

#define OBJECTS_MAX 100000
#define SLICES_MAX 1000000

void kh_stack_clear(kh_stack *stack)
{
    for (uint32_t i = 0; i < stack->object_count; i++) {
        kh_image_info_release(&stack->objects[i].info);
        kh_frame_table_release(&stack->objects[i].frames);
        free((void *)(uintptr_t)stack->objects[i].checksums);
    }
    free(stack->objects);
    free(stack->slices);
    memset(stack, 0, sizeof *stack);
}

static kh_status read_series_row(kh_sql *sql, int64_t series_id, int64_t *study_id, int64_t *revision, int64_t *object_count,
                                 kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(series_id);
    kh_sql_row *row;
    bool has_row = false;
    kh_status status =
        kh_sql_query(&row, sql, "SELECT study_ref, revision, object_count FROM series WHERE id = ?1", &value, 1, err);

    if (status == KH_OK)
        status = kh_sql_next(row, &has_row, err);
    if (status == KH_OK && !has_row)
        status = kh_error_set(err, KH_E_NOT_FOUND, "no series %lld", (long long)series_id);
    if (status == KH_OK) {
        *study_id = kh_sql_int(row, 0);
        *revision = kh_sql_int(row, 1);
        *object_count = kh_sql_int(row, 2);
    }
    kh_sql_end(row);
    return status;
}

kh_status kh_stack_revision(kh_cache *cache, int64_t series_id, int64_t *revision, kh_error *err)
{
    int64_t study_id, object_count;
    kh_sql *sql;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    if (status == KH_OK)
        status = read_series_row(sql, series_id, &study_id, revision, &object_count, err);
    kh_reader_release(cache->readers, sql);
    return status;
}

static void take_record(kh_stack_object *object, kh_image_record *record)
{
    object->info = record->info;
    object->frames = record->frames;
    object->checksums = record->checksums;
    object->swap_bytes = record->swap_bytes;
}

/* A record that cannot be read is a problem of one object, not of the stack. */
static kh_status read_object(kh_stack_object *object, kh_sql_row *row, size_t *bytes, kh_error *err)
{
    kh_image_record record;
    kh_error why = KH_ERROR_INIT;
    kh_status status = KH_OK;
    const uint8_t *sum, *blob;
    size_t sum_size, blob_size;

    object->object_id = kh_sql_int(row, 0);
    object->origin_id = kh_sql_int(row, 1);
    KH_COPY(object->sop_instance_uid, kh_sql_text(row, 2));
    KH_COPY(object->transfer_syntax_uid, kh_sql_text(row, 3));
    KH_COPY(object->problem, kh_sql_text(row, 4));
    sum = kh_sql_blob(row, 5, &sum_size);
    for (size_t i = 0; i < 8 && i < sum_size; i++)
        object->content_hash = object->content_hash << 8 | sum[i];
    blob = kh_sql_blob(row, 6, &blob_size);
    object->file_id = kh_sql_int(row, 7);
    if (blob_size > 0)
        status = kh_image_record_decode(&record, blob, blob_size, &why);
    if (blob_size > 0 && status == KH_OK)
        take_record(object, &record);
    if (status == KH_E_MEMORY)
        return kh_error_set(err, status, "%s", why.message);
    if (status != KH_OK && !object->problem[0])
        KH_COPY(object->problem, why.message);
    *bytes += sizeof *object + (size_t)object->info.slice_count * sizeof(kh_slice_info) +
              (size_t)object->info.voi_lut_count * sizeof(kh_voi_lut) +
              (size_t)object->frames.extent_count * sizeof(kh_extent) + (size_t)object->frames.frame_count * 12;
    return KH_OK;
}

/* Files go away and come back under another name while a stack stays in memory: the index is asked when the hint leads nowhere. */
kh_status kh_stack_object_open(int *fd, kh_cache *cache, const kh_stack_object *object, kh_error *err)
{
    kh_error ignored = KH_ERROR_INIT;

    if (object->file_id > 0 && kh_object_open_file(fd, &cache->paths, object->file_id, object->origin_id, &ignored) == KH_OK)
        return KH_OK;
    return kh_object_open(cache, object->object_id, fd, err);
}

static kh_status read_objects(kh_stack *stack, kh_sql *sql, int64_t object_count, size_t *bytes, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(stack->series_id);
    kh_sql_row *row = NULL;
    bool has_row;
    kh_status status = KH_OK;

    if (object_count > OBJECTS_MAX)
        return kh_error_set(err, KH_E_LIMIT, "series of %lld objects, expected at most %d", (long long)object_count, OBJECTS_MAX);
    stack->objects = calloc(object_count > 0 ? (size_t)object_count : 1, sizeof stack->objects[0]);
    if (!stack->objects)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a stack of %lld objects", (long long)object_count);
    status = kh_sql_query(&row, sql,
                          "SELECT id, origin_id, sop_uid, transfer_syntax_uid, problem, sha256, image, ifnull(file_id, id) FROM object"
                          " WHERE series_ref = ?1 AND hidden = 0 AND frame_count > 0 ORDER BY id",
                          &value, 1, err);
    while (status == KH_OK && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        if (stack->object_count == object_count)
            status = kh_error_set(err, KH_E_CORRUPT, "series has more objects than it counts");
        else
            status = read_object(&stack->objects[stack->object_count++], row, bytes, err);
    }
    kh_sql_end(row);
    return status;
}

/* Frames of an object as they are scrolled: one placeholder where nothing is known of it. */
static uint32_t frames_of(const kh_stack_object *object)
{
    return object->info.frame_count > 0 ? object->info.frame_count : 1;
}

static void describe_slice(kh_order_slice *out, const kh_stack_object *object, uint32_t object_index, uint32_t frame)
{
    const kh_slice_info *slice = object->info.slice_count > 0 ? kh_image_info_slice(&object->info, frame) : NULL;

    memset(out, 0, sizeof *out);
    out->object_index = object_index;
    out->frame = frame;
    out->object_id = object->object_id;
    out->acquisition_number = object->info.slice_count > 0 ? object->info.acquisition_number : INT32_MIN;
    out->instance_number = object->info.slice_count > 0 ? object->info.instance_number : INT32_MIN;
    out->echo_time_ms = object->info.echo_time_ms;
    out->has_geometry = slice && slice->has_position && slice->has_orientation;
    if (out->has_geometry) {
        memcpy(out->position_mm, slice->position_mm, sizeof out->position_mm);
        memcpy(out->orientation, slice->orientation, sizeof out->orientation);
    }
}

static kh_status order_slices(kh_stack *stack, size_t count, kh_error *err)
{
    kh_order_slice *slices = malloc((count ? count : 1) * sizeof slices[0]);
    kh_order_result result;
    size_t next = 0;
    kh_status status;

    stack->slices = calloc(count ? count : 1, sizeof stack->slices[0]);
    if (!slices || !stack->slices) {
        free(slices);
        return kh_error_set(err, KH_E_MEMORY, "no memory for a stack of %zu slices", count);
    }
    for (uint32_t i = 0; i < stack->object_count; i++)
        for (uint32_t frame = 0; frame < frames_of(&stack->objects[i]); frame++)
            describe_slice(&slices[next++], &stack->objects[i], i, frame);
    status = kh_stack_sort(slices, count, &result, err);
    if (status == KH_OK) {
        stack->order = result.order;
        stack->even_spacing = result.even_spacing;
        stack->spacing_mm = result.spacing_mm;
        stack->slice_count = (uint32_t)count;
        for (size_t i = 0; i < count; i++)
            stack->slices[i] = (kh_stack_slice){
                .object_index = slices[i].object_index, .frame = slices[i].frame, .location_mm = slices[i].location_mm};
    }
    free(slices);
    return status;
}

kh_status kh_stack_load(kh_stack *out, kh_cache *cache, int64_t series_id, size_t *bytes, kh_error *err)
{
    int64_t object_count = 0;
    size_t slice_count = 0;
    kh_sql *sql;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    memset(out, 0, sizeof *out);
    out->series_id = series_id;
    *bytes = sizeof *out;
    if (status == KH_OK)
        status = read_series_row(sql, series_id, &out->study_id, &out->revision, &object_count, err);
    if (status == KH_OK)
        status = read_objects(out, sql, object_count, bytes, err);
    kh_reader_release(cache->readers, sql);
    for (uint32_t i = 0; i < out->object_count && status == KH_OK; i++) {
        slice_count += frames_of(&out->objects[i]);
        if (slice_count > SLICES_MAX)
            status = kh_error_set(err, KH_E_LIMIT, "series of more than %d slices", SLICES_MAX);
    }
    *bytes += slice_count * sizeof(kh_stack_slice);
    return status == KH_OK ? order_slices(out, slice_count, err) : status;
}
