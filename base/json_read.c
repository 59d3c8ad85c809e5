#include <jansson.h>
#include <string.h>
#include "base/json.h"

/* A kh_json is jansson's object under another name, so that its header stays here. */

kh_status kh_json_parse(kh_json **out, const char *text, size_t size, size_t max_size, kh_error *err)
{
    json_error_t why;
    json_t *root;

    *out = NULL;
    if (size > max_size)
        return kh_error_set(err, KH_E_LIMIT, "JSON of %zu bytes, limit %zu", size, max_size);
    root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
    if (!root)
        /* without what it quotes of the text: a name or a password may stand there */
        return kh_error_set(err, KH_E_FORMAT, "JSON: line %d column %d: %.*s", why.line, why.column,
                            (int)(strstr(why.text, " near ") ? strstr(why.text, " near ") - why.text : (ptrdiff_t)strlen(why.text)),
                            why.text);
    *out = (kh_json *)root;
    return KH_OK;
}

kh_status kh_json_parse_object(kh_json **out, const char *text, size_t size, size_t max_size, kh_error *err)
{
    kh_status status = kh_json_parse(out, text, size, max_size, err);

    if (status != KH_OK || kh_json_kind_of(*out) == KH_JSON_OBJECT)
        return status;
    kh_json_free(*out);
    *out = NULL;
    return kh_error_set(err, KH_E_FORMAT, "JSON: expected an object");
}

void kh_json_free(kh_json *json)
{
    json_decref((json_t *)json);
}

static const json_t *member(const kh_json *json, const char *key)
{
    return json_object_get((const json_t *)json, key);
}

const char *kh_json_get_text(const kh_json *json, const char *key)
{
    return json_string_value(member(json, key));
}

int64_t kh_json_get_int(const kh_json *json, const char *key, int64_t fallback)
{
    const json_t *value = member(json, key);

    return json_is_integer(value) ? (int64_t)json_integer_value(value) : fallback;
}

double kh_json_get_double(const kh_json *json, const char *key, double fallback)
{
    const json_t *value = member(json, key);

    return json_is_number(value) ? json_number_value(value) : fallback;
}

bool kh_json_get_bool(const kh_json *json, const char *key, bool fallback)
{
    const json_t *value = member(json, key);

    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

bool kh_json_bool_of(const kh_json *value)
{
    return json_is_true((const json_t *)value);
}

kh_json_kind kh_json_kind_of(const kh_json *value)
{
    switch (json_typeof((const json_t *)value)) {
    case JSON_OBJECT: return KH_JSON_OBJECT;
    case JSON_ARRAY: return KH_JSON_ARRAY;
    case JSON_STRING: return KH_JSON_TEXT;
    case JSON_INTEGER: return KH_JSON_INTEGER;
    case JSON_REAL: return KH_JSON_REAL;
    case JSON_TRUE:
    case JSON_FALSE: return KH_JSON_BOOL;
    default: return KH_JSON_NULL;
    }
}

size_t kh_json_count(const kh_json *value)
{
    const json_t *json = (const json_t *)value;

    return json_is_object(json) ? json_object_size(json) : json_array_size(json);
}

const kh_json *kh_json_at(const kh_json *array, size_t index)
{
    return (const kh_json *)json_array_get((const json_t *)array, index);
}

const kh_json *kh_json_member(const kh_json *object, const char *key)
{
    return (const kh_json *)member(object, key);
}

void kh_json_keys(const kh_json *object, const char **keys)
{
    json_t *json = (json_t *)(uintptr_t)object; /* it is only looked at */

    for (void *at = json_object_iter(json); at; at = json_object_iter_next(json, at))
        *keys++ = json_object_iter_key(at);
}

const char *kh_json_text_of(const kh_json *value)
{
    return json_string_value((const json_t *)value);
}

int64_t kh_json_integer_of(const kh_json *value)
{
    return (int64_t)json_integer_value((const json_t *)value);
}

double kh_json_number_of(const kh_json *value)
{
    return json_number_value((const json_t *)value);
}
