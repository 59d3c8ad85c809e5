#include "base/json.h"

#include <stdlib.h>

static kh_status copy(kh_json_writer *writer, const kh_json *value, unsigned depth, kh_error *err);

static kh_status copy_array(kh_json_writer *writer, const kh_json *array, unsigned depth, kh_error *err)
{
    kh_status status = KH_OK;

    kh_json_array_begin(writer);
    for (size_t i = 0; status == KH_OK && i < kh_json_count(array); i++)
        status = copy(writer, kh_json_at(array, i), depth, err);
    kh_json_array_end(writer);
    return status;
}

static kh_status copy_object(kh_json_writer *writer, const kh_json *object, unsigned depth, kh_error *err)
{
    size_t count = kh_json_count(object);
    const char **keys = calloc(count > 0 ? count : 1, sizeof *keys);
    kh_status status = keys ? KH_OK : kh_error_set(err, KH_E_MEMORY, "no memory for %zu members", count);

    if (!keys)
        return status;
    kh_json_keys(object, keys);
    kh_json_object_begin(writer);
    for (size_t i = 0; status == KH_OK && i < count; i++) {
        kh_json_key(writer, keys[i]);
        status = copy(writer, kh_json_member(object, keys[i]), depth, err);
    }
    kh_json_object_end(writer);
    free(keys);
    return status;
}

static kh_status copy(kh_json_writer *writer, const kh_json *value, unsigned depth, kh_error *err)
{
    if (depth > KH_JSON_DEPTH_MAX)
        return kh_error_set(err, KH_E_LIMIT, "JSON of more than %d levels", KH_JSON_DEPTH_MAX);
    switch (kh_json_kind_of(value)) {
    case KH_JSON_OBJECT:
        return copy_object(writer, value, depth + 1, err);
    case KH_JSON_ARRAY:
        return copy_array(writer, value, depth + 1, err);
    case KH_JSON_TEXT:
        kh_json_text(writer, kh_json_text_of(value));
        break;
    case KH_JSON_INTEGER:
        kh_json_int(writer, kh_json_integer_of(value));
        break;
    case KH_JSON_REAL:
        kh_json_double(writer, kh_json_number_of(value));
        break;
    case KH_JSON_BOOL:
        kh_json_bool(writer, kh_json_bool_of(value));
        break;
    case KH_JSON_NULL:
        kh_json_null(writer);
        break;
    }
    return KH_OK;
}

kh_status kh_json_copy(kh_json_writer *writer, const kh_json *value, kh_error *err)
{
    return copy(writer, value, 0, err);
}
