#include <jansson.h>
#include <string.h>
#include "base/json.h"

/* A kh_json is jansson's object under another name, so that its header stays here. */

kh_status kh_json_parse_object(kh_json **out, const char *text, size_t size, size_t max_size, kh_error *err)
{
    json_error_t why;
    json_t *root;

    *out = NULL;
    if (size > max_size)
        return kh_error_set(err, KH_E_LIMIT, "JSON of %zu bytes, limit %zu", size, max_size);
    root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
    if (!root)
        return kh_error_set(err, KH_E_FORMAT, "JSON: line %d column %d: %s", why.line, why.column, why.text);
    if (!json_is_object(root)) {
        json_decref(root);
        return kh_error_set(err, KH_E_FORMAT, "JSON: expected an object");
    }
    *out = (kh_json *)root;
    return KH_OK;
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
